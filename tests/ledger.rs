//! A rotation is carried through to proof: written down, proven, due, and noticed when the old key returns.

#![cfg(all(feature = "cli", feature = "verify"))]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::repo::Repo;
use common::server::Server;

fn stripe(body: &str) -> String {
    format!("{}_{}_{body}", "sk", "live")
}

fn old_key() -> String {
    stripe("m4QvZ81tKx0cWn7LbR2sYd9E")
}

fn new_key() -> String {
    stripe("Yt7RkP2wXc93bNq5VhJ0sLzD")
}

fn keyscan(folder: &Path, args: &[&str], stdin: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
    command.args(args).current_dir(folder);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // A command that fails early does not read it.
    let _ = std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), stdin.as_bytes());
    let out = child.wait_with_output().expect("it ends");
    for key in [old_key(), new_key()] {
        for text in [&out.stdout, &out.stderr] {
            assert!(!String::from_utf8_lossy(text).contains(&key[12..24]), "{}", String::from_utf8_lossy(text));
        }
    }
    out
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&[&out.stdout[..], &out.stderr].concat()).into_owned()
}

/// A repository that holds the old key in a commit, and keys outside of it.
fn project() -> (Repo, tempfile::TempDir) {
    let mut repo = Repo::new(&[]);
    repo.write("config.env", format!("STRIPE_SECRET_KEY={}\n", old_key()));
    repo.commit("first");
    let keys = tempfile::tempdir().unwrap();
    fs::write(keys.path().join("old"), old_key() + "\n").unwrap();
    fs::write(keys.path().join("new"), new_key() + "\n").unwrap();
    (repo, keys)
}

fn record(repo: &Repo, keys: &Path, more: &[&str]) -> Output {
    let (old, new) = (format!("file:{}", keys.join("old").display()), format!("file:{}", keys.join("new").display()));
    let args = ["rotate", "record", "--name", "STRIPE_SECRET_KEY", "--from", &old, "--new", &new, "--reason", "leaked"];
    keyscan(repo.path(), &[&args[..], more].concat(), "")
}

#[test]
fn a_rotation_is_carried_through_to_proof() {
    let (mut repo, keys) = project();
    let out = record(&repo, keys.path(), &[]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let ledger = fs::read_to_string(repo.path().join("keyscan-rotations.toml")).unwrap();
    assert!(ledger.contains("rule = \"stripe-secret-key\"") && ledger.contains("config.env"), "{ledger}");
    assert!(!ledger.contains(&old_key()[12..]) && !ledger.contains(&new_key()[12..]), "{ledger}");

    // The old key is alive, then revoked.
    let alive = Server::new(|_| (200, String::new(), "{}".to_owned()));
    let dead = Server::new(|_| (401, String::new(), "{}".to_owned()));
    let old = old_key();
    let prove = |server: &Server| keyscan(repo.path(), &["rotate", "prove", "--base-url", &server.url], &old);
    let out = prove(&alive);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert!(said(&out).contains("ALIVE"));
    let out = prove(&dead);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let status = said(&keyscan(repo.path(), &["rotate", "status"], ""));
    assert!(status.contains("dead since") && status.contains("/v1/balance 401"), "{status}");

    // It is still in a file.
    let out = keyscan(repo.path(), &["rotate", "check"], "");
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert!(said(&out).contains("critical: config.env:1 holds the old STRIPE_SECRET_KEY"), "{}", said(&out));
    repo.write("config.env", format!("STRIPE_SECRET_KEY={}\n", new_key()));
    repo.commit("rotated");
    let out = keyscan(repo.path(), &["rotate", "check"], "");
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));

    // It returns: in a log, encoded; in a document, where no rule would find it.
    let logs = tempfile::tempdir().unwrap();
    let encoded = data_encoding::BASE64.encode(old_key().as_bytes());
    fs::write(logs.path().join("app.log"), format!("one\ntwo {encoded}\n")).unwrap();
    let out = keyscan(repo.path(), &["rotate", "check", &logs.path().join("app.log").display().to_string()], "");
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert!(said(&out).contains("app.log:2 holds the old"), "{}", said(&out));
    repo.now = 4_000_000_000;
    repo.write("notes.md", format!("x{}x\n", old_key()));
    repo.write("more.env", format!("A={}\n", old_key()));
    repo.commit("back");
    fs::remove_file(repo.path().join("more.env")).unwrap();
    let out = keyscan(repo.path(), &["rotate", "check"], "");
    assert!(said(&out).contains("notes.md:1 holds the old"), "{}", said(&out));
    assert!(said(&out).contains("more.env:1 in commit"), "{}", said(&out));
}

#[test]
fn what_is_due_or_not_proven_fails_the_check() {
    let (repo, keys) = project();
    assert_eq!(record(&repo, keys.path(), &["--days", "1", "--no-places"]).status.code(), Some(0));
    repo.write("config.env", "");
    assert_eq!(keyscan(repo.path(), &["rotate", "check", "--no-history"], "").status.code(), Some(0));
    let path = repo.path().join("keyscan-rotations.toml");
    let text = fs::read_to_string(&path).unwrap();
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let old = text.replace(&line("due"), "due = \"2020-02-01\"").replace(&line("rotated"), "rotated = \"2020-01-01\"");
    fs::write(&path, old).unwrap();
    let out = keyscan(repo.path(), &["rotate", "check", "--no-history"], "");
    assert_eq!(out.status.code(), Some(1));
    let said = said(&out);
    assert!(said.contains("due: STRIPE_SECRET_KEY was to be rotated by 2020-02-01"), "{said}");
    assert!(said.contains("is not proven dead"), "{said}");
}

#[test]
fn what_makes_no_sense_is_not_written_down() {
    let (repo, keys) = project();
    let same = format!("file:{}", keys.path().join("old").display());
    let out = keyscan(
        repo.path(),
        &["rotate", "record", "--name", "A_KEY", "--from", &same, "--new", &same, "--no-places"],
        "",
    );
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    assert!(!repo.path().join("keyscan-rotations.toml").exists());
    for command in ["status", "check"] {
        let out = keyscan(repo.path(), &["rotate", command], "");
        assert_eq!(out.status.code(), Some(2));
        assert!(said(&out).contains("rotate record"), "{}", said(&out));
    }
    assert_eq!(record(&repo, keys.path(), &["--no-places"]).status.code(), Some(0));
    let out = keyscan(repo.path(), &["rotate", "prove", "--by", "seen"], &new_key());
    assert_eq!(out.status.code(), Some(2), "a value that was never rotated out: {}", said(&out));
}

#[test]
fn procedures_are_about_this_secret() {
    let (repo, _keys) = project();
    repo.write("app.py", "key = os.environ['STRIPE_SECRET_KEY']\n");
    repo.write(".github/workflows/a.yml", "env:\n  STRIPE_SECRET_KEY: ${{ secrets.STRIPE_SECRET_KEY }}\n");
    for (command, says) in [
        ("runbook", &["Moves money", "In the history since 2023-11-14", "git filter-repo"][..]),
        ("plan", &["without downtime", "To roll back", "24 to 48 hours"]),
    ] {
        let out = keyscan(repo.path(), &["rotate", command], &old_key());
        let text = said(&out);
        assert_eq!(out.status.code(), Some(0), "{text}");
        let always =
            ["https://dashboard.stripe.com/apikeys", "`config.env`", "gh secret set STRIPE_SECRET_KEY", "restarted"];
        for words in always.iter().chain(says) {
            assert!(text.contains(words), "{words} is not in {text}");
        }
    }
}
