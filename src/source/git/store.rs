//! All objects of a repository by number: those of its packs, loose ones, and those of its alternates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::inflate::Inflater;
use super::lookup::{self, Lookup, ObjectPlaces, entries};
use super::pack::Pack;
use super::{ObjectError, ObjectId, ObjectKind};
use crate::error::{Error, ErrorKind, Result};

/// The number of an object in a [`Store`]: packs first, by position in their indices, then loose objects.
pub(crate) type ObjectNumber = u32;

/// Where the objects of a repository are.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) packs: Vec<Arc<Pack>>,
    /// The number of the first object of each pack.
    firsts: Vec<ObjectNumber>,
    /// Loose objects, by id; those that are in a pack too are left out.
    loose: Vec<(ObjectId, PathBuf)>,
    first_loose: ObjectNumber,
    folders: Vec<PathBuf>,
    /// What could not be opened, and why.
    pub(crate) unreadable: Vec<(String, String)>,
}

impl Store {
    /// Finds all objects below `objects` folders and their alternates.
    ///
    /// # Errors
    /// When there is no such folder, or more objects than can be numbered.
    pub(crate) fn open(places: &ObjectPlaces, hash_len: usize) -> Result<Store> {
        let Lookup { folders, packs, unreadable, .. } = Lookup::open(places, hash_len)?;
        let mut store = Store { packs, firsts: Vec::new(), loose: Vec::new(), first_loose: 0, folders, unreadable };
        let mut loose = Vec::new();
        for folder in store.folders.clone() {
            store.list_loose(&folder, hash_len, &mut loose);
        }
        let count = store.number_packs().ok_or_else(|| too_many(&places.objects))?;
        loose.sort();
        loose.dedup_by(|a, b| a.0 == b.0);
        loose.retain(|(id, _)| store.find(id.as_bytes()).is_none());
        u32::try_from(loose.len())
            .ok()
            .and_then(|len| count.checked_add(len))
            .ok_or_else(|| too_many(&places.objects))?;
        store.loose = loose;
        Ok(store)
    }

    /// Objects of packs alone.
    pub(crate) fn of_packs(packs: Vec<Arc<Pack>>) -> Option<Store> {
        let mut store = Store { packs, ..Store::default() };
        store.number_packs().map(|_| store)
    }

    /// Gives the objects of packs their numbers, and answers how many there are; `None` when they are too many.
    fn number_packs(&mut self) -> Option<ObjectNumber> {
        for pack in &self.packs {
            self.firsts.push(self.first_loose);
            self.first_loose = self.first_loose.checked_add(pack.count())?;
        }
        Some(self.first_loose)
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

    /// The one object whose id starts with these hex digits, of which there are four or more.
    pub(crate) fn find_short(&self, hex: &str) -> Option<ObjectId> {
        lookup::find_short(&self.packs, &self.folders, hex)
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

    /// Where an object lies: those that were made from each other lie close together.
    pub(crate) fn lies_at(&self, number: ObjectNumber) -> (usize, u64) {
        let packed = self.place(number).and_then(|(pack, at)| Some((pack, self.packs[pack].offset(at)?)));
        packed.unwrap_or((self.packs.len(), number.into()))
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
            Some((pack, position)) => self.packs[pack].read(position, inflater, out),
            None => {
                let index = (number - self.first_loose) as usize;
                let unreadable = ObjectError::Corrupt("its file cannot be read");
                lookup::read_loose(&self.loose.get(index).ok_or(unreadable)?.1, inflater, out)
            }
        }
    }
}

fn too_many(objects: &Path) -> Error {
    Error::new(ErrorKind::Io, "there are more than 4 billion objects").in_file(objects)
}
