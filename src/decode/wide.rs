//! ASCII text in UTF-16, anywhere: a whole file with or without a byte-order mark, or strings in a program.
//!
//! Such text is a run of characters with one NUL between two of them; whether the NULs are the high bytes of the
//! characters before (little endian) or after them (big endian) does not matter for what it says. Runs of
//! [`MIN_RUN_LEN`] characters and more are copied out, each as if a line ended after it. Characters beyond ASCII end a
//! run; secrets have none. Runs that are farther apart than [`MAX_GAP`] belong to views of their own: a rule does not
//! reach from one to the other, and a stream need not remember the first until the second comes.

use std::collections::VecDeque;
use std::ops::Range;

use crate::finding::Encoding;
use crate::span::Span;

/// Shorter runs hold no secret.
pub(crate) const MIN_RUN_LEN: usize = 8;
/// Runs with more bytes than this between them have nothing to do with one another.
const MAX_GAP: u64 = 1024;
/// Stands after each run in the derived text. A line feed, because that is where values end that end nowhere else.
const SEPARATOR: u8 = b'\n';

/// A run: where it starts in the derived text and where in the unit.
#[derive(Debug, Clone, Copy)]
struct Segment {
    derived: u64,
    unit: u64,
}

/// Takes a unit piece by piece and gives the derived text.
#[derive(Debug, Default)]
pub(crate) struct WideText {
    /// Derived bytes that nobody took yet.
    out: Vec<u8>,
    /// How many bytes of this view were derived in all.
    derived_len: u64,
    /// Where the last derived character stands in the unit.
    last_character: u64,
    segments: VecDeque<Segment>,
    /// The open run: where its first character stands, and its characters while it is too short to count.
    run: Option<(u64, Vec<u8>)>,
    /// Where the NUL stands that the open run ended with so far.
    last_nul: u64,
    /// Everything before this offset was looked at.
    seen: u64,
}

impl WideText {
    pub(crate) fn clear(&mut self) {
        self.out.clear();
        self.derived_len = 0;
        self.segments.clear();
        self.run = None;
        self.seen = 0;
    }

    /// Starts the next view, when [`WideText::feed`] said that one is over.
    pub(crate) fn next_view(&mut self) {
        self.derived_len = 0;
        self.segments.clear();
    }

    /// Whether nothing of this view has been derived so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.derived_len == 0
    }

    /// Looks at what is new in `text`, whose first byte is at `base`; `last` says that nothing follows. Derived bytes
    /// are appended to `derived`. The byte before what is new has to be in `text`. Answers true when the view is over,
    /// whose text is all derived then; the rest of `text` is for the next one.
    pub(crate) fn feed(&mut self, text: &[u8], base: u64, last: bool, derived: &mut Vec<u8>) -> bool {
        let end = base + text.len() as u64;
        // The byte after a NUL decides what the NUL means.
        let stop = if last { end } else { end.saturating_sub(1) };
        let from = (self.seen.max(base) - base) as usize;
        let to = (stop.max(base) - base) as usize;
        let mut over = false;
        if from < to {
            let beyond = self.nuls(text, base, from..to);
            over = beyond.is_some();
            self.seen = beyond.map_or(stop, |at| base + at as u64);
        }
        if self.run.is_some() && (last || self.seen > self.last_nul + 2) {
            self.close();
        }
        derived.append(&mut self.out);
        over || (self.run.is_none() && !self.is_empty() && self.seen.saturating_sub(1) > self.last_character + MAX_GAP)
    }

    /// Looks at the NULs in a range of `text`; answers where the first of them is that belongs to the next view.
    fn nuls(&mut self, text: &[u8], base: u64, range: Range<usize>) -> Option<usize> {
        let mut at = range.start;
        while let Some(next) = text.get(at..range.end).and_then(|rest| memchr::memchr(0, rest)) {
            at += next;
            let idle = if self.run.is_none() { idle_nuls(&text[at..]) } else { 0 };
            if idle == 0 && !self.nul(text, base, at) {
                return Some(at);
            }
            at += idle.max(1);
        }
        None
    }

    /// Looks at the NUL at `text[at]`; answers false, and leaves it, when it belongs to the next view.
    fn nul(&mut self, text: &[u8], base: u64, at: usize) -> bool {
        let character = |index: Option<usize>| index.and_then(|i| text.get(i)).copied().filter(|&b| is_text(b));
        let (before, after) = (character(at.checked_sub(1)), character(at.checked_add(1)));
        let offset = base + at as u64;
        if self.run.is_some() && offset != self.last_nul + 2 {
            self.close();
        }
        match (before, after) {
            (Some(before), Some(after)) => {
                if self.run.is_none() {
                    if !self.is_empty() && offset - 1 > self.last_character + MAX_GAP {
                        return false;
                    }
                    self.run = Some((offset - 1, Vec::new()));
                    self.push(before);
                }
                self.push(after);
                self.last_nul = offset;
                if self.is_counted() {
                    self.last_character = offset + 1;
                }
            }
            _ => self.close(),
        }
        true
    }

    /// Whether a run is open and long enough.
    fn is_counted(&self) -> bool {
        self.run.as_ref().is_some_and(|(_, head)| head.len() >= MIN_RUN_LEN)
    }

    /// No character that is not derived yet stands in the unit before this offset.
    fn derived_to(&self) -> u64 {
        match &self.run {
            Some((start, head)) if head.len() < MIN_RUN_LEN => *start,
            Some(_) => self.last_nul + 2,
            None => self.seen.saturating_sub(1),
        }
    }

    /// No span of the derived text that starts at `derived` or later starts in the unit before this offset.
    pub(crate) fn unit_start(&self, derived: u64) -> u64 {
        let known = if derived < self.derived_len { self.unit_offset(derived) } else { u64::MAX };
        // The code unit of a character may start a byte before it, and the next run a byte before the place that the
        // line feed after this one seems to have.
        known.min(self.derived_to()).saturating_sub(2)
    }

    /// No secret starts before this offset of the unit that does not start in the derived text before `derived`. `text`
    /// is the end of the unit so far, from the offset `base` on.
    ///
    /// A character may be the first of a run whose NULs are not there yet. Where narrow text stands right before it, it
    /// is not taken for one: otherwise no end of a text would ever be settled. See [`WideText::clipped`].
    pub(crate) fn horizon(&self, derived: u64, text: &[u8], base: u64) -> u64 {
        let end = base + text.len() as u64;
        let known = if derived < self.derived_len { self.code_unit(self.unit_offset(derived)) } else { end };
        let nul_follows = text.last() == Some(&0);
        let run = match &self.run {
            Some((start, head)) if end <= self.last_nul + 2 + u64::from(nul_follows) => {
                let big = !start.is_multiple_of(2);
                match head.len() < MIN_RUN_LEN {
                    true => Some(self.code_unit(*start)),
                    // The NUL of a big-endian character comes before it.
                    false => Some(end - u64::from(nul_follows && big)),
                }
            }
            _ => None,
        };
        known.min(run.unwrap_or_else(|| base + first_of_run(text) as u64))
    }

    /// The span of a secret in UTF-16 without a first character that [`WideText::horizon`] has given up.
    pub(crate) fn clipped(span: Span, byte_at: impl Fn(u64) -> Option<u8>) -> Span {
        let narrow = |at: u64| is_narrow(|back| at.checked_sub(back).and_then(&byte_at));
        let character = match byte_at(span.start) {
            Some(0) => return span,
            _ if byte_at(span.start + 1) == Some(0) => span.start,
            // The parity of the offset has told the wrong byte order.
            _ => span.start + 1,
        };
        let start = if narrow(character) { character + 2 } else { character };
        Span { start: start.min(span.end), end: span.end }
    }

    /// Where the code unit of the character at this offset starts.
    fn code_unit(&self, character: u64) -> u64 {
        if character.is_multiple_of(2) { character } else { character - 1 }
    }

    fn push(&mut self, character: u8) {
        let Some((start, head)) = &mut self.run else { return };
        if head.len() + 1 < MIN_RUN_LEN {
            head.push(character);
            return;
        }
        if head.len() + 1 == MIN_RUN_LEN {
            self.segments.push_back(Segment { derived: self.derived_len, unit: *start });
            self.out.extend_from_slice(head);
            self.derived_len += head.len() as u64;
            // From now on the run counts, and its characters go straight out.
            head.push(character);
        }
        self.out.push(character);
        self.derived_len += 1;
    }

    fn close(&mut self) {
        if let Some((_, head)) = self.run.take()
            && head.len() >= MIN_RUN_LEN
        {
            self.out.push(SEPARATOR);
            self.derived_len += 1;
        }
    }

    /// The bytes of the unit from which a span of the derived text came.
    pub(crate) fn unit_span(&self, derived: Span) -> (Span, Encoding) {
        let first = self.unit_offset(derived.start);
        let last = self.unit_offset(derived.end.saturating_sub(1).max(derived.start));
        // A code unit has two bytes; in little endian its character is the one at the even offset.
        if first.is_multiple_of(2) {
            (Span { start: first, end: last + 2 }, Encoding::Utf16Le)
        } else {
            (Span { start: first - 1, end: last + 1 }, Encoding::Utf16Be)
        }
    }

    fn unit_offset(&self, derived: u64) -> u64 {
        let next = self.segments.partition_point(|segment| segment.derived <= derived);
        match next.checked_sub(1).and_then(|index| self.segments.get(index)) {
            Some(segment) => segment.unit + 2 * (derived - segment.derived),
            None => 0,
        }
    }

    /// Forgets what is needed only for spans of the derived text that start before this offset.
    pub(crate) fn forget(&mut self, derived: u64) {
        while self.segments.get(1).is_some_and(|segment| segment.derived <= derived) {
            self.segments.pop_front();
        }
    }
}

/// Of a text that starts with a NUL and before which no run is open: how many bytes at its start are NULs that no run has
/// that counts. Binaries are full of them.
fn idle_nuls(text: &[u8]) -> usize {
    let Some(head) = text.first_chunk::<{ 2 * (MIN_RUN_LEN - 1) }>() else { return 0 };
    if head[1] == 0 {
        let zeros = text.chunks_exact(16).take_while(|chunk| *chunk == [0; 16]).count() * 16;
        return zeros + text[zeros..].iter().take_while(|byte| **byte == 0).count();
    }
    let counts = head.chunks_exact(2).all(|pair| pair[0] == 0 && is_text(pair[1]));
    usize::from(!counts)
}

/// How much of `text`, which ends in no run so far, cannot be the start of one.
fn first_of_run(text: &[u8]) -> usize {
    let is_narrow = |before: &[u8]| {
        is_narrow(|back| before.len().checked_sub(back as usize).and_then(|at| before.get(at)).copied())
    };
    match *text {
        [.., 0, last] if is_text(last) => text.len() - 2,
        [ref before @ .., last] if is_text(last) => text.len() - usize::from(!is_narrow(before)),
        // Either NUL may be the one of the character.
        [.., 0, character, 0] if is_text(character) => text.len() - 3,
        [ref before @ .., character, 0] if is_text(character) && !is_narrow(before) => text.len() - 2,
        [.., 0] => text.len() - 1,
        _ => text.len(),
    }
}

/// Whether narrow text ends here: ASCII, or a character of UTF-8. `byte` gives the last byte, the one before it and so on.
fn is_narrow(byte: impl Fn(u64) -> Option<u8>) -> bool {
    let goes_on = |back: u64| byte(back).is_some_and(|byte| (0x80..0xC0).contains(&byte));
    let leads = |back: u64, from: u8, to: u8| byte(back).is_some_and(|byte| (from..=to).contains(&byte));
    byte(1).is_some_and(is_text)
        || (goes_on(1)
            && (leads(2, 0xC2, 0xDF) || (goes_on(2) && (leads(3, 0xE0, 0xEF) || (goes_on(3) && leads(4, 0xF0, 0xF4))))))
}

/// What counts as text: printable ASCII, tab, line feed, carriage return.
fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derive(text: &[u8], cuts: &[usize]) -> (Vec<u8>, WideText) {
        let (mut wide, mut derived) = (WideText::default(), Vec::new());
        for &cut in cuts {
            while wide.feed(&text[..cut], 0, false, &mut derived) {
                wide.next_view();
                derived.push(b'|');
            }
        }
        while wide.feed(text, 0, true, &mut derived) {
            wide.next_view();
            derived.push(b'|');
        }
        (derived, wide)
    }

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn both_byte_orders_say_the_same() {
        for big in [false, true] {
            let text = utf16("\u{FEFF}token = hello-0123\n", big);
            let (derived, wide) = derive(&text, &[]);
            // The NUL beside the byte-order mark or at the end may take a character away, never one inside.
            assert!(derived.starts_with(b"token = hello-0123\n"), "{}", derived.escape_ascii());
            let at = Span { start: 8, end: 18 };
            let (span, encoding) = wide.unit_span(at);
            assert_eq!(&text[span.start as usize..span.end as usize], utf16("hello-0123", big));
            assert_eq!(encoding, if big { Encoding::Utf16Be } else { Encoding::Utf16Le });
        }
    }

    #[test]
    fn runs_are_found_in_binaries_and_short_ones_are_not() {
        let mut text = b"\x7fELF\0\0\0\x01a\0b\0c\0\0\0".to_vec();
        let start = text.len();
        text.extend(utf16("first string", false));
        text.extend([0, 0, 0, 9]);
        text.extend(utf16("second string", false));
        let (derived, wide) = derive(&text, &[]);
        assert_eq!(derived, b"first string\nsecond string\n");
        assert_eq!(wide.unit_span(Span { start: 0, end: 12 }).0, Span { start: start as u64, end: start as u64 + 24 });
        let second = wide.unit_span(Span { start: 13, end: 19 }).0;
        assert_eq!(&text[second.start as usize..second.end as usize], utf16("second", false));
    }

    #[test]
    fn runs_that_are_far_apart_are_views_of_their_own() {
        for (gap, expected) in
            [(MAX_GAP - 1, "distant string\ndistant string\n"), (MAX_GAP, "distant string\n|distant string\n")]
        {
            let run = utf16("distant string", false);
            let text = [&run[..run.len() - 1], &vec![1; gap as usize][..], &run[..]].concat();
            for cuts in [&[][..], &[40], &[200, 1040], &[27, 28, 29, 1050, 1052, 1053]] {
                assert_eq!(String::from_utf8(derive(&text, cuts).0).unwrap(), expected);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn every_split_derives_the_same(
            bytes in proptest::collection::vec(proptest::prop_oneof![3 => proptest::strategy::Just(0u8), 3 => b'a'..b'd', 1 => 0u8..=255], 0..80),
            cuts in proptest::collection::vec(0usize..80, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|&cut| cut <= bytes.len()).collect();
            cuts.sort_unstable();
            let whole = derive(&bytes, &[]).0;
            proptest::prop_assert_eq!(derive(&bytes, &cuts).0, whole);
        }

        /// Fed byte by byte, no NUL is known to belong to no run.
        #[test]
        fn passing_nuls_over_passes_no_run_over(pieces in proptest::collection::vec((0u8..4, 0usize..40), 0..12)) {
            let piece = |&(kind, len): &(u8, usize)| match kind {
                0 => vec![0; len],
                1 => vec![0xFF; len],
                _ => utf16(&"abcdefghij"[..len % 11], kind == 2),
            };
            let bytes = pieces.iter().flat_map(piece).collect::<Vec<u8>>();
            let all: Vec<usize> = (0..bytes.len()).collect();
            proptest::prop_assert_eq!(derive(&bytes, &all).0, derive(&bytes, &[]).0);
        }
    }
}
