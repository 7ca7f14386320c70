//! Is a match a secret? Pure functions, from cheap to dear, that a rule names or its kind implies.

mod context;
pub(crate) mod foreign;
mod json;
mod pem;
mod placeholder;
mod randomness;
pub(crate) mod structure;

use std::ops::Range;

use self::randomness::Bar;
use crate::finding::Verdict;
use crate::rule::{Kind, Rule, Structure};

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
    let refuted = |verdicts, verdict| {
        let mut verdicts: Vec<Verdict> = verdicts;
        verdicts.push(verdict);
        Judgement { confidence: REFUTED, verdicts }
    };
    if let Some(checksum) = rule.checksum {
        if !checksum.verify(secret) {
            return refuted(verdicts, Verdict::ChecksumInvalid);
        }
        // No chance makes a valid checksum: what follows has nothing to add.
        return Judgement { confidence: PROVEN, verdicts: vec![Verdict::ChecksumValid] };
    }
    if let Some(structure) = rule.structure {
        if !structure::check(structure, secret) {
            return refuted(verdicts, Verdict::StructureInvalid);
        }
        verdicts.push(Verdict::StructureValid);
    }
    // Some values are text in base64, and it is the text that was chosen.
    let chosen = rule.structure == Some(Structure::BasicAuth) || matches!(rule.kind, Kind::Contextual | Kind::Generic);
    let decoded = chosen.then(|| structure::text_in_base64(secret)).flatten();
    if placeholder::is_placeholder(secret, &rule.placeholders)
        || decoded.as_deref().is_some_and(placeholder::is_conventional_text)
    {
        return refuted(verdicts, Verdict::Placeholder);
    }
    if rule.min_entropy > 0.0 && randomness::entropy(secret) < rule.min_entropy {
        return refuted(verdicts, Verdict::LowEntropy);
    }
    if rule.kind == Kind::Contextual {
        if !context::is_assigned(candidate.text, candidate.secret.start) {
            return refuted(verdicts, Verdict::NotAssigned);
        }
        verdicts.push(Verdict::Context);
    }
    if matches!(rule.kind, Kind::Contextual | Kind::Generic) {
        let generic = rule.kind == Kind::Generic;
        let bar = if generic { Bar::High } else { Bar::Low };
        // A UUID under a telling name is an identifier more often than a secret, and `a.b` is code.
        let named = generic && (randomness::is_uuid(secret) || is_member_path(secret));
        let prose =
            decoded.is_some_and(|text| !text.iter().any(u8::is_ascii_digit) && !randomness::is_random(&text, Bar::Low));
        let random = randomness::is_random(secret, bar) && !named && !prose;
        if !random {
            return refuted(verdicts, Verdict::NotRandom);
        }
        verdicts.push(Verdict::Random);
    }
    // Last, because it hashes.
    if placeholder::is_published(secret) {
        return refuted(verdicts, Verdict::Placeholder);
    }
    Judgement { confidence: rule.confidence, verdicts }
}

/// Whether a text looks random, where nothing else is known of it.
#[cfg_attr(not(feature = "compat"), expect(dead_code, reason = "for expressions of other tools"))]
pub(crate) fn is_random_text(text: &[u8]) -> bool {
    randomness::is_random(text, Bar::Low)
}

/// Whether it reads like code that names a member of something: `config.tokenSource`.
fn is_member_path(value: &[u8]) -> bool {
    let is_name = |part: &[u8]| {
        part.len() < 24
            && part.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
            && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    };
    value.contains(&b'.') && value.split(|b| *b == b'.').all(is_name)
}
