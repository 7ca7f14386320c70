//! Streams of bytes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use crate::redact::{RedactStats, Redaction, Redactor};

/// What comes out of a stream that can be redacted: bytes, or bytes or an error.
pub trait StreamItem: Sized {
    /// The bytes; or the item itself where there are none, which is passed on.
    ///
    /// # Errors
    /// The item, when it has no bytes.
    fn into_bytes(self) -> Result<Bytes, Self>;

    /// An item of these bytes.
    fn from_bytes(bytes: Bytes) -> Self;
}

impl StreamItem for Bytes {
    fn into_bytes(self) -> Result<Bytes, Bytes> {
        Ok(self)
    }

    fn from_bytes(bytes: Bytes) -> Bytes {
        bytes
    }
}

impl<E> StreamItem for Result<Bytes, E> {
    fn into_bytes(self) -> Result<Bytes, Result<Bytes, E>> {
        self.map_err(Err)
    }

    fn from_bytes(bytes: Bytes) -> Result<Bytes, E> {
        Ok(bytes)
    }
}

/// Redacts a stream of bytes, such as the body of a message. Errors are passed on as they are.
///
/// ```
/// use bytes::Bytes;
/// use futures_util::StreamExt;
/// use keyscan::RuleSet;
/// use keyscan::redact::{KnownSecrets, RedactStream, Redaction};
///
/// let known = KnownSecrets::new();
/// known.add("database", b"quartz-0123").expect("it is long enough");
/// let redaction = Redaction::new(RuleSet::new()).with_known(known);
/// let body = futures_util::stream::iter(["app:qua", "rtz-0123\n"].map(Bytes::from));
/// let parts: Vec<Bytes> = futures_executor::block_on(RedactStream::new(&redaction, body).collect());
/// assert_eq!(parts.concat(), b"app:[REDACTED:database]\n");
/// ```
#[derive(Debug)]
pub struct RedactStream<S> {
    redactor: Redactor,
    inner: S,
    ended: bool,
}

impl<S> RedactStream<S> {
    /// Redacts what comes from `inner`.
    pub fn new(redaction: &Redaction, inner: S) -> RedactStream<S> {
        RedactStream { redactor: redaction.redactor(), inner, ended: false }
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> &RedactStats {
        self.redactor.stats()
    }
}

impl<S: Stream<Item: StreamItem> + Unpin> Stream for RedactStream<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = &mut *self;
        let mut out = Vec::new();
        while !this.ended {
            match ready!(Pin::new(&mut this.inner).poll_next(context)).map(StreamItem::into_bytes) {
                Some(Ok(bytes)) => this.redactor.push(&bytes, &mut out),
                Some(Err(other)) => return Poll::Ready(Some(other)),
                None => {
                    this.ended = true;
                    this.redactor.finish(&mut out);
                }
            }
            if !out.is_empty() {
                return Poll::Ready(Some(S::Item::from_bytes(out.into())));
            }
        }
        Poll::Ready(None)
    }
}
