//! Response bodies of tower services: each through a stream guard on its way out.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tower_layer::Layer;
use tower_service::Service;

use super::{Framing, StreamError, StreamGuard, Streams};

/// An error of a body.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// Told of a guard when its body has ended, or is dropped.
type AtEnd = Box<dyn FnOnce(&mut StreamGuard, Option<&StreamError>) + Send>;

/// A body that goes through a stream guard.
///
/// Where the guard ends the stream, server-sent events end with one that says why; other bodies end with an error, so
/// that nobody takes what came for all there is. Trailers are left out.
pub struct GuardedBody<B> {
    /// `None` once it has ended.
    inner: Option<B>,
    /// `None` where the body is not guarded.
    guard: Option<StreamGuard>,
    is_events: bool,
    at_end: Option<AtEnd>,
    /// The whole body, in the place of the inner one.
    instead: Option<Bytes>,
}

impl<B> std::fmt::Debug for GuardedBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GuardedBody({:?})", self.guard)
    }
}

impl<B> GuardedBody<B> {
    /// Guards a body.
    pub fn new(inner: B, streams: &Streams, framing: Framing) -> GuardedBody<B> {
        let guard = Some(streams.start(framing));
        GuardedBody { inner: Some(inner), guard, is_events: framing == Framing::Events, at_end: None, instead: None }
    }

    /// A body that goes on as it is.
    pub fn unguarded(inner: B) -> GuardedBody<B> {
        GuardedBody { inner: Some(inner), guard: None, is_events: false, at_end: None, instead: None }
    }

    /// These bytes.
    pub fn of(bytes: impl Into<Bytes>) -> GuardedBody<B> {
        let instead = Some(bytes.into());
        GuardedBody { inner: None, guard: None, is_events: false, at_end: None, instead }
    }

    /// Calls this when the body has ended, or is dropped before that.
    #[must_use]
    pub fn at_end(
        mut self,
        run: impl FnOnce(&mut StreamGuard, Option<&StreamError>) + Send + 'static,
    ) -> GuardedBody<B> {
        self.at_end = Some(Box::new(run));
        self
    }

    /// Ends the stream: the inner body is dropped at once.
    fn end(&mut self, error: Option<&StreamError>) {
        self.inner = None;
        if let (Some(guard), Some(run)) = (&mut self.guard, self.at_end.take()) {
            run(guard, error);
        }
    }

    fn failed(&mut self, error: StreamError, mut out: Vec<u8>) -> Result<Frame<Bytes>, BodyError> {
        self.end(Some(&error));
        if !self.is_events {
            return Err(error.into());
        }
        let message = super::json_string(&error.to_string());
        out.extend_from_slice(
            b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"keyscan_withheld\",\"message\":",
        );
        out.extend_from_slice(message.as_bytes());
        out.extend_from_slice(b"}}\n\n");
        Ok(Frame::data(out.into()))
    }
}

impl<B> Drop for GuardedBody<B> {
    fn drop(&mut self) {
        self.end(None);
    }
}

impl<B: Body<Error: Into<BodyError>> + Unpin> Body for GuardedBody<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Some(bytes) = this.instead.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let mut out = Vec::new();
        while let Some(inner) = &mut this.inner {
            let frame = ready!(Pin::new(inner).poll_frame(context)).transpose().map_err(Into::into)?;
            let data = match frame.map(Frame::into_data) {
                Some(Ok(mut data)) => Some(data.copy_to_bytes(data.remaining())),
                // Trailers.
                Some(Err(_)) => continue,
                None => None,
            };
            let Some(guard) = &mut this.guard else {
                let Some(data) = data else {
                    this.inner = None;
                    break;
                };
                return Poll::Ready(Some(Ok(Frame::data(data))));
            };
            let is_end = data.is_none();
            let result = match data {
                Some(data) => guard.push(&data, &mut out),
                None => guard.finish(&mut out),
            };
            match result {
                Err(error) => return Poll::Ready(Some(this.failed(error, out))),
                Ok(()) if is_end => this.end(None),
                Ok(()) => {}
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_none() && self.instead.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.instead, &self.guard, &self.inner) {
            (Some(bytes), ..) => SizeHint::with_exact(bytes.len() as u64),
            (None, None, Some(inner)) => inner.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

/// What is done with a body, by its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handling {
    Guard(Framing),
    /// It is no text.
    Pass,
    /// It is compressed.
    Refuse,
}

impl Handling {
    pub(crate) fn of(headers: &HeaderMap) -> Handling {
        let is_plain = |encoding: &HeaderValue| encoding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
        if !headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
            return Handling::Refuse;
        }
        match headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes())) {
            // What nobody has named may be text.
            None => Handling::Guard(Framing::Text),
            Some(media_type) => Framing::of_media_type(&media_type).map_or(Handling::Pass, Handling::Guard),
        }
    }
}

/// Takes secrets out of the bodies of responses, server-sent events among them.
///
/// Bodies are told by their `content-type`: events, JSON, lines of JSON, and other text; pictures and the like pass.
/// `content-length` is left out where a body is guarded. Compressed bodies cannot be looked into: put layers that
/// compress outside of this one. The services inside are asked for none, and a response that is compressed nonetheless
/// becomes status 500.
///
/// ```
/// use keyscan::RuleSet;
/// use keyscan::guard::{Direction, Guard, GuardLayer, Streams};
///
/// let guard = Guard::new(RuleSet::new());
/// let layer = GuardLayer::new(&Streams::new(&guard, Direction::ToUser));
/// // `axum::Router::new().route(...).layer(layer)`, `tower::ServiceBuilder::new().layer(layer)`.
/// # let _ = layer;
/// ```
#[derive(Debug, Clone)]
pub struct GuardLayer {
    streams: Streams,
}

impl GuardLayer {
    /// Bodies are streams like these.
    #[must_use]
    pub fn new(streams: &Streams) -> GuardLayer {
        GuardLayer { streams: streams.clone() }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, streams: self.streams.clone() }
    }
}

/// A service whose responses are guarded: what [`GuardLayer`] makes.
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    inner: S,
    streams: Streams,
}

impl<S, Q, R> Service<Request<Q>> for Guarded<S>
where
    S: Service<Request<Q>, Response = Response<R>, Future: Send + 'static>,
    R: Body,
{
    type Response = Response<GuardedBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let (response, streams) = (self.inner.call(request), self.streams.clone());
        Box::pin(async move { Ok(guarded(response.await?, &streams)) })
    }
}

fn guarded<R: Body>(response: Response<R>, streams: &Streams) -> Response<GuardedBody<R>> {
    let (mut parts, body) = response.into_parts();
    let body = match Handling::of(&parts.headers) {
        Handling::Pass => GuardedBody::unguarded(body),
        Handling::Guard(_) if body.is_end_stream() => GuardedBody::unguarded(body),
        Handling::Guard(framing) => {
            parts.headers.remove(CONTENT_LENGTH);
            GuardedBody::new(body, streams, framing)
        }
        Handling::Refuse => {
            parts.status = StatusCode::INTERNAL_SERVER_ERROR;
            parts.headers = HeaderMap::new();
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            GuardedBody::of("keyscan cannot look into a compressed response; compress outside of GuardLayer\n")
        }
    };
    Response::from_parts(parts, body)
}
