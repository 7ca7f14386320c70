//! Is a match a secret? Pure functions, from cheap to dear, that a rule names or its kind implies.

mod context;
pub(crate) mod foreign;
mod json;
pub(crate) mod judge;
mod lexicon;
mod naming;
mod notation;
mod pem;
mod placeholder;
mod randomness;
mod repetition;
pub(crate) mod structure;
mod typed;
mod verdicts;
mod weak;

use std::ops::Range;

use super::assign;
use super::prefilter::looks_drawn;
use super::resolve::{DOUBTFUL, SENSITIVE};
use crate::finding::Verdict;
use crate::rule::{Kind, Rule, Structure, WayIn};

pub(crate) use self::randomness::surprise;
pub(crate) use self::verdicts::Verdicts;

/// The confidence of a match that a validator has refuted.
const REFUTED: f32 = 0.05;
/// The confidence of a match that a validator has proven.
const PROVEN: f32 = 0.99;
/// The most confidence in a value of the right form that looks typed by hand: a reader decides.
const TYPED: f32 = DOUBTFUL;
/// The confidence of a password that anyone would try: for those who ask for what is doubtful.
const WEAK: f32 = 0.3;

/// The files that the judges go by: weights, trigrams, values that vendors publish.
pub(super) const DATA: [&[u8]; 3] = [judge::WEIGHTS, judge::surprise::TRIGRAMS, placeholder::PUBLISHED.as_bytes()];

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
    pub(crate) verdicts: Verdicts,
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
    let mut verdicts = Verdicts::default();
    let refuted = |mut verdicts: Verdicts, verdict| {
        verdicts.push(verdict);
        Judgement { confidence: REFUTED, verdicts }
    };
    if rule.kind == Kind::Generic {
        return judge_assigned(candidate);
    }
    // The search for its values leaves these out.
    let is_name = |first: &[u8]| !first.first_chunk().is_some_and(looks_drawn);
    if matches!(rule.way_in, WayIn::Run { drawn: true, .. }) && is_name(&candidate.text[candidate.start..]) {
        return refuted(verdicts, Verdict::NotRandom);
    }
    if let Some(checksum) = rule.checksum {
        if !checksum.verify(secret) {
            return refuted(verdicts, Verdict::ChecksumInvalid);
        }
        // No chance makes a valid checksum: what follows has nothing to add.
        return Judgement { confidence: PROVEN, verdicts: Verdict::ChecksumValid.into() };
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
        || !structured && matches!(rule.kind, Kind::Structural | Kind::Contextual);
    let decoded = chosen.then(|| structure::text_in_base64(secret)).flatten();
    if placeholder::is_placeholder_of(rule, secret)
        || !structured && is_made_up(rule.kind, secret)
        || decoded.as_deref().is_some_and(|text| is_made_up_text(rule, text))
    {
        return refuted(verdicts, Verdict::Placeholder);
    }
    // What stands beside a word may be of few characters where it was typed, what has a prefix of its own may not.
    let is_typed = matches!(rule.kind, Kind::Distinctive | Kind::Contextual) && typed::is_typed(secret);
    let may_be_poor = is_typed && rule.kind == Kind::Contextual;
    if rule.min_entropy > 0.0 && !may_be_poor && randomness::entropy(secret) < rule.min_entropy {
        return refuted(verdicts, Verdict::LowEntropy);
    }
    if is_typed {
        verdicts.push(Verdict::Typed);
    }
    if !structured && context::is_in_base64(candidate.text, candidate.secret.start) {
        return refuted(verdicts, Verdict::NotAssigned);
    }
    if rule.kind == Kind::Contextual {
        if !is_told(candidate, is_beside) {
            return refuted(verdicts, Verdict::NotAssigned);
        }
        verdicts.push(if is_beside { Verdict::Beside } else { Verdict::Context });
        let prose = decoded.is_some_and(|text| !text.iter().any(u8::is_ascii_digit) && !randomness::is_random(&text));
        if !is_typed {
            if prose || !randomness::is_random(secret) {
                return refuted(verdicts, Verdict::NotRandom);
            }
            verdicts.push(Verdict::Random);
        }
    }
    // Last, because it hashes.
    if placeholder::is_published(secret) {
        return refuted(verdicts, Verdict::Placeholder);
    }
    Judgement { confidence: if is_typed { rule.confidence.min(TYPED) } else { rule.confidence }, verdicts }
}

/// Whether an opaque value is assigned, or follows its partner, and its name does not call it an id.
fn is_told(candidate: &Candidate<'_>, is_beside: bool) -> bool {
    let Candidate { rule, text, secret, .. } = candidate;
    // A UUID is an id where its name says so, unless the credential itself is called that.
    let may_be_id =
        randomness::is_uuid(&text[secret.clone()]) && !rule.keywords.iter().any(|word| word.ends_with("id"));
    let stands = if is_beside { context::may_follow } else { context::is_assigned };
    stands(text, secret.start) && !(may_be_id && context::names_id(text, secret.start))
}

/// Whether a text looks random, where nothing else is known of it.
#[cfg_attr(not(feature = "compat"), expect(dead_code, reason = "for expressions of other tools"))]
pub(crate) fn is_random_text(text: &[u8]) -> bool {
    randomness::is_random(text)
}

/// Judges a value for which only the name speaks to which it is assigned.
fn judge_assigned(candidate: &Candidate<'_>) -> Judgement {
    let Candidate { rule, text, start, ref secret } = *candidate;
    let refuted = |verdict| Judgement { confidence: REFUTED, verdicts: Verdicts::from(verdict) };
    let value = &text[secret.clone()];
    if rule.min_entropy > 0.0 && randomness::entropy(value) < rule.min_entropy {
        return refuted(Verdict::LowEntropy);
    }
    let name = assign::name_at(text, start);
    if naming::of_password(&text[name.start..name.end.min(secret.start)]) && weak::is_taken(value) {
        let is_name = value.eq_ignore_ascii_case(&text[name.clone()]);
        return if is_name {
            refuted(Verdict::Placeholder)
        } else {
            Judgement { confidence: WEAK, verdicts: Verdict::Weak.into() }
        };
    }
    // Most values are words. The model says so sooner than the lists of what stands for a secret.
    if judge::is_words(text, secret) {
        return refuted(Verdict::NotRandom);
    }
    let confidence = judge::confidence(text, &name, secret).min(rule.confidence);
    if confidence < SENSITIVE {
        return Judgement { confidence, verdicts: Verdict::NotRandom.into() };
    }
    if vetoes(text, &name, secret) || placeholder::holds_own(value, &rule.placeholders) {
        return refuted(Verdict::Placeholder);
    }
    let prose = structure::text_in_base64(value).is_some_and(|text| {
        placeholder::is_conventional_text(&text)
            || !text.iter().any(u8::is_ascii_digit) && !randomness::is_random(&text)
    });
    if prose {
        return refuted(Verdict::Placeholder);
    }
    if context::is_in_base64(text, secret.start) {
        return refuted(Verdict::NotAssigned);
    }
    // Last, because it hashes.
    if placeholder::is_published(value) {
        return refuted(Verdict::Placeholder);
    }
    let verdict = if confidence < DOUBTFUL { Verdict::NotRandom } else { Verdict::Random };
    Judgement { confidence, verdicts: verdict.into() }
}

/// Whether a value stands for a secret, names one, or is public by its form: whatever its name, it is none. The key of a
/// baseline of keyscan's is public, and what a marker is named after is no value.
pub(crate) fn vetoes(text: &[u8], name: &Range<usize>, secret: &Range<usize>) -> bool {
    let value = &text[secret.clone()];
    value.eq_ignore_ascii_case(&text[name.clone()])
        || text[..name.start].ends_with(b"keyscan ")
        || text[..name.start].ends_with(b"[REDACTED:")
        || naming::of_nonce(&text[name.clone()])
        || naming::names_secret(value)
        || naming::is_variable(value)
        || notation::is_hash(value)
        || notation::is_number(value)
        || notation::is_key_binding(value)
        || notation::is_escapes(value)
        || notation::is_file(value)
        || notation::is_reference(value)
        || notation::is_date_form(value)
        || naming::is_label(value)
        || is_numeric_argument(text, name, secret)
        || is_text_in_hex(value)
        || placeholder::is_placeholder(value)
        || weak::is_weak(value)
        || weak::is_algorithm(value)
        || structure::is_public_key(value)
}

/// Whether a value is a number, and an argument behind the one that its name is.
fn is_numeric_argument(text: &[u8], name: &Range<usize>, secret: &Range<usize>) -> bool {
    let glue = text.get(name.end..secret.start).unwrap_or_default();
    secret.len() <= MAX_NUMBER && glue.contains(&b',') && text[secret.clone()].iter().all(u8::is_ascii_digit)
}

/// Numbers of telephones and times are no longer.
const MAX_NUMBER: usize = 14;

/// Whether it is the digits of bytes that are a text, and no drawn one.
fn is_text_in_hex(value: &[u8]) -> bool {
    let decoded = || data_encoding::HEXLOWER_PERMISSIVE.decode(value).ok();
    let is_chosen =
        |text: Vec<u8>| text.iter().all(|byte| matches!(byte, b' '..=b'~')) && !randomness::is_random(&text);
    value.len() >= MIN_HEX_TEXT && value.iter().all(u8::is_ascii_hexdigit) && decoded().is_some_and(is_chosen)
}

/// Fewer digits may be those of a text by chance.
const MIN_HEX_TEXT: usize = 14;

/// Whether a value of no known structure is a word or a name that stands for a secret.
fn is_made_up(kind: Kind, secret: &[u8]) -> bool {
    match kind {
        Kind::Distinctive | Kind::Identifier => naming::is_camel_case(secret),
        Kind::Structural => {
            placeholder::is_conventional_text(secret)
                || naming::ends_sentence(secret)
                || naming::names_secret(secret)
                || is_short_word(secret)
        }
        Kind::Contextual => naming::names_secret(secret),
        // These have a judge of their own.
        Kind::Generic => false,
    }
}

/// Whether it is letters that read like a word, and so few that they may be one.
fn is_short_word(secret: &[u8]) -> bool {
    secret.len() < 10
        && secret.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
        && judge::surprise::of(secret) < LEAST_SURPRISE
}

/// What random letters cost at least, in bits each, and words hardly ever.
const LEAST_SURPRISE: f32 = 5.5;

/// Whether the text of a value in base64 stands for a secret. A frame that asks for base64 speaks for what is in it.
fn is_made_up_text(rule: &Rule, text: &[u8]) -> bool {
    let framed = rule.kind == Kind::Structural && rule.structure.is_none();
    if framed { placeholder::is_one_word_again(text) } else { placeholder::is_conventional_text(text) }
}
