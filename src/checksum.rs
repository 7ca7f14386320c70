//! Checksums that credential formats carry, by which a real one is told from a made-up one without asking anyone.

use std::str::FromStr;

/// A checksum algorithm together with where it stands in the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Checksum {
    /// The last six characters are the CRC-32 of those between the last underscore and them, in base 62.
    Crc32Base62,
    /// The last eight characters are the CRC-32 of all before them, in upper-case hex.
    Crc32HexUpper,
    /// The last eight characters are the CRC-32 of those between the first underscore and them (less an underscore
    /// right before them), in lower-case hex.
    Crc32HexBody,
}

const NAMES: &[(&str, Checksum)] = &[
    ("crc32-base62", Checksum::Crc32Base62),
    ("crc32-hex-upper", Checksum::Crc32HexUpper),
    ("crc32-hex-body", Checksum::Crc32HexBody),
];

impl Checksum {
    /// The name used in rule files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// Whether the checksum in `secret` is that of the rest.
    #[must_use]
    pub fn verify(self, secret: &[u8]) -> bool {
        let mut sealed = secret.to_vec();
        self.seal(&mut sealed) && sealed == secret
    }

    /// Writes the right checksum into `secret`; answers false, and writes nothing, where it is not of the form.
    pub fn seal(self, secret: &mut [u8]) -> bool {
        match self {
            Checksum::Crc32Base62 => seal_tail::<6>(secret, |head| {
                let body = memchr::memrchr(b'_', head).map_or(head, |at| &head[at + 1..]);
                digits(
                    u64::from(crc32fast::hash(body)),
                    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                )
            }),
            Checksum::Crc32HexUpper => {
                seal_tail::<8>(secret, |head| digits(u64::from(crc32fast::hash(head)), b"0123456789ABCDEF"))
            }
            Checksum::Crc32HexBody => seal_tail::<8>(secret, |head| {
                let body = memchr::memchr(b'_', head).map_or(head, |at| &head[at + 1..]);
                let body = body.strip_suffix(b"_").unwrap_or(body);
                digits(u64::from(crc32fast::hash(body)), b"0123456789abcdef")
            }),
        }
    }
}

impl FromStr for Checksum {
    type Err = ();

    fn from_str(name: &str) -> Result<Checksum, ()> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, checksum)| *checksum).ok_or(())
    }
}

/// Replaces the last `N` bytes by what `checksum` makes of those before.
fn seal_tail<const N: usize>(secret: &mut [u8], checksum: impl FnOnce(&[u8]) -> [u8; N]) -> bool {
    let Some((head, tail)) = secret.split_last_chunk_mut::<N>() else { return false };
    *tail = checksum(head);
    true
}

/// A number in the given digits, padded on the left to `N` places.
fn digits<const N: usize>(mut number: u64, alphabet: &[u8]) -> [u8; N] {
    let mut out = [alphabet[0]; N];
    for place in out.iter_mut().rev() {
        *place = alphabet[(number % alphabet.len() as u64) as usize];
        number /= alphabet.len() as u64;
    }
    out
}
