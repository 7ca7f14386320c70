//! keyscan finds leaked secrets in bytes.

mod byteset;
mod checksum;
mod decode;
mod engine;
mod error;
mod finding;
mod rule;
mod run;
mod secret;
mod span;

pub use crate::byteset::ByteSet;
pub use crate::checksum::Checksum;
pub use crate::engine::{Coverage, Scanner, Scratch, Session, Surroundings};
pub use crate::error::{Error, ErrorKind, Result};
pub use crate::finding::{Encoding, Finding, Located, Verdict};
pub use crate::rule::{Filled, Kind, Rule, RuleSet, Sample, Severity, Structure};
pub use crate::run::{Outcome, Stats, Unexamined};
pub use crate::secret::Secret;
pub use crate::span::{Position, Span};
