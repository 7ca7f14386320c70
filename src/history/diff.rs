//! What a commit, or the index that is to become one, has and its parents have not.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use crate::run::Unexamined;
use crate::source::git::index::{CachedTree, Index};
use crate::source::git::inflate::Inflater;
use crate::source::git::lookup::Lookup;
use crate::source::git::tree::{self, EntryMode};
use crate::source::git::{ObjectId, ObjectKind};

/// Trees within trees can make more paths than anyone can count. When more than this were met, each tree is entered at
/// one more path at most.
const MAX_PATHS: usize = 2_000_000;
/// A path that is longer is not followed.
const MAX_PATH_LEN: usize = 1 << 16;
/// So many entries of trees are remembered.
const MAX_REMEMBERED: usize = 1 << 20;

/// A file or a name that was not there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) path: Vec<u8>,
    /// What the file holds; `None` for a folder.
    pub(super) object: Option<ObjectId>,
    /// What the parents have at the path.
    pub(super) before: Vec<ObjectId>,
    /// Whether no parent has anything of this name there.
    pub(super) is_new_name: bool,
}

/// A file or a folder that is there no more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Removed {
    mode: EntryMode,
    id: ObjectId,
}

/// What differs.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) changes: Vec<Change>,
    /// Only where there is one parent: what merges remove, another side may have moved.
    pub(super) removed: Vec<Removed>,
}

/// What is compared with the trees of the parents.
#[derive(Clone)]
pub(super) enum Folder<'i> {
    Tree(ObjectId),
    /// A part of an index: entries whose paths are the same up to a length.
    Index {
        index: &'i Index,
        entries: Range<usize>,
        prefix: usize,
        cached: Option<&'i CachedTree>,
    },
}

/// The entries of a tree, by name.
#[derive(Debug, Default)]
struct Listing {
    items: Vec<Item>,
    /// All names, one after the other.
    names: Vec<u8>,
}

/// An entry of a tree.
#[derive(Debug, Clone)]
struct Item {
    name: Range<u32>,
    mode: EntryMode,
    id: ObjectId,
}

impl Listing {
    /// Reads a tree, and answers whether it is whole.
    fn read(content: &[u8], hash_len: usize) -> (Listing, bool) {
        let (mut listing, mut end) = (Listing::default(), 0);
        for entry in tree::entries(content, hash_len) {
            end = entry.end;
            if let Some(id) = ObjectId::new(entry.id) {
                let start = listing.names.len() as u32;
                listing.names.extend_from_slice(entry.name);
                listing.items.push(Item { name: start..listing.names.len() as u32, mode: entry.mode, id });
            }
        }
        let Listing { items, names } = &mut listing;
        let name = |item: &Item| &names[item.name.start as usize..item.name.end as usize];
        // Git puts folders where they would stand with a slash behind their names.
        if !items.is_sorted_by(|a, b| name(a) <= name(b)) {
            items.sort_by(|a, b| name(a).cmp(name(b)));
        }
        (listing, end == content.len())
    }

    fn name(&self, item: &Item) -> &[u8] {
        &self.names[item.name.start as usize..item.name.end as usize]
    }

    /// The entry of this name, which stands at `near` as a rule.
    fn find(&self, name: &[u8], near: usize) -> Option<&Item> {
        if let Some(item) = self.items.get(near).filter(|item| self.name(item) == name) {
            return Some(item);
        }
        self.items.binary_search_by(|item| self.name(item).cmp(name)).ok().map(|at| &self.items[at])
    }

    fn children(&self) -> Vec<Child<'_, 'static>> {
        let kind = |item: &Item| match item.mode {
            EntryMode::File => ChildKind::File(item.id),
            EntryMode::Folder => ChildKind::Folder(Folder::Tree(item.id)),
            EntryMode::Commit => ChildKind::Commit,
        };
        self.items.iter().map(|item| Child { name: self.name(item), kind: kind(item) }).collect()
    }
}

/// Something in a folder.
struct Child<'n, 'i> {
    name: &'n [u8],
    kind: ChildKind<'i>,
}

enum ChildKind<'i> {
    File(ObjectId),
    Folder(Folder<'i>),
    Commit,
}

impl ChildKind<'_> {
    fn mode(&self) -> EntryMode {
        match self {
            ChildKind::File(_) => EntryMode::File,
            ChildKind::Folder(_) => EntryMode::Folder,
            ChildKind::Commit => EntryMode::Commit,
        }
    }

    /// The object, where it is known.
    fn id(&self) -> Option<ObjectId> {
        match self {
            ChildKind::File(id) => Some(*id),
            ChildKind::Folder(folder) => folder.id(),
            ChildKind::Commit => None,
        }
    }
}

/// A folder that is compared, and where it is.
struct Pending<'i> {
    folder: Folder<'i>,
    before: Vec<ObjectId>,
    path: Vec<u8>,
}

/// Compares trees. One for each thread.
pub(super) struct Differ<'a> {
    lookup: &'a Lookup,
    hash_len: usize,
    inflater: Inflater,
    content: Vec<u8>,
    /// Trees that were read, their entries by name.
    trees: HashMap<ObjectId, Rc<Listing>>,
    remembered: usize,
    paths: usize,
    entered: HashSet<ObjectId>,
    pub(super) unexamined: Vec<Unexamined>,
}

impl<'i> Folder<'i> {
    pub(super) fn of_index(index: &'i Index) -> Folder<'i> {
        Folder::Index { index, entries: 0..index.entries().len(), prefix: 0, cached: index.cached.as_ref() }
    }

    /// The id of its tree, where it is known.
    fn id(&self) -> Option<ObjectId> {
        match self {
            Folder::Tree(id) => Some(*id),
            Folder::Index { cached, .. } => cached.and_then(|cached| cached.id),
        }
    }
}

impl<'a> Differ<'a> {
    pub(super) fn new(lookup: &'a Lookup, hash_len: usize) -> Differ<'a> {
        Differ {
            lookup,
            hash_len,
            inflater: Inflater::new(),
            content: Vec::new(),
            trees: HashMap::new(),
            remembered: 0,
            paths: 0,
            entered: HashSet::new(),
            unexamined: Vec::new(),
        }
    }

    /// What `root` has and none of the trees before it has at the same path.
    pub(super) fn changes(&mut self, root: Folder<'_>, before: &[ObjectId]) -> Changes {
        let mut found = Changes::default();
        let notes_removed = before.len() == 1;
        let mut stack = vec![Pending { folder: root, before: before.to_vec(), path: Vec::new() }];
        while let Some(Pending { folder, before, path }) = stack.pop() {
            if folder.id().is_some_and(|id| before.contains(&id)) || !self.enter(&folder, &path) {
                continue;
            }
            let lists: Vec<Rc<Listing>> = before.iter().map(|id| self.tree(*id)).collect();
            let listing;
            let children = match &folder {
                Folder::Tree(id) => {
                    listing = self.tree(*id);
                    listing.children()
                }
                Folder::Index { index, entries, prefix, cached } => {
                    index_children(index, entries.clone(), *prefix, *cached)
                }
            };
            if notes_removed && let Some(list) = lists.first() {
                note_removed(list, &children, &mut found.removed);
            }
            self.paths += children.len();
            for (at, Child { name, kind }) in children.into_iter().enumerate() {
                let items = || lists.iter().filter_map(|list| list.find(name, at));
                let is_same = |item: &Item| item.mode == kind.mode() && kind.id() == Some(item.id);
                if items().any(is_same) {
                    continue;
                }
                let of_mode = |mode: EntryMode| items().filter(move |item| item.mode == mode).map(|item| item.id);
                let is_new_name = items().next().is_none();
                let path = [&path[..], if path.is_empty() { b"" } else { b"/" }, name].concat();
                match kind {
                    ChildKind::File(id) => {
                        let before = of_mode(EntryMode::File).collect();
                        found.changes.push(Change { path, object: Some(id), before, is_new_name });
                    }
                    ChildKind::Folder(folder) => {
                        if is_new_name {
                            let (path, before) = (path.clone(), Vec::new());
                            found.changes.push(Change { path, object: None, before, is_new_name });
                        }
                        stack.push(Pending { folder, before: of_mode(EntryMode::Folder).collect(), path });
                    }
                    ChildKind::Commit if is_new_name => {
                        found.changes.push(Change { path, object: None, before: Vec::new(), is_new_name });
                    }
                    ChildKind::Commit => {}
                }
            }
        }
        found
    }

    /// All that is in an object to which no commit leads: a tree, or a file.
    pub(super) fn changes_of(&mut self, id: ObjectId) -> Changes {
        match self.lookup.read(&id, &mut self.inflater, &mut self.content) {
            Ok(Some(ObjectKind::Tree)) => self.changes(Folder::Tree(id), &[]),
            _ => {
                let path = format!("<blob {}>", &id.to_string()[..12]).into_bytes();
                let change = Change { path, object: Some(id), before: Vec::new(), is_new_name: false };
                Changes { changes: vec![change], removed: Vec::new() }
            }
        }
    }

    /// Whether a folder is looked into: all are, but where there are too many.
    fn enter(&mut self, folder: &Folder<'_>, path: &[u8]) -> bool {
        if path.len() > MAX_PATH_LEN {
            self.note(path, "its path is too long to be followed");
            return false;
        }
        let Folder::Tree(id) = folder else { return true };
        if self.paths <= MAX_PATHS {
            return true;
        }
        if self.entered.is_empty() {
            self.note(b"<paths>", "there are more paths than can be followed; findings are told at some of theirs");
        }
        self.entered.insert(*id)
    }

    /// The entries of a tree by name; none when it cannot be read, which is noted.
    fn tree(&mut self, id: ObjectId) -> Rc<Listing> {
        if let Some(listing) = self.trees.get(&id) {
            return Rc::clone(listing);
        }
        let mut listing = Listing::default();
        let why = match self.lookup.read(&id, &mut self.inflater, &mut self.content) {
            Ok(Some(ObjectKind::Tree)) => {
                let is_whole;
                (listing, is_whole) = Listing::read(&self.content, self.hash_len);
                (!is_whole).then(|| "the tree is malformed; its entries were read up to there".to_owned())
            }
            Ok(Some(_)) => Some("it is no tree, though something names it as one".to_owned()),
            Ok(None) => Some("the tree is not there".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = why {
            self.note(format!("<object {id}>").as_bytes(), &why);
        }
        if self.remembered > MAX_REMEMBERED {
            self.trees.clear();
            self.remembered = 0;
        }
        self.remembered += listing.items.len() + 1;
        let listing = Rc::new(listing);
        self.trees.insert(id, Rc::clone(&listing));
        listing
    }

    /// What stands at a path of a tree.
    pub(super) fn file_at(&mut self, root: ObjectId, path: &[u8]) -> Option<ObjectId> {
        let mut names = path.split(|byte| *byte == b'/').peekable();
        let mut tree = root;
        loop {
            let name = names.next()?;
            let (mode, id) = self.tree(tree).find(name, 0).map(|item| (item.mode, item.id))?;
            match (mode, names.peek()) {
                (EntryMode::File, None) => return Some(id),
                (EntryMode::Folder, Some(_)) => tree = id,
                _ => return None,
            }
        }
    }

    /// The files that are there no more.
    pub(super) fn removed_files(&mut self, removed: &[Removed]) -> Vec<ObjectId> {
        let (mut files, mut stack, mut known) = (Vec::new(), removed.to_vec(), HashSet::new());
        while let Some(Removed { mode, id }) = stack.pop() {
            if !known.insert(id) {
                continue;
            }
            match mode {
                EntryMode::File => files.push(id),
                EntryMode::Folder => {
                    stack.extend(self.tree(id).items.iter().map(|item| Removed { mode: item.mode, id: item.id }));
                }
                EntryMode::Commit => {}
            }
        }
        files
    }

    fn note(&mut self, path: &[u8], reason: &str) {
        let path = String::from_utf8_lossy(path).into_owned();
        self.unexamined.push(Unexamined { path, reason: reason.to_owned() });
    }
}

/// Notes what of a list is not among these children, which are in order by name.
fn note_removed(list: &Listing, children: &[Child<'_, '_>], removed: &mut Vec<Removed>) {
    let mut rest = children;
    for item in &list.items {
        let name = list.name(item);
        rest = &rest[rest.iter().take_while(|child| child.name < name).count()..];
        let mut same_name = rest.iter().take_while(|child| child.name == name);
        if !same_name.any(|child| child.kind.mode() == item.mode) {
            removed.push(Removed { mode: item.mode, id: item.id });
        }
    }
}

/// What is in a folder of an index, in order by name.
fn index_children<'i>(
    index: &'i Index,
    entries: Range<usize>,
    prefix: usize,
    cached: Option<&'i CachedTree>,
) -> Vec<Child<'i, 'i>> {
    let mut children = Vec::new();
    let mut at = entries.start;
    while at < entries.end {
        let entry = &index.entries()[at];
        let rest = index.path(entry).get(prefix..).unwrap_or_default();
        let Some(len) = memchr::memchr(b'/', rest) else {
            let kind = match entry.mode {
                EntryMode::File => ChildKind::File(entry.id),
                EntryMode::Folder => ChildKind::Folder(Folder::Tree(entry.id)),
                EntryMode::Commit => ChildKind::Commit,
            };
            children.push(Child { name: rest, kind });
            at += 1;
            continue;
        };
        let name = &rest[..len];
        if len + 1 == rest.len() && entry.mode == EntryMode::Folder {
            // Of a sparse index: a folder that is not checked out.
            children.push(Child { name, kind: ChildKind::Folder(Folder::Tree(entry.id)) });
            at += 1;
            continue;
        }
        let (start, shared) = (at, prefix + len + 1);
        let folder = &index.path(entry)[..shared];
        at += index.entries()[at..entries.end].partition_point(|entry| index.path(entry).starts_with(folder));
        let cached = cached.and_then(|cached| cached.child(name));
        let kind = ChildKind::Folder(Folder::Index { index, entries: start..at, prefix: shared, cached });
        children.push(Child { name, kind });
    }
    // A slash behind the name of a folder counts where paths are in order.
    children.sort_by_key(|child| child.name);
    children
}
