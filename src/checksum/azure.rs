//! Checksums of the keys of Microsoft Azure, by Marvin32.
//!
//! They are published with Microsoft's own detectors: <https://github.com/microsoft/security-utilities>.

use data_encoding::{BASE64, BASE64URL, Encoding};

use super::marvin::marvin32;
use super::{BASE62, digits};

/// The keys that one signature marks.
struct Family {
    signature: [u8; 4],
    /// The length of the decoded key.
    bytes: usize,
    alphabet: Alphabet,
    seeds: &'static [&'static Seed],
}

/// What keys are for, in eight characters; as a number, most significant byte first, it seeds their checksum.
type Seed = [u8; 8];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Base64,
    Base64Url,
    /// Base64, drawn anew until there is neither `+` nor `/` in it.
    Alphanumeric,
    /// Base64 in which `P` may stand for `+` and `F` for `/`.
    Replaced,
}

const MESSAGING: &[&Seed] = &[b"Send0000", b"Manage00", b"Listen00", b"System00", b"Unknown0"];

const COSMOS_DB: &[&Seed] =
    &[b"MastRW00", b"MastRO00", b"SystRW00", b"SystRO00", b"SysAll00", b"Resour00", b"Encryp00"];

/// Under each signature, at least one of the seeds was found to hold for a published key. Not here for want of that:
/// `AZEG` (Event Grid), whose published key does not verify with the published seed, `/AM7` and `+SQL`.
const FAMILIES: &[Family] = &[
    family(b"AzCa", 32, Alphabet::Replaced, &[b"Access00"]),
    family(b"AIoT", 32, Alphabet::Base64, &[b"IoTHub00", b"Device00", b"DpsKey00"]),
    family(b"+ASb", 32, Alphabet::Base64, MESSAGING),
    family(b"+AEh", 32, Alphabet::Base64, MESSAGING),
    family(b"+ARm", 32, Alphabet::Base64, MESSAGING),
    family(b"AzSe", 39, Alphabet::Alphanumeric, &[b"PAdmin00", b"Query000"]),
    family(b"+ACR", 39, Alphabet::Base64, &[b"ACRDflt0"]),
    family(b"AzFu", 40, Alphabet::Base64Url, &[b"Functi00", b"Master00", b"System00"]),
    family(b"+ASt", 64, Alphabet::Base64, &[b"Default0"]),
    family(b"ACDb", 64, Alphabet::Base64, COSMOS_DB),
    family(b"APIM", 64, Alphabet::Base64, &[b"Tenant00", b"IoTHub00", b"Gatewy00", b"GitKey00"]),
    family(b"+ABa", 64, Alphabet::Base64, &[b"AbAcct00"]),
    family(b"+AMC", 64, Alphabet::Base64, &[b"Classic0"]),
];

const fn family(signature: &[u8; 4], bytes: usize, alphabet: Alphabet, seeds: &'static [&'static Seed]) -> Family {
    Family { signature: *signature, bytes, alphabet, seeds }
}

impl Family {
    /// The family of a key, by its length and the signature before the last six characters.
    fn of(secret: &[u8]) -> Option<&'static Family> {
        FAMILIES.iter().find(|family| {
            let end = family.text_end();
            secret.len() == end.next_multiple_of(4)
                && secret[end - 10..end - 6] == family.signature
                && secret[end..].iter().all(|byte| *byte == b'=')
        })
    }

    /// Where the padding starts.
    fn text_end(&self) -> usize {
        (self.bytes * 8).div_ceil(6)
    }

    fn encoding(&self) -> Encoding {
        if self.alphabet == Alphabet::Base64Url { BASE64URL } else { BASE64 }
    }

    /// The key with the checksum that this seed gives.
    fn sealed(&self, secret: &[u8], seed: &Seed) -> Option<Vec<u8>> {
        let mut text = secret.to_vec();
        let end = self.text_end();
        // The last four bytes need not start where a character does; bits of the sixth last one that are before them
        // are always zero.
        text[end - 6..end].fill(b'A');
        let mut key = self.encoding().decode(&text).ok()?;
        let (head, tail) = key.split_last_chunk_mut::<4>()?;
        *tail = marvin32(head, u64::from_be_bytes(*seed)).to_le_bytes();
        self.encoding().encode_mut(&key, &mut text);
        Some(text)
    }
}

/// Whether one of the seeds of the key's family gives the checksum that is in it.
pub(super) fn verify_identifiable(secret: &[u8]) -> bool {
    let Some(family) = Family::of(secret) else { return false };
    family.seeds.iter().filter_map(|seed| family.sealed(secret, seed)).any(|mut sealed| {
        if sealed == secret {
            return true;
        }
        if family.alphabet == Alphabet::Replaced {
            replace_special(&mut sealed);
        }
        sealed == secret
    })
}

fn replace_special(text: &mut [u8]) {
    for byte in text {
        *byte = match *byte {
            b'+' => b'P',
            b'/' => b'F',
            other => other,
        };
    }
}

pub(super) fn seal_identifiable(secret: &mut [u8]) -> bool {
    let Some(family) = Family::of(secret) else { return false };
    let mut draft = secret.to_vec();
    // As the issuer does, a key is varied until its checksum is of its alphabet.
    for &first in [draft[0]].iter().chain(BASE62) {
        draft[0] = first;
        let Some(sealed) = family.sealed(&draft, family.seeds[0]) else { return false };
        if family.alphabet != Alphabet::Alphanumeric || sealed.iter().all(u8::is_ascii_alphanumeric) {
            secret.copy_from_slice(&sealed);
            return true;
        }
    }
    false
}

/// The "common annotated security key": 52 random characters, `JQQJ9`, 23 more of when and where it was issued, and a
/// checksum of four characters, or of six and padding in the long form.
pub(super) fn seal_cask(secret: &mut [u8]) -> bool {
    let Some((body, tail)) = secret.split_at_mut_checked(80) else { return false };
    if !matches!(tail, [_, _, _, _] | [_, _, _, _, _, _, b'=', b'=']) || &body[52..57] != b"JQQJ9" {
        return false;
    }
    let Ok(key) = BASE64.decode(body) else { return false };
    let sum = base62_of_bytes(marvin32(&key, u64::from_be_bytes(*b"Default0")).to_le_bytes());
    tail[..4].copy_from_slice(&sum[..4]);
    if let [_, _, _, _, fifth, sixth, ..] = tail {
        (*fifth, *sixth) = (sum[4], last_of_four_bytes(sum[5]));
    }
    true
}

/// Bytes as one number, most significant first, in base 62; a zero for each byte that is zero at the start, and zeros at
/// the end up to six places.
fn base62_of_bytes(bytes: [u8; 4]) -> [u8; 6] {
    let number = u32::from_be_bytes(bytes);
    let text: [u8; 6] = digits(number, BASE62);
    let significant = text.iter().position(|digit| *digit != b'0').map_or(&[][..], |at| &text[at..]);
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut out = [b'0'; 6];
    // Four bytes with z zeros in front have at most 6 - z digits, so that this always fits.
    out[zeros..zeros + significant.len()].copy_from_slice(significant);
    out
}

/// The base64 character with the first two bits of the given one: of the sixth character no more belongs to four bytes.
fn last_of_four_bytes(base64: u8) -> u8 {
    match base64 {
        b'A'..=b'P' => b'A',
        b'Q'..=b'Z' | b'a'..=b'f' => b'Q',
        b'g'..=b'v' => b'g',
        _ => b'w',
    }
}

/// Client secrets of Entra ID with `8Q~`; those with `7Q~` have no checksum.
pub(super) fn seal_entra(secret: &mut [u8]) -> bool {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~";
    if secret.len() != 40 || &secret[3..6] != b"8Q~" {
        return false;
    }
    let Some((head, tail)) = secret.split_last_chunk_mut::<3>() else { return false };
    let sum: [u8; 6] = digits(marvin32(head, u64::from_be_bytes(*b"AadPwd00")), ALPHABET);
    tail.copy_from_slice(&sum[..3]);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::Checksum;
    use crate::rule::Sample;

    /// A key of the family with the checksum of this seed.
    fn key(family: &Family, seed: &Seed, fill: u64) -> Vec<u8> {
        let body = if family.alphabet == Alphabet::Base64Url { "base64url" } else { "base62" };
        let signature = std::str::from_utf8(&family.signature).unwrap();
        let end = family.text_end();
        let padding = "=".repeat(end.next_multiple_of(4) - end);
        let template = format!("{{{body}:{}}}{signature}AAAAAA{padding}", end - 10);
        let text = Sample::parse(&template).unwrap().fill(fill, None).text;
        family.sealed(&text, seed).unwrap()
    }

    #[test]
    fn every_seed_of_a_family_is_right_and_no_other() {
        for family in FAMILIES {
            for seed in family.seeds {
                assert!(verify_identifiable(&key(family, seed, 1)), "{seed:?}");
            }
            assert!(!verify_identifiable(&key(family, b"NoSeed00", 1)));
        }
    }

    #[test]
    fn search_keys_stay_letters_and_digits() {
        for fill in 0..50 {
            let family = FAMILIES.iter().find(|family| &family.signature == b"AzSe").unwrap();
            let mut sealed = key(family, b"NoSeed00", fill);
            assert!(seal_identifiable(&mut sealed));
            assert!(sealed.iter().all(u8::is_ascii_alphanumeric) && verify_identifiable(&sealed));
        }
    }

    #[test]
    fn cache_keys_have_letters_for_special_characters() {
        let family = &FAMILIES[0];
        let special = |key: &Vec<u8>| key.iter().any(|byte| b"+/".contains(byte));
        let mut key = (0..).map(|fill| key(family, b"Access00", fill)).find(special).unwrap();
        assert!(verify_identifiable(&key));
        replace_special(&mut key);
        assert!(verify_identifiable(&key));
    }

    #[test]
    fn padding_and_place_of_the_signature_count() {
        let right = key(&FAMILIES[1], b"IoTHub00", 5);
        for wrong in [&right[1..], &right[..43], &[&right[..], b"="].concat(), &[b"A", &right[..43]].concat()] {
            assert!(!Checksum::AzureIdentifiable.verify(wrong));
            assert!(!Checksum::AzureIdentifiable.seal(&mut wrong.to_vec()));
        }
    }

    #[test]
    fn numbers_of_bytes_keep_their_leading_zeros() {
        assert_eq!(base62_of_bytes([0, 0, 0, 0]), *b"000000");
        assert_eq!(base62_of_bytes([0, 0, 0, 61]), *b"000z00");
        assert_eq!(base62_of_bytes([0, 255, 255, 255]), *b"018OWF");
        assert_eq!(base62_of_bytes([0, 0, 255, 255]), *b"00H310");
        assert_eq!(base62_of_bytes([255; 4]), *b"4gfFC3");
    }
}
