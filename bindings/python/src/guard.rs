//! Guards: what is done with a text before it is sent.

use std::borrow::Cow;

use keyscan::guard::{self, Direction, DirectionPolicy, Policy};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::{Blocked, NotJson};
use crate::known::{Key, KnownSecrets, or_of_process};
use crate::redact::style;
use crate::rules::{self, RuleSet};
use crate::stream::Streams;
use crate::text::{Characters, Text};

/// A direction by its name.
pub(crate) fn direction(name: &str) -> PyResult<Direction> {
    Ok(match name {
        "to-model" => Direction::ToModel,
        "to-user" => Direction::ToUser,
        "to-tool" => Direction::ToTool,
        _ => return Err(PyValueError::new_err(format!("no direction is named {name}: to-model, to-user, to-tool"))),
    })
}

/// A policy: the name of an action, or a mapping with the members that `keyscan.toml` has.
fn policy(given: Option<&Bound<'_, PyAny>>) -> PyResult<DirectionPolicy> {
    let Some(given) = given else { return Ok(DirectionPolicy::default()) };
    let json: String = given.py().import("json")?.call_method1("dumps", (given,))?.extract()?;
    let wrong = |error: serde_json::Error| PyValueError::new_err(format!("no policy: {error}"));
    let value = match serde_json::from_str(&json).map_err(wrong)? {
        serde_json::Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name.replace('_', "-"), value)).collect()
        }
        action => serde_json::json!({ "action": action }),
    };
    serde_json::from_value(value).map_err(wrong)
}

/// A secret that a guard saw, for logs: never its value.
#[pyclass(frozen, get_all, module = "keyscan", skip_from_py_object)]
#[derive(Clone)]
pub(crate) struct AuditEntry {
    /// The rule's id, or the known secret's name.
    rule: String,
    /// The rule's provider; `None` where no rule found it.
    provider: Option<String>,
    /// The rule's severity; `None` where no rule found it.
    severity: Option<&'static str>,
    /// How sure it is to be a secret, from 0 to 1.
    confidence: f32,
    /// Where it starts in the text that was checked, in characters; `None` for what came of markers, and in streams.
    start: Option<usize>,
    /// Where it ends.
    end: Option<usize>,
    /// Its keyed fingerprint, where the guard has a key.
    fingerprint: Option<String>,
    /// What was done: `report`, `redact` or `block`.
    action: &'static str,
}

impl AuditEntry {
    pub(crate) fn new(entry: &guard::AuditEntry, characters: &mut Characters<'_>) -> AuditEntry {
        AuditEntry {
            rule: entry.rule.clone(),
            provider: entry.provider.clone(),
            severity: entry.severity.map(keyscan::Severity::as_str),
            confidence: entry.confidence,
            start: entry.span.map(|span| characters.at(span.start)),
            end: entry.span.map(|span| characters.at(span.end)),
            fingerprint: entry.fingerprint.map(|fingerprint| fingerprint.to_string()),
            action: match entry.action {
                guard::Action::Allow => "allow",
                guard::Action::Report => "report",
                guard::Action::Redact => "redact",
                guard::Action::Block => "block",
            },
        }
    }
}

#[pymethods]
impl AuditEntry {
    fn __repr__(&self) -> String {
        format!("AuditEntry({}, {})", self.rule, self.action)
    }
}

/// What is done with a text.
#[pyclass(frozen, get_all, module = "keyscan", skip_from_py_object)]
pub(crate) struct Decision {
    /// `allow`, `redact` or `block`.
    action: &'static str,
    /// What goes on: the text itself, or what takes its place; `None` where nothing does.
    text: Option<Py<PyAny>>,
    /// Why it is withheld, and what to do; `None` where it is not.
    reason: Option<String>,
    /// What was found, without values.
    findings: Vec<AuditEntry>,
    /// Places that were not examined, because the text makes rules look at the same bytes again and again.
    skipped_attempts: u64,
}

impl Decision {
    fn new(checked: &guard::Checked, text: &str, same: &Bound<'_, PyAny>) -> PyResult<Decision> {
        let mut characters = Characters::new(text.as_bytes(), true);
        let (action, text, reason) = match &checked.decision {
            guard::Decision::Allow => ("allow", Some(same.clone().unbind()), None),
            guard::Decision::Redact(text) => ("redact", Some(text.into_pyobject(same.py())?.into_any().unbind()), None),
            guard::Decision::Block(reason) => ("block", None, Some(reason.to_string())),
        };
        let findings = checked.findings.iter().map(|entry| AuditEntry::new(entry, &mut characters)).collect();
        Ok(Decision { action, text, reason, findings, skipped_attempts: checked.skipped_attempts })
    }
}

#[pymethods]
impl Decision {
    /// What goes on. Raises `Blocked` where nothing does.
    fn apply(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match (&self.text, &self.reason) {
            (Some(text), _) => Ok(text.clone_ref(py)),
            (None, reason) => Err(Blocked::new_err(reason.clone().unwrap_or_default())),
        }
    }

    fn __repr__(&self) -> String {
        format!("Decision({}, {} findings)", self.action, self.findings.len())
    }
}

/// Decides on texts before they are sent. Immutable; shared by all threads.
#[pyclass(frozen, module = "keyscan", skip_from_py_object)]
#[derive(Clone)]
pub(crate) struct Guard(pub(crate) guard::Guard);

#[pymethods]
impl Guard {
    /// Finds what these rules find (default: the built-in ones) and these known secrets (default: `keyscan.known`), and
    /// does what the policies say: an action (`allow`, `report`, `redact`, `block`), or a mapping with `action`,
    /// `min_severity`, `rules`, `known`, `incomplete`. By default secrets are hidden on the way to the model and to the
    /// user, and what has one in it does not go to a tool.
    #[new]
    #[pyo3(signature = (rules=None, *, known=None, to_model=None, to_user=None, to_tool=None, style=None, key=None, min_confidence=None))]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn new(
        rules: Option<&RuleSet>,
        known: Option<&KnownSecrets>,
        to_model: Option<&Bound<'_, PyAny>>,
        to_user: Option<&Bound<'_, PyAny>>,
        to_tool: Option<&Bound<'_, PyAny>>,
        style: Option<&str>,
        key: Option<&Key>,
        min_confidence: Option<f32>,
    ) -> PyResult<Guard> {
        let mut redaction = keyscan::redact::Redaction::new(rules::or_builtin(rules))
            .with_known(or_of_process(known))
            .with_style(self::style(style, key)?);
        if let Some(confidence) = min_confidence {
            redaction = redaction.with_min_confidence(confidence);
        }
        if let Some(key) = key {
            redaction = redaction.recorded(Some(key.0.clone()));
        }
        let policy = Policy { to_model: policy(to_model)?, to_user: policy(to_user)?, to_tool: policy(to_tool)? };
        Ok(Guard(guard::Guard::with_policy(&redaction, &policy)))
    }

    /// Decides on a text.
    #[pyo3(signature = (text, direction="to-user"))]
    fn check(&self, text: &Bound<'_, PyAny>, direction: &str) -> PyResult<Decision> {
        let direction = self::direction(direction)?;
        let came = text_of(text)?;
        let shown = came.lossy()?;
        let checked = text.py().detach(|| self.0.check(direction, &shown));
        Decision::new(&checked, &shown, text)
    }

    /// Decides on a JSON document, string by string, so that it stays one. Raises `NotJson` when it is none.
    #[pyo3(signature = (text, direction="to-user"))]
    fn check_json(&self, text: &Bound<'_, PyAny>, direction: &str) -> PyResult<Decision> {
        let direction = self::direction(direction)?;
        let came = text_of(text)?;
        let shown: Cow<'_, str> = came.lossy()?;
        let checked = text.py().detach(|| self.0.check_json(direction, &shown));
        Decision::new(&checked.map_err(|error| NotJson::new_err(error.to_string()))?, &shown, text)
    }

    /// A message as it may be logged.
    fn safe_log(&self, message: &Bound<'_, PyAny>) -> PyResult<String> {
        let message = message.str()?;
        let came = Text::of(message.as_any())?;
        let shown = came.lossy()?;
        Ok(message.py().detach(|| self.0.safe_log(&shown)))
    }

    /// Streams that go this way. A stream may take so much of memory: bytes of an event or a line of documents, bytes of
    /// a whole document, texts that are open at one time.
    #[pyo3(signature = (direction="to-user", *, event_len=None, document_len=None, channels=None))]
    fn streams(
        &self,
        direction: &str,
        event_len: Option<usize>,
        document_len: Option<usize>,
        channels: Option<usize>,
    ) -> PyResult<Streams> {
        Ok(Streams::new(&self.0, self::direction(direction)?, event_len, document_len, channels))
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn __repr__(&self) -> &'static str {
        "Guard(..)"
    }
}

/// The text of a `str`; guards decide on nothing else.
fn text_of<'py>(any: &Bound<'py, PyAny>) -> PyResult<Text<'py>> {
    let text = Text::of(any)?;
    if text.is_str() { Ok(text) } else { Err(pyo3::exceptions::PyTypeError::new_err("str expected, not bytes")) }
}
