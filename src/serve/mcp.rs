//! Between MCP clients and a server, over streamable HTTP: messages that are posted, and answers and streams of events
//! that come back.
//!
//! Each message is looked at as `keyscan guard mcp` does between pipes. What may not go on is answered with an error by
//! its id, so that nobody waits for ever; what nobody can wait for becomes an HTTP error.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, Request, Response, StatusCode, request, response};
use axum::routing::any;
use http_body::Frame;
use tokio::sync::Semaphore;
use tokio::time::Sleep;

use super::answer::{Refusal, json};
use super::body::{self, Timed, Whole};
use super::metrics::Endpoint;
use super::upstream::{Upstream, unusable};
use super::{Limits, Sidecar};
use crate::error::{Error, Result};
use crate::guard::mcp::{
    INVALID_REQUEST, Looked, McpEvents, McpGuard, PARSE_ERROR, Passage, Refused, Told, WITHHELD, error_message, joined,
};
use crate::guard::{Action, AuditEntry, BodyError, Decision, Direction, Framing, GuardedBody, Handling, StreamLimits};

/// What stands before an MCP server.
#[derive(Debug, Clone)]
pub struct McpSettings {
    /// What it is called here: it is at `/mcp/NAME`, and without a name at `/mcp`.
    pub name: Option<String>,
    /// The URL of the server's endpoint.
    pub upstream: String,
    /// How long the server may take to connect. Default 10 s.
    pub connect: Duration,
    /// How long it may be silent before its answer, and within one that is no stream of events. Default 10 min.
    pub silent: Duration,
}

impl McpSettings {
    /// Before the server of this URL.
    #[must_use]
    pub fn new(upstream: impl Into<String>) -> McpSettings {
        let (connect, silent) = (Duration::from_secs(10), Duration::from_secs(600));
        McpSettings { name: None, upstream: upstream.into(), connect, silent }
    }
}

/// Stands between MCP clients and one server. Cheap to clone.
#[derive(Clone)]
pub struct McpProxy(Arc<Inner>);

struct Inner {
    sidecar: Sidecar,
    upstream: Upstream,
    route: String,
    /// What clients say, and what the server says.
    requests: McpGuard,
    answers: McpGuard,
    /// Errors for the server that may be on their way at one time.
    errors: Arc<Semaphore>,
    settings: McpSettings,
}

impl std::fmt::Debug for McpProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "McpProxy({} -> {:?})", self.0.route, self.0.upstream)
    }
}

/// No name is longer.
const MAX_NAME: usize = 64;
/// More errors for the server are dropped.
const MAX_ERRORS: usize = 64;
/// A stream of events that is silent for so long says so, so that clients that are gone are noticed.
const SILENT: Duration = Duration::from_secs(25);

impl McpProxy {
    /// A proxy that looks for what this sidecar looks for, and does what its policy says: of what goes to the server as
    /// to a tool, of what comes from it as to a model.
    ///
    /// # Errors
    /// When the upstream is no URL of `http` or `https`, or has a name, a password or a query in it; and when the name
    /// has anything but letters, digits, `-`, `_` and `.` in it.
    pub fn new(sidecar: &Sidecar, settings: McpSettings) -> Result<McpProxy> {
        let upstream = Upstream::new(&settings.upstream, settings.connect, settings.silent)?;
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let route = match settings.name.as_deref() {
            None => "/mcp".to_owned(),
            Some(name) if !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(is_of_name) => {
                format!("/mcp/{name}")
            }
            Some(_) => return Err(Error::config("an MCP server is called by letters, digits, `-`, `_` and `.`")),
        };
        let guard = &sidecar.0.guard;
        Ok(McpProxy(Arc::new(Inner {
            sidecar: sidecar.clone(),
            upstream,
            route,
            requests: McpGuard::new(guard, Direction::ToTool),
            answers: McpGuard::new(guard, Direction::ToModel),
            errors: Arc::new(Semaphore::new(MAX_ERRORS)),
            settings,
        })))
    }

    /// The path at which clients ask.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.0.route
    }

    /// The router with this path.
    ///
    /// # Panics
    /// When the router has it already.
    pub fn beside(&self, router: Router) -> Router {
        router.merge(Router::new().route(&self.0.route, any(pass)).with_state(self.clone()))
    }
}

async fn pass(State(proxy): State<McpProxy>, request: Request<Body>) -> Response<Body> {
    let start = Instant::now();
    let response = proxy.pass(request).await.unwrap_or_else(|refusal| error_response(&refusal));
    proxy.0.sidecar.metrics().answered(Endpoint::Mcp, response.status().as_u16(), start.elapsed());
    response
}

/// A refusal as clients of MCP understand it: an error of nobody in particular.
fn error_response(refusal: &Refusal) -> Response<Body> {
    let code = if refusal.status == StatusCode::BAD_REQUEST { INVALID_REQUEST } else { WITHHELD };
    let mut response = json(error_message("null", code, &format!("keyscan: {}", refusal.message)));
    *response.status_mut() = refusal.status;
    response
}

impl McpProxy {
    async fn pass(&self, request: Request<Body>) -> std::result::Result<Response<Body>, Refusal> {
        let (parts, body) = request.into_parts();
        if parts.headers.contains_key(header::UPGRADE) {
            let message = "connections that become something else are not passed: nobody would look into them";
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "invalid_request_error", message));
        }
        self.check_headers(&parts.headers)?;
        match parts.method {
            Method::POST => self.post(parts, body).await,
            Method::GET | Method::DELETE if body::is_empty(&body) => {
                let answer = self.ask(parts.clone(), Body::empty()).await?;
                self.answered(&parts, answer).await
            }
            Method::GET | Method::DELETE => Err(Refusal::bad_request("such a request has no body")),
            _ => {
                let message = "there is POST, GET and DELETE";
                let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", message);
                let mut response = error_response(&refusal);
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
                Ok(response)
            }
        }
    }

    /// Arguments of tools may stand in headers as well.
    fn check_headers(&self, headers: &HeaderMap) -> std::result::Result<(), Refusal> {
        let is_handle = |name: &str| matches!(name, "mcp-session-id" | "mcp-protocol-version");
        for (name, value) in headers {
            if !name.as_str().starts_with("mcp-") || is_handle(name.as_str()) {
                continue;
            }
            let checked = self.0.requests.guard().check(Direction::ToTool, &String::from_utf8_lossy(value.as_bytes()));
            self.count(&checked.findings);
            if checked.decision != Decision::Allow {
                self.0.sidecar.metrics().withheld();
                return Err(Refusal::bad_request("a header holds a secret, and is withheld"));
            }
        }
        Ok(())
    }

    async fn post(&self, parts: request::Parts, body: Body) -> std::result::Result<Response<Body>, Refusal> {
        if Handling::of(&parts.headers) != Handling::Guard(Framing::Json) {
            let message = "messages are posted as application/json, not compressed";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request_error", message));
        }
        let whole = body::whole(&self.0.sidecar, &parts.headers, body).await?;
        let refused = match self.looked(&self.0.requests, whole).await? {
            Passage::Pass(message) => {
                let answer = self.ask(parts.clone(), Body::from(message)).await?;
                return self.answered(&parts, answer).await;
            }
            Passage::NotJson => {
                let mut response = json(error_message("null", PARSE_ERROR, "keyscan: this is no JSON"));
                *response.status_mut() = StatusCode::BAD_REQUEST;
                return Ok(response);
            }
            Passage::Refuse(refused) => refused,
        };
        match (joined(&refused.back), joined(&refused.forth)) {
            (Some(errors), forth) => {
                self.tell(&parts, forth);
                Ok(json(errors))
            }
            // What the server waits for is an error.
            (None, Some(errors)) => {
                let answer = self.ask(parts.clone(), Body::from(errors)).await?;
                self.answered(&parts, answer).await
            }
            (None, None) => Err(Refusal::bad_request(refused.why.trim_start_matches("keyscan: "))),
        }
    }

    async fn ask(&self, parts: request::Parts, body: Body) -> std::result::Result<(response::Parts, Body), Refusal> {
        let Inner { upstream, .. } = &*self.0;
        let query = parts.uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let asked = format!("{}{query}", upstream.path);
        upstream.ask(parts, &asked, body).await
    }

    /// Sends errors to the server, and waits for nothing.
    fn tell(&self, parts: &request::Parts, errors: Option<String>) {
        let Some(errors) = errors else { return };
        let Ok(permit) = Arc::clone(&self.0.errors).try_acquire_owned() else { return };
        let (proxy, mut parts) = (self.clone(), parts.clone());
        parts.method = Method::POST;
        parts.headers.remove("last-event-id");
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        parts.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        tokio::spawn(async move {
            let _ = proxy.ask(parts, Body::from(errors)).await;
            drop(permit);
        });
    }

    /// What the server answered, as it goes on.
    async fn answered(
        &self,
        asked: &request::Parts,
        (mut parts, body): (response::Parts, Body),
    ) -> std::result::Result<Response<Body>, Refusal> {
        let Inner { sidecar, settings, .. } = &*self.0;
        if parts.status.is_redirection() && parts.headers.contains_key(header::LOCATION) {
            // Whoever followed it would go around this proxy.
            return Err(unusable("sends clients to another address; name that one"));
        }
        if body::is_empty(&body) {
            return Ok(Response::from_parts(parts, Body::empty()));
        }
        let handling = Handling::of(&parts.headers);
        let body = match handling {
            Handling::Refuse => return Err(unusable("sent a compressed answer, though it was asked for none")),
            Handling::Pass => return Err(unusable("sent what is neither JSON nor text")),
            Handling::Guard(framing) => {
                parts.headers.remove(header::CONTENT_LENGTH);
                match framing {
                    Framing::Events => Body::new(EventBody::new(self, asked, body)),
                    Framing::Json => self.answer(asked, &parts.headers, body).await?,
                    framing => {
                        let timed = Timed::new(body, settings.silent);
                        Body::new(GuardedBody::new(timed, sidecar.streams(Direction::ToModel), framing))
                    }
                }
            }
        };
        Ok(Response::from_parts(parts, body))
    }

    /// An answer that comes as a whole.
    async fn answer(
        &self,
        asked: &request::Parts,
        headers: &HeaderMap,
        body: Body,
    ) -> std::result::Result<Body, Refusal> {
        let Inner { sidecar, answers, settings, .. } = &*self.0;
        let timed = Body::new(Timed::new(body, settings.silent));
        let whole = body::whole(sidecar, headers, timed).await;
        let whole = whole.map_err(|refusal| Refusal { status: StatusCode::BAD_GATEWAY, ..refusal })?;
        match self.looked(answers, whole).await? {
            Passage::Pass(message) => Ok(Body::from(message)),
            Passage::NotJson => Err(unusable("sent what is no JSON, though it says so")),
            Passage::Refuse(Refused { back, forth, why, .. }) => {
                self.tell(asked, joined(&back));
                Ok(Body::from(joined(&forth).unwrap_or_else(|| error_message("null", WITHHELD, &why))))
            }
        }
    }

    /// What becomes of a message, or of several.
    async fn looked(&self, guard: &McpGuard, whole: Whole) -> std::result::Result<Passage, Refusal> {
        let (proxy, guard, len) = (self.clone(), guard.clone(), whole.bytes.len());
        let run = move || {
            let Ok(text) = std::str::from_utf8(&whole.bytes) else { return Passage::NotJson };
            let Looked { passage, findings } = guard.message(text);
            proxy.0.sidecar.metrics().examined(text.len());
            proxy.count(&findings);
            if matches!(passage, Passage::Refuse(_)) {
                proxy.0.sidecar.metrics().withheld();
            }
            passage
        };
        self.0.sidecar.aside(len, run).await.ok_or_else(Refusal::failed)
    }

    fn count(&self, findings: &[AuditEntry]) {
        let hidden = findings.iter().filter(|entry| entry.action == Action::Redact);
        hidden.for_each(|entry| self.0.sidecar.metrics().hid(&entry.rule, 1));
    }
}

/// A stream of events on its way to a client.
struct EventBody {
    /// `None` once it has ended.
    inner: Option<Body>,
    events: McpEvents,
    proxy: McpProxy,
    asked: request::Parts,
    silence: Pin<Box<Sleep>>,
    /// Of a stream that answers nothing: when the sidecar ends, it ends, and its client may go on elsewhere.
    ending: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl EventBody {
    fn new(proxy: &McpProxy, asked: &request::Parts, body: Body) -> EventBody {
        let Limits { body_len, .. } = proxy.0.sidecar.0.limits;
        let limit = StreamLimits::default().event_len.min(body_len);
        let mut ended = proxy.0.sidecar.0.ending.subscribe();
        let ending = async move { drop(ended.wait_for(|ended| *ended).await) };
        EventBody {
            inner: Some(body),
            events: McpEvents::new(proxy.0.answers.clone(), limit),
            proxy: proxy.clone(),
            asked: asked.clone(),
            silence: Box::pin(tokio::time::sleep(SILENT)),
            ending: (asked.method == Method::GET).then(|| Box::pin(ending) as Pin<Box<_>>),
        }
    }

    fn tell(&mut self, shown: usize) {
        let Told { back, findings, withheld } = self.events.take_told();
        let metrics = self.proxy.0.sidecar.metrics();
        metrics.examined(shown);
        (0..withheld).for_each(|_| metrics.withheld());
        self.proxy.count(&findings);
        self.proxy.tell(&self.asked, joined(&back));
    }
}

impl http_body::Body for EventBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let mut out = Vec::new();
        while let Some(inner) = &mut this.inner {
            match Pin::new(inner).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    this.events.push(&data, &mut out);
                    this.tell(data.len());
                }
                Poll::Ready(Some(Err(error))) => {
                    this.inner = None;
                    return Poll::Ready(Some(Err(error.into())));
                }
                Poll::Ready(None) => {
                    this.inner = None;
                    this.events.finish(&mut out);
                    this.tell(0);
                }
                Poll::Pending if this.ending.as_mut().is_some_and(|end| end.as_mut().poll(context).is_ready()) => {
                    this.inner = None;
                }
                Poll::Pending => {
                    if this.silence.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                    // Only whole events were shown, so that a comment is one.
                    out.extend_from_slice(b": keyscan\n\n");
                }
            }
            if !out.is_empty() {
                this.silence.as_mut().reset(tokio::time::Instant::now() + SILENT);
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
        }
        Poll::Ready(None)
    }
}
