use std::path::Path;

use super::*;
use crate::error::ErrorKind;
use crate::finding::Finding;
use crate::fingerprint::Key;
use crate::rule::RuleSet;
use crate::secret::Secret;
use crate::span::{Position, Span};

const RULE: &str = "provider = 'test'\nname = 'Test'\n[[rule]]\nid = 'test-key'\ndescription = 'Test key'\n\
    severity = 'high'\nkind = 'distinctive'\nregex = 'TESTKEY-[a-z]{4,16}'";

const NOWHERE: Surroundings<'_> = Surroundings::new(b"", b"");

fn key() -> Key {
    Key::from_bytes([7; 32])
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn today() -> Date {
    day("2026-03-01")
}

fn rule() -> Rule {
    RuleSet::from_toml(Path::new("test.toml"), RULE).unwrap().rules()[0].clone()
}

fn located(secret: &str, line: u64) -> Located {
    let span = Span { start: 0, end: secret.len() as u64 };
    let at = Position { line, column: 1 };
    let finding = Finding {
        rule: 0,
        secret: Secret::new(secret.as_bytes()),
        span,
        matched: span,
        start: at,
        end: at,
        confidence: 1.0,
        verdicts: Vec::new(),
        decoded: None,
        candidates: Vec::new(),
        parts: Vec::new(),
    };
    Located { path: "a\n.py".to_owned(), finding, origin: None }
}

fn fingerprint(secret: &str) -> Fingerprint {
    Fingerprint::new(&key(), "test-key", &Secret::new(secret.as_bytes()))
}

fn parse(lines: &str) -> crate::error::Result<Baseline> {
    Baseline::parse(Path::new(".keyscanignore"), lines, Some(&key()))
}

#[test]
fn a_listed_secret_is_known_wherever_it_stands_until_its_last_day() {
    let entry = |rest: &str| format!("{}{rest}\n", fingerprint("TESTKEY-onyx"));
    for (lines, decision) in [
        (entry(""), Decision::Baselined),
        (entry(" until=2026-03-01 # soon"), Decision::Baselined),
        (entry(" until=2026-02-28"), Decision::Reported),
        (String::new(), Decision::Reported),
    ] {
        let gate = Gate::new(vec![parse(&lines).unwrap()], today());
        assert_eq!(gate.decide(&located("TESTKEY-onyx", 1), &rule(), NOWHERE), decision, "{lines}");
        assert_eq!(gate.decide(&located("TESTKEY-onyx", 99), &rule(), NOWHERE), decision, "{lines}");
        assert_eq!(gate.decide(&located("TESTKEY-opal", 1), &rule(), NOWHERE), Decision::Reported);
    }
}

#[test]
fn entries_that_no_finding_had_are_told_and_so_are_those_that_expired() {
    let lines = format!(
        "{}\n{} until=2020-01-01\n{} until=2020-01-01\n",
        fingerprint("TESTKEY-onyx"),
        fingerprint("TESTKEY-opal"),
        fingerprint("TESTKEY-ruby")
    );
    let gate = Gate::new(vec![parse(&lines).unwrap()], today()).with_min_severity(Severity::Critical);
    // What is not reported for its severity is still there.
    assert_eq!(gate.decide(&located("TESTKEY-onyx", 1), &rule(), NOWHERE), Decision::Minor);
    let _ = gate.decide(&located("TESTKEY-opal", 1), &rule(), NOWHERE);
    let lines = |entries: Vec<(&Baseline, &BaselineEntry)>| entries.iter().map(|(_, e)| e.line).collect::<Vec<_>>();
    assert_eq!(lines(gate.unused().collect()), [3]);
    assert_eq!(lines(gate.expired().collect()), [2]);
}

#[test]
fn comments_severities_and_baselines_are_counted() {
    let gate = Gate::new(vec![parse(&fingerprint("TESTKEY-onyx").to_string()).unwrap()], today());
    let comment = Surroundings::new(b"", b" # keyscan:allow");
    let found = located("TESTKEY-opal", 1);
    assert_eq!(gate.decide(&found, &rule(), comment), Decision::Allowed("keyscan:allow"));
    assert_eq!(gate.decide(&found, &rule(), NOWHERE), Decision::Reported);
    assert_eq!(gate.decide(&located("TESTKEY-onyx", 1), &rule(), NOWHERE), Decision::Baselined);
    assert_eq!(gate.tally(), Tally { reported: 1, allowed: 1, baselined: 1, minor: 0 });
    let deaf = Gate::new(Vec::new(), today()).with_comments(false).with_min_severity(Severity::High);
    assert_eq!(deaf.decide(&found, &rule(), comment), Decision::Reported);
}

#[test]
fn each_baseline_is_asked_with_its_own_key() {
    let other = Key::from_bytes([8; 32]);
    let secret = Secret::new(b"TESTKEY-onyx");
    let text = format!("# keyscan key: {}\n{}\n", other.to_hex(), Fingerprint::new(&other, "test-key", &secret));
    let gate = Gate::new(vec![parse("").unwrap(), parse(&text).unwrap()], today());
    assert_eq!(gate.decide(&located("TESTKEY-onyx", 1), &rule(), NOWHERE), Decision::Baselined);
}

#[test]
fn errors_name_the_file_and_the_line() {
    let fp = fingerprint("TESTKEY-onyx");
    let key_line = |byte| format!("# keyscan key: {}", Key::from_bytes([byte; 32]).to_hex());
    for (line, why) in [
        ("a.py:generic:12".to_owned(), "32 hex digits"),
        (format!("{fp} soon"), "until="),
        (format!("{fp} until=tomorrow"), "YYYY-MM-DD"),
        (format!("{fp} until=2026-01-01 until=2026-01-02"), "once"),
        ("<<<<<<< HEAD".to_owned(), "merge conflict"),
        ("# keyscan key: 12".to_owned(), "64 hex digits"),
        (key_line(2), "second key"),
    ] {
        let error = parse(&format!("{}\n\n{line}\n", key_line(1))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Syntax);
        let shown = error.to_string();
        assert!(shown.starts_with(".keyscanignore: line 3: ") && shown.contains(why), "{shown}");
    }
}

#[test]
fn entries_without_a_key_are_refused() {
    let text = fingerprint("TESTKEY-onyx").to_string();
    assert!(Baseline::parse(Path::new("b"), &text, None).unwrap_err().message().contains("key"));
    assert!(Baseline::parse(Path::new("b"), "# nothing yet\n", None).is_ok());
}

#[test]
fn what_a_merge_leaves_is_read() {
    let fp = fingerprint("TESTKEY-onyx");
    let text = format!(
        "# keyscan key: {hex}\r\n# keyscan key: {hex}\r\n{fp} until=2020-01-01\r\n{fp} until=2027-01-01 # ours\r\n",
        hex = key().to_hex()
    );
    let baseline = parse(&text).unwrap();
    let entries: Vec<_> = baseline.entries().collect();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].until, entries[0].reason.as_deref()), (Some(day("2027-01-01")), Some("ours")));
    assert_eq!(baseline.to_text().lines().filter(|line| line.contains("keyscan key")).count(), 1);
}

#[test]
fn accepting_sorts_in_keeps_what_is_there_and_says_where() {
    let mut names = ["TESTKEY-onyx", "TESTKEY-opal", "TESTKEY-ruby", "TESTKEY-jade"];
    names.sort_by_key(|name| fingerprint(name));
    let fps = names.map(fingerprint);
    let mut baseline = parse(&format!("# ours\n\n{} # kept # so\n\n# of the last\n{}\n", fps[0], fps[3])).unwrap();
    for name in [names[2], names[1], names[0]] {
        let new = baseline.accept(&located(name, 7), "test-key", today()).unwrap();
        assert_eq!(new, name != names[0]);
    }
    let new = |fp| format!("{fp} # a\\n.py:7 test-key");
    let expected =
        format!("# ours\n\n{} # kept # so\n\n{}\n{}\n# of the last\n{}\n", fps[0], new(fps[1]), new(fps[2]), fps[3]);
    assert_eq!(baseline.to_text(), expected);
    let again = parse(&expected).unwrap();
    assert_eq!(again.to_text(), expected);
    assert!(baseline.remove(&[fps[1]]) && !baseline.remove(&[fps[1]]));
    assert!(!baseline.to_text().contains(&fps[1].to_string()));
}

#[test]
fn accepting_again_renews_what_has_expired() {
    let mut baseline = parse(&format!("{} until=2020-01-01 # old\n", fingerprint("TESTKEY-onyx"))).unwrap();
    assert!(baseline.accept(&located("TESTKEY-onyx", 7), "test-key", today()).unwrap());
    assert_eq!(baseline.to_text(), format!("{} # old\n", fingerprint("TESTKEY-onyx")));
}

#[test]
fn the_first_write_makes_a_file_with_a_key_that_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".keyscanignore");
    let mut baseline = Baseline::open(&path, None).unwrap();
    assert!(baseline.accept(&located("TESTKEY-onyx", 7), "test-key", today()).is_err());
    baseline.set_key(key());
    assert!(baseline.accept(&located("TESTKEY-onyx", 7), "test-key", today()).unwrap());
    baseline.write().unwrap();
    let back = Baseline::open(&path, None).unwrap();
    assert_eq!(back.to_text(), baseline.to_text());
    assert!(back.to_text().starts_with(&format!("# keyscan key: {}\n# ", key().to_hex())));
    assert_eq!(back.key(), Some(&key()));
    assert_eq!(back.entries().map(|e| e.fingerprint).collect::<Vec<_>>(), [fingerprint("TESTKEY-onyx")]);
    let (debug, hex) = (format!("{back:?}"), key().to_hex());
    assert!(!debug.contains(&hex[..8]), "{debug}");
    // Nothing but the file is left.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_key_of_the_project_is_not_written() {
    let mut baseline = parse("").unwrap();
    baseline.set_key(Key::from_bytes([9; 32]));
    assert_eq!((baseline.key(), baseline.to_text().as_str()), (Some(&key()), ""));
}

#[test]
fn a_write_that_fails_says_where_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone").join("baseline");
    let error = Baseline::open(&path, None).unwrap().write().unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Io, Some(path.as_path())));
    // The name is taken by a folder: the new file cannot take its place, and goes.
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    let baseline = Baseline::parse(&taken, "", None).unwrap();
    assert!(baseline.write().is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_write_keeps_links_and_permissions() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    std::fs::write(&real, "# old\n").unwrap();
    std::fs::set_permissions(&real, PermissionsExt::from_mode(0o640)).unwrap();
    symlink(&real, &link).unwrap();
    Baseline::parse(&link, "# new\n", None).unwrap().write().unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::read_to_string(&real).unwrap(), "# new\n");
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[cfg(feature = "builtin-rules")]
#[test]
fn a_baseline_is_not_full_of_findings() {
    let mut baseline = Baseline::parse(Path::new("b"), "", None).unwrap();
    // Random, and the same each time.
    let random: Vec<String> = (0..50).map(|n| fingerprint(&n.to_string()).to_string()).collect();
    baseline.set_key(format!("{}{}", random[0], random[1]).parse().unwrap());
    for secret in &random {
        let _ = baseline.accept(&located(secret, 1), "test-key", today()).unwrap();
    }
    let scanner = crate::Scanner::new(RuleSet::builtin());
    assert_eq!(scanner.scan(baseline.to_text().as_bytes()), []);
}
