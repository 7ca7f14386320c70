//! The assignment grammar: a telling name, an operator, a value.
//!
//! A byte machine without a regex, started at a stem of the name (`secret`, `token` ...). It walks over the rest of the
//! name, closing quotes and brackets, a type (`: string`, `String`), the operator (`=`, `:`, `:=`, `=>`, `->`, `,`, `>` ...)
//! and a wrapper (`b"`, `String(`, `[]byte(`), and takes what stands in quotes, or a bare word up to a delimiter. Each
//! step has a bound, so that an attempt looks at no more than [`crate::rule::MAX_ASSIGNMENT_LEN`] bytes.

use std::ops::Range;

use super::matcher::Attempt;

const MAX_NAME: usize = 48;
const MAX_SPACE: usize = 24;
const MAX_OPERATOR: usize = 4;
const MAX_WORD: usize = 24;
const MAX_VALUE: usize = 400;

/// Names that end with one of these words hold something about a secret, not the secret.
const ABOUT: &[&str] = &[
    "id",
    "ids",
    "name",
    "names",
    "url",
    "uri",
    "path",
    "file",
    "filename",
    "type",
    "count",
    "size",
    "len",
    "length",
    "limit",
    "expiry",
    "expires",
    "expiration",
    "timeout",
    "ttl",
    "endpoint",
    "version",
    "prefix",
    "suffix",
    "format",
    "header",
    "label",
    "description",
    "pattern",
    "regex",
    "schema",
    "class",
    "index",
    "policy",
    "hash",
    "arn",
    "ref",
    "user",
    "username",
    "login",
    "email",
    "host",
    "hostname",
    "domain",
    "region",
    "issuer",
    "audience",
    "algorithm",
    "alg",
    "status",
    "spec",
    "env",
    "algorithms",
    "default",
    "doc",
    "docs",
    "message",
    "msg",
    "error",
    "title",
    "hint",
    "placeholder",
    "field",
];

/// Names that hold one of these, in lower case, hold what is no credential: guards of forms, cursors of lists, keys of
/// requests, and what only begins like a stem.
const NO_CREDENTIAL: &[&str] = &[
    "csrf",
    "xsrf",
    "continuation",
    "nextpage",
    "next_page",
    "next-page",
    "pagetoken",
    "page_token",
    "page-token",
    "nexttoken",
    "next_token",
    "cancellation",
    "canceltoken",
    "idempotency",
    "publishable",
    "tokeniz",
    "tokenis",
    "secretar",
    "credentialspec",
    "publickey",
    "public_key",
    "public-key",
    "authenticity",
    "algorithm",
];

/// How far before a name the URL of a badge is looked for: its token is there for all to see.
const MAX_URL: usize = 160;
const BADGES: &[&[u8]] = &[b"badge", b"shields.io"];

/// What ends a value that is not quoted, besides white space.
const BARE_ENDS: &[u8] = b"\"'`,;<>(){}[]&|\\=";

/// The shortest value that is worth judging.
const MIN_VALUE: usize = 8;

/// Tries the grammar at `start`, where a stem of a name stands. Also answers where the value stands, and how many bytes
/// were looked at. Of an attempt that is incomplete, the value starts no earlier than the range, which is empty.
pub(crate) fn attempt(text: &[u8], start: usize, more: bool) -> (Attempt, Range<usize>, usize) {
    let mut machine = Machine { text, at: start, ran_out: false, seen_to: start, value_from: None };
    let value = machine.assignment().filter(|value| !is_elided(&text[value.clone()]) && !is_badge(text, start));
    let looked_at = machine.seen_to - start;
    // Where the text ended under the machine, more text could have changed what it saw.
    if machine.ran_out && more {
        let from = machine.value_from.unwrap_or(text.len());
        return (Attempt::Incomplete, from..from, 0);
    }
    match value {
        Some(value) if value.len() >= MIN_VALUE => (Attempt::Match(value.end), value, looked_at),
        _ => (Attempt::NoMatch, 0..0, looked_at),
    }
}

struct Machine<'t> {
    text: &'t [u8],
    at: usize,
    ran_out: bool,
    /// Everything before this was looked at.
    seen_to: usize,
    /// The value does not start before this; `None` where it has not come yet.
    value_from: Option<usize>,
}

impl Machine<'_> {
    fn peek(&mut self) -> Option<u8> {
        let byte = self.text.get(self.at).copied();
        self.ran_out |= byte.is_none();
        self.seen_to = self.seen_to.max(self.at + 1);
        byte
    }

    /// Skips at most `most` bytes for which `is` holds; answers how many.
    fn skip(&mut self, most: usize, is: impl Fn(u8) -> bool) -> usize {
        let start = self.at;
        while self.at - start < most && self.peek().is_some_and(&is) {
            self.at += 1;
        }
        self.at - start
    }

    fn assignment(&mut self) -> Option<Range<usize>> {
        let stem = self.at;
        self.skip(MAX_NAME, is_name);
        let head =
            self.text[stem.saturating_sub(MAX_NAME)..stem].iter().rev().take_while(|byte| is_name(**byte)).count();
        if is_about(&self.text[stem..self.at]) || is_no_credential(&self.text[stem - head..self.at]) {
            return None;
        }
        self.closers();
        let spaces = self.skip(MAX_SPACE, is_space);
        let mut operator = self.operator();
        if operator.is_empty() {
            // `name string = `, `name String := `: a type between the name and the operator.
            if spaces == 0 || self.skip(MAX_WORD, is_type) == 0 {
                return None;
            }
            self.skip(MAX_SPACE, is_space);
            operator = self.operator();
            if operator.is_empty() {
                return None;
            }
        } else if operator == b":" {
            self.annotation();
        }
        // The value of an element may stand on a line of its own.
        if operator == b">" {
            self.skip(MAX_SPACE, |b| b.is_ascii_whitespace());
        } else {
            self.skip(MAX_SPACE, is_space);
        }
        self.value_from = Some(self.at);
        self.wrapper();
        // Behind a comma, a bare word is an argument: a name.
        let quoted = matches!(self.peek(), Some(b'"' | b'\'' | b'`' | b'\\'));
        if operator.ends_with(b",") && !quoted { None } else { self.value() }
    }

    /// Quotes and brackets that end the name: `"name"`, `name]`, `\"name\"`.
    fn closers(&mut self) {
        self.skip(4, |b| matches!(b, b'"' | b'\'' | b'`' | b'\\' | b']' | b')' | b'}'));
    }

    fn operator(&mut self) -> Vec<u8> {
        let start = self.at;
        let len = self
            .skip(MAX_OPERATOR, |b| matches!(b, b'=' | b':' | b'>' | b'?' | b'+' | b'.' | b'|' | b'-' | b'!' | b','));
        let operator = &self.text[start..start + len];
        let assigns = operator.iter().any(|b| matches!(b, b'=' | b':' | b'>' | b','));
        // A comparison says nothing about what is stored, and what follows a path is its next name.
        if assigns && !operator.starts_with(b"!") && operator != b"::" { operator.to_vec() } else { Vec::new() }
    }

    /// After `name:` a type may stand before the operator proper: `name: &str = `, `name: string = `.
    fn annotation(&mut self) {
        let back = self.at;
        self.skip(MAX_SPACE, is_space);
        // What may be a type may be the value.
        self.value_from = Some(self.at);
        if self.skip(MAX_WORD, is_type) > 0 {
            self.skip(MAX_SPACE, is_space);
            let equals = self.at;
            if self.peek() == Some(b'=') {
                self.at = equals + 1;
                return;
            }
        }
        self.at = back;
    }

    /// What may stand between the operator and the value: `b"`, `@"`, `String(`, `[]byte(`, `new X(`, `[`.
    fn wrapper(&mut self) {
        let back = self.at;
        self.skip(MAX_WORD, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'[' | b']' | b'@' | b'$' | b':')
        });
        let opened = self.skip(2, |b| matches!(b, b'(' | b'[')) > 0;
        if !(opened && matches!(self.peek(), Some(b'"' | b'\'' | b'`'))) {
            self.at = back;
            let prefix = self.skip(2, |b| matches!(b, b'b' | b'r' | b'u' | b'f' | b'@' | b'L' | b'['));
            if prefix > 0 && !matches!(self.peek(), Some(b'"' | b'\'' | b'`')) {
                self.at = back;
            }
        }
    }

    fn value(&mut self) -> Option<Range<usize>> {
        let escaped = self.peek() == Some(b'\\');
        if escaped {
            self.at += 1;
        }
        let quote = match self.peek() {
            Some(quote @ (b'"' | b'\'' | b'`')) => Some(quote),
            _ if escaped => return None,
            _ => None,
        };
        let Some(quote) = quote else { return self.bare() };
        // Three quotes are one long one.
        self.skip(3, |b| b == quote);
        let start = self.at;
        self.value_from = Some(start);
        self.skip(MAX_VALUE, |b| b != quote && b != b'\n' && b != b'\r' && !(escaped && b == b'\\'));
        let end = self.at;
        (self.peek() == Some(quote) || self.peek() == Some(b'\\')).then_some(start..end)
    }

    fn bare(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let len = self.skip(MAX_VALUE, |b| b.is_ascii_graphic() && !BARE_ENDS.contains(&b));
        // Base64 may be padded; an equals sign that goes on is another assignment.
        let padding = self.skip(2, |b| b == b'=');
        let next = self.peek();
        let padded = padding == 0 || next.is_none_or(|b| !b.is_ascii_graphic() || BARE_ENDS.contains(&b));
        // A call, an index or a template is no value; a word that goes on past the bound is a blob.
        let plain = next.is_none_or(|b| !matches!(b, b'(' | b'[' | b'{')) && len < MAX_VALUE;
        (padded && plain).then_some(start..self.at)
    }
}

/// Whether the last word of a name says that it holds something about a secret: `token_id`, `tokenId`.
fn is_about(name: &[u8]) -> bool {
    ABOUT.iter().any(|word| {
        let Some(start) = name.len().checked_sub(word.len()) else { return false };
        let (head, last) = name.split_at(start);
        let starts_word = match (head.last(), last.first()) {
            (Some(before), Some(first)) => {
                !before.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && first.is_ascii_uppercase())
            }
            _ => true,
        };
        starts_word && last.eq_ignore_ascii_case(word.as_bytes())
    })
}

/// Whether a name says that it holds no credential.
fn is_no_credential(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    NO_CREDENTIAL.iter().any(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some())
}

/// Whether a value was cut short for its readers, or is a URL: what is secret in one has a name or a frame of its own.
fn is_elided(value: &[u8]) -> bool {
    value.ends_with(b"...") || value.ends_with("…".as_bytes()) || memchr::memmem::find(value, b"://").is_some()
}

/// Whether the name at `text[start]` is a parameter of the URL of a badge.
fn is_badge(text: &[u8], start: usize) -> bool {
    let before = &text[start.saturating_sub(MAX_URL)..start];
    let word = before.rsplit(u8::is_ascii_whitespace).next().unwrap_or(before);
    let is_parameter = word.ends_with(b"?") || word.ends_with(b"&");
    is_parameter && BADGES.iter().any(|badge| memchr::memmem::find(word, badge).is_some())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_type(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'&' | b'*' | b'[' | b']' | b'?' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<&str> {
        let (attempt, value, _) = attempt(text.as_bytes(), text.find("token").unwrap(), false);
        (attempt != Attempt::NoMatch).then(|| &text[value])
    }

    #[test]
    fn values_are_found_in_many_syntaxes() {
        for text in [
            "token=quartz-0123",
            "my_token_1 = \"quartz-0123\"",
            "\"token\": \"quartz-0123\"",
            "'token' => 'quartz-0123'",
            "token := `quartz-0123`",
            "token: quartz-0123\n",
            "token ::= quartz-0123",
            "<token>quartz-0123</token>",
            "let token: &str = \"quartz-0123\";",
            "var token string = \"quartz-0123\"",
            "token = []byte(\"quartz-0123\")",
            "token = String::from(\"quartz-0123\")",
            "token = b'quartz-0123'",
            "{\\\"token\\\": \\\"quartz-0123\\\"}",
            "token = \"\"\"quartz-0123\"\"\"",
            "--token=quartz-0123 run",
            "(\"token\", \"quartz-0123\")",
            "env['token'] = 'quartz-0123'",
            "token ?= quartz-0123",
            "<token>\n    quartz-0123\n</token>",
        ] {
            assert_eq!(value(text), Some("quartz-0123"), "{text}");
        }
    }

    #[test]
    fn no_value_is_made_up() {
        for text in [
            "token",
            "token = get_token(1)",
            "token != \"quartz-0123\"",
            "the token is there",
            "token = \"short\"",
            "token = items[0]",
            "check(token, quartz0123)",
            "token::quartz0123",
            "token_username = \"quartz-0123\"",
            "csrf-token = \"quartz-0123\"",
            "tokenizer = \"quartz-0123\"",
            "nextPage_token: quartz-0123",
            "token = \"quartz-0123...\"",
            "token = \"https://example.com/quartz\"",
            "https://example.com/graph/badge.svg?token=quartz-0123",
            "token=quartz=0123",
        ] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn an_answer_that_more_text_could_change_is_withheld() {
        let text = "token = \"quartz-0123\";";
        let whole = attempt(text.as_bytes(), 0, false);
        for cut in 0..text.len() {
            let (cut, value, _) = attempt(&text.as_bytes()[..cut], 0, true);
            assert!(cut == Attempt::Incomplete || (cut, value) == (whole.0.clone(), whole.1.clone()));
        }
    }
}
