//! `keyscan scan`.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use keyscan::config::{Config, find_upward};
use keyscan::gate::{Baseline, Date, Decision, Gate};
use keyscan::report::{Entry, Format, Options, Report, Verbosity, write_jsonl_end, write_jsonl_entry};
use keyscan::{
    DOUBTFUL, Error, Interruptible, Key, Located, Outcome, PathGlobs, Progress, Result, Run, STDIN, Scanner,
    Surroundings, WalkSettings, config,
};

use crate::args::{self, CommonArgs, OutputArgs, ScanArgs, When};
use crate::exit::Exit;
use crate::others::Others;
use crate::progress;
use crate::rules::broken;
use crate::settings::{self, Settings};

/// The file of accepted secrets that is always read: the nearest one, going up from the target.
pub(crate) const IGNORE_FILE: &str = ".keyscanignore";
/// How much text a finding's allow comment may stand away from it.
const MARGIN: usize = 1024;

/// Set by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What is scanned.
pub(crate) struct Target<'a> {
    /// Where configuration is looked for.
    pub(crate) at: &'a Path,
    /// The folders that are scanned.
    pub(crate) roots: &'a [PathBuf],
    /// What the names of units are relative to.
    pub(crate) names: &'a Path,
}

/// Looks for secrets with `gather`, and reports them. `gather` also answers whether it has reported its findings
/// already, but for those that wait for the end.
pub(crate) fn find(
    args: &CommonArgs,
    Target { at: target, roots, names }: Target<'_>,
    stdout: &mut dyn Write,
    gather: impl FnOnce(&Run<'_>, &Config, &Others, &mut Sink<'_>) -> Result<(Outcome, bool)>,
) -> Result<Exit> {
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
    let inspect = |located: &Located, around: Surroundings<'_>| {
        let rule = &scanner.rules()[located.finding.rule];
        let elsewhere = !quieted.iter().any(|quieted| quieted.holds(&located.path, rule.id()));
        elsewhere
            && gate.decide(located, rule, around) == Decision::Reported
            && others.leave(located, rule, around).is_none()
    };
    let progress = Progress::default();
    let run = Run {
        scanner: &scanner,
        min_confidence: confidence(args, &config)?,
        inspect: &inspect,
        progress: &progress,
        interrupted: &INTERRUPTED,
    };
    listen_for_interrupt();

    let mut file;
    let out: &mut dyn Write = if args.output == Path::new("-") {
        stdout
    } else {
        let created = File::create(&args.output).map_err(|e| Error::config(e.to_string()).with_path(&args.output))?;
        file = BufWriter::new(created);
        &mut file
    };
    let mut sink = Sink { out, args, options: options(args), scanner: &scanner, key: key.as_ref() };
    let (mut outcome, streamed) = gather(&run, &config, &others, &mut sink)?;
    others.settle(&mut outcome.findings, scanner.rules());
    if streamed && args.write_baseline.is_none() {
        // What had to wait for the end.
        let waited = outcome.findings.iter().filter(|located| others.waits(&scanner.rules()[located.finding.rule]));
        waited.cloned().collect::<Vec<_>>().iter().try_for_each(|located| sink.one(located))?;
    }
    if let Some(path) = &args.write_baseline {
        return write_baseline(path, gate, &outcome, &scanner, &args.output_args);
    }
    let tally = gate.tally();
    sink.rest(&mut outcome, (tally.allowed, tally.baselined), roots, streamed)?;
    if !args.output_args.quiet {
        others.tell_tally();
    }
    if !args.output_args.quiet && outcome.is_complete() {
        report_stale(&gate, roots);
    }
    Ok(if outcome.interrupted {
        Exit::Interrupted
    } else if !outcome.findings.is_empty() {
        Exit::Found(args.exit_code)
    } else if outcome.is_complete() {
        Exit::Clean
    } else {
        Exit::Failed
    })
}

pub(crate) fn run(args: &ScanArgs, stdout: &mut dyn Write) -> Result<Exit> {
    let (streams, roots): (Vec<&PathBuf>, Vec<&PathBuf>) = args.paths.iter().partition(|path| *path == Path::new("-"));
    let roots: Vec<PathBuf> = roots.into_iter().cloned().collect();
    let target = roots.first().map_or(Path::new("."), PathBuf::as_path);
    // Units of one folder are named below it, all others as they were given.
    let names = if roots.len() == 1 && target.is_dir() { target } else { Path::new(".") };
    find(&args.common, Target { at: target, roots: &roots, names }, stdout, |run, config, others, sink| {
        let mut outcome = Outcome::default();
        if !streams.is_empty() {
            let live = roots.is_empty() && args.common.write_baseline.is_none();
            let mut lost = Ok(());
            let mut found = Vec::new();
            let part = run.stream(STDIN, Interruptible::new(io::stdin()), |located| {
                let waits = others.waits(&run.scanner.rules()[located.finding.rule]);
                if live && lost.is_ok() && !waits {
                    lost = sink.one(&located);
                }
                found.push(located);
            });
            lost?;
            outcome.merge(part);
            outcome.findings.append(&mut found);
        }
        if !roots.is_empty() {
            let walk = WalkSettings {
                no_ignore: args.no_ignore,
                exclude: if args.no_ignore { Vec::new() } else { config.exclude.clone() },
                threads: args.common.threads,
            };
            let progress = args.common.output_args.progress;
            outcome.merge(progress::show(progress, run.progress, || run.paths(&roots, &walk, args.max_file_size))?);
        }
        Ok((outcome, !streams.is_empty() && roots.is_empty()))
    })
}

/// Where findings go.
pub(crate) struct Sink<'a> {
    out: &'a mut dyn Write,
    args: &'a CommonArgs,
    options: Options,
    scanner: &'a Scanner,
    key: Option<&'a Key>,
}

impl Sink<'_> {
    fn format(&self) -> Format {
        match self.args.format {
            args::Format::Human => Format::Human,
            args::Format::Json => Format::Json,
            args::Format::Jsonl => Format::Jsonl,
            args::Format::Sarif => Format::Sarif,
            args::Format::Csv => Format::Csv,
            args::Format::Gitleaks => Format::Gitleaks,
        }
    }

    /// Formats that are lines or blocks are written while a stream is read.
    fn is_live(&self) -> bool {
        matches!(self.args.format, args::Format::Human | args::Format::Jsonl)
    }

    /// Reports one finding of a stream at once.
    fn one(&mut self, located: &Located) -> Result<()> {
        if !self.is_live() {
            return Ok(());
        }
        if self.args.format == args::Format::Jsonl {
            let entry = Entry::new(located, self.scanner.rules(), self.key);
            write_jsonl_entry(&entry, &self.options, self.out).map_err(broken)?;
        } else {
            let alone = Outcome { findings: vec![located.clone()], ..Outcome::default() };
            let report = Report::new(&alone, self.scanner.rules(), self.key);
            let options = Options { verbosity: Verbosity::Quiet, ..self.options };
            report.write(Format::Human, &options, self.out).map_err(broken)?;
        }
        self.out.flush().map_err(broken)
    }

    /// Reports what was not reported yet, and the summary.
    fn rest(&mut self, outcome: &mut Outcome, left_out: (u64, u64), roots: &[PathBuf], streamed: bool) -> Result<()> {
        if self.args.format == args::Format::Human {
            // People open what they see; programs want paths that do not depend on where the root is.
            prefix_root(outcome, roots);
        }
        let mut report = Report::new(outcome, self.scanner.rules(), self.key);
        (report.allowed, report.baselined) = left_out;
        let written = match self.args.format {
            _ if !(streamed && self.is_live()) => report.write(self.format(), &self.options, self.out),
            args::Format::Jsonl => write_jsonl_end(outcome, self.out),
            _ => report.write_summary(&self.options, self.out),
        };
        written.and_then(|()| self.out.flush()).map_err(broken)?;
        let shown_already = self.args.format == args::Format::Human && self.args.output == Path::new("-");
        if !shown_already && !self.args.output_args.quiet {
            let options = Options { colour: use_colour(&self.args.output_args, &io::stderr()), ..self.options };
            // Standard error may be closed; the report has gone where it was to go.
            let _ = report.write_summary(&options, &mut io::stderr());
        }
        Ok(())
    }
}

/// Names findings and the like as they can be opened from here.
fn prefix_root(outcome: &mut Outcome, roots: &[PathBuf]) {
    let [root] = roots else { return };
    if root == Path::new(".") || !root.is_dir() {
        return;
    }
    let open =
        |path: &str| if path == STDIN { path.to_owned() } else { root.join(path).to_string_lossy().into_owned() };
    for located in &mut outcome.findings {
        located.path = open(&located.path);
    }
    for unit in &mut outcome.unexamined {
        unit.path = open(&unit.path);
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
    let confidence = args.min_confidence.or(config.min_confidence).unwrap_or(DOUBTFUL);
    if (0.0..=1.0).contains(&confidence) {
        Ok(confidence)
    } else {
        Err(Error::config(format!("--min-confidence is {confidence}; it is a number from 0 to 1")))
    }
}

fn options(args: &CommonArgs) -> Options {
    let to_stdout = args.output == Path::new("-");
    Options {
        show_secrets: args.show_secrets,
        colour: args.output_args.color == When::Always || (to_stdout && use_colour(&args.output_args, &io::stdout())),
        verbosity: match (args.output_args.quiet, args.output_args.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, _) => Verbosity::Verbose,
        },
        timings: args.stats,
    }
}

fn use_colour(args: &OutputArgs, stream: &(impl anstream::stream::RawStream + IsTerminal)) -> bool {
    match args.color {
        When::Always => true,
        When::Never => false,
        When::Auto => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
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

fn write_baseline(path: &Path, gate: Gate, outcome: &Outcome, scanner: &Scanner, args: &OutputArgs) -> Result<Exit> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut baselines = gate.into_baselines();
    let key = baselines.iter().find_map(|baseline| baseline.key().cloned());
    let known = baselines.iter().position(|baseline| absolute(baseline.path()) == absolute(path));
    let mut baseline = match known {
        Some(index) => baselines.swap_remove(index),
        None => Baseline::open(path, None)?,
    };
    if baseline.key().is_none() {
        baseline.set_key(key.map_or_else(Key::random, Ok)?);
    }
    let mut added = 0;
    for located in outcome.findings.iter().flat_map(Located::apart) {
        let rule = scanner.rules()[located.finding.rule].id();
        added += usize::from(baseline.accept(&located, rule, today())?);
    }
    baseline.write()?;
    if !args.quiet {
        let name = path.display();
        let _ = writeln!(io::stderr(), "{added} secrets are now accepted in {name}; only new ones count from now on.");
    }
    Ok(match (outcome.interrupted, outcome.is_complete()) {
        (true, _) => Exit::Interrupted,
        (_, true) => Exit::Clean,
        _ => Exit::Failed,
    })
}

/// Says which accepted secrets are not there any more, or are accepted no longer.
fn report_stale(gate: &Gate, roots: &[PathBuf]) {
    for (baseline, entry) in gate.expired() {
        let (file, line) = (baseline.path().display(), entry.line);
        let _ = writeln!(io::stderr(), "keyscan: {file}:{line}: the time for which this was accepted is over");
    }
    // A scan of a part of the project says nothing about the rest.
    let covers = |file: &Path| {
        let folder = std::path::absolute(file).ok().and_then(|file| Some(file.parent()?.to_owned()));
        folder.is_some_and(|folder| {
            roots
                .iter()
                .any(|root| std::path::absolute(root).is_ok_and(|root| clean(&folder).starts_with(clean(&root))))
        })
    };
    for (baseline, entry) in gate.unused().filter(|(baseline, _)| covers(baseline.path())) {
        let (file, line) = (baseline.path().display(), entry.line);
        let _ = writeln!(io::stderr(), "keyscan: {file}:{line}: nothing matches this any more; it can go");
    }
}

/// A path without `.` components.
fn clean(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect()
}

fn today() -> Date {
    Date::from_unix_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// The first Ctrl-C ends the scan with what was found so far, the second ends the process.
fn listen_for_interrupt() {
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    // Without a handler Ctrl-C still ends the process, only less cleanly.
    let _ = ctrlc::set_handler(handler);
}
