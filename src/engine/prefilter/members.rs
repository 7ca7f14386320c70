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

/// How to find a run of ones of some length in words of bits.
#[derive(Debug, Clone)]
pub(super) struct BitRun {
    len: usize,
    /// Shifts that leave of a word the bits with which `len` ones begin: of one 1, of two, of four ..., of `len`.
    shifts: [u32; 6],
    /// All ones, or 0 where no word holds `len` of them.
    fits: u64,
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
        BitRun { len, shifts, fits: if len <= 64 { u64::MAX } else { 0 } }
    }

    /// The first position at `from` or after it where `len` ones follow one another, or else where ones follow up to
    /// the end of `words`: these are as many as are known.
    #[inline(always)] // Into functions that may use the CPU's bit counting instructions.
    pub(super) fn find(&self, words: &[u64], from: usize) -> Option<usize> {
        // How many ones stand directly before the word.
        let mut before = 0;
        let mut keep = u64::MAX << (from % 64);
        for (i, &word) in words.iter().enumerate().skip(from / 64) {
            let word = word & keep;
            keep = u64::MAX;
            if before + word.trailing_ones() as usize >= self.len {
                return Some(i * 64 - before);
            }
            let starts = self.shifts.iter().fold(word, |starts, &shift| starts & (starts >> shift)) & self.fits;
            if starts != 0 {
                return Some(i * 64 + starts.trailing_zeros() as usize);
            }
            before = if word == u64::MAX { before + 64 } else { word.leading_ones() as usize };
        }
        (before > 0).then(|| words.len() * 64 - before)
    }
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
        for len in [1, 2, 3, 5, 31, 32, 33, 63, 64, 65, 100, 128] {
            let bits = BitRun::new(len);
            for at in 0..256usize {
                for ones in [len - 1, len, len + 1] {
                    let mut words = [0u64; 6];
                    for i in at..at + ones {
                        words[i / 64] |= 1 << (i % 64);
                    }
                    let long_enough = (ones >= len).then_some(at);
                    assert_eq!(bits.find(&words, 0), long_enough, "{ones} of {len} at {at}");
                    assert_eq!(bits.find(&words, at), long_enough);
                    assert_eq!(bits.find(&words, at + 1), (ones > len).then_some(at + 1));
                    // A run that is cut off by the end of the words.
                    let shown = &words[..at / 64 + 1];
                    let cut = ones > 0 && at + ones >= shown.len() * 64;
                    assert_eq!(bits.find(shown, 0), if cut { Some(at) } else { long_enough });
                }
            }
        }
    }
}
