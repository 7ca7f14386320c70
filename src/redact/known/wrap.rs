//! Known secrets across the ends of lines: what was wrapped at some column, by whatever wrapped it.
//!
//! The end of a line and the white space that the next one starts with are looked past, and so is a `=` (quoted-printable)
//! or a `\` (shells, strings of programs) right before it. Only for long needles: of short ones pieces stand everywhere.
//! What stands before the first end of a line is enough for the needle to be proposed by its grams, or it is less than
//! fifteen bytes: then two grams around that end tell.

use super::Needles;
use super::grams::GRAM_LEN;

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

/// What stands behind the end of a line: its first byte, and the eight after that.
#[derive(Clone, Copy)]
struct Tail {
    first: u8,
    next: u64,
}

impl Tail {
    fn of(&[first, ref next @ ..]: &[u8; TAIL]) -> Tail {
        Tail { first, next: u64::from_le_bytes(*next) }
    }

    /// How many bytes before `head`, the end of a line, a needle may start that goes on so: a bit for each number.
    fn starts_before(self, needles: &Needles, text: &[u8], head: usize) -> u16 {
        // A gram that ends with the first byte behind the end of the line, or else the one behind that.
        let last = match text[..head].last_chunk() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => text[..head].iter().fold(0, |last, byte| last >> 8 | u64::from(*byte) << 56),
        };
        let many = needles.has_gram(last >> 8 | u64::from(self.first) << 56);
        let few = needles.has_gram(self.next);
        if many || few { self.starts(needles, &text[head.saturating_sub(MAX_HEAD)..head], few, many) } else { 0 }
    }

    #[cold]
    fn starts(self, needles: &Needles, before: &[u8], few: bool, many: bool) -> u16 {
        let mut around = [0; MAX_HEAD + TAIL];
        around[MAX_HEAD - before.len()..MAX_HEAD].copy_from_slice(before);
        around[MAX_HEAD] = self.first;
        around[MAX_HEAD + 1..].copy_from_slice(&self.next.to_le_bytes());
        let is_start = |len: &usize| {
            let gram = around[MAX_HEAD - len..].first_chunk();
            gram.is_some_and(|gram| needles.has_gram(u64::from_le_bytes(*gram)))
        };
        let few = if few { 1..GRAM_LEN - 1 } else { 0..0 };
        let many = if many { GRAM_LEN - 1..MAX_HEAD + 1 } else { 0..0 };
        few.chain(many).filter(is_start).fold(0, |starts, len| starts | 1 << len)
    }
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
            let (tail, is_open) = self.tail(text, feed);
            let is_last = is_open && self.bytes.is_empty();
            let soft = usize::from(head > 0 && is_soft(text[head - 1]));
            for head in [head, head - soft].into_iter().take(1 + soft) {
                let starts = match (is_open, is_last) {
                    (false, _) => tail.starts_before(needles, text, head),
                    // What ends so soon behind the end of a line may be whole already.
                    (true, false) => u16::MAX,
                    (true, true) => 0,
                };
                if starts == 0 {
                    continue;
                }
                let first = head.saturating_sub(MAX_HEAD);
                for at in (first..head).rev().take_while(|at| text[*at] != b'\n') {
                    if starts >> (head - at) & 1 == 1 {
                        found(self, at);
                    }
                }
            }
            if is_open && !last {
                self.seen_to = self.seen_to.min(base + feed as u64);
            }
        }
    }

    /// Nine bytes of the line behind this line feed, or as many as there are and zeros; and whether more have to come.
    fn tail(&mut self, text: &[u8], feed: usize) -> (Tail, bool) {
        // Most lines are long.
        let next = feed + 1 + indentation(&text[feed + 1..]);
        if let Some(rest) = text[next..].first_chunk::<TAIL>()
            && !rest.iter().fold(false, |any, byte| any | ends_line(*byte))
        {
            return (Tail::of(rest), false);
        }
        let is_open = self.join(text, feed, TAIL, TAIL, true);
        let mut tail = [0; TAIL];
        tail[..self.bytes.len()].copy_from_slice(&self.bytes);
        (Tail::of(&tail), is_open)
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

/// Before the answer, and not before `least`, no needle starts that goes on behind the end of `text`, were it wrapped or
/// not: two bytes stand side by side there that do in no needle.
pub(super) fn open_from(needles: &Needles, text: &[u8], least: usize) -> usize {
    // From here on blanks are known to be bytes of a line, and no indentation.
    let (mut at, mut inside_from) = (text.len(), text.len());
    while at > least {
        if is_blank(text[at - 1]) && at <= inside_from {
            let start =
                text[least..at].iter().rposition(|byte| !is_blank(*byte)).map_or(least, |last| least + last + 1);
            if start == least || text[start - 1] == b'\n' {
                at = start;
                continue;
            }
            inside_from = start;
        }
        let is_apart = |pair: &[u8; 2]| !pair.iter().any(|byte| ends_line(*byte)) && !needles.has_pair(*pair);
        if text[at - 1..].first_chunk().is_some_and(is_apart) {
            return at;
        }
        at -= 1;
    }
    least
}

/// Whether the end of a line may start with this byte.
pub(super) fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r') || is_soft(byte)
}

fn is_soft(byte: u8) -> bool {
    matches!(byte, b'=' | b'\\')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// How many bytes a line is indented.
fn indentation(line: &[u8]) -> usize {
    line.iter().take(MAX_INDENT).take_while(|byte| is_blank(**byte)).count()
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
        Some(b'\n') => End::Whole(index + 1 + indentation(&text[index + 1..]) - at),
        _ => End::None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::forms::Value;
    use super::*;
    use crate::secret::Secret;

    proptest::proptest! {
        #[test]
        fn no_needle_goes_on_from_before_the_open_end(
            values in proptest::collection::vec("[ab= ]{1,24}", 1..4),
            cuts in proptest::collection::vec((0usize..24, "[ab]{0,3}|[=\\\\]?\r{0,3}\n[ \t]{0,3}|[ \t]{0,70}"), 1..6),
            shown in 1usize..24,
        ) {
            let value = |text: &String| Arc::new(Value::new(&Arc::from("A_NAME"), &Secret::new(text.as_bytes())));
            let needles = Needles::default().with(values.iter().map(value).collect());
            // The start of a value with something between its bytes, as it would be wrapped or not quite so.
            let mut text = b"bab".to_vec();
            for (at, byte) in values[0].bytes().take(shown).enumerate() {
                cuts.iter().filter(|(cut, _)| *cut == at).for_each(|(_, between)| text.extend(between.bytes()));
                text.push(byte);
            }
            let open_from = open_from(&needles, &text, 0);
            for at in 0..open_from {
                proptest::prop_assert!(!needles.may_go_on(&text[at..]));
                proptest::prop_assert!(matches!(Wraps::default().goes_on(&needles, &text, at), Waits::Not));
            }
        }
    }
}
