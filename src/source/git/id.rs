//! Object ids: SHA-1 or SHA-256.

use std::fmt;

/// The most bytes an id has.
const MAX_LEN: usize = 32;

/// The id of an object. Shown as hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjectId {
    len: u8,
    bytes: [u8; MAX_LEN],
}

impl ObjectId {
    /// The id of these bytes; `None` when they are neither 20 nor 32.
    pub(crate) fn new(raw: &[u8]) -> Option<ObjectId> {
        let mut bytes = [0; MAX_LEN];
        bytes.get_mut(..raw.len()).filter(|_| matches!(raw.len(), 20 | 32))?.copy_from_slice(raw);
        Some(ObjectId { len: raw.len() as u8, bytes })
    }

    /// The id written in these hex digits.
    pub(crate) fn from_hex(hex: &[u8]) -> Option<ObjectId> {
        ObjectId::new(&data_encoding::HEXLOWER_PERMISSIVE.decode(hex).ok()?)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
