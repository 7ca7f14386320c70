"""Secrets out of logs, whichever logger, handler or library writes them.

``install()`` covers all loggers at once. ``RedactingFormatter`` around the formatter of a handler redacts what that handler
writes, to the last byte; ``RedactingFilter`` on a handler redacts records before formatters of any kind see them. A filter on
a *logger* sees nothing of what its children log: put filters on handlers.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from typing import Any, Callable, Optional, Union

from ._keyscan import Redaction, redact as _redact_default
from ._values import redact_value

WITHHELD = "[keyscan: this message could not be examined, and is withheld]"

#: What every record has.
_OWN = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}

_plain = logging.Formatter()


def _redactor(redaction: Optional[Redaction]) -> Callable[[str], str]:
    return redaction.redact if redaction is not None else _redact_default


def _withhold(record: logging.LogRecord) -> None:
    record.msg, record.args = WITHHELD, None
    record.exc_info = record.exc_text = record.stack_info = None


def _redact_message(record: logging.LogRecord, redact: Callable[[str], str], redaction: Optional[Redaction]) -> None:
    if isinstance(record.msg, dict):
        # Of libraries that log events, and render them later.
        record.msg = redact_value(record.msg, redaction)
        record.args = redact_value(record.args, redaction)
    else:
        try:
            message = record.getMessage()
        except Exception:
            # logging would print it with all its arguments.
            record.msg, record.args = redact(f"{record.msg} {record.args!r}"), None
            message = None
        if message is not None:
            hidden = redact(message)
            if hidden != message:
                record.msg, record.args = hidden, None
            elif record.args:
                # Handlers of some libraries send the arguments, too.
                record.args = redact_value(record.args, redaction)
    if record.exc_info:
        text = record.exc_text or _plain.formatException(record.exc_info)  # type: ignore[arg-type]
        hidden = redact(text)
        if hidden != text:
            # Whoever formats the exception anew would show it.
            record.exc_text, record.exc_info = hidden, None
    elif record.exc_text:
        record.exc_text = redact(record.exc_text)
    if record.stack_info:
        record.stack_info = redact(record.stack_info)


def _redact_extra(record: logging.LogRecord, redaction: Optional[Redaction]) -> None:
    for name in record.__dict__.keys() - _OWN:
        value = record.__dict__[name]
        hidden = redact_value({name: value}, redaction)
        # The name is not changed: formatters ask for it.
        record.__dict__[name] = next(iter(hidden.values()))


class RedactingFilter(logging.Filter):
    """Redacts records: message and arguments, exception, stack, and what ``extra`` brought. For handlers."""

    def __init__(self, redaction: Optional[Redaction] = None) -> None:
        super().__init__()
        self._redaction = redaction
        self._redact = _redactor(redaction)

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            _redact_message(record, self._redact, self._redaction)
            _redact_extra(record, self._redaction)
        except Exception:
            _withhold(record)
        return True


class RedactingFormatter(logging.Formatter):
    """Redacts what another formatter makes: the line with its exception and its stack, as it is written. Takes a formatter,
    or what ``logging.Formatter`` takes. Attributes that it lacks are those of the other formatter."""

    def __init__(
        self,
        formatter: Union[logging.Formatter, str, None] = None,
        *arguments: Any,
        redaction: Optional[Redaction] = None,
        **named: Any,
    ) -> None:
        if not isinstance(formatter, logging.Formatter):
            first = () if formatter is None and not arguments else (formatter,)
            formatter = logging.Formatter(*first, *arguments, **named)
        self._formatter = formatter
        self._redact = _redactor(redaction)

    def format(self, record: logging.LogRecord) -> str:
        text = self._formatter.format(record)
        try:
            return self._redact(text)
        except Exception:
            return WITHHELD

    def formatTime(self, record: logging.LogRecord, datefmt: Optional[str] = None) -> str:
        return self._formatter.formatTime(record, datefmt)

    def formatException(self, ei: Any) -> str:
        return self._redact(self._formatter.formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        return self._redact(self._formatter.formatStack(stack_info))

    def formatMessage(self, record: logging.LogRecord) -> str:
        return self._redact(self._formatter.formatMessage(record))

    def usesTime(self) -> bool:
        return self._formatter.usesTime()

    def __getattr__(self, name: str) -> Any:
        if name == "_formatter":
            raise AttributeError(name)
        return getattr(self._formatter, name)


def protect_handler(handler: logging.Handler, redaction: Optional[Redaction] = None) -> logging.Handler:
    """Puts a filter on a handler, and a formatter around its own. Gives the handler back."""
    if not any(isinstance(known, RedactingFilter) for known in handler.filters):
        handler.addFilter(RedactingFilter(redaction))
    if not isinstance(handler.formatter, RedactingFormatter):
        handler.setFormatter(RedactingFormatter(handler.formatter, redaction=redaction))
    return handler


_lock = threading.Lock()
_undo: list[Callable[[], None]] = []


def install(redaction: Optional[Redaction] = None, *, excepthooks: bool = True) -> None:
    """Redacts all records as they are made, of all loggers and for all handlers, now and later; and, with ``excepthooks``,
    the tracebacks of exceptions that nobody catches. Installed again, it takes the new redaction."""
    uninstall()
    redact = _redactor(redaction)
    with _lock:
        _install_records(redact, redaction)
        if excepthooks:
            _install_hooks(redact)


def uninstall() -> None:
    """Takes back what ``install`` did, where nobody has put something else in its place."""
    with _lock:
        while _undo:
            _undo.pop()()


def _install_records(redact: Callable[[str], str], redaction: Optional[Redaction]) -> None:
    make = logging.getLogRecordFactory()

    def factory(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        try:
            _redact_message(record, redact, redaction)
        except Exception:
            _withhold(record)
        return record

    make_record = logging.Logger.makeRecord

    def makeRecord(self: logging.Logger, *arguments: Any, **named: Any) -> logging.LogRecord:
        # What `extra` brings comes after the factory.
        record = make_record(self, *arguments, **named)
        try:
            _redact_extra(record, redaction)
        except Exception:
            _withhold(record)
        return record

    def undo() -> None:
        if logging.getLogRecordFactory() is factory:
            logging.setLogRecordFactory(make)
        if logging.Logger.makeRecord is makeRecord:
            logging.Logger.makeRecord = make_record  # type: ignore[method-assign]

    logging.setLogRecordFactory(factory)
    logging.Logger.makeRecord = makeRecord  # type: ignore[method-assign]
    _undo.append(undo)


def _install_hooks(redact: Callable[[str], str]) -> None:
    def shown(kind: Any, error: Any, trace: Any) -> Optional[str]:
        """The traceback without secrets; ``None`` where it has none, and whoever was there before may show it."""
        try:
            text = "".join(traceback.format_exception(kind, error, trace))
            hidden = redact(text)
        except Exception:
            return WITHHELD + "\n"
        return None if hidden == text else hidden

    def hook(module: Any, name: str, parts: Callable[..., tuple[Any, Any, Any]]) -> None:
        before = getattr(module, name)

        def replaced(*arguments: Any) -> None:
            text = shown(*parts(*arguments))
            if text is None:
                before(*arguments)
            elif sys.stderr is not None:
                sys.stderr.write(text)
                sys.stderr.flush()

        def undo() -> None:
            if getattr(module, name) is replaced:
                setattr(module, name, before)

        setattr(module, name, replaced)
        _undo.append(undo)

    hook(sys, "excepthook", lambda kind, error, trace: (kind, error, trace))
    hook(threading, "excepthook", lambda given: (given.exc_type, given.exc_value, given.exc_traceback))
    hook(sys, "unraisablehook", lambda given: (given.exc_type, given.exc_value, given.exc_traceback))
