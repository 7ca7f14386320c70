//! Hooks of coding agents, as agents run them: a process, an event on its standard input, an answer. What is recorded of
//! each protocol is answered as that protocol reads it; what cannot be looked at is refused; settings of others stay.
#![cfg(all(feature = "cli", unix))]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use keyscan::RuleSet;
use keyscan::guard::Document;
use serde_json::Value;

use common::Random;

const AGENTS: [&str; 6] = ["claude-code", "codex", "cursor", "gemini", "copilot", "vscode"];

fn secret(seed: u64) -> String {
    let rules = RuleSet::builtin();
    let rule = rules.get("github-pat").unwrap();
    let filled = rule.samples()[0].fill(seed, rule.checksum());
    String::from_utf8(filled.text[filled.secret].to_vec()).unwrap()
}

fn keyscan(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
    command.current_dir(home).env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap());
    command
}

fn run(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn ask(agent: &str, more: &[&str], input: &[u8]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = keyscan(home.path());
    command.args(["guard", agent]).args(more);
    run(command, input)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Whether an answer is what is expected; `@REASON@` stands for any text.
fn is_like(answer: &Value, expected: &Value) -> bool {
    match (answer, expected) {
        (Value::String(text), Value::String(expected)) if expected == "@REASON@" => !text.trim().is_empty(),
        (Value::Array(all), Value::Array(expected)) => {
            all.len() == expected.len() && all.iter().zip(expected).all(|(one, other)| is_like(one, other))
        }
        (Value::Object(all), Value::Object(expected)) => {
            all.len() == expected.len()
                && expected.iter().all(|(name, other)| all.get(name).is_some_and(|one| is_like(one, other)))
        }
        _ => answer == expected,
    }
}

/// The cases of an agent: name, configuration, event as it is written, and the answer.
fn cases(agent: &str) -> Vec<(String, Option<String>, String, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/agents/{agent}.json"));
    let fixture = fs::read_to_string(&path).unwrap();
    let document = Document::parse(&fixture).unwrap();
    let cases = document.root().get("cases").unwrap();
    let case = |case: keyscan::guard::Value<'_, '_>| {
        let text = |name: &str| case.get_str(name).map(std::borrow::Cow::into_owned);
        let reply = serde_json::from_str(case.get("reply").unwrap().raw()).unwrap();
        (text("name").unwrap(), text("config"), case.get("event").unwrap().raw().to_owned(), reply)
    };
    cases.elements().map(case).collect()
}

#[test]
fn every_recorded_event_is_answered_as_its_agent_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed = 0;
    for agent in AGENTS {
        for (name, config, event, reply) in cases(agent) {
            seed += 1;
            let secret = secret(seed);
            let mut more = Vec::new();
            let path = folder.path().join("guard.toml");
            if let Some(config) = &config {
                fs::write(&path, config).unwrap();
                more.extend(["--config", path.to_str().unwrap()]);
            }
            for agent in [agent, "auto"] {
                if agent == "auto" && name.contains("other format") {
                    continue;
                }
                let output = ask(agent, &more, event.replace("@SECRET@", &secret).as_bytes());
                let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
                assert_eq!(output.status.code(), Some(0), "{agent}: {name}: {stderr}");
                let answer: Value =
                    serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{agent}: {name}: {stdout}"));
                assert!(is_like(&answer, &reply), "{agent}: {name}: {stdout}");
                assert!(!stdout.contains(&secret[6..16]) && !stderr.contains(&secret[6..16]), "{agent}: {name}");
            }
            // Without a secret nothing is done.
            let output = ask(agent, &more, event.replace("@SECRET@", "nothing").as_bytes());
            assert_eq!((text(&output.stdout).trim(), output.status.code()), ("{}", Some(0)), "{agent}: {name}");
        }
    }
}

#[test]
fn what_is_edited_is_what_came_but_for_the_secret() {
    let secret = secret(1);
    let response = format!(
        "{{ \"z\" : 1.50e1,\n\t\"stdout\":\"\\u0041\\/ {secret}\\ud83d\\ude00\", \"a\": [ true,null ],\"z2\":\"\\u00e9\" }}"
    );
    let event = format!(
        "{{\"hook_event_name\":\"PostToolUse\",\"transcript_path\":\"\",\"tool_name\":\"Bash\",\"tool_response\":{response}}}"
    );
    let output = text(&ask("claude-code", &[], event.as_bytes()).stdout);
    let document = Document::parse(&output).unwrap();
    let updated = document.root().get("hookSpecificOutput").and_then(|specific| specific.get("updatedToolOutput"));
    assert_eq!(updated.unwrap().raw(), response.replace(&secret, "[REDACTED:github-pat]"));
}

/// Whether an answer lets nothing through.
fn refuses(agent: &str, output: &Output) -> bool {
    if agent != "copilot" {
        return output.status.code() == Some(2) && !output.stderr.is_empty();
    }
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    output.status.code() == Some(0)
        && answer["permissionDecision"] == "deny"
        && answer["modifiedResult"]["textResultForLlm"].as_str().is_some_and(|text| !text.is_empty())
}

#[test]
fn what_is_no_event_is_refused_without_a_byte_of_it() {
    let secret = secret(2);
    let deep = format!("{}\"{secret}\"", "[".repeat(100_000));
    let bad = [
        String::new(),
        " ".to_owned(),
        "{".to_owned(),
        format!("{{\"hook_event_name\":\"PreToolUse\",\"x\":\"{secret}"),
        secret.clone(),
        format!("[\"{secret}\"]"),
        format!("\"{secret}\""),
        "null".to_owned(),
        format!("{{\"a\":\"{secret}\n\"}}"),
        format!("{{\"hook_event_name\":\"PostToolUse\",\"tool_response\":{deep}"),
        format!("{{}} {secret}"),
    ];
    for agent in AGENTS.into_iter().chain(["auto"]) {
        for input in bad.iter().map(String::as_bytes).chain([&b"{\"a\":\"\xff\"}"[..]]) {
            let output = ask(agent, &[], input);
            let shown = String::from_utf8_lossy(input).chars().take(60).collect::<String>();
            assert!(refuses(agent, &output), "{agent}: {shown}: {output:?}");
            let said = text(&output.stdout) + &text(&output.stderr);
            assert!(!said.contains(&secret[6..16]) && said.contains("keyscan"), "{agent}: {said}");
        }
    }
}

#[test]
fn what_takes_too_long_is_refused_in_time() {
    for agent in AGENTS {
        let home = tempfile::tempdir().unwrap();
        let mut command = keyscan(home.path());
        command.args(["guard", agent, "--deadline", "0.4"]);
        let start = Instant::now();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The event never ends.
        let stdin = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        assert!(refuses(agent, &output), "{agent}: {output:?}");
        assert!(start.elapsed() > Duration::from_millis(350) && start.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn settings_that_cannot_be_read_refuse() {
    for more in [["--config", "/no/such.toml"], ["--secrets-from", "file:/no/such"], ["--audit-log", "/no/such/log"]] {
        let output = ask("claude-code", &more, b"{\"hook_event_name\":\"Stop\",\"transcript_path\":\"\"}");
        assert!(refuses("claude-code", &output), "{more:?}");
        assert!(text(&output.stderr).contains("/no/such"), "{output:?}");
    }
}

#[test]
fn a_project_cannot_switch_the_guard_off() {
    let (home, secret) = (tempfile::tempdir().unwrap(), secret(3));
    fs::write(home.path().join("keyscan.toml"), "exclude-rules = ['github-*']\n[guard.to-tool]\naction = 'allow'\n")
        .unwrap();
    let event = format!(
        "{{\"hook_event_name\":\"PreToolUse\",\"transcript_path\":\"\",\"tool_name\":\"Bash\",\"tool_input\":{{\"command\":\"{secret}\"}}}}"
    );
    let mut command = keyscan(home.path());
    command.args(["guard", "claude-code"]);
    assert!(text(&run(command, event.as_bytes()).stdout).contains("\"deny\""));
    // Unless the user names it.
    let mut command = keyscan(home.path());
    command.args(["guard", "claude-code", "--config", "keyscan.toml"]);
    assert_eq!(text(&run(command, event.as_bytes()).stdout), "{}\n");
}

#[test]
fn known_secrets_are_hidden_and_what_was_found_is_logged_without_them() {
    let (home, secret) = (tempfile::tempdir().unwrap(), secret(4));
    fs::write(home.path().join(".env"), "DB_PASSWORD=brave-otter-77\n").unwrap();
    let event = format!(
        "{{\"hook_event_name\":\"PostToolUse\",\"transcript_path\":\"\",\"tool_name\":\"Bash\",\"tool_response\":{{\"stdout\":\"brave-otter-77 {secret}\"}}}}"
    );
    fs::write(home.path().join("key"), "07".repeat(32)).unwrap();
    let mut command = keyscan(home.path());
    command.args(["guard", "auto", "--secrets-from", "dotenv:.env", "--audit-log", "log", "--key", "key"]);
    let output = text(&run(command, event.as_bytes()).stdout);
    assert!(output.contains("[REDACTED:DB_PASSWORD] [REDACTED:github-pat]"), "{output}");
    let log = fs::read_to_string(home.path().join("log")).unwrap();
    assert!(!log.contains(&secret[6..16]) && !log.contains("otter"), "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[1]["rule"], &lines[1]["action"]), (&"github-pat".into(), &"redact".into()));
    assert_eq!(lines[1]["fingerprint"].as_str().unwrap().len(), 32);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(home.path().join("log")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

/// Where the settings of each agent lie, below the home folder and in a project.
const SETTINGS: [(&str, Option<&str>, &str); 6] = [
    ("claude-code", Some(".claude/settings.json"), ".claude/settings.json"),
    ("codex", Some(".codex/hooks.json"), ".codex/hooks.json"),
    ("cursor", Some(".cursor/hooks.json"), ".cursor/hooks.json"),
    ("gemini", Some(".gemini/settings.json"), ".gemini/settings.json"),
    ("copilot", Some(".copilot/hooks/keyscan.json"), ".github/hooks/keyscan.json"),
    ("vscode", None, ".github/hooks/keyscan-vscode.json"),
];

fn guard(home: &Path, project: &Path, arguments: &[&str]) -> Output {
    let mut command = keyscan(home);
    command.current_dir(project).arg("guard").args(arguments);
    run(command, b"")
}

#[test]
fn hooks_come_into_settings_and_go_and_all_else_stays() {
    for (agent, user, project) in SETTINGS {
        for scope in ["user", "project"] {
            let (home, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let path = match (scope, user) {
                ("user", Some(user)) => home.path().join(user),
                ("user", None) => {
                    assert_eq!(guard(home.path(), folder.path(), &[agent, "--install"]).status.code(), Some(2));
                    continue;
                }
                _ => folder.path().join(project),
            };
            let go = |what: &str| guard(home.path(), folder.path(), &[agent, what, "--scope", scope]);
            assert!(go("--install").status.success());
            let first = fs::read_to_string(&path).unwrap();
            Document::parse(&first).unwrap();
            assert!(first.contains(&format!("guard {agent}")));
            assert!(text(&go("--install").stdout).contains("already"), "{agent}");
            assert_eq!(fs::read_to_string(&path).unwrap(), first);
            assert!(go("--uninstall").status.success());
            let left = fs::read_to_string(&path).unwrap_or_default();
            assert!(!left.contains("keyscan"), "{agent}: {left}");

            // Beside what is there; the file is a link, and stays one.
            let theirs = "{\n    \"model\" : \"x\", \"n\": 1.0,\n    \"hooks\": {\n        \"Other\": [ {\"hooks\":[{\"type\":\"command\",\"command\":\"echo keyscan\"}]} ],\n        \"PreToolUse\": [{\"matcher\": \"Bash\", \"hooks\": [{\"type\": \"command\", \"command\": \"./check.sh\"}]}]\n    }\n}\n";
            let real = folder.path().join("real.json");
            fs::write(&real, theirs).unwrap();
            std::os::unix::fs::PermissionsExt::set_mode(&mut fs::metadata(&real).unwrap().permissions(), 0o640);
            let _ = fs::remove_file(&path);
            std::os::unix::fs::symlink(&real, &path).unwrap();
            assert!(go("--install").status.success());
            let with = fs::read_to_string(&real).unwrap();
            assert!(
                with.contains("./check.sh") && with.contains("\"n\": 1.0") && with.contains(&format!("guard {agent}"))
            );
            assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
            // Other options take the place of the old ones.
            let output = guard(home.path(), folder.path(), &[agent, "--install", "--scope", scope, "--wrap"]);
            assert!(output.status.success());
            let wrapped = fs::read_to_string(&real).unwrap();
            assert_eq!(with.matches("keyscan guard").count(), wrapped.matches("keyscan guard").count());
            assert_eq!(wrapped.matches("--wrap").count(), wrapped.matches("keyscan guard").count());
            assert!(go("--uninstall").status.success());
            let after = fs::read_to_string(&real).unwrap();
            assert_eq!(after.replace("\n  \"version\": 1,", "").replace(",\n  \"version\": 1", ""), theirs, "{agent}");
        }
    }
}

#[test]
fn a_file_with_comments_is_not_changed() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".gemini/settings.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{\n  // mine\n  \"a\": 1\n}\n").unwrap();
    let output = guard(home.path(), home.path(), &["gemini", "--install"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("not changed"), "{}", text(&output.stderr));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\n  // mine\n  \"a\": 1\n}\n");
}

#[test]
fn the_doctor_proves_what_is_in_force_and_sees_what_is_not() {
    for (agent, user, _) in SETTINGS {
        let (home, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let doctor = || guard(home.path(), folder.path(), &[agent, "--doctor"]);
        let output = doctor();
        assert_eq!(output.status.code(), Some(1), "{agent}");
        assert!(text(&output.stdout).contains("Nothing is in force"), "{agent}");
        let Some(user) = user else { continue };
        for more in [&[][..], &["--wrap"]] {
            assert!(guard(home.path(), folder.path(), &[&[agent, "--install"], more].concat()).status.success());
            let output = doctor();
            let said = text(&output.stdout);
            assert_eq!(output.status.code(), Some(0), "{agent}: {said}");
            assert!(said.matches("works").count() >= 3 && said.contains("open") && !said.contains("FAILS"), "{said}");
            assert_eq!(said.contains("what commands print ("), !more.is_empty(), "{agent}: {said}");
        }
        // A program that is not there any more, one that lets everything through, and one event too few.
        let path = home.path().join(user);
        let good = fs::read_to_string(&path).unwrap();
        let program = env!("CARGO_BIN_EXE_keyscan");
        let passes = folder.path().join("keyscan");
        fs::write(&passes, "#!/bin/sh\ncat\n").unwrap();
        fs::set_permissions(&passes, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for bad in [
            good.replace(program, "/no/such/keyscan"),
            good.replace(program, passes.to_str().unwrap()),
            good.replacen("reToolUse\"", "xToolUse\"", 1).replacen("BeforeTool\"", "BeforeX\"", 1),
        ] {
            assert_ne!(bad, good);
            fs::write(&path, bad).unwrap();
            let output = doctor();
            assert_eq!(output.status.code(), Some(1), "{agent}");
            assert!(text(&output.stdout).contains("FAILS"), "{agent}");
        }
    }
}

/// The command as an agent would run it after the hook.
fn wrapped(home: &Path, command: &str) -> String {
    let event = serde_json::json!({
        "hook_event_name": "PreToolUse", "transcript_path": "", "tool_name": "Bash",
        "tool_input": {"command": command, "timeout": 1000},
    });
    let mut hook = keyscan(home);
    hook.args(["guard", "claude-code", "--wrap"]);
    let answer: Value = serde_json::from_slice(&run(hook, event.to_string().as_bytes()).stdout).unwrap();
    let input = &answer["hookSpecificOutput"]["updatedInput"];
    assert_eq!(input["timeout"], 1000);
    assert!(answer["hookSpecificOutput"].get("permissionDecision").is_none());
    input["command"].as_str().unwrap_or_else(|| panic!("{command}: {answer}")).to_owned()
}

#[test]
fn wrapped_commands_do_what_they_did_but_print_no_secret() {
    let home = tempfile::tempdir().unwrap();
    let secret = secret(5);
    fs::write(home.path().join("it's"), "quoted\n").unwrap();
    fs::create_dir(home.path().join("sub dir")).unwrap();
    let commands = [
        "echo \"$S\"",
        "echo \"$S\"; exit 3",
        "echo \"$S\" >&2; false",
        "printf '%s' \"$S\"",
        "cat \"it's\"; echo 'a'\\''b' \"c\\\"d\" $((1+1)) `echo e` $(echo 'f g')",
        "for i in 1 2 3; do\n  echo $i\ndone # a comment",
        "# only a comment",
        "cat <<'E'\nit's $S \"x\" \\\nE\n",
        "cat <<E\n$S\nE",
        "no-such-command-at-all 2>/dev/null",
        "if true; then echo yes; fi && echo no || echo never",
        "echo a; (exit 4)",
        "kill -TERM $$ 2>/dev/null; sh -c 'kill -KILL $$'",
        "set -e; false; echo unreached",
        "trap 'echo trapped' EXIT; echo x",
        "exec echo gone",
        "x='a\nb'; echo \"$x\" | wc -l | tr -d ' '",
        "read line; echo \"got $line\"",
        "echo '%s %d \\n \\\\ !! $HOME ~ * ? [a]'",
        "true &&",
        "echo \u{e4}\u{1f600}",
        "cd 'sub dir' && pwd >/dev/null",
        "echo one >&2; echo two; echo three >&2",
        "sleep 0.1 & wait; echo waited",
        "return 5 2>/dev/null; echo $?",
    ];
    let shells: Vec<&str> = ["sh", "bash", "zsh", "dash"]
        .into_iter()
        .filter(|shell| Command::new(shell).args(["-c", "true"]).output().is_ok())
        .collect();
    assert!(shells.contains(&"sh"));
    let shell = |shell: &str, command: &str| {
        let mut child = Command::new(shell);
        child.args(["-c", &format!("{command}\nend=$?; echo; echo \"[$end]\"; pwd")]);
        child.current_dir(home.path()).env("S", &secret);
        run(child, b"a line\n")
    };
    for command in commands {
        let wrapped = wrapped(home.path(), command);
        for name in &shells {
            let (plain, filtered) = (
                shell(name, &format!("( eval {} )\nend=$?; cd -P . ; (exit $end)", quoted(command))),
                shell(name, &wrapped),
            );
            let last = |output: &Output| text(&output.stdout).lines().rev().nth(1).unwrap_or_default().to_owned();
            assert_eq!(last(&filtered), last(&plain), "{name}: {command}: {filtered:?}");
            let said = text(&filtered.stdout) + &text(&filtered.stderr);
            assert!(!said.contains(&secret), "{name}: {command}");
            // Both streams come as one; a shell's own messages name places that differ.
            let lines = |text: String| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.retain(|line| !line.contains(": ") && !line.starts_with('/') && !line.is_empty());
                lines.sort();
                lines
            };
            let expected = (text(&plain.stdout) + &text(&plain.stderr)).replace(&secret, "[REDACTED:github-pat]");
            assert_eq!(lines(said), lines(expected), "{name}: {command}");
        }
    }
    // Where a command ends, the next one starts.
    let output = shell("sh", &wrapped(home.path(), "cd 'sub dir'"));
    assert!(text(&output.stdout).trim().ends_with("sub dir"), "{output:?}");
}

fn quoted(text: &str) -> String {
    keyscan::guard::hook::quoted(text)
}

#[test]
fn any_bytes_of_a_command_are_one_word() {
    let home = tempfile::tempdir().unwrap();
    let mut random = Random(3);
    let wrap = keyscan::guard::hook::ShellWrap::new(env!("CARGO_BIN_EXE_keyscan"), &["redact", "--quiet"]);
    for _ in 0..40 {
        let parts = [
            "'", "\"", "\\", "$x", "`", "\n", " ", "a", "!", "\t", "#", "*", "&", "|", ";", "(", ")", "<", ">", "~",
            "{", "}", "\u{e4}",
        ];
        let word: String = (0..1 + random.below(12)).map(|_| *random.pick(&parts)).collect();
        let command = format!("printf '%s|' {}", quoted(&word));
        let mut child = Command::new("sh");
        child.args(["-c", &wrap.wrap(&command).unwrap()]).current_dir(home.path());
        assert_eq!(text(&run(child, b"").stdout), format!("{word}|"), "{word:?}");
    }
}
