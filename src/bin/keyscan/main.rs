//! The command line of keyscan.

use std::io::Write;
use std::sync::atomic::AtomicBool;

fn main() {
    let roots: Vec<std::path::PathBuf> = std::env::args_os()
        .skip(2)
        .filter(|a| !a.to_string_lossy().starts_with("--") && a != "jsonl")
        .map(Into::into)
        .collect();
    let scanner = keyscan::Scanner::new(keyscan::RuleSet::builtin());
    let (progress, interrupted) = (keyscan::Progress::default(), AtomicBool::new(false));
    let run = keyscan::Run {
        scanner: &scanner,
        min_confidence: 0.5,
        inspect: &|_, _| true,
        progress: &progress,
        interrupted: &interrupted,
    };
    let outcome =
        run.paths(&roots, &keyscan::WalkSettings { no_ignore: true, exclude: vec![], threads: 0 }, None).unwrap();
    let mut out = std::io::stdout().lock();
    for l in &outcome.findings {
        let f = &l.finding;
        let s = String::from_utf8_lossy(f.secret.expose()).into_owned();
        writeln!(out, "{}", serde_json::json!({"rule": scanner.rules()[f.rule].id(), "path": l.path, "line": f.start.line, "column": f.start.column, "secret": s, "confidence": f.confidence})).unwrap();
    }
    eprintln!("{:?} {} findings", outcome.stats, outcome.findings.len());
}
