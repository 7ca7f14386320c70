//! Redactors that are used again: each has tables that take longer to make than a message to redact.

use std::sync::{Mutex, PoisonError};

use crate::redact::{Redaction, Redactor};

/// As many as threads that are likely to log at a time.
const MAX_IDLE: usize = 16;

/// Redactors for messages, each of which is a text of its own.
pub(super) struct Pool {
    redaction: Redaction,
    idle: Mutex<Vec<Redactor>>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    pub(super) fn new(redaction: &Redaction) -> Pool {
        Pool { redaction: redaction.clone(), idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn take(&self) -> Redactor {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| self.redaction.redactor())
    }

    /// Takes one back that has finished its text.
    pub(super) fn give_back(&self, redactor: Redactor) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(redactor);
        }
    }

    /// A whole text, redacted.
    #[cfg(feature = "log")]
    pub(super) fn redact(&self, text: &str) -> String {
        let (mut redactor, mut out) = (self.take(), Vec::with_capacity(text.len()));
        redactor.push_more(text.as_bytes(), &mut out);
        redactor.finish(&mut out);
        self.give_back(redactor);
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}
