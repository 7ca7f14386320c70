//! Known secrets, and keys of fingerprints.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use keyscan::redact::{Admission, SecretSource};
use pyo3::prelude::*;

use crate::errors::{self, Refused};
use crate::text::Text;

/// A project's key of fingerprints: 32 random bytes. `repr` does not show it.
#[pyclass(frozen, module = "keyscan", skip_from_py_object)]
#[derive(Clone)]
pub(crate) struct Key(pub(crate) keyscan::Key);

#[pymethods]
impl Key {
    /// A new key, from the randomness of the operating system.
    #[staticmethod]
    fn random() -> PyResult<Key> {
        keyscan::Key::random().map(Key).map_err(|error| errors::of_library(&error))
    }

    /// The key of 64 hex digits.
    #[staticmethod]
    fn from_hex(text: &str) -> PyResult<Key> {
        text.parse().map(Key).map_err(|error| errors::of_library(&error))
    }

    /// The key as 64 hex digits: as secret as the key.
    fn to_hex(&self) -> String {
        self.0.to_hex()
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn __repr__(&self) -> &'static str {
        "Key(..)"
    }
}

/// Secrets that are known, shared by all redactors that were made with this set: what is added is hidden in all that is
/// pushed to any of them afterwards, in all the forms in which it is met.
#[pyclass(frozen, module = "keyscan", skip_from_py_object)]
#[derive(Clone)]
pub(crate) struct KnownSecrets(pub(crate) keyscan::redact::KnownSecrets);

/// The set of the process, which everything uses that was given no other.
pub(crate) fn of_process() -> &'static keyscan::redact::KnownSecrets {
    static KNOWN: OnceLock<keyscan::redact::KnownSecrets> = OnceLock::new();
    KNOWN.get_or_init(keyscan::redact::KnownSecrets::new)
}

/// This set, or that of the process.
pub(crate) fn or_of_process(known: Option<&KnownSecrets>) -> keyscan::redact::KnownSecrets {
    known.map_or_else(|| of_process().clone(), |known| known.0.clone())
}

fn admission(min_len: Option<usize>, allow_common: bool) -> Admission {
    let default = Admission::default();
    Admission { min_len: min_len.unwrap_or(default.min_len), allow_common }
}

#[pymethods]
impl KnownSecrets {
    /// A set of none.
    #[new]
    fn new() -> KnownSecrets {
        KnownSecrets(keyscan::redact::KnownSecrets::new())
    }

    /// The set of the process, which everything uses that was given no other. `keyscan.known` is it.
    #[staticmethod]
    fn of_process() -> KnownSecrets {
        KnownSecrets(of_process().clone())
    }

    /// Adds a value under a name. When it returns, the value is hidden in all that is pushed from now on. Raises
    /// `Refused` when the value would turn up in ordinary text: fewer than `min_len` bytes (6), words, numbers.
    #[pyo3(signature = (name, value, *, min_len=None, allow_common=false))]
    fn add(&self, name: &str, value: &Bound<'_, PyAny>, min_len: Option<usize>, allow_common: bool) -> PyResult<()> {
        let text = Text::of(value)?;
        let bytes = text.bytes()?;
        let refused = value.py().detach(|| self.0.add_all([(name, bytes)], admission(min_len, allow_common)));
        match refused.first() {
            None => Ok(()),
            Some((name, why)) => Err(Refused::new_err(format!("the value of {name} {why}"))),
        }
    }

    /// Adds the values of a source: `env:GLOB,...`, `file:PATH`, `dir:PATH`, `dotenv:PATH`, `cmd:COMMAND`, `fd:N`.
    /// Answers the names of those that were refused, and why.
    #[pyo3(signature = (source, *, min_len=None, allow_common=false))]
    fn add_from(
        &self,
        py: Python<'_>,
        source: &str,
        min_len: Option<usize>,
        allow_common: bool,
    ) -> PyResult<BTreeMap<String, String>> {
        let source: SecretSource = source.parse().map_err(|error| errors::of_library(&error))?;
        let refused = py.detach(|| {
            let sourced = source.load()?;
            let values = sourced.iter().map(|sourced| (sourced.name.as_str(), sourced.value.as_slice()));
            Ok::<_, keyscan::Error>(self.0.add_all(values, admission(min_len, allow_common)))
        });
        let refused = refused.map_err(|error| errors::of_library(&error))?;
        Ok(refused.into_iter().map(|(name, why)| (name, why.to_string())).collect())
    }

    /// Says that the values of this name are used no more. They stay hidden until `forget_retired`, but for the oldest
    /// when they are more than 64.
    fn retire(&self, py: Python<'_>, name: &str) {
        py.detach(|| self.0.retire(name));
    }

    /// Hides retired values no longer.
    fn forget_retired(&self, py: Python<'_>) {
        py.detach(|| self.0.forget_retired());
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}
