//! Archives and compressed files, as the units in them.
//!
//! What a file is, its first bytes say, and never its name. Compressed files, tar and ar archives go by in pieces. A zip
//! archive lists its members at its end, and so one that is a member itself is held in memory, where it is no longer
//! than [`MAX_HELD_LEN`].
//!
//! Archives come from anybody: how deep they are opened, how much all of one file together may unpack to, how long
//! names are and how much memory a decoder takes has bounds, and whoever is told of the units is told where one bit.

mod ar;
mod kind;
mod limit;
mod tar;
mod zip;
mod zstd;

#[cfg(feature = "fs")]
use std::io::Seek;
use std::io::{self, BufReader, Cursor, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use self::kind::Kind;
use self::limit::{Budget, Guarded};

pub(crate) use self::kind::{HEAD_LEN, is_archive, uncompressed_name};

/// Archives in archives are opened so deep, whatever was asked for.
const MAX_DEPTH: u32 = 16;
/// A zip archive in another archive is held in memory up to this length.
const MAX_HELD_LEN: u64 = 256 << 20;
/// The most memory that a decoder of xz takes, in KiB; `xz -9` needs half of it.
const MAX_XZ_KIB: u32 = 128 << 10;

/// Who looks at the units.
pub(crate) trait Visitor {
    /// A member, or what a compressed file holds.
    fn unit(&mut self, name: &str, reader: &mut dyn Read);
    /// What was not opened or not read to its end, and why.
    fn unopened(&mut self, name: &str, reason: String);
}

/// How archives are opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening<'a> {
    /// Archives in archives are opened so deep: 1 opens archives, 2 also those in them. A compressed archive counts once.
    pub(crate) depth: u32,
    /// Set from outside to end early.
    pub(crate) interrupted: &'a AtomicBool,
}

/// Opens a file that [is an archive](is_archive) and is `len` bytes long.
#[cfg(feature = "fs")]
pub(crate) fn open(name: &str, file: impl Read + Seek, len: u64, opening: Opening<'_>, visitor: &mut dyn Visitor) {
    let budget = Budget::of(len);
    let mut file = BufReader::new(file);
    let mut walk = Walk::new(&budget, opening, visitor);
    let head = match read_head(&mut file).and_then(|head| file.rewind().map(|()| head)) {
        Ok(head) => head,
        Err(error) => return walk.visitor.unopened(name, error.to_string()),
    };
    let is_opened = match Kind::of(&head) {
        Some(Kind::Zip) => walk.zip(name, &mut file, 1),
        Some(kind) => walk.container(name, kind, &mut file, 1),
        None => false,
    };
    if !is_opened {
        // It only starts like an archive, or is of a kind that is not opened: looked at as it is.
        match file.rewind() {
            Ok(()) => walk.visitor.unit(name, &mut file),
            Err(error) => walk.visitor.unopened(name, error.to_string()),
        }
    }
}

/// Opens a stream that starts with `head` and [is an archive](is_archive).
pub(crate) fn open_stream(name: &str, head: &[u8], reader: impl Read, opening: Opening<'_>, visitor: &mut dyn Visitor) {
    let budget = Budget::of_stream();
    let mut reader = Guarded::input(Cursor::new(head).chain(reader), &budget, opening.interrupted);
    Walk::new(&budget, opening, visitor).member(name, &mut reader, 0);
}

/// The first bytes, as many as tell what it is.
fn read_head(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_LEN);
    reader.take(HEAD_LEN as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Goes through what is in one file.
struct Walk<'a> {
    budget: &'a Budget,
    depth: u32,
    interrupted: &'a AtomicBool,
    visitor: &'a mut dyn Visitor,
}

impl<'a> Walk<'a> {
    fn new(budget: &'a Budget, opening: Opening<'a>, visitor: &'a mut dyn Visitor) -> Walk<'a> {
        Walk { budget, depth: opening.depth.min(MAX_DEPTH), interrupted: opening.interrupted, visitor }
    }

    /// Whether nothing more is looked at: the user interrupted, or the file unpacks to too much.
    fn is_over(&self) -> bool {
        self.budget.is_spent() || self.interrupted.load(Ordering::Relaxed)
    }

    /// What a decoder makes, counted.
    fn unpacked<'r>(&self, reader: impl Read + 'r) -> Guarded<'a, impl Read + 'r> {
        Guarded::output(reader, self.budget, self.interrupted)
    }

    /// A member that stands in `depth` archives. Its first bytes tell whether it is one itself.
    fn member(&mut self, name: &str, reader: &mut dyn Read, depth: u32) {
        let head = match read_head(reader) {
            Ok(head) => head,
            Err(error) => return self.visitor.unopened(name, error.to_string()),
        };
        let kind = Kind::of(&head);
        let mut whole = Cursor::new(head).chain(reader);
        match kind {
            None => self.visitor.unit(name, &mut whole),
            Some(kind) if depth < self.depth => _ = self.container(name, kind, &mut whole, depth + 1),
            Some(kind) => {
                // Looked at as it is, which is something only for those that do not compress.
                self.visitor.unit(name, &mut whole);
                if !kind.is_plain() {
                    let reason = format!("it is in {depth} archives, and no more are opened: --max-archive-depth");
                    self.visitor.unopened(name, reason);
                }
            }
        }
    }

    /// An archive that is read from start to end. Answers false when nothing in it could be opened, which is told.
    fn container(&mut self, name: &str, kind: Kind, reader: &mut dyn Read, depth: u32) -> bool {
        match kind {
            Kind::Tar => {
                self.tar(name, reader, depth);
                true
            }
            Kind::Ar => {
                self.ar(name, reader, depth);
                true
            }
            Kind::Zip => self.inner_zip(name, reader, depth),
            Kind::Gzip => {
                let decoder = flate2::bufread::MultiGzDecoder::new(BufReader::new(reader));
                self.compressed(name, decoder, depth)
            }
            Kind::Bzip2 => {
                let decoder = bzip2::bufread::MultiBzDecoder::new(BufReader::new(reader));
                self.compressed(name, decoder, depth)
            }
            Kind::Xz => {
                let decoder = lzma_rust2::XzReader::new_mem_limit(BufReader::new(reader), true, MAX_XZ_KIB);
                self.compressed(name, decoder, depth)
            }
            Kind::Zstd => self.compressed(name, zstd::Frames::new(BufReader::new(reader)), depth),
            Kind::SevenZip => self.unopened(name, "7-Zip archives are not opened".to_owned()),
            Kind::Rar => self.unopened(name, "RAR archives are not opened".to_owned()),
        }
    }

    /// Tells that nothing in an archive could be opened.
    fn unopened(&mut self, name: &str, reason: String) -> bool {
        self.visitor.unopened(name, reason);
        false
    }

    /// What one stream was compressed from: an archive, whose members are named as if it were not compressed, or a file.
    fn compressed(&mut self, name: &str, decoder: impl Read, depth: u32) -> bool {
        let mut text = self.unpacked(decoder);
        let head = match read_head(&mut text) {
            Ok(head) => head,
            Err(error) => return self.unopened(name, error.to_string()),
        };
        let kind = Kind::of(&head);
        let mut whole = Cursor::new(head).chain(text);
        match kind {
            Some(kind @ (Kind::Tar | Kind::Ar)) => _ = self.container(name, kind, &mut whole, depth),
            _ => self.member(&format!("{name}!{}", uncompressed_name(name)), &mut whole, depth),
        }
        true
    }

    /// Tells that the rest is not looked at, if that is so.
    fn settle(&mut self, name: &str) {
        if self.budget.is_spent() {
            self.visitor.unopened(name, self.budget.to_string());
        }
    }
}

/// The name of a member, from bytes that may be anything.
fn member_name(archive: &str, name: &[u8]) -> String {
    /// Longer names are cut.
    const MAX_NAME_LEN: usize = 4096;
    let name = &name[..name.len().min(MAX_NAME_LEN)];
    let name = String::from_utf8_lossy(name);
    format!("{archive}!{}", name.strip_prefix("./").unwrap_or(&name))
}
