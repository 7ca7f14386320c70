//! SipHash-1-3 (Aumasson and Bernstein, 2012): a short hash under a key, of which nobody without the key can say anything,
//! and which has no structure that would save someone who has it from trying.

/// A key, ready to hash.
#[derive(Clone, Copy)]
pub(super) struct SipHash([u64; 4]);

impl SipHash {
    pub(super) fn new(key: [u8; 16]) -> SipHash {
        let [low, high] = key.as_chunks::<8>().0 else { unreachable!("sixteen bytes are two words") };
        let (low, high) = (u64::from_le_bytes(*low), u64::from_le_bytes(*high));
        SipHash([
            low ^ 0x736f_6d65_7073_6575,
            high ^ 0x646f_7261_6e64_6f6d,
            low ^ 0x6c79_6765_6e65_7261,
            high ^ 0x7465_6462_7974_6573,
        ])
    }

    #[inline]
    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut state = self.0;
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            take(&mut state, u64::from_le_bytes(*word));
        }
        // The last word has the length in its highest byte.
        let rest = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        take(&mut state, (bytes.len() as u64) << 56 | rest);
        state[2] ^= 0xFF;
        for _ in 0..3 {
            round(&mut state);
        }
        state[0] ^ state[1] ^ state[2] ^ state[3]
    }
}

#[inline]
fn take(state: &mut [u64; 4], word: u64) {
    state[3] ^= word;
    round(state);
    state[0] ^= word;
}

#[inline]
fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher;

    use super::*;

    /// The standard library's is the same function under a key of zeros.
    #[test]
    fn it_is_the_published_function() {
        let bytes: Vec<u8> = (0..70).collect();
        for len in 0..=bytes.len() {
            let mut other = std::hash::DefaultHasher::new();
            other.write(&bytes[..len]);
            assert_eq!(SipHash::new([0; 16]).hash(&bytes[..len]), other.finish(), "{len}");
        }
    }
}
