//! What a secret and its thread share.

mod requests;
mod thread;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, RwLock, Weak};
use std::task::Waker;
use std::time::Duration;

use crate::rotate::breaker::Breaker;
use crate::rotate::clock::Clock;
use crate::rotate::failure::{FailureClass, SourceError};
use crate::rotate::lease::{Instant2, Lease};
use crate::rotate::publish::{History, Offer, Published, Refreshed};
use crate::rotate::settings::RotateSettings;
use crate::rotate::source::{Fetched, Refreshes, Source};
use crate::rotate::state::{NoValue, Origin, State};
use crate::rotate::tag::{Tag, TagKey};
use crate::rotate::{lock, read};

/// A source that has not come back so long after its deadline hangs.
const HANGS: Duration = Duration::from_secs(1);

pub(in crate::rotate) type Callback = Arc<dyn Fn(&Rotation) + Send + Sync>;

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

pub(in crate::rotate) struct Core {
    pub(in crate::rotate) name: Arc<str>,
    pub(in crate::rotate) settings: RotateSettings,
    pub(in crate::rotate) source: Box<dyn Source>,
    pub(in crate::rotate) refreshes: Refreshes,
    pub(in crate::rotate) clock: Arc<dyn Clock>,
    pub(in crate::rotate) tag_key: TagKey,
    /// Held for moments: no other lock is taken meanwhile.
    pub(in crate::rotate) published: RwLock<Published>,
    /// Held while a value comes into use: one at a time.
    pub(in crate::rotate) history: Mutex<History>,
    pub(in crate::rotate) control: Mutex<Control>,
    /// There is something to do for the thread.
    wake: Condvar,
    /// A refresh has finished, or readers see something else.
    pub(in crate::rotate) changed: Condvar,
    pub(in crate::rotate) stop: AtomicBool,
    pub(in crate::rotate) callbacks: RwLock<Vec<Callback>>,
}

/// What is going on.
pub(in crate::rotate) struct Control {
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
    pub(in crate::rotate) breaker: Breaker,
    /// Of refreshes after rejections that brought nothing else.
    futile: Breaker,
    pub(in crate::rotate) last_error: Option<(SourceError, Duration)>,
    pub(in crate::rotate) last_reload: Option<(&'static str, Duration)>,
    pub(in crate::rotate) rotations: u64,
    pub(in crate::rotate) failures: u64,
    pub(in crate::rotate) unauthorized: u64,
    pub(in crate::rotate) watched: bool,
    /// How far the second clock is ahead of the first one.
    ahead: Duration,
    jumped: bool,
    /// A file has changed since the source was asked.
    touched: bool,
    /// The version that was rejected for good, and how long it is not sent again.
    dead: Option<(u64, Breaker)>,
    /// Futures that wait, by their numbers.
    pub(in crate::rotate) wakers: BTreeMap<u64, Waker>,
}

/// Which refresh is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rotate) enum Want {
    /// One that goes on already will do.
    Join,
    /// The same, because a value was rejected.
    Rejected,
    /// One that begins from now on: somebody has changed the source.
    Anew,
}

impl Core {
    #[expect(clippy::too_many_arguments, reason = "called once, by the builder")]
    pub(in crate::rotate) fn new(
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

    pub(in crate::rotate) fn now(&self) -> Instant2 {
        Instant2 { monotonic: self.clock.monotonic(), wall: self.clock.wall() }
    }

    pub(in crate::rotate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Ends the thread.
    pub(in crate::rotate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.announce();
        self.wake.notify_all();
    }

    /// Takes a value into use, and tells those who want to know.
    pub(in crate::rotate) fn offer(
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

    /// What readers see now.
    pub(in crate::rotate) fn seen(&self) -> Published {
        read(&self.published).clone()
    }

    pub(in crate::rotate) fn get(&self) -> Result<Lease, NoValue> {
        let Published { current, revoked, .. } = self.seen();
        match current {
            Some(held) if !held.is_expired(self.clock.monotonic()) => Ok(Lease(held)),
            Some(_) => Err(NoValue::Expired(self.last_error())),
            None if revoked => Err(NoValue::Revoked),
            None => Err(NoValue::Absent(self.last_error())),
        }
    }

    pub(in crate::rotate) fn last_error(&self) -> Option<SourceError> {
        lock(&self.control).last_error.as_ref().map(|(error, _)| error.clone())
    }

    pub(in crate::rotate) fn state(&self, published: &Published, control: &Control, now: Duration) -> State {
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

    pub(in crate::rotate) fn weak(self: &Arc<Core>) -> Weak<Core> {
        Arc::downgrade(self)
    }
}

impl Control {
    pub(in crate::rotate) fn is_asking(&self) -> bool {
        self.in_flight_since.is_some()
    }
}
