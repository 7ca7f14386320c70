//! What every command that looks for secrets does: settings to a scanner and to what becomes of findings.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use keyscan::config::{Config, find_upward};
use keyscan::gate::{Baseline, Date, Decision, Gate};
use keyscan::{
    ARCHIVE_DEPTH, DOUBTFUL, Error, Key, Located, PathGlobs, Progress, Result, Run, SENSITIVE, Scanner, Surroundings,
    config,
};

use crate::args::CommonArgs;
use crate::others::Others;
use crate::settings::{self, Settings};

/// The file of accepted secrets that is always read: the nearest one, going up from the target.
pub(crate) const IGNORE_FILE: &str = ".keyscanignore";
/// How much text a finding's allow comment may stand away from it.
const MARGIN: usize = 1024;

/// Set by Ctrl-C.
pub(crate) static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What is scanned.
pub(crate) struct Target<'a> {
    /// Where configuration is looked for.
    pub(crate) at: &'a Path,
    /// The folders that are scanned.
    pub(crate) roots: &'a [PathBuf],
    /// What the names of units are relative to.
    pub(crate) names: &'a Path,
}

/// Settings, ready to run.
pub(crate) struct Search {
    pub(crate) config: Config,
    pub(crate) scanner: Scanner,
    pub(crate) gate: Gate,
    pub(crate) others: Others,
    /// The key of fingerprints.
    pub(crate) key: Option<Key>,
    quieted: Vec<Quieted>,
    min_confidence: f32,
    max_archive_depth: u32,
}

impl Search {
    /// Reads configuration, rules and baselines.
    pub(crate) fn new(args: &CommonArgs, Target { at: target, names, .. }: Target<'_>) -> Result<Search> {
        let Settings { config, rules, mut others } = settings::load(&args.rules, target, args.as_gitleaks.is_some())?;
        let scanner = Scanner::new(rules).with_margin(MARGIN);
        let baselines = open_baselines(args, &config, target, &mut others)?;
        others.at(names);
        others.tell(args.output_args.quiet, args.output_args.verbose > 0);
        let key = baselines.iter().find_map(|baseline| baseline.key().cloned());
        let mut gate = Gate::new(baselines, today()).with_comments(!args.no_allow);
        if let Some(least) = args.min_severity.map(Into::into).or(config.min_severity) {
            gate = gate.with_min_severity(least);
        }
        let quieted = quieted_paths(&config, target)?;
        let min_confidence = confidence(args, &config)?;
        let asked = args.max_archive_depth.or(config.max_archive_depth);
        let max_archive_depth = asked.unwrap_or(ARCHIVE_DEPTH);
        Ok(Search { config, scanner, gate, others, key, quieted, min_confidence, max_archive_depth })
    }

    /// Gives `work` what a scan needs.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&Run<'_>) -> T) -> T {
        let inspect = |located: &Located, around: Surroundings<'_>| {
            let rule = &self.scanner.rules()[located.finding.rule];
            let elsewhere = !self.quieted.iter().any(|quieted| quieted.holds(&located.path, rule.id()));
            elsewhere
                && self.gate.decide(located, rule, around) == Decision::Reported
                && self.others.leave(located, rule, around).is_none()
        };
        let progress = Progress::default();
        listen_for_interrupt();
        work(&Run {
            min_confidence: self.min_confidence,
            max_archive_depth: self.max_archive_depth,
            ..Run::new(&self.scanner, &inspect, &progress, &INTERRUPTED)
        })
    }
}

/// Rules whose findings are not reported in some paths.
struct Quieted {
    globs: PathGlobs,
    rules: Vec<String>,
}

impl Quieted {
    fn holds(&self, path: &str, rule: &str) -> bool {
        self.globs.matches(path) && self.rules.iter().any(|pattern| config::names_rule(pattern, rule))
    }
}

fn quieted_paths(config: &Config, target: &Path) -> Result<Vec<Quieted>> {
    let quieted = |rule: &config::PathRule| {
        Ok(Quieted { globs: PathGlobs::new(target, &rule.globs)?, rules: rule.exclude_rules.clone() })
    };
    config.paths.iter().map(quieted).collect()
}

fn confidence(args: &CommonArgs, config: &Config) -> Result<f32> {
    let asked = args.min_confidence.or(args.sensitive.then_some(SENSITIVE));
    let confidence = asked.or(config.min_confidence).unwrap_or(DOUBTFUL);
    if (0.0..=1.0).contains(&confidence) {
        Ok(confidence)
    } else {
        Err(Error::config(format!("--min-confidence is {confidence}; it is a number from 0 to 1")))
    }
}

fn open_baselines(args: &CommonArgs, config: &Config, target: &Path, others: &mut Others) -> Result<Vec<Baseline>> {
    let mut baselines = Vec::new();
    let mut key = None;
    let found = find_upward(target, &[IGNORE_FILE]);
    let named = args.baseline.as_ref().or(config.baseline.as_ref());
    for list in args.as_gitleaks.iter().flat_map(|as_gitleaks| &as_gitleaks.ignore_lists) {
        others.accept(list)?;
    }
    for path in found.iter().chain(named) {
        if Some(path) == named && !path.exists() {
            let message = "no such baseline; --write-baseline makes one";
            return Err(Error::config(message).with_path(path));
        }
        if Some(path) == named && others.accept(path)? {
            continue;
        }
        let baseline = Baseline::open(path, key.as_ref())?;
        key = key.or_else(|| baseline.key().cloned());
        baselines.push(baseline);
    }
    Ok(baselines)
}

/// The key of the project's fingerprints, where there is one.
pub(crate) fn project_key(target: &Path) -> Result<Option<Key>> {
    let Some(path) = find_upward(target, &[IGNORE_FILE]) else { return Ok(None) };
    Ok(Baseline::open(&path, None)?.key().cloned())
}

pub(crate) fn today() -> Date {
    Date::from_unix_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// The first Ctrl-C ends the scan with what was found so far, the second ends the process.
pub(crate) fn listen_for_interrupt() {
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    // Without a handler Ctrl-C still ends the process, only less cleanly.
    let _ = ctrlc::set_handler(handler);
}
