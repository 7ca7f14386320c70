"""Secrets out of what is sent to models, and out of what they answer.

``protect(client)`` guards a client of the Anthropic or OpenAI SDK, or of any other that speaks through ``httpx``: all its
requests, answers and streams. ``guard_events(events)`` guards a stream of events where only that is to be had. Neither SDK is
needed to import this.
"""

from __future__ import annotations

import copy
import json
from typing import Any, AsyncIterable, AsyncIterator, Iterable, Iterator, Optional, TypeVar

from . import _http
from ._keyscan import Guard, StreamGuard
from ._values import check_value, default_guard, plain, to_json

Client = TypeVar("Client")
Event = TypeVar("Event")

__all__ = ["EventGuard", "aguard_events", "check_value", "guard_events", "protect"]


def protect(
    client: Client,
    guard: Optional[Guard] = None,
    *,
    requests: Optional[str] = "to-model",
    answers: Optional[str] = "to-user",
) -> Client:
    """Guards a client in place, and gives it back: what it sends goes in one direction, what it gets in another; ``None``
    leaves either alone. What the policy withholds is not sent, and not given: an HTTP client raises ``Blocked``, and an SDK the
    error that it has for status 400, with the reason, for it would try again after any other. Copies of the client
    (``with_options``) are guarded with it, as they share its connections. Credentials in headers are sent as they are.
    What is compressed is asked for plain, and refused otherwise; websockets are not guarded."""
    guard = guard or default_guard()
    http = _http.http_client(client)
    policy = _http.Policy(guard, requests, guard.streams(answers) if answers else None, http is not client)
    kind: Any = _http.classes(_http.library(http))[_http.is_async(http)]

    def wrap(transport: Any) -> Any:
        # Protected again, it is by the new policy only.
        return kind(transport.inner if isinstance(transport, kind) else transport, policy)

    _http.wrap_transports(http, wrap)
    return client


class EventGuard:
    """Guards the events of one stream, as objects: dictionaries, models of pydantic, other objects with attributes, or bytes
    of server-sent events. Texts that go on from event to event are redacted as the texts that they make together, so that an
    event may come late, with less in it, or another one before it. An event in which nothing is hidden comes as it is."""

    def __init__(self, guard: Optional[Guard] = None, direction: str = "to-user") -> None:
        self._stream: StreamGuard = (guard or default_guard()).streams(direction).start("events")
        #: The last event of each type, after whose likeness others are made.
        self._seen: dict[str, Any] = {}
        self._last: Any = None

    def push(self, event: Any) -> list[Any]:
        """Takes an event, and gives those that can be shown. Raises ``Blocked`` and ``StreamLimit``."""
        self._last = event
        if isinstance(event, (bytes, bytearray, memoryview)):
            out = self._stream.push(event)
            return [out] if out else []
        if isinstance(event, str):
            text = self._stream.push(event).decode()
            return [text] if text else []
        came = event if isinstance(event, dict) else plain(event)
        document = to_json(came)
        self._seen[_type(came)] = event
        made = _documents(self._stream.push(f"data: {document}\n\n"))
        return [self._as_event(made_one, document, event) for made_one in made]

    def finish(self) -> list[Any]:
        """Ends the stream, and gives the rest."""
        out = self._stream.finish()
        if isinstance(self._last, (bytes, bytearray, memoryview)):
            return [out] if out else []
        if isinstance(self._last, str):
            return [out.decode()] if out else []
        return [self._as_event(made, None, self._last) for made in _documents(out)]

    def _as_event(self, made: str, came: Optional[str], event: Any) -> Any:
        if made == came:
            return event
        document = json.loads(made)
        return _like(self._seen.get(_type(document), event), document)


def _type(document: dict[str, Any]) -> str:
    return str(document.get("type") or document.get("object") or "")


def _documents(events: bytes) -> list[str]:
    lines = events.decode("utf-8").split("\n")
    return [line[len("data: ") :] for line in lines if line.startswith("data: ")]


def _like(example: Any, document: dict[str, Any]) -> Any:
    """An event of the kind of another one."""
    if isinstance(example, dict):
        return document
    for method in ("model_validate", "from_dict"):
        make = getattr(type(example), method, None)
        if callable(make):
            try:
                return make(document)
            except Exception:
                continue
    made = copy.deepcopy(example)
    _set(made, document)
    return made


def _set(target: Any, document: dict[str, Any]) -> None:
    """Gives an object the members of a document, and no others."""
    for name, value in vars(target).items():
        if name.startswith("_"):
            continue
        new = document.get(name)
        if isinstance(new, dict) and hasattr(value, "__dict__"):
            _set(value, new)
        elif isinstance(new, list) and isinstance(value, list):
            setattr(target, name, [_element(value, number, item) for number, item in enumerate(new)])
        else:
            setattr(target, name, new)


def _element(values: list[Any], number: int, document: Any) -> Any:
    example = values[min(number, len(values) - 1)] if values else None
    if isinstance(document, dict) and hasattr(example, "__dict__"):
        return _like(example, document)
    return document


def guard_events(events: Iterable[Event], guard: Optional[Guard] = None, direction: str = "to-user") -> Iterator[Event]:
    """The events of a stream, guarded: see ``EventGuard``."""
    guarded = EventGuard(guard, direction)
    for event in events:
        yield from guarded.push(event)
    yield from guarded.finish()


async def aguard_events(
    events: AsyncIterable[Event], guard: Optional[Guard] = None, direction: str = "to-user"
) -> AsyncIterator[Event]:
    """The events of an asynchronous stream, guarded."""
    guarded = EventGuard(guard, direction)
    async for event in events:
        for shown in guarded.push(event):
            yield shown
    for shown in guarded.finish():
        yield shown
