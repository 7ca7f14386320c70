//! What is said when something is blocked: what, where, what to do. Ten lines, and nothing of any secret.

use std::fmt::Write as _;

use keyscan::gate::severity;
use keyscan::{Escaped, Located, NewCommits, Outcome, Rule};

use crate::args::Hook;

/// So many places are named.
const MAX_PLACES: usize = 4;

/// `new` is what a push brings.
pub(super) fn blocked(hook: Hook, outcome: &Outcome, rules: &[Rule], new: Option<&NewCommits>) -> String {
    let mut findings: Vec<&Located> = outcome.findings.iter().collect();
    findings.sort_by_key(|located| {
        std::cmp::Reverse(severity(&located.path, &located.finding, &rules[located.finding.rule]))
    });
    let count = findings.len();
    let (what, brings) = match hook {
        Hook::Commit => ("commit", "it would bring"),
        Hook::Merge => ("merge", "it would bring"),
        Hook::Push => ("push", "it would bring"),
        Hook::Receive => ("push", "it brings"),
    };
    let secrets = if count == 1 { "a secret".to_owned() } else { format!("{count} secrets") };
    let mut text = format!("keyscan: this {what} is blocked: {brings} {secrets}.\n");
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    let shown = if count > MAX_PLACES { MAX_PLACES - 1 } else { count };
    for located in &findings[..shown] {
        let rule = &rules[located.finding.rule];
        let (path, start) = (Escaped(&located.path), located.finding.start);
        let commit = located.origin.as_ref().and_then(|origin| origin.commit.as_ref());
        let commit = commit.map(|commit| format!(" in {}", &commit.id[..commit.id.len().min(10)])).unwrap_or_default();
        line(format!("  {path}:{}:{}{commit}  {} [{}]", start.line, start.column, rule.description(), rule.id()));
    }
    if count > shown {
        line(format!("  and {} more", count - shown));
    }
    let rule = findings.first().map_or("RULE", |located| rules[located.finding.rule].id());
    let short = |id: &String| id.get(..10).unwrap_or(id).to_owned();
    let tip = new.and_then(|new| new.tips.first()).map(short).unwrap_or_default();
    let known = new.and_then(|new| new.known.first()).map(short);
    let part = known.map_or_else(|| format!("--branch {tip}"), |known| format!("--range {known}..{tip}"));
    let lines: &[String] = match hook {
        Hook::Commit | Hook::Merge => &[
            "Fix:    take it out, `git add` the file, commit again; if it was ever shared, revoke it.".to_owned(),
            format!("Allow:  end its line with the comment `keyscan:allow {rule}`; or accept all that is listed by"),
            "        `keyscan git --staged --write-baseline .keyscanignore`, with the file added.".to_owned(),
            "Look:   `keyscan git --staged`, with the file added.  Skip: `git commit --no-verify`.".to_owned(),
        ],
        Hook::Push => &[
            "Fix:    take it out of the commit (`git rebase -i`, or `git commit --amend` for the last one), push again."
                .to_owned(),
            format!("Allow:  end its line in that commit with the comment `keyscan:allow {rule}`; or accept it by"),
            format!("        `keyscan git {part} --write-baseline .keyscanignore`."),
            format!("Look:   `keyscan git {part}` says more.  Skip: `git push --no-verify`."),
        ],
        Hook::Receive => &[
            "Fix:    take it out of the commit (`git rebase -i`, or `git commit --amend` for the last one), push again;"
                .to_owned(),
            "        it was sent here: better revoke it.".to_owned(),
            format!("Allow:  end its line in that commit with the comment `keyscan:allow {rule}`."),
        ],
    };
    lines.iter().for_each(|text| line(text.clone()));
    text
}

/// That not everything was examined.
pub(super) fn incomplete(outcome: &Outcome) -> Option<String> {
    let first = outcome.unexamined.first()?;
    let count = outcome.unexamined.len();
    let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
    Some(format!("keyscan: not examined: {}: {}{more}\n", Escaped(&first.path), Escaped(&first.reason)))
}
