//! Bodies of responses of an axum router behind the layer.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::routing::get;
use http_body_util::BodyExt;
use keyscan::guard::{Action, Direction, DirectionPolicy, Guard, GuardLayer, Policy, Streams};
use tower_service::Service;

use super::{redaction, token};

fn ask(router: &Router, path: &str) -> (StatusCode, HeaderMap, Result<Vec<u8>, ()>) {
    let request = Request::get(path).header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    let mut router = router.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (parts, body) = router.call(request).await.unwrap().into_parts();
        let body = body.collect().await.map(|body| body.to_bytes().to_vec()).map_err(drop);
        (parts.status, parts.headers, body)
    })
}

fn answer(headers: &[(&'static str, &'static str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

fn router(streams: &Streams) -> Router {
    let secret = token(20);
    let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"a {secret} \"}}}}]}}\n\n");
    let (text, json) = (format!("take {secret}\n"), format!("{{ \"a\": \"{secret}\" }}"));
    let image = secret.clone();
    Router::new()
        .route("/text", get(move || async move { answer(&[("content-type", "text/plain"), ("content-length", "46")], text) }))
        .route("/json", get(move || async move { answer(&[("content-type", "application/json")], json) }))
        .route("/events", get(move || async move { answer(&[("content-type", "text/event-stream")], event) }))
        .route("/image", get(move || async move { answer(&[("content-type", "image/png")], image) }))
        .route("/gzip", get(|| async { answer(&[("content-encoding", "gzip")], "\x1f") }))
        .route("/empty", get(|| async { Response::builder().status(204).body(Body::empty()).unwrap() }))
        .route("/asked", get(|request: Request<Body>| async move { request.headers()["accept-encoding"].to_str().unwrap().to_owned() }))
        .layer(GuardLayer::new(streams))
}

#[test]
fn bodies_are_redacted_by_what_they_are() {
    let router = router(&Streams::hiding(&redaction()));
    let body = |path| ask(&router, path).2.map(|body| String::from_utf8(body).unwrap());
    let (status, headers, text) = ask(&router, "/text");
    assert_eq!((status.as_u16(), headers.get("content-length")), (200, None));
    assert_eq!(text.unwrap(), b"take [REDACTED:github-pat]\n");
    assert_eq!(body("/json").unwrap(), "{ \"a\": \"[REDACTED:github-pat]\" }");
    assert!(body("/events").unwrap().contains("\"content\":\"a [REDACTED:github-pat] \""));
    assert_eq!(body("/image").unwrap(), token(20));
    assert_eq!(body("/asked").unwrap(), "identity");
    assert_eq!((ask(&router, "/gzip").0.as_u16(), ask(&router, "/empty").0.as_u16()), (500, 204));
}

#[test]
fn what_the_policy_blocks_ends_the_body() {
    let block = DirectionPolicy { action: Some(Action::Block), ..DirectionPolicy::default() };
    let guard = Guard::with_policy(&redaction(), &Policy::uniform(&block));
    let router = router(&Streams::new(&guard, Direction::ToUser));
    assert!(ask(&router, "/text").2.is_err() && ask(&router, "/json").2.is_err());
    let events = String::from_utf8(ask(&router, "/events").2.unwrap()).unwrap();
    assert!(
        events.starts_with("event: error\ndata: {\"type\":\"error\"") && !events.contains(&token(20)[8..]),
        "{events}"
    );
    assert!(ask(&router, "/asked").2.is_ok());
}
