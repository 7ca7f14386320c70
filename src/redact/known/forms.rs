//! All forms of one value, one after another in memory that is wiped.

use std::sync::Arc;

use zeroize::Zeroize;

use super::variant::variants;
use crate::secret::Secret;

/// Values shorter than this are found as whole words only.
pub(super) const MIN_FREE_LEN: usize = 8;

/// A value, what it is called, and its forms.
pub(super) struct Value {
    pub(super) name: Arc<str>,
    pub(super) secret: Arc<Secret>,
    pub(super) forms: Forms,
}

impl Value {
    pub(super) fn new(name: &Arc<str>, secret: &Secret) -> Value {
        let (plain, trimmed) = (secret.expose(), secret.expose().trim_ascii());
        let mut forms = Forms::default();
        if trimmed.len() < MIN_FREE_LEN {
            forms.push(trimmed);
        }
        forms.push(plain);
        variants(plain, &mut forms);
        Value { name: Arc::clone(name), secret: Arc::new(secret.clone()), forms }
    }
}

/// Byte strings, each once.
#[derive(Default)]
pub(in crate::redact) struct Forms {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// A hash of each.
    hashes: Vec<u64>,
}

impl Forms {
    /// Adds a form, unless it is there.
    pub(super) fn push(&mut self, form: &[u8]) {
        let hash = hash(form);
        let is_there = |(at, _): (usize, &u64)| self.get(at) == form;
        if form.is_empty() || self.hashes.iter().enumerate().filter(|(_, known)| **known == hash).any(is_there) {
            return;
        }
        if self.bytes.capacity() - self.bytes.len() < form.len() {
            // What is left behind is wiped.
            let mut larger = Vec::with_capacity(2 * (self.bytes.len() + form.len()).max(1024));
            larger.extend_from_slice(&self.bytes);
            std::mem::replace(&mut self.bytes, larger).zeroize();
        }
        self.bytes.extend_from_slice(form);
        self.ends.push(u32::try_from(self.bytes.len()).expect("values and their forms are short"));
        self.hashes.push(hash);
    }

    pub(in crate::redact) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(in crate::redact) fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[index] as usize]
    }
}

impl Drop for Forms {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(bytes.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}
