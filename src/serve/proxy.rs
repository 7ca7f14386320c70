//! Between clients and the interface of a model: prompts are redacted on their way out, and answers on their way back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Request, Response, StatusCode, Uri, Version};
use axum::response::IntoResponse;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::Sidecar;
use super::answer::Refusal;
use super::body::{self, Timed, Whole};
use super::metrics::Endpoint;
use crate::error::{Error, Result};
use crate::guard::{Direction, Framing, GuardedBody, Handling, Streams};

/// What a proxy does.
#[derive(Debug, Clone)]
pub struct ProxySettings {
    /// Where requests go: scheme, host, and maybe a path before theirs.
    pub upstream: String,
    /// Passes bodies of requests that are no text, such as files that are uploaded, unread. Without this they are
    /// refused.
    pub pass_unread: bool,
    /// How long the upstream may take to connect. Default 10 s.
    pub connect: Duration,
    /// How long it may be silent before its answer, and within it. Default 10 min.
    pub silent: Duration,
}

impl ProxySettings {
    /// To this upstream.
    #[must_use]
    pub fn new(upstream: impl Into<String>) -> ProxySettings {
        let (connect, silent) = (Duration::from_secs(10), Duration::from_secs(600));
        ProxySettings { upstream: upstream.into(), pass_unread: false, connect, silent }
    }
}

/// Stands between clients and one upstream. Cheap to clone.
#[derive(Clone)]
pub struct Proxy(Arc<Inner>);

struct Inner {
    sidecar: Sidecar,
    client: Client<HttpsConnector<HttpConnector>, Body>,
    scheme: String,
    authority: String,
    /// Before the paths of requests, without a slash at its end.
    path: String,
    settings: ProxySettings,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({}://{})", self.0.scheme, self.0.authority)
    }
}

impl Proxy {
    /// A proxy that looks for what this sidecar looks for. Certificates are those that this machine trusts
    /// (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others), and where it has none, those of Mozilla.
    ///
    /// # Errors
    /// When the upstream is no URL of `http` or `https`, or has a name and password in it.
    pub fn new(sidecar: &Sidecar, settings: ProxySettings) -> Result<Proxy> {
        let wrong =
            |why: &str| Error::config(format!("the upstream {why}; say https://HOST, maybe with a port and a path"));
        let uri: Uri = settings.upstream.parse().map_err(|_| wrong("is no URL"))?;
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
        connector.set_connect_timeout(Some(settings.connect));
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
        Ok(Proxy(Arc::new(Inner {
            sidecar: sidecar.clone(),
            client,
            scheme: scheme.to_owned(),
            authority: authority.to_string(),
            path: uri.path().trim_end_matches('/').to_owned(),
            settings,
        })))
    }

    /// The router with the upstream behind everything that it does not have itself.
    pub fn behind(&self, router: Router) -> Router {
        router.fallback_service(Router::new().fallback(pass).with_state(self.clone()))
    }
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

async fn pass(State(proxy): State<Proxy>, request: Request<Body>) -> Response<Body> {
    let start = Instant::now();
    let response = proxy.pass(request).await.unwrap_or_else(IntoResponse::into_response);
    proxy.0.sidecar.metrics().answered(Endpoint::Proxy, response.status().as_u16(), start.elapsed());
    response
}

impl Proxy {
    async fn pass(&self, request: Request<Body>) -> std::result::Result<Response<Body>, Refusal> {
        let Inner { sidecar, client, settings, .. } = &*self.0;
        let (mut parts, body) = request.into_parts();
        if parts.headers.contains_key(header::UPGRADE) {
            let message = "connections that become something else are not passed: nobody would look into them";
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "invalid_request_error", message));
        }
        let body = self.prompt(&parts.headers, body).await?;
        parts.uri = self.target(&parts.uri)?;
        parts.version = Version::HTTP_11;
        drop_hops(&mut parts.headers);
        // The client makes those that it needs itself.
        for name in [header::HOST, header::CONTENT_LENGTH, header::EXPECT, header::ORIGIN, header::FORWARDED] {
            parts.headers.remove(name);
        }
        parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        parts.extensions.clear();
        let answer = tokio::time::timeout(settings.silent, client.request(Request::from_parts(parts, body)));
        let unreachable =
            |what: &str| Refusal::new(StatusCode::BAD_GATEWAY, "upstream_error", format!("the upstream {what}"));
        let answer = match answer.await {
            Err(_) => {
                let message = "the upstream did not answer in time";
                return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, "timeout_error", message));
            }
            Ok(Err(error)) if error.is_connect() => return Err(unreachable("cannot be reached")),
            Ok(Err(_)) => return Err(unreachable("broke the connection off")),
            Ok(Ok(answer)) => answer,
        };
        let (mut parts, body) = answer.into_parts();
        drop_hops(&mut parts.headers);
        parts.version = Version::HTTP_11;
        let body = Body::new(Timed::new(Body::new(body), settings.silent));
        if body::is_empty(&body) {
            return Ok(Response::from_parts(parts, Body::empty()));
        }
        let streams = sidecar.streams(Direction::ToUser);
        let body = match Handling::of(&parts.headers) {
            Handling::Refuse => return Err(unreachable("sent a compressed answer, though it was asked for none")),
            Handling::Pass => {
                sidecar.metrics().unread.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                body
            }
            Handling::Guard(Framing::Json) => {
                parts.headers.remove(header::CONTENT_LENGTH);
                let whole = body::whole(sidecar, &parts.headers, body).await;
                let whole = whole.map_err(|refusal| Refusal { status: StatusCode::BAD_GATEWAY, ..refusal })?;
                Body::from(self.document(whole, streams, StatusCode::BAD_GATEWAY).await?)
            }
            Handling::Guard(framing) => {
                parts.headers.remove(header::CONTENT_LENGTH);
                let state = sidecar.clone();
                Body::new(GuardedBody::new(body, streams, framing).at_end(move |guard, error| {
                    state.metrics().hidden(&guard.stats());
                    if error.is_some() {
                        state.metrics().withheld();
                    }
                }))
            }
        };
        Ok(Response::from_parts(parts, body))
    }

    /// The body of a request, as it goes on.
    async fn prompt(&self, headers: &HeaderMap, body: Body) -> std::result::Result<Body, Refusal> {
        let Inner { sidecar, settings, .. } = &*self.0;
        if body::is_empty(&body) {
            return Ok(Body::empty());
        }
        let unsupported = |message| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request_error", message);
        match Handling::of(headers) {
            Handling::Pass if settings.pass_unread => {
                sidecar.metrics().unread.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Ok(Body::new(Timed::new(body, sidecar.0.limits.idle)))
            }
            Handling::Pass => Err(unsupported(
                "this body is no text, and nobody would look into it; `--pass-unread` passes such bodies",
            )),
            Handling::Refuse => Err(unsupported("this body is compressed, and nobody would look into it")),
            // What clients call text may be a document all the same; whatever it is, it is taken as a whole, since
            // nothing of it may go out before all of it is known to be allowed.
            Handling::Guard(framing) => {
                let whole = body::whole(sidecar, headers, body).await?;
                let framing = if framing == Framing::Text { Framing::Json } else { framing };
                let streams = sidecar.streams(Direction::ToModel);
                Ok(Body::from(self.guarded(whole, streams, framing, StatusCode::BAD_REQUEST).await?))
            }
        }
    }

    async fn document(
        &self,
        whole: Whole,
        streams: &Streams,
        status: StatusCode,
    ) -> std::result::Result<Vec<u8>, Refusal> {
        self.guarded(whole, streams, Framing::Json, status).await
    }

    /// A whole body through a guard; this status where it is withheld.
    async fn guarded(
        &self,
        whole: Whole,
        streams: &Streams,
        framing: Framing,
        status: StatusCode,
    ) -> std::result::Result<Vec<u8>, Refusal> {
        let (state, streams, len) = (self.0.sidecar.clone(), streams.clone(), whole.bytes.len());
        let run = move || {
            let (mut guard, mut out) = (streams.start(framing), Vec::new());
            let result = guard.push(&whole.bytes, &mut out).and_then(|()| guard.finish(&mut out));
            state.metrics().hidden(&guard.stats());
            drop(whole);
            result.map(|()| out).map_err(|error| {
                state.metrics().withheld();
                Refusal::new(status, "invalid_request_error", error.to_string())
            })
        };
        self.0.sidecar.aside(len, run).await.ok_or_else(Refusal::failed)?
    }

    /// The place at the upstream that a request asks for.
    fn target(&self, uri: &Uri) -> std::result::Result<Uri, Refusal> {
        let Inner { scheme, authority, path, .. } = &*self.0;
        let asked = uri.path_and_query().map_or("/", |asked| asked.as_str());
        let target = Uri::builder().scheme(scheme.as_str()).authority(authority.as_str());
        let target = target.path_and_query(format!("{path}{asked}")).build();
        target.map_err(|_| Refusal::bad_request("this is no path of the upstream"))
    }
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
