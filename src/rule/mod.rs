//! Rules: credential formats as data, admitted only with proof that they can be found fast.
//!
//! `build.rs` compiles these files as well, in order to admit the rules of `patterns/` before they are embedded.

mod builtin;
mod check;
mod file;
#[cfg(feature = "compat")]
mod foreign;
mod head;
mod literal;
mod load;
mod model;
mod parts;
mod remedy;
mod sample;
mod schema;
mod text;

#[cfg(any(test, doc))]
pub(crate) use self::check::MAX_ASSIGNMENT_LEN;
#[cfg(feature = "trace")]
pub(crate) use self::check::parse as parse_regex;
pub(crate) use self::check::{MAX_DISTANCE, MAX_MATCH_LEN, alphabet};
pub(crate) use self::file::MAX_FILE_LEN;
pub use self::file::SecretFile;
#[cfg(feature = "compat")]
pub(crate) use self::foreign::ForeignSpec;
pub(crate) use self::model::{EntropyBar, Foreign, NEARBY, Needs, Pattern, SecretPart, WayIn};
pub use self::model::{Kind, Rule, RulePart, RuleSet, Severity, Structure};
pub use self::remedy::Verify;
pub use self::sample::{Filled, Sample};
pub(crate) use self::text::Text;

/// Whether a pattern of a rule list names the rule: its id, or its beginning and a star.
#[must_use]
pub fn names_rule(pattern: &str, id: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == id, |start| id.starts_with(start))
}
