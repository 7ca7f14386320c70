//! Values that are set.

use super::{FetchContext, Fetched, Refreshes, Source};
use crate::rotate::failure::{FailureClass, SourceError};

/// No source at all: values come through [`RotatingSecret::set`](crate::rotate::RotatingSecret::set) or the endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub struct PushSource;

impl Source for PushSource {
    fn kind(&self) -> &'static str {
        "push"
    }

    fn fetch(&self, _: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        Err(SourceError::new(
            FailureClass::NotFound,
            "values of this secret are set; there is nowhere to read them from",
        ))
    }

    fn refreshes(&self) -> Refreshes {
        Refreshes::Never
    }
}
