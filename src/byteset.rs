//! A set of byte values.

use std::fmt;

/// A set of byte values: what may stand beside a match, or the class of a run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// The set of no byte.
    pub const EMPTY: ByteSet = ByteSet([0; 4]);
    /// The set of all 256 bytes.
    pub const ALL: ByteSet = ByteSet([u64::MAX; 4]);
    /// `[0-9A-Za-z]`.
    pub const ALPHANUMERIC: ByteSet =
        ByteSet::EMPTY.with_range(b'0', b'9').with_range(b'A', b'Z').with_range(b'a', b'z');

    /// This set and the bytes from `first` to `last`, both included.
    #[must_use]
    pub const fn with_range(self, first: u8, last: u8) -> ByteSet {
        let mut words = self.0;
        let mut byte = first as usize;
        while byte <= last as usize {
            words[byte >> 6] |= 1 << (byte & 63);
            byte += 1;
        }
        ByteSet(words)
    }

    /// This set and one byte more.
    #[must_use]
    pub const fn with(self, byte: u8) -> ByteSet {
        self.with_range(byte, byte)
    }

    /// Whether `byte` is in the set.
    #[inline]
    #[must_use]
    pub const fn contains(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 != 0
    }

    /// All bytes that are not in the set.
    #[must_use]
    pub const fn complement(self) -> ByteSet {
        let w = self.0;
        ByteSet([!w[0], !w[1], !w[2], !w[3]])
    }

    /// The bytes in both sets.
    #[must_use]
    pub const fn intersection(self, other: ByteSet) -> ByteSet {
        let (a, b) = (self.0, other.0);
        ByteSet([a[0] & b[0], a[1] & b[1], a[2] & b[2], a[3] & b[3]])
    }

    /// The bytes in either set.
    #[must_use]
    pub const fn union(self, other: ByteSet) -> ByteSet {
        let (a, b) = (self.0, other.0);
        ByteSet([a[0] | b[0], a[1] | b[1], a[2] | b[2], a[3] | b[3]])
    }

    /// Whether no byte is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0[0] | self.0[1] | self.0[2] | self.0[3] == 0
    }

    /// How many bytes are in the set.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.0[0].count_ones() + self.0[1].count_ones() + self.0[2].count_ones() + self.0[3].count_ones()
    }

    /// The set as 256 bits, a form that can be ordered.
    #[must_use]
    pub(crate) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The bytes of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u8> + use<> {
        (0..).zip(self.0).flat_map(|(number, mut word): (u8, u64)| {
            std::iter::from_fn(move || {
                let first = (word != 0).then(|| number * 64 + word.trailing_zeros() as u8)?;
                word &= word - 1;
                Some(first)
            })
        })
    }
}

impl fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.iter().flat_map(std::ascii::escape_default).map(char::from).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let set = ByteSet::EMPTY.with_range(b'a', b'c').with(0).with(255);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, b'a', b'b', b'c', 255]);
        assert_eq!(set.len(), 5);
        assert_eq!(set.complement().len(), 251);
        assert!(set.intersection(ByteSet::ALPHANUMERIC).contains(b'b'));
        assert!(set.union(set.complement()) == ByteSet::ALL);
        assert!(ByteSet::EMPTY.is_empty());
    }
}
