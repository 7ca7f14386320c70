//! `keyscan explain FILE:LINE`.

use std::io::Write;
use std::path::Path;

use keyscan::{DOUBTFUL, Error, Finding, Kind, Result, SENSITIVE, Scanner, Scratch};

use crate::args::ExplainArgs;
use crate::exit::Exit;
use crate::rules::{broken, read};
use crate::settings;

pub(crate) fn run(args: &ExplainArgs, out: &mut dyn Write) -> Result<Exit> {
    let usage = || Error::config(format!("`{}` is no place; say FILE:LINE, such as src/main.rs:12", args.place));
    let (file, line) = args.place.rsplit_once(':').ok_or_else(usage)?;
    let line: u64 = line.parse().ok().filter(|line| *line > 0).ok_or_else(usage)?;
    let file = Path::new(file);
    let text = read(file)?;
    let scanner = Scanner::new(settings::load(&args.rules, file, false)?.rules);
    let explanations = scanner.explain(&text, line);
    let mut shown = whole_file(&scanner, &text, (file, line), out)?;
    for explanation in explanations.iter().filter(|e| args.all || e.confidence.is_some()) {
        shown += 1;
        let (at, rule) = (explanation.at, &scanner.rules()[explanation.rule]);
        let verdict = match explanation.confidence {
            Some(confidence) if rule.kind() == Kind::Identifier => format!("identifier, confidence {confidence:.2}"),
            Some(confidence) if confidence >= DOUBTFUL => format!("secret, confidence {confidence:.2}"),
            Some(confidence) if confidence >= SENSITIVE => {
                format!("doubtful (--sensitive reports it), confidence {confidence:.2}")
            }
            Some(confidence) => format!("no secret, confidence {confidence:.2}"),
            None => "no match".to_owned(),
        };
        writeln!(out, "{}:{}: {}: {verdict}", at.line, at.column, rule.id()).map_err(broken)?;
        writeln!(out, "    {}", explanation.outcome).map_err(broken)?;
    }
    if shown == 0 {
        let tried = explanations.len();
        let hint = if tried == 0 { "" } else { "; --all shows them" };
        writeln!(out, "no rule matches here ({tried} were tried{hint})").map_err(broken)?;
    }
    Ok(Exit::Clean)
}

/// Says that the file is one that holds nothing but a secret, which its path tells; answers how often.
fn whole_file(scanner: &Scanner, text: &[u8], (file, line): (&Path, u64), out: &mut dyn Write) -> Result<usize> {
    let path = file.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
    let mut alone: Vec<Finding> = Vec::new();
    let _coverage = scanner.scan_file(&path, text, &mut Scratch::new(), |finding, _| {
        let file = scanner.rules()[finding.rule].file();
        let is_all = text.trim_ascii() == finding.secret.expose();
        if is_all && finding.start.line == line && file.is_some_and(|file| file.is_at(&path)) {
            alone.push(finding);
        }
    });
    for Finding { rule, start, confidence, .. } in &alone {
        let id = scanner.rules()[*rule].id();
        let verdict = if *confidence >= DOUBTFUL { "secret" } else { "no secret" };
        writeln!(out, "{}:{}: {id}: {verdict}, confidence {confidence:.2}", start.line, start.column)
            .map_err(broken)?;
        writeln!(out, "    it is all that the file holds, and files at such a path hold nothing but that")
            .map_err(broken)?;
    }
    Ok(alone.len())
}
