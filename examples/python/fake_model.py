"""A model server on loopback that says what it was told, a few characters at a time: Anthropic Messages, OpenAI chat
completions and responses, as answers and as server-sent events. ``server.seen`` holds what it was sent.

It answers 401 to every key but ``server.key``, where that is set."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator, Optional

#: So many characters are a token.
TOKEN_LEN = 3


def _pieces(text: str, token_len: int) -> list[str]:
    return [text[at : at + token_len] for at in range(0, len(text), token_len)]


def _said(document: dict[str, Any]) -> str:
    """The last text of a request."""
    messages = document.get("messages") or document.get("input") or ""
    if isinstance(messages, str):
        return messages
    content = messages[-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "FakeModel"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        key = self.headers.get("x-api-key") or (self.headers.get("authorization") or "").removeprefix("Bearer ")
        self.server.keys.append(key)
        if self.server.key is not None and key != self.server.key:
            error = {"type": "authentication_error", "message": "the key is not valid", "code": "invalid_api_key"}
            return self._json(401, {"type": "error", "error": error})
        self.server.seen.append(body.decode())
        document = json.loads(body)
        text = self.server.says if self.server.says is not None else _said(document)
        make = {"/v1/messages": _messages, "/v1/chat/completions": _chat, "/v1/responses": _responses}[self.path]
        whole, events = make(text, document.get("model", "fake"), self.server.token_len)
        if document.get("stream"):
            self._events(events)
        else:
            self._json(200, whole)

    def _json(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _events(self, events: Iterator[tuple[Optional[str], Any]]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for name, document in events:
            data = document if isinstance(document, str) else json.dumps(document)
            event = (f"event: {name}\n" if name else "") + f"data: {data}\n\n"
            self.wfile.write(f"{len(event.encode()):x}\r\n{event}\r\n".encode())
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


def _messages(text: str, model: str, token_len: int) -> tuple[Any, Iterator[tuple[Optional[str], Any]]]:
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_sequence": None, "usage": usage}
    whole = {**message, "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}

    def events() -> Iterator[tuple[Optional[str], Any]]:
        def event(kind: str, **members: Any) -> tuple[str, Any]:
            return kind, {"type": kind, **members}

        yield event("message_start", message={**message, "content": [], "stop_reason": None})
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield event("ping")
        for piece in _pieces(text, token_len):
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        yield event("content_block_stop", index=0)
        yield event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 1})
        yield event("message_stop")

    return whole, events()


def _chat(text: str, model: str, token_len: int) -> tuple[Any, Iterator[tuple[Optional[str], Any]]]:
    about = {"id": "chatcmpl-1", "created": 1, "model": model}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", "logprobs": None}
    whole = {**about, "object": "chat.completion", "choices": [choice], "usage": usage}

    def events() -> Iterator[tuple[Optional[str], Any]]:
        def chunk(delta: Any, reason: Optional[str] = None) -> tuple[None, Any]:
            choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
            return None, {**about, "object": "chat.completion.chunk", "choices": [choice]}

        yield chunk({"role": "assistant", "content": ""})
        for piece in _pieces(text, token_len):
            yield chunk({"content": piece})
        yield chunk({}, "stop")
        yield None, "[DONE]"

    return whole, events()


def _responses(text: str, model: str, token_len: int) -> tuple[Any, Iterator[tuple[Optional[str], Any]]]:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": "item_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    whole = {
        "id": "resp_1", "object": "response", "created_at": 1, "model": model, "status": "completed", "output": [item],
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None, "incomplete_details": None,
        "instructions": None, "metadata": {}, "temperature": 1.0, "top_p": 1.0,
    }  # fmt: skip

    def events() -> Iterator[tuple[Optional[str], Any]]:
        number = iter(range(1_000_000))

        def event(kind: str, **members: Any) -> tuple[str, Any]:
            return kind, {"type": kind, "sequence_number": next(number), **members}

        place = {"item_id": "item_1", "output_index": 0, "content_index": 0}
        yield event("response.created", response={**whole, "status": "in_progress", "output": []})
        yield event("response.output_item.added", output_index=0, item={**item, "status": "in_progress", "content": []})
        yield event("response.content_part.added", **place, part={**part, "text": ""})
        for piece in _pieces(text, token_len):
            yield event("response.output_text.delta", **place, delta=piece, logprobs=[])
        yield event("response.output_text.done", **place, text=text, logprobs=[])
        yield event("response.content_part.done", **place, part=part)
        yield event("response.output_item.done", output_index=0, item=item)
        yield event("response.completed", response=whole)

    return whole, events()


class FakeModel(ThreadingHTTPServer):
    """``with FakeModel() as server: ... server.url``"""

    daemon_threads = True

    def __init__(self, says: Optional[str] = None, key: Optional[str] = None, token_len: int = TOKEN_LEN) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.says, self.key, self.token_len = says, key, token_len
        self.seen: list[str] = []
        self.keys: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "FakeModel":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
