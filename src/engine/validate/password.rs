//! Could a value under the name of a password be one that someone chose? Not drawn at random, and no word either.

use super::{naming, placeholder, randomness};
use crate::engine::wordset::WordSet;

const MIN_LEN: usize = 5;
const MAX_LEN: usize = 64;

/// Whether `value` can be a chosen password. Words, names and what code says of passwords surprise little; what is left
/// is letters that make no word, words among digits and signs, and keyboards struck by hand.
pub(super) fn is_chosen(value: &[u8], quoted: bool) -> bool {
    (MIN_LEN..=MAX_LEN).contains(&value.len())
        && value.iter().all(u8::is_ascii_graphic)
        && !is_name(value)
        && !placeholder::is_conventional_text(value)
        && !is_periodic(value)
        && (surprises(value, quoted) || surprises(without_end(value), quoted))
}

fn surprises(value: &[u8], quoted: bool) -> bool {
    value.len() >= MIN_LEN && randomness::surprise(value) >= least_surprise(value, quoted)
}

/// What is left without the digits and signs that people put at the end.
fn without_end(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |last| last + 1);
    &value[..end]
}

/// Words that are part of a name rather than of a password, in lower case.
static NAMES: WordSet = WordSet::new(&[b"password", b"passwd", b"passwort", b"passphrase"]);

/// Whether it is a name, a path, a reference or a hash rather than a password.
fn is_name(value: &[u8]) -> bool {
    let named = value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')).count();
    let called = value.get(named) == Some(&b'(');
    let markup = matches!(value[0], b'{' | b'<' | b'+') || called || value.ends_with(b":") || value.starts_with(b"--");
    markup
        || value[0] == b'/'
        || NAMES.is_in(value)
        || naming::is_hash(value)
        || naming::is_constant(value)
        || naming::names_secret(value)
        || naming::is_variable(value)
        || naming::is_reference(value)
        || naming::is_member_path(value)
        || naming::is_path(value)
        || naming::is_slug(value)
        || randomness::is_uuid(value)
}

/// Whether it is a short piece over and over: `aaaaa`, `asdfasdf`.
fn is_periodic(value: &[u8]) -> bool {
    (1..=value.len() / 2).any(|period| value.iter().zip(&value[period..]).all(|(a, b)| a == b))
}

/// How much a value has to surprise, in bits a letter, so that hardly any word or name does. Short values vary more, and
/// what is not quoted may be code.
fn least_surprise(value: &[u8], quoted: bool) -> f32 {
    let len = value.len();
    if value.iter().all(u8::is_ascii_alphabetic) {
        return match len {
            0..=6 if quoted => 5.0,
            0..=8 if !quoted => 5.25,
            9..=11 => 4.75,
            _ if quoted => 4.75,
            _ => 5.0,
        };
    }
    if value.iter().all(u8::is_ascii_digit) {
        return f32::INFINITY;
    }
    let signs = value.iter().filter(|byte| !byte.is_ascii_alphanumeric()).count();
    match (signs, len) {
        (0, 0..=6) => 5.0,
        (0, _) => 4.25,
        (_, 0..=6) => f32::INFINITY,
        _ if value.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'.')) => 4.9,
        _ => 4.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Sample;

    #[test]
    fn letters_that_make_no_word() {
        for template in ["{lower:8}", "{lower:12}", "{lower-alnum:10}", "{base62:12}", "{lower:8}1#{digits:3}"] {
            let sample = Sample::parse(template).unwrap();
            let found = (0..1000).filter(|&seed| is_chosen(&sample.fill(seed, None).text, true)).count();
            assert!(found >= 850, "{template}: {found} of 1000");
        }
    }

    #[test]
    fn words_names_and_references() {
        for text in [
            "hunter",
            "password1",
            "letmein",
            "supersecret",
            "correcthorse",
            "newPassword",
            "PGPASSWORD",
            "DB_ROOT_PASSWORD",
            "$db_pwd",
            "/etc/passwd",
            "aaaaaaa",
            "xyzxyzxyz",
            "cfg.Password",
            "pw",
            "getenv(X)",
            "correct horse",
            "12345678",
        ] {
            assert!(!is_chosen(text.as_bytes(), true), "{text}: {}", randomness::surprise(text.as_bytes()));
        }
    }
}
