//! Objects by id, looked up one at a time: for the few that a commit or a push brings.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::inflate::Inflater;
use super::pack::Pack;
use super::{MAX_OBJECT_LEN, ObjectError, ObjectId, ObjectKind};
use crate::error::{Error, ErrorKind, Result};

/// Alternates may have alternates, this deep.
const MAX_ALTERNATES: usize = 64;

/// Where the objects of a repository lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ObjectPlaces {
    /// Its own folder of objects.
    pub(crate) objects: PathBuf,
    /// Folders that are looked into besides, and that no file names: while a push is received, its objects are kept
    /// apart from those that are there.
    pub(crate) alternates: Vec<PathBuf>,
}

/// The objects of a repository.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    /// The folders of objects, those it borrows from last.
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) packs: Vec<Arc<Pack>>,
    /// What could not be opened, and why.
    pub(crate) unreadable: Vec<(String, String)>,
}

impl Lookup {
    /// Opens the packs below `objects` folders and their alternates.
    ///
    /// # Errors
    /// When there is no such folder.
    pub(crate) fn open(places: &ObjectPlaces, hash_len: usize) -> Result<Lookup> {
        if !places.objects.is_dir() {
            return Err(Error::new(ErrorKind::Io, "there is no folder of objects").in_file(&places.objects));
        }
        let mut lookup = Lookup { folders: Vec::new(), packs: Vec::new(), unreadable: Vec::new() };
        lookup.find_folders(places);
        for folder in lookup.folders.clone() {
            lookup.open_packs(&folder.join("pack"), hash_len);
        }
        Ok(lookup)
    }

    /// Finds the folders of objects and those they borrow from.
    fn find_folders(&mut self, places: &ObjectPlaces) {
        let mut known = HashSet::new();
        for folder in [&places.objects].into_iter().chain(&places.alternates) {
            if known.insert(canonical(folder)) {
                self.folders.push(folder.clone());
            }
        }
        let mut next = 0;
        while let Some(folder) = self.folders.get(next).cloned() {
            next += 1;
            let list = folder.join("info/alternates");
            let Ok(text) = fs::read(&list) else { continue };
            for line in String::from_utf8_lossy(&text).lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                let alternate = folder.join(line);
                if !alternate.is_dir() {
                    self.unreadable.push((list.display().to_string(), "an alternate is not there".to_owned()));
                } else if self.folders.len() > MAX_ALTERNATES {
                    self.unreadable.push((list.display().to_string(), "there are too many alternates".to_owned()));
                } else if known.insert(canonical(&alternate)) {
                    self.folders.push(alternate);
                }
            }
        }
    }

    fn open_packs(&mut self, folder: &Path, hash_len: usize) {
        let mut names: Vec<PathBuf> = entries(folder, &mut self.unreadable);
        names.sort();
        let indices: HashSet<PathBuf> =
            names.iter().filter(|name| name.extension().is_some_and(|end| end == "idx")).cloned().collect();
        for name in names {
            if indices.contains(&name) {
                match Pack::open(&name, hash_len) {
                    Ok(pack) => {
                        if let Some(why) = pack.disagreement() {
                            self.unreadable.push((pack.path.display().to_string(), why.to_owned()));
                        }
                        self.packs.push(Arc::new(pack));
                    }
                    Err(why) => self.unreadable.push((name.display().to_string(), why)),
                }
            } else if name.extension().is_some_and(|end| end == "pack")
                && !indices.contains(&name.with_extension("idx"))
            {
                self.unreadable.push((name.display().to_string(), "the pack has no index".to_owned()));
            }
        }
    }

    /// Where an object lies: those that were made from each other lie close together.
    pub(crate) fn place(&self, id: &ObjectId) -> (usize, u64) {
        let packed = self.packs.iter().enumerate().find_map(|(pack, p)| Some((pack, p.offset_of(id.as_bytes())?)));
        packed.unwrap_or((self.packs.len(), 0))
    }

    /// Fills `out` with an object, and answers its kind; `None` when it is not there.
    pub(crate) fn read(
        &self,
        id: &ObjectId,
        inflater: &mut Inflater,
        out: &mut Vec<u8>,
    ) -> std::result::Result<Option<ObjectKind>, ObjectError> {
        let mut failed = None;
        for pack in &self.packs {
            match pack.find(id.as_bytes()).map(|position| pack.read(position, inflater, out)) {
                Some(Ok(kind)) => return Ok(Some(kind)),
                // Another copy may be whole.
                Some(Err(error)) => failed = Some(error),
                None => {}
            }
        }
        for path in self.folders.iter().map(|folder| loose_path(folder, id)).filter(|path| path.is_file()) {
            match read_loose(&path, inflater, out) {
                Ok(kind) => return Ok(Some(kind)),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// The one object whose id starts with these hex digits, of which there are four or more.
    pub(crate) fn find_short(&self, hex: &str) -> Option<ObjectId> {
        find_short(&self.packs, &self.folders, hex)
    }
}

/// The one object of packs and folders whose id starts with these hex digits, of which there are four or more.
pub(crate) fn find_short(packs: &[Arc<Pack>], folders: &[PathBuf], hex: &str) -> Option<ObjectId> {
    if hex.len() < 4 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digits = hex.to_ascii_lowercase();
    let starts = |id: &ObjectId| id.to_string().starts_with(&digits);
    let whole = if digits.len().is_multiple_of(2) { digits.clone() } else { format!("{digits}0") };
    let low = data_encoding::HEXLOWER.decode(whole.as_bytes()).ok()?;
    let mut found: Vec<ObjectId> = Vec::new();
    for pack in packs {
        let ids = (pack.lower_bound(&low)..pack.count()).map_while(|position| pack.id(position));
        found.extend(ids.take_while(starts));
    }
    for folder in folders {
        let names = fs::read_dir(folder.join(&digits[..2])).into_iter().flatten().filter_map(std::io::Result::ok);
        let ids = names.map(|entry| format!("{}{}", &digits[..2], entry.file_name().to_string_lossy()));
        found.extend(ids.filter_map(|id| ObjectId::from_hex(id.as_bytes())).filter(starts));
    }
    found.sort_unstable();
    found.dedup();
    <[ObjectId; 1]>::try_from(found).ok().map(|[id]| id)
}

/// The file of an object that is in no pack.
fn loose_path(folder: &Path, id: &ObjectId) -> PathBuf {
    let hex = id.to_string();
    folder.join(&hex[..2]).join(&hex[2..])
}

/// Fills `out` with the object of a file, and answers its kind.
pub(crate) fn read_loose(
    path: &Path,
    inflater: &mut Inflater,
    out: &mut Vec<u8>,
) -> std::result::Result<ObjectKind, ObjectError> {
    let unreadable = ObjectError::Corrupt("its file cannot be read");
    let len = fs::metadata(path).map_err(|_| unreadable)?.len();
    if len > MAX_OBJECT_LEN {
        return Err(ObjectError::TooLarge(len));
    }
    let stream = fs::read(path).map_err(|_| unreadable)?;
    let (kind, start) = inflater.loose(&stream, out)?;
    out.drain(..start);
    Ok(kind)
}

fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// What is in a folder; nothing where there is no folder.
pub(crate) fn entries(folder: &Path, unreadable: &mut Vec<(String, String)>) -> Vec<PathBuf> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            unreadable.push((folder.display().to_string(), error.to_string()));
            Vec::new()
        }
    }
}
