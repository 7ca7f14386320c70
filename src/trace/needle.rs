//! A secret that is looked for: its forms as rules, so that every door of the engine finds it.

use std::fmt;

use zeroize::Zeroizing;

use crate::engine::Scanner;
use crate::error::{Error, Result};
use crate::redact;
use crate::rule::{Foreign, ForeignSpec, Needs, Rule, RuleSet, SecretPart, Severity, WayIn};
use crate::secret::Secret;

/// Shorter values stand everywhere.
const MIN_LEN: usize = 4;
/// A value that is shorter than this is looked for as a whole word.
const MIN_FREE_LEN: usize = 8;
/// No credential is longer; service accounts and keys take a few kilobytes.
const MAX_LEN: usize = 16 * 1024;
/// So many forms, and so many bytes of them, make one rule: more have no literals of which each match holds one.
const RULE_FORMS: usize = 32;
const RULE_LEN: usize = 8 * 1024;
/// A line of a key that is a secret by itself.
const MIN_LINE: usize = 40;
/// The ids of the rules start so.
const RULE_ID: &str = "traced-secret";

/// How a secret is written at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// As it is.
    Plain,
    /// A part of it that is a secret itself: the password of a URL, a line of a key.
    Part,
    /// With characters escaped or quoted: for JSON, shells, SQL, HTML.
    Escaped,
    /// As in URLs.
    Percent,
    /// In base64, once or twice.
    Base64,
    /// In hexadecimal digits.
    Hex,
    /// In UTF-16.
    Utf16,
}

impl Form {
    /// The name used in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Form::Plain => "plain",
            Form::Part => "part",
            Form::Escaped => "escaped",
            Form::Percent => "percent-encoded",
            Form::Base64 => "base64",
            Form::Hex => "hex",
            Form::Utf16 => "utf-16",
        }
    }
}

/// A secret that is looked for.
pub struct Needle {
    secret: Secret,
    scanner: Scanner,
}

impl fmt::Debug for Needle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Needle({:?})", self.secret)
    }
}

impl Needle {
    /// A secret of 4 bytes to 16 KiB; white space around it is no part of it.
    ///
    /// # Errors
    /// When it is shorter or longer.
    pub fn new(value: &[u8]) -> Result<Needle> {
        let value = value.trim_ascii();
        if !(MIN_LEN..=MAX_LEN).contains(&value.len()) {
            let len = value.len();
            let why = format!("the secret has {len} bytes; one of {MIN_LEN} to {MAX_LEN} bytes can be traced");
            return Err(Error::config(why));
        }
        let mut forms: Vec<Zeroizing<Vec<u8>>> = telling_parts(value).into_iter().flat_map(redact::forms_of).collect();
        // Of the forms that start at a place the longest is taken.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        let mut rules = RuleSet::new();
        let mut rest = &forms[..];
        while !rest.is_empty() {
            let mut len = 0;
            let fitting = rest.iter().take(RULE_FORMS).take_while(|form| {
                len += form.len();
                len <= RULE_LEN
            });
            let (now, later) = rest.split_at(fitting.count().max(1));
            rules.extend([rule(rules.rules().len(), now)?]);
            rest = later;
        }
        Ok(Needle { secret: Secret::new(value), scanner: Scanner::new(rules).with_margin(MARGIN) })
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Finds the secret in all its forms, and nothing else.
    #[must_use]
    pub fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// How the secret is written in a text that was found.
    #[must_use]
    pub fn form(&self, found: &[u8]) -> Form {
        let secret = self.secret.expose();
        if telling_parts(secret).contains(&found) {
            return Form::Plain;
        }
        if memchr::memmem::find(secret, found).is_some() {
            return Form::Part;
        }
        if found.contains(&0) {
            return Form::Utf16;
        }
        let has = |byte: u8| found.contains(&byte);
        let is_hex = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'\\' | b'x');
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
        if found.iter().all(is_hex) {
            Form::Hex
        } else if has(b'%') && !has(b'\\') && !secret.contains(&b'%') {
            Form::Percent
        } else if found.iter().all(is_base64) {
            Form::Base64
        } else {
            Form::Escaped
        }
    }
}

/// What is looked for: the secret, or, of a key in lines, two of these. Wherever the key is, however its lines are ended,
/// indented, joined or encoded, they are; and a key of fifty lines has forms without number.
fn telling_parts(secret: &[u8]) -> Vec<&[u8]> {
    let lines: Vec<&[u8]> = lines_of(secret).filter(|line| line.len() >= MIN_LINE).collect();
    match lines[..] {
        // The first ones say which algorithm and how many bits.
        [_, _, second, .., last, _] => vec![second, last],
        [_, second, last] | [_, second, last, _] => vec![second, last],
        _ => vec![secret],
    }
}

/// The lines of a key, without its frame.
pub(super) fn lines_of(secret: &[u8]) -> impl Iterator<Item = &[u8]> {
    secret.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.starts_with(b"-----"))
}

/// So much text around a place tells what it is there for.
const MARGIN: usize = 512;

/// A rule that finds these forms.
fn rule(number: usize, forms: &[Zeroizing<Vec<u8>>]) -> Result<Rule> {
    let mut regex = Zeroizing::new(String::with_capacity(4 * forms.iter().map(|form| form.len() + 4).sum::<usize>()));
    for (at, form) in forms.iter().enumerate() {
        regex.push_str(if at == 0 { "" } else { "|" });
        let bound = |byte: Option<&u8>| {
            let is_word = byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            if is_word && form.len() < MIN_FREE_LEN { r"\b" } else { "" }
        };
        regex.push_str(bound(form.first()));
        for &byte in form.iter() {
            if byte.is_ascii_alphanumeric() {
                regex.push(char::from(byte));
            } else {
                regex.push_str(r"\x");
                let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
                regex.extend([digit(byte >> 4), digit(byte & 15)]);
            }
        }
        regex.push_str(bound(form.last()));
    }
    let spec = ForeignSpec {
        id: format!("{RULE_ID}-{number}"),
        description: "The secret that is traced".to_owned(),
        tool: ("keyscan", "keyscan"),
        severity: Severity::Critical,
        confidence: 1.0,
        regex: String::clone(&regex),
        foreign: Foreign { secret: SecretPart::Whole, entropy: None, nearby: Vec::new(), needs: Needs::default() },
    };
    // What is wrong with a regex would be said with its text.
    let (rule, _) = spec.admit().map_err(|_| Error::config("the secret cannot be looked for"))?;
    debug_assert!(matches!(rule.way_in, WayIn::Literals(_)), "a regex without literals runs over all text");
    Ok(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(secret: &str, text: &str) -> Vec<(u64, Form)> {
        let needle = Needle::new(secret.as_bytes()).unwrap();
        let findings = needle.scanner().scan(text.as_bytes());
        findings.iter().map(|found| (found.span.start, needle.form(found.secret.expose()))).collect()
    }

    #[test]
    fn a_secret_is_found_in_all_its_forms() {
        let secret = "q/7 Zk\"p2+wX";
        let base64 = data_encoding::BASE64.encode(secret.as_bytes());
        let hex = data_encoding::HEXLOWER.encode(secret.as_bytes());
        for (text, form) in [
            ("a q/7 Zk\"p2+wX b", Form::Plain),
            ("a q/7 Zk\\\"p2+wX b", Form::Escaped),
            ("a q%2F7%20Zk%22p2%2BwX b", Form::Percent),
            (&format!("a {base64} b"), Form::Base64),
            (&format!("a {hex} b"), Form::Hex),
        ] {
            assert_eq!(found(secret, text).iter().map(|found| found.1).collect::<Vec<_>>(), [form], "{text}");
        }
        let word = "tr0ubl3d-waters";
        assert_eq!(found(&format!("https://me:{word}@host/"), &format!("x {word} y")), [(2, Form::Part)]);
    }

    #[test]
    fn a_short_secret_is_a_word() {
        assert_eq!(found("rosebud", "rosebud, rosebuds, xrosebud"), [(0, Form::Plain)]);
    }

    #[test]
    fn what_cannot_be_traced_is_refused_and_nothing_shown() {
        let long = "k".repeat(MAX_LEN + 1);
        for value in ["", " \n", "abc", &long] {
            let error = Needle::new(value.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains("abc") && !error.contains("kkk"), "{error}");
        }
        let needle = Needle::new(b"rosebud-on-ice").unwrap();
        assert!(!format!("{needle:?}").contains("rose"));
    }

    #[test]
    fn a_key_in_lines_is_found_however_they_are_kept() {
        let line =
            |seed: u32| (0..64).map(move |at| char::from(b'A' + ((at * 7 + seed * 11 + at * at * seed) % 26) as u8));
        let body: Vec<String> = (0..26).map(|seed| line(seed).collect()).collect();
        let text = format!("-----BEGIN X-----\n{}\n-----END X-----", body.join("\n"));
        let needle = Needle::new(text.as_bytes()).unwrap();
        assert!(needle.scanner().rules().len() < 12);
        let forms = |text: &str| -> Vec<Form> {
            needle.scanner().scan(text.as_bytes()).iter().map(|found| needle.form(found.secret.expose())).collect()
        };
        assert_eq!(forms(&format!("key: |\n{text}\n")), [Form::Plain, Form::Plain]);
        assert_eq!(forms(&text.replace('\n', "\n    ")), [Form::Plain, Form::Plain]);
        assert_eq!(forms(&text.replace('\n', "\\n")), [Form::Plain, Form::Plain]);
        assert_eq!(forms(&data_encoding::BASE64.encode(text.as_bytes())), [Form::Base64, Form::Base64]);
    }
}
