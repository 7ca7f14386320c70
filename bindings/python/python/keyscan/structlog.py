"""Secrets out of the events of structlog.

``RedactProcessor`` is a processor: the last one before the renderer, behind ``format_exc_info``. ``RedactingRenderer`` stands
around the renderer and redacts what that makes, to the last byte. Needs nothing of structlog.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any, Callable, MutableMapping, Optional, Union

from ._keyscan import Redaction, redact as _redact_default
from ._values import redact_value

WITHHELD = "[keyscan: this event could not be examined, and is withheld]"


class RedactProcessor:
    """Redacts all values of an event, however deep, and its exception."""

    def __init__(self, redaction: Optional[Redaction] = None) -> None:
        self._redaction = redaction

    def __call__(self, logger: Any, method_name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        try:
            error = event.get("exc_info")
            if error:
                text = _traceback(error)
                hidden = redact_value(text, self._redaction)
                if hidden != text:
                    # Whoever formats the exception anew would show it.
                    del event["exc_info"]
                    event["exception"] = hidden
            error = event.pop("exc_info", None)
            hidden_event = redact_value(dict(event), self._redaction)
            event.clear()
            event.update(hidden_event)
            if error is not None:
                event["exc_info"] = error
            return event
        except Exception:
            return {"event": WITHHELD}


def _traceback(error: Any) -> str:
    if isinstance(error, BaseException):
        error = (type(error), error, error.__traceback__)
    elif not isinstance(error, tuple):
        error = sys.exc_info()
    return "".join(traceback.format_exception(*error)) if error[0] is not None else ""


class RedactingRenderer:
    """Redacts what a renderer makes."""

    def __init__(self, renderer: Callable[..., Union[str, bytes]], redaction: Optional[Redaction] = None) -> None:
        self._renderer = renderer
        self._redact: Callable[[Any], Union[str, bytes]] = redaction.redact if redaction is not None else _redact_default

    def __call__(self, logger: Any, method_name: str, event: MutableMapping[str, Any]) -> Union[str, bytes]:
        line = self._renderer(logger, method_name, event)
        try:
            return self._redact(line)
        except Exception:
            return WITHHELD.encode() if isinstance(line, bytes) else WITHHELD
