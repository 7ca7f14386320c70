//! What stands between a name and its value: quotes that close, operators, types, wrappers, tags, fields of a block.

use std::ops::Range;

use super::{MAX_SPACE, MAX_WORD, Machine, is_quote, is_space, name};

const MAX_OPERATOR: usize = 4;
const MAX_ATTRIBUTES: usize = 80;
/// Words that assign: `password is "x"`, `IDENTIFIED BY 'x'`.
const WORDS: &[&[u8]] = &[b"is", b"to", b"by", b"with", b"as", b"IS", b"TO", b"BY"];

/// Elements of which the text is a name, those of which it is its value, and the other values of property lists.
const NAMES: &[&[u8]] = &[b"key", b"name", b"param-name", b"string"];
const VALUES: &[&[u8]] = &[b"data", b"param-value", b"string", b"value"];
const PROPERTIES: &[&[u8]] = &[b"array", b"date", b"dict", b"false", b"integer", b"real", b"true"];

/// How much of a block is read for the field that holds its value.
const MAX_BLOCK: usize = 160;

/// What a command says before a name that it sets, and the value: `ENV NAME value`.
const SETS: &[&[u8]] = &[b"ENV ", b"setenv ", b"setx ", b"configure set "];

/// What stands behind an operator.
pub(super) enum Wrapped {
    /// A value, perhaps.
    Value,
    /// A list of bytes.
    Bytes(Range<usize>),
    /// A call that looks something up.
    LookedUp,
}

impl<'t> Machine<'t> {
    /// Quotes and brackets that end the name: `"name"`, `name]`, `\"name\"`, `name[25]`; answers whether there were any.
    pub(super) fn closers(&mut self) -> bool {
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

    pub(super) fn operator(&mut self) -> &'t [u8] {
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
        if assigns && operator != b"::" {
            return operator;
        }
        self.at = start;
        &[]
    }

    /// After `name:` a type may stand before the operator proper: `name: &str = `, `name: string = `.
    pub(super) fn annotation(&mut self) {
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
    pub(super) fn wrapper(&mut self) -> Wrapped {
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
        self.skip(2, |b| matches!(b, b'b' | b'r' | b'u' | b'f' | b'@' | b'L' | b'N'));
        self.in_list = opened && self.text[back..self.at].contains(&b'[');
        if !opened || !matches!(self.peek(), Some(b'"' | b'\'' | b'`' | b'\\')) {
            self.at = back;
            let prefix = self.skip(2, |b| matches!(b, b'b' | b'r' | b'u' | b'f' | b'@' | b'L' | b'N' | b'['));
            if prefix > 0 && !matches!(self.peek(), Some(b'"' | b'\'' | b'`')) {
                self.at = back;
            }
        }
        Wrapped::Value
    }

    /// Goes to the value of a name that stands in quotes or behind a command and has no operator, when spaces follow the
    /// name at `text[stem]`.
    pub(super) fn is_set(&mut self, stem: usize, closed: bool) -> bool {
        let start = name::start(self.text, stem);
        let before = &self.text[..start];
        // `<name type="text">`
        if before.ends_with(b"<") && self.attributes() {
            self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
            return true;
        }
        if !closed {
            // `name "value"`: settings without an operator; `--name value`: an argument of a command.
            return self.at_quote() && !self.is_verb(stem)
                || is_flag(&self.text[start..], before)
                || SETS.iter().any(|set| before.ends_with(set));
        }
        if !is_quote(self.text[self.name_end]) {
            return false;
        }
        // `variable "name" { default = "value" }`, `fetch("name") { "value" }`
        if self.peek() == Some(b'{') {
            return before.ends_with(b"variable \"") && self.block() || self.quoted_block();
        }
        (before.ends_with(b"name=\"") || before.ends_with(b"key=\"")) && self.element()
    }

    /// Goes to the value that an element has of which an attribute is the name: `<input name="name" value="..."`,
    /// `<setting name="name" type="text"> <value>...`, `<string name="name" type="text">...`.
    fn element(&mut self) -> bool {
        // A space stands before the first attribute.
        let back = self.at;
        let attributes =
            back - 1..back + self.skip(MAX_ATTRIBUTES, |byte| !matches!(byte, b'<' | b'>' | b'\n' | b'\r'));
        if let Some(at) = memchr::memmem::find(&self.text[attributes.clone()], b" value=") {
            self.at = attributes.start + at + b" value=".len();
            return true;
        }
        let opens = self.peek() == Some(b'>') && !self.text[attributes].ends_with(b"/");
        self.at += usize::from(opens);
        if opens {
            self.text_of_element();
            return true;
        }
        self.at = back;
        false
    }

    /// Goes to the text of an element, which may stand on a line of its own, in an element for it, or in a frame.
    pub(super) fn text_of_element(&mut self) {
        self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
        if self.tag(b"<", VALUES) {
            self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
        }
        self.sign(b"<![CDATA[");
    }

    /// Goes to the value of a field that holds it, in the block that starts here: `{ type = string, default = "..." }`.
    pub(super) fn block(&mut self) -> bool {
        let back = self.at;
        self.skip(1, |byte| byte == b'{');
        while let Some(left @ 1..) = (back + MAX_BLOCK).checked_sub(self.at) {
            self.skip(left, |byte| byte.is_ascii_whitespace() || byte == b',');
            self.skip(1, is_quote);
            let from = self.at;
            self.skip(MAX_WORD, |byte| byte.is_ascii_alphabetic());
            let is_field = holds_value(&self.text[from..self.at]);
            self.skip(1, is_quote);
            self.skip(MAX_SPACE, is_space);
            if self.at == from || self.skip(1, |byte| matches!(byte, b'=' | b':')) == 0 {
                break;
            }
            self.skip(MAX_SPACE, is_space);
            if is_field {
                return true;
            }
            // The value of another field.
            let quote = self.peek().filter(|byte| is_quote(*byte));
            self.skip(1, is_quote);
            self.skip(left, |byte| {
                byte != b'\n' && quote.map_or(!matches!(byte, b',' | b'{' | b'}'), |quote| byte != quote)
            });
            self.skip(1, is_quote);
        }
        self.at = back;
        false
    }

    /// `{ "value" }`
    fn quoted_block(&mut self) -> bool {
        let back = self.at;
        self.skip(1, |byte| byte == b'{');
        self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
        let quoted = self.at_quote();
        if !quoted {
            self.at = back;
        }
        quoted
    }

    /// `name || "value"`, `get("name") or "value"`: what is taken where nothing is there. `name <- "value"`.
    pub(super) fn alternative(&mut self, closed: bool) -> bool {
        let back = self.at;
        let signs: &[&[u8]] = if closed { &[b"||", b"??", b"or "] } else { &[b"||", b"??", b"<-"] };
        let is_one = signs.iter().any(|sign| self.sign(sign));
        self.skip(MAX_SPACE, is_space);
        let found = is_one && self.at_quote();
        if !found {
            self.at = back;
        }
        found
    }

    /// A type between the name and the operator, or a word that assigns, behind which a quote stands.
    pub(super) fn typed(&mut self) -> bool {
        let from = self.at;
        if self.skip(MAX_WORD, is_type) == 0 {
            return false;
        }
        let word = &self.text[from..self.at];
        self.skip(MAX_SPACE, is_space);
        if word.eq_ignore_ascii_case(b"as") && !self.at_quote() {
            self.skip(MAX_WORD, is_type);
            self.skip(MAX_SPACE, is_space);
        }
        !self.at_quote() || WORDS.contains(&word)
    }

    /// Goes from the operator to the value or its wrapper.
    pub(super) fn lead_in(&mut self, operator: &[u8]) {
        if operator == b">" {
            return self.text_of_element();
        }
        self.skip(MAX_SPACE, is_space);
        match (operator, self.peek()) {
            (b"=" | b":" | b"=>", Some(b'{')) => {
                self.block();
            }
            (b":", Some(b'|' | b'>')) => self.lines(),
            (b":", Some(b'!' | b'r')) => {
                let _is_there = self.sign(b"!!str ") || self.sign(b"return ");
            }
            _ => {}
        }
    }

    /// Goes to the first line of a block of lines: `name: |`.
    fn lines(&mut self) {
        let back = self.at;
        self.skip(1, |byte| matches!(byte, b'|' | b'>'));
        self.skip(2, |byte| matches!(byte, b'-' | b'+') || byte.is_ascii_digit());
        if self.skip(2, |byte| matches!(byte, b'\r' | b'\n')) > 0 {
            self.skip(MAX_SPACE, is_space);
        } else {
            self.at = back;
        }
    }

    /// Goes behind a sign, if it stands here.
    fn sign(&mut self, sign: &[u8]) -> bool {
        let back = self.at;
        let is_there = sign.iter().all(|sign| self.skip(1, |byte| byte == *sign) == 1);
        if !is_there {
            self.at = back;
        }
        is_there
    }

    /// `"name" value="..."`, and on the next line `value: ...`: a pair of fields, of which the first holds the name.
    pub(super) fn value_field(&mut self) -> bool {
        let back = self.at;
        self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace() || byte == b',');
        self.skip(2, |byte| matches!(byte, b'"' | b'\'' | b'\\'));
        let from = self.at;
        self.skip(MAX_WORD, |byte| byte.is_ascii_alphabetic());
        let mut assigned = holds_value(&self.text[from..self.at]);
        if assigned {
            self.skip(2, |byte| matches!(byte, b'"' | b'\'' | b'\\'));
            self.skip(MAX_SPACE, is_space);
            assigned = self.skip(1, |byte| matches!(byte, b'=' | b':')) > 0;
            self.skip(MAX_SPACE, is_space);
        }
        if !assigned {
            self.at = back;
        }
        assigned
    }

    /// `<key>name</key> <string>...`, `<name>name</name> <value>...`: goes to the text of the second element.
    pub(super) fn pair_of_elements(&mut self) -> bool {
        let back = self.at;
        let is_pair = self.tag(b"</", NAMES) && {
            self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
            self.tag(b"<", VALUES)
        };
        if is_pair {
            self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
        } else {
            self.at = back;
        }
        is_pair
    }

    /// Whether a value is the key of a property list, which names the next element: `<key>value</key> <true/>`.
    pub(super) fn is_key(&mut self, value: &Range<usize>) -> bool {
        self.at = value.end;
        self.tag(b"</", &[b"key"]) && {
            self.skip(MAX_SPACE, |byte| byte.is_ascii_whitespace());
            self.tag(b"<", VALUES) || self.tag(b"<", PROPERTIES)
        }
    }

    /// Goes behind a tag, if it opens like this and is one of these.
    fn tag(&mut self, opening: &[u8], names: &[&[u8]]) -> bool {
        let back = self.at;
        let opens = self.sign(opening);
        let from = self.at;
        if opens {
            self.skip(MAX_WORD, |byte| byte.is_ascii_alphabetic() || byte == b'-');
        }
        let is_one = names.contains(&&self.text[from..self.at]) && self.skip(2, |byte| matches!(byte, b'/' | b'>')) > 0;
        if !is_one {
            self.at = back;
        }
        is_one
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
}

/// Whether a field of this name holds the value of what others describe.
fn holds_value(field: &[u8]) -> bool {
    field.eq_ignore_ascii_case(b"value") || matches!(field, b"default" | b"defaultValue")
}

/// Whether it is a flag of a command, `--name` or ` -name`.
fn is_flag(name: &[u8], before: &[u8]) -> bool {
    name.starts_with(b"--")
        || name.starts_with(b"-") && name.get(1).is_some_and(u8::is_ascii_alphabetic) && before.ends_with(b" ")
}

fn is_type(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'&' | b'*' | b'[' | b']' | b'?' | b'.')
}
