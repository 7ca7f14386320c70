//! The engine.

pub(crate) mod prefilter;
pub(crate) mod validate;
