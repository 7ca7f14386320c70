//! Every place of a secret is found, by the program as it is used: files, index, history, messages, a home.

#![cfg(feature = "cli")]

mod common;
#[path = "common/skip.rs"]
mod skip;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::repo::Repo;
use serde_json::Value;

/// A made-up key of Stripe; put together here, so that this file holds none.
fn key() -> String {
    format!("{}_{}_{}", "sk", "live", "m4QvZ81tKx0cWn7LbR2sYd9E")
}

fn keyscan(folder: &Path, args: &[&str], stdin: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
    command.args(args).current_dir(folder).env("HOME", folder.join("home"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), stdin.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A repository with the key in a file that went, a manifest, a message, a file that is staged, and one that is ignored.
fn repository() -> Repo {
    let git = Repo::new(&[]);
    let key = key();
    git.write("app.py", "import os\nkey = os.environ[\"STRIPE_SECRET_KEY\"]\n");
    git.write("old.py", format!("stripe.api_key = \"{key}\"\n"));
    let encoded = data_encoding::BASE64.encode(key.as_bytes());
    git.write("k8s/secret.yaml", format!("apiVersion: v1\nkind: Secret\ndata:\n  key: {encoded}\n"));
    git.write(".gitignore", ".env\nhome\n");
    git.git(&["add", "."]);
    git.git(&["commit", "-qm", &format!("first, with {key} in it")]);
    git.git(&["rm", "-q", "old.py"]);
    git.git(&["commit", "-qm", "gone"]);
    git.write(".env", format!("STRIPE_SECRET_KEY={key}\n"));
    git.write("notes.md", format!("x\ntoken {key}\n"));
    git.git(&["add", "notes.md"]);
    git.write("home/.bash_history", format!("curl -u {key}: https://api.stripe.com\n"));
    git
}

fn places(object: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    object["places"].as_array().expect("a list").iter().map(|one| (text(&one["path"]), text(&one["kind"]))).collect()
}

#[test]
fn every_place_is_told_and_the_secret_is_not() {
    let git = repository();
    let out = keyscan(git.path(), &["trace", "-f", "json", "--home"], &key());
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    assert!(!text(&out.stdout).contains(&key()) && !text(&out.stderr).contains(&key()));
    let object: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(object["rules"][0], "stripe-secret-key");
    assert_eq!(object["complete"], true);
    let places = places(&object);
    for (path, kind) in [
        (".env", "env-file"),
        ("old.py", "code"),
        ("k8s/secret.yaml", "kubernetes"),
        ("notes.md", "document"),
        ("<commit message>", "git"),
        (".git/logs/HEAD", "git"),
        ("~/.bash_history", "shell-history"),
    ] {
        assert!(places.contains(&(path.to_owned(), kind.to_owned())), "{path} is not in {places:?}");
    }
    assert!(!places.iter().any(|(path, _)| path.starts_with("<blob")), "what is staged has a path: {places:?}");
    let of = |path: &str| {
        object["places"].as_array().expect("a list").iter().find(|one| one["path"] == path).expect("it is there")
    };
    assert_eq!(of("old.py")["now"], false);
    assert_eq!(of("old.py")["history"]["in_head"], false);
    assert_eq!(of("k8s/secret.yaml")["history"]["in_head"], true);
    assert_eq!(of("k8s/secret.yaml")["spots"][0]["form"], "base64");
    assert_eq!(of("notes.md")["spots"][0]["staged"], true);
    assert_eq!(of(".env")["variables"][0], "STRIPE_SECRET_KEY");
    let first = git.git(&["rev-list", "--max-parents=0", "HEAD"]);
    assert_eq!(of("old.py")["history"]["first"]["id"], first.trim());
    let uses: Vec<&Value> = object["references"].as_array().expect("a list").iter().collect();
    assert!(uses.iter().any(|one| one["path"] == "app.py" && one["line"] == 2 && one["how"] == "environment"));
}

#[test]
fn each_format_and_source_tells_the_same_places() {
    let git = repository();
    git.write("home/key", format!("{}\n", key()));
    for format in ["markdown", "html"] {
        let out = keyscan(git.path(), &["trace", "-f", format, "--from", "file:home/key"], "");
        let page = text(&out.stdout);
        assert_eq!(out.status.code(), Some(1), "{page}");
        for path in [".env:1", "old.py:1", "k8s/secret.yaml:4", "notes.md:2", "app.py:2"] {
            assert!(page.contains(path), "{path} is not in {page}");
        }
        assert!(!page.contains(&key()), "{page}");
    }
}

#[test]
fn the_expressions_take_the_secret_out_of_a_history() {
    let git = repository();
    let out = keyscan(git.path(), &["trace", "-q", "--replacements", "home/expressions"], &key());
    assert_eq!(out.status.code(), Some(1));
    let written = fs::read_to_string(git.path().join("home/expressions")).expect("a file");
    // The forms that are there: as it is, and in base64.
    assert_eq!(written.lines().count(), 2, "{}", written.len());
    assert!(
        written.lines().all(|line| line.starts_with("regex:") && line.ends_with("==>[REDACTED:stripe-secret-key]"))
    );
    let plain =
        regex::bytes::Regex::new(written.lines().last().unwrap()["regex:".len()..].split("==>").next().unwrap());
    assert!(plain.unwrap().is_match(key().as_bytes()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(git.path().join("home/expressions")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = keyscan(git.path(), &["trace", "-q", "--replacements", "home/expressions"], &key());
    assert_eq!(again.status.code(), Some(2), "a file that is there is not written over");
}

#[test]
fn a_finding_is_traced_by_its_fingerprint() {
    let git = repository();
    keyscan(git.path(), &["scan", "-q", "--no-ignore", "--write-baseline", ".keyscanignore", "."], "");
    let baseline = fs::read_to_string(git.path().join(".keyscanignore")).expect("a baseline");
    let line = baseline.lines().find(|line| line.contains("stripe-secret-key")).expect("an entry");
    let fingerprint = line.split_whitespace().find(|word| word.len() == 32).expect("a fingerprint");
    let out = keyscan(git.path(), &["trace", "-f", "json", "--fingerprint", fingerprint], "");
    let object: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", text(&out.stderr)));
    assert!(places(&object).iter().any(|(path, _)| path == "old.py"));
    let out = keyscan(git.path(), &["trace", "--fingerprint", &"0".repeat(32)], "");
    assert_eq!(out.status.code(), Some(2));
}

#[test]
fn what_is_nowhere_is_clean_and_what_is_no_secret_is_refused() {
    let git = repository();
    assert_eq!(keyscan(git.path(), &["trace"], "another-secret-0123").status.code(), Some(0));
    for value in ["", "  \n", "abc"] {
        assert_eq!(keyscan(git.path(), &["trace"], value).status.code(), Some(2), "{value:?}");
    }
    let out = keyscan(git.path(), &["trace", "--replacements", "-"], &key());
    assert_eq!(out.status.code(), Some(2), "two things cannot go to standard output");
}

#[test]
fn a_key_is_looked_at_before_it_is_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let lint = |value: &str| keyscan(folder.path(), &["lint-key"], value);
    let clean = lint(&format!("{}\n", key()));
    assert_eq!(clean.status.code(), Some(0), "{}", text(&clean.stdout));
    assert!(text(&clean.stdout).contains("stripe-secret-key"));
    for (value, says) in [
        (format!("\"{}\"", key()), "quotes"),
        (format!("STRIPE_SECRET_KEY={}\r\n", key()), "carriage return"),
        (key()[..20].to_owned(), "too soon"),
    ] {
        let out = lint(&value);
        assert_eq!(out.status.code(), Some(1));
        let shown = text(&out.stdout);
        assert!(shown.contains(says) && !shown.contains(&key()[8..16]), "{shown}");
    }
}

#[test]
fn the_history_is_that_of_the_folder_that_is_traced() {
    let (git, elsewhere) = (repository(), tempfile::tempdir().expect("a folder"));
    let top = git.path().display().to_string();
    let out = keyscan(elsewhere.path(), &["trace", "-f", "json", &top], &key());
    let object: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert!(places(&object).contains(&("old.py".to_owned(), "code".to_owned())), "{object}");
}

#[test]
fn a_history_is_rewritten_by_git_filter_repo() {
    let mut git = repository();
    git.write("wide.txt", key().encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    git.commit("wide");
    let has_tool =
        Command::new("git").args(["filter-repo", "--version"]).output().is_ok_and(|out| out.status.success());
    if !has_tool {
        // The tool comes from PyPI.
        skip::skipped("there is no git-filter-repo");
        return;
    }
    let out = keyscan(git.path(), &["trace", "--replacements", "home/expressions"], &key());
    let report = text(&out.stdout);
    assert!(report.contains("`git filter-repo --invert-paths --path FILE`: `wide.txt`."), "{report}");
    let expressions = git.path().join("home/expressions").display().to_string();
    let clone = tempfile::tempdir().expect("a folder");
    let copy = clone.path().join("copy");
    git.git(&["clone", "-q", "--no-local", ".", &copy.display().to_string()]);
    for args in [
        &["--replace-text", &expressions, "--replace-message", &expressions][..],
        &["--invert-paths", "--path", "wide.txt"],
    ] {
        let done = git.command(&["filter-repo", "--force", "--quiet"]).args(args).current_dir(&copy).output();
        let done = done.expect("it starts");
        assert!(done.status.success(), "{}", text(&done.stderr));
    }
    let out = keyscan(&copy, &["trace"], &key());
    assert_eq!(out.status.code(), Some(0), "it is nowhere: {}", text(&out.stdout));
    let app = fs::read_to_string(copy.join("app.py")).expect("a file");
    assert!(app.contains("STRIPE_SECRET_KEY"), "nothing else has changed");
}

/// A value of a chart is asked for by the names of all mappings around it.
#[test]
fn templates_that_ask_for_a_value_of_a_chart_are_told() {
    let git = Repo::new(&[]);
    let values = format!("stripe:\n  # of the shop\n  token: {}\nother:\n  token: none\n", key());
    git.write("chart/values.yaml", values);
    let template = "data:\n  a: {{ .Values.stripe.token | b64enc }}\n  b: {{ .Values.other.token }}\n  c: {{ $.Values.stripe.token }}\n";
    git.write("chart/templates/secret.yaml", template);
    git.git(&["add", "."]);
    git.git(&["commit", "-qm", "a chart"]);
    let out = keyscan(git.path(), &["trace", "-f", "json"], &key());
    let object: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let uses = object["references"].as_array().expect("a list").iter();
    let told: Vec<(&str, u64, &str)> = uses
        .map(|one| (one["path"].as_str().unwrap(), one["line"].as_u64().unwrap(), one["how"].as_str().unwrap()))
        .collect();
    let path = "chart/templates/secret.yaml";
    assert_eq!(told, [(path, 2, "helm-value"), (path, 4, "helm-value")]);
}
