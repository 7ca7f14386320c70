//! A byte class, in the forms in which the tiers look bytes up.

use crate::byteset::ByteSet;

/// A set of bytes as tables.
#[derive(Debug, Clone)]
pub(super) struct Members {
    /// For each byte `0x80` or 0, so that a vector's sign bits are the answer.
    pub(super) flags: Box<Flags>,
    /// For each low half of a byte the high halves with which it is a member: those below 8 and those from 8 on.
    pub(super) halves: [[u8; 16]; 2],
    /// Whether a byte beyond ASCII is a member.
    pub(super) beyond_ascii: bool,
}

/// A table of all bytes, aligned as vectors like it.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Flags(pub(super) [u8; 256]);

impl Members {
    pub(super) fn of(class: &ByteSet) -> Members {
        let mut members = Members { flags: Box::new(Flags([0; 256])), halves: [[0; 16]; 2], beyond_ascii: false };
        for byte in class.iter() {
            members.flags.0[usize::from(byte)] = 0x80;
            members.halves[usize::from(byte >> 7)][usize::from(byte & 15)] |= 1 << (byte >> 4 & 7);
            members.beyond_ascii |= !byte.is_ascii();
        }
        members
    }

    #[inline]
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.flags.0[usize::from(byte)] != 0
    }

    /// The first position at `from` or after it where `len` members follow one another.
    ///
    /// Of the `len` bytes the last is looked at first: where it is no member, none of the `len` positions is one, and
    /// most bytes are never looked at. No byte is looked at twice.
    pub(super) fn find_run(&self, text: &[u8], from: usize, len: usize) -> Option<usize> {
        let mut start = from;
        // Bytes from `start` to here are members.
        let mut known = from;
        loop {
            let end = start.checked_add(len).filter(|&end| end <= text.len())?;
            match text[known..end].iter().rposition(|&byte| !self.contains(byte)) {
                None => return Some(start),
                Some(i) => start = known + i + 1,
            }
            known = end;
        }
    }

    /// Where the members that follow `start` end.
    pub(super) fn run_end(&self, text: &[u8], start: usize) -> usize {
        text[start..].iter().position(|&byte| !self.contains(byte)).map_or(text.len(), |i| start + i)
    }
}

/// How to find runs of ones of some length in words of bits.
#[derive(Debug, Clone)]
pub(super) struct BitRun {
    /// Shifts that leave the bits with which one one begins, then two, then four ..., then `len` or 64.
    shifts: [u32; 6],
}

impl BitRun {
    pub(super) fn new(len: usize) -> BitRun {
        let mut shifts = [0; 6];
        let mut have = 1;
        for shift in &mut shifts {
            let step = have.min(len.min(64) - have);
            *shift = step as u32;
            have += step;
        }
        BitRun { shifts }
    }

    /// Leaves of the ones in `words`, of which the first is the lowest bit of the first word, those with which `len`
    /// ones, or 64 if that is less, begin. The last word is there to be looked at only.
    #[inline(always)] // Into functions that may use vectors: all words take the same steps.
    pub(super) fn keep_starts(&self, words: &mut [u64]) {
        for &shift in &self.shifts {
            for i in 1..words.len() {
                // The two shifts in turn make up one by `64 - shift`, which may be 64.
                words[i - 1] &= words[i - 1] >> shift | words[i] << 1 << (63 - shift);
            }
        }
    }
}

/// The first one in `words` at `from` or after it.
pub(super) fn next_one(words: &[u64], from: usize) -> Option<usize> {
    let mut keep = u64::MAX << (from % 64);
    for (i, word) in words.iter().enumerate().skip(from / 64) {
        if word & keep != 0 {
            return Some(i * 64 + (word & keep).trailing_zeros() as usize);
        }
        keep = u64::MAX;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_agree_with_the_set() {
        let class = ByteSet::EMPTY.with_range(b'3', b'k').with(0).with_range(0x8a, 0xc5).with(255);
        let members = Members::of(&class);
        for byte in 0..=255u8 {
            assert_eq!(members.contains(byte), class.contains(byte));
            let high_halves = members.halves[usize::from(byte >> 7)][usize::from(byte & 15)];
            assert_eq!(high_halves >> (byte >> 4 & 7) & 1 != 0, class.contains(byte));
        }
        assert!(members.beyond_ascii && !Members::of(&ByteSet::ALPHANUMERIC).beyond_ascii);
    }

    #[test]
    fn runs_of_ones() {
        for len in [1, 2, 3, 5, 31, 32, 33, 63, 64, 65, 100] {
            for at in 0..256usize {
                for ones in [len - 1, len, len + 1] {
                    let mut words = [0u64; 7];
                    for i in at..at + ones {
                        words[i / 64] |= 1 << (i % 64);
                    }
                    BitRun::new(len).keep_starts(&mut words);
                    let starts = (0..words.len() * 64).filter(|i| words[i / 64] >> (i % 64) & 1 != 0);
                    assert!(
                        starts.eq(at..(at + ones + 1).saturating_sub(len.min(64)).max(at)),
                        "{ones} of {len} at {at}"
                    );
                }
            }
        }
    }

    #[test]
    fn ones_in_turn() {
        let words = [1 << 3 | 1 << 63, 0, 1];
        let ones = std::iter::successors(next_one(&words, 0), |at| next_one(&words, at + 1));
        assert_eq!(ones.collect::<Vec<_>>(), [3, 63, 128]);
        assert_eq!(next_one(&words, 129), None);
        assert_eq!(next_one(&words, 192), None);
    }
}
