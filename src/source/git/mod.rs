//! The objects of a git repository: where they are, and a walk over all of them.
//!
//! Objects are read by this module alone, because it can do what a library of single look-ups cannot: go over a pack
//! along its deltas, so that each entry is inflated once and each version is made from the one it differs from.
//! Nothing in a repository is believed: sizes, offsets, depths and names are checked where they are used, and an object
//! that cannot be read is named and passed over. Nothing is ever written, and no program of the repository runs.

pub(crate) mod delta;
mod id;
pub(crate) mod index;
pub(crate) mod inflate;
pub(crate) mod lookup;
pub(crate) mod pack;
pub(crate) mod pack_index;
pub(crate) mod reftable;
pub(crate) mod repository;
mod set;
mod store;
pub(crate) mod tree;
pub(crate) mod walk;

pub(crate) use self::id::ObjectId;
pub(crate) use self::set::ObjectSet;
pub(crate) use self::store::{ObjectNumber, Store};

/// No object above this length is held in memory.
pub(crate) const MAX_OBJECT_LEN: u64 = 512 << 20;

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ObjectKind {
    Commit,
    Tree,
    Blob,
    Tag,
}

/// Why an object cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectError {
    Corrupt(&'static str),
    TooLarge(u64),
}

impl std::fmt::Display for ObjectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ObjectError::Corrupt(why) => f.write_str(why),
            ObjectError::TooLarge(len) => {
                write!(f, "its length of {len} bytes is above the bound of {} MiB", MAX_OBJECT_LEN >> 20)
            }
        }
    }
}
