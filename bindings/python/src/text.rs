//! Texts of Python: `str`, or bytes of any kind; what comes out is of the kind that came in.

use std::borrow::Cow;

use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};

/// A text that came in.
pub(crate) enum Text<'py> {
    Str(Bound<'py, PyString>),
    /// A `str` with lone surrogates, in UTF-8 with these in it, as `surrogatepass` writes them.
    Surrogates(Bound<'py, PyBytes>),
    Bytes(Bound<'py, PyBytes>),
    /// A copy of what others may write to.
    Copied(Bound<'py, PyBytes>),
}

impl<'py> Text<'py> {
    /// The text of a `str`, `bytes`, `bytearray` or `memoryview`.
    pub(crate) fn of(any: &Bound<'py, PyAny>) -> PyResult<Text<'py>> {
        if let Ok(text) = any.cast::<PyString>() {
            return match text.to_str() {
                Ok(_) => Ok(Text::Str(text.clone())),
                Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(any.py()) => {
                    Ok(Text::Surrogates(text.call_method1("encode", ("utf-8", "surrogatepass"))?.cast_into()?))
                }
                Err(error) => Err(error),
            };
        }
        if let Ok(bytes) = any.cast::<PyBytes>() {
            return Ok(Text::Bytes(bytes.clone()));
        }
        if any.is_instance_of::<PyByteArray>() || any.is_instance_of::<PyMemoryView>() {
            let bytes = any.py().get_type::<PyBytes>().call1((any,))?;
            return Ok(Text::Copied(bytes.cast_into()?));
        }
        // What it is may be shown, what it holds may not.
        Err(PyTypeError::new_err(format!("str or bytes expected, not {}", any.get_type().name()?)))
    }

    /// Its bytes: UTF-8 of a `str`.
    pub(crate) fn bytes(&self) -> PyResult<&[u8]> {
        Ok(match self {
            Text::Str(text) => text.to_str()?.as_bytes(),
            Text::Surrogates(bytes) | Text::Bytes(bytes) | Text::Copied(bytes) => bytes.as_bytes(),
        })
    }

    /// As what is UTF-8 throughout: where it is not, with replacements.
    pub(crate) fn lossy(&self) -> PyResult<Cow<'_, str>> {
        Ok(match self {
            Text::Str(text) => Cow::Borrowed(text.to_str()?),
            other => String::from_utf8_lossy(other.bytes()?),
        })
    }

    pub(crate) fn is_str(&self) -> bool {
        matches!(self, Text::Str(_) | Text::Surrogates(_))
    }

    /// What came out, as what came in; `same` itself where nothing has changed.
    pub(crate) fn answer(&self, out: &[u8], same: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        // What others may write to is not what was looked at.
        let stays = !matches!(self, Text::Copied(_));
        if stays && out == self.bytes()? { Ok(same.clone()) } else { given(same.py(), out, self.is_str()) }
    }
}

/// Bytes as a `str` or as `bytes`.
pub(crate) fn given<'py>(py: Python<'py>, bytes: &[u8], as_str: bool) -> PyResult<Bound<'py, PyAny>> {
    if !as_str {
        return Ok(PyBytes::new(py, bytes).into_any());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(PyString::new(py, text).into_any()),
        Err(_) => {
            let bytes = PyBytes::new(py, bytes);
            bytes
                .call_method1("decode", ("utf-8", "surrogatepass"))
                .or_else(|_| bytes.call_method1("decode", ("utf-8", "replace")))
        }
    }
}

/// Offsets of bytes into a text as offsets of its characters. They may come in any order; what points into a character
/// points at it.
pub(crate) struct Characters<'t> {
    text: &'t [u8],
    is_ascii: bool,
    /// The place that was asked for last: in bytes, in characters.
    last: (usize, usize),
}

impl<'t> Characters<'t> {
    /// Counts in the unit of the text: characters of a `str`, or bytes.
    pub(crate) fn new(text: &'t [u8], is_str: bool) -> Characters<'t> {
        Characters { text, is_ascii: !is_str || text.is_ascii(), last: (0, 0) }
    }

    /// The offset that this one is.
    pub(crate) fn at(&mut self, offset: u64) -> usize {
        let offset = (offset as usize).min(self.text.len());
        if self.is_ascii {
            return offset;
        }
        let starts = |bytes: &[u8]| bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        let (bytes, characters) = self.last;
        let characters = if offset >= bytes {
            characters + starts(&self.text[bytes..offset])
        } else {
            characters - starts(&self.text[offset..bytes])
        };
        self.last = (offset, characters);
        characters
    }
}
