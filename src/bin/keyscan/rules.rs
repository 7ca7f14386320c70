//! `keyscan rules`: look at rules, check them, try them.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use keyscan::compat::{Imported, Weight};
use keyscan::{
    Checksum, DOUBTFUL, Error, Escaped, Failure, Finding, Result, Rule, RulePart, RuleSet, Scanner, Structure,
    try_templates,
};

use crate::args::{ListArgs, RuleArgs, RulesCommand};
use crate::exit::Exit;
use crate::settings::{self, Settings};

/// How many texts are made of each template when rules are checked.
const SEEDS: u64 = 20;

pub(crate) fn run(command: &RulesCommand, out: &mut dyn Write) -> Result<Exit> {
    match command {
        RulesCommand::List(args) => list(args, out),
        RulesCommand::Show { id, rules } => show(&find(rules, id)?, out),
        RulesCommand::Check { files } => check(files, out),
        RulesCommand::Sample { id, count, seed, rules } => sample(&find(rules, id)?, *count, *seed, out),
        RulesCommand::Test { file, texts } => test(file, texts, out),
    }
}

fn settings_of(args: &RuleArgs) -> Result<Settings> {
    settings::load(args, Path::new("."), false)
}

fn find(args: &RuleArgs, id: &str) -> Result<Rule> {
    let rules = settings_of(args)?.rules;
    let unknown = || Error::config(format!("no rule is called `{id}`; `keyscan rules list` shows them all"));
    rules.get(id).cloned().ok_or_else(unknown)
}

fn list(args: &ListArgs, out: &mut dyn Write) -> Result<Exit> {
    let Settings { rules, others, .. } = settings_of(&args.rules)?;
    let filter = args.filter.as_deref().unwrap_or("").to_lowercase();
    let wanted = |rule: &&Rule| {
        [rule.id(), rule.provider_name(), rule.description()].iter().any(|text| text.to_lowercase().contains(&filter))
    };
    let rules: Vec<&Rule> = rules.rules().iter().filter(wanted).collect();
    if args.markdown {
        table(&rules, out).map_err(broken)?;
        return Ok(Exit::Clean);
    }
    let part = |part: &RulePart| serde_json::json!({ "role": part.role(), "rules": part.rules().collect::<Vec<_>>() });
    let width = rules.iter().map(|rule| rule.id().len()).max().unwrap_or(0);
    for rule in rules {
        let (id, severity, kind) = (rule.id(), rule.severity().as_str(), rule.kind().as_str());
        if args.json {
            let object = serde_json::json!({
                "id": id, "provider": rule.provider(), "description": rule.description(),
                "severity": severity, "kind": kind, "docs": rule.docs(),
                "parts": rule.parts().iter().map(part).collect::<Vec<_>>(), "impact": rule.impact(), "revoke": rule.revoke(), "env": rule.env().collect::<Vec<_>>(),
            });
            writeln!(out, "{object}").map_err(broken)?;
        } else {
            let id = Escaped(id);
            writeln!(out, "{id:width$}  {severity:8}  {kind:11}  {}", Escaped(rule.description())).map_err(broken)?;
        }
    }
    others.tell(true, true);
    Ok(Exit::Clean)
}

fn show(rule: &Rule, out: &mut dyn Write) -> Result<Exit> {
    let mut line = |name: &str, value: &str| writeln!(out, "{name:12}{value}").map_err(broken);
    line("id", rule.id())?;
    line("provider", rule.provider_name())?;
    line("description", rule.description())?;
    line("severity", rule.severity().as_str())?;
    line("kind", rule.kind().as_str())?;
    if let Some(docs) = rule.docs() {
        line("docs", docs)?;
    }
    show_remedy(rule, &mut line)?;
    line("regex", rule.regex().unwrap_or("(the assignment grammar)"))?;
    line("way in", &rule.way_in())?;
    line("max length", &format!("{} bytes", rule.max_len()))?;
    if rule.keywords().len() > 0 {
        line("keywords", &rule.keywords().collect::<Vec<_>>().join(", "))?;
    }
    if let Some(checksum) = rule.checksum() {
        line("checksum", checksum.as_str())?;
    }
    for part in rule.parts() {
        line("part", &format!("{} ({})", part.role(), part.rules().collect::<Vec<_>>().join(", ")))?;
    }
    if let Some(file) = rule.file() {
        line("whole files", &file.paths().collect::<Vec<_>>().join(", "))?;
    }
    if rule.beside().len() > 0 {
        line("beside", &rule.beside().collect::<Vec<_>>().join(", "))?;
    }
    for sample in rule.samples() {
        line("sample", sample.source())?;
    }
    for sample in rule.near_misses() {
        line("near miss", sample.source())?;
    }
    Ok(Exit::Clean)
}

fn show_remedy(rule: &Rule, line: &mut impl FnMut(&str, &str) -> Result<()>) -> Result<()> {
    if let Some(impact) = rule.impact() {
        line("impact", impact)?;
    }
    if let Some(revoke) = rule.revoke() {
        line("revoke", revoke)?;
    }
    if rule.env().len() > 0 {
        line("env", &rule.env().collect::<Vec<_>>().join(", "))?;
    }
    let Some(verify) = rule.verify() else { return Ok(()) };
    let statuses = |list: &[u16]| list.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let (alive, dead) = (statuses(verify.alive()), statuses(verify.dead()));
    let dead = if dead.is_empty() { dead } else { format!(", dead: {dead}") };
    line("verify", &format!("{} {} (alive: {alive}{dead})", verify.method(), verify.url()))?;
    for (name, value) in verify.headers() {
        line("", &format!("{name}: {value}"))?;
    }
    if let Some(basic) = verify.basic() {
        line("", &format!("Basic authentication as {basic}"))?;
    }
    if let Some(body) = verify.body() {
        line("", body)?;
    }
    verify.contains().map_or(Ok(()), |text| line("", &format!("the answer to a live one contains {text}")))
}

/// The rules as a table in Markdown.
fn table(rules: &[&Rule], out: &mut dyn Write) -> io::Result<()> {
    let providers: BTreeSet<&str> = rules.iter().map(|rule| rule.provider()).collect();
    writeln!(
        out,
        "# Rules\n\nMade by `keyscan rules list --markdown`: {} rules of {} providers.\n",
        rules.len(),
        providers.len()
    )?;
    writeln!(
        out,
        "| provider | rule | what it finds | severity | kind | checked offline | told with |\n|---|---|---|---|---|---|---|"
    )?;
    for rule in rules {
        let provider = match rule.docs() {
            Some(docs) => format!("[{}]({docs})", rule.provider_name()),
            None => rule.provider_name().to_owned(),
        };
        let checks: Vec<&str> =
            rule.checksum().map(Checksum::as_str).into_iter().chain(rule.structure().map(Structure::as_str)).collect();
        let (severity, kind) = (rule.severity().as_str(), rule.kind().as_str());
        let (id, what, checks) = (rule.id(), rule.description(), checks.join(", "));
        let parts = rule.parts().iter().map(RulePart::role).collect::<Vec<_>>().join(", ");
        writeln!(out, "| {provider} | `{id}` | {what} | {severity} | {kind} | {checks} | {parts} |")?;
    }
    Ok(())
}

fn check(files: &[PathBuf], out: &mut dyn Write) -> Result<Exit> {
    let (mut all, mut own) = (RuleSet::builtin(), RuleSet::new());
    let mut refused = 0;
    for file in files {
        let (rules, imported) = settings::rules_of_file(file)?;
        refused += imported.as_ref().map_or(Ok(0), |imported| report_notes(imported, out))?;
        own.extend(rules.rules().iter().cloned());
    }
    if refused > 0 {
        let rules = own.rules().len();
        return Err(Error::config(format!("{rules} rules are read, and {refused} things are refused")));
    }
    if files.is_empty() {
        own = all.clone();
    }
    all.extend(own.rules().iter().cloned());
    Scanner::new(own.clone()).compile()?;
    let failures = try_templates(&Scanner::new(all), &own, SEEDS);
    report_failures(&failures, own.rules().len(), out)
}

/// Lists what of a file of another tool is not as it would be there; answers how much is refused.
fn report_notes(imported: &Imported, out: &mut dyn Write) -> Result<usize> {
    for note in &imported.notes {
        writeln!(out, "{note}").map_err(broken)?;
    }
    Ok(imported.notes.iter().filter(|note| note.weight == Weight::Refused).count())
}

fn report_failures(failures: &[Failure], rules: usize, out: &mut dyn Write) -> Result<Exit> {
    // The same template fails for the same reason with most seeds: one line says it.
    let mut told: Vec<(&str, &str, &str)> = Vec::new();
    for failure in failures {
        let key = (failure.rule.as_str(), failure.template.as_str(), failure.what.as_str());
        if !told.contains(&key) {
            told.push(key);
            let Failure { rule, template, seed, what } = failure;
            writeln!(out, "{rule}: `{template}` (seed {seed}): {what}").map_err(broken)?;
        }
    }
    if !told.is_empty() {
        return Err(Error::config(format!("{} templates of {rules} rules fail", told.len())));
    }
    let (noun, verb) = if rules == 1 { ("rule", "is") } else { ("rules", "are") };
    writeln!(out, "{rules} {noun} {verb} sound").map_err(broken)?;
    Ok(Exit::Clean)
}

fn sample(rule: &Rule, count: u64, seed: u64, out: &mut dyn Write) -> Result<Exit> {
    for sample in rule.samples() {
        for number in 0..count {
            out.write_all(&sample.fill(seed + number, rule.checksum()).text).map_err(broken)?;
            writeln!(out).map_err(broken)?;
        }
    }
    Ok(Exit::Clean)
}

fn test(file: &Path, texts: &[PathBuf], out: &mut dyn Write) -> Result<Exit> {
    let (rules, imported) = settings::rules_of_file(file)?;
    imported.as_ref().map_or(Ok(0), |imported| report_notes(imported, out))?;
    let scanner = Scanner::new(rules.clone());
    scanner.compile().map_err(|error| error.with_path(file))?;
    if texts.is_empty() {
        return report_failures(&try_templates(&scanner, &rules, SEEDS), rules.rules().len(), out);
    }
    let mut found = 0;
    for path in texts {
        let text = read(path)?;
        let all = scanner.scan(&text);
        for finding in all.iter().filter(|finding| finding.confidence >= DOUBTFUL).flat_map(Finding::secrets) {
            found += 1;
            let (at, rule) = (finding.start, &scanner.rules()[finding.rule]);
            let name = path.display();
            writeln!(out, "{name}:{}:{}: {} {}", at.line, at.column, rule.id(), finding.secret.masked())
                .map_err(broken)?;
        }
    }
    Ok(if found == 0 { Exit::Clean } else { Exit::Found(1) })
}

/// Reads a file, or standard input where it is called `-`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let result = if path == Path::new("-") {
        io::stdin().lock().read_to_end(&mut text).map(drop)
    } else {
        std::fs::read(path).map(|bytes| text = bytes)
    };
    result.map_err(|error| Error::config(error.to_string()).with_path(path))?;
    Ok(text)
}

/// The reader of our output has gone, or the disk is full.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(crate) fn broken(error: io::Error) -> Error {
    Error::config(format!("the output cannot be written: {error}"))
}
