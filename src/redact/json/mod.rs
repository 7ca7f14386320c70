//! JSON, edited in place: what is hidden in a document leaves a document.
//!
//! A tokenizer follows the text and remembers the tokens that are not out yet. A hidden interval is then cut along
//! them: in a string, a marker takes the place of the characters; a number or a literal becomes a string; what stands
//! between tokens stays. Nothing is written anew: spaces, the order of keys and the text of numbers stay as they are.
//!
//! Documents may be pretty or one a line, and may stand between lines that are none: a document starts with a brace or
//! a bracket at the start of a line, and where it turns out to be none, the rest of the line is text.

mod lines;

use std::collections::VecDeque;
use std::ops::Range;

use self::lines::Lines;
use crate::span::Span;

/// No number or literal is longer.
const MAX_SCALAR: usize = 128;
/// Names of members whose values are secrets, whatever they look like; in lower case, without `_` and `-`.
const SECRET_NAMES: &[&str] = &[
    "accesstoken",
    "apikey",
    "authorization",
    "clientsecret",
    "cookie",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "proxyauthorization",
    "refreshtoken",
    "secret",
    "secretkey",
    "setcookie",
    "xapikey",
];
/// No such name is longer, with what is left out.
const MAX_NAME: usize = 32;

/// A token of a document, in offsets of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// What can be replaced: the characters of a string without its quotes.
    pub(super) start: u64,
    /// `u64::MAX` as long as it goes on.
    pub(super) end: u64,
    pub(super) is_string: bool,
}

/// A part of a document that is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) span: Span,
    /// It stands between the quotes of a string; otherwise it becomes one.
    pub(super) is_string: bool,
}

/// A marker as it stands in a string, with the quotes where they are not there yet.
pub(super) fn quoted(marker: &str, with_quotes: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(marker.len() + 2);
    let quote = |out: &mut Vec<u8>| out.extend(with_quotes.then_some(b'"'));
    quote(&mut out);
    for byte in marker.bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            0..=0x1F => out.extend(format!("\\u{byte:04x}").bytes()),
            byte => out.push(byte),
        }
    }
    quote(&mut out);
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a line, where a document may start.
    LineStart,
    /// In a line that is none, or behind a document in its line.
    Text,
    /// In a document, between tokens.
    Between,
    String,
    /// Behind a backslash; of the characters of an escape so many are to come.
    Escape(u8),
    Scalar,
}

/// Where in a text a redactor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In no document.
    Text,
    /// In a string of a document.
    String,
    /// In a document, between tokens.
    Between,
}

/// Follows a text and knows its tokens.
#[derive(Debug)]
pub(super) struct Json {
    state: State,
    /// Whether each open container is an object; a document that is deeper is text.
    open: Vec<bool>,
    /// In an object: the next string is a name.
    expects_name: bool,
    /// The last name, cut, as it stands there.
    name: Vec<u8>,
    in_name: bool,
    /// The number or literal that goes on.
    scalar: Vec<u8>,
    /// The value that comes is one of a secret name.
    is_secret: bool,
    /// Tokens that are not out yet, in order, but for those of `lines`.
    tokens: VecDeque<Token>,
    /// Documents of one line that were not followed token by token.
    lines: Lines,
    /// Escapes in them: start and length.
    escapes: VecDeque<(u64, u8)>,
    /// Everything before this was looked at.
    at: u64,
    /// In a document of which the start was not seen: more may be open than `open` has.
    is_resumed: bool,
}

/// Containers in one another.
const MAX_DEPTH: usize = 512;

impl Json {
    pub(super) fn new() -> Json {
        Json {
            state: State::LineStart,
            open: Vec::new(),
            expects_name: false,
            name: Vec::new(),
            in_name: false,
            scalar: Vec::new(),
            is_secret: false,
            tokens: VecDeque::new(),
            lines: Lines::default(),
            escapes: VecDeque::new(),
            at: 0,
            is_resumed: false,
        }
    }

    /// Goes on in the middle of a text, at this offset; what is open there is not known.
    pub(super) fn resumed(place: Place, at: u64) -> Json {
        let state = match place {
            Place::Text => State::Text,
            Place::String => State::String,
            Place::Between => State::Between,
        };
        let open = (state == State::String).then_some(Token { start: at, end: u64::MAX, is_string: true });
        Json { state, at, tokens: open.into_iter().collect(), is_resumed: place != Place::Text, ..Json::new() }
    }

    /// Looks at the next bytes. Gives the tokens that are values of secret names, once they are whole.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut secret: impl FnMut(Token)) {
        while let Some(&first) = bytes.first() {
            let plain = matches!(first, b'{' | b'[') && self.state == State::LineStart;
            let line = if plain { self.lines.take(bytes, self.at) } else { None };
            let len = match line {
                Some(len) => {
                    self.at += len as u64;
                    len
                }
                None => self.follow(bytes, &mut secret),
            };
            bytes = &bytes[len..];
        }
    }

    /// Follows the bytes up to the next line that may be a document; answers how many those are.
    fn follow(&mut self, bytes: &[u8], secret: &mut impl FnMut(Token)) -> usize {
        let base = self.at;
        let mut index = 0;
        while let Some(&byte) = bytes.get(index) {
            self.at = base + index as u64;
            let rest = &bytes[index..];
            match (self.state, byte) {
                (State::LineStart, b'{' | b'[') if index > 0 => return index,
                (State::Text, _) => {
                    let feed = memchr::memchr(b'\n', rest);
                    index += feed.map_or(rest.len(), |feed| feed + 1);
                    if feed.is_some() {
                        self.state = State::LineStart;
                    }
                    continue;
                }
                (State::String, _) => {
                    let plain = plain_len(rest);
                    if self.in_name {
                        self.name.extend_from_slice(&rest[..plain.min(MAX_NAME - self.name.len())]);
                    }
                    index += plain;
                    if let Some(&byte) = rest.get(plain) {
                        self.at = base + index as u64;
                        self.string(byte, secret);
                        index += 1;
                    }
                    continue;
                }
                (State::Between, b' ' | b'\t' | b'\r' | b'\n') => {}
                (State::Between, b'"') => self.open_string(),
                (State::Between, b',') => self.next_member(),
                _ => self.step(byte, secret),
            }
            index += 1;
        }
        self.at = base + bytes.len() as u64;
        bytes.len()
    }

    /// Makes the tokens known that the interval touches. `text` gives what stands in a part of the text.
    pub(super) fn open<'t>(&mut self, interval: Range<u64>, text: impl Fn(&Range<u64>) -> &'t [u8]) {
        let tokens = self.lines.open(&interval, text);
        if !tokens.is_empty() {
            self.tokens.extend(tokens);
            self.tokens.make_contiguous().sort_by_key(|token| token.start);
        }
    }

    /// Ends the text.
    pub(super) fn finish(&mut self, mut secret: impl FnMut(Token)) {
        if self.state == State::Scalar && is_scalar(&self.scalar) {
            self.close(&mut secret);
        }
    }

    /// What a number or a literal becomes is known when it is whole.
    pub(super) fn pending_from(&self) -> u64 {
        match self.tokens.back() {
            Some(token) if token.end == u64::MAX && (!token.is_string || (self.is_secret && !self.in_name)) => {
                token.start
            }
            _ => u64::MAX,
        }
    }

    /// Forgets tokens that end before this offset.
    pub(super) fn forget(&mut self, done: u64) {
        self.lines.forget(done);
        while self.tokens.front().is_some_and(|token| token.end <= done) {
            self.tokens.pop_front();
        }
        while self.escapes.front().is_some_and(|&(start, len)| start + u64::from(len) <= done) {
            self.escapes.pop_front();
        }
    }

    /// The parts of an interval that are replaced, of which the tokens are known. `None` where the interval stands in no document.
    pub(super) fn parts(&self, interval: Range<u64>) -> Option<Vec<Part>> {
        let first = self.tokens.partition_point(|token| token.end <= interval.start);
        let touched = self.tokens.range(first..).take_while(|token| token.start < interval.end);
        let parts = touched.filter_map(|token| {
            if !token.is_string {
                // A number of which the start is out stays one.
                let span = Span { start: token.start, end: token.end };
                return (token.end < u64::MAX).then_some(Part { span, is_string: false });
            }
            let (start, end) = (interval.start.max(token.start), interval.end.min(token.end));
            let (start, end) = (self.outside_escape(start, true), self.outside_escape(end, false));
            (start < end).then_some(Part { span: Span { start, end }, is_string: true })
        });
        let parts: Vec<Part> = parts.collect();
        (!parts.is_empty()).then_some(parts)
    }

    /// The interval, and all of a number or a literal into which it reaches.
    pub(super) fn widened(&self, span: Span) -> Span {
        let scalar = |offset: u64| {
            let next = self.tokens.partition_point(|token| token.end <= offset);
            self.tokens.get(next).filter(|token| !token.is_string && token.start < offset && token.end < u64::MAX)
        };
        let start = scalar(span.start).map_or(span.start, |token| token.start);
        let end = scalar(span.end).map_or(span.end, |token| token.end);
        Span { start, end }
    }

    /// This offset, or where the escape ends (or starts) in which it stands.
    fn outside_escape(&self, offset: u64, up: bool) -> u64 {
        let next = self.escapes.partition_point(|&(start, len)| start + u64::from(len) <= offset);
        match self.escapes.get(next) {
            Some(&(start, len)) if start < offset => {
                if up {
                    start + u64::from(len)
                } else {
                    start
                }
            }
            _ => offset,
        }
    }

    fn string(&mut self, byte: u8, secret: &mut impl FnMut(Token)) {
        match byte {
            b'"' => {
                self.close(secret);
                self.state = State::Between;
                if self.in_name {
                    self.is_secret = is_secret_name(&self.name);
                    self.in_name = false;
                }
            }
            b'\\' => {
                self.escapes.push_back((self.at, 1));
                self.state = State::Escape(1);
            }
            // A line feed stands in no string: the document was none, or is broken.
            _ => self.give_up(byte),
        }
    }

    fn step(&mut self, byte: u8, secret: &mut impl FnMut(Token)) {
        match (self.state, byte) {
            (State::LineStart, b' ' | b'\t' | b'\r' | b'\n' | 0xEF | 0xBB | 0xBF) => {}
            (State::LineStart, b'{' | b'[') => {
                self.open.clear();
                self.container(byte == b'{');
            }
            (State::LineStart, _) => self.give_up(byte),
            (State::Escape(left), _) => {
                if let Some(escape) = self.escapes.back_mut() {
                    escape.1 += 1;
                }
                let left = if left == 1 && byte == b'u' && self.escapes.back().is_some_and(|e| e.1 == 2) {
                    4
                } else {
                    left - 1
                };
                self.state = if left == 0 { State::String } else { State::Escape(left) };
            }
            (State::Scalar, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.') => {
                self.scalar.push(byte);
                if self.scalar.len() > MAX_SCALAR {
                    self.give_up(byte);
                }
            }
            (State::Scalar, _) if is_scalar(&self.scalar) => {
                self.close(secret);
                self.state = State::Between;
                self.step(byte, secret);
            }
            (State::Between, b' ' | b'\t' | b'\r' | b'\n') => {}
            (State::Between, b',') => self.next_member(),
            (State::Between, b':') if self.in_object() => self.expects_name = false,
            (State::Between, b'{' | b'[') => self.container(byte == b'{'),
            (State::Between, b'}' | b']') => {
                self.is_secret = false;
                match self.open.pop() {
                    // The end of a line that comes next is in the document, or the document ends with it.
                    None if self.is_resumed => {}
                    Some(is_object) if is_object == (byte == b'}') => {
                        if self.open.is_empty() && !self.is_resumed {
                            self.state = State::Text;
                        }
                    }
                    _ => self.give_up(byte),
                }
            }
            (State::Between, b'"') => self.open_string(),
            (State::Between, b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => {
                self.scalar.clear();
                self.scalar.push(byte);
                self.tokens.push_back(Token { start: self.at, end: u64::MAX, is_string: false });
                self.state = State::Scalar;
            }
            _ => self.give_up(byte),
        }
    }

    fn open_string(&mut self) {
        self.in_name = self.expects_name;
        self.name.clear();
        self.tokens.push_back(Token { start: self.at + 1, end: u64::MAX, is_string: true });
        self.state = State::String;
    }

    fn next_member(&mut self) {
        self.is_secret = false;
        self.expects_name = self.in_object();
    }

    /// Whether names of members stand here; where that is not known, they may.
    fn in_object(&self) -> bool {
        self.open.last().copied().unwrap_or(self.is_resumed)
    }

    fn container(&mut self, is_object: bool) {
        self.is_secret = false;
        self.expects_name = is_object;
        self.open.push(is_object);
        self.state = State::Between;
        if self.open.len() > MAX_DEPTH {
            self.give_up(b'[');
        }
    }

    /// The rest of the line is text.
    fn give_up(&mut self, byte: u8) {
        if let Some(token) = self.tokens.back_mut().filter(|token| token.end == u64::MAX) {
            token.end = self.at;
            token.is_string = true;
        }
        self.is_secret = false;
        self.is_resumed = false;
        self.open.clear();
        self.state = if byte == b'\n' { State::LineStart } else { State::Text };
    }

    fn close(&mut self, secret: &mut impl FnMut(Token)) {
        let end = self.at;
        let Some(token) = self.tokens.back_mut().filter(|token| token.end == u64::MAX) else { return };
        token.end = end;
        if self.is_secret && !self.in_name && token.start < end {
            secret(*token);
        }
    }
}

fn is_scalar(text: &[u8]) -> bool {
    let numeric = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    matches!(text, b"true" | b"false" | b"null") || text.iter().all(numeric)
}

/// Whether a name is one of [`SECRET_NAMES`].
pub(super) fn is_secret_name(name: &[u8]) -> bool {
    /// The letters with which they start, as bits.
    const FIRST: u32 = {
        let (mut bits, mut at) = (0, 0);
        while at < SECRET_NAMES.len() {
            bits |= 1 << (SECRET_NAMES[at].as_bytes()[0] - b'a');
            at += 1;
        }
        bits
    };
    let mut letters = name.iter().filter(|byte| !matches!(byte, b'_' | b'-')).map(u8::to_ascii_lowercase);
    // Most names end here.
    let Some(first) = letters.next().filter(|first| first.is_ascii_lowercase() && FIRST >> (first - b'a') & 1 != 0)
    else {
        return false;
    };
    let (mut name, mut len) = ([first; MAX_NAME], 1);
    for letter in letters {
        let Some(next) = name.get_mut(len) else { return false };
        *next = letter;
        len += 1;
    }
    SECRET_NAMES.iter().any(|secret| secret.as_bytes() == &name[..len])
}

/// How many bytes stand before the first quote, backslash or line feed.
fn plain_len(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    /// Strings are short; in longer ones a search with more to set up is faster.
    const SHORT: usize = 4;
    // The lowest high bit that is set belongs to the first zero byte.
    let zeros = |eight: u64| eight.wrapping_sub(ONES) & !eight & HIGHS;
    let (words, _) = text.as_chunks::<8>();
    for (number, word) in words.iter().take(SHORT).enumerate() {
        let eight = u64::from_le_bytes(*word);
        let at = |stop: u8| zeros(eight ^ (ONES * u64::from(stop)));
        let first = (at(b'"') | at(b'\\') | at(b'\n')).trailing_zeros();
        if first < 64 {
            return number * 8 + first as usize / 8;
        }
    }
    let from = words.len().min(SHORT) * 8;
    let rest = &text[from..];
    from + memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str, step: usize) -> (Vec<String>, Vec<String>) {
        let (mut json, mut secrets) = (Json::new(), Vec::new());
        let part = |token: Token| text[token.start as usize..token.end as usize].to_owned();
        text.as_bytes().chunks(step).for_each(|piece| json.feed(piece, |token| secrets.push(part(token))));
        json.finish(|token| secrets.push(part(token)));
        json.open(0..text.len() as u64, |line| &text.as_bytes()[line.start as usize..line.end as usize]);
        (json.tokens.iter().map(|token| part(*token)).collect(), secrets)
    }

    #[test]
    fn tokens_of_documents_between_lines_of_text() {
        let text = "[INFO] no \"document\" 1\n{\"a\": [1.5e3, \"b\\\"\\u0041\", null], \"c\": {}}\nplain \"text\" 2\n {\n  \"d\": true\n}\n";
        for step in [1, 3, 1000] {
            assert_eq!(tokens(text, step).0, ["a", "1.5e3", "b\\\"\\u0041", "null", "c", "d", "true"]);
        }
    }

    #[test]
    fn documents_of_a_line_between_others() {
        let text = "{\"a\": 1}\n{\"b\": \"\\\"\"}\n{\"c\": [2\n]}\n[3] {\"no\": 4}\n{\"d\"}\n{\"secret\": 5}\n {\"e\": \"6\"}\n[7]\n";
        let expected = ["a", "1", "b", "\\\"", "c", "2", "3", "d", "secret", "5", "e", "6", "7"];
        for step in 1..text.len() + 1 {
            assert_eq!(tokens(text, step), (expected.map(String::from).into(), vec!["5".into()]), "{step}");
        }
        // Opened one by one, from either end.
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let text = "{\"a\": 1}\n{\"b\": 2}\n{\"c\": 3}\n";
            let mut json = Json::new();
            json.feed(text.as_bytes(), |_| ());
            for line in order {
                json.open(line * 9 + 3..line * 9 + 4, |line| &text.as_bytes()[line.start as usize..line.end as usize]);
            }
            let starts: Vec<_> = json.tokens.iter().map(|token| token.start).collect();
            assert_eq!(starts, [2, 6, 11, 15, 20, 24]);
        }
    }

    #[test]
    fn values_of_secret_names_are_told() {
        let text =
            "{\"Password\": \"x\", \"api_key\": 12, \"user\": \"password\", \"x-api-key\":\"y\",\"secret\":\"\"}";
        for step in [1, 7, 1000] {
            assert_eq!(tokens(text, step).1, ["x", "12", "y"]);
        }
        // A long name is cut, wherever pieces end.
        let text = "{\"secret__________________________other\": 1,\n\"secret_but_no_name_of_any_secret_at_all\": 2}";
        for step in 1..text.len() + 1 {
            assert_eq!(tokens(text, step).1, ["1"], "{step}");
        }
    }

    #[test]
    fn plain_text_ends_at_the_first_byte_that_means_something() {
        assert!(SECRET_NAMES.iter().all(|name| is_secret_name(name.as_bytes())));
        assert!(
            is_secret_name(b"X-Api_Key") && !is_secret_name(b"span") && !is_secret_name(b"") && !is_secret_name(b"-")
        );
        for stop in *b"\"\\\n" {
            for len in 0..80 {
                let mut text = vec![b'a'; len];
                text.extend([stop, b'"', 0x80, b'\\', b'b', b'\n', b'c', b'd', b'e', b'f']);
                assert_eq!(plain_len(&text), len);
                assert_eq!(plain_len(&text[..len]), len);
            }
        }
        assert_eq!(plain_len(&[0x80, 0xFF, 0x21, 0xA2, 0x5D, 0xDC, 0x8A, 0x0B, b'"']), 8);
    }

    #[test]
    fn intervals_are_cut_along_tokens() {
        let text = "{\"a\": \"x\\u0041yz\", \"b\": 123}";
        let mut json = Json::new();
        json.feed(text.as_bytes(), |_| ());
        json.open(0..text.len() as u64, |_| unreachable!("the line has an escape and no end"));
        let parts = |from: usize, to: usize| json.parts(from as u64..to as u64);
        let part = |start: usize, end: usize, is_string| {
            let span = Span { start: start as u64, end: end as u64 };
            Some(vec![Part { span, is_string }])
        };
        let x = text.find('x').unwrap();
        assert_eq!(parts(x, x + 9), part(x, x + 9, true));
        assert_eq!(parts(x + 2, x + 9), part(x + 7, x + 9, true));
        let number = text.find("123").unwrap();
        assert_eq!(parts(number + 1, number + 2), part(number, number + 3, false));
        assert_eq!(parts(x + 8, number + 1).map(|parts| parts.len()), Some(3));
        assert_eq!(parts(0, 1), None);
        let wide = json.widened(Span { start: number as u64 + 1, end: number as u64 + 2 });
        assert_eq!(wide, Span { start: number as u64, end: number as u64 + 3 });
    }
}
