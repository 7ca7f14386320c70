//! Files that hold nothing but a secret. A text alone does not tell: whoever knows its path asks.

use std::ops::Range;

use super::validate::{Candidate, Judgement, judge};
use super::{Coverage, DOUBTFUL, Scanner, Scratch, Surroundings};
use crate::finding::Finding;
use crate::rule::Rule;
use crate::secret::Secret;
use crate::span::{Position, Span};

impl Scanner {
    /// Scans a whole file at a path: as [`Scanner::scan_with`], and where that finds nothing, for the secret that files
    /// at such paths hold with nothing beside it, as [`Rule::file`] says.
    pub fn scan_file(
        &self,
        path: &str,
        bytes: &[u8],
        scratch: &mut Scratch,
        mut sink: impl FnMut(Finding, Surroundings<'_>),
    ) -> Coverage {
        let mut is_found = false;
        let coverage = self.scan_with(bytes, scratch, |finding, around| {
            is_found |= finding.confidence >= DOUBTFUL;
            sink(finding, around);
        });
        if !is_found {
            self.alone(bytes, Some(path), &mut sink);
        }
        coverage
    }

    /// Whether files at this path may hold nothing but a secret.
    pub(crate) fn may_be_alone(&self, path: &str) -> bool {
        let rules = self.engine.secret_files.iter().map(|rule| &self.engine.rules[*rule]);
        rules.filter_map(Rule::file).any(|file| file.is_at(path))
    }

    /// The secret that the whole content of a file at a path may be; without a path, to each rule, at whatever path.
    pub(crate) fn alone(&self, bytes: &[u8], path: Option<&str>, sink: &mut dyn FnMut(Finding, Surroundings<'_>)) {
        for &number in &self.engine.secret_files {
            let rule = &self.engine.rules[number];
            let file = rule.file().filter(|file| path.is_none_or(|path| file.is_at(path)));
            let Some(secret) = file.and_then(|file| file.secret(bytes)) else { continue };
            let judgement = judge(&Candidate { rule, text: bytes, start: secret.start, secret: secret.clone() });
            let (before, after) = (&bytes[..secret.start], &bytes[secret.end..]);
            sink(
                finding(number, bytes, &secret, judgement),
                Surroundings::new(tail(before, self.margin), &after[..after.len().min(self.margin)]),
            );
        }
    }
}

fn tail(text: &[u8], len: usize) -> &[u8] {
    &text[text.len().saturating_sub(len)..]
}

fn finding(rule: usize, bytes: &[u8], secret: &Range<usize>, judgement: Judgement) -> Finding {
    let span = Span { start: secret.start as u64, end: secret.end as u64 };
    let start = Position::START.after(&bytes[..secret.start]);
    Finding {
        rule,
        secret: Secret::new(&bytes[secret.clone()]),
        span,
        matched: span,
        start,
        end: start.after(&bytes[secret.clone()]),
        confidence: judgement.confidence,
        verdicts: judgement.verdicts.into(),
        decoded: None,
        candidates: Vec::new(),
        parts: Vec::new(),
    }
}
