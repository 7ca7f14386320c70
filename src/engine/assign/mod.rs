//! The assignment grammar: a telling name, an operator, a value.
//!
//! A byte machine without a regex, started at a stem of the name (`secret`, `token` ...). It walks over the rest of the
//! name, closing quotes and brackets, a type (`: string`, `String`), the operator (`=`, `:`, `:=`, `=>`, `->`, `,`, `>` ...)
//! and a wrapper (`b"`, `String(`, `[]byte(`), and takes what stands in quotes, or a bare word up to a delimiter. Each
//! step has a bound, so that an attempt looks at no more than [`crate::rule::MAX_ASSIGNMENT_LEN`] bytes.

mod between;
mod name;
mod value;

use std::ops::Range;

use self::between::Wrapped;
use self::name::{MAX_NAME, is_name};
use super::matcher::Attempt;

const MAX_SPACE: usize = 24;
const MAX_WORD: usize = 24;
/// The longest name of a user that is given with the password.
const MAX_USER: usize = 64;

/// How far before a name the URL of a badge is looked for: its token is there for all to see.
const MAX_URL: usize = 160;
const BADGES: &[&[u8]] = &[b"badge", b"shields.io"];

/// How far before a name its line may start for it to lead it. Nothing that stands farther before it decides whether there
/// is a value.
pub(super) const MAX_LEAD: usize = 64;

/// The shortest value that is worth judging.
const MIN_VALUE: usize = 4;

/// Tries the grammar at `start`, where a stem of a name stands. Also answers where the value stands, and how many bytes
/// were looked at. Of an attempt that is incomplete, the value starts no earlier than the range, which is empty. One that
/// failed has a value when what stands far before the name was asked, too.
pub(crate) fn attempt(text: &[u8], start: usize, more: bool) -> (Attempt, Range<usize>, usize) {
    let mut machine =
        Machine { text, at: start, ran_out: false, seen_to: start, name_end: start, value_from: None, in_list: false };
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
    let is_value = |value: &Range<usize>| {
        let there = &text[value.clone()];
        there.len() >= MIN_VALUE && !is_elided(there) && !is_badge(text, start) && !is_host(text, start, there)
    };
    match value {
        Some(value) if is_value(&value) => (Attempt::Match(value.end), value, looked_at),
        value => (Attempt::NoMatch, value.unwrap_or(0..0), looked_at),
    }
}

/// The name around the stem at `text[stem]`.
pub(crate) fn name_at(text: &[u8], stem: usize) -> Range<usize> {
    name::around(text, stem)
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
    /// A bracket was opened before the value.
    in_list: bool,
}

impl<'t> Machine<'t> {
    fn peek(&mut self) -> Option<u8> {
        self.peek_at(0)
    }

    /// Skips at most `most` bytes for which `is` holds; answers how many.
    fn skip(&mut self, most: usize, is: impl Fn(u8) -> bool) -> usize {
        let start = self.at;
        while self.at - start < most && self.peek().is_some_and(&is) {
            self.at += 1;
        }
        self.at - start
    }

    /// The byte so many bytes behind the next one.
    fn peek_at(&mut self, ahead: usize) -> Option<u8> {
        let byte = self.text.get(self.at + ahead).copied();
        self.ran_out |= byte.is_none();
        self.seen_to = self.seen_to.max(self.at + ahead + 1);
        byte
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
        let in_brackets = closed && matches!(self.text[self.at - 1], b']' | b')' | b'}');
        if !closed {
            match self.peek() {
                Some(b'(' | b'{') => return self.argument(stem),
                Some(b'<') if self.pair_of_elements() => return self.taken(),
                _ => {}
            }
        }
        let spaces = self.skip(MAX_SPACE, is_space);
        if spaces > 0 && self.is_set(stem, closed) {
            return self.taken();
        }
        let mut operator = self.operator();
        let leads = matches!(operator, b"=" | b":" | b":=" | b"=>" | b"?=" | b"::=") && leads_line(self.text, stem);
        if operator.is_empty() || operator == b"," {
            if self.value_field() || operator.is_empty() && self.alternative(closed) {
                return self.taken();
            }
            if operator == b"," && in_brackets && name::is_of_environment(self.text, stem) {
                return None;
            }
        }
        if operator.is_empty() {
            // `name string = `, `name String := `: a type between the name and the operator.
            if spaces == 0 || !self.typed() {
                return None;
            }
            if self.at_quote() {
                return self.taken();
            }
            operator = self.operator();
            // Behind a quote that closes stands the next name: `"no secret" pod="web-7f9c"`.
            if closed || !operator.contains(&b'=') {
                return None;
            }
        } else if operator == b":" {
            self.annotation();
        }
        self.lead_in(operator);
        self.value_from = Some(self.at);
        match self.wrapper() {
            Wrapped::Value => {}
            Wrapped::Bytes(bytes) => return Some(bytes),
            Wrapped::LookedUp => return None,
        }
        // Behind a comma, a bare word is an argument: a name. Behind an arrow it is a member, in a comparison a variable.
        let names = operator.ends_with(b",") || operator == b"->" || operator.starts_with(b"!");
        let quoted = self.at_quote() || self.peek() == Some(b'\\');
        if names && !quoted {
            return None;
        }
        let value = self.value(leads)?;
        let value = if quoted { self.of_pair(stem, value) } else { value };
        (operator != b">" || !self.is_key(&value)).then_some(value)
    }

    /// The value that stands here.
    fn taken(&mut self) -> Option<Range<usize>> {
        self.value_from = Some(self.at);
        self.value(false)
    }

    /// `set_name("value")`, `string name("value")`, `string name{"value"}`, `name.assign("value")`,
    /// `setName(decode("value"))`.
    fn argument(&mut self, stem: usize) -> Option<Range<usize>> {
        if name::looks_up(&self.text[name::start(self.text, stem)..self.name_end]) {
            return None;
        }
        self.at += 1;
        self.value_from = Some(self.at);
        match self.wrapper() {
            Wrapped::Value => {}
            Wrapped::Bytes(bytes) => return Some(bytes),
            Wrapped::LookedUp => return None,
        }
        if !self.at_quote() && self.peek() != Some(b'\\') {
            return None;
        }
        let value = self.value(false)?;
        Some(self.of_pair(stem, value))
    }

    /// Of a user and a password that are given together, the password: `auth=("user", "value")`.
    fn of_pair(&mut self, stem: usize, first: Range<usize>) -> Range<usize> {
        if first.len() > MAX_USER || !name::takes_user(&self.text[stem..self.name_end]) {
            return first;
        }
        self.at = first.end;
        self.skip(2, |byte| is_quote(byte) || byte == b')');
        self.skip(MAX_SPACE, is_space);
        if self.skip(1, |byte| byte == b',') == 0 {
            return first;
        }
        self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
        if !matches!(self.wrapper(), Wrapped::Value) || !self.at_quote() {
            return first;
        }
        self.value(false).unwrap_or(first)
    }

    /// Whether the name is a verb in a sentence: "to pass `x`", "Pass `x`".
    fn is_verb(&self, stem: usize) -> bool {
        let name = &self.text[stem..self.name_end];
        let before = &self.text[stem.saturating_sub(MAX_LEAD)..stem];
        name.eq_ignore_ascii_case(b"pass")
            && before.last() == Some(&b' ')
            && (name == b"Pass"
                || before.trim_ascii_end().last().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b','))
    }

    fn at_quote(&mut self) -> bool {
        self.peek().is_some_and(is_quote)
    }
}

/// Whether the name at `text[stem]` leads its line, but for a keyword or a sign that exports, lists or comments it.
fn leads_line(text: &[u8], stem: usize) -> bool {
    let before = &text[stem.saturating_sub(MAX_LEAD)..name::start(text, stem).max(stem.saturating_sub(MAX_LEAD))];
    let line = memchr::memrchr(b'\n', before).map_or(before, |at| &before[at + 1..]);
    let whole = line.len() < before.len() || stem <= MAX_LEAD;
    let lead = line.trim_ascii();
    whole && lead.len() <= 8 && !lead.iter().any(|byte| b"=:(".contains(byte))
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

/// Whether the name at `text[start]` is the user of a URL: what follows ends at its host, and is found as what it is.
fn is_host(text: &[u8], start: usize, value: &[u8]) -> bool {
    value.contains(&b'@') && text[..name::start(text, start)].ends_with(b"://")
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests;
