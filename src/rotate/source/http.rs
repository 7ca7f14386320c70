//! Requests to managers of secrets.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use ureq::http::{self, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use zeroize::Zeroizing;

use super::FetchContext;
use crate::rotate::failure::{FailureClass, SourceError};

/// No answer of a manager is larger.
const MAX_BODY_LEN: u64 = 1 << 20;

/// How servers are talked to: TLS by rustls with the roots of Mozilla, no redirects, proxies as `HTTPS_PROXY` and
/// `NO_PROXY` name them.
#[derive(Debug, Clone, Default)]
pub struct HttpSettings {
    /// A PEM file of certificates to trust instead of the roots of Mozilla.
    pub ca_file: Option<PathBuf>,
    /// Talk to hosts other than this one without TLS. Default false.
    pub allow_plain: bool,
}

/// A client of one source.
#[derive(Default)]
pub(super) struct Http {
    settings: HttpSettings,
    agent: OnceLock<ureq::Agent>,
}

/// A request. Its headers may be secret.
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) url: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
    /// What the server's clock says, in time since 1970.
    pub(super) date: Option<Duration>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl Clone for Http {
    fn clone(&self) -> Http {
        Http::new(self.settings.clone())
    }
}

impl Http {
    pub(super) fn new(settings: HttpSettings) -> Http {
        Http { settings, agent: OnceLock::new() }
    }

    /// Sends a request. Statuses of failure are answers, too.
    pub(super) fn send(&self, request: &Request<'_>, context: &FetchContext<'_>) -> Result<Reply, SourceError> {
        let uri: Uri = request.url.parse().map_err(|_| SourceError::malformed("the address of the server is none"))?;
        let host = uri.host().unwrap_or_default();
        let is_near = is_near(host);
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_near || self.settings.allow_plain => {}
            _ => return Err(SourceError::malformed(format!("{host} is not talked to without TLS"))),
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(SourceError::malformed("the address of the server has a user in it"));
        }
        let mut builder = http::Request::builder().method(request.method).uri(uri.clone());
        for (name, value) in request.headers {
            let mut value = http::HeaderValue::from_str(value)
                .map_err(|_| SourceError::malformed(format!("the header {name} cannot be sent")))?;
            value.set_sensitive(true);
            builder = builder.header(*name, value);
        }
        let built = builder.body(request.body).map_err(|_| SourceError::malformed("the request cannot be sent"))?;
        let agent = self.agent()?;
        let left = context.remaining()?;
        let mut configured = agent.configure_request(built).timeout_global(Some(left)).allow_non_standard_methods(true);
        if is_near {
            configured = configured.proxy(None);
        }
        let mut response = agent.run(configured.build()).map_err(|error| failure(&error, host))?;
        let date = response.headers().get("date").and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let mut body = Zeroizing::new(Vec::with_capacity(1 << 14));
        let read = response.body_mut().as_reader().take(MAX_BODY_LEN + 1).read_to_end(&mut body);
        read.map_err(|error| match error.kind() {
            std::io::ErrorKind::TimedOut => SourceError::timeout(host),
            kind => SourceError::new(FailureClass::Unreachable, format!("{host} broke off: {kind}")),
        })?;
        if body.len() as u64 > MAX_BODY_LEN {
            return Err(SourceError::new(FailureClass::TooLarge, format!("{host} answered with more than 1 MiB")));
        }
        let date = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
        Ok(Reply { status: response.status().as_u16(), body, date })
    }

    fn agent(&self) -> Result<&ureq::Agent, SourceError> {
        if let Some(agent) = self.agent.get() {
            return Ok(agent);
        }
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would take the credential elsewhere.
            .max_redirects(0)
            .user_agent(concat!("keyscan/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &self.settings.ca_file {
            let pem = std::fs::read(path).map_err(|error| SourceError::io(&error, path.display()))?;
            let certificates: Vec<_> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(SourceError::malformed(format!("{} has no certificate", path.display())));
            }
            config =
                config.tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build());
        }
        Ok(self.agent.get_or_init(|| config.build().new_agent()))
    }
}

impl Reply {
    /// The answer, if it is one of success.
    pub(super) fn ok(self, what: &str) -> Result<Reply, SourceError> {
        let status = self.status;
        let class = match status {
            200..=299 => return Ok(self),
            401 | 403 => FailureClass::Denied,
            404 | 410 => FailureClass::NotFound,
            408 | 425 | 429 | 500..=599 => FailureClass::Unreachable,
            _ => FailureClass::Failed,
        };
        Err(SourceError::new(class, format!("{what} answered with status {status}")))
    }
}

/// Whether a host is this machine, or one that only it can reach: the metadata services of clouds.
fn is_near(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(std::net::IpAddr::V6(address)) => address.is_loopback() || host.eq_ignore_ascii_case("fd00:ec2::254"),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// What happened, without the words of others: they may quote addresses and headers.
fn failure(error: &ureq::Error, host: &str) -> SourceError {
    let unreachable = |what: &str| SourceError::new(FailureClass::Unreachable, format!("{host} {what}"));
    match error {
        ureq::Error::Timeout(_) => SourceError::timeout(host),
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => SourceError::timeout(host),
        ureq::Error::Io(error) => unreachable(&format!("cannot be reached: {}", error.kind())),
        ureq::Error::HostNotFound => unreachable("is no host that is known"),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
            unreachable("does not prove who it is, or TLS failed otherwise")
        }
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => SourceError::malformed("the request cannot be sent"),
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => unreachable("does not speak HTTP"),
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
            unreachable("cannot be reached by the proxy")
        }
        _ => unreachable("cannot be reached"),
    }
}
