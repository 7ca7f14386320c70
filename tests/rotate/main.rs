//! What a user of live secrets may rely on: no reader sees a torn, missing or unhidden value, and no source that fails
//! takes anything from anyone.

#[path = "../common/server.rs"]
mod server;
#[path = "../common/skip.rs"]
mod skip;

mod aws;
mod command;
mod failures;
mod kubernetes;
#[cfg(feature = "reqwest")]
mod middleware;
mod retry;
mod states;
mod token;
mod vault;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyscan::Secret;
use keyscan::rotate::{FailureClass, FetchContext, Fetched, Life, RotateSettings, Source, SourceError};

/// A source that answers what it is told to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scripted(Arc<Script>);

#[derive(Debug, Default)]
struct Script {
    answer: Mutex<Option<Result<Fetched, SourceError>>>,
    asked: AtomicU32,
    /// Milliseconds.
    slow: AtomicU32,
}

impl Scripted {
    pub(crate) fn of(value: &str) -> Scripted {
        let source = Scripted::default();
        source.answers(value);
        source
    }

    pub(crate) fn answers(&self, value: &str) {
        *self.0.answer.lock().unwrap() = Some(Ok(Fetched::new(Secret::new(value.as_bytes()))));
    }

    pub(crate) fn answers_for(&self, value: &str, life: Duration) {
        let fetched = Fetched { life: Some(Life::For(life)), ..Fetched::new(Secret::new(value.as_bytes())) };
        *self.0.answer.lock().unwrap() = Some(Ok(fetched));
    }

    pub(crate) fn fails(&self, class: FailureClass) {
        *self.0.answer.lock().unwrap() = Some(Err(SourceError::new(class, "as told")));
    }

    pub(crate) fn panics(&self) {
        *self.0.answer.lock().unwrap() = None;
    }

    pub(crate) fn takes(&self, time: Duration) {
        self.0.slow.store(time.as_millis() as u32, Ordering::Relaxed);
    }

    pub(crate) fn asked(&self) -> u32 {
        self.0.asked.load(Ordering::Relaxed)
    }
}

impl Source for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn fetch(&self, _: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(self.0.slow.load(Ordering::Relaxed).into()));
        let answer = self.0.answer.lock().unwrap().clone();
        answer.expect("it was told what to answer")
    }
}

/// Settings with which nothing waits long.
pub(crate) fn quick() -> RotateSettings {
    RotateSettings { wait: Duration::from_secs(3), fetch_timeout: Duration::from_secs(2), ..RotateSettings::default() }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to be that {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An answer without headers.
pub(crate) fn plain(status: u16, body: &str) -> (u16, String, String) {
    (status, String::new(), body.to_owned())
}
