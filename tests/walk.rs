//! The commands of the walk through an incident in docs/rotation.md, run as they stand there.

#![cfg(all(unix, feature = "cli", feature = "rotate", feature = "verify"))]

#[path = "common/skip.rs"]
mod skip;

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// The blocks of commands in a document.
fn blocks(document: &str) -> Vec<&str> {
    document.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// What the commands of each block printed, and how the last of it ended.
fn walk(folder: &Path, document: &str) -> Vec<(i32, String)> {
    let mut script = "exec 2>&1\ntrap 'kill $(jobs -p)' EXIT\n".to_owned();
    for (number, block) in blocks(document).into_iter().enumerate() {
        write!(script, "{block}\necho \"=== $?\"\n").unwrap();
        if number == 0 {
            // Who types is slower than the programs.
            for port in [8000, 9089, 9090] {
                let ask = format!("curl -s -o ../answer http://127.0.0.1:{port}/");
                writeln!(script, "for n in $(seq 200); do {ask} && break; sleep 0.1; done").unwrap();
            }
        }
    }
    let ports: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    for (port, free) in ["8000", "9089", "9090"].iter().zip(&ports) {
        script = script.replace(port, &free.local_addr().unwrap().port().to_string());
    }
    drop(ports);
    let program = Path::new(env!("CARGO_BIN_EXE_keyscan")).parent().unwrap();
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(folder);
    command.env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()));
    command.env("EXAMPLES", Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples"));
    command.env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1").env_remove("GIT_DIR").env_remove("GIT_INDEX_FILE");
    for name in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{name}_NAME"), "Ada").env(format!("GIT_{name}_EMAIL"), "ada@example.com");
    }
    let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let mut told = vec![(0, String::new())];
    for line in out.lines() {
        let (status, text) = told.last_mut().unwrap();
        match line.strip_prefix("=== ") {
            Some(ended) => {
                *status = ended.parse().unwrap();
                told.push((0, String::new()));
            }
            None => writeln!(text, "{line}").unwrap(),
        }
    }
    told.pop();
    told
}

#[test]
fn the_walk_through_an_incident_is_as_it_is_written() {
    for tool in ["bash", "curl", "git", "python3"] {
        if Command::new(tool).arg("--version").output().is_err() {
            skip::skipped(&format!("there is no {tool}"));
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let document = include_str!("../docs/rotation.md");
    let told = walk(folder.path(), document);
    let expected: &[(i32, &[&str])] = &[
        (0, &[]),
        (0, &[]),
        (
            0,
            &[
                "[stripe-secret-key]",
                "`config.env:1` as `STRIPE_SECRET_KEY`; since",
                "`../app.log:2`",
                "alive    stripe",
            ],
        ),
        (1, &["nothing speaks against it", "alive    stripe"]),
        (0, &["\"status\":\"rotated\"", "\"rotations\":[{", "now with [REDACTED:STRIPE_SECRET_KEY]"]),
        (0, &[]),
        (0, &["the old value is dead", "the old one is dead since"]),
        (1, &["all that should be dead is", "critical: ../app.log:2 holds the old STRIPE_SECRET_KEY"]),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for ((status, text), (ended, parts)) in told.iter().zip(expected) {
        assert_eq!(status, ended, "{text}");
        parts.iter().for_each(|part| assert!(text.contains(part), "{part} is not in {text}"));
    }
    let all: String = told.into_iter().map(|(_, text)| text).collect();
    for name in ["old.key", "new.key"] {
        let key = std::fs::read_to_string(folder.path().join("keys").join(name)).unwrap();
        assert!(key.len() == 33 && !all.contains(&key[8..32]), "no value is shown");
    }
    let runbook = std::fs::read_to_string(folder.path().join("incident.md")).unwrap();
    assert!(runbook.contains("config.env") && runbook.contains("dashboard.stripe.com"), "{runbook}");
}
