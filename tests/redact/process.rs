//! The command: real processes, pipes, files and signals.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const VALUE: &str = "quartz-01234";

/// `keyscan redact` with a known secret.
fn redact(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
    command.arg("redact").args(["--secrets-from", "env:THE_TOKEN"]).args(args).env("THE_TOKEN", VALUE);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn filtered(args: &[&str], input: &[u8]) -> Output {
    let mut child = redact(args).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Reads until this has come; a test that waits in vain hangs and is ended from outside.
fn read_until(reader: &mut impl Read, expected: &str) -> String {
    let (mut text, mut chunk) = (String::new(), [0; 1024]);
    while !text.contains(expected) {
        let len = reader.read(&mut chunk).unwrap();
        assert!(len > 0, "the stream ended with {text:?}");
        text.push_str(&String::from_utf8_lossy(&chunk[..len]));
    }
    text
}

#[test]
fn a_filter_hides_and_changes_nothing_else() {
    let input = [b"\xff\0a ", VALUE.as_bytes(), b" b\r\n\xc3"].concat();
    let output = filtered(&[], &input);
    assert!(output.status.success());
    assert_eq!(output.stdout, b"\xff\0a [REDACTED:THE_TOKEN] b\r\n\xc3");
    assert!(output.stderr.is_empty());
}

#[test]
fn a_prompt_is_there_before_its_answer() {
    let mut child = redact(&[]).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    stdin.write_all(b"Password: ").unwrap();
    assert_eq!(read_until(&mut stdout, ": "), "Password: ");
    stdin.write_all(b"quartz-").unwrap();
    std::thread::sleep(Duration::from_millis(400));
    stdin.write_all(b"01234\n$ ").unwrap();
    assert_eq!(read_until(&mut stdout, "$ "), "[REDACTED:THE_TOKEN]\n$ ");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_ends_it_as_it_ends_others() {
    let mut child = redact(&[]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    let _ = stdin.write_all(format!("{VALUE} quartz-").as_bytes());
    let _ = stdin.write_all(&[b'\n'; 100_000]);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(13));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_command_whose_reader_goes_ends_too() {
    let mut child = redact(&["--", "yes", VALUE]).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    assert!(read_until(&mut stdout, "\n").starts_with("[REDACTED:THE_TOKEN]\n"));
    drop(stdout);
    assert_eq!(child.wait_with_output().unwrap().status.signal(), Some(13));
}

/// Concourse kept all of it; a larger one takes no more.
#[test]
#[cfg(target_os = "linux")]
fn a_line_without_an_end_takes_little_memory() {
    let mut child = redact(&[]).stdout(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let piece = [&b"x".repeat(1000)[..], b" a=1; quartz-0"].concat().repeat(1000);
    for _ in 0..200 {
        stdin.write_all(&piece).unwrap();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    assert!(peak < 32 * 1024, "{peak} KiB");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn llm_guard_wrote_what_it_looked_at_to_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = redact(&["--", "sh", "-c", "echo $THE_TOKEN"]);
    for place in ["TMPDIR", "HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"] {
        command.env(place, folder.path());
    }
    let output = command.current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
    assert_eq!(stdout(&output), "[REDACTED:THE_TOKEN]\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = redact(&[]).stdout(full).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"text\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!output.stderr.is_empty());
}

#[test]
fn an_interrupt_waits_for_the_end_of_what_comes() {
    let mut child = redact(&[]).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    stdin.write_all(b"one\n").unwrap();
    read_until(&mut stdout, "one\n");
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(200));
    stdin.write_all(format!("two {VALUE} quart").as_bytes()).unwrap();
    drop(stdin);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "two [REDACTED:THE_TOKEN] [REDACTED:THE_TOKEN:partial]");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn termination_passes_on_what_is_there_and_hides_what_is_nearly_a_secret() {
    let mut child = redact(&[]).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    stdin.write_all(b"one quartz-01").unwrap();
    read_until(&mut stdout, "one ");
    signal(&child, "-TERM");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "[REDACTED:THE_TOKEN:partial]");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    drop(stdin);
}

#[test]
fn a_reader_that_stalls_does_not_keep_it_from_ending() {
    let mut child = redact(&[]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&b"a line that nobody reads\n".repeat(200_000));
    });
    std::thread::sleep(Duration::from_millis(500));
    let asked = Instant::now();
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    writer.join().unwrap();
}

#[test]
fn known_secrets_are_loaded_again_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = folder.path().join("token");
    fs::write(&mounted, "basalt-56789\n").unwrap();
    let source = format!("dir:{}", folder.path().display());
    let mut child = redact(&["--secrets-from", &source]).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut stderr = child.stderr.take().unwrap();
    stdin.write_all(b"ready\n").unwrap();
    read_until(&mut stdout, "ready\n");
    for round in 0..5 {
        // As Kubernetes does it: a new file takes the place of the old one.
        let next = folder.path().join(".next");
        fs::write(&next, format!("granite-{round}{round}{round}\n")).unwrap();
        fs::rename(&next, &mounted).unwrap();
        signal(&child, "-HUP");
        read_until(&mut stderr, "reloaded");
        stdin.write_all(format!("granite-{round}{round}{round} basalt-56789 {VALUE}.\n").as_bytes()).unwrap();
        let line = read_until(&mut stdout, "\n");
        assert_eq!(line, "[REDACTED:token] [REDACTED:token] [REDACTED:THE_TOKEN].\n");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_streams_of_a_command_are_filtered_and_its_status_is_kept() {
    let script = "echo out $THE_TOKEN; echo err $THE_TOKEN >&2; exit 7";
    let output = redact(&["--", "sh", "-c", script]).output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(stdout(&output), "out [REDACTED:THE_TOKEN]\n");
    assert_eq!(output.stderr, b"err [REDACTED:THE_TOKEN]\n");
    let killed = redact(&["--", "sh", "-c", "kill -9 $$"]).output().unwrap();
    assert_eq!(killed.status.code(), Some(137));
    let missing = redact(&["--", "/no/such/command"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_command_is_told_to_end_and_what_it_says_then_is_passed_on() {
    let script = "trap 'echo bye $THE_TOKEN; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = redact(&["--", "sh", "-c", script]).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    read_until(&mut stdout, "ready\n");
    signal(&child, "-TERM");
    assert_eq!(read_until(&mut stdout, "\n"), "bye [REDACTED:THE_TOKEN]\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn what_a_command_leaves_running_is_not_waited_for() {
    let started = Instant::now();
    let output = redact(&["--", "sh", "-c", "sleep 60 & echo done"]).output().unwrap();
    assert_eq!(stdout(&output), "done\n");
    assert!(output.status.success() && started.elapsed() < Duration::from_secs(20));
}

/// What varlock and `op run` took away: a terminal, and with it colours.
#[test]
#[cfg(target_os = "linux")]
fn a_command_keeps_its_terminal() {
    let keyscan = env!("CARGO_BIN_EXE_keyscan");
    let script = "test -t 1 && test -t 2 && printf '\\033[32mgreen\\033[0m '; echo $THE_TOKEN";
    let line = format!("{keyscan} redact --secrets-from env:THE_TOKEN -- sh -c \"{}\"", script.replace('$', "\\$"));
    let Ok(output) = Command::new("script").args(["-qec", &line, "/dev/null"]).env("THE_TOKEN", VALUE).output() else {
        // `script` of util-linux makes the terminal of this test.
        return;
    };
    let text = stdout(&output);
    assert!(text.contains("\x1b[32mgreen\x1b[0m [REDACTED:THE_TOKEN]\r\n"), "{text:?}");
    assert!(output.status.success());
}

#[test]
fn files_are_edited_at_once_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (file, clean) = (folder.path().join("a.log"), folder.path().join("b.log"));
    fs::write(&file, format!("a {VALUE} b")).unwrap();
    fs::write(&clean, "nothing").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&clean).unwrap().modified().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let report = folder.path().join("report");
    let args = [
        "--in-place",
        "--report",
        report.to_str().unwrap(),
        "--fail-on-redact",
        link.to_str().unwrap(),
        clean.to_str().unwrap(),
    ];
    let output = filtered(&args, b"");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(&file).unwrap(), "a [REDACTED:THE_TOKEN] b");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&clean).unwrap().modified().unwrap(), before);
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("\"rule\":\"THE_TOKEN\"") && !report.contains(VALUE), "{report}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn nothing_is_passed_on_when_what_to_hide_cannot_be_loaded() {
    let output = filtered(&["--secrets-from", "file:/no/such/file"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let open = filtered(&["--secrets-from", "file:/no/such/file", "--fail-open"], b"text\n");
    assert_eq!(stdout(&open), "text\n");
    assert!(String::from_utf8_lossy(&open.stderr).contains("NOTHING IS HIDDEN"));
}

/// Runs `keyscan redact` with these values in the variables `SOME_*`, and no other known secret.
fn with_values(values: &[(&str, &str)], args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
    command.arg("redact").args(args).envs(values.iter().copied());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[test]
fn a_watch_list_hides_on_machines_that_do_not_hold_the_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (list, keyed, key, weak) = (path("list"), path("keyed"), path("key"), path("weak"));
    fs::write(&key, "07".repeat(32)).unwrap();
    let sample = keyscan::Sample::parse("{base62:32}").unwrap();
    let token = String::from_utf8(sample.fill(1, None).text).unwrap();
    let values = [("SOME_TOKEN", token.as_str()), ("SOME_WORDS", "correct-horse-battery-staple")];
    let source = ["--secrets-from", "env:SOME_*"];
    let text = format!("a {token} b\n");

    let written = with_values(&values, &[&source[..], &["--write-watch-list", &list]].concat(), b"");
    let said = String::from_utf8(written.stderr).unwrap();
    assert!(written.status.success() && said.contains("SOME_WORDS") && said.contains("1 of 2"), "{said}");
    assert!(!said.contains("horse") && !fs::read_to_string(&list).unwrap().contains(&token));
    assert_eq!(fs::metadata(&list).unwrap().permissions().mode() & 0o777, 0o600);
    let hidden = with_values(&[], &["--watch-list", &list, "--known-only"], text.as_bytes());
    assert_eq!(stdout(&hidden), "a [REDACTED:SOME_TOKEN] b\n");

    let with_key = [&source[..], &["--key", &key, "--write-watch-list", &keyed]].concat();
    assert!(with_values(&values, &with_key, b"").status.success());
    let hidden = with_values(&[], &["--watch-list", &keyed, "--key", &key, "--known-only"], text.as_bytes());
    assert_eq!(stdout(&hidden), "a [REDACTED:SOME_TOKEN] b\n");

    // Without its key, or cut off, a list hides nothing, and so nothing is passed on.
    let no_key = with_values(&[], &["--watch-list", &keyed, "--known-only"], text.as_bytes());
    assert_eq!((no_key.status.code(), no_key.stdout.len()), (Some(2), 0));
    let whole = fs::read_to_string(&list).unwrap();
    fs::write(&list, &whole[..whole.len() / 2]).unwrap();
    let cut = with_values(&[], &["--watch-list", &list, "--known-only"], text.as_bytes());
    assert_eq!((cut.status.code(), cut.stdout.len()), (Some(2), 0));
    // Values that all can be guessed make no list.
    let args = [&source[..], &["--write-watch-list", &weak]].concat();
    assert_eq!(with_values(&values[1..], &args, b"").status.code(), Some(2));
    assert!(!Path::new(&weak).exists());
}

#[test]
fn refused_values_are_named_by_their_source_only() {
    let output = redact(&["--secrets-from", "env:SOME_*"]).env("SOME_WORD", "production").stdin(Stdio::null()).output();
    let message = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(message.contains("SOME_WORD") && !message.contains("production"), "{message}");
}

#[test]
fn tags_are_the_same_for_the_same_secret() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "07".repeat(32)).unwrap();
    let args = ["--style", "tag", "--key", key.to_str().unwrap()];
    let once = stdout(&filtered(&args, format!("{VALUE} {VALUE}\n").as_bytes()));
    let tags: Vec<&str> = once.split_whitespace().collect();
    assert!(tags[0] == tags[1] && tags[0].len() == "[REDACTED:THE_TOKEN:01234567]".len(), "{once}");
    assert_eq!(stdout(&filtered(&args, format!("{VALUE} {VALUE}\n").as_bytes())), once);
}

/// What goes in is the command's own; what it says is looked at.
#[test]
fn litellm_applied_to_one_direction_what_was_for_the_other() {
    let script = "read line; printf '%s' \"$line\" | wc -c; echo \"$line\"; echo \"$line\" >&2";
    let mut child = redact(&["--", "sh", "-c", script]).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{VALUE}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = stdout(&output);
    let mut lines = shown.lines();
    assert_eq!(lines.next().map(str::trim), Some(VALUE.len().to_string().as_str()));
    assert_eq!(lines.next(), Some("[REDACTED:THE_TOKEN]"));
    assert_eq!(output.stderr, b"[REDACTED:THE_TOKEN]\n");
}

/// A canary in every way through.
#[test]
fn claude_code_and_codex_did_not_redact_and_did_not_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("canary.log");
    let text = format!("canary {VALUE} end\n");
    let expected = "canary [REDACTED:THE_TOKEN] end\n";
    let path = file.to_str().unwrap();
    for args in [
        &[][..],
        &["--known-only"],
        &["--format", "text"],
        &["--format", "json"],
        &["--format", "logfmt"],
        &["--line-buffered"],
        &["--fail-open"],
        &["-"],
    ] {
        assert_eq!(stdout(&filtered(args, text.as_bytes())), expected, "{args:?}");
    }
    fs::write(&file, &text).unwrap();
    assert_eq!(stdout(&filtered(&[path], b"")), expected);
    let command = redact(&["--", "cat", path]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(stdout(&command), expected);
    let to_stderr = redact(&["--", "sh", "-c", &format!("cat {path} >&2")]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(to_stderr.stderr, expected.as_bytes());
    assert!(filtered(&["--in-place", path], b"").status.success());
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    // And where nothing can be hidden, nothing is passed on.
    let none = with_values(&[], &["--secrets-from", "env:NO_SUCH_VARIABLE_*"], text.as_bytes());
    assert_eq!((none.status.code(), none.stdout.len()), (Some(2), 0), "{}", String::from_utf8_lossy(&none.stderr));
}

/// What scans report as doubtful when they are asked to.
#[test]
fn sensitive_hides_what_sensitive_scans_report() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.env");
    let text = "DB_PASSWORD=hunter2\nport=8080\n";
    fs::write(&file, text).unwrap();
    let scan = |flags: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
        command.arg("scan").args(flags).arg(&file).output().unwrap().status.code()
    };
    assert_eq!((scan(&[]), scan(&["--sensitive"])), (Some(0), Some(1)), "the sample is doubtful");
    assert_eq!(stdout(&filtered(&[], text.as_bytes())), text);
    let hidden = stdout(&filtered(&["--sensitive"], text.as_bytes()));
    assert!(!hidden.contains("hunter2") && hidden.ends_with("]\nport=8080\n"), "{hidden}");
    assert_eq!(stdout(&filtered(&["--sensitive"], hidden.as_bytes())), hidden);
}
