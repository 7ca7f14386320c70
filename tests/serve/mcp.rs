//! Before an MCP server over streamable HTTP: messages lose their secrets however they are cut, keep their ids, and
//! nobody waits for what was withheld.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Answer, Serve};
use crate::upstream::{Script, Upstream};
use crate::{question, token};

const MARKER: &str = "[REDACTED:github-pat]";

fn before(upstream: &Upstream, more: &[&str]) -> Serve {
    let url = format!("files={}", upstream.url());
    Serve::start(&[&["--mcp", &url], more].concat())
}

fn events(pieces: Vec<Vec<u8>>) -> Upstream {
    Upstream::start(Script::new("200 OK", "text/event-stream\r\nmcp-session-id: s-1", pieces))
}

fn call(serve: &Serve, message: &Value) -> Answer {
    serve.post("/mcp/files", "application/json\r\nmcp-session-id: s-1\r\naccept: */*", &question(message))
}

fn request(id: u32, text: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "f", "arguments": {"t": text}}})
}

#[test]
fn events_lose_their_secrets_wherever_they_are_cut() {
    let token = token(31);
    for end in ["\n", "\r\n", "\r"] {
        let came = |secret: &str| {
            let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"message": secret}});
            let result = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": secret}]}});
            [
                &format!("id: a-0{end}data: {end}{end}"),
                &format!(": note {secret}{end}id:{}{end}retry: 500{end}event: message{end}data:{progress}{end}{end}", "a".repeat(40)),
                &format!("event: message{end}data: {{\"jsonrpc\":\"2.0\",{end}data: \"id\":7,\"result\":{{ \"n\":1.0 }} }}{end}id: 2{end}{end}"),
                &format!("data: {result}{end}id: 3{end}{end}"),
            ]
            .map(String::as_str)
            .concat()
        };
        let text = came(&token).into_bytes();
        for pieces in [vec![text.clone()], text.chunks(7).map(<[u8]>::to_vec).collect()] {
            let upstream = events(pieces);
            let serve = before(&upstream, &[]);
            let answer = call(&serve, &request(1, "plain"));
            assert_eq!((answer.status, answer.header("mcp-session-id")), (200, Some("s-1")));
            assert_eq!(answer.text(), came(MARKER));
            let asked = upstream.asked().remove(0);
            assert!(asked.starts_with("POST /base HTTP/1.1\r\n") && asked.contains("mcp-session-id: s-1"), "{asked}");
        }
    }
}

#[test]
fn a_stream_that_was_cut_off_goes_on_and_a_session_ends() {
    let token = token(32);
    let said = format!("id: 8\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"n\",\"params\":[\"{token}\"]}}\n\n");
    let upstream = events(vec![said.clone().into_bytes()]);
    let serve = before(&upstream, &[]);
    let head = "mcp-session-id: s-1\r\nmcp-protocol-version: 2025-11-25\r\nlast-event-id: 7";
    let answer = serve.ask(&format!("GET /mcp/files?k=v HTTP/1.1\r\nhost: localhost\r\n{head}"), b"");
    assert_eq!(answer.text(), said.replace(&token, MARKER));
    serve.ask(&format!("DELETE /mcp/files HTTP/1.1\r\nhost: localhost\r\n{head}"), b"");
    let asked = upstream.asked();
    assert!(asked[0].starts_with("GET /base?k=v HTTP/1.1\r\n") && asked[0].contains("last-event-id: 7"), "{asked:?}");
    assert!(asked[1].starts_with("DELETE /base HTTP/1.1\r\n"), "{asked:?}");
    for (head, status) in [
        ("PUT /mcp/files HTTP/1.1\r\nhost: localhost", 405),
        ("GET /mcp HTTP/1.1\r\nhost: localhost", 404),
        ("GET /mcp/files HTTP/1.1\r\nhost: evil.example", 403),
        ("GET /mcp/files HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example", 403),
        ("GET /mcp/files HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade", 501),
    ] {
        assert_eq!(serve.ask(head, b"").status, status, "{head}");
    }
    assert_eq!(upstream.asked().len(), 2);
}

#[cfg(unix)]
#[test]
fn a_stream_without_end_does_not_keep_the_sidecar() {
    let piece = b"data: {\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n\n".to_vec();
    let script = Script::new("200 OK", "text/event-stream", vec![piece.clone(); 100]);
    let upstream = Upstream::start(Script { pause: Duration::from_secs(1), ..script });
    let mut serve = before(&upstream, &[]);
    let mut connection = serve.connect();
    connection.send("GET /mcp/files HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream", b"");
    assert_eq!(connection.head().status, 200);
    assert_eq!(connection.piece().unwrap(), piece);
    let start = std::time::Instant::now();
    serve.signal("TERM");
    assert_eq!(serve.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(20), "answers may take 30 s");
    // What came is whole.
    while !connection.piece().unwrap().is_empty() {}
}

#[test]
fn what_clients_say_is_refused_by_its_id() {
    let token = token(33);
    let answer = json!({"jsonrpc": "2.0", "id": 5, "result": {}}).to_string();
    let upstream = Upstream::start(Script::new("200 OK", "application/json", vec![answer.into_bytes()]));
    let serve = before(&upstream, &[]);
    let refused = call(&serve, &request(9, &token));
    assert_eq!((refused.status, &refused.json()["id"]), (200, &json!(9)));
    assert_eq!(refused.json()["error"]["code"], -32001);
    assert!(refused.text().contains("github-pat") && !refused.text().contains(&token[8..20]));
    let batch = call(&serve, &json!([request(1, &token), request(2, "b")]));
    assert_eq!((&batch.json()[0]["id"], &batch.json()[1]["id"]), (&json!(1), &json!(2)));
    let notified = call(&serve, &json!({"jsonrpc": "2.0", "method": "notifications/x", "params": [token]}));
    assert_eq!((notified.status, &notified.json()["id"]), (400, &Value::Null));
    let header = format!(
        "POST /mcp/files HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nmcp-param-key: {token}"
    );
    assert_eq!(serve.ask(&header, &question(&request(3, "c"))).status, 400);
    let no_json = serve.post("/mcp/files", "application/json", token.as_bytes());
    assert_eq!((no_json.status, &no_json.json()["error"]["code"]), (400, &json!(-32700)));
    assert_eq!(serve.post("/mcp/files", "text/plain", b"{}").status, 415);
    assert!(upstream.asked().is_empty(), "{:?}", upstream.asked());
    // Of an answer to what the server asked, the server gets an error, since it waits.
    call(&serve, &json!({"jsonrpc": "2.0", "id": "s1", "result": {"text": token}}));
    let asked = upstream.asked().remove(0);
    assert!(asked.contains("\"id\":\"s1\",\"error\":{\"code\":-32001") && !asked.contains(&token[8..20]), "{asked}");
    assert_eq!(call(&serve, &request(4, "plain")).json()["id"], 5);
    assert!(!serve.said().contains(&token[8..20]));
}

#[test]
fn what_the_policy_blocks_ends_nobodys_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("keyscan.toml");
    std::fs::write(&config, "[guard.to-model]\naction = \"block\"\n").unwrap();
    let token = token(34);
    let said = format!(
        "id: 1\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"n\",\"params\":[\"{token}\"]}}\n\n\
         id: 2\ndata: {{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"sampling/createMessage\",\"params\":[\"{token}\"]}}\n\n\
         id: 3\ndata: {{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{{\"t\":\"{token}\"}}}}\n\n\
         id: 4\ndata: {{\"jsonrpc\":\"2.0\",\"id\":\"{token}\",\"result\":{{}}}}\n\n"
    );
    let upstream = events(vec![said.into_bytes()]);
    let serve = before(&upstream, &["--config", config.to_str().unwrap()]);
    let answer = call(&serve, &request(4, "plain")).text();
    assert!(!answer.contains(&token[8..20]), "{answer}");
    let events: Vec<&str> = answer.split_terminator("\n\n").collect();
    assert_eq!(events.len(), 4, "{answer}");
    assert_eq!(events[0], "id: 1\n: keyscan withheld a message");
    assert_eq!(events[1], "id: 2\n: keyscan withheld a message");
    assert!(events[2].starts_with("id: 3\ndata: {\"jsonrpc\":\"2.0\",\"id\":4,\"error\":{\"code\":-32001"), "{answer}");
    // Whose id is the secret cannot be told.
    assert_eq!(events[3], "id: 4\n: keyscan withheld a message");
    // The server, which asked, is told.
    let start = std::time::Instant::now();
    while upstream.asked().len() < 2 {
        assert!(start.elapsed() < crate::http::PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    let told = upstream.asked().remove(1);
    assert!(told.contains("\"id\":\"q\",\"error\"") && told.contains("mcp-session-id: s-1"), "{told}");
}

#[test]
fn events_that_are_too_long_are_answered_by_their_id() {
    let token = token(35);
    let long = "x".repeat(300_000);
    let next = "id: 9\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\r\n\r\n";
    let text = format!(
        "id: 8\r\nevent: message\r\ndata: {{\"jsonrpc\":\"2.0\",\"id\":3,\r\ndata: \"result\":[\"{long}\",\"{token}\"]}}\r\n\r\n{next}"
    );
    for size in [text.len(), 1000] {
        let upstream = events(text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect());
        let serve = before(&upstream, &["--max-body", "100K"]);
        let answer = call(&serve, &request(3, "plain")).text();
        let (first, rest) = answer.split_once("\n\n").unwrap();
        assert!(first.starts_with("id: 8\ndata: {\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-32600"), "{first}");
        assert_eq!(rest.trim_start_matches(['\r', '\n']), next);
        let refused = call(&serve, &request(3, &long));
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (413, &json!(-32001)));
    }
}

#[test]
fn what_nobody_would_look_into_does_not_pass() {
    let token = token(36);
    for (status, head, body) in [
        ("307 X\r\nlocation: http://127.0.0.1:9/", "text/plain", "moved".to_owned()),
        ("200 OK", "application/octet-stream", token.clone()),
        ("200 OK", "application/json\r\ncontent-encoding: gzip", token.clone()),
        ("200 OK", "application/json", format!("{{\"a\": {token}")),
    ] {
        let upstream = Upstream::start(Script::new(status, head, vec![body.into_bytes()]));
        let answer = call(&before(&upstream, &[]), &request(1, "plain"));
        assert_eq!((answer.status, &answer.json()["id"]), (502, &Value::Null), "{head}: {}", answer.text());
        assert!(!answer.text().contains(&token[8..20]) && answer.header("location").is_none());
    }
    // Errors of other kinds pass, redacted.
    let upstream =
        Upstream::start(Script::new("401 X\r\nwww-authenticate: Bearer", "text/plain", vec![token.into_bytes()]));
    let answer = call(&before(&upstream, &[]), &request(1, "plain"));
    assert_eq!(
        (answer.status, answer.text(), answer.header("www-authenticate")),
        (401, MARKER.to_owned(), Some("Bearer"))
    );
}
