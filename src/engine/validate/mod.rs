//! Is a match a secret? Pure functions, from cheap to dear, that a rule names or its kind implies.

mod context;
pub(crate) mod foreign;
mod json;
mod naming;
mod password;
mod pem;
mod placeholder;
mod randomness;
pub(crate) mod structure;

use std::ops::Range;

use self::randomness::Bar;
use super::assign;
use super::prefilter::looks_drawn;
use crate::finding::Verdict;
use crate::rule::{Kind, Rule, Structure, WayIn};

pub(crate) use self::randomness::surprise;

/// The confidence of a match that a validator has refuted.
const REFUTED: f32 = 0.05;
/// The confidence of a match that a validator has proven.
const PROVEN: f32 = 0.99;

/// The shortest value that can look random.
const MIN_DRAWN: usize = 8;

/// A match that is not judged yet, in the text around it.
pub(crate) struct Candidate<'t> {
    pub(crate) rule: &'t Rule,
    /// The text; validators look at no more than [`crate::rule::MAX_DISTANCE`] bytes before the match.
    pub(crate) text: &'t [u8],
    /// Where the match starts.
    pub(crate) start: usize,
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
    judge_with(candidate, false)
}

/// Judges a match of a contextual rule for which another part of its credential stands in for its keywords.
pub(crate) fn judge_beside(candidate: &Candidate<'_>) -> Judgement {
    judge_with(candidate, true)
}

fn judge_with(candidate: &Candidate<'_>, is_beside: bool) -> Judgement {
    let rule = candidate.rule;
    let secret = &candidate.text[candidate.secret.clone()];
    let mut verdicts = Vec::new();
    let refuted = |verdicts, verdict| {
        let mut verdicts: Vec<Verdict> = verdicts;
        verdicts.push(verdict);
        Judgement { confidence: REFUTED, verdicts }
    };
    // The search for its values leaves these out.
    let is_name = |first: &[u8]| !first.first_chunk().is_some_and(looks_drawn);
    if matches!(rule.way_in, WayIn::Run { drawn: true, .. }) && is_name(&candidate.text[candidate.start..]) {
        return refuted(verdicts, Verdict::NotRandom);
    }
    // The name alone speaks for so short a value, and only that of a password does.
    if rule.kind == Kind::Generic && secret.len() < MIN_DRAWN && !names_password(candidate) {
        return refuted(verdicts, Verdict::NotRandom);
    }
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
    let structured = rule.structure.is_some();
    // Some values are text in base64, and it is the text that was chosen.
    let chosen = rule.structure == Some(Structure::BasicAuth)
        || !structured && !matches!(rule.kind, Kind::Distinctive | Kind::Identifier);
    let decoded = chosen.then(|| structure::text_in_base64(secret)).flatten();
    if placeholder::is_placeholder_of(rule, secret)
        || !structured && is_made_up(rule.kind, secret)
        || decoded.as_deref().is_some_and(|text| is_made_up_text(rule, text))
    {
        return refuted(verdicts, Verdict::Placeholder);
    }
    if rule.min_entropy > 0.0 && randomness::entropy(secret) < rule.min_entropy {
        return refuted(verdicts, Verdict::LowEntropy);
    }
    if !structured && context::is_in_base64(candidate.text, candidate.secret.start) {
        return refuted(verdicts, Verdict::NotAssigned);
    }
    if rule.kind == Kind::Contextual {
        let start = candidate.secret.start;
        // A UUID is an id where its name says so, unless the credential itself is called that.
        let identifies = randomness::is_uuid(secret) && !rule.keywords.iter().any(|word| word.ends_with("id"));
        let stands = if is_beside { context::may_follow } else { context::is_assigned };
        if !stands(candidate.text, start) || identifies && context::names_id(candidate.text, start) {
            return refuted(verdicts, Verdict::NotAssigned);
        }
        verdicts.push(if is_beside { Verdict::Beside } else { Verdict::Context });
    }
    if matches!(rule.kind, Kind::Contextual | Kind::Generic) {
        let prose =
            decoded.is_some_and(|text| !text.iter().any(u8::is_ascii_digit) && !randomness::is_random(&text, Bar::Low));
        if prose || !is_drawn(candidate) {
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

/// Whether a value for which only a word or a name speaks was drawn at random, and is no name or public key.
fn is_drawn(candidate: &Candidate<'_>) -> bool {
    let secret = &candidate.text[candidate.secret.clone()];
    if candidate.rule.kind == Kind::Contextual {
        return randomness::is_random(secret, Bar::Low);
    }
    let quoted = is_quoted(candidate);
    if names_password(candidate) && (quoted || ends_word(candidate)) && password::is_chosen(secret, quoted) {
        return true;
    }
    if secret.len() < MIN_DRAWN {
        return false;
    }
    // A UUID under a telling name is an identifier more often than a secret, and `a.b` is code.
    let named = randomness::is_uuid(secret)
        || naming::is_member_path(secret)
        || naming::is_path(secret)
        || naming::is_slug(secret)
        || naming::is_phrase(secret)
        || naming::is_variable(secret)
        || naming::is_constant(secret)
        || naming::is_hash(secret)
        || !quoted && naming::is_reference(secret)
        || !quoted && !ends_word(candidate) && naming::is_short_name(secret);
    !named && randomness::is_random(secret, Bar::High) && !structure::is_public_key(secret)
}

/// Whether a value of no known structure is a word or a name that stands for a secret.
fn is_made_up(kind: Kind, secret: &[u8]) -> bool {
    match kind {
        Kind::Distinctive | Kind::Identifier => naming::is_camel_case(secret),
        Kind::Structural => {
            placeholder::is_conventional_text(secret) || naming::ends_sentence(secret) || naming::names_secret(secret)
        }
        Kind::Contextual | Kind::Generic => naming::names_secret(secret),
    }
}

/// Whether the text of a value in base64 stands for a secret. A frame that asks for base64 speaks for what is in it.
fn is_made_up_text(rule: &Rule, text: &[u8]) -> bool {
    let framed = rule.kind == Kind::Structural && rule.structure.is_none();
    if framed { placeholder::is_one_word_again(text) } else { placeholder::is_conventional_text(text) }
}

fn names_password(candidate: &Candidate<'_>) -> bool {
    assign::names_password(candidate.text, candidate.start, &candidate.secret)
}

fn is_quoted(candidate: &Candidate<'_>) -> bool {
    let before = candidate.secret.start.checked_sub(1).map(|at| candidate.text[at]);
    before.is_some_and(|byte| matches!(byte, b'"' | b'\'' | b'`'))
}

/// Whether what follows a value that is not quoted ends it as it ends in a file of settings, a command or a URL.
fn ends_word(candidate: &Candidate<'_>) -> bool {
    let next = candidate.text.get(candidate.secret.end);
    next.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'&' | b'<' | b'\\'))
}
