//! Checksums that credential formats carry, by which a real one is told from a made-up one without asking anyone.
//!
//! An algorithm is here only when it is published by those who issue the credentials, or when it was found to hold for
//! keys that were published on purpose. A format whose algorithm is merely guessed has no checksum: a wrong one would
//! throw doubt on real secrets.

mod azure;
mod bech32;
mod crc;
mod marvin;
#[cfg(test)]
mod tests;

use std::str::FromStr;

/// A checksum algorithm together with where it stands in the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[non_exhaustive]
pub enum Checksum {
    /// The last six characters are the CRC-32 of those between the last underscore and them, in base 62.
    Crc32Base62,
    /// The last eight characters are the CRC-32 of all before them, in upper-case hex.
    Crc32HexUpper,
    /// The last eight characters are the CRC-32 of those between the first underscore and them (less an underscore
    /// right before them), in lower-case hex.
    Crc32HexBody,
    /// The last eight characters, behind an underscore, are the CRC-32 of all before that underscore, least significant
    /// byte first, in lower-case hex.
    Crc32LeHex,
    /// The last seven characters are the CRC-32 of all before them, in base 36.
    Crc32Base36,
    /// The last six of the 64 characters are the CRC-32 of those between `cflt` and them, least significant byte first,
    /// in base64 without padding.
    Crc32Base64,
    /// The last four decoded bytes are the Marvin32 of those before them; a signature of four characters, ten from the
    /// end, tells the seed.
    AzureIdentifiable,
    /// The last four characters (six in the long form) are the Marvin32 of the sixty bytes before them, in base 62.
    AzureCask,
    /// The last three characters are the first three of the Marvin32 of those before them, in base 66.
    AzureEntra,
    /// The last two decoded bytes are the CRC-16 of those before them.
    NkeyCrc16,
    /// The last six characters make the whole fit the code of bech32.
    Bech32,
}

const NAMES: &[(&str, Checksum)] = &[
    ("crc32-base62", Checksum::Crc32Base62),
    ("crc32-hex-upper", Checksum::Crc32HexUpper),
    ("crc32-hex-body", Checksum::Crc32HexBody),
    ("crc32-le-hex", Checksum::Crc32LeHex),
    ("crc32-base36", Checksum::Crc32Base36),
    ("crc32-base64", Checksum::Crc32Base64),
    ("azure-identifiable", Checksum::AzureIdentifiable),
    ("azure-cask", Checksum::AzureCask),
    ("azure-entra", Checksum::AzureEntra),
    ("nkey-crc16", Checksum::NkeyCrc16),
    ("bech32", Checksum::Bech32),
];

impl Checksum {
    /// The name used in rule files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// Whether `secret` is of the form and the checksum in it is that of the rest.
    #[must_use]
    pub fn verify(self, secret: &[u8]) -> bool {
        if self == Checksum::AzureIdentifiable {
            // One signature may stand for keys of several seeds, so what `seal` would write is not all that is right.
            return azure::verify_identifiable(secret);
        }
        let mut sealed = secret.to_vec();
        self.seal(&mut sealed) && sealed == secret
    }

    /// Writes the right checksum into `secret`; answers false, and writes nothing, where it is not of the form.
    pub fn seal(self, secret: &mut [u8]) -> bool {
        match self {
            Checksum::Crc32Base62 => crc::seal_base62(secret),
            Checksum::Crc32HexUpper => crc::seal_hex_upper(secret),
            Checksum::Crc32HexBody => crc::seal_hex_body(secret),
            Checksum::Crc32LeHex => crc::seal_le_hex(secret),
            Checksum::Crc32Base36 => crc::seal_base36(secret),
            Checksum::Crc32Base64 => crc::seal_base64(secret),
            Checksum::AzureIdentifiable => azure::seal_identifiable(secret),
            Checksum::AzureCask => azure::seal_cask(secret),
            Checksum::AzureEntra => azure::seal_entra(secret),
            Checksum::NkeyCrc16 => crc::seal_nkey(secret),
            Checksum::Bech32 => bech32::seal(secret),
        }
    }
}

impl FromStr for Checksum {
    type Err = ();

    fn from_str(name: &str) -> Result<Checksum, ()> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, checksum)| *checksum).ok_or(())
    }
}

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A number in the given digits, padded on the left to `N` places.
fn digits<const N: usize>(mut number: u32, alphabet: &[u8]) -> [u8; N] {
    let base = alphabet.len() as u32;
    let mut out = [alphabet[0]; N];
    for place in out.iter_mut().rev() {
        *place = alphabet[(number % base) as usize];
        number /= base;
    }
    out
}
