//! All forms of all values, sorted: which of them stands at a place, and which could when the text goes on.
//!
//! The longest needle that a text starts with is the one next to that text in the order of their bytes, or one that
//! this starts with; so each needle knows the longest other one that it starts with.

use std::ops::Range;
use std::sync::Arc;

use super::forms::{MIN_FREE_LEN, Value};
use super::grams::Grams;
use crate::secret::Secret;

/// A form of a value.
#[derive(Debug, Clone, Copy)]
struct Needle {
    value: u32,
    form: u32,
    /// The longest other needle that it starts with, or [`NONE`].
    up: u32,
}

const NONE: u32 = u32::MAX;

/// All forms of all values, ready to be found.
#[derive(Default)]
pub(crate) struct Needles {
    values: Vec<Arc<Value>>,
    /// By their bytes, and the first eight of these, the first one highest.
    sorted: Vec<Needle>,
    heads: Vec<u64>,
    grams: Grams,
    max_len: usize,
    pairs: Pairs,
}

/// Which two bytes stand side by side in some needle.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Pairs(Box<[u64; 1 << 10]>);

impl Default for Pairs {
    fn default() -> Pairs {
        Pairs(Box::new([0; 1 << 10]))
    }
}

impl Pairs {
    fn extend(&mut self, needle: &[u8]) {
        for (&first, &second) in needle.iter().zip(needle.iter().skip(1)) {
            self.0[usize::from(first) << 2 | usize::from(second >> 6)] |= 1 << (second & 63);
        }
    }

    /// Whether this byte is one of two.
    fn has_byte(&self, byte: u8) -> bool {
        let rows = self.0.as_chunks::<4>().0;
        rows[usize::from(byte)] != [0; 4] || (0..=u8::MAX).any(|first| self.has([first, byte]))
    }

    fn has(&self, [first, second]: [u8; 2]) -> bool {
        self.0[usize::from(first) << 2 | usize::from(second >> 6)] >> (second & 63) & 1 == 1
    }
}

/// The first eight bytes, or fewer and zeros, as a number that orders as they do.
fn head(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(eight) => u64::from_be_bytes(*eight),
        None => bytes.iter().fold(0, |head, byte| head << 8 | u64::from(*byte)) << (64 - 8 * bytes.len().max(1)),
    }
}

fn bytes_of<'v>(values: &'v [Arc<Value>], needle: &Needle) -> &'v [u8] {
    values[needle.value as usize].forms.get(needle.form as usize)
}

/// Needles and new ones on their way to become one order.
struct Merge<'n> {
    old: &'n Needles,
    values: &'n [Arc<Value>],
    sorted: Vec<Needle>,
    heads: Vec<u64>,
    /// Where each of the old ones is now.
    moved: Vec<u32>,
    /// The last new one, or the longest that it starts with: others may start with it, too.
    open: u32,
}

impl Merge<'_> {
    /// Whether this needle, with this head, starts with the one that is here now.
    fn starts(&self, needle: &Needle, head: u64, index: u32) -> bool {
        // Of a shorter one than a head zeros stand at its end.
        let other = self.heads[index as usize];
        (other == head || other as u8 == 0)
            && bytes_of(self.values, needle).starts_with(bytes_of(self.values, &self.sorted[index as usize]))
    }

    /// Takes the old ones before this one, as far as they are not taken. What they start with is known but for new ones.
    fn take_old(&mut self, to: usize) {
        for index in self.moved.len()..to {
            let (needle, head) = (self.old.sorted[index], self.old.heads[index]);
            while self.open != NONE && !self.starts(&needle, head, self.open) {
                self.open = self.sorted[self.open as usize].up;
            }
            let known = if needle.up == NONE { NONE } else { self.moved[needle.up as usize] };
            // Of two that it starts with, the longer one comes later.
            let is_new = self.open != NONE && (known == NONE || self.open > known);
            self.moved.push(self.sorted.len() as u32);
            self.sorted.push(Needle { up: if is_new { self.open } else { known }, ..needle });
            self.heads.push(head);
        }
    }

    fn take_new(&mut self, needle: Needle, head: u64) {
        // The one before starts with all that both start with.
        let mut up = self.sorted.len().checked_sub(1).map_or(NONE, |last| last as u32);
        while up != NONE && !self.starts(&needle, head, up) {
            up = self.sorted[up as usize].up;
        }
        self.open = self.sorted.len() as u32;
        self.sorted.push(Needle { up, ..needle });
        self.heads.push(head);
    }
}

impl Needles {
    /// These, and the forms of more values: sorted, and merged into those that are sorted already.
    pub(super) fn with(&self, added: Vec<Arc<Value>>) -> Needles {
        let mut values = self.values.clone();
        let first = values.len() as u32;
        values.extend(added);
        // In the order in which they lie in memory.
        let forms = || {
            values[first as usize..].iter().zip(first..).flat_map(|(value, number)| {
                (0..value.forms.len()).map(move |form| (value.forms.get(form), number, form as u32))
            })
        };
        let (mut max_len, mut pairs) = (self.max_len, self.pairs.clone());
        for (form, ..) in forms() {
            pairs.extend(form);
            max_len = max_len.max(form.len());
        }
        let mut grams = self.grams.clone();
        if !grams.extend(forms().map(|(form, ..)| form)) {
            grams = Grams::default();
            let old = self.sorted.iter().map(|needle| bytes_of(&values, needle));
            let fits = grams.extend(old.chain(forms().map(|(form, ..)| form)));
            debug_assert!(fits, "there is room in new tables");
        }
        let mut new: Vec<(u64, u32, u32)> = forms().map(|(bytes, value, form)| (head(bytes), value, form)).collect();
        let bytes = |value: u32, form: u32| values[value as usize].forms.get(form as usize);
        let name = |value: u32| &values[value as usize].name;
        new.sort_unstable_by(|a, b| {
            let by_bytes = || bytes(a.1, a.2).cmp(bytes(b.1, b.2));
            a.0.cmp(&b.0).then_with(by_bytes).then_with(|| name(a.1).cmp(name(b.1)))
        });
        new.dedup_by(|a, b| a.0 == b.0 && bytes(a.1, a.2) == bytes(b.1, b.2));
        let (sorted, heads) = self.merged(&new, &values);
        Needles { values, sorted, heads, grams, max_len, pairs }
    }

    /// All needles when `new` ones, which are in order, come to these; `values` are those of both.
    fn merged(&self, new: &[(u64, u32, u32)], values: &[Arc<Value>]) -> (Vec<Needle>, Vec<u64>) {
        let len = self.sorted.len() + new.len();
        let (sorted, heads) = (Vec::with_capacity(len), Vec::with_capacity(len));
        let mut merge =
            Merge { old: self, values, sorted, heads, moved: Vec::with_capacity(self.sorted.len()), open: NONE };
        for &(head, value, form) in new {
            let needle = Needle { value, form, up: NONE };
            let this = bytes_of(values, &needle);
            let (low, high) = self.heads_of(head, head);
            let at = low + self.sorted[low..high].partition_point(|old| bytes_of(values, old) < this);
            merge.take_old(at);
            match self.sorted.get(at).filter(|old| bytes_of(values, old) == this) {
                Some(old) => {
                    merge.take_old(at + 1);
                    // It is called by the name that comes first.
                    let is_first = values[value as usize].name < values[old.value as usize].name;
                    if let Some(last) = merge.sorted.last_mut().filter(|_| is_first) {
                        (last.value, last.form) = (value, form);
                    }
                }
                None => merge.take_new(needle, head),
            }
        }
        merge.take_old(self.sorted.len());
        (merge.sorted, merge.heads)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The length of the longest.
    pub(super) fn max_len(&self) -> usize {
        self.max_len
    }

    fn bytes(&self, index: usize) -> &[u8] {
        bytes_of(&self.values, &self.sorted[index])
    }

    /// The name and the value of a needle.
    pub(super) fn value(&self, index: usize) -> (&Arc<str>, &Arc<Secret>) {
        let value = &self.values[self.sorted[index].value as usize];
        (&value.name, &value.secret)
    }

    /// Calls `found` with places in `text[from..]` where a needle may start that ends in `text`; with some more than
    /// once.
    pub(super) fn candidates(&self, text: &[u8], from: usize, found: impl FnMut(usize)) {
        self.grams.scan(text, from, found);
    }

    /// The needles that `text` starts with, the longest first: their numbers and lengths.
    pub(super) fn at_start(&self, text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
        let (low, high) = self.heads_of(head(text), head(text));
        let below = low + self.sorted[low..high].partition_point(|needle| bytes_of(&self.values, needle) <= text);
        let mut next = below.checked_sub(1).map_or(NONE, |last| last as u32);
        std::iter::from_fn(move || {
            while next != NONE {
                let index = next as usize;
                next = self.sorted[index].up;
                let bytes = self.bytes(index);
                if text.starts_with(bytes) {
                    return Some((index, bytes.len()));
                }
            }
            None
        })
    }

    /// The needles whose heads are neither less than `least` nor greater than `greatest`.
    fn heads_of(&self, least: u64, greatest: u64) -> (usize, usize) {
        let low = self.heads.partition_point(|head| *head < least);
        (low, low + self.heads[low..].partition_point(|head| *head <= greatest))
    }

    /// The needles that start with `tail` and are longer, or short ones that are `tail`: what stands behind these
    /// decides. Their numbers.
    fn longer(&self, tail: &[u8]) -> impl Iterator<Item = usize> {
        let range = if tail.is_empty() || !self.grams.may_start(tail) { 0..0 } else { self.starting_with(tail) };
        range.filter(move |&index| {
            let bytes = self.bytes(index);
            bytes.starts_with(tail) && (bytes.len() > tail.len() || bytes.len() < MIN_FREE_LEN)
        })
    }

    /// Where needles that start with `tail` are, and perhaps a few others.
    fn starting_with(&self, tail: &[u8]) -> Range<usize> {
        let least = head(tail);
        if tail.len() < 8 {
            let (low, high) = self.heads_of(least, least | u64::MAX >> (8 * tail.len()));
            return low..high;
        }
        let (low, high) = self.heads_of(least, least);
        let low = low + self.sorted[low..high].partition_point(|needle| bytes_of(&self.values, needle) < tail);
        let count = self.sorted[low..high].partition_point(|needle| bytes_of(&self.values, needle).starts_with(tail));
        low..low + count
    }

    /// Whether a needle may start so, which may be longer than `tail`.
    pub(super) fn may_start(&self, tail: &[u8]) -> bool {
        self.grams.may_start(tail)
    }

    /// Whether the text may become a needle, or what follows it decides whether it is one.
    pub(super) fn may_go_on(&self, tail: &[u8]) -> bool {
        self.longer(tail).next().is_some()
    }

    /// Whether these two bytes stand side by side in some needle.
    pub(super) fn has_pair(&self, pair: [u8; 2]) -> bool {
        self.pairs.has(pair)
    }

    /// The same of needles of so many bytes and more.
    pub(super) fn may_go_on_long(&self, tail: &[u8], min_len: usize) -> bool {
        self.longer(tail).any(|index| self.bytes(index).len() >= min_len)
    }

    /// Whether eight bytes may be among the first of a needle of fifteen and more.
    pub(super) fn has_gram(&self, eight: u64) -> bool {
        self.grams.has_long(eight)
    }

    /// A needle of which `tail` is so much that it is hidden: a quarter, and four bytes.
    pub(super) fn mostly(&self, tail: &[u8]) -> Option<usize> {
        self.longer(tail).find(|&index| tail.len() >= self.bytes(index).len().div_ceil(4).max(4))
    }

    /// Whether some needle stands in `text`, or could stand across one of its ends or around it.
    pub(crate) fn touches(&self, text: &[u8]) -> bool {
        let stands_or_starts = |at: usize| {
            let rest = &text[at..];
            self.at_start(rest).next().is_some() || self.longer(rest).next().is_some()
        };
        if self.is_empty() || text.is_empty() {
            return false;
        }
        // What ends with the start of `text`, or holds all of it, holds its first byte.
        let ends_or_holds = |needle: &[u8]| {
            (1..=text.len()).any(|len| needle.ends_with(&text[..len])) || memchr::memmem::find(needle, text).is_some()
        };
        (0..text.len()).any(stands_or_starts)
            || (self.pairs.has_byte(text[0]) && (0..self.sorted.len()).any(|index| ends_or_holds(self.bytes(index))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_added_in_parts_is_what_is_added_at_once(
            values in proptest::collection::vec((0u8..4, "[ab]{1,12}"), 1..12),
            parts in proptest::collection::vec(0usize..12, 0..5),
        ) {
            let value = |(name, text): &(u8, String)| {
                let name = Arc::from(name.to_string());
                Arc::new(Value::new(&name, &Secret::new(text.as_bytes())))
            };
            let values: Vec<Arc<Value>> = values.iter().map(value).collect();
            let mut cuts: Vec<usize> = parts.into_iter().map(|at| at % values.len()).chain([0, values.len()]).collect();
            cuts.sort_unstable();
            let whole = Needles::default().with(values.clone());
            let in_parts = cuts.windows(2).fold(Needles::default(), |all, cut| all.with(values[cut[0]..cut[1]].to_vec()));
            let shown = |needles: &Needles| -> Vec<(Vec<u8>, String, u32, u64)> {
                let one = |index: usize| {
                    let (name, _) = needles.value(index);
                    (needles.bytes(index).to_vec(), name.to_string(), needles.sorted[index].up, needles.heads[index])
                };
                (0..needles.sorted.len()).map(one).collect()
            };
            proptest::prop_assert_eq!(shown(&in_parts), shown(&whole));
            proptest::prop_assert_eq!((in_parts.max_len, &in_parts.pairs), (whole.max_len, &whole.pairs));
            for (index, needle) in whole.sorted.iter().enumerate() {
                let longest = (0..index).rev().find(|other| whole.bytes(index).starts_with(whole.bytes(*other)));
                proptest::prop_assert_eq!(needle.up, longest.map_or(NONE, |at| at as u32));
            }
        }
    }
}
