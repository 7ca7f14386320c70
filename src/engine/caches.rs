//! What matchers have learned of a set of rules, for whoever looks at the next text: a lazy DFA is slow until it has built
//! the states that texts need.

use std::sync::{Mutex, PoisonError};

use super::matcher::MatcherCache;

/// No more wait for someone to need them: as many as streams that are likely to be open at a time.
const MAX_IDLE: usize = 64;

/// By rule; of those that were tried.
pub(super) type Caches = Vec<Option<MatcherCache>>;

/// Caches that nobody uses.
#[derive(Debug, Default)]
pub(super) struct IdleCaches(Mutex<Vec<Caches>>);

impl IdleCaches {
    /// Those that were used last, or none.
    pub(super) fn take(&self) -> Caches {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, caches: Caches) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(caches);
        }
    }
}
