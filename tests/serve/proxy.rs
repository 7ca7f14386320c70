//! The proxy between a client and a model that speaks token by token.

use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Answer, Serve};
use super::upstream::{Script, Upstream};
use super::{KNOWN, KNOWN_ARGS, token};

fn start(script: Script, args: &[&str]) -> (Upstream, Serve) {
    let upstream = Upstream::start(script);
    let url = upstream.url();
    let serve = Serve::start(&[&["--proxy", &url], &KNOWN_ARGS[..], args].concat());
    (upstream, serve)
}

fn ask(serve: &Serve, path: &str, body: &Value) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost:7487\r\ncontent-type: application/json\r\nx-api-key: {}\r\n\
         authorization: Bearer {}\r\naccept-encoding: gzip, br\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nte: trailers",
        token(90),
        token(91)
    );
    serve.ask(&head, body.to_string().as_bytes())
}

/// Deltas of a text that is cut into letters.
fn anthropic(text: &str) -> Vec<Vec<u8>> {
    let event = |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()).into_bytes();
    let mut events = vec![
        event(json!({"type": "message_start", "message": {"id": "msg_1", "content": []}})),
        event(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})),
    ];
    events.extend(text.split_inclusive(|_| true).map(|letter| {
        event(json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": letter}}))
    }));
    events.push(event(json!({"type": "content_block_stop", "index": 0})));
    events.push(event(json!({"type": "message_stop"})));
    events
}

fn chat(text: &str) -> Vec<Vec<u8>> {
    let chunk = |delta: Value, finish: Value| {
        let chunk = json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        format!("data: {chunk}\n\n").into_bytes()
    };
    let mut chunks: Vec<Vec<u8>> =
        text.split_inclusive(|_| true).map(|letter| chunk(json!({"content": letter}), Value::Null)).collect();
    chunks.push(chunk(json!({}), "stop".into()));
    chunks.push(b"data: [DONE]\n\n".to_vec());
    chunks
}

/// What a client puts together.
fn joined(body: &str) -> String {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    let event = |data| -> Value { serde_json::from_str(data).expect("it stays a document") };
    let text = |event: Value| {
        let text = event["delta"]["text"].as_str().or(event["choices"][0]["delta"]["content"].as_str());
        text.unwrap_or_default().to_owned()
    };
    data.map(event).map(text).collect()
}

#[test]
fn prompts_are_redacted_on_their_way_out_and_answers_on_their_way_back() {
    let (asked_token, said_token) = (token(10), token(11));
    let said = format!("The key is {said_token}, and {KNOWN} is the password.");
    for (path, events) in [("/v1/messages?beta=true", anthropic(&said)), ("/v1/chat/completions", chat(&said))] {
        let (upstream, serve) = start(Script::new("200 OK", "text/event-stream; charset=utf-8", events), &[]);
        let prompt = json!({"model": "m", "stream": true, "messages": [
            {"role": "user", "content": format!("my .env:\nKEY={asked_token}\nPASS={KNOWN}\n")}]});
        let answer = ask(&serve, path, &prompt);
        assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("req_1")));
        assert_eq!(answer.header("keep-alive"), None);
        assert_eq!(
            joined(&answer.text()),
            "The key is [REDACTED:github-pat], and [REDACTED:KNOWN_SECRET] is the password."
        );
        for at in 4..said_token.len() - 6 {
            assert!(!answer.text().contains(&said_token[at..at + 6]));
        }
        let asked = upstream.asked().pop().expect("it was asked");
        assert!(asked.starts_with(&format!("POST /base{path} HTTP/1.1\r\n")), "{asked}");
        assert!(!asked.contains(&asked_token) && !asked.contains(KNOWN), "{asked}");
        assert!(asked.contains("my .env:\\nKEY=[REDACTED:"), "{asked}");
        let lower = asked.to_ascii_lowercase();
        assert!(
            lower.contains("accept-encoding: identity\r\n")
                && lower.contains(&format!("host: {}\r\n", upstream.address))
        );
        for gone in ["x-hop", "te: ", "localhost", "gzip"] {
            assert!(!lower.contains(gone), "{gone} in {lower}");
        }
        // Who asks shows who he is to the upstream, and to nobody else.
        assert!(asked.contains(&token(90)) && asked.contains(&format!("Bearer {}", token(91))));
        let metrics = serve.get("/metrics").text();
        for text in [serve.said(), metrics.clone()] {
            assert!(
                ![&token(90), &token(91), &asked_token, &said_token].into_iter().any(|secret| text.contains(secret))
            );
        }
        assert!(metrics.contains("keyscan_requests_total{endpoint=\"proxy\",status=\"2xx\"} 1"), "{metrics}");
    }
}

#[test]
fn a_token_does_not_wait_for_the_next() {
    let mut script = Script::new("200 OK", "text/event-stream", chat("Hello there! \n"));
    script.pause = Duration::from_millis(300);
    let (_upstream, serve) = start(script, &[]);
    let mut connection = serve.connect();
    connection.send("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json", b"{}");
    assert_eq!(connection.head().status, 200);
    let start = std::time::Instant::now();
    assert!(connection.piece().unwrap().starts_with(b"data: "));
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
}

#[test]
fn answers_that_are_no_streams_are_redacted_too() {
    let secret = token(12);
    let body = json!({"content": [{"type": "text", "text": format!("take {secret}")}], "usage": {"output_tokens": 5}});
    let (_upstream, serve) = start(Script::new("200 OK", "application/json", vec![body.to_string().into_bytes()]), &[]);
    let answer = ask(&serve, "/v1/messages", &json!({}));
    assert_eq!(answer.json()["content"][0]["text"], "take [REDACTED:github-pat]");
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    let list = serve.get("/v1/models");
    assert_eq!(list.status, 200);
    // A document that breaks off is not passed.
    let mut script = Script::new("200 OK", "application/json", vec![format!("{{\"a\": \"{secret}").into_bytes()]);
    script.ends = false;
    let (_upstream, serve) = start(script, &[]);
    let answer = ask(&serve, "/v1/messages", &json!({}));
    assert!(answer.status == 502 && !answer.text().contains(&secret), "{}", answer.text());
}

#[test]
fn errors_of_the_upstream_are_passed() {
    let error = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}).to_string();
    let mut script = Script::new("429 Too Many Requests", "application/json", vec![error.clone().into_bytes()]);
    script.head.push_str("\r\nretry-after: 7");
    let (_upstream, serve) = start(script, &[]);
    let answer = ask(&serve, "/v1/messages", &json!({}));
    assert_eq!((answer.status, answer.header("retry-after"), answer.text()), (429, Some("7"), error));
}

#[test]
fn what_nobody_could_look_into_is_refused() {
    let mut script = Script::new("200 OK", "application/json", vec![b"\x1f\x8b".to_vec()]);
    script.head.push_str("\r\ncontent-encoding: gzip");
    let (_upstream, serve) = start(script, &[]);
    assert_eq!(ask(&serve, "/v1/messages", &json!({})).status, 502);
    let (upstream, serve) = start(Script::new("200 OK", "image/png", vec![b"\x89PNG\0\xff".to_vec()]), &[]);
    assert_eq!(ask(&serve, "/v1/images", &json!({})).body, b"\x89PNG\0\xff");
    assert_eq!(serve.post("/v1/files", "multipart/form-data; boundary=x", b"--x").status, 415);
    let upgrade = "GET /v1/realtime HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket";
    assert_eq!(serve.ask(upgrade, b"").status, 501);
    let gzip =
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-encoding: gzip";
    assert_eq!(serve.ask(gzip, b"x").status, 415);
    assert_eq!(upstream.asked().len(), 1, "none of them went out");
    let (upstream, serve) = start(Script::new("200 OK", "application/json", vec![b"{}".to_vec()]), &["--pass-unread"]);
    assert_eq!(serve.post("/v1/files", "multipart/form-data; boundary=x", b"--x\r\n\r\n--x--").status, 200);
    assert!(upstream.asked()[0].ends_with("--x\r\n\r\n--x--"));
}

#[test]
fn an_upstream_that_is_not_there_or_says_nothing_is_told_of() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let serve = Serve::start(&["--proxy", &format!("http://{free}")]);
    let answer = ask(&serve, "/v1/messages", &json!({}));
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (502, &json!("upstream_error")));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let serve = Serve::start(&["--proxy", &url, "--proxy-timeout", "0.3"]);
    assert_eq!(ask(&serve, "/v1/messages", &json!({})).status, 504);
    // Own paths are answered here.
    assert_eq!(serve.get("/healthz").text(), "ok\n");
}

#[test]
fn a_prompt_that_the_policy_blocks_stays_here() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("keyscan.toml");
    std::fs::write(&config, "[guard.to-model]\naction = \"block\"\n").unwrap();
    let (upstream, serve) =
        start(Script::new("200 OK", "application/json", vec![b"{}".to_vec()]), &["--config", config.to_str().unwrap()]);
    let secret = token(13);
    let answer = ask(&serve, "/v1/messages", &json!({"messages": [{"role": "user", "content": secret}]}));
    assert_eq!(answer.status, 400);
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("github-pat") && !message.contains(&secret), "{message}");
    assert!(upstream.asked().is_empty());
    assert_eq!(ask(&serve, "/v1/messages", &json!({"messages": []})).status, 200);
}

#[test]
fn a_stream_that_breaks_off_breaks_off() {
    let secret = token(14);
    let mut script = Script::new("200 OK", "text/event-stream", chat(&format!("Hello {secret}"))[..12].to_vec());
    script.ends = false;
    // What was not sent when it breaks off is not sent.
    script.pause = Duration::from_millis(30);
    let (_upstream, serve) = start(script, &[]);
    let mut connection = serve.connect();
    connection.send("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json", b"{}");
    assert_eq!(connection.head().status, 200);
    let mut all = Vec::new();
    let ended = loop {
        match connection.piece() {
            Some(piece) if piece.is_empty() => break true,
            Some(piece) => all.extend(piece),
            None => break false,
        }
    };
    let text = joined(&String::from_utf8(all).unwrap());
    assert!(!ended && text == "Hello ", "{ended} {text:?}");
}
