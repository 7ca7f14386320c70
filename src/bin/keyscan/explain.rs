//! `keyscan explain FILE:LINE`.

use std::io::Write;
use std::path::Path;

use keyscan::{DOUBTFUL, Error, Kind, Result, SENSITIVE, Scanner};

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
    let mut shown = 0;
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
