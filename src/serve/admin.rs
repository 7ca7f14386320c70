//! The emergency endpoint over a socket: requests to parts, and parts to responses.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, request};
use http_body_util::{BodyExt, Limited};
use zeroize::Zeroizing;

use crate::rotate::admin::{Admin, AdminRequest, AdminResponse, MAX_ADMIN_BODY_LEN};

/// The routes of the endpoint: `/rotate-secret`, `/secret-status`, `/v1/secrets/{name}/rotate`, `/v1/status`,
/// `/v1/fingerprint`, `/v1/reload`, `/readyz`, and nothing else. It belongs on a listener of its own.
pub fn admin_router(admin: &Admin) -> Router {
    Router::new().fallback(answer).with_state(admin.clone())
}

async fn answer(State(admin): State<Admin>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    // Bodies of strangers are not read.
    if let Some(refused) = with_parts(&head, &[], |request| admin.refuse_head(request)) {
        return response(refused);
    }
    let bytes = match Limited::new(body, MAX_ADMIN_BODY_LEN).collect().await {
        Ok(collected) => Zeroizing::new(collected.to_bytes().to_vec()),
        Err(_) => return refusal(StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
    };
    // A source may be waited for.
    let answered =
        tokio::task::spawn_blocking(move || with_parts(&head, &bytes, |request| admin.handle_checked(request)));
    match answered.await {
        Ok(answered) => response(answered),
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

fn with_parts<T>(head: &request::Parts, body: &[u8], take: impl FnOnce(&AdminRequest<'_>) -> T) -> T {
    let headers: Vec<(&str, &[u8])> =
        head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    take(&AdminRequest { method: head.method.as_str(), path: head.uri.path(), headers: &headers, body })
}

fn response(answer: AdminResponse) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn refusal(status: StatusCode, error: &'static str) -> Response<Body> {
    response(AdminResponse::refused(status.as_u16(), error))
}
