//! Time, as it can be injected.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Two clocks: one that only goes forward and one that people set.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Time since some start. It never goes back, and where the system can tell it goes on while the machine is
    /// suspended.
    fn monotonic(&self) -> Duration;

    /// Time since 1970 began, UTC. It may jump.
    fn wall(&self) -> Duration;

    /// How long a thread may sleep that wants to sleep so long: it has to look at the clocks once in a while, for they
    /// may have jumped.
    fn nap(&self, wanted: Duration) -> Duration {
        wanted.min(Duration::from_secs(5))
    }
}

/// The clocks of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn monotonic(&self) -> Duration {
        // Counts time in suspend, which `Instant` does not.
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn monotonic(&self) -> Duration {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }

    fn wall(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// Clocks for tests, which stand still until they are moved. Clones are the same clocks.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<(Duration, Duration)>>);

impl ManualClock {
    /// Clocks of which the second shows this time since 1970.
    #[must_use]
    pub fn new(wall: Duration) -> ManualClock {
        ManualClock(Arc::new(Mutex::new((Duration::from_secs(1000), wall))))
    }

    /// Lets time go by.
    pub fn advance(&self, by: Duration) {
        let mut clocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clocks.0 += by;
        clocks.1 += by;
    }

    /// Sets the second clock, as people and time servers do.
    pub fn set_wall(&self, wall: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = wall;
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn wall(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn nap(&self, wanted: Duration) -> Duration {
        wanted.min(Duration::from_millis(5))
    }
}
