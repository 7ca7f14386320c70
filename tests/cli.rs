//! The command as its users meet it: what it prints and how it exits, file by file in `tests/cmd/`.

#![cfg(feature = "cli")]

mod common;

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn keyscan(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_keyscan"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// A sample of the built-in GitHub rule, made now.
fn token() -> String {
    let rules = keyscan::RuleSet::builtin();
    let rule = rules.get("github-pat").unwrap();
    String::from_utf8(rule.samples()[0].fill(1, rule.checksum()).text).unwrap()
}

#[test]
fn commands() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}

#[test]
fn standard_input_is_a_unit_and_its_secrets_are_masked() {
    let token = token();
    let output = keyscan(&["scan", "-f", "jsonl", "-"], format!("a\n  {token}\n").as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"path\":\"<stdin>\"") && text.contains("\"line\":2,\"column\":3"), "{text}");
    assert!(!text.contains(&token) && !String::from_utf8_lossy(&output.stderr).contains(&token));
}

#[test]
fn a_stream_is_reported_while_it_is_read() {
    use std::io::{BufRead, BufReader};
    let mut child = Command::new(env!("CARGO_BIN_EXE_keyscan"))
        .args(["scan", "-f", "jsonl", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // More than the margin in which an allow comment may stand.
    input.write_all(format!("{}\n{}", token(), "later\n".repeat(300)).as_bytes()).unwrap();
    input.flush().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("github-pat"), "{line}");
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[cfg(unix)]
#[test]
fn an_interrupted_scan_reports_what_was_found_so_far() {
    use std::io::{BufRead, BufReader, Read};
    let mut child = Command::new(env!("CARGO_BIN_EXE_keyscan"))
        .args(["scan", "-f", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(format!("{}\n{}", token(), "later\n".repeat(300)).as_bytes()).unwrap();
    let mut report = BufReader::new(child.stdout.take().unwrap());
    // The handler stands before the first byte is read; the input stays open.
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let (mut line, mut rest) = (String::new(), String::new());
    report.read_line(&mut line).unwrap();
    report.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let report: serde_json::Value = serde_json::from_str(&(line + &rest)).expect("a report that was closed");
    assert_eq!(report["complete"], false);
    assert_eq!(report["findings"][0]["rule"], "github-pat");
    drop(input);
}

#[cfg(unix)]
#[test]
fn an_interrupted_scan_of_a_history_reports_what_was_found_so_far() {
    use std::time::Duration;
    let mut repo = common::repo::Repo::new(&[]);
    let mut random = common::Random(1);
    for n in 0..24 {
        let lines = (0..60_000).map(|_| format!("{:016x} {:016x} = some text\n", random.next(), random.next()));
        repo.write(&format!("f{n}"), lines.collect::<String>());
    }
    repo.write("a", common::repo::token(1));
    repo.commit("large");
    // How long it takes until it listens, and until it is done, depends on the machine.
    let interrupted = [20, 50, 100, 200, 400, 800, 1600].into_iter().find_map(|wait| {
        let child = Command::new(env!("CARGO_BIN_EXE_keyscan"))
            .args(["git", "-j", "1", "-f", "json"])
            .current_dir(repo.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code() == Some(130)).then_some(output)
    });
    let output = interrupted.expect("it was interrupted while it ran");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report that was closed");
    assert_eq!(report["complete"], false);
    assert!(report["errors"].to_string().contains("interrupted"), "{report}");
}

#[test]
fn the_report_is_the_same_at_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..200 {
        let sub = folder.path().join(format!("{}", i % 7));
        std::fs::create_dir_all(&sub).unwrap();
        std::fs::write(sub.join(format!("{i}.txt")), format!("{}\n", token())).unwrap();
    }
    let path = folder.path().to_str().unwrap();
    for format in ["json", "jsonl", "sarif", "csv"] {
        let run = |threads| keyscan(&["scan", "-q", "-f", format, "-j", threads, path], b"").stdout;
        let one = run("1");
        assert!(!one.is_empty());
        assert_eq!(run("4"), one, "{format}");
        assert_eq!(run("4"), one, "{format}");
    }
}

#[test]
fn a_baseline_accepts_what_is_there_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let file = folder.path().join("a.txt");
    let baseline = folder.path().join(".keyscanignore");
    std::fs::write(&file, token()).unwrap();
    assert_eq!(keyscan(&["scan", "-q", path], b"").status.code(), Some(1));
    let written = keyscan(&["scan", "-q", "--write-baseline", baseline.to_str().unwrap(), path], b"");
    assert_eq!(written.status.code(), Some(0));
    assert!(!std::fs::read_to_string(&baseline).unwrap().contains(&token()));
    // The same secret elsewhere is known; another one is not.
    std::fs::write(&file, format!("\n\n moved {}", token())).unwrap();
    assert_eq!(keyscan(&["scan", "-q", path], b"").status.code(), Some(0));
    std::fs::write(&file, format!("password = \"{}\"", "q7Zt0vK".to_owned() + "xP3mW9sLdQ2uR")).unwrap();
    let other = keyscan(&["scan", path], b"");
    assert_eq!(other.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&other.stdout).contains("xP3mW9sLdQ2uR"));
}

#[test]
fn files_in_utf_16_are_scanned() {
    let folder = tempfile::tempdir().unwrap();
    for (name, big) in [("le.txt", false), ("be.txt", true)] {
        let text = format!("\u{FEFF}line\r\nkey {}\r\n", token());
        let bytes: Vec<u8> =
            text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let output = keyscan(&["scan", "-q", "-f", "jsonl", folder.path().to_str().unwrap()], b"");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.lines().all(|line| line.contains("\"line\":2,\"column\":5")), "{text}");
    assert!(text.contains("utf-16le") && text.contains("utf-16be"));
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_named_and_not_clean() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("dangling")).unwrap();
    std::fs::write(folder.path().join("nuls"), vec![0; 100_000]).unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Links are not followed and a pipe in a tree is not read, or this would not end.
    assert_eq!(keyscan(&["scan", "-q", folder.path().to_str().unwrap()], b"").status.code(), Some(0));
    let dangling = keyscan(&["scan", folder.path().join("dangling").to_str().unwrap()], b"");
    assert_eq!(dangling.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&dangling.stderr).contains("no such file"));
}

#[test]
fn its_own_repository_holds_nothing() {
    let output = keyscan(&["scan", "-q", env!("CARGO_MANIFEST_DIR")], b"");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_table_of_rules_is_fresh() {
    let made = String::from_utf8(keyscan(&["rules", "list", "--markdown"], b"").stdout).unwrap();
    let written = include_str!("../docs/rules.md");
    let new: Vec<&str> = made.lines().filter(|line| !written.contains(line)).collect();
    assert!(
        made == written,
        "run `keyscan rules list --markdown > docs/rules.md`; it differs in {} lines:\n{}",
        new.len(),
        new.join("\n")
    );
}

#[test]
fn doubtful_findings_are_shown_when_asked_for() {
    let token = token();
    // Another last digit: the checksum is wrong.
    let last = if token.ends_with('1') { "2" } else { "1" };
    let text = format!("{}{last}\n", &token[..token.len() - 1]);
    let found = |args: &[&str]| String::from_utf8(keyscan(args, text.as_bytes()).stdout).unwrap();
    assert!(!found(&["scan", "-f", "jsonl", "-"]).contains("github-pat"));
    assert!(found(&["scan", "-f", "jsonl", "--min-confidence", "0", "-"]).contains("github-pat"));
    assert!(found(&["explain", "-:1"]).contains("invalid checksum"));
}

#[test]
fn a_rule_shows_what_to_do() {
    let shown = String::from_utf8(keyscan(&["rules", "show", "github-pat"], b"").stdout).unwrap();
    for text in
        ["impact", "revoke      https://github.com/settings/tokens", "GITHUB_TOKEN", "GET https://api.github.com/user"]
    {
        assert!(shown.contains(text), "{text} is missing:\n{shown}");
    }
}

#[test]
fn a_history_is_scanned_as_gitleaks_would_be_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(args).current_dir(folder.path());
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for key in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{key}_NAME"), "Ada").env(format!("GIT_{key}_EMAIL"), "ada@example.com");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let commit = |message: &str| {
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", message]);
        git(&["rev-parse", "HEAD"])
    };
    git(&["init", "-q"]);
    let config = "[[rules]]\nid = 'zk'\nregex = 'zk_[a-c]{4,}'\n[[rules.allowlists]]\npaths = ['^docs/']\n";
    write(".gitleaks.toml", config);
    std::fs::create_dir(folder.path().join("docs")).unwrap();
    write("docs/a.txt", "zk_abca\n");
    write("app.conf", "x\nkey zk_abcabc\n");
    let first = commit("Start");
    // The second version is a delta of the first, and in it the match goes on.
    write("app.conf", "x\nkey zk_abcabcabc\n");
    let second = commit("Change");
    write("app.conf", "x\n");
    commit("Forget");
    git(&["gc", "-q"]);
    let detect = |more: &[&str]| {
        let source = folder.path().to_str().unwrap();
        let ignore = folder.path().join(".gitleaksignore");
        let args = ["detect", "--source", source, "-i", ignore.to_str().unwrap(), "-r", "-", "-f", "json"];
        let output = keyscan(&[&args, more].concat(), b"");
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let found = found.as_array().cloned().unwrap_or_default();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let mut found: Vec<[String; 3]> =
            found.iter().map(|one| [text(&one["Commit"]), text(&one["Fingerprint"]), text(&one["Message"])]).collect();
        found.sort_by_key(|one| one[2].clone());
        (output.status.code(), found)
    };
    let told = |commit: &str, message: &str| [commit.to_owned(), format!("{commit}:app.conf:zk:2"), message.to_owned()];
    assert_eq!(detect(&[]), (Some(1), vec![told(&second, "Change"), told(&first, "Start")]));
    let range = format!("--log-opts={first}..{second}");
    assert_eq!(detect(&[&range]), (Some(1), vec![told(&second, "Change")]));
    write(".gitleaksignore", &format!("{first}:app.conf:zk:2\n"));
    assert_eq!(detect(&[]), (Some(1), vec![told(&second, "Change")]));
}

/// What reads half like words, and passwords that everyone takes, are shown to who asks for them, at low severity.
#[test]
fn sensitive_scans_show_weak_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let weak = ["POSTGRES_PASSWORD=", "postgres", "123\n"].concat();
    std::fs::write(folder.path().join(".env"), weak).unwrap();
    let path = folder.path().to_str().unwrap();
    assert_eq!(keyscan(&["scan", "-q", path], b"").status.code(), Some(0));
    let output = keyscan(&["scan", "-q", "--sensitive", path], b"");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.starts_with("low") && told.contains("first passwords"), "{told}");
    let place = format!("{path}/.env:1");
    let told = String::from_utf8(keyscan(&["explain", &place], b"").stdout).unwrap();
    assert!(told.contains("generic-secret: doubtful (--sensitive reports it), confidence 0.30"), "{told}");
    assert_eq!(keyscan(&["scan", "-q", "--sensitive", "--min-severity", "medium", path], b"").status.code(), Some(0));
    assert_eq!(keyscan(&["scan", "-q", "--sensitive", "--min-confidence", "0.1", path], b"").status.code(), Some(2));
}
