//! The emergency endpoint: whom it refuses, what it answers, and that nothing it says is ever a value.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyscan::redact::{KnownSecrets, Redaction};
use keyscan::rotate::admin::{Admin, AdminRequest, AdminResponse, AdminTokens, MAX_ADMIN_BODY_LEN};
use keyscan::rotate::{
    AuditLog, FetchContext, Fetched, FileSource, ManualClock, PushSource, RotateSettings, RotatingSecret, Secrets,
    Source, SourceError, TagKey,
};
use keyscan::{Key, RuleSet};
use serde_json::Value;

const TOKEN: &str = "an-admin-token-of-this-test";
const START: Duration = Duration::from_secs(1_767_225_600);

fn rules() -> RuleSet {
    let rule = "provider = \"test\"\nname = \"Test\"\n[[rule]]\nid = \"test-key\"\ndescription = \"Key\"\n\
         severity = \"low\"\nkind = \"distinctive\"\nregex = 'testkey_(?<secret>[a-f]{12})'\nafter = 'any'\n\
         samples = [\"testkey_|abcdefabcdef|\"]\nnear_misses = [\"testkey-\"]\n";
    RuleSet::from_toml(Path::new("test.toml"), rule).unwrap()
}

/// An endpoint with a file, a pushed secret and one that never answers; all that it ever said is kept.
struct Desk {
    admin: Admin,
    clock: ManualClock,
    folder: tempfile::TempDir,
    secrets: Secrets,
    known: KnownSecrets,
    said: Mutex<Vec<u8>>,
}

#[derive(Debug)]
struct Hanging(AtomicU64);

impl Source for Hanging {
    fn kind(&self) -> &'static str {
        "hanging"
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
            return Ok(Fetched::new(keyscan::Secret::new(b"quartz-hang")));
        }
        // Far beyond its time.
        while context.sleep(Duration::from_secs(60)).is_err_and(|error| error.class().as_str() != "stopped") {
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(SourceError::new(keyscan::rotate::FailureClass::Stopped, "stopped"))
    }
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(START);
        let known = KnownSecrets::new();
        let path = |name: &str| -> PathBuf { folder.path().join(name) };
        fs::write(path("token"), format!("{TOKEN}\n")).unwrap();
        fs::write(path("stripe"), "quartz-file-0001").unwrap();
        let settings = RotateSettings { watch: false, wait: Duration::from_secs(3), ..RotateSettings::default() };
        let key = TagKey::new(1, Key::from_bytes([7; 32]));
        let secrets = Secrets::new();
        let start = |name: &str, source: Box<dyn Source>, settings: RotateSettings| {
            let builder = RotatingSecret::builder(name, source).settings(settings).hide_in(&known);
            builder.tag_key(key.clone()).clock(Arc::new(clock.clone())).start().unwrap()
        };
        secrets.add(start("STRIPE_KEY", Box::new(FileSource::new(path("stripe"))), settings.clone()), true);
        secrets.add(start("PUSHED", Box::new(PushSource), settings.clone()), false);
        let quick = RotateSettings { fetch_timeout: Duration::from_millis(50), ..settings };
        secrets.add(start("HANGING", Box::new(Hanging(AtomicU64::new(0))), quick), false);
        let tokens = AdminTokens::of_file(&path("token"), &known).unwrap();
        let log = AuditLog::open_with(&path("audit"), Some(key), Arc::new(clock.clone())).unwrap();
        let admin = Admin::builder(secrets.clone(), tokens, &known, Redaction::new(rules()));
        let admin = admin.audit(log).clock(Arc::new(clock.clone())).hosts(["admin.internal"]).build().unwrap();
        Desk { admin, clock, folder, secrets, known, said: Mutex::default() }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (AdminResponse, Value) {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let response = self.admin.handle(&AdminRequest { method, path, headers: &headers, body });
        let mut said = self.said.lock().unwrap();
        said.extend(format!("{response:?}").into_bytes());
        said.extend(&response.body);
        let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        assert!(response.headers.contains(&("cache-control", "no-store".to_owned())));
        (response, body)
    }

    fn post(&self, path: &str, body: &str) -> (u16, Value) {
        self.post_with(path, &[], body)
    }

    fn post_with(&self, path: &str, more: &[(&str, &str)], body: &str) -> (u16, Value) {
        let mut headers = vec![
            ("Host", "127.0.0.1:9090"),
            ("X-Admin-Token", TOKEN),
            ("Content-Type", "application/json; charset=utf-8"),
        ];
        headers.extend(more);
        let (response, body) = self.send("POST", path, &headers, body.as_bytes());
        (response.status, body)
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let bearer = format!("bearer {TOKEN}");
        let (response, body) = self.send("GET", path, &[("host", "localhost:9090"), ("authorization", &bearer)], b"");
        (response.status, body)
    }

    fn value(&self, name: &str) -> String {
        String::from_utf8(self.secrets.get(name).unwrap().get().unwrap().expose().to_vec()).unwrap()
    }

    fn audit(&self) -> String {
        fs::read_to_string(self.folder.path().join("audit")).unwrap()
    }

    /// Nothing that was said or written down has a value, and the log is whole.
    fn close(self) {
        let said = String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned() + &self.audit();
        for secret in ["quartz", "cXVhcnR6", TOKEN, "basalt"] {
            assert!(!said.contains(secret), "{secret} was said: {said}");
        }
        let key = TagKey::new(1, Key::from_bytes([7; 32]));
        let report = AuditLog::check(self.audit().as_bytes(), Some(&key)).unwrap();
        assert!(report.problems.is_empty(), "{report}");
    }
}

fn base64(text: &str) -> String {
    data_encoding::BASE64.encode(text.as_bytes())
}

#[test]
fn a_secret_is_rotated_as_the_documents_have_it() {
    let desk = Desk::new();
    let (status, body) = desk.post("/rotate-secret", r#"{"secret_name":"STRIPE_KEY","new_value":"quartz-set-0002"}"#);
    assert_eq!(
        (status, &body["status"], &body["secret_name"], &body["version"]),
        (200, &"rotated".into(), &"STRIPE_KEY".into(), &2.into())
    );
    assert!(body["hash"].as_str().unwrap().starts_with("k1:"));
    assert_eq!(body["rotated_at"], "2026-01-01T00:00:00Z");
    assert_eq!(desk.value("STRIPE_KEY"), "quartz-set-0002");
    for bad in [
        "{}",
        r#"{"secret_name":"STRIPE_KEY"}"#,
        r#"{"new_value":"quartz-set-0003"}"#,
        r#"{"secret_name":"STRIPE_KEY","new_value":"  "}"#,
        "quartz",
        "[",
        "",
    ] {
        assert_eq!(desk.post("/rotate-secret", bad).0, 400, "{bad}");
    }
    assert_eq!(desk.post("/rotate-secret", r#"{"secret_name":"NONE","new_value":"quartz-set-0003"}"#).0, 404);
    for number in 3..15 {
        let body = format!(r#"{{"secret_name":"PUSHED","new_value":"quartz-set-{number:04}"}}"#);
        assert_eq!(desk.post("/rotate-secret", &body).0, 200);
    }
    let (status, body) = desk.get("/secret-status");
    assert_eq!(status, 200);
    assert_eq!(body["rotations"].as_array().unwrap().len(), 10);
    let last = &body["rotations"][0];
    assert_eq!((&last["secret_name"], &last["version"]), (&"PUSHED".into(), &12.into()));
    assert_eq!(body["secrets"]["PUSHED"]["hash"], last["new_hash"]);
    assert_ne!(last["new_hash"], last["old_hash"]);
    assert_eq!(body["secrets"]["STRIPE_KEY"]["version"], 2);
    desk.close();
}

#[test]
fn a_reload_says_whether_there_is_another_value() {
    let desk = Desk::new();
    let path = "/v1/secrets/STRIPE_KEY/rotate";
    // The source has the old one still: that is no success.
    let (status, unchanged) = desk.post(path, r#"{"mode":"reload"}"#);
    assert_eq!((status, &unchanged["error"], &unchanged["version"]), (409, &"unchanged".into(), &1.into()));
    assert!(
        unchanged["rotated_at"].as_str().is_some_and(|at| at.ends_with('Z')),
        "since when it is in use: {unchanged}"
    );
    fs::write(desk.folder.path().join("stripe"), "quartz-file-0002").unwrap();
    let headers = [("host", "[::1]:9090"), ("x-admin-token", TOKEN), ("if-match", "\"1\"")];
    let (response, body) = desk.send("POST", path, &headers, b"");
    assert_eq!(response.status, 200, "{body}");
    assert!(response.headers.contains(&("etag", "\"2\"".to_owned())));
    assert_eq!(
        (&body["version"], &body["redactors_ack"], &body["previous"]["version"], &body["previous"]["state"]),
        (&2.into(), &1.into(), &1.into(), &"kept".into())
    );
    assert_eq!(body["previous"]["redacted_until"], "process-exit");
    assert_eq!(body["activated_at"], "2026-01-01T00:00:00Z");
    assert_eq!(desk.value("STRIPE_KEY"), "quartz-file-0002");
    // A source that fails changes nothing.
    fs::write(desk.folder.path().join("stripe"), "").unwrap();
    let expected = serde_json::json!({"error":"source_failed","class":"empty","version":2,"serving":"last_good"});
    assert_eq!(desk.post(path, "{}"), (503, expected));
    fs::write(desk.folder.path().join("stripe"), "quartz-file-0003").unwrap();
    let (status, body) = desk.post(path, r#"{"retire":"immediate"}"#);
    assert_eq!((status, &body["previous"]["state"]), (200, &"retired".into()));
    assert!(desk.secrets.get("STRIPE_KEY").unwrap().previous().is_none());
    desk.close();
}

#[test]
fn values_are_set_revoked_and_matched() {
    let desk = Desk::new();
    let path = "/v1/secrets/PUSHED/rotate";
    let set = |value: &str| {
        format!(
            r#"{{"mode":"set","value_b64":"{}","reason":"quartz-set-0001 leaked, testkey_abcdefabcdef"}}"#,
            base64(value)
        )
    };
    assert_eq!(desk.post(path, &set("quartz-set-0001")).0, 200);
    assert_eq!(desk.post(path, &set("quartz-set-0001")).0, 409);
    for (value, class) in [("", "empty"), (" \n", "empty"), ("admin", "unhidable"), ("quartz\0", "malformed")] {
        let (status, body) = desk.post(path, &set(value));
        assert_eq!((status, &body["error"], &body["class"]), (422, &"bad_value".into(), &class.into()), "{value:?}");
    }
    assert_eq!(desk.post(path, r#"{"mode":"set","value_b64":"quartz!"}"#).0, 422);
    for bad in
        [r#"{"mode":"set"}"#, r#"{"value_b64":"cXVhcnR6"}"#, r#"{"mode":"other"}"#, r#"{"more":1}"#, "[]", "nonsense"]
    {
        assert_eq!(desk.post(path, bad).0, 400, "{bad}");
    }
    assert_eq!(desk.post("/v1/secrets/NONE/rotate", "{}").0, 404);
    let ask = |value: &str| desk.post("/v1/fingerprint", &format!(r#"{{"value_b64":"{}"}}"#, base64(value)));
    assert_eq!(ask("quartz-set-0001"), (200, serde_json::json!({"match":["PUSHED@1"]})));
    assert_eq!(ask("quartz-set-0002"), (200, serde_json::json!({"match":[]})));
    for _ in 0..8 {
        assert_eq!(ask("basalt").0, 200);
    }
    assert_eq!(ask("basalt").0, 429, "it is an oracle");
    let (status, body) = desk.post(path, r#"{"mode":"revoke"}"#);
    assert_eq!((status, &body["state"], &body["version"]), (200, &"revoked".into(), &Value::Null));
    assert!(desk.secrets.get("PUSHED").unwrap().get().is_err());
    assert_eq!(desk.post(path, r#"{"mode":"revoke"}"#).0, 409);
    assert_eq!(desk.post(path, &set("quartz-set-0001")), (409, serde_json::json!({"error":"revoked","version":0})));
    assert_eq!(desk.post(path, &set("quartz-set-0009")).0, 200);
    // What is revoked stays hidden.
    let shown = Redaction::new(rules()).with_known(desk.known.clone()).redact(b"it was quartz-set-0001");
    assert!(!String::from_utf8(shown).unwrap().contains("quartz"));
    assert!(desk.audit().contains("leaked"), "reasons are written down, without secrets");
    assert!(!desk.audit().contains("abcdefabcdef"));
    desk.close();
}

#[test]
fn only_the_version_that_is_meant_is_replaced() {
    let desk = Desk::new();
    let path = "/v1/secrets/PUSHED/rotate";
    let set = |number: u32| format!(r#"{{"mode":"set","value_b64":"{}"}}"#, base64(&format!("quartz-set-{number:04}")));
    assert_eq!(desk.post_with(path, &[("if-match", "\"1\"")], &set(1)).0, 412);
    assert_eq!(desk.post_with(path, &[("if-match", "\"0\"")], &set(1)).0, 200);
    assert_eq!(
        desk.post_with(path, &[("if-match", "\"0\"")], &set(2)),
        (412, serde_json::json!({"error":"version_mismatch","version":1}))
    );
    assert_eq!(desk.post_with(path, &[("if-match", "*")], &set(2)).0, 200);
    for bad in ["1", "W/\"1\"", "\"x\"", "\"-1\"", "\"99999999999999999999999\"", "\""] {
        assert_eq!(desk.post_with(path, &[("if-match", bad)], &set(3)).0, 400, "{bad}");
    }
    desk.close();
}

#[test]
fn a_request_that_comes_again_gets_its_answer_again() {
    let desk = Desk::new();
    let path = "/v1/secrets/PUSHED/rotate";
    let set = |number: u32| format!(r#"{{"mode":"set","value_b64":"{}"}}"#, base64(&format!("quartz-set-{number:04}")));
    let key = [("idempotency-key", "5b1c")];
    let first = desk.post_with(path, &key, &set(1));
    assert_eq!(first.0, 200);
    desk.post(path, &set(2));
    assert_eq!(desk.post_with(path, &key, &set(1)), first, "a replay does nothing");
    assert_eq!(desk.value("PUSHED"), "quartz-set-0002");
    assert_eq!(desk.post_with(path, &key, &set(3)).0, 422);
    assert_eq!(
        desk.post_with("/rotate-secret", &key, r#"{"secret_name":"PUSHED","new_value":"quartz-set-0003"}"#).0,
        422
    );
    // What failed may be tried again.
    let again = [("idempotency-key", "again")];
    assert_eq!(desk.post_with("/v1/secrets/STRIPE_KEY/rotate", &again, "{}").0, 409);
    fs::write(desk.folder.path().join("stripe"), "quartz-file-0002").unwrap();
    assert_eq!(desk.post_with("/v1/secrets/STRIPE_KEY/rotate", &again, "{}").0, 200);
    for bad in ["", "with space", &"x".repeat(256)] {
        assert_eq!(desk.post_with(path, &[("idempotency-key", bad)], &set(4)).0, 400);
    }
    desk.clock.advance(Duration::from_secs(25 * 3600));
    assert_eq!(desk.post_with(path, &key, &set(4)).0, 200, "keys are kept for a day");
    // Memory is bounded.
    for number in 0..1000 {
        let key = format!("key-{number}");
        desk.post_with(path, &[("idempotency-key", &key)], &set(number + 10));
    }
    assert_eq!(desk.value("PUSHED"), "quartz-set-1009");
    desk.close();
}

#[test]
fn a_source_that_hangs_is_answered_and_others_are_not_held_up() {
    let desk = Desk::new();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| desk.post("/v1/secrets/HANGING/rotate", "{}"));
        std::thread::sleep(Duration::from_millis(300));
        let started = Instant::now();
        assert_eq!(desk.post("/v1/secrets/HANGING/rotate", "{}"), (409, serde_json::json!({"error":"in_flight"})));
        assert_eq!(desk.get("/v1/status").0, 200);
        assert!(started.elapsed() < Duration::from_secs(1));
        let (status, body) = slow.join().unwrap();
        assert_eq!((status, &body["state"]), (202, &"pending".into()));
    });
    assert_eq!(desk.value("HANGING"), "quartz-hang");
    desk.close();
}

#[test]
fn all_are_reloaded_and_an_incident_is_declared() {
    let desk = Desk::new();
    fs::write(desk.folder.path().join("stripe"), "quartz-file-0002").unwrap();
    let (status, body) =
        desk.post("/v1/reload", r#"{"names":["STRIPE_KEY","PUSHED"],"incident":true,"reason":"drill"}"#);
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["results"][0]["outcome"], "rotated");
    assert_eq!((&body["results"][1]["outcome"], &body["results"][1]["class"]), (&"failed".into(), &"not_found".into()));
    assert_eq!(body["incident"], true);
    assert_eq!(desk.post("/v1/reload", r#"{"names":["NONE"]}"#).0, 404);
    let (status, body) = desk.get("/v1/status");
    assert_eq!((status, &body["incident"]), (200, &true.into()));
    let stripe = body["secrets"].as_array().unwrap().iter().find(|secret| secret["name"] == "STRIPE_KEY").unwrap();
    assert_eq!((&stripe["state"], &stripe["version"], &stripe["source"]), (&"ok".into(), &2.into(), &"file".into()));
    assert!(body["audit"]["seq"].as_u64().unwrap() >= 1 && body["redactor"]["needles"].as_u64().unwrap() >= 3);
    assert!(!body.to_string().contains("len"), "no length is told");
    desk.close();
}

#[test]
fn readiness_needs_no_token_and_tells_nothing() {
    let desk = Desk::new();
    assert_eq!(desk.send("GET", "/readyz", &[], b"").1, serde_json::json!({"ready": true}));
    desk.post("/v1/secrets/STRIPE_KEY/rotate", r#"{"mode":"revoke"}"#);
    let (response, body) = desk.send("GET", "/readyz", &[("host", "10.0.0.7:9090")], b"");
    assert_eq!((response.status, body), (503, serde_json::json!({"ready": false})));
    desk.close();
}

#[test]
fn strangers_are_refused_before_anything_is_looked_at() {
    let desk = Desk::new();
    let host = ("host", "127.0.0.1:9090");
    let token = ("x-admin-token", TOKEN);
    let status = |headers: &[(&str, &str)]| desk.send("GET", "/v1/status", headers, b"").0.status;
    assert_eq!(status(&[host, token]), 200);
    // Pages in browsers, names that were bound to this machine, requests of others.
    for bad in [
        ("origin", "http://127.0.0.1:9090"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-origin"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-host", "a"),
        ("x-real-ip", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("via", "1.1 proxy"),
    ] {
        assert_eq!(status(&[host, token, bad]), 403, "{bad:?}");
    }
    for foreign in [
        "evil.example:9090",
        "127.0.0.1.evil.example",
        "localhost.evil.example:9090",
        "evil.example:127.0.0.1",
        "127.0.0.1:9090.evil.example",
        "127.0.0.2",
        "[::2]:9090",
        "::1",
        "",
        "localhost:",
        "localhost:9090:1",
        "user@localhost",
        "0x7f.1",
        "2130706433",
    ] {
        assert_eq!(status(&[("host", foreign), token]), 403, "{foreign}");
    }
    for good in ["localhost", "LOCALHOST:80", "[::1]", "127.0.0.1", "admin.internal:9090"] {
        assert_eq!(status(&[("host", good), token]), 200, "{good}");
    }
    assert_eq!(status(&[token]), 400, "no host");
    assert_eq!(status(&[host, host, token]), 400);
    assert_eq!(status(&[host, token, token]), 400);
    assert_eq!(status(&[host, token, ("authorization", &format!("Bearer {TOKEN}"))]), 400);
    desk.close();
}

#[test]
fn forms_that_are_not_meant_are_refused() {
    let desk = Desk::new();
    let head = [("host", "127.0.0.1"), ("x-admin-token", TOKEN)];
    let json = [head[0], head[1], ("content-type", "application/json")];
    let status = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        desk.send(method, path, headers, body).0.status
    };
    assert_eq!(status("GET", "/rotate-secret", &head, b""), 405);
    assert_eq!(status("DELETE", "/v1/secrets/PUSHED/rotate", &head, b""), 405);
    assert_eq!(status("POST", "/v1/status", &head, b""), 405);
    assert_eq!(status("GET", "/v1/secrets/PUSHED", &head, b""), 404);
    assert_eq!(status("GET", "/", &head, b""), 404);
    assert_eq!(status("POST", "/v1/secrets/PUSHED/rotate", &head, b"{}"), 415);
    let form = [head[0], head[1], ("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(status("POST", "/rotate-secret", &form, b"secret_name=PUSHED&new_value=quartz"), 415);
    let large = format!(r#"{{"reason":"{}"}}"#, "x".repeat(MAX_ADMIN_BODY_LEN));
    assert_eq!(status("POST", "/v1/secrets/PUSHED/rotate", &json, large.as_bytes()), 413);
    let deep = format!(r#"{{"reason":{}"#, "[".repeat(60_000));
    assert_eq!(status("POST", "/v1/secrets/PUSHED/rotate", &json, deep.as_bytes()), 400);
    assert_eq!(status("POST", "/v1/secrets/PUSHED/rotate", &json, b"{\"reason\":\"\xff\"}"), 400);
    assert_eq!(
        status("POST", "/v1/secrets/PUSHED/rotate?mode=set", &json, b"{}"),
        503,
        "what is behind a ? is nothing"
    );
    desk.close();
}

#[test]
fn ten_thousand_bad_tries_are_refused_and_counted_and_lock_nobody_out() {
    let desk = Desk::new();
    let mut counts = std::collections::BTreeMap::new();
    let tries = [
        None,
        Some(""),
        Some("x"),
        Some("an-admin-token-of-this-tesu"),
        Some("an-admin-token-of-this-tes"),
        Some("an-admin-token-of-this-test-"),
    ];
    for number in 0..10_000 {
        let mut headers = vec![("host", "127.0.0.1:9090")];
        headers.extend(tries[number % tries.len()].map(|token| ("x-admin-token", token)));
        if number == 20 {
            headers = vec![("host", "127.0.0.1:9090"), ("authorization", "Basic quartz")];
        }
        let (response, body) = desk.send("POST", "/v1/secrets/PUSHED/rotate", &headers, b"{}");
        let says = response
            .headers
            .iter()
            .any(|(name, _)| *name == if response.status == 401 { "www-authenticate" } else { "retry-after" });
        assert!(says, "{body}");
        *counts.entry(response.status).or_insert(0) += 1;
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(401, 5), (429, 9995)]);
    let (status, body) = desk.get("/v1/status");
    assert_eq!((status, &body["auth_failures_total"]), (200, &10_000.into()));
    // Each window is written down with a few lines, not with ten thousand.
    assert_eq!(desk.audit().lines().count(), 5);
    desk.clock.advance(Duration::from_secs(61));
    assert_eq!(desk.send("GET", "/v1/status", &[("host", "localhost")], b"").0.status, 401);
    assert!(desk.audit().contains(r#""outcome":"suppressed","count":9995"#), "{}", desk.audit());
    desk.close();
}

#[test]
fn two_tokens_are_valid_while_the_token_is_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let known = KnownSecrets::new();
    for bad in ["", "\n", "short", "an-admin-token-of-this-test\nshort\n"] {
        fs::write(&path, bad).unwrap();
        assert!(AdminTokens::of_file(&path, &known).is_err(), "{bad:?}");
    }
    fs::write(&path, "an-admin-token-number-1\n").unwrap();
    let tokens = AdminTokens::of_file(&path, &known).unwrap();
    let admin = Admin::builder(Secrets::new(), tokens, &known, Redaction::new(rules())).build().unwrap();
    let takes = |number: u32| {
        let token = format!("an-admin-token-number-{number}");
        let headers: [(&str, &[u8]); 2] = [("host", b"localhost"), ("x-admin-token", token.as_bytes())];
        admin.handle(&AdminRequest { method: "GET", path: "/v1/status", headers: &headers, body: b"" }).status == 200
    };
    let until = |what: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !what() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    assert!(takes(1) && !takes(2));
    fs::write(&path, "an-admin-token-number-1\r\nan-admin-token-number-2\r\n").unwrap();
    until(&|| takes(2));
    assert!(takes(1));
    // A file that goes bad locks nobody out.
    fs::write(&path, "").unwrap();
    std::thread::sleep(Duration::from_millis(400));
    assert!(takes(1) && takes(2));
    fs::write(&path, "an-admin-token-number-2\n").unwrap();
    until(&|| !takes(1));
    assert!(takes(2));
    let shown = Redaction::new(rules()).with_known(known).redact(b"an-admin-token-number-1 an-admin-token-number-2");
    assert!(!String::from_utf8(shown).unwrap().contains("number"));
}

/// The time that a wrong token takes says nothing of how much of it is right.
#[test]
fn wrong_tokens_take_the_same_time() {
    let desk = Desk::new();
    let time = |token: &str| {
        let headers: [(&str, &[u8]); 2] = [("host", b"localhost"), ("x-admin-token", token.as_bytes())];
        let request = AdminRequest { method: "GET", path: "/v1/status", headers: &headers, body: b"" };
        let mut times: Vec<Duration> = (0..3000)
            .map(|_| {
                let started = Instant::now();
                assert_ne!(desk.admin.handle(&request).status, 200);
                started.elapsed()
            })
            .collect();
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    // The first few are written down.
    time("warm");
    let (far, near) = (time(&"x".repeat(TOKEN.len())), time(&format!("{}x", &TOKEN[..TOKEN.len() - 1])));
    assert!((0.5..2.0).contains(&(far / near)), "{far} {near}");
}
