//! What agents and models say, before anyone else hears it.

mod stream;

pub use self::stream::{Framing, StreamError, StreamGuard, StreamLimits, Streams};
