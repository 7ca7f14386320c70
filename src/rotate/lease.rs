//! A value, as readers get it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::tag::Tag;
use crate::secret::Secret;

/// A point in time on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant2 {
    /// Of the clock that never goes back.
    pub(super) monotonic: Duration,
    /// Since 1970.
    pub(super) wall: Duration,
}

/// A version of a secret.
pub(super) struct Held {
    pub(super) name: Arc<str>,
    pub(super) value: Secret,
    pub(super) version: u64,
    pub(super) tag: Tag,
    pub(super) source_version: Option<String>,
    pub(super) since: Instant2,
    pub(super) expires: Option<Instant2>,
}

impl Held {
    pub(super) fn is_expired(&self, now: Duration) -> bool {
        self.expires.is_some_and(|expires| now >= expires.monotonic)
    }
}

/// One version of a secret, which stays readable as long as somebody holds it. Get a new one for each use. Cheap to clone;
/// the value is wiped from memory with the last clone, and `Debug` shows the name and the version only.
#[derive(Clone)]
pub struct Lease(pub(super) Arc<Held>);

impl Lease {
    /// The name of the secret.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &Secret {
        &self.0.value
    }

    /// The bytes of the value. Whoever calls this answers for where they go.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.value.expose()
    }

    /// The value as text; `None` where it is not UTF-8, which only secrets that may be binary can be.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(self.expose()).ok()
    }

    /// The number of the version: 1 for the first value of the process, one more for each that followed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// The keyed hash by which versions are told apart in statuses and logs.
    #[must_use]
    pub fn fingerprint(&self) -> Tag {
        self.0.tag
    }

    /// What the source calls this version.
    #[must_use]
    pub fn source_version(&self) -> Option<&str> {
        self.0.source_version.as_deref()
    }

    /// When the value ends, in time since 1970, where the source says so.
    #[must_use]
    pub fn expires(&self) -> Option<Duration> {
        self.0.expires.map(|expires| expires.wall)
    }

    /// Since when it is in use, in time since 1970.
    #[must_use]
    pub fn since(&self) -> Duration {
        self.0.since.wall
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({}@{})", self.0.name, self.0.version)
    }
}
