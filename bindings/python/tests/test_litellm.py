"""The guardrail, called as LiteLLM calls it."""

from __future__ import annotations

import asyncio

import pytest

import keyscan

pytest.importorskip("litellm", reason="litellm is not installed")

from keyscan.litellm import KeyscanGuardrail  # noqa: E402

MARKER = "[REDACTED:github-pat]"


def pre_call(data, guard=None):
    return asyncio.run(KeyscanGuardrail(guard).async_pre_call_hook(None, None, data, "completion"))


def test_prompts_are_redacted_and_credentials_are_not(token):
    data = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": f"key {token}"}]}],
        "tools": [{"type": "function", "function": {"name": "f", "description": token}}],
        "api_key": token,
        "metadata": {"headers": {"authorization": token}},
        "aws_secret_access_key": token,
        "stream": True,
        "max_tokens": 5,
    }
    out = pre_call(data)
    assert out["messages"][0]["content"][0]["text"] == f"key {MARKER}"
    assert out["tools"][0]["function"]["description"] == MARKER
    assert out["api_key"] == out["aws_secret_access_key"] == out["metadata"]["headers"]["authorization"] == token
    assert (out["stream"], out["max_tokens"]) == (True, 5)
    with pytest.raises(keyscan.Blocked):
        pre_call({"messages": token}, keyscan.Guard(to_model="block"))


def test_answers_are_redacted(token):
    from litellm import ModelResponse

    message = {"role": "assistant", "content": f"a {token}", "tool_calls": None}
    response = ModelResponse(choices=[{"index": 0, "finish_reason": "stop", "message": message}])
    guardrail = KeyscanGuardrail()
    out = asyncio.run(guardrail.async_post_call_success_hook({}, None, response))
    assert isinstance(out, ModelResponse) and out.choices[0].message.content == f"a {MARKER}"
    clean = ModelResponse(choices=[{"index": 0, "message": {"role": "assistant", "content": "fine"}}])
    assert asyncio.run(guardrail.async_post_call_success_hook({}, None, clean)) is clean


def stream(events):
    async def given():
        for event in events:
            yield event

    async def run():
        hook = KeyscanGuardrail().async_post_call_streaming_iterator_hook(None, given(), {})
        return [event async for event in hook]

    return asyncio.run(run())


def test_streams_are_redacted_across_chunks(token):
    from litellm.types.utils import ModelResponseStream

    text = f"Take {token} for it."

    def chunk(delta, reason=None):
        return ModelResponseStream(choices=[{"index": 0, "delta": delta, "finish_reason": reason}])

    events = [chunk({"content": text[at : at + 4], "role": "assistant"}) for at in range(0, len(text), 4)]
    events.append(chunk({}, "stop"))
    out = stream(events)
    assert "".join(e.choices[0].delta.content or "" for e in out) == f"Take {MARKER} for it."
    assert out[-1].choices[0].finish_reason == "stop" and all(isinstance(e, ModelResponseStream) for e in out)
    raw = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}\n\n'
    out = b"".join(stream([raw % token[:9].encode(), raw % token[9:].encode(), raw % b" end"]))
    assert token[:9].encode() not in out and MARKER.encode() in out
