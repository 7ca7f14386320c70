//! The assignment grammar: a telling name, an operator, a value.
//!
//! A byte machine without a regex, started at a stem of the name (`secret`, `token` ...). It walks over the rest of the
//! name, closing quotes and brackets, a type (`: string`, `String`), the operator (`=`, `:`, `:=`, `=>`, `->`, `,`, `>` ...)
//! and a wrapper (`b"`, `String(`, `[]byte(`), and takes what stands in quotes, or a bare word up to a delimiter. Each
//! step has a bound, so that an attempt looks at no more than [`crate::rule::MAX_ASSIGNMENT_LEN`] bytes.

mod name;
mod value;

use std::ops::Range;

use self::name::{MAX_NAME, is_name};
use super::matcher::Attempt;

const MAX_SPACE: usize = 24;
const MAX_OPERATOR: usize = 4;
const MAX_WORD: usize = 24;
const MAX_ATTRIBUTES: usize = 80;

/// How far before a name the URL of a badge is looked for: its token is there for all to see.
const MAX_URL: usize = 160;
const BADGES: &[&[u8]] = &[b"badge", b"shields.io"];

/// Words that assign: `password is "x"`, `IDENTIFIED BY 'x'`.
const WORDS: &[&[u8]] = &[b"is", b"to", b"by", b"with", b"as", b"IS", b"TO", b"BY"];

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
        if !closed && self.peek() == Some(b'(') {
            return self.argument(stem);
        }
        let spaces = self.skip(MAX_SPACE, is_space);
        if spaces > 0 {
            let start = name::start(self.text, stem);
            if self.text[..start].ends_with(b"<") && self.attributes() {
                self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
                self.value_from = Some(self.at);
                return self.value(false);
            }
            // `name "value"`: settings without an operator; `--name value`: an argument of a command.
            if !closed && (self.at_quote() && !self.is_verb(stem) || self.is_flag(start)) {
                self.value_from = Some(self.at);
                return self.value(false);
            }
        }
        let mut operator = self.operator();
        let leads = matches!(operator, b"=" | b":" | b":=" | b"=>" | b"?=" | b"::=") && leads_line(self.text, stem);
        if operator.is_empty() || operator == b"," {
            let back = self.at;
            if self.value_field() {
                self.value_from = Some(self.at);
                return self.value(false);
            }
            self.at = back;
        }
        if operator.is_empty() {
            // `name string = `, `name String := `: a type between the name and the operator.
            let from = self.at;
            if spaces == 0 || self.skip(MAX_WORD, is_type) == 0 {
                return None;
            }
            let word = from..self.at;
            self.skip(MAX_SPACE, is_space);
            if WORDS.contains(&&self.text[word]) && self.at_quote() {
                self.value_from = Some(self.at);
                return self.value(false);
            }
            operator = self.operator();
            // Behind a quote that closes stands the next name: `"no secret" pod="web-7f9c"`.
            if closed || !operator.contains(&b'=') {
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
        match self.wrapper() {
            Wrapped::Value => {}
            Wrapped::Bytes(bytes) => return Some(bytes),
            Wrapped::LookedUp => return None,
        }
        // Behind a comma, a bare word is an argument: a name. Behind an arrow it is a member, in a comparison a variable.
        let names = operator.ends_with(b",") || operator == b"->" || operator.starts_with(b"!");
        let quoted = self.at_quote() || self.peek() == Some(b'\\');
        if names && !quoted { None } else { self.value(leads) }
    }

    /// `set_name("value")`, `string name("value")`, `name.assign("value")`, `setName(decode("value"))`.
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
        if self.at_quote() || self.peek() == Some(b'\\') { self.value(false) } else { None }
    }

    /// `"name" value="..."`, and on the next line `value: ...`: a pair of fields, of which the first holds the name.
    fn value_field(&mut self) -> bool {
        self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace() || byte == b',');
        self.skip(2, |byte| matches!(byte, b'"' | b'\'' | b'\\'));
        let from = self.at;
        self.skip(6, |byte| byte.is_ascii_alphabetic());
        if !self.text[from..self.at].eq_ignore_ascii_case(b"value") {
            return false;
        }
        self.skip(2, |byte| matches!(byte, b'"' | b'\'' | b'\\'));
        self.skip(MAX_SPACE, is_space);
        let assigned = self.skip(1, |byte| matches!(byte, b'=' | b':')) > 0;
        self.skip(MAX_SPACE, is_space);
        assigned
    }

    /// Whether the name is a verb in a sentence: "to pass `x`".
    fn is_verb(&self, stem: usize) -> bool {
        let before = &self.text[stem.saturating_sub(MAX_LEAD)..stem];
        self.text[stem..self.name_end].eq_ignore_ascii_case(b"pass")
            && before.last() == Some(&b' ')
            && before.trim_ascii_end().last().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b',')
    }

    /// Whether the name that starts at `start` is a flag of a command, `--name`, or one that an image is built with,
    /// `ENV NAME`.
    fn is_flag(&self, start: usize) -> bool {
        self.text[start..].starts_with(b"--") || self.text[..start].ends_with(b"ENV ")
    }

    /// Goes behind the attributes of the element that the name is, if it has any: `<name type="text">`.
    fn attributes(&mut self) -> bool {
        let back = self.at;
        let len = self.skip(MAX_ATTRIBUTES, |byte| !matches!(byte, b'<' | b'>' | b'\n' | b'\r'));
        if self.peek() == Some(b'>') && len > 0 && self.text[self.at - 1] != b'/' {
            self.at += 1;
            return true;
        }
        self.at = back;
        false
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
        let mut assigns = false;
        // What follows the sign that assigns is the value, which may begin with any sign.
        while self.at - start < MAX_OPERATOR {
            let goes_on = match self.peek() {
                Some(b'=' | b'>') => true,
                Some(b':' | b'?' | b'+' | b'.' | b'|' | b'-' | b'!' | b',') => {
                    !self.text[start..self.at].contains(&b'=')
                }
                _ => false,
            };
            if !goes_on || (self.at > start && matches!(self.text[self.at - 1], b',' | b'>')) {
                break;
            }
            assigns |= matches!(self.text[self.at], b'=' | b':' | b'>' | b',');
            self.at += 1;
        }
        let operator = &self.text[start..self.at];
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
            if self.peek() == Some(b'=') && self.at > back + 1 && self.text[equals - 1] == b' ' {
                self.at = equals + 1;
                return;
            }
        }
        self.at = back;
    }

    /// What may stand between the operator and the value: `b"`, `@"`, `String(`, `[]byte(`, `new X(`, `[`.
    /// What is looked up by a name is not that name.
    fn wrapper(&mut self) -> Wrapped {
        let back = self.at;
        if self.text[back..].starts_with(b"new ") {
            self.at += 4;
        }
        self.skip(MAX_WORD, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'[' | b']' | b'@' | b'$' | b':' | b'!')
        });
        let called = back..self.at;
        // `new byte[] {1, 2}`
        if self.at > back && self.peek() == Some(b' ') && self.peek_at(1) == Some(b'{') {
            self.at += 1;
        }
        // `[1, 2]` is no part of a type as `[4]byte{1, 2}` is.
        if self.text[called.clone()].starts_with(b"[") && self.peek() == Some(b',') {
            self.at = back + 1;
        }
        let in_brackets = self.at > back && self.text[self.at - 1] == b'[';
        let opened = self.skip(2, |b| matches!(b, b'(' | b'[' | b'{')) > 0 || in_brackets;
        if opened && name::looks_up(&self.text[called.clone()]) {
            return Wrapped::LookedUp;
        }
        if opened {
            self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
            if self.peek().is_some_and(|byte| byte.is_ascii_digit())
                && let Some(bytes) = self.bytes()
            {
                return Wrapped::Bytes(bytes);
            }
        }
        self.skip(2, |b| matches!(b, b'b' | b'r' | b'u' | b'f' | b'@' | b'L'));
        self.in_list = opened && self.text[back..self.at].contains(&b'[');
        if !opened || !matches!(self.peek(), Some(b'"' | b'\'' | b'`' | b'\\')) {
            self.at = back;
            let prefix = self.skip(2, |b| matches!(b, b'b' | b'r' | b'u' | b'f' | b'@' | b'L' | b'['));
            if prefix > 0 && !matches!(self.peek(), Some(b'"' | b'\'' | b'`')) {
                self.at = back;
            }
        }
        Wrapped::Value
    }
}

/// What stands behind an operator.
enum Wrapped {
    /// A value, perhaps.
    Value,
    /// A list of bytes.
    Bytes(Range<usize>),
    /// A call that looks something up.
    LookedUp,
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

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_type(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'&' | b'*' | b'[' | b']' | b'?' | b'.')
}

#[cfg(test)]
mod tests;
