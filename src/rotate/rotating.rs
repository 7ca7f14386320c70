//! A secret that changes while the program runs.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::asynchronous::{Changed, Finished};
use super::clock::{Clock, SystemClock};
use super::core::{Callback, Core, Rotation, Want};
use super::failure::{FailureClass, SourceError};
use super::lease::{Held, Lease};
use super::publish::{History, Refreshed};
use super::settings::RotateSettings;
use super::source::{Fetched, Refreshes, Source};
use super::state::{NoValue, Origin, PreviousStatus, RotationRecord, State, Status};
use super::tag::{Tag, TagKey};
use super::{lock, read, write};
use crate::error::{Error, Result};
use crate::redact::KnownSecrets;
use crate::secret::Secret;

/// The thread of a secret that is dropped is waited for so long.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// A secret whose value is kept up to date by a thread of its own, and handed out as a [`Lease`] for each use.
///
/// A source that fails takes nothing from readers: they get the last good value until it expires. Before any reader can
/// get a new value, every set of [known secrets](RotatingSecret::hide_in) has it, so that redactors hide it wherever it
/// appears. Cheap to clone; the thread ends when the last clone is dropped.
#[derive(Clone)]
pub struct RotatingSecret(Arc<Handle>);

struct Handle {
    core: Arc<Core>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What a rotating secret is made of.
#[must_use]
pub struct RotatingSecretBuilder {
    name: Arc<str>,
    source: Box<dyn Source>,
    settings: RotateSettings,
    clock: Arc<dyn Clock>,
    tag_key: Option<TagKey>,
    known: Vec<KnownSecrets>,
    callbacks: Vec<Callback>,
    incident: bool,
}

/// What became of a value that was said to be rejected.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Recovery {
    /// There is a newer one, now or already before.
    Newer(Lease),
    /// The source still has the same.
    Unchanged,
    /// The source failed, or was asked too often.
    Failed(SourceError),
}

impl Recovery {
    /// Whether there is a newer value.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        matches!(self, Recovery::Newer(_))
    }
}

impl fmt::Debug for RotatingSecretBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotatingSecretBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

impl RotatingSecretBuilder {
    /// Keeps it up to date in this way.
    pub fn settings(mut self, settings: RotateSettings) -> RotatingSecretBuilder {
        self.settings = settings;
        self
    }

    /// By this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> RotatingSecretBuilder {
        self.clock = clock;
        self
    }

    /// With tags under this key. Default: a random one of this secret.
    pub fn tag_key(mut self, key: TagKey) -> RotatingSecretBuilder {
        self.tag_key = Some(key);
        self
    }

    /// Hides each value in this set before anyone can read it.
    pub fn hide_in(mut self, known: &KnownSecrets) -> RotatingSecretBuilder {
        self.known.push(known.clone());
        self
    }

    /// Calls this after each rotation, from the thread that brought it. It has to come back soon: the source is not asked
    /// meanwhile. It must not own the secret, which would then never be dropped.
    pub fn on_rotation(mut self, callback: impl Fn(&Rotation) + Send + Sync + 'static) -> RotatingSecretBuilder {
        self.callbacks.push(Arc::new(callback));
        self
    }

    /// Starts in incident mode, with shorter polls.
    pub fn incident(mut self, on: bool) -> RotatingSecretBuilder {
        self.incident = on;
        self
    }

    /// Starts to keep the secret up to date, and waits for the first value.
    ///
    /// # Errors
    /// When no value comes within the time that [`RotateSettings::wait`] says, or the source fails.
    pub fn start(self) -> std::result::Result<RotatingSecret, SourceError> {
        let (wait, refreshes) = (self.settings.wait, self.source.refreshes());
        let secret = self.start_absent().map_err(|error| SourceError::new(FailureClass::Failed, error.to_string()))?;
        if refreshes != Refreshes::Never {
            secret.first_value(wait)?;
        }
        Ok(secret)
    }

    /// Starts to keep the secret up to date, whether there is a value yet or not.
    ///
    /// # Errors
    /// When the system has no thread, or no randomness for the key of tags.
    pub fn start_absent(self) -> Result<RotatingSecret> {
        let tag_key = self.tag_key.map_or_else(TagKey::random, Ok)?;
        let history = History::hidden_in(self.known);
        let core = Core::new(
            self.name,
            self.settings,
            self.source,
            self.clock,
            tag_key,
            history,
            self.callbacks,
            self.incident,
        );
        let core = Arc::new(core);
        let of_thread = Arc::clone(&core);
        let thread = std::thread::Builder::new().name("keyscan-rotate".to_owned()).spawn(move || of_thread.run());
        let thread = thread.map_err(|error| Error::config(format!("no thread for a secret: {error}")))?;
        Ok(RotatingSecret(Arc::new(Handle { core, thread: Mutex::new(Some(thread)) })))
    }
}

impl RotatingSecret {
    /// A secret of this name and source.
    pub fn builder(name: &str, source: impl Source + 'static) -> RotatingSecretBuilder {
        RotatingSecretBuilder {
            name: name.into(),
            source: Box::new(source),
            settings: RotateSettings::default(),
            clock: Arc::new(SystemClock),
            tag_key: None,
            known: Vec::new(),
            callbacks: Vec::new(),
            incident: false,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.core.name
    }

    /// The value that is in use. Never waits for the source.
    ///
    /// # Errors
    /// When there is none: none has come yet, it has expired, or it was revoked.
    pub fn get(&self) -> std::result::Result<Lease, NoValue> {
        self.0.core.get()
    }

    /// The version before the one in use, while it is kept.
    #[must_use]
    pub fn previous(&self) -> Option<Lease> {
        let now = self.0.core.clock.monotonic();
        let published = read(&self.0.core.published);
        let (held, until) = published.previous.as_ref()?;
        (now < *until && !held.is_expired(now)).then(|| Lease(Arc::clone(held)))
    }

    /// Asks the source, or joins those who do already, and waits for what comes of it.
    ///
    /// # Errors
    /// When the source fails, takes too long, or has failed a moment ago.
    pub fn refresh(&self) -> std::result::Result<Refreshed, SourceError> {
        let core = &self.0.core;
        core.wait(core.request(Want::Join)?, core.settings.wait)
    }

    /// [`RotatingSecret::refresh`] for futures.
    ///
    /// # Errors
    /// As for [`RotatingSecret::refresh`].
    pub async fn refresh_async(&self) -> std::result::Result<Refreshed, SourceError> {
        let core = &self.0.core;
        Finished::new(core, core.request(Want::Join)?, core.settings.wait).await
    }

    /// Asks the source anew, whatever is going on and however often it has failed: somebody has just changed it.
    /// A revoked secret comes back if the source has another value.
    ///
    /// # Errors
    /// When the source fails or takes longer than `timeout`. In the latter case it goes on.
    pub fn reload(&self, timeout: Duration) -> std::result::Result<Refreshed, SourceError> {
        let core = &self.0.core;
        core.wait(core.request(Want::Anew)?, timeout)
    }

    /// Says that a version was rejected by whom it is for. If a newer one is in use already, that is all; otherwise the
    /// source is asked, once for all who say so, and no more often than a growing pause allows.
    #[must_use]
    pub fn report_unauthorized(&self, version: u64) -> Recovery {
        let core = &self.0.core;
        match self.unauthorized(version) {
            Ok(number) => self.recovery(version, core.wait(number, core.settings.wait)),
            Err(recovery) => recovery,
        }
    }

    /// [`RotatingSecret::report_unauthorized`] for futures.
    pub async fn report_unauthorized_async(&self, version: u64) -> Recovery {
        let core = &self.0.core;
        match self.unauthorized(version) {
            Ok(number) => self.recovery(version, Finished::new(core, number, core.settings.wait).await),
            Err(recovery) => recovery,
        }
    }

    /// A version was rejected: the number of the refresh to wait for, or what is known at once.
    fn unauthorized(&self, version: u64) -> std::result::Result<u64, Recovery> {
        lock(&self.0.core.control).unauthorized += 1;
        match self.newer(version) {
            Some(lease) => Err(Recovery::Newer(lease)),
            None => self.0.core.request(Want::Rejected).map_err(|error| self.recovery(version, Err(error))),
        }
    }

    fn newer(&self, version: u64) -> Option<Lease> {
        self.get().ok().filter(|lease| lease.version() > version)
    }

    fn recovery(&self, version: u64, outcome: std::result::Result<Refreshed, SourceError>) -> Recovery {
        match (self.newer(version), outcome) {
            (Some(lease), _) => Recovery::Newer(lease),
            (None, Ok(_)) => Recovery::Unchanged,
            (None, Err(error)) => Recovery::Failed(error),
        }
    }

    /// Takes a value into use. It stands until the source gives another value than it gave last.
    ///
    /// # Errors
    /// When it cannot be a secret, cannot be hidden, or was revoked.
    pub fn set(&self, value: Secret) -> std::result::Result<Refreshed, SourceError> {
        self.set_if(value, None)
    }

    /// The same, if this version is in use; 0 is none.
    pub(super) fn set_if(&self, value: Secret, version: Option<u64>) -> std::result::Result<Refreshed, SourceError> {
        self.0.core.offer(Fetched::new(value), Origin::Set, true, version)
    }

    /// Goes back to the version before, while it is kept.
    ///
    /// # Errors
    /// When it is not kept any more.
    pub fn roll_back(&self) -> std::result::Result<Refreshed, SourceError> {
        let previous = self.previous();
        let previous = previous.ok_or_else(|| SourceError::new(FailureClass::NotFound, "no version before is kept"))?;
        self.set(previous.value().clone())
    }

    /// Takes the value from readers, for good: no source brings it back, and the secret waits for another one to be set.
    /// Redactors go on to hide it. Answers the version that was revoked.
    pub fn revoke(&self) -> Option<u64> {
        let core = &self.0.core;
        let revoked = lock(&core.history).revoke(&core.name, &core.settings, core.now(), &core.published);
        core.announce();
        revoked
    }

    /// Stops to keep the version before. Redactors go on to hide it.
    pub fn drop_previous(&self) {
        let core = &self.0.core;
        let mut history = lock(&core.history);
        let dropped = write(&core.published).previous.take();
        if let Some((held, _)) = dropped {
            history.leave(held);
        }
        history.let_go(&core.settings, core.clock.monotonic(), &core.published);
    }

    /// Hides each value in this set, too, before anyone can read it; those that are in use at once. Answers whether these
    /// could be.
    pub fn hide_in(&self, known: &KnownSecrets) -> bool {
        let core = &self.0.core;
        let mut history = lock(&core.history);
        history.attach(known, &core.settings, &core.seen())
    }

    /// In how many sets values are hidden.
    #[must_use]
    pub fn redactors(&self) -> usize {
        lock(&self.0.core.history).known.len()
    }

    /// Calls this after each rotation: see [`RotatingSecretBuilder::on_rotation`].
    pub fn on_rotation(&self, callback: impl Fn(&Rotation) + Send + Sync + 'static) {
        write(&self.0.core.callbacks).push(Arc::new(callback));
    }

    /// A channel that tells of rotations.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch { seen: read(&self.0.core.published).changes, core: self.0.core.weak() }
    }

    /// Polls more often while an incident is on.
    pub fn set_incident(&self, on: bool) {
        self.0.core.set_incident(on);
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        let core = &self.0.core;
        let published = core.seen();
        core.state(&published, &lock(&core.control), core.clock.monotonic())
    }

    /// The versions that have a value, in the order in which they came, at most 64.
    #[must_use]
    pub fn versions_of(&self, value: &[u8]) -> Vec<u64> {
        let core = &self.0.core;
        let tag = core.tag_key.tag(&core.name, value);
        lock(&core.history).tags.iter().filter(|(_, known)| *known == tag).map(|(version, _)| *version).collect()
    }

    /// The last ten rotations.
    #[must_use]
    pub fn rotations(&self) -> Vec<RotationRecord> {
        lock(&self.0.core.history).records.iter().cloned().collect()
    }

    /// All that may be told.
    #[must_use]
    pub fn status(&self) -> Status {
        let core = &self.0.core;
        let now = core.clock.monotonic();
        let published = core.seen();
        let control = lock(&core.control);
        let seconds = |since: Duration| now.saturating_sub(since).as_secs();
        let tag = |held: &Arc<Held>| -> Tag { held.tag };
        let current = published.current.as_ref();
        Status {
            name: core.name.to_string(),
            version: current.map_or(0, |held| held.version),
            fingerprint: current.map(tag),
            source: core.source.kind(),
            fixed: core.refreshes == Refreshes::Once,
            watched: control.watched,
            age_s: current.map(|held| seconds(held.since.monotonic)),
            expires_in_s: current.and_then(|held| held.expires).map(|at| at.monotonic.saturating_sub(now).as_secs()),
            state: core.state(&published, &control, now),
            last_reload: control.last_reload.map_or("never", |(how, _)| how),
            last_reload_age_s: control.last_reload.map(|(_, at)| seconds(at)),
            last_error: control.last_error.as_ref().map(|(error, _)| error.class()),
            last_error_age_s: control.last_error.as_ref().map(|(_, at)| seconds(*at)),
            rotations_total: control.rotations,
            failures_total: control.failures,
            unauthorized_total: control.unauthorized,
            breaker: control.breaker.state(now),
            previous: published.previous.as_ref().filter(|(_, until)| now < *until).map(|(held, until)| {
                PreviousStatus {
                    version: held.version,
                    fingerprint: held.tag,
                    kept_for_s: until.saturating_sub(now).as_secs(),
                }
            }),
        }
    }

    /// Why the source failed, if it did last time.
    #[must_use]
    pub fn last_error(&self) -> Option<SourceError> {
        self.0.core.last_error()
    }

    pub(super) fn is_dead(&self, version: u64) -> bool {
        self.0.core.is_dead(version)
    }

    pub(super) fn note_tried(&self, version: u64, taken: bool) {
        self.0.core.note_tried(version, taken);
    }

    /// Waits until the source was asked for the first time.
    pub(super) fn first_value(&self, timeout: Duration) -> std::result::Result<Refreshed, SourceError> {
        self.0.core.wait(1, timeout)
    }

    /// Whether its source is being asked.
    pub(super) fn is_asking(&self) -> bool {
        lock(&self.0.core.control).is_asking()
    }

    /// Whether its values are set, and read from nowhere.
    pub(super) fn is_pushed(&self) -> bool {
        self.0.core.refreshes == Refreshes::Never
    }

    pub(super) fn retire_ttl(&self) -> Option<Duration> {
        self.0.core.settings.retire_ttl
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.core.clock
    }
}

impl fmt::Debug for RotatingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RotatingSecret({}, {})", self.name(), self.state())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.stop();
        let Some(thread) = lock(&self.thread).take() else { return };
        // A callback may hold the last clone: a thread does not wait for itself.
        if thread.thread().id() == std::thread::current().id() {
            return;
        }
        let until = Instant::now() + STOP_WAIT;
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        if thread.is_finished() {
            // It has caught all panics of others.
            let _ = thread.join();
        }
    }
}

/// Tells of rotations and revocations, the last one if several were missed. It does not keep the secret alive.
#[derive(Clone)]
pub struct Watch {
    seen: u64,
    core: std::sync::Weak<Core>,
}

impl Watch {
    /// Waits for another value than the one last seen, at most so long. `None` when none came or the secret was dropped;
    /// the inner error when it was revoked.
    pub fn wait(&mut self, timeout: Duration) -> Option<std::result::Result<Lease, NoValue>> {
        let until = Instant::now().checked_add(timeout);
        loop {
            // In short steps, so that this does not keep the secret alive.
            let core = self.core.upgrade()?;
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if let Some(seen) = core.wait_for_change(self.seen, left.min(Duration::from_millis(200))) {
                self.seen = seen;
                return Some(core.get());
            }
            if left.is_zero() || core.is_stopped() {
                return None;
            }
        }
    }

    /// Waits for another value than the one last seen. As [`Watch::wait`] otherwise.
    pub async fn changed(&mut self) -> Option<std::result::Result<Lease, NoValue>> {
        let seen = Changed::new(self.core.clone(), self.seen).await?;
        self.seen = seen;
        self.core.upgrade().map(|core| core.get())
    }

    /// Whether there is another value than the one last seen. Does not wait.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.core.upgrade().is_some_and(|core| read(&core.published).changes != self.seen)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({})", self.seen)
    }
}
