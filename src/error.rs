//! Errors: what went wrong, in which file and rule, never with bytes of the input.

use std::fmt;
use std::path::{Path, PathBuf};

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file could not be opened, read or written.
    Io,
    /// A file is not of the form it has to be (TOML syntax, unknown keys, bad values).
    Syntax,
    /// A rule was refused: its regex, its way in, its length, its samples.
    Rule,
    /// Settings that contradict one another or name what does not exist.
    Config,
}

/// An error of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    path: Option<PathBuf>,
    rule: Option<String>,
    message: String,
}

/// A result of the library.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, path: None, rule: None, message: message.into() }
    }

    /// An error in settings, for those who drive the library.
    #[must_use]
    pub fn config(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Config, message)
    }

    /// The same error, said of this file where it is said of none yet.
    #[must_use]
    pub fn with_path(self, path: &Path) -> Error {
        self.in_file(path)
    }

    #[must_use]
    pub(crate) fn in_file(mut self, path: impl Into<PathBuf>) -> Error {
        self.path.get_or_insert_with(|| path.into());
        self
    }

    #[must_use]
    pub(crate) fn in_rule(mut self, rule: &str) -> Error {
        self.rule.get_or_insert_with(|| rule.to_owned());
        self
    }

    /// What kind of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The file it concerns.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The id of the rule it concerns.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// What happened and what to do, without file and rule.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        if let Some(rule) = &self.rule {
            write!(f, "rule {rule}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
