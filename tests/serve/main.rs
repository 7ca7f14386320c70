//! The sidecar and the proxy as their users meet them: a process on this machine, asked over sockets by clients that
//! are slow, rude, many, or mean, and before a model that speaks token by token.

#![cfg(all(feature = "serve", feature = "cli"))]

mod http;
mod limits;
mod mcp;
mod proxy;
mod upstream;

use std::io::Write;

use keyscan::RuleSet;
use serde_json::{Value, json};

use http::{Connection, Serve};

/// What the process knows, by the variable `KNOWN_SECRET`.
const KNOWN: &str = "quartz-0123-basalt";
const KNOWN_ARGS: [&str; 2] = ["--secrets-from", "env:KNOWN_SECRET"];

/// A secret that the rules find.
fn token(seed: u64) -> String {
    let rules = RuleSet::builtin();
    let rule = rules.get("github-pat").expect("it is a rule");
    let filled = rule.samples()[0].fill(seed, rule.checksum());
    String::from_utf8(filled.text[filled.secret].to_vec()).expect("it is ASCII")
}

fn question(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[test]
fn texts_are_scanned() {
    let serve = Serve::start(&[]);
    let token = token(1);
    let asked = question(&json!({"text": format!("a\n  key = {token}\n"), "path": "a.env"}));
    let answer = serve.post("/v1/scan", "application/json", &asked);
    let report = answer.json();
    assert_eq!((answer.status, &report["complete"]), (200, &json!(true)));
    let finding = &report["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["path"], &finding["line"]),
        (&json!("github-pat"), &json!("a.env"), &json!(2))
    );
    assert!(!answer.text().contains(&token), "{}", answer.text());
    let raw = serve.post("/v1/scan?path=b", "text/plain", format!("x {token}").as_bytes()).json();
    assert_eq!((&raw["findings"][0]["path"], &raw["findings"][0]["start"]), (&json!("b"), &json!(2)));
    let list = serve.post("/v1/scan", "application/json", &question(&json!({"texts": ["", token]}))).json();
    assert_eq!(list["findings"][0]["path"], "<request>[1]");
    let none = serve.post("/v1/scan", "application/json", &question(&json!({"text": "nothing"}))).json();
    assert_eq!(none["findings"], json!([]));
}

#[test]
fn texts_and_documents_are_redacted() {
    let serve = Serve::start(&KNOWN_ARGS);
    let token = token(2);
    let asked = question(&json!({"text": format!("{token} and {KNOWN}\n")}));
    let answer = serve.post("/v1/redact", "application/json", &asked).json();
    assert_eq!(answer["text"], "[REDACTED:github-pat] and [REDACTED:KNOWN_SECRET]\n");
    assert_eq!(answer["hidden"], json!({"github-pat": 1, "KNOWN_SECRET": 1}));
    assert_eq!(answer["complete"], true);
    let texts = question(&json!({"texts": ["a", token]}));
    let answer = serve.post("/v1/redact", "application/json", &texts).json();
    assert_eq!(answer["texts"], json!(["a", "[REDACTED:github-pat]"]));
    let asked = format!("{{\"document\": {{ \"b\" : 1.50, \"a\": [\"{token}\"] }} }}");
    let answer = serve.post("/v1/redact", "application/json", asked.as_bytes());
    assert!(
        answer.text().contains("\"document\":{ \"b\" : 1.50, \"a\": [\"[REDACTED:github-pat]\"] }"),
        "{}",
        answer.text()
    );
    let body = format!("{{ \"b\" : 1.50, \"a\": [\"{token}\"] }}\n");
    let answer = serve.post("/v1/redact?format=json", "application/json", body.as_bytes());
    assert_eq!(answer.text(), "{ \"b\" : 1.50, \"a\": [\"[REDACTED:github-pat]\"] }\n");
    let raw = [b"\xff\0 ".as_slice(), token.as_bytes(), b"\r\n\xfe"].concat();
    let answer = serve.post("/v1/redact", "application/octet-stream", &raw);
    assert_eq!(answer.body, b"\xff\0 [REDACTED:github-pat]\r\n\xfe");
}

#[test]
fn a_guard_decides() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("keyscan.toml");
    std::fs::write(&config, "[guard.to-model]\naction = \"block\"\n").unwrap();
    let serve = Serve::start(&["--config", config.to_str().unwrap()]);
    let token = token(3);
    let ask = |value: Value| serve.post("/v1/guard", "application/json", &question(&value)).json();
    assert_eq!(ask(json!({"text": "fine"}))["decision"], "allow");
    let redact = ask(json!({"text": format!("a {token}")}));
    assert_eq!((&redact["decision"], &redact["text"]), (&json!("redact"), &json!("a [REDACTED:github-pat]")));
    assert_eq!((&redact["findings"][0]["start"], &redact["findings"][0]["action"]), (&json!(2), &json!("redact")));
    let block = ask(json!({"text": format!("a {token}"), "direction": "to-model"}));
    assert_eq!((&block["decision"], block.get("text")), (&json!("block"), None));
    assert!(block["reason"].as_str().unwrap().contains("github-pat") && !block.to_string().contains(&token));
    let tool = ask(json!({"document": {"command": format!("echo {token}")}, "direction": "to-tool"}));
    assert_eq!(tool["decision"], "block");
    let all = ask(json!({"texts": ["a", token]}));
    assert_eq!(
        (&all["decisions"][0]["decision"], &all["decisions"][1]["decision"]),
        (&json!("allow"), &json!("redact"))
    );
    // A stream is withheld as soon as there is a reason.
    let answer = serve.post("/v1/guard?format=json&direction=to-model", "text/plain", &question(&json!([token])));
    assert_eq!(answer.status, 422);
    let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{token} \"}}}}]}}\n\n");
    let answer = serve.post("/v1/guard?direction=to-model", "text/event-stream", event.as_bytes());
    assert!(answer.text().contains("event: error") && !answer.text().contains(&token[8..]), "{}", answer.text());
}

#[test]
fn a_stream_comes_out_while_it_goes_in() {
    let serve = Serve::start(&KNOWN_ARGS);
    let mut connection = serve.connect();
    connection.send(
        "POST /v1/redact HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked",
        b"",
    );
    let mut out = Vec::new();
    let piece = |connection: &mut Connection, text: &str| {
        connection.stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).unwrap();
    };
    piece(&mut connection, "first line\n");
    assert_eq!(connection.head().status, 200);
    // The rest of the request is not there yet.
    out.extend(connection.piece().unwrap());
    assert_eq!(out, b"first line\n");
    piece(&mut connection, &format!("pass: {}", &KNOWN[..9]));
    assert_eq!(connection.piece().unwrap(), b"pass: ");
    piece(&mut connection, &format!("{}\n", &KNOWN[9..]));
    assert_eq!(connection.piece().unwrap(), b"[REDACTED:KNOWN_SECRET]\n");
    connection.stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(connection.piece().unwrap(), b"");
}

#[test]
fn what_cannot_be_answered_is_said() {
    let serve = Serve::start(&["--max-body", "1000"]);
    let token = token(4);
    for (head, body, status) in [
        (
            "POST /v1/scan HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json",
            format!("{{\"text\": {token}"),
            400,
        ),
        ("POST /v1/scan HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json", "{}".to_owned(), 400),
        (
            "POST /v1/scan HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json",
            "{\"txt\":\"\"}".to_owned(),
            400,
        ),
        ("POST /v1/scan?what=1 HTTP/1.1\r\nhost: localhost", "a".to_owned(), 400),
        ("POST /v1/scan HTTP/1.1\r\nhost: localhost", "a".repeat(1001), 413),
        ("POST /v1/scan HTTP/1.1\r\nhost: localhost\r\ncontent-encoding: gzip", "a".to_owned(), 415),
        ("GET /v1/scan HTTP/1.1\r\nhost: localhost", String::new(), 405),
        ("GET /v2 HTTP/1.1\r\nhost: localhost", String::new(), 404),
        ("GET /healthz HTTP/1.1\r\nhost: evil.example", String::new(), 403),
        ("GET /healthz HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example", String::new(), 403),
        ("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:1", String::new(), 200),
    ] {
        let answer = serve.ask(head, body.as_bytes());
        assert_eq!(answer.status, status, "{head}: {}", answer.text());
        assert!(!answer.text().contains(&token), "{}", answer.text());
        if status != 200 && status != 405 {
            assert!(answer.json()["error"]["message"].as_str().unwrap().starts_with("keyscan: "), "{}", answer.text());
        }
    }
    let mut broken = serve.connect();
    broken.stream.write_all(b"\x16\x03\x01 no http\r\n\r\n").unwrap();
    assert!(broken.head().status == 400);
    assert!(!serve.said().contains(&token));
}

#[test]
fn what_was_done_is_counted() {
    let serve = Serve::start(&KNOWN_ARGS);
    assert_eq!(serve.get("/healthz").text(), "ok\n");
    serve.post("/v1/redact", "application/json", &question(&json!({"text": format!("a {KNOWN}")})));
    serve.post("/v1/redact", "text/plain", format!("a {KNOWN}").as_bytes());
    let text = serve.get("/metrics").text();
    for line in [
        "keyscan_requests_total{endpoint=\"redact\",status=\"2xx\"} 2",
        "keyscan_hidden_total{rule=\"KNOWN_SECRET\"} 2",
        "keyscan_request_duration_seconds_count{endpoint=\"redact\"} 2",
        "keyscan_held_bytes 0",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    assert!(!text.contains(KNOWN) && !serve.said().contains(KNOWN));
}

#[test]
fn others_of_the_network_are_kept_out() {
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_keyscan"));
        command.arg("serve").args(args).output().unwrap()
    };
    let with_password = format!("https://user:{KNOWN}@host");
    for args in [
        &["--listen", "0.0.0.0:0"][..],
        &["--listen", "[::]:0"],
        &["--listen", "nowhere"],
        &["--proxy", "ftp://host"],
        &["--proxy", &with_password],
        &["--listen", "unix:/no/such/folder/socket"],
        &["--timeout", "0"],
    ] {
        let output = run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(!said.is_empty() && !said.contains("quartz"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn it_ends_when_its_answers_are_given() {
    let mut serve = Serve::start(&[]);
    let idle = serve.connect();
    let mut connection = serve.connect();
    connection.send("POST /v1/redact HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked", b"");
    connection.stream.write_all(b"2\r\na\n\r\n").unwrap();
    assert_eq!(connection.head().status, 200);
    assert_eq!(connection.piece().unwrap(), b"a\n");
    serve.signal("TERM");
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(std::net::TcpStream::connect(serve.address).is_err(), "nobody new is let in");
    connection.stream.write_all(b"2\r\nb\n\r\n0\r\n\r\n").unwrap();
    assert_eq!(connection.piece().unwrap(), b"b\n");
    assert_eq!(connection.piece().unwrap(), b"");
    assert_eq!(serve.wait().code(), Some(0));
    drop(idle);
    // Who never ends is not waited for.
    let mut serve = Serve::start(&["--drain", "0.3"]);
    let mut connection = serve.connect();
    connection.send("POST /v1/redact HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked", b"");
    connection.stream.write_all(b"2\r\na\n\r\n").unwrap();
    assert_eq!(connection.head().status, 200);
    serve.signal("INT");
    assert_eq!(serve.wait().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn known_secrets_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, KNOWN).unwrap();
    let serve = Serve::start(&["--secrets-from", &format!("file:{}", file.display())]);
    let redact = |text: &str| serve.post("/v1/redact", "text/plain", text.as_bytes()).text();
    assert!(!redact(KNOWN).contains(KNOWN));
    let new = "gneiss-4567-schist";
    assert_eq!(redact(new), new);
    std::fs::write(&file, new).unwrap();
    serve.signal("HUP");
    let start = std::time::Instant::now();
    while redact(new) == new {
        assert!(start.elapsed() < http::PATIENCE);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(!redact(KNOWN).contains(KNOWN), "the old one stays hidden");
}

#[cfg(unix)]
#[test]
fn a_socket_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    // One that was left behind.
    drop(UnixListener::bind(&path).unwrap());
    let serve = std::process::Command::new(env!("CARGO_BIN_EXE_keyscan"))
        .args(["serve", "-q", "--listen", &format!("unix:{}", path.display())])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    let mut child = http::Killed(serve.unwrap());
    let start = std::time::Instant::now();
    let mut stream = loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(_) => assert!(start.elapsed() < http::PATIENCE),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_keyscan"))
        .args(["serve", "--listen", &format!("unix:{}", path.display())])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(2), "somebody listens there");
    assert!(std::process::Command::new("kill").arg(child.0.id().to_string()).status().unwrap().success());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    assert!(!path.exists());
}
