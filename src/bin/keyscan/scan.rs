//! `keyscan scan`.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use keyscan::{DOUBTFUL, Error, Progress, Result, Run, STDIN, Scanner, WalkSettings};

use crate::args::ScanArgs;
use crate::exit::Exit;
use crate::progress;
use crate::rules::broken;
use crate::settings::{load_config, load_rules};

/// Set by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub(crate) fn run(args: &ScanArgs, out: &mut dyn Write) -> Result<Exit> {
    let target = args.paths.iter().find(|path| *path != Path::new("-")).map_or(Path::new("."), AsRef::as_ref);
    let loaded = load_config(&args.rules, target)?;
    let scanner = Scanner::new(load_rules(&args.rules, &loaded.config)?);
    let progress = Progress::default();
    let run = Run {
        scanner: &scanner,
        min_confidence: args.min_confidence.unwrap_or(DOUBTFUL),
        inspect: &|_, _| true,
        progress: &progress,
        interrupted: &INTERRUPTED,
    };
    let walk =
        WalkSettings { no_ignore: args.no_ignore, exclude: loaded.config.exclude.clone(), threads: args.threads };
    let outcome =
        progress::show(args.output_args.progress, &progress, || run.paths(&args.paths, &walk, args.max_file_size))?;
    for l in &outcome.findings {
        let f = &l.finding;
        let s = String::from_utf8_lossy(f.secret.expose()).into_owned();
        writeln!(out, "{}", serde_json::json!({"rule": scanner.rules()[f.rule].id(), "path": l.path, "line": f.start.line, "column": f.start.column, "secret": s, "confidence": f.confidence})).map_err(broken)?;
    }
    eprintln!("{:?} {} findings", outcome.stats, outcome.findings.len());
    Ok(if outcome.findings.is_empty() { Exit::Clean } else { Exit::Found(args.exit_code) })
}
