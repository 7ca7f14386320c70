//! What coding agents keep: every secret in it is told, masked; what is mended stays what it is; what is written stays.
#![cfg(all(feature = "cli", unix))]

use std::fs::{self, File, FileTimes};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use keyscan::RuleSet;
use serde_json::{Value, json};

fn secret(seed: u64) -> String {
    let rules = RuleSet::builtin();
    let rule = rules.get("github-pat").unwrap();
    let filled = rule.samples()[0].fill(seed, rule.checksum());
    String::from_utf8(filled.text[filled.secret].to_vec()).unwrap()
}

fn old() -> SystemTime {
    SystemTime::now() - Duration::from_secs(86_400)
}

/// Writes a file as an agent would have yesterday.
fn put(home: &Path, name: &str, text: &[u8]) -> PathBuf {
    let path = home.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    File::options().write(true).open(&path).unwrap().set_times(FileTimes::new().set_modified(old())).unwrap();
    path
}

fn audit(home: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
    command.current_dir(home).env_clear().env("HOME", home).args(["audit", "agents"]).args(more);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A transcript: the secret stands in a result, in a document in a string, and in a name.
fn transcript(secret: &str) -> String {
    let lines = [
        json!({"type": "user", "message": {"role": "user", "content": "read .env"}}).to_string(),
        json!({"type": "user", "toolUseResult": {"stdout": format!("A=1\nTOKEN={secret}\n"), "n": 1}}).to_string(),
        format!("{{ \"raw\" : {}, \"f\": 1.50 }}", json!(json!({"k": secret}).to_string())),
        "not a document".to_owned(),
        format!("{{\"{secret}\": [true, null]}}"),
        format!("half a line {secret}"),
    ];
    lines.join("\n")
}

#[test]
fn every_place_is_looked_into_and_nothing_is_shown() {
    let (home, secret) = (tempfile::tempdir().unwrap(), secret(1));
    let places = [
        ".claude/projects/p/one.jsonl",
        ".claude/history.jsonl",
        ".claude/file-history/s/a@v1",
        ".codex/sessions/2026/01/02/rollout.jsonl",
        ".codex/history.jsonl",
        ".gemini/tmp/h/chats/session.json",
        ".cursor/projects/p/agent-transcripts/t.jsonl",
        ".copilot/session-state/s/events.jsonl",
        ".aider.chat.history.md",
        ".local/share/opencode/storage/part/p.json",
        ".config/Code/User/workspaceStorage/w/chatSessions/c.json",
    ];
    for place in places {
        put(home.path(), place, format!("{{\"a\": \"x {secret}\"}}\n").as_bytes());
    }
    // What agents sign in with, and what is none of theirs.
    put(home.path(), ".codex/auth.json", format!("{{\"k\": \"{secret}\"}}").as_bytes());
    put(home.path(), ".config/Code/User/settings.json", format!("{{\"k\": \"{secret}\"}}").as_bytes());
    let output = audit(home.path(), &["-f", "jsonl"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(!said.contains(&secret[6..16]));
    let found: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for place in places {
        let one = found.iter().find(|one| one["path"].as_str().unwrap().ends_with(place));
        let one = one.unwrap_or_else(|| panic!("{place}: {said}"));
        assert_eq!((&one["rule"], &one["line"]), (&json!("github-pat"), &json!(1)));
        assert_eq!(one["secret"], format!("{}...{}", &secret[..4], &secret[secret.len() - 4..]));
    }
    assert_eq!(found.len(), places.len(), "{said}");
    assert_eq!(audit(tempfile::tempdir().unwrap().path(), &[]).status.code(), Some(0));
}

#[test]
fn what_is_mended_stays_what_it_is() {
    let (home, secret) = (tempfile::tempdir().unwrap(), secret(2));
    let before = transcript(&secret);
    let path = put(home.path(), ".claude/projects/p/one.jsonl", before.as_bytes());
    let clean = put(home.path(), ".claude/projects/p/two.jsonl", b"{\"a\":1}\n");
    let document =
        put(home.path(), ".gemini/tmp/a.json", format!("{{\n \"b\": \"{secret}\",\n \"a\": 1.0\n}}").as_bytes());
    let modified = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let times = [modified(&path), modified(&clean)];
    let output = audit(home.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    assert!(text(&output.stdout).contains("one.jsonl:2: github-pat"), "{}", text(&output.stdout));
    let output = audit(home.path(), &["--fix"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(fs::read_to_string(&path).unwrap(), before.replace(&secret, "[REDACTED:github-pat]"));
    assert!(fs::read_to_string(&document).unwrap().contains("[REDACTED:github-pat]\",\n \"a\": 1.0"));
    assert_eq!([modified(&path), modified(&clean)], times);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    let folder: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(folder.len(), 2, "nothing is left beside it");
    assert_eq!(audit(home.path(), &["--fix"]).status.code(), Some(0));
}

#[test]
fn what_is_being_written_is_left_alone() {
    let (home, secret) = (tempfile::tempdir().unwrap(), secret(3));
    let line = format!("{{\"a\": \"{secret}\"}}\n");
    let open = put(home.path(), ".claude/projects/p/open.jsonl", line.as_bytes());
    let fresh = put(home.path(), ".claude/projects/p/fresh.jsonl", line.as_bytes());
    fs::write(&fresh, &line).unwrap();
    let mut held = File::options().append(true).open(&open).unwrap();
    let output = audit(home.path(), &["--fix"]);
    assert_eq!(output.status.code(), Some(2));
    let why = text(&output.stderr);
    assert!(why.contains("fresh.jsonl: not fixed: it changed within"), "{why}");
    #[cfg(target_os = "linux")]
    assert!(why.contains("open.jsonl: not fixed: a program has it open"), "{why}");
    assert!(!why.contains(&secret[6..16]));
    assert_eq!(fs::read_to_string(&fresh).unwrap(), line);
    #[cfg(target_os = "linux")]
    assert_eq!(fs::read_to_string(&open).unwrap(), line);
    held.write_all(b"{}\n").unwrap();
    drop(held);
    assert_eq!(audit(home.path(), &["--fix", "--quiet-for", "0"]).status.code(), Some(0));
}

#[test]
fn databases_are_looked_through_and_not_changed() {
    let (home, secret) = (tempfile::tempdir().unwrap(), secret(4));
    let mut database = b"SQLite format 3\0".to_vec();
    database.resize(4096, 0);
    database.extend(format!("\x05\x00{{\"text\":\"use {secret} now\"}}").bytes());
    database.resize(3 << 20, 7);
    let path = put(home.path(), ".config/Cursor/User/globalStorage/state.vscdb", &database);
    let output = audit(home.path(), &["--fix"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("state.vscdb:byte 41"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("databases are not changed"));
    assert_eq!(fs::read(&path).unwrap(), database);
}

/// Runs lines of Python with a database at this path; false where there is no Python.
fn with_database(path: &Path, lines: &str) -> bool {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let script = format!("import os, sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n{lines}\n");
    let run = Command::new("python3").args(["-c", &script]).arg(path).output();
    let Ok(output) = run else {
        let _ = Write::write_all(&mut std::io::stderr(), b"SKIPPED: there is no Python\n");
        return false;
    };
    assert!(output.status.success(), "{}", text(&output.stderr));
    true
}

#[test]
fn values_of_databases_are_whole_wherever_their_pages_end() {
    let (home, count) = (tempfile::tempdir().unwrap(), 300);
    let folder = home.path().join(".config/Cursor/User/globalStorage");
    let secrets: Vec<String> = (0..count).map(|seed| secret(1000 + seed)).collect();
    let told = |output: &Output| -> Vec<String> {
        let mut told: Vec<String> = text(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["secret"].as_str().unwrap().to_owned())
            .collect();
        told.sort();
        told
    };
    let mut expected: Vec<String> = secrets.iter().map(|one| keyscan::Secret::new(one.as_bytes()).masked()).collect();
    expected.sort();
    let list = format!("s = {secrets:?}\n");
    for (name, setup) in [
        ("one.vscdb", "c.execute('pragma page_size=1024')"),
        ("two.vscdb", "c.execute('pragma page_size=65536')"),
        // Not yet in the database, but in the log beside it, which stays when nobody closes it.
        ("three.vscdb", "c.execute('pragma journal_mode=wal'); c.execute('pragma wal_autocheckpoint=0')"),
    ] {
        let path = folder.join(name).with_file_name("state.vscdb");
        // At every distance from the end of a page; keys as well, of which long ones lie in pieces, too.
        let lines = format!(
            "{list}{setup}\nc.execute('create table t (key text primary key, value blob)')\n\
             half = len(s) // 2\n\
             c.execute('insert into t values (?, ?)', ('k', 'use ' + ' '.join(x + ' ' + 'word ' * 41 for x in s[:half])))\n\
             c.execute('insert into t values (?, ?)', ('use ' + ' '.join(x + ' ' + 'word ' * 41 for x in s[half:]), 'v'))\n\
             c.commit(); os._exit(0)"
        );
        let _ = fs::remove_dir_all(&folder);
        if !with_database(&path, &lines) {
            return;
        }
        let output = audit(home.path(), &["--format", "jsonl"]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", text(&output.stderr));
        let mut found = told(&output);
        found.dedup();
        assert_eq!(found, expected, "{name}");
    }
    // Pages that lead in circles, or nowhere, cost no more than others.
    let path = folder.join("state.vscdb");
    let mut bytes = fs::read(&path).unwrap();
    let len = bytes.len();
    (4096..len).step_by(97).for_each(|at| bytes[at] = (at % 251) as u8);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(audit(home.path(), &[]).status.code(), Some(0..=2)));
}

#[test]
fn links_are_not_followed_and_bytes_that_are_no_text_stay() {
    let (home, secret) = (tempfile::tempdir().unwrap(), secret(5));
    let outside = put(home.path(), "outside/file.jsonl", format!("{{\"a\": \"{secret}\"}}\n").as_bytes());
    fs::create_dir_all(home.path().join(".claude/projects")).unwrap();
    std::os::unix::fs::symlink(&outside, home.path().join(".claude/projects/link.jsonl")).unwrap();
    std::os::unix::fs::symlink(home.path().join("outside"), home.path().join(".claude/projects/folder")).unwrap();
    assert_eq!(audit(home.path(), &["--fix"]).status.code(), Some(0));
    assert!(fs::read_to_string(&outside).unwrap().contains(&secret));
    let bytes = [b"\xff\xfe log ".as_slice(), secret.as_bytes(), b" end\xff\n"].concat();
    let path = put(home.path(), ".codex/log/x.log", &bytes);
    assert_eq!(audit(home.path(), &["--fix"]).status.code(), Some(0));
    assert_eq!(
        fs::read(&path).unwrap(),
        [b"\xff\xfe log ".as_slice(), b"[REDACTED:github-pat]", b" end\xff\n"].concat()
    );
    // What is named is looked at wherever it lies.
    assert_eq!(audit(home.path(), &[outside.to_str().unwrap()]).status.code(), Some(1));
    assert_eq!(audit(home.path(), &["/no/such/folder"]).status.code(), Some(2));
}
