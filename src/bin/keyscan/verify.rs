//! `keyscan verify`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keyscan::verify::{Liveness, Probe, Receipt, VerdictCache, Verifier, VerifySettings};
use keyscan::{
    DOUBTFUL, Error, Escaped, Finding, Fingerprint, Located, Progress, Result, Run, Scanner, Secret, Surroundings,
    WalkSettings,
};
use serde_json::json;

use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::rules::broken;
use crate::search::{INTERRUPTED, listen_for_interrupt};
use crate::value::Ends;
use crate::{progress, settings, value};

/// A question, and where its secret stands.
struct Question {
    probe: Probe,
    place: Option<String>,
}

pub(crate) fn run(args: &VerifyArgs, out: &mut dyn Write) -> Result<Exit> {
    let target = args.paths.first().map_or(Path::new("."), PathBuf::as_path);
    let scanner = Scanner::new(settings::load(&args.rules, target, false)?.rules);
    let mut verifier = Verifier::new(VerifySettings {
        host_allow: args.host_allow.clone(),
        base_url: args.base_url.clone(),
        timeout: args.timeout,
        interval: Duration::from_secs(1) / args.rate,
    })?;
    listen_for_interrupt();
    let (questions, unasked) =
        if args.paths.is_empty() { of_value(args, &scanner)? } else { of_paths(args, &scanner)? };
    if !args.output_args.quiet || args.dry_run {
        say_who(&verifier, &questions, &unasked);
    }
    if args.dry_run {
        return Ok(Exit::Clean);
    }
    let mut cache = match args.cache.folder() {
        Some(folder) => match VerdictCache::open(&folder) {
            Ok(cache) => Some(cache),
            Err(error) => {
                let _ = writeln!(io::stderr(), "keyscan: verdicts are not remembered: {error}");
                None
            }
        },
        None => None,
    };
    let (mut alive, mut unknown) = (0, unasked.values().sum::<u64>());
    for question in &questions {
        if INTERRUPTED.load(Ordering::Relaxed) {
            break;
        }
        let probe = &question.probe;
        let known = cache.as_mut().map(|cache| {
            let fingerprint = Fingerprint::new(cache.key(), probe.rule(), probe.secret());
            (cache, fingerprint)
        });
        let receipt = verifier.verify(probe, known, now());
        alive += u64::from(receipt.liveness == Liveness::Alive);
        unknown += u64::from(receipt.liveness == Liveness::Unknown);
        tell(args, question, &receipt, out).and_then(|()| out.flush()).map_err(broken)?;
    }
    if let Some(cache) = &mut cache {
        cache.save()?;
    }
    Ok(if INTERRUPTED.load(Ordering::Relaxed) {
        Exit::Interrupted
    } else if alive > 0 {
        Exit::Found(1)
    } else if unknown > 0 {
        Exit::Failed
    } else {
        Exit::Clean
    })
}

/// Questions about one secret, and how many secrets of which rule nobody can be asked about.
type Questions = (Vec<Question>, BTreeMap<String, u64>);

fn of_value(args: &VerifyArgs, scanner: &Scanner) -> Result<Questions> {
    let value = value::read(&args.secret, Ends::Stripped)?;
    let value = value.trim_ascii();
    let mut found: Vec<(usize, Secret)> = Vec::new();
    if let Some(id) = &args.of {
        let rule = scanner.rules().iter().position(|rule| rule.id() == id);
        let rule = rule
            .ok_or_else(|| Error::config(format!("no rule is called `{id}`; `keyscan rules list` shows them all")))?;
        found.push((rule, Secret::new(value)));
    } else {
        let findings = scanner.scan(value);
        let secrets = findings.iter().flat_map(Finding::secrets).filter(|one| one.confidence >= DOUBTFUL);
        found.extend(secrets.map(|one| (one.rule, one.secret.clone())));
        if found.is_empty() {
            let why =
                "it has the form of no rule; --of ID says of which it is, and `keyscan lint-key` what may be wrong";
            return Err(Error::config(why));
        }
    }
    let mut asked = (Vec::new(), BTreeMap::new());
    found.iter().for_each(|(rule, secret)| question(scanner, *rule, secret, None, &mut asked));
    if let (questions, unasked) = &asked
        && questions.is_empty()
        && let Some(id) = unasked.keys().next()
    {
        return Err(Error::config(format!("rule {id} knows no way to ask whether its secrets are alive")));
    }
    Ok(asked)
}

/// All secrets that a scan finds, each once.
fn of_paths(args: &VerifyArgs, scanner: &Scanner) -> Result<Questions> {
    let secrets: Mutex<BTreeMap<(usize, Secret), String>> = Mutex::default();
    let inspect = |located: &Located, _: Surroundings<'_>| {
        let place = format!("{}:{}", located.path, located.finding.start.line);
        let mut secrets = secrets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = secrets.entry((located.finding.rule, located.finding.secret.clone())).or_insert(place.clone());
        // The same one, however many threads there are.
        if place < *first {
            *first = place;
        }
        true
    };
    let progress = Progress::default();
    let run =
        Run { scanner, min_confidence: DOUBTFUL, inspect: &inspect, progress: &progress, interrupted: &INTERRUPTED };
    let walk = WalkSettings::default();
    let outcome = progress::show(args.output_args.progress, &progress, || run.paths(&args.paths, &walk, None))?;
    for unit in &outcome.unexamined {
        let _ = writeln!(io::stderr(), "keyscan: {}: {}", Escaped(&unit.path), Escaped(&unit.reason));
    }
    let mut asked = (Vec::new(), BTreeMap::new());
    for ((rule, secret), place) in secrets.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        question(scanner, rule, &secret, Some(place), &mut asked);
    }
    Ok(asked)
}

fn question(scanner: &Scanner, rule: usize, secret: &Secret, place: Option<String>, asked: &mut Questions) {
    let rule = &scanner.rules()[rule];
    match Probe::new(rule, secret) {
        Ok(probe) => asked.0.push(Question { probe, place }),
        Err(_) => *asked.1.entry(rule.id().to_owned()).or_default() += 1,
    }
}

/// Says who will be asked, before anyone is.
fn say_who(verifier: &Verifier, questions: &[Question], unasked: &BTreeMap<String, u64>) {
    let mut hosts: BTreeMap<(String, &str, bool), u64> = BTreeMap::new();
    for Question { probe, .. } in questions {
        *hosts.entry((verifier.host(probe), probe.provider(), verifier.allows(probe))).or_default() += 1;
    }
    let mut err = io::stderr();
    for ((host, provider, allowed), count) in hosts {
        let what = if count == 1 { "1 secret".to_owned() } else { format!("{count} secrets") };
        let _ = match allowed {
            true => writeln!(err, "keyscan: asks {host} about {what} of {provider}"),
            false => writeln!(err, "keyscan: does not ask {host} about {what} of {provider}: it is not allowed"),
        };
    }
    for (rule, count) in unasked {
        let _ = writeln!(err, "keyscan: {count} of rule {rule}: it knows no way to ask");
    }
}

fn tell(args: &VerifyArgs, question: &Question, receipt: &Receipt, out: &mut dyn Write) -> io::Result<()> {
    let Question { probe, place } = question;
    let checked_at = crate::time::format(receipt.checked_at);
    if args.json {
        let object = json!({
            "rule": receipt.rule,
            "secret": probe.secret().masked(),
            "place": place,
            "alive": receipt.liveness.as_str(),
            "checked_at": checked_at,
            "endpoint": receipt.endpoint,
            "status": receipt.status,
            "reason": receipt.reason,
            "cached": receipt.is_cached,
        });
        return writeln!(out, "{object}");
    }
    let status = receipt.status.map_or_else(String::new, |status| format!(" {status}"));
    let place = place.as_ref().map_or_else(String::new, |place| format!(" {}", Escaped(place)));
    let cached = if receipt.is_cached { ", as known from then" } else { "" };
    let (what, rule, masked) = (receipt.liveness, &receipt.rule, probe.secret().masked());
    write!(out, "{what:<8} {rule} {masked}{place}: {}{status}, {checked_at}{cached}", receipt.endpoint)?;
    match &receipt.reason {
        Some(reason) => writeln!(out, " ({reason})"),
        None => writeln!(out),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
