//! Checks of what was found, without asking anyone.

mod json;
mod pem;
pub(crate) mod structure;
