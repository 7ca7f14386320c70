//! A walk over commits, the newest first, as far as it takes to tell which are new.

use std::collections::{BinaryHeap, HashMap};

use super::commits::{Commit, Graph, Signature, parts};
use super::select::MAX_TAG_DEPTH;
use crate::run::Unexamined;
use crate::source::git::inflate::Inflater;
use crate::source::git::lookup::Lookup;
use crate::source::git::{ObjectId, ObjectKind};

/// When only known commits are left to be walked, so many more are walked: clocks go wrong, so that a commit may be
/// older than its parents.
const SLOP: usize = 256;
/// A commit by its place in the walk.
pub(super) type Node = u32;

/// What is known of a commit.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) id: ObjectId,
    pub(super) tree: Option<ObjectId>,
    pub(super) parents: Vec<ObjectId>,
    time: i64,
    /// It or a commit that it leads from is known.
    is_known: bool,
    is_queued: bool,
    is_walked: bool,
}

/// What a ref leads to: a commit, or a tree or a file, and the tags on the way.
pub(super) struct Peeled {
    pub(super) commit: Option<ObjectId>,
    pub(super) other: Option<ObjectId>,
    pub(super) tags: Vec<ObjectId>,
}

/// Walks commits, the newest first.
pub(super) struct Walk<'a> {
    lookup: &'a Lookup,
    pub(super) inflater: Inflater,
    pub(super) content: Vec<u8>,
    /// The commits that were named; nothing of those that cannot be read.
    pub(super) numbers: HashMap<ObjectId, Option<Node>>,
    pub(super) met: Vec<Met>,
    queue: BinaryHeap<(i64, Node)>,
    /// How many of the queue are not known.
    new_in_queue: usize,
    pub(super) unreadable: Vec<Unexamined>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(lookup: &'a Lookup) -> Walk<'a> {
        Walk {
            lookup,
            inflater: Inflater::new(),
            content: Vec::new(),
            numbers: HashMap::new(),
            met: Vec::new(),
            queue: BinaryHeap::new(),
            new_in_queue: 0,
            unreadable: Vec::new(),
        }
    }

    /// Reads a commit, once; `None` when it cannot be.
    pub(super) fn meet(&mut self, id: ObjectId) -> Option<Node> {
        if let Some(known) = self.numbers.get(&id) {
            return *known;
        }
        let mut note = |reason: String| self.unreadable.push(Unexamined { path: format!("<object {id}>"), reason });
        let node = match self.lookup.read(&id, &mut self.inflater, &mut self.content) {
            Ok(Some(ObjectKind::Commit)) => {
                let parts = parts(&self.content);
                self.met.push(Met {
                    id,
                    tree: parts.first("tree").and_then(ObjectId::from_hex),
                    parents: parts.values("parent").filter_map(ObjectId::from_hex).collect(),
                    time: parts.first("committer").map_or(0, |line| Signature::of(line).time),
                    is_known: false,
                    is_queued: false,
                    is_walked: false,
                });
                Some(self.met.len() as Node - 1)
            }
            Ok(Some(_)) => {
                note("it is no commit, though something names it as one".to_owned());
                None
            }
            Ok(None) => None,
            Err(error) => {
                note(error.to_string());
                None
            }
        };
        self.numbers.insert(id, node);
        node
    }

    /// What an object is or, being a tag, tags in the end.
    pub(super) fn peel(&mut self, mut id: ObjectId) -> Peeled {
        let mut tags = Vec::new();
        while tags.len() < MAX_TAG_DEPTH {
            match self.lookup.read(&id, &mut self.inflater, &mut self.content) {
                Ok(Some(ObjectKind::Commit)) => return Peeled { commit: Some(id), other: None, tags },
                Ok(Some(ObjectKind::Tag)) => {
                    tags.push(id);
                    match parts(&self.content).first("object").and_then(ObjectId::from_hex) {
                        Some(target) => id = target,
                        None => return Peeled { commit: None, other: None, tags },
                    }
                }
                _ => return Peeled { commit: None, other: Some(id), tags },
            }
        }
        Peeled { commit: None, other: None, tags }
    }

    pub(super) fn push(&mut self, node: Node, is_known: bool) {
        if is_known {
            self.mark_known(node);
        }
        let met = &mut self.met[node as usize];
        if !std::mem::replace(&mut met.is_queued, true) {
            self.queue.push((met.time, node));
            self.new_in_queue += usize::from(!met.is_known);
        }
    }

    /// Marks a commit, and those before it that were walked already.
    fn mark_known(&mut self, node: Node) {
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            let met = &mut self.met[node as usize];
            if std::mem::replace(&mut met.is_known, true) {
                continue;
            }
            if met.is_queued && !met.is_walked {
                self.new_in_queue -= 1;
            }
            if met.is_walked {
                let parents = met.parents.iter().filter_map(|parent| self.numbers.get(parent).copied().flatten());
                stack.extend(parents);
            }
        }
    }

    /// The commits that are new, given what was pushed.
    pub(super) fn new_commits(&mut self) -> Vec<Node> {
        let (mut new, mut slop, mut oldest) = (Vec::new(), SLOP, i64::MAX);
        while let Some((time, node)) = self.queue.pop() {
            if self.new_in_queue == 0 && time < oldest {
                slop -= 1;
                if slop == 0 {
                    break;
                }
            } else {
                slop = SLOP;
            }
            let met = &mut self.met[node as usize];
            met.is_walked = true;
            let is_known = met.is_known;
            if !is_known {
                self.new_in_queue -= 1;
                oldest = oldest.min(time);
                new.push(node);
            }
            for parent in met.parents.clone() {
                if let Some(parent) = self.meet(parent) {
                    self.push(parent, is_known);
                }
            }
        }
        new.retain(|node| !self.met[*node as usize].is_known);
        new
    }

    /// All commits from these on that are not older than a time.
    pub(super) fn since(&mut self, tips: &[Node], time: i64) -> Vec<Node> {
        let (mut all, mut seen, mut stack) = (Vec::new(), vec![false; self.met.len()], tips.to_vec());
        while let Some(node) = stack.pop() {
            seen.resize(self.met.len(), false);
            if self.met[node as usize].time < time || std::mem::replace(&mut seen[node as usize], true) {
                continue;
            }
            all.push(node);
            for parent in self.met[node as usize].parents.clone() {
                stack.extend(self.meet(parent));
            }
        }
        all
    }

    /// These commits, parents first.
    pub(super) fn graph(&self, nodes: &[Node]) -> Graph {
        let commit = |&node: &Node| {
            let met = &self.met[node as usize];
            let parents = met.parents.iter().filter_map(|parent| self.numbers.get(parent).copied().flatten());
            Commit { number: node, tree: None, parents: parents.collect(), absent: Vec::new(), time: met.time }
        };
        Graph::new(nodes.iter().map(commit).collect())
    }
}
