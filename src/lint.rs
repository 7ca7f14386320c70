//! Whether a text can be the key that it is taken for, told without asking anyone.
//!
//! Most keys that "do not work" were copied with something around them, or not to their end. What can be told offline is:
//! what stands around the key, which format it has, and, where it has none, where it leaves the one that it starts like.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, HirKind};

use crate::engine::Scanner;
use crate::error::{Error, Result};
use crate::finding::{Finding, Verdict};
use crate::rule::{Kind, Rule, parse_regex};

/// A prefix has to be so long to tell a format.
const MIN_PREFIX: usize = 3;

/// What can be said of a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct KeyLint {
    /// Ids of the rules whose form it has, the likeliest first.
    pub rules: Vec<String>,
    /// Offline checks that it passed: `checksum`, `structure`.
    pub passed: Vec<&'static str>,
    /// Its bytes, without what stands around it.
    pub len: usize,
    /// What speaks against it, in words, never with bytes of it.
    pub problems: Vec<String>,
}

impl KeyLint {
    /// Whether nothing speaks against it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Scanner {
    /// Says what can be said of a key without asking anyone: what stands around it that is no part of it, whether it has
    /// the form of a rule, `expected` or any, and if it has none, where it leaves the form that it starts like.
    ///
    /// # Errors
    /// When no rule is called `expected`.
    pub fn lint_key(&self, value: &[u8], expected: Option<&str>) -> Result<KeyLint> {
        if let Some(id) = expected.filter(|id| !self.rules().iter().any(|rule| rule.id() == *id)) {
            return Err(Error::config(format!("no rule is called `{id}`; `keyscan rules list` shows them all")));
        }
        let mut lint = KeyLint::default();
        let core = unwrapped(value, &mut lint.problems);
        lint.len = core.len();
        if core.is_empty() {
            lint.problems.push("nothing is left of it".to_owned());
            return Ok(lint);
        }
        inside(core, &mut lint.problems);
        let found = self.scan(core);
        let whole: Vec<&Finding> = found.iter().filter(|f| f.span.end - f.span.start == core.len() as u64).collect();
        let names = |finding: &Finding| {
            let numbers = std::iter::once(finding.rule).chain(finding.candidates.iter().copied());
            numbers.map(|number| self.rules()[number].id().to_owned()).collect::<Vec<_>>()
        };
        let believed = whole.iter().find(|finding| self.rules()[finding.rule].kind() != Kind::Generic);
        if let Some(finding) = believed {
            lint.rules = names(finding);
            lint.passed = finding.verdicts.iter().filter_map(|verdict| verdict.passed_check()).collect();
            verdicts(finding, &mut lint.problems);
        }
        let fits = |id: &str| lint.rules.iter().any(|rule| rule == id);
        match expected {
            Some(id) if fits(id) => {}
            Some(id) => {
                let rule = self.rules().iter().find(|rule| rule.id() == id);
                let why = rule.and_then(|rule| Format::of(rule)?.departs(core));
                lint.problems
                    .push(format!("it is no `{id}`: {}", why.unwrap_or_else(|| "its form is another".to_owned())));
            }
            None if lint.rules.is_empty() => self.likely(core, &mut lint),
            None => {}
        }
        Ok(lint)
    }

    /// Says how far a text of no form follows the one that it starts like.
    fn likely(&self, core: &[u8], lint: &mut KeyLint) {
        let formats = self.rules().iter().filter_map(|rule| Some((rule, Format::of(rule)?)));
        let begun = formats.filter_map(|(rule, format)| {
            Some(((format.follows(core)?, format.begins(core)?), format.hir.properties().minimum_len(), rule, format))
        });
        // Of those that begin so, the ones that are followed farthest; of these, first the one that needs least.
        let mut begun: Vec<_> = begun.collect();
        begun.sort_by_key(|(followed, least, ..)| (std::cmp::Reverse(*followed), *least));
        let tied = begun.iter().take_while(|one| one.0 == begun[0].0).count();
        match begun.first() {
            Some((.., rule, format)) => {
                let others: Vec<String> = begun[1..tied].iter().map(|one| format!("`{}`", one.2.id())).collect();
                let or = match &others[..] {
                    [] => String::new(),
                    few if few.len() <= 3 => format!(" (or a {})", few.join(", ")),
                    many => format!(" (or one of {} others)", many.len()),
                };
                match format.departs(core) {
                    Some(why) => lint.problems.push(format!("it starts like a `{}`{or}, but {why}", rule.id())),
                    None => lint.rules.push(rule.id().to_owned()),
                }
            }
            None => {
                let folded = core.to_ascii_lowercase();
                let cased = self.rules().iter().find_map(|rule| {
                    let format = Format::of(rule)?;
                    format
                        .prefixes
                        .iter()
                        .any(|prefix| folded.starts_with(&prefix.to_ascii_lowercase()))
                        .then_some(rule)
                });
                if let Some(rule) = cased {
                    let why = "but letters of its prefix are in the wrong case";
                    lint.problems.push(format!("it starts like a `{}`, {why}", rule.id()));
                }
            }
        }
    }
}

/// The form of a rule's secrets.
struct Format {
    hir: Hir,
    prefixes: Vec<Vec<u8>>,
}

impl Format {
    /// The form of a rule whose secrets start with something of their own.
    fn of(rule: &Rule) -> Option<Format> {
        if rule.kind() == Kind::Generic {
            return None;
        }
        let hir = parse_regex(rule.regex()?).ok()?;
        let hir = secret_group(&hir).cloned().unwrap_or(hir);
        let mut extractor = Extractor::new();
        extractor.limit_total(64);
        let literals = extractor.extract(&hir);
        let prefixes: Vec<Vec<u8>> = literals.literals()?.iter().map(|literal| literal.as_bytes().to_vec()).collect();
        let tells = !prefixes.is_empty() && prefixes.iter().all(|prefix| prefix.len() >= MIN_PREFIX);
        tells.then_some(Format { hir, prefixes })
    }

    /// How long the prefix is that `text` starts with.
    fn begins(&self, text: &[u8]) -> Option<usize> {
        self.prefixes.iter().filter(|prefix| text.starts_with(prefix)).map(Vec::len).max()
    }

    /// How many bytes of `text` may stand at the start of a secret of this form.
    fn follows(&self, text: &[u8]) -> Option<usize> {
        self.walk(text).map(|walk| walk.len)
    }

    /// Where `text` leaves the form, in words; nothing where it has it.
    fn departs(&self, text: &[u8]) -> Option<String> {
        let walk = self.walk(text)?;
        if walk.matched == Some(text.len()) {
            return None;
        }
        let properties = self.hir.properties();
        let bytes = match (properties.minimum_len(), properties.maximum_len()) {
            (Some(min), Some(max)) if min == max => format!("{min}"),
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("{min} or more"),
            _ => "other".to_owned(),
        };
        let len = text.len();
        Some(if walk.len == len {
            format!("it ends too soon: it has {len} characters, and such a key {bytes}")
        } else if walk.matched == Some(walk.len) {
            let more = len - walk.len;
            format!("{more} characters follow the end of such a key: it has {len} characters, and such a key {bytes}")
        } else {
            format!("its character {} cannot stand there (of {len}; such a key has {bytes})", walk.len + 1)
        })
    }

    fn walk(&self, text: &[u8]) -> Option<Walk> {
        let nfa = regex_automata::nfa::thompson::Compiler::new().build_from_hir(&self.hir).ok()?;
        let config = DFA::config().match_kind(MatchKind::All).skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        let mut cache = Cache::new(&dfa);
        let mut state = dfa.start_state(&mut cache, &start::Config::new().anchored(Anchored::Yes)).ok()?;
        let mut walk = Walk { len: 0, matched: None };
        for (at, &byte) in text.iter().enumerate() {
            state = dfa.next_state(&mut cache, state, byte).ok()?;
            // A match is told one byte late, by a state that may lead nowhere.
            let mut leads_on = !state.is_dead() && !state.is_quit();
            if state.is_match() {
                walk.matched = Some(at);
                leads_on = dfa.next_eoi_state(&mut cache, state).ok()?.is_match()
                    || (0..=u8::MAX).any(|next| dfa.next_state(&mut cache, state, next).is_ok_and(|to| !to.is_dead()));
            }
            if !leads_on {
                return Some(walk);
            }
            walk.len = at + 1;
        }
        if dfa.next_eoi_state(&mut cache, state).ok()?.is_match() {
            walk.matched = Some(text.len());
        }
        Some(walk)
    }
}

/// How far a text follows a form.
struct Walk {
    /// So many bytes do.
    len: usize,
    /// The longest start of the text that has it.
    matched: Option<usize>,
}

fn secret_group(hir: &Hir) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.name.as_deref() == Some("secret") => Some(&capture.sub),
        HirKind::Capture(capture) => secret_group(&capture.sub),
        HirKind::Repetition(repetition) => secret_group(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(secret_group),
        _ => None,
    }
}

fn verdicts(finding: &Finding, problems: &mut Vec<String>) {
    for verdict in &finding.verdicts {
        match verdict {
            Verdict::ChecksumInvalid => problems
                .push("its checksum does not fit: it was mistyped, cut and filled up, or never was a key".to_owned()),
            Verdict::StructureInvalid => problems.push("what is encoded in it does not make sense".to_owned()),
            Verdict::Placeholder => problems.push("it is a placeholder, of documentation or of a template".to_owned()),
            Verdict::LowEntropy => problems.push("it is too regular: such keys are drawn at random".to_owned()),
            _ => {}
        }
    }
}

/// Takes away what stands around a key, and says what it was.
fn unwrapped<'v>(value: &'v [u8], problems: &mut Vec<String>) -> &'v [u8] {
    let mut say = |what: &str| problems.push(what.to_owned());
    let mut core = value;
    if let Some(rest) = core.strip_prefix(b"\xEF\xBB\xBF") {
        say("a byte order mark (EF BB BF) stands before it: an editor saved the file as \"UTF-8 with BOM\"");
        core = rest;
    } else if core.starts_with(b"\xFF\xFE") || core.starts_with(b"\xFE\xFF") {
        say("the text is UTF-16: save the file as UTF-8");
        return core;
    }
    let ended = core.trim_ascii_end();
    let tail = &core[ended.len()..];
    // One line feed is what files end with; those who read them have to strip it, and nearly all do.
    match tail {
        b"" | b"\n" => {}
        _ if tail.contains(&b'\r') => say("it ends with a carriage return: a file with the line ends of Windows"),
        _ if tail.iter().any(|byte| matches!(byte, b' ' | b'\t')) => say("spaces follow it"),
        _ => say("several line feeds follow it"),
    }
    core = ended;
    let started = core.trim_ascii_start();
    if started.len() < core.len() {
        say("spaces or line feeds stand before it");
        core = started;
    }
    for (before, what) in [
        (&b"export "[..], "`export` stands before it: this is a line of a shell, not the value alone"),
        (b"Authorization:", "the name of a header stands before it: this is a header, not the value alone"),
        (b"authorization:", "the name of a header stands before it: this is a header, not the value alone"),
    ] {
        if let Some(rest) = core.strip_prefix(before) {
            say(what);
            core = rest.trim_ascii_start();
        }
    }
    let name =
        core.iter().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_').count();
    if name >= 3 && core.get(name) == Some(&b'=') && core.len() > name + 4 && core[..name].contains(&b'_') {
        say("the name of a variable and `=` stand before it: this is a line of a file, not the value alone");
        core = core[name + 1..].trim_ascii_start();
    }
    for scheme in [&b"Bearer "[..], b"bearer ", b"Basic ", b"Token ", b"token "] {
        if let Some(rest) = core.strip_prefix(scheme) {
            say("the scheme of a header (`Bearer`, `Basic`, `Token`) stands before it: programs add that themselves");
            core = rest.trim_ascii_start();
        }
    }
    for pair in ["\"\"", "''", "``", "\u{201c}\u{201d}", "\u{2018}\u{2019}", "<>"] {
        let half = pair.len() / 2;
        let (open, close) = (&pair.as_bytes()[..half], &pair.as_bytes()[half..]);
        if core.len() > 2 * half && core.starts_with(open) && core.ends_with(close) {
            say("quotes or brackets stand around it: they are part of the value where nothing takes them off");
            core = &core[half..core.len() - half];
        } else if pair != "<>" && core.len() > half && (core.starts_with(open) != core.ends_with(close)) {
            say("a quote stands on one side of it: it was not copied to its end");
            let from = if core.starts_with(open) { half } else { 0 };
            let to = core.len() - if core.ends_with(close) { half } else { 0 };
            core = &core[from..to];
        }
    }
    if core.len() > 1 && matches!(core[core.len() - 1], b',' | b';') {
        say("a comma or a semicolon follows it");
        core = &core[..core.len() - 1];
    }
    core.trim_ascii()
}

/// What no key has in it.
fn inside(core: &[u8], problems: &mut Vec<String>) {
    let mut say = |what: &str| problems.push(what.to_owned());
    let is_block = core.starts_with(b"-----BEGIN") || core.starts_with(b"{");
    if !is_block && core.iter().any(u8::is_ascii_whitespace) {
        say("spaces or line feeds stand in it: it was broken into lines, or it is more than one value");
    }
    if core.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()) {
        say("control characters stand in it");
    }
    let text = String::from_utf8_lossy(core);
    if text.chars().any(|char| {
        matches!(char, '\u{200B}'..='\u{200F}' | '\u{00A0}' | '\u{2060}' | '\u{FEFF}' | '\u{202A}'..='\u{202E}' | '\u{00AD}')
    }) {
        say("invisible characters stand in it: it was copied from a page or a document");
    } else if text.chars().any(|char| !char.is_ascii() && char != '\u{2026}') {
        say("characters beyond ASCII stand in it: keys have none");
    }
    let run = |byte: u8| core.split(|other| *other != byte).map(<[u8]>::len).max().unwrap_or(0);
    if run(b'*') >= 3 || run(b'.') >= 3 || text.contains('\u{2026}') || run(b'x') >= 8 || run(b'X') >= 8 {
        say("a part of it is masked: this is how a key is shown, not the key");
    }
    if text.contains("${") || text.contains("{{") || text.contains("$(") || text.starts_with('$') {
        say("a variable stands in it that nothing has put a value in for");
    }
    let escape =
        text.split('%').skip(1).any(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()));
    if escape {
        say("it is percent-encoded, as in a URL");
    }
    if text.contains("\\n") || text.contains("\\\"") {
        say("it is escaped, as in JSON: `\\n` stands where a line ends");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleSet;
    use std::path::Path;

    const RULES: &str = r#"
provider = "test"
name = "Test"
[[rule]]
id = "test-key"
description = "Key"
severity = "high"
kind = "distinctive"
regex = 'tstk_[0-9a-f]{12}'
samples = ["tstk_{hex:12}"]
near_misses = ["tstk-{hex:12}"]
"#;

    fn lint(value: &str) -> KeyLint {
        let scanner = Scanner::new(RuleSet::from_toml(Path::new("test.toml"), RULES).unwrap());
        scanner.lint_key(value.as_bytes(), None).unwrap()
    }

    fn key() -> String {
        ["tstk", "9d04c7e1b2f8"].join("_")
    }

    #[test]
    fn a_key_alone_is_clean() {
        for value in [key(), format!("{}\n", key())] {
            let lint = lint(&value);
            assert!(lint.is_clean(), "{:?}", lint.problems);
            assert_eq!((&lint.rules[..], lint.len), (&["test-key".to_owned()][..], 17));
        }
    }

    #[test]
    fn what_stands_around_a_key_is_told() {
        let key = key();
        for (value, says) in [
            (format!("\u{FEFF}{key}"), "byte order mark"),
            (format!("{key}\r\n"), "carriage return"),
            (format!("{key} "), "spaces follow"),
            (format!("{key}\n\n"), "several line feeds"),
            (format!(" {key}"), "stand before it"),
            (format!("\"{key}\""), "quotes"),
            (format!("\"{key}"), "on one side"),
            (format!("TEST_KEY={key}"), "name of a variable"),
            (format!("export TEST_KEY='{key}'"), "`export`"),
            (format!("Bearer {key}"), "scheme"),
            (format!("{key},"), "comma"),
        ] {
            let lint = lint(&value);
            assert!(lint.problems.iter().any(|problem| problem.contains(says)), "{value:?}: {:?}", lint.problems);
            assert_eq!(lint.rules, ["test-key"], "{value:?}");
        }
    }

    #[test]
    fn where_a_key_leaves_its_form_is_told() {
        for (value, says) in [
            ("tstk_9d04c7e1b2f", "too soon: it has 16 characters, and such a key 17"),
            ("tstk_9d04c7e1b2f8a", "1 characters follow"),
            ("tstk_9d04C7e1b2f8", "its character 10 cannot stand there"),
            ("TSTK_9d04c7e1b2f8", "wrong case"),
            ("tstk_9d04********", "masked"),
            ("${TEST_KEY}", "variable"),
            ("tstk_9d04\u{200B}c7e1b2f8", "invisible"),
        ] {
            let problems = lint(value).problems;
            assert!(problems.iter().any(|problem| problem.contains(says)), "{value}: {problems:?}");
        }
    }

    #[test]
    fn no_problem_shows_the_key() {
        for value in ["tstk_9d04C7e1b2f8", "\"tstk_9d04c7e1b2f8", "tstk_9d04c7e1b2f8a"] {
            let shown = format!("{:?}", lint(value));
            assert!(!shown.contains("9d04"), "{shown}");
        }
    }
}
