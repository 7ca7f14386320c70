"""Answers of ASGI services have no secret in them, however they are cut and whatever they are."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

import keyscan
from keyscan.asgi import RedactMiddleware


def call(app, path="/", headers=(), method="GET", extensions=None):
    """What a server would be told to send."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers), "extensions": extensions or {}}
    asyncio.run(app(scope, receive, send))
    return sent


def service(pieces, media_type="text/plain", status=200, headers=(), has_len=False, seen=None):
    async def app(scope, receive, send):
        if seen is not None:
            seen.append(scope)
        start = [(b"content-type", media_type.encode())] if media_type else []
        start += list(headers)
        if has_len:
            start.append((b"Content-Length", str(sum(map(len, pieces))).encode()))
        await send({"type": "http.response.start", "status": status, "headers": start})
        for number, piece in enumerate(pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": number + 1 < len(pieces)})

    return RedactMiddleware(app)


def body(sent):
    return b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")


def header(sent, name):
    return dict((k.lower(), v) for k, v in sent[0]["headers"]).get(name)


def test_a_whole_body_has_its_new_length(token):
    text = json.dumps({"key": token, "n": 1.50}).encode()
    sent = call(service([text], "application/json", headers=[(b"ETag", b"1"), (b"Content-MD5", b"x")], has_len=True))
    assert json.loads(body(sent)) == {"key": "[REDACTED:github-pat]", "n": 1.5}
    assert int(header(sent, b"content-length")) == len(body(sent))
    assert header(sent, b"content-md5") is None and header(sent, b"etag") == b"1"
    clean = b'{"a": 1}'
    sent = call(service([clean], "application/json", headers=[(b"Content-MD5", b"x")], has_len=True))
    assert body(sent) == clean and header(sent, b"content-length") == b"8" and header(sent, b"content-md5") == b"x"


@pytest.mark.parametrize("media_type", ["text/plain", "text/html; charset=utf-8", "application/x-ndjson", "application/json", ""])
def test_bodies_may_be_cut_anywhere(token, media_type):
    text = json.dumps({"a": "before", "key": token, "b": "after"}).encode() + b"\n"
    for cut in range(1, len(text)):
        sent = call(service([text[:cut], text[cut:]], media_type, has_len=cut % 2 == 0))
        assert token.encode() not in body(sent) and json.loads(body(sent))["b"] == "after"
        assert header(sent, b"content-length") is None
        assert [m.get("more_body") for m in sent[1:]][-1] is False


def test_text_goes_on_while_it_streams(token):
    out = call(service([b"first line\n", b"second line\n", token.encode(), b" end"]))
    assert [m["body"] for m in out[1:3]] == [b"first line\n", b"second line\n"]
    assert body(out) == b"first line\nsecond line\n[REDACTED:github-pat] end"


def test_events_are_redacted_across_their_borders(token):
    text = f"It is {token}, says the model."
    events = [
        f'data: {json.dumps({"choices": [{"index": 0, "delta": {"content": text[at:at + 5]}}]})}\n\n'.encode()
        for at in range(0, len(text), 5)
    ]
    sent = call(service([*events, b"data: [DONE]\n\n"], "text/event-stream; charset=utf-8"))
    said = "".join(
        json.loads(line[6:])["choices"][0]["delta"]["content"]
        for line in body(sent).decode().splitlines()
        if line.startswith("data: {")
    )
    assert said == "It is [REDACTED:github-pat], says the model." and body(sent).endswith(b"data: [DONE]\n\n")


def test_services_are_asked_for_what_can_be_looked_into():
    seen = []
    headers = [(b"Accept-Encoding", b"gzip, br"), (b"Range", b"bytes=0-9"), (b"if-range", b"x"), (b"x-other", b"y")]
    call(service([b"x"], seen=seen), headers=headers, extensions={"http.response.pathsend": {}, "other": {}})
    assert sorted(seen[0]["headers"]) == [(b"accept-encoding", b"identity"), (b"x-other", b"y")]
    assert list(seen[0]["extensions"]) == ["other"]


def test_what_cannot_be_looked_into_is_refused(token):
    packed = gzip.compress(token.encode())
    sent = call(service([packed], headers=[(b"content-encoding", b"gzip")]))
    assert sent[0]["status"] == 500 and b"compress" in body(sent) and packed not in body(sent)
    sent = call(service([b"\x89PNG" + token.encode()], "image/png", has_len=True))
    assert body(sent) == b"\x89PNG" + token.encode()
    with pytest.raises(ValueError):
        RedactMiddleware(lambda *_: None, compressed="maybe")


def blocking(app):
    return RedactMiddleware(app.app, keyscan.Guard(to_user="block"))


def test_what_a_policy_withholds_does_not_go_out(token):
    sent = call(blocking(service([token.encode()], has_len=True)))
    assert sent[0]["status"] == 500 and b"withheld" in body(sent) and token.encode() not in body(sent)
    assert int(header(sent, b"content-length")) == len(body(sent))
    delta = lambda text: f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n".encode()  # noqa: E731
    sent = call(blocking(service([delta("fine. "), delta(token), delta(" more"), delta("x")], "text/event-stream")))
    assert b"fine" in body(sent) and b"keyscan_withheld" in body(sent) and token.encode() not in body(sent)
    assert [m["more_body"] for m in sent[1:]].count(False) == 1
    with pytest.raises(keyscan.Blocked):
        call(blocking(service([b"fine ", token.encode(), b" x"])))


def test_limits_are_kept():
    streams = keyscan.Guard().streams("to-user", document_len=1000)
    app = service([b'{"a": "', b"x" * 2000, b'"}'], "application/json")
    app = RedactMiddleware(app.app, streams=streams)
    with pytest.raises(keyscan.StreamLimit):
        call(app)


def test_websockets_are_redacted(token):
    sent = []

    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": json.dumps({"k": token})})
        await send({"type": "websocket.send", "bytes": b"x " + token.encode()})
        await send({"type": "websocket.send", "text": f"plain \u00e4 {token}"})

    async def send(message):
        sent.append(message)

    asyncio.run(RedactMiddleware(app)({"type": "websocket"}, None, send))
    assert json.loads(sent[1]["text"]) == {"k": "[REDACTED:github-pat]"}
    assert sent[2]["bytes"] == b"x [REDACTED:github-pat]" and sent[3]["text"] == "plain \u00e4 [REDACTED:github-pat]"


def test_lifespan_and_head_pass():
    passed = []

    async def app(scope, receive, send):
        passed.append(scope["type"])

    asyncio.run(RedactMiddleware(app)({"type": "lifespan"}, None, None))
    assert passed == ["lifespan"]

    async def head(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"99"), (b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b""})

    sent = call(RedactMiddleware(head), method="HEAD")
    assert header(sent, b"content-length") == b"99"


def test_with_starlette(token, tmp_path):
    pytest.importorskip("starlette", reason="starlette is not installed")
    pytest.importorskip("httpx", reason="httpx is not installed")
    from starlette.applications import Starlette
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.responses import FileResponse, JSONResponse, StreamingResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.testclient import TestClient

    (tmp_path / "file.txt").write_text(f"a {token} b" * 1000)

    async def stream(request):
        return StreamingResponse((piece for piece in ("x " + token[:9], token[9:] + " y")), media_type="text/plain")

    async def socket(websocket):
        await websocket.accept()
        await websocket.send_json({"k": token})
        await websocket.close()

    routes = [
        Route("/json", lambda request: JSONResponse({"k": token})),
        Route("/stream", stream),
        Route("/file", lambda request: FileResponse(tmp_path / "file.txt")),
        WebSocketRoute("/socket", socket),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(RedactMiddleware)
    app.add_middleware(GZipMiddleware, minimum_size=10)
    with TestClient(app) as client:
        assert client.get("/json").json() == {"k": "[REDACTED:github-pat]"}
        assert client.get("/stream").text == "x [REDACTED:github-pat] y"
        for headers in ({}, {"range": "bytes=0-20"}):
            answer = client.get("/file", headers=headers)
            assert answer.text == "a [REDACTED:github-pat] b" * 1000
        assert answer.headers["content-encoding"] == "gzip"
        with client.websocket_connect("/socket") as websocket:
            assert websocket.receive_json() == {"k": "[REDACTED:github-pat]"}
