//! Scans of whole texts.

use std::sync::OnceLock;

use keyscan::{DOUBTFUL, Scratch, Severity};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors;
use crate::finding::Finding;
use crate::rules::{self, RuleSet};
use crate::text::{Characters, Text};

/// Finds secrets in texts. Immutable; shared by all threads.
#[pyclass(frozen, module = "keyscan", skip_from_py_object)]
pub(crate) struct Scanner {
    scanner: keyscan::Scanner,
    min_confidence: f32,
    min_severity: Option<Severity>,
}

/// A severity by its name.
pub(crate) fn severity(name: &str) -> PyResult<Severity> {
    let all = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    let found = all.into_iter().find(|severity| severity.as_str() == name);
    found.ok_or_else(|| PyValueError::new_err(format!("no severity is named {name}: low, medium, high, critical")))
}

#[pymethods]
impl Scanner {
    /// Finds what these rules find, or the built-in ones.
    #[new]
    #[pyo3(signature = (rules=None, *, min_confidence=None, min_severity=None))]
    fn new(rules: Option<&RuleSet>, min_confidence: Option<f32>, min_severity: Option<&str>) -> PyResult<Scanner> {
        Ok(Scanner {
            scanner: keyscan::Scanner::new(rules::or_builtin(rules)),
            min_confidence: min_confidence.unwrap_or(DOUBTFUL),
            min_severity: min_severity.map(severity).transpose()?,
        })
    }

    /// The secrets in a text, in the order of their places.
    fn scan(&self, text: &Bound<'_, PyAny>) -> PyResult<Vec<Finding>> {
        let py = text.py();
        let text = Text::of(text)?;
        let (bytes, as_str) = (text.bytes()?, text.is_str());
        let (findings, skipped) = py.detach(|| {
            let mut found = Vec::new();
            let coverage = self.scanner.scan_with(bytes, &mut Scratch::new(), |finding, _| found.push(finding));
            let rules = self.scanner.rules();
            let is_severe = |rule: usize| self.min_severity.is_none_or(|least| rules[rule].severity() >= least);
            found.retain(|finding| finding.confidence >= self.min_confidence && is_severe(finding.rule));
            found.sort_by_key(|finding| (finding.span, finding.rule));
            let mut characters = Characters::new(bytes, as_str);
            let findings: Vec<Finding> =
                found.iter().map(|finding| Finding::new(finding, rules, &mut characters, as_str)).collect();
            (findings, coverage.skipped_attempts)
        });
        errors::warn_of_skipped(py, skipped)?;
        Ok(findings)
    }

    fn __repr__(&self) -> String {
        format!("Scanner({} rules)", self.scanner.rules().len())
    }
}

/// The secrets that the built-in rules find in a text.
#[pyfunction]
pub(crate) fn scan(text: &Bound<'_, PyAny>) -> PyResult<Vec<Finding>> {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    if SCANNER.get().is_none() {
        let _ = SCANNER.set(Scanner::new(None, None, None)?);
    }
    SCANNER.get().map_or_else(|| Ok(Vec::new()), |scanner| scanner.scan(text))
}
