//! Calls that are made again with a key that was read again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyscan::rotate::{Retry, RetryError, with_reload_on_401};
use pyo3::prelude::*;

use crate::errors::{self, Rejected};
use crate::rotate::{Lease, RotatingSecret};
use crate::source::duration;

/// Calls `call(lease)`, and once more with a newer key when `rejected(result, error)` says that the key was rejected:
/// `with_reload_on_401` of the library. The caller's lock is let go while it waits.
#[pyfunction]
pub(crate) fn call_with_reload(
    py: Python<'_>,
    secret: &RotatingSecret,
    call: Py<PyAny>,
    rejected: Py<PyAny>,
    window: f64,
    try_previous: bool,
) -> PyResult<Py<PyAny>> {
    let secret = secret.secret()?;
    let retry = Retry { window: duration(window)?.min(Duration::from_secs(86_400)), try_previous };
    // What `rejected` raised is told in the place of what the call did; the last error of a call is the cause of
    // `Rejected`.
    let (raised, last) = (Mutex::new(None::<PyErr>), Mutex::new(None::<PyErr>));
    let outcome = py.detach(|| {
        with_reload_on_401(
            &secret,
            &retry,
            |lease| Python::attach(|py| call.call1(py, (Lease(lease.clone()),))),
            |result| {
                Python::attach(|py| match is_rejected(py, &rejected, result) {
                    Ok(is_rejected) => {
                        let error = result.as_ref().err().map(|error| error.clone_ref(py));
                        *last.lock().unwrap_or_else(PoisonError::into_inner) = error;
                        is_rejected
                    }
                    Err(error) => {
                        *raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        false
                    }
                })
            },
        )
    });
    if let Some(error) = raised.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    outcome.map_err(|error| match error {
        RetryError::NoValue(error) => errors::of_no_value(&error),
        RetryError::Call(error) => error,
        RetryError::Rejected(why) => {
            let error = Rejected::new_err((why.to_string(), why.name, why.version, why.calls));
            error.set_cause(py, last.into_inner().unwrap_or_else(PoisonError::into_inner));
            error
        }
        error => Rejected::new_err((error.to_string(), secret.name().to_owned(), 0_u64, 0_u32)),
    })
}

fn is_rejected(py: Python<'_>, rejected: &Py<PyAny>, result: &PyResult<Py<PyAny>>) -> PyResult<bool> {
    let (result, error) = match result {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error.value(py))),
    };
    rejected.call1(py, (result, error))?.is_truthy(py)
}
