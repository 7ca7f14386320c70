//! What stands before a value when it is escaped: the last letter of `\\n` is no part of the word after it.

/// The longest sequence that sets a terminal's colours.
const MAX_ANSI: usize = 20;

/// The byte that is meant by the escape at the end of `text`: `\\n`, `\\x22`, `\\u0022`, `%22`, or the end of an ANSI colour
/// (for which it is the escape byte). `None` where no escape ends there.
pub(crate) fn byte_before(text: &[u8]) -> Option<u8> {
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
    let (head, digits) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    let named = head.ends_with(b"%") || head.ends_with(b"\\x") || head.ends_with(b"\\u00");
    (named && digits.iter().all(u8::is_ascii_hexdigit)).then_some(byte)
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
