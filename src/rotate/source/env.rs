//! Variables of the environment.

use super::{FetchContext, Fetched, Refreshes, Source};
use crate::rotate::failure::{FailureClass, SourceError};
use crate::secret::Secret;

/// A variable of the environment of this process, read once. Nothing outside a process can change its variables, so such
/// a secret never rotates by itself: prefer a file, or set its values.
#[derive(Debug, Clone)]
pub struct EnvSource {
    variable: String,
}

impl EnvSource {
    /// The variable of this name.
    #[must_use]
    pub fn new(variable: impl Into<String>) -> EnvSource {
        EnvSource { variable: variable.into() }
    }
}

impl Source for EnvSource {
    fn kind(&self) -> &'static str {
        "env"
    }

    fn fetch(&self, _: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        let value = std::env::var_os(&self.variable).ok_or_else(|| {
            SourceError::new(FailureClass::NotFound, format!("the variable {} is not set", self.variable))
        })?;
        let value = zeroize::Zeroizing::new(value.into_encoded_bytes());
        Ok(Fetched::new(Secret::new(&value)))
    }

    fn refreshes(&self) -> Refreshes {
        Refreshes::Once
    }
}
