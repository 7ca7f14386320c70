//! Between clients and the interface of a model: prompts are redacted on their way out, and answers on their way back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap};
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;

use super::Sidecar;
use super::answer::Refusal;
use super::body::{self, Timed, Whole};
use super::metrics::Endpoint;
use super::upstream::{Upstream, unusable};
use crate::error::Result;
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
    /// Its path has no slash at its end.
    upstream: Upstream,
    settings: ProxySettings,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({:?})", self.0.upstream)
    }
}

impl Proxy {
    /// A proxy that looks for what this sidecar looks for. Certificates are those that this machine trusts
    /// (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others), and where it has none, those of Mozilla.
    ///
    /// # Errors
    /// When the upstream is no URL of `http` or `https`, or has a name and password in it.
    pub fn new(sidecar: &Sidecar, settings: ProxySettings) -> Result<Proxy> {
        let mut upstream = Upstream::new(&settings.upstream, settings.connect, settings.silent)?;
        upstream.path.truncate(upstream.path.trim_end_matches('/').len());
        Ok(Proxy(Arc::new(Inner { sidecar: sidecar.clone(), upstream, settings })))
    }

    /// The router with the upstream behind everything that it does not have itself.
    pub fn behind(&self, router: Router) -> Router {
        router.fallback_service(Router::new().fallback(pass).with_state(self.clone()))
    }
}

async fn pass(State(proxy): State<Proxy>, request: Request<Body>) -> Response<Body> {
    let start = Instant::now();
    let response = proxy.pass(request).await.unwrap_or_else(IntoResponse::into_response);
    proxy.0.sidecar.metrics().answered(Endpoint::Proxy, response.status().as_u16(), start.elapsed());
    response
}

impl Proxy {
    async fn pass(&self, request: Request<Body>) -> std::result::Result<Response<Body>, Refusal> {
        let Inner { sidecar, upstream, settings } = &*self.0;
        let (parts, body) = request.into_parts();
        if parts.headers.contains_key(header::UPGRADE) {
            let message = "connections that become something else are not passed: nobody would look into them";
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "invalid_request_error", message));
        }
        let body = self.prompt(&parts.headers, body).await?;
        let asked = parts.uri.path_and_query().map_or("/", |asked| asked.as_str());
        let asked = format!("{}{asked}", upstream.path);
        let (mut parts, body) = upstream.ask(parts, &asked, body).await?;
        let body = Body::new(Timed::new(body, settings.silent));
        if body::is_empty(&body) {
            return Ok(Response::from_parts(parts, Body::empty()));
        }
        let streams = sidecar.streams(Direction::ToUser);
        let body = match Handling::of(&parts.headers) {
            Handling::Refuse => return Err(unusable("sent a compressed answer, though it was asked for none")),
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
}
