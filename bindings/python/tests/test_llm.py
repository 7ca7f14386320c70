"""Clients of models: no secret is sent, none comes out of what is answered, whatever the tokens; the real SDKs against a
server on loopback."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from types import SimpleNamespace

import pytest

import keyscan
from fake_model import FakeModel
from keyscan.llm import EventGuard, aguard_events, guard_events, protect

MARKER = "[REDACTED:github-pat]"


def chunk(text, index=0, **more):
    return {"choices": [{"index": index, "delta": {"content": text}, **more}]}


def said(events, index=0):
    return "".join(
        choice["delta"].get("content") or "" for event in events for choice in event["choices"] if choice["index"] == index
    )


def test_events_as_dictionaries(token):
    text = f"It is {token}, and so on."
    for length in (1, 2, 3, 7, len(text)):
        events = [chunk(text[at : at + length]) for at in range(0, len(text), length)]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        shown = list(guard_events(events))
        assert said(shown) == f"It is {MARKER}, and so on."
        assert shown[-1]["choices"][0].get("finish_reason") == "stop"


def test_events_of_several_texts_are_kept_apart(token):
    events = [chunk(piece, index) for pair in zip(token, reversed(token)) for index, piece in enumerate(pair)]
    shown = list(guard_events(events))
    assert said(shown, 0) == MARKER and said(shown, 1) == token[::-1]


def test_clean_events_come_as_they_are():
    events = [chunk("one "), chunk("two. ", usage={"n": 1}), {"type": "ping"}]
    for came, shown in zip(events, guard_events(events), strict=True):
        assert shown is came


def test_events_as_objects(token):
    @dataclasses.dataclass
    class Delta:
        content: str

    def event(text):
        return SimpleNamespace(id="1", choices=[SimpleNamespace(index=0, delta=Delta(text), finish_reason=None)])

    events = [event(piece) for piece in (token[:10], token[10:], " end", ".")]
    shown = list(guard_events(events))
    assert "".join(e.choices[0].delta.content or "" for e in shown) == f"{MARKER} end."
    assert all(isinstance(e, SimpleNamespace) for e in shown)
    assert events[0].choices[0].delta.content == token[:10]


def test_events_as_bytes(token):
    raw = b"".join(f"data: {json.dumps(chunk(piece))}\n\n".encode() for piece in (token[:9], token[9:], " end"))
    for cut in range(len(raw)):
        out = b"".join(guard_events([raw[:cut], raw[cut:]]))
        assert token.encode() not in out and MARKER.encode() in out


def test_asynchronous_events_and_blocks(token):
    async def events():
        for piece in ("fine. ", token, " end"):
            yield chunk(piece)

    async def collect(guard=None):
        return [event async for event in aguard_events(events(), guard)]

    assert said(asyncio.run(collect())) == f"fine. {MARKER} end"
    with pytest.raises(keyscan.Blocked):
        asyncio.run(collect(keyscan.Guard(to_user="block")))
    guarded = EventGuard(keyscan.Guard(to_user="block"))
    with pytest.raises(keyscan.Blocked):
        [guarded.push(chunk(piece)) for piece in (token, " end")]


def test_what_has_no_http_client_is_refused():
    for thing in (object(), SimpleNamespace(_client=None)):
        with pytest.raises(TypeError):
            protect(thing)


# The SDKs.


def anthropic_client(server, asynchronous=False):
    anthropic = pytest.importorskip("anthropic", reason="anthropic is not installed")
    kind = anthropic.AsyncAnthropic if asynchronous else anthropic.Anthropic
    return protect(kind(base_url=server.url, api_key="not-a-key", max_retries=0))


def openai_client(server, asynchronous=False):
    openai = pytest.importorskip("openai", reason="openai is not installed")
    kind = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    return protect(kind(base_url=f"{server.url}/v1", api_key="not-a-key", max_retries=0))


def asked(text, **more):
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize("token_len", [1, 3, 40])
def test_anthropic(token, token_len):
    with FakeModel(says=f"Take {token} for it.", token_len=token_len) as server:
        client = anthropic_client(server)
        answer = client.messages.create(**asked(f"My key is {token}", max_tokens=9))
        assert answer.content[0].text == f"Take {MARKER} for it."
        assert server.keys == ["not-a-key"]
        with client.messages.create(**asked("x", max_tokens=9), stream=True) as stream:
            deltas = [event.delta.text for event in stream if event.type == "content_block_delta"]
        assert "".join(deltas) == f"Take {MARKER} for it."
        with client.messages.stream(**asked("x", max_tokens=9)) as stream:
            assert "".join(stream.text_stream) == f"Take {MARKER} for it."
            assert stream.get_final_message().content[0].text == f"Take {MARKER} for it."
        copy = client.with_options(timeout=5)
        copy.messages.create(**asked(token, max_tokens=9))
        assert not any(token in body for body in server.seen) and MARKER in server.seen[0]


def test_anthropic_asynchronously(token):
    async def run(server):
        async with anthropic_client(server, asynchronous=True) as client:
            answer = await client.messages.create(**asked(token, max_tokens=9))
            async with client.messages.stream(**asked("x", max_tokens=9)) as stream:
                streamed = "".join([text async for text in stream.text_stream])
            return answer.content[0].text, streamed

    with FakeModel(says=f"Take {token} for it.") as server:
        assert asyncio.run(run(server)) == (f"Take {MARKER} for it.",) * 2
        assert token not in server.seen[0]


@pytest.mark.parametrize("token_len", [1, 3, 40])
def test_openai(token, token_len):
    with FakeModel(says=f"Take {token} for it.", token_len=token_len) as server:
        client = openai_client(server)
        answer = client.chat.completions.create(**asked(f"My key is {token}"))
        assert answer.choices[0].message.content == f"Take {MARKER} for it."
        stream = client.chat.completions.create(**asked("x"), stream=True)
        chunks = list(stream)
        assert "".join(c.choices[0].delta.content or "" for c in chunks) == f"Take {MARKER} for it."
        assert chunks[-1].choices[0].finish_reason == "stop"
        response = client.responses.create(model="m", input=f"My key is {token}")
        assert response.output_text == f"Take {MARKER} for it."
        events = list(client.responses.create(model="m", input="x", stream=True))
        deltas = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        assert deltas == f"Take {MARKER} for it." == events[-1].response.output_text
        (done,) = [e.text for e in events if e.type == "response.output_text.done"]
        assert done == deltas
        assert not any(token in body for body in server.seen)


def test_openai_asynchronously(token):
    async def run(server):
        async with openai_client(server, asynchronous=True) as client:
            stream = await client.chat.completions.create(**asked(token), stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream])

    with FakeModel(says=f"Take {token} for it.") as server:
        assert asyncio.run(run(server)) == f"Take {MARKER} for it."
        assert token not in server.seen[0]


def test_events_of_the_sdks_as_objects(token):
    """Where only the stream is to be had: from a client that is not protected."""
    with FakeModel(says=f"Take {token} for it.") as server:
        anthropic = pytest.importorskip("anthropic", reason="anthropic is not installed")
        openai = pytest.importorskip("openai", reason="openai is not installed")
        client = anthropic.Anthropic(base_url=server.url, api_key="not-a-key")
        events = list(guard_events(client.messages.create(**asked("x", max_tokens=9), stream=True)))
        assert "".join(e.delta.text for e in events if e.type == "content_block_delta") == f"Take {MARKER} for it."
        kinds = {type(e).__name__ for e in events if e.type == "content_block_delta"}
        assert len(kinds) == 1 and events[-1].type == "message_stop"
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="not-a-key")
        events = list(guard_events(client.chat.completions.create(**asked("x"), stream=True)))
        assert "".join(e.choices[0].delta.content or "" for e in events) == f"Take {MARKER} for it."
        assert len({type(e) for e in events}) == 1
        events = list(guard_events(client.responses.create(model="m", input="x", stream=True)))
        assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == f"Take {MARKER} for it."
        assert events[-1].response.output_text == f"Take {MARKER} for it."


@pytest.mark.parametrize("name", ["anthropic", "openai"])
def test_what_is_withheld_is_neither_sent_nor_given_nor_tried_again(token, name):
    sdk = pytest.importorskip(name, reason=f"{name} is not installed")

    def ask(client, text):
        if name == "anthropic":
            return client.messages.create(**asked(text, max_tokens=9))
        return client.chat.completions.create(**asked(text))

    kinds = {"anthropic": ("Anthropic", "AsyncAnthropic"), "openai": ("OpenAI", "AsyncOpenAI")}[name]
    with FakeModel(says=f"Take {token}") as server:
        url = server.url if name == "anthropic" else f"{server.url}/v1"
        client = protect(getattr(sdk, kinds[0])(base_url=url, api_key="x"), keyscan.Guard(to_model="block", to_user="block"))
        with pytest.raises(sdk.BadRequestError, match="keyscan withheld a text that goes to the model") as error:
            ask(client, token)
        assert server.seen == [] and token not in str(error.value)
        with pytest.raises(sdk.BadRequestError, match="keyscan withheld a text that goes to the user") as error:
            ask(client, "fine")
        assert len(server.seen) == 1 and token not in str(error.value)

        async def asynchronously():
            async with getattr(sdk, kinds[1])(base_url=url, api_key="x") as client:
                with pytest.raises(sdk.BadRequestError, match="keyscan withheld"):
                    await ask(protect(client, keyscan.Guard(to_model="block")), token)

        asyncio.run(asynchronously())
        assert len(server.seen) == 1


def test_any_client_of_httpx(token):
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    seen = []

    def answer(request):
        seen.append(request)
        kind = request.url.params.get("kind", "text/plain")
        headers = {"content-type": kind}
        if "packed" in request.url.params:
            headers["content-encoding"] = "x-unknown"
        return httpx.Response(200, headers=headers, content=b"\x89 " + token.encode())

    client = protect(httpx.Client(transport=httpx.MockTransport(answer), base_url="http://test"))
    answered = client.post("/", content=f"text {token}", headers={"content-type": "text/plain"})
    assert answered.content == b"\x89 [REDACTED:github-pat]"
    assert seen[0].content == b"text [REDACTED:github-pat]" and seen[0].headers["accept-encoding"] == "identity"
    client.post("/", files={"file": ("name.txt", f"text {token}".encode(), "text/plain")}, data={"a": token})
    assert token.encode() not in seen[1].content and int(seen[1].headers["content-length"]) == len(seen[1].content)
    client.post("/", json={"k": token}, headers={"authorization": f"Bearer {token}"})
    assert json.loads(seen[2].content) == {"k": MARKER} and seen[2].headers["authorization"] == f"Bearer {token}"
    assert client.get("/", params={"kind": "image/png"}).content == b"\x89 " + token.encode()
    for refused in ({"kind": "application/vnd.amazon.eventstream"}, {"packed": "1"}):
        with pytest.raises(keyscan.Unreadable):
            client.get("/", params=refused)
    with pytest.raises(keyscan.Unreadable):
        client.post("/", content=b"x", headers={"content-encoding": "gzip"})
    blocked = protect(httpx.Client(transport=httpx.MockTransport(answer), base_url="http://test"), keyscan.Guard(to_model="block"))
    with pytest.raises(keyscan.Blocked):
        blocked.post("/", json={"k": token})
    only_answers = protect(httpx.Client(transport=httpx.MockTransport(answer), base_url="http://test"), requests=None)
    only_answers.post("/", content=token, headers={"content-type": "text/plain"})
    assert token.encode() in seen[-1].content
