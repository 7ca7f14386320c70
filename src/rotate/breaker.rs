//! Fewer attempts while attempts fail.

use std::time::Duration;

use serde::Serialize;

/// The first pause after a failure is at most so long.
const FIRST: Duration = Duration::from_secs(1);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(60);
/// Where attempts are not the caller's to make more often than this, whatever the jitter says.
const SHORTEST: Duration = Duration::from_millis(100);

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Everything.
    Closed,
    /// Nothing, until a pause is over.
    Open,
    /// One attempt, which decides.
    HalfOpen,
}

/// Counts failures in a row, and keeps pauses after them that grow from 1 s to 60 s, with full jitter: many programs that
/// failed together do not come back together.
#[derive(Debug, Clone, Default)]
pub(super) struct Breaker {
    failures: u32,
    open_until: Duration,
}

impl Breaker {
    /// Whether an attempt may be made.
    pub(super) fn allows(&self, now: Duration) -> bool {
        now >= self.open_until
    }

    pub(super) fn state(&self, now: Duration) -> BreakerState {
        match (self.failures, self.allows(now)) {
            (0, _) => BreakerState::Closed,
            (_, true) => BreakerState::HalfOpen,
            (_, false) => BreakerState::Open,
        }
    }

    /// When the next attempt may be made.
    pub(super) fn open_until(&self) -> Duration {
        self.open_until
    }

    pub(super) fn succeeded(&mut self) {
        *self = Breaker::default();
    }

    /// A failure; `random` is from 0 to 1.
    pub(super) fn failed(&mut self, now: Duration, random: f64) {
        let most = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.open_until = now + most.mul_f64(random.clamp(0.0, 1.0)).max(SHORTEST);
    }
}

/// A number from 0 to 1, 1 excluded.
pub(super) fn random() -> f64 {
    // Without randomness there is no jitter, and nothing else is lost.
    let bits = getrandom::u64().unwrap_or(u64::MAX / 2);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_one_success_ends_them() {
        let (mut breaker, now) = (Breaker::default(), Duration::from_secs(5));
        let mut pauses = Vec::new();
        for _ in 0..9 {
            breaker.failed(now, 1.0);
            assert!(!breaker.allows(now) && breaker.allows(breaker.open_until()));
            pauses.push((breaker.open_until() - now).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(breaker.state(now), BreakerState::Open);
        assert_eq!(breaker.state(breaker.open_until()), BreakerState::HalfOpen);
        breaker.failed(now, 0.0);
        assert_eq!(breaker.open_until() - now, SHORTEST);
        breaker.succeeded();
        assert_eq!(breaker.state(now), BreakerState::Closed);
    }

    #[test]
    fn jitter_is_spread() {
        let drawn: Vec<f64> = (0..2000).map(|_| random()).collect();
        assert!(drawn.iter().all(|x| (0.0..1.0).contains(x)));
        let mean = drawn.iter().sum::<f64>() / 2000.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
    }
}
