//! Rules tried on their own templates: samples have to be found, near misses must not be.

use crate::engine::Scanner;
use crate::finding::Finding;
use crate::rule::{Filled, Kind, Rule, RuleSet, Sample};
use crate::span::Span;

/// A template on which a rule failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The rule's id.
    pub rule: String,
    /// The template.
    pub template: String,
    /// The seed with which it was filled.
    pub seed: u64,
    /// What went wrong, in words; never with the filled text.
    pub what: String,
}

/// Tries each of `rules` on its templates, filled with `seeds` different seeds each, among all rules of `scanner`.
#[must_use]
pub fn try_templates(scanner: &Scanner, rules: &RuleSet, seeds: u64) -> Vec<Failure> {
    let mut failures = Vec::new();
    for rule in rules.rules() {
        let mut fail = |sample: &Sample, seed, what: Option<String>| {
            if let Some(what) = what {
                let (rule, template) = (rule.id().to_owned(), sample.source().to_owned());
                failures.push(Failure { rule, template, seed, what });
            }
        };
        let (samples, near_misses) = (rule.samples(), rule.near_misses());
        for seed in 0..seeds {
            for sample in &samples {
                let filled = sample.fill(seed, rule.checksum());
                let wrong = if rule.kind() == Kind::Identifier { wrong_with_identifier } else { wrong_with_sample };
                fail(sample, seed, wrong(scanner, rule, &filled));
            }
            for sample in &near_misses {
                // Under a telling name a generic rule may still find what is no such format.
                let text = sample.fill(seed, None).text;
                if rule.kind() == Kind::Identifier && scanner.recognised(rule, &text).next().is_some() {
                    fail(sample, seed, Some("recognised".to_owned()));
                }
                let mut found = believed(scanner, &text);
                found.retain(|finding| {
                    scanner.rules()[finding.rule].kind() != Kind::Generic || rule.kind() == Kind::Generic
                });
                let what = found.first().map(|f| format!("found as {}", scanner.rules()[f.rule].id()));
                fail(sample, seed, what);
            }
        }
    }
    failures
}

/// An identifier is told with other parts of its credential only; alone, its rule has to recognise it.
fn wrong_with_identifier(scanner: &Scanner, rule: &Rule, filled: &Filled) -> Option<String> {
    let want = Span { start: filled.secret.start as u64, end: filled.secret.end as u64 };
    let recognised = scanner.recognised(rule, &filled.text).any(|span| span == want);
    (!recognised).then(|| "not recognised".to_owned())
}

fn wrong_with_sample(scanner: &Scanner, rule: &Rule, filled: &Filled) -> Option<String> {
    let found = believed(scanner, &filled.text);
    let id = |finding: &Finding| scanner.rules()[finding.rule].id();
    match found.as_slice() {
        [] => Some("not found".to_owned()),
        [one] if id(one) != rule.id() => Some(format!("found as {}", id(one))),
        [one] => {
            let (want, have) = (&filled.secret, one.span);
            let same = (want.start as u64, want.end as u64) == (have.start, have.end);
            (!same).then(|| format!("found at {}..{} instead of {}..{}", have.start, have.end, want.start, want.end))
        }
        several => {
            let ids: Vec<&str> = several.iter().map(id).collect();
            Some(format!("found {} times: {}", ids.len(), ids.join(", ")))
        }
    }
}

fn believed(scanner: &Scanner, text: &[u8]) -> Vec<Finding> {
    let mut found = scanner.scan(text);
    found.retain(|finding| finding.confidence >= crate::engine::DOUBTFUL);
    found
}
