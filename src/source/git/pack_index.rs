//! The index of a pack (`.idx`, versions 1 and 2): ids in order, and where their entries stand.
//! <https://git-scm.com/docs/pack-format>

use std::ops::Range;

use super::id::ObjectId;

const FANOUT_LEN: usize = 256 * 4;

/// About so many ids have the same first bits.
const IDS_PER_START: u32 = 4;

/// Where in an index the ids with the same first bits start: its fan-out table, only finer. For many look-ups.
#[derive(Debug)]
pub(crate) struct Starts {
    shift: u32,
    starts: Vec<u32>,
}

impl Starts {
    pub(crate) fn of(index: &PackIndex, bytes: &[u8]) -> Starts {
        let bits = (index.count / IDS_PER_START).max(2).ilog2();
        let shift = u64::BITS - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        for position in 0..index.count {
            starts[(key(index.id(bytes, position)) >> shift) as usize + 1] = position + 1;
        }
        // Where there is none, the next ones start.
        let mut last = 0;
        for start in &mut starts {
            last = last.max(*start);
            *start = last;
        }
        Starts { shift, starts }
    }

    /// The position of an id of the index that this was made of.
    pub(crate) fn find(&self, index: &PackIndex, bytes: &[u8], id: &[u8]) -> Option<u32> {
        let start = (key(id) >> self.shift) as usize;
        let position = index.lower_bound_in(bytes, id, self.starts[start]..self.starts[start + 1]);
        (position < index.count && index.id(bytes, position) == id).then_some(position)
    }
}

/// An index over its bytes, whose tables are known to lie in them.
#[derive(Debug)]
pub(crate) struct PackIndex {
    count: u32,
    hash_len: usize,
    version: u8,
    /// Where the fan-out table starts.
    fanout: usize,
}

impl PackIndex {
    /// Reads the header and checks that the tables are there.
    pub(crate) fn open(bytes: &[u8], hash_len: usize) -> Result<PackIndex, &'static str> {
        let (version, fanout) = match bytes.get(..8) {
            Some([0xFF, b't', b'O', b'c', 0, 0, 0, 2]) => (2, 8),
            Some([0xFF, b't', b'O', b'c', ..]) => return Err("the index is of a version that is not known"),
            _ => (1, 0),
        };
        let too_short = "the index is too short";
        let table = bytes.get(fanout..fanout + FANOUT_LEN).ok_or(too_short)?;
        let counts: Vec<u32> = table.chunks_exact(4).map(be32).collect();
        if !counts.is_sorted() {
            return Err("the index counts its objects wrongly");
        }
        let count = counts[255];
        let index = PackIndex { count, hash_len, version, fanout };
        let entry_len = if version == 1 { 4 + hash_len } else { hash_len + 8 };
        let tables = (count as usize).checked_mul(entry_len).ok_or(too_short)?;
        let least = fanout + FANOUT_LEN + 2 * hash_len;
        if bytes.len().checked_sub(least).is_none_or(|rest| rest < tables) {
            return Err(too_short);
        }
        Ok(index)
    }

    /// How many objects it lists.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The checksum of the pack it was made for.
    pub(crate) fn pack_checksum<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let end = bytes.len() - self.hash_len;
        &bytes[end - self.hash_len..end]
    }

    /// The id of the object at `position`, which is less than [`PackIndex::count`].
    pub(crate) fn id<'b>(&self, bytes: &'b [u8], position: u32) -> &'b [u8] {
        let ids = self.fanout + FANOUT_LEN;
        let start = match self.version {
            1 => ids + position as usize * (4 + self.hash_len) + 4,
            _ => ids + position as usize * self.hash_len,
        };
        &bytes[start..start + self.hash_len]
    }

    /// Where the entry of the object at `position` starts in the pack; `None` when the index does not say so.
    pub(crate) fn offset(&self, bytes: &[u8], position: u32) -> Option<u64> {
        let (ids, position, count) = (self.fanout + FANOUT_LEN, position as usize, self.count as usize);
        if self.version == 1 {
            return Some(u64::from(be32(&bytes[ids + position * (4 + self.hash_len)..])));
        }
        let offsets = ids + count * (self.hash_len + 4);
        let short = be32(&bytes[offsets + position * 4..]);
        if short & 0x8000_0000 == 0 {
            return Some(u64::from(short));
        }
        let long = offsets + count * 4 + (short & 0x7FFF_FFFF) as usize * 8;
        let end = bytes.len() - 2 * self.hash_len;
        let long = bytes[..end].get(long..)?.first_chunk()?;
        Some(u64::from_be_bytes(*long))
    }

    /// The position of an id.
    pub(crate) fn find(&self, bytes: &[u8], id: &[u8]) -> Option<u32> {
        let position = self.lower_bound(bytes, id);
        (position < self.count && self.id(bytes, position) == id).then_some(position)
    }

    /// The position of the first id that is not less than this.
    pub(crate) fn lower_bound(&self, bytes: &[u8], id: &[u8]) -> u32 {
        let first = id.first().copied().unwrap_or(0);
        let bound = |byte: u8| be32(&bytes[self.fanout + usize::from(byte) * 4..]);
        let (low, high) = (first.checked_sub(1).map_or(0, bound), bound(first));
        self.lower_bound_in(bytes, id, low..high)
    }

    fn lower_bound_in(&self, bytes: &[u8], id: &[u8], range: Range<u32>) -> u32 {
        let key = key(id);
        let is_less = |position: u32| {
            let other = self.id(bytes, position);
            let other_key = self::key(other);
            other_key < key || other_key == key && *other < *id
        };
        let (mut low, mut high) = (range.start, range.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_less(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The id of the object at `position`.
    pub(crate) fn object_id(&self, bytes: &[u8], position: u32) -> Option<ObjectId> {
        ObjectId::new(self.id(bytes, position))
    }
}

/// The first eight bytes of an id, or fewer and zeros.
fn key(id: &[u8]) -> u64 {
    match id.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => id.iter().fold(0, |key, &byte| key << 8 | u64::from(byte)) << (64 - 8 * id.len().max(1)),
    }
}

/// A number of four bytes, of which there are as many.
fn be32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index of these ids, which ascend.
    fn index_of(ids: &[[u8; 20]]) -> Vec<u8> {
        let mut bytes = vec![0xFF, b't', b'O', b'c', 0, 0, 0, 2];
        for first in 0..=255u8 {
            let count = ids.partition_point(|id| id[0] <= first) as u32;
            bytes.extend(count.to_be_bytes());
        }
        bytes.extend(ids.concat());
        bytes.extend(vec![0; ids.len() * 8 + 40]);
        bytes
    }

    #[test]
    fn ids_are_found_however_they_are_spread() {
        let mut state = 1u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        for (count, shift) in [(0, 0), (1, 0), (3, 0), (40_000, 0), (5_000, 6), (5_000, 31)] {
            let mut ids: Vec<[u8; 20]> = Vec::new();
            for _ in 0..count {
                let mut id = [0; 20];
                // Shifted, they have the first bytes in common.
                id[..8].copy_from_slice(&(random() << 32 >> shift | random() & 7).to_be_bytes());
                id[19] = random() as u8;
                ids.push(id);
            }
            ids.sort_unstable();
            ids.dedup();
            let bytes = index_of(&ids);
            let index = PackIndex::open(&bytes, 20).unwrap();
            let starts = Starts::of(&index, &bytes);
            let near = |id: &[u8; 20], by: i8| {
                let mut id = *id;
                id[7] = id[7].wrapping_add_signed(by);
                id
            };
            for id in ids.iter().flat_map(|id| [*id, near(id, 1), near(id, -1)]).chain([[0; 20], [255; 20]]) {
                let place = ids.partition_point(|other| *other < id);
                assert_eq!(index.lower_bound(&bytes, &id), place as u32);
                let found = (ids.get(place) == Some(&id)).then_some(place as u32);
                assert_eq!((index.find(&bytes, &id), starts.find(&index, &bytes, &id)), (found, found));
                assert_eq!(
                    index.lower_bound(&bytes, &id[..2]),
                    ids.partition_point(|other| other[..] < id[..2]) as u32
                );
            }
        }
    }
}
