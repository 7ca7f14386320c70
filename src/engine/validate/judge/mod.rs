//! Is a value that is assigned to a telling name a secret?
//!
//! A linear model over what can be seen of the value and of what stands before it: the words of the name, the operator,
//! the quote; how long the value is, of what bytes, in what order, and how little it reads like a word. Its weights were
//! learnt from the code of published packages and from generated values, and are a file that can be read:
//! `patterns/judge.txt`. `docs/accuracy.md` says how well it does.
//!
//! It looks at no more than 160 bytes before the stem of a name, at the value and at one byte after it, so that it says
//! the same of a stream as of a file.

mod explain;
pub(crate) mod features;
mod forms;
mod model;
mod shape;
pub(crate) mod surprise;
mod words;

use std::ops::Range;

use self::model::Sum;
pub(crate) use self::model::{SCALE, WEIGHTS};
use crate::engine::assign;

/// How sure a value is to be a secret, from 0 to 1: half, where the model would as soon say no.
pub(super) fn confidence(text: &[u8], name: &Range<usize>, value: &Range<usize>) -> f32 {
    let mut sum = Sum::new();
    features::features(text, name, &first_of(text, value), &mut sum);
    (1.0 / (1.0 + (-sum.score()).exp())).min(MOST)
}

/// Whether a value is letters that read like words, with what joins words: it is no secret whatever its name, which is
/// seen at a glance. What is escaped joins words, too.
pub(crate) fn is_words(text: &[u8], value: &Range<usize>) -> bool {
    let value = &text[first_of(text, value)];
    let (mut meter, mut at) = (surprise::Meter::new(), 0);
    while let Some(&byte) = value.get(at) {
        let symbol = OF_WORDS[usize::from(byte)];
        at += match symbol {
            OTHER => return false,
            ESCAPE => match escape(&value[at..]) {
                Some(len) => len,
                None => return false,
            },
            _ => 1,
        };
        if at <= shape::MAX_SEEN {
            meter.add_symbol(usize::from(symbol).min(surprise::JOINT));
        }
    }
    meter.mean() < MAX_OF_WORDS
}

/// The symbols of what words and the joints between them are written with; beyond these, what may be an escape, and what
/// stands in no words.
static OF_WORDS: [u8; 256] = {
    let (mut table, mut byte) = ([OTHER; 256], 0);
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => surprise::symbol(byte as u8) as u8,
            b' ' | b'_' | b'-' | b'.' | b',' | b':' | b'=' | b'/' | b'(' | b')' | b'[' | b']' => surprise::JOINT as u8,
            b'%' | b'\\' => ESCAPE,
            _ => OTHER,
        };
        byte += 1;
    }
    table
};

const ESCAPE: u8 = surprise::SYMBOLS as u8;
const OTHER: u8 = ESCAPE + 1;

/// How long the escape of a byte or a letter is with which a text begins: `%2F`, `\x00`, `\u00e9`.
fn escape(text: &[u8]) -> Option<usize> {
    let slashes = text.iter().take_while(|byte| **byte == b'\\').count();
    let (from, digits) = match text.get(slashes)? {
        b'%' => (1, 2),
        b'x' => (slashes + 1, 2),
        b'u' => (slashes + 1, 4),
        _ => return None,
    };
    let hex = text.get(from..from + digits)?;
    hex.iter().all(u8::is_ascii_hexdigit).then_some(from + digits)
}

/// What words cost at most, in bits a letter, and what is drawn hardly ever does: of values of eight lower-case letters
/// one in 250.
const MAX_OF_WORDS: f32 = 4.5;

/// The first value of a list, which stands for all of them.
fn first_of(text: &[u8], value: &Range<usize>) -> Range<usize> {
    let quote = value.start.checked_sub(1).map(|at| text[at]).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let end = quote.and_then(|quote| memchr::memchr(quote, &text[value.clone()]));
    value.start..end.map_or(value.end, |end| value.start + end)
}

/// No judgement of this kind is surer.
const MOST: f32 = 0.97;

/// What weighed most for the judgement and against it, in words, with its weight in nats: at most `count`.
pub(crate) fn reasons(text: &[u8], stem: usize, value: &Range<usize>, count: usize) -> Vec<(String, f32)> {
    let mut reasons = model::Reasons::default();
    features::features(text, &assign::name_at(text, stem), &first_of(text, value), &mut reasons);
    explain::most(reasons.0, count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rule::Sample;

    /// The confidence in the value that a template marks, under the name that stands before it.
    fn confidence_in(template: &str, stem: &str, seed: u64) -> f32 {
        let filled = Sample::parse(template).unwrap().fill(seed, None);
        let at = memchr::memmem::find(&filled.text, stem.as_bytes()).unwrap();
        confidence(&filled.text, &assign::name_at(&filled.text, at), &filled.secret)
    }

    #[test]
    fn what_is_drawn_is_a_secret_under_a_name_that_promises_one() {
        for (template, stem) in [
            ("db_password = \"|{base62:16}|\"\n", "pass"),
            ("api_key: |{hex:32}|\n", "key"),
            ("\"clientSecret\": \"|{base64url:43}|\",", "Secret"),
            ("export GITHUB_TOKEN=|{lower-alnum:24}|\n", "TOKEN"),
            ("<password>|{lower:8}{digits:3}|</password>", "pass"),
        ] {
            let found = (0..200).filter(|&seed| confidence_in(template, stem, seed) >= 0.5).count();
            assert!(found >= 190, "{template}: {found} of 200");
        }
    }

    #[test]
    fn what_is_a_word_or_has_another_name_is_none() {
        for (template, stem) in [
            ("password: |Enter your password|\n", "pass"),
            ("\"primaryKeyName\": \"|customer_{lower:2}|\"", "Key"),
            ("let token = |next_token|;", "token"),
            ("cache_key = \"|{hex:8}|\"", "key"),
            ("author = \"|{lower:8}|\"", "auth"),
        ] {
            let found = (0..200).filter(|&seed| confidence_in(template, stem, seed) >= 0.5).count();
            // Short drawn values are near the bar under any name.
            assert!(found <= 40, "{template}: {found} of 200");
        }
    }

    proptest! {
        #[test]
        fn tables_say_what_the_features_say_one_by_one(
            name in "(db_password|apiKey|next_token|SECRET|x)",
            glue in "( = \"|: |=|=>'|, \\\\\")",
            value in "([a-z]{1,9}|[A-Za-z0-9+/=]{4,24}|[0-9a-f]{8}|[ -~]{1,8}|test|\u{e9}){1,4}",
        ) {
            let text = format!("let {name}{glue}{value}\";\n");
            let (name, start) = (4..4 + name.len(), 4 + name.len() + glue.len());
            let value = start..start + value.len();
            let (mut sum, mut all) = (Sum::new(), model::Reasons::default());
            features::features(text.as_bytes(), &name, &value, &mut sum);
            features::features(text.as_bytes(), &name, &value, &mut all);
            let weights: f32 = all.0.iter().map(|(.., weight)| weight).sum();
            prop_assert_eq!(sum.score(), Sum::new().score() + weights);
        }

        #[test]
        fn words_are_letters_that_cost_little(
            value in "([a-z]{1,9}|[A-Z][a-z]{2,9}|[ _.,:=/()-]|%2[0-9A-F]|\\\\{1,2}x0[0-9]|\\\\u00e9|[\\[\\]{'0-9]){1,30}"
        ) {
            let value = value.as_bytes();
            prop_assert_eq!(is_words(value, &(0..value.len())), are_words_plainly(value));
        }
    }

    /// The same, in two passes: escapes are made spaces, then all is looked at.
    fn are_words_plainly(value: &[u8]) -> bool {
        let (mut words, mut at) = (Vec::new(), 0);
        while at < value.len() {
            let len = if matches!(value[at], b'%' | b'\\') { escape(&value[at..]) } else { Some(1) };
            let Some(len) = len else { return false };
            words.push((at + len, if len > 1 { b' ' } else { value[at] }));
            at += len;
        }
        let is_part = |byte: u8| byte.is_ascii_alphabetic() || b" _-.,:=/()[]".contains(&byte);
        let seen = words.iter().filter(|(end, _)| *end <= shape::MAX_SEEN);
        let seen: Vec<u8> = seen.map(|(_, byte)| if byte.is_ascii_alphabetic() { *byte } else { b' ' }).collect();
        words.iter().all(|(_, byte)| is_part(*byte)) && surprise::of(&seen) < MAX_OF_WORDS
    }

    #[test]
    fn reasons_are_words_of_the_model() {
        let filled = Sample::parse("my_quartz_password = \"|{base62:16}|\"").unwrap().fill(7, None);
        let reasons = reasons(&filled.text, 10, &filled.secret, 40);
        assert!(reasons.len() >= 3 && reasons.is_sorted_by(|a, b| a.1.abs() >= b.1.abs()), "{reasons:?}");
        assert!(reasons.iter().any(|(words, weight)| words.contains("\"password\"") && *weight > 0.0), "{reasons:?}");
        // A word of the text that is none of the model's is not told.
        assert!(!reasons.iter().any(|(words, _)| words.contains("quartz")), "{reasons:?}");
    }
}
