//! From places where some window may stand to the literals that do stand there.

use std::ops::Range;

use super::window::{Window, care};
use super::{Anchor, Literal};

/// Rows of the window filter: 32 KiB, which stay in the nearest cache.
pub(super) const ROWS_LOG2: u32 = 12;
pub(super) const ROWS: usize = 1 << ROWS_LOG2;

/// Lists of literals: several times as many as there are literals, so that a list seldom holds two that differ in
/// their windows.
const LISTS_LOG2: u32 = 13;
const LISTS: usize = 1 << LISTS_LOG2;

/// Confirms candidates, in two steps of rising cost.
///
/// [`Confirm::retain`] is a filter without branches: three bytes choose a row, the fourth a bit of it. A window whose
/// fourth byte may be anything sets the whole row, which is why exactly that byte has this part.
/// [`Confirm::literals`] then compares the literals, of which there are few to each window.
#[derive(Debug, Clone)]
pub(super) struct Confirm {
    pub(super) rows: Box<[u64; ROWS]>,
    /// By a row of their own for each window, the bits of bytes that stand before it in its literals, and behind it.
    #[cfg(target_arch = "x86_64")]
    pub(super) before: Box<[u64; ROWS]>,
    #[cfg(target_arch = "x86_64")]
    pub(super) after: Box<[u64; ROWS]>,
    /// The entries with list `i` are `entries[lists[i]..lists[i + 1]]`.
    lists: Box<[u32]>,
    entries: Box<[Entry]>,
    /// All literals, one after another, and for each byte the bits of it that matter.
    values: Box<[u8]>,
    cares: Box<[u8]>,
}

/// One literal in the list of its window.
#[derive(Debug, Clone)]
struct Entry {
    /// The literal's first eight bytes, and the bits of them that matter: none of those beyond its end.
    head: u64,
    head_care: u64,
    /// Where in the literal the window stands.
    offset: u32,
    len: u32,
    /// Where in `values` and `cares` the literal's ninth byte lies, if it has one.
    tail: u32,
    number: u32,
}

impl Confirm {
    /// `windows[i]` is a window of `literals[i]`.
    pub(super) fn new(literals: &[Literal], windows: &[Window]) -> Confirm {
        let [mut rows, mut before, mut after] = [(); 3].map(|()| Box::new([0u64; ROWS]));
        let mut keyed = Vec::with_capacity(literals.len());
        let (mut values, mut cares) = (Vec::new(), Vec::new());
        for (number, (literal, window)) in (0..).zip(literals.iter().zip(windows)) {
            rows[row(u32::from_le_bytes(window.value))] |= window.bytes(3).fold(0, |bits, byte| bits | row_bit(byte));
            let bit_at = |at: usize| literal.bytes.get(at).map_or(u64::MAX, |&byte| row_bit(byte));
            let row = neighbour_row(u32::from_le_bytes(window.value));
            before[row] |= window.offset.checked_sub(1).map_or(u64::MAX, bit_at);
            after[row] |= bit_at(window.offset + 4);
            let (head, tail) = literal.bytes.split_at(literal.bytes.len().min(HEAD));
            keyed.push((
                list(u32::from_le_bytes(window.value)),
                Entry {
                    head: padded(head),
                    head_care: padded(&cares_of(head, literal.ignore_case)),
                    offset: position(window.offset),
                    len: position(literal.bytes.len()),
                    tail: position(values.len()),
                    number,
                },
            ));
            values.extend_from_slice(tail);
            cares.extend(cares_of(tail, literal.ignore_case));
        }
        keyed.sort_by_key(|(list, entry)| (*list, entry.number));
        let mut lists = vec![0u32; LISTS + 1];
        for (list, _) in &keyed {
            lists[list + 1] += 1;
        }
        for i in 0..LISTS {
            lists[i + 1] += lists[i];
        }
        Confirm {
            rows,
            #[cfg(target_arch = "x86_64")]
            before,
            #[cfg(target_arch = "x86_64")]
            after,
            lists: lists.into(),
            entries: keyed.into_iter().map(|(_, entry)| entry).collect(),
            values: values.into(),
            cares: cares.into(),
        }
    }

    /// Writes to `kept` those of `candidates` where some window may really stand, and returns how many those are. A
    /// candidate is a position in `text`.
    pub(super) fn retain(&self, text: &[u8], candidates: impl Iterator<Item = u16>, kept: &mut [u16]) -> usize {
        let mut count = 0;
        for at in candidates {
            // Where fewer are left stands none of the text's windows: the filter proposed the place for its neighbour.
            let Some(window) = text.get(usize::from(at)..).and_then(<[u8]>::first_chunk) else { continue };
            let window = u32::from_le_bytes(*window);
            kept[count] = at;
            count += usize::from(self.rows[row(window)] & row_bit((window >> 24) as u8) != 0);
        }
        count
    }

    /// Whether the bytes before and behind the window at `at` may be of a literal that has it, or one of them is not in
    /// `text`: the plain twin of what vectors ask.
    #[cfg(all(test, target_arch = "x86_64"))]
    pub(super) fn fits_neighbours(&self, text: &[u8], at: usize) -> bool {
        let (Some(before), Some(after)) = (at.checked_sub(1), text.get(at + 4)) else { return true };
        let row = neighbour_row(u32::from_le_bytes([text[at], text[at + 1], text[at + 2], 0]));
        self.before[row] & row_bit(text[before]) != 0 && self.after[row] & row_bit(*after) != 0
    }

    /// Reports each literal whose window stands at `at` and whose start lies in `starts`.
    pub(super) fn literals(&self, text: &[u8], at: usize, starts: &Range<usize>, found: &mut impl FnMut(Anchor)) {
        let window = u32::from_le_bytes([text[at], text[at + 1], text[at + 2], 0]);
        let list = list(window);
        for entry in &self.entries[self.lists[list] as usize..self.lists[list + 1] as usize] {
            let start = at.wrapping_sub(entry.offset as usize);
            if starts.contains(&start) && self.is_at(entry, text, start) {
                found(Anchor::Literal { number: entry.number, at: start, len: entry.len as usize });
            }
        }
    }

    /// Whether the literal stands at `start`.
    #[inline]
    fn is_at(&self, entry: &Entry, text: &[u8], start: usize) -> bool {
        let there = &text[start..];
        let head = match there.first_chunk() {
            Some(head) => u64::from_le_bytes(*head),
            None => padded(there),
        };
        let len = entry.len as usize;
        if (head ^ entry.head) & entry.head_care != 0 || there.len() < len {
            return false;
        }
        len <= HEAD || {
            let tail = entry.tail as usize..entry.tail as usize + len - HEAD;
            let pattern = self.values[tail.clone()].iter().zip(&self.cares[tail]);
            there[HEAD..].iter().zip(pattern).all(|(byte, (value, care))| (byte ^ value) & care == 0)
        }
    }
}

/// Bytes of a literal that are compared in one step.
const HEAD: usize = 8;

/// Up to eight bytes, the first one lowest, and zeros.
fn padded(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |padded, &byte| padded << 8 | u64::from(byte))
}

/// For each byte of a literal the bits of a text byte that matter.
fn cares_of(bytes: &[u8], ignore_case: bool) -> Vec<u8> {
    bytes.iter().map(|&byte| care(byte, ignore_case)).collect()
}

/// The bits of a window that its hash depends on, and what makes it one.
pub(super) const HASHED: u32 = 0x00df_dfdf;
pub(super) const FACTOR: u32 = 0x9e37_79b1;

/// A hash of a window's first three bytes, the same for letters of either case: with case, a window would take the rows
/// of all its spellings.
#[inline]
fn hash(window: u32) -> u32 {
    (window & HASHED).wrapping_mul(FACTOR)
}

/// The filter's row for a window.
#[inline]
fn row(window: u32) -> usize {
    (hash(window) >> (32 - ROWS_LOG2)) as usize
}

/// What makes another hash of the same bits, so that windows share a row here that do not share one there.
pub(super) const OTHER_FACTOR: u32 = 0x85eb_ca77;

/// The row for the neighbours of a window.
#[inline]
pub(super) fn neighbour_row(window: u32) -> usize {
    ((window & HASHED).wrapping_mul(OTHER_FACTOR) >> (32 - ROWS_LOG2)) as usize
}

/// The bit of a row for a byte, the same for letters of either case.
#[inline]
fn row_bit(byte: u8) -> u64 {
    1 << (byte & 0x1f | byte >> 1 & 0x20)
}

/// The list of literals for a window.
#[inline]
fn list(window: u32) -> usize {
    (hash(window) >> (32 - LISTS_LOG2)) as usize
}

/// A position in tables whose size the rule set bounds.
fn position(n: usize) -> u32 {
    u32::try_from(n).expect("less than 4 GiB of literals")
}
