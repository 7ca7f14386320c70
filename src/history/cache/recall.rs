//! From a cache to what is known of the objects that are there now.

use super::format::{HitRecord, NameRecord, Record};
use crate::engine::Scratch;
use crate::history::beside;
use crate::history::commits::{Commit, parts};
use crate::history::scan::{Found, Hit, ObjectScan, Part, SecretKey, SecretPlace, Spot, Tag};
use crate::source::git::inflate::Inflater;
use crate::source::git::tree::entry;
use crate::source::git::{ObjectId, ObjectKind, ObjectNumber, ObjectSet, Store};

/// What is known without looking.
#[derive(Default)]
pub(in crate::history) struct Recalled {
    /// Objects that need not be looked at.
    pub(in crate::history) known: ObjectSet,
    /// What is in them.
    pub(in crate::history) found: Found,
    /// Entries of known trees that lead to secrets: the tree, and the name and what is under it.
    pub(in crate::history) edges: Vec<(ObjectNumber, (u32, ObjectNumber))>,
}

/// The numbers that the objects of a record have now.
pub(super) struct Numbers {
    numbers: Vec<ObjectNumber>,
    /// Whether some that were examined are gone.
    pub(super) is_any_gone: bool,
    /// Whether what is remembered of trees, commits and tags was of use.
    pub(super) has_links: bool,
}

/// No object has this number.
const GONE: ObjectNumber = ObjectNumber::MAX;

impl Numbers {
    pub(super) fn get(&self, object: u32) -> Option<ObjectNumber> {
        self.numbers.get(object as usize).copied().filter(|number| *number != GONE)
    }
}

/// What a record says of the objects of a store; `None` when it does not go with them.
pub(super) fn recall(record: &Record, scan: &ObjectScan<'_>, threads: usize) -> Option<(Recalled, Numbers)> {
    let store = scan.store;
    let (mut recalled, mut numbers) = (Recalled::default(), vec![GONE; record.count()]);
    let (blobs, links) = (record.blobs.len() / record.hash_len, record.links.len() / record.hash_len);
    recalled.known = ObjectSet::new(store.count());
    let reader = &mut Reader { scan, inflater: Inflater::new(), content: Vec::new(), scratch: Scratch::new() };
    let mut of_links = ObjectSet::new(store.count());
    let (of_blobs, rest) = numbers.split_at_mut(blobs);
    beside(
        threads,
        || find_all(store, &record.blobs, record.hash_len, of_blobs, &mut recalled.known),
        || find_all(store, &record.links, record.hash_len, &mut rest[..links], &mut of_links),
    );
    let is_any_gone = numbers[..blobs + links].contains(&GONE);
    for (id, number) in record.absent.chunks_exact(record.hash_len).zip(&mut numbers[blobs + links..]) {
        *number = store.find(id).unwrap_or(GONE);
    }
    let mut numbers = Numbers { numbers, is_any_gone, has_links: false };
    // Where what was missing has come, ways lead to it that nobody went; where something is gone, what names it may be.
    let mut missing = record.missing.chunks_exact(record.hash_len);
    let is_as_it_was = record.missing.is_empty() || !is_any_gone && !missing.clone().any(|id| store.find(id).is_some());
    if let Some(names) = Some(()).filter(|()| is_as_it_was).and_then(|()| reader.names(record, &numbers)) {
        recalled.found.trees.missing = missing.by_ref().map(Into::into).collect();
        numbers.has_links = links > 0;
        recalled.known.extend(&of_links);
        recalled.found.name_hits = names.hits;
        recall_links(record, &numbers, &names.numbers, &mut recalled);
    }
    let keys = reader.secrets(record, &numbers)?;
    for hit in &record.hits {
        let (Some(object), Some(key)) = (numbers.get(hit.object), keys[hit.secret as usize]) else { continue };
        if recalled.known.contains(object) {
            recalled.found.hits.push(Hit { object, secret: key, spot: Spot::new(part(hit)?, place(hit)) });
        }
    }
    let skipped = record.skipped.iter().filter_map(|(object, skipped)| Some((numbers.get(*object)?, *skipped)));
    let known = &recalled.known;
    recalled.found.skipped = skipped.filter(|(object, _)| known.contains(*object)).collect();
    Some((recalled, numbers))
}

fn recall_links(record: &Record, numbers: &Numbers, names: &[u32], recalled: &mut Recalled) {
    for commit in &record.commits {
        let Some(number) = numbers.get(commit.commit) else { continue };
        let (mut parents, mut absent) = (Vec::with_capacity(commit.parents.len()), Vec::new());
        for (at, &parent) in commit.parents.iter().enumerate() {
            match numbers.get(parent) {
                Some(parent) => parents.push(parent),
                None => absent.extend(record.id(parent).and_then(ObjectId::new).map(|id| (at as u32, id))),
            }
        }
        let tree = numbers.get(commit.tree);
        recalled.found.commits.push(Commit { number, tree, parents, absent, time: commit.time });
    }
    for &(tag, target) in &record.tags {
        recalled.found.tags.extend(numbers.get(tag).map(|number| Tag { number, target: numbers.get(target) }));
    }
    let edge =
        |[tree, name, child]: &[u32; 3]| Some((numbers.get(*tree)?, (names[*name as usize], numbers.get(*child)?)));
    recalled.edges = record.edges.iter().filter_map(edge).collect();
}

fn part(hit: &HitRecord) -> Option<Part> {
    [Part::Content, Part::Header, Part::Message].get(usize::from(hit.part)).copied()
}

fn place(hit: &HitRecord) -> SecretPlace {
    SecretPlace { start: hit.start, len: hit.len, is_decoded: hit.is_decoded }
}

/// Finds the numbers of ids, which ascend, and puts all copies of these objects into a set.
fn find_all(store: &Store, ids: &[u8], hash_len: usize, numbers: &mut [ObjectNumber], known: &mut ObjectSet) {
    let id = |at: usize| &ids[at * hash_len..(at + 1) * hash_len];
    for (index, pack) in store.packs.iter().enumerate() {
        let first = store.first(index);
        // Both are in order. Where one is much shorter, the other is searched for each of its ids.
        let is_short = (pack.count() as usize) < numbers.len() / 16;
        let mut at = 0;
        for position in 0..pack.count() {
            let wanted = pack.id_bytes(position);
            if is_short {
                at = lower_bound(ids, hash_len, wanted);
            }
            while at < numbers.len() {
                match id(at).cmp(wanted) {
                    std::cmp::Ordering::Less => at += 1,
                    std::cmp::Ordering::Greater => break,
                    std::cmp::Ordering::Equal => {
                        known.insert(first + position);
                        if numbers[at] == GONE {
                            numbers[at] = first + position;
                        }
                        break;
                    }
                }
            }
        }
    }
    for number in store.loose_numbers() {
        let Some(wanted) = store.id(number) else { continue };
        let at = lower_bound(ids, hash_len, wanted.as_bytes());
        if at < numbers.len() && id(at) == wanted.as_bytes() {
            known.insert(number);
            numbers[at] = number;
        }
    }
}

/// Where the first of these ids stands that is not less.
fn lower_bound(ids: &[u8], hash_len: usize, wanted: &[u8]) -> usize {
    let (mut low, mut high) = (0, ids.len() / hash_len);
    while low < high {
        let middle = low + (high - low) / 2;
        if &ids[middle * hash_len..(middle + 1) * hash_len] < wanted {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Reads what a record only points to.
struct Reader<'a> {
    scan: &'a ObjectScan<'a>,
    inflater: Inflater,
    content: Vec<u8>,
    scratch: Scratch,
}

/// The numbers of names, and those that hold secrets.
struct KnownNames {
    numbers: Vec<u32>,
    hits: Vec<(u32, SecretKey)>,
}

impl Reader<'_> {
    /// Gives the names of a record their numbers; `None` when one cannot be read any more.
    fn names(&mut self, record: &Record, numbers: &Numbers) -> Option<KnownNames> {
        let mut known = KnownNames { numbers: Vec::with_capacity(record.names.len()), hits: Vec::new() };
        for name in &record.names {
            let number = match name {
                NameRecord::Plain(name) => self.scan.names.number(name).0,
                NameRecord::Secret { tree, entry: place } => {
                    self.scan.store.read(numbers.get(*tree)?, &mut self.inflater, &mut self.content).ok()?;
                    let mut at = 0;
                    for _ in 0..*place {
                        at = entry(&self.content, at, record.hash_len)?.end;
                    }
                    let name = entry(&self.content, at, record.hash_len)?.name;
                    let number = self.scan.names.number(name).0;
                    let secrets = self.scan.secrets(name, &mut self.scratch).0;
                    known.hits.extend(secrets.into_iter().map(|(secret, _)| (number, secret)));
                    number
                }
            };
            known.numbers.push(number);
        }
        Some(known)
    }

    /// Reads each secret of a record at one of its places; of those that are nowhere any more nothing is left. `None`
    /// when one is not where it was.
    fn secrets(&mut self, record: &Record, numbers: &Numbers) -> Option<Vec<Option<SecretKey>>> {
        let mut first: Vec<Option<(ObjectNumber, &HitRecord)>> = vec![None; record.secrets.len()];
        for hit in &record.hits {
            let place = &mut first[hit.secret as usize];
            if place.is_none() {
                *place = numbers.get(hit.object).map(|object| (object, hit));
            }
        }
        let mut places: Vec<(ObjectNumber, &HitRecord)> = first.into_iter().flatten().collect();
        places.sort_by_key(|(object, _)| *object);
        let (mut keys, mut read) = (vec![None; record.secrets.len()], None);
        for (object, hit) in places {
            if read != Some(object) {
                let kind = self.scan.store.read(object, &mut self.inflater, &mut self.content).ok()?;
                read = Some(object);
                if (kind == ObjectKind::Blob) != (part(hit)? == Part::Content) {
                    return None;
                }
            }
            let text = match part(hit)? {
                Part::Content => &self.content[..],
                Part::Header => parts(&self.content).header,
                Part::Message => parts(&self.content).message,
                Part::Member => return None,
            };
            let rule = record.secrets[hit.secret as usize] as usize;
            if rule >= self.scan.run.scanner.rules().len() {
                return None;
            }
            let place = place(hit);
            keys[hit.secret as usize] = Some(if hit.is_decoded {
                self.scan
                    .secrets(text, &mut self.scratch)
                    .0
                    .into_iter()
                    .find(|(key, at)| key.rule() == rule && *at == place)?
                    .0
            } else {
                let start = usize::try_from(hit.start).ok()?;
                self.scan.key(rule, text.get(start..)?.get(..hit.len as usize)?)
            });
        }
        Some(keys)
    }
}
