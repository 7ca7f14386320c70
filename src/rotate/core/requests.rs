//! Who wants a source to be asked, and who waits for what comes of it.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::{Control, Core, Want};
use crate::rotate::breaker::random;
use crate::rotate::failure::{FailureClass, SourceError};
use crate::rotate::publish::Refreshed;
use crate::rotate::source::Refreshes;
use crate::rotate::{lock, read};

impl Core {
    /// Wakes all who wait for a refresh or another value.
    pub(in crate::rotate) fn announce(&self) {
        // Who looks under this lock, and then waits, is woken.
        let wakers = std::mem::take(&mut lock(&self.control).wakers);
        self.changed.notify_all();
        wakers.into_values().for_each(Waker::wake);
    }

    /// How a refresh went, if it is over.
    pub(in crate::rotate) fn outcome(control: &Control, number: u64) -> Option<Result<Refreshed, SourceError>> {
        (control.finished >= number).then(|| control.outcome.clone())
    }

    /// Has the source asked; answers the number of the refresh to wait for.
    pub(in crate::rotate) fn request(&self, want: Want) -> Result<u64, SourceError> {
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
    pub(in crate::rotate) fn is_dead(&self, version: u64) -> bool {
        let now = self.clock.monotonic();
        lock(&self.control).dead.as_ref().is_some_and(|(dead, pause)| *dead == version && !pause.allows(now))
    }

    /// A version was rejected, and no other came; or it was taken.
    pub(in crate::rotate) fn note_tried(&self, version: u64, taken: bool) {
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
    pub(in crate::rotate) fn wait(&self, number: u64, timeout: Duration) -> Result<Refreshed, SourceError> {
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
    pub(in crate::rotate) fn wait_for_change(&self, seen: u64, timeout: Duration) -> Option<u64> {
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
}
