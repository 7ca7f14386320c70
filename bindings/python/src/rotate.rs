//! Live secrets: handed out for each use, read again when they change.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use keyscan::Secret;
use keyscan::redact::Admission;
use keyscan::rotate::{self, ClientSecret, Grant, OAuthClient, Recovery, Refreshed, RotateSettings, TokenSettings};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::errors;
use crate::known::{KnownSecrets, or_of_process};
use crate::source::{duration, http_settings, source_of};
use crate::text::{Text, given};

/// One version of a secret, which stays readable as long as somebody holds it. Get a new one for each use.
#[pyclass(frozen, module = "keyscan", skip_from_py_object)]
#[derive(Clone)]
pub(crate) struct Lease(pub(crate) rotate::Lease);

#[pymethods]
impl Lease {
    /// The name of the secret.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The number of the version: 1 for the first value of the process, one more for each that followed.
    #[getter]
    fn version(&self) -> u64 {
        self.0.version()
    }

    /// The keyed hash by which versions are told apart in statuses and logs.
    #[getter]
    fn fingerprint(&self) -> String {
        self.0.fingerprint().to_string()
    }

    /// What the source calls this version.
    #[getter]
    fn source_version(&self) -> Option<&str> {
        self.0.source_version()
    }

    /// When the value ends, in seconds since 1970, where the source says so.
    #[getter]
    fn expires(&self) -> Option<f64> {
        self.0.expires().map(|at| at.as_secs_f64())
    }

    /// The value: a `str`, or `bytes` where it is not UTF-8. Whoever calls this answers for where it goes.
    fn expose<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        given(py, self.0.expose(), self.0.expose_str().is_some())
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// What callbacks are told: a secret has another value.
#[pyclass(frozen, get_all, module = "keyscan", skip_from_py_object)]
pub(crate) struct Rotation {
    /// The version that is in use now.
    lease: Lease,
    /// The number of the version before.
    previous: Option<u64>,
    /// What brought it: `source` or `set`.
    origin: &'static str,
}

#[pymethods]
impl Rotation {
    fn __repr__(&self) -> String {
        format!("Rotation({:?}, {})", self.lease.0, self.origin)
    }
}

/// A callback of Python as one of the library. What it raises goes where exceptions go that nobody can catch.
fn callback(function: Py<PyAny>) -> impl Fn(&rotate::Rotation) + Send + Sync + 'static {
    move |rotation| {
        let told = Rotation {
            lease: Lease(rotation.lease.clone()),
            previous: rotation.previous.map(|(version, _)| version),
            origin: match rotation.origin {
                rotate::Origin::Set => "set",
                _ => "source",
            },
        };
        let _ = Python::try_attach(|py| {
            if let Err(error) = function.call1(py, (told,)) {
                error.write_unraisable(py, None);
            }
        });
    }
}

/// A secret whose value is kept up to date by a thread of its own. Before any reader can get a new value, redactors have
/// it. A source that fails takes nothing from readers.
#[pyclass(frozen, module = "keyscan")]
pub(crate) struct RotatingSecret {
    /// `None` once it was stopped.
    secret: Mutex<Option<rotate::RotatingSecret>>,
}

impl RotatingSecret {
    fn of(secret: rotate::RotatingSecret) -> RotatingSecret {
        RotatingSecret { secret: Mutex::new(Some(secret)) }
    }

    /// The secret, unless it was stopped.
    pub(crate) fn secret(&self) -> PyResult<rotate::RotatingSecret> {
        let secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner).clone();
        secret.ok_or_else(|| PyRuntimeError::new_err("this secret was stopped"))
    }
}

impl Drop for RotatingSecret {
    fn drop(&mut self) {
        let secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner).take();
        release(secret);
    }
}

/// Drops what may wait for a thread that waits for the interpreter.
fn release<T: Send>(what: T) {
    let mut what = Some(what);
    let _ = Python::try_attach(|py| {
        let what = what.take();
        py.detach(|| drop(what));
    });
}

fn refreshed(outcome: Result<Refreshed, rotate::SourceError>) -> PyResult<bool> {
    outcome.map(|outcome| matches!(outcome, Refreshed::Rotated(_))).map_err(|error| errors::of_source(&error))
}

#[pymethods]
impl RotatingSecret {
    /// Starts to keep a secret up to date, and waits for the first value. `source` is a `Source`, the path of a file, or a
    /// function. Times are seconds.
    #[new]
    #[pyo3(signature = (
        name, source, *, known=None, poll=Some(300.0), overlap=600.0, fetch_timeout=10.0, wait=5.0, min_len=None,
        allow_common=false, on_rotate=None, start_absent=false
    ))]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn new(
        py: Python<'_>,
        name: &str,
        source: &Bound<'_, PyAny>,
        known: Option<&KnownSecrets>,
        poll: Option<f64>,
        overlap: f64,
        fetch_timeout: f64,
        wait: f64,
        min_len: Option<usize>,
        allow_common: bool,
        on_rotate: Option<Py<PyAny>>,
        start_absent: bool,
    ) -> PyResult<RotatingSecret> {
        let default = Admission::default();
        let settings = RotateSettings {
            poll: poll.map(duration).transpose()?,
            overlap: duration(overlap)?,
            fetch_timeout: duration(fetch_timeout)?,
            wait: duration(wait)?,
            admission: Admission { min_len: min_len.unwrap_or(default.min_len), allow_common },
            ..RotateSettings::default()
        };
        let mut builder =
            rotate::RotatingSecret::builder(name, source_of(source)?).settings(settings).hide_in(&or_of_process(known));
        if let Some(function) = on_rotate {
            builder = builder.on_rotation(callback(function));
        }
        let secret = py.detach(|| {
            if start_absent {
                return builder.start_absent().map_err(|error| errors::of_library(&error));
            }
            builder.start().map_err(|error| errors::of_source(&error))
        });
        secret.map(RotatingSecret::of)
    }

    /// The name.
    #[getter]
    fn name(&self) -> PyResult<String> {
        Ok(self.secret()?.name().to_owned())
    }

    /// The value that is in use. Never waits for the source. Raises `NoValue` when there is none.
    fn get(&self) -> PyResult<Lease> {
        self.secret()?.get().map(Lease).map_err(|error| errors::of_no_value(&error))
    }

    /// The version before the one in use, while it is kept.
    fn previous(&self) -> PyResult<Option<Lease>> {
        Ok(self.secret()?.previous().map(Lease))
    }

    /// Asks the source, or joins those who do already, and waits. Answers whether there is another value.
    fn refresh(&self, py: Python<'_>) -> PyResult<bool> {
        let secret = self.secret()?;
        refreshed(py.detach(move || secret.refresh()))
    }

    /// Asks the source anew, whatever is going on: somebody has just changed it. Answers whether there is another value.
    #[pyo3(signature = (timeout=10.0))]
    fn reload(&self, py: Python<'_>, timeout: f64) -> PyResult<bool> {
        let (secret, timeout) = (self.secret()?, duration(timeout)?);
        refreshed(py.detach(move || secret.reload(timeout)))
    }

    /// Says that a version was rejected by whom it is for: the source is asked, once for all who say so. Answers whether
    /// there is a newer one.
    fn report_unauthorized(&self, py: Python<'_>, version: u64) -> PyResult<bool> {
        let secret = self.secret()?;
        match py.detach(move || secret.report_unauthorized(version)) {
            Recovery::Failed(error) => Err(errors::of_source(&error)),
            recovery => Ok(recovery.is_newer()),
        }
    }

    /// Takes a value into use.
    fn set(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let secret = self.secret()?;
        let text = Text::of(value)?;
        let value_given = Secret::new(text.bytes()?);
        refreshed(value.py().detach(move || secret.set(value_given)))
    }

    /// Goes back to the version before, while it is kept.
    fn roll_back(&self, py: Python<'_>) -> PyResult<bool> {
        let secret = self.secret()?;
        refreshed(py.detach(move || secret.roll_back()))
    }

    /// Takes the value from readers, for good; redactors go on to hide it. Answers the version that was revoked.
    fn revoke(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        let secret = self.secret()?;
        Ok(py.detach(move || secret.revoke()))
    }

    /// Hides each value in this set, too. Answers whether those could be that are in use.
    fn hide_in(&self, py: Python<'_>, known: &KnownSecrets) -> PyResult<bool> {
        let (secret, known) = (self.secret()?, known.0.clone());
        Ok(py.detach(move || secret.hide_in(&known)))
    }

    /// Calls this with a `Rotation` after each rotation, from the thread that brought it. Gives the function back: usable
    /// as a decorator.
    fn on_rotate(&self, function: Py<PyAny>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let (secret, called) = (self.secret()?, callback(function.clone_ref(py)));
        py.detach(move || secret.on_rotation(called));
        Ok(function)
    }

    /// The state: `absent`, `loading`, `ok`, `refreshing`, `stale`, `expired` or `revoked`.
    #[getter]
    fn state(&self) -> PyResult<&'static str> {
        Ok(self.secret()?.state().as_str())
    }

    /// All that may be told: no value, no length, no prefix of one.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let json = serde_json::to_string(&self.secret()?.status());
        let json = json.map_err(|error| PyValueError::new_err(error.to_string()))?;
        py.import("json")?.call_method1("loads", (json,))
    }

    /// Stops to keep it up to date. Redactors go on to hide its values; nothing else can be done with it any more.
    fn stop(&self, py: Python<'_>) {
        let secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(move || drop(secret));
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, pyo3::types::PyTuple>) {
        self.stop(py);
    }

    fn __repr__(&self) -> String {
        match self.secret() {
            Ok(secret) => format!("RotatingSecret({}, {})", secret.name(), secret.state()),
            Err(_) => "RotatingSecret(stopped)".to_owned(),
        }
    }
}

/// A token of an OAuth server that is refreshed before it expires, by one request at a time.
#[pyclass(frozen, module = "keyscan")]
pub(crate) struct TokenManager {
    /// `None` once it was stopped.
    manager: Mutex<Option<rotate::TokenManager>>,
}

impl TokenManager {
    fn manager(&self) -> PyResult<rotate::TokenManager> {
        let manager = self.manager.lock().unwrap_or_else(PoisonError::into_inner).clone();
        manager.ok_or_else(|| PyRuntimeError::new_err("this token was stopped"))
    }
}

impl Drop for TokenManager {
    fn drop(&mut self) {
        let manager = self.manager.lock().unwrap_or_else(PoisonError::into_inner).take();
        release(manager);
    }
}

/// The secret of a client: a `RotatingSecret`, a text, or none.
fn client_secret(given: Option<&Bound<'_, PyAny>>) -> PyResult<ClientSecret> {
    let Some(given) = given else { return Ok(ClientSecret::None) };
    if let Ok(secret) = given.cast::<RotatingSecret>() {
        return Ok(ClientSecret::Rotating(secret.get().secret()?));
    }
    Ok(ClientSecret::Fixed(Secret::new(Text::of(given)?.bytes()?)))
}

#[pymethods]
impl TokenManager {
    /// Gets a token from a token endpoint (RFC 6749), with the client's credentials or a refresh token, and keeps it
    /// fresh. Times are seconds.
    #[new]
    #[pyo3(signature = (
        name, token_url, client_id, client_secret=None, *, refresh_token=None, scope=None, parameters=Vec::new(),
        in_body=false, ca_file=None, allow_plain=false, refresh_before=300.0, timeout=10.0, known=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn new(
        py: Python<'_>,
        name: &str,
        token_url: &str,
        client_id: &str,
        client_secret: Option<&Bound<'_, PyAny>>,
        refresh_token: Option<&Bound<'_, PyAny>>,
        scope: Option<String>,
        parameters: Vec<(String, String)>,
        in_body: bool,
        ca_file: Option<PathBuf>,
        allow_plain: bool,
        refresh_before: f64,
        timeout: f64,
        known: Option<&KnownSecrets>,
    ) -> PyResult<TokenManager> {
        let mut client = OAuthClient::new(token_url, client_id, self::client_secret(client_secret)?);
        if let Some(token) = refresh_token {
            client.grant = Grant::RefreshToken(Secret::new(Text::of(token)?.bytes()?));
        }
        client.scope = scope;
        client.parameters = parameters;
        client.in_body = in_body;
        client.http = http_settings(ca_file, allow_plain);
        let settings = TokenSettings {
            refresh_before: duration(refresh_before)?,
            timeout: duration(timeout)?,
            known: vec![or_of_process(known)],
            ..TokenSettings::default()
        };
        let manager = py.detach(|| rotate::TokenManager::start(name, client, settings));
        let manager = manager.map_err(|error| errors::of_source(&error))?;
        Ok(TokenManager { manager: Mutex::new(Some(manager)) })
    }

    /// A token that has not expired; where it has, the server is asked for another one now. Raises `NoValue`.
    fn token(&self, py: Python<'_>) -> PyResult<Lease> {
        let manager = self.manager()?;
        py.detach(move || manager.token()).map(Lease).map_err(|error| errors::of_no_value(&error))
    }

    /// The value of an `Authorization` header.
    fn authorization(&self, py: Python<'_>) -> PyResult<String> {
        let manager = self.manager()?;
        let header = py.detach(move || manager.authorization()).map_err(|error| errors::of_no_value(&error))?;
        Ok(header.to_string())
    }

    /// The secret behind it: for retries, callbacks and statuses.
    #[getter]
    fn secret(&self) -> PyResult<RotatingSecret> {
        Ok(RotatingSecret::of(self.manager()?.secret().clone()))
    }

    /// Stops to keep it fresh.
    fn stop(&self, py: Python<'_>) {
        let manager = self.manager.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(move || drop(manager));
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, pyo3::types::PyTuple>) {
        self.stop(py);
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn __repr__(&self) -> &'static str {
        "TokenManager(..)"
    }
}
