//! All objects of a repository by number: those of its packs, loose ones, and those of its alternates.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::inflate::Inflater;
use super::pack::Pack;
use super::{MAX_OBJECT_LEN, ObjectError, ObjectId, ObjectKind};
use crate::error::{Error, ErrorKind, Result};

/// Alternates may have alternates, this deep.
const MAX_ALTERNATES: usize = 64;

/// The number of an object in a [`Store`]: packs first, by position in their indices, then loose objects.
pub(crate) type ObjectNumber = u32;

/// Where the objects of a repository are.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) packs: Vec<Pack>,
    /// The number of the first object of each pack.
    firsts: Vec<ObjectNumber>,
    /// Loose objects, by id; those that are in a pack too are left out.
    loose: Vec<(ObjectId, PathBuf)>,
    first_loose: ObjectNumber,
    /// What could not be opened, and why.
    pub(crate) unreadable: Vec<(String, String)>,
}

impl Store {
    /// Finds the objects below an `objects` folder and its alternates.
    ///
    /// # Errors
    /// When there is no such folder, or more objects than can be numbered.
    pub(crate) fn open(objects: &Path, hash_len: usize) -> Result<Store> {
        if !objects.is_dir() {
            return Err(Error::new(ErrorKind::Io, "there is no folder of objects").in_file(objects));
        }
        let mut store =
            Store { packs: Vec::new(), firsts: Vec::new(), loose: Vec::new(), first_loose: 0, unreadable: Vec::new() };
        let mut loose = Vec::new();
        for folder in store.folders(objects) {
            store.open_packs(&folder.join("pack"), hash_len);
            store.list_loose(&folder, hash_len, &mut loose);
        }
        let mut count = 0u32;
        for pack in &store.packs {
            store.firsts.push(count);
            count = count.checked_add(pack.count()).ok_or_else(|| too_many(objects))?;
        }
        store.first_loose = count;
        loose.sort();
        loose.dedup_by(|a, b| a.0 == b.0);
        loose.retain(|(id, _)| store.find(id.as_bytes()).is_none());
        u32::try_from(loose.len()).ok().and_then(|len| count.checked_add(len)).ok_or_else(|| too_many(objects))?;
        store.loose = loose;
        Ok(store)
    }

    /// The folder of objects and those it borrows from.
    fn folders(&mut self, objects: &Path) -> Vec<PathBuf> {
        let mut folders = vec![objects.to_owned()];
        let mut known: HashSet<PathBuf> = folders.iter().map(|folder| canonical(folder)).collect();
        let mut next = 0;
        while let Some(folder) = folders.get(next).cloned() {
            next += 1;
            let list = folder.join("info/alternates");
            let Ok(text) = fs::read(&list) else { continue };
            for line in String::from_utf8_lossy(&text).lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                let alternate = folder.join(line);
                if !alternate.is_dir() {
                    self.unreadable.push((list.display().to_string(), "an alternate is not there".to_owned()));
                } else if folders.len() > MAX_ALTERNATES {
                    self.unreadable.push((list.display().to_string(), "there are too many alternates".to_owned()));
                } else if known.insert(canonical(&alternate)) {
                    folders.push(alternate);
                }
            }
        }
        folders
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
                        self.packs.push(pack);
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

    fn list_loose(&mut self, folder: &Path, hash_len: usize, loose: &mut Vec<(ObjectId, PathBuf)>) {
        for byte in 0..=255u8 {
            let start = format!("{byte:02x}");
            let folder = folder.join(&start);
            // Most of them are not there in a repository that was packed.
            for path in entries(&folder, &mut self.unreadable) {
                let name = path.file_name().map(|name| format!("{start}{}", name.to_string_lossy()));
                let id = name.filter(|name| name.len() == 2 * hash_len);
                if let Some(id) = id.and_then(|name| ObjectId::from_hex(name.as_bytes())) {
                    loose.push((id, path));
                }
            }
        }
    }

    /// How many objects there are.
    pub(crate) fn count(&self) -> ObjectNumber {
        self.first_loose + self.loose.len() as u32
    }

    /// The number of the first object of a pack.
    pub(crate) fn first(&self, pack: usize) -> ObjectNumber {
        self.firsts[pack]
    }

    /// The numbers of the loose objects.
    pub(crate) fn loose_numbers(&self) -> std::ops::Range<ObjectNumber> {
        self.first_loose..self.count()
    }

    /// The number of an object. Of several of the same id it is always the same one.
    pub(crate) fn find(&self, id: &[u8]) -> Option<ObjectNumber> {
        let packed = self.packs.iter().zip(&self.firsts).find_map(|(pack, first)| Some(first + pack.find(id)?));
        packed.or_else(|| {
            let index = self.loose.binary_search_by(|(loose, _)| loose.as_bytes().cmp(id)).ok()?;
            Some(self.first_loose + index as u32)
        })
    }

    /// The number of the one object whose id starts with these hex digits, of which there are four or more.
    pub(crate) fn find_short(&self, hex: &str) -> Option<ObjectNumber> {
        if hex.len() < 4 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let digits = hex.to_ascii_lowercase();
        // Not longer than an id: a full one would come before it.
        let whole = if digits.len().is_multiple_of(2) { digits.clone() } else { format!("{digits}0") };
        let low = data_encoding::HEXLOWER.decode(whole.as_bytes()).ok()?;
        let mut found: Vec<(ObjectId, ObjectNumber)> = Vec::new();
        let starts = |id: &ObjectId| id.to_string().starts_with(&digits);
        for (pack, first) in self.packs.iter().zip(&self.firsts) {
            let from = pack.lower_bound(&low);
            let ids = (from..pack.count()).map_while(|position| Some((pack.id(position)?, first + position)));
            found.extend(ids.take_while(|(id, _)| starts(id)));
        }
        let loose = self.loose.iter().map(|(id, _)| *id).zip(self.first_loose..);
        found.extend(loose.filter(|(id, _)| starts(id)));
        // The stable sort keeps the number by which the object is found.
        found.sort_by_key(|(id, _)| *id);
        found.dedup_by_key(|(id, _)| *id);
        match found[..] {
            [(_, number)] => Some(number),
            _ => None,
        }
    }

    /// Whether the object at a position of a pack has another number than this.
    pub(crate) fn is_copy(&self, pack: usize, position: u32) -> bool {
        let id = self.packs[pack].id_bytes(position);
        self.packs[..pack].iter().any(|earlier| earlier.find(id).is_some())
    }

    /// The pack of an object and its position there; `None` for a loose one.
    pub(crate) fn place(&self, number: ObjectNumber) -> Option<(usize, u32)> {
        let pack = self.firsts.partition_point(|first| *first <= number).checked_sub(1)?;
        (number < self.first_loose).then(|| (pack, number - self.firsts[pack]))
    }

    /// The id of an object.
    pub(crate) fn id(&self, number: ObjectNumber) -> Option<ObjectId> {
        match self.place(number) {
            Some((pack, position)) => self.packs[pack].id(position),
            None => self.loose.get((number - self.first_loose) as usize).map(|(id, _)| *id),
        }
    }

    /// Fills `out` with an object, and answers its kind.
    pub(crate) fn read(
        &self,
        number: ObjectNumber,
        inflater: &mut Inflater,
        out: &mut Vec<u8>,
    ) -> std::result::Result<ObjectKind, ObjectError> {
        match self.place(number) {
            Some((pack, position)) => {
                let pack = &self.packs[pack];
                let slot = pack.slot_of(position).ok_or(ObjectError::Corrupt("its index does not place it"))?;
                pack.rebuild(slot, inflater, out)
            }
            None => self.read_loose(number, inflater, out),
        }
    }

    fn read_loose(
        &self,
        number: ObjectNumber,
        inflater: &mut Inflater,
        out: &mut Vec<u8>,
    ) -> std::result::Result<ObjectKind, ObjectError> {
        let unreadable = ObjectError::Corrupt("its file cannot be read");
        let path = self.loose.get((number - self.first_loose) as usize).map(|(_, path)| path).ok_or(unreadable)?;
        let len = fs::metadata(path).map_err(|_| unreadable)?.len();
        if len > MAX_OBJECT_LEN {
            return Err(ObjectError::TooLarge(len));
        }
        let stream = fs::read(path).map_err(|_| unreadable)?;
        let (kind, start) = inflater.loose(&stream, out)?;
        out.drain(..start);
        Ok(kind)
    }
}

fn too_many(objects: &Path) -> Error {
    Error::new(ErrorKind::Io, "there are more than 4 billion objects").in_file(objects)
}

fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// What is in a folder; nothing where there is no folder.
fn entries(folder: &Path, unreadable: &mut Vec<(String, String)>) -> Vec<PathBuf> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            unreadable.push((folder.display().to_string(), error.to_string()));
            Vec::new()
        }
    }
}
