//! Managers of secrets that are asked over HTTP.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::http::{Http, HttpSettings, Request};
use super::{FetchContext, Fetched, Source, json};
use crate::rotate::failure::{FailureClass, SourceError};
use crate::rotate::rotating::RotatingSecret;
use crate::secret::Secret;

/// What proves to a manager who asks.
#[derive(Debug, Clone)]
enum Credential {
    None,
    /// A file that is read each time, as agents keep them.
    File(PathBuf),
    /// A secret that is itself kept up to date.
    Secret(RotatingSecret),
}

/// A credential, and its version where it can be said to be rejected.
type Presented = (Zeroizing<String>, Option<u64>);

impl Credential {
    fn read(&self, context: &FetchContext<'_>) -> Result<Option<Presented>, SourceError> {
        let bad = || SourceError::malformed("the credential for the manager cannot stand in a header");
        match self {
            Credential::None => Ok(None),
            Credential::File(path) => {
                let fetched = super::FileSource::new(path).fetch(context)?;
                let text = std::str::from_utf8(fetched.value.expose()).map_err(|_| bad())?;
                Ok(Some((Zeroizing::new(text.trim().to_owned()), None)))
            }
            Credential::Secret(secret) => {
                let lease = secret.get().map_err(|error| SourceError::new(FailureClass::Denied, error.to_string()))?;
                let text = lease.expose_str().ok_or_else(bad)?;
                Ok(Some((Zeroizing::new(text.to_owned()), Some(lease.version()))))
            }
        }
    }

    /// Whether there is another one now that this version was rejected.
    fn renewed(&self, version: Option<u64>) -> bool {
        match (self, version) {
            (Credential::Secret(secret), Some(version)) => secret.report_unauthorized(version).is_newer(),
            _ => false,
        }
    }
}

/// A secret that a server gives for a GET request: any manager with an address for each secret.
#[derive(Debug, Clone)]
pub struct HttpSource {
    http: Http,
    url: String,
    header: String,
    prefix: &'static str,
    extra: Vec<(String, String)>,
    credential: Credential,
    field: Option<Vec<String>>,
    version: Option<Vec<String>>,
    kind: &'static str,
}

impl HttpSource {
    /// What stands at this address. Without a field, the whole answer is the secret.
    #[must_use]
    pub fn new(url: impl Into<String>) -> HttpSource {
        HttpSource {
            http: Http::default(),
            url: url.into(),
            header: "authorization".to_owned(),
            prefix: "Bearer ",
            extra: Vec::new(),
            credential: Credential::None,
            field: None,
            version: None,
            kind: "http",
        }
    }

    /// Talks to servers in this way.
    #[must_use]
    pub fn settings(mut self, settings: HttpSettings) -> HttpSource {
        self.http = Http::new(settings);
        self
    }

    /// Sends the token of a file, which is read for each request, as `Authorization: Bearer`.
    #[must_use]
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> HttpSource {
        self.credential = Credential::File(path.into());
        self
    }

    /// Sends this secret as `Authorization: Bearer`; when it is rejected, it is refreshed, and sent once more if it changed.
    #[must_use]
    pub fn token(mut self, secret: RotatingSecret) -> HttpSource {
        self.credential = Credential::Secret(secret);
        self
    }

    /// Sends the token in this header, as it is.
    #[must_use]
    pub fn token_header(mut self, name: impl Into<String>) -> HttpSource {
        self.header = name.into();
        self.prefix = "";
        self
    }

    /// Sends this header, too.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> HttpSource {
        self.extra.push((name.into(), value.into()));
        self
    }

    /// The secret is this field of a JSON document: a name, or a path such as `/data/value`.
    #[must_use]
    pub fn field(mut self, field: &str) -> HttpSource {
        self.field = Some(json::path(field));
        self
    }

    /// The version is this field.
    #[must_use]
    pub fn version_field(mut self, field: &str) -> HttpSource {
        self.version = Some(json::path(field));
        self
    }

    fn request(&self, context: &FetchContext<'_>, may_retry: bool) -> Result<Fetched, SourceError> {
        let credential = self.credential.read(context)?;
        let header = credential.as_ref().map(|(text, _)| Zeroizing::new(format!("{}{}", self.prefix, **text)));
        let extra = self.extra.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut headers: Vec<(&str, &str)> = vec![("accept", "application/json, */*;q=0.1")];
        headers.extend(extra);
        headers.extend(header.as_ref().map(|value| (self.header.as_str(), value.as_str())));
        let request = Request { method: "GET", url: &self.url, headers: &headers, body: &[] };
        let reply = self.http.send(&request, context)?;
        let rejected = matches!(reply.status, 401 | 403);
        if rejected && may_retry && credential.is_some_and(|(_, version)| self.credential.renewed(version)) {
            return self.request(context, false);
        }
        let reply = reply.ok("the manager")?;
        let value = match &self.field {
            Some(field) => json::field(&reply.body, field)?,
            None => Secret::new(super::protocol::strip_line_end(&reply.body)),
        };
        let version = match &self.version {
            Some(path) => json::find(&reply.body, path.iter().map(String::as_str))?.map(|text| text.to_string()),
            None => None,
        };
        Ok(Fetched { value, version, life: None })
    }
}

impl Source for HttpSource {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        self.request(context, true)
    }
}

/// A field of a secret in Vault's or `OpenBao`'s key-value store, version 2.
#[derive(Debug, Clone)]
pub struct VaultKv2(HttpSource);

impl VaultKv2 {
    /// The secret at a path of a mount: `VaultKv2::new("https://vault.internal:8200", "secret", "app/stripe", "key")`.
    #[must_use]
    pub fn new(address: &str, mount: &str, path: &str, field: &str) -> VaultKv2 {
        let url = format!(
            "{}/v1/{}/data/{}",
            address.trim_end_matches('/'),
            encoded(mount.trim_matches('/')),
            encoded(path.trim_matches('/'))
        );
        let mut source = HttpSource::new(url).token_header("x-vault-token").header("x-vault-request", "true");
        source.field = Some(vec!["data".to_owned(), "data".to_owned(), field.to_owned()]);
        source.version = Some(["data", "metadata", "version"].map(str::to_owned).to_vec());
        source.kind = "vault";
        VaultKv2(source)
    }

    /// Talks to the server in this way.
    #[must_use]
    pub fn settings(self, settings: HttpSettings) -> VaultKv2 {
        VaultKv2(self.0.settings(settings))
    }

    /// In this namespace.
    #[must_use]
    pub fn namespace(self, namespace: &str) -> VaultKv2 {
        VaultKv2(self.0.header("x-vault-namespace", namespace))
    }

    /// With the token of a file, which is read for each request: Vault Agent keeps one.
    #[must_use]
    pub fn token_file(self, path: impl Into<PathBuf>) -> VaultKv2 {
        VaultKv2(self.0.token_file(path))
    }

    /// With this token.
    #[must_use]
    pub fn token(self, secret: RotatingSecret) -> VaultKv2 {
        VaultKv2(self.0.token(secret))
    }
}

impl Source for VaultKv2 {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        self.0.fetch(context)
    }
}

/// A path as it stands in an address.
pub(super) fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
