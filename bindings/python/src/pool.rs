//! What takes longer to make than most texts to look at, used again.

use std::sync::{Mutex, PoisonError};

/// So many wait when nobody needs them.
const MAX_IDLE: usize = 16;

/// Things of one kind, for many threads. They are large, and not to be moved.
pub(crate) struct Pool<T>(Mutex<Vec<Box<T>>>);

impl<T> Pool<T> {
    pub(crate) const fn new() -> Pool<T> {
        Pool(Mutex::new(Vec::new()))
    }

    /// Works with one of them, which is made where none waits. What a panic leaves is thrown away.
    pub(crate) fn with<R>(&self, make: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut one = idle.unwrap_or_else(|| Box::new(make()));
        let result = work(&mut one);
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(one);
        }
        result
    }
}
