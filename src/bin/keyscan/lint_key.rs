//! `keyscan lint-key`.

use std::io::Write;
use std::path::Path;

use keyscan::{Result, Scanner};
use serde_json::json;

use crate::args::LintKeyArgs;
use crate::exit::Exit;
use crate::rules::broken;
use crate::value::Ends;
use crate::{settings, value};

pub(crate) fn run(args: &LintKeyArgs, out: &mut dyn Write) -> Result<Exit> {
    let scanner = Scanner::new(settings::load(&args.rules, Path::new("."), false)?.rules);
    let value = value::read(&args.secret, Ends::Kept)?;
    let lint = scanner.lint_key(&value, args.expect.as_deref())?;
    if args.json {
        let object = json!({
            "rules": lint.rules,
            "validated": lint.passed,
            "length": lint.len,
            "problems": lint.problems,
            "ok": lint.is_clean(),
        });
        writeln!(out, "{object}").map_err(broken)?;
    } else {
        let form = match &lint.rules[..] {
            [] => "no known form".to_owned(),
            [one] => format!("the form of a `{one}`"),
            [one, others @ ..] => format!("the form of a `{one}` (or `{}`)", others.join("`, `")),
        };
        let passed = match &lint.passed[..] {
            [] => String::new(),
            passed => format!(", {} valid", passed.join(" and ")),
        };
        writeln!(out, "{} characters, {form}{passed}", lint.len).map_err(broken)?;
        for problem in &lint.problems {
            writeln!(out, "- {problem}").map_err(broken)?;
        }
        if lint.is_clean() && !lint.rules.is_empty() {
            writeln!(out, "nothing speaks against it; whether it is alive is what `keyscan verify` asks")
                .map_err(broken)?;
        }
    }
    Ok(if lint.is_clean() { Exit::Clean } else { Exit::Found(1) })
}
