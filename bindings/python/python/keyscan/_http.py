"""Transports around those of ``httpx`` and of libraries that are made like it: requests and answers pass through here."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any, Callable, NamedTuple, Optional

from ._bodies import error_event, is_plain, strict_framing
from ._keyscan import Guard, Streams
from .errors import Blocked, NotJson, StreamLimit, Unreadable


def http_client(client: Any) -> Any:
    """The HTTP client of an SDK's client, or the HTTP client that it is."""
    for candidate in (client, getattr(client, "_client", None)):
        if candidate is not None and library(candidate) is not None and hasattr(candidate, "_transport"):
            return candidate
    raise TypeError(
        f"{type(client).__name__} has no HTTP client that can be guarded: give it an httpx.Client of your own and protect"
        " that one, or guard its events with keyscan.llm.guard_events"
    )


def library(http: Any) -> Optional[Any]:
    """The library of an HTTP client."""
    for kind in type(http).__mro__:
        module = sys.modules.get(kind.__module__.partition(".")[0])
        if module is not None and all(hasattr(module, name) for name in ("BaseTransport", "SyncByteStream", "Response")):
            return module
    return None


def is_async(http: Any) -> bool:
    return isinstance(http, library(http).AsyncClient)  # type: ignore[union-attr]


def wrap_transports(http: Any, wrap: Callable[[Any], Any]) -> None:
    """Puts a transport around each of those of a client, in place: copies of the client share it."""
    http._transport = wrap(http._transport)
    mounts = getattr(http, "_mounts", {})
    for pattern, transport in list(mounts.items()):
        if transport is not None:
            mounts[pattern] = wrap(transport)


class Policy(NamedTuple):
    """What is done with requests and with answers; ``None`` is nothing."""

    guard: Guard
    requests: Optional[str]
    answers: Optional[Streams]

    def request(self, request: Any, body: bytes, module: Any) -> Any:
        """The request that is sent."""
        out = self._sent(request.headers, body) if body and self.requests else body
        headers = request.headers.copy()
        if self.answers is not None:
            headers["accept-encoding"] = "identity"
        if out == body:
            # The stream of the request was read.
            request.headers = headers
            return request
        for name in ("content-length", "transfer-encoding", "content-encoding"):
            if name in headers:
                del headers[name]
        return module.Request(
            request.method, request.url, headers=headers, content=out, extensions=dict(request.extensions)
        )

    def _sent(self, headers: Any, body: bytes) -> bytes:
        if not is_plain(headers.get("content-encoding")):
            raise Unreadable("keyscan cannot look into a compressed request, and withholds it")
        media_type = headers.get("content-type", "")
        if media_type.partition(";")[0].strip().lower() == "multipart/form-data":
            kind: Optional[str] = "text"
        else:
            kind = strict_framing(media_type, "a request")
        assert self.requests is not None
        if kind is None:
            return body
        if kind == "json":
            try:
                text = body.decode("utf-8")
                return self.guard.check_json(text, self.requests).apply().encode("utf-8")
            except (UnicodeDecodeError, NotJson):
                kind = "text"
        stream = self.guard.streams(self.requests).start(kind)
        return stream.push(body) + stream.finish()

    def answer(self, response: Any, stream: Callable[[Any, Any, bool], Any], module: Any) -> Any:
        """The response that is given."""
        if self.answers is None:
            return response
        headers = response.headers
        if not is_plain(headers.get("content-encoding")):
            raise Unreadable("keyscan cannot look into a compressed answer, which was not asked for, and withholds it")
        kind = strict_framing(headers.get("content-type"), "an answer")
        if kind is None:
            return response
        kept = [(name, value) for name, value in headers.multi_items() if name.lower() != "content-length"]
        return module.Response(
            response.status_code,
            headers=kept,
            stream=stream(response.stream, self.answers.start(kind), kind == "events"),
            extensions=response.extensions,
        )


@lru_cache(maxsize=None)
def classes(module: Any) -> tuple[type, type]:
    """The guarding transports for a library: of its clients, and of its asynchronous clients."""

    class GuardedStream(module.SyncByteStream):  # type: ignore[misc,name-defined]
        def __init__(self, inner: Any, guard: Any, is_events: bool) -> None:
            self._inner, self._guard, self._is_events = inner, guard, is_events

        def __iter__(self) -> Any:
            try:
                for piece in self._inner:
                    if out := self._guard.push(piece):
                        yield out
                if out := self._guard.finish():
                    yield out
            except (Blocked, StreamLimit) as error:
                if not self._is_events:
                    raise
                yield error_event(error)

        def close(self) -> None:
            self._inner.close()

    class AsyncGuardedStream(module.AsyncByteStream):  # type: ignore[misc,name-defined]
        def __init__(self, inner: Any, guard: Any, is_events: bool) -> None:
            self._inner, self._guard, self._is_events = inner, guard, is_events

        async def __aiter__(self) -> Any:
            try:
                async for piece in self._inner:
                    if out := self._guard.push(piece):
                        yield out
                if out := self._guard.finish():
                    yield out
            except (Blocked, StreamLimit) as error:
                if not self._is_events:
                    raise
                yield error_event(error)

        async def aclose(self) -> None:
            await self._inner.aclose()

    class GuardTransport(module.BaseTransport):  # type: ignore[misc,name-defined]
        def __init__(self, inner: Any, policy: Policy) -> None:
            self.inner, self.policy = inner, policy

        def handle_request(self, request: Any) -> Any:
            response = self.inner.handle_request(self.policy.request(request, request.read(), module))
            try:
                return self.policy.answer(response, GuardedStream, module)
            except Blocked:
                response.close()
                raise

        def close(self) -> None:
            self.inner.close()

        def __enter__(self) -> Any:
            self.inner.__enter__()
            return self

        def __exit__(self, *error: Any) -> None:
            self.inner.__exit__(*error)

    class AsyncGuardTransport(module.AsyncBaseTransport):  # type: ignore[misc,name-defined]
        def __init__(self, inner: Any, policy: Policy) -> None:
            self.inner, self.policy = inner, policy

        async def handle_async_request(self, request: Any) -> Any:
            sent = self.policy.request(request, await request.aread(), module)
            response = await self.inner.handle_async_request(sent)
            try:
                return self.policy.answer(response, AsyncGuardedStream, module)
            except Blocked:
                await response.aclose()
                raise

        async def aclose(self) -> None:
            await self.inner.aclose()

        async def __aenter__(self) -> Any:
            await self.inner.__aenter__()
            return self

        async def __aexit__(self, *error: Any) -> None:
            await self.inner.__aexit__(*error)

    return GuardTransport, AsyncGuardTransport
