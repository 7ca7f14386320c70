//! Writers and readers of tokio.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::redact::{RedactStats, Redaction, Redactor};

/// Bytes read at a time.
const CHUNK_LEN: usize = 16 * 1024;

/// Redacts what is written to it, and writes the rest on: [`RedactWriter`](crate::redact::RedactWriter) for tokio.
///
/// After each write everything is on its way but what may still become part of a secret; `shutdown` ends the text and
/// writes the rest. A writer that is dropped drops what it holds.
///
/// ```
/// use keyscan::RuleSet;
/// use keyscan::redact::{AsyncRedactWriter, KnownSecrets, Redaction};
/// use tokio::io::AsyncWriteExt;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let known = KnownSecrets::new();
/// known.add("database", b"quartz-0123").expect("it is long enough");
/// let redaction = Redaction::new(RuleSet::new()).with_known(known);
/// let mut log = AsyncRedactWriter::new(&redaction, Vec::new());
/// log.write_all(b"connected as app:quartz-0123\n").await?;
/// log.shutdown().await?;
/// assert_eq!(log.into_inner(), b"connected as app:[REDACTED:database]\n");
/// # std::io::Result::Ok(()) })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct AsyncRedactWriter<W> {
    redactor: Redactor,
    inner: W,
    /// What the inner writer has not taken yet, and how much of it it has.
    pending: (Vec<u8>, usize),
    ended: bool,
}

impl<W: AsyncWrite + Unpin> AsyncRedactWriter<W> {
    /// Redacts what goes to `inner`.
    pub fn new(redaction: &Redaction, inner: W) -> AsyncRedactWriter<W> {
        AsyncRedactWriter { redactor: redaction.redactor(), inner, pending: (Vec::new(), 0), ended: false }
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> &RedactStats {
        self.redactor.stats()
    }

    /// The inner writer. What is held is lost; `shutdown` writes it.
    pub fn into_inner(self) -> W {
        self.inner
    }

    fn poll_pending(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (bytes, taken) = &mut self.pending;
        while *taken < bytes.len() {
            match ready!(Pin::new(&mut self.inner).poll_write(context, &bytes[*taken..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                len => *taken += len,
            }
        }
        bytes.clear();
        *taken = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for AsyncRedactWriter<W> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // What could not be written is written first, so that no more than one write is held.
        ready!(self.poll_pending(context))?;
        let this = &mut *self;
        this.ended = false;
        this.redactor.push(bytes, &mut this.pending.0);
        match this.poll_pending(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // The bytes were taken, also where they wait.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !std::mem::replace(&mut this.ended, true) {
            this.redactor.finish(&mut this.pending.0);
        }
        ready!(this.poll_pending(context))?;
        Pin::new(&mut this.inner).poll_shutdown(context)
    }
}

/// Redacts what is read through it: [`RedactReader`](crate::redact::RedactReader) for tokio.
#[derive(Debug)]
pub struct AsyncRedactReader<R> {
    redactor: Redactor,
    inner: R,
    chunk: Box<[u8]>,
    /// What was redacted, and how much of it has gone.
    ready: (Vec<u8>, usize),
    ended: bool,
}

impl<R: AsyncRead + Unpin> AsyncRedactReader<R> {
    /// Redacts what comes from `inner`.
    pub fn new(redaction: &Redaction, inner: R) -> AsyncRedactReader<R> {
        let chunk = vec![0; CHUNK_LEN].into_boxed_slice();
        AsyncRedactReader { redactor: redaction.redactor(), inner, chunk, ready: (Vec::new(), 0), ended: false }
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> &RedactStats {
        self.redactor.stats()
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for AsyncRedactReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.ready.1 == this.ready.0.len() && !this.ended {
            this.ready.0.clear();
            this.ready.1 = 0;
            let mut chunk = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut chunk))?;
            if chunk.filled().is_empty() {
                this.ended = true;
                this.redactor.finish(&mut this.ready.0);
            } else {
                this.redactor.push(chunk.filled(), &mut this.ready.0);
            }
        }
        let rest = &this.ready.0[this.ready.1..];
        let len = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..len]);
        this.ready.1 += len;
        Poll::Ready(Ok(()))
    }
}
