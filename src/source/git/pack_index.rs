//! The index of a pack (`.idx`, versions 1 and 2): ids in order, and where their entries stand.
//! <https://git-scm.com/docs/pack-format>

use super::id::ObjectId;

const FANOUT_LEN: usize = 256 * 4;

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
        let (mut low, mut high) = (first.checked_sub(1).map_or(0, bound), bound(first));
        while low < high {
            let middle = low + (high - low) / 2;
            if *self.id(bytes, middle) < *id {
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

/// A number of four bytes, of which there are as many.
fn be32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
