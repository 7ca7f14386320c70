//! keyscan finds leaked secrets in bytes.

mod byteset;
mod checksum;
#[cfg(feature = "compat")]
pub mod compat;
pub mod config;
mod copy;
mod decode;
mod engine;
mod error;
mod escape;
mod explain;
mod finding;
mod fingerprint;
pub mod gate;
pub mod guard;
#[cfg(feature = "git")]
mod history;
#[cfg(feature = "trace")]
pub mod ledger;
#[cfg(feature = "trace")]
mod lint;
pub mod redact;
#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "rotate")]
pub mod rotate;
mod rule;
mod run;
mod secret;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(any(feature = "rotate", feature = "verify"))]
mod sigv4;
mod source;
mod span;
#[doc(hidden)]
pub mod testing;
#[cfg(feature = "trace")]
pub mod trace;
mod trial;
#[cfg(feature = "verify")]
pub mod verify;

pub use crate::byteset::ByteSet;
pub use crate::checksum::Checksum;
pub use crate::engine::{Coverage, DOUBTFUL, SENSITIVE, Scanned, Scanner, Scratch, Session, Spot, Surroundings};
pub use crate::error::{Error, ErrorKind, Result};
pub use crate::escape::Escaped;
pub use crate::explain::Explanation;
pub use crate::finding::{CommitInfo, Encoding, Finding, Located, Origin, Part, Verdict};
pub use crate::fingerprint::{Fingerprint, Key};
#[cfg(feature = "git")]
pub use crate::history::{HistoryCache, HistorySettings, NewCommits};
#[cfg(feature = "trace")]
pub use crate::lint::KeyLint;
pub use crate::rule::{Filled, Kind, Rule, RulePart, RuleSet, Sample, SecretFile, Severity, Structure, Verify};
pub use crate::run::{ARCHIVE_DEPTH, Inspect, Outcome, Progress, Run, STDIN, Stats, Unexamined};
pub use crate::secret::Secret;
#[cfg(feature = "fs")]
pub use crate::source::fs::{PathGlobs, WalkSettings};
#[cfg(feature = "git")]
pub use crate::source::git::repository::GitEnvironment;
pub use crate::source::stream::Interruptible;
pub use crate::span::{Copied, Position, Span};
pub use crate::trial::{Failure, try_templates};
