//! Documents of one line, as logs have them.
//!
//! In nearly all of them nothing is hidden. So such a document is only looked over: whether it ends in its line, without an
//! escape, and without a secret name. Its tokens are looked for when something in it is hidden.

use std::collections::VecDeque;
use std::ops::Range;

use super::{Json, MAX_DEPTH, MAX_NAME, Token, is_secret_name, plain_len};

/// A longer line is followed token by token: of what is out, no more stays to be looked at.
const MAX_LINE: usize = 4096;

/// Lines that were looked over, in offsets of the text, and are not out yet.
#[derive(Debug, Default)]
pub(super) struct Lines(VecDeque<Range<u64>>);

impl Lines {
    /// Takes the line with which `text`, at the offset `at`, starts, if it is whole and such a document; answers how long
    /// it is.
    pub(super) fn take(&mut self, text: &[u8], at: u64) -> Option<usize> {
        let len = memchr::memchr(b'\n', &text[..text.len().min(MAX_LINE)])? + 1;
        is_plain(&text[..len]).then(|| {
            self.0.push_back(at..at + len as u64);
            len
        })
    }

    /// Forgets those that end before this offset.
    pub(super) fn forget(&mut self, done: u64) {
        while self.0.front().is_some_and(|line| line.end <= done) {
            self.0.pop_front();
        }
    }

    /// The tokens of those lines that the interval touches, which are then no longer among them. `text` gives what stands
    /// in a line.
    pub(super) fn open<'t>(&mut self, interval: &Range<u64>, text: impl Fn(&Range<u64>) -> &'t [u8]) -> Vec<Token> {
        let first = self.0.partition_point(|line| line.end <= interval.start);
        let count = self.0.range(first..).take_while(|line| line.start < interval.end).count();
        let mut tokens = Vec::new();
        for line in self.0.drain(first..first + count) {
            let mut json = Json { at: line.start, ..Json::new() };
            json.follow(text(&line), &mut |_| ());
            tokens.extend(json.tokens);
        }
        tokens
    }
}

/// Whether a document without an escape and without a secret name starts and ends in the line. What follows it does not
/// matter, nor what is none: the rest of such a line is text.
fn is_plain(line: &[u8]) -> bool {
    let (mut depth, mut at) = (0, 0);
    while let Some(&byte) = line.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return false;
                }
            }
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return true;
                }
            }
            b'"' => {
                let string = &line[at..][..plain_len(&line[at..])];
                at += string.len();
                if line.get(at) != Some(&b'"') || is_secret_name(&string[..string.len().min(MAX_NAME)]) {
                    return false;
                }
                at += 1;
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_over() {
        for plain in ["{\"a\": [1, \"]\"]}\n", "[]\n", "{} {\"password\": 1}\n", "{\"a\" b}\n", "{]\n"] {
            assert!(is_plain(plain.as_bytes()), "{plain}");
        }
        for other in
            ["{\"a\": {}\n", "{\"a\": \"}\n", "{\"a\": \"\\u0041\"}\n", "{\"Pass-Word\": 1}\n", "{\"a\": \"b}\n", "{\n"]
        {
            assert!(!is_plain(other.as_bytes()), "{other}");
        }
        assert!(!is_plain(&[&b"[".repeat(600)[..], &b"]".repeat(600), b"\n"].concat()));
    }
}
