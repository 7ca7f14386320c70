//! The emergency endpoint takes any request: it answers, and never with a value.
#![no_main]

use std::sync::OnceLock;

use keyscan::redact::{KnownSecrets, Redaction};
use keyscan::rotate::admin::{Admin, AdminRequest, AdminTokens};
use keyscan::rotate::{PushSource, RotatingSecret, Secrets};
use keyscan::{RuleSet, Secret};
use libfuzzer_sys::fuzz_target;

const TOKEN: &[u8] = b"an-admin-token-of-this-target";
const VALUE: &[u8] = b"quartz-value-of-this-target";

fn admin() -> &'static Admin {
    static ADMIN: OnceLock<Admin> = OnceLock::new();
    ADMIN.get_or_init(|| {
        let known = KnownSecrets::new();
        let path = std::env::temp_dir().join(format!("keyscan-fuzz-token-{}", std::process::id()));
        std::fs::write(&path, TOKEN).unwrap();
        let tokens = AdminTokens::of_file(&path, &known).unwrap();
        let secrets = Secrets::new();
        let secret = RotatingSecret::builder("A", PushSource).hide_in(&known).start().unwrap();
        secret.set(Secret::new(VALUE)).unwrap();
        secrets.add(secret, true);
        Admin::builder(secrets, tokens, &known, Redaction::new(RuleSet::default())).build().unwrap()
    })
}

// Lines up to an empty one: method, path, headers as `name: value`; the rest is the body. A first byte below 128 sends a
// good token and host.
fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let end = rest.windows(2).position(|pair| pair == b"\n\n").unwrap_or(rest.len());
    let (head, body) = (&rest[..end], rest.get(end + 2..).unwrap_or_default());
    let mut lines = head.split(|byte| *byte == b'\n');
    let text = |line: Option<&'_ [u8]>| String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
    let (method, path) = (text(lines.next()), text(lines.next()));
    let mut headers: Vec<(String, &[u8])> = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((String::from_utf8_lossy(&line[..colon]).into_owned(), &line[colon + 1..]))
        })
        .collect();
    if *first < 128 {
        headers.push(("host".to_owned(), b"localhost"));
        headers.push(("x-admin-token".to_owned(), TOKEN));
        headers.push(("content-type".to_owned(), b"application/json"));
    }
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let answer = admin().handle(&AdminRequest { method: &method, path: &path, headers: &headers, body });
    assert!((200..600).contains(&answer.status));
    let said = format!("{answer:?}").into_bytes();
    for secret in [VALUE, TOKEN] {
        assert!(!answer.body.windows(secret.len()).any(|part| part == secret));
        assert!(!said.windows(secret.len()).any(|part| part == secret));
    }
    if *first >= 128 && path != "/readyz" && !path.starts_with("/readyz?") {
        assert!(answer.status >= 400 || headers.iter().any(|(_, value)| value.windows(TOKEN.len()).any(|t| t == TOKEN)));
    }
});
