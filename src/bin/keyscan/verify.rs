//! `keyscan verify`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keyscan::verify::{Liveness, Probe, Receipt, Unverifiable, VerdictCache, Verifier, VerifySettings};
use keyscan::{
    DOUBTFUL, Error, Escaped, Fingerprint, Located, Progress, Result, Rule, Run, Scanner, Secret, Surroundings,
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

/// Questions, and how many secrets of which rule nobody can be asked about, and why.
type Questions = (Vec<Question>, BTreeMap<String, u64>);

fn of_value(args: &VerifyArgs, scanner: &Scanner) -> Result<Questions> {
    let value = value::read(&args.secret, Ends::Stripped)?;
    let value = value.trim_ascii();
    let mut asked = (Vec::new(), BTreeMap::new());
    if let Some(id) = &args.of {
        let rule =
            scanner.rules().iter().find(|rule| rule.id() == id).ok_or_else(|| {
                Error::config(format!("no rule is called `{id}`; `keyscan rules list` shows them all"))
            })?;
        question(Probe::new(rule, &Secret::new(value)).map_err(|why| (rule, why)), None, &mut asked);
    } else {
        let mut found = scanner.scan(value);
        found.retain(|finding| finding.confidence >= DOUBTFUL);
        if found.is_empty() {
            let why =
                "it has the form of no rule; --of ID says of which it is, and `keyscan lint-key` what may be wrong";
            return Err(Error::config(why));
        }
        let probes = found.iter().flat_map(|finding| Probe::of_finding(scanner.rules(), finding));
        probes.for_each(|probe| question(probe, None, &mut asked));
    }
    if let (questions, unasked) = &asked
        && questions.is_empty()
        && let Some(id) = unasked.keys().next()
    {
        return Err(Error::config(format!("nobody can be asked: {id}")));
    }
    Ok(asked)
}

/// All secrets that a scan finds, each once.
fn of_paths(args: &VerifyArgs, scanner: &Scanner) -> Result<Questions> {
    let progress = Progress::default();
    let inspect = |_: &Located, _: Surroundings<'_>| true;
    let run = Run::new(scanner, &inspect, &progress, &INTERRUPTED);
    let walk = WalkSettings::default();
    let outcome = progress::show(args.output_args.progress, &progress, || run.paths(&args.paths, &walk, None))?;
    for unit in &outcome.unexamined {
        let _ = writeln!(io::stderr(), "keyscan: {}: {}", Escaped(&unit.path), Escaped(&unit.reason));
    }
    let mut asked = (Vec::new(), BTreeMap::new());
    let mut known: BTreeSet<(usize, &Secret)> = BTreeSet::new();
    for located in &outcome.findings {
        if known.insert((located.finding.rule, &located.finding.secret)) {
            let place = format!("{}:{}", located.path, located.finding.start.line);
            let probes = Probe::of_finding(scanner.rules(), &located.finding);
            probes.into_iter().for_each(|probe| question(probe, Some(place.clone()), &mut asked));
        }
    }
    Ok(asked)
}

fn question(
    probe: std::result::Result<Probe, (&Rule, Unverifiable)>,
    place: Option<String>,
    (questions, unasked): &mut Questions,
) {
    match probe {
        // A secret may be found alone, and as a part of a credential.
        Ok(probe) if questions.iter().any(|one: &Question| one.probe.is_same(&probe)) => {}
        Ok(probe) => questions.push(Question { probe, place }),
        Err((rule, why)) => *unasked.entry(format!("{}: {why}", rule.id())).or_default() += 1,
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
    for (why, count) in unasked {
        let _ = writeln!(err, "keyscan: does not ask about {count} of {why}");
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
