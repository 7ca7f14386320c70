//! A reader of JSON (RFC 8259) that builds nothing: it says whether a text is one well-formed object, and shows its
//! members. It does not recurse, reads each byte once, and keeps no more than one byte for each level of nesting.

/// Deeper texts are taken for malformed. The claims of tokens nest a few levels.
const MAX_DEPTH: usize = 64;

/// Whether `text` is one JSON object. Each of its own members is shown as it is written: the name without its quotes,
/// the value with all that is in it.
pub(super) fn is_object<'a>(text: &'a [u8], member: impl FnMut(&'a [u8], &'a [u8])) -> bool {
    std::str::from_utf8(text).is_ok() && Reader { text, at: 0 }.object(member).is_some()
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn object(mut self, mut member: impl FnMut(&'a [u8], &'a [u8])) -> Option<()> {
        self.skip_space();
        self.expect(b'{')?;
        // What closes each of the open objects and arrays, innermost last.
        let mut open = vec![b'}'];
        // Whether the innermost one has had no element yet.
        let mut empty = true;
        // Of the outermost object: the name of the current member, and where its value starts.
        let (mut name, mut start) = (&self.text[..0], 0);

        while let Some(&closing) = open.last() {
            self.skip_space();
            if self.peek() == Some(closing) {
                self.at += 1;
                open.pop();
                empty = false;
                if open.len() == 1 {
                    member(name, &self.text[start..self.at]);
                }
                continue;
            }
            if !empty {
                self.expect(b',')?;
                self.skip_space();
            }
            let outermost = open.len() == 1;
            if closing == b'}' {
                let key = self.string()?;
                self.skip_space();
                self.expect(b':')?;
                self.skip_space();
                if outermost {
                    (name, start) = (key, self.at);
                }
            }
            match self.peek()? {
                bracket @ (b'{' | b'[') => {
                    if open.len() == MAX_DEPTH {
                        return None;
                    }
                    self.at += 1;
                    open.push(if bracket == b'{' { b'}' } else { b']' });
                    empty = true;
                }
                _ => {
                    self.scalar()?;
                    empty = false;
                    if outermost {
                        member(name, &self.text[start..self.at]);
                    }
                }
            }
        }
        self.skip_space();
        (self.at == self.text.len()).then_some(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn skip_space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// Goes behind the bytes of which `class` holds, and says how many there were.
    fn skip(&mut self, class: impl Fn(u8) -> bool) -> usize {
        let start = self.at;
        while self.peek().is_some_and(&class) {
            self.at += 1;
        }
        self.at - start
    }

    fn scalar(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn number(&mut self) -> Option<()> {
        let digits = |reader: &mut Self| (reader.skip(|byte| byte.is_ascii_digit()) > 0).then_some(());
        let _ = self.expect(b'-');
        if self.expect(b'0').is_none() {
            digits(self)?;
        }
        if self.expect(b'.').is_some() {
            digits(self)?;
        }
        if self.skip_one(|byte| matches!(byte, b'e' | b'E')) {
            self.skip_one(|byte| matches!(byte, b'+' | b'-'));
            digits(self)?;
        }
        Some(())
    }

    fn skip_one(&mut self, class: impl Fn(u8) -> bool) -> bool {
        let fits = self.peek().is_some_and(class);
        self.at += usize::from(fits);
        fits
    }

    /// A string, without its quotes and with its escapes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            self.skip(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20));
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(&self.text[start..self.at - 1]);
                }
                b'\\' => {
                    self.at += 1;
                    let escaped = self.peek()?;
                    self.at += 1;
                    match escaped {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        b'u' => {
                            let digits = self.text.get(self.at..self.at + 4)?;
                            self.at += digits.iter().all(u8::is_ascii_hexdigit).then_some(4)?;
                        }
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn members(text: &str) -> Option<Vec<(String, String)>> {
        let mut seen = Vec::new();
        let own = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        is_object(text.as_bytes(), |name, value| seen.push((own(name), own(value)))).then_some(seen)
    }

    #[test]
    fn members_are_shown_as_written() {
        let seen = members(r#" { "alg" : "HS256", "n": -1.5e+3, "deep": {"alg": [1, {}, []]}, "": null } "#).unwrap();
        let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["alg", "n", "deep", ""]);
        assert_eq!(seen[0].1, r#""HS256""#);
        assert_eq!(seen[2].1, r#"{"alg": [1, {}, []]}"#);
    }

    #[test]
    fn malformed_texts_are_refused() {
        for text in [
            "",
            "{",
            "}",
            "[]",
            "1",
            "\"a\"",
            "{}{}",
            "{} x",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1 \"b\":2}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":1e}",
            "{\"a\":+1}",
            "{\"a\":tru}",
            "{\"a\":[1,]}",
            "{\"a\":[1}}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":\"\\u12",
            "{\"a\":\"",
        ] {
            assert_eq!(members(text), None, "{text}");
        }
        assert!(!is_object(b"{\"a\":\"\xFF\"}", |_, _| ()));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(members(&nested(MAX_DEPTH)).is_some());
        assert!(members(&nested(MAX_DEPTH + 1)).is_none());
        assert!(members(&nested(1 << 20)).is_none());
    }

    proptest! {
        #[test]
        fn it_agrees_with_serde(text in r#"[ {}\[\]:,"\\au0-9.eE+-]{0,12}"#) {
            let text = format!("{{\"a\":{text}}}");
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(members(&text).is_some(), theirs, "{}", text);
        }
    }
}
