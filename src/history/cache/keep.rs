//! From what a scan learned to a cache.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::format::{CommitRecord, HitRecord, NOTHING, NameRecord, Record};
use super::recall::Numbers;
use crate::history::by_object::ByObject;
use crate::history::scan::{Found, Part, SecretPlace};
use crate::source::git::inflate::Inflater;
use crate::source::git::tree::entry;
use crate::source::git::{ObjectId, ObjectNumber, Store};

/// What a scan learned, with what was known before.
pub(in crate::history) struct Learned<'a> {
    pub(in crate::history) store: &'a Store,
    pub(in crate::history) hash_len: usize,
    pub(in crate::history) found: &'a [Found],
    /// All commits.
    pub(in crate::history) commits: &'a [crate::history::commits::Commit],
    /// By tree: the entries that lead to secrets.
    pub(in crate::history) edges: &'a ByObject<(u32, ObjectNumber)>,
    pub(in crate::history) names: &'a [Box<[u8]>],
    /// Names that hold secrets.
    pub(in crate::history) secret_names: HashSet<u32>,
}

/// The object is not remembered.
const NOT: u32 = u32::MAX;

impl Learned<'_> {
    /// What is to be remembered; `None` when it is what was.
    pub(super) fn record(&self, known: Option<(&Record, &Numbers)>) -> Option<Record> {
        let looked_at = self.found.iter().any(|found| !found.blobs.is_empty() || !found.links.is_empty());
        if known.is_some_and(|(_, numbers)| !numbers.is_any_gone) && !looked_at {
            return None;
        }
        let failed: HashSet<ObjectId> =
            self.found.iter().flat_map(|found| &found.failed).filter_map(|(id, _)| *id).collect();
        let mut blobs: Vec<ObjectNumber> = self.found.iter().flat_map(|found| found.blobs.iter().copied()).collect();
        let mut links: Vec<ObjectNumber> = self.found.iter().flat_map(|found| found.links.iter().copied()).collect();
        if let Some((record, numbers)) = known {
            let (count, all) = (
                (record.blobs.len() / self.hash_len) as u32,
                (record.count() - record.absent.len() / self.hash_len) as u32,
            );
            blobs.extend((0..count).filter_map(|object| numbers.get(object)));
            if numbers.has_links {
                links.extend((count..all).filter_map(|object| numbers.get(object)));
            }
        }
        let mut record = Record { hash_len: self.hash_len, ..Record::default() };
        let mut places = vec![NOT; self.store.count() as usize];
        record.blobs = self.table(&mut blobs, &failed, 0, &mut places);
        let is_whole = self.is_whole() && {
            record.links = self.table(&mut links, &failed, record.count() as u32, &mut places);
            self.links(&mut record, &places).is_some()
        };
        if !is_whole {
            // What leads where is known of all or of none: there may be ways to what was not examined.
            record.links.clear();
            record.absent.clear();
            record.missing.clear();
            let files = record.count() as u32;
            places.iter_mut().filter(|place| **place >= files).for_each(|place| *place = NOT);
            (record.commits, record.tags, record.names, record.edges) = Default::default();
        }
        let is_same = known.is_some_and(|(old, numbers)| {
            !numbers.is_any_gone && (old.blobs.len(), old.links.len()) == (record.blobs.len(), record.links.len())
        });
        if is_same {
            return None;
        }
        self.secrets(&mut record, &places);
        Some(record)
    }

    /// The ids of objects, ascending, but for those that could not be examined; `places` is told where they are.
    fn table(
        &self,
        numbers: &mut [ObjectNumber],
        failed: &HashSet<ObjectId>,
        first: u32,
        places: &mut [u32],
    ) -> Vec<u8> {
        // In each pack they are in the order of their ids.
        numbers.sort_unstable();
        let ids = numbers.iter().filter_map(|number| Some((self.store.id(*number)?, *number)));
        let mut ids: Vec<(ObjectId, ObjectNumber)> = ids.filter(|(id, _)| !failed.contains(id)).collect();
        ids.sort();
        ids.dedup_by_key(|(id, _)| *id);
        let mut table = Vec::with_capacity(ids.len() * self.hash_len);
        for ((id, number), place) in ids.iter().zip(first..) {
            table.extend_from_slice(id.as_bytes());
            places[*number as usize] = place;
        }
        table
    }

    /// Whether all that is there was examined.
    fn is_whole(&self) -> bool {
        self.found.iter().all(|found| found.failed.is_empty())
    }

    /// Adds what names what; `None` where something of it has no place.
    fn links(&self, record: &mut Record, places: &[u32]) -> Option<()> {
        let place = |number: ObjectNumber| places.get(number as usize).copied().filter(|place| *place != NOT);
        let mut absent: Vec<ObjectId> =
            self.commits.iter().flat_map(|commit| commit.absent.iter().map(|(_, id)| *id)).collect();
        // Files that are looked at each time.
        let unknown = self.edges.iter().map(|(_, (_, child))| child).filter(|child| place(*child).is_none());
        absent.extend(unknown.filter_map(|child| self.store.id(child)));
        absent.sort_unstable();
        absent.dedup();
        if absent.iter().any(|id| id.as_bytes().len() != self.hash_len) {
            return None;
        }
        // What is not there is among the missing.
        let named = |number: Option<ObjectNumber>| number.map_or(Some(NOTHING), place);
        let first_absent = record.count() as u32;
        let absent_place = |id: &ObjectId| Some(first_absent + absent.binary_search(id).ok()? as u32);
        let of_child = |child: ObjectNumber| place(child).or_else(|| absent_place(&self.store.id(child)?));
        record.absent = absent.iter().flat_map(|id| id.as_bytes().iter().copied()).collect();
        let missing = self.found.iter().flat_map(|found| &found.trees.missing).map(|id| &**id);
        let missing: BTreeSet<&[u8]> = missing.collect();
        record.missing = missing.into_iter().collect::<Vec<_>>().concat();
        for commit in self.commits {
            let mut parents = commit.parents.iter().map(|parent| place(*parent)).collect::<Option<Vec<u32>>>()?;
            for (at, id) in &commit.absent {
                parents.insert((*at as usize).min(parents.len()), absent_place(id)?);
            }
            let (tree, time) = (named(commit.tree)?, commit.time);
            record.commits.push(CommitRecord { commit: place(commit.number)?, tree, time, parents });
        }
        for tag in self.found.iter().flat_map(|found| &found.tags) {
            record.tags.push((place(tag.number)?, named(tag.target)?));
        }
        let mut names: BTreeMap<u32, u32> = BTreeMap::new();
        for (tree, (name, child)) in self.edges.iter() {
            let next = record.names.len() as u32;
            let number = *names.entry(name).or_insert(next);
            if number == next {
                record.names.push(self.name(name, tree, place(tree)?)?);
            }
            record.edges.push([place(tree)?, number, of_child(child)?]);
        }
        Some(())
    }

    fn name(&self, name: u32, tree: ObjectNumber, place: u32) -> Option<NameRecord> {
        let bytes = self.names.get(name as usize)?;
        if !self.secret_names.contains(&name) {
            return Some(NameRecord::Plain(bytes.to_vec()));
        }
        let mut content = Vec::new();
        self.store.read(tree, &mut Inflater::new(), &mut content).ok()?;
        let (mut at, mut number) = (0, 0);
        loop {
            let entry = entry(&content, at, self.hash_len)?;
            if *entry.name == **bytes {
                return Some(NameRecord::Secret { tree: place, entry: number });
            }
            (at, number) = (entry.end, number + 1);
        }
    }

    /// Adds what is in the objects that are remembered.
    fn secrets(&self, record: &mut Record, places: &[u32]) {
        let mut numbers = HashMap::new();
        for hit in self.found.iter().flat_map(|found| &found.hits) {
            let object = places[hit.object as usize];
            if object == NOT {
                continue;
            }
            let next = record.secrets.len() as u32;
            let secret = *numbers.entry(hit.secret).or_insert(next);
            if secret == next {
                record.secrets.push(hit.secret.rule() as u32);
            }
            let part = match hit.spot.part {
                Part::Content => 0,
                Part::Header => 1,
                Part::Message => 2,
                // Their objects are not remembered.
                Part::Member => continue,
            };
            let SecretPlace { start, len, is_decoded } = hit.spot.place;
            record.hits.push(HitRecord { object, secret, part, is_decoded, start, len });
        }
        for (object, skipped) in self.found.iter().flat_map(|found| &found.skipped) {
            if places[*object as usize] != NOT {
                record.skipped.push((places[*object as usize], *skipped));
            }
        }
    }
}
