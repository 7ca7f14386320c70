//! What the fuzzer gives bytes to.

use std::path::Path;
use std::sync::OnceLock;

use keyscan::{RuleSet, Scanner, testing};

use super::pack::{LETTERS_RULE, drawn};

pub(crate) type Read = fn(&[u8]);

/// The targets of the fuzzer, and what each is given.
pub(crate) const TARGETS: [(&str, Read); 9] = [
    ("git_pack_entry", testing::git::pack_entry),
    ("git_delta", |bytes| in_two(bytes, testing::git::pack_delta)),
    ("git_pack_index", testing::git::pack_index),
    ("git_tree", testing::git::tree),
    ("git_commit", |bytes| testing::git::commit(scanner(), bytes)),
    ("git_index", |bytes| in_two(bytes, testing::git::index)),
    ("git_reftable", testing::git::reftable),
    ("git_cache", |bytes| _ = testing::git::cache(bytes)),
    ("git_pack", |bytes| {
        let (pack, index) = drawn(bytes).bytes();
        testing::git::pack(scanner(), &pack, &index);
    }),
];

pub(crate) fn scanner() -> &'static Scanner {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    SCANNER.get_or_init(|| {
        Scanner::new(RuleSet::from_toml(Path::new("test.toml"), LETTERS_RULE).expect("the rule is one"))
    })
}

/// Two texts in one: the first two bytes say how long the first is.
fn in_two(bytes: &[u8], read: fn(&[u8], &[u8])) {
    let Some((len, rest)) = bytes.split_first_chunk() else { return };
    let (first, second) = rest.split_at(rest.len().min(usize::from(u16::from_be_bytes(*len))));
    read(first, second);
}

/// Gives bytes to a target.
pub(crate) fn read(target: &str, bytes: &[u8]) {
    let read = TARGETS.iter().find(|(name, _)| *name == target).map(|(_, read)| read);
    read.expect("it is one of the targets")(bytes);
}
