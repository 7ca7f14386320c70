//! Runs of ones in words of bits, of which the lowest bit is the first.

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
        let words = [1 << 3 | 1 << 63, 0, 1];
        let ones = std::iter::successors(next_one(&words, 0), |at| next_one(&words, at + 1));
        assert_eq!(ones.collect::<Vec<_>>(), [3, 63, 128]);
        assert_eq!(next_one(&words, 129), None);
        assert_eq!(next_one(&words, 192), None);
    }
}
