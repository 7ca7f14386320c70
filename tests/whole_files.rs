//! Files that hold nothing but a secret are found where their path says so, in trees, archives, the index and the history, and
//! nowhere else.

#![cfg(all(feature = "git", feature = "archive"))]

mod common;

use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use keyscan::{
    HistoryCache, HistorySettings, NewCommits, Outcome, Progress, RuleSet, Run, Sample, Scanner, WalkSettings,
};

use common::repo::Repo;

fn run<T>(work: impl FnOnce(&Run<'_>) -> T) -> T {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    let scanner = SCANNER.get_or_init(|| Scanner::new(RuleSet::builtin()));
    let (progress, interrupted) = (Progress::default(), AtomicBool::new(false));
    work(&Run::new(scanner, &|_, _| true, &progress, &interrupted))
}

/// Paths with the rule, line and column of what was found there.
fn places(outcome: &Outcome) -> Vec<(String, &'static str, u64, u64)> {
    assert!(outcome.is_complete(), "{:?}", outcome.unexamined);
    let rules = RuleSet::builtin();
    let place = |located: &keyscan::Located| {
        let rule = match rules.rules()[located.finding.rule].id() {
            id if id.starts_with("rails-master") => "rails",
            id if id.starts_with("jenkins-initial") => "jenkins",
            _ => "other",
        };
        (located.path.clone(), rule, located.finding.start.line, located.finding.start.column)
    };
    outcome.findings.iter().map(place).collect()
}

fn digits(seed: u64) -> Vec<u8> {
    Sample::parse("{hex:32}").unwrap().fill(seed, None).text
}

/// Files by path, and whether they hold a secret.
fn files() -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    let with = |seed: u64, front: &[u8], back: &[u8]| [front, &digits(seed), back].concat();
    vec![
        ("config/credentials/production.key", with(1, b"", b"\r\n"), Some("rails")),
        ("config/master.key", with(2, b"", b""), Some("rails")),
        ("jenkins/secrets/initialAdminPassword", with(3, b"\n", b"\n"), Some("jenkins")),
        // The same digits at a path that says nothing.
        ("config/master.md5", with(2, b"", b""), None),
        // It does not stand alone, is too short, no digits, or nobody's secret.
        ("a/master.key", with(4, b"", b"  master.tar\n"), None),
        ("b/master.key", digits(5)[1..].to_vec(), None),
        ("c/master.key", b"<%= ENV.fetch('KEY_OF_THIS_TEST') %>".to_vec(), None),
        ("d/master.key", b"0".repeat(32), None),
        ("e/master.key", with(6, b"", &b" ".repeat(2000)), None),
    ]
}

fn expected(prefix: &str) -> Vec<(String, &'static str, u64, u64)> {
    let line = |path: &str| if path.contains("jenkins") { 2 } else { 1 };
    let secret = |(path, _, rule): &(&str, Vec<u8>, Option<&'static str>)| {
        Some((format!("{prefix}{path}"), (*rule)?, line(path), 1))
    };
    files().iter().filter_map(secret).collect()
}

#[test]
fn files_of_a_tree_and_members_of_archives() {
    let folder = tempfile::tempdir().unwrap();
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text, _) in files() {
        let file = folder.path().join("tree").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, &text).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, path, &text[..]).unwrap();
    }
    fs::write(folder.path().join("all.tar"), archive.into_inner().unwrap()).unwrap();
    let outcome = run(|run| run.paths(&[folder.path().to_owned()], &WalkSettings::default(), None)).unwrap();
    assert_eq!(places(&outcome), [expected("all.tar!"), expected("tree/")].concat());
    // A stream has no path.
    let mut found = Vec::new();
    let outcome = run(|run| run.stream(keyscan::STDIN, &digits(2)[..], |located| found.push(located)));
    assert!(outcome.is_complete() && found.is_empty());
    assert!(Scanner::new(RuleSet::builtin()).scan(&digits(2)).is_empty());
}

#[test]
fn files_of_commits_and_of_the_index() {
    let mut repo = Repo::new(&[]);
    repo.write("README", "x");
    let base = repo.commit("base");
    files().iter().for_each(|(path, text, _)| repo.write(path, text));
    repo.git(&["add", "-A"]);
    let settings = HistorySettings::default();
    assert_eq!(places(&run(|run| run.staged(repo.path(), &settings)).unwrap()), expected(""));
    repo.commit("keys");
    assert_eq!(places(&run(|run| run.staged(repo.path(), &settings)).unwrap()), []);
    repo.git(&["rm", "-rq", "config", "jenkins"]);
    repo.commit("gone");
    let new = NewCommits { tips: vec!["HEAD".to_owned()], known: vec![base.clone()], known_refs: Vec::new() };
    assert_eq!(places(&run(|run| run.incoming(repo.path(), &new, &settings)).unwrap()), expected(""));
    let cache = HistoryCache { folder: common::repo::folder().path().to_owned(), least_objects: 0 };
    // Object by object, packed, and as it is remembered.
    for round in 0..3 {
        let settings =
            HistorySettings { cache: Some(cache.clone()).filter(|_| round > 0), ..HistorySettings::default() };
        let outcome = run(|run| run.history(repo.path(), &settings)).unwrap();
        assert_eq!(places(&outcome), expected(""));
        let origin = outcome.findings[0].origin.as_ref().unwrap();
        assert!(!origin.in_head && origin.commit.as_ref().is_some_and(|commit| commit.subject == "keys"));
        repo.git(&["repack", "-adq"]);
    }
    // It comes to a path that tells what it is.
    repo.write("notes", digits(9));
    repo.commit("notes");
    repo.write("config/master.key", digits(9));
    repo.commit("key");
    let outcome = run(|run| run.history(repo.path(), &settings)).unwrap();
    let keys: Vec<_> = outcome.findings.iter().filter(|located| located.finding.secret.expose() == digits(9)).collect();
    assert_eq!(keys.iter().map(|located| located.path.as_str()).collect::<Vec<_>>(), ["config/master.key"]);
}
