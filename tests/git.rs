//! The history of repositories: every object is looked at, and what is found is told with its commit.
//!
//! The repositories are made by git itself, which is also what the answers are compared with.

#![cfg(feature = "git")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use keyscan::{Finding, HistorySettings, Located, Outcome, Progress, RuleSet, Run, Scanner, testing};

use common::Random;
use common::repo::{Repo, note_places, token};
use common::texts::Texts;

fn history_with(scanner: &Scanner, path: &Path, settings: &HistorySettings) -> keyscan::Result<Outcome> {
    let (progress, interrupted) = (Progress::default(), AtomicBool::new(false));
    let run = Run::new(scanner, &|_, _| true, &progress, &interrupted);
    run.history(path, settings)
}

fn settings() -> HistorySettings {
    HistorySettings { threads: 3, ..HistorySettings::default() }
}

fn history(path: &Path) -> Outcome {
    history_with(&Scanner::new(RuleSet::builtin()), path, &settings()).unwrap()
}

/// The finding of a secret, of which there is one.
fn only<'o>(outcome: &'o Outcome, secret: &str) -> &'o Located {
    let found: Vec<&Located> =
        outcome.findings.iter().filter(|located| located.finding.secret.expose() == secret.as_bytes()).collect();
    assert_eq!(found.len(), 1, "{:?}", outcome.findings);
    found[0]
}

fn commit_of(located: &Located) -> &str {
    located.origin.as_ref().unwrap().commit.as_ref().map_or("none", |commit| &commit.id)
}

#[test]
fn a_secret_is_told_with_the_commit_that_brought_it() {
    let mut repo = Repo::new(&[]);
    let secret = token(1);
    repo.write("a/b.txt", "nothing\n");
    repo.commit("first");
    repo.write("a/b.txt", format!("nothing\nkey {secret}\n"));
    let brought = repo.commit(&format!("second\n\nwith a body and {}", token(2)));
    for n in 0..5 {
        repo.write("a/b.txt", format!("nothing {n}\nkey {secret}\n"));
        repo.commit("more");
    }
    repo.git(&["tag", "v1"]);
    fs::remove_file(repo.path().join("a/b.txt")).unwrap();
    repo.commit("gone");
    for packed in [false, true] {
        if packed {
            repo.git(&["gc", "-q"]);
        }
        let outcome = history(repo.path());
        let found = only(&outcome, &secret);
        assert_eq!((found.path.as_str(), found.finding.start.line, found.finding.start.column), ("a/b.txt", 2, 5));
        let origin = found.origin.as_ref().unwrap();
        let commit = origin.commit.as_ref().unwrap();
        assert_eq!((commit.id.as_str(), commit.author.as_str()), (brought.as_str(), "Ada"));
        assert_eq!((commit.email.as_str(), commit.subject.as_str()), ("Ada@example.com", "second"));
        assert_eq!(commit.date, "2023-11-14T23:15:20+01:00");
        assert!(!origin.in_head);
        assert_eq!(
            (origin.versions, origin.ref_count, &origin.refs[..]),
            (6, 2, &["refs/heads/main".to_owned(), "refs/tags/v1".to_owned()][..])
        );
        let message = only(&outcome, &token(2));
        assert_eq!((message.path.as_str(), commit_of(message)), ("<commit message>", brought.as_str()));
        assert_eq!(message.finding.start.line, 3);
        assert!(outcome.is_complete(), "{:?}", outcome.unexamined);
    }
}

/// Parts that come together are one finding. One that comes later is told with the commit that brought it.
#[test]
fn no_part_of_a_credential_is_lost_in_another_ones_commit() {
    let rules = RuleSet::builtin();
    let value = |id: &str, seed| {
        let filled = rules.get(id).unwrap().samples()[0].fill(seed, None);
        String::from_utf8(filled.text[filled.secret].to_vec()).unwrap()
    };
    let (id, secret) = (|n| value("aws-access-key-id", n), |n| value("aws-secret-access-key", n));
    let mut repo = Repo::new(&[]);
    repo.write("late.txt", format!("aws id: {}\n", id(1)));
    let first = repo.commit("an id");
    repo.write("late.txt", format!("aws id: {}\naws secret: {}\n", id(1), secret(1)));
    repo.write("both.txt", format!("aws id: {}\naws secret: {}\n", id(2), secret(2)));
    let second = repo.commit("its secret, and both of another");
    repo.write("both.txt", format!("aws secret: {}\n", secret(2)));
    repo.commit("a secret without its id");
    for packed in [false, true] {
        if packed {
            repo.git(&["gc", "-q"]);
        }
        let outcome = history(repo.path());
        assert_eq!(outcome.findings.len(), 3, "{:?}", outcome.findings);
        let (early, late, both) = (only(&outcome, &id(1)), only(&outcome, &secret(1)), only(&outcome, &id(2)));
        assert_eq!((commit_of(early), early.finding.parts.len()), (&*first, 0));
        assert_eq!((commit_of(late), late.finding.start.line), (&*second, 2));
        assert_eq!(commit_of(both), second);
        let parts: Vec<&[u8]> = both.finding.parts.iter().map(|part| part.finding.secret.expose()).collect();
        assert_eq!(parts, [secret(2).as_bytes()]);
        assert!(outcome.is_complete(), "{:?}", outcome.unexamined);
    }
}

#[test]
fn every_place_of_a_repository_is_looked_at() {
    let mut repo = Repo::new(&[]);
    let base = repo.commit("base");
    let mut seed = 100;
    let mut expected: Vec<(String, String, Option<String>)> = Vec::new();
    let mut secret = |path: &str, commit: Option<&str>| {
        seed += 1;
        expected.push((token(seed), path.to_owned(), commit.map(str::to_owned)));
        token(seed)
    };
    // A merge that brings what neither side has.
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("side", "1");
    repo.commit("side");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "--no-commit", "side"]);
    let evil = secret("evil", None);
    repo.write("evil", evil);
    let merge = repo.commit("merge");
    expected_commit(&mut expected, &merge);
    // A branch that was removed, and an amended commit.
    let mut secret = |expected: &mut Vec<(String, String, Option<String>)>, path: &str| {
        seed += 1;
        expected.push((token(seed), path.to_owned(), None));
        token(seed)
    };
    repo.git(&["checkout", "-q", "-b", "gone"]);
    repo.write("removed-branch", secret(&mut expected, "removed-branch"));
    let gone = repo.commit("on a branch that goes");
    expected_commit(&mut expected, &gone);
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["branch", "-q", "-D", "gone"]);
    // A note, a stash with its index and its untracked part.
    let note = secret(&mut expected, &base);
    repo.git(&["notes", "add", "-m", &note, &base]);
    let id = repo.git(&["rev-parse", "refs/notes/commits"]);
    expected_commit(&mut expected, &id);
    repo.write("stashed", secret(&mut expected, "stashed"));
    repo.git(&["add", "stashed"]);
    repo.write("untracked", secret(&mut expected, "untracked"));
    repo.git(&["stash", "-q", "-u"]);
    // Messages, names, links.
    repo.now += 60;
    let message = secret(&mut expected, "<tag message>");
    repo.git(&["tag", "-a", "v1", "-m", &message]);
    let author = secret(&mut expected, "<commit header>");
    repo.git(&["commit", "-q", "--allow-empty", "-m", "x", "--author", &format!("{author} <a@example.com>")]);
    let name = secret(&mut expected, "a name");
    repo.write(&format!("x{}", &name).replacen('x', "folder/", 1), "x");
    let link = secret(&mut expected, "link");
    std::os::unix::fs::symlink(link, repo.path().join("link")).unwrap();
    repo.commit("names and links");
    // No commit leads to these.
    let dangling = secret(&mut expected, "<blob");
    repo.object("blob", dangling.as_bytes());
    // A custom ref, of which no branch knows.
    let custom = secret(&mut expected, "custom");
    repo.git(&["checkout", "-q", "--orphan", "other"]);
    repo.write("custom", custom);
    let id = repo.commit("custom");
    repo.git(&["update-ref", "refs/odd/place", &id]);
    repo.git(&["checkout", "-q", "-f", "main"]);
    repo.git(&["branch", "-q", "-D", "other"]);
    let staged = secret(&mut expected, "<blob");
    repo.write("staged", staged);
    repo.git(&["add", "staged"]);
    // The repository's own files.
    let remote = secret(&mut expected, ".git/config");
    repo.git(&["config", "remote.origin.url", &format!("https://{remote}@example.com/x")]);
    let log = secret(&mut expected, ".git/logs/HEAD");
    repo.git(&["update-ref", "-m", &log, "HEAD", &merge]);

    for packed in [false, true] {
        if packed {
            // What nothing reaches stays, too.
            repo.git(&["repack", "-q", "-a", "-d", "-k"]);
        }
        let outcome = history(repo.path());
        for (secret, path, commit) in &expected {
            let secret = secret.as_bytes();
            let mut found = outcome.findings.iter().filter(|located| located.finding.secret.expose() == secret);
            let found = found.find(|located| path == "a name" || located.path.starts_with(path.as_str()));
            let found = found.unwrap_or_else(|| panic!("{path}, packed {packed}: {:#?}", outcome.findings));
            if let Some(commit) = commit {
                assert_eq!(commit_of(found), commit, "{path}");
            }
            if path == "a name" {
                assert!(
                    found.path.starts_with("folder/") && !found.path.contains(std::str::from_utf8(secret).unwrap())
                );
            }
        }
        let custom = outcome.findings.iter().find(|located| located.path == "custom").unwrap();
        assert_eq!(custom.origin.as_ref().unwrap().refs, ["refs/odd/place"]);
        let removed = outcome.findings.iter().find(|located| located.path == "removed-branch").unwrap();
        assert_eq!(removed.origin.as_ref().unwrap().ref_count, 0);
        assert!(outcome.is_complete(), "{:?}", outcome.unexamined);
    }
    let seed = |wanted: &str| (101..).zip(&expected).find(|(_, (_, path, _))| path == wanted).map(|(seed, _)| seed);
    let places = [("name of a file", "a name"), ("target of a symbolic link", "link"), ("reflog", ".git/logs/HEAD")];
    note_places(repo.path(), places.into_iter().filter_map(|(place, path)| Some((place, seed(path)?))));
}

fn expected_commit(expected: &mut [(String, String, Option<String>)], commit: &str) {
    expected.last_mut().unwrap().2 = Some(commit.to_owned());
}

/// A repository of many versions of a few files, which its own random numbers make.
fn random_repo(random: &mut Random, rules: &RuleSet, commits: usize) -> Repo {
    let mut repo = Repo::new(&[]);
    let texts = Texts::new(rules);
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for number in 0..commits {
        for _ in 0..1 + random.below(3) {
            match random.below(12) {
                0 | 1 => {
                    let name = format!("{}/{}", random.pick(&["a", "b/c", "d"]), random.below(30));
                    let pieces = *random.pick(&[0, 5, 60, 400]);
                    let text = texts.make(random, pieces);
                    files.retain(|(other, _)| *other != name);
                    files.push((name, text));
                }
                2 if !files.is_empty() => {
                    let at = random.below(files.len());
                    files[at].0 = format!("renamed/{number}");
                }
                3 if !files.is_empty() => drop(files.swap_remove(random.below(files.len()))),
                4 if !files.is_empty() => {
                    let at = random.below(files.len());
                    files[at].1 = files[at]
                        .1
                        .iter()
                        .flat_map(|b| if *b == b'\n' { vec![b'\r', b'\n'] } else { vec![*b] })
                        .collect();
                }
                5 if !files.is_empty() => {
                    let at = random.below(files.len());
                    files[at].1 = common::utf16(&files[at].1.clone(), random.one_in(2));
                    files[at].1.truncate(200_000);
                }
                _ if !files.is_empty() => {
                    let at = random.below(files.len());
                    let text = &mut files[at].1;
                    let from = random.below(text.len() + 1);
                    let to = (from + random.below(50)).min(text.len());
                    let pieces = random.below(4);
                    text.splice(from..to, texts.make(random, pieces));
                }
                _ => {}
            }
        }
        for folder in ["a", "b", "d", "renamed"] {
            let _ = fs::remove_dir_all(repo.path().join(folder));
        }
        files.iter().for_each(|(name, text)| repo.write(name, text));
        repo.commit(&format!("commit {number}"));
        match random.below(10) {
            0 => drop(repo.git(&["branch", "-f", &format!("branch{}", random.below(3))])),
            1 if random.one_in(2) => {
                let branches = repo.git(&["for-each-ref", "--format=%(refname)", "refs/heads/branch*"]);
                let names: Vec<&str> = branches.lines().collect();
                repo.git(&[&["merge", "-q", "-s", "ours", "-m", "octopus", "main"], &names[..]].concat());
            }
            2 => drop(repo.git(&["repack", "-q", "-d"])),
            _ => {}
        }
    }
    repo
}

/// What git itself lists: the blobs, and what a whole scan finds in each.
fn reference(repo: &Repo, scanner: &Scanner) -> BTreeSet<(String, String, Vec<u8>)> {
    let list = repo.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)"]);
    let mut all = BTreeSet::new();
    for id in list.lines().filter_map(|line| line.strip_suffix(" blob")) {
        let content = repo.command(&["cat-file", "blob", id]).output().unwrap().stdout;
        let found = scanner.scan(&content);
        for finding in found.iter().filter(|finding| finding.confidence >= 0.5).flat_map(Finding::secrets) {
            let rule = scanner.rules()[finding.rule].id().to_owned();
            all.insert((id.to_owned(), rule, finding.secret.expose().to_vec()));
        }
    }
    all
}

#[test]
fn scanning_changes_finds_what_scanning_everything_finds() {
    for seed in 1..4 {
        let rules = RuleSet::builtin();
        let mut random = Random(seed);
        let repo = random_repo(&mut random, &rules, 60);
        let scanner = Scanner::new(rules);
        let want = reference(&repo, &scanner);
        assert!(want.len() > 50, "seed {seed}: {}", want.len());
        for repack in [
            &[][..],
            &["-adf", "--depth=250", "--window=250"],
            &["-adf", "--depth=2"],
            &["-adF", "--depth=4000", "--window=40"],
        ] {
            if !repack.is_empty() {
                repo.git(&[&["repack", "-q"], repack].concat());
            }
            for (threads, max_held) in [(1, u64::MAX), (4, u64::MAX), (3, 0), (1, 50_000)] {
                let (deltas, differences) =
                    testing::history_differences(&scanner, repo.path(), threads, max_held).unwrap();
                assert!(differences.is_empty(), "seed {seed}, {repack:?}: {differences:#?}");
                assert!(repack.is_empty() || deltas > 30, "seed {seed}, {repack:?}: {deltas} deltas");
            }
            let all = HistorySettings { all_occurrences: true, ..settings() };
            let outcome = history_with(&scanner, repo.path(), &all).unwrap();
            let have: BTreeSet<(String, String, Vec<u8>)> = outcome
                .findings
                .iter()
                .flat_map(Located::apart)
                .filter(|located| !located.path.starts_with("<commit") && located.origin.is_some())
                .map(|located| {
                    let rule = scanner.rules()[located.finding.rule].id().to_owned();
                    (located.origin.as_ref().unwrap().object.clone(), rule, located.finding.secret.expose().to_vec())
                })
                .collect();
            assert_eq!(have, want, "seed {seed}, {repack:?}");
            assert!(outcome.findings.iter().all(|located| commit_of(located) != "none"));
            check_origins(&repo, &outcome);
        }
    }
}

/// The commit has the object at the path, and none of its parents has.
fn check_origins(repo: &Repo, outcome: &Outcome) {
    let mut known = BTreeSet::new();
    for located in outcome.findings.iter().filter(|located| !located.path.starts_with('<')) {
        let origin = located.origin.as_ref().unwrap();
        let commit = commit_of(located);
        if !known.insert((commit, &located.path, &origin.object)) {
            continue;
        }
        let object_in = |commit: &str| {
            let output = repo.command(&["rev-parse", "-q", "--verify", &format!("{commit}:{}", located.path)]).output();
            String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
        };
        assert_eq!(object_in(commit), origin.object, "{}", located.path);
        let parents = repo.git(&["rev-parse", &format!("{commit}^@")]);
        assert!(parents.lines().all(|parent| object_in(parent) != origin.object), "{} in {commit}", located.path);
        assert_eq!(object_in("HEAD") == origin.object, origin.in_head, "{}", located.path);
    }
}

#[test]
fn the_answer_does_not_depend_on_threads() {
    let rules = RuleSet::builtin();
    let repo = random_repo(&mut Random(9), &rules, 40);
    repo.git(&["repack", "-q", "-adf"]);
    let scanner = Scanner::new(rules);
    let run = |threads| {
        let outcome = history_with(&scanner, repo.path(), &HistorySettings { threads, ..settings() }).unwrap();
        format!("{:?}", outcome.findings)
    };
    let one = run(1);
    assert!(one.len() > 1000);
    for threads in [2, 5, 16] {
        assert_eq!(run(threads), one, "{threads} threads");
    }
}

#[test]
fn a_part_of_the_history_can_be_asked_for() {
    let mut repo = Repo::new(&[]);
    let mut ids = Vec::new();
    for n in 0..5 {
        repo.write(&format!("dir{n}/file"), token(n));
        ids.push(repo.commit(&format!("commit {n}")));
    }
    repo.git(&["checkout", "-q", "-b", "side", "HEAD~3"]);
    repo.write("side", token(7));
    repo.commit("side");
    repo.git(&["checkout", "-q", "main"]);
    let scanner = Scanner::new(RuleSet::builtin());
    let seeds = |settings: HistorySettings| -> Vec<u64> {
        let outcome = history_with(&scanner, repo.path(), &settings).unwrap();
        let is = |seed: &u64| outcome.findings.iter().any(|l| l.finding.secret.expose() == token(*seed).as_bytes());
        (0..9).filter(is).collect()
    };
    let range = |range: &str| HistorySettings { range: Some(range.to_owned()), ..settings() };
    assert_eq!(seeds(settings()), [0, 1, 2, 3, 4, 7]);
    assert_eq!(seeds(range(&format!("{}..{}", ids[1], ids[3]))), [2, 3]);
    assert_eq!(seeds(range("HEAD~2..")), [3, 4]);
    assert_eq!(seeds(range("main..side")), [7]);
    assert_eq!(seeds(range("..side")), [0, 1, 7]);
    assert_eq!(seeds(HistorySettings { branches: vec!["side".to_owned()], ..settings() }), [0, 1, 7]);
    assert_eq!(seeds(HistorySettings { max_depth: Some(2), branches: vec!["main".to_owned()], ..settings() }), [3, 4]);
    assert_eq!(seeds(HistorySettings { since: Some(1_700_000_000 + 4 * 60), ..settings() }), [3, 4, 7]);
    assert_eq!(seeds(HistorySettings { until: Some(1_700_000_000 + 2 * 60), ..settings() }), [0, 1]);
    assert_eq!(seeds(HistorySettings { author: Some("ADA@".to_owned()), ..settings() }).len(), 6);
    assert_eq!(seeds(HistorySettings { author: Some("Eve".to_owned()), ..settings() }), [0; 0]);
    assert_eq!(seeds(HistorySettings { paths: vec!["dir1/".to_owned(), "side".to_owned()], ..settings() }), [1, 7]);
    assert_eq!(seeds(HistorySettings { exclude: vec!["dir*/".to_owned()], ..settings() }), [7]);
    assert!(history_with(&scanner, repo.path(), &range("nowhere..main")).is_err());
}

#[test]
fn repositories_of_every_form_are_read() {
    let mut repo = Repo::new(&[]);
    let outer = token(1);
    repo.write("a", &outer);
    repo.commit("first");
    repo.write("b", token(2));
    repo.commit("second");
    let has = |path: &Path, seed: u64| {
        history(path).findings.iter().any(|located| located.finding.secret.expose() == token(seed).as_bytes())
    };
    // From a folder in it, its .git, a bare clone, a clone that borrows its objects, a linked working tree.
    fs::create_dir(repo.path().join("folder")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { other.path().join(name) };
    let clone = |name: &str, options: &[&str]| {
        let (from, to) = (format!("file://{}", repo.path().display()), at(name));
        let from = if options.contains(&"--shared") { repo.path().to_str().unwrap() } else { &from };
        repo.git(&[&["clone", "-q"], options, &[from, to.to_str().unwrap()]].concat());
    };
    clone("bare", &["--bare"]);
    clone("borrowing", &["--shared"]);
    repo.git(&["worktree", "add", "-q", at("tree").to_str().unwrap(), "-b", "tree"]);
    for path in [repo.path().join("folder"), repo.path().join(".git"), at("bare"), at("borrowing"), at("tree")] {
        assert!(has(&path, 1) && has(&path, 2), "{}", path.display());
        assert!(history(&path).is_complete(), "{}", path.display());
    }
    // A shallow clone says that it is one.
    clone("shallow", &["--depth=1"]);
    let shallow = history(&at("shallow"));
    assert!(!shallow.is_complete() && shallow.unexamined.iter().any(|unit| unit.reason.contains("shallow")));
    assert!(has(&at("shallow"), 2));
    // No repository at all.
    let none = tempfile::tempdir().unwrap();
    assert!(history_with(&Scanner::new(RuleSet::builtin()), none.path(), &settings()).is_err());
    // Without any commit.
    let empty = Repo::new(&[]);
    assert!(history(empty.path()).findings.is_empty() && history(empty.path()).is_complete());
    // SHA-256.
    let mut long = Repo::new(&["--object-format=sha256"]);
    long.write("a", token(3));
    let id = long.commit("first");
    for _ in 0..2 {
        assert_eq!(commit_of(only(&history(long.path()), &token(3))), id);
        long.git(&["gc", "-q"]);
    }
}

#[test]
fn nothing_is_written_and_no_program_of_the_repository_runs() {
    let mut repo = Repo::new(&[]);
    repo.write("a", token(1));
    repo.write(".gitattributes", "* filter=bad diff=bad\n");
    repo.commit("first");
    let trap = repo.path().join("trapped");
    let command = format!("touch {}", trap.display());
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "filter.bad.smudge",
        "filter.bad.clean",
        "diff.bad.textconv",
        "core.pager",
    ] {
        repo.git(&["config", key, &command]);
    }
    let listing = || -> BTreeSet<(PathBuf, u64)> {
        let mut all = BTreeSet::new();
        let mut folders = vec![repo.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    all.insert((entry.path(), entry.metadata().unwrap().len()));
                }
            }
        }
        all
    };
    let before = listing();
    assert!(!history(repo.path()).findings.is_empty());
    assert_eq!(listing(), before);
}

/// Compares the two ways of scanning on the repositories of a folder, where one is named.
#[test]
fn real_repositories_give_the_same_along_deltas_and_in_full() {
    let Some(folder) = std::env::var_os("KEYSCAN_HISTORY_DIR") else { return };
    let scanner = Scanner::new(RuleSet::builtin());
    let (deltas, differences) = testing::history_differences(&scanner, Path::new(&folder), 2, 64 << 20).unwrap();
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(deltas > 0, "a repository that is packed has deltas");
}
