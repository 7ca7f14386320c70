//! Bytes of repositories that anyone may have made: each function reads some, and panics where what it read does not hold
//! together.

use std::sync::Arc;

use memmap2::{Mmap, MmapMut};

use super::{DeltaCheck, differences};
use crate::engine::{Scanner, Scratch};
use crate::history::probe;
use crate::source::git::index::Index;
use crate::source::git::inflate::Inflater;
use crate::source::git::pack::{self, EntryKind, Pack};
use crate::source::git::pack_index::PackIndex;
use crate::source::git::tree::entries;
use crate::source::git::{MAX_OBJECT_LEN, ObjectId, Store, delta, reftable};

/// The lengths of ids.
const HASH_LENS: [usize; 2] = [20, 32];
/// Nothing longer is made of what is tried.
const MAX_LEN: u64 = 16 << 20;

/// An entry of a pack, and an object in a file of its own.
pub fn pack_entry(bytes: &[u8]) {
    let (mut inflater, mut out) = (Inflater::new(), Vec::new());
    let offset = 1 << 20;
    for hash_len in HASH_LENS {
        let Ok(header) = pack::entry_header(bytes, offset, hash_len) else { continue };
        assert!(bytes.ends_with(header.stream) && header.stream.len() < bytes.len());
        match header.kind {
            EntryKind::OffsetDelta(base) => assert!(base < offset),
            EntryKind::RefDelta(id) => assert_eq!(id.len(), hash_len),
            EntryKind::Whole(_) => {}
        }
        if header.len <= MAX_LEN && inflater.exactly(header.stream, header.len, &mut out).is_ok() {
            assert_eq!(out.len() as u64, header.len);
        }
    }
    if let Ok((_, start)) = inflater.loose(bytes, &mut out) {
        assert!(start <= out.len() && out.len() as u64 <= MAX_OBJECT_LEN);
    }
}

/// A delta and what it is made against, which may be trees.
pub fn pack_delta(base: &[u8], bytes: &[u8]) {
    let (mut text, mut copies) = (Vec::new(), Vec::new());
    if delta::apply(bytes, base, MAX_LEN, &mut text, &mut copies).is_err() {
        return;
    }
    let mut end = 0;
    for copied in &copies {
        let (from, to, len) = (copied.from as usize, copied.to as usize, copied.len as usize);
        assert!(to >= end && text[to..to + len] == base[from..from + len]);
        end = to + len;
    }
    HASH_LENS.into_iter().for_each(|hash_len| probe::trees(base, &text, &copies, hash_len));
}

/// The index of a pack.
pub fn pack_index(bytes: &[u8]) {
    for hash_len in HASH_LENS {
        let Ok(index) = PackIndex::open(bytes, hash_len) else { continue };
        assert_eq!(index.pack_checksum(bytes).len(), hash_len);
        let all = || (0..index.count()).map(|position| index.id(bytes, position));
        let ascend = all().is_sorted();
        let table = if bytes.starts_with(b"\xFFtOc") { 8 } else { 0 };
        let counted = |first: u8, less: u8| match first.checked_sub(less) {
            Some(first) => bytes[table + 4 * usize::from(first)..][..4].iter().fold(0, |n, b| n << 8 | u32::from(*b)),
            None => 0,
        };
        for (id, position) in all().zip(0..) {
            assert!(index.object_id(bytes, position).is_some());
            let _any = (index.offset(bytes, position), index.lower_bound(bytes, &id[..2]));
            match index.find(bytes, id) {
                Some(found) => assert_eq!(index.id(bytes, found), id),
                // Of all that start like it, the fan-out table says where they end.
                None => assert!(!ascend || !(counted(id[0], 1)..counted(id[0], 0)).contains(&position)),
            }
        }
    }
}

/// A pack and its index: each version of a file says along the deltas what it says alone.
pub fn pack(scanner: &Scanner, bytes: &[u8], index: &[u8]) {
    for hash_len in HASH_LENS {
        let (Some(bytes), Some(index)) = (map(bytes), map(index)) else { continue };
        let Ok(pack) = Pack::new("pack".into(), bytes, index, hash_len) else { continue };
        let _any = pack.disagreement();
        let count = pack.count();
        let Some(store) = Store::of_packs(vec![Arc::new(pack)]) else { continue };
        for max_held in [u64::MAX, 0] {
            let (_, differences) = differences(&DeltaCheck { scanner, store: &store }, 1, max_held);
            let wrong = differences.iter().find(|difference| !difference.starts_with("object "));
            assert!(wrong.is_none(), "{wrong:?}");
        }
        let (mut inflater, mut out) = (Inflater::new(), Vec::new());
        for number in 0..count {
            let _any = store.read(number, &mut inflater, &mut out);
        }
    }
}

/// Memory that looks like a file.
fn map(bytes: &[u8]) -> Option<Mmap> {
    let mut map = MmapMut::map_anon(bytes.len().max(1)).ok()?;
    map[..bytes.len()].copy_from_slice(bytes);
    map.make_read_only().ok()
}

/// A tree.
pub fn tree(bytes: &[u8]) {
    for hash_len in HASH_LENS {
        let mut at = 0;
        for entry in entries(bytes, hash_len) {
            assert!(entry.id.len() == hash_len && entry.end > at + hash_len && !entry.name.contains(&0));
            at = entry.end;
        }
        assert!(at <= bytes.len());
    }
}

/// A commit or a tag.
pub fn commit(scanner: &Scanner, bytes: &[u8]) {
    probe::commit(scanner, bytes, &mut Scratch::new());
}

/// An index, and the file that it was split from.
pub fn index(bytes: &[u8], shared: &[u8]) {
    for hash_len in HASH_LENS {
        let Ok(index) = Index::of_bytes(bytes, hash_len, |_: &ObjectId| Ok(shared.to_vec())) else { continue };
        let paths: Vec<&[u8]> = index.entries().iter().map(|entry| index.path(entry)).collect();
        assert!(paths.is_sorted());
        probe::index(&index, hash_len);
    }
}

/// A table of refs and their logs.
pub fn reftable(bytes: &[u8]) {
    for hash_len in HASH_LENS {
        let mut refs = 0;
        let _whole = reftable::table(bytes, hash_len, |_, _| refs += 1);
        assert!(refs <= bytes.len());
    }
    let _whole = reftable::logs(bytes, |block| assert!(block.len() as u64 <= MAX_OBJECT_LEN));
}

/// What a cache remembers of a repository; answers whether it can be read.
pub fn cache(bytes: &[u8]) -> bool {
    HASH_LENS.into_iter().any(|hash_len| probe::cache(bytes, hash_len))
}
