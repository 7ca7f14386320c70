//! The assignment grammar: a telling name, an operator, a value.
//!
//! A byte machine without a regex, started at a stem of the name (`secret`, `token` ...). It walks over the rest of the
//! name, closing quotes and brackets, a type (`: string`, `String`), the operator (`=`, `:`, `:=`, `=>`, `->`, `,`, `>` ...)
//! and a wrapper (`b"`, `String(`, `[]byte(`), and takes what stands in quotes, or a bare word up to a delimiter. Each
//! step has a bound, so that an attempt looks at no more than [`crate::rule::MAX_ASSIGNMENT_LEN`] bytes.

mod name;

use std::ops::Range;

use self::name::{MAX_NAME, is_name};
use super::matcher::Attempt;

const MAX_SPACE: usize = 24;
const MAX_OPERATOR: usize = 4;
const MAX_WORD: usize = 24;
const MAX_VALUE: usize = 400;

/// How far before a name the URL of a badge is looked for: its token is there for all to see.
const MAX_URL: usize = 160;
const BADGES: &[&[u8]] = &[b"badge", b"shields.io"];

/// What ends a value that is not quoted, besides white space.
const BARE_ENDS: &[u8] = b"\"'`,;<>(){}[]&|\\=";

/// The shortest value that is worth judging.
const MIN_VALUE: usize = 4;

/// Tries the grammar at `start`, where a stem of a name stands. Also answers where the value stands, and how many bytes
/// were looked at. Of an attempt that is incomplete, the value starts no earlier than the range, which is empty.
pub(crate) fn attempt(text: &[u8], start: usize, more: bool) -> (Attempt, Range<usize>, usize) {
    let mut machine = Machine { text, at: start, ran_out: false, seen_to: start, name_end: start, value_from: None };
    let value = machine.assignment();
    let (looked_at, may_change) = (machine.seen_to - start, machine.ran_out && more);
    if value.is_none() && !may_change {
        return (Attempt::NoMatch, 0..0, looked_at);
    }
    // A name that says no says so whatever follows it.
    let named = !more || machine.name_end < text.len();
    if named && name::is_of_no_secret(text, start..machine.name_end) {
        return (Attempt::NoMatch, 0..0, looked_at);
    }
    // Where the text ended under the machine, more text could have changed what it saw.
    if may_change {
        let from = machine.value_from.unwrap_or(text.len());
        return (Attempt::Incomplete, from..from, 0);
    }
    match value.filter(|value| value.len() >= MIN_VALUE && !is_elided(&text[value.clone()]) && !is_badge(text, start)) {
        Some(value) => (Attempt::Match(value.end), value, looked_at),
        None => (Attempt::NoMatch, 0..0, looked_at),
    }
}

/// Whether the value is assigned to what is called a password; an argument that follows it is not.
pub(crate) fn names_password(text: &[u8], stem: usize, value: &Range<usize>) -> bool {
    let name = name::around(text, stem);
    name.end <= value.start && name::is_password(&text[name.clone()]) && {
        let between = &text[name.end..value.start];
        !between.contains(&b',') && !between.starts_with(b"(")
    }
}

struct Machine<'t> {
    text: &'t [u8],
    at: usize,
    ran_out: bool,
    /// Everything before this was looked at.
    seen_to: usize,
    name_end: usize,
    /// The value does not start before this; `None` where it has not come yet.
    value_from: Option<usize>,
}

impl<'t> Machine<'t> {
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
        // The hyphen of an arrow is no part of a name.
        if self.at > stem && self.text[self.at - 1] == b'-' && self.peek() == Some(b'>') {
            self.at -= 1;
        }
        self.name_end = self.at;
        let closed = self.closers();
        if !closed && self.peek() == Some(b'(') {
            return self.argument(stem);
        }
        let spaces = self.skip(MAX_SPACE, is_space);
        // `name "value"`: settings without an operator.
        if !closed && spaces > 0 && self.at_quote() {
            self.value_from = Some(self.at);
            return self.value();
        }
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
        if !self.wrapper() {
            return None;
        }
        // Behind a comma, a bare word is an argument: a name. Behind an arrow it is a member, in a comparison a variable.
        let names = operator.ends_with(b",") || operator == b"->" || operator.starts_with(b"!");
        let quoted = self.at_quote() || self.peek() == Some(b'\\');
        if names && !quoted { None } else { self.value() }
    }

    /// `set_name("value")`, `string name("value")`, `name.assign("value")`.
    fn argument(&mut self, stem: usize) -> Option<Range<usize>> {
        let called = name::around(self.text, stem);
        if name::looks_up(&self.text[called.start..self.name_end]) {
            return None;
        }
        self.at += 1;
        self.value_from = Some(self.at);
        self.skip(1, |byte| byte == b'@');
        if self.at_quote() { self.value() } else { None }
    }

    fn at_quote(&mut self) -> bool {
        matches!(self.peek(), Some(b'"' | b'\'' | b'`'))
    }

    /// Quotes and brackets that end the name: `"name"`, `name]`, `\"name\"`, `name[25]`; answers whether there were any.
    fn closers(&mut self) -> bool {
        let back = self.at;
        if self.skip(1, |byte| byte == b'[') > 0 {
            self.skip(4, |byte| byte.is_ascii_digit());
            if self.peek() != Some(b']') {
                self.at = back;
            }
        }
        self.skip(4, |b| matches!(b, b'"' | b'\'' | b'`' | b'\\' | b']' | b')' | b'}'));
        self.at > back
    }

    fn operator(&mut self) -> &'t [u8] {
        let start = self.at;
        let len = self
            .skip(MAX_OPERATOR, |b| matches!(b, b'=' | b':' | b'>' | b'?' | b'+' | b'.' | b'|' | b'-' | b'!' | b','));
        let operator = &self.text[start..start + len];
        let assigns = operator.iter().any(|b| matches!(b, b'=' | b':' | b'>' | b','));
        // What follows a path is its next name.
        if assigns && operator != b"::" { operator } else { &[] }
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
    /// Answers whether a value may follow: what is looked up by a name is not that name.
    fn wrapper(&mut self) -> bool {
        let back = self.at;
        self.skip(MAX_WORD, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'[' | b']' | b'@' | b'$' | b':')
        });
        let called = back..self.at;
        let opened = self.skip(2, |b| matches!(b, b'(' | b'[')) > 0;
        if opened && name::looks_up(&self.text[called]) {
            return false;
        }
        if !(opened && matches!(self.peek(), Some(b'"' | b'\'' | b'`'))) {
            self.at = back;
            let prefix = self.skip(2, |b| matches!(b, b'b' | b'r' | b'u' | b'f' | b'@' | b'L' | b'['));
            if prefix > 0 && !matches!(self.peek(), Some(b'"' | b'\'' | b'`')) {
                self.at = back;
            }
        }
        true
    }

    fn value(&mut self) -> Option<Range<usize>> {
        let escaped = self.skip(3, |byte| byte == b'\\') > 0;
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
        // What a colon ends is the next name.
        let named = self.at > start && self.text[self.at - 1] == b':';
        (padded && plain && !named).then_some(start..self.at)
    }
}

/// Whether a value was cut short for its readers, or is a URL: what is secret in one has a name or a frame of its own.
fn is_elided(value: &[u8]) -> bool {
    value.ends_with(b"...") || value.ends_with("…".as_bytes()) || value.windows(3).any(|there| there == b"://")
}

/// Whether the name at `text[start]` is a parameter of the URL of a badge.
fn is_badge(text: &[u8], start: usize) -> bool {
    let before = &text[start.saturating_sub(MAX_URL)..start];
    let is_parameter = matches!(before.last(), Some(b'?' | b'&'));
    let word = || before.rsplit(u8::is_ascii_whitespace).next().unwrap_or(before);
    is_parameter && BADGES.iter().any(|badge| memchr::memmem::find(word(), badge).is_some())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_type(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'&' | b'*' | b'[' | b']' | b'?' | b'.')
}

#[cfg(test)]
mod tests;
