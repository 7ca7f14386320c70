//! Known secrets of which only a part is escaped, or that are escaped in more than one manner.
//!
//! Forms that are escaped in one manner are needles. For all others, each run of text without white space in which an
//! escape stands is decoded, as often as there is something to decode, and the needles are looked for in what comes of
//! it. A long run is decoded in windows that overlap, at places that do not depend on how the text was cut.

use super::Needles;
use super::forms::MIN_FREE_LEN;

/// Escapes in escapes in escapes.
const MAX_LEVELS: usize = 4;
/// The longest way to write one byte: `\u0026quot;` and its like.
const MAX_EXPANSION: u64 = 8;
/// Half of the longest window. Five times that is what stays of a text that is out.
const MAX_STEP: u64 = 1536;
/// The longest escape.
const MAX_ESCAPE: usize = 12;

/// Looks for needles in decoded text.
#[derive(Debug, Default)]
pub(super) struct Views {
    /// Windows that end before this offset were looked at.
    seen_to: u64,
    /// Where a needle may have begun.
    pending: Option<u64>,
    view: View,
    next: View,
}

/// Decoded text, and for each byte of it, and for its end, where that comes from.
#[derive(Debug, Default)]
struct View {
    bytes: Vec<u8>,
    from: Vec<u32>,
}

impl Views {
    /// Looks again from this offset on.
    pub(super) fn renew(&mut self, from: u64) {
        self.seen_to = from;
        self.pending = None;
    }

    /// Where a needle may have begun, if one may.
    pub(super) fn pending_from(&self) -> Option<u64> {
        self.pending
    }

    /// Looks at what is new in `text`, whose first byte is at `base`; `last` says that nothing follows. Gives the number
    /// of each needle that is found, where it starts and where it ends.
    pub(super) fn feed(
        &mut self,
        needles: &Needles,
        text: &[u8],
        base: u64,
        last: bool,
        mut found: impl FnMut(usize, u64, u64),
    ) {
        let end = base + text.len() as u64;
        let step = (needles.max_len() as u64 * MAX_EXPANSION).clamp(64, MAX_STEP);
        self.pending = None;
        let mut at = self.seen_to.max(base);
        // Windows in which the text ended may go on.
        self.seen_to = end;
        while let Some(escape) = memchr::memchr3(b'\\', b'%', b'&', &text[(at - base) as usize..]) {
            let escape = at + escape as u64;
            let index = (escape - base) as usize;
            let after = text[index..].iter().position(|byte| ends_run(*byte));
            let run_end = after.map_or(end, |len| escape + len as u64);
            let mut window = (escape / step).saturating_sub(1);
            let low = (window * step).max(base);
            let before = text[(low - base) as usize..index].iter().rposition(|byte| ends_run(*byte));
            let run_start = before.map_or(low, |space| low + space as u64 + 1);
            while window * step < run_end {
                let (from, to) = ((window * step).max(run_start), ((window + 2) * step).min(run_end));
                if from < to {
                    let is_open = to == end && !last;
                    self.look(needles, text, (from, to, base), is_open, &mut found);
                    if is_open {
                        self.seen_to = self.seen_to.min(escape);
                    }
                }
                window += 1;
            }
            at = run_end;
        }
        // An escape far back in a run that goes on is looked at once more with what follows it, in the same windows.
        let oldest = (end / step).saturating_sub(2) * step;
        self.seen_to = self.seen_to.max(oldest.min(end));
    }

    /// Looks at `from..to`, which ends where the text does so far when it `is_open`.
    fn look(
        &mut self,
        needles: &Needles,
        text: &[u8],
        (from, to, base): (u64, u64, u64),
        is_open: bool,
        found: &mut impl FnMut(usize, u64, u64),
    ) {
        let raw = &text[(from - base) as usize..(to - base) as usize];
        self.view.bytes.clear();
        self.view.bytes.extend_from_slice(raw);
        self.view.from.clear();
        self.view.from.extend(0..=raw.len() as u32);
        for _ in 0..MAX_LEVELS {
            let (changed, cut) = decode(&self.view, &mut self.next, is_open);
            std::mem::swap(&mut self.view, &mut self.next);
            let View { bytes, from: origin } = &self.view;
            // The first byte of an escape is not held: it would be at every `%` and `\`. So it is not hidden, either.
            let start_of = |index: usize| {
                let is_escaped = origin.get(index + 1).is_some_and(|next| next - origin[index] > 1);
                from + u64::from(origin[index]) + u64::from(is_escaped)
            };
            if changed {
                needles.candidates(bytes, 0, |start| {
                    let long = needles.at_start(&bytes[start..]).find(|(_, len)| *len >= MIN_FREE_LEN);
                    if let Some((needle, len)) = long {
                        found(needle, start_of(start), from + u64::from(origin[start + len]));
                    }
                });
            }
            if is_open && (changed || cut) {
                let first = bytes.len().saturating_sub(needles.max_len());
                let begun = (first..bytes.len()).find(|&at| needles.may_go_on(&bytes[at..]));
                let held = origin[bytes.len()] + 1;
                let cut = (cut && (held as usize) < raw.len()).then_some(from + u64::from(held));
                let begun = begun.map(start_of).or(cut);
                self.pending = self.pending.into_iter().chain(begun).min();
            }
            if !changed {
                return;
            }
        }
    }
}

/// What stands in no run.
fn ends_run(byte: u8) -> bool {
    byte <= b' '
}

/// Decodes what is escaped in `view`; answers whether something was, and whether the text ends, for now, in an escape,
/// which is left out.
fn decode(view: &View, out: &mut View, is_open: bool) -> (bool, bool) {
    out.bytes.clear();
    out.from.clear();
    let text = &view.bytes;
    let (mut at, mut changed) = (0, false);
    while at < text.len() {
        let plain = memchr::memchr3(b'\\', b'%', b'&', &text[at..]).unwrap_or(text.len() - at);
        out.bytes.extend_from_slice(&text[at..at + plain]);
        out.from.extend_from_slice(&view.from[at..at + plain]);
        at += plain;
        if at == text.len() {
            break;
        }
        match escaped(&text[at..]) {
            Escape::Cut if is_open => {
                out.from.push(view.from[at]);
                return (changed, true);
            }
            Escape::Cut | Escape::None => {
                out.bytes.push(text[at]);
                out.from.push(view.from[at]);
                at += 1;
            }
            Escape::Of(char, len) => {
                let mut utf8 = [0; 4];
                let bytes = match char {
                    Decoded::Byte(byte) => {
                        utf8[0] = byte;
                        &utf8[..1]
                    }
                    Decoded::Char(char) => char.encode_utf8(&mut utf8).as_bytes(),
                };
                out.bytes.extend_from_slice(bytes);
                out.from.extend(bytes.iter().map(|_| view.from[at]));
                at += len;
                changed = true;
            }
        }
    }
    out.from.push(view.from[text.len()]);
    (changed, false)
}

enum Decoded {
    Byte(u8),
    Char(char),
}

enum Escape {
    /// It stands for this, and is so long.
    Of(Decoded, usize),
    /// It may be one when more is there.
    Cut,
    None,
}

/// The escape that `text` starts with.
fn escaped(text: &[u8]) -> Escape {
    let number = |digits: &[u8], radix: u32| {
        digits.iter().try_fold(0, |number: u32, digit| {
            number.checked_mul(radix)?.checked_add(char::from(*digit).to_digit(radix)?)
        })
    };
    let hex = |from: usize, len: usize| match text.get(from..from + len) {
        Some(digits) => number(digits, 16).ok_or(Escape::None),
        None if text[from.min(text.len())..].iter().all(u8::is_ascii_hexdigit) => Err(Escape::Cut),
        None => Err(Escape::None),
    };
    let byte = |number: Result<u32, Escape>, len: usize| match number {
        Ok(number) => Escape::Of(Decoded::Byte(number as u8), len),
        Err(none) => none,
    };
    match (text[0], text.get(1)) {
        (b'%', Some(_)) => byte(hex(1, 2), 3),
        (b'\\', Some(b'x')) => byte(hex(2, 2), 4),
        (b'\\', Some(b'u')) => match hex(2, 4) {
            // Two halves of a character.
            Ok(high @ 0xD800..0xDC00) => match (text.get(6), text.get(7)) {
                (Some(b'\\'), Some(b'u')) => match hex(8, 4) {
                    Ok(low @ 0xDC00..0xE000) => char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00))
                        .map_or(Escape::None, |char| Escape::Of(Decoded::Char(char), 12)),
                    Ok(_) => Escape::None,
                    Err(none) => none,
                },
                (None, _) | (Some(b'\\'), None) => Escape::Cut,
                _ => Escape::None,
            },
            Ok(unit) => char::from_u32(unit).map_or(Escape::None, |char| Escape::Of(Decoded::Char(char), 6)),
            Err(none) => none,
        },
        (b'\\', Some(letter @ (b'n' | b'r' | b't'))) => {
            let control = if *letter == b'n' {
                b'\n'
            } else if *letter == b'r' {
                b'\r'
            } else {
                b'\t'
            };
            Escape::Of(Decoded::Byte(control), 2)
        }
        (b'\\', Some(mark)) if mark.is_ascii_punctuation() => Escape::Of(Decoded::Byte(*mark), 2),
        (b'&', Some(_)) => {
            let Some(len) = text.iter().take(MAX_ESCAPE).position(|byte| *byte == b';') else {
                let is_open =
                    text.len() < MAX_ESCAPE && text[1..].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'#');
                return if is_open { Escape::Cut } else { Escape::None };
            };
            let char = match &text[1..len] {
                b"amp" => Some('&'),
                b"lt" => Some('<'),
                b"gt" => Some('>'),
                b"quot" => Some('"'),
                b"apos" => Some('\''),
                [b'#', b'x' | b'X', digits @ ..] if !digits.is_empty() => number(digits, 16).and_then(char::from_u32),
                [b'#', digits @ ..] if !digits.is_empty() => number(digits, 10).and_then(char::from_u32),
                _ => None,
            };
            char.map_or(Escape::None, |char| Escape::Of(Decoded::Char(char), len + 1))
        }
        (_, None) => Escape::Cut,
        _ => Escape::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        let view = View { bytes: text.into(), from: (0..=text.len() as u32).collect() };
        let mut out = View::default();
        decode(&view, &mut out, false);
        assert_eq!(out.from.len(), out.bytes.len() + 1);
        assert!(out.from.is_sorted());
        String::from_utf8(out.bytes).unwrap()
    }

    #[test]
    fn escapes_of_every_manner_are_decoded() {
        for (text, expected) in [
            (r#"a\"b\\c\/d"#, r#"a"b\c/d"#),
            (r"\u0041\u00e9\ud83d\ude00\x41", "A\u{e9}\u{1F600}A"),
            ("%41%2f%2Fb%zz%4", "A//b%zz%4"),
            ("a&amp;b&#39;&#x2f;&lt;&nope;&", "a&b'/<&nope;&"),
            (r"\ud83dx\u12 \", r"\ud83dx\u12 \"),
        ] {
            assert_eq!(decoded(text), expected);
        }
    }
}
