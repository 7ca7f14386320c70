//! Known secrets across the ends of lines: what was wrapped at some column, by whatever wrapped it.
//!
//! The end of a line and the white space that the next one starts with are looked past, and so is a `=` (quoted-printable)
//! or a `\` (shells, strings of programs) right before it. Only for long needles: of short ones pieces stand everywhere.
//! What stands before the first end of a line is enough for the needle to be proposed by its grams, or it is less than
//! fifteen bytes: then two grams around that end tell.

use super::Needles;

/// The shortest needle that may be wrapped.
const MIN_LEN: usize = 16;
/// Of a needle that is wrapped so much has to be there until it waits; what is less stays.
const MIN_SEEN: usize = 4;
/// With fewer bytes before the end of a line no gram need be among them.
const MAX_HEAD: usize = 14;
/// So many bytes behind the end of a line decide whether fewer before it can be the start of a needle.
const TAIL: usize = 9;
/// No more lines end between two bytes of a needle: wrapped text may stand at double spacing.
const MAX_ENDS: usize = 4;
/// No line is indented more.
const MAX_INDENT: usize = 64;
/// The first bytes of a needle stand no farther apart: so much of the text is there for sure.
const MAX_SEEN: usize = 1024;

/// How much of a text is looked at for so many bytes of a needle, however its lines are indented.
pub(super) fn reach(most: usize) -> usize {
    4 * most + 512
}

/// Whether the start of a needle waits for more.
pub(super) enum Waits {
    Not,
    /// It may be one, but there is too little of it to wait.
    Unseen,
    /// What stands from here on waits.
    From(usize),
}

/// Looks past ends of lines.
#[derive(Debug, Default)]
pub(super) struct Wraps {
    /// Ends of lines before this offset were looked at.
    seen_to: u64,
    bytes: Vec<u8>,
    /// Where each of them stands.
    from: Vec<usize>,
}

impl Wraps {
    /// Looks again from this offset on.
    pub(super) fn renew(&mut self, from: u64) {
        self.seen_to = from;
    }

    /// Looks again from this offset on, or from an earlier one.
    pub(super) fn look_again_from(&mut self, from: u64) {
        self.seen_to = self.seen_to.min(from);
    }

    /// Looks at the ends of lines that are new in `text`, whose first byte is at `base`, and gives the places before them at
    /// which a needle may start.
    pub(super) fn feed(
        &mut self,
        needles: &Needles,
        text: &[u8],
        base: u64,
        last: bool,
        mut found: impl FnMut(&mut Wraps, usize),
    ) {
        let from = (self.seen_to.max(base) - base) as usize;
        self.seen_to = base + text.len() as u64;
        for feed in memchr::memchr_iter(b'\n', &text[from..]).map(|at| at + from) {
            let head = text[..feed].iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
            let is_open = self.take_tail(text, feed);
            let soft = usize::from(head > 0 && is_soft(text[head - 1]));
            let mut heads = [head, head - soft].into_iter().take(1 + soft);
            // What ends so soon behind the end of a line may be whole already.
            if is_open || heads.any(|head| self.may_start_before(needles, text, head)) {
                let first = head.saturating_sub(MAX_HEAD + soft);
                for at in (first..head).rev().take_while(|at| text[*at] != b'\n') {
                    found(self, at);
                }
            }
            if is_open && !last {
                self.seen_to = self.seen_to.min(base + feed as u64);
            }
        }
    }

    /// Takes nine bytes of the line behind this line feed, or as many as there are; answers whether more have to come.
    fn take_tail(&mut self, text: &[u8], feed: usize) -> bool {
        self.bytes.clear();
        // Most lines are long.
        let next = feed + 1;
        if let Some(rest) = text.get(next..next + TAIL)
            && !matches!(rest[0], b' ' | b'\t')
            && !rest.iter().any(|byte| matches!(byte, b'\n' | b'\r' | b'=' | b'\\'))
        {
            self.bytes.extend_from_slice(rest);
            return false;
        }
        self.join(text, feed, TAIL, TAIL, true)
    }

    /// Whether a needle may start in the last bytes before `head`, when what was taken last stands behind them.
    fn may_start_before(&self, needles: &Needles, text: &[u8], head: usize) -> bool {
        let mut around = [0; 16];
        let before = &text[head.saturating_sub(7)..head];
        around[7 - before.len()..7].copy_from_slice(before);
        let after = &self.bytes[..self.bytes.len().min(TAIL)];
        around[7..7 + after.len()].copy_from_slice(after);
        let words = around.as_chunks::<8>().0;
        needles.has_gram(u64::from_le_bytes(words[0])) || needles.has_gram(u64::from_le_bytes(words[1]))
    }

    /// Looks at `text[at..]` as if lines did not end, and gives the number of the needle that stands there, where it starts
    /// as far as it is hidden, and where it ends.
    pub(super) fn look(&mut self, needles: &Needles, text: &[u8], at: usize) -> Option<(usize, usize, usize)> {
        for soft in [false, true] {
            if !self.may_start(needles, text, at, soft) {
                continue;
            }
            self.join(text, at, needles.max_len(), needles.max_len(), soft);
            let is_wrapped = |len: usize| self.from[len - 1] - at != len - 1;
            let needle = needles.at_start(&self.bytes).find(|&(_, len)| len >= MIN_LEN && is_wrapped(len));
            if let Some((needle, len)) = needle {
                return Some((needle, self.start(at), self.from[len - 1] + 1));
            }
        }
        None
    }

    /// Whether a needle may have begun at `text[at]` that goes on behind the end of a line and the end of the text.
    pub(super) fn goes_on(&mut self, needles: &Needles, text: &[u8], at: usize) -> Waits {
        for soft in [false, true] {
            if !self.may_start(needles, text, at, soft) {
                continue;
            }
            let is_open = self.join(text, at, needles.max_len(), needles.max_len(), soft);
            let is_wrapped = self.bytes.len() < text.len() - at;
            if is_open && is_wrapped && needles.may_go_on_long(&self.bytes, MIN_LEN) {
                let is_enough = self.bytes.len() >= MIN_SEEN;
                return if is_enough { Waits::From(self.start(at)) } else { Waits::Unseen };
            }
        }
        Waits::Not
    }

    /// Whether the first bytes at `text[at..]` are those of a needle: most are not, and it is not joined to its end in vain.
    fn may_start(&mut self, needles: &Needles, text: &[u8], at: usize, soft: bool) -> bool {
        self.join(text, at, MIN_LEN - 1, needles.max_len(), soft);
        self.bytes.len() < MIN_LEN - 1 || needles.may_go_on_long(&self.bytes, MIN_LEN)
    }

    /// The text that was joined starts here as far as it is hidden: the few bytes before the first end of a line did not
    /// wait.
    fn start(&self, at: usize) -> usize {
        match self.from.get(MIN_SEEN - 1) {
            Some(&fourth) if fourth - at != MIN_SEEN - 1 => fourth,
            _ => at,
        }
    }

    /// Takes up to `wanted` bytes from `text[at..]` without ends of lines, no farther than `most` bytes of a needle may
    /// reach; answers whether the text ended before.
    fn join(&mut self, text: &[u8], at: usize, wanted: usize, most: usize, soft: bool) -> bool {
        self.bytes.clear();
        self.from.clear();
        let (mut index, mut ends) = (at, 0);
        let limit = (at + reach(most)).min(text.len());
        while self.bytes.len() < wanted {
            if index >= limit {
                return limit == text.len();
            }
            match line_end(text, index, soft) {
                End::None => {
                    self.bytes.push(text[index]);
                    self.from.push(index);
                    index += 1;
                    ends = 0;
                }
                End::Cut => return true,
                End::Whole(_) if ends == MAX_ENDS => return false,
                End::Whole(len) => {
                    index += len;
                    ends += 1;
                }
            }
            if self.bytes.len() < MIN_SEEN && index - at > MAX_SEEN {
                return false;
            }
        }
        false
    }
}

/// Whether the end of a line may start with this byte.
pub(super) fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r') || is_soft(byte)
}

fn is_soft(byte: u8) -> bool {
    matches!(byte, b'=' | b'\\')
}

enum End {
    /// The line goes on.
    None,
    /// The text ends here, perhaps in the end of a line.
    Cut,
    /// So many bytes are the end of a line, and the indentation of the next one.
    Whole(usize),
}

fn line_end(text: &[u8], at: usize, soft: bool) -> End {
    let mut index = at + usize::from(soft && is_soft(text[at]));
    index += text[index..].iter().take(2).take_while(|byte| **byte == b'\r').count();
    match text.get(index) {
        None if index > at => End::Cut,
        Some(b'\n') => {
            let indent =
                text[index + 1..].iter().take(MAX_INDENT).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            End::Whole(index + 1 + indent - at)
        }
        _ => End::None,
    }
}
