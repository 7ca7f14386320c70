//! Rules: credential formats as data, admitted only with proof that they can be found fast.
//!
//! `build.rs` compiles these files as well, in order to admit the rules of `patterns/` before they are embedded.

mod builtin;
mod check;
mod head;
mod literal;
mod load;
mod model;
mod remedy;
mod sample;
mod schema;
mod text;

pub(crate) use self::check::MAX_DISTANCE;
pub use self::model::{Kind, Rule, RuleSet, Severity, Structure};
pub(crate) use self::model::{Pattern, WayIn};
pub use self::remedy::Verify;
pub use self::sample::{Filled, Sample};
pub(crate) use self::text::Text;
