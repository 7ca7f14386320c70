//! The thread of a secret: when its source is asked, and what comes of that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{Control, Core};
use crate::rotate::breaker::random;
use crate::rotate::failure::{FailureClass, SourceError};
use crate::rotate::lease::{Held, Instant2};
use crate::rotate::publish::Refreshed;
use crate::rotate::schedule::refresh_after;
use crate::rotate::source::{FetchContext, Refreshes};
use crate::rotate::state::Origin;
use crate::rotate::watch::FileWatch;
use crate::rotate::{lock, read, write};

/// Files are looked at so often, whatever the system tells.
const LOCAL_POLL: Duration = Duration::from_secs(10);
/// Several changes of files within this time are one.
const DEBOUNCE: Duration = Duration::from_millis(100);
/// A clock that was set forward by more, or a machine that slept longer, makes the source be asked.
const JUMP: Duration = Duration::from_secs(30);
/// After a refusal that attempts do not help with, the source is asked so much later.
const REJECTED_PAUSE: Duration = Duration::from_secs(60);

impl Core {
    /// The thread of a secret.
    pub(in crate::rotate) fn run(self: &Arc<Core>) {
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

    pub(in crate::rotate) fn set_incident(&self, on: bool) {
        let mut control = lock(&self.control);
        control.incident = on;
        if on && matches!(self.refreshes, Refreshes::Polled | Refreshes::Local) {
            let soon = self.clock.monotonic() + self.settings.incident_poll;
            control.due = Some(control.due.map_or(soon, |due| due.min(soon)));
        }
        drop(control);
        self.wake.notify_all();
    }
}

impl Control {
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
