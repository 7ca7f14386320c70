//! What is not found because of what stands behind it, and may be found once something else stands there.
//!
//! Who hides a part of a text cuts short what stands before that part: the value of an assignment, a token that went on.
//! No finding can be made of what has not matched at all, for a regex that matches the start of a text has matched at
//! the same place in all of it; an assignment can.

use super::matcher::Attempt;
use super::pass::keyword_before;
use super::validate::{self, Candidate};
use super::{Scanner, Scratch, assign};
use crate::rule::{MAX_DISTANCE, Pattern};
use crate::span::Span;

/// What is no believed match, and may be one when it ends earlier or with another byte behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hindered {
    pub(super) rule: usize,
    /// Where the match starts, or would.
    pub(crate) start: u64,
    /// Where its secret starts; of an assignment [`Scratch::value_of`] knows it.
    pub(super) secret: Option<u64>,
    /// The offset of the byte behind it.
    pub(crate) by: u64,
}

impl Scratch {
    /// Where the secret starts of something hindered.
    pub(crate) fn value_of(&self, hindered: &Hindered) -> Option<u64> {
        if hindered.secret.is_some() {
            return hindered.secret;
        }
        let (text, at) = self.before(hindered, hindered.by)?;
        let (attempt, value, _) = assign::attempt(text, at, true);
        (attempt != Attempt::NoMatch && 0 < value.start && value.start < text.len())
            .then(|| hindered.by - (text.len() - value.start) as u64)
    }

    /// What would be found, with its rule, if the text went on, and ended, with `marker` at `by`.
    pub(crate) fn found_before(
        &mut self,
        scanner: &Scanner,
        hindered: &Hindered,
        by: u64,
        marker: &[u8],
        min_confidence: f32,
    ) -> Option<(usize, Span)> {
        let (text, start) = self.before(hindered, by)?;
        let base = by - text.len() as u64;
        let text = [text, marker].concat();
        let (index, rule) = (hindered.rule, &scanner.engine.rules[hindered.rule]);
        let secret = match &rule.pattern {
            Pattern::Assignment => {
                let (Attempt::Match(_), value, _) = assign::attempt(&text, start, false) else { return None };
                value
            }
            Pattern::Regex { source, secret_group } => {
                let (matcher, cache) = (&scanner.engine.matchers[index], &mut self.caches[index]);
                if cache.is_none() {
                    *cache = matcher.cache(source, *secret_group);
                }
                let cache = cache.as_mut()?;
                let to = text.len().min(start.saturating_add(rule.max_len));
                let (Attempt::Match(end), _) = matcher.attempt(cache, &text, start..to, false, &mut None) else {
                    return None;
                };
                if text.get(end).is_some_and(|byte| !rule.after.contains(*byte)) {
                    return None;
                }
                if *secret_group { matcher.secret(cache, &text, start..end) } else { start..end }
            }
        };
        if !rule.keywords.is_empty() && !keyword_before(rule, &text, start) {
            return None;
        }
        let span = Span { start: base + secret.start as u64, end: base + secret.end as u64 };
        let judgement = validate::judge(&Candidate { rule, text: &text, start, secret });
        (judgement.confidence >= min_confidence).then_some((index, span))
    }

    /// The text before `by`, as far as it is there and judges look at it, and where the match starts in it.
    fn before(&self, hindered: &Hindered, by: u64) -> Option<(&[u8], usize)> {
        let start = hindered.start.checked_sub(self.base)? as usize;
        let text = self.buffer.get(..by.checked_sub(self.base)? as usize)?;
        let from = start.saturating_sub(MAX_DISTANCE + 1);
        Some((text.get(from..)?, start - from))
    }
}
