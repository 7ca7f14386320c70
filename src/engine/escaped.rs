//! What stands before a value when it is escaped: the last letter of `\\n` is no part of the word after it.

use crate::rule::{Rule, WayIn};

/// The longest sequence that sets a terminal's colours.
const MAX_ANSI: usize = 20;

/// Whether a match of the rule may start behind this text.
pub(super) fn may_start(rule: &Rule, before: &[u8]) -> bool {
    before.last().is_none_or(|&byte| rule.before.contains(byte))
        || sees_escapes(rule) && byte_before(before).is_some_and(|byte| rule.before.contains(byte))
}

/// Whether a match of the rule may start behind an escape. A run would have to be looked for again there.
pub(super) fn sees_escapes(rule: &Rule) -> bool {
    matches!(rule.way_in, WayIn::Literals(_))
}

/// The byte that is meant by the escape at the end of `text`: `\\n`, `\\x22`, `\\u0022`, `%22`, or the end of an ANSI colour
/// (for which it is the escape byte). `None` where no escape ends there.
fn byte_before(text: &[u8]) -> Option<u8> {
    let last = *text.last()?;
    match last {
        b'n' | b'r' | b't' if text.ends_with(&[b'\\', last]) => return Some(b'\n'),
        b'm' => {
            let tail = &text[text.len().saturating_sub(MAX_ANSI)..text.len() - 1];
            let start = tail.iter().rposition(|byte| !byte.is_ascii_digit() && *byte != b';')?;
            return (start > 0 && tail[start - 1..=start] == *b"\x1b[").then_some(0x1b);
        }
        _ => {}
    }
    let (head, digits) = text.split_last_chunk::<2>()?;
    let named = match head.last()? {
        b'%' => true,
        b'x' => head.ends_with(b"\\x"),
        b'0' => head.ends_with(b"\\u00"),
        _ => false,
    };
    if !named {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    Some(digit(digits[0])? << 4 | digit(digits[1])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_a_byte() {
        for (text, byte) in [
            ("a\\n", b'\n'),
            ("\\\\t", b'\n'),
            ("%22", b'"'),
            ("a%3d", b'='),
            ("\\u0022", b'"'),
            ("\\x3A", b':'),
            ("\x1b[0m", 0x1b),
            ("\x1b[1;31m", 0x1b),
            ("\x1b[m", 0x1b),
        ] {
            assert_eq!(byte_before(text.as_bytes()), Some(byte), "{text:?}");
        }
        for text in ["", "n", "an", "m", "[0m", "\x1b0m", "22", "%2", "u0022", "\\u0122", "x22", "%+1", "é"] {
            assert_eq!(byte_before(text.as_bytes()), None, "{text:?}");
        }
    }
}
