//! The forms in which programs give secrets.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{Fetched, Life, json};
use crate::rotate::failure::{FailureClass, SourceError};
use crate::rotate::time;
use crate::secret::Secret;

/// What a program writes on its standard output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// The value, with or without a line end.
    #[default]
    Raw,
    /// `{"value": ..., "version": ..., "expires_at": ...}`; the last two may be missing.
    Json,
    /// Vector's `exec` backend: the program gets `{"version":"1.0","secrets":["NAME"]}` and answers
    /// `{"NAME":{"value":...,"error":...}}`.
    Vector {
        /// The name that is asked for.
        secret: String,
    },
    /// A `credential_process` of AWS: the value is the document, or one field of it (`SecretAccessKey`).
    AwsCredentialProcess {
        /// The field.
        field: Option<String>,
    },
    /// A client-go credential plugin: the token of an `ExecCredential`.
    ExecCredential,
}

impl Protocol {
    /// What the program reads on its standard input.
    pub(super) fn request(&self) -> Option<String> {
        match self {
            Protocol::Vector { secret } => {
                Some(serde_json::json!({ "version": "1.0", "secrets": [secret] }).to_string() + "\n")
            }
            _ => None,
        }
    }

    /// What the program answered.
    pub(super) fn parse(&self, output: &[u8]) -> Result<Fetched, SourceError> {
        let missing = |what: &str| SourceError::new(FailureClass::NotFound, format!("the answer has no {what}"));
        let text = |path: &[&str]| json::find(output, path.iter().copied());
        let secret = |text: Zeroizing<String>| Secret::new(text.as_bytes());
        match self {
            Protocol::Raw => Ok(Fetched::new(Secret::new(strip_line_end(output)))),
            Protocol::Json => {
                let value = text(&["value"])?.ok_or_else(|| missing("value"))?;
                let version = text(&["version"])?.map(|text| text.to_string());
                Ok(Fetched { value: secret(value), version, life: until(text(&["expires_at"])?)? })
            }
            Protocol::Vector { secret: name } => {
                if text(&[name, "error"])?.is_some() {
                    // What it says may be anything.
                    return Err(SourceError::new(FailureClass::Failed, "the program answered with an error"));
                }
                let value = text(&[name, "value"])?.ok_or_else(|| missing("value of this name"))?;
                Ok(Fetched::new(secret(value)))
            }
            Protocol::AwsCredentialProcess { field } => {
                if text(&["Version"])?.is_none_or(|version| *version != "1") {
                    return Err(SourceError::malformed("the answer is no document of version 1"));
                }
                let life = until(text(&["Expiration"])?)?;
                let value = match field {
                    Some(field) => secret(text(&[field])?.ok_or_else(|| missing("such field"))?),
                    None => Secret::new(output.trim_ascii()),
                };
                Ok(Fetched { value, version: None, life })
            }
            Protocol::ExecCredential => {
                let value = text(&["status", "token"])?.ok_or_else(|| missing("token"))?;
                Ok(Fetched {
                    value: secret(value),
                    version: None,
                    life: until(text(&["status", "expirationTimestamp"])?)?,
                })
            }
        }
    }
}

/// The end of a value's life, in RFC 3339 or in seconds since 1970.
fn until(text: Option<json::Text>) -> Result<Option<Life>, SourceError> {
    let parse = |text: &str| time::parse(text).or_else(|| text.parse().ok().map(Duration::from_secs));
    let parsed = text.map(|text| parse(&text).map(Life::Until));
    parsed.map(|life| life.ok_or_else(|| SourceError::malformed("the answer's end is no time"))).transpose()
}

/// The text without one line end.
pub(super) fn strip_line_end(text: &[u8]) -> &[u8] {
    match text.strip_suffix(b"\n") {
        Some(text) => text.strip_suffix(b"\r").unwrap_or(text),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(protocol: &Protocol, output: &str) -> Result<(String, Option<Life>), FailureClass> {
        let fetched = protocol.parse(output.as_bytes()).map_err(|error| error.class())?;
        Ok((String::from_utf8(fetched.value.expose().to_vec()).unwrap(), fetched.life))
    }

    #[test]
    fn answers_of_all_protocols_are_read() {
        let end = Some(Life::Until(Duration::from_secs(1_767_225_600)));
        let vector = Protocol::Vector { secret: "db".to_owned() };
        let aws = Protocol::AwsCredentialProcess { field: Some("SecretAccessKey".to_owned()) };
        assert_eq!(parse(&Protocol::Raw, "quartz-0123\r\n"), Ok(("quartz-0123".to_owned(), None)));
        assert_eq!(parse(&Protocol::Raw, "a\n\n"), Ok(("a\n".to_owned(), None)));
        for (protocol, answer, life) in [
            (&Protocol::Json, r#"{"value":"quartz","version":7,"expires_at":"2026-01-01T00:00:00Z"}"#, end),
            (&Protocol::Json, r#"{"value":"quartz","expires_at":1767225600}"#, end),
            (&Protocol::Json, r#"{"value":"quartz"}"#, None),
            (&vector, r#"{"db":{"value":"quartz","error":null}}"#, None),
            (&aws, r#"{"Version":1,"SecretAccessKey":"quartz","Expiration":"2026-01-01T00:00:00Z"}"#, end),
            (&Protocol::ExecCredential, r#"{"kind":"ExecCredential","status":{"token":"quartz"}}"#, None),
        ] {
            assert_eq!(parse(protocol, answer), Ok(("quartz".to_owned(), life)), "{answer}");
        }
        assert_eq!(vector.request().unwrap(), "{\"secrets\":[\"db\"],\"version\":\"1.0\"}\n");
    }

    #[test]
    fn other_answers_are_refused() {
        let vector = Protocol::Vector { secret: "db".to_owned() };
        let aws = Protocol::AwsCredentialProcess { field: None };
        for (protocol, answer, class) in [
            (&Protocol::Json, "quartz", FailureClass::Malformed),
            (&Protocol::Json, "{}", FailureClass::NotFound),
            (&Protocol::Json, r#"{"value":null}"#, FailureClass::NotFound),
            (&Protocol::Json, r#"{"value":{"a":"b"}}"#, FailureClass::NotFound),
            (&Protocol::Json, r#"{"value":"quartz","expires_at":"tomorrow"}"#, FailureClass::Malformed),
            (&Protocol::Json, r#"{"value":"quartz","expires_at":-1}"#, FailureClass::Malformed),
            (&vector, r#"{"db":{"value":"quartz","error":"no"}}"#, FailureClass::Failed),
            (&vector, r#"{"other":{"value":"quartz"}}"#, FailureClass::NotFound),
            (&aws, r#"{"Version":2,"SecretAccessKey":"quartz"}"#, FailureClass::Malformed),
            (&Protocol::ExecCredential, r#"{"status":{}}"#, FailureClass::NotFound),
        ] {
            assert_eq!(parse(protocol, answer).unwrap_err(), class, "{answer}");
        }
    }
}
