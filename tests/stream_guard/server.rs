//! Streams as the models of several providers send them.

use keyscan::guard::Framing;
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Anthropic Messages: a thought and a text, of the same tokens.
    Anthropic,
    /// `OpenAI` chat completions, two choices of the same tokens.
    Chat,
    /// `OpenAI` completions as they were first.
    Completions,
    /// `OpenAI` Responses.
    Responses,
    /// Gemini `streamGenerateContent` as server-sent events.
    Gemini,
    /// Documents one a line, as Ollama sends them.
    Ollama,
    /// Events of the Vercel AI SDK.
    Parts,
}

impl Dialect {
    pub(crate) const ALL: [Dialect; 7] = [
        Dialect::Anthropic,
        Dialect::Chat,
        Dialect::Completions,
        Dialect::Responses,
        Dialect::Gemini,
        Dialect::Ollama,
        Dialect::Parts,
    ];

    pub(crate) fn framing(self) -> Framing {
        if self == Dialect::Ollama { Framing::Lines } else { Framing::Events }
    }

    pub(crate) fn has_tools(self) -> bool {
        matches!(self, Dialect::Anthropic | Dialect::Chat | Dialect::Responses)
    }

    /// Whether the bytes end with an event.
    pub(crate) fn complete(self, bytes: &[u8]) -> bool {
        let end: &[&[u8]] = if self == Dialect::Ollama { &[b"\n"] } else { &[b"\n\n", b"\r\n\r\n", b"\r\n\r"] };
        bytes.is_empty() || end.iter().any(|end| bytes.ends_with(end))
    }

    fn named(self) -> bool {
        matches!(self, Dialect::Anthropic | Dialect::Responses)
    }

    fn write(self, events: &[Value]) -> String {
        let mut out = String::new();
        for event in events {
            if self == Dialect::Ollama {
                out.push_str(&format!("{event}\n"));
                continue;
            }
            if self.named() {
                out.push_str(&format!("event: {}\n", event["type"].as_str().expect("it has a type")));
            }
            out.push_str(&format!("data: {event}\n\n"));
        }
        if matches!(self, Dialect::Chat | Dialect::Completions | Dialect::Parts) {
            out.push_str("data: [DONE]\n\n");
        }
        out
    }
}

/// A stream in which a model says these tokens.
pub(crate) fn stream(dialect: Dialect, tokens: &[&str], lines: &str) -> String {
    let mut events = Vec::new();
    let all = tokens.concat();
    match dialect {
        Dialect::Anthropic => {
            let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m",
                "usage": {"input_tokens": 25, "output_tokens": 1}});
            events.push(json!({"type": "message_start", "message": message}));
            for (index, kind, member) in [(0, "thinking", "thinking"), (1, "text", "text")] {
                let block = json!({"type": kind, member: ""});
                events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
                events.push(json!({"type": "ping"}));
                for token in tokens {
                    let delta = json!({"type": format!("{kind}_delta"), member: token});
                    events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
                }
                if kind == "thinking" {
                    let delta = json!({"type": "signature_delta", "signature": "EqQBCgIYAhIM"});
                    events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
                }
                events.push(json!({"type": "content_block_stop", "index": index}));
            }
            events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}}));
            events.push(json!({"type": "message_stop"}));
        }
        Dialect::Chat => {
            let chunk = |index: usize, delta: Value, finish: Option<&str>| {
                json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m",
                    "choices": [{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish}]})
            };
            (0..2).for_each(|index| events.push(chunk(index, json!({"role": "assistant", "content": ""}), None)));
            for token in tokens {
                (0..2).for_each(|index| events.push(chunk(index, json!({"content": token}), None)));
            }
            (0..2).for_each(|index| events.push(chunk(index, json!({}), Some("stop"))));
            events.push(json!({"id": "chatcmpl-1", "choices": [], "usage": {"total_tokens": 123_456}}));
        }
        Dialect::Completions => {
            let chunk = |text: &str, finish: Option<&str>| {
                json!({"id": "cmpl-1", "object": "text_completion", "model": "m",
                    "choices": [{"text": text, "index": 0, "logprobs": null, "finish_reason": finish}]})
            };
            // The last token comes with the reason to finish.
            let tokens = if tokens.is_empty() { &[""] } else { tokens };
            let last = tokens.len() - 1;
            events.extend(tokens.iter().enumerate().map(|(n, token)| chunk(token, (n == last).then_some("stop"))));
        }
        Dialect::Responses => {
            let item = json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []});
            events.push(json!({"type": "response.created", "response": {"id": "resp_1", "output": []}}));
            events.push(json!({"type": "response.output_item.added", "output_index": 0, "item": item}));
            let part = json!({"type": "output_text", "text": "", "annotations": []});
            events.push(json!({"type": "response.content_part.added", "item_id": "msg_1", "output_index": 0,
                "content_index": 0, "part": part}));
            for token in tokens {
                events.push(json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0,
                    "content_index": 0, "delta": token, "logprobs": [], "obfuscation": "kJ3x9"}));
            }
            response_ends(&mut events, &all, &json!([]));
        }
        Dialect::Gemini => {
            let chunk = |parts: Value, finish: Option<&str>| {
                let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
                if let Some(finish) = finish {
                    candidate["finishReason"] = finish.into();
                }
                json!({"candidates": [candidate], "usageMetadata": {"totalTokenCount": 9}, "modelVersion": "m"})
            };
            for token in tokens {
                events.push(chunk(json!([{"text": token, "thought": true}]), None));
            }
            for pair in tokens.chunks(2) {
                let parts: Vec<Value> = pair.iter().map(|token| json!({"text": token})).collect();
                events.push(chunk(parts.into(), None));
            }
            events.push(chunk(json!([{"text": ""}]), Some("STOP")));
        }
        Dialect::Ollama => {
            let line = |token: &str, done: bool| json!({"model": "m", "message": {"role": "assistant", "content": token}, "done": done});
            events.extend(tokens.iter().map(|token| line(token, false)));
            events.push(line("", true));
        }
        Dialect::Parts => {
            events.push(json!({"type": "text-start", "id": "0"}));
            events.extend(tokens.iter().map(|token| json!({"type": "text-delta", "id": "0", "delta": token})));
            events.push(json!({"type": "text-end", "id": "0"}));
        }
    }
    number(dialect, &mut events);
    let comments = if lines.is_empty() || dialect == Dialect::Ollama { String::new() } else { format!("{lines}\n") };
    format!("{comments}{}", dialect.write(&events))
}

/// All that says the text again.
fn response_ends(events: &mut Vec<Value>, text: &str, logprobs: &Value) {
    let part = json!({"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs});
    let item = json!({"type": "message", "id": "msg_1", "role": "assistant", "content": [part]});
    let place = |event: Value| {
        let mut event = event;
        event["item_id"] = "msg_1".into();
        event["output_index"] = 0.into();
        event["content_index"] = 0.into();
        event
    };
    events.push(place(json!({"type": "response.output_text.done", "text": text, "logprobs": logprobs})));
    events.push(place(json!({"type": "response.content_part.done", "part": part})));
    events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
    events.push(json!({"type": "response.completed", "response": {"id": "resp_1", "output": [item]}}));
}

fn number(dialect: Dialect, events: &mut [Value]) {
    if dialect == Dialect::Responses {
        for (number, event) in events.iter_mut().enumerate() {
            event["sequence_number"] = number.into();
        }
    }
}

/// A stream in which a model calls a tool with these arguments.
pub(crate) fn with_tool(dialect: Dialect, pieces: &[&str]) -> String {
    let mut events = Vec::new();
    match dialect {
        Dialect::Anthropic => {
            let block = json!({"type": "tool_use", "id": "toolu_1", "name": "run", "input": {}});
            events.push(json!({"type": "content_block_start", "index": 0, "content_block": block}));
            for piece in pieces {
                let delta = json!({"type": "input_json_delta", "partial_json": piece});
                events.push(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
            }
            events.push(json!({"type": "content_block_stop", "index": 0}));
            events.push(json!({"type": "message_stop"}));
        }
        Dialect::Chat => {
            let chunk = |delta: Value, finish: Option<&str>| json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
            let call = json!({"index": 0, "id": "call_1", "type": "function",
                "function": {"name": "run", "arguments": ""}});
            events.push(chunk(json!({"role": "assistant", "content": null, "tool_calls": [call]}), None));
            for piece in pieces {
                let call = json!({"index": 0, "function": {"arguments": piece}});
                events.push(chunk(json!({"tool_calls": [call]}), None));
            }
            events.push(chunk(json!({}), Some("tool_calls")));
        }
        _ => {
            let all = pieces.concat();
            for piece in pieces {
                events.push(json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1",
                    "output_index": 0, "delta": piece}));
            }
            events.push(json!({"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 0,
                "arguments": all}));
            let item = json!({"type": "function_call", "id": "fc_1", "name": "run", "arguments": all});
            events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
            events.push(json!({"type": "response.completed", "response": {"output": [item]}}));
        }
    }
    number(dialect, &mut events);
    dialect.write(&events)
}

/// A stream in which each token comes with its logprobs.
pub(crate) fn with_logprobs(dialect: Dialect, tokens: &[&str]) -> String {
    let entry = |token: &&str| {
        json!({"token": token, "logprob": -0.25, "bytes": token.as_bytes(), "top_logprobs": [
            {"token": token, "logprob": -0.25, "bytes": token.as_bytes()}]})
    };
    let mut events = Vec::new();
    if dialect == Dialect::Chat {
        let chunk = |delta: Value, logprobs: Value, finish: Option<&str>| {
            json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": delta, "logprobs": logprobs,
                "finish_reason": finish}]})
        };
        for pair in tokens.chunks(2) {
            let entries: Vec<Value> = pair.iter().map(entry).collect();
            events.push(chunk(json!({"content": pair.concat()}), json!({"content": entries, "refusal": null}), None));
        }
        events.push(chunk(json!({}), Value::Null, Some("stop")));
    } else {
        for token in tokens {
            events.push(json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0,
                "content_index": 0, "delta": token, "logprobs": [entry(token)]}));
        }
        let entries: Vec<Value> = tokens.iter().map(entry).collect();
        response_ends(&mut events, &tokens.concat(), &entries.into());
    }
    number(dialect, &mut events);
    dialect.write(&events)
}
