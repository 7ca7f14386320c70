//! Requests and responses in parts, and what speaks against a request.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use zeroize::Zeroizing;

/// A request in parts. `Debug` shows neither headers nor body.
#[derive(Clone, Copy)]
pub struct AdminRequest<'a> {
    /// `GET`.
    pub method: &'a str,
    /// The path, with or without what stands behind a `?`.
    pub path: &'a str,
    /// Names in any case, and values.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body.
    pub body: &'a [u8],
}

/// A response in parts. Nothing of it is ever the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminResponse {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

impl fmt::Debug for AdminRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

impl AdminResponse {
    /// `{"error": ...}`.
    #[must_use]
    pub fn refused(status: u16, error: &'static str) -> AdminResponse {
        AdminResponse::json(status, &serde_json::json!({ "error": error }))
    }

    pub(super) fn json(status: u16, body: &impl Serialize) -> AdminResponse {
        let headers = [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
        ];
        let headers = headers.map(|(name, value)| (name, value.to_owned())).to_vec();
        // What is serialized has names for keys and no more.
        AdminResponse { status, headers, body: serde_json::to_vec(body).unwrap_or_default() }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> AdminResponse {
        self.headers.push((name, value.into()));
        self
    }
}

/// A request that is refused.
#[derive(Debug)]
pub(super) struct Problem {
    response: AdminResponse,
}

impl Problem {
    pub(super) fn new(status: u16, error: &'static str) -> Problem {
        Problem { response: AdminResponse::refused(status, error) }
    }

    /// With more to say.
    pub(super) fn with(status: u16, body: &serde_json::Value) -> Problem {
        Problem { response: AdminResponse::json(status, body) }
    }

    pub(super) fn too_many(retry_after: Duration) -> Problem {
        Problem::new(429, "too_many_attempts").header("retry-after", retry_after.as_secs().max(1).to_string())
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Problem {
        self.response = self.response.header(name, value);
        self
    }

    pub(super) fn into_response(self) -> AdminResponse {
        self.response
    }
}

impl<'a> AdminRequest<'a> {
    pub(super) fn path(&self) -> &'a str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// The values of a header.
    fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_ascii())
    }

    /// The value of a header that may stand once.
    pub(super) fn one(&self, name: &str) -> Result<Option<&'a [u8]>, Problem> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() { Err(Problem::new(400, "header_twice")) } else { Ok(first) }
    }

    /// Refuses requests that a browser makes for a page, or that came by way of another machine.
    pub(super) fn check_sender(&self, hosts: &[String]) -> Result<(), Problem> {
        let forbidden = ["origin", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via"];
        if forbidden.iter().any(|name| self.all(name).next().is_some()) {
            return Err(Problem::new(403, "forbidden"));
        }
        if self.all("sec-fetch-site").any(|site| site != b"none") {
            return Err(Problem::new(403, "forbidden"));
        }
        let host = self.one("host")?.ok_or_else(|| Problem::new(400, "no_host"))?;
        let host = std::str::from_utf8(host).map_err(|_| Problem::new(403, "foreign_host"))?.to_ascii_lowercase();
        // `[::1]:9090`, `localhost:9090`.
        let port_at =
            host.rfind(':').filter(|at| host[*at..].len() > 1 && host[at + 1..].bytes().all(|b| b.is_ascii_digit()));
        let name = port_at
            .filter(|at| !host[..*at].contains(':') || host[..*at].ends_with(']'))
            .map_or(&*host, |at| &host[..at]);
        if hosts.iter().any(|known| known == name) { Ok(()) } else { Err(Problem::new(403, "foreign_host")) }
    }

    /// The token that was sent: `X-Admin-Token`, or `Authorization: Bearer`. Not both.
    pub(super) fn token(&self) -> Result<Option<&'a [u8]>, Problem> {
        let (plain, bearer) = (self.one("x-admin-token")?, self.one("authorization")?);
        match (plain, bearer) {
            (Some(_), Some(_)) => Err(Problem::new(400, "two_tokens")),
            (Some(token), None) => Ok(Some(token)),
            (None, Some(value)) => {
                let (scheme, token) = value.split_at(value.len().min(7));
                Ok(scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii()))
            }
            (None, None) => Ok(None),
        }
    }

    pub(super) fn method_is(&self, allowed: &[&str]) -> Result<(), Problem> {
        if allowed.contains(&self.method) {
            return Ok(());
        }
        Err(Problem::new(405, "method_not_allowed").header("allow", allowed.join(", ")))
    }

    /// The body, which has to be JSON of this form. An empty one is what `T` is by default, where it may be empty.
    pub(super) fn json<T: DeserializeOwned>(&self, empty: Option<T>) -> Result<T, Problem> {
        if let (Some(empty), true) = (empty, self.body.is_empty()) {
            return Ok(empty);
        }
        let kind = self.one("content-type")?.unwrap_or_default();
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if !kind.eq_ignore_ascii_case(b"application/json") {
            return Err(Problem::new(415, "not_json"));
        }
        // What serde says may quote the body.
        serde_json::from_slice(self.body).map_err(|_| Problem::new(400, "malformed"))
    }
}

/// Text of a request that is secret.
pub(super) struct Hidden(pub(super) Zeroizing<String>);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hidden, D::Error> {
        String::deserialize(deserializer).map(|text| Hidden(Zeroizing::new(text)))
    }
}
