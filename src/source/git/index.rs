//! The index: what the next commit will hold. <https://git-scm.com/docs/index-format>
//!
//! Versions 2, 3 and 4; split (most entries lie in another file); sparse (an entry may stand for a whole folder).

use std::fs;
use std::ops::Range;
use std::path::Path;

use super::ObjectId;
use super::tree::EntryMode;

/// Folders of the cache of trees may be so deep in each other.
const MAX_DEPTH: usize = 4096;
/// All paths together may be so long.
const MAX_PATHS_LEN: usize = 1 << 30;

/// An index, of entries by path.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Entries that are part of the next commit, by path: no conflicts, and nothing that is only intended to be added.
    entries: Vec<Entry>,
    /// The paths of all entries, one after the other.
    paths: Vec<u8>,
    /// The tree of the whole, and those in it, as far as they are known.
    pub(crate) cached: Option<CachedTree>,
}

/// An entry; of a sparse index it may be a folder.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    path: Range<u32>,
    pub(crate) mode: EntryMode,
    pub(crate) id: ObjectId,
    /// Whether the next commit holds it.
    is_part: bool,
}

/// A folder whose tree was made already.
#[derive(Debug)]
pub(crate) struct CachedTree {
    name: Vec<u8>,
    /// `None` when something in it has changed since.
    pub(crate) id: Option<ObjectId>,
    children: Vec<CachedTree>,
}

/// The entries of a file, with what its extensions say.
#[derive(Default)]
struct Part {
    index: Index,
    link: Option<Link>,
}

/// Where the other entries of a split index are, and what became of them.
struct Link {
    /// The file, as an id; `None` when there is none.
    base: Option<ObjectId>,
    deleted: Vec<Range<u64>>,
    replaced: Vec<Range<u64>>,
}

type Malformed = &'static str;

impl Index {
    /// Reads an index; that there is none means that nothing is in it. `shared` is the folder of the files that split
    /// indices share.
    pub(crate) fn read(file: &Path, shared: &Path, hash_len: usize) -> Result<Index, String> {
        let Some(bytes) = read_file(file)? else { return Ok(Index::default()) };
        Index::of_bytes(&bytes, hash_len, |base| {
            let name = format!("sharedindex.{base}");
            read_file(&shared.join(&name))?.ok_or(format!("its file {name} is not there"))
        })
    }

    /// The index of these bytes. `shared` gives those of the file that it was split from.
    pub(crate) fn of_bytes(
        bytes: &[u8],
        hash_len: usize,
        shared: impl FnOnce(&ObjectId) -> Result<Vec<u8>, String>,
    ) -> Result<Index, String> {
        let Part { index, link } = parse(bytes, hash_len)?;
        let index = match link {
            Some(Link { base: Some(base), deleted, replaced }) => {
                merged(&parse(&shared(&base)?, hash_len)?.index, index, &deleted, &replaced)?
            }
            _ => index,
        };
        Ok(index.of_next_commit())
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn path(&self, entry: &Entry) -> &[u8] {
        &self.paths[entry.path.start as usize..entry.path.end as usize]
    }

    fn push(&mut self, path: &[u8], entry: &Entry) {
        let start = self.paths.len() as u32;
        self.paths.extend_from_slice(path);
        self.entries.push(Entry { path: start..self.paths.len() as u32, ..*entry });
    }

    /// Without what the next commit does not hold, by path.
    fn of_next_commit(mut self) -> Index {
        self.entries.retain(|entry| entry.is_part);
        let paths = &self.paths;
        let path = |entry: &Entry| &paths[entry.path.start as usize..entry.path.end as usize];
        if !self.entries.is_sorted_by(|a, b| path(a) <= path(b)) {
            self.entries.sort_by(|a, b| path(a).cmp(path(b)));
        }
        self
    }
}

impl CachedTree {
    pub(crate) fn child(&self, name: &[u8]) -> Option<&CachedTree> {
        let at = self.children.binary_search_by(|child| child.name.as_slice().cmp(name)).ok()?;
        self.children.get(at)
    }
}

/// Reads one file; `None` when it is not there.
fn read_file(file: &Path) -> Result<Option<Vec<u8>>, String> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn parse(bytes: &[u8], hash_len: usize) -> Result<Part, Malformed> {
    let short = "it is cut short";
    let end = bytes.len().checked_sub(hash_len).ok_or(short)?;
    let mut reader = Reader { bytes: &bytes[..end], at: 0 };
    if reader.take(4).ok_or(short)? != b"DIRC" {
        return Err("it does not start as an index");
    }
    let version = reader.be32().ok_or(short)?;
    if !(2..=4).contains(&version) {
        return Err("it is of a version that is not known");
    }
    let count = reader.be32().ok_or(short)?;
    let mut part = Part::default();
    let mut path = Vec::new();
    for _ in 0..count {
        let entry = reader.entry(version, hash_len, &mut path).ok_or("an entry is malformed")?;
        // Where entries share the starts of their paths, a short file may stand for long ones.
        if part.index.paths.len() + path.len() > MAX_PATHS_LEN {
            return Err("its paths are longer than 1 GiB");
        }
        part.index.push(&path, &entry);
    }
    while reader.at + 8 <= end {
        let name = reader.take(4).ok_or(short)?;
        let len = reader.be32().ok_or(short)?;
        let mut data = Reader { bytes: reader.take(len as usize).ok_or("an extension is cut short")?, at: 0 };
        match name {
            b"TREE" => part.index.cached = data.cached_tree(hash_len, 0),
            b"link" => part.link = Some(data.link(hash_len).ok_or("the extension of a split index is malformed")?),
            // Git calls those with a small letter necessary to understand the rest. `sdir` only says that it is sparse.
            b"sdir" => {}
            [b'A'..=b'Z', ..] => {}
            _ => return Err("it has an extension that is not known"),
        }
    }
    Ok(part)
}

/// What a split index and the file it was split from hold together.
fn merged(base: &Index, mut split: Index, deleted: &[Range<u64>], replaced: &[Range<u64>]) -> Result<Index, Malformed> {
    let mut whole = Index { cached: split.cached.take(), ..Index::default() };
    let mut entries = split.entries.iter();
    let mut gone = vec![false; base.entries.len()];
    for position in deleted.iter().flat_map(Range::clone) {
        *gone.get_mut(position as usize).ok_or("it deletes an entry that is not there")? = true;
    }
    let mut instead = vec![None; base.entries.len()];
    for position in replaced.iter().flat_map(Range::clone) {
        let place = instead.get_mut(position as usize).ok_or("it replaces an entry that is not there")?;
        *place = Some(entries.next().ok_or("it replaces more entries than it has")?);
    }
    for (at, entry) in base.entries.iter().enumerate().filter(|(at, _)| !gone[*at]) {
        whole.push(base.path(entry), instead[at].unwrap_or(entry));
    }
    // What is left was added, or stands in the place of an entry of the same path.
    let added: std::collections::HashMap<&[u8], &Entry> = entries.map(|entry| (split.path(entry), entry)).collect();
    let mut kept = std::mem::take(&mut whole.entries);
    kept.retain(|entry| !added.contains_key(whole.path(entry)));
    whole.entries = kept;
    added.into_iter().for_each(|(path, entry)| whole.push(path, entry));
    Ok(whole)
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(taken)
    }

    fn be16(&mut self) -> Option<u16> {
        self.take(2).and_then(|bytes| bytes.first_chunk()).map(|bytes| u16::from_be_bytes(*bytes))
    }

    fn be32(&mut self) -> Option<u32> {
        self.take(4).and_then(|bytes| bytes.first_chunk()).map(|bytes| u32::from_be_bytes(*bytes))
    }

    fn be64(&mut self) -> Option<u64> {
        self.take(8).and_then(|bytes| bytes.first_chunk()).map(|bytes| u64::from_be_bytes(*bytes))
    }

    /// What stands before the next `end`, which is passed over.
    fn until(&mut self, end: u8) -> Option<&'b [u8]> {
        let len = memchr::memchr(end, self.bytes.get(self.at..)?)?;
        let taken = self.take(len);
        self.at += 1;
        taken
    }

    /// Reads an entry. `path` is that of the entry before, and becomes that of this one.
    fn entry(&mut self, version: u32, hash_len: usize, path: &mut Vec<u8>) -> Option<Entry> {
        let start = self.at;
        // Times, device and inode.
        self.take(24)?;
        let mode = EntryMode::of_bits(self.be32()?);
        // Owner, group and size.
        self.take(12)?;
        let id = ObjectId::new(self.take(hash_len)?)?;
        let flags = self.be16()?;
        let extended = if version >= 3 && flags & 0x4000 != 0 { self.be16()? } else { 0 };
        let (stage, intended) = (flags >> 12 & 3, extended & 0x2000 != 0);
        if version == 4 {
            let dropped = self.varint()?;
            path.truncate(path.len().checked_sub(usize::try_from(dropped).ok()?)?);
            path.extend_from_slice(self.until(0)?);
        } else {
            path.clear();
            path.extend_from_slice(self.until(0)?);
            // Zeros up to a length that is a multiple of eight.
            let len = self.at - start;
            self.take(len.next_multiple_of(8) - len)?;
        }
        Some(Entry { path: 0..0, mode, id, is_part: stage == 0 && !intended })
    }

    /// A number as offsets of packs have it: seven bits a byte, the highest first, each byte but the last one more.
    fn varint(&mut self) -> Option<u64> {
        let mut byte = *self.take(1)?.first()?;
        let mut number = u64::from(byte & 0x7F);
        while byte & 0x80 != 0 {
            byte = *self.take(1)?.first()?;
            number = number.checked_add(1)?.checked_mul(128)? | u64::from(byte & 0x7F);
        }
        Some(number)
    }

    fn cached_tree(&mut self, hash_len: usize, depth: usize) -> Option<CachedTree> {
        let name = self.until(0)?.to_vec();
        let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<i64>().ok();
        let entries = number(self.until(b' ')?)?;
        let subtrees = number(self.until(b'\n')?)?;
        let id = if entries >= 0 { Some(ObjectId::new(self.take(hash_len)?)?) } else { None };
        if depth > MAX_DEPTH {
            return None;
        }
        let children: Option<Vec<_>> = (0..subtrees).map(|_| self.cached_tree(hash_len, depth + 1)).collect();
        let mut children = children?;
        children.sort_by(|a: &CachedTree, b| a.name.cmp(&b.name));
        Some(CachedTree { name, id, children })
    }

    fn link(&mut self, hash_len: usize) -> Option<Link> {
        let id = self.take(hash_len)?;
        let base = ObjectId::new(id).filter(|_| id.iter().any(|byte| *byte != 0));
        if self.at == self.bytes.len() {
            return Some(Link { base, deleted: Vec::new(), replaced: Vec::new() });
        }
        Some(Link { base, deleted: self.bitmap()?, replaced: self.bitmap()? })
    }

    /// The places of the bits that are set in an EWAH bitmap, as ranges: what it claims may be far more than it has.
    fn bitmap(&mut self) -> Option<Vec<Range<u64>>> {
        let bits = u64::from(self.be32()?);
        let mut left = self.be32()?;
        let mut set: Vec<Range<u64>> = Vec::new();
        let mut add = |range: Range<u64>| match set.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => set.push(range),
        };
        let mut place = 0u64;
        while left > 0 {
            let marker = self.be64()?;
            left -= 1;
            let (run_bit, run, literals) = (marker & 1, (marker >> 1 & 0xFFFF_FFFF) * 64, (marker >> 33) as u32);
            if run_bit == 1 {
                add(place..(place + run).min(bits));
            }
            place = place.checked_add(run)?;
            left = left.checked_sub(literals)?;
            for _ in 0..literals {
                let word = self.be64()?;
                (0..64).filter(|bit| word >> bit & 1 == 1).for_each(|bit| add(place + bit..place + bit + 1));
                place += 64;
            }
        }
        // Where the last marker is.
        self.be32()?;
        Some(set)
    }
}
