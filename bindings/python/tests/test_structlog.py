"""Events of structlog, whichever renderer they have."""

from __future__ import annotations

import io
import logging

import pytest

from keyscan.structlog import RedactingRenderer, RedactProcessor

structlog = pytest.importorskip("structlog", reason="structlog is not installed")


def logged(processors, token):
    stream = io.StringIO()
    logger = structlog.wrap_logger(structlog.PrintLogger(stream), processors=processors)
    logger = logger.bind(bound=token)
    logger.info("plain", key=token, deep={"a": [token, {"b": (token,)}]}, password="hunter2222", clean=[1, "x"])
    try:
        raise ValueError(token)
    except ValueError:
        logger.exception("failed")
    return stream.getvalue()


@pytest.mark.parametrize(
    "renderer",
    [
        structlog.processors.JSONRenderer(),
        structlog.processors.KeyValueRenderer(),
        structlog.processors.LogfmtRenderer(),
        structlog.dev.ConsoleRenderer(colors=False),
        structlog.dev.ConsoleRenderer(colors=True),
    ],
)
@pytest.mark.parametrize("formatted", [True, False])
def test_events_are_redacted(token, renderer, formatted):
    before = [structlog.processors.format_exc_info] if formatted else []
    if isinstance(renderer, structlog.processors.LogfmtRenderer):
        before.append(lambda _l, _n, event: {k: v for k, v in event.items() if k not in ("deep", "clean")})
    for processors in ([*before, RedactProcessor(), renderer], [*before, RedactProcessor(), RedactingRenderer(renderer)]):
        out = logged(processors, token)
        assert token not in out and "hunter2222" not in out
        assert out.count("[REDACTED:github-pat]") >= 3 and "failed" in out


def test_the_renderer_alone_covers_what_it_makes(token):
    out = logged([structlog.processors.format_exc_info, RedactingRenderer(structlog.processors.JSONRenderer())], token)
    assert token not in out
    stream = io.BytesIO()
    logger = structlog.wrap_logger(
        structlog.BytesLogger(stream), processors=[RedactingRenderer(lambda _l, _n, event: repr(event).encode())]
    )
    logger.info(token)
    assert token.encode() not in stream.getvalue()


def test_with_the_formatter_of_logging(token):
    import keyscan.logging

    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer()))
    logger = logging.getLogger("keyscan-structlog")
    logger.propagate = False
    logger.addHandler(handler)
    keyscan.logging.install()
    try:
        wrapped = structlog.wrap_logger(logger, processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter])
        wrapped.warning("event", key=token)
    finally:
        keyscan.logging.uninstall()
    assert token not in stream.getvalue() and '"event": "event"' in stream.getvalue()


def test_a_failure_withholds_the_event(monkeypatch):
    import keyscan.structlog as module

    monkeypatch.setattr(module, "redact_value", lambda *_: 1 / 0)
    assert RedactProcessor()(None, "info", {"event": "something"}) == {"event": module.WITHHELD}
