//! A JSON document as it stands in its bytes: where each value is, so that it can be edited in place.

use std::ops::Range;

use crate::guard::string::decoded;

/// Containers in one another.
const MAX_DEPTH: usize = 512;
/// Values of a document; more is no document that anyone means.
const MAX_TOKENS: usize = 4 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    /// The name of a member; its value comes next.
    Name,
    String,
    Number,
    /// `true`, `false`, `null`.
    Literal,
}

/// A value or a name.
#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    /// Of a string and a name, without the quotes.
    start: u32,
    end: u32,
    /// Behind the value and all that is in it.
    next: u32,
}

/// A document: its bytes, and where everything is in them.
#[derive(Debug)]
pub(super) struct Document<'b> {
    bytes: &'b [u8],
    tokens: Vec<Token>,
}

/// A value of a document, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node(u32);

impl<'b> Document<'b> {
    /// `None` where the bytes are no document. Bytes that are not UTF-8, control characters in strings, `NaN` and
    /// `Infinity` are let pass, as many readers do.
    pub(super) fn parse(bytes: &'b [u8]) -> Option<Document<'b>> {
        if bytes.len() >= u32::MAX as usize {
            return None;
        }
        let mut parser = Parser { bytes, at: 0, tokens: Vec::new() };
        parser.document()?;
        Some(Document { bytes, tokens: parser.tokens })
    }

    pub(super) fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    pub(super) fn root(&self) -> Node {
        Node(0)
    }

    fn token(&self, node: Node) -> Token {
        self.tokens[node.0 as usize]
    }

    pub(super) fn kind(&self, node: Node) -> Kind {
        self.token(node).kind
    }

    pub(super) fn is_string(&self, node: Node) -> bool {
        self.kind(node) == Kind::String
    }

    pub(super) fn is_container(&self, node: Node) -> bool {
        matches!(self.kind(node), Kind::Object | Kind::Array)
    }

    /// Where it stands; of a string, without the quotes.
    pub(super) fn span(&self, node: Node) -> Range<usize> {
        let token = self.token(node);
        token.start as usize..token.end as usize
    }

    /// Where all of it stands.
    pub(super) fn outer(&self, node: Node) -> Range<usize> {
        let span = self.span(node);
        if matches!(self.kind(node), Kind::String | Kind::Name) { span.start - 1..span.end + 1 } else { span }
    }

    /// As it stands there: of a string, with its escapes and without the quotes.
    pub(super) fn raw(&self, node: Node) -> &'b [u8] {
        &self.bytes[self.span(node)]
    }

    /// A string, or a name, as it is meant.
    pub(super) fn text(&self, node: Node) -> Vec<u8> {
        decoded(self.raw(node))
    }

    pub(super) fn number(&self, node: Node) -> Option<u64> {
        let raw = std::str::from_utf8(self.raw(node)).ok()?;
        (self.kind(node) == Kind::Number).then(|| raw.parse().ok())?
    }

    /// The node behind this one and all that is in it.
    pub(super) fn after(&self, node: Node) -> Node {
        Node(self.token(node).next)
    }

    /// What is in a container: values; none of another node.
    pub(super) fn items(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        let mut at = Node(node.0 + 1);
        let end = if self.is_container(node) { self.after(node) } else { at };
        std::iter::from_fn(move || {
            if at < end && self.kind(at) == Kind::Name {
                at = Node(at.0 + 1);
            }
            let item = (at < end).then_some(at)?;
            at = self.after(item);
            Some(item)
        })
    }

    /// Names and values of an object.
    pub(super) fn members(&self, node: Node) -> impl Iterator<Item = (Node, Node)> + '_ {
        let is_object = self.kind(node) == Kind::Object;
        self.items(node).filter(move |_| is_object).map(|value| (Node(value.0 - 1), value))
    }

    /// The value of a member; of several of one name, the last, as readers have it.
    pub(super) fn get(&self, node: Node, name: &str) -> Option<Node> {
        let named = |found: Node| {
            let raw = self.raw(found);
            raw == name.as_bytes() || (raw.contains(&b'\\') && decoded(raw) == name.as_bytes())
        };
        self.members(node).filter(|(found, _)| named(*found)).last().map(|(_, value)| value)
    }

    /// The value at the end of these names.
    pub(super) fn at(&self, node: Node, path: &[&str]) -> Option<Node> {
        path.iter().try_fold(node, |node, name| self.get(node, name))
    }

    pub(super) fn get_number(&self, node: Node, name: &str) -> Option<u64> {
        self.get(node, name).and_then(|value| self.number(value))
    }
}

struct Parser<'b> {
    bytes: &'b [u8],
    at: usize,
    tokens: Vec<Token>,
}

impl Parser<'_> {
    fn document(&mut self) -> Option<()> {
        let mut open: Vec<u32> = Vec::new();
        if self.bytes.starts_with(b"\xEF\xBB\xBF") {
            self.at = 3;
        }
        loop {
            // A value.
            self.skip_space();
            let start = self.at;
            match self.peek()? {
                byte @ (b'{' | b'[') => {
                    self.at += 1;
                    let kind = if byte == b'{' { Kind::Object } else { Kind::Array };
                    open.push(self.push(kind, start)?);
                    if open.len() > MAX_DEPTH {
                        return None;
                    }
                    self.skip_space();
                    if self.peek()? != byte + 2 {
                        if byte == b'{' {
                            self.name()?;
                        }
                        continue;
                    }
                }
                b'"' => self.string(Kind::String)?,
                byte => self.scalar(byte)?,
            }
            // What stands behind it.
            loop {
                self.skip_space();
                let Some(&top) = open.last() else { return (self.at == self.bytes.len()).then_some(()) };
                let is_object = self.tokens[top as usize].kind == Kind::Object;
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        if is_object {
                            self.skip_space();
                            self.name()?;
                        }
                        break;
                    }
                    byte if byte == (if is_object { b'}' } else { b']' }) => {
                        self.at += 1;
                        let (end, next) = (self.at as u32, self.tokens.len() as u32);
                        let token = &mut self.tokens[top as usize];
                        (token.end, token.next) = (end, next);
                        open.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: Kind, start: usize) -> Option<u32> {
        let number = self.tokens.len() as u32;
        self.tokens.push(Token { kind, start: start as u32, end: self.at as u32, next: number + 1 });
        (self.tokens.len() <= MAX_TOKENS).then_some(number)
    }

    fn name(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        self.string(Kind::Name)?;
        self.skip_space();
        (self.peek()? == b':').then_some(())?;
        self.at += 1;
        Some(())
    }

    fn string(&mut self, kind: Kind) -> Option<()> {
        let start = self.at + 1;
        self.at = start;
        loop {
            self.at += memchr::memchr2(b'"', b'\\', &self.bytes[self.at..])?;
            if self.bytes[self.at] == b'"' {
                break;
            }
            self.at = (self.at + 2 <= self.bytes.len()).then_some(self.at + 2)?;
        }
        self.push(kind, start)?;
        self.at += 1;
        Some(())
    }

    fn scalar(&mut self, first: u8) -> Option<()> {
        let start = self.at;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        self.at += self.bytes[start..].iter().take_while(|byte| is_part(byte)).count();
        let kind = match &self.bytes[start..self.at] {
            b"true" | b"false" | b"null" | b"NaN" | b"Infinity" | b"-Infinity" => Kind::Literal,
            text if matches!(first, b'0'..=b'9' | b'-') && is_number(text) => Kind::Number,
            _ => return None,
        };
        self.push(kind, start).map(drop)
    }
}

fn is_number(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'))
}

/// Changes to the bytes of a document, at places that do not overlap.
#[derive(Debug, Default)]
pub(in crate::guard) struct Edits(Vec<(Range<usize>, Vec<u8>)>);

impl Edits {
    pub(in crate::guard) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts these bytes in the place of those.
    pub(in crate::guard) fn replace(&mut self, span: Range<usize>, with: Vec<u8>) {
        self.0.push((span, with));
    }

    /// The bytes with all changes. Of changes in one another, the outermost.
    pub(in crate::guard) fn apply(mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
        let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
        for (span, with) in &self.0 {
            if span.start < at {
                continue;
            }
            out.extend_from_slice(&bytes[at..span.start]);
            out.extend_from_slice(with);
            at = span.end;
        }
        out.extend_from_slice(&bytes[at..]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_where_they_stand() {
        let bytes = br#" {"a": [1, "x\ny", {"b": null}], "c": {}, "a": "\ud83d\ude00\ud83d", "d": []} "#;
        let doc = Document::parse(bytes).unwrap();
        let root = doc.root();
        let names: Vec<Vec<u8>> = doc.members(root).map(|(name, _)| doc.text(name)).collect();
        assert_eq!(names, [b"a", b"c", b"a", b"d"]);
        assert_eq!(doc.text(doc.get(root, "a").unwrap()), b"\xF0\x9F\x98\x80\xED\xA0\xBD");
        let first = doc.items(root).next().unwrap();
        let items: Vec<Kind> = doc.items(first).map(|item| doc.kind(item)).collect();
        assert_eq!(items, [Kind::Number, Kind::String, Kind::Object]);
        assert_eq!(doc.raw(first), br#"[1, "x\ny", {"b": null}]"#);
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in ["", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "nul", "1 2", "\"\\", "{a:1}", "[1}", "-x", "\"a", "01a"]
        {
            assert!(Document::parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(Document::parse("[".repeat(100_000).as_bytes()).is_none());
        for text in ["0", "[]", "{}", "\"\"", " [ ] ", "{\"a\":-1.5e+3}", "[NaN]"] {
            assert!(Document::parse(text.as_bytes()).is_some(), "{text}");
        }
    }
}
