//! Redactors that are used again: each has tables that take longer to make than most texts to redact.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use crate::redact::{Redaction, Redactor};

/// So many are kept when nobody needs them; each takes some hundred kilobytes.
const MAX_IDLE: usize = 64;

/// Redactors of one redaction, for many streams on many threads. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    redaction: Redaction,
    idle: Mutex<Vec<Box<Redactor>>>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    pub(crate) fn new(redaction: Redaction) -> Pool {
        Pool(Arc::new(Inner { redaction, idle: Mutex::default() }))
    }

    /// A redactor at the start of a text, with nothing done yet. It comes back when it is dropped.
    pub(crate) fn take(&self) -> Pooled {
        let idle = self.idle().pop();
        let redactor = idle.unwrap_or_else(|| Box::new(self.0.redaction.redactor()));
        Pooled { redactor: Some(redactor), pool: self.clone() }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Box<Redactor>>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A redactor of a pool.
#[derive(Debug)]
pub(crate) struct Pooled {
    /// There until it is dropped.
    redactor: Option<Box<Redactor>>,
    pool: Pool,
}

impl Deref for Pooled {
    type Target = Redactor;

    fn deref(&self) -> &Redactor {
        self.redactor.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Redactor {
        self.redactor.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        // What a panic left may be anything.
        let Some(mut redactor) = self.redactor.take().filter(|_| !std::thread::panicking()) else { return };
        redactor.finish(&mut Vec::new());
        redactor.take_stats();
        redactor.take_records();
        let mut idle = self.pool.idle();
        if idle.len() < MAX_IDLE {
            idle.push(redactor);
        }
    }
}
