//! What the test suites need beyond the public interface. No part of it: it may change at any time.

use std::ops::Range;

use crate::byteset::ByteSet;
use crate::engine::assign;
use crate::engine::matcher::Attempt;
use crate::engine::prefilter::Tier;
use crate::engine::validate::{self, Candidate};
use crate::engine::{Scanner, Session};
use crate::finding::Verdict;
use crate::rule::{Pattern, Rule, RuleSet, WayIn};

/// What the validators say about a match that starts at `text[start]`: its confidence and why.
#[must_use]
pub fn judge(rule: &Rule, text: &[u8], start: usize, secret: Range<usize>) -> (f32, Vec<Verdict>) {
    let judgement = validate::judge(&Candidate { rule, text, start, secret });
    (judgement.confidence, judgement.verdicts)
}

/// The value that the assignment grammar finds when it starts at `text[start]`.
#[must_use]
pub fn assigned(text: &[u8], start: usize) -> Option<Range<usize>> {
    let (attempt, value, _) = assign::attempt(text, start, false);
    (attempt != Attempt::NoMatch).then_some(value)
}

/// What may stand right before a match of the rule, and right after it.
#[must_use]
pub fn neighbours(rule: &Rule) -> (ByteSet, ByteSet) {
    (rule.before, rule.after)
}

/// How far a keyword of the rule may start before a match.
#[must_use]
pub fn distance(rule: &Rule) -> usize {
    rule.distance
}

/// The stems of names from which the assignment grammar starts.
#[must_use]
pub fn stems(rule: &Rule) -> Vec<&[u8]> {
    match &rule.way_in {
        WayIn::Literals(stems) if rule.pattern == Pattern::Assignment => {
            stems.iter().map(|stem| &*stem.bytes).collect()
        }
        _ => Vec::new(),
    }
}

/// One scanner for each kind of prefilter that this CPU has, with its name.
#[must_use]
pub fn scanners(rules: &RuleSet) -> Vec<(String, Scanner)> {
    let scanner = |tier: Tier| Some((format!("{tier:?}"), Scanner::with_tier(rules.clone(), tier)?));
    Tier::ALL.into_iter().filter_map(scanner).collect()
}

/// Where in a text which rules were tried, in the bytes as they stand there: (rule, start).
#[must_use]
pub fn tried(scanner: &Scanner, text: &[u8]) -> Vec<(usize, u64)> {
    scanner.trace(text).iter().map(|trace| (trace.rule, trace.start)).collect()
}

/// How many bytes of its unit a session holds.
#[must_use]
pub fn held_len(session: &Session<'_>) -> usize {
    session.held_len()
}
