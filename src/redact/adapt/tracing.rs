//! What subscribers of tracing write with.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use crate::redact::{Redaction, Redactor};

/// Redacts what a subscriber writes, after it was formatted: messages, fields, spans, errors.
///
/// Each event is a text of its own: a secret that is logged in parts, by several events, is not found.
///
/// ```
/// use keyscan::RuleSet;
/// use keyscan::redact::{RedactMakeWriter, Redaction};
///
/// let redaction = Redaction::new(RuleSet::new());
/// let subscriber = tracing_subscriber::fmt().with_writer(RedactMakeWriter::new(&redaction, std::io::stderr)).finish();
/// # let _ = subscriber;
/// ```
#[derive(Debug)]
pub struct RedactMakeWriter<M> {
    redaction: Redaction,
    inner: M,
}

impl<M> RedactMakeWriter<M> {
    /// Redacts what goes to the writers that `inner` makes.
    pub fn new(redaction: &Redaction, inner: M) -> RedactMakeWriter<M> {
        RedactMakeWriter { redaction: redaction.clone(), inner }
    }

    fn event<W: Write>(&self, inner: W) -> RedactedEvent<W> {
        RedactedEvent { redactor: self.redaction.redactor(), inner, out: Vec::new() }
    }
}

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for RedactMakeWriter<M> {
    type Writer = RedactedEvent<M::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        self.event(self.inner.make_writer())
    }

    fn make_writer_for(&'w self, meta: &tracing_core::Metadata<'_>) -> Self::Writer {
        self.event(self.inner.make_writer_for(meta))
    }
}

/// Takes one event, and writes it when it is dropped.
#[derive(Debug)]
pub struct RedactedEvent<W: Write> {
    redactor: Redactor,
    inner: W,
    out: Vec<u8>,
}

impl<W: Write> Write for RedactedEvent<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.redactor.push_more(bytes, &mut self.out);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // The event is written when all of it is there.
        Ok(())
    }
}

impl<W: Write> Drop for RedactedEvent<W> {
    fn drop(&mut self) {
        self.redactor.finish(&mut self.out);
        // There is no one to tell.
        let _ = self.inner.write_all(&self.out).and_then(|()| self.inner.flush());
    }
}
