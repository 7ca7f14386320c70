"""Transports around those of ``httpx`` and of libraries that are made like it: requests and answers pass through here."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any, Callable, NamedTuple, Optional

from ._bodies import error_event, is_plain, strict_framing
from ._keyscan import Guard, StreamGuard, Streams
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
    #: What is withheld is answered with status 400, for clients that would try again after an exception.
    refuses: bool

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
        for name in _OF_BODY:
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

    def framing(self, response: Any) -> Optional[str]:
        """How an answer is redacted; ``None`` where it goes on as it is."""
        if self.answers is None:
            return None
        if not is_plain(response.headers.get("content-encoding")):
            raise Unreadable("keyscan cannot look into a compressed answer, which was not asked for, and withholds it")
        return strict_framing(response.headers.get("content-type"), "an answer")

    def stream(self, kind: str) -> StreamGuard:
        """The guard of an answer that is redacted."""
        assert self.answers is not None
        return self.answers.start(kind)

    def whole(self, body: bytes) -> bytes:
        """A document that came as a whole."""
        stream = self.stream("json")
        return stream.push(body) + stream.finish()

    def refusal(self, error: Blocked, module: Any) -> Any:
        """The answer in the place of what is withheld."""
        if not self.refuses:
            raise error
        told = {"type": "error", "error": {"type": "keyscan_withheld", "message": str(error)}}
        return module.Response(400, headers={"x-should-retry": "false"}, json=told)


def answered(response: Any, module: Any, **body: Any) -> Any:
    """A response with another body."""
    kept = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _OF_BODY]
    return module.Response(response.status_code, headers=kept, extensions=response.extensions, **body)


#: Headers that are wrong for another body.
_OF_BODY = ("content-length", "transfer-encoding", "content-encoding")


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
            response = None
            try:
                response = self.inner.handle_request(self.policy.request(request, request.read(), module))
                kind = self.policy.framing(response)
                if kind is None:
                    return response
                if kind == "json":
                    # It is held until it is whole in any case.
                    return answered(response, module, content=self.policy.whole(response.read()))
                stream = GuardedStream(response.stream, self.policy.stream(kind), kind == "events")
                return answered(response, module, stream=stream)
            except Blocked as error:
                if response is not None:
                    response.close()
                return self.policy.refusal(error, module)

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
            response = None
            try:
                sent = self.policy.request(request, await request.aread(), module)
                response = await self.inner.handle_async_request(sent)
                kind = self.policy.framing(response)
                if kind is None:
                    return response
                if kind == "json":
                    return answered(response, module, content=self.policy.whole(await response.aread()))
                stream = AsyncGuardedStream(response.stream, self.policy.stream(kind), kind == "events")
                return answered(response, module, stream=stream)
            except Blocked as error:
                if response is not None:
                    await response.aclose()
                return self.policy.refusal(error, module)

        async def aclose(self) -> None:
            await self.inner.aclose()

        async def __aenter__(self) -> Any:
            await self.inner.__aenter__()
            return self

        async def __aexit__(self, *error: Any) -> None:
            await self.inner.__aexit__(*error)

    return GuardTransport, AsyncGuardTransport
