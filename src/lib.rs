//! keyscan finds leaked secrets in bytes.

mod byteset;
mod checksum;
mod engine;
mod error;
mod rule;
mod secret;
mod span;

pub use crate::byteset::ByteSet;
pub use crate::checksum::Checksum;
pub use crate::error::{Error, ErrorKind, Result};
pub use crate::rule::{Kind, Rule, RuleSet, Sample, Severity, Structure};
pub use crate::secret::Secret;
pub use crate::span::{Position, Span};
