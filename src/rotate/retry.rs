//! Calls that are made again with a key that was read again.

use std::fmt;
use std::time::{Duration, Instant};

use super::asynchronous::sleep;
use super::failure::SourceError;
use super::lease::Lease;
use super::rotating::{Recovery, RotatingSecret};
use super::state::NoValue;

/// The first step of waiting; each one is twice the one before.
const FIRST_STEP: Duration = Duration::from_secs(1);
const LONGEST_STEP: Duration = Duration::from_secs(30);
/// A key that was rejected is sent again so often at most while its provider may not know it yet: more could lock an
/// account.
const SAME_KEY: u32 = 3;

/// What is done about rejections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How long a rotation is waited for that is under way: the old key is revoked, and the new one not here yet, or not
    /// known to its provider yet. Default 120 s; zero: only the retry at once.
    pub window: Duration,
    /// Try the version before, once, where it is still kept: the provider may not know the new one yet. Default true.
    pub try_previous: bool,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { window: Duration::from_secs(120), try_previous: true }
    }
}

impl Retry {
    /// Retries at once where there is a newer key, and does not wait for one.
    #[must_use]
    pub fn at_once() -> Retry {
        Retry { window: Duration::ZERO, ..Retry::default() }
    }
}

/// Why a call came to no good end.
#[derive(Debug)]
#[non_exhaustive]
pub enum RetryError<E> {
    /// There is no key to call with.
    NoValue(NoValue),
    /// The call failed for another reason than its key.
    Call(E),
    /// The key was rejected, and no other came.
    Rejected(Rejected),
}

/// A key that was rejected for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The secret.
    pub name: String,
    /// The last version that was tried.
    pub version: u64,
    /// How many calls were made.
    pub calls: u32,
    /// How long another key was waited for.
    pub waited: Duration,
    /// Why the source had no other, where it failed.
    pub source: Option<SourceError>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rejected { name, version, calls, waited, source } = self;
        write!(f, "{name} was rejected (version {version}, {calls} calls), ")?;
        match source {
            Some(source) => write!(f, "and its source failed: {source}")?,
            None => f.write_str("and its source has no newer value")?,
        }
        if waited.is_zero() { Ok(()) } else { write!(f, "; waited {} s for a rotation", waited.as_secs()) }
    }
}

impl std::error::Error for Rejected {}

impl<E: fmt::Display> fmt::Display for RetryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RetryError::NoValue(error) => error.fmt(f),
            RetryError::Call(error) => error.fmt(f),
            RetryError::Rejected(rejected) => rejected.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for RetryError<E> {}

/// What to do after a rejection.
enum Next {
    /// Call with this.
    Call(Lease),
    /// Ask again after so long.
    Wait(Duration),
    /// Give up.
    GiveUp(Rejected),
}

/// The course of one call that may be rejected: what to do next is decided here, for closures and for futures alike.
pub(super) struct Course {
    retry: Retry,
    calls: u32,
    newest: u64,
    /// Versions that were tried; the last few.
    tried: Vec<u64>,
    tried_previous: bool,
    same_key: u32,
    /// Since when another key is waited for.
    waiting: Option<Instant>,
    step: Duration,
}

impl Course {
    pub(super) fn new(retry: Retry) -> Course {
        let step = FIRST_STEP;
        Course {
            retry,
            calls: 0,
            newest: 0,
            tried: Vec::new(),
            tried_previous: false,
            same_key: 0,
            waiting: None,
            step,
        }
    }

    /// Whether to call with this: not with a version that was rejected for good a moment ago.
    pub(super) fn may_call(&mut self, secret: &RotatingSecret, lease: &Lease) -> bool {
        self.newest = self.newest.max(lease.version());
        if self.calls == 0 && secret.is_dead(lease.version()) {
            return false;
        }
        self.calls += 1;
        self.tried.push(lease.version());
        true
    }

    /// A call was not rejected. Whether the key is good is known only where it went well.
    pub(super) fn accepted(&self, secret: &RotatingSecret, version: u64, well: bool) {
        if well {
            secret.note_tried(version, true);
        }
    }

    /// What to do now that the source was asked about the newest version.
    fn next(&mut self, secret: &RotatingSecret, recovery: Recovery) -> Next {
        let source = match recovery {
            Recovery::Newer(lease) => return Next::Call(lease),
            Recovery::Unchanged => None,
            Recovery::Failed(error) => Some(error),
        };
        if self.retry.try_previous && !std::mem::replace(&mut self.tried_previous, true) {
            let before = secret.previous().filter(|before| !self.tried.contains(&before.version()));
            if let Some(before) = before {
                return Next::Call(before);
            }
        }
        let now = Instant::now();
        let since = *self.waiting.get_or_insert(now);
        let waited = now.saturating_duration_since(since);
        if waited >= self.retry.window {
            let (name, version, calls) = (secret.name().to_owned(), self.newest, self.calls);
            secret.note_tried(version, false);
            return Next::GiveUp(Rejected { name, version, calls, waited, source });
        }
        let step = self.step.min(self.retry.window - waited);
        self.step = (self.step * 2).min(LONGEST_STEP);
        Next::Wait(step)
    }

    /// Waits for a key to call with.
    fn recover_blocking(&mut self, secret: &RotatingSecret) -> Result<Lease, Rejected> {
        loop {
            let recovery = secret.report_unauthorized(self.newest);
            match self.next(secret, recovery) {
                Next::Call(lease) => return Ok(lease),
                Next::GiveUp(rejected) => return Err(rejected),
                Next::Wait(step) => std::thread::sleep(step),
            }
            if let Some(lease) = self.after_wait(secret) {
                return Ok(lease);
            }
        }
    }

    /// The same for futures.
    pub(super) async fn recover(&mut self, secret: &RotatingSecret) -> Result<Lease, Rejected> {
        loop {
            let recovery = secret.report_unauthorized_async(self.newest).await;
            match self.next(secret, recovery) {
                Next::Call(lease) => return Ok(lease),
                Next::GiveUp(rejected) => return Err(rejected),
                Next::Wait(step) => sleep(step).await,
            }
            if let Some(lease) = self.after_wait(secret) {
                return Ok(lease);
            }
        }
    }

    /// What to do after a wait: a key that came meanwhile; or the same one, where it is so new that its provider may not
    /// have known it; or nothing but to ask the source again.
    fn after_wait(&mut self, secret: &RotatingSecret) -> Option<Lease> {
        let lease = secret.get().ok()?;
        if lease.version() > self.newest {
            return Some(lease);
        }
        let age = secret.clock().wall().saturating_sub(lease.since());
        // The first version of a process may be of any age; later ones came when they were made.
        let is_new = lease.version() > 1 && age < self.retry.window * 2;
        (is_new && self.same_key < SAME_KEY).then(|| {
            self.same_key += 1;
            lease
        })
    }
}

/// Calls with the current value. When `rejected` says that the value was rejected (an HTTP status 401), the source is asked,
/// once for all callers, and the call made once more with the newer value; or with the one before, where the provider may
/// not know the new one yet. Where there is neither, a rotation that is under way is waited for. Only calls that may be
/// repeated belong here, and only rejections: nothing is done about status 429 or 5xx.
///
/// # Errors
/// When there is no value, the call fails otherwise, or the value is rejected and no other comes in time.
pub fn with_reload_on_401<T, E>(
    secret: &RotatingSecret,
    retry: &Retry,
    mut call: impl FnMut(&Lease) -> Result<T, E>,
    rejected: impl Fn(&Result<T, E>) -> bool,
) -> Result<T, RetryError<E>> {
    let mut course = Course::new(*retry);
    let mut lease = secret.get().map_err(RetryError::NoValue)?;
    loop {
        if course.may_call(secret, &lease) {
            let result = call(&lease);
            if !rejected(&result) {
                course.accepted(secret, lease.version(), result.is_ok());
                return result.map_err(RetryError::Call);
            }
        }
        lease = course.recover_blocking(secret).map_err(RetryError::Rejected)?;
    }
}

/// [`with_reload_on_401`] for calls that are futures, on any runtime. Nothing blocks: waits are told by the secret's thread
/// and by one that keeps time.
///
/// # Errors
/// As for [`with_reload_on_401`].
pub async fn with_reload_on_401_async<T, E, F: Future<Output = Result<T, E>>>(
    secret: &RotatingSecret,
    retry: &Retry,
    mut call: impl FnMut(Lease) -> F,
    rejected: impl Fn(&Result<T, E>) -> bool,
) -> Result<T, RetryError<E>> {
    let mut course = Course::new(*retry);
    let mut lease = secret.get().map_err(RetryError::NoValue)?;
    loop {
        if course.may_call(secret, &lease) {
            let version = lease.version();
            let result = call(lease).await;
            if !rejected(&result) {
                course.accepted(secret, version, result.is_ok());
                return result.map_err(RetryError::Call);
            }
        }
        lease = course.recover(secret).await.map_err(RetryError::Rejected)?;
    }
}
