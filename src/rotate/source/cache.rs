//! Sources around sources.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{FetchContext, Fetched, Life, Refreshes, Source, json};
use crate::rotate::clock::{Clock, SystemClock};
use crate::rotate::failure::{FailureClass, SourceError};

/// A source whose answers are good for some time: for secrets that are fields of one item of a manager, which is then
/// asked once for all of them. Cheap to clone; clones share what they keep. A value that was rejected, or a reload that
/// somebody asked for, goes past what is kept.
#[derive(Debug, Clone)]
pub struct Cached<S>(Arc<Cache<S>>);

#[derive(Debug)]
struct Cache<S> {
    source: S,
    ttl: Duration,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<(Duration, Fetched)>>,
}

impl<S: Source> Cached<S> {
    /// Keeps the answers of a source so long.
    #[must_use]
    pub fn new(source: S, ttl: Duration) -> Cached<S> {
        Cached::with_clock(source, ttl, Arc::new(SystemClock))
    }

    /// The same by this clock.
    #[must_use]
    pub fn with_clock(source: S, ttl: Duration, clock: Arc<dyn Clock>) -> Cached<S> {
        Cached(Arc::new(Cache { source, ttl, clock, kept: Mutex::new(None) }))
    }
}

impl<S: Source> Source for Cached<S> {
    fn kind(&self) -> &'static str {
        self.0.source.kind()
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.0.clock.monotonic();
        if let Some((at, fetched)) = &*kept
            && !context.is_fresh()
            && now.saturating_sub(*at) < self.0.ttl
        {
            let mut fetched = fetched.clone();
            // Its life goes on while it is kept.
            if let Some(Life::For(life)) = &mut fetched.life {
                *life = life.saturating_sub(now.saturating_sub(*at));
            }
            return Ok(fetched);
        }
        let fetched = self.0.source.fetch(context)?;
        *kept = Some((now, fetched.clone()));
        Ok(fetched)
    }

    fn refreshes(&self) -> Refreshes {
        self.0.source.refreshes()
    }

    fn watched(&self) -> Vec<PathBuf> {
        self.0.source.watched()
    }
}

/// A field of the JSON document that a source gives.
#[derive(Debug, Clone)]
pub struct Field<S> {
    source: S,
    path: Vec<String>,
}

impl<S: Source> Field<S> {
    /// The field of this name, or at this path of names divided by `/` if it starts with one: `/data/token`.
    #[must_use]
    pub fn new(source: S, field: &str) -> Field<S> {
        Field { source, path: json::path(field) }
    }
}

impl<S: Source> Source for Field<S> {
    fn kind(&self) -> &'static str {
        self.source.kind()
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        let fetched = self.source.fetch(context)?;
        let value = json::field(fetched.value.expose(), &self.path)?;
        Ok(Fetched { value, ..fetched })
    }

    fn refreshes(&self) -> Refreshes {
        self.source.refreshes()
    }

    fn watched(&self) -> Vec<PathBuf> {
        self.source.watched()
    }
}

/// A source, and another for where the first one does not exist: a mounted file, and a variable where nothing is mounted.
/// Other failures of the first one do not make the second one answer, nor does the first one's absence once it was there:
/// what the second one has may be old.
#[derive(Debug)]
pub struct Fallback<A, B> {
    first: A,
    second: B,
    was_there: AtomicBool,
}

impl<A: Source, B: Source> Fallback<A, B> {
    /// The first source, or the second.
    #[must_use]
    pub fn new(first: A, second: B) -> Fallback<A, B> {
        Fallback { first, second, was_there: AtomicBool::new(false) }
    }
}

impl<A: Source, B: Source> Source for Fallback<A, B> {
    fn kind(&self) -> &'static str {
        self.first.kind()
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        match self.first.fetch(context) {
            Err(error) if error.class() == FailureClass::NotFound && !self.was_there.load(Ordering::Relaxed) => {
                // The first one's failure is the one to tell: it is what should be there.
                self.second.fetch(context).map_err(|_| error)
            }
            result => {
                self.was_there.fetch_or(result.is_ok(), Ordering::Relaxed);
                result
            }
        }
    }

    fn refreshes(&self) -> Refreshes {
        self.first.refreshes()
    }

    fn watched(&self) -> Vec<PathBuf> {
        self.first.watched()
    }
}
