//! Where units come from.

#[cfg(feature = "archive")]
pub(crate) mod archive;
#[cfg(feature = "fs")]
pub(crate) mod fs;
#[cfg(feature = "git")]
pub(crate) mod git;
pub(crate) mod stream;
