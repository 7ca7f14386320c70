//! Futures of refreshes and rotations, for any runtime, and a clock for them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::core::Core;
use super::failure::{FailureClass, SourceError};
use super::publish::Refreshed;
use super::{lock, read};

static NUMBERS: AtomicU64 = AtomicU64::new(0);

fn number() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// A refresh that is over.
pub(super) struct Finished {
    core: Arc<Core>,
    refresh: u64,
    number: u64,
    deadline: Sleep,
}

impl Finished {
    pub(super) fn new(core: &Arc<Core>, refresh: u64, timeout: Duration) -> Finished {
        Finished { core: Arc::clone(core), refresh, number: number(), deadline: sleep(timeout) }
    }
}

impl Future for Finished {
    type Output = Result<Refreshed, SourceError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        {
            let mut control = lock(&self.core.control);
            if let Some(outcome) = Core::outcome(&control, self.refresh) {
                return Poll::Ready(outcome);
            }
            if self.core.is_stopped() {
                return Poll::Ready(Err(SourceError::new(FailureClass::Stopped, "the secret was dropped")));
            }
            control.wakers.insert(self.number, context.waker().clone());
        }
        Pin::new(&mut self.deadline).poll(context).map(|()| Err(SourceError::timeout("the source")))
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        lock(&self.core.control).wakers.remove(&self.number);
    }
}

/// Something else than what was seen. It does not keep the secret alive.
pub(super) struct Changed {
    core: Weak<Core>,
    seen: u64,
    number: u64,
}

impl Changed {
    pub(super) fn new(core: Weak<Core>, seen: u64) -> Changed {
        Changed { core, seen, number: number() }
    }
}

impl Future for Changed {
    type Output = Option<u64>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<u64>> {
        let Some(core) = self.core.upgrade() else { return Poll::Ready(None) };
        let mut control = lock(&core.control);
        let changes = read(&core.published).changes;
        if changes != self.seen {
            return Poll::Ready(Some(changes));
        }
        if core.is_stopped() {
            return Poll::Ready(None);
        }
        control.wakers.insert(self.number, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            lock(&core.control).wakers.remove(&self.number);
        }
    }
}

/// Some time that has gone by.
pub(super) struct Sleep {
    until: Instant,
    /// Who is woken; the thread that keeps time has it, too.
    waker: Option<Arc<Mutex<Option<Waker>>>>,
}

/// Waits so long.
pub(super) fn sleep(time: Duration) -> Sleep {
    let now = Instant::now();
    Sleep { until: now.checked_add(time).unwrap_or(now + Duration::from_secs(86_400)), waker: None }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.until {
            return Poll::Ready(());
        }
        let waker = Some(context.waker().clone());
        match &self.waker {
            Some(shared) => *lock(shared) = waker,
            None => {
                let shared = Arc::new(Mutex::new(waker));
                TIMERS.add(self.until, &shared);
                self.waker = Some(shared);
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // The task is not kept alive by a timer that nobody waits for.
        self.waker.iter().for_each(|shared| *lock(shared) = None);
    }
}

static TIMERS: Timers =
    Timers { state: Mutex::new(TimerState { entries: BinaryHeap::new(), runs: false }), wake: Condvar::new() };

/// What is to be woken when. The thread that does it is there while there is something.
struct Timers {
    state: Mutex<TimerState>,
    wake: Condvar,
}

struct TimerState {
    entries: BinaryHeap<Reverse<Entry>>,
    runs: bool,
}

struct Entry {
    at: Instant,
    number: u64,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Timers {
    fn add(&'static self, at: Instant, waker: &Arc<Mutex<Option<Waker>>>) {
        let mut state = lock(&self.state);
        state.entries.push(Reverse(Entry { at, number: number(), waker: Arc::clone(waker) }));
        if !state.runs {
            let thread = std::thread::Builder::new().name("keyscan-rotate-timers".to_owned());
            state.runs = thread.spawn(|| self.run()).is_ok();
            if !state.runs {
                // Without a thread the task looks again at once: that costs time, and misses nothing.
                lock(waker).take().into_iter().for_each(Waker::wake);
            }
        }
        drop(state);
        self.wake.notify_all();
    }

    fn run(&self) {
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            let mut woken = Vec::new();
            while state.entries.peek().is_some_and(|Reverse(entry)| entry.at <= now) {
                woken.extend(state.entries.pop().and_then(|Reverse(entry)| lock(&entry.waker).take()));
            }
            if !woken.is_empty() {
                drop(state);
                woken.into_iter().for_each(Waker::wake);
                state = lock(&self.state);
                continue;
            }
            let Some(Reverse(next)) = state.entries.peek() else {
                state.runs = false;
                return;
            };
            let left = next.at.saturating_duration_since(now);
            state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
