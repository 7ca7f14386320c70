//! `keyscan scan`.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use keyscan::gate::{Baseline, Gate};
use keyscan::report::{Entry, Format, Options, Report, Verbosity, write_jsonl_end, write_jsonl_entry};
use keyscan::{Error, Escaped, Interruptible, Key, Located, Outcome, Result, Run, STDIN, Scanner, WalkSettings};

use crate::args::{self, CommonArgs, OutputArgs, ScanArgs, When};
use crate::exit::Exit;
use crate::progress;
use crate::rules::broken;
use crate::search::{Search, Target, today};

/// Looks for secrets with `gather`, and reports them. `gather` also answers whether it has reported its findings
/// already, but for those that wait for the end.
pub(crate) fn find(
    args: &CommonArgs,
    target: Target<'_>,
    stdout: &mut dyn Write,
    gather: impl FnOnce(&Run<'_>, &Search, &mut Sink<'_>) -> Result<(Outcome, bool)>,
) -> Result<Exit> {
    let roots = target.roots;
    let search = Search::new(args, target)?;
    let mut file;
    let out: &mut dyn Write = if args.output == Path::new("-") {
        stdout
    } else {
        let created = File::create(&args.output).map_err(|e| Error::config(e.to_string()).with_path(&args.output))?;
        file = BufWriter::new(created);
        &mut file
    };
    let Search { scanner, gate, others, .. } = &search;
    let mut sink = Sink { out, args, options: options(args), scanner, key: search.key.as_ref() };
    let (mut outcome, streamed) = search.run(|run| gather(run, &search, &mut sink))?;
    others.settle(&mut outcome.findings, scanner.rules());
    if streamed && args.write_baseline.is_none() {
        // What had to wait for the end.
        let waited = outcome.findings.iter().filter(|located| others.waits(&scanner.rules()[located.finding.rule]));
        waited.cloned().collect::<Vec<_>>().iter().try_for_each(|located| sink.one(located))?;
    }
    if let Some(path) = &args.write_baseline {
        let Search { scanner, gate, .. } = search;
        return write_baseline(path, gate, &outcome, &scanner, &args.output_args);
    }
    let tally = gate.tally();
    sink.rest(&mut outcome, (tally.allowed, tally.baselined), roots, streamed)?;
    if !args.output_args.quiet {
        others.tell_tally();
        for note in &outcome.notes {
            let _ = writeln!(io::stderr(), "keyscan: {}", Escaped(note));
        }
    }
    if !args.output_args.quiet && outcome.is_complete() {
        report_stale(gate, roots);
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
    let first = roots.first().filter(|_| !args.force_exclude);
    let target = first.map_or(Path::new("."), PathBuf::as_path);
    // Units of one folder are named below it, all others as they were given.
    let names = if roots.len() == 1 && target.is_dir() { target } else { Path::new(".") };
    find(&args.common, Target { at: target, roots: &roots, names }, stdout, |run, search, sink| {
        let mut outcome = Outcome::default();
        if !streams.is_empty() {
            let live = roots.is_empty() && args.common.write_baseline.is_none();
            let mut lost = Ok(());
            let mut found = Vec::new();
            let part = run.stream(STDIN, Interruptible::new(io::stdin()), |located| {
                let waits = search.others.waits(&run.scanner.rules()[located.finding.rule]);
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
                exclude: if args.no_ignore { Vec::new() } else { search.config.exclude.clone() },
                force_exclude: args.force_exclude,
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
            args::Format::Gitlab => Format::Gitlab,
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
