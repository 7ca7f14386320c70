//! Redaction around writers and readers.

use std::io::{self, Read, Write};

use super::{RedactStats, Redaction, Redactor};

/// Redacts what is written to it, and writes the rest on.
///
/// After each write everything is written on but what may still become part of a secret. Call
/// [`RedactWriter::finish`] at the end; a writer that is dropped drops what it holds.
#[derive(Debug)]
pub struct RedactWriter<W> {
    redactor: Redactor,
    inner: W,
    /// What the inner writer has not taken yet.
    pending: Vec<u8>,
}

impl<W: Write> RedactWriter<W> {
    /// Redacts what goes to `inner`.
    pub fn new(redaction: &Redaction, inner: W) -> RedactWriter<W> {
        RedactWriter { redactor: redaction.redactor(), inner, pending: Vec::new() }
    }

    /// Ends the text: writes the rest, flushes, and gives the inner writer back.
    ///
    /// # Errors
    /// When the inner writer fails. What was not written is lost.
    pub fn finish(mut self) -> io::Result<(W, RedactStats)> {
        self.redactor.finish(&mut self.pending);
        self.write_pending()?;
        self.inner.flush()?;
        Ok((self.inner, self.redactor.stats().clone()))
    }

    /// How many bytes are held.
    #[must_use]
    pub fn held_len(&self) -> usize {
        self.redactor.held_len() + self.pending.len()
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> &RedactStats {
        self.redactor.stats()
    }

    fn write_pending(&mut self) -> io::Result<()> {
        let mut written = 0;
        let result = loop {
            if written == self.pending.len() {
                break Ok(());
            }
            match self.inner.write(&self.pending[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => written += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.pending.drain(..written);
        result
    }
}

impl<W: Write> Write for RedactWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What could not be written is written first, so that an error loses nothing and doubles nothing.
        self.write_pending()?;
        self.redactor.push(bytes, &mut self.pending);
        match self.write_pending() {
            // The bytes were taken; who writes again is told.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(bytes.len()),
            result => result.map(|()| bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_pending()?;
        self.inner.flush()
    }
}

/// Redacts what is read through it.
#[derive(Debug)]
pub struct RedactReader<R> {
    redactor: Redactor,
    inner: R,
    chunk: Box<[u8]>,
    /// What was redacted, and how much of it has gone.
    ready: (Vec<u8>, usize),
    ended: bool,
}

/// Bytes read at a time.
const CHUNK_LEN: usize = 64 * 1024;

impl<R: Read> RedactReader<R> {
    /// Redacts what comes from `inner`.
    pub fn new(redaction: &Redaction, inner: R) -> RedactReader<R> {
        let chunk = vec![0; CHUNK_LEN].into_boxed_slice();
        RedactReader { redactor: redaction.redactor(), inner, chunk, ready: (Vec::new(), 0), ended: false }
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> &RedactStats {
        self.redactor.stats()
    }
}

impl<R: Read> Read for RedactReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.ready.1 == self.ready.0.len() && !self.ended {
            self.ready.0.clear();
            self.ready.1 = 0;
            let len = self.inner.read(&mut self.chunk)?;
            if len == 0 {
                self.ended = true;
                self.redactor.finish(&mut self.ready.0);
            } else {
                self.redactor.push(&self.chunk[..len], &mut self.ready.0);
            }
        }
        let len = (&self.ready.0[self.ready.1..]).read(buffer)?;
        self.ready.1 += len;
        Ok(len)
    }
}
