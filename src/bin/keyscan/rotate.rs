//! `keyscan rotate`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use keyscan::config::find_upward;
use keyscan::gate::Date;
use keyscan::ledger::{LEDGER_FILE, Ledger, NewRotation, Proof, ReturnSettings, Rotation};
use keyscan::trace::{Needle, Procedure, Trace, TraceSettings};
use keyscan::{Error, Escaped, Key, Progress, Result, RuleSet, Scanner, Secret};
use serde_json::json;

use crate::args::{
    CheckArgs, LedgerArgs, OutputArgs, ProcedureArgs, ProveArgs, RecordArgs, RotateCommand, SecretArgs, StatusArgs,
};
use crate::exit::Exit;
use crate::git::environment;
use crate::others::repository_of;
use crate::rules::broken;
use crate::search::{INTERRUPTED, listen_for_interrupt, project_key, today};
use crate::value::Ends;
use crate::{progress, settings, value};

/// What the procedure calls the file that the old key is in as long as it lasts.
const OLD_KEY: &str = "old.key";

pub(crate) fn run(command: &RotateCommand, out: &mut dyn Write) -> Result<Exit> {
    match command {
        RotateCommand::Runbook(args) => print(args, Procedure::Emergency, out),
        RotateCommand::Plan(args) => print(args, Procedure::Overlap, out),
        RotateCommand::Record(args) => record(args),
        RotateCommand::Prove(args) => prove(args, out),
        RotateCommand::Status(args) => status(args, out),
        RotateCommand::Check(args) => check(args, out),
        #[cfg(feature = "rotate")]
        RotateCommand::Audit(args) => audit(args, out),
    }
}

#[cfg(feature = "rotate")]
fn audit(args: &crate::args::AuditArgs, out: &mut dyn Write) -> Result<Exit> {
    use keyscan::rotate::{AuditLog, TagKey};
    let key = args.key.as_ref().map(|path| TagKey::load(path)).transpose()?;
    let failed = |error: io::Error| Error::config(error.to_string()).with_path(&args.log);
    let report = AuditLog::check(std::fs::File::open(&args.log).map_err(failed)?, key.as_ref()).map_err(failed)?;
    writeln!(out, "{report}").map_err(broken)?;
    let ends = args.head.as_ref().is_none_or(|head| report.head.as_deref() == Some(head));
    if !ends {
        writeln!(out, "it does not end where it should: lines were cut off or added").map_err(broken)?;
    }
    Ok(if report.problems.is_empty() && ends { Exit::Clean } else { Exit::Found(1) })
}

fn print(args: &ProcedureArgs, procedure: Procedure, out: &mut dyn Write) -> Result<Exit> {
    let rules = settings::load(&args.rules, Path::new("."), false)?.rules;
    let needle = Needle::new(&value::read(&args.secret, Ends::Stripped)?)?;
    let mut trace = trace(&needle, &rules, &args.paths, args.names.clone(), &args.output_args)?;
    // The copy that the procedure itself works with.
    trace.places.retain(|place| place.path != OLD_KEY);
    out.write_all(trace.procedure(procedure, &rules, args.port).as_bytes()).map_err(broken)?;
    Ok(match (trace.interrupted, trace.is_complete()) {
        (true, _) => Exit::Interrupted,
        (_, true) => Exit::Clean,
        _ => {
            for unit in &trace.unexamined {
                let _ = writeln!(io::stderr(), "keyscan: {}: {}", Escaped(&unit.path), Escaped(&unit.reason));
            }
            Exit::Failed
        }
    })
}

fn trace(needle: &Needle, rules: &RuleSet, paths: &[PathBuf], names: Vec<String>, args: &OutputArgs) -> Result<Trace> {
    let repository = repository_of(Path::new("."));
    let mut paths = paths.to_vec();
    if paths.is_empty() || repository.is_some() {
        paths.insert(0, repository.clone().unwrap_or_else(|| PathBuf::from(".")));
    }
    let environment = environment(Path::new("."));
    let settings = TraceSettings { paths, repository, environment, names, ..TraceSettings::default() };
    listen_for_interrupt();
    let (scanner, progress) = (Scanner::new(rules.clone()), Progress::default());
    progress::show(args.progress, &progress, || needle.trace(&scanner, &settings, &progress, &INTERRUPTED))
}

fn record(args: &RecordArgs) -> Result<Exit> {
    let rules = settings::load(&args.rules, Path::new("."), false)?.rules;
    let (mut ledger, path) = open(&args.ledger, true)?;
    let old = Secret::new(value::read(&args.secret, Ends::Stripped)?.trim_ascii());
    let new = match &args.new {
        Some(source) => {
            let args = SecretArgs { from: Some(source.clone()) };
            Some(Secret::new(value::read(&args, Ends::Stripped)?.trim_ascii()))
        }
        None => None,
    };
    let needle = Needle::new(old.expose())?;
    let mut places = Vec::new();
    if !args.no_places {
        let trace = trace(&needle, &rules, &[], vec![args.name.clone()], &args.output_args)?;
        places.extend(trace.places.into_iter().map(|place| place.path));
        places.dedup();
    }
    let scanner = Scanner::new(rules);
    let rule_of = |needle: &Needle| needle.rules_like(&scanner).first().map(|rule| rule.id().to_owned());
    let rule = rule_of(&needle);
    let new_rule = new.as_ref().map(|new| Needle::new(new.expose())).transpose()?.and_then(|new| rule_of(&new));
    let refused = ledger.record(NewRotation {
        name: &args.name,
        rule: rule.as_deref(),
        old: &old,
        new: new.as_ref(),
        new_rule: new_rule.as_deref(),
        today: today(),
        due: in_days(i64::from(args.days)),
        reason: args.reason.as_deref(),
        places,
    })?;
    ledger.write()?;
    if let Some(why) = refused {
        say(&format!(
            "the old value {why}; `keyscan rotate check` recognises it where a rule finds it, and nowhere else"
        ));
    }
    if !args.output_args.quiet {
        say(&format!("written to {}; next: `keyscan rotate prove` when the old one is revoked", path.display()));
    }
    Ok(Exit::Clean)
}

#[cfg_attr(not(feature = "verify"), allow(unused_variables, reason = "nobody can be asked"))]
fn prove(args: &ProveArgs, out: &mut dyn Write) -> Result<Exit> {
    let (mut ledger, path) = open(&args.ledger, false)?;
    let old = Secret::new(value::read(&args.secret, Ends::Stripped)?.trim_ascii());
    let rotation = ledger.of_value(&old).ok_or_else(|| {
        Error::config("no rotation in the ledger took this value out; `keyscan rotate record` writes one down")
    })?;
    let (fingerprint, name) = (rotation.old, rotation.name.clone());
    let by = match &args.by {
        Some(by) => by.clone(),
        None => match ask(args, rotation, &old)? {
            Asked::Dead(by) => by,
            Asked::Not(why, exit) => {
                writeln!(out, "{name}: {why}").map_err(broken)?;
                return Ok(exit);
            }
        },
    };
    ledger.prove(fingerprint, &Proof { at: today(), by: by.clone() })?;
    ledger.write()?;
    writeln!(out, "{name}: the old value is dead: {by}; written to {}", path.display()).map_err(broken)?;
    Ok(Exit::Clean)
}

/// What its provider says of an old value.
enum Asked {
    /// It is dead, by this.
    Dead(String),
    /// It is not, or nobody knows.
    Not(String, Exit),
}

#[cfg(feature = "verify")]
fn ask(args: &ProveArgs, rotation: &Rotation, old: &Secret) -> Result<Asked> {
    use keyscan::verify::{Liveness, Probe, Verifier, VerifySettings};

    let rules = settings::load(&args.rules, Path::new("."), false)?.rules;
    let rule = rotation.rule.as_deref().and_then(|id| rules.get(id));
    let probe = rule.and_then(|rule| Probe::new(rule, old).ok()).ok_or_else(|| {
        Error::config("no rule knows how to ask about this value; say with --by how it is known to be dead")
    })?;
    let mut verifier = Verifier::new(VerifySettings { base_url: args.base_url.clone(), ..VerifySettings::default() })?;
    say(&format!("asks {} about 1 secret of {}", verifier.host(&probe), probe.provider()));
    let receipt = verifier.verify(&probe, None, now());
    let status = receipt.status.map_or_else(String::new, |status| format!(" {status}"));
    let asked = format!("{}{status}", receipt.endpoint);
    Ok(match receipt.liveness {
        Liveness::Dead => Asked::Dead(asked),
        Liveness::Alive => Asked::Not(format!("the old value is ALIVE ({asked}): revoke it"), Exit::Found(1)),
        Liveness::Unknown => {
            let why = receipt.reason.unwrap_or_default();
            Asked::Not(format!("whether the old value is dead is unknown ({why})"), Exit::Failed)
        }
    })
}

#[cfg(not(feature = "verify"))]
fn ask(_: &ProveArgs, _: &Rotation, _: &Secret) -> Result<Asked> {
    Err(Error::config("this keyscan was built without `verify`; say with --by how it is known to be dead"))
}

fn status(args: &StatusArgs, out: &mut dyn Write) -> Result<Exit> {
    let (ledger, _) = open(&args.ledger, false)?;
    let today = today();
    for rotation in ledger.rotations() {
        let is_last = ledger.last().contains(&rotation);
        if args.json {
            let object = json!({
                "name": rotation.name,
                "rule": rotation.rule,
                "masked": rotation.masked,
                "rotated": rotation.rotated.to_string(),
                "due": rotation.due.to_string(),
                "overdue": is_last && rotation.due < today,
                "latest": is_last,
                "reason": rotation.reason,
                "dead": rotation.dead.as_ref().map(|proof| json!({"at": proof.at.to_string(), "by": proof.by})),
                "places": rotation.places,
            });
            writeln!(out, "{object}").map_err(broken)?;
            continue;
        }
        let dead = match &rotation.dead {
            Some(proof) => format!("dead since {}: {}", proof.at, proof.by),
            None => "not proven dead".to_owned(),
        };
        let due = match (is_last, rotation.due < today) {
            (true, true) => format!(", next was DUE {}", rotation.due),
            (true, false) => format!(", next due {}", rotation.due),
            _ => String::new(),
        };
        let (name, masked, rotated) = (Escaped(&rotation.name), &rotation.masked, rotation.rotated);
        writeln!(out, "{name} {masked} rotated {rotated}{due}; the old one is {}", Escaped(&dead)).map_err(broken)?;
    }
    Ok(Exit::Clean)
}

fn check(args: &CheckArgs, out: &mut dyn Write) -> Result<Exit> {
    let (ledger, _) = open(&args.ledger, false)?;
    let rules = settings::load(&args.rules, Path::new("."), false)?.rules;
    let scanner = Scanner::new(rules);
    let mut problems = 0;
    for rotation in ledger.overdue(today()) {
        problems += 1;
        writeln!(out, "due: {} was to be rotated by {}", Escaped(&rotation.name), rotation.due).map_err(broken)?;
    }
    for rotation in ledger.unproven(in_days(-i64::from(args.dead_after))) {
        problems += 1;
        let (name, rotated) = (Escaped(&rotation.name), rotation.rotated);
        writeln!(out, "alive? {name}, rotated out {rotated}, is not proven dead: `keyscan rotate prove`")
            .map_err(broken)?;
    }
    let repository = repository_of(Path::new(".")).filter(|_| !args.no_history);
    let mut paths = args.paths.clone();
    if paths.is_empty() {
        paths.push(repository.clone().unwrap_or_else(|| PathBuf::from(".")));
    }
    let looked = ReturnSettings { paths, repository, environment: environment(Path::new(".")), threads: 0 };
    listen_for_interrupt();
    let progress = Progress::default();
    let (returned, unexamined) = progress::show(args.output_args.progress, &progress, || {
        ledger.returned(&scanner, &looked, &progress, &INTERRUPTED)
    })?;
    for one in &returned {
        problems += 1;
        let commit =
            one.commit.as_ref().map_or_else(String::new, |id| format!(" in commit {}", &id[..id.len().min(12)]));
        let (path, name) = (Escaped(&one.path), Escaped(&one.name));
        writeln!(out, "critical: {path}:{}{commit} holds the old {name}, rotated out {}", one.line, one.rotated)
            .map_err(broken)?;
    }
    for unit in &unexamined {
        say(&format!("{}: {}", Escaped(&unit.path), Escaped(&unit.reason)));
    }
    if problems == 0 && !args.output_args.quiet {
        say(&format!(
            "{} rotations: none is due, all that should be dead is, and nothing has returned",
            ledger.rotations().len()
        ));
    }
    Ok(if INTERRUPTED.load(std::sync::atomic::Ordering::Relaxed) {
        Exit::Interrupted
    } else if problems > 0 {
        Exit::Found(1)
    } else if unexamined.is_empty() {
        Exit::Clean
    } else {
        Exit::Failed
    })
}

/// The ledger, and where it is; one is begun where there is none and `begin` is set.
fn open(args: &LedgerArgs, begin: bool) -> Result<(Ledger, PathBuf)> {
    let here = Path::new(".");
    let path =
        args.ledger.clone().or_else(|| find_upward(here, &[LEDGER_FILE])).unwrap_or_else(|| {
            repository_of(here).map_or_else(|| PathBuf::from(LEDGER_FILE), |top| top.join(LEDGER_FILE))
        });
    if !begin && !path.exists() {
        return Err(Error::config("there is no ledger; `keyscan rotate record` begins one").with_path(&path));
    }
    let key = || project_key(here)?.map_or_else(Key::random, Ok);
    Ok((Ledger::open(&path, key)?, path))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The day so many days from now.
fn in_days(days: i64) -> Date {
    Date::from_unix_seconds(now().saturating_add_signed(days * 86_400))
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "keyscan: {text}");
}
