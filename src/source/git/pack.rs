//! A pack: entries one after the other, each a whole object or a delta.

use std::fs::File;
use std::ops::Range;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use memmap2::Mmap;

use super::inflate::Inflater;
use super::pack_index::{PackIndex, Starts};
use super::{ObjectError, ObjectId, ObjectKind};

/// Packs with fewer entries are put in order by one thread.
const LARGE_PACK: u32 = 1 << 14;

/// A pack and its index, in memory as far as they are looked at.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) path: PathBuf,
    bytes: Mmap,
    index_bytes: Mmap,
    index: PackIndex,
    hash_len: usize,
    /// Made when the pack is walked: to look a few objects up takes none.
    slots: OnceLock<Slots>,
}

/// What many look-ups need: the entries of a pack in the order in which they stand there, and where ids start.
#[derive(Debug)]
struct Slots {
    /// Positions in the index by the offsets of their entries: a position and its offset are a *slot*.
    by_offset: Vec<(u64, u32)>,
    /// The slots by position; `u32::MAX` where the index does not place one.
    by_position: Vec<u32>,
    /// Positions whose entries the index does not place in the pack.
    misplaced: Vec<u32>,
    starts: Starts,
}

impl Slots {
    fn of(pack: &Pack, threads: usize) -> Slots {
        let count = pack.index.count();
        let ranges = shares(count, threads);
        let placed = on_threads(&ranges, |range| {
            let (mut by_offset, mut misplaced) = (Vec::with_capacity(range.len()), Vec::new());
            for position in range {
                match pack.offset(position) {
                    Some(offset) => by_offset.push((offset, position)),
                    None => misplaced.push(position),
                }
            }
            by_offset.sort_unstable();
            (by_offset, misplaced)
        });
        let (by_offset, misplaced): (Vec<_>, Vec<_>) = placed.into_iter().unzip();
        let mut by_offset = by_offset.concat();
        // What is in order already is merged.
        by_offset.sort();
        let mut by_position = vec![u32::MAX; count as usize];
        for (&(_, position), slot) in by_offset.iter().zip(0..) {
            by_position[position as usize] = slot;
        }
        let starts = Starts::of(&pack.index, &pack.index_bytes);
        Slots { by_offset, by_position, misplaced: misplaced.concat(), starts }
    }

    /// The slot of the entry that starts at `offset`, which stands before `slot`, and close to it as a rule.
    fn before(&self, slot: u32, offset: u64) -> Option<u32> {
        let (mut low, mut high, mut step) = (slot as usize, slot as usize, 1);
        while low > 0 && self.by_offset[low].0 > offset {
            high = low;
            low = low.saturating_sub(step);
            step *= 2;
        }
        let found = self.by_offset[low..=high].binary_search_by_key(&offset, |slot| slot.0);
        found.ok().map(|at| (low + at) as u32)
    }
}

/// What an entry is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind<'p> {
    Whole(ObjectKind),
    /// A delta against the entry at this offset.
    OffsetDelta(u64),
    /// A delta against the object with this id.
    RefDelta(&'p [u8]),
}

/// The start of an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryHeader<'p> {
    pub(crate) kind: EntryKind<'p>,
    /// How long the object is, or the delta.
    pub(crate) len: u64,
    /// What follows the header, up to the next entry.
    pub(crate) stream: &'p [u8],
}

/// Maps a file that git never changes once it has its name.
pub(crate) fn map(path: &Path) -> std::io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: packs and indices are written under another name and renamed when complete, and nothing changes them
    // afterwards. Should something truncate the file all the same, the process ends by a signal; no memory is harmed.
    unsafe { Mmap::map(&file) }
}

impl Pack {
    /// Opens a pack by the path of its index.
    pub(crate) fn open(index_path: &Path, hash_len: usize) -> Result<Pack, String> {
        let path = index_path.with_extension("pack");
        let index_bytes = map(index_path).map_err(|error| error.to_string())?;
        let bytes = map(&path).map_err(|error| format!("its pack: {error}"))?;
        Pack::new(path, bytes, index_bytes, hash_len)
    }

    /// The pack of these bytes, found at a path.
    pub(crate) fn new(path: PathBuf, bytes: Mmap, index_bytes: Mmap, hash_len: usize) -> Result<Pack, String> {
        let index = PackIndex::open(&index_bytes, hash_len)?;
        match bytes.get(..12) {
            Some([b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, ..]) => {}
            _ => return Err("the pack does not start as one".to_owned()),
        }
        if bytes.len() < 12 + hash_len {
            return Err("the pack is too short".to_owned());
        }
        Ok(Pack { path, bytes, index_bytes, index, hash_len, slots: OnceLock::new() })
    }

    /// Where the entries end.
    fn end(&self) -> u64 {
        (self.bytes.len() - self.hash_len) as u64
    }

    fn slots(&self) -> &Slots {
        self.slots.get_or_init(|| Slots::of(self, 1))
    }

    /// Puts the entries in order, which everything that asks for slots needs.
    pub(crate) fn order(&self, threads: usize) {
        self.slots.get_or_init(|| Slots::of(self, threads));
    }

    /// Where the entry of the object at a position of the index starts, if the index places it in the pack.
    pub(crate) fn offset(&self, position: u32) -> Option<u64> {
        self.index.offset(&self.index_bytes, position).filter(|offset| (12..self.end()).contains(offset))
    }

    /// Positions whose entries the index does not place in the pack.
    pub(crate) fn misplaced(&self) -> &[u32] {
        &self.slots().misplaced
    }

    /// What about the pack does not agree with its index, where something does not.
    pub(crate) fn disagreement(&self) -> Option<&'static str> {
        let counted = self.bytes[8..12].iter().fold(0u32, |count, byte| count << 8 | u32::from(*byte));
        if self.bytes[self.bytes.len() - self.hash_len..] != *self.index.pack_checksum(&self.index_bytes) {
            Some("its index was made for another pack, or it was cut short")
        } else if counted != self.index.count() {
            Some("its index lists another number of objects than it has")
        } else {
            None
        }
    }

    /// The checksums of the pack, as it says itself, and of the pack and the index, as that says.
    pub(crate) fn sums(&self) -> [&[u8]; 2] {
        let last = |bytes: &[u8], len: usize| bytes.len() - len;
        let (pack, index) = (last(&self.bytes, self.hash_len), last(&self.index_bytes, 2 * self.hash_len));
        [&self.bytes[pack..], &self.index_bytes[index..]]
    }

    /// How many objects its index lists.
    pub(crate) fn count(&self) -> u32 {
        self.index.count()
    }

    /// How many entries stand in the pack.
    pub(crate) fn slot_count(&self) -> u32 {
        self.slots().by_offset.len() as u32
    }

    /// The position in the index of an entry.
    pub(crate) fn position(&self, slot: u32) -> u32 {
        self.slots().by_offset[slot as usize].1
    }

    /// The slot of the object at a position of the index.
    pub(crate) fn slot_of(&self, position: u32) -> Option<u32> {
        self.slots().by_position.get(position as usize).copied().filter(|slot| *slot != u32::MAX)
    }

    pub(crate) fn id_bytes(&self, position: u32) -> &[u8] {
        self.index.id(&self.index_bytes, position)
    }

    pub(crate) fn id(&self, position: u32) -> Option<ObjectId> {
        self.index.object_id(&self.index_bytes, position)
    }

    pub(crate) fn find(&self, id: &[u8]) -> Option<u32> {
        match self.slots.get() {
            Some(slots) => slots.starts.find(&self.index, &self.index_bytes, id),
            None => self.index.find(&self.index_bytes, id),
        }
    }

    /// The position of the first id that is not less than this.
    pub(crate) fn lower_bound(&self, id: &[u8]) -> u32 {
        self.index.lower_bound(&self.index_bytes, id)
    }

    /// Reads the header of an entry.
    pub(crate) fn header(&self, slot: u32) -> Result<EntryHeader<'_>, ObjectError> {
        let slots = &self.slots().by_offset;
        let end = slots.get(slot as usize + 1).map_or(self.end(), |next| next.0);
        self.header_at(slots[slot as usize].0, end)
    }

    /// Reads the header of the entry that starts at `offset` and ends at `end` or before.
    fn header_at(&self, offset: u64, end: u64) -> Result<EntryHeader<'_>, ObjectError> {
        let malformed = ObjectError::Corrupt("its entry is malformed");
        let entry = self.bytes.get(offset as usize..end as usize).ok_or(malformed)?;
        entry_header(entry, offset, self.hash_len)
    }

    /// The slot of the base of a delta, which is in `slot`; `None` for a whole object.
    pub(crate) fn base(&self, slot: u32, header: &EntryHeader<'_>) -> Result<Option<u32>, ObjectError> {
        let missing = ObjectError::Corrupt("the base of its delta is not in its pack");
        match header.kind {
            EntryKind::Whole(_) => Ok(None),
            EntryKind::OffsetDelta(offset) => self.slots().before(slot, offset).map(Some).ok_or(missing),
            EntryKind::RefDelta(id) => {
                self.find(id).and_then(|position| self.slot_of(position)).map(Some).ok_or(missing)
            }
        }
    }

    /// Fills `out` with the object at a position of the index, made from the start of its chain of deltas.
    pub(crate) fn read(
        &self,
        position: u32,
        inflater: &mut Inflater,
        out: &mut Vec<u8>,
    ) -> Result<ObjectKind, ObjectError> {
        let mut last = self.offset(position).ok_or(ObjectError::Corrupt("its index does not place it"))?;
        // Each pack is mapped at a place of its own.
        let place = |offset: u64| (self.bytes.as_ptr().addr(), offset);
        let (mut chain, mut base) = (Vec::new(), Vec::new());
        let kind = loop {
            if let Some((kind, content)) = inflater.bases.get(place(last)) {
                out.clear();
                out.extend_from_slice(&content);
                break kind;
            }
            // Where the next entry starts is known once the pack was walked; what follows a stream does not matter.
            let end = self.slots.get().and_then(|slots| {
                let next = slots.by_offset.partition_point(|slot| slot.0 <= last);
                Some(slots.by_offset.get(next)?.0)
            });
            let header = self.header_at(last, end.unwrap_or(self.end()))?;
            chain.push((last, header));
            if chain.len() > self.index.count() as usize {
                return Err(ObjectError::Corrupt("its deltas go round in a circle"));
            }
            let missing = ObjectError::Corrupt("the base of its delta is not in its pack");
            last = match header.kind {
                EntryKind::Whole(kind) => break kind,
                EntryKind::OffsetDelta(offset) if offset >= 12 => offset,
                EntryKind::OffsetDelta(_) => return Err(missing),
                EntryKind::RefDelta(id) => self.find(id).and_then(|position| self.offset(position)).ok_or(missing)?,
            };
        };
        let (mut copies, mut delta) = (Vec::new(), Vec::new());
        while let Some((offset, header)) = chain.pop() {
            if matches!(header.kind, EntryKind::Whole(_)) {
                inflater.exactly(header.stream, header.len, out)?;
            } else {
                std::mem::swap(&mut base, out);
                inflater.exactly(header.stream, header.len, &mut delta)?;
                super::delta::apply(&delta, &base, super::MAX_OBJECT_LEN, out, &mut copies)?;
            }
            inflater.bases.keep(place(offset), kind, out);
        }
        Ok(kind)
    }

    /// Where the entry of an object starts.
    pub(crate) fn offset_of(&self, id: &[u8]) -> Option<u64> {
        self.offset(self.find(id)?)
    }
}

/// The numbers below `count` in as many parts as there are threads; in one when that is soon done.
pub(crate) fn shares(count: u32, threads: usize) -> Vec<Range<u32>> {
    let parts = if count < LARGE_PACK { 1 } else { threads.max(1) as u64 };
    let bound = |part: u64| (u64::from(count) * part / parts) as u32;
    (0..parts).map(|part| bound(part)..bound(part + 1)).collect()
}

/// What `work` makes of each range, each on a thread of its own when there are several.
pub(crate) fn on_threads<T: Send>(ranges: &[Range<u32>], work: impl Fn(Range<u32>) -> T + Sync) -> Vec<T> {
    let Some((first, others)) = ranges.split_first() else { return Vec::new() };
    std::thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = others.iter().map(|range| scope.spawn(move || work(range.clone()))).collect();
        let first = work(first.clone());
        let others = others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        [first].into_iter().chain(others).collect()
    })
}

/// Reads the header of an entry that starts at `offset` of its pack.
pub(crate) fn entry_header(entry: &[u8], offset: u64, hash_len: usize) -> Result<EntryHeader<'_>, ObjectError> {
    let mut rest = entry;
    let malformed = ObjectError::Corrupt("its entry is malformed");
    let mut byte = || {
        let (&byte, after) = rest.split_first().ok_or(malformed)?;
        rest = after;
        Ok(byte)
    };
    let first = byte()?;
    let (mut len, mut shift, mut last) = (u64::from(first & 0x0F), 4, first);
    while last & 0x80 != 0 {
        last = byte()?;
        let part = u64::from(last & 0x7F);
        len |= part.checked_shl(shift).filter(|moved| moved >> shift == part).ok_or(malformed)?;
        shift += 7;
    }
    let kind = match first >> 4 & 7 {
        1 => EntryKind::Whole(ObjectKind::Commit),
        2 => EntryKind::Whole(ObjectKind::Tree),
        3 => EntryKind::Whole(ObjectKind::Blob),
        4 => EntryKind::Whole(ObjectKind::Tag),
        6 => {
            let mut last = byte()?;
            let mut back = u64::from(last & 0x7F);
            while last & 0x80 != 0 {
                last = byte()?;
                back = back.checked_add(1).and_then(|back| back.checked_mul(128)).ok_or(malformed)?;
                back |= u64::from(last & 0x7F);
            }
            EntryKind::OffsetDelta(offset.checked_sub(back).filter(|_| back > 0).ok_or(malformed)?)
        }
        7 => {
            let (id, after) = rest.split_at_checked(hash_len).ok_or(malformed)?;
            rest = after;
            EntryKind::RefDelta(id)
        }
        _ => return Err(malformed),
    };
    Ok(EntryHeader { kind, len, stream: rest })
}
