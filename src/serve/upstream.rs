//! A server that requests are passed on to.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Request, StatusCode, Uri, Version, request, response};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::answer::Refusal;
use crate::error::{Error, Result};

/// Where requests go.
pub(super) struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    scheme: String,
    authority: String,
    /// The path of its URL.
    pub(super) path: String,
    /// How long it may be silent before its answer.
    silent: Duration,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl Upstream {
    /// The server of a URL: scheme, host, and maybe a port and a path.
    pub(super) fn new(url: &str, connect: Duration, silent: Duration) -> Result<Upstream> {
        let wrong =
            |why: &str| Error::config(format!("the upstream {why}; say https://HOST, maybe with a port and a path"));
        let uri: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("has no scheme or no host"));
        };
        if !matches!(scheme, "http" | "https") {
            return Err(wrong("is neither http nor https"));
        }
        if authority.as_str().contains('@') {
            return Err(wrong("has a name or password in it, which clients send themselves"));
        }
        if uri.query().is_some() {
            return Err(wrong("has a query"));
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(connect));
        // Who is gone without a word is noticed, however long an answer may be silent.
        connector.set_keepalive(Some(Duration::from_secs(60)));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls()?)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .build(connector);
        let (scheme, authority) = (scheme.to_owned(), authority.to_string());
        Ok(Upstream { client, scheme, authority, path: uri.path().to_owned(), silent })
    }

    /// Asks it for a path and query, with these headers but for those that are of one connection only.
    pub(super) async fn ask(
        &self,
        mut parts: request::Parts,
        asked: &str,
        body: Body,
    ) -> std::result::Result<(response::Parts, Body), Refusal> {
        let target = Uri::builder().scheme(self.scheme.as_str()).authority(self.authority.as_str());
        let target = target.path_and_query(asked).build();
        parts.uri = target.map_err(|_| Refusal::bad_request("this is no path of the upstream"))?;
        parts.version = Version::HTTP_11;
        drop_hops(&mut parts.headers);
        // The client makes those that it needs itself.
        for name in [header::HOST, header::CONTENT_LENGTH, header::EXPECT, header::ORIGIN, header::FORWARDED] {
            parts.headers.remove(name);
        }
        parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        parts.extensions.clear();
        let answer = tokio::time::timeout(self.silent, self.client.request(Request::from_parts(parts, body)));
        let answer = match answer.await {
            Err(_) => {
                let message = "the upstream did not answer in time";
                return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, "timeout_error", message));
            }
            Ok(Err(error)) if error.is_connect() => return Err(unusable("cannot be reached")),
            Ok(Err(_)) => return Err(unusable("broke the connection off")),
            Ok(Ok(answer)) => answer,
        };
        let (mut parts, body) = answer.into_parts();
        drop_hops(&mut parts.headers);
        parts.version = Version::HTTP_11;
        Ok((parts, Body::new(body)))
    }
}

/// What the upstream did is nothing that goes on.
pub(super) fn unusable(what: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, "upstream_error", format!("the upstream {what}"))
}

fn tls() -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Error::config(format!("TLS: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Takes out the headers that are of one connection only.
fn drop_hops(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let hops = ["connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te"];
    let more = ["trailer", "transfer-encoding", "upgrade", "http2-settings"];
    named.into_iter().for_each(|name| drop(headers.remove(name)));
    hops.into_iter().chain(more).for_each(|name| drop(headers.remove(name)));
}
