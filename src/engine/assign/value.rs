//! Where a value starts and ends: quoted, a bare word, a bare line, a list of bytes.

use std::ops::Range;

use super::{MAX_SPACE, Machine};

const MAX_VALUE: usize = 400;

/// What ends a value that is not quoted, besides white space.
const BARE_ENDS: &[u8] = b"\"'`,;<>(){}[]&|\\=";

/// Names of schemes that stand before the value proper, in lower case.
const SCHEMES: &[&[u8]] = &[b"apikey", b"basic", b"bearer", b"bot", b"digest", b"key", b"oauth", b"ssws", b"token"];

/// What stands where something was taken out of a value.
const MASK: &str = "\u{2588}";

/// So many numbers, and so many different ones, are a list of bytes that may be a key.
const MIN_BYTES: usize = 8;
const MIN_DISTINCT: usize = 6;

impl Machine<'_> {
    /// The value at the machine's place. `leads` says whether its name leads its line, so that a bare value may be the
    /// rest of it.
    pub(super) fn value(&mut self, leads: bool) -> Option<Range<usize>> {
        // A text in a text: `"\"value\""`.
        if self.at_quote() && self.peek_at(1) == Some(b'\\') && self.peek_at(2) == self.peek() {
            self.at += 1;
        }
        let level = self.skip(3, |byte| byte == b'\\');
        match self.peek() {
            Some(quote @ (b'"' | b'\'' | b'`')) => {
                let value = self.quoted(quote, level)?;
                Some(if self.in_list { self.list(value, quote, level) } else { self.proper(value) })
            }
            _ if level > 0 => None,
            _ => self.bare(leads),
        }
    }

    /// A value in quotes before each of which `level` backslashes stand: text in a text in a text.
    fn quoted(&mut self, quote: u8, level: usize) -> Option<Range<usize>> {
        // Three quotes are one long one, two are one in a table, or nothing.
        let quotes = self.skip(3, |byte| byte == quote);
        if quotes == 2 && self.peek().is_some_and(|byte| b" \t,;:)]}>".contains(&byte)) {
            return None;
        }
        let start = self.at;
        self.value_from = Some(start);
        loop {
            let left = MAX_VALUE.checked_sub(self.at - start)?;
            self.skip(left, |byte| byte != quote && !matches!(byte, b'\n' | b'\r' | b'\\'));
            match self.peek()? {
                byte if byte == quote => return (level == 0).then_some(start..self.at),
                b'\\' => {
                    let end = self.at;
                    let slashes = self.skip(MAX_SPACE, |byte| byte == b'\\');
                    let next = self.peek()?;
                    if next == quote && slashes <= level {
                        return Some(start..end);
                    }
                    // A line feed of the outer text ends the lines of the inner one.
                    if next == b'\n' || next == b'\r' || level > 0 && slashes == level && matches!(next, b'n' | b'r') {
                        return None;
                    }
                    self.at += 1;
                }
                _ => return None,
            }
        }
    }

    /// All of a list of values in quotes, of which `first` is the first; only that where the list is of other things.
    fn list(&mut self, first: Range<usize>, quote: u8, level: usize) -> Range<usize> {
        if first.len() < super::MIN_VALUE {
            return first;
        }
        let back = self.at;
        let closes = |machine: &mut Self| {
            machine.skip(level, |byte| byte == b'\\') == level && machine.skip(1, |byte| byte == quote) == 1
        };
        let mut end = first.end;
        self.at = end;
        while self.at - first.start < MAX_VALUE && closes(self) {
            self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
            if self.peek() == Some(b']') {
                return first.start..end;
            }
            self.skip(1, |byte| byte == b',');
            self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
            if !closes(self) {
                break;
            }
            self.skip(MAX_VALUE, |byte| byte != quote && !matches!(byte, b'\n' | b'\r' | b'\\'));
            end = self.at;
        }
        self.at = back;
        first
    }

    /// The value proper: what follows the name of a scheme (`Bearer x`), the longest text of a document in JSON.
    fn proper(&self, value: Range<usize>) -> Range<usize> {
        let text = &self.text[value.clone()];
        if text.starts_with(b"{") && text.ends_with(b"}") && text.contains(&b'"') {
            let mut at = value.start;
            let pieces = text.split(|byte| matches!(byte, b'"' | b'\\')).map(|piece| {
                at += piece.len() + 1;
                at - piece.len() - 1..at - 1
            });
            return pieces.max_by_key(ExactSizeIterator::len).unwrap_or(value);
        }
        let Some(space) = text.iter().take(MAX_SPACE).position(|byte| *byte == b' ') else { return value };
        let rest = &text[space + 1..];
        let is_scheme = SCHEMES.iter().any(|scheme| text[..space].eq_ignore_ascii_case(scheme));
        if is_scheme && rest.len() >= 8 && !rest.contains(&b' ') { value.start + space + 1..value.end } else { value }
    }

    fn bare(&mut self, leads: bool) -> Option<Range<usize>> {
        let start = self.at;
        let word = self.word(start);
        let (next, enough) = (self.peek(), self.at - start >= super::MIN_VALUE);
        let bracket = next.is_some_and(|byte| matches!(byte, b'(' | b'[' | b'{'));
        let cut = next.is_some_and(|byte| !byte.is_ascii_whitespace());
        // What a bracket follows is a call or an index, what another sign cuts short may be a longer value.
        if leads
            && cut
            && (bracket || !enough || !matches!(next, Some(b',' | b';' | b'&' | b'<' | b'|')))
            && next != Some(b'=')
        {
            let end = self.at;
            if let Some(line) = self.line(start) {
                return Some(line);
            }
            self.at = end;
        }
        word
    }

    /// A word up to white space or a sign that ends it.
    fn word(&mut self, start: usize) -> Option<Range<usize>> {
        // A value may begin with the sign of the assignment, when it stands apart from it.
        if self.peek() == Some(b'=') && self.text[start - 1] == b' ' && self.peek_at(1).is_some_and(is_word) {
            self.at += 1;
        }
        loop {
            let left = MAX_VALUE.checked_sub(self.at - start)?;
            self.skip(left, |byte| byte.is_ascii_graphic() && !BARE_ENDS.contains(&byte));
            let so_far = &self.text[start..self.at];
            match self.peek() {
                // In the middle of what is no name a backslash is part of it, but for the end of a line in a text.
                Some(b'\\')
                    if !is_name(so_far)
                        && self.peek_at(1).is_some_and(|byte| is_word(byte) && !b"nrt".contains(&byte)) =>
                {
                    self.at += 1;
                }
                Some(b'=') => {
                    let (from, named) = (self.at, is_name(so_far));
                    let signs = self.skip(3, |byte| byte == b'=');
                    let next = self.peek();
                    let ends = next.is_none_or(|byte| !byte.is_ascii_graphic() || BARE_ENDS.contains(&byte));
                    // Base64 may be padded; behind a name, what goes on is another assignment.
                    if ends && signs <= 2 {
                        break;
                    }
                    if named || signs > 2 {
                        self.at = from;
                        return None;
                    }
                }
                _ => break,
            }
        }
        let next = self.peek();
        // A call, an index or a template is no value; a word that goes on past the bound is a blob.
        let plain = next.is_none_or(|b| !matches!(b, b'(' | b'[' | b'{')) && self.at - start < MAX_VALUE;
        // What a colon ends is the next name; what a mask follows was hidden.
        let named = self.at > start && self.text[self.at - 1] == b':';
        (plain && !named && !self.at_mask() && !self.at_operator()).then_some(start..self.at)
    }

    /// Whether an operator follows behind a space: the word is a variable in an expression, or the next name.
    fn at_operator(&mut self) -> bool {
        if self.peek() != Some(b' ') {
            return false;
        }
        match self.peek_at(1) {
            Some(b'=') => true,
            Some(b'?' | b'+') => self.peek_at(2).is_none_or(|byte| byte.is_ascii_whitespace()),
            _ => false,
        }
    }

    fn at_mask(&mut self) -> bool {
        MASK.bytes().enumerate().all(|(ahead, byte)| self.peek_at(ahead) == Some(byte))
    }

    /// The rest of the line, when it is one word of whatever signs and does not read like code.
    fn line(&mut self, start: usize) -> Option<Range<usize>> {
        self.at = start;
        self.skip(MAX_VALUE, |byte| byte > b' ' && byte != 0x7f);
        let end = self.at;
        self.skip(MAX_SPACE, |byte| matches!(byte, b' ' | b'\t'));
        if self.peek().is_some_and(|byte| !matches!(byte, b'\n' | b'\r' | b'#')) || end - start >= MAX_VALUE {
            return None;
        }
        let text = &self.text[start..end];
        let text = text.strip_suffix(b",").or_else(|| text.strip_suffix(b";")).unwrap_or(text);
        let (first, last) = (text.first()?, text.last()?);
        let named = text.iter().take_while(|byte| is_word(**byte) || matches!(byte, b'.' | b':')).count();
        let called = named > 0 && text.get(named).is_some_and(|byte| matches!(byte, b'(' | b'[' | b'<'));
        let quotes = text.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'`'));
        let code = called || quotes || b"([{<$&*|>%@".contains(first) || b"([{".contains(last) || is_balanced(text);
        (!code).then_some(start..start + text.len())
    }

    /// A list of bytes in brackets, written as numbers: `{0x1f, 0x02, ...}`; the machine stands behind the bracket.
    pub(super) fn bytes(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        self.skip(MAX_VALUE, |byte| {
            byte.is_ascii_hexdigit() || byte.is_ascii_whitespace() || matches!(byte, b'x' | b'X' | b',' | b'-')
        });
        self.peek().filter(|byte| matches!(byte, b'}' | b']' | b')'))?;
        let (mut count, mut seen) = (0, [false; 256]);
        for item in self.text[start..self.at].split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if item.is_empty() {
                continue;
            }
            let text = std::str::from_utf8(item).ok()?;
            let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                Some(hex) => i16::from_str_radix(hex, 16).ok()?,
                None => text.parse().ok()?,
            };
            seen[usize::from(u8::try_from(number & 0xff).ok().filter(|_| (-128..256).contains(&number))?)] = true;
            count += 1;
        }
        let text = &self.text[start..self.at];
        let distinct = seen.iter().filter(|seen| **seen).count();
        (count >= MIN_BYTES && distinct >= MIN_DISTINCT).then(|| start..start + text.trim_ascii_end().len())
    }
}

/// Whether it is made like a name, which may be assigned to in turn.
fn is_name(text: &[u8]) -> bool {
    text.len() < 12 && text.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.'))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether brackets stand in it and each is closed by its like.
fn is_balanced(text: &[u8]) -> bool {
    let (mut open, mut pairs) = (Vec::new(), 0);
    for &byte in text {
        match byte {
            b'(' => open.push(b')'),
            b'[' => open.push(b']'),
            b'{' => open.push(b'}'),
            b')' | b']' | b'}' => {
                if open.pop() != Some(byte) {
                    return false;
                }
                pairs += 1;
            }
            _ => {}
        }
    }
    pairs > 0 && open.is_empty()
}
