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
    /// Whether a byte stands in some needle.
    bytes: Box<[bool]>,
}

/// The first eight bytes, or fewer and zeros, as a number that orders as they do.
fn head(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(eight) => u64::from_be_bytes(*eight),
        None => bytes.iter().fold(0, |head, byte| head << 8 | u64::from(*byte)) << (64 - 8 * bytes.len().max(1)),
    }
}

impl Needles {
    /// These, and the forms of more values.
    pub(super) fn with(&self, added: Vec<Arc<Value>>) -> Needles {
        let mut values = self.values.clone();
        let known = self.sorted.iter().zip(&self.heads).map(|(needle, head)| (*head, needle.value, needle.form));
        let mut sorted: Vec<(u64, u32, u32)> = known.collect();
        let (first, old) = (values.len(), sorted.len());
        values.extend(added);
        for (value, number) in values[first..].iter().zip(first as u32..) {
            let forms = (0..value.forms.len()).map(|form| (head(value.forms.get(form)), number, form as u32));
            sorted.extend(forms);
        }
        let bytes = |needle: &(u64, u32, u32)| values[needle.1 as usize].forms.get(needle.2 as usize);
        let mut grams = self.grams.clone();
        if !grams.extend(sorted[old..].iter().map(bytes)) {
            grams = Grams::default();
            let fits = grams.extend(sorted.iter().map(bytes));
            debug_assert!(fits, "there is room in new tables");
        }
        let name = |needle: &(u64, u32, u32)| &values[needle.1 as usize].name;
        let by_bytes = |a: &(u64, u32, u32), b: &(u64, u32, u32)| {
            a.0.cmp(&b.0).then_with(|| bytes(a).cmp(bytes(b))).then_with(|| name(a).cmp(name(b)))
        };
        if old == 0 {
            sorted.sort_unstable_by(by_bytes);
        } else {
            // Merges what is sorted already.
            sorted[old..].sort_unstable_by(by_bytes);
            sorted.sort_by(by_bytes);
        }
        sorted.dedup_by(|a, b| a.0 == b.0 && bytes(a) == bytes(b));
        let mut there = vec![false; 256].into_boxed_slice();
        let mut needles: Vec<Needle> = Vec::with_capacity(sorted.len());
        for needle in &sorted {
            let this = bytes(needle);
            this.iter().for_each(|byte| there[usize::from(*byte)] = true);
            let mut up = needles.len().checked_sub(1).map_or(NONE, |last| last as u32);
            while up != NONE && !this.starts_with(bytes(&sorted[up as usize])) {
                up = needles[up as usize].up;
            }
            needles.push(Needle { value: needle.1, form: needle.2, up });
        }
        let max_len = sorted.iter().map(|needle| bytes(needle).len()).max().unwrap_or(0);
        let heads = sorted.iter().map(|needle| needle.0).collect();
        Needles { values, sorted: needles, heads, grams, max_len, bytes: there }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The length of the longest.
    pub(super) fn max_len(&self) -> usize {
        self.max_len
    }

    fn bytes(&self, index: usize) -> &[u8] {
        let Needle { value, form, .. } = self.sorted[index];
        self.values[value as usize].forms.get(form as usize)
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
        let below = low + self.sorted[low..high].partition_point(|needle| self.bytes_of(needle) <= text);
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

    fn bytes_of(&self, needle: &Needle) -> &[u8] {
        self.values[needle.value as usize].forms.get(needle.form as usize)
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
        let low = low + self.sorted[low..high].partition_point(|needle| self.bytes_of(needle) < tail);
        let count = self.sorted[low..high].partition_point(|needle| self.bytes_of(needle).starts_with(tail));
        low..low + count
    }

    /// Whether the text may become a needle, or what follows it decides whether it is one.
    pub(super) fn may_go_on(&self, tail: &[u8]) -> bool {
        self.longer(tail).next().is_some()
    }

    /// Whether a needle may start with the bytes before the end of this line.
    pub(super) fn may_start_at(&self, text: &[u8]) -> bool {
        let is_whole = text.len() >= 8 && !text[..8].iter().any(|byte| matches!(byte, b'\n' | b'\r' | b'=' | b'\\'));
        !is_whole || self.grams.may_start(text)
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
            || (self.bytes[usize::from(text[0])]
                && (0..self.sorted.len()).any(|index| ends_or_holds(self.bytes(index))))
    }
}
