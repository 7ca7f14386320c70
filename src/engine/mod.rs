//! The engine.

pub(crate) mod prefilter;
