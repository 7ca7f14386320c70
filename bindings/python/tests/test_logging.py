"""No record, of whichever logger, shows a secret in any way that logging can write it."""

from __future__ import annotations

import io
import json
import logging
import logging.handlers
import queue
import subprocess
import sys
import threading

import pytest

import keyscan
from keyscan.logging import RedactingFilter, RedactingFormatter, install, protect_handler, uninstall


@pytest.fixture(autouse=True)
def restored():
    factory, make = logging.getLogRecordFactory(), logging.Logger.makeRecord
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    uninstall()
    assert (logging.getLogRecordFactory(), logging.Logger.makeRecord) == (factory, make)
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == hooks


@pytest.fixture
def parent():
    logger = logging.Logger("parent")
    logger.manager = logging.Manager(logger)  # type: ignore[arg-type]
    return logger


class Shown:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


def log_everything(logger, token):
    logger.warning("plain %s", token)
    logger.warning("cut %s%s", token[:11], token[11:])
    logger.warning("named %(key)s", {"key": token})
    logger.warning(Shown(f"object {token}"))
    logger.warning("in an argument %s", Shown(token))
    logger.warning("with the wrong arguments %s %s", token)
    logger.warning("extra", extra={"header": f"Bearer {token}", "deep": {"a": [token]}})
    logger.warning("by its name", extra={"password": "hunter2222"})
    logger.warning("stack", stack_info=True)
    logger.warning(f"multi\nline\n{token}\n")
    try:
        try:
            raise KeyError(token)
        except KeyError as error:
            raise ValueError(f"could not use {token}") from error
    except ValueError:
        logger.exception("failed")
        logger.warning("failed with a tuple", exc_info=sys.exc_info())
    return 12


class JsonFormatter(logging.Formatter):
    """As such formatters are: it formats exceptions anew, and shows arguments and what `extra` brought."""

    def format(self, record):
        shown = {k: repr(v) for k, v in record.__dict__.items() if k not in ("exc_info",)}
        shown["said"] = record.getMessage()
        if record.exc_info:
            shown["exception"] = self.formatException(record.exc_info)
        return json.dumps(shown)


def assert_silent(text, token, lines):
    assert token not in text and token[:11] + token[11:] not in text and "hunter2222" not in text
    assert text.count("[REDACTED") >= lines


@pytest.mark.parametrize("formatter", [None, JsonFormatter(), logging.Formatter("{message}|{levelname}", style="{")])
@pytest.mark.parametrize("way", ["install", "filter", "both"])
def test_records_of_children_are_covered(token, capsys, formatter, way):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger("keyscan-test")
    child = logging.getLogger("keyscan-test.child.deeper")
    root.propagate = False
    root.addHandler(handler)
    try:
        if way == "install":
            install()
        elif way == "filter":
            handler.addFilter(RedactingFilter())
        else:
            assert protect_handler(protect_handler(handler)) is handler
            assert len(handler.filters) == 1
        log_everything(child, token)
    finally:
        root.removeHandler(handler)
    text = stream.getvalue() + capsys.readouterr().err
    assert_silent(text, token, 9)


def test_formatters_redact_the_line_as_it_is_written(token, capsys):
    inner = logging.Formatter("%(asctime)s %(message)s %(key)s", defaults={"key": token}, datefmt="%Y")
    formatter = RedactingFormatter(inner)
    assert formatter.datefmt == "%Y" and formatter.usesTime()
    record = logging.LogRecord("n", 30, "p", 1, "a %s", (token,), None)
    assert formatter.format(record).endswith("a [REDACTED:github-pat] [REDACTED:github-pat]")
    assert RedactingFormatter("%(levelname)s %(message)s").format(record) == "WARNING a [REDACTED:github-pat]"
    config = {"version": 1, "formatters": {"f": {"()": "keyscan.logging.RedactingFormatter", "fmt": "%(message)s"}}}
    from logging.config import dictConfig

    dictConfig(config)


def test_a_filter_on_a_parent_logger_is_not_enough_and_install_is(token):
    stream = io.StringIO()
    parent = logging.getLogger("keyscan-parent")
    parent.propagate = False
    parent.addHandler(logging.StreamHandler(stream))
    install()
    logging.getLogger("keyscan-parent.child").error("x %s", token)
    assert token not in stream.getvalue()


def test_queues_carry_what_is_redacted(token):
    install()
    records: queue.Queue = queue.Queue()
    logger = logging.getLogger("keyscan-queue")
    logger.propagate = False
    logger.addHandler(logging.handlers.QueueHandler(records))
    log_everything(logger, token)
    while not records.empty():
        record = records.get()
        assert token not in repr(record.__dict__)


def test_clean_records_stay_as_they_are():
    install()
    stream = io.StringIO()
    seen = []

    class Keeps(logging.Handler):
        def emit(self, record):
            seen.append(record)

    logger = logging.getLogger("keyscan-clean")
    logger.propagate = False
    logger.addHandler(logging.StreamHandler(stream))
    logger.addHandler(Keeps())
    error = ValueError("nothing")
    arguments, extra = {"a": 1}, {"request": object(), "items": [1, 2]}
    logger.warning("hello %(a)s", arguments, extra=extra)
    try:
        raise error
    except ValueError:
        logger.exception("failed")
    assert seen[0].args == arguments and seen[0].msg == "hello %(a)s"
    assert seen[0].request is extra["request"] and seen[0].items is extra["items"]
    assert seen[1].exc_info[1] is error and stream.getvalue().count("ValueError: nothing") == 1


def test_a_failure_withholds_the_record(monkeypatch):
    import keyscan.logging as module

    def broken(*_):
        raise RuntimeError

    install()
    monkeypatch.setattr(module, "redact_value", broken)
    stream = io.StringIO()
    logger = logging.getLogger("keyscan-broken")
    logger.propagate = False
    logger.addHandler(logging.StreamHandler(stream))
    logger.warning("%s", "some argument")
    assert stream.getvalue() == module.WITHHELD + "\n"


def test_known_secrets_and_own_redactions(known):
    redaction = keyscan.Redaction(known=known, style="<{rule}>")
    install(redaction)
    stream = io.StringIO()
    logger = logging.getLogger("keyscan-known")
    logger.propagate = False
    logger.addHandler(logging.StreamHandler(stream))
    logger.warning("with %s", "quartz-0123-basalt")
    assert stream.getvalue() == "with <DATABASE>\n"


UNCAUGHT = """
import threading, keyscan.logging
from keyscan.testing import sample
keyscan.logging.install()
token = sample("github-pat", 7).secret
def work():
    raise ValueError(token)
thread = threading.Thread(target=work)
thread.start()
thread.join()
class Gone:
    def __del__(self):
        raise KeyError(token)
Gone()
try:
    raise RuntimeError(token)
except RuntimeError as error:
    raise OSError("outer") from error
"""


def test_exceptions_that_nobody_catches_are_covered(token):
    done = subprocess.run([sys.executable, "-c", UNCAUGHT], capture_output=True, text=True)
    assert done.returncode == 1 and token not in done.stderr
    assert done.stderr.count("[REDACTED:github-pat]") == 3 and "OSError: outer" in done.stderr
    done = subprocess.run([sys.executable, "-c", "import keyscan.logging as l; l.install(); 1/0"], capture_output=True, text=True)
    assert "ZeroDivisionError" in done.stderr and done.returncode == 1
