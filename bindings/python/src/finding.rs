//! Findings.

use keyscan::Secret;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::text::{Characters, given};

/// A secret that was found, and where it stands. `repr` shows it masked; a pickle has no value in it.
#[pyclass(frozen, module = "keyscan", skip_from_py_object)]
#[derive(Clone)]
pub(crate) struct Finding {
    told: Told,
    /// `None` where it came out of a pickle.
    secret: Option<Secret>,
    as_str: bool,
    parts: Vec<Finding>,
}

/// All that may be told.
#[derive(Clone, FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
struct Told {
    rule: String,
    provider: String,
    description: String,
    severity: String,
    confidence: f32,
    start: usize,
    end: usize,
    line: u64,
    column: u64,
    masked: String,
    reasons: Vec<String>,
    also: Vec<String>,
    encoding: Option<String>,
}

impl Finding {
    /// What the engine found in a text whose offsets are counted by `characters`.
    pub(crate) fn new(
        found: &keyscan::Finding,
        rules: &[keyscan::Rule],
        characters: &mut Characters<'_>,
        as_str: bool,
    ) -> Finding {
        let rule = &rules[found.rule];
        let told = Told {
            rule: rule.id().to_owned(),
            provider: rule.provider().to_owned(),
            description: rule.description().to_owned(),
            severity: rule.severity().as_str().to_owned(),
            confidence: found.confidence,
            start: characters.at(found.span.start),
            end: characters.at(found.span.end),
            line: found.start.line,
            column: found.start.column,
            masked: found.secret.masked(),
            reasons: found.verdicts.iter().map(|verdict| verdict.as_str().to_owned()).collect(),
            also: found.candidates.iter().map(|rule| rules[*rule].id().to_owned()).collect(),
            encoding: found.decoded.map(|encoding| encoding.as_str().to_owned()),
        };
        let parts = found.parts.iter().filter(|part| !part.is_public);
        let parts = parts.map(|part| Finding::new(&part.finding, rules, characters, as_str)).collect();
        Finding { told, secret: Some(found.secret.clone()), as_str, parts }
    }
}

#[pymethods]
impl Finding {
    /// The id of the rule that found it: `github-pat`.
    #[getter]
    fn rule(&self) -> &str {
        &self.told.rule
    }

    /// The id of the provider: `github`.
    #[getter]
    fn provider(&self) -> &str {
        &self.told.provider
    }

    /// What it is.
    #[getter]
    fn description(&self) -> &str {
        &self.told.description
    }

    /// How much harm a finder can do: `low`, `medium`, `high` or `critical`.
    #[getter]
    fn severity(&self) -> &str {
        &self.told.severity
    }

    /// How sure it is to be a secret, from 0 to 1.
    #[getter]
    fn confidence(&self) -> f32 {
        self.told.confidence
    }

    /// Where it starts: in characters of a `str`, in bytes of bytes.
    #[getter]
    fn start(&self) -> usize {
        self.told.start
    }

    /// Where it ends.
    #[getter]
    fn end(&self) -> usize {
        self.told.end
    }

    /// Its line, from 1.
    #[getter]
    fn line(&self) -> u64 {
        self.told.line
    }

    /// Its column, from 1, in characters, also of bytes.
    #[getter]
    fn column(&self) -> u64 {
        self.told.column
    }

    /// A form that tells two secrets apart and gives neither away: `abcd...wxyz`.
    #[getter]
    fn masked(&self) -> &str {
        &self.told.masked
    }

    /// Why it is taken for one, in words that end "because it ...".
    #[getter]
    fn reasons(&self) -> Vec<String> {
        self.told.reasons.clone()
    }

    /// The ids of other rules that believe the same text to be theirs.
    #[getter]
    fn also(&self) -> Vec<String> {
        self.told.also.clone()
    }

    /// How the text had been encoded in which it was found, such as `utf-16le`; `None` where it stands there as it is.
    #[getter]
    fn encoding(&self) -> Option<&str> {
        self.told.encoding.as_deref()
    }

    /// The other secrets of the same credential that stand beside it.
    #[getter]
    fn parts(&self) -> Vec<Finding> {
        self.parts.clone()
    }

    /// The secret itself, as `str` or `bytes` as the text was. Whoever calls this answers for where it goes.
    fn expose<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let secret = self.secret.as_ref();
        let secret = secret
            .ok_or_else(|| PyValueError::new_err("this finding was pickled, and pickles have no secrets in them"))?;
        given(py, secret.expose(), self.as_str)
    }

    /// All that may be told, as a dictionary: for reports.
    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let told = self.told.clone().into_pyobject(py)?;
        let parts = self.parts.iter().map(|part| part.as_dict(py)).collect::<PyResult<Vec<_>>>()?;
        told.set_item("parts", parts)?;
        Ok(told)
    }

    fn __repr__(&self) -> String {
        let Told { rule, start, end, masked, .. } = &self.told;
        format!("Finding({rule} at {start}..{end}, {masked})")
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let restore = py.import("keyscan._keyscan")?.getattr("restore_finding")?;
        let parts: Vec<Py<Finding>> =
            self.parts.iter().map(|part| Py::new(py, part.clone())).collect::<PyResult<_>>()?;
        let told = self.told.clone().into_pyobject(py)?;
        Ok((restore, (told, parts, self.as_str).into_pyobject(py)?))
    }
}

/// A finding out of a pickle: all but its secret.
#[pyfunction]
pub(crate) fn restore_finding(
    told: &Bound<'_, PyDict>,
    parts: Vec<PyRef<'_, Finding>>,
    as_str: bool,
) -> PyResult<Finding> {
    Ok(Finding {
        told: told.extract::<Told>()?,
        secret: None,
        as_str,
        parts: parts.iter().map(|part| Finding::clone(part)).collect(),
    })
}
