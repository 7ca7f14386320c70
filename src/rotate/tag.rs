//! Keyed hashes of values, by which people and logs tell versions apart.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;

use data_encoding::HEXLOWER;
use serde::{Serialize, Serializer};
use subtle::ConstantTimeEq;

use crate::error::{Error, ErrorKind, Result};
use crate::fingerprint::Key;

/// How many bytes of the HMAC are shown.
const SHOWN_LEN: usize = 8;

/// The keyed hash of a value under its name: `k1:` and the first 16 hex digits of HMAC-SHA256 over the name, a zero byte
/// and the value, under the key of this installation. Who has no key cannot try guesses against it.
#[derive(Clone, Copy)]
pub struct Tag {
    key_id: u32,
    mac: [u8; 32],
}

/// The key of tags and its number, which stands in each tag.
#[derive(Debug, Clone)]
pub struct TagKey {
    id: u32,
    key: Key,
}

impl TagKey {
    /// A key and its number.
    #[must_use]
    pub fn new(id: u32, key: Key) -> TagKey {
        TagKey { id, key }
    }

    /// A key that lasts as long as the process: tags of different runs have nothing to do with one another.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn random() -> Result<TagKey> {
        Ok(TagKey::new(0, Key::random()?))
    }

    /// The key of a file of 64 hex digits, as key 1.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn load(path: &Path) -> Result<TagKey> {
        let text =
            fs::read_to_string(path).map_err(|error| Error::new(ErrorKind::Io, error.to_string()).in_file(path))?;
        let text = zeroize::Zeroizing::new(text);
        let key = text.trim().parse().map_err(|error: Error| error.in_file(path))?;
        Ok(TagKey::new(1, key))
    }

    /// The key of a file of 64 hex digits, as key 1. A file that is not there is made, for its owner alone.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds something else.
    pub fn load_or_create(path: &Path) -> Result<TagKey> {
        let failed = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string()).in_file(path);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(mut file) => {
                let key = Key::random()?;
                let text = zeroize::Zeroizing::new(key.to_hex() + "\n");
                file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
                Ok(TagKey::new(1, key))
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => TagKey::load(path),
            Err(error) => Err(failed(error)),
        }
    }

    /// The tag of a value.
    #[must_use]
    pub fn tag(&self, name: &str, value: &[u8]) -> Tag {
        Tag { key_id: self.id, mac: self.key.mac(&[name.as_bytes(), &[0], value]) }
    }

    /// HMAC-SHA256 under the key, for other uses: each has its own label.
    pub(super) fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut all: Vec<&[u8]> = vec![&[0], label.as_bytes(), &[0]];
        all.extend(parts);
        self.key.mac(&all)
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.id
    }
}

impl PartialEq for Tag {
    fn eq(&self, other: &Tag) -> bool {
        self.key_id == other.key_id && bool::from(self.mac.ct_eq(&other.mac))
    }
}

impl Eq for Tag {}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}:", self.key_id)?;
        HEXLOWER.encode_display(&self.mac[..SHOWN_LEN]).fmt(f)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_hmac_that_other_programs_compute() {
        // python3: hmac.new(bytes([7] * 32), b"A_NAME\0quartz-0123", "sha256").hexdigest()[:16]
        let key = TagKey::new(1, Key::from_bytes([7; 32]));
        let tag = key.tag("A_NAME", b"quartz-0123");
        assert_eq!(tag.to_string(), "k1:a9de5d8420c5ba89");
        assert_ne!(tag, key.tag("A_NAMF", b"quartz-0123"));
        assert_ne!(tag, key.tag("A_NAME", b"quartz-0124"));
    }

    #[test]
    fn the_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let one = TagKey::load_or_create(&path).unwrap();
        let two = TagKey::load_or_create(&path).unwrap();
        assert_eq!(one.tag("a", b"b"), two.tag("a", b"b"));
        fs::write(&path, "short").unwrap();
        assert!(TagKey::load_or_create(&path).is_err());
    }
}
