//! `keyscan trace`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use keyscan::trace::{Needle, Trace, TraceReport, TraceSettings};
use keyscan::{
    Error, Fingerprint, HistorySettings, Key, Located, Progress, Result, Run, Scanner, Secret, WalkSettings,
};

use crate::args::TraceArgs;
use crate::exit::Exit;
use crate::git::environment;
use crate::others::repository_of;
use crate::rules::broken;
use crate::search::{INTERRUPTED, listen_for_interrupt, project_key};
use crate::value::Ends;
use crate::{progress, settings, value};

pub(crate) fn run(args: &TraceArgs, stdout: &mut dyn Write) -> Result<Exit> {
    let here = Path::new(".");
    let rules = settings::load(&args.rules, args.paths.first().map_or(here, PathBuf::as_path), false)?.rules;
    let scanner = Scanner::new(rules.clone());
    let settings = trace_settings(args)?;
    check_replacements(args)?;
    listen_for_interrupt();
    let progress = Progress::default();
    let show = args.output_args.progress;
    let needle = match args.fingerprint {
        Some(fingerprint) => {
            let key = project_key(here)?.ok_or_else(|| {
                Error::config(
                    "no .keyscanignore with a key is here: fingerprints mean nothing without the project's key",
                )
            })?;
            let secret = progress::show(show, &progress, || find(&scanner, &settings, (fingerprint, &key), &progress))?;
            Needle::new(secret.expose())?
        }
        None => Needle::new(&value::read(&args.secret, Ends::Stripped)?)?,
    };
    let trace = progress::show(show, &progress, || needle.trace(&scanner, &settings, &progress, &INTERRUPTED))?;
    write_replacements(args, &trace, stdout)?;
    let report = TraceReport::new(&trace, &rules);
    if args.output == Path::new("-") {
        if args.replacements.as_deref() != Some(Path::new("-")) {
            report.write(args.format, stdout).map_err(broken)?;
        }
    } else {
        let created = File::create(&args.output).map_err(|e| Error::config(e.to_string()).with_path(&args.output))?;
        let mut file = BufWriter::new(created);
        report.write(args.format, &mut file).and_then(|()| file.flush()).map_err(broken)?;
    }
    Ok(if trace.interrupted {
        Exit::Interrupted
    } else if !trace.places.is_empty() {
        Exit::Found(args.exit_code)
    } else if trace.is_complete() {
        Exit::Clean
    } else {
        Exit::Failed
    })
}

fn trace_settings(args: &TraceArgs) -> Result<TraceSettings> {
    let here = repository_of(Path::new("."));
    let repository = match &args.repository {
        Some(path) => Some(path.clone()),
        None if args.no_history => None,
        None => args.paths.iter().find_map(|path| repository_of(path)).or_else(|| here.clone()),
    };
    let home = match args.home {
        true => Some(std::env::home_dir().ok_or_else(|| Error::config("this user has no home"))?),
        false => None,
    };
    let mut paths = args.paths.clone();
    if paths.is_empty() {
        let is_bare = |path: &Path| !path.join(".git").exists();
        match &repository {
            Some(top) if is_bare(top) => {}
            Some(top) => paths.push(top.clone()),
            None => paths.push(PathBuf::from(".")),
        }
    }
    // What git says to a program that it runs is about the repository here.
    let is_here = args.repository.is_none() && (repository.is_none() || repository == here);
    let at = repository.clone().filter(|_| !is_here).unwrap_or_else(|| PathBuf::from("."));
    Ok(TraceSettings {
        paths,
        repository,
        environment: environment(&at),
        home,
        names: args.names.clone(),
        threads: args.threads,
    })
}

/// The secret of the finding with a fingerprint: whatever a scan finds in the files and in the history.
fn find(
    scanner: &Scanner,
    settings: &TraceSettings,
    (wanted, key): (Fingerprint, &Key),
    progress: &Progress,
) -> Result<Secret> {
    let found: Mutex<Option<Secret>> = Mutex::default();
    let inspect = |located: &Located, _: keyscan::Surroundings<'_>| {
        let rule = scanner.rules()[located.finding.rule].id();
        if Fingerprint::new(key, rule, &located.finding.secret) == wanted
            && let Ok(mut found) = found.lock()
        {
            *found = Some(located.finding.secret.clone());
        }
        false
    };
    let run = Run { min_confidence: 0.0, ..Run::new(scanner, &inspect, progress, &INTERRUPTED) };
    run.paths(&settings.paths, &WalkSettings { no_ignore: true, ..WalkSettings::default() }, None)?;
    let is_found = || found.lock().is_ok_and(|found| found.is_some());
    if let Some(repository) = settings.repository.as_ref().filter(|_| !is_found()) {
        let history = HistorySettings { environment: settings.environment.clone(), ..HistorySettings::default() };
        run.history(repository, &history)?;
    }
    let why = "no secret here has this fingerprint; it may have been made with the key of another project";
    found.into_inner().ok().flatten().ok_or_else(|| Error::config(why))
}

/// A terminal keeps what it shows.
fn check_replacements(args: &TraceArgs) -> Result<()> {
    if args.replacements.as_deref() != Some(Path::new("-")) {
        return Ok(());
    }
    if io::stdout().is_terminal() {
        return Err(Error::config("the expressions hold the secret: name a file, or pipe them to a command"));
    }
    if args.output == Path::new("-") {
        return Err(Error::config("the expressions go to standard output: name a file for the report (--output)"));
    }
    Ok(())
}

fn write_replacements(args: &TraceArgs, trace: &Trace, stdout: &mut dyn Write) -> Result<()> {
    let Some(path) = &args.replacements else { return Ok(()) };
    if path == Path::new("-") {
        return trace.write_replacements(stdout).map_err(broken);
    }
    let mut options = OpenOptions::new();
    // A file that is there may be readable for others, or a link.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| trace.write_replacements(&mut file));
    written.map_err(|error| Error::config(error.to_string()).with_path(path))?;
    if !args.output_args.quiet {
        let name = path.display();
        let _ = writeln!(io::stderr(), "{name} holds the secret: use it with `git filter-repo`, then delete it.");
    }
    Ok(())
}
