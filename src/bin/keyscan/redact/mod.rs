//! `keyscan redact`: settings to a redaction, and what it is put around: a stream, files, a command.

#[cfg(unix)]
mod child;
mod files;
pub(crate) mod known;
#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod pump;
mod report;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod stream;

use std::io::{self, Write};
use std::path::Path;

use keyscan::config::{Config, find_upward};
use keyscan::gate::Baseline;
use keyscan::redact::{AtEnd, KnownSecrets, RedactStats, Redaction, Style, TextFormat};
use keyscan::{Key, Result, RuleSet, SENSITIVE};

pub(crate) use self::files::{Copy, keep_owner};
use self::report::Report;
use crate::args::{AtEof, HidingArgs, MarkerStyle, RedactArgs, RedactFormat};
use crate::exit::Exit;
use crate::settings;

pub(crate) fn run(args: &RedactArgs) -> Result<Exit> {
    keep_quiet(args.has_known());
    if let Some(path) = &args.write_watch_list {
        return known::write_watch_list(args, path, args.quiet);
    }
    let known = KnownSecrets::new();
    let redaction = match redaction(args, &known) {
        Ok(redaction) => redaction,
        Err(error) if args.fail_open => {
            say(&format!("{error}; NOTHING IS HIDDEN, because of --fail-open"));
            Redaction::new(RuleSet::new())
        }
        Err(error) => return Err(error),
    };
    let report = Report::open(args.report.as_deref())?;
    let job = Job { args, redaction, known, report };
    let (stats, exit) = if !args.command.is_empty() {
        job.command()?
    } else if args.in_place {
        job.in_place()?
    } else {
        job.stream()?
    };
    job.finish(&stats, exit)
}

/// Has failures show nothing of what is looked at.
pub(crate) fn keep_quiet(has_known: bool) {
    // A payload may hold what is to be hidden.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let _ = writeln!(io::stderr(), "keyscan: internal error{place}; nothing more is passed on");
    }));
    // Neither a crash nor a debugger shall write the known secrets to a file.
    #[cfg(target_os = "linux")]
    if has_known {
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = has_known;
}

/// What is to be done, and with what.
struct Job<'a> {
    args: &'a RedactArgs,
    redaction: Redaction,
    known: KnownSecrets,
    report: Report,
}

impl Job<'_> {
    /// Reports, and decides on the status.
    fn finish(&self, stats: &RedactStats, exit: Exit) -> Result<Exit> {
        self.report.finish(stats)?;
        if self.args.stats {
            say(&summary(stats));
        }
        if stats.skipped_attempts > 0 {
            let skipped = stats.skipped_attempts;
            say(&format!(
                "{skipped} places were passed over: the text makes rules look at the same bytes again and again"
            ));
        }
        Ok(match (exit, self.args.fail_on_redact) {
            (Exit::Clean, _) if stats.skipped_attempts > 0 => Exit::Failed,
            (Exit::Clean, Some(status)) if stats.total() > 0 => Exit::Found(status),
            (exit, _) => exit,
        })
    }
}

pub(crate) fn say(text: &str) {
    // Standard error may be closed.
    let _ = writeln!(io::stderr(), "keyscan: {text}");
}

fn summary(stats: &RedactStats) -> String {
    let mut text = format!("{} hidden in {} bytes", stats.total(), stats.bytes_in);
    for (label, count) in &stats.hidden {
        text.push_str(&format!("\n{count:8} {label}"));
    }
    text
}

fn redaction(args: &RedactArgs, known: &KnownSecrets) -> Result<Redaction> {
    let target = args.files.first().map_or(Path::new("."), |file| file.as_path());
    let Hiding { redaction, key, .. } = hiding(args, target, known)?;
    let at_end = match args.eof {
        AtEof::Redact => AtEnd::HideParts,
        AtEof::Emit => AtEnd::Show,
    };
    let redaction = redaction.at_end(at_end).with_format(match args.format {
        RedactFormat::Auto | RedactFormat::Json => TextFormat::Json,
        RedactFormat::Logfmt => TextFormat::Logfmt,
        RedactFormat::Text => TextFormat::Text,
    });
    Ok(if args.report.is_some() { redaction.recorded(Some(key)) } else { redaction })
}

/// What is hidden, by which rules, and how.
pub(crate) struct Hiding {
    pub(crate) config: Config,
    pub(crate) rules: RuleSet,
    pub(crate) redaction: Redaction,
    pub(crate) key: Key,
}

/// Reads rules, known secrets and keys; the configuration is the nearest to the target.
pub(crate) fn hiding(args: &HidingArgs, target: &Path, known: &KnownSecrets) -> Result<Hiding> {
    let (config, rules) = settings::load_own(&args.rules, target, args.known_only)?;
    known::load(args, known)?;
    let key = key(args, target)?;
    let style = match args.style {
        MarkerStyle::Label => Style::Label,
        MarkerStyle::Tag => Style::Tag(key.clone()),
        MarkerStyle::Mask => Style::Mask,
        MarkerStyle::Remove => Style::Remove,
        MarkerStyle::Custom => Style::Custom(args.marker.clone().unwrap_or_default()),
    };
    let mut redaction = Redaction::new(rules.clone()).with_known(known.clone()).with_style(style);
    if let Some(confidence) = args.sensitive.then_some(SENSITIVE).or(config.min_confidence) {
        redaction = redaction.with_min_confidence(confidence);
    }
    Ok(Hiding { config, rules, redaction, key })
}

/// The key of tags and fingerprints.
fn key(args: &HidingArgs, target: &Path) -> Result<Key> {
    if let Some(key) = known::named_key(args)? {
        return Ok(key);
    }
    let project =
        find_upward(target, &[crate::search::IGNORE_FILE]).map(|path| Baseline::open(&path, None)).transpose()?;
    match project.and_then(|baseline| baseline.key().cloned()) {
        Some(key) => Ok(key),
        None => Key::random(),
    }
}
