//! Where units come from.

#[cfg(feature = "fs")]
pub(crate) mod fs;
#[cfg(feature = "git")]
pub(crate) mod git;
pub(crate) mod stream;
