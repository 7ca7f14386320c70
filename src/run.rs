//! From units to an outcome: what a scan found, what it could not look at, what it cost.

use std::time::Duration;

use crate::finding::Located;

/// A unit, or a part of one, that was not examined.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unexamined {
    /// The unit.
    pub path: String,
    /// Why, in words; never with bytes of the unit.
    pub reason: String,
}

/// What a scan came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was found, by path, place and rule.
    pub findings: Vec<Located>,
    /// What was not examined, by path.
    pub unexamined: Vec<Unexamined>,
    /// Whether the scan was interrupted.
    pub interrupted: bool,
    /// What it cost.
    pub stats: Stats,
}

impl Outcome {
    /// Whether everything was examined.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unexamined.is_empty() && !self.interrupted
    }
}

/// What a scan looked at, and how long it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Units examined.
    pub units: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Wall time.
    pub elapsed: Duration,
}
