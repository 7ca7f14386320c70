//! What a hook costs an agent: the whole process, from its start to its answer. `cargo bench --bench guard`
#![allow(clippy::print_stdout, reason = "what a bench prints is its result")]

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keyscan::RuleSet;
use keyscan::guard::json_string;

/// Processes for each number that is printed.
const RUNS: usize = 400;

fn main() {
    let rules = RuleSet::builtin();
    let rule = rules.get("github-pat").expect("it is built in");
    let filled = rule.samples()[0].fill(5, rule.checksum());
    let secret = String::from_utf8_lossy(&filled.text[filled.secret]).into_owned();
    println!("{:44} {:>8} {:>8} {:>8} {:>8}", "one hook, milliseconds", "p50", "p90", "p99", "most");
    for (size, len) in [("100 KB", 100_000), ("1 MiB", 1 << 20)] {
        let log = |secret: &str| log(len, secret);
        let file = |text: &str| format!("{{\"stdout\":{},\"stderr\":\"\",\"interrupted\":false}}", json_string(text));
        measure(&format!("{size}, a log, nothing in it"), &file(&log("")));
        measure(&format!("{size}, a log, 10 secrets"), &file(&log(&secret)));
        measure(&format!("{size}, a list of small strings"), &rows(len));
    }
}

/// A log of so many bytes; the secret stands in ten of its lines.
fn log(len: usize, secret: &str) -> String {
    let (mut text, mut number) = (String::with_capacity(len + 200), 0_u64);
    while text.len() < len {
        number += 1;
        text.push_str(&format!(
            "2026-01-{:02}T10:{:02}:00Z INFO worker-{} \"GET /api/v1/items/{number}\" 200 {} bytes in {} ms\n",
            number % 28 + 1,
            number % 60,
            number % 7,
            number * 7919 % 65_536,
            number * 31 % 900
        ));
        if !secret.is_empty() && number % (len as u64 / 900) == 0 {
            text.push_str(&format!("authorization: token {secret}\n"));
        }
    }
    text
}

fn rows(len: usize) -> String {
    let mut text = "{\"rows\":[".to_owned();
    let mut number = 0;
    while text.len() < len {
        number += 1;
        text.push_str(&format!("{{\"id\":{number},\"name\":\"item {number}\",\"note\":\"a\\tb\"}},"));
    }
    text.push_str("null]}");
    text
}

fn measure(name: &str, response: &str) {
    let event = format!(
        "{{\"session_id\":\"s\",\"transcript_path\":\"/t\",\"cwd\":\"/p\",\"hook_event_name\":\"PostToolUse\",\
         \"tool_name\":\"Bash\",\"tool_input\":{{\"command\":\"cat log\"}},\"tool_response\":{response}}}"
    );
    let mut times: Vec<Duration> = (0..RUNS).map(|_| once(&event)).collect();
    times.sort();
    let at = |part: usize| times[(RUNS * part / 100).min(RUNS - 1)].as_secs_f64() * 1000.0;
    println!("{name:44} {:8.2} {:8.2} {:8.2} {:8.2}", at(50), at(90), at(99), at(100));
}

fn once(event: &str) -> Duration {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_keyscan"))
        .args(["guard", "claude-code"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("it is piped").write_all(event.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    child.stdout.take().expect("it is piped").read_to_end(&mut answer).expect("it answers");
    assert!(child.wait().expect("it ends").success() && answer.starts_with(b"{"));
    start.elapsed()
}
