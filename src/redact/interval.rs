//! What is hidden: intervals of the text, and what they are named after.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Redaction;
use super::block::BlockKind;
use super::known::Hit;
use super::stats::Cause;
use crate::engine::Scanner;
use crate::finding::Finding;
use crate::secret::Secret;
use crate::span::Span;

/// What an interval hides.
#[derive(Debug, Clone)]
pub(super) enum Hidden {
    Block(BlockKind),
    Known(Arc<str>, Arc<Secret>),
    /// What a rule found, and how sure it is.
    Finding(usize, f32, Secret),
    /// The value of a member that is named like a secret.
    Member,
    /// What a finding has overlapped.
    Lost,
}

impl Hidden {
    /// The rule's id, or the known secret's name.
    pub(super) fn label<'h>(&'h self, scanner: &'h Scanner) -> &'h str {
        match self {
            Hidden::Block(kind) => kind.rule_id(),
            Hidden::Known(name, _) => name,
            Hidden::Finding(rule, ..) => scanner.rules()[*rule].id(),
            Hidden::Member => "secret-member",
            Hidden::Lost => "secret",
        }
    }

    /// The secret, where it is known what of the text is one.
    pub(super) fn secret(&self) -> Option<&Secret> {
        match self {
            Hidden::Known(_, secret) => Some(&**secret),
            Hidden::Finding(.., secret) => Some(secret),
            Hidden::Block(_) | Hidden::Member | Hidden::Lost => None,
        }
    }

    /// Why it is hidden.
    pub(super) fn cause(&self) -> Cause {
        match self {
            // Only what is a key stands in such a block.
            Hidden::Block(_) => Cause::Rule(1.0),
            Hidden::Known(..) => Cause::Known,
            Hidden::Finding(_, confidence, _) => Cause::Rule(*confidence),
            Hidden::Member => Cause::Member,
            Hidden::Lost => Cause::Overlap,
        }
    }

    /// What overlapping intervals are named after: the least.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Hidden::Block(_) => 0,
            Hidden::Known(..) => 1,
            Hidden::Finding(..) => 2,
            Hidden::Member => 3,
            Hidden::Lost => 4,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Interval {
    pub(super) span: Span,
    pub(super) hidden: Hidden,
    /// In UTF-16, and its start not looked at.
    pub(super) is_wide: bool,
}

impl Interval {
    /// Of a finding that is sure enough, of a rule that is wanted.
    pub(super) fn of(finding: Finding, redaction: &Redaction) -> Option<Interval> {
        let is_hidden = finding.confidence >= redaction.min_confidence && redaction.wants(finding.rule);
        let is_wide = finding.decoded.is_some();
        let hidden = Hidden::Finding(finding.rule, finding.confidence, finding.secret);
        is_hidden.then_some(Interval { span: finding.span, hidden, is_wide })
    }

    /// Of intervals that overlap, the least is what they are named after.
    pub(super) fn order(&self) -> (u8, u64, Reverse<u64>, usize) {
        let rule = if let Hidden::Finding(rule, ..) = self.hidden { rule } else { 0 };
        (self.hidden.rank(), self.span.start, Reverse(self.span.end), rule)
    }
}

impl From<Hit> for Interval {
    fn from(hit: Hit) -> Interval {
        let span = Span { start: hit.start, end: hit.end };
        Interval { span, hidden: Hidden::Known(hit.name, hit.value), is_wide: false }
    }
}
