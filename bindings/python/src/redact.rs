//! Redaction of texts and of streams.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use keyscan::redact::{AtEnd, Style, TextFormat};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::errors;
use crate::known::{Key, KnownSecrets, or_of_process};
use crate::rules::{self, RuleSet};
use crate::text::{Text, given};

/// How to redact: rules, known secrets and markers. Immutable; one serves many threads.
#[pyclass(frozen, module = "keyscan", skip_from_py_object)]
pub(crate) struct Redaction {
    pub(crate) redaction: keyscan::redact::Redaction,
}

/// A style by its name, or a marker in which `{rule}` stands for the id of the rule.
pub(crate) fn style(name: Option<&str>, key: Option<&Key>) -> PyResult<Style> {
    Ok(match name.unwrap_or("label") {
        "label" => Style::Label,
        "mask" => Style::Mask,
        "remove" => Style::Remove,
        "tag" => {
            let key = key.ok_or_else(|| PyValueError::new_err("style=\"tag\" needs key=Key(...)"))?;
            Style::Tag(key.0.clone())
        }
        marker if marker.chars().all(|c| c.is_ascii_alphabetic()) => {
            let known = "label, mask, remove, tag, or a marker such as \"<{rule}>\"";
            return Err(PyValueError::new_err(format!("no style is named {marker}: {known}")));
        }
        marker => Style::Custom(marker.to_owned()),
    })
}

fn format(name: &str) -> PyResult<TextFormat> {
    Ok(match name {
        "text" => TextFormat::Text,
        "json" => TextFormat::Json,
        "logfmt" => TextFormat::Logfmt,
        _ => return Err(PyValueError::new_err(format!("no format is named {name}: text, json, logfmt"))),
    })
}

#[pymethods]
impl Redaction {
    /// Hides what these rules find (default: the built-in ones), and these known secrets (default: `keyscan.known`).
    #[new]
    #[pyo3(signature = (rules=None, *, known=None, style=None, key=None, format="text", min_confidence=None, hide_parts=true))]
    fn new(
        rules: Option<&RuleSet>,
        known: Option<&KnownSecrets>,
        style: Option<&str>,
        key: Option<&Key>,
        format: &str,
        min_confidence: Option<f32>,
        hide_parts: bool,
    ) -> PyResult<Redaction> {
        let mut redaction = keyscan::redact::Redaction::new(rules::or_builtin(rules))
            .with_known(or_of_process(known))
            .with_style(self::style(style, key)?)
            .with_format(self::format(format)?)
            .at_end(if hide_parts { AtEnd::HideParts } else { AtEnd::Show });
        if let Some(confidence) = min_confidence {
            redaction = redaction.with_min_confidence(confidence);
        }
        Ok(Redaction { redaction })
    }

    /// A whole text without its secrets: `str` for `str`, `bytes` for bytes; the text itself where nothing was hidden.
    fn redact<'py>(&self, text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let came = Text::of(text)?;
        let bytes = came.bytes()?;
        let (out, skipped) = text.py().detach(|| {
            let (mut redactor, mut out) = (self.redaction.redactor(), Vec::with_capacity(bytes.len() + 64));
            redactor.push_more(bytes, &mut out);
            redactor.finish(&mut out);
            (out, redactor.stats().skipped_attempts)
        });
        errors::warn_of_skipped(text.py(), skipped)?;
        came.answer(&out, text)
    }

    /// Starts a stream.
    fn redactor(&self) -> Redactor {
        let stream = Stream { redactor: self.redaction.redactor(), kind: None, torn: Vec::new() };
        Redactor(Mutex::new(Box::new(stream)))
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn __repr__(&self) -> &'static str {
        "Redaction(..)"
    }
}

/// The redaction of everything that was given no other: built-in rules, known secrets of the process.
fn default_redaction() -> PyResult<&'static Redaction> {
    static REDACTION: OnceLock<Redaction> = OnceLock::new();
    if let Some(redaction) = REDACTION.get() {
        return Ok(redaction);
    }
    let made = Redaction::new(None, None, None, None, "text", None, true)?;
    Ok(REDACTION.get_or_init(|| made))
}

/// A whole text without the secrets that the built-in rules find, and without those of `keyscan.known`.
#[pyfunction]
pub(crate) fn redact<'py>(text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    default_redaction()?.redact(text)
}

/// A stream, and what it is made of.
struct Stream {
    redactor: keyscan::redact::Redactor,
    /// Whether it is of `str`; `None` before the first piece.
    kind: Option<bool>,
    /// The start of a character whose rest is held.
    torn: Vec<u8>,
}

/// Redacts one stream, piece by piece: what comes out does not depend on how the text was cut. `repr` shows how much is
/// held. May be used by several threads, whose pieces come in some order.
#[pyclass(frozen, module = "keyscan")]
pub(crate) struct Redactor(Mutex<Box<Stream>>);

impl Redactor {
    fn stream(&self) -> MutexGuard<'_, Box<Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// Runs a step; what comes out of a `str` ends with a whole character.
    fn step(&mut self, run: impl FnOnce(&mut keyscan::redact::Redactor, &mut Vec<u8>), last: bool) -> Vec<u8> {
        let mut out = std::mem::take(&mut self.torn);
        run(&mut self.redactor, &mut out);
        if self.kind == Some(true) && !last {
            let whole = match std::str::from_utf8(&out) {
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => out.len(),
            };
            self.torn = out.split_off(whole);
        }
        out
    }
}

#[pymethods]
impl Redactor {
    /// A stream of a redaction, or of the default one.
    #[new]
    #[pyo3(signature = (redaction=None))]
    fn new(redaction: Option<&Redaction>) -> PyResult<Redactor> {
        Ok(match redaction {
            Some(redaction) => redaction.redactor(),
            None => default_redaction()?.redactor(),
        })
    }

    /// Takes the next piece, and gives what can be shown: all but the longest end that may still become part of a secret.
    fn push<'py>(&self, piece: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let piece_text = Text::of(piece)?;
        let (bytes, is_str) = (piece_text.bytes()?, piece_text.is_str());
        let out = piece.py().detach(|| {
            let mut stream = self.stream();
            if *stream.kind.get_or_insert(is_str) != is_str {
                return None;
            }
            Some(stream.step(|redactor, out| redactor.push(bytes, out), false))
        });
        let out = out.ok_or_else(|| PyTypeError::new_err("the pieces of a stream are all str, or all bytes"))?;
        given(piece.py(), &out, is_str)
    }

    /// Ends the text, gives the rest, and starts a new text.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (out, kind) = py.detach(|| {
            let mut stream = self.stream();
            let out = stream.step(keyscan::redact::Redactor::finish, true);
            (out, stream.kind.take())
        });
        given(py, &out, kind.unwrap_or(true))
    }

    /// How many bytes are held.
    #[getter]
    fn held_len(&self, py: Python<'_>) -> usize {
        py.detach(|| {
            let stream = self.stream();
            stream.redactor.held_len() + stream.torn.len()
        })
    }

    /// How often each rule or known secret was hidden so far.
    #[getter]
    fn hidden(&self, py: Python<'_>) -> BTreeMap<String, u64> {
        py.detach(|| self.stream().redactor.stats().hidden.clone())
    }

    /// Places that were not examined so far, because the text makes rules look at the same bytes again and again.
    #[getter]
    fn skipped_attempts(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.stream().redactor.stats().skipped_attempts)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("Redactor({} bytes held)", self.held_len(py))
    }
}
