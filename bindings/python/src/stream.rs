//! Streams of models and of services, redacted on their way.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyscan::guard::{self, Direction, Framing, StreamLimits};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors;
use crate::guard::AuditEntry;
use crate::text::{Characters, Text};

/// The framing of a media type: `events`, `json`, `lines` or `text`; `None` where that is nothing that can be read as text.
#[pyfunction]
pub(crate) fn framing_of(media_type: &str) -> Option<&'static str> {
    Framing::of_media_type(media_type).map(|framing| match framing {
        Framing::Events => "events",
        Framing::Json => "json",
        Framing::Lines => "lines",
        _ => "text",
    })
}

fn framing(name: &str) -> PyResult<Framing> {
    Ok(match name {
        "events" => Framing::Events,
        "json" => Framing::Json,
        "lines" => Framing::Lines,
        "text" => Framing::Text,
        _ => return Err(PyValueError::new_err(format!("no framing is named {name}: events, json, lines, text"))),
    })
}

/// What many streams share: a guard, a direction, limits. Immutable; shared by all threads.
#[pyclass(frozen, module = "keyscan", skip_from_py_object)]
pub(crate) struct Streams(guard::Streams);

impl Streams {
    pub(crate) fn new(
        guard: &guard::Guard,
        direction: Direction,
        event_len: Option<usize>,
        document_len: Option<usize>,
        channels: Option<usize>,
    ) -> Streams {
        let default = StreamLimits::default();
        let limits = StreamLimits {
            event_len: event_len.unwrap_or(default.event_len),
            document_len: document_len.unwrap_or(default.document_len),
            channels: channels.unwrap_or(default.channels),
        };
        Streams(guard::Streams::new(guard, direction).with_limits(limits))
    }
}

#[pymethods]
impl Streams {
    /// Starts a stream of `events` (server-sent events), `json` (one document), `lines` (of documents) or `text`.
    #[pyo3(signature = (framing="events"))]
    fn start(&self, framing: &str) -> PyResult<StreamGuard> {
        Ok(StreamGuard(Mutex::new(Box::new(self.0.start(self::framing(framing)?)))))
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn __repr__(&self) -> &'static str {
        "Streams(..)"
    }
}

/// Redacts one stream, piece by piece: texts that go on from event to event as the texts that they make together.
#[pyclass(frozen, module = "keyscan")]
pub(crate) struct StreamGuard(Mutex<Box<guard::StreamGuard>>);

impl StreamGuard {
    fn stream(&self) -> MutexGuard<'_, Box<guard::StreamGuard>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl StreamGuard {
    /// Takes the next bytes, and gives what can be shown. Raises `Blocked` where the policy withholds the stream, and
    /// `StreamLimit` where it is beyond its limits; nothing more comes out of it then.
    fn push<'py>(&self, piece: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let py = piece.py();
        let piece = Text::of(piece)?;
        let bytes = piece.bytes()?;
        let mut out = Vec::new();
        py.detach(|| self.stream().push(bytes, &mut out)).map_err(|error| errors::of_stream(&error))?;
        Ok(PyBytes::new(py, &out))
    }

    /// Ends the stream, and gives the rest. Raises as `push` does.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        py.detach(|| self.stream().finish(&mut out)).map_err(|error| errors::of_stream(&error))?;
        Ok(PyBytes::new(py, &out))
    }

    /// The secrets that were hidden since the last call, without values and places: a thousand at most.
    fn take_findings(&self, py: Python<'_>) -> Vec<AuditEntry> {
        let findings = py.detach(|| self.stream().take_findings());
        findings.iter().map(|entry| AuditEntry::new(entry, &mut Characters::new(b"", false))).collect()
    }

    /// How many bytes are held.
    #[getter]
    fn held_len(&self, py: Python<'_>) -> usize {
        py.detach(|| self.stream().held_len())
    }

    /// How often each rule or known secret was hidden so far.
    #[getter]
    fn hidden(&self, py: Python<'_>) -> BTreeMap<String, u64> {
        py.detach(|| self.stream().stats().hidden)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("StreamGuard({} bytes held)", self.held_len(py))
    }
}
