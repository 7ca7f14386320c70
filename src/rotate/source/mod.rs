//! Where values come from.

mod aws;
mod cache;
mod command;
mod env;
mod file;
pub(super) mod http;
mod json;
mod manager;
mod oauth;
mod protocol;
mod push;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use self::aws::{AwsCredentials, AwsSecretsManager};
pub use self::cache::{Cached, Fallback, Field};
pub use self::command::CommandSource;
pub use self::env::EnvSource;
pub use self::file::{DirSource, EnvFileSource, FileSource};
pub use self::http::HttpSettings;
pub use self::manager::{HttpSource, VaultKv2};
pub(super) use self::oauth::OAuthSource;
pub use self::oauth::{ClientSecret, Grant, OAuthClient};
pub use self::protocol::Protocol;
pub use self::push::PushSource;
use super::failure::{FailureClass, SourceError};
use crate::secret::Secret;

/// How a source comes to other values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refreshes {
    /// It is asked as often as the settings say.
    Polled,
    /// Asking costs next to nothing: it is asked every 10 s at least.
    Local,
    /// It gives one value for the life of the process.
    Once,
    /// It is never asked: values are set.
    Never,
}

/// A source of one secret. It is asked by one thread at a time.
pub trait Source: Send + Sync + fmt::Debug {
    /// What kind it is, for statuses: `file`.
    fn kind(&self) -> &'static str;

    /// The value as it is now. It has to come back by the deadline of the context, and soon after it was stopped.
    ///
    /// # Errors
    /// When there is no value. The error must have nothing of a value in it.
    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError>;

    /// How it comes to other values.
    fn refreshes(&self) -> Refreshes {
        Refreshes::Polled
    }

    /// Files whose changes mean that there may be another value.
    fn watched(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

impl Source for Box<dyn Source> {
    fn kind(&self) -> &'static str {
        (**self).kind()
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        (**self).fetch(context)
    }

    fn refreshes(&self) -> Refreshes {
        (**self).refreshes()
    }

    fn watched(&self) -> Vec<PathBuf> {
        (**self).watched()
    }
}

/// How long a value lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// So long from now on.
    For(Duration),
    /// Until then, in time since 1970 by the clock of this machine.
    Until(Duration),
}

/// What a source gave.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The value.
    pub value: Secret,
    /// What the source calls this version.
    pub version: Option<String>,
    /// How long it lives, where the source says so.
    pub life: Option<Life>,
}

impl Fetched {
    /// A value without a version or an end.
    #[must_use]
    pub fn new(value: Secret) -> Fetched {
        Fetched { value, version: None, life: None }
    }
}

/// What a source has to keep to.
#[derive(Debug, Clone, Copy)]
pub struct FetchContext<'a> {
    deadline: Instant,
    fresh: bool,
    stop: &'a AtomicBool,
}

impl<'a> FetchContext<'a> {
    /// A context that ends so long from now, or when `stop` is set.
    #[must_use]
    pub fn new(timeout: Duration, fresh: bool, stop: &'a AtomicBool) -> FetchContext<'a> {
        let now = Instant::now();
        FetchContext { deadline: now.checked_add(timeout).unwrap_or(now), fresh, stop }
    }

    /// Whether nothing that was cached will do.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// When the source has to have come back.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How long that is from now.
    ///
    /// # Errors
    /// When it is past, or the fetch was stopped.
    pub fn remaining(&self) -> Result<Duration, SourceError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(SourceError::new(FailureClass::Stopped, "the secret was dropped"));
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(SourceError::timeout("the source")) } else { Ok(left) }
    }

    /// Sleeps.
    ///
    /// # Errors
    /// When the deadline comes before, or the fetch is stopped.
    pub fn sleep(&self, wanted: Duration) -> Result<(), SourceError> {
        let until = Instant::now() + wanted;
        loop {
            let left = self.remaining()?;
            let wanted = until.saturating_duration_since(Instant::now());
            if wanted.is_zero() {
                return Ok(());
            }
            std::thread::sleep(wanted.min(left).min(Duration::from_millis(50)));
        }
    }
}
