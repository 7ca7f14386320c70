//! `keyscan audit agents`: what coding agents have kept, looked through and, when asked, mended.

mod file;
mod fix;
mod places;
mod sqlite;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use keyscan::guard::{Action, DirectionPolicy, Guard, Policy};
use keyscan::redact::Redaction;
use keyscan::{Escaped, Result};

use self::file::{Found, Seen};
use crate::args::{AuditAgentsArgs, AuditCommand, AuditFormat};
use crate::exit::Exit;
use crate::rules::broken;
use crate::settings;

pub(crate) fn run(command: &AuditCommand, out: &mut dyn Write) -> Result<Exit> {
    let AuditCommand::Agents(args) = command;
    let (config, rules) = settings::load_named_only(&args.rules)?;
    let mut redaction = Redaction::new(rules);
    if let Some(confidence) = config.min_confidence {
        redaction = redaction.with_min_confidence(confidence);
    }
    let min_severity = args.min_severity.map(Into::into).or(config.min_severity);
    let policy = DirectionPolicy { action: Some(Action::Redact), min_severity, ..DirectionPolicy::default() };
    let guard = Guard::with_policy(&redaction, &Policy::uniform(&policy));
    let files = places::files(&args.paths);
    let mut told = Told::default();
    for path in &files.found {
        told.file(&guard, path, args, out)?;
    }
    for (path, error) in &files.unread {
        told.failed(path, error);
    }
    told.end(files.found.len(), args, out)
}

/// What was said, and what is to be said at the end.
#[derive(Default)]
struct Told {
    found: u64,
    fixed: u64,
    rules: BTreeMap<String, u64>,
    failed: u64,
}

impl Told {
    fn file(&mut self, guard: &Guard, path: &Path, args: &AuditAgentsArgs, out: &mut dyn Write) -> Result<()> {
        let seen = match file::look(guard, path) {
            Ok(seen) => seen,
            Err(error) => {
                self.failed(path, &error.to_string());
                return Ok(());
            }
        };
        for found in &seen.found {
            self.found += 1;
            *self.rules.entry(found.rule.clone()).or_default() += 1;
            tell(path, found, args.format, out)?;
        }
        if seen.unexamined > 0 {
            self.failed(path, &format!("{} places were not examined", seen.unexamined));
        }
        if args.fix && !seen.found.is_empty() {
            self.fix(guard, path, &seen, args);
        }
        Ok(())
    }

    fn fix(&mut self, guard: &Guard, path: &Path, seen: &Seen, args: &AuditAgentsArgs) {
        match fix::fix(guard, path, seen, Duration::from_secs(args.quiet_for)) {
            Ok(()) => self.fixed += seen.found.len() as u64,
            Err(why) => self.failed(path, &format!("not fixed: {why}")),
        }
    }

    fn failed(&mut self, path: &Path, why: &str) {
        self.failed += 1;
        let _ = writeln!(std::io::stderr(), "keyscan: {}: {why}", Escaped(&path.to_string_lossy()));
    }

    fn end(&self, files: usize, args: &AuditAgentsArgs, out: &mut dyn Write) -> Result<Exit> {
        if args.format == AuditFormat::Human {
            let fixed = if args.fix { format!(", {} hidden", self.fixed) } else { String::new() };
            writeln!(out, "{} secrets in {files} files{fixed}", self.found).map_err(broken)?;
            for (rule, count) in &self.rules {
                writeln!(out, "{count:8} {rule}").map_err(broken)?;
            }
            if self.found > 0 {
                let what = "An agent that kept a secret has also sent it to its model: revoke what is alive.";
                writeln!(out, "{what}").map_err(broken)?;
            }
        }
        Ok(match () {
            () if self.failed > 0 => Exit::Failed,
            () if self.found > self.fixed => Exit::Found(1),
            () => Exit::Clean,
        })
    }
}

fn tell(path: &Path, found: &Found, format: AuditFormat, out: &mut dyn Write) -> Result<()> {
    let path = path.to_string_lossy();
    match format {
        AuditFormat::Human => {
            let place = found.line.map_or_else(|| format!("byte {}", found.offset), |line| line.to_string());
            writeln!(out, "{}:{place}: {} {}", Escaped(&path), found.rule, Escaped(&found.preview))
        }
        AuditFormat::Jsonl => {
            let object = serde_json::json!({
                "path": path, "line": found.line, "offset": found.offset, "rule": found.rule,
                "severity": found.severity.map(keyscan::Severity::as_str), "secret": found.preview,
            });
            writeln!(out, "{object}")
        }
    }
    .map_err(broken)
}
