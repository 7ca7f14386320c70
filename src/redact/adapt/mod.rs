//! A redactor around what other libraries write and read with.

#[cfg(feature = "futures")]
mod futures;
#[cfg(feature = "log")]
mod log;
#[cfg(feature = "tokio")]
mod tokio;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "futures")]
pub use self::futures::{RedactStream, StreamItem};
#[cfg(feature = "log")]
pub use self::log::RedactLogger;
#[cfg(feature = "tokio")]
pub use self::tokio::{AsyncRedactReader, AsyncRedactWriter};
#[cfg(feature = "tracing")]
pub use self::tracing::{RedactMakeWriter, RedactedEvent};
