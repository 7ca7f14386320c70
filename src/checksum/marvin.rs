//! Marvin32, the keyed checksum of Microsoft's key formats.
//!
//! Its reference is `SymCrypt`: <https://github.com/microsoft/SymCrypt/blob/main/lib/marvin32.c>.

/// The checksum folded to 32 bits, as it stands in keys.
pub(super) fn marvin32(bytes: &[u8], seed: u64) -> u32 {
    let sum = marvin64(bytes, seed);
    (sum >> 32) as u32 ^ sum as u32
}

fn marvin64(bytes: &[u8], seed: u64) -> u64 {
    let mut state = (seed as u32, (seed >> 32) as u32);
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        state = mix(state, u32::from_le_bytes(*word));
    }
    // The end is marked by a byte 0x80 right behind the text, so that texts of different lengths differ.
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    state = mix(state, u32::from_le_bytes(last));
    state = mix(state, 0);
    u64::from(state.1) << 32 | u64::from(state.0)
}

fn mix((mut low, mut high): (u32, u32), word: u32) -> (u32, u32) {
    low = low.wrapping_add(word);
    high ^= low;
    low = low.rotate_left(20).wrapping_add(high);
    high = high.rotate_left(9) ^ low;
    low = low.rotate_left(27).wrapping_add(high);
    high = high.rotate_left(19);
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_the_reference() {
        assert_eq!(marvin64(b"abc", 0xD53C_D9CE_CD08_93B7), 0x22C7_4339_4927_69BF);
        assert_eq!(marvin64(b"abcdefghijklmnopqrstuvwxyz", 0x0DDD_DEEE_EFFF_F000), 0xA128_EB7E_7260_ACA2);
        assert_eq!(marvin32(b"abc", 0xD53C_D9CE_CD08_93B7), 0x22C7_4339 ^ 0x4927_69BF);
    }
}
