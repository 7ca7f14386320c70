//! Where live secrets come from.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyscan::Secret;
use keyscan::rotate::{
    AwsSecretsManager, Cached, CommandSource, DirSource, EnvFileSource, EnvSource, FailureClass, Fallback,
    FetchContext, Fetched, Field, FileSource, HttpSettings, HttpSource, Life, PushSource, Refreshes, SourceError,
    VaultKv2,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::rotate::RotatingSecret;
use crate::text::Text;

type AnySource = Box<dyn keyscan::rotate::Source>;

/// Where a live secret comes from. It belongs to whoever it is given to first.
#[pyclass(frozen, module = "keyscan")]
pub(crate) struct Source(Mutex<Option<AnySource>>, &'static str);

impl Source {
    fn of(source: impl keyscan::rotate::Source + 'static) -> Source {
        let kind = source.kind();
        Source(Mutex::new(Some(Box::new(source))), kind)
    }

    /// The source, which is then taken.
    pub(crate) fn take(&self) -> PyResult<AnySource> {
        let source = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        source.ok_or_else(|| PyValueError::new_err("this source belongs to another secret already"))
    }
}

/// The source that a `Source`, a callable or the path of a file is.
pub(crate) fn source_of(any: &Bound<'_, PyAny>) -> PyResult<AnySource> {
    if let Ok(source) = any.cast::<Source>() {
        return source.get().take();
    }
    if any.is_callable() {
        return Ok(Box::new(CallSource(any.clone().unbind())));
    }
    let path: PathBuf = any.extract()?;
    Ok(Box::new(FileSource::new(path)))
}

pub(crate) fn http_settings(ca_file: Option<PathBuf>, allow_plain: bool) -> HttpSettings {
    HttpSettings { ca_file, allow_plain }
}

#[pymethods]
impl Source {
    /// A file that is one secret, written in place or swapped: also of a mounted Kubernetes secret.
    #[staticmethod]
    #[pyo3(signature = (path, *, keep_line_end=false))]
    fn file(path: PathBuf, keep_line_end: bool) -> Source {
        let source = FileSource::new(path);
        Source::of(if keep_line_end { source.keep_line_end() } else { source })
    }

    /// Files of one folder that belong together; with several the value is a JSON object, of which `field` takes one.
    #[staticmethod]
    fn directory(folder: PathBuf, files: Vec<String>) -> Source {
        Source::of(DirSource::new(folder, files))
    }

    /// A variable of a `.env` file.
    #[staticmethod]
    fn env_file(path: PathBuf, variable: &str) -> Source {
        Source::of(EnvFileSource::new(path, variable))
    }

    /// A variable of this process, read once: it never rotates by itself.
    #[staticmethod]
    fn env(variable: &str) -> Source {
        Source::of(EnvSource::new(variable))
    }

    /// A program that writes the secret on its standard output; it is run without a shell, and gets few variables besides
    /// these.
    #[staticmethod]
    #[pyo3(signature = (argv, *, variables=Vec::new()))]
    fn command(argv: Vec<String>, variables: Vec<String>) -> Source {
        Source::of(CommandSource::new(argv).variables(variables))
    }

    /// What a server gives for a GET request: the whole answer, or a field of it.
    #[staticmethod]
    #[pyo3(signature = (url, *, field=None, token_file=None, token=None, token_header=None, headers=Vec::new(), ca_file=None, allow_plain=false))]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn http(
        url: &str,
        field: Option<&str>,
        token_file: Option<PathBuf>,
        token: Option<&RotatingSecret>,
        token_header: Option<&str>,
        headers: Vec<(String, String)>,
        ca_file: Option<PathBuf>,
        allow_plain: bool,
    ) -> PyResult<Source> {
        let mut source = HttpSource::new(url).settings(http_settings(ca_file, allow_plain));
        if let Some(path) = token_file {
            source = source.token_file(path);
        }
        if let Some(secret) = token {
            source = source.token(secret.secret()?);
        }
        if let Some(name) = token_header {
            source = source.token_header(name);
        }
        if let Some(field) = field {
            source = source.field(field);
        }
        for (name, value) in headers {
            source = source.header(name, value);
        }
        Ok(Source::of(source))
    }

    /// A field of a secret in Vault's or `OpenBao`'s key-value store, version 2.
    #[staticmethod]
    #[pyo3(signature = (address, mount, path, field, *, token_file=None, token=None, namespace=None, ca_file=None, allow_plain=false))]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn vault(
        address: &str,
        mount: &str,
        path: &str,
        field: &str,
        token_file: Option<PathBuf>,
        token: Option<&RotatingSecret>,
        namespace: Option<&str>,
        ca_file: Option<PathBuf>,
        allow_plain: bool,
    ) -> PyResult<Source> {
        let mut source = VaultKv2::new(address, mount, path, field).settings(http_settings(ca_file, allow_plain));
        if let Some(path) = token_file {
            source = source.token_file(path);
        }
        if let Some(secret) = token {
            source = source.token(secret.secret()?);
        }
        if let Some(namespace) = namespace {
            source = source.namespace(namespace);
        }
        Ok(Source::of(source))
    }

    /// A secret of AWS Secrets Manager, or a field of its JSON.
    #[staticmethod]
    #[pyo3(signature = (id, *, field=None, stage=None, region=None, endpoint=None, ca_file=None, allow_plain=false))]
    fn aws(
        id: &str,
        field: Option<&str>,
        stage: Option<&str>,
        region: Option<&str>,
        endpoint: Option<&str>,
        ca_file: Option<PathBuf>,
        allow_plain: bool,
    ) -> Source {
        let mut source = AwsSecretsManager::new(id).settings(http_settings(ca_file, allow_plain));
        if let Some(field) = field {
            source = source.field(field);
        }
        if let Some(stage) = stage {
            source = source.stage(stage);
        }
        if let Some(region) = region {
            source = source.region(region);
        }
        if let Some(endpoint) = endpoint {
            source = source.endpoint(endpoint);
        }
        Source::of(source)
    }

    /// No source at all: values are set.
    #[staticmethod]
    fn push() -> Source {
        Source::of(PushSource)
    }

    /// What a function gives: the value, or the value and the seconds for which it lives.
    #[staticmethod]
    fn call(function: Py<PyAny>) -> Source {
        Source::of(CallSource(function))
    }

    /// A field of the JSON document that this source gives: a name, or a path such as `/data/value`.
    fn field(&self, name: &str) -> PyResult<Source> {
        Ok(Source::of(Field::new(self.take()?, name)))
    }

    /// This source, whose answers are good for so many seconds.
    fn cached(&self, seconds: f64) -> PyResult<Source> {
        Ok(Source::of(Cached::new(self.take()?, duration(seconds)?)))
    }

    /// This source, or another one where this one does not exist.
    fn or_else(&self, other: &Source) -> PyResult<Source> {
        Ok(Source::of(Fallback::new(self.take()?, other.take()?)))
    }

    fn __repr__(&self) -> String {
        format!("Source({})", self.1)
    }
}

/// Seconds as a duration.
pub(crate) fn duration(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| PyValueError::new_err(format!("no duration in seconds: {seconds}")))
}

/// A function of Python.
struct CallSource(Py<PyAny>);

impl fmt::Debug for CallSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallSource")
    }
}

impl keyscan::rotate::Source for CallSource {
    fn kind(&self) -> &'static str {
        "call"
    }

    fn fetch(&self, _: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        let fetched = Python::try_attach(|py| {
            let given = self.0.bind(py).call0()?;
            let (value, seconds) = match given.extract::<(Bound<'_, PyAny>, f64)>() {
                Ok((value, seconds)) => (value, Some(seconds)),
                Err(_) => (given, None),
            };
            let life = seconds.map(duration).transpose()?.map(Life::For);
            let text = Text::of(&value)?;
            Ok::<_, PyErr>(Fetched { life, ..Fetched::new(Secret::new(text.bytes()?)) })
        });
        match fetched {
            None => Err(SourceError::new(FailureClass::Stopped, "Python has ended")),
            Some(Ok(fetched)) => Ok(fetched),
            // Its message may hold anything.
            Some(Err(error)) => {
                let name =
                    Python::try_attach(|py| error.get_type(py).name().map(|name| name.to_string()).ok()).flatten();
                let name = name.unwrap_or_else(|| "an exception".to_owned());
                Err(SourceError::new(FailureClass::Failed, format!("the function raised {name}")))
            }
        }
    }

    fn refreshes(&self) -> Refreshes {
        Refreshes::Polled
    }
}
