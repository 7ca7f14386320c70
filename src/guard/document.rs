//! A whole JSON document, as the places of its values: nothing is copied, and nothing is forgotten of how it was written.

use std::borrow::Cow;

use super::string::decoded;
use crate::span::Span;

/// Containers in one another; a document that is deeper is refused.
pub const MAX_DEPTH: usize = 512;
/// The largest document, in bytes.
pub const MAX_LEN: usize = 1 << 30;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// `{...}`
    Object,
    /// `[...]`
    Array,
    /// `"..."`
    String,
    /// A number.
    Number,
    /// `true`, `false`, `null`.
    Literal,
}

/// Why a text is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson {
    /// Where that is seen, in bytes.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl std::fmt::Display for NotJson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for NotJson {}

#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) start: u32,
    /// With quotes and brackets.
    pub(super) end: u32,
    /// The number of the node after it and all in it.
    next: u32,
    pub(super) kind: ValueKind,
}

/// The values of a document.
pub struct Document<'t> {
    text: &'t str,
    nodes: Vec<Node>,
}

impl std::fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({} values)", self.nodes.len())
    }
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    /// Behind an opening bracket.
    ValueOrEnd,
    /// Behind an opening brace.
    NameOrEnd,
    Name,
    Colon,
    CommaOrEnd,
}

impl<'t> Document<'t> {
    /// Reads one document, which may have white space around it.
    ///
    /// # Errors
    /// When it is none as RFC 8259 has it, is deeper than [`MAX_DEPTH`] or larger than [`MAX_LEN`].
    pub fn parse(text: &'t str) -> Result<Document<'t>, NotJson> {
        if text.len() > MAX_LEN {
            return Err(NotJson { at: MAX_LEN, what: "the document is too large" });
        }
        let mut parser = Parser { bytes: text.as_bytes(), at: 0, nodes: Vec::new(), open: Vec::new() };
        parser.run()?;
        Ok(Document { text, nodes: parser.nodes })
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Value<'_, 't> {
        Value { document: self, node: 0 }
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

/// A value of a document.
#[derive(Clone, Copy)]
pub struct Value<'d, 't> {
    document: &'d Document<'t>,
    node: usize,
}

impl std::fmt::Debug for Value<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Value({:?} at {})", self.kind(), self.span().start)
    }
}

impl<'d, 't> Value<'d, 't> {
    fn node(self) -> Node {
        self.document.nodes[self.node]
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> ValueKind {
        self.node().kind
    }

    /// Where it stands, with its quotes or brackets.
    #[must_use]
    pub fn span(self) -> Span {
        Span { start: u64::from(self.node().start), end: u64::from(self.node().end) }
    }

    /// As it is written.
    #[must_use]
    pub fn raw(self) -> &'t str {
        &self.document.text[self.node().start as usize..self.node().end as usize]
    }

    /// What the string says; `None` of what is no string. A half of a surrogate pair alone becomes U+FFFD.
    #[must_use]
    pub fn as_str(self) -> Option<Cow<'t, str>> {
        let text = self.raw();
        (self.kind() == ValueKind::String).then(|| match &text[1..text.len() - 1] {
            plain if memchr::memchr(b'\\', plain.as_bytes()).is_none() => Cow::Borrowed(plain),
            escaped => Cow::Owned(String::from_utf8_lossy(&decoded(escaped.as_bytes())).into_owned()),
        })
    }

    /// Whether it is `true`.
    #[must_use]
    pub fn is_true(self) -> bool {
        self.raw() == "true"
    }

    /// The members of an object, in order.
    pub fn members(self) -> impl Iterator<Item = (Value<'d, 't>, Value<'d, 't>)> {
        let mut inner = self.inner(ValueKind::Object);
        std::iter::from_fn(move || Some((inner.next()?, inner.next()?)))
    }

    /// The elements of an array, in order.
    pub fn elements(self) -> impl Iterator<Item = Value<'d, 't>> {
        self.inner(ValueKind::Array)
    }

    /// The member of this name: the last one, which is what most programs take.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Value<'d, 't>> {
        self.members().filter(|(own, _)| own.as_str().is_some_and(|own| own == name)).last().map(|(_, value)| value)
    }

    /// The string of the member of this name.
    #[must_use]
    pub fn get_str(self, name: &str) -> Option<Cow<'t, str>> {
        self.get(name)?.as_str()
    }

    fn inner(self, kind: ValueKind) -> impl Iterator<Item = Value<'d, 't>> {
        let Value { document, node } = self;
        let end = if self.kind() == kind { self.node().next as usize } else { node };
        let mut at = node + 1;
        std::iter::from_fn(move || {
            let value = Value { document, node: at };
            (at < end).then(|| {
                at = value.node().next as usize;
                value
            })
        })
    }
}

struct Parser<'b> {
    bytes: &'b [u8],
    at: usize,
    nodes: Vec<Node>,
    /// The numbers of the containers that are open.
    open: Vec<u32>,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), NotJson> {
        let mut expect = Expect::Value;
        loop {
            self.skip_space();
            let Some(&byte) = self.bytes.get(self.at) else {
                let is_whole = expect == Expect::CommaOrEnd && self.open.is_empty();
                return if is_whole { Ok(()) } else { self.wrong("the document ends too soon") };
            };
            if expect == Expect::CommaOrEnd && self.open.is_empty() {
                return self.wrong("something stands behind the document");
            }
            expect = match (expect, byte) {
                (Expect::Value | Expect::ValueOrEnd, _) if byte != b']' => self.value(byte)?,
                (Expect::ValueOrEnd, b']') | (Expect::NameOrEnd, b'}') => self.close()?,
                (Expect::Name | Expect::NameOrEnd, b'"') => {
                    self.string()?;
                    Expect::Colon
                }
                (Expect::Colon, b':') => {
                    self.at += 1;
                    Expect::Value
                }
                (Expect::CommaOrEnd, b',') => {
                    self.at += 1;
                    if self.in_object() { Expect::Name } else { Expect::Value }
                }
                (Expect::CommaOrEnd, b'}') if self.in_object() => self.close()?,
                (Expect::CommaOrEnd, b']') if !self.in_object() => self.close()?,
                _ => return self.wrong("this byte cannot stand here"),
            };
        }
    }

    fn wrong<T>(&self, what: &'static str) -> Result<T, NotJson> {
        Err(NotJson { at: self.at, what })
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn in_object(&self) -> bool {
        self.open.last().is_some_and(|&number| self.nodes[number as usize].kind == ValueKind::Object)
    }

    fn push(&mut self, kind: ValueKind, end: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { start: self.at as u32, end: end as u32, next, kind });
        self.at = end;
    }

    fn value(&mut self, byte: u8) -> Result<Expect, NotJson> {
        let rest = &self.bytes[self.at..];
        match byte {
            b'{' | b'[' => {
                if self.open.len() >= MAX_DEPTH {
                    return self.wrong("the document is too deep");
                }
                self.open.push(self.nodes.len() as u32);
                let is_object = byte == b'{';
                self.push(if is_object { ValueKind::Object } else { ValueKind::Array }, self.at + 1);
                return Ok(if is_object { Expect::NameOrEnd } else { Expect::ValueOrEnd });
            }
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => match number_len(rest) {
                Some(len) => self.push(ValueKind::Number, self.at + len),
                None => return self.wrong("this is no number"),
            },
            _ => match [&b"true"[..], b"false", b"null"].into_iter().find(|literal| rest.starts_with(literal)) {
                Some(literal) => self.push(ValueKind::Literal, self.at + literal.len()),
                None => return self.wrong("this byte cannot stand here"),
            },
        }
        Ok(Expect::CommaOrEnd)
    }

    fn close(&mut self) -> Result<Expect, NotJson> {
        let Some(number) = self.open.pop() else { return self.wrong("this bracket closes nothing") };
        self.at += 1;
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[number as usize];
        (node.end, node.next) = (self.at as u32, next);
        Ok(Expect::CommaOrEnd)
    }

    fn string(&mut self) -> Result<(), NotJson> {
        let mut at = self.at + 1;
        loop {
            let Some(stop) = memchr::memchr2(b'"', b'\\', &self.bytes[at..]) else {
                return self.wrong("this string has no end");
            };
            if let Some(control) = self.bytes[at..at + stop].iter().position(|byte| *byte < b' ') {
                return Err(NotJson { at: at + control, what: "control characters are written as escapes" });
            }
            if self.bytes[at + stop] == b'"' {
                self.push(ValueKind::String, at + stop + 1);
                return Ok(());
            }
            at += stop;
            match escape_len(&self.bytes[at..]) {
                Some(len) => at += len,
                None => return Err(NotJson { at, what: "this is no escape" }),
            }
        }
    }
}

/// The length of the number at the start of the text.
fn number_len(text: &[u8]) -> Option<usize> {
    let digits = |at: usize| text[at.min(text.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && text[at] == b'0') {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + Some(fraction).filter(|len| *len > 0)?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        at += 1 + sign + Some(exponent).filter(|len| *len > 0)?;
    }
    Some(at)
}

/// The length of the escape at the start of the text.
fn escape_len(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => text.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::json_string;
    use super::*;

    #[test]
    fn what_is_json_elsewhere_is_json_here() {
        let texts = [
            "{}",
            "[]",
            " [1, -2.5e+3 ,\"a\\u0041\\n\", true,null]\n",
            "{\"a\":{\"b\":[[],{}]},\"a\":1}",
            "\"x\"",
            "0",
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "{a:1}",
            "[1 2]",
            "01",
            "1.",
            "1e",
            "-",
            "+1",
            "tru",
            "nulll",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"abc",
            "[}",
            "{]",
            "{} {}",
            "]",
            "[\"a\":1]",
            "\"a\nb\"",
            "{,}",
            "[,]",
            "\"\\ud800\"",
        ];
        for text in texts {
            let here = Document::parse(text);
            let there = serde_json::from_str::<serde_json::Value>(text);
            // A half of a surrogate pair is one to JavaScript, and not to Rust.
            assert_eq!(here.is_ok(), there.is_ok() || text.contains("ud800"), "{text}: {here:?}");
        }
        assert!(Document::parse(&"[".repeat(MAX_DEPTH + 1)).is_err_and(|error| error.what.contains("deep")));
        let deep = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(Document::parse(&deep).is_ok());
    }

    #[test]
    fn values_are_told_by_name_and_place() {
        let text = "{\"a\": {\"b\": [1, \"x\\\"\\u00e9\\ud83d\\ude00\"]}, \"c\": true, \"a\\u0062\": 2, \"c\": 7}";
        let document = Document::parse(text).unwrap();
        let root = document.root();
        let list = root.get("a").and_then(|a| a.get("b")).unwrap();
        assert_eq!(list.raw(), "[1, \"x\\\"\\u00e9\\ud83d\\ude00\"]");
        assert_eq!(list.elements().nth(1).unwrap().as_str().unwrap(), "x\"\u{e9}\u{1f600}");
        assert_eq!(root.get("ab").unwrap().raw(), "2");
        assert_eq!(root.get("c").unwrap().raw(), "7");
        assert_eq!((root.members().count(), root.elements().count(), list.members().count()), (4, 0, 0));
        assert!(root.get("d").is_none() && list.get("b").is_none());
    }

    #[test]
    fn strings_come_back() {
        let text = "a\"b\\c\n\r\t\u{1}\u{7f}\u{e9}\u{1f600}/";
        let written = json_string(text);
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        assert_eq!(Document::parse(&written).unwrap().root().as_str().unwrap(), text);
    }
}
