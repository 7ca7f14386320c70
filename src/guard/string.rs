//! Strings of JSON: between how they are written and what they say. One place for documents that are strict and for those
//! of streams, which are not.

use std::ops::Deref;

/// What one escape says: a character in UTF-8, or of half of a surrogate pair what UTF-8 would be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    bytes: [u8; 4],
    len: u8,
}

impl Said {
    fn of(point: u32) -> Said {
        let mut bytes = [0; 4];
        let len = match char::from_u32(point) {
            Some(char) => char.encode_utf8(&mut bytes).len(),
            None => {
                bytes[..3].copy_from_slice(&[
                    0xE0 | (point >> 12) as u8,
                    0x80 | (point >> 6 & 0x3F) as u8,
                    0x80 | (point & 0x3F) as u8,
                ]);
                3
            }
        };
        Said { bytes, len: len as u8 }
    }
}

impl Deref for Said {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Gives the pieces of a string that stands between its quotes: what each says, and how many bytes it has there. Halves
/// of surrogate pairs that stand alone say three bytes each, as if UTF-8 had them.
pub(super) fn pieces(raw: &[u8], mut piece: impl FnMut(&[u8], usize)) {
    let mut rest = raw;
    while let Some(plain) = memchr::memchr(b'\\', rest) {
        if plain > 0 {
            piece(&rest[..plain], plain);
            rest = &rest[plain..];
        }
        // What is cut off at the end stands for itself.
        match unit(rest).or_else(|| escape(rest).map(|(len, half)| (len, Said::of(half)))) {
            Some((len, said)) => {
                piece(&said, len);
                rest = &rest[len..];
            }
            None => break,
        }
    }
    if !rest.is_empty() {
        piece(rest, rest.len());
    }
}

/// What a string says, of what stands between its quotes.
pub(super) fn decoded(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    pieces(raw, |said, _| out.extend_from_slice(said));
    out
}

/// The length of the escape at the start, or of the two that make one character, and what it says; `None` where more of
/// it is to come.
pub(super) fn unit(text: &[u8]) -> Option<(usize, Said)> {
    let (len, unit) = escape(text)?;
    if !(0xD800..0xDC00).contains(&unit) {
        return Some((len, Said::of(unit)));
    }
    let low = match text[len..] {
        [] => return None,
        [b'\\', ..] => Some(escape(&text[len..])?),
        _ => None,
    };
    match low.filter(|(_, low)| (0xDC00..0xE000).contains(low)) {
        Some((low_len, low)) => Some((len + low_len, Said::of(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)))),
        None => Some((len, Said::of(unit))),
    }
}

/// The length of the escape at the start, and what it stands for; one that is none stands for its second byte.
fn escape(text: &[u8]) -> Option<(usize, u32)> {
    let simple = |byte: u8| Some((2, u32::from(byte)));
    match text.get(1)? {
        b'u' => {
            let digits = text[2..].iter().take(4).take_while(|byte| byte.is_ascii_hexdigit()).count();
            if digits == 4 {
                let digits = std::str::from_utf8(&text[2..6]).ok()?;
                return u32::from_str_radix(digits, 16).ok().map(|unit| (6, unit));
            }
            if text.len() == 2 + digits { None } else { simple(b'u') }
        }
        b'n' => simple(b'\n'),
        b't' => simple(b'\t'),
        b'r' => simple(b'\r'),
        b'b' => simple(0x08),
        b'f' => simple(0x0C),
        byte => simple(*byte),
    }
}

/// The characters of a string that says this text, without quotes.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < text.len() {
        let plain = text[at..].iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\' | 0xED));
        let end = plain.map_or(text.len(), |plain| at + plain);
        out.extend_from_slice(&text[at..end]);
        at = end;
        let Some(&byte) = text.get(at) else { return };
        let short = match byte {
            b'"' | b'\\' => Some(byte),
            b'\n' => Some(b'n'),
            b'\r' => Some(b'r'),
            b'\t' => Some(b't'),
            0x08 => Some(b'b'),
            0x0C => Some(b'f'),
            _ => None,
        };
        match (byte, text.get(at + 1), text.get(at + 2)) {
            _ if short.is_some() => out.extend([b'\\'].into_iter().chain(short)),
            (0..0x20, ..) => out.extend(format!("\\u{byte:04x}").bytes()),
            (0xED, Some(&second @ 0xA0..=0xBF), Some(&third @ 0x80..=0xBF)) => {
                let unit = 0xD000 | u32::from(second & 0x3F) << 6 | u32::from(third & 0x3F);
                out.extend(format!("\\u{unit:04x}").bytes());
                at += 2;
            }
            _ => out.push(byte),
        }
        at += 1;
    }
}

/// A string that says this text, with its quotes.
pub(super) fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'"');
    encode(text, &mut out);
    out.push(b'"');
    out
}

/// A text as a string of a document, with its quotes.
#[must_use]
pub fn json_string(text: &str) -> String {
    // Of UTF-8 comes UTF-8.
    String::from_utf8(quoted(text.as_bytes())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for text in [&b"plain"[..], b"\"\\\n\x01\x7f\xff", "\u{e4}\u{1f600}".as_bytes(), b"\xED\xA0\xBD"] {
            let mut raw = Vec::new();
            encode(text, &mut raw);
            assert_eq!(decoded(&raw), text);
        }
        assert_eq!(decoded(br"\/\u00e4\q\u12x"), "/\u{e4}qu12x".as_bytes());
    }

    #[test]
    fn pieces_cover_what_is_written() {
        for raw in [&br"a\nb\u00e9\ud83d\ude00\ud83d c\q\u12"[..], b"", br"\", br"\ud83d\", br"\ud83d\u00"] {
            let (mut written, mut said) = (0, Vec::new());
            pieces(raw, |piece, len| {
                written += len;
                said.extend_from_slice(piece);
            });
            assert_eq!((written, said), (raw.len(), decoded(raw)));
        }
    }
}
