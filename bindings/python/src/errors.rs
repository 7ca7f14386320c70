//! The exceptions of the package, which Python declares, and what becomes which.

use keyscan::ErrorKind;
use keyscan::guard::StreamError;
use keyscan::rotate::{NoValue, SourceError};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

mod python {
    pyo3::import_exception!(keyscan.errors, Blocked);
    pyo3::import_exception!(keyscan.errors, IncompleteWarning);
    pyo3::import_exception!(keyscan.errors, NoValue);
    pyo3::import_exception!(keyscan.errors, NotJson);
    pyo3::import_exception!(keyscan.errors, Refused);
    pyo3::import_exception!(keyscan.errors, Rejected);
    pyo3::import_exception!(keyscan.errors, RuleError);
    pyo3::import_exception!(keyscan.errors, SourceError);
    pyo3::import_exception!(keyscan.errors, StreamLimit);
}

pub(crate) use python::{Blocked, NotJson, Refused, Rejected, RuleError};

/// An error of the library.
pub(crate) fn of_library(error: &keyscan::Error) -> PyErr {
    match error.kind() {
        ErrorKind::Io => PyOSError::new_err(error.to_string()),
        ErrorKind::Config => PyValueError::new_err(error.to_string()),
        _ => RuleError::new_err(error.to_string()),
    }
}

/// An error of a stream: withheld by the policy, or beyond its limits.
pub(crate) fn of_stream(error: &StreamError) -> PyErr {
    match error {
        StreamError::Blocked(reason) => Blocked::new_err(reason.to_string()),
        _ => python::StreamLimit::new_err(error.to_string()),
    }
}

/// A failure of a source.
pub(crate) fn of_source(error: &SourceError) -> PyErr {
    python::SourceError::new_err((error.to_string(), error.class().as_str()))
}

/// A secret without a value.
pub(crate) fn of_no_value(error: &NoValue) -> PyErr {
    python::NoValue::new_err(error.to_string())
}

/// Warns that parts of a text were not examined.
pub(crate) fn warn_of_skipped(py: Python<'_>, skipped: u64) -> PyResult<()> {
    if skipped == 0 {
        return Ok(());
    }
    let category = py.get_type::<python::IncompleteWarning>();
    let message =
        format!("{skipped} places were not examined: the text makes rules look at the same bytes again and again");
    let message = std::ffi::CString::new(message).unwrap_or_default();
    PyErr::warn(py, &category, &message, 2)
}
