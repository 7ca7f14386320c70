//! Zlib streams of a length that is known, or at least bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use libdeflater::{DecompressionError, Decompressor};

use super::{MAX_OBJECT_LEN, ObjectError, ObjectKind};

/// No byte of a deflate stream stands for more bytes than this.
const MAX_RATIO: u64 = 1032;
/// More input than this is never needed to read the header of a loose object.
const MAX_HEADER_LEN: usize = 64;
/// So many bytes of bases are kept.
const MAX_BASES_LEN: usize = 32 << 20;

/// Inflates; reused because its tables are large, and because deltas are often made against the same objects.
pub(crate) struct Inflater {
    decompressor: Decompressor,
    pub(super) bases: Bases,
}

impl Inflater {
    pub(crate) fn new() -> Inflater {
        Inflater { decompressor: Decompressor::new(), bases: Bases::default() }
    }

    /// Fills `out` with the `len` bytes for which `stream` stands.
    pub(crate) fn exactly(&mut self, stream: &[u8], len: u64, out: &mut Vec<u8>) -> Result<(), ObjectError> {
        if len > MAX_OBJECT_LEN {
            return Err(ObjectError::TooLarge(len));
        }
        if len > (stream.len() as u64).saturating_mul(MAX_RATIO) {
            return Err(ObjectError::Corrupt("it claims to be longer than its data can be"));
        }
        out.resize(len as usize, 0);
        match self.decompressor.zlib_decompress(stream, out) {
            Ok(filled) if filled as u64 == len => Ok(()),
            Ok(_) => Err(ObjectError::Corrupt("it is shorter than it claims to be")),
            Err(DecompressionError::InsufficientSpace) => {
                Err(ObjectError::Corrupt("it is longer than it claims to be"))
            }
            Err(DecompressionError::BadData) => Err(ObjectError::Corrupt("its data cannot be inflated")),
        }
    }

    /// Fills `out` with what `stream` stands for, which says its own length in the way of loose objects:
    /// `blob 12\0` and twelve bytes. Answers the kind and where the bytes start.
    pub(crate) fn loose(&mut self, stream: &[u8], out: &mut Vec<u8>) -> Result<(ObjectKind, usize), ObjectError> {
        let mut room = stream.len().saturating_mul(4).clamp(4096, MAX_OBJECT_LEN as usize);
        loop {
            out.resize(room, 0);
            match self.decompressor.zlib_decompress(stream, out) {
                Ok(filled) => {
                    out.truncate(filled);
                    break;
                }
                Err(DecompressionError::InsufficientSpace) if room as u64 <= MAX_OBJECT_LEN => {
                    room = room.saturating_mul(4).min(MAX_OBJECT_LEN as usize + MAX_HEADER_LEN);
                    if room <= out.len() {
                        return Err(ObjectError::TooLarge(room as u64));
                    }
                }
                Err(DecompressionError::InsufficientSpace) => return Err(ObjectError::TooLarge(room as u64)),
                Err(DecompressionError::BadData) => {
                    return Err(ObjectError::Corrupt("its data cannot be inflated"));
                }
            }
        }
        let malformed = ObjectError::Corrupt("its header is malformed");
        let end = memchr::memchr(0, &out[..out.len().min(MAX_HEADER_LEN)]).ok_or(malformed)?;
        let mut words = out[..end].splitn(2, |byte| *byte == b' ');
        let kind = match words.next() {
            Some(b"blob") => ObjectKind::Blob,
            Some(b"tree") => ObjectKind::Tree,
            Some(b"commit") => ObjectKind::Commit,
            Some(b"tag") => ObjectKind::Tag,
            _ => return Err(malformed),
        };
        let len = words.next().and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        if len != Some(out.len() - end - 1) {
            return Err(ObjectError::Corrupt("its length is not what its header says"));
        }
        Ok((kind, end + 1))
    }
}

/// Objects that were made lately, which others may have been made from. Of all of them together, the oldest go.
#[derive(Default)]
pub(super) struct Bases {
    known: HashMap<EntryPlace, (ObjectKind, Arc<[u8]>)>,
    order: VecDeque<EntryPlace>,
    len: usize,
}

/// The pack of an entry, as a number, and the offset there.
type EntryPlace = (usize, u64);

impl Bases {
    pub(super) fn get(&self, place: EntryPlace) -> Option<(ObjectKind, Arc<[u8]>)> {
        self.known.get(&place).cloned()
    }

    pub(super) fn keep(&mut self, place: EntryPlace, kind: ObjectKind, content: &[u8]) {
        if content.len() > MAX_BASES_LEN / 8 || self.known.contains_key(&place) {
            return;
        }
        self.len += content.len();
        self.known.insert(place, (kind, content.into()));
        self.order.push_back(place);
        while self.len > MAX_BASES_LEN {
            let Some((_, content)) = self.order.pop_front().and_then(|oldest| self.known.remove(&oldest)) else {
                break;
            };
            self.len -= content.len();
        }
    }
}
