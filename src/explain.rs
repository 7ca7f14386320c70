//! Why a place was found, or was not: all that was tried there, and what became of it.

use crate::engine::{Scanner, Tried};
use crate::finding::Verdict;
use crate::span::Position;

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
        let mut traces = self.trace(bytes);
        traces.retain(|trace| {
            let (first, last) = match &trace.outcome {
                Tried::Judged { secret, .. } => (trace.start.min(secret.start), secret.end),
                _ => (trace.start, trace.start + 1),
            };
            first <= end as u64 && last > start as u64
        });
        traces.sort_by_key(|trace| (trace.start, trace.rule));
        let explain = |trace: &crate::engine::Trace| {
            let rule = &self.rules()[trace.rule];
            let (outcome, confidence) = match &trace.outcome {
                Tried::Before => ("the byte before it is one that the rule excludes".to_owned(), None),
                Tried::NoKeyword => {
                    let words = rule.keywords().collect::<Vec<_>>().join(", ");
                    (format!("none of its keywords ({words}) stands close enough before it"), None)
                }
                Tried::NoMatch => ("what follows does not have the format".to_owned(), None),
                Tried::After => {
                    ("the format matches, but the byte after it is one that the rule excludes".to_owned(), None)
                }
                Tried::Judged { judgement, .. } => {
                    let verdicts: Vec<&str> =
                        judgement.verdicts.iter().map(|verdict| Verdict::as_str(*verdict)).collect();
                    let why =
                        if verdicts.is_empty() { String::new() } else { format!("; it {}", verdicts.join(", it ")) };
                    (format!("the format matches{why}"), Some(judgement.confidence))
                }
            };
            Explanation {
                rule: trace.rule,
                at: Position::START.after(&bytes[..trace.start as usize]),
                outcome,
                confidence,
            }
        };
        traces.iter().map(explain).collect()
    }
}
