//! All ways in of all rules, found in one pass.

use crate::byteset::ByteSet;

/// A byte string that stands in every match of some rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Literal {
    /// Three bytes or more; lower case when `ignore_case` is set.
    pub(crate) bytes: Vec<u8>,
    /// Whether ASCII letters match in either case.
    pub(crate) ignore_case: bool,
}

/// A run of at least `min_len` bytes of one class, with no byte of the class before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Run {
    pub(crate) class: ByteSet,
    pub(crate) min_len: usize,
}
