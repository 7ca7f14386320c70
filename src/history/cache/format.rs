//! The bytes of a cache. Nothing in them is believed but that their checksum fits: what does not fit together is none.

use sha2::{Digest, Sha256};

use super::Digest256;
use crate::history::beside;

const MAGIC: &[u8; 16] = b"keyscan history\n";
const DIGEST_LEN: usize = 32;

/// What is remembered of a repository. Objects are told by their places in the tables of ids, one after the other.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Record {
    pub(super) hash_len: usize,
    /// Ids of files that were examined, ascending.
    pub(super) blobs: Vec<u8>,
    /// Ids of commits, tags and trees that were, ascending; none, where something could not be examined.
    pub(super) links: Vec<u8>,
    /// Ids of parents of commits that were not there, and of files in trees that are looked at each time, ascending.
    pub(super) absent: Vec<u8>,
    /// Ids that trees, commits (but for parents) and tags name and that were not there, ascending. No table of objects.
    pub(super) missing: Vec<u8>,
    pub(super) commits: Vec<CommitRecord>,
    /// Tags, and what they tag.
    pub(super) tags: Vec<(u32, u32)>,
    pub(super) names: Vec<NameRecord>,
    /// Entries of trees that lead to secrets: tree, name, child.
    pub(super) edges: Vec<[u32; 3]>,
    /// The rule of each secret.
    pub(super) secrets: Vec<u32>,
    pub(super) hits: Vec<HitRecord>,
    /// In what so many places were passed over.
    pub(super) skipped: Vec<(u32, u64)>,
}

/// In the place of the tree of a commit, or of what a tag names: it is not there.
pub(super) const NOTHING: u32 = u32::MAX;

#[derive(Debug, PartialEq)]
pub(super) struct CommitRecord {
    pub(super) commit: u32,
    pub(super) tree: u32,
    pub(super) time: i64,
    pub(super) parents: Vec<u32>,
}

/// A name in a tree.
#[derive(Debug, PartialEq)]
pub(super) enum NameRecord {
    Plain(Vec<u8>),
    /// One that holds a secret: that of the entry of this number in a tree.
    Secret {
        tree: u32,
        entry: u32,
    },
}

/// That a secret stands in an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct HitRecord {
    pub(super) object: u32,
    pub(super) secret: u32,
    /// The part of the object, and whether it is encoded there.
    pub(super) part: u8,
    pub(super) is_decoded: bool,
    /// Where it stands in the part.
    pub(super) start: u64,
    pub(super) len: u32,
}

impl Record {
    fn tables(&self) -> [&[u8]; 3] {
        [&self.blobs, &self.links, &self.absent]
    }

    /// How many objects the tables name.
    pub(super) fn count(&self) -> usize {
        self.tables().map(|table| table.len() / self.hash_len).iter().sum()
    }

    /// The id of an object.
    pub(super) fn id(&self, object: u32) -> Option<&[u8]> {
        let mut at = object as usize * self.hash_len;
        for table in self.tables() {
            if at < table.len() {
                return table.get(at..at + self.hash_len);
            }
            at -= table.len();
        }
        None
    }

    /// Whether all that is told by its place is there.
    fn is_whole(&self) -> bool {
        let (count, names, secrets) = (self.count() as u64, self.names.len(), self.secrets.len());
        let is_object = |object: u32| u64::from(object) < count;
        let may_be = |object: u32| object == NOTHING || is_object(object);
        let ascends = |table: &[u8]| table.chunks_exact(self.hash_len).is_sorted();
        count < u64::from(u32::MAX)
            && self.tables().into_iter().all(ascends)
            && self.commits.iter().all(|commit| {
                is_object(commit.commit)
                    && may_be(commit.tree)
                    && commit.parents.iter().all(|parent| is_object(*parent))
            })
            && self.tags.iter().all(|(tag, target)| is_object(*tag) && may_be(*target))
            && self.names.iter().all(|name| !matches!(name, NameRecord::Secret { tree, .. } if !is_object(*tree)))
            && self
                .edges
                .iter()
                .all(|[tree, name, child]| is_object(*tree) && is_object(*child) && (*name as usize) < names)
            && self.hits.iter().all(|hit| is_object(hit.object) && (hit.secret as usize) < secrets)
            && self.skipped.iter().all(|(object, _)| is_object(*object))
    }
}

pub(super) fn encode(record: &Record, settings: &Digest256) -> Vec<u8> {
    let ids: usize = record.tables().map(<[u8]>::len).iter().sum();
    let mut out = Writer(Vec::with_capacity(ids + record.commits.len() * 32 + record.edges.len() * 12 + 4096));
    record.tables().into_iter().chain([&*record.missing]).for_each(|table| out.bytes(table));
    out.list(&record.commits, |out, commit| {
        out.u32(commit.commit);
        out.u32(commit.tree);
        out.u64(commit.time.cast_unsigned());
        out.list(&commit.parents, |out, parent| out.u32(*parent));
    });
    out.list(&record.tags, |out, (tag, target)| {
        out.u32(*tag);
        out.u32(*target);
    });
    out.list(&record.names, |out, name| match name {
        NameRecord::Plain(name) => {
            out.u32(0);
            out.bytes(name);
        }
        NameRecord::Secret { tree, entry } => {
            out.u32(1);
            out.u32(*tree);
            out.u32(*entry);
        }
    });
    out.list(&record.edges, |out, edge| edge.iter().for_each(|number| out.u32(*number)));
    out.list(&record.secrets, |out, rule| out.u32(*rule));
    out.list(&record.hits, |out, hit| {
        out.u32(hit.object);
        out.u32(hit.secret);
        out.u32(u32::from(hit.part) << 1 | u32::from(hit.is_decoded));
        out.u64(hit.start);
        out.u32(hit.len);
    });
    out.list(&record.skipped, |out, (object, skipped)| {
        out.u32(*object);
        out.u64(*skipped);
    });
    sealed(&out.0, settings)
}

/// The bytes of a cache, with what stands before and after them.
pub(super) fn sealed(content: &[u8], settings: &Digest256) -> Vec<u8> {
    let mut bytes = [MAGIC, &settings[..], content].concat();
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    bytes
}

/// What such bytes are sealed for, and the content; `None` when they are damaged.
pub(super) fn opened(bytes: &[u8]) -> Option<(&Digest256, &[u8])> {
    let (bytes, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_LEN)?)?;
    let opened = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    (Sha256::digest(bytes)[..] == *digest).then_some(opened)
}

/// Reads a cache; `None` when it is damaged or was made by other settings.
pub(super) fn decode(bytes: &[u8], settings: &Digest256, hash_len: usize, threads: usize) -> Option<Record> {
    let (bytes, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_LEN)?)?;
    let rest = bytes.strip_prefix(MAGIC)?.strip_prefix(settings)?;
    // What is read is of no use unless all is as it was written, and the sum takes as long as the reading.
    let (is_whole, record) = beside(threads, || Sha256::digest(bytes)[..] == *digest, || read(rest, hash_len));
    record.filter(|_| is_whole)
}

/// Reads what is in a cache, whoever wrote it.
fn read(content: &[u8], hash_len: usize) -> Option<Record> {
    let mut from = Reader(content);
    let mut table = || from.bytes().filter(|table| table.len() % hash_len == 0).map(<[u8]>::to_vec);
    let (blobs, links, absent, missing) = (table()?, table()?, table()?, table()?);
    let record = Record {
        hash_len,
        blobs,
        links,
        absent,
        missing,
        commits: from.list(20, |from| {
            let (commit, tree, time) = (from.u32()?, from.u32()?, from.u64()?.cast_signed());
            Some(CommitRecord { commit, tree, time, parents: from.list(4, Reader::u32)? })
        })?,
        tags: from.list(8, |from| Some((from.u32()?, from.u32()?)))?,
        names: from.list(8, |from| match from.u32()? {
            0 => Some(NameRecord::Plain(from.bytes()?.to_vec())),
            1 => Some(NameRecord::Secret { tree: from.u32()?, entry: from.u32()? }),
            _ => None,
        })?,
        edges: from.list(12, |from| Some([from.u32()?, from.u32()?, from.u32()?]))?,
        secrets: from.list(4, Reader::u32)?,
        hits: from.list(24, |from| {
            let (object, secret, part) = (from.u32()?, from.u32()?, from.u32()?);
            let (start, len) = (from.u64()?, from.u32()?);
            let (is_decoded, part) = (part & 1 == 1, u8::try_from(part >> 1).ok()?);
            Some(HitRecord { object, secret, part, is_decoded, start, len })
        })?,
        skipped: from.list(12, |from| Some((from.u32()?, from.u64()?)))?,
    };
    (from.0.is_empty() && record.is_whole()).then_some(record)
}

/// For the test suites: what is read of the content of a cache is the same when it is written and read again. Answers
/// whether it can be read.
pub(super) fn probe(content: &[u8], hash_len: usize) -> bool {
    let settings = [7; DIGEST_LEN];
    let Some(record) = decode(&sealed(content, &settings), &settings, hash_len, 1) else { return false };
    for object in 0..record.count() as u32 {
        assert!(record.id(object).is_some_and(|id| id.len() == hash_len));
    }
    assert!(decode(&encode(&record, &settings), &settings, hash_len, 1).as_ref() == Some(&record));
    true
}

pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Writer, &T)) {
        self.u32(items.len() as u32);
        items.iter().for_each(|each| item(self, each));
    }
}

pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    pub(super) fn bytes(&mut self) -> Option<&'b [u8]> {
        let len = self.u32()? as usize;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A list of items that take `least` bytes each or more.
    pub(super) fn list<T>(
        &mut self,
        least: usize,
        mut item: impl FnMut(&mut Reader<'b>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = self.u32()? as usize;
        if count > self.0.len() / least {
            return None;
        }
        (0..count).map(|_| item(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Record {
        Record {
            hash_len: 20,
            blobs: [[1; 20], [2; 20]].concat(),
            links: [[0; 20], [3; 20], [4; 20]].concat(),
            absent: vec![9; 20],
            missing: vec![8; 20],
            commits: vec![
                CommitRecord { commit: 2, tree: 3, time: -5, parents: vec![5, 2] },
                CommitRecord { commit: 3, tree: NOTHING, time: 0, parents: vec![] },
            ],
            tags: vec![(4, 2), (2, NOTHING)],
            names: vec![NameRecord::Plain(b"a b".to_vec()), NameRecord::Secret { tree: 3, entry: 1 }],
            edges: vec![[3, 0, 1], [3, 1, 0]],
            secrets: vec![17],
            hits: vec![HitRecord { object: 1, secret: 0, part: 2, is_decoded: true, start: 1 << 33, len: 40 }],
            skipped: vec![(0, 1 << 40)],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let settings = [7; 32];
        let bytes = encode(&sample(), &settings);
        assert_eq!(decode(&bytes, &settings, 20, 2), Some(sample()));
        let empty = Record { hash_len: 32, ..Record::default() };
        assert_eq!(decode(&encode(&empty, &settings), &settings, 32, 1), Some(empty));
        let ids = [&[1; 20][..], &[2; 20], &[0; 20], &[3; 20], &[4; 20], &[9; 20]];
        assert_eq!((0..7).map_while(|object| sample().id(object).map(<[u8]>::to_vec)).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let settings = [7; 32];
        let bytes = encode(&sample(), &settings);
        assert_eq!(decode(&bytes, &[8; 32], 20, 2), None);
        assert_eq!(decode(&bytes, &settings, 32, 2), None);
        for at in 0..bytes.len() {
            assert_eq!(decode(&bytes[..at], &settings, 20, 2), None);
            let mut other = bytes.clone();
            other[at] ^= 1 << (at % 8);
            assert_eq!(decode(&other, &settings, 20, 2), None);
        }
    }

    /// Somebody may make the checksum fit.
    #[test]
    fn what_does_not_fit_together_is_refused() {
        let settings = [7; 32];
        let refused = |change: fn(&mut Record)| {
            let mut record = sample();
            change(&mut record);
            decode(&encode(&record, &settings), &settings, 20, 2).is_none()
        };
        assert!(refused(|record| record.blobs.reverse()));
        assert!(refused(|record| record.commits[0].parents[0] = 6));
        assert!(refused(|record| record.commits[0].tree = 6));
        assert!(refused(|record| record.tags[0].1 = 6));
        assert!(refused(|record| record.edges[0][1] = 2));
        assert!(refused(|record| record.edges[0][2] = 6));
        assert!(refused(|record| record.hits[0].secret = 1));
        assert!(refused(|record| record.skipped[0].0 = 6));
        assert!(refused(|record| record.names.push(NameRecord::Secret { tree: 6, entry: 0 })));
        // With every byte changed in turn, nothing panics.
        let bytes = encode(&sample(), &settings);
        for at in MAGIC.len() + 32..bytes.len() - DIGEST_LEN {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut other = bytes[..bytes.len() - DIGEST_LEN].to_vec();
                other[at] = value;
                let digest = Sha256::digest(&other);
                other.extend_from_slice(&digest);
                if let Some(record) = decode(&other, &settings, 20, 2) {
                    assert_eq!(encode(&record, &settings), other);
                }
            }
        }
    }
}
