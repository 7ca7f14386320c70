//! The stable id of a secret: one rule's one secret has one fingerprint in a project, wherever it stands.
//!
//! A fingerprint is keyed, so that who sees one in a report or a baseline cannot try guesses against it without the
//! project's key, and so that the fingerprints of two projects have nothing to do with one another. Without a key
//! there is no fingerprint: a key that is public, or the same everywhere, would let anyone confirm short secrets.

use std::fmt;
use std::str::FromStr;

use data_encoding::{DecodeError, HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// How many bytes a key has.
const KEY_LEN: usize = 32;
/// How many bytes of the HMAC are kept. With 16, two secrets of a project do not meet by chance.
const FINGERPRINT_LEN: usize = 16;

/// A project's key of fingerprints: 32 random bytes. `Debug` does not show it; the memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; KEY_LEN]);

impl Key {
    /// The key made of these bytes. They have to be random.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Key {
        Key(bytes)
    }

    /// A new key, from the randomness of the operating system.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    #[cfg(feature = "keygen")]
    pub fn random() -> Result<Key> {
        let mut bytes = [0; KEY_LEN];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::new(ErrorKind::Io, format!("no randomness for a new key: {error}")))?;
        Ok(Key(bytes))
    }

    /// HMAC-SHA256 under this key of the parts, one after another.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC fills keys shorter than a block up with zeros.
        let mut block = [0; 64];
        block[..KEY_LEN].copy_from_slice(&self.0);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        block.zeroize();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// The key as it stands in files: 64 hex digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Key> {
        decode(text).map(Key).map_err(|_| Error::new(ErrorKind::Syntax, "a fingerprint key has 64 hex digits"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The keyed hash of a rule's id and a secret: the first 128 bits of HMAC-SHA256 over the id, a zero byte and the
/// secret's (decoded) bytes. Shown as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; FINGERPRINT_LEN]);

impl Fingerprint {
    /// The fingerprint of a rule's secret.
    #[must_use]
    pub fn new(key: &Key, rule_id: &str, secret: &Secret) -> Fingerprint {
        let hash = key.mac(&[rule_id.as_bytes(), &[0], secret.expose()]);
        let mut kept = [0; FINGERPRINT_LEN];
        kept.copy_from_slice(&hash[..FINGERPRINT_LEN]);
        Fingerprint(kept)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Fingerprint> {
        decode(text).map(Fingerprint).map_err(|_| Error::new(ErrorKind::Syntax, "a fingerprint has 32 hex digits"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Exactly `LEN` bytes in hex digits of either case.
fn decode<const LEN: usize>(text: &str) -> std::result::Result<[u8; LEN], Option<DecodeError>> {
    if text.len() != 2 * LEN {
        return Err(None);
    }
    let mut bytes = [0; LEN];
    HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), &mut bytes).map_err(|partial| Some(partial.error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::from_bytes([byte; 32])
    }

    fn of(key: &Key, rule: &str, secret: &str) -> Fingerprint {
        Fingerprint::new(key, rule, &Secret::new(secret.as_bytes()))
    }

    #[test]
    fn it_is_the_hmac_that_other_programs_compute() {
        // python3: hmac.new(bytes([7] * 32), b"test-key\0TESTKEY-quartz", "sha256").hexdigest()[:32]
        assert_eq!(of(&key(7), "test-key", "TESTKEY-quartz").to_string(), "e23a78550d4e8e29d78446ecf9a180ef");
    }

    #[test]
    fn key_rule_and_secret_each_change_it() {
        let one = of(&key(1), "test-key", "TESTKEY-quartz");
        assert_eq!(one, of(&key(1), "test-key", "TESTKEY-quartz"));
        assert_ne!(one, of(&key(2), "test-key", "TESTKEY-quartz"));
        assert_ne!(one, of(&key(1), "test-kez", "TESTKEY-quartz"));
        assert_ne!(one, of(&key(1), "test-key", "TESTKEY-quarts"));
    }

    #[test]
    fn text_forms_come_back_in_either_case() {
        let one = of(&key(1), "test-key", "TESTKEY-quartz");
        assert_eq!(one.to_string().parse::<Fingerprint>().unwrap(), one);
        assert_eq!(one.to_string().to_uppercase().parse::<Fingerprint>().unwrap(), one);
        assert_eq!(key(0xAB).to_hex().parse::<Key>().unwrap(), key(0xAB));
        for bad in ["", "12", &"g".repeat(32), &"0".repeat(31), &"0".repeat(33), &"ä".repeat(16)] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
        assert!("0".repeat(63).parse::<Key>().is_err());
    }

    #[test]
    fn debug_does_not_show_the_key() {
        assert_eq!(format!("{:?}", key(0xAB)), "Key(..)");
    }

    #[cfg(feature = "keygen")]
    #[test]
    fn new_keys_differ() {
        assert_ne!(Key::random().unwrap(), Key::random().unwrap());
    }
}
