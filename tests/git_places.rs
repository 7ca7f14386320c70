//! Every place of a repository, built by git and looked into. `docs/git-conformance.md` lists them.

#![cfg(feature = "git")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use keyscan::{HistorySettings, Located, Outcome, Progress, RuleSet, Run, Scanner};

use common::repo::{Repo, folder, note_places, token};

fn run<T>(work: impl FnOnce(&Run<'_>) -> T) -> T {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    let scanner = SCANNER.get_or_init(|| Scanner::new(RuleSet::builtin()));
    let (progress, interrupted) = (Progress::default(), AtomicBool::new(false));
    work(&Run::new(scanner, &|_, _| true, &progress, &interrupted))
}

fn history(path: &Path, submodules: bool) -> Outcome {
    let settings = HistorySettings { submodules, ..HistorySettings::default() };
    run(|run| run.history(path, &settings)).unwrap()
}

fn find(outcome: &Outcome, seed: u64) -> Option<&Located> {
    outcome.findings.iter().find(|located| located.finding.secret.expose() == token(seed).as_bytes())
}

/// The path and the refs under which a secret is told.
fn told(outcome: &Outcome, seed: u64) -> (String, Vec<String>) {
    let located = find(outcome, seed).unwrap_or_else(|| panic!("{seed}: {:?}", outcome.findings));
    (located.path.clone(), located.origin.as_ref().map(|origin| origin.refs.clone()).unwrap_or_default())
}

fn complete(repo: &Repo) -> Outcome {
    let outcome = history(repo.path(), false);
    assert!(outcome.is_complete(), "{:?}", outcome.unexamined);
    outcome
}

/// A commit that only one ref reaches, with a secret; the branch is as it was.
fn aside(repo: &mut Repo, seed: u64, name: &str) {
    repo.git(&["checkout", "-q", "--detach", "main"]);
    repo.write("aside", token(seed));
    let id = repo.commit("aside");
    repo.git(&["checkout", "-q", "main"]);
    if !name.is_empty() {
        repo.git(&["update-ref", name, &id]);
    }
}

#[test]
fn refs_of_every_kind_are_followed() {
    let mut repo = Repo::new(&[]);
    repo.write("a", "a");
    let base = repo.commit("base");
    let names = [
        "refs/heads/side",
        "refs/remotes/origin/main",
        "refs/tags/light",
        "refs/notes/odd",
        "refs/odd/place",
        "refs/original/refs/heads/main",
        "refs/pull/1/head",
        "refs/bisect/bad",
        "refs/worktree/own",
    ];
    for (name, seed) in names.iter().zip(1..) {
        aside(&mut repo, seed, name);
    }
    // A commit that stands for another one.
    aside(&mut repo, 50, "");
    let other = repo.git(&["rev-parse", "HEAD@{1}"]);
    repo.git(&["replace", &base, &other]);
    for packed in [false, true] {
        if packed {
            repo.git(&["pack-refs", "--all"]);
        }
        let outcome = complete(&repo);
        for (name, seed) in names.iter().zip(1..) {
            assert_eq!(told(&outcome, seed), ("aside".to_owned(), vec![(*name).to_owned()]), "packed {packed}");
        }
        assert_eq!(told(&outcome, 50).1, [format!("refs/replace/{base}")]);
    }
    note_places(repo.path(), names.into_iter().zip(1..).chain([("refs/replace", 50)]));
}

#[test]
fn what_no_ref_reaches_is_found() {
    let mut repo = Repo::new(&[]);
    repo.write("a", "a");
    repo.commit("base");
    // Only the reflog names it.
    aside(&mut repo, 1, "");
    // Amended, reset, rebased, a stash that was dropped, a branch that was removed.
    repo.write("amended", token(2));
    repo.commit("amended");
    repo.write("amended", "clean");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--amend", "-m", "clean"]);
    repo.write("reset", token(3));
    repo.commit("reset");
    repo.git(&["reset", "-q", "--hard", "HEAD~"]);
    repo.write("stashed", token(4));
    repo.git(&["add", "stashed"]);
    repo.git(&["stash", "-q"]);
    repo.git(&["stash", "drop", "-q"]);
    aside(&mut repo, 5, "refs/heads/gone");
    repo.git(&["branch", "-q", "-D", "gone"]);
    // Staged and taken back: a file without a commit.
    repo.write("unstaged", token(6));
    repo.git(&["add", "unstaged"]);
    repo.git(&["rm", "-q", "--cached", "unstaged"]);
    for step in 0..3 {
        match step {
            1 => drop(repo.git(&["reflog", "expire", "--expire=now", "--all"])),
            // Packed for the bin.
            2 => drop(repo.git(&["repack", "-q", "-a", "-d", "--cruft"])),
            _ => {}
        }
        let outcome = complete(&repo);
        for seed in 1..=6 {
            let located = find(&outcome, seed).unwrap_or_else(|| panic!("{seed} in step {step}"));
            assert_eq!(located.path.starts_with("<blob "), seed == 6, "{}", located.path);
            assert_eq!(located.origin.as_ref().unwrap().ref_count, 0);
        }
    }
    assert!(
        fs::read_dir(repo.path().join(".git/objects/pack"))
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().ends_with(".mtimes") })
    );
    let places = ["a commit aside", "amended", "reset", "dropped from the stash", "of a removed branch", "staged once"];
    let names = places.map(|place| format!("reached by nothing, in a cruft pack: {place}"));
    note_places(repo.path(), names.iter().map(String::as_str).zip(1..));
}

#[test]
fn stashes_have_three_parts() {
    let mut repo = Repo::new(&[]);
    repo.write("both", "x\n");
    repo.commit("base");
    repo.write("both", format!("{}\n", token(1)));
    repo.git(&["add", "both"]);
    repo.write("both", format!("{}\n", token(2)));
    repo.write("untracked", token(3));
    repo.git(&["stash", "-q", "-u"]);
    let outcome = complete(&repo);
    for (seed, path) in [(1, "both"), (2, "both"), (3, "untracked")] {
        assert_eq!(told(&outcome, seed), (path.to_owned(), vec!["refs/stash".to_owned()]));
    }
    note_places(repo.path(), ["stash: index", "stash: working tree", "stash: untracked files"].into_iter().zip(1..));
}

#[test]
fn words_of_commits_and_tags_are_read() {
    let mut repo = Repo::new(&[]);
    repo.commit("base");
    let mut commit = repo.command(&["commit", "-q", "--allow-empty", "-m", &format!("subject\n\nbody {}", token(1))]);
    commit.env("GIT_AUTHOR_NAME", token(2)).env("GIT_AUTHOR_EMAIL", format!("{}@example.com", token(3)));
    commit.env("GIT_COMMITTER_NAME", token(4)).env("GIT_COMMITTER_EMAIL", format!("{}@example.com", token(5)));
    assert!(commit.status().unwrap().success());
    let mut tag = repo.command(&["tag", "-a", "v1", "-m", &token(6)]);
    assert!(tag.env("GIT_COMMITTER_NAME", token(7)).status().unwrap().success());
    repo.git(&["notes", "add", "-m", &token(8)]);
    // A header line that git does not know.
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
    let who = "A <a@example.com> 1700000000 +0000";
    repo.object("commit", format!("tree {tree}\nauthor {who}\ncommitter {who}\nodd {}\n\nx\n", token(9)).as_bytes());
    let outcome = complete(&repo);
    let places = [
        (1, "<commit message>"),
        (2, "<commit header>"),
        (3, "<commit header>"),
        (4, "<commit header>"),
        (5, "<commit header>"),
        (6, "<tag message>"),
        (7, "<tag header>"),
        (9, "<commit header>"),
    ];
    for (seed, path) in places {
        // Drafts of messages and reflogs have some of them too.
        let is_there =
            |located: &&Located| located.path == path && located.finding.secret.expose() == token(seed).as_bytes();
        assert_eq!(outcome.findings.iter().filter(is_there).count(), 1, "{seed} in {path}: {:?}", outcome.findings);
    }
    assert_eq!(told(&outcome, 8).1, ["refs/notes/commits"]);
    let places = [
        "message of a commit",
        "name of an author",
        "address of an author",
        "name of a committer",
        "address of a committer",
        "message of a tag",
        "name of a tagger",
        "note",
        "header line that git does not know",
    ];
    note_places(repo.path(), places.into_iter().zip(1..));
}

#[test]
fn merges_bring_what_no_parent_has() {
    let mut repo = Repo::new(&[]);
    repo.write("a", "a\n");
    repo.commit("base");
    for name in ["one", "two"] {
        repo.git(&["checkout", "-q", "-b", name, "main"]);
        repo.write(name, name);
        repo.commit(name);
    }
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-commit", "one", "two"]);
    repo.write("a", format!("{}\n", token(1)));
    let merge = repo.commit("octopus");
    assert_eq!(repo.git(&["rev-list", "--count", "--merges", "HEAD"]), "1");
    let outcome = complete(&repo);
    let commit = find(&outcome, 1).unwrap().origin.as_ref().unwrap().commit.as_ref().unwrap();
    assert_eq!(commit.id, merge);
    note_places(repo.path(), [("merge that brings what no parent has", 1)]);
}

#[test]
fn files_of_the_repository_itself_are_read() {
    let mut repo = Repo::new(&[]);
    repo.write("a", "a");
    repo.commit("base");
    let files = [
        "config.worktree",
        "description",
        "hooks/pre-push",
        "info/exclude",
        "logs/refs/heads/main",
        "rebase-merge/message",
        "rr-cache/0123/preimage",
        "COMMIT_EDITMSG",
        "FETCH_HEAD",
        "MERGE_MSG",
        "SQUASH_MSG",
        "lfs/objects/01/23/0123",
        "sequencer/todo",
    ];
    for (file, seed) in files.iter().zip(1..) {
        repo.write(&format!(".git/{file}"), format!("{}\n", token(seed)));
    }
    repo.git(&["config", "remote.origin.url", &format!("https://user:{}@example.com/x", token(30))]);
    repo.write(".git/hooks/x.sample", token(31));
    let outcome = complete(&repo);
    for (file, seed) in files.iter().zip(1..) {
        assert_eq!(told(&outcome, seed).0, format!(".git/{file}"));
    }
    assert_eq!(told(&outcome, 30).0, ".git/config");
    assert!(find(&outcome, 31).is_none(), "an example of git's");
    let names = files.map(|file| format!(".git/{file}"));
    note_places(repo.path(), names.iter().map(String::as_str).zip(1..).chain([(".git/config", 30)]));
}

/// All forms in which git keeps objects.
#[test]
fn objects_are_read_however_they_are_kept() {
    type Form = (&'static str, fn(&Repo));
    let forms: [Form; 11] = [
        ("loose", |_| ()),
        ("one pack", |repo| drop(repo.git(&["gc", "-q"]))),
        ("a pack and loose objects", |repo| {
            repo.git(&["repack", "-q", "-d"]);
            repo.object("blob", b"loose");
        }),
        ("index of version 1", |repo| drop(repo.git(&["-c", "pack.indexVersion=1", "repack", "-q", "-adf"]))),
        ("many packs, and a multi-pack index", |repo| {
            repo.git(&["repack", "-q", "-d"]);
            for n in 0..4 {
                repo.object("blob", format!("more {n}").as_bytes());
                repo.git(&["repack", "-q", "-d"]);
            }
            repo.git(&["multi-pack-index", "write", "--bitmap"]);
            assert!(repo.path().join(".git/objects/pack/multi-pack-index").exists());
        }),
        ("a pack to keep", |repo| {
            repo.git(&["gc", "-q"]);
            let packs = fs::read_dir(repo.path().join(".git/objects/pack")).unwrap();
            let pack =
                packs.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|e| e == "pack"));
            fs::write(pack.unwrap().with_extension("keep"), "").unwrap();
        }),
        ("a commit graph", |repo| drop(repo.git(&["commit-graph", "write", "--reachable"]))),
        ("without compression", |repo| drop(repo.git(&["-c", "core.compression=0", "repack", "-q", "-adF"]))),
        ("with the highest compression", |repo| drop(repo.git(&["-c", "core.compression=9", "repack", "-q", "-adF"]))),
        ("deltas against ids", |repo| {
            repo.git(&["-c", "repack.useDeltaBaseOffset=false", "repack", "-q", "-adf"]);
        }),
        ("long chains", |repo| drop(repo.git(&["repack", "-q", "-adf", "--depth=500", "--window=100"]))),
    ];
    for (form, make) in forms {
        let mut repo = Repo::new(&[]);
        for n in 0..20 {
            let lines: String =
                (0..50).map(|line| format!("line {line} of {}\n", if line == n { n } else { 0 })).collect();
            repo.write("file", format!("{lines}{}\n", token(n / 5)));
            repo.commit("more");
        }
        make(&repo);
        let outcome = complete(&repo);
        for seed in 0..4 {
            assert_eq!(told(&outcome, seed).0, "file", "{form}");
        }
        note_places(repo.path(), [(&*format!("an older version of a file: {form}"), 1)]);
    }
}

#[test]
fn clones_of_every_form_are_read() {
    let mut repo = Repo::new(&[]);
    repo.write("old", token(1));
    repo.commit("old");
    fs::remove_file(repo.path().join("old")).unwrap();
    repo.write("new", token(2));
    repo.commit("new");
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let other = folder();
    let from = format!("file://{}", repo.path().display());
    let clone = |name: &str, options: &[&str]| {
        let at = other.path().join(name);
        repo.git(&[&["clone", "-q"], options, &[&from, at.to_str().unwrap()]].concat());
        history(&at, false)
    };
    for (name, options) in [("whole", &[][..]), ("bare", &["--bare"]), ("mirror", &["--mirror"])] {
        let outcome = clone(name, options);
        assert!(outcome.is_complete() && find(&outcome, 1).is_some() && find(&outcome, 2).is_some(), "{name}");
        note_places(&other.path().join(name), [(&*format!("an older version of a file: {name} clone"), 1)]);
    }
    let borrowing = other.path().join("borrowing");
    repo.git(&["clone", "-q", "--shared", repo.path().to_str().unwrap(), borrowing.to_str().unwrap()]);
    assert!(find(&history(&borrowing, false), 1).is_some());
    note_places(&borrowing, [("an older version of a file: borrowed objects", 1)]);
    // What is not there is said not to be there, and everything else is found.
    let partial = clone("partial", &["--filter=blob:none"]);
    assert!(find(&partial, 1).is_none() && find(&partial, 2).is_some());
    note_places(&other.path().join("partial"), [("partial clone: what is there", 2)]);
    assert!(partial.unexamined.iter().any(|unit| unit.reason.contains("partial")), "{:?}", partial.unexamined);
    assert!(
        fs::read_dir(other.path().join("partial/.git/objects/pack"))
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().ends_with(".promisor") })
    );
    let treeless = clone("treeless", &["--bare", "--filter=tree:0"]);
    assert!(find(&treeless, 1).is_none() && find(&treeless, 2).is_none());
    assert!(treeless.unexamined.iter().any(|unit| unit.reason.contains("partial")), "{:?}", treeless.unexamined);
    let shallow = clone("shallow", &["--depth=1"]);
    assert!(find(&shallow, 1).is_none() && find(&shallow, 2).is_some());
    note_places(&other.path().join("shallow"), [("shallow clone: what is there", 2)]);
    assert!(shallow.unexamined.iter().any(|unit| unit.reason.contains("shallow")), "{:?}", shallow.unexamined);
}

#[test]
fn linked_working_trees_have_heads_and_logs_of_their_own() {
    let mut repo = Repo::new(&[]);
    repo.write("a", "a");
    repo.commit("base");
    let other = folder();
    let tree = other.path().join("tree");
    let at = tree.to_str().unwrap();
    repo.git(&["worktree", "add", "-q", "--detach", at]);
    fs::write(tree.join("b"), token(1)).unwrap();
    repo.git(&["-C", at, "add", "-A"]);
    repo.git(&["-C", at, "commit", "-q", "-m", &token(2)]);
    for path in [repo.path(), &tree] {
        let outcome = history(path, false);
        assert!(outcome.is_complete());
        let refs = told(&outcome, 1).1;
        assert!(path == tree || refs == ["worktrees/tree/HEAD"], "{refs:?}");
        // The reflog has the subject.
        let logs = outcome.findings.iter().filter(|l| l.finding.secret.expose() == token(2).as_bytes());
        assert!(logs.into_iter().any(|located| located.path == ".git/worktrees/tree/logs/HEAD"));
    }
    note_places(repo.path(), [("HEAD of a linked working tree", 1)]);
}

#[test]
fn submodules_are_looked_at_when_asked_for() {
    let mut inner = Repo::new(&[]);
    inner.write("file", token(1));
    inner.commit("inner");
    let mut repo = Repo::new(&[]);
    let from = inner.path().to_str().unwrap();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", from, "libs/inner"]);
    repo.write(
        ".gitmodules",
        format!("{}# {}\n", fs::read_to_string(repo.path().join(".gitmodules")).unwrap(), token(2)),
    );
    repo.commit("outer");
    let outcome = complete(&repo);
    assert!(find(&outcome, 1).is_none() && told(&outcome, 2).0 == ".gitmodules");
    let outcome = history(repo.path(), true);
    assert!(outcome.is_complete(), "{:?}", outcome.unexamined);
    assert_eq!(told(&outcome, 1).0, "libs/inner/file");
    note_places(repo.path(), [("submodule", 1), (".gitmodules", 2)]);
    // In its own folder it is a repository like any other.
    assert_eq!(told(&history(&repo.path().join("libs/inner"), false), 1).0, "file");
}

#[test]
fn refs_in_reftables_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let init = std::process::Command::new("git")
        .args(["init", "-q", "-b", "main", "--ref-format=reftable", folder.path().to_str().unwrap()])
        .output()
        .unwrap();
    if !init.status.success() {
        // Git knows them since 2.45; the form is held by the tests of the reader.
        return;
    }
    let mut repo = Repo::new(&["--ref-format=reftable"]);
    repo.write("a", "a");
    repo.commit("base");
    for n in 0..200 {
        repo.git(&["update-ref", &format!("refs/many/of/them/{n}"), "HEAD"]);
    }
    repo.git(&["update-ref", "-d", "refs/many/of/them/7"]);
    aside(&mut repo, 1, "refs/heads/side");
    repo.write("b", token(2));
    repo.commit("second");
    repo.git(&["tag", "-a", "v1", "-m", "v1"]);
    let other = tempfile::tempdir().unwrap();
    let tree = other.path().join("tree");
    let at = tree.to_str().unwrap();
    repo.git(&["worktree", "add", "-q", "--detach", at]);
    fs::write(tree.join("c"), token(3)).unwrap();
    repo.git(&["-C", at, "add", "-A"]);
    repo.git(&["-C", at, "commit", "-q", "-m", "in the tree"]);
    repo.git(&["update-ref", "-m", &token(5), "refs/heads/side", "main", "refs/heads/side"]);
    repo.git(&["update-ref", "refs/heads/side", "side@{1}"]);
    repo.write("staged", token(4));
    repo.git(&["add", "-A"]);
    for packed in [false, true] {
        if packed {
            repo.git(&["pack-refs", "--all"]);
        }
        let outcome = complete(&repo);
        assert_eq!(told(&outcome, 1).1, ["refs/heads/side"]);
        assert!(told(&outcome, 5).0.starts_with(".git/reftable/"), "the reflog");
        assert_eq!(told(&outcome, 2).1, ["refs/heads/main", "refs/tags/v1", "worktrees/tree/HEAD"]);
        assert_eq!(told(&outcome, 3).1, ["worktrees/tree/HEAD"]);
        assert!(find(&outcome, 2).unwrap().origin.as_ref().unwrap().in_head);
        let in_tree = history(&tree, false);
        assert!(find(&in_tree, 3).unwrap().origin.as_ref().unwrap().in_head);
        assert!(in_tree.is_complete(), "{:?}", in_tree.unexamined);
        let staged = run(|run| run.staged(repo.path(), &HistorySettings::default())).unwrap();
        assert_eq!(staged.findings.iter().map(|located| located.path.as_str()).collect::<Vec<_>>(), ["staged"]);
    }
    // A table that is not there cannot be passed over where all depends on refs.
    let folder = repo.path().join(".git/reftable");
    fs::write(folder.join("tables.list"), "0x000000000001-0x000000000001-00000000.ref\n").unwrap();
    assert!(run(|run| run.staged(repo.path(), &HistorySettings::default())).is_err());
    assert!(!history(repo.path(), false).is_complete());
}
