//! What a secret and its thread share: who asks the source when, and who waits for it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, RwLock, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::breaker::{Breaker, random};
use super::clock::Clock;
use super::failure::{FailureClass, SourceError};
use super::lease::{Held, Instant2, Lease};
use super::publish::{History, Offer, Published, Refreshed};
use super::schedule::refresh_after;
use super::settings::RotateSettings;
use super::source::{FetchContext, Fetched, Refreshes, Source};
use super::state::{NoValue, Origin, State};
use super::tag::{Tag, TagKey};
use super::watch::FileWatch;
use super::{lock, read, write};

/// Files are looked at so often, whatever the system tells.
const LOCAL_POLL: Duration = Duration::from_secs(10);
/// Several changes of files within this time are one.
const DEBOUNCE: Duration = Duration::from_millis(100);
/// A clock that was set forward by more, or a machine that slept longer, makes the source be asked.
const JUMP: Duration = Duration::from_secs(30);
/// A source that has not come back so long after its deadline hangs.
const HANGS: Duration = Duration::from_secs(1);
/// After a refusal that attempts do not help with, the source is asked so much later.
const REJECTED_PAUSE: Duration = Duration::from_secs(60);

pub(super) type Callback = Arc<dyn Fn(&Rotation) + Send + Sync>;

/// A secret has another value.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The version that is in use now.
    pub lease: Lease,
    /// The version before.
    pub previous: Option<(u64, Tag)>,
    /// What brought it.
    pub origin: Origin,
}

pub(super) struct Core {
    pub(super) name: Arc<str>,
    pub(super) settings: RotateSettings,
    pub(super) source: Box<dyn Source>,
    pub(super) refreshes: Refreshes,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tag_key: TagKey,
    /// Held for moments: no other lock is taken meanwhile.
    pub(super) published: RwLock<Published>,
    /// Held while a value comes into use: one at a time.
    pub(super) history: Mutex<History>,
    pub(super) control: Mutex<Control>,
    /// There is something to do for the thread.
    wake: Condvar,
    /// A refresh has finished, or readers see something else.
    pub(super) changed: Condvar,
    pub(super) stop: AtomicBool,
    pub(super) callbacks: RwLock<Vec<Callback>>,
}

/// What is going on.
pub(super) struct Control {
    /// Refreshes that were begun, that were wanted, that are over: each has a number.
    started: u64,
    wanted: u64,
    finished: u64,
    in_flight_since: Option<Duration>,
    due: Option<Duration>,
    /// The wanted refresh may end a revocation.
    revives: bool,
    /// The wanted refresh is there because a value was rejected.
    rejected: bool,
    incident: bool,
    outcome: Result<Refreshed, SourceError>,
    pub(super) breaker: Breaker,
    /// Of refreshes after rejections that brought nothing else.
    futile: Breaker,
    pub(super) last_error: Option<(SourceError, Duration)>,
    pub(super) last_reload: Option<(&'static str, Duration)>,
    pub(super) rotations: u64,
    pub(super) failures: u64,
    pub(super) unauthorized: u64,
    pub(super) watched: bool,
    /// How far the second clock is ahead of the first one.
    ahead: Duration,
    jumped: bool,
    /// A file has changed since the source was asked.
    touched: bool,
    /// The version that was rejected for good, and how long it is not sent again.
    dead: Option<(u64, Breaker)>,
    /// Futures that wait, by their numbers.
    pub(super) wakers: BTreeMap<u64, Waker>,
}

/// Which refresh is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// One that goes on already will do.
    Join,
    /// The same, because a value was rejected.
    Rejected,
    /// One that begins from now on: somebody has changed the source.
    Anew,
}

impl Core {
    #[expect(clippy::too_many_arguments, reason = "called once, by the builder")]
    pub(super) fn new(
        name: Arc<str>,
        settings: RotateSettings,
        source: Box<dyn Source>,
        clock: Arc<dyn Clock>,
        tag_key: TagKey,
        history: History,
        callbacks: Vec<Callback>,
        incident: bool,
    ) -> Core {
        let refreshes = source.refreshes();
        let control = Control {
            started: 0,
            wanted: 0,
            finished: 0,
            in_flight_since: None,
            due: (refreshes != Refreshes::Never).then(Duration::default),
            revives: false,
            rejected: false,
            incident,
            outcome: Ok(Refreshed::Unchanged),
            breaker: Breaker::default(),
            futile: Breaker::default(),
            last_error: None,
            last_reload: None,
            rotations: 0,
            failures: 0,
            unauthorized: 0,
            watched: false,
            ahead: clock.wall().saturating_sub(clock.monotonic()),
            jumped: false,
            touched: false,
            dead: None,
            wakers: BTreeMap::new(),
        };
        Core {
            name,
            settings,
            source,
            refreshes,
            clock,
            tag_key,
            published: RwLock::default(),
            history: Mutex::new(history),
            control: Mutex::new(control),
            wake: Condvar::new(),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
            callbacks: RwLock::new(callbacks),
        }
    }

    pub(super) fn now(&self) -> Instant2 {
        Instant2 { monotonic: self.clock.monotonic(), wall: self.clock.wall() }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Ends the thread.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.announce();
        self.wake.notify_all();
    }

    /// The thread of a secret.
    pub(super) fn run(self: &Arc<Core>) {
        let mut watch = None;
        if self.settings.watch && !self.source.watched().is_empty() {
            let core = Arc::downgrade(self);
            watch = FileWatch::new(move || core.upgrade().iter().for_each(|core| core.file_changed()));
        }
        while let Some((fresh, revives)) = self.next() {
            // Watched first: what changes while it is read is told.
            let watched = watch.as_mut().is_some_and(|watch| watch.arm(&self.source.watched()));
            let outcome = self.ask(fresh, revives);
            self.finish(outcome, watched);
        }
    }

    /// Waits until there is something to ask the source for. `None` when the secret is gone.
    fn next(&self) -> Option<(bool, bool)> {
        loop {
            if self.is_stopped() {
                return None;
            }
            self.tidy();
            let mut control = lock(&self.control);
            let now = self.now();
            control.notice_jump(now);
            let is_due = control.due.is_some_and(|due| now.monotonic >= due);
            let is_wanted = control.wanted > control.started;
            if is_due || is_wanted {
                control.started += 1;
                control.touched = false;
                control.in_flight_since = Some(now.monotonic);
                let revives = std::mem::take(&mut control.revives) && is_wanted;
                return Some((is_wanted, revives));
            }
            let wanted = control.due.map_or(Duration::MAX, |due| due.saturating_sub(now.monotonic));
            // Woken for nothing: the loop looks again.
            drop(self.wake.wait_timeout(control, self.clock.nap(wanted)));
        }
    }

    fn ask(&self, fresh: bool, revives: bool) -> Result<Refreshed, SourceError> {
        let context = FetchContext::new(self.settings.fetch_timeout, fresh, &self.stop);
        let fetched = catch_unwind(AssertUnwindSafe(|| self.source.fetch(&context)))
            .unwrap_or_else(|_| Err(SourceError::new(FailureClass::Failed, "the source panicked")))?;
        self.offer(fetched, Origin::Source, revives, None)
    }

    /// Takes a value into use, and tells those who want to know.
    pub(super) fn offer(
        &self,
        fetched: Fetched,
        origin: Origin,
        revives: bool,
        expected: Option<u64>,
    ) -> Result<Refreshed, SourceError> {
        let previous;
        let refreshed = {
            let mut history = lock(&self.history);
            previous = read(&self.published).current.as_ref().map(|held| (held.version, held.tag));
            if expected.is_some_and(|expected| expected != previous.map_or(0, |(version, _)| version)) {
                return Err(SourceError::new(FailureClass::Superseded, "another version is in use"));
            }
            let (name, settings, key, now) = (&self.name, &self.settings, &self.tag_key, self.now());
            let offer = Offer { fetched, origin, revives, name, settings, key, now };
            history.take(offer, &self.published)?
        };
        if let Refreshed::Rotated(lease) = &refreshed {
            {
                let mut control = lock(&self.control);
                control.rotations += 1;
                // What failed before is the business of those who set this value.
                control.last_error.take_if(|_| origin == Origin::Set);
            }
            self.announce();
            let rotation = Rotation { lease: lease.clone(), previous, origin };
            let callbacks = read(&self.callbacks).clone();
            for callback in callbacks {
                // A callback that panics is no reason for others not to be called.
                let _ = catch_unwind(AssertUnwindSafe(|| callback(&rotation)));
            }
        }
        Ok(refreshed)
    }

    /// Notes how a refresh went, and when the next one is due.
    fn finish(&self, outcome: Result<Refreshed, SourceError>, watched: bool) {
        let expires = read(&self.published).current.as_ref().and_then(|held| held.expires);
        let mut control = lock(&self.control);
        let now = self.now();
        control.watched = watched;
        control.in_flight_since = None;
        control.finished = control.started;
        let rejected = std::mem::take(&mut control.rejected);
        let due = match &outcome {
            Ok(refreshed) => {
                control.breaker.succeeded();
                control.last_error = None;
                let is_same = matches!(refreshed, Refreshed::Unchanged);
                control.last_reload = Some((if is_same { "unchanged" } else { "ok" }, now.monotonic));
                if !is_same {
                    control.futile.succeeded();
                } else if rejected {
                    control.futile.failed(now.monotonic, random().max(0.5));
                }
                self.due_after_success(control.incident, now, expires)
            }
            Err(error) => {
                control.breaker.failed(now.monotonic, random());
                control.failures += 1;
                control.last_reload = Some((error.class().as_str(), now.monotonic));
                control.last_error = Some((error.clone(), now.monotonic));
                let at = control.breaker.open_until();
                match self.refreshes {
                    Refreshes::Never | Refreshes::Once => None,
                    Refreshes::Local => Some(at.min(now.monotonic + LOCAL_POLL)),
                    Refreshes::Polled if error.class() == FailureClass::Rejected => {
                        Some(now.monotonic + REJECTED_PAUSE.mul_f64(1.0 + random()))
                    }
                    Refreshes::Polled => Some(at),
                }
            }
        };
        // What changed while it was read is looked at once more.
        let soon = control.touched.then(|| now.monotonic + DEBOUNCE);
        control.due = [due, soon].into_iter().flatten().min();
        let jumped = std::mem::take(&mut control.jumped);
        let failed = outcome.is_err();
        control.outcome = outcome;
        drop(control);
        if jumped && failed {
            self.follow_wall(now);
        }
        self.announce();
    }

    /// Wakes all who wait for a refresh or another value.
    pub(super) fn announce(&self) {
        // Who looks under this lock, and then waits, is woken.
        let wakers = std::mem::take(&mut lock(&self.control).wakers);
        self.changed.notify_all();
        wakers.into_values().for_each(Waker::wake);
    }

    /// How a refresh went, if it is over.
    pub(super) fn outcome(control: &Control, number: u64) -> Option<Result<Refreshed, SourceError>> {
        (control.finished >= number).then(|| control.outcome.clone())
    }

    fn due_after_success(&self, incident: bool, now: Instant2, expires: Option<Instant2>) -> Option<Duration> {
        let poll = if incident { Some(self.settings.incident_poll) } else { self.settings.poll };
        let poll = poll.map(|poll| poll.mul_f64(0.9 + 0.2 * random()));
        let poll = match self.refreshes {
            Refreshes::Never | Refreshes::Once => None,
            Refreshes::Local => Some(poll.map_or(LOCAL_POLL, |poll| poll.min(LOCAL_POLL))),
            Refreshes::Polled => poll,
        };
        let by_end =
            expires.filter(|_| matches!(self.refreshes, Refreshes::Local | Refreshes::Polled)).map(|expires| {
                let life = expires.monotonic.saturating_sub(now.monotonic);
                refresh_after(life, self.settings.refresh_margin, random())
            });
        [poll, by_end].into_iter().flatten().min().map(|after| now.monotonic + after.max(Duration::from_millis(10)))
    }

    /// A clock was set forward, and the source could not say that the value is still good: it ends when its clock says so.
    fn follow_wall(&self, now: Instant2) {
        let mut history = lock(&self.history);
        let mut published = write(&self.published);
        let Some(current) = published.current.clone() else { return };
        let Some(expires) = current.expires else { return };
        let by_wall = now.monotonic + expires.wall.saturating_sub(now.wall);
        if by_wall < expires.monotonic {
            let expires = Some(Instant2 { monotonic: by_wall, ..expires });
            let (value, name) = (current.value.clone(), Arc::clone(&current.name));
            let source_version = current.source_version.clone();
            published.current = Some(Arc::new(Held { value, name, source_version, expires, ..*current }));
            history.leave(current);
        }
    }

    /// Drops the version before when its time is over, and what has been hidden for long enough.
    fn tidy(&self) {
        let now = self.clock.monotonic();
        let mut history = lock(&self.history);
        let over = write(&self.published).previous.take_if(|(_, until)| now >= *until);
        if let Some((held, _)) = over {
            history.leave(held);
        }
        history.let_go(&self.settings, now, &self.published);
        history.forget_old(&self.name, &self.settings, now);
    }

    /// The system tells that a file has changed.
    fn file_changed(&self) {
        let mut control = lock(&self.control);
        let soon = self.clock.monotonic() + DEBOUNCE;
        control.touched = true;
        control.due = Some(control.due.map_or(soon, |due| due.min(soon)));
        drop(control);
        self.wake.notify_all();
    }

    pub(super) fn set_incident(&self, on: bool) {
        let mut control = lock(&self.control);
        control.incident = on;
        if on && matches!(self.refreshes, Refreshes::Polled | Refreshes::Local) {
            let soon = self.clock.monotonic() + self.settings.incident_poll;
            control.due = Some(control.due.map_or(soon, |due| due.min(soon)));
        }
        drop(control);
        self.wake.notify_all();
    }

    /// Has the source asked; answers the number of the refresh to wait for.
    pub(super) fn request(&self, want: Want) -> Result<u64, SourceError> {
        if self.refreshes == Refreshes::Never {
            return Err(SourceError::new(
                FailureClass::NotFound,
                "values of this secret are set, and read from nowhere",
            ));
        }
        let mut control = lock(&self.control);
        let now = self.clock.monotonic();
        if want != Want::Anew {
            if control.in_flight_since.is_some() {
                return Ok(control.started);
            }
            let open = !control.breaker.allows(now) || want == Want::Rejected && !control.futile.allows(now);
            if open && control.wanted <= control.started {
                let message = "the source was asked a moment ago, and had nothing better";
                return Err(SourceError::new(FailureClass::BreakerOpen, message));
            }
            control.rejected |= want == Want::Rejected;
        } else {
            control.revives = true;
        }
        control.wanted = control.started + 1;
        let number = control.wanted;
        drop(control);
        self.wake.notify_all();
        Ok(number)
    }

    /// Whether a version was rejected for good a moment ago: to send it again and again could lock an account.
    pub(super) fn is_dead(&self, version: u64) -> bool {
        let now = self.clock.monotonic();
        lock(&self.control).dead.as_ref().is_some_and(|(dead, pause)| *dead == version && !pause.allows(now))
    }

    /// A version was rejected, and no other came; or it was taken.
    pub(super) fn note_tried(&self, version: u64, taken: bool) {
        let now = self.clock.monotonic();
        let mut control = lock(&self.control);
        if taken {
            control.dead.take_if(|(dead, _)| *dead <= version);
        } else if control.dead.as_ref().is_none_or(|(dead, _)| *dead <= version) {
            let mut pause =
                control.dead.take().filter(|(dead, _)| *dead == version).map(|(_, pause)| pause).unwrap_or_default();
            // Of many that give up at once, one counts.
            if pause.allows(now) {
                pause.failed(now, random().max(0.5));
            }
            control.dead = Some((version, pause));
        }
    }

    /// Waits for a refresh.
    pub(super) fn wait(&self, number: u64, timeout: Duration) -> Result<Refreshed, SourceError> {
        let deadline = Instant::now() + timeout;
        let mut control = lock(&self.control);
        loop {
            if let Some(outcome) = Core::outcome(&control, number) {
                return outcome;
            }
            if self.is_stopped() {
                return Err(SourceError::new(FailureClass::Stopped, "the secret was dropped"));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SourceError::timeout("the source"));
            }
            control = self.changed.wait_timeout(control, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Waits until readers may see something else than what has this number. Answers the number of what they see.
    pub(super) fn wait_for_change(&self, seen: u64, timeout: Duration) -> Option<u64> {
        let deadline = Instant::now().checked_add(timeout);
        let mut control = lock(&self.control);
        loop {
            // Told under `control`, which is held here but while waiting.
            let changes = read(&self.published).changes;
            if changes != seen {
                return Some(changes);
            }
            let left = deadline.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() || self.is_stopped() {
                return None;
            }
            control = self.changed.wait_timeout(control, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// What readers see now.
    pub(super) fn seen(&self) -> Published {
        read(&self.published).clone()
    }

    pub(super) fn get(&self) -> Result<Lease, NoValue> {
        let Published { current, revoked, .. } = self.seen();
        match current {
            Some(held) if !held.is_expired(self.clock.monotonic()) => Ok(Lease(held)),
            Some(_) => Err(NoValue::Expired(self.last_error())),
            None if revoked => Err(NoValue::Revoked),
            None => Err(NoValue::Absent(self.last_error())),
        }
    }

    pub(super) fn last_error(&self) -> Option<SourceError> {
        lock(&self.control).last_error.as_ref().map(|(error, _)| error.clone())
    }

    pub(super) fn state(&self, published: &Published, control: &Control, now: Duration) -> State {
        let flight = control.in_flight_since.map(|since| now.saturating_sub(since));
        match &published.current {
            None if published.revoked => State::Revoked,
            None if flight.is_some() => State::Loading,
            None => State::Absent,
            Some(held) if held.is_expired(now) => State::Expired,
            Some(_) if flight.is_some_and(|flight| flight > self.settings.fetch_timeout + HANGS) => State::Stale,
            Some(_) if flight.is_some() => State::Refreshing,
            Some(_) if control.last_error.is_some() => State::Stale,
            Some(_) => State::Ok,
        }
    }

    pub(super) fn weak(self: &Arc<Core>) -> Weak<Core> {
        Arc::downgrade(self)
    }
}

impl Control {
    pub(super) fn is_asking(&self) -> bool {
        self.in_flight_since.is_some()
    }

    /// Looks whether the machine slept, or its clock was set forward: then the source is asked.
    fn notice_jump(&mut self, now: Instant2) {
        let ahead = now.wall.saturating_sub(now.monotonic);
        if ahead > self.ahead + JUMP && self.due.is_some() {
            self.due = Some(now.monotonic);
            self.jumped = true;
        }
        self.ahead = ahead;
    }
}
