//! What a stream guard promises: whatever the dialect, the texts that a client puts together from what comes out are
//! what a redactor makes of the texts that it would have put together from what went in, however the model cut them and
//! however the network did; and nothing else changes.

mod client;
#[path = "../common/mod.rs"]
mod common;
mod server;
#[cfg(feature = "serve")]
mod tower;

use keyscan::RuleSet;
use keyscan::guard::{
    Action, Direction, DirectionPolicy, Framing, Guard, Policy, StreamError, StreamGuard, StreamLimits, Streams,
};
use keyscan::redact::{Admission, KnownSecrets, Redaction, TextFormat};
use proptest::prelude::*;
use serde_json::{Value, json};

use client::{Client, joined};
use common::Random;
use server::{Dialect, stream};

const KNOWN: &str = "quartz-0123\"basalt\\end";

fn redaction() -> Redaction {
    let known = KnownSecrets::new();
    let admission = Admission { min_len: 6, allow_common: true };
    assert!(known.add_all([("known", KNOWN.as_bytes())], admission).is_empty());
    Redaction::new(RuleSet::builtin()).with_known(known)
}

/// A secret that the rules find.
fn token(seed: u64) -> String {
    let rules = RuleSet::builtin();
    let rule = rules.get("github-pat").expect("it is a rule");
    let filled = rule.samples()[0].fill(seed, rule.checksum());
    String::from_utf8(filled.text[filled.secret].to_vec()).expect("it is ASCII")
}

/// A password, which stands nowhere as one.
fn password() -> String {
    ["Xk29", "qmZt", "81rW"].join("-")
}

fn guarded<'p>(streams: &Streams, framing: Framing, pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
    let (mut guard, mut out) = (streams.start(framing), Vec::new());
    for piece in pieces {
        guard.push(piece, &mut out).expect("it is within the limits");
    }
    guard.finish(&mut out).expect("it is within the limits");
    out
}

/// What a redactor makes of the whole text.
fn whole(text: &str) -> String {
    let out = redaction().with_format(TextFormat::Json).redact(text.as_bytes());
    String::from_utf8(out).expect("it is UTF-8")
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// No three bytes of a secret that follow one another come out, behind those with which everyone's secret starts.
#[track_caller]
fn assert_hidden(out: &[u8], secret: &str) {
    let out = show(out);
    assert!(!out.contains(secret), "{out}");
    for at in 4..secret.len() - 6 {
        assert!(!out.contains(&secret[at..at + 6]), "{} of the secret in {out}", &secret[at..at + 6]);
    }
}

#[test]
fn a_secret_that_is_cut_anywhere_shows_nothing() {
    let streams = Streams::hiding(&redaction());
    let token = token(1);
    let text = format!("Use {token}, then go on.");
    let expected = whole(&text);
    assert!(expected.contains("[REDACTED:github-pat]"));
    for dialect in Dialect::ALL {
        for cut in 0..=text.len() {
            let bytes = stream(dialect, &[&text[..cut], &text[cut..]], "");
            let out = guarded(&streams, dialect.framing(), [bytes.as_bytes()]);
            assert_hidden(&out, &token);
            assert_eq!(joined(dialect, &out).text, expected, "{dialect:?} cut at {cut}: {}", show(&out));
        }
        let letters: Vec<&str> = text.split_inclusive(|_| true).collect();
        let bytes = stream(dialect, &letters, "");
        let out = guarded(&streams, dialect.framing(), bytes.as_bytes().chunks(1));
        assert_hidden(&out, &token);
        assert_eq!(joined(dialect, &out).text, expected, "{dialect:?}: {}", show(&out));
    }
}

#[test]
fn arguments_of_tools_stay_documents_wherever_they_are_cut() {
    let streams = Streams::hiding(&redaction());
    let token = token(2);
    let command = format!("echo \"{token}\"\n# '{KNOWN}'\t\u{e4}\u{1f600}");
    let arguments = json!({"command": command, "deep": {"list": [1, true, "x"]}}).to_string();
    let expected = whole(&arguments);
    let value: Value = serde_json::from_str(&expected).expect("it stays a document");
    assert!(!expected.contains("quartz") && value["command"].as_str().unwrap().ends_with("'\t\u{e4}\u{1f600}"));
    for dialect in Dialect::ALL.into_iter().filter(|dialect| dialect.has_tools()) {
        for cut in (0..=arguments.len()).filter(|cut| arguments.is_char_boundary(*cut)) {
            let bytes = server::with_tool(dialect, &[&arguments[..cut], &arguments[cut..]]);
            let out = guarded(&streams, dialect.framing(), [bytes.as_bytes()]);
            assert_hidden(&out, &token);
            let client = joined(dialect, &out);
            assert_eq!(client.arguments, expected, "{dialect:?} cut at {cut}: {}", show(&out));
            client.assert_consistent();
        }
    }
}

#[test]
fn a_secret_in_arguments_is_hidden_however_it_is_escaped() {
    let streams = Streams::hiding(&redaction());
    let token = token(12);
    let escaped: String = token.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let half = format!("{}\\u{:04X}{}", &token[..9], u32::from(token.as_bytes()[9]), &token[10..]);
    for secret in [&escaped, &half] {
        let arguments = format!("{{\"a\\/b\": \"\\u00e4\\\\ {secret} \\/\\ud83d\\ude00\\ud83d \\\"\", \"n\": 1.50}}");
        let expected = "{\"a\\/b\": \"\\u00e4\\\\ [REDACTED:github-pat] \\/\\ud83d\\ude00\\ud83d \\\"\", \"n\": 1.50}";
        for dialect in Dialect::ALL.into_iter().filter(|dialect| dialect.has_tools()) {
            for cut in 0..=arguments.len() {
                let bytes = server::with_tool(dialect, &[&arguments[..cut], &arguments[cut..]]);
                let out = guarded(&streams, dialect.framing(), [bytes.as_bytes()]);
                let client = joined(dialect, &out);
                assert_eq!(client.arguments, expected, "{dialect:?} cut at {cut}");
                client.assert_consistent();
            }
            let letters: Vec<&str> = arguments.split_inclusive(|_| true).collect();
            let out = guarded(&streams, dialect.framing(), [server::with_tool(dialect, &letters).as_bytes()]);
            assert_eq!(joined(dialect, &out).arguments, expected, "{dialect:?}");
        }
    }
    // What breaks off comes out as it is.
    for text in ["{\"a\": \"b\\", "{\"a\": \"\\u00", "{\"a\": \"\\ud83d", "{\"a\": \"\\ud83d\\u", "{\"a\\"] {
        let out = guarded(&streams, Framing::Events, [server::with_tool(Dialect::Anthropic, &[text]).as_bytes()]);
        assert_eq!(joined(Dialect::Anthropic, &out).arguments, text);
    }
}

#[test]
fn no_more_is_held_than_a_redactor_holds() {
    let streams = Streams::hiding(&redaction());
    let text =
        "Some words, a path /usr/bin/env, token = \"ab\", ghp_ and ghx, eyJ and {\"a\": 12}.\nMore: quartz-0, quarry.";
    let (mut guard, mut out) = (streams.start(Framing::Events), Vec::new());
    let (mut redactor, mut shown) = (redaction().with_format(TextFormat::Json).redactor(), Vec::new());
    for letter in text.split_inclusive(|_| true) {
        let delta = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": letter}});
        guard.push(format!("data: {delta}\n\n").as_bytes(), &mut out).unwrap();
        redactor.push(letter.as_bytes(), &mut shown);
        assert_eq!(Client::read(Dialect::Anthropic, &out).text, show(&shown));
    }
}

#[test]
fn streams_without_secrets_stay_as_they_are_event_by_event() {
    let streams = Streams::hiding(&redaction());
    // A word at the end of a token may go on, and become anything.
    let words = ["It ", "is ", "fine, ", "\u{e4}\n", "let a = 1;\n", "{ \"a\": 1 }\n", "\u{1f600} api ", "key!\n"];
    for dialect in Dialect::ALL {
        for line_end in ["\n", "\r\n"] {
            let bytes = stream(dialect, &words, ": a comment\nid: 17\nretry: 3000\n").replace('\n', line_end);
            let bytes = if dialect.framing() == Framing::Lines { bytes.replace("\r\n", "\n") } else { bytes };
            let (mut guard, mut out) = (streams.start(dialect.framing()), Vec::new());
            for byte in bytes.as_bytes().chunks(1) {
                guard.push(byte, &mut out).unwrap();
                // An event is out with its last byte.
                let complete = dialect.complete(&bytes.as_bytes()[..out.len()]);
                assert!(complete, "{dialect:?}: {}", show(&out));
            }
            assert_eq!(show(&out), bytes, "{dialect:?}: nothing waits for the end");
            guard.finish(&mut out).unwrap();
            assert_eq!(show(&out), bytes, "{dialect:?}");
            assert_eq!(guard.stats().total(), 0);
        }
    }
}

#[test]
fn what_is_held_when_a_text_ends_comes_before_the_event_that_ends_it() {
    let streams = Streams::hiding(&redaction());
    for dialect in Dialect::ALL {
        let start = &token(3)[..12];
        let bytes = stream(dialect, &["It starts with ", start], "");
        let out = guarded(&streams, dialect.framing(), [bytes.as_bytes()]);
        let client = joined(dialect, &out);
        assert_eq!(client.text, whole(&format!("It starts with {start}")), "{dialect:?}: {}", show(&out));
        client.assert_consistent();
        // A stream that breaks off says what it held, too.
        let half =
            &bytes.as_bytes()[..bytes.find(start).unwrap() + bytes[bytes.find(start).unwrap()..].find('\n').unwrap()];
        let out = guarded(&streams, dialect.framing(), [half]);
        assert_eq!(
            Client::read(dialect, &out).first(),
            format!("It starts with {start}"),
            "{dialect:?}: {}",
            show(&out)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_tokens_and_any_pieces_give_what_the_whole_text_gives(seed in any::<u64>()) {
        let mut random = Random(seed);
        let streams = Streams::hiding(&redaction());
        let dialect = *random.pick(&Dialect::ALL);
        let mut text = String::new();
        for _ in 0..random.below(12) {
            match random.below(8) {
                0 => text.push_str(&token(random.next())),
                1 => text.push_str(KNOWN),
                2 => text.push_str("\u{e4}\u{1f600}\u{2028}"),
                3 => text.push_str(&format!("password = \"{}\"\n", password())),
                4 => text.push_str("\n{\"api_key\": \"x\", \"n\": [1, 2]}\n"),
                5 => text.push_str(&KNOWN[..random.below(KNOWN.len())]),
                6 => text.push_str("data: [DONE]\n\n\\u0041 \u{1b}[31mred\u{1b}[0m"),
                _ => text.push_str("plain words, and more of them "),
            }
        }
        let mut tokens = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let mut len = (1 + random.below(9)).min(rest.len());
            while !rest.is_char_boundary(len) {
                len += 1;
            }
            tokens.push(&rest[..len]);
            rest = &rest[len..];
        }
        let bytes = stream(dialect, &tokens, "");
        let mut pieces = Vec::new();
        let mut rest = bytes.as_bytes();
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at((1 + random.below(200)).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        let out = guarded(&streams, dialect.framing(), pieces);
        let client = joined(dialect, &out);
        prop_assert_eq!(&client.text, &whole(&text), "{:?}: {}", dialect, show(&out));
        client.assert_consistent();
        // What comes out of a second guard is the same.
        let again = guarded(&streams, dialect.framing(), [out.as_slice()]);
        prop_assert_eq!(joined(dialect, &again).text, client.text);
    }
}

#[test]
fn logprobs_tell_nothing_that_is_hidden_and_all_that_is_not() {
    let streams = Streams::hiding(&redaction());
    let secret = token(4);
    let tokens: Vec<&str> = ["It", " is", " gh", "ost", " not", " "]
        .into_iter()
        .chain(secret.split_inclusive(|_| true))
        .chain([",", " ok", "."])
        .collect();
    for dialect in [Dialect::Chat, Dialect::Responses] {
        let bytes = server::with_logprobs(dialect, &tokens);
        let out = guarded(&streams, dialect.framing(), [bytes.as_bytes()]);
        assert_hidden(&out, &secret);
        let client = joined(dialect, &out);
        let shown: String = client.logprobs.concat();
        assert!(shown.starts_with("It is ghost not") && shown.ends_with(" ok."), "{shown}");
        assert!(!client.logprobs.iter().any(|token| secret[4..].contains(token.as_str()) && token.len() > 1));
        assert!(client.logprobs.len() < 12, "{:?}", client.logprobs);
        client.assert_consistent();
        let clean = server::with_logprobs(dialect, &["It ", "is ", "fine\n"]);
        assert_eq!(show(&guarded(&streams, dialect.framing(), [clean.as_bytes()])), clean);
    }
}

#[test]
fn events_that_nobody_knows_are_looked_at_string_by_string() {
    let streams = Streams::hiding(&redaction());
    let secret = token(5);
    let event = json!({"type": "some.new.event", "n": 12, "a": [{"b": secret, "c": "\u{e4}"}], secret.clone(): true,
        "password": password(), "signature": "abcd"});
    let bytes =
        format!(": {secret}\nid: {secret}\nevent: x\ndata: {event}\n\ndata: not json {secret} now \n\n: ok\n\n");
    for cut in 0..bytes.len() {
        let out = guarded(&streams, Framing::Events, [&bytes.as_bytes()[..cut], &bytes.as_bytes()[cut..]]);
        assert_hidden(&out, &secret);
        let out = show(&out);
        assert!(!out.contains(&password()) && out.contains("\u{e4}") && out.ends_with("\n\n: ok\n\n"), "{out}");
    }
}

#[test]
fn opaque_bytes_are_not_touched() {
    let streams = Streams::hiding(&redaction());
    let opaque = "EqQBCgIYAhIMpasswordKey".repeat(9);
    let events = [
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": opaque}}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": opaque}}),
        json!({"type": "response.audio.delta", "delta": opaque}),
        json!({"type": "response.output_item.done", "item": {"type": "reasoning", "encrypted_content": opaque}}),
    ];
    for event in events {
        let bytes = format!("data: {event}\n\n");
        assert_eq!(show(&guarded(&streams, Framing::Events, [bytes.as_bytes()])), bytes);
    }
}

#[test]
fn data_over_several_lines_is_one_text() {
    let streams = Streams::hiding(&redaction());
    let secret = token(6);
    let bytes = format!(
        "event: x\r\ndata: {{\"choices\": [{{\"index\": 0,\r\ndata:  \"delta\": {{\"content\": \"{secret}\"}}}}]}}\r\nid: 4\r\n\r\n"
    );
    let out = show(&guarded(&streams, Framing::Events, [bytes.as_bytes()]));
    assert!(!out.contains(&secret[4..]), "{out}");
    assert!(out.contains("\r\ndata:  \"delta\": {\"content\": ") && out.contains("\r\nid: 4\r\n\r\n"), "{out}");
}

#[test]
fn tokens_without_documents_are_one_text() {
    let streams = Streams::hiding(&redaction());
    let secret = token(7);
    for quoted in [false, true] {
        let event =
            |token: &str| if quoted { format!("data: {}\n\n", json!(token)) } else { format!("data: {token}\n\n") };
        let bytes: String = secret.split_inclusive(|_| true).map(event).collect();
        let bytes = format!("{}{bytes}{}data: [DONE]\n\n", event("so:"), event("!"));
        let out = guarded(&streams, Framing::Events, [bytes.as_bytes()]);
        assert_hidden(&out, &secret);
        let data =
            show(&out).lines().filter_map(|line| line.strip_prefix("data: ").map(str::to_owned)).collect::<Vec<_>>();
        let text = |data: &String| if quoted { serde_json::from_str(data).unwrap_or_default() } else { data.clone() };
        let all: String = data.iter().filter(|data| *data != "[DONE]").map(text).collect();
        assert_eq!(all, "so:[REDACTED:github-pat]!");
        assert_eq!(data.last().map(String::as_str), Some("[DONE]"));
    }
}

#[test]
fn whole_documents_are_edited_in_place() {
    let streams = Streams::hiding(&redaction());
    let secret = token(8);
    let body = format!(
        "{{ \"id\" : \"chatcmpl-1\",\n \"choices\": [{{\"message\":{{\"content\": \"a\\u00e4 {secret} \\/ b\"}},\
         \"logprobs\":{{\"content\":[{{\"token\":\"a\\u00e4 \",\"logprob\":-1.5}},{{\"token\":\"{secret}\",\"logprob\":0}},\
         {{\"token\":\" / b\",\"logprob\":-0.5}}]}}}}], \"usage\": {{\"total_tokens\": 1234567}} }}\n"
    );
    for framing in [Framing::Json, Framing::Lines] {
        let body = if framing == Framing::Lines { body.replacen(",\n", ",", 1) } else { body.clone() };
        let out = guarded(&streams, framing, body.as_bytes().chunks(7));
        assert_hidden(&out, &secret);
        let value: Value = serde_json::from_slice(&out).expect("it stays a document");
        assert_eq!(value["choices"][0]["message"]["content"], "a\u{e4} [REDACTED:github-pat] / b");
        assert_eq!(value["choices"][0]["logprobs"]["content"].as_array().map(Vec::len), Some(2));
        assert!(show(&out).ends_with(", \"usage\": {\"total_tokens\": 1234567} }\n"));
    }
    let clean = br#" {"a": "\u0041\/", "n": 1.50, "b": [ ] } "#;
    assert_eq!(guarded(&streams, Framing::Json, [&clean[..]]), clean);
    assert_hidden(&guarded(&streams, Framing::Json, [format!("{{\"a\": \"{secret}\"").as_bytes()]), &secret);
}

#[test]
fn what_is_beyond_the_limits_ends_the_stream() {
    let limits = StreamLimits { event_len: 1000, document_len: 2000, channels: 3 };
    let streams = Streams::hiding(&redaction()).with_limits(limits);
    let mut out = Vec::new();
    let mut guard = streams.start(Framing::Events);
    assert_eq!(guard.push(&[b'x'; 1001], &mut out), Err(StreamError::EventTooLong(1000)));
    assert_eq!(guard.push(b"\n\ndata: more\n\n", &mut out), Err(StreamError::EventTooLong(1000)));
    assert_eq!(guard.finish(&mut out), Err(StreamError::EventTooLong(1000)));
    let mut guard = streams.start(Framing::Json);
    assert_eq!(guard.push(&[b' '; 1999], &mut out), Ok(()));
    assert_eq!(guard.push(b"  ", &mut out), Err(StreamError::DocumentTooLong(2000)));
    let mut guard = streams.start(Framing::Lines);
    assert_eq!(guard.push(&[b'x'; 1001], &mut out), Err(StreamError::EventTooLong(1000)));
    assert_eq!(out, b"");
    let mut guard = streams.start(Framing::Events);
    let event = |index| format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{\"content\":\"a\"}}}}]}}\n\n");
    for index in 0..3 {
        assert_eq!(guard.push(event(index).as_bytes(), &mut out), Ok(()));
    }
    let before = out.len();
    assert_eq!(guard.push(event(3).as_bytes(), &mut out), Err(StreamError::TooManyChannels(3)));
    assert_eq!((guard.push(event(0).as_bytes(), &mut out).is_err(), out.len()), (true, before));
}

#[test]
fn a_policy_may_end_a_stream_before_anything_is_shown() {
    let block = DirectionPolicy { action: Some(Action::Block), ..DirectionPolicy::default() };
    let guard = Guard::with_policy(&redaction(), &Policy::uniform(&block));
    let streams = Streams::new(&guard, Direction::ToUser);
    let secret = token(9);
    let bytes = stream(Dialect::Anthropic, &["All is well. ", &secret[..9], &secret[9..], " more"], "");
    let (mut guard, mut out) = (streams.start(Framing::Events), Vec::new());
    let error = guard.push(bytes.as_bytes(), &mut out).unwrap_err();
    assert!(matches!(&error, StreamError::Blocked(_)) && error.to_string().contains("github-pat"), "{error}");
    assert!(show(&out).contains("All is well") && !show(&out).contains("REDACTED"));
    assert_hidden(&out, &secret);
    let hiding = Streams::new(&Guard::with_policy(&redaction(), &Policy::default()), Direction::ToUser);
    let mut guard = hiding.start(Framing::Events);
    guard.push(bytes.as_bytes(), &mut out).unwrap();
    let findings = guard.take_findings();
    // In the thought and in the text.
    assert_eq!(findings.iter().map(|entry| entry.rule.as_str()).collect::<Vec<_>>(), ["github-pat"; 2]);
    assert!(guard.take_findings().is_empty());
}

#[test]
fn guards_cross_threads_and_show_nothing() {
    fn is_send<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    is_send::<StreamGuard>();
    is_shared::<Streams>();
    let mut guard = StreamGuard::new(&redaction(), Framing::Events);
    guard.push(b"data: quartz-0123", &mut Vec::new()).unwrap();
    assert_eq!(format!("{guard:?}"), "StreamGuard(Events, 17 bytes held)");
}

#[test]
fn hostile_events_take_linear_time() {
    let streams = Streams::hiding(&Redaction::new(RuleSet::new()));
    let repeated = |part: &str, count: usize| vec![part; count].join(",");
    let events: [&dyn Fn(usize) -> String; 6] = [
        &|n| {
            format!(
                "{{\"choices\":[{{\"index\":0,\"finish_reason\":\"stop\",\"delta\":{{{}}}}}]}}",
                repeated("\"content\":\"\"", n)
            )
        },
        &|n| format!("{{\"choices\":[{}]}}", repeated("{\"delta\":{\"content\":\"\"},\"index\":0}", n)),
        &|n| format!("{{{}}}", repeated("\"data\":\"\"", n)),
        &|n| format!("{{\"candidates\":[{{\"content\":{{\"parts\":[{}]}}}}]}}", repeated("{\"text\":\"\"}", n)),
        &|n| format!("{{\"type\":\"content_block_delta\",\"delta\":{{{}}}}}", repeated("\"text\":\"\"", n)),
        &|n| format!("{{\"type\":\"x.delta\",\"a\":{}{}}}", "[".repeat(n.min(400)), "]".repeat(n.min(400))),
    ];
    for (number, event) in events.iter().enumerate() {
        let time = |count: usize| {
            let bytes = format!("data: {}\n\n", event(count));
            let start = std::time::Instant::now();
            assert_eq!(guarded(&streams, Framing::Events, [bytes.as_bytes()]).len(), bytes.len());
            start.elapsed()
        };
        let (few, many) = (time(2_000), time(20_000));
        assert!(many < few * 40 + std::time::Duration::from_millis(300), "{number}: {few:?} {many:?}");
    }
}

#[test]
fn many_small_events_in_one_piece_take_linear_time() {
    let streams = Streams::hiding(&Redaction::new(RuleSet::new()));
    let time = |count: usize| {
        let bytes = ":\n\n".repeat(count);
        let start = std::time::Instant::now();
        assert_eq!(guarded(&streams, Framing::Events, [bytes.as_bytes()]).len(), bytes.len());
        start.elapsed()
    };
    let (few, many) = (time(20_000), time(200_000));
    assert!(many < few * 40 + std::time::Duration::from_millis(200), "{few:?} {many:?}");
}
