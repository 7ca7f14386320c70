//! Is a match a secret? Pure functions, from cheap to dear, that a rule names or its kind implies.

mod context;
mod json;
mod pem;
mod placeholder;
mod published;
mod randomness;
pub(crate) mod structure;

use std::ops::Range;

use self::randomness::Bar;
use crate::finding::Verdict;
use crate::rule::{Kind, Rule};

/// The confidence of a match that a validator has refuted.
const REFUTED: f32 = 0.05;
/// The confidence of a match that a validator has proven.
const PROVEN: f32 = 0.99;

/// A match that is not judged yet, in the text around it.
pub(crate) struct Candidate<'t> {
    pub(crate) rule: &'t Rule,
    /// The text; validators look at no more than [`crate::rule::MAX_DISTANCE`] bytes before the match.
    pub(crate) text: &'t [u8],
    pub(crate) secret: Range<usize>,
}

/// How sure a match is to be a secret, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) confidence: f32,
    pub(crate) verdicts: Vec<Verdict>,
}

/// Judges one match.
pub(crate) fn judge(candidate: &Candidate<'_>) -> Judgement {
    let rule = candidate.rule;
    let secret = &candidate.text[candidate.secret.clone()];
    let mut verdicts = Vec::new();
    if let Some(refusal) = refusal(candidate, secret, &mut verdicts) {
        verdicts.push(refusal);
        return Judgement { confidence: REFUTED, verdicts };
    }
    // Only what would be reported is hashed.
    if published::is_published(secret) {
        return Judgement { confidence: REFUTED, verdicts: vec![Verdict::Published] };
    }
    let proven = verdicts.contains(&Verdict::ChecksumValid);
    Judgement { confidence: if proven { PROVEN } else { rule.confidence }, verdicts }
}

/// What speaks against a match, if anything does; what speaks for it is added to the verdicts.
fn refusal(candidate: &Candidate<'_>, secret: &[u8], verdicts: &mut Vec<Verdict>) -> Option<Verdict> {
    let rule = candidate.rule;
    if let Some(checksum) = rule.checksum {
        if !checksum.verify(secret) {
            return Some(Verdict::ChecksumInvalid);
        }
        // No chance makes a valid checksum: what follows has nothing to add.
        verdicts.push(Verdict::ChecksumValid);
        return None;
    }
    if let Some(structure) = rule.structure {
        if !structure::check(structure, secret) {
            return Some(Verdict::StructureInvalid);
        }
        verdicts.push(Verdict::StructureValid);
    }
    // Some values are text in base64, and it is the text that was chosen.
    let decoded = structure::text_in_base64(secret);
    if placeholder::is_placeholder(secret, &rule.placeholders)
        || decoded.as_deref().is_some_and(placeholder::is_conventional_text)
    {
        return Some(Verdict::Placeholder);
    }
    if rule.min_entropy > 0.0 && randomness::entropy(secret) < rule.min_entropy {
        return Some(Verdict::LowEntropy);
    }
    if rule.kind == Kind::Contextual {
        if !context::is_assigned(candidate.text, candidate.secret.start) {
            return Some(Verdict::NotAssigned);
        }
        verdicts.push(Verdict::Context);
    }
    if matches!(rule.kind, Kind::Contextual | Kind::Generic) {
        let generic = rule.kind == Kind::Generic;
        let bar = if generic { Bar::High } else { Bar::Low };
        // A UUID under a telling name is an identifier more often than a secret.
        let random = randomness::is_random(secret, bar) && !(generic && randomness::is_uuid(secret));
        if !random || decoded.is_some_and(|text| !randomness::is_random(&text, Bar::Low)) {
            return Some(Verdict::NotRandom);
        }
        verdicts.push(Verdict::Random);
    }
    None
}
