"""Values made of dictionaries, lists and texts."""

from __future__ import annotations

import datetime
import decimal
import json
from functools import lru_cache
from typing import Any, Optional, TypeVar, cast

from ._keyscan import Guard, Redaction

Value = TypeVar("Value")

#: What is nested deeper is taken as the text that it shows.
MAX_DEPTH = 32

_HARMLESS = (type(None), bool, int, float, complex, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta)


@lru_cache(maxsize=1)
def default_guard() -> Guard:
    """The guard of everything that was given no other."""
    return Guard()


@lru_cache(maxsize=1)
def _default_redaction() -> Redaction:
    # Members that are named like secrets have their values hidden.
    return Redaction(format="json")


def redact_value(value: Value, redaction: Optional[Redaction] = None) -> Value:
    """A value without its secrets: in texts, in dictionaries, lists and tuples, and in what other objects show of
    themselves, which are then replaced by that. A text that stands under a name is judged with it: with a redaction of
    ``format="json"``, which is the default one, whatever stands under ``password`` is hidden. What has no secret in it
    comes back as it is; nothing is changed in place."""
    return cast(Value, _redacted(value, redaction or _default_redaction(), None, 0))


def _redacted(value: Any, redaction: Redaction, name: Optional[str], depth: int) -> Any:
    if isinstance(value, str):
        return _text(value, redaction, name)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return redaction.redact(value)
    if isinstance(value, _HARMLESS):
        return value
    if depth < MAX_DEPTH and type(value) in (dict, list, tuple, set, frozenset):
        return _container(value, redaction, name, depth + 1)
    # Whoever shows it shows one of these.
    try:
        shown = repr(value) if depth < MAX_DEPTH else "..."
        hidden = redaction.redact(shown)
        text = str(value) if depth < MAX_DEPTH else "..."
        if hidden == shown and redaction.redact(text) == text and depth < MAX_DEPTH:
            return value
        return hidden
    except Exception:
        return "[keyscan: this value could not be examined, and is withheld]"


def _text(text: str, redaction: Redaction, name: Optional[str]) -> str:
    if name is not None:
        try:
            document = json.dumps({name: text}, ensure_ascii=False)
            hidden = redaction.redact(document)
            if hidden == document:
                return text
            return str(next(iter(json.loads(hidden).values())))
        except (ValueError, StopIteration):
            pass
    return redaction.redact(text)


def _container(value: Any, redaction: Redaction, name: Optional[str], depth: int) -> Any:
    if isinstance(value, dict):
        pairs = [
            (_redacted(key, redaction, None, depth), _redacted(item, redaction, key if isinstance(key, str) else name, depth))
            for key, item in value.items()
        ]
        same = all(new is old for pair, item in zip(pairs, value.items()) for new, old in zip(pair, item))
        return value if same else dict(pairs)
    items = [_redacted(item, redaction, name, depth) for item in value]
    return value if all(new is old for new, old in zip(items, value)) else type(value)(items)


def to_json(value: Any) -> str:
    """A value as JSON; models of pydantic and the like as what they dump."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=plain)


def plain(value: Any) -> Any:
    """An object as dictionaries, lists and texts."""
    for method, arguments in (("model_dump", {"mode": "json"}), ("to_dict", {}), ("dict", {})):
        dump = getattr(value, method, None)
        if callable(dump) and not isinstance(value, type):
            return dump(**arguments)
    attributes = getattr(value, "__dict__", None)
    if attributes:
        return {name: item for name, item in attributes.items() if not name.startswith("_")}
    if isinstance(value, (set, frozenset)):
        return list(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON can hold")


def check_value(value: Any, direction: str = "to-model", guard: Optional[Guard] = None) -> Any:
    """What goes on in the place of a value that JSON can hold, such as the messages of a request: the value itself where
    nothing was hidden. Raises ``Blocked`` where nothing goes on."""
    guard = guard or default_guard()
    document = to_json(value)
    decision = guard.check_json(document, direction)
    if decision.action == "allow":
        return value
    text = decision.apply()
    return value if text == document else json.loads(text)
