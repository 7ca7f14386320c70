//! What a redactor did, without secrets.

use std::collections::BTreeMap;

use crate::fingerprint::Fingerprint;
use crate::span::Span;

/// Why something was hidden.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// A rule found it, this sure.
    Rule(f32),
    /// It is a known secret.
    Known,
    /// It is the value of a member or a pair that is named like a secret.
    Member,
    /// It overlapped what a rule found.
    Overlap,
}

/// What was hidden, without the secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The rule's id, or the known secret's name.
    pub label: String,
    /// Why.
    pub cause: Cause,
    /// What was written in its place; in a document, as a part of a string.
    pub marker: String,
    /// Where the marker starts in the output, in bytes.
    pub at: u64,
    /// Where in the input it stood, as far as that was known when the record was taken; `None` for what came of what
    /// markers brought together.
    pub span: Option<Span>,
    /// The keyed fingerprint of the secret, where there is a key.
    pub fingerprint: Option<Fingerprint>,
}

/// What a redactor did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedactStats {
    /// Bytes that came in.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// How often each rule or known secret was hidden.
    pub hidden: BTreeMap<String, u64>,
    /// Attempts that were given up because hostile text made a rule look at too many bytes.
    pub skipped_attempts: u64,
}

impl RedactStats {
    /// Counts one more.
    pub(super) fn count(&mut self, label: &str) {
        match self.hidden.get_mut(label) {
            Some(count) => *count += 1,
            None => drop(self.hidden.insert(label.to_owned(), 1)),
        }
    }

    /// Takes what was hidden and passed over elsewhere on the way of the same bytes.
    pub(super) fn adopt(&mut self, other: &mut RedactStats) {
        for (label, count) in std::mem::take(&mut other.hidden) {
            *self.hidden.entry(label).or_default() += count;
        }
        self.skipped_attempts += std::mem::take(&mut other.skipped_attempts);
    }

    /// How many intervals were hidden.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.hidden.values().sum()
    }

    /// Adds what another did.
    pub fn merge(&mut self, other: &RedactStats) {
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.skipped_attempts += other.skipped_attempts;
        for (label, count) in &other.hidden {
            *self.hidden.entry(label.clone()).or_default() += count;
        }
    }
}
