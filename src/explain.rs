//! Why a place was found, or was not: all that was tried there, and what became of it.

use crate::engine::{Judgement, Scanner, Trace, Tried, reasons};
use crate::finding::{Finding, Part, Verdict};
use crate::rule::Kind;
use crate::span::{Position, Span};

/// A rule that was tried at a place, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The index of the rule in the rules of the scanner.
    pub rule: usize,
    /// Where it was tried.
    pub at: Position,
    /// What became of it, in words, without bytes of the text.
    pub outcome: String,
    /// How sure the match is to be a secret; `None` where there was no match.
    pub confidence: Option<f32>,
}

impl Scanner {
    /// All that was tried at the places of one line of a unit, in the order of the places.
    #[must_use]
    pub fn explain(&self, bytes: &[u8], line: u64) -> Vec<Explanation> {
        let mut start = 0usize;
        for _ in 1..line {
            match memchr::memchr(b'\n', &bytes[start..]) {
                Some(at) => start += at + 1,
                None => return Vec::new(),
            }
        }
        let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
        let (mut traces, findings) = self.trace(bytes);
        traces.extend(findings.iter().flat_map(Finding::secrets).filter_map(beside));
        traces.retain(|trace| {
            let (first, last) = match &trace.outcome {
                Tried::Judged { secret, .. } => (trace.start.min(secret.start), secret.end),
                _ => (trace.start, trace.start + 1),
            };
            first <= end as u64 && last > start as u64
        });
        traces.sort_by_key(|trace| (trace.start, trace.rule));
        let explain = |trace: &Trace| {
            let (outcome, confidence) = self.outcome(bytes, trace, &findings);
            let at = Position::START.after(&bytes[..trace.start as usize]);
            Explanation { rule: trace.rule, at, outcome, confidence }
        };
        traces.iter().map(explain).collect()
    }

    fn outcome(&self, bytes: &[u8], trace: &Trace, findings: &[Finding]) -> (String, Option<f32>) {
        let rule = &self.rules()[trace.rule];
        match &trace.outcome {
            Tried::Before => ("the byte before it is one that the rule excludes".to_owned(), None),
            Tried::NoKeyword => {
                let words = rule.keywords().collect::<Vec<_>>().join(", ");
                (format!("none of its keywords ({words}) stands close enough before it"), None)
            }
            Tried::NoMatch => ("what follows does not have the format".to_owned(), None),
            Tried::After => {
                ("the format matches, but the byte after it is one that the rule excludes".to_owned(), None)
            }
            Tried::Judged { secret, judgement } => {
                let verdicts: Vec<&str> = judgement.verdicts.iter().map(Verdict::as_str).collect();
                let why = if verdicts.is_empty() { String::new() } else { format!("; it {}", verdicts.join(", it ")) };
                let told = self.told_with(trace.rule, *secret, findings);
                let told = told.map_or_else(String::new, |told| format!("; {told}"));
                let told_by = |verdict| matches!(verdict, Verdict::Random | Verdict::NotRandom);
                let was_weighed = rule.kind() == Kind::Generic && judgement.verdicts.iter().any(told_by);
                let weighed = if was_weighed { weighed(bytes, trace.start, *secret) } else { String::new() };
                (format!("the format matches{why}{weighed}{told}"), Some(judgement.confidence))
            }
        }
    }

    /// What a secret is told with, or as a part of what.
    fn told_with(&self, rule: usize, secret: Span, findings: &[Finding]) -> Option<String> {
        let is_this = |finding: &Finding| finding.rule == rule && finding.span == secret && finding.decoded.is_none();
        let role = |part: &Part| self.rules()[part.of].parts()[part.number].role();
        for whole in findings {
            if is_this(whole) && !whole.parts.is_empty() {
                let told = |part: &Part| format!("its {} in line {}", role(part), part.finding.start.line);
                let parts = whole.parts.iter().map(told).collect::<Vec<_>>();
                return Some(format!("it is told with {}, {:.2} sure", parts.join(" and "), whole.confidence));
            }
            if let Some(part) = whole.parts.iter().find(|part| is_this(&part.finding)) {
                let (id, line) = (self.rules()[whole.rule].id(), whole.start.line);
                return Some(format!("it is told as the {} of the {id} in line {line}", role(part)));
            }
        }
        let is_public = self.rules()[rule].kind() == Kind::Identifier;
        is_public.then(|| "it is public, and told with a secret beside it only".to_owned())
    }
}

/// What weighed most where the judge of assigned values was asked.
fn weighed(bytes: &[u8], stem: u64, secret: Span) -> String {
    let reasons = reasons(bytes, stem as usize, &(secret.start as usize..secret.end as usize), REASONS);
    let reasons: Vec<String> = reasons.iter().map(|(words, weight)| format!("{words} ({weight:+.1})")).collect();
    if reasons.is_empty() { String::new() } else { format!("; what weighs most: {}", reasons.join(", ")) }
}

/// So many reasons are told.
const REASONS: usize = 3;

/// What was found because of what stands before it, as if it had been tried like others.
fn beside(finding: &Finding) -> Option<Trace> {
    let is_beside = finding.decoded.is_none() && finding.verdicts.contains(&Verdict::Beside);
    is_beside.then(|| {
        let judgement =
            Judgement { confidence: finding.confidence, verdicts: finding.verdicts.iter().copied().collect() };
        let outcome = Tried::Judged { secret: finding.span, judgement };
        Trace { rule: finding.rule, start: finding.matched.start, outcome }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{RuleSet, Sample};

    /// The outcome of the generic rule on a line that is filled with drawn values, and the value.
    fn generic(template: &str) -> (String, f32, String) {
        let filled = Sample::parse(template).unwrap().fill(7, None);
        let scanner = Scanner::new(RuleSet::builtin());
        let is_generic = |told: &&Explanation| scanner.rules()[told.rule].kind() == Kind::Generic;
        let told = scanner.explain(&filled.text, 1);
        let told = told.iter().filter(is_generic).find(|told| told.confidence.is_some()).unwrap();
        let value = String::from_utf8(filled.text[filled.secret].to_vec()).unwrap();
        (told.outcome.clone(), told.confidence.unwrap(), value)
    }

    #[test]
    fn the_three_largest_reasons_are_told_and_nothing_of_the_value() {
        for (template, is_secret) in [
            ("  db_password: \"|{base62:18}|\"", true),
            ("export SERVICE_TOKEN=|{lower-alnum:22}|", true),
            ("  sort_key = \"|item{digits:2}next|\"", false),
        ] {
            let (outcome, confidence, value) = generic(template);
            assert_eq!(confidence >= crate::engine::DOUBTFUL, is_secret, "{outcome}");
            let reasons = outcome.split_once("what weighs most: ").unwrap_or_else(|| panic!("{outcome}")).1;
            let weights: Vec<f32> =
                reasons.split(')').filter_map(|reason| reason.rsplit_once('(')?.1.parse().ok()).collect();
            assert_eq!(weights.len(), 3, "{outcome}");
            assert!(weights.is_sorted_by(|a, b| a.abs() >= b.abs()), "{outcome}");
            assert_eq!(weights.iter().sum::<f32>() > 0.0, is_secret, "{outcome}");
            assert!(!outcome.contains(&value), "{outcome}");
        }
        assert!(generic("db_password: \"|{base62:18}|\"").0.contains("\"password\""));
    }

    #[test]
    fn what_was_not_weighed_is_not_said_to_be() {
        let (outcome, confidence, _) = generic("db_password: |q7Zt{base62:14}-example|");
        assert!(confidence < 0.1 && outcome.contains("placeholder") && !outcome.contains("weighs"), "{outcome}");
        let (outcome, ..) = generic("db_password: |postgres{digits:1}|");
        assert!(outcome.contains("first passwords") && !outcome.contains("weighs"), "{outcome}");
    }
}
