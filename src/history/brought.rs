//! Secrets that changes bring: those of the new objects that were not there before.
//!
//! A secret is brought by a change when what the parents have at the path does not hold it, and, for a file that is new
//! there, no file that the same commit removes does: what moves is not new.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;
use std::path::Path;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::HistorySettings;
use super::commits::parts;
use super::diff::{Change, Changes, Differ};
use super::members::{Unopened, each_member, member_path};
use super::scan::{Part, SecretKey};
use super::telling::masked;
use crate::engine::{DOUBTFUL, Scratch, Surroundings};
use crate::error::Result;
use crate::finding::{Finding, Located, Origin};
use crate::gate::allowed_by;
use crate::run::{Outcome, Run, Unexamined, skipped_places};
use crate::source::fs::PathGlobs;
use crate::source::git::inflate::Inflater;
use crate::source::git::lookup::Lookup;
use crate::source::git::{ObjectId, ObjectKind};

/// Threads take longer to start than so many objects to scan.
const FEW: usize = 64;
/// So many objects a thread takes at a time.
const BLOCK: usize = 32;

/// What a commit changes, or the next one will.
pub(super) struct Step {
    /// The place of the commit in its graph.
    pub(super) commit: Option<u32>,
    pub(super) changes: Changes,
}

/// A commit or tag that is new.
pub(super) struct Message {
    pub(super) object: ObjectId,
    pub(super) is_tag: bool,
    pub(super) commit: Option<u32>,
}

/// A secret, and what brought it.
pub(super) struct Brought {
    secret: SecretKey,
    place: Place,
    /// How the place is called in reports.
    pub(super) path: String,
    /// The path as it is, where there is one.
    pub(super) raw_path: Vec<u8>,
    pub(super) object: Option<ObjectId>,
    pub(super) commit: Option<u32>,
    pub(super) versions: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    File,
    /// In the last name of a path.
    Name,
    Part(Part),
}

/// What is looked at: which paths, and how.
pub(super) struct Bringer<'a> {
    pub(super) run: Run<'a>,
    pub(super) lookup: &'a Lookup,
    pub(super) hasher: RandomState,
    pub(super) threads: usize,
    only: Option<PathGlobs>,
    exclude: PathGlobs,
    all_occurrences: bool,
}

/// A file that was not there before, and a path of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewObject<'s> {
    pub(super) id: ObjectId,
    path: &'s [u8],
}

/// The secrets of objects that have any.
pub(super) type SecretsOf = HashMap<ObjectId, Vec<SecretKey>>;

/// Reads and scans. One for each thread.
pub(super) struct Reader {
    inflater: Inflater,
    content: Vec<u8>,
    pub(super) scratch: Scratch,
}

/// What a thread has for itself, and what it has found.
pub(super) struct Thread {
    pub(super) reader: Reader,
    pub(super) hits: SecretsOf,
    pub(super) outcome: Outcome,
}

impl Thread {
    pub(super) fn new() -> Thread {
        Thread { reader: Reader::new(), hits: SecretsOf::new(), outcome: Outcome::default() }
    }
}

impl Reader {
    fn new() -> Reader {
        Reader { inflater: Inflater::new(), content: Vec::new(), scratch: Scratch::new() }
    }
}

impl<'a> Bringer<'a> {
    pub(super) fn new(run: Run<'a>, lookup: &'a Lookup, settings: &HistorySettings) -> Result<Bringer<'a>> {
        let root = Path::new("");
        let only = (!settings.paths.is_empty()).then(|| PathGlobs::new(root, &settings.paths)).transpose()?;
        let exclude = PathGlobs::new(root, &settings.exclude)?;
        let (hasher, threads) = (RandomState::new(), settings.thread_count());
        Ok(Bringer { run, lookup, hasher, threads, only, exclude, all_occurrences: settings.all_occurrences })
    }

    fn is_wanted(&self, change: &Change) -> bool {
        let path = String::from_utf8_lossy(&change.path);
        self.only.as_ref().is_none_or(|only| only.matches(&path)) && !self.exclude.matches(&path)
    }

    /// What the steps bring, of which parents come before children, and what is said in the messages.
    pub(super) fn gather(
        &self,
        mut steps: Vec<Step>,
        messages: &[Message],
        differ: &mut Differ<'_>,
        outcome: &mut Outcome,
    ) -> Vec<Brought> {
        for step in &mut steps {
            step.changes.changes.retain(|change| self.is_wanted(change));
        }
        let hits = self.scan_new(&steps, outcome);
        let mut before = Before { bringer: self, reader: Reader::new(), known: HashMap::new() };
        let mut names: HashMap<Vec<u8>, Vec<SecretKey>> = HashMap::new();
        let mut gathered = Gathered { all: self.all_occurrences, ..Gathered::default() };
        for step in &steps {
            let mut moved = None;
            for change in &step.changes.changes {
                let brought = |secret: SecretKey, place: Place, reader: &mut Reader| Brought {
                    secret,
                    place,
                    path: self.shown_path(&change.path, &mut reader.scratch),
                    raw_path: change.path.clone(),
                    object: change.object,
                    commit: step.commit,
                    versions: 1,
                };
                for secret in change.object.and_then(|object| hits.get(&object)).into_iter().flatten() {
                    let is_moved = change.before.is_empty()
                        && moved
                            .get_or_insert_with(|| before.of_all(&differ.removed_files(&step.changes.removed)))
                            .contains(secret);
                    let is_known = is_moved || change.before.iter().any(|id| before.of(*id).contains(secret));
                    gathered.add(*secret, Place::File, &change.path, is_known, || {
                        brought(*secret, Place::File, &mut before.reader)
                    });
                }
                if change.is_new_name {
                    let name = change.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                    if !names.contains_key(name) {
                        names.insert(name.to_vec(), self.secrets(name, &mut before.reader.scratch).0);
                    }
                    for &secret in &names[name] {
                        gathered.add(secret, Place::Name, &change.path, false, || {
                            brought(secret, Place::Name, &mut before.reader)
                        });
                    }
                }
            }
        }
        let mut reader = before.reader;
        // Who asks for paths asks for files.
        let messages = messages.iter().filter(|_| self.only.is_none());
        messages.for_each(|message| self.message(message, &mut reader, &mut gathered, outcome));
        gathered.list
    }

    /// The path, with secrets in it masked.
    fn shown_path(&self, path: &[u8], scratch: &mut Scratch) -> String {
        let text = String::from_utf8_lossy(path);
        let names: Vec<String> = text.split('/').map(|name| masked(self.run.scanner, name, scratch)).collect();
        names.join("/")
    }

    /// The secrets of each new object that has any.
    fn scan_new(&self, steps: &[Step], outcome: &mut Outcome) -> SecretsOf {
        let mut objects: Vec<NewObject<'_>> = Vec::new();
        let mut known = HashSet::new();
        for change in steps.iter().flat_map(|step| &step.changes.changes) {
            let is_new = |id: &ObjectId| known.insert(*id);
            objects.extend(change.object.filter(is_new).map(|id| NewObject { id, path: &change.path }));
        }
        let mut hits = SecretsOf::new();
        let mut objects = self.scan_along_deltas(objects, &mut hits, outcome);
        objects.sort_by_cached_key(|object| self.lookup.place(&object.id));
        let (next, gathered) = (AtomicUsize::new(0), Mutex::new((hits, Outcome::default())));
        let work = || {
            let mut thread = Thread::new();
            // Neighbours have bases in common.
            let mut blocks = std::iter::from_fn(|| objects.chunks(BLOCK).nth(next.fetch_add(1, Ordering::Relaxed)));
            for object in blocks.by_ref().flatten() {
                if self.run.interrupted.load(Ordering::Relaxed) {
                    thread.outcome.interrupted = true;
                    break;
                }
                self.object(object, &mut thread);
            }
            let mut gathered = gathered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            gathered.0.extend(thread.hits);
            gathered.1.merge(thread.outcome);
        };
        if objects.len() <= FEW || self.threads < 2 {
            work();
        } else {
            std::thread::scope(|scope| (0..self.threads).for_each(|_| drop(scope.spawn(work))));
        }
        let (hits, of_threads) = gathered.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        outcome.merge(of_threads);
        hits
    }

    fn object(&self, object: &NewObject<'_>, thread: &mut Thread) {
        let reader = &mut thread.reader;
        let why = match self.lookup.read(&object.id, &mut reader.inflater, &mut reader.content) {
            Ok(Some(_)) => {
                let content = std::mem::take(&mut reader.content);
                let (secrets, skipped) = self.secrets(&content, &mut reader.scratch);
                self.examined(object, &content, secrets, skipped, thread);
                thread.reader.content = content;
                return;
            }
            Ok(None) => format!("its object {} is not there", object.id),
            Err(error) => error.to_string(),
        };
        let path = self.shown_path(object.path, &mut reader.scratch);
        thread.outcome.unexamined.push(Unexamined { path, reason: why });
    }

    /// Notes what an object holds, and how many places were passed over, and looks into it where it is an archive.
    pub(super) fn examined(
        &self,
        object: &NewObject<'_>,
        content: &[u8],
        mut secrets: Vec<SecretKey>,
        mut skipped: u64,
        thread: &mut Thread,
    ) {
        let len = content.len() as u64;
        thread.outcome.stats.units += 1;
        thread.outcome.stats.bytes += len;
        self.run.progress.unit(len);
        let scratch = &mut thread.reader.scratch;
        let unopened = self.members(content, scratch, &mut secrets, &mut skipped);
        let passed_over = (skipped > 0).then(|| (String::new(), skipped_places(skipped)));
        for (member, reason) in unopened.into_iter().chain(passed_over) {
            let path = member_path(&self.shown_path(object.path, scratch), &member);
            thread.outcome.unexamined.push(Unexamined { path, reason });
        }
        self.alone(content, &mut secrets);
        secrets.sort_unstable();
        secrets.dedup();
        if !secrets.is_empty() {
            thread.hits.insert(object.id, secrets);
        }
    }

    fn key(&self, finding: &Finding) -> SecretKey {
        self.key_of(finding.rule, finding.secret.expose())
    }

    pub(super) fn key_of(&self, rule: usize, secret: &[u8]) -> SecretKey {
        SecretKey::new(rule, self.hasher.hash_one(secret))
    }

    /// The secrets of a text that are sure enough, and how many places were passed over.
    fn secrets(&self, text: &[u8], scratch: &mut Scratch) -> (Vec<SecretKey>, u64) {
        self.secrets_at("", text, scratch)
    }

    /// The same of a file at a path.
    fn secrets_at(&self, path: &str, text: &[u8], scratch: &mut Scratch) -> (Vec<SecretKey>, u64) {
        let mut secrets = Vec::new();
        let coverage = self.run.scanner.scan_file(path, text, scratch, |finding, _| {
            if finding.confidence >= self.run.min_confidence {
                secrets.extend(finding.secrets().map(|secret| self.key(secret)));
            }
        });
        (secrets, coverage.skipped_attempts)
    }

    /// Adds what the content of a file is as a whole, if nothing was found in it: its path will tell.
    fn alone(&self, content: &[u8], secrets: &mut Vec<SecretKey>) {
        if secrets.is_empty() {
            self.run.scanner.alone(content, None, &mut |finding, _| {
                if finding.confidence >= self.run.min_confidence {
                    secrets.push(self.key(&finding));
                }
            });
        }
    }

    /// Adds what the members hold, where the content of a file is an archive; answers what was not opened.
    fn members(
        &self,
        content: &[u8],
        scratch: &mut Scratch,
        secrets: &mut Vec<SecretKey>,
        skipped: &mut u64,
    ) -> Unopened {
        each_member(&self.run, content, &mut |name, text| {
            let (of_member, passed_over) = self.secrets_at(name, text, scratch);
            secrets.extend(of_member);
            *skipped += passed_over;
        })
    }

    fn message(&self, message: &Message, reader: &mut Reader, gathered: &mut Gathered, outcome: &mut Outcome) {
        let Message { object, is_tag, commit } = *message;
        let Ok(Some(_)) = self.lookup.read(&object, &mut reader.inflater, &mut reader.content) else { return };
        outcome.stats.units += 1;
        outcome.stats.bytes += reader.content.len() as u64;
        let parts = parts(&reader.content);
        for (part, text) in [(Part::Header, parts.header), (Part::Message, parts.message)] {
            let kind = if is_tag { "tag" } else { "commit" };
            let path = format!("<{kind} {}>", if part == Part::Header { "header" } else { "message" });
            let (secrets, skipped) = self.secrets(text, &mut reader.scratch);
            if skipped > 0 {
                outcome.unexamined.push(Unexamined { path: path.clone(), reason: skipped_places(skipped) });
            }
            for secret in secrets {
                let (place, raw_path) = (Place::Part(part), Vec::new());
                gathered.add(secret, place, path.as_bytes(), false, || Brought {
                    secret,
                    place,
                    path: path.clone(),
                    raw_path,
                    object: Some(object),
                    commit,
                    versions: 1,
                });
            }
        }
    }

    /// Whether a file holds the same secret.
    pub(super) fn holds(&self, object: ObjectId, brought: &Brought) -> bool {
        let mut reader = Reader::new();
        let read = self.lookup.read(&object, &mut reader.inflater, &mut reader.content);
        matches!(read, Ok(Some(ObjectKind::Blob))) && {
            let (mut secrets, mut skipped) = self.secrets(&reader.content, &mut reader.scratch);
            let _unopened = self.members(&reader.content, &mut reader.scratch, &mut secrets, &mut skipped);
            self.alone(&reader.content, &mut secrets);
            secrets.contains(&brought.secret)
        }
    }

    /// Adds the findings to the outcome, each with what `origin` says of it; `every_place`: at each place of an object
    /// at which the secret stands, and not only at the first that is reported.
    pub(super) fn tell(
        &self,
        brought: &[Brought],
        every_place: bool,
        origin: impl Fn(&Brought) -> Option<Box<Origin>>,
        outcome: &mut Outcome,
    ) {
        let mut by_object: BTreeMap<Option<ObjectId>, Vec<&Brought>> = BTreeMap::new();
        for brought in brought {
            // A name needs no object.
            let object = brought.object.filter(|_| brought.place != Place::Name);
            by_object.entry(object).or_default().push(brought);
        }
        let mut reader = Reader::new();
        for (object, list) in by_object {
            let Some(object) = object else {
                for brought in list {
                    let name = brought.raw_path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                    let wanted = &mut Wanted::of(vec![brought], every_place);
                    self.text("", name, wanted, &origin, &mut reader.scratch, outcome);
                }
                continue;
            };
            // It was read before; what changed since then is not looked at.
            let Ok(Some(_)) = self.lookup.read(&object, &mut reader.inflater, &mut reader.content) else { continue };
            for place in [Place::File, Place::Part(Part::Header), Place::Part(Part::Message)] {
                let of_place: Vec<&Brought> = list.iter().copied().filter(|brought| brought.place == place).collect();
                if of_place.is_empty() {
                    continue;
                }
                let text = match place {
                    Place::Part(Part::Header) => parts(&reader.content).header,
                    Place::Part(_) => parts(&reader.content).message,
                    _ => &reader.content,
                };
                let wanted = &mut Wanted::of(of_place, every_place);
                self.text("", text, wanted, &origin, &mut reader.scratch, outcome);
                if place == Place::File {
                    // What is not examined of them was told when they were scanned.
                    let _unopened = each_member(&self.run, text, &mut |name, text| {
                        self.text(name, text, wanted, &origin, &mut reader.scratch, outcome);
                    });
                }
            }
        }
    }

    /// Tells what is wanted of what a text holds, which is the object, or the member of that name in it.
    fn text(
        &self,
        member: &str,
        text: &[u8],
        wanted: &mut Wanted<'_>,
        origin: &impl Fn(&Brought) -> Option<Box<Origin>>,
        scratch: &mut Scratch,
        outcome: &mut Outcome,
    ) {
        let Wanted { list: wanted, told, every_place } = wanted;
        let of_secret = |finding: &Finding, told: &[bool]| -> Vec<usize> {
            let secret = self.key(finding);
            let is_due = |at: &usize| wanted[*at].secret == secret && (*every_place || !told[*at]);
            (0..wanted.len()).filter(is_due).collect()
        };
        // Answers false for one that a comment allows: it does not stand for others.
        let mut tell = |brought: &Brought, finding: &Finding, around: Surroundings<'_>| -> bool {
            let (path, origin) = (member_path(&brought.path, member), origin(brought));
            let located = Located { path, finding: finding.clone(), origin };
            let before = outcome.findings.len();
            self.run.inspect_located(located, around, &mut |located| outcome.findings.push(located));
            outcome.findings.len() > before
        };
        let mut keep = |finding: Finding, around: Surroundings<'_>| {
            let whole = of_secret(&finding, told);
            for &at in &whole {
                told[at] |= tell(wanted[at], &finding, around);
            }
            let came = |at: usize| (&wanted[at].path, wanted[at].commit);
            for (part, around) in around.of_secret_parts(&finding) {
                for at in of_secret(part, told) {
                    // Parts that came with it were told with it, the others, which came before or later, are by themselves.
                    let with = whole.iter().find(|whole| came(**whole) == came(at));
                    told[at] |= with.map_or_else(|| tell(wanted[at], part, around), |with| told[*with]);
                }
            }
        };
        let mut is_found = false;
        let _coverage = self.run.scanner.scan_with(text, scratch, |finding, around| {
            is_found |= finding.confidence >= DOUBTFUL;
            if finding.confidence >= self.run.min_confidence {
                keep(finding, around);
            }
        });
        if !is_found {
            self.run.scanner.alone(text, None, &mut |finding, around| {
                let file = self.run.scanner.rules()[finding.rule].file();
                for at in of_secret(&finding, told) {
                    if file.is_some_and(|file| file.is_at(&member_path(&wanted[at].path, member))) {
                        told[at] |= tell(wanted[at], &finding, around);
                    }
                }
            });
        }
    }
}

/// What is to be told of an object, and what of it was.
struct Wanted<'w> {
    list: Vec<&'w Brought>,
    told: Vec<bool>,
    /// At each place at which the secret stands.
    every_place: bool,
}

impl<'w> Wanted<'w> {
    fn of(list: Vec<&'w Brought>, every_place: bool) -> Wanted<'w> {
        Wanted { told: vec![false; list.len()], list, every_place }
    }
}

/// What the secrets of objects are that were there before. Those that a comment there allows do not count: without the
/// comment they are new.
struct Before<'b, 'a> {
    bringer: &'b Bringer<'a>,
    reader: Reader,
    known: HashMap<ObjectId, Rc<HashSet<SecretKey>>>,
}

impl Before<'_, '_> {
    fn of(&mut self, object: ObjectId) -> Rc<HashSet<SecretKey>> {
        if let Some(known) = self.known.get(&object) {
            return Rc::clone(known);
        }
        let Bringer { run, lookup, .. } = self.bringer;
        let Reader { inflater, content, scratch } = &mut self.reader;
        let mut secrets = HashSet::new();
        // What is not there, as in a partial clone, hides nothing.
        if let Ok(Some(_)) = lookup.read(&object, inflater, content) {
            let mut add = |text: &[u8]| {
                let _coverage = run.scanner.scan_with(text, scratch, |finding, around| {
                    if finding.confidence < run.min_confidence {
                        return;
                    }
                    for (secret, around) in around.of_secret_parts(&finding).chain([(&finding, around)]) {
                        let rule = run.scanner.rules()[secret.rule].id();
                        if allowed_by(around, rule, secret.decoded).is_none() {
                            secrets.insert(self.bringer.key(secret));
                        }
                    }
                });
            };
            add(content);
            let _unopened = each_member(run, content, &mut |_, text| add(text));
            run.scanner.alone(content, None, &mut |finding, _| {
                secrets.insert(self.bringer.key(&finding));
            });
        }
        let secrets = Rc::new(secrets);
        self.known.insert(object, Rc::clone(&secrets));
        secrets
    }

    fn of_all(&mut self, objects: &[ObjectId]) -> HashSet<SecretKey> {
        objects.iter().flat_map(|object| self.of(*object).iter().copied().collect::<Vec<_>>()).collect()
    }
}

/// One secret at one path is one finding, unless all are asked for.
#[derive(Default)]
struct Gathered {
    all: bool,
    list: Vec<Brought>,
    places: HashMap<(SecretKey, Place, Vec<u8>), usize>,
}

impl Gathered {
    fn add(&mut self, secret: SecretKey, place: Place, path: &[u8], is_known: bool, brought: impl FnOnce() -> Brought) {
        let key = (secret, place, path.to_vec());
        match self.places.get(&key) {
            Some(&at) if !self.all => self.list[at].versions += 1,
            None if is_known => {}
            _ => {
                self.places.insert(key, self.list.len());
                self.list.push(brought());
            }
        }
    }
}
