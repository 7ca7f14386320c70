//! Commits and tags: what they say, and who comes before whom.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::by_object::ByObject;
use crate::source::git::{ObjectId, ObjectNumber, Store};

/// A commit, as far as all are remembered.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub(super) number: ObjectNumber,
    pub(super) tree: Option<ObjectNumber>,
    pub(super) parents: Vec<ObjectNumber>,
    /// Parents that are not in the store, each with its place among all parents.
    pub(super) absent: Vec<(u32, ObjectId)>,
    /// When it was committed, in seconds since 1970.
    pub(super) time: i64,
}

/// The header lines of a commit or tag, and its message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'o> {
    /// The lines that name objects.
    links: &'o [u8],
    /// All other header lines.
    pub(super) header: &'o [u8],
    pub(super) message: &'o [u8],
}

/// Takes a commit or tag apart.
pub(super) fn parts(content: &[u8]) -> Parts<'_> {
    let mut end_of_links = 0;
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if ![&b"tree "[..], b"parent ", b"object ", b"type "].iter().any(|start| line.starts_with(start)) {
            break;
        }
        end_of_links += line.len();
    }
    let (links, rest) = content.split_at(end_of_links);
    let (header, message) = match memchr::memmem::find(rest, b"\n\n") {
        Some(at) if !rest.starts_with(b"\n") => (&rest[..=at], &rest[at + 2..]),
        _ if rest.starts_with(b"\n") => (&rest[..0], &rest[1..]),
        _ => (rest, &rest[..0]),
    };
    Parts { links, header, message }
}

impl<'o> Parts<'o> {
    /// What the header lines of this name say.
    pub(super) fn values<'k>(&self, key: &'k str) -> impl Iterator<Item = &'o [u8]> + use<'o, 'k> {
        let lines = self.links.split(|byte| *byte == b'\n').chain(self.header.split(|byte| *byte == b'\n'));
        lines.filter_map(move |line| line.strip_prefix(key.as_bytes())?.strip_prefix(b" "))
    }

    pub(super) fn first(&self, key: &str) -> Option<&'o [u8]> {
        self.values(key).next()
    }
}

impl Commit {
    pub(super) fn of(number: ObjectNumber, parts: &Parts<'_>, store: &Store) -> Commit {
        let mut commit = Commit { number, tree: None, parents: Vec::new(), absent: Vec::new(), time: 0 };
        let tree = parts.first("tree").and_then(ObjectId::from_hex);
        commit.tree = tree.and_then(|id| store.find(id.as_bytes()));
        for (parent, at) in parts.values("parent").filter_map(ObjectId::from_hex).zip(0..) {
            match store.find(parent.as_bytes()) {
                Some(parent) => commit.parents.push(parent),
                None => commit.absent.push((at, parent)),
            }
        }
        commit.time = parts.first("committer").map_or(0, |line| Signature::of(line).time);
        commit
    }
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) email: String,
    /// Seconds since 1970.
    pub(super) time: i64,
    /// Minutes east of UTC.
    pub(super) offset: i64,
}

impl Signature {
    /// Reads `Name <email> 1234567890 +0100`.
    pub(super) fn of(line: &[u8]) -> Signature {
        let text = String::from_utf8_lossy(line);
        let (name, rest) = text.split_once('<').unwrap_or((&text, ""));
        let (email, when) = rest.rsplit_once('>').unwrap_or((rest, ""));
        let mut words = when.split_whitespace();
        let time = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let zone: i64 =
            words.next().and_then(|word| word.parse().ok()).filter(|zone: &i64| zone.abs() < 10_000).unwrap_or(0);
        let offset = zone / 100 * 60 + zone % 100;
        Signature { name: name.trim().to_owned(), email: email.trim().to_owned(), time, offset }
    }
}

/// Where in a list the commits of numbers are.
#[derive(Debug)]
struct Places(Vec<u32>);

impl Places {
    /// No commit is there.
    const NONE: u32 = u32::MAX;

    fn of(commits: &[Commit]) -> Places {
        let end = commits.iter().map(|commit| commit.number as usize + 1).max().unwrap_or(0);
        let mut places = vec![Places::NONE; end];
        commits.iter().zip(0..).for_each(|(commit, place)| places[commit.number as usize] = place);
        Places(places)
    }

    fn get(&self, number: ObjectNumber) -> Option<u32> {
        self.0.get(number as usize).copied().filter(|place| *place != Places::NONE)
    }
}

/// All commits, parents before children, and of those that could come next the oldest first.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) commits: Vec<Commit>,
    /// Where in `commits` the commit of a number is.
    places: Places,
    /// The parents of each, as places.
    parents: ByObject<u32>,
}

impl Graph {
    pub(super) fn new(mut commits: Vec<Commit>) -> Graph {
        commits.sort_by_key(|commit| (commit.time, commit.number));
        let by_time = Places::of(&commits);
        let mut waits: Vec<u32> = vec![0; commits.len()];
        let mut edges = Vec::with_capacity(commits.len());
        for (at, commit) in commits.iter().enumerate() {
            for parent in commit.parents.iter().filter_map(|parent| by_time.get(*parent)) {
                edges.push((parent, at as u32));
                waits[at] += 1;
            }
        }
        let children = ByObject::new(commits.len(), &[&edges], |edge| *edge);
        let mut ready: BinaryHeap<Reverse<u32>> =
            (0..commits.len() as u32).filter(|at| waits[*at as usize] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(commits.len());
        while let Some(Reverse(at)) = ready.pop() {
            order.push(at);
            for &child in children.get(at) {
                waits[child as usize] -= 1;
                if waits[child as usize] == 0 {
                    ready.push(Reverse(child));
                }
            }
        }
        let mut taken: Vec<Option<Commit>> = commits.into_iter().map(Some).collect();
        let commits: Vec<Commit> = order.into_iter().filter_map(|at| taken[at as usize].take()).collect();
        let places = Places::of(&commits);
        let mut edges = Vec::with_capacity(commits.len());
        for (commit, at) in commits.iter().zip(0..) {
            edges.extend(commit.parents.iter().filter_map(|parent| Some((at, places.get(*parent)?))));
        }
        let parents = ByObject::new(commits.len(), &[&edges], |edge| *edge);
        Graph { commits, places, parents }
    }

    /// Where the commit of this number is.
    pub(super) fn place(&self, number: ObjectNumber) -> Option<u32> {
        self.places.get(number)
    }

    pub(super) fn parents(&self, place: u32) -> &[u32] {
        self.parents.get(place)
    }

    /// Which commits can be reached from these.
    pub(super) fn reached_from(&self, tips: impl IntoIterator<Item = u32>) -> Vec<bool> {
        let mut reached = vec![false; self.commits.len()];
        tips.into_iter().for_each(|tip| reached[tip as usize] = true);
        // Parents come before children.
        for place in (0..self.commits.len()).rev() {
            if reached[place] {
                self.parents(place as u32).iter().for_each(|parent| reached[*parent as usize] = true);
            }
        }
        reached
    }
}
