//! Values of `SQLite` databases that do not fit into their page: the pieces of each, put together again.
//!
//! Nothing of the database is trusted, and no other program runs: pages are read as <https://sqlite.org/fileformat2.html>
//! has them, and all values together are no longer than the file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The head of a database, and of a log of changes.
const HEAD: usize = 100;
const LOG_HEAD: u64 = 32;
const FRAME_HEAD: u64 = 24;
/// No longer value is put together.
const MAX_VALUE: u64 = 256 << 20;

/// A piece of a value: where it lies in the file that is looked at, unless it lies in another one, and its length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) at: Option<u64>,
    pub(super) len: u64,
}

/// A value in pieces.
#[derive(Debug, Default)]
pub(super) struct Value {
    pub(super) bytes: Vec<u8>,
    pub(super) pieces: Vec<Piece>,
}

impl Value {
    /// Where a byte of it lies in the file.
    pub(super) fn place(&self, offset: u64) -> Option<u64> {
        let mut from = 0;
        for piece in &self.pieces {
            if offset < from + piece.len {
                return piece.at.map(|at| at + (offset - from));
            }
            from += piece.len;
        }
        None
    }
}

/// The pages of a database, or of the log of its changes, where pages that are not in it are the database's.
pub(super) struct Pages {
    file: File,
    /// In the log: where a page was written last.
    log: Option<HashMap<u32, u64>>,
    beside: Option<File>,
    page_len: usize,
    /// Of a page, without what is reserved at its end.
    usable: usize,
    count: u32,
    /// So many bytes of values are put together at most: all values of a sound file are no longer than it.
    budget: u64,
}

impl Pages {
    /// `None` where the file is no database that can be read.
    pub(super) fn open(path: &Path, is_log: bool) -> io::Result<Option<Pages>> {
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        if !is_log {
            let mut head = [0; HEAD];
            if file.read_exact(&mut head).is_err() {
                return Ok(None);
            }
            let page_len = match u16::from_be_bytes([head[16], head[17]]) {
                1 => 65_536,
                len => usize::from(len),
            };
            return Ok(Pages::new(file, None, None, page_len, head[20], len));
        }
        let mut head = [0; LOG_HEAD as usize];
        if file.read_exact(&mut head).is_err() {
            return Ok(None);
        }
        let page_len = u32::from_be_bytes([head[8], head[9], head[10], head[11]]) as usize;
        let own = path.to_str().and_then(|path| path.strip_suffix("-wal"));
        let mut beside = own.and_then(|own| File::open(own).ok());
        let mut reserved = [0; HEAD];
        let of_main = beside.as_mut().map_or(0, |main| main.read_exact(&mut reserved).map_or(0, |()| reserved[20]));
        let Some(mut pages) = Pages::new(file, Some(HashMap::new()), beside, page_len, of_main, len) else {
            return Ok(None);
        };
        let frame = FRAME_HEAD + page_len as u64;
        let mut log = HashMap::new();
        for number in 0..len.saturating_sub(LOG_HEAD) / frame {
            let at = LOG_HEAD + number * frame;
            let mut page = [0; 4];
            pages.file.seek(SeekFrom::Start(at))?;
            pages.file.read_exact(&mut page)?;
            log.insert(u32::from_be_bytes(page), at + FRAME_HEAD);
        }
        pages.count = u32::MAX;
        pages.log = Some(log);
        Ok(Some(pages))
    }

    fn new(
        file: File,
        log: Option<HashMap<u32, u64>>,
        beside: Option<File>,
        page_len: usize,
        reserved: u8,
        len: u64,
    ) -> Option<Pages> {
        let is_sound = page_len.is_power_of_two() && (512..=65_536).contains(&page_len);
        let usable = page_len.checked_sub(usize::from(reserved)).filter(|usable| is_sound && *usable >= 480)?;
        let count = u32::try_from(len / page_len as u64).unwrap_or(u32::MAX);
        // Of a log, values go on in the database.
        let budget = if log.is_some() { len.saturating_mul(4) } else { len };
        Some(Pages { file, log, beside, page_len, usable, count, budget })
    }

    /// Gives each value that lies on several pages, as far as they lead anywhere, and answers how many were too long.
    pub(super) fn values(&mut self, mut give: impl FnMut(&Value) -> io::Result<()>) -> io::Result<u64> {
        let (mut passed_over, mut page, mut value) = (0, vec![0; self.page_len], Value::default());
        let mut numbers: Vec<u32> = match &self.log {
            Some(log) => log.keys().copied().collect(),
            None => (1..=self.count).collect(),
        };
        numbers.sort_unstable();
        for number in numbers {
            let Some(at) = self.read(number, &mut page)? else { continue };
            for cell in cells(&page, number == 1, self.usable) {
                value.bytes.clear();
                value.pieces.clear();
                value.bytes.extend_from_slice(&page[cell.local.clone()]);
                let len = cell.local.len() as u64;
                value.pieces.push(Piece { at: at.map(|at| at + cell.local.start as u64), len });
                if cell.len > self.budget.min(MAX_VALUE) {
                    passed_over += 1;
                    continue;
                }
                self.budget -= cell.len;
                self.follow(&cell, &mut value)?;
                give(&value)?;
            }
        }
        Ok(passed_over)
    }

    /// Appends what of a value lies on other pages. Pages that are free may still have entries, which lead nowhere.
    fn follow(&mut self, cell: &Cell, value: &mut Value) -> io::Result<()> {
        let mut left = cell.len - cell.local.len() as u64;
        let (mut number, mut page) = (cell.next, vec![0; self.page_len]);
        while left > 0 {
            let Some(at) = self.read(number, &mut page)? else { return Ok(()) };
            let len = left.min(self.usable as u64 - 4);
            value.bytes.extend_from_slice(&page[4..4 + len as usize]);
            value.pieces.push(Piece { at: at.map(|at| at + 4), len });
            left -= len;
            number = u32::from_be_bytes([page[0], page[1], page[2], page[3]]);
        }
        Ok(())
    }

    /// Reads a page; where it lies in the file that is looked at. `None` where there is none.
    fn read(&mut self, number: u32, page: &mut [u8]) -> io::Result<Option<Option<u64>>> {
        if number == 0 || number > self.count {
            return Ok(None);
        }
        let in_main = u64::from(number - 1) * self.page_len as u64;
        let (file, at, own) = match &self.log {
            None => (&mut self.file, in_main, Some(in_main)),
            Some(log) => match (log.get(&number), &mut self.beside) {
                (Some(at), _) => (&mut self.file, *at, Some(*at)),
                (None, Some(beside)) => (beside, in_main, None),
                (None, None) => return Ok(None),
            },
        };
        file.seek(SeekFrom::Start(at))?;
        match file.read_exact(page) {
            Ok(()) => Ok(Some(own)),
            // It became shorter meanwhile, or never was so long.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// An entry of a page whose value goes on elsewhere.
struct Cell {
    /// Of the value, in bytes.
    len: u64,
    /// What of it is in the page.
    local: std::ops::Range<usize>,
    /// The page where it goes on.
    next: u32,
}

/// The entries of a page whose values go on elsewhere; of a page that is none of a tree, none or nonsense.
fn cells(page: &[u8], is_first: bool, usable: usize) -> Vec<Cell> {
    const INTERIOR_INDEX: u8 = 2;
    const LEAF_INDEX: u8 = 10;
    const LEAF_TABLE: u8 = 13;
    let head = if is_first { HEAD } else { 0 };
    let kind = page[head];
    let (head_len, before) = match kind {
        INTERIOR_INDEX => (12, 4),
        LEAF_INDEX | LEAF_TABLE => (8, 0),
        _ => return Vec::new(),
    };
    let most_of_index = (usable - 12) * 64 / 255 - 23;
    let most = if kind == LEAF_TABLE { usable - 35 } else { most_of_index };
    let least = (usable - 12) * 32 / 255 - 23;
    let count = usize::from(u16::from_be_bytes([page[head + 3], page[head + 4]]));
    let pointers = page[head + head_len..].chunks_exact(2).take(count);
    let cell = |pointer: &[u8]| {
        let mut at = usize::from(u16::from_be_bytes([pointer[0], pointer[1]])) + before;
        let len = varint(page, &mut at)?;
        if kind == LEAF_TABLE {
            varint(page, &mut at)?;
        }
        if len <= most as u64 {
            return None;
        }
        let wanted = least as u64 + (len - least as u64) % (usable as u64 - 4);
        let local_len = if wanted <= most as u64 { wanted as usize } else { least };
        let next = page.get(at + local_len..at + local_len + 4)?;
        let next = u32::from_be_bytes([next[0], next[1], next[2], next[3]]);
        Some(Cell { len, local: at..at + local_len, next })
    };
    pointers.filter_map(cell).collect()
}

/// A number of one to nine bytes.
fn varint(page: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0_u64;
    for count in 0..9 {
        let byte = *page.get(*at)?;
        *at += 1;
        if count == 8 {
            return Some(number << 8 | u64::from(byte));
        }
        number = number << 7 | u64::from(byte & 0x7F);
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}
