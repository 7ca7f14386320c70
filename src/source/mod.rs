//! Where units come from.

#[cfg(feature = "fs")]
pub(crate) mod fs;
pub(crate) mod stream;
