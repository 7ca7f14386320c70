//! Bytes that others made, read alone: for the test suites. Each panics where what was read does not hold together.

use std::collections::HashSet;

pub(crate) use super::cache::probe as cache;
use super::commits::{Commit, parts};
use super::diff::{Differ, Folder};
use super::telling::commit_info;
use super::trees::{Names, TreeContext, TreeEntry, TreeReader};
use crate::engine::{Scanner, Scratch};
use crate::source::git::Store;
use crate::source::git::index::{Entry, Index};
use crate::source::git::lookup::Lookup;
use crate::source::git::tree::EntryMode;
use crate::span::Copied;

/// A tree, and one that was made from it: along the copies they say what they say alone.
pub(crate) fn trees(base: &[u8], text: &[u8], copies: &[Copied], hash_len: usize) {
    let (store, names, mut reader) = (Store::default(), Names::default(), TreeReader::default());
    let context = TreeContext { store: &store, names: &names, hash_len, tree: 0 };
    let (known, _) = reader.read(&context, base, None, |_, _| ());
    let alone = reader.read(&context, text, None, |_, _| ());
    let along = reader.read(&context, text, Some((&known, copies)), |_, _| ());
    let told = |(entries, is_whole): &(Vec<TreeEntry>, bool)| (format!("{entries:?}"), *is_whole);
    assert_eq!(told(&along), told(&alone));
}

/// A commit or a tag.
pub(crate) fn commit(scanner: &Scanner, content: &[u8], scratch: &mut Scratch) {
    let parts = parts(content);
    assert!(parts.header.len() + parts.message.len() <= content.len());
    assert!(content.ends_with(parts.message));
    let commit = Commit::of(0, &parts, &Store::default());
    assert!(commit.parents.is_empty() && commit.tree.is_none(), "there are no objects");
    let info = commit_info(scanner, String::new(), content, scratch);
    assert!(info.date.len() >= "2026-01-31T10:20:30+01:00".len(), "{}", info.date);
}

/// An index: what the next commit would hold is what it lists.
pub(crate) fn index(index: &Index, hash_len: usize) {
    let lookup = Lookup::default();
    let changes = Differ::new(&lookup, hash_len).changes(Folder::of_index(index), &[]).changes;
    let files: HashSet<&[u8]> =
        changes.iter().filter(|change| change.object.is_some()).map(|change| &*change.path).collect();
    let is_file = |entry: &&Entry| entry.mode == EntryMode::File;
    let listed: HashSet<&[u8]> = index.entries().iter().filter(is_file).map(|entry| index.path(entry)).collect();
    assert!(files.len() <= listed.len());
    // Git takes no other paths.
    let is_plain = |path: &&&[u8]| path.split(|byte| *byte == b'/').all(|name| !name.is_empty());
    assert!(listed.iter().filter(is_plain).all(|path| files.contains(path)));
}
