//! An incident from end to end: a key leaks into a commit and a log, all places are found, it is rotated five times under
//! load without a request that fails, the old one is proven dead, and noticed when it returns.

#![cfg(all(unix, feature = "cli", feature = "rotate", feature = "verify"))]

mod common;
#[path = "common/mount.rs"]
mod mount;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::repo::Repo;
use common::server::{Asked, Server};
use keyscan::RuleSet;
use keyscan::redact::{KnownSecrets, Redaction};
use keyscan::rotate::admin::{Admin, AdminRequest, AdminTokens};
use keyscan::rotate::{FileSource, Retry, RotateSettings, RotatingSecret, Secrets, with_reload_on_401};

use mount::mount;

/// The key of this version; put together here, so that this file holds none.
fn key(version: u32) -> String {
    let bodies = ["m4QvZ81tKx0cWn7LbR2sYd9E", "Yt7RkP2wXc93bNq5VhJ0sLzD", "p9KdW3xQz6Rf1TbVm8LcYs5J"];
    let body = bodies[version as usize % 3];
    let turn = (version as usize * 5) % body.len();
    format!("{}_{}_{}{}", "sk", "live", &body[turn..], &body[..turn])
}

/// Takes the keys that are alive.
fn provider() -> (Server, Arc<Mutex<BTreeSet<String>>>) {
    let alive: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let known = Arc::clone(&alive);
    let server = Server::new(move |asked: &Asked| {
        let given = asked.header("authorization").trim_start_matches("Basic ").to_owned();
        let encoded = |key: &String| data_encoding::BASE64.encode(format!("{key}:").as_bytes());
        let is_alive = known.lock().unwrap().iter().any(|key| encoded(key) == given);
        (if is_alive { 200 } else { 401 }, String::new(), "{}".to_owned())
    });
    (server, alive)
}

const ADMIN_TOKEN: &str = "an-admin-token-of-this-test";

/// The emergency endpoint of the program, and all that it has answered.
fn endpoint(secret: &RotatingSecret, known: &KnownSecrets, folder: &Path) -> (Server, Arc<Mutex<String>>) {
    let path = folder.join("admin-token");
    fs::write(&path, ADMIN_TOKEN).unwrap();
    let secrets = Secrets::new();
    secrets.add(secret.clone(), true);
    let tokens = AdminTokens::of_file(&path, known).unwrap();
    let redaction = Redaction::new(RuleSet::new());
    let admin = Admin::builder(secrets, tokens, known, redaction).build().unwrap();
    let said: Arc<Mutex<String>> = Arc::default();
    let all = Arc::clone(&said);
    let server = Server::new(move |asked: &Asked| {
        let mut line = asked.line.split(' ');
        let (method, path) = (line.next().unwrap(), line.next().unwrap());
        let headers: Vec<(&str, &[u8])> =
            asked.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let answer = admin.handle(&AdminRequest { method, path, headers: &headers, body: asked.body.as_bytes() });
        let body = String::from_utf8(answer.body).unwrap();
        all.lock().unwrap().push_str(&body);
        (answer.status, String::new(), body)
    });
    (server, said)
}

/// Rotates by the endpoint.
fn rotate(url: &str, value: &str) -> u16 {
    let host = url.trim_start_matches("http://");
    let body = format!("{{\"secret_name\":\"STRIPE_SECRET_KEY\",\"new_value\":\"{value}\"}}");
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "POST /rotate-secret HTTP/1.1\r\nhost: {host}\r\nx-admin-token: {ADMIN_TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// One request with this key; its status.
fn request(url: &str, key: &[u8]) -> std::io::Result<u16> {
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host)?;
    let authorization = data_encoding::BASE64.encode(&[key, b":"].concat());
    write!(stream, "GET /v1/balance HTTP/1.1\r\nhost: {host}\r\nauthorization: Basic {authorization}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| std::io::Error::other("no answer"))
}

fn keyscan(folder: &Path, args: &[&str], stdin: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
    let piped = || Stdio::piped();
    let mut child =
        command.args(args).current_dir(folder).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&[&out.stdout[..], &out.stderr].concat()).into_owned()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to be that {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The last version: each mount and each call of the endpoint makes one more.
const LAST: u32 = 10;

/// What the agents of the test have done.
#[derive(Default)]
struct Done {
    requests: AtomicU64,
    failures: Mutex<Vec<String>>,
}

#[test]
fn from_a_leak_to_a_dead_key_without_a_failed_request() {
    let (server, alive) = provider();
    let mounted = tempfile::tempdir().unwrap();
    alive.lock().unwrap().insert(key(0));
    mount(mounted.path(), 0, &key(0));

    // The key leaks: into a commit, and into a log.
    let mut repo = Repo::new(&[]);
    repo.write("deploy/.env", format!("STRIPE_SECRET_KEY={}\n", key(0)));
    repo.write("app.py", "import os\nstripe.api_key = os.environ['STRIPE_SECRET_KEY']\n");
    repo.commit("deploy");
    let logs = tempfile::tempdir().unwrap();
    fs::write(logs.path().join("app.log"), format!("start\nusing {}\n", key(0))).unwrap();
    let log = logs.path().join("app.log").display().to_string();
    let top = repo.path().display().to_string();

    // Every place is found, and who asks for it.
    let out = keyscan(repo.path(), &["trace", "-f", "json", &top, &log], &key(0));
    let traced = said(&out);
    for place in ["deploy/.env", "app.log", "\"in_head\": true", "\"how\": \"environment\""] {
        assert!(traced.contains(place), "{place} is not in {traced}");
    }

    // Three agents under load, and their log through a pipe that redacts.
    let known = KnownSecrets::new();
    let settings = RotateSettings { poll: Some(Duration::from_millis(200)), ..RotateSettings::default() };
    let source = FileSource::new(mounted.path().join("key"));
    let secret =
        RotatingSecret::builder("STRIPE_SECRET_KEY", source).settings(settings).hide_in(&known).start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (admin, admin_said) = endpoint(&secret, &known, folder.path());
    let mut filter = Command::new(env!("CARGO_BIN_EXE_keyscan"))
        .arg("redact")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pipe = Mutex::new(filter.stdin.take().unwrap());
    let (done, stop) = (Done::default(), AtomicBool::new(false));
    let redaction = Redaction::new(RuleSet::new()).with_known(known);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let status = with_reload_on_401(
                        &secret,
                        &Retry::default(),
                        |lease| {
                            writeln!(pipe.lock().unwrap(), "calling with {}", String::from_utf8_lossy(lease.expose()))?;
                            let shown = redaction.redact(lease.expose());
                            assert!(!shown.starts_with(b"sk"), "a key is hidden before it can be read");
                            request(&server.url, lease.expose())
                        },
                        |status| matches!(status, Ok(401)),
                    );
                    done.requests.fetch_add(1, Ordering::Relaxed);
                    match status {
                        Ok(200) => {}
                        Ok(status) => done.failures.lock().unwrap().push(format!("status {status}")),
                        Err(error) => done.failures.lock().unwrap().push(error.to_string()),
                    }
                }
            });
        }
        // Rotated five times by swaps of the mount, and five times by the endpoint; revoked while requests run.
        for version in 1..=LAST {
            let before = done.requests.load(Ordering::Relaxed);
            alive.lock().unwrap().insert(key(version));
            if version % 2 == 1 {
                mount(mounted.path(), version, &key(version));
            } else {
                assert_eq!(rotate(&admin.url, &key(version)), 200);
            }
            until("the new key is read", || secret.get().unwrap().expose() == key(version).as_bytes());
            alive.lock().unwrap().remove(&key(version - 1));
            until("requests went on", || done.requests.load(Ordering::Relaxed) > before + 20);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(*done.failures.lock().unwrap(), Vec::<String>::new());
    drop(pipe);
    let shown = String::from_utf8_lossy(&filter.wait_with_output().unwrap().stdout).into_owned();
    assert!(shown.lines().count() > 100);
    let answers = admin_said.lock().unwrap().clone();
    assert_eq!(answers.matches("\"rotated\"").count(), LAST as usize / 2, "{answers}");
    for version in 0..=LAST {
        assert!(!shown.contains(&key(version)[8..]), "no value, old or new, is in the log");
        assert!(!answers.contains(&key(version)[8..]), "nor in what the endpoint said");
    }

    // Written down, taken out of the files, proven dead.
    let keys = tempfile::tempdir().unwrap();
    for (name, version) in [("old", 0), ("new", LAST)] {
        fs::write(keys.path().join(name), key(version)).unwrap();
    }
    let from = |name: &str| format!("file:{}", keys.path().join(name).display());
    let (old, new) = (from("old"), from("new"));
    let run = |args: &[&str]| keyscan(repo.path(), args, "");
    let name = ["--name", "STRIPE_SECRET_KEY"];
    let record = run(&[&["rotate", "record", "--from", &old, "--new", &new, "--reason", "pushed"], &name[..]].concat());
    assert_eq!(record.status.code(), Some(0), "{}", said(&record));
    fs::write(repo.path().join("deploy/.env"), "STRIPE_SECRET_KEY=\n").unwrap();
    fs::write(&log, "start\n").unwrap();
    let prove = run(&["rotate", "prove", "--from", &old, "--base-url", &server.url]);
    assert_eq!(prove.status.code(), Some(0), "{}", said(&prove));
    assert!(fs::read_to_string(repo.path().join("keyscan-rotations.toml")).unwrap().contains("/v1/balance 401"));
    let check = run(&["rotate", "check", &top, &log]);
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));

    // It returns.
    fs::write(&log, format!("start\nretry with {}\n", data_encoding::BASE64.encode(key(0).as_bytes()))).unwrap();
    let check = run(&["rotate", "check", &top, &log]);
    assert_eq!(check.status.code(), Some(1));
    assert!(said(&check).contains("app.log:2 holds the old STRIPE_SECRET_KEY"), "{}", said(&check));
}
