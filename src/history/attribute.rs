//! Where the objects with secrets are: in which commit each came first to which path.
//!
//! Trees are known by how they differ along the deltas of the packs. To find the trees that hold an object, each tree
//! that has it as an entry of its own is taken, and the trees that were made from it as long as they did not drop it;
//! then the trees that hold those, and so on. What is found this way is a part of all trees, often a small one, and
//! only this part is walked, commit by commit, parents first.

use std::collections::{HashMap, HashSet};

use super::by_object::ByObject;
use super::commits::Graph;
use super::trees::{Edge, Edges};
use crate::source::git::pack::{on_threads, shares};
use crate::source::git::walk::Forest;
use crate::source::git::{ObjectNumber, ObjectSet, Store};

/// Trees within trees can make more paths than anyone can count. When more than this lead to objects with secrets, each
/// tree is entered at one more path at most.
const MAX_PATHS: usize = 200_000;

/// A path, as the number of a folder and of a name in it. The root has no number.
pub(super) type PathNumber = u32;

/// That an object came to a path in a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occurrence {
    pub(super) object: ObjectNumber,
    pub(super) path: PathNumber,
    /// The place of the commit in the graph.
    pub(super) commit: u32,
}

/// The trees that lead to the objects that are looked for.
pub(super) struct Trees {
    /// By tree: the names and the entries under them.
    pub(super) children: ByObject<(u32, ObjectNumber)>,
    wanted: HashSet<ObjectNumber>,
    /// Names that are looked for, whatever they name.
    wanted_names: HashSet<u32>,
}

/// Paths that were met, each once.
#[derive(Debug, Default)]
pub(super) struct Paths {
    numbers: HashMap<(Option<PathNumber>, u32), PathNumber>,
    paths: Vec<(Option<PathNumber>, u32)>,
}

impl Paths {
    fn number(&mut self, folder: Option<PathNumber>, name: u32) -> PathNumber {
        let next = self.paths.len() as PathNumber;
        let number = *self.numbers.entry((folder, name)).or_insert(next);
        if number == next {
            self.paths.push((folder, name));
        }
        number
    }

    /// The number of the last name of a path.
    pub(super) fn name(&self, path: PathNumber) -> u32 {
        self.paths[path as usize].1
    }

    /// The numbers of all names of a path, from the root on.
    pub(super) fn names(&self, path: PathNumber) -> Vec<u32> {
        let mut names = Vec::new();
        let mut next = Some(path);
        while let Some(path) = next {
            let (folder, name) = self.paths[path as usize];
            names.push(name);
            next = folder;
        }
        names.reverse();
        names
    }
}

impl Trees {
    /// Finds the trees that lead to these objects or to entries of these names, given what was found in trees. Of trees that
    /// are known, all such entries are: `edges`.
    pub(super) fn new(
        walked: &Walked<'_>,
        found: Vec<Edges>,
        edges: Vec<(ObjectNumber, (u32, ObjectNumber))>,
        wanted: HashSet<ObjectNumber>,
        wanted_names: HashSet<u32>,
        threads: usize,
    ) -> Trees {
        let count = walked.store.count() as usize;
        let mut children = edges;
        if found.iter().any(|edges| !edges.added.is_empty()) {
            let holders = Holders::new(walked, found);
            holders.lead_to(&wanted, &wanted_names, threads, &mut children);
        }
        // Those of a cache are almost in order.
        children.sort();
        children.dedup();
        Trees { children: ByObject::new(count, &[&children], |entry| *entry), wanted, wanted_names }
    }

    fn is_wanted(&self, name: u32, object: ObjectNumber) -> bool {
        self.wanted.contains(&object) || self.wanted_names.contains(&name)
    }
}

/// What was walked of a store.
#[derive(Clone, Copy)]
pub(super) struct Walked<'a> {
    pub(super) store: &'a Store,
    pub(super) forests: &'a [Forest],
    /// What was not looked at.
    pub(super) known: &'a ObjectSet,
}

/// The trees that hold an object, of those that were looked at.
struct Holders<'a> {
    walked: Walked<'a>,
    /// By object: the name under which it came to a tree, and the tree.
    added: ByObject<(u32, ObjectNumber)>,
    /// The same for what a tree dropped, ascending.
    removed: ByObject<(u32, ObjectNumber)>,
}

impl<'a> Holders<'a> {
    fn new(walked: &Walked<'a>, edges: Vec<Edges>) -> Holders<'a> {
        let store = walked.store;
        let (added, removed): (Vec<Vec<Edge>>, Vec<Vec<Edge>>) =
            edges.into_iter().map(|edges| (edges.added, edges.removed)).unzip();
        let by_child = |edges: Vec<Vec<Edge>>| {
            let edges: Vec<&[Edge]> = edges.iter().map(Vec::as_slice).collect();
            ByObject::new(store.count() as usize, &edges, |edge| (edge.child, (edge.name, edge.tree)))
        };
        let (added, mut removed) = std::thread::scope(|scope| {
            let added = scope.spawn(|| by_child(added));
            let removed = by_child(removed);
            match added.join() {
                Ok(added) => (added, removed),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        removed.sort();
        Holders { walked: *walked, added, removed }
    }

    /// Adds the entries that lead to these objects, or are of these names, to those that are known.
    fn lead_to(
        &self,
        wanted: &HashSet<ObjectNumber>,
        wanted_names: &HashSet<u32>,
        threads: usize,
        children: &mut Vec<(ObjectNumber, (u32, ObjectNumber))>,
    ) {
        let mut met = vec![false; self.walked.store.count() as usize];
        let mut queue: Vec<ObjectNumber> = Vec::new();
        let mut meet = |object: ObjectNumber, queue: &mut Vec<ObjectNumber>| {
            if !std::mem::replace(&mut met[object as usize], true) {
                queue.push(object);
            }
        };
        wanted.iter().for_each(|object| meet(*object, &mut queue));
        if !wanted_names.is_empty() {
            let named = self.added.iter().filter(|(_, (name, _))| wanted_names.contains(name));
            named.for_each(|(child, _)| meet(child, &mut queue));
        }
        for &(tree, (name, child)) in &*children {
            meet(tree, &mut queue);
            if wanted_names.contains(&name) {
                meet(child, &mut queue);
            }
        }
        // From one level of folders to the next, all that hold what was met on the last one.
        while !queue.is_empty() {
            let shares = shares(queue.len() as u32, threads);
            let found = on_threads(&shares, |range| self.of_all(&queue[range.start as usize..range.end as usize]));
            queue.clear();
            for found in found {
                found.iter().for_each(|(tree, _)| meet(*tree, &mut queue));
                children.extend(found);
            }
        }
    }

    /// The trees that hold these objects, each with the name under which it does, and the object.
    fn of_all(&self, objects: &[ObjectNumber]) -> Vec<(ObjectNumber, (u32, ObjectNumber))> {
        let (mut found, mut of_child) = (Vec::new(), Vec::new());
        for &child in objects {
            self.of(child, &mut of_child);
            found.extend(of_child.iter().map(|&(name, tree)| (tree, (name, child))));
        }
        found
    }

    /// Makes `holders` the trees that hold an object, and the names under which they do.
    fn of(&self, child: ObjectNumber, holders: &mut Vec<(u32, ObjectNumber)>) {
        let (Walked { store, forests, known }, removed) = (self.walked, self.removed.get(child));
        holders.clear();
        let mut stack = Vec::new();
        for &(name, tree) in self.added.get(child) {
            stack.push(tree);
            while let Some(tree) = stack.pop() {
                holders.push((name, tree));
                let Some((pack, position)) = store.place(tree) else { continue };
                let Some(slot) = store.packs[pack].slot_of(position) else { continue };
                for &below in forests[pack].below(slot) {
                    let tree = store.first(pack) + store.packs[pack].position(below);
                    if !known.contains(tree) && removed.binary_search(&(name, tree)).is_err() {
                        stack.push(tree);
                    }
                }
            }
        }
        if store.packs.len() > 1 {
            for (_, tree) in holders.iter_mut() {
                *tree = store.id(*tree).and_then(|id| store.find(id.as_bytes())).unwrap_or(*tree);
            }
        }
        holders.sort_unstable();
        holders.dedup();
    }
}

/// Walks commits and notes what came where first.
pub(super) struct Attribution<'t> {
    trees: &'t Trees,
    pub(super) paths: Paths,
    seen_trees: HashSet<(ObjectNumber, Option<PathNumber>)>,
    seen: HashSet<(ObjectNumber, PathNumber)>,
    pub(super) occurrences: Vec<Occurrence>,
    /// Trees to enter, each with its path and what the first parent has there.
    stack: Vec<(ObjectNumber, Option<PathNumber>, Option<ObjectNumber>)>,
    /// There were more paths than are followed.
    pub(super) overflowed: bool,
}

impl<'t> Attribution<'t> {
    pub(super) fn new(trees: &'t Trees) -> Attribution<'t> {
        Attribution {
            trees,
            paths: Paths::default(),
            seen_trees: HashSet::new(),
            seen: HashSet::new(),
            occurrences: Vec::new(),
            stack: Vec::new(),
            overflowed: false,
        }
    }

    /// Notes what is new in a commit, given that its parents came before it.
    pub(super) fn commit(&mut self, graph: &Graph, place: u32) {
        let tree = |place: u32| graph.commits[place as usize].tree;
        let Some(root) = tree(place) else { return };
        // What a parent has at the same path was noted there.
        let before = graph.parents(place).first().and_then(|parent| tree(*parent));
        self.stack.push((root, None, before));
        while let Some((tree, folder, before)) = self.stack.pop() {
            let entries = self.trees.children.get(tree);
            if entries.is_empty() || before == Some(tree) {
                continue;
            }
            self.overflowed |= self.paths.paths.len() > MAX_PATHS;
            let key = if self.overflowed { (tree, None) } else { (tree, folder) };
            if !self.seen_trees.insert(key) {
                continue;
            }
            let mut known = before.map_or(&[][..], |before| self.trees.children.get(before));
            for &(name, child) in entries {
                known = &known[known.iter().take_while(|known| known.0 < name).count()..];
                let mut of_name = known.iter().take_while(|known| known.0 == name);
                if of_name.clone().any(|known| known.1 == child) {
                    continue;
                }
                let path = self.paths.number(folder, name);
                if self.trees.is_wanted(name, child) && self.seen.insert((child, path)) {
                    self.occurrences.push(Occurrence { object: child, path, commit: place });
                }
                self.stack.push((child, Some(path), of_name.next().map(|known| known.1)));
            }
        }
    }

    /// What stands where in a tree.
    pub(super) fn listed(&mut self, root: ObjectNumber) -> HashSet<(ObjectNumber, PathNumber)> {
        let (mut listed, mut stack, mut seen) = (HashSet::new(), vec![(root, None)], HashSet::new());
        while let Some((tree, folder)) = stack.pop() {
            let entries = self.trees.children.get(tree);
            if entries.is_empty() {
                continue;
            }
            if self.overflowed && !seen.insert(tree) {
                continue;
            }
            for &(name, child) in entries {
                let path = self.paths.number(folder, name);
                self.overflowed |= self.paths.paths.len() > MAX_PATHS;
                if self.trees.is_wanted(name, child) {
                    listed.insert((child, path));
                }
                stack.push((child, Some(path)));
            }
        }
        listed
    }
}
