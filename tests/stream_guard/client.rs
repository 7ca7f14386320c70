//! What clients put together from streams.

use serde_json::Value;

use super::server::Dialect;

#[derive(Debug, Default)]
pub(crate) struct Client {
    pub(crate) text: String,
    pub(crate) arguments: String,
    /// The tokens of the entries of logprobs.
    pub(crate) logprobs: Vec<String>,
    /// The same once more: other choices, and events that say all of it again.
    texts: Vec<String>,
    all_arguments: Vec<String>,
    all_logprobs: Vec<Vec<String>>,
    /// The numbers of events.
    numbers: Vec<u64>,
    ended: bool,
}

/// The client of a stream that has come to its end.
pub(crate) fn joined(dialect: Dialect, bytes: &[u8]) -> Client {
    let client = Client::read(dialect, bytes);
    assert!(client.ended, "{dialect:?} has ended: {}", String::from_utf8_lossy(bytes));
    client
}

impl Client {
    /// The client of a stream that may have broken off.
    pub(crate) fn read(dialect: Dialect, bytes: &[u8]) -> Client {
        let text = std::str::from_utf8(bytes).expect("it stays UTF-8");
        let mut client = Client::default();
        for line in text.lines() {
            let data = if dialect == Dialect::Ollama { Some(line) } else { line.strip_prefix("data: ") };
            match data {
                Some("[DONE]") => client.ended |= matches!(dialect, Dialect::Chat | Dialect::Parts),
                Some(data) => {
                    let event = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
                    client.event(dialect, &event);
                }
                None => {}
            }
        }
        client
    }

    /// The text that comes first.
    pub(crate) fn first(&self) -> &str {
        if self.text.is_empty() { self.texts.first().map_or("", String::as_str) } else { &self.text }
    }

    /// What was said several times was said alike.
    pub(crate) fn assert_consistent(&self) {
        for text in &self.texts {
            assert_eq!(text, &self.text);
        }
        for arguments in &self.all_arguments {
            assert_eq!(arguments, &self.arguments);
        }
        for logprobs in self.all_logprobs.iter().filter(|logprobs| !logprobs.is_empty()) {
            assert_eq!(logprobs, &self.logprobs);
        }
        assert!(self.numbers.is_sorted(), "{:?}", self.numbers);
    }

    fn other(&mut self, index: usize) -> &mut String {
        self.texts.resize(self.texts.len().max(index + 1), String::new());
        &mut self.texts[index]
    }

    fn event(&mut self, dialect: Dialect, event: &Value) {
        match dialect {
            Dialect::Anthropic => self.anthropic(event),
            Dialect::Chat => self.chat(event),
            Dialect::Completions => {
                self.text.push_str(event["choices"][0]["text"].as_str().expect("it has a text"));
                self.ended |= event["choices"][0]["finish_reason"].is_string();
            }
            Dialect::Responses => self.response(event),
            Dialect::Gemini => {
                for part in event["candidates"][0]["content"]["parts"].as_array().into_iter().flatten() {
                    let text = part["text"].as_str().expect("it has a text");
                    if part["thought"] == true { self.other(0).push_str(text) } else { self.text.push_str(text) }
                }
                self.ended |= event["candidates"][0]["finishReason"].is_string();
            }
            Dialect::Ollama => {
                self.text.push_str(event["message"]["content"].as_str().expect("it has a text"));
                self.ended |= event["done"] == true;
            }
            Dialect::Parts => self.text.push_str(event["delta"].as_str().unwrap_or_default()),
        }
    }

    fn anthropic(&mut self, event: &Value) {
        let delta = &event["delta"];
        match (event["type"].as_str(), delta["type"].as_str()) {
            (_, Some("thinking_delta")) => self.other(0).push_str(delta["thinking"].as_str().expect("it has one")),
            (_, Some("text_delta")) => self.text.push_str(delta["text"].as_str().expect("it has one")),
            (_, Some("input_json_delta")) => {
                self.arguments.push_str(delta["partial_json"].as_str().expect("it has one"));
            }
            (Some("message_stop"), _) => self.ended = true,
            _ => {}
        }
    }

    fn chat(&mut self, event: &Value) {
        for choice in event["choices"].as_array().expect("it has choices") {
            let delta = &choice["delta"];
            let text = delta["content"].as_str().unwrap_or_default();
            if choice["index"] == 0 {
                self.text.push_str(text);
            } else {
                self.other(0).push_str(text);
            }
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                assert_eq!(call["index"], 0);
                self.arguments.push_str(call["function"]["arguments"].as_str().expect("it has some"));
            }
            self.logprobs.extend(tokens(&choice["logprobs"]["content"]));
        }
    }

    fn response(&mut self, event: &Value) {
        self.numbers.extend(event["sequence_number"].as_u64());
        match event["type"].as_str().expect("it has a type") {
            "response.output_text.delta" => {
                assert_eq!(event["item_id"], "msg_1");
                self.text.push_str(event["delta"].as_str().expect("it has one"));
                self.logprobs.extend(tokens(&event["logprobs"]));
            }
            "response.function_call_arguments.delta" => {
                self.arguments.push_str(event["delta"].as_str().expect("it has one"));
            }
            "response.output_text.done" => self.part(event),
            "response.content_part.done" => self.part(&event["part"]),
            "response.function_call_arguments.done" => self.item(event),
            "response.output_item.done" => self.item(&event["item"]),
            "response.completed" => {
                self.ended = true;
                event["response"]["output"].as_array().into_iter().flatten().for_each(|item| self.item(item));
            }
            _ => {}
        }
    }

    fn item(&mut self, item: &Value) {
        item["content"].as_array().into_iter().flatten().for_each(|part| self.part(part));
        self.all_arguments.extend(item["arguments"].as_str().map(str::to_owned));
    }

    fn part(&mut self, part: &Value) {
        self.texts.push(part["text"].as_str().expect("it has a text").to_owned());
        self.all_logprobs.push(tokens(&part["logprobs"]));
    }
}

fn tokens(entries: &Value) -> Vec<String> {
    let entries = entries.as_array().into_iter().flatten();
    entries.map(|entry| entry["token"].as_str().expect("it has a token").to_owned()).collect()
}
