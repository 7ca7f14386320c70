//! Places in a unit: byte spans, and lines and columns as people count them.

/// A half-open range of byte offsets in a unit: `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte.
    pub end: u64,
}

impl Span {
    /// How many bytes the span covers.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether the span covers no byte.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether the two spans share a byte.
    #[must_use]
    pub const fn overlaps(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// A part of a text that is a copy of a part of its base. Parts are given in the order of `to`, and do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Where it stands in the base.
    pub from: u64,
    /// Where it stands in the text.
    pub to: u64,
    /// How many bytes it has.
    pub len: u64,
}

/// A place as people count it: lines and columns from 1, columns in Unicode scalar values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1. Lines end with `\n`.
    pub line: u64,
    /// The column, from 1, in Unicode scalar values; a stray byte counts as one.
    pub column: u64,
}

impl Position {
    /// The first byte of a unit.
    pub const START: Position = Position { line: 1, column: 1 };

    /// The place after `text`, when this is the place where `text` starts.
    #[must_use]
    pub(crate) fn after(self, text: &[u8]) -> Position {
        let (line, last) = match memchr::memrchr(b'\n', text) {
            None => (self, text),
            Some(at) => {
                let lines = memchr::memchr_iter(b'\n', text).count() as u64;
                (Position { line: self.line + lines, column: 1 }, &text[at + 1..])
            }
        };
        Position { line: line.line, column: line.column + scalar_count(last) }
    }
}

/// The number of Unicode scalar values in UTF-8: the bytes that do not continue another.
fn scalar_count(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_scalar_values() {
        let at = |text: &str| Position::START.after(text.as_bytes());
        assert_eq!(at(""), Position::START);
        assert_eq!(at("ab"), Position { line: 1, column: 3 });
        assert_eq!(at("ab\n"), Position { line: 2, column: 1 });
        assert_eq!(at("ab\r\nä€😀"), Position { line: 2, column: 4 });
    }

    #[test]
    fn a_position_is_the_same_in_every_split() {
        let text = "one\ntwö\n\nthree ✓ four".as_bytes();
        for cut in 0..=text.len() {
            assert_eq!(Position::START.after(&text[..cut]).after(&text[cut..]), Position::START.after(text));
        }
    }

    #[test]
    fn overlap_is_symmetric_and_excludes_neighbours() {
        let (a, b, c) = (Span { start: 0, end: 4 }, Span { start: 3, end: 5 }, Span { start: 4, end: 5 });
        assert!(a.overlaps(b) && b.overlaps(a));
        assert!(!a.overlaps(c) && !c.overlaps(a));
        assert_eq!(a.len(), 4);
    }
}
