//! The scan of all objects: which of them hold which secrets, and what is in which tree.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::commits::{Commit, parts};
use super::members::members;
use super::trees::{Names, TreeContext, TreeEntry, TreeReader};
use crate::engine::{DOUBTFUL, Scanned, Scratch};
use crate::finding::Finding;
use crate::run::Run;
use crate::source::git::walk::{Object, Visitor};
use crate::source::git::{ObjectError, ObjectId, ObjectKind, ObjectNumber, Store};
use crate::span::{Copied, Span};

/// A part of an object that is a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Part {
    /// The whole content of a blob.
    Content,
    /// The header lines of a commit or tag: names and addresses.
    Header,
    /// The message of a commit or tag.
    Message,
    /// The content of a file in a blob that is an archive.
    Member,
}

/// What tells a secret of a rule from others, for as long as a scan lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SecretKey {
    rule: u32,
    hash: u64,
}

impl SecretKey {
    pub(super) fn new(rule: usize, hash: u64) -> SecretKey {
        SecretKey { rule: rule as u32, hash }
    }

    /// The index of the rule.
    pub(super) fn rule(self) -> usize {
        self.rule as usize
    }
}

/// Where in a part of an object a secret stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SecretPlace {
    pub(super) start: u64,
    pub(super) len: u32,
    /// Whether what stands there is the secret in another encoding.
    pub(super) is_decoded: bool,
}

impl SecretPlace {
    /// That of a finding.
    pub(super) fn of(finding: &Finding) -> SecretPlace {
        SecretPlace::at(finding.span, finding.decoded.is_some())
    }

    fn at(span: Span, is_decoded: bool) -> SecretPlace {
        SecretPlace { start: span.start, len: span.len() as u32, is_decoded }
    }
}

/// That a secret stands in a part of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Hit {
    pub(super) object: ObjectNumber,
    pub(super) secret: SecretKey,
    pub(super) spot: Spot,
}

/// The first place of a secret in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) part: Part,
    /// The number of the member, in an archive.
    pub(super) member: u32,
    pub(super) place: SecretPlace,
}

impl Spot {
    /// A place in a part that has no members.
    pub(super) fn new(part: Part, place: SecretPlace) -> Spot {
        Spot { part, member: 0, place }
    }
}

/// An annotated tag.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) number: ObjectNumber,
    pub(super) target: Option<ObjectNumber>,
}

/// What an object leaves for those that were made from it.
pub(super) enum Memory {
    Blob(Scanned),
    Tree(Vec<TreeEntry>),
    Nothing,
}

/// Scans objects. Shared by all threads.
pub(super) struct ObjectScan<'a> {
    pub(super) store: &'a Store,
    pub(super) hash_len: usize,
    pub(super) run: Run<'a>,
    pub(super) names: Names,
    pub(super) hasher: RandomState,
}

/// What a thread has found so far.
#[derive(Default)]
pub(super) struct Found {
    scratch: Scratch,
    pub(super) hits: Vec<Hit>,
    /// Secrets in names of files, by the number of the name.
    pub(super) name_hits: Vec<(u32, SecretKey)>,
    pub(super) trees: TreeReader,
    pub(super) commits: Vec<Commit>,
    pub(super) tags: Vec<Tag>,
    /// Files that were examined ...
    pub(super) blobs: Vec<ObjectNumber>,
    /// ... and all other objects that were.
    pub(super) links: Vec<ObjectNumber>,
    /// Objects in which places were passed over, and how many.
    pub(super) skipped: Vec<(ObjectNumber, u64)>,
    /// What was not examined of archives, by the name that goes after that of the file, and why.
    pub(super) unopened: Vec<(ObjectNumber, String, String)>,
    /// Objects that were not examined, and why.
    pub(super) failed: Vec<(Option<ObjectId>, String)>,
    pub(super) objects: u64,
    pub(super) bytes: u64,
}

impl ObjectScan<'_> {
    pub(super) fn key(&self, rule: usize, secret: &[u8]) -> SecretKey {
        SecretKey::new(rule, self.hasher.hash_one(secret))
    }

    /// The secrets of a text that are sure enough, where they stand, and how many places were passed over.
    pub(super) fn secrets(&self, text: &[u8], scratch: &mut Scratch) -> (Vec<(SecretKey, SecretPlace)>, u64) {
        self.secrets_at("", text, scratch)
    }

    /// The same of a file at a path.
    fn secrets_at(&self, path: &str, text: &[u8], scratch: &mut Scratch) -> (Vec<(SecretKey, SecretPlace)>, u64) {
        let mut secrets = Vec::new();
        let coverage = self.run.scanner.scan_file(path, text, scratch, |finding, _| {
            if finding.confidence >= self.run.min_confidence {
                secrets.extend(finding.secrets().map(|secret| {
                    let key = self.key(secret.rule, secret.secret.expose());
                    (key, SecretPlace::of(secret))
                }));
            }
        });
        (secrets, coverage.skipped_attempts)
    }

    fn blob(&self, found: &mut Found, object: &Object<'_>, base: Option<(&Scanned, &[Copied])>) -> Scanned {
        let scanned = match base {
            Some((base, copies)) => self.run.scanner.scan_delta(base, object.content, copies, &mut found.scratch),
            None => self.run.scanner.scan_base(object.content, &mut found.scratch),
        };
        if object.is_copy {
            return scanned;
        }
        self.passed_over(found, object.number, scanned.skipped_attempts());
        let first = found.hits.len();
        for spot in scanned.spots().filter(|spot| spot.confidence >= self.run.min_confidence) {
            let secret = self.key(spot.rule, spot.secret(object.content));
            let place = SecretPlace::at(spot.span, spot.decoded.is_some());
            found.hits.push(Hit { object: object.number, secret, spot: Spot::new(Part::Content, place) });
        }
        if scanned.spots().all(|spot| spot.confidence < DOUBTFUL) {
            // Its paths will tell.
            self.run.scanner.alone(object.content, None, &mut |finding, _| {
                if finding.confidence >= self.run.min_confidence {
                    let secret = self.key(finding.rule, finding.secret.expose());
                    let place = SecretPlace::at(finding.span, false);
                    found.hits.push(Hit { object: object.number, secret, spot: Spot::new(Part::Content, place) });
                }
            });
        }
        if self.members(found, object) {
            // What is in archives is not remembered, but that there is nothing.
            found.blobs.push(object.number);
        }
        if found.hits.len() - first > 1 {
            found.hits[first..].sort_unstable_by_key(|hit| (hit.secret, hit.spot));
            let mut last = first;
            for at in first + 1..found.hits.len() {
                if found.hits[at].secret != found.hits[last].secret {
                    last += 1;
                    found.hits[last] = found.hits[at];
                }
            }
            found.hits.truncate(last + 1);
        }
        scanned
    }

    /// Scans what is in a blob that is an archive; answers whether nothing is to be told of that.
    fn members(&self, found: &mut Found, object: &Object<'_>) -> bool {
        let (hits_before, Found { scratch, hits, skipped, .. }) = (found.hits.len(), &mut *found);
        let unopened = members(&self.run, object.content, &|_| true, &mut |member, name, text| {
            let (secrets, passed_over) = self.secrets_at(name, text, scratch);
            let spot = |place| Spot { part: Part::Member, member, place };
            let hit = |(secret, place)| Hit { object: object.number, secret, spot: spot(place) };
            hits.extend(secrets.into_iter().map(hit));
            skipped.extend((passed_over > 0).then_some((object.number, passed_over)));
        });
        let is_clean = unopened.is_empty() && found.hits.len() == hits_before;
        found.unopened.extend(unopened.into_iter().map(|(name, why)| (object.number, name, why)));
        is_clean
    }

    fn text(&self, found: &mut Found, object: &Object<'_>) {
        let parts = parts(object.content);
        for (part, text) in [(Part::Header, parts.header), (Part::Message, parts.message)] {
            let (secrets, skipped) = self.secrets(text, &mut found.scratch);
            self.passed_over(found, object.number, skipped);
            let hit = |(secret, place)| Hit { object: object.number, secret, spot: Spot::new(part, place) };
            found.hits.extend(secrets.into_iter().map(hit));
        }
        let (named, target) = if object.kind == ObjectKind::Commit {
            let commit = Commit::of(object.number, &parts, self.store);
            let tree = commit.tree;
            found.commits.push(commit);
            (parts.first("tree"), tree)
        } else {
            let named = parts.first("object");
            let target = named.and_then(ObjectId::from_hex).and_then(|id| self.store.find(id.as_bytes()));
            found.tags.push(Tag { number: object.number, target });
            (named, target)
        };
        if let Some(missing) = named.filter(|_| target.is_none()).and_then(ObjectId::from_hex) {
            found.trees.missing.insert(missing.as_bytes().into());
        }
    }

    fn tree(&self, found: &mut Found, object: &Object<'_>, base: Option<(&[TreeEntry], &[Copied])>) -> Vec<TreeEntry> {
        let Found { trees, scratch, name_hits, .. } = found;
        let context =
            TreeContext { store: self.store, names: &self.names, hash_len: self.hash_len, tree: object.number };
        let (entries, whole) = trees.read(&context, object.content, base, |name, number| {
            name_hits.extend(self.secrets(name, scratch).0.into_iter().map(|(secret, _)| (number, secret)));
        });
        if !whole {
            let why = "the tree is malformed; its entries were read up to there".to_owned();
            found.failed.push((self.store.id(object.number), why));
        }
        entries
    }

    fn passed_over(&self, found: &mut Found, number: ObjectNumber, skipped: u64) {
        if skipped > 0 {
            found.skipped.push((number, skipped));
        }
    }
}

impl Visitor for ObjectScan<'_> {
    type State = Memory;
    type Worker = Found;

    fn worker(&self) -> Found {
        Found::default()
    }

    fn visit(&self, found: &mut Found, object: Object<'_>, base: Option<(&Memory, &[Copied])>) -> Memory {
        let len = object.content.len() as u64;
        if !object.is_copy {
            found.objects += 1;
            found.bytes += len;
            self.run.progress.unit(len);
            if object.kind != ObjectKind::Blob {
                found.links.push(object.number);
            }
        }
        match (object.kind, base) {
            (ObjectKind::Blob, Some((Memory::Blob(base), copies))) => {
                Memory::Blob(self.blob(found, &object, Some((base, copies))))
            }
            (ObjectKind::Blob, _) => Memory::Blob(self.blob(found, &object, None)),
            (ObjectKind::Tree, Some((Memory::Tree(base), copies))) => {
                Memory::Tree(self.tree(found, &object, Some((base, copies))))
            }
            (ObjectKind::Tree, _) => Memory::Tree(self.tree(found, &object, None)),
            (ObjectKind::Commit | ObjectKind::Tag, _) => {
                if !object.is_copy {
                    self.text(found, &object);
                }
                Memory::Nothing
            }
        }
    }

    fn failed(&self, found: &mut Found, number: ObjectNumber, error: ObjectError) {
        found.failed.push((self.store.id(number), error.to_string()));
    }
}

/// The hits of each object, from those of all threads.
pub(super) fn by_object(found: &[Found]) -> HashMap<ObjectNumber, Vec<Hit>> {
    let mut hits: HashMap<ObjectNumber, Vec<Hit>> = HashMap::new();
    for hit in found.iter().flat_map(|found| &found.hits) {
        hits.entry(hit.object).or_default().push(*hit);
    }
    hits
}
