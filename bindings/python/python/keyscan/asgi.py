"""Secrets out of the answers of ASGI services: FastAPI, Starlette, Django, Quart ...

``app.add_middleware(RedactMiddleware)``. Bodies are told by their ``content-type``: server-sent events, JSON, lines of JSON
and other text are redacted while they stream; pictures and the like pass. Put middleware that compresses outside of this one:
the services inside are asked for bodies that are not compressed, and not for ranges, for half of a secret is none.
"""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Iterable, MutableMapping, Optional

from ._bodies import error_event, framing, is_plain
from ._keyscan import Guard, StreamGuard, Streams
from ._values import default_guard
from .errors import Blocked, KeyscanError, StreamLimit

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

#: What would let a body pass by the middleware.
_BYPASSES = ("http.response.pathsend", "http.response.zerocopysend")
#: What a body that was edited makes wrong.
_STALE = {b"content-length", b"content-md5", b"digest", b"content-digest", b"repr-digest", b"accept-ranges"}


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> Optional[str]:
    found = [bytes(value) for name, value in headers if bytes(name).lower() == wanted]
    return b",".join(found).decode("latin-1") if found else None


def _without(headers: Iterable[tuple[bytes, bytes]], names: Iterable[bytes]) -> Headers:
    return [(name, value) for name, value in headers if bytes(name).lower() not in names]


class RedactMiddleware:
    """Redacts the bodies of responses and the messages of websockets.

    ``guard`` says what is hidden and what is withheld (default: what the built-in rules find and ``keyscan.known`` is
    hidden); ``streams`` takes a whole ``Streams`` in its place, with limits. Where a body is withheld that has not begun, the
    answer is status 500; server-sent events end with an event that says why; other bodies break off. ``ranges`` lets
    services answer with parts of bodies. ``compressed="pass"`` lets bodies pass that are compressed, unseen.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        guard: Optional[Guard] = None,
        *,
        streams: Optional[Streams] = None,
        websockets: bool = True,
        ranges: bool = False,
        compressed: str = "refuse",
    ) -> None:
        if compressed not in ("refuse", "pass"):
            raise ValueError('compressed is "refuse" or "pass"')
        self.app = app
        self._guard = guard or default_guard()
        self._streams = streams or self._guard.streams("to-user")
        self._websockets = websockets
        self._ranges = ranges
        self._pass_compressed = compressed == "pass"

    async def __call__(self, scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Send) -> None:
        if scope["type"] == "http":
            response = _Response(send, self._streams, self._pass_compressed)
            await self.app(self._asked(scope), receive, response.send)
        elif scope["type"] == "websocket" and self._websockets:
            await self.app(scope, receive, self._websocket(send))
        else:
            await self.app(scope, receive, send)

    def _asked(self, scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        unwanted = {b"accept-encoding"} | (set() if self._ranges else {b"range", b"if-range"})
        headers = _without(scope.get("headers", []), unwanted) + [(b"accept-encoding", b"identity")]
        extensions = {k: v for k, v in (scope.get("extensions") or {}).items() if k not in _BYPASSES}
        return {**scope, "headers": headers, "extensions": extensions}

    def _websocket(self, send: Send) -> Send:
        async def guarded(message: Message) -> None:
            if message["type"] == "websocket.send":
                message = dict(message)
                for part in ("text", "bytes"):
                    if message.get(part):
                        message[part] = self._whole(message[part])
            await send(message)

        return guarded

    def _whole(self, text: Any) -> Any:
        """A message, which is a text of its own: a document, or not."""
        start = text[:1] if isinstance(text, str) else bytes(text[:1]).decode("latin-1")
        stream = self._streams.start("json" if start in ("{", "[") else "text")
        out = stream.push(text) + stream.finish()
        return out.decode("utf-8", "surrogatepass") if isinstance(text, str) else out


class _Response:
    """One response on its way."""

    def __init__(self, send: Send, streams: Streams, pass_compressed: bool) -> None:
        self._send = send
        self._streams = streams
        self._pass_compressed = pass_compressed
        #: The start, as long as it is held.
        self._start: Optional[Message] = None
        self._stream: Optional[StreamGuard] = None
        self._is_events = False
        #: Nothing more goes out.
        self._ended = False

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self._ended:
            return
        if kind == "http.response.start":
            await self._begin(message)
        elif kind == "http.response.body" and self._stream is not None:
            await self._body(message)
        elif kind in _BYPASSES:
            raise KeyscanError(f"{kind} would pass by RedactMiddleware, and was not offered")
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", [])]
        kind = framing(_header(headers, b"content-type"))
        if not is_plain(_header(headers, b"content-encoding")):
            if self._pass_compressed:
                return await self._send(message)
            text = "keyscan cannot look into a compressed response; compress outside of RedactMiddleware\n"
            return await self._refuse(text)
        if kind is None:
            return await self._send(message)
        self._stream = self._streams.start(kind)
        self._is_events = kind == "events"
        has_len = _header(headers, b"content-length") is not None
        start = {**message, "headers": _without(headers, _STALE)}
        if has_len:
            # It comes as a whole, most of the time, and its new length can be told.
            self._start = {**start, "headers": _without(headers, _STALE)}
            self._original = headers
        else:
            await self._send(start)

    async def _body(self, message: Message) -> None:
        assert self._stream is not None
        more = bool(message.get("more_body", False))
        came = bytes(message.get("body", b""))
        try:
            out = self._stream.push(came) if came else b""
            if not more:
                out += self._stream.finish()
        except (Blocked, StreamLimit) as error:
            return await self._withhold(error)
        if self._start is not None:
            start, self._start = self._start, None
            if not more and out == came:
                # Also of HEAD, whose length is not that of its body.
                start = {**start, "headers": self._original}
            elif not more:
                start["headers"] = start["headers"] + [(b"content-length", str(len(out)).encode())]
            await self._send(start)
        if out or not more:
            await self._send({"type": "http.response.body", "body": out, "more_body": more})

    async def _withhold(self, error: Exception) -> None:
        if self._start is not None:
            self._start = None
            return await self._refuse(f"{error}\n")
        self._ended = True
        if not self._is_events:
            # A body that looked complete would be taken for all there is.
            raise error
        await self._send({"type": "http.response.body", "body": error_event(error), "more_body": False})

    async def _refuse(self, text: str) -> None:
        self._ended = True
        body = text.encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": 500, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
