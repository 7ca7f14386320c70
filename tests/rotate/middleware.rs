//! Requests of reqwest's that are sent again with a key that was read again.

use keyscan::rotate::{ReloadOn401, Retry, RotatingSecret};
use reqwest_middleware::ClientBuilder;

use crate::server::Server;
use crate::{Scripted, plain, quick};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_rejected_request_is_sent_again_with_a_newer_key() {
    let server = Server::new(|asked| match (asked.header("authorization"), asked.header("x-api-key")) {
        ("Bearer quartz-0002", "") | ("", "quartz-0002") => plain(200, &asked.body),
        _ => plain(401, "no"),
    });
    let source = Scripted::of("quartz-0001");
    let secret = RotatingSecret::builder("A_KEY", source.clone()).settings(quick()).start().unwrap();
    source.answers("quartz-0002");
    block_on(async {
        let client = ClientBuilder::new(reqwest::Client::new()).with(ReloadOn401::bearer(secret.clone())).build();
        let answer = client.post(&server.url).body("hello").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "hello"));
        let name = reqwest::header::HeaderName::from_static("x-api-key");
        let client = ClientBuilder::new(reqwest::Client::new()).with(ReloadOn401::header(secret, name)).build();
        assert_eq!(client.get(&server.url).send().await.unwrap().status().as_u16(), 200);
    });
    assert_eq!((server.asked().len(), source.asked()), (3, 2));
}

#[test]
fn a_dead_key_is_an_error_with_a_reason() {
    let server = Server::new(|_| plain(401, "no"));
    let secret = RotatingSecret::builder("A_KEY", Scripted::of("quartz-0001")).settings(quick()).start().unwrap(); // keyscan:allow generic-secret
    let middleware = ReloadOn401::bearer(secret).retry(Retry::at_once());
    let error = block_on(async {
        let client = ClientBuilder::new(reqwest::Client::new()).with(middleware).build();
        client.get(&server.url).send().await.unwrap_err()
    });
    let text = format!("{error:?}");
    assert!(text.contains("A_KEY was rejected") || text.contains("Rejected"), "{text}");
    assert!(!text.contains("quartz"), "{text}");
    assert_eq!(server.asked().len(), 1);
}
