//! Providers are asked only when the user asks, only about what they can tell, and no secret is in what is told.

#![cfg(all(feature = "cli", feature = "verify"))]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::server::{Asked, Server};
use serde_json::Value;

fn stripe(body: &str) -> String {
    format!("{}_{}_{body}", "sk", "live")
}

fn alive_key() -> String {
    stripe("m4QvZ81tKx0cWn7LbR2sYd9E")
}

fn dead_key() -> String {
    stripe("Yt7RkP2wXc93bNq5VhJ0sLzD")
}

/// Knows one key.
fn provider() -> Server {
    let known = format!("Basic {}", data_encoding::BASE64.encode(format!("{}:", alive_key()).as_bytes()));
    Server::new(move |asked: &Asked| match asked.header("authorization") {
        authorization if authorization == known => (200, String::new(), "{}".to_owned()),
        _ => (401, String::new(), format!("no such key: {}", asked.header("authorization"))),
    })
}

fn verify(folder: &Path, args: &[&str], stdin: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
    command.arg("verify").args(args).current_dir(folder).env("XDG_CACHE_HOME", folder.join("cache"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // A command that takes its secrets from elsewhere does not read it.
    let _ = std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), stdin.as_bytes());
    let out = child.wait_with_output().expect("it ends");
    for key in [alive_key(), dead_key()] {
        for text in [&out.stdout, &out.stderr] {
            let text = String::from_utf8_lossy(text);
            assert!(!text.contains(&key[10..]), "{text}");
            assert!(!text.contains(&data_encoding::BASE64.encode(format!("{key}:").as_bytes())), "{text}");
        }
    }
    out
}

fn told(out: &Output) -> Vec<Value> {
    out.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn a_key_is_alive_or_dead() {
    let (folder, server) = (tempfile::tempdir().unwrap(), provider());
    for (key, alive, code) in [(alive_key(), "alive", 1), (dead_key(), "dead", 0)] {
        let out = verify(folder.path(), &["--json", "--base-url", &server.url], &key);
        assert_eq!(out.status.code(), Some(code), "{}", said(&out));
        let told = told(&out);
        assert_eq!((told.len(), told[0]["alive"].as_str()), (1, Some(alive)));
        assert_eq!(told[0]["endpoint"], format!("GET {}/v1/balance", server.url));
        assert!(said(&out).contains("asks 127.0.0.1"), "who is asked is said first: {}", said(&out));
    }
    assert_eq!(server.asked()[0].line, "GET /v1/balance HTTP/1.1");
    // What is known is not asked again, for a while.
    let out = verify(folder.path(), &["--json", "--base-url", &server.url], &dead_key());
    assert_eq!((out.status.code(), told(&out)[0]["cached"].as_bool()), (Some(0), Some(true)));
    assert_eq!(server.asked().len(), 2);
    let out = verify(folder.path(), &["--no-cache", "--base-url", &server.url], &dead_key());
    assert!(String::from_utf8_lossy(&out.stdout).starts_with("dead"));
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn each_secret_of_a_scan_is_asked_about_once() {
    let (folder, server) = (tempfile::tempdir().unwrap(), provider());
    fs::create_dir(folder.path().join("src")).unwrap();
    for name in ["a.env", "b.env", "c.env"] {
        let text = format!("STRIPE_SECRET_KEY={}\nOLD={}\n", alive_key(), dead_key());
        fs::write(folder.path().join("src").join(name), text).unwrap();
    }
    let dry = verify(folder.path(), &["--dry-run", "--base-url", &server.url, "src"], "");
    assert_eq!((dry.status.code(), server.asked().len()), (Some(0), 0));
    assert!(said(&dry).contains("about 2 secrets of Stripe"), "{}", said(&dry));
    let out = verify(folder.path(), &["--json", "--rate", "100", "--base-url", &server.url, "src"], "");
    assert_eq!(out.status.code(), Some(1));
    let mut told: Vec<(String, String)> = told(&out)
        .iter()
        .map(|one| (one["alive"].as_str().unwrap().to_owned(), one["place"].as_str().unwrap().to_owned()))
        .collect();
    told.sort();
    assert_eq!(told, [("alive".into(), "a.env:1".into()), ("dead".into(), "a.env:2".into())]);
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn nobody_is_asked_who_is_not_allowed() {
    let (folder, server) = (tempfile::tempdir().unwrap(), provider());
    let args = ["--json", "--base-url", &server.url, "--host-allow", "api.stripe.com"];
    let out = verify(folder.path(), &args, &alive_key());
    assert_eq!((out.status.code(), told(&out)[0]["alive"].as_str()), (Some(2), Some("unknown")));
    assert_eq!(server.asked().len(), 0);
    let out = verify(folder.path(), &["--base-url", "http://proxy.example"], &alive_key());
    assert_eq!(out.status.code(), Some(2), "a secret goes over no open line");
    let out = verify(folder.path(), &["--base-url", &server.url], "no-such-thing-0123");
    assert_eq!((out.status.code(), server.asked().len()), (Some(2), 0));
}

#[test]
fn what_does_not_tell_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = provider();
    let other = format!("location: {}/v1/balance\r\n", elsewhere.url);
    for (status, headers, says) in
        [(302, other, "elsewhere"), (503, String::new(), "trouble"), (429, String::new(), "often")]
    {
        let server = Server::new(move |_| (status, headers.clone(), String::new()));
        let out = verify(folder.path(), &["--json", "--base-url", &server.url], &alive_key());
        assert_eq!((out.status.code(), told(&out)[0]["alive"].as_str()), (Some(2), Some("unknown")));
        assert!(told(&out)[0]["reason"].as_str().unwrap().contains(says), "{:?}", told(&out));
    }
    assert_eq!(elsewhere.asked().len(), 0, "a secret is not sent after a redirect");
    let slow = Server::new(|_| {
        std::thread::sleep(Duration::from_secs(20));
        (200, String::new(), String::new())
    });
    let out = verify(folder.path(), &["--json", "--timeout", "0.3", "--base-url", &slow.url], &alive_key());
    assert!(told(&out)[0]["reason"].as_str().unwrap().contains("in time"), "{:?}", told(&out));
    // Nobody listens there.
    let out = verify(folder.path(), &["--json", "--base-url", "http://127.0.0.1:1"], &alive_key());
    assert_eq!(told(&out)[0]["alive"], "unknown");
}

#[test]
fn an_answer_that_tells_by_its_text_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let token = format!("{}-{}-{}-{}", "xoxb", "243851736194", "739184625103", "hV8dQ2rLzW5tYb0NcK7mXj4P");
    for (body, alive) in [("{\"ok\":true}", "alive"), ("{\"ok\":false,\"error\":\"invalid_auth\"}", "dead")] {
        let server = Server::new(move |_| (200, String::new(), body.to_owned()));
        let out = verify(folder.path(), &["--json", "--no-cache", "--base-url", &server.url], &token);
        assert_eq!(told(&out).first().and_then(|one| one["alive"].as_str()), Some(alive), "{}", said(&out));
        let asked = &server.asked()[0];
        assert_eq!((asked.line.as_str(), asked.body.as_str()), ("POST /api/auth.test HTTP/1.1", ""));
    }
}

#[test]
fn keys_of_aws_are_asked_about_with_their_id() {
    let folder = tempfile::tempdir().unwrap();
    let rules = keyscan::RuleSet::builtin();
    let sample = |id: &str| {
        let filled = rules.get(id).unwrap().samples()[0].fill(3, None);
        String::from_utf8(filled.text[filled.secret].to_vec()).unwrap()
    };
    let (id, secret) = (sample("aws-access-key-id"), sample("aws-secret-access-key"));
    fs::write(
        folder.path().join("credentials"),
        format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"),
    )
    .unwrap();
    for (status, alive) in [(200, "alive"), (403, "dead")] {
        let server = Server::new(move |_| (status, String::new(), String::new()));
        let out = verify(folder.path(), &["--json", "--no-cache", "--base-url", &server.url, "credentials"], "");
        let told = told(&out);
        assert_eq!((told.len(), told[0]["alive"].as_str()), (1, Some(alive)), "{}", said(&out));
        let asked = &server.asked()[0];
        let authorization = asked.header("authorization");
        assert!(authorization.starts_with(&format!("AWS4-HMAC-SHA256 Credential={id}/20")), "{authorization}");
        assert!(authorization.contains("/us-east-1/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date"));
        assert_eq!(asked.body, "Action=GetCallerIdentity&Version=2011-06-15");
        assert!(!format!("{asked:?}").contains(&secret));
    }
    // The id alone opens nothing.
    let out = verify(folder.path(), &["--base-url", "http://127.0.0.1:1"], &id);
    assert_eq!(out.status.code(), Some(2));
    assert!(said(&out).contains("another part"), "{}", said(&out));
}
