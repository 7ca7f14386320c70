//! Escape sequences of terminals, taken out of the text: a secret that is coloured in its middle is still one.
//!
//! Sequences are control sequences (`ESC [ ... m`), two-byte and charset sequences (`ESC 7`, `ESC ( B`) and control
//! strings (`ESC ] ... BEL`, `ESC P ... ESC \`), as in ECMA-48. What is none is text. A control string has text of its
//! own (a title, the address of a link), which is handed out apart.

/// The longest control sequence; a longer one is text.
const MAX_SEQUENCE: usize = 64;
/// The longest control string; a longer one is text.
const MAX_STRING: usize = 4096;

pub(super) const ESC: u8 = 0x1B;
const BEL: u8 = 0x07;

/// A sequence that was taken out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken<'t> {
    /// Text that goes to the terminal.
    Text(&'t [u8]),
    /// A sequence without text of its own.
    Sequence(&'t [u8]),
    /// A control string: its introducer, its text, its terminator.
    String(&'t [u8], &'t [u8], &'t [u8]),
}

/// Takes escape sequences out of a text that comes piece by piece.
#[derive(Default)]
pub(super) struct Stripper {
    /// A sequence that is not complete.
    pending: Vec<u8>,
}

enum Parsed {
    Complete(usize),
    /// The string's text starts here, ends here, and the sequence ends here.
    String(usize, usize, usize),
    Incomplete,
    /// No sequence starts here.
    Text,
}

impl Stripper {
    /// Whether `piece` can be taken as it is.
    pub(super) fn is_plain(&self, piece: &[u8]) -> bool {
        self.pending.is_empty() && memchr::memchr(ESC, piece).is_none()
    }

    /// How many bytes wait for the end of a sequence.
    pub(super) fn held_len(&self) -> usize {
        self.pending.len()
    }

    /// Gives the parts of `piece`, in order; `last` says that nothing follows.
    pub(super) fn feed(&mut self, piece: &[u8], last: bool, mut sink: impl FnMut(Taken<'_>)) {
        let joined;
        let mut rest = piece;
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(piece);
            joined = std::mem::take(&mut self.pending);
            rest = &joined;
        }
        while let Some(at) = memchr::memchr(ESC, rest) {
            if at > 0 {
                sink(Taken::Text(&rest[..at]));
                rest = &rest[at..];
            }
            let len = match parse(rest) {
                Parsed::Complete(len) => {
                    sink(Taken::Sequence(&rest[..len]));
                    len
                }
                Parsed::String(from, to, len) => {
                    sink(Taken::String(&rest[..from], &rest[from..to], &rest[to..len]));
                    len
                }
                Parsed::Incomplete if !last => {
                    self.pending = rest.to_vec();
                    return;
                }
                Parsed::Incomplete | Parsed::Text => {
                    sink(Taken::Text(&rest[..1]));
                    1
                }
            };
            rest = &rest[len..];
        }
        if !rest.is_empty() {
            sink(Taken::Text(rest));
        }
    }
}

/// What starts with the ESC at the start of `text`.
fn parse(text: &[u8]) -> Parsed {
    match text.get(1) {
        None => Parsed::Incomplete,
        Some(b'[') => sequence(text, 2, 0x20..=0x3F, 0x40..=0x7E),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => string(text),
        Some(0x20..=0x2F) => sequence(text, 2, 0x20..=0x2F, 0x30..=0x7E),
        Some(0x30..=0x7E) => Parsed::Complete(2),
        Some(_) => Parsed::Text,
    }
}

fn sequence(
    text: &[u8],
    from: usize,
    inner: std::ops::RangeInclusive<u8>,
    last: std::ops::RangeInclusive<u8>,
) -> Parsed {
    let len = from + text[from..].iter().take(MAX_SEQUENCE).take_while(|byte| inner.contains(byte)).count();
    match text.get(len) {
        _ if len >= MAX_SEQUENCE => Parsed::Text,
        None => Parsed::Incomplete,
        Some(byte) if last.contains(byte) => Parsed::Complete(len + 1),
        Some(_) => Parsed::Text,
    }
}

fn string(text: &[u8]) -> Parsed {
    let body = &text[2..text.len().min(MAX_STRING)];
    let end = memchr::memchr3(BEL, ESC, b'\n', body);
    match end.map(|at| (at + 2, text[at + 2], text.get(at + 3))) {
        None if text.len() >= MAX_STRING => Parsed::Text,
        None => Parsed::Incomplete,
        Some((at, BEL, _)) => Parsed::String(2, at, at + 1),
        Some((at, ESC, Some(b'\\'))) => Parsed::String(2, at, at + 2),
        Some((_, ESC, None)) => Parsed::Incomplete,
        // No one writes lines into a control string.
        Some(_) => Parsed::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text, and the sequences in the order they were taken out.
    fn strip(pieces: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
        let (mut stripper, mut text, mut taken) = (Stripper::default(), Vec::new(), Vec::new());
        let mut sink = |part: Taken<'_>| match part {
            Taken::Text(part) => text.extend_from_slice(part),
            Taken::Sequence(part) => taken.extend_from_slice(part),
            Taken::String(a, b, c) => taken.extend([a, b, c].concat()),
        };
        for piece in pieces {
            stripper.feed(piece, false, &mut sink);
        }
        stripper.feed(b"", true, &mut sink);
        (text, taken)
    }

    #[test]
    fn sequences_are_taken_out_and_all_else_is_text() {
        for (input, text) in [
            ("top\x1b[31msecret\x1b[0m!", "topsecret!"),
            ("a\x1b]8;;https://x.example\x07b\x1b]8;;\x1b\\c", "abc"),
            ("\x1b(Ba\x1b7b\x1b[2K\x1b[?25lc", "abc"),
            ("\x1b", "\x1b"),
            ("\x1b[", "\x1b["),
            ("a\x1b\nb", "a\x1b\nb"),
            ("a\x1b]no end\nb", "a\x1b]no end\nb"),
            ("\x1b\x1b[1mx", "\x1bx"),
        ] {
            let (stripped, taken) = strip(&[input.as_bytes()]);
            assert_eq!(String::from_utf8(stripped).unwrap(), text);
            assert_eq!(taken.len() + text.len(), input.len());
        }
        let long = [b"\x1b[", &b"1;".repeat(100)[..], b"m"].concat();
        assert_eq!(strip(&[&long]).0, long);
    }

    proptest::proptest! {
        #[test]
        fn every_split_gives_the_same(
            words in proptest::collection::vec(proptest::sample::select(vec![
                "\x1b", "[", "]", "31", ";", "m", "\x07", "\\", "a", "P", "(", "\n", " ",
            ]), 0..30),
            cut in 0usize..40,
        ) {
            let text = words.concat().into_bytes();
            let cut = cut.min(text.len());
            let bytes: Vec<&[u8]> = text.chunks(1).collect();
            proptest::prop_assert_eq!(strip(&[&text[..cut], &text[cut..]]), strip(&[&text]));
            proptest::prop_assert_eq!(strip(&bytes), strip(&[&text]));
        }
    }
}
