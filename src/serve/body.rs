//! Bodies of requests: as a whole within limits, or piece by piece with nobody waiting for ever.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use super::answer::Refusal;
use super::{Sidecar, UNIT};
use crate::guard::BodyError;

/// A body that was taken as a whole; the room for it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Takes a body as a whole.
pub(super) async fn whole(sidecar: &Sidecar, headers: &HeaderMap, mut body: Body) -> Result<Whole, Refusal> {
    let limits = sidecar.0.limits;
    let announced = headers.get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|len| len > limits.body_len as u64) {
        return Err(Refusal::too_large(limits.body_len));
    }
    let deadline = Instant::now() + limits.whole;
    let (mut all, mut first, mut room) = (Vec::new(), Bytes::new(), None::<OwnedSemaphorePermit>);
    loop {
        let until = deadline.min(Instant::now() + limits.idle);
        let late = || Refusal::new(StatusCode::REQUEST_TIMEOUT, "timeout_error", "the body did not come in time");
        let frame = tokio::time::timeout_at(until, body.frame()).await.map_err(|_| late())?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Refusal::bad_request("the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + all.len() + data.len() > limits.body_len {
            return Err(Refusal::too_large(limits.body_len));
        }
        let more = Arc::clone(&sidecar.0.room).try_acquire_many_owned(data.len().div_ceil(UNIT) as u32);
        let more = more.map_err(|_| Refusal::busy())?;
        match &mut room {
            Some(room) => room.merge(more),
            None => room = Some(more),
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(Whole { bytes: if all.is_empty() { first } else { all.into() }, room })
}

/// A body that ends with an error when it keeps its reader waiting for too long.
pub(super) struct Timed<B> {
    inner: B,
    idle: Duration,
    /// Runs while the reader waits.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<B> Timed<B> {
    pub(super) fn new(inner: B, idle: Duration) -> Timed<B> {
        Timed { inner, idle, alarm: None }
    }
}

impl<B: http_body::Body<Data = Bytes, Error: Into<BodyError>> + Unpin> http_body::Body for Timed<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) {
            this.alarm = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(this.idle)));
        alarm.as_mut().poll(context).map(|()| Some(Err("the body did not go on in time".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

/// Whether nothing is in a body.
pub(super) fn is_empty(body: &Body) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}
