//! What is staged: what the next commit would bring is found, told by its path and line in the index, and nothing else.

#![cfg(feature = "git")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use keyscan::{GitEnvironment, HistorySettings, Outcome, Progress, RuleSet, Run, Scanner};

use common::Random;
use common::repo::{Repo, token};

fn staged_with(path: &Path, settings: &HistorySettings) -> Outcome {
    try_staged(path, settings).unwrap()
}

fn try_staged(path: &Path, settings: &HistorySettings) -> keyscan::Result<Outcome> {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    let scanner = SCANNER.get_or_init(|| Scanner::new(RuleSet::builtin()).with_margin(1024));
    let (progress, interrupted) = (Progress::default(), AtomicBool::new(false));
    let run = Run::new(scanner, &|_, _| true, &progress, &interrupted);
    run.staged(path, settings)
}

/// The places of what is found: path, line and which token.
fn staged(repo: &Repo) -> Vec<(String, u64, u64)> {
    places(&staged_with(repo.path(), &HistorySettings::default()))
}

fn places(outcome: &Outcome) -> Vec<(String, u64, u64)> {
    assert!(outcome.is_complete(), "{:?}", outcome.unexamined);
    let place = |located: &keyscan::Located| {
        let number = (0..60).find(|seed| token(*seed).as_bytes() == located.finding.secret.expose());
        (located.path.clone(), located.finding.start.line, number.unwrap_or(u64::MAX))
    };
    outcome.findings.iter().map(place).collect()
}

fn at(path: &str, line: u64, number: u64) -> (String, u64, u64) {
    (path.to_owned(), line, number)
}

#[test]
fn what_is_staged_is_found_and_not_what_lies_in_the_working_tree() {
    let mut repo = Repo::new(&[]);
    // The first commit: there is no HEAD.
    repo.write("a/b/new.txt", format!("x\n{}\n", token(1)));
    assert_eq!(staged(&repo), []);
    repo.git(&["add", "-A"]);
    assert_eq!(staged(&repo), [at("a/b/new.txt", 2, 1)]);
    // Staged, and changed since.
    repo.write("a/b/new.txt", "clean\n");
    assert_eq!(staged(&repo), [at("a/b/new.txt", 2, 1)]);
    repo.write("a/b/new.txt", format!("x\n{}\n", token(1)));
    repo.commit("first");
    assert_eq!(staged(&repo), []);
    // A line more: only that one is new, at the place it has in the index.
    repo.write("a/b/new.txt", format!("{}\nx\n{}\n{}\n", token(2), token(1), token(1)));
    repo.write("untracked", token(3));
    assert_eq!(staged(&repo), []);
    repo.git(&["add", "-u"]);
    assert_eq!(staged(&repo), [at("a/b/new.txt", 1, 2)]);
    // The same secret at another path is new.
    repo.write("copy.txt", format!("{}\n", token(1)));
    repo.git(&["add", "copy.txt"]);
    assert_eq!(staged(&repo), [at("a/b/new.txt", 1, 2), at("copy.txt", 1, 1)]);
    // What is only intended to be added is not part of the next commit.
    repo.git(&["add", "-N", "untracked"]);
    assert_eq!(staged(&repo).len(), 2);
    repo.git(&["reset", "-q", "--hard"]);
    assert_eq!(staged(&repo), []);
}

#[test]
fn only_the_staged_part_of_a_file_counts() {
    let mut repo = Repo::new(&[]);
    let lines: Vec<String> = (0..60).map(|n| format!("line {n}\n")).collect();
    repo.write("file", lines.concat());
    repo.commit("first");
    let mut changed = lines.clone();
    changed[5] = format!("{}\n", token(1));
    repo.write("file", changed.concat());
    repo.git(&["add", "file"]);
    changed[50] = format!("{}\n", token(2));
    repo.write("file", changed.concat());
    assert_eq!(staged(&repo), [at("file", 6, 1)]);
}

/// A secret that is staged below its id, which is there already, is told though the two are one finding elsewhere.
#[test]
fn a_part_of_a_credential_is_new_by_itself() {
    let rules = RuleSet::builtin();
    let value = |id: &str| {
        let filled = rules.get(id).unwrap().samples()[0].fill(1, None);
        String::from_utf8(filled.text[filled.secret].to_vec()).unwrap()
    };
    let (id, secret) = (value("aws-access-key-id"), value("aws-secret-access-key"));
    let found = |repo: &Repo| -> Vec<(Vec<u8>, usize)> {
        let outcome = staged_with(repo.path(), &HistorySettings::default());
        let tell = |located: &keyscan::Located| (located.finding.secret.expose().to_vec(), located.finding.parts.len());
        outcome.findings.iter().map(tell).collect()
    };
    let mut repo = Repo::new(&[]);
    repo.write("both", format!("aws id: {id}\naws secret: {secret}\n"));
    repo.write("late", format!("aws id: {id}\n"));
    repo.git(&["add", "-A"]);
    assert_eq!(found(&repo), [(id.clone().into_bytes(), 1), (id.clone().into_bytes(), 0)]);
    repo.commit("first");
    repo.write("late", format!("aws id: {id}\naws secret: {secret}\n"));
    repo.git(&["add", "-A"]);
    assert_eq!(found(&repo), [(secret.into_bytes(), 0)]);
}

#[test]
fn what_moves_is_not_new() {
    let mut repo = Repo::new(&[]);
    repo.write("old/keys", format!("some text\n{}\nmore\n", token(1)));
    repo.write("old/other", "other");
    repo.write("stays", format!("{}\n", token(2)));
    repo.commit("first");
    repo.git(&["mv", "old", "moved"]);
    assert_eq!(staged(&repo), []);
    // Moved and changed: what is new in it is found.
    repo.write("moved/keys", format!("some text\n{}\nand {}\n", token(1), token(3)));
    repo.git(&["add", "-A"]);
    assert_eq!(staged(&repo), [at("moved/keys", 3, 3)]);
    // What is copied is new.
    repo.write("moved/copy", format!("{}\n", token(2)));
    repo.git(&["add", "-A"]);
    assert_eq!(staged(&repo), [at("moved/copy", 1, 2), at("moved/keys", 3, 3)]);
}

#[test]
fn a_secret_whose_allow_comment_goes_is_new() {
    let mut repo = Repo::new(&[]);
    repo.write("file", format!("{} # keyscan:allow\n", token(1)));
    repo.commit("first");
    repo.write("file", format!("{}\n", token(1)));
    repo.git(&["add", "-A"]);
    assert_eq!(staged(&repo), [at("file", 1, 1)]);
}

#[test]
fn names_and_links_count_and_other_repositories_do_not() {
    let mut repo = Repo::new(&[]);
    repo.write("a", "a");
    let id = repo.commit("first");
    std::os::unix::fs::symlink(token(1), repo.path().join("link")).unwrap();
    repo.write(&format!("dir/{}", token(2)), "x");
    repo.write(&format!("{}/a", token(3)), "x");
    repo.git(&["add", "-A"]);
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},sub")]);
    repo.git(&["add", "-A", "dir", "link", "."]);
    let outcome = staged_with(repo.path(), &HistorySettings::default());
    let found: Vec<&str> = outcome.findings.iter().map(|located| located.path.as_str()).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.contains(&"link") && found.iter().any(|path| path.starts_with("dir/")));
    for seed in [2, 3] {
        assert!(found.iter().all(|path| !path.contains(&token(seed))), "{found:?}");
    }
}

#[test]
fn a_merge_brings_what_no_side_has() {
    let mut repo = Repo::new(&[]);
    repo.write("file", "base\n");
    repo.commit("base");
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("side", token(1));
    repo.write("file", format!("side {}\n", token(2)));
    repo.commit("side");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("file", format!("main {}\n", token(3)));
    repo.commit("main");
    assert!(!repo.command(&["merge", "-q", "side"]).output().unwrap().status.success());
    // In conflict it is not part of any commit.
    assert_eq!(staged(&repo), []);
    repo.write("file", format!("main {}\nside {}\nevil {}\n", token(3), token(2), token(4)));
    repo.git(&["add", "file"]);
    assert_eq!(staged(&repo), [at("file", 3, 4)]);
}

#[test]
fn paths_can_be_left_out() {
    let repo = Repo::new(&[]);
    for (path, number) in [("src/a", 1), ("tests/b", 2), ("c", 3)] {
        repo.write(path, token(number));
    }
    repo.git(&["add", "-A"]);
    let found = |paths: &[&str], exclude: &[&str]| {
        let list = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
        let settings = HistorySettings { paths: list(paths), exclude: list(exclude), ..HistorySettings::default() };
        places(&staged_with(repo.path(), &settings)).into_iter().map(|place| place.0).collect::<Vec<String>>()
    };
    assert_eq!(found(&[], &["tests/"]), ["c", "src/a"]);
    assert_eq!(found(&["src/", "c"], &[]), ["c", "src/a"]);
}

/// Changes at random, in every form of index that git writes.
#[test]
fn every_form_of_index_says_what_git_says() {
    type Form<'a> = (&'a str, &'a [&'a str], &'a [&'a [&'a str]]);
    let forms: [Form<'_>; 7] = [
        ("version 2", &[], &[&["update-index", "--index-version", "2"]]),
        ("version 3", &[], &[&["update-index", "--index-version", "3"]]),
        ("version 4", &[], &[&["update-index", "--index-version", "4"]]),
        ("split", &[], &[&["update-index", "--split-index"]]),
        ("split, version 4", &[], &[&["update-index", "--index-version", "4"], &["update-index", "--split-index"]]),
        ("sha256", &["--object-format=sha256"], &[]),
        ("sha256, split", &["--object-format=sha256"], &[&["update-index", "--split-index"]]),
    ];
    for (form, init, commands) in forms {
        let mut random = Random(7);
        let mut repo = Repo::new(init);
        // A split index is written anew when much of it has changed; here it is to stay split.
        repo.git(&["config", "splitIndex.maxPercentChange", "100"]);
        let names: Vec<String> = (0..40).map(|n| format!("d{}/e{}/f{n}", n % 3, n % 5)).collect();
        for name in &names {
            repo.write(name, format!("{name}\n"));
        }
        repo.commit("first");
        commands.iter().for_each(|command| drop(repo.git(command)));
        for round in 0..8 {
            let mut expected = Vec::new();
            for _ in 0..6 {
                let name = random.pick(&names).clone();
                let number = random.below(60) as u64;
                match random.below(4) {
                    0 => drop(fs::remove_file(repo.path().join(&name))),
                    1 => repo.write(&format!("{name}-{round}"), format!("\n{}\n", token(number))),
                    _ => repo.write(&name, format!("{name}\n\n{}\n", token(number))),
                }
            }
            // Here and there a name of every length, and one that is only intended to be added.
            repo.write(&"n".repeat(1 + random.below(40)), token(random.below(60) as u64));
            repo.write("intended", token(1));
            repo.git(&["add", "-A", ":!intended"]);
            repo.git(&["add", "-N", "intended"]);
            // What git says has changed, and what of it is new.
            let all = repo.git(&[
                "diff",
                "--cached",
                "--no-renames",
                "--name-only",
                "--diff-filter=AM",
                "--ita-invisible-in-index",
            ]);
            let show = |revision: String| {
                let output = repo.command(&["cat-file", "blob", &revision]).output().unwrap();
                String::from_utf8(output.stdout).unwrap()
            };
            let removed = repo.git(&["diff", "--cached", "--no-renames", "--name-only", "--diff-filter=D"]);
            let gone: String = removed.lines().map(|name| show(format!("HEAD:{name}"))).collect();
            for name in all.lines() {
                let (new, old) = (show(format!(":{name}")), show(format!("HEAD:{name}")));
                for (line, number) in new.lines().zip(1..) {
                    let is_new = !(old.contains(line) || old.is_empty() && gone.contains(line));
                    if let Some(seed) = (0..60).find(|seed| token(*seed) == line).filter(|_| is_new) {
                        expected.push(at(name, number, seed));
                    }
                }
            }
            expected.sort();
            assert_eq!(staged(&repo), expected, "{form}, round {round}");
            fs::remove_file(repo.path().join("intended")).unwrap();
            repo.git(&["add", "-A"]);
            if random.one_in(2) {
                repo.git(&["commit", "-q", "-m", "more"]);
                assert_eq!(staged(&repo), [], "{form}, round {round}");
            }
        }
        let shared = fs::read_dir(repo.path().join(".git")).unwrap().map(|entry| entry.unwrap().file_name());
        let is_split = shared.into_iter().any(|name| name.to_string_lossy().starts_with("sharedindex."));
        assert_eq!(is_split, form.contains("split"), "{form}");
    }
}

#[test]
fn a_sparse_index_is_read() {
    let mut repo = Repo::new(&[]);
    for n in 0..30 {
        repo.write(&format!("d{}/e{}/f{n}", n % 3, n % 2), format!("{n}\n"));
    }
    repo.write("d2/secret", token(9));
    repo.commit("first");
    repo.git(&["sparse-checkout", "init", "--cone", "--sparse-index"]);
    repo.git(&["sparse-checkout", "set", "d0"]);
    assert!(repo.git(&["ls-files", "--sparse"]).lines().any(|line| line == "d2/"), "it is sparse");
    assert_eq!(staged(&repo), []);
    repo.write("d0/new", token(1));
    repo.git(&["add", "d0"]);
    assert_eq!(staged(&repo), [at("d0/new", 1, 1)]);
    repo.commit("second");
    // A folder that is not checked out may differ from HEAD all the same.
    repo.git(&["checkout", "-q", "-b", "other", "HEAD~"]);
    repo.git(&["sparse-checkout", "disable"]);
    repo.write("d1/new", token(2));
    repo.commit("outside");
    repo.git(&["sparse-checkout", "init", "--cone", "--sparse-index"]);
    repo.git(&["sparse-checkout", "set", "d0"]);
    repo.git(&["reset", "-q", "--soft", "HEAD~"]);
    assert!(repo.git(&["ls-files", "--sparse"]).lines().any(|line| line == "d1/"), "it is sparse");
    assert_eq!(staged(&repo), [at("d1/new", 1, 2)]);
}

#[test]
fn another_index_and_a_linked_working_tree_are_looked_at() {
    let mut repo = Repo::new(&[]);
    repo.write("a", "a");
    repo.commit("first");
    let other = tempfile::tempdir().unwrap();
    let tree = other.path().join("tree");
    repo.git(&["worktree", "add", "-q", tree.to_str().unwrap(), "-b", "tree"]);
    fs::write(tree.join("a"), token(1)).unwrap();
    repo.git(&["-C", tree.to_str().unwrap(), "add", "a"]);
    assert_eq!(places(&staged_with(&tree, &HistorySettings::default())), [at("a", 1, 1)]);
    assert_eq!(staged(&repo), []);
    // As `git commit --only` has it.
    let index = other.path().join("index");
    repo.write("b", token(2));
    let output = repo.command(&["add", "b"]).env("GIT_INDEX_FILE", &index).output().unwrap();
    assert!(output.status.success());
    let environment = GitEnvironment { index_file: Some(index), ..GitEnvironment::default() };
    let settings = HistorySettings { environment, ..HistorySettings::default() };
    assert_eq!(places(&staged_with(repo.path(), &settings)), [at("b", 1, 2)]);
    assert_eq!(staged(&repo), []);
}

#[test]
fn an_index_that_lies_is_refused_and_does_no_harm() {
    let mut repo = Repo::new(&[]);
    repo.git(&["config", "splitIndex.maxPercentChange", "100"]);
    for n in 0..20 {
        repo.write(&format!("d{}/f{n}", n % 3), "x");
    }
    repo.commit("first");
    let file = repo.path().join(".git/index");
    let run = || try_staged(repo.path(), &HistorySettings::default()).map(|outcome| outcome.findings.len());
    for commands in [&[][..], &[&["update-index", "--index-version", "4"][..]], &[&["update-index", "--split-index"]]] {
        commands.iter().for_each(|command| drop(repo.git(command)));
        if commands.iter().any(|command| command.contains(&"--split-index")) {
            repo.write("d0/f0", "changed");
            fs::remove_file(repo.path().join("d1/f1")).unwrap();
            repo.git(&["add", "-A"]);
        }
        let whole = fs::read(&file).unwrap();
        let mut random = Random(3);
        for _ in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..1 + random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = if random.one_in(2) { 0xFF } else { random.below(256) as u8 };
            }
            bytes.truncate(if random.one_in(3) { random.below(bytes.len()) } else { bytes.len() });
            fs::write(&file, &bytes).unwrap();
            let _ends = run();
        }
        fs::write(&file, b"not an index at all, but long enough for one").unwrap();
        assert!(run().is_err());
        fs::write(&file, &whole).unwrap();
        assert_eq!(run().unwrap(), 0);
    }
}
