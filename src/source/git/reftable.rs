//! Refs in reftables: sorted tables, the newer of which stand before the older.
//! <https://git-scm.com/docs/reftable>

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::ObjectId;
use super::inflate::Inflater;

/// What a ref is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Object(ObjectId),
    /// Another ref.
    Symbolic(String),
}

/// Reads the refs of the tables of a folder into `refs`; answers what could not be read, and why.
pub(crate) fn read(folder: &Path, hash_len: usize, refs: &mut BTreeMap<String, Target>) -> Vec<(String, String)> {
    let list = folder.join("tables.list");
    let text = match fs::read_to_string(&list) {
        Ok(text) => text,
        Err(error) => return vec![(list.display().to_string(), error.to_string())],
    };
    let mut unreadable = Vec::new();
    for name in text.lines().filter(|name| !name.is_empty()) {
        let path = folder.join(name);
        // A name that leads elsewhere is no table.
        let table = if name.contains(['/', '\\']) {
            Err("it is not in its folder".to_owned())
        } else {
            fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| {
                table(&bytes, hash_len, |name, target| match target {
                    Some(target) => drop(refs.insert(name, target)),
                    None => drop(refs.remove(&name)),
                })
                .ok_or_else(|| "the table is malformed; its refs were read up to there".to_owned())
            })
        };
        if let Err(why) = table {
            unreadable.push((path.display().to_string(), why));
        }
    }
    unreadable
}

/// Gives the logs of the tables of a folder, as they stand there, block by block, with the name of the table; answers
/// what could not be read, and why.
pub(crate) fn read_logs(folder: &Path, mut give: impl FnMut(&str, &[u8])) -> Vec<(String, String)> {
    let list = fs::read_to_string(folder.join("tables.list")).unwrap_or_default();
    let mut unreadable = Vec::new();
    for name in list.lines().filter(|name| !name.is_empty() && !name.contains(['/', '\\'])) {
        let path = folder.join(name);
        let read = fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| {
            let whole = logs(&bytes, |block| give(name, block));
            whole.ok_or_else(|| "the table is malformed; its logs were read up to there".to_owned())
        });
        if let Err(why) = read {
            unreadable.push((path.display().to_string(), why));
        }
    }
    unreadable
}

/// Gives the blocks of logs of a table.
pub(crate) fn logs(bytes: &[u8], mut give: impl FnMut(&[u8])) -> Option<()> {
    let Layout { header_len, end, .. } = Layout::of(bytes)?;
    let position = |index: usize| -> Option<u64> {
        bytes.get(end + header_len + 8 * index..)?.first_chunk().map(|number| u64::from_be_bytes(*number))
    };
    let (first, index) = (usize::try_from(position(3)?).ok()?, usize::try_from(position(4)?).ok()?);
    let end = if index == 0 { end } else { index.min(end) };
    // A table of logs alone says nothing of where they start.
    let mut at = if first == 0 { header_len } else { first };
    let (mut inflater, mut block) = (Inflater::new(), Vec::new());
    while at < end && bytes[at] == b'g' {
        // The header of the file counts as a part of the first block.
        let own = if at == header_len { header_len + 4 } else { 4 };
        let len = be24(bytes.get(at + 1..at + 4)?)?.checked_sub(own)?;
        let stream = bytes.get(at + 4..end)?;
        inflater.exactly(stream, len as u64, &mut block).ok()?;
        give(&block);
        // How long the stream is, nobody says; it ends with the checksum of what it stands for.
        let checksum = libdeflater::adler32(&block).to_be_bytes();
        let ends = memchr::memmem::find_iter(stream, &checksum).map(|found| found + 4);
        at += 4 + ends.into_iter().find(|end| stream.get(*end).is_none_or(|byte| *byte == b'g'))?;
    }
    Some(())
}

/// Where the parts of a table are.
struct Layout {
    header_len: usize,
    block_size: usize,
    /// Where the footer starts.
    end: usize,
}

impl Layout {
    fn of(bytes: &[u8]) -> Option<Layout> {
        let header = bytes.get(..24).filter(|header| header.starts_with(b"REFT"))?;
        let (header_len, footer_len) = match header[4] {
            1 => (24, 68),
            2 => (28, 72),
            _ => return None,
        };
        let end = bytes.len().checked_sub(footer_len).filter(|end| *end >= header_len)?;
        Some(Layout { header_len, block_size: be24(&header[5..8])?, end })
    }
}

/// Gives the refs of a table, by name; those without a target were deleted.
pub(crate) fn table(bytes: &[u8], hash_len: usize, mut give: impl FnMut(String, Option<Target>)) -> Option<()> {
    let Layout { header_len, block_size, end } = Layout::of(bytes)?;
    let mut at = 0;
    while at < end {
        // The header of the file counts as a part of the first block.
        let start = if at == 0 { header_len } else { at };
        if *bytes.get(start)? != b'r' {
            return Some(());
        }
        let len = be24(bytes.get(start + 1..start + 4)?)?;
        let block = bytes[..end].get(at..at.checked_add(len)?)?;
        if len <= start - at + 4 {
            return None;
        }
        block_refs(block, start - at + 4, hash_len, &mut give)?;
        // A block is filled up with zeros, where blocks are of one size.
        let is_padded = len < block_size && bytes.get(at + len).is_none_or(|byte| *byte == 0);
        at += if is_padded { block_size } else { len };
    }
    Some(())
}

/// Gives the refs of a block, of which the first stands at `at`.
fn block_refs(block: &[u8], at: usize, hash_len: usize, give: &mut impl FnMut(String, Option<Target>)) -> Option<()> {
    let restarts = usize::from(u16::from_be_bytes(*block.last_chunk()?));
    let end = block.len().checked_sub(2 + 3 * restarts)?;
    let mut reader = Reader { rest: block.get(at..end)? };
    let mut name: Vec<u8> = Vec::new();
    while !reader.rest.is_empty() {
        let shared = usize::try_from(reader.varint()?).ok()?;
        let suffix = reader.varint()?;
        if shared > name.len() {
            return None;
        }
        name.truncate(shared);
        name.extend_from_slice(reader.take(usize::try_from(suffix >> 3).ok()?)?);
        reader.varint()?;
        let target = match suffix & 7 {
            0 => None,
            1 => Some(Target::Object(ObjectId::new(reader.take(hash_len)?)?)),
            2 => {
                let id = ObjectId::new(reader.take(hash_len)?)?;
                // What the tag leads to.
                reader.take(hash_len)?;
                Some(Target::Object(id))
            }
            3 => {
                let len = usize::try_from(reader.varint()?).ok()?;
                Some(Target::Symbolic(String::from_utf8_lossy(reader.take(len)?).into_owned()))
            }
            _ => return None,
        };
        give(String::from_utf8_lossy(&name).into_owned(), target);
    }
    Some(())
}

struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    /// Seven bits a byte, the highest first, each byte but the last one more.
    fn varint(&mut self) -> Option<u64> {
        let mut byte = *self.take(1)?.first()?;
        let mut number = u64::from(byte & 0x7F);
        while byte & 0x80 != 0 {
            byte = *self.take(1)?.first()?;
            number = number.checked_add(1)?.checked_mul(128)? | u64::from(byte & 0x7F);
        }
        Some(number)
    }
}

fn be24(bytes: &[u8]) -> Option<usize> {
    let [a, b, c] = *bytes.first_chunk()?;
    Some(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of one block of records.
    fn made(records: &[u8], block_size: u8) -> Vec<u8> {
        let mut bytes = [&b"REFT\x01\0\0"[..], &[block_size], &[0; 16]].concat();
        let len = 24 + 4 + records.len() + 3 + 2;
        bytes.extend_from_slice(&[b'r', 0, 0, len as u8]);
        bytes.extend_from_slice(records);
        // One restart, at the first record.
        bytes.extend_from_slice(&[0, 0, 28, 0, 1]);
        bytes.resize(bytes.len().max(usize::from(block_size)), 0);
        bytes.extend_from_slice(&[0; 68]);
        bytes
    }

    fn refs(bytes: &[u8]) -> Option<Vec<(String, Option<Target>)>> {
        let mut refs = Vec::new();
        table(bytes, 20, |name, target| refs.push((name, target))).map(|()| refs)
    }

    fn records() -> Vec<u8> {
        let mut records = Vec::new();
        records.extend_from_slice(&[0, 4 << 3 | 3, b'H', b'E', b'A', b'D', 0, 6]);
        records.extend_from_slice(b"refs/a");
        records.extend_from_slice(&[0, 6 << 3 | 1]);
        records.extend_from_slice(b"refs/a\0");
        records.extend_from_slice(&[7; 20]);
        records.extend_from_slice(&[5, 1 << 3 | 2, b'b', 0]);
        records.extend_from_slice(&[8; 40]);
        records.extend_from_slice(&[5, 1 << 3, b'c', 0]);
        records
    }

    #[test]
    fn records_are_read() {
        let id = |byte: u8| Some(Target::Object(ObjectId::new(&[byte; 20]).unwrap()));
        let expected = [
            ("HEAD".to_owned(), Some(Target::Symbolic("refs/a".to_owned()))),
            ("refs/a".to_owned(), id(7)),
            ("refs/b".to_owned(), id(8)),
            ("refs/c".to_owned(), None),
        ];
        for block_size in [0, 200] {
            assert_eq!(refs(&made(&records(), block_size)).unwrap(), expected);
        }
    }

    #[test]
    fn logs_are_inflated_block_by_block() {
        let deflated = |text: &[u8]| {
            let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
            let mut out = vec![0; compressor.zlib_compress_bound(text.len())];
            let len = compressor.zlib_compress(text, &mut out).unwrap();
            out.truncate(len);
            out
        };
        // A table of logs alone: the first block has the header of the file in it.
        let texts: [&[u8]; 3] = [b"one log", &[b'x'; 3000], b"gg"];
        let mut bytes = [&b"REFT\x01\0\0\0"[..], &[0; 16]].concat();
        for (text, own) in texts.iter().zip([28, 4, 4]) {
            let len = (text.len() + own) as u32;
            bytes.extend_from_slice(&[b"g", &len.to_be_bytes()[1..], &deflated(text)].concat());
        }
        bytes.extend_from_slice(&[0; 68]);
        let mut read: Vec<Vec<u8>> = Vec::new();
        logs(&bytes, |block| read.push(block.to_vec())).unwrap();
        assert_eq!(read, texts);
        for at in 24..bytes.len() - 68 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x11;
            let _ends = logs(&bytes, |_| ());
        }
    }

    #[test]
    fn what_is_not_true_is_refused() {
        let whole = made(&records(), 0);
        for len in 0..whole.len() - 68 {
            let _ends = refs(&whole[..len]);
        }
        for at in 0..whole.len() {
            for byte in [0, 0x7F, 0xFF] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                let _ends = refs(&bytes);
            }
        }
        assert_eq!(refs(b"REFT"), None);
        assert_eq!(refs(&made(&[9, 1 << 3 | 1, b'x'], 0)), None);
    }
}
