"""Secrets that change while the program runs: read from where they are kept, hidden before anyone can read them, and
replaced without a restart."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import threading
from typing import Any, Callable, Optional, TypeVar

from . import _http
from ._keyscan import Lease, RotatingSecret, Rotation, Source, TokenManager, call_with_reload
from .errors import NoValue, Rejected, SourceError

__all__ = [
    "Lease",
    "NoValue",
    "Rejected",
    "RotatingSecret",
    "Rotation",
    "Source",
    "SourceError",
    "TokenManager",
    "is_unauthorized",
    "use_key",
    "with_reload_on_401",
]

Function = TypeVar("Function", bound=Callable[..., Any])
Client = TypeVar("Client")
Rejects = Callable[[Any, Optional[BaseException]], bool]


def is_unauthorized(result: Any, error: Optional[BaseException] = None) -> bool:
    """Whether a result or an exception says status 401: in ``status_code``, ``status`` or ``code``, its own or its
    ``response``'s."""
    for thing in (error, result):
        for holder in (thing, getattr(thing, "response", None)):
            if any(getattr(holder, name, None) == 401 for name in ("status_code", "status", "code")):
                return True
    return False


def with_reload_on_401(
    secret: RotatingSecret,
    *,
    rejected: Rejects = is_unauthorized,
    window: float = 120.0,
    try_previous: bool = True,
    argument: Optional[str] = None,
) -> Callable[[Function], Function]:
    """Calls a function with the current ``Lease``, and again with a newer one when its key was rejected. The source is asked
    once for all callers; where it has no other key, a rotation that is under way is waited for, ``window`` seconds long.
    The lease is the first argument, or the one of this name. For functions and for coroutine functions that may be called
    again. Raises ``NoValue``, ``Rejected``, and what the function raises."""

    def decorate(function: Function) -> Function:
        def bound(arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[[Lease], Any]:
            if argument is None:
                return lambda lease: function(lease, *arguments, **named)
            return lambda lease: function(*arguments, **{**named, argument: lease})

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*arguments: Any, **named: Any) -> Any:
                return await _acall(secret, bound(arguments, named), rejected, window, try_previous)

            return awaited  # type: ignore[return-value]

        @functools.wraps(function)
        def called(*arguments: Any, **named: Any) -> Any:
            return call_with_reload(secret, bound(arguments, named), rejected, window, try_previous)

        return called  # type: ignore[return-value]

    return decorate


async def _acall(
    secret: RotatingSecret, call: Callable[[Lease], Any], rejected: Rejects, window: float, try_previous: bool
) -> Any:
    """Most calls are not rejected, and need no thread. Those that are go on in one, which waits for the source and for
    another key, and has the loop make the calls."""
    lease = secret.get()
    first = await _outcome(call(lease))
    if not rejected(*first):
        return _unwrapped(first)
    loop = asyncio.get_running_loop()
    given_up = threading.Event()
    pending = [first]

    def again(next_lease: Lease) -> Any:
        if pending and next_lease.version == lease.version:
            return _unwrapped(pending.pop())
        if given_up.is_set():
            raise asyncio.CancelledError
        return asyncio.run_coroutine_threadsafe(_await(call(next_lease)), loop).result()

    work = functools.partial(call_with_reload, secret, again, rejected, window, try_previous)
    context = contextvars.copy_context()
    try:
        return await loop.run_in_executor(None, context.run, work)
    except asyncio.CancelledError:
        given_up.set()
        raise


async def _await(awaitable: Any) -> Any:
    return await awaitable


async def _outcome(awaitable: Any) -> tuple[Any, Optional[Exception]]:
    try:
        return await awaitable, None
    except Exception as error:
        return None, error


def _unwrapped(outcome: tuple[Any, Optional[Exception]]) -> Any:
    result, error = outcome
    if error is not None:
        raise error
    return result


def use_key(
    client: Client, secret: RotatingSecret, *, header: Optional[str] = None, window: float = 120.0, try_previous: bool = True
) -> Client:
    """Has a client of the Anthropic or OpenAI SDK, or of any other that speaks through ``httpx``, send the current value of
    a secret with each request, and send a request again with a newer one when it was answered with status 401. In place;
    gives the client back. The key that the client was made with is never sent. ``header`` is the one that the key belongs
    in; without, ``x-api-key`` or ``api-key`` where a request has it, or else ``Authorization: Bearer``."""
    http = _http.http_client(client)
    kind = _classes(_http.library(http))[_http.is_async(http)]
    _http.wrap_transports(http, lambda transport: kind(transport, secret, header, window, try_previous))
    return client


def _keyed(request: Any, lease: Lease, header: Optional[str], module: Any) -> Any:
    headers = request.headers.copy()
    name = header or next((name for name in ("x-api-key", "api-key") if name in headers), "authorization")
    value = lease.expose()
    headers[name] = f"Bearer {value}" if name.lower() == "authorization" else value
    return module.Request(
        request.method, request.url, headers=headers, content=request.content, extensions=dict(request.extensions)
    )


def _status_401(response: Any, error: Optional[BaseException]) -> bool:
    return response is not None and response.status_code == 401


@functools.lru_cache(maxsize=None)
def _classes(module: Any) -> tuple[type, type]:
    class KeyTransport(module.BaseTransport):  # type: ignore[misc,name-defined]
        def __init__(self, inner: Any, *settings: Any) -> None:
            self.inner, self.settings = inner, settings

        def handle_request(self, request: Any) -> Any:
            secret, header, window, try_previous = self.settings
            request.read()
            last: list[Any] = []

            def call(lease: Lease) -> Any:
                response = self.inner.handle_request(_keyed(request, lease, header, module))
                last[:] = [response]
                if response.status_code == 401:
                    # It may be the answer in the end, and its connection is needed before.
                    response.read()
                return response

            try:
                return call_with_reload(secret, call, _status_401, window, try_previous)
            except Rejected:
                # It was read, which it can be but once.
                return _http.answered(last[0], module, content=last[0].content)

        def close(self) -> None:
            self.inner.close()

        def __enter__(self) -> Any:
            self.inner.__enter__()
            return self

        def __exit__(self, *error: Any) -> None:
            self.inner.__exit__(*error)

    class AsyncKeyTransport(module.AsyncBaseTransport):  # type: ignore[misc,name-defined]
        def __init__(self, inner: Any, *settings: Any) -> None:
            self.inner, self.settings = inner, settings

        async def handle_async_request(self, request: Any) -> Any:
            secret, header, window, try_previous = self.settings
            await request.aread()
            last: list[Any] = []

            async def call(lease: Lease) -> Any:
                response = await self.inner.handle_async_request(_keyed(request, lease, header, module))
                last[:] = [response]
                if response.status_code == 401:
                    await response.aread()
                return response

            try:
                return await _acall(secret, call, _status_401, window, try_previous)
            except Rejected:
                # It was read, which it can be but once.
                return _http.answered(last[0], module, content=last[0].content)

        async def aclose(self) -> None:
            await self.inner.aclose()

        async def __aenter__(self) -> Any:
            await self.inner.__aenter__()
            return self

        async def __aexit__(self, *error: Any) -> None:
            await self.inner.__aexit__(*error)

    return KeyTransport, AsyncKeyTransport
