//! What state a secret is in, without its value.

use std::fmt;

use serde::Serialize;

use super::breaker::BreakerState;
use super::failure::{FailureClass, SourceError};
use super::tag::Tag;

/// The state of a secret: `absent -> loading -> ok -> refreshing -> ok | stale -> expired`; `revoked` until a value is
/// set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There is no value.
    Absent,
    /// The first value is on its way.
    Loading,
    /// The value is the source's.
    Ok,
    /// There is a value, and the source is being asked for another.
    Refreshing,
    /// The source failed last time, or hangs; the last good value is served.
    Stale,
    /// The value has come to its end, and no other has come.
    Expired,
    /// The value was revoked. No source brings the secret back by itself.
    Revoked,
}

impl State {
    /// All of them.
    pub const ALL: [State; 7] =
        [State::Absent, State::Loading, State::Ok, State::Refreshing, State::Stale, State::Expired, State::Revoked];

    /// Whether readers get a value.
    #[must_use]
    pub fn serves(self) -> bool {
        matches!(self, State::Ok | State::Refreshing | State::Stale)
    }

    /// Its name in statuses: `ok`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Absent => "absent",
            State::Loading => "loading",
            State::Ok => "ok",
            State::Refreshing => "refreshing",
            State::Stale => "stale",
            State::Expired => "expired",
            State::Revoked => "revoked",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why there is no value to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoValue {
    /// None has come yet; why, where the source has failed.
    Absent(Option<SourceError>),
    /// The last one has come to its end; why no other has come, where the source has failed.
    Expired(Option<SourceError>),
    /// It was revoked.
    Revoked,
}

impl fmt::Display for NoValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, why) = match self {
            NoValue::Absent(why) => ("the secret has no value yet", why.as_ref()),
            NoValue::Expired(why) => ("the secret has expired", why.as_ref()),
            NoValue::Revoked => ("the secret was revoked", None),
        };
        f.write_str(what)?;
        why.map_or(Ok(()), |why| write!(f, " ({why})"))
    }
}

impl std::error::Error for NoValue {}

/// All that may be told of a secret: no value, no length, no prefix of one.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// The version that is served; 0 where there is none.
    pub version: u64,
    /// Its keyed hash.
    #[serde(rename = "fp")]
    pub fingerprint: Option<Tag>,
    /// What kind of source it has: `file`.
    pub source: &'static str,
    /// The source can never give another value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fixed: bool,
    /// Changes of files are told by the system; otherwise they are looked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub watched: bool,
    /// Seconds since the version is in use.
    pub age_s: Option<u64>,
    /// Seconds until it ends.
    pub expires_in_s: Option<u64>,
    /// The state.
    pub state: State,
    /// How the last reload went: `ok`, `unchanged`, or the class of the failure.
    pub last_reload: &'static str,
    /// Seconds since then.
    pub last_reload_age_s: Option<u64>,
    /// The class of the last failure since the last success.
    pub last_error: Option<FailureClass>,
    /// Seconds since that failure.
    pub last_error_age_s: Option<u64>,
    /// Reloads that brought another value.
    pub rotations_total: u64,
    /// Reloads that failed.
    pub failures_total: u64,
    /// How often a version was said to be rejected.
    pub unauthorized_total: u64,
    /// The breaker of the source.
    pub breaker: BreakerState,
    /// The version before, while it is still kept.
    pub previous: Option<PreviousStatus>,
}

/// A version before the one that is served.
#[derive(Debug, Clone, Serialize)]
pub struct PreviousStatus {
    /// The version.
    pub version: u64,
    /// Its keyed hash.
    #[serde(rename = "fp")]
    pub fingerprint: Tag,
    /// Seconds for which it is still kept.
    pub kept_for_s: u64,
}

/// A rotation that was.
#[derive(Debug, Clone, Serialize)]
pub struct RotationRecord {
    /// The secret.
    #[serde(rename = "secret_name")]
    pub name: String,
    /// The version that came.
    pub version: u64,
    /// Its keyed hash; of a revocation there is none.
    #[serde(rename = "new_hash")]
    pub fingerprint: Option<Tag>,
    /// The keyed hash of the version that went.
    #[serde(rename = "old_hash")]
    pub previous: Option<Tag>,
    /// When, in RFC 3339.
    #[serde(rename = "rotated_at")]
    pub at: String,
    /// What brought it.
    pub origin: Origin,
}

/// What brought a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The source, asked in turn or because it changed.
    Source,
    /// The user of the library, or the endpoint.
    Set,
    /// It was taken away.
    Revoked,
}
