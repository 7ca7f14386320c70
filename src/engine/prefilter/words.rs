//! Runs of ones in words of bits, of which the lowest bit is the first.

use super::tier::CHUNK;

/// Leaves of the ones in `words` those with which `len` ones begin, or 64 if that is less. The last word is there to be
/// looked at only.
#[inline(always)] // Into functions that may use vectors: all words take the same steps.
pub(super) fn keep_starts(words: &mut [u64], len: usize) {
    // At first a one stands for itself, then for as many as `have`.
    let mut have = 1;
    while have < len.min(64) {
        let shift = have.min(len.min(64) - have);
        for i in 1..words.len() {
            words[i - 1] &= words[i - 1] >> shift | words[i] << (64 - shift);
        }
        have += shift;
    }
}

/// Leaves of ones that follow one another the first.
#[inline(always)] // As above.
pub(super) fn keep_firsts(words: &mut [u64]) {
    for i in (1..words.len()).rev() {
        words[i] &= !(words[i] << 1 | words[i - 1] >> 63);
    }
    if let Some(first) = words.first_mut() {
        *first &= !(*first << 1);
    }
}

/// Bits of the positions of a chunk, of which few are ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sparse {
    /// A word more than the chunk fills.
    pub(super) words: [u64; CHUNK / 64 + 1],
    /// A bit for each word that has a one.
    pub(super) some: u128,
}

impl Sparse {
    pub(super) const NONE: Sparse = Sparse { words: [0; CHUNK / 64 + 1], some: 0 };

    /// The first one at `from`, which is in the chunk, or after it.
    #[inline]
    pub(super) fn next_one(&self, from: usize) -> Option<usize> {
        let word = self.words[from / 64] & u64::MAX << (from % 64);
        if word != 0 {
            return Some(from / 64 * 64 + word.trailing_zeros() as usize);
        }
        let later = self.some & u128::MAX << (from / 64) << 1;
        (later != 0).then(|| {
            let number = later.trailing_zeros() as usize;
            number * 64 + self.words[number].trailing_zeros() as usize
        })
    }
}

/// A bit for each of `words` that has a one.
#[inline(always)] // As above.
pub(super) fn some(words: &[u64]) -> u128 {
    words.iter().zip(0..).fold(0, |some, (&word, number)| some | u128::from(word != 0) << number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_ones() {
        for len in [1, 2, 3, 5, 31, 32, 33, 63, 64, 65, 100] {
            for at in 0..256usize {
                for ones in [len - 1, len, len + 1] {
                    let mut words = [0u64; 7];
                    for i in at..at + ones {
                        words[i / 64] |= 1 << (i % 64);
                    }
                    keep_starts(&mut words, len);
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
        let mut sparse = Sparse::NONE;
        let places = [3, 63, 128, 130, CHUNK - 1, CHUNK];
        places.iter().for_each(|at| sparse.words[at / 64] |= 1 << (at % 64));
        sparse.some = some(&sparse.words);
        let ones = std::iter::successors(sparse.next_one(0), |at| (*at < CHUNK).then(|| sparse.next_one(at + 1))?);
        assert_eq!(ones.collect::<Vec<_>>(), places);
        assert_eq!(sparse.next_one(129), Some(130));
        assert_eq!(sparse.next_one(131), Some(CHUNK - 1));
        assert_eq!(sparse.next_one(CHUNK + 1), None);
    }
}
