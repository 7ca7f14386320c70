//! Bech32, the checksum of age's secret keys: <https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki>.
//!
//! As with age, the limit of 90 characters does not hold here.

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// The characters of the checksum.
const SUM: usize = 6;

pub(super) fn seal(secret: &mut [u8]) -> bool {
    let upper = secret.iter().any(u8::is_ascii_uppercase);
    if upper && secret.iter().any(u8::is_ascii_lowercase) {
        return false;
    }
    // The last `1` ends the human-readable part: the data cannot contain one.
    let Some(separator) = memchr::memrchr(b'1', secret) else { return false };
    let (name, data) = (&secret[..separator], &secret[separator + 1..]);
    let Some((body, _)) = data.split_last_chunk::<SUM>() else { return false };
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    let Some(values) = body.iter().map(value).collect::<Option<Vec<u8>>>() else { return false };

    let name = name.iter().map(u8::to_ascii_lowercase);
    let expanded = name.clone().map(|byte| byte >> 5).chain([0]).chain(name.map(|byte| byte & 31));
    let sum = polymod(expanded.chain(values).chain([0; SUM])) ^ 1;

    let start = secret.len() - SUM;
    for (place, at) in secret[start..].iter_mut().zip(0..) {
        let digit = ALPHABET[(sum >> (5 * (SUM - 1 - at)) & 31) as usize];
        *place = if upper { digit.to_ascii_uppercase() } else { digit };
    }
    true
}

fn value(byte: &u8) -> Option<u8> {
    ALPHABET.iter().position(|known| *known == byte.to_ascii_lowercase()).map(|at| at as u8)
}

fn polymod(values: impl Iterator<Item = u8>) -> u32 {
    const GENERATORS: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    values.fold(1, |sum, value| {
        let top = sum >> 25;
        let shifted = (sum & 0x01FF_FFFF) << 5 ^ u32::from(value);
        let taken = GENERATORS.iter().zip(0..).filter(|(_, bit)| top >> bit & 1 == 1);
        taken.fold(shifted, |sum, (generator, _)| sum ^ generator)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid(text: &str) -> bool {
        let mut sealed = text.as_bytes().to_vec();
        seal(&mut sealed) && sealed == text.as_bytes()
    }

    #[test]
    fn the_valid_strings_of_the_proposal() {
        for text in [
            "A12UEL5L",
            "a12uel5l",
            "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
            "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
            "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
            "?1ezyfcl",
        ] {
            assert!(valid(text), "{text}");
        }
    }

    #[test]
    fn the_invalid_strings_of_the_proposal() {
        for text in
            ["pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3", "A1G7SGD8", "10a06t8", "1qzzfhee", "A12uEL5L"]
        {
            assert!(!valid(text), "{text}");
        }
    }
}
