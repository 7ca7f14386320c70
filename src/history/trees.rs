//! What is in which tree: only what differs from tree to tree is looked at and kept.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::source::git::tree::{EntryMode, entry};
use crate::source::git::{ObjectNumber, Store};
use crate::span::Copied;

/// The object of an entry that is not in the store, or is a commit of another repository.
pub(super) const ABSENT: ObjectNumber = ObjectNumber::MAX;

/// An entry of a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct TreeEntry {
    start: u32,
    child: ObjectNumber,
    name: u32,
}

/// That `child` is in `tree` under a name; or, in the other list, that it is not, though it was in the tree that this
/// one was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) child: ObjectNumber,
    pub(super) name: u32,
    pub(super) tree: ObjectNumber,
}

/// What trees hold, as differences along the deltas of the packs.
#[derive(Debug, Default)]
pub(super) struct Edges {
    pub(super) added: Vec<Edge>,
    pub(super) removed: Vec<Edge>,
}

/// Numbers for names of files.
#[derive(Debug, Default)]
pub(super) struct Names(RwLock<NameTable>);

#[derive(Debug, Default)]
struct NameTable {
    numbers: HashMap<Box<[u8]>, u32>,
    names: Vec<Box<[u8]>>,
}

impl Names {
    /// The number of a name, and whether it is new.
    pub(super) fn number(&self, name: &[u8]) -> (u32, bool) {
        if let Some(&number) = self.0.read().unwrap_or_else(PoisonError::into_inner).numbers.get(name) {
            return (number, false);
        }
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = table.numbers.get(name) {
            return (number, false);
        }
        let number = table.names.len() as u32;
        table.names.push(name.into());
        table.numbers.insert(name.into(), number);
        (number, true)
    }

    /// All names by number, when no more are to come.
    pub(super) fn names(&self) -> Vec<Box<[u8]>> {
        std::mem::take(&mut self.0.write().unwrap_or_else(PoisonError::into_inner).names)
    }
}

/// Reads trees. One for each thread.
#[derive(Debug, Default)]
pub(super) struct TreeReader {
    /// Names that this thread has met, so that it need not ask for their numbers.
    met: HashMap<Box<[u8]>, u32>,
    pub(super) edges: Edges,
    /// Ids that trees name and that are nowhere, and those that commits and tags do.
    pub(super) missing: std::collections::HashSet<Box<[u8]>>,
    inherited: Vec<bool>,
    /// A tree was not what it should be.
    malformed: bool,
}

/// What reading needs to know.
pub(super) struct TreeContext<'a> {
    pub(super) store: &'a Store,
    pub(super) names: &'a Names,
    pub(super) hash_len: usize,
    pub(super) tree: ObjectNumber,
}

impl TreeReader {
    /// Reads a tree; `new_name` is given the names that no tree had before. Answers false when it is malformed.
    pub(super) fn read(
        &mut self,
        context: &TreeContext<'_>,
        content: &[u8],
        base: Option<(&[TreeEntry], &[Copied])>,
        mut new_name: impl FnMut(&[u8], u32),
    ) -> (Vec<TreeEntry>, bool) {
        self.malformed = false;
        let (known, copies) = base.unwrap_or_default();
        let mut entries = Vec::with_capacity(known.len() + 8);
        self.inherited.clear();
        self.inherited.resize(known.len(), false);
        let mut at = 0;
        for copied in copies {
            let (from, to) = (copied.from as u32, (copied.from + copied.len) as u32);
            let first = known.partition_point(|entry| entry.start < from);
            // An entry ends where the next one starts; one that has no next is read anew.
            let last = first + known[first..].partition_point(|entry| entry.start <= to);
            let last = last.saturating_sub(1);
            if last <= first {
                continue;
            }
            let now = |start: u32| (start - from + copied.to as u32) as usize;
            // What is not read yet up to there; an entry may go beyond, and then nothing of the copy is as it was.
            self.parse(context, content, &mut at, now(known[first].start), &mut entries, &mut new_name);
            if self.malformed {
                break;
            }
            if at == now(known[first].start) {
                entries.extend(known[first..last].iter().map(|e| TreeEntry { start: now(e.start) as u32, ..*e }));
                self.inherited[first..last].fill(true);
                at = now(known[last].start);
            }
        }
        self.parse(context, content, &mut at, content.len(), &mut entries, &mut new_name);
        let gone = known.iter().zip(&self.inherited).filter(|(entry, kept)| !**kept && entry.child != ABSENT);
        self.edges.removed.extend(gone.map(|(entry, _)| Edge {
            child: entry.child,
            name: entry.name,
            tree: context.tree,
        }));
        (entries, !self.malformed)
    }

    /// Reads entries from `at` on until one starts at `end` or after; that is where `at` is then.
    fn parse(
        &mut self,
        context: &TreeContext<'_>,
        content: &[u8],
        at: &mut usize,
        end: usize,
        entries: &mut Vec<TreeEntry>,
        new_name: &mut impl FnMut(&[u8], u32),
    ) {
        while *at < end && !self.malformed {
            let Some(entry) = entry(content, *at, context.hash_len) else {
                self.malformed = true;
                return;
            };
            let number = match self.met.get(entry.name) {
                Some(&number) => number,
                None => {
                    let (number, is_new) = context.names.number(entry.name);
                    self.met.insert(entry.name.into(), number);
                    if is_new {
                        new_name(entry.name, number);
                    }
                    number
                }
            };
            let is_link = entry.mode == EntryMode::Commit;
            let child = if is_link { ABSENT } else { context.store.find(entry.id).unwrap_or(ABSENT) };
            if child != ABSENT {
                self.edges.added.push(Edge { child, name: number, tree: context.tree });
            } else if !is_link {
                self.missing.insert(entry.id.into());
            }
            entries.push(TreeEntry { start: *at as u32, child, name: number });
            *at = entry.end;
        }
    }
}
