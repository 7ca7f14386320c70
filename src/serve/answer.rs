//! What a request gets that is not answered: a status, and why, in JSON.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;

use crate::guard::json_string;

/// Why a request is not answered. The message never has bytes of the request in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// For programs.
    pub(super) kind: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status, kind, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub(super) fn too_large(limit: usize) -> Refusal {
        let message = format!("the body is larger than {limit} bytes; send less, or as a stream of text");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
    }

    pub(super) fn busy() -> Refusal {
        let message = "too much is being looked at; try again in a second";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded_error", message)
    }

    pub(super) fn failed() -> Refusal {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "internal error; nothing is passed on")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        // As the interfaces of models have it, so that their clients show the message.
        let body = format!(
            "{{\"type\":\"error\",\"error\":{{\"type\":\"{}\",\"message\":{}}}}}\n",
            self.kind,
            json_string(&format!("keyscan: {}", self.message))
        );
        let mut response = json(body);
        *response.status_mut() = self.status;
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert("retry-after", HeaderValue::from_static("1"));
        }
        response
    }
}

/// A JSON document.
pub(super) fn json(body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) async fn not_found() -> Refusal {
    let message = "there is POST /v1/scan, /v1/redact and /v1/guard, GET /healthz and /metrics";
    Refusal::new(StatusCode::NOT_FOUND, "not_found_error", message)
}
