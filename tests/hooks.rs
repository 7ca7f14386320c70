//! Hooks, as git runs them: what brings a secret is stopped, everything else goes on, and what was there is kept.

#![cfg(all(feature = "cli", unix))]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::repo::{Repo, token};

/// Runs keyscan in a folder, with the configuration of git that a repository of the tests has.
fn keyscan(repo: &Repo, args: &[&str]) -> Output {
    let model = repo.command(&[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
    command.args(args).current_dir(repo.path());
    for (name, value) in model.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap()
}

fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Commits what is staged, and answers whether git did, and what was said.
fn commit(repo: &Repo, args: &[&str]) -> (bool, String) {
    run(repo, &[&["commit", "-q", "-m", "message"], args].concat())
}

fn run(repo: &Repo, args: &[&str]) -> (bool, String) {
    let output = repo.command(args).output().unwrap();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn hook(repo: &Repo, name: &str) -> PathBuf {
    repo.path().join(".git/hooks").join(name)
}

#[test]
fn a_commit_with_a_secret_is_blocked_and_the_message_says_what_to_do() {
    let repo = Repo::new(&[]);
    ok(&keyscan(&repo, &["hook", "install"]));
    repo.write("src/app.txt", format!("one\n  key = {}\n", token(1)));
    repo.git(&["add", "-A"]);
    let (done, said) = commit(&repo, &[]);
    assert!(!done, "{said}");
    assert!(said.contains("src/app.txt:2:9") && said.contains("[github-pat]"), "{said}");
    assert!(said.contains("keyscan:allow github-pat") && said.contains("--no-verify"), "{said}");
    assert!(said.lines().count() <= 10, "{said}");
    // No part of it, not even of the masked form.
    let secret = token(1);
    assert!((0..secret.len() - 8).all(|at| !said.contains(&secret[at..at + 8])), "{said}");
    assert!(!said.contains(&secret[secret.len() - 4..]), "{said}");
    // Taken out, or allowed, it goes on.
    repo.write("src/app.txt", format!("one\n  key = {} # keyscan:allow github-pat\n", token(1)));
    repo.git(&["add", "-A"]);
    assert!(commit(&repo, &[]).0);
    repo.write("b", token(2));
    repo.git(&["add", "-A"]);
    assert!(!commit(&repo, &[]).0);
    assert!(commit(&repo, &["--no-verify"]).0);
    // Committed, it is not new any more.
    repo.write("b", format!("{}\nmore\n", token(2)));
    repo.git(&["add", "-A"]);
    assert!(commit(&repo, &[]).0);
}

#[test]
fn every_way_to_commit_is_looked_at() {
    let repo = Repo::new(&[]);
    ok(&keyscan(&repo, &["hook", "install"]));
    repo.write("a", "a\n");
    repo.write("b", "b\n");
    repo.git(&["add", "-A"]);
    assert!(commit(&repo, &[]).0);
    repo.write("a", format!("{}\n", token(1)));
    assert!(!commit(&repo, &["-a"]).0, "-a");
    assert!(!commit(&repo, &["--only", "a"]).0, "--only");
    assert!(!commit(&repo, &["--include", "a"]).0, "--include");
    // What is changed but not part of the commit does not count.
    repo.git(&["reset", "-q"]);
    repo.write("b", "b\nb\n");
    assert!(commit(&repo, &["--only", "b"]).0);
    repo.git(&["add", "a"]);
    assert!(!run(&repo, &["commit", "-q", "--amend", "--no-edit"]).0, "--amend");
    repo.write("b", "b\nb\nb\n");
    assert!(commit(&repo, &["--only", "b"]).0, "the staged secret is not part of it");
    repo.git(&["reset", "-q", "--hard"]);
    // A folder below, a linked working tree.
    repo.write("d/c", format!("{}\n", token(2)));
    repo.git(&["add", "-A"]);
    assert!(!run(&repo, &["-C", "d", "commit", "-q", "-m", "x"]).0, "from below");
    repo.git(&["reset", "-q", "--hard"]);
    let other = tempfile::tempdir().unwrap();
    let tree = other.path().join("tree");
    let at = tree.to_str().unwrap();
    repo.git(&["worktree", "add", "-q", at]);
    fs::write(tree.join("c"), token(3)).unwrap();
    repo.git(&["-C", at, "add", "c"]);
    let (done, said) = run(&repo, &["-C", at, "commit", "-q", "-m", "x"]);
    assert!(!done && said.contains("c:1:1"), "{said}");
    // A merge whose sides have secrets already, and one that brings its own.
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("a", "side\n");
    repo.write("old", token(4));
    repo.git(&["add", "-A"]);
    assert!(commit(&repo, &["--no-verify"]).0);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("a", "main\n");
    repo.git(&["add", "-A"]);
    assert!(commit(&repo, &[]).0);
    assert!(!run(&repo, &["merge", "-q", "side"]).0);
    repo.write("a", format!("both {}\n", token(5)));
    repo.git(&["add", "-A"]);
    assert!(!commit(&repo, &[]).0, "what no side has");
    repo.write("a", "both\n");
    repo.git(&["add", "-A"]);
    let (done, said) = commit(&repo, &[]);
    assert!(done, "{said}");
}

#[test]
fn a_merge_that_git_makes_by_itself_is_looked_at() {
    let mut repo = Repo::new(&[]);
    let lines = |first: &str, last: &str| format!("{first}\n{}{last}\n", "between\n".repeat(20));
    repo.write("a", lines("first", "last"));
    repo.commit("base");
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("a", lines("of the side", "last"));
    repo.write("old", token(1));
    repo.commit("side");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("a", lines("first", "of main"));
    repo.commit("main");
    ok(&keyscan(&repo, &["hook", "install", "pre-commit", "pre-merge-commit"]));
    // What a side has is not new; what came to the index on the way is.
    let before = "pre-merge-commit.before-keyscan";
    script(&hook(&repo, before), &format!("#!/bin/sh\necho {} > new; git add new\n", token(2)));
    let (done, said) = run(&repo, &["merge", "-q", "-m", "merge", "side"]);
    assert!(!done && said.contains("this merge is blocked") && said.contains("new:1:1"), "{said}");
    assert!(!said.contains("old:1:1"), "{said}");
    repo.git(&["reset", "-q", "--hard"]);
    fs::remove_file(hook(&repo, before)).unwrap();
    let (done, said) = run(&repo, &["merge", "-q", "-m", "merge", "side"]);
    assert!(done, "{said}");
    assert_eq!(repo.git(&["rev-list", "--count", "--merges", "HEAD"]), "1");
    ok(&keyscan(&repo, &["hook", "uninstall"]));
    assert!(!hook(&repo, "pre-merge-commit").exists());
}

#[test]
fn settings_of_the_project_hold() {
    let repo = Repo::new(&[]);
    ok(&keyscan(&repo, &["hook", "install"]));
    repo.write("keyscan.toml", "exclude = ['fixtures/']\n[[path]]\nglobs = ['doc/']\nexclude-rules = ['github-*']\n");
    repo.write("fixtures/a", token(1));
    repo.write("doc/b", token(2));
    repo.git(&["add", "-A"]);
    assert!(commit(&repo, &[]).0);
    repo.write("c", token(3));
    repo.git(&["add", "-A"]);
    assert!(!commit(&repo, &[]).0);
    ok(&keyscan(&repo, &["git", "--staged", "--write-baseline", ".keyscanignore"]));
    assert!(commit(&repo, &[]).0);
}

#[test]
fn what_was_there_is_run_first_kept_and_restored() {
    let repo = Repo::new(&[]);
    let path = hook(&repo, "pre-commit");
    let old = "#!/bin/sh\necho ran >> log\n[ ! -e stop ]\n";
    script(&path, old);
    for _ in 0..2 {
        ok(&keyscan(&repo, &["hook", "install"]));
    }
    let status = ok(&keyscan(&repo, &["hook", "status"]));
    assert!(status.contains("pre-commit       installed") && status.contains("pre-commit.before-keyscan"), "{status}");
    assert!(status.contains("pre-push         not installed"), "{status}");
    repo.write("a", "a");
    repo.git(&["add", "a"]);
    assert!(commit(&repo, &[]).0);
    assert_eq!(fs::read_to_string(repo.path().join("log")).unwrap(), "ran\n");
    // It may stop the commit; and what it stages is looked at.
    repo.write("stop", "");
    repo.write("a", "b");
    assert!(!commit(&repo, &["-a"]).0);
    fs::remove_file(repo.path().join("stop")).unwrap();
    script(&hook(&repo, "pre-commit.before-keyscan"), &format!("#!/bin/sh\necho {} > b; git add b\n", token(1)));
    let (done, said) = commit(&repo, &["-a"]);
    assert!(!done && said.contains("b:1:1"), "{said}");
    script(&hook(&repo, "pre-commit.before-keyscan"), old);
    for _ in 0..2 {
        ok(&keyscan(&repo, &["hook", "uninstall"]));
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), old);
    assert_eq!(
        fs::read_dir(path.parent().unwrap())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("keyscan"))
            .count(),
        0
    );
    assert!(ok(&keyscan(&repo, &["hook", "status"])).contains("pre-commit       not installed"));
    // Without one before, nothing is left.
    fs::remove_file(&path).unwrap();
    ok(&keyscan(&repo, &["hook", "install", "pre-commit", "pre-push"]));
    ok(&keyscan(&repo, &["hook", "uninstall"]));
    assert!(!path.exists() && !hook(&repo, "pre-push").exists());
}

#[test]
fn hooks_in_the_working_tree_get_lines() {
    // As husky has it: its own files in `_`, those of people beside it.
    let repo = Repo::new(&[]);
    let path = repo.path().join(".husky/pre-commit");
    script(&path, "echo tests >> log\n");
    script(&repo.path().join(".husky/_/pre-commit"), "#!/bin/sh\nsh -e .husky/pre-commit \"$@\"\n");
    repo.git(&["config", "core.hooksPath", ".husky/_"]);
    for _ in 0..2 {
        ok(&keyscan(&repo, &["hook", "install"]));
    }
    let lines = fs::read_to_string(&path).unwrap();
    assert!(lines.contains("keyscan hook run pre-commit") && lines.contains("echo tests"), "{lines}");
    assert!(!lines.contains(env!("CARGO_BIN_EXE_keyscan")), "{lines}");
    repo.write("a", token(1));
    repo.git(&["add", "a"]);
    let folder = Path::new(env!("CARGO_BIN_EXE_keyscan")).parent().unwrap();
    let paths = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output = repo.command(&["commit", "-q", "-m", "x"]).env("PATH", &paths).output().unwrap();
    assert!(!output.status.success() && text(&output.stderr).contains("a:1:1"), "{}", text(&output.stderr));
    assert!(!repo.path().join("log").exists());
    repo.write("a", "clean");
    repo.git(&["add", "a"]);
    let output = repo.command(&["commit", "-q", "-m", "x"]).env("PATH", &paths).output().unwrap();
    assert!(output.status.success() && repo.path().join("log").exists(), "{}", text(&output.stderr));
    ok(&keyscan(&repo, &["hook", "uninstall"]));
    assert_eq!(fs::read_to_string(&path).unwrap(), "echo tests >> log\n".to_owned());
}

#[test]
fn all_repositories_of_a_user_are_looked_at_and_their_hooks_still_run() {
    let repo = Repo::new(&[]);
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("gitconfig");
    fs::write(&config, "").unwrap();
    let with_home = |mut command: Command| {
        command.env("GIT_CONFIG_GLOBAL", &config).env("HOME", home.path()).env_remove("XDG_CONFIG_HOME");
        command.output().unwrap()
    };
    let keyscan = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
        command.args(args).current_dir(repo.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        with_home(command)
    };
    script(&hook(&repo, "pre-commit"), "#!/bin/sh\necho pre-commit >> log\n");
    script(&hook(&repo, "commit-msg"), "#!/bin/sh\necho commit-msg >> log\n");
    for _ in 0..2 {
        ok(&keyscan(&["hook", "install", "--global"]));
    }
    let status = ok(&keyscan(&["hook", "status"]));
    assert!(status.contains("pre-commit       installed for all repositories"), "{status}");
    repo.write("a", "a");
    repo.git(&["add", "a"]);
    ok(&with_home(repo.command(&["commit", "-q", "-m", "x"])));
    assert_eq!(fs::read_to_string(repo.path().join("log")).unwrap(), "pre-commit\ncommit-msg\n");
    repo.write("a", token(1));
    repo.git(&["add", "a"]);
    let output = with_home(repo.command(&["commit", "-q", "-m", "x"]));
    assert!(!output.status.success() && text(&output.stderr).contains("a:1:1"), "{}", text(&output.stderr));
    // A hook that is for all repositories is not changed for one.
    assert!(!keyscan(&["hook", "install"]).status.success());
    ok(&keyscan(&["hook", "uninstall", "--global"]));
    assert!(!home.path().join(".config/keyscan/hooks").exists());
    assert!(!fs::read_to_string(&config).unwrap().contains("hooksPath"));
    ok(&with_home(repo.command(&["commit", "-q", "-m", "x"])));
}

/// A repository and a bare one that it pushes to.
fn with_remote() -> (Repo, tempfile::TempDir) {
    let mut repo = Repo::new(&[]);
    let remote = tempfile::tempdir().unwrap();
    let at = remote.path().to_str().unwrap();
    repo.git(&["init", "-q", "--bare", "-b", "main", at]);
    repo.git(&["remote", "add", "origin", at]);
    repo.write("old", token(1));
    repo.commit("old");
    (repo, remote)
}

#[test]
fn only_what_a_push_would_bring_counts() {
    let (mut repo, _remote) = with_remote();
    repo.git(&["push", "-q", "origin", "main"]);
    let log = repo.path().join("refs");
    script(&hook(&repo, "pre-push"), &format!("#!/bin/sh\ncat > {}\n", log.display()));
    ok(&keyscan(&repo, &["hook", "install", "pre-push"]));
    repo.write("a", "a");
    repo.commit("clean");
    let (done, said) = run(&repo, &["push", "-q", "origin", "main"]);
    assert!(done, "{said}");
    assert!(fs::read_to_string(&log).unwrap().starts_with("refs/heads/main "), "the hook before reads what git says");
    fs::remove_file(&log).unwrap();
    // Brought by a commit and gone by the next: it is pushed all the same.
    repo.write("b", format!("\n{}\n", token(2)));
    let guilty = repo.commit("brings it");
    fs::remove_file(repo.path().join("b")).unwrap();
    repo.commit("takes it out");
    let (done, said) = run(&repo, &["push", "-q", "origin", "main"]);
    assert!(!done && said.contains("b:2:1") && said.contains(&guilty[..10]), "{said}");
    assert!(said.lines().filter(|line| !line.starts_with("error:")).count() <= 10, "{said}");
    assert!(!said.contains(&token(2)) && !said.contains("old"), "{said}");
    // What it tells to type works, and another branch is another matter.
    let words = said.split("`keyscan git ").nth(1).unwrap().split(" --write").next().unwrap();
    let again = keyscan(&repo, &[&["git", "-f", "jsonl"], &words.split(' ').collect::<Vec<_>>()[..]].concat());
    assert_eq!((again.status.code(), text(&again.stdout).lines().count()), (Some(1), 1), "{}", text(&again.stderr));
    repo.git(&["checkout", "-q", "-b", "clean", "HEAD~2"]);
    assert!(run(&repo, &["push", "-q", "origin", "clean"]).0);
    // A comment allows the line on which it stands, and no other.
    repo.write("c", format!("{0} # keyscan:allow\n{0}\n", token(5)));
    repo.commit("allows one of two");
    let (done, said) = run(&repo, &["push", "-q", "origin", "clean"]);
    assert!(!done && said.contains("c:2:1"), "{said}");
    repo.git(&["reset", "-q", "--hard", "HEAD~"]);
    // A message, a tag; and a ref that goes.
    repo.git(&["commit", "-q", "--allow-empty", "-m", &format!("with {}", token(3))]);
    let (done, said) = run(&repo, &["push", "-q", "origin", "clean"]);
    assert!(!done && said.contains("<commit message>:1:6"), "{said}");
    repo.git(&["reset", "-q", "--hard", "HEAD~"]);
    repo.git(&["tag", "-a", "v1", "-m", &token(4)]);
    let (done, said) = run(&repo, &["push", "-q", "origin", "v1"]);
    assert!(!done && said.contains("<tag message>:1:1"), "{said}");
    let (done, said) = run(&repo, &["push", "-q", "origin", ":clean"]);
    assert!(done, "{said}");
    assert!(run(&repo, &["push", "-q", "--no-verify", "origin", "main"]).0);
}

#[test]
fn the_framework_pre_commit_says_what_is_pushed_in_its_own_way() {
    let (mut repo, _remote) = with_remote();
    repo.git(&["push", "-q", "origin", "main"]);
    let base = repo.git(&["rev-parse", "HEAD"]);
    repo.write("a", token(2));
    repo.commit("guilty");
    repo.git(&["branch", "new"]);
    let run = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
        command.args(["hook", "run", "pre-push", "--"]).current_dir(repo.path()).env("PRE_COMMIT", "1");
        let output = command.envs(variables.iter().copied()).stdin(std::process::Stdio::null()).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let range = [("PRE_COMMIT_FROM_REF", base.as_str()), ("PRE_COMMIT_TO_REF", "main")];
    let branch = [("PRE_COMMIT_LOCAL_BRANCH", "refs/heads/new"), ("PRE_COMMIT_REMOTE_NAME", "origin")];
    for variables in [&range[..], &branch, &[]] {
        let (status, said) = run(variables);
        assert!(status == Some(1) && said.contains("a:1:1") && !said.contains("old"), "{variables:?}: {said}");
    }
    assert_eq!(run(&[("PRE_COMMIT_TO_REF", base.as_str())]).0, Some(0));
}

#[test]
fn files_that_are_named_can_be_excluded() {
    let repo = Repo::new(&[]);
    repo.write("keyscan.toml", "exclude = ['fixtures/']\n");
    repo.write("fixtures/a", token(1));
    repo.write("sub/b", token(2));
    repo.write("sub/keyscan.toml", "exclude = ['*']\n");
    let found = |args: &[&str]| keyscan(&repo, &[&["scan", "-q"], args].concat()).status.code();
    assert_eq!(found(&["fixtures/a"]), Some(1));
    assert_eq!(found(&["--force-exclude", "--", "fixtures/a"]), Some(0));
    assert_eq!(found(&["--force-exclude", "--", "./fixtures/a", "sub/b"]), Some(1));
}

#[test]
fn a_server_takes_no_secret() {
    let (mut repo, remote) = with_remote();
    let install = Command::new(env!("CARGO_BIN_EXE_keyscan"))
        .args(["hook", "install", "pre-receive"])
        .current_dir(remote.path())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    ok(&install);
    let has = |revision: &str| repo_has(remote.path(), revision);
    // The first push brings everything.
    let (done, said) = run(&repo, &["push", "-q", "origin", "main"]);
    assert!(!done && said.contains("remote: ") && said.contains("old:1:1"), "{said}");
    assert!(!has("main"), "nothing is taken");
    fs::rename(remote.path().join("hooks/pre-receive"), remote.path().join("hooks/kept")).unwrap();
    repo.git(&["push", "-q", "origin", "main"]);
    fs::rename(remote.path().join("hooks/kept"), remote.path().join("hooks/pre-receive")).unwrap();
    // Loose objects and packs, one ref and several.
    for limit in ["1", "10000"] {
        repo.git(&["-C", remote.path().to_str().unwrap(), "config", "receive.unpackLimit", limit]);
        repo.write("clean", limit);
        let clean = repo.commit("clean");
        let (done, said) = run(&repo, &["push", "-q", "origin", "main", "main:refs/odd/place"]);
        assert!(done && has(&clean), "{said}");
        repo.git(&["checkout", "-q", "-b", &format!("side{limit}")]);
        repo.write("d/secret", format!("\n\n{}\n", token(limit.len() as u64 + 1)));
        let guilty = repo.commit("guilty");
        let (done, said) = run(&repo, &["push", "-q", "origin", "main", "HEAD"]);
        assert!(!done && said.contains("d/secret:3:1") && said.contains(&guilty[..10]), "{said}");
        assert!(!said.contains(&token(limit.len() as u64 + 1)) && !has(&guilty), "{said}");
        repo.git(&["checkout", "-q", "main"]);
    }
    let (done, said) = run(&repo, &["push", "-q", "origin", ":refs/odd/place"]);
    assert!(done, "{said}");
}

fn repo_has(path: &Path, revision: &str) -> bool {
    let output = Command::new("git").args(["cat-file", "-e", revision]).current_dir(path).output().unwrap();
    output.status.success()
}
