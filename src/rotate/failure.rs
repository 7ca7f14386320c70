//! Why a source gave no value, without a byte of what it gave.

use std::fmt;
use std::io;

use serde::Serialize;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureClass {
    /// There is no such file, variable, secret or field.
    NotFound,
    /// It may not be read: permissions, or a manager that refuses who asks.
    Denied,
    /// The value is empty or white space.
    Empty,
    /// It is larger than a secret may be.
    TooLarge,
    /// It is not of the form it has to be.
    Malformed,
    /// The file kept changing while it was read.
    Unsettled,
    /// It took too long.
    Timeout,
    /// The network or the server failed: another attempt may succeed.
    Unreachable,
    /// The server says that the credential behind this secret is not or no longer good: attempts do not help.
    Rejected,
    /// The value is one that was revoked.
    Revoked,
    /// Another version is in use than the one that was meant.
    Superseded,
    /// The value cannot be hidden: it would turn up in ordinary text.
    Unhidable,
    /// The source's program or code failed.
    Failed,
    /// The secret was dropped, or the attempt given up.
    Stopped,
    /// Attempts wait until earlier failures are older.
    BreakerOpen,
}

impl FailureClass {
    /// Its name in statuses and logs: `not_found`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FailureClass::NotFound => "not_found",
            FailureClass::Denied => "denied",
            FailureClass::Empty => "empty",
            FailureClass::TooLarge => "too_large",
            FailureClass::Malformed => "malformed",
            FailureClass::Unsettled => "unsettled",
            FailureClass::Timeout => "timeout",
            FailureClass::Unreachable => "unreachable",
            FailureClass::Rejected => "rejected",
            FailureClass::Revoked => "revoked",
            FailureClass::Superseded => "superseded",
            FailureClass::Unhidable => "unhidable",
            FailureClass::Failed => "failed",
            FailureClass::Stopped => "stopped",
            FailureClass::BreakerOpen => "breaker_open",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure of a source. Its message names files, statuses and kinds of errors, never bytes of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    class: FailureClass,
    message: String,
}

impl SourceError {
    /// A failure. The message is shown and logged: it must have nothing of a value in it.
    #[must_use]
    pub fn new(class: FailureClass, message: impl Into<String>) -> SourceError {
        SourceError { class, message: message.into() }
    }

    pub(super) fn io(error: &io::Error, what: impl fmt::Display) -> SourceError {
        let class = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FailureClass::NotFound,
            io::ErrorKind::PermissionDenied => FailureClass::Denied,
            io::ErrorKind::TimedOut => FailureClass::Timeout,
            _ => FailureClass::Failed,
        };
        SourceError::new(class, format!("{what}: {}", error.kind()))
    }

    pub(super) fn malformed(message: impl Into<String>) -> SourceError {
        SourceError::new(FailureClass::Malformed, message)
    }

    pub(super) fn timeout(what: impl fmt::Display) -> SourceError {
        SourceError::new(FailureClass::Timeout, format!("{what} took too long"))
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        self.class
    }

    /// In words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.message)
    }
}

impl std::error::Error for SourceError {}
