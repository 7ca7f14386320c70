//! The buffers of the prefilter, which every scan fills anew: a few for each thread, and not some for each view of each text.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use super::prefilter::Buffers;

thread_local! {
    /// Those that nobody uses: as many as scans have been within one another.
    static IDLE: RefCell<Vec<Box<Buffers>>> = const { RefCell::new(Vec::new()) };
}

/// Buffers of this thread, which has them back when this is dropped.
pub(super) struct Lent(Option<Box<Buffers>>);

/// Buffers for one scan.
pub(super) fn lent() -> Lent {
    // A thread that ends has none.
    let idle = IDLE.try_with(|idle| idle.borrow_mut().pop()).ok().flatten();
    Lent(Some(idle.unwrap_or_default()))
}

impl Deref for Lent {
    type Target = Buffers;

    fn deref(&self) -> &Buffers {
        self.0.as_ref().expect("they are there until they are given back")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Buffers {
        self.0.as_mut().expect("they are there until they are given back")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(buffers) = self.0.take() {
            let _ = IDLE.try_with(|idle| idle.borrow_mut().push(buffers));
        }
    }
}
