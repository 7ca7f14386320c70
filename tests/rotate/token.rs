//! Tokens that expire by themselves.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyscan::Secret;
use keyscan::redact::KnownSecrets;
use keyscan::rotate::{
    ClientSecret, FailureClass, Grant, ManualClock, NoValue, OAuthClient, RotatingSecret, TokenManager, TokenSettings,
};

use crate::server::Server;
use crate::{Scripted, plain, quick, until};

/// A token endpoint, and what it answers next.
struct Endpoint {
    server: Server,
    answers: Arc<Mutex<VecDeque<(u16, String, String)>>>,
}

impl Endpoint {
    fn new() -> Endpoint {
        let answers: Arc<Mutex<VecDeque<_>>> = Arc::default();
        let next = Arc::clone(&answers);
        let server =
            Server::new(move |_| next.lock().unwrap().pop_front().unwrap_or_else(|| plain(503, "nothing to say")));
        Endpoint { server, answers }
    }

    fn says(&self, status: u16, body: &str) {
        self.answers.lock().unwrap().push_back(plain(status, body));
    }

    fn asked(&self) -> usize {
        self.server.asked().len()
    }

    fn body(&self, number: usize) -> String {
        self.server.asked()[number].body.clone()
    }

    fn header(&self, number: usize, name: &str) -> String {
        self.server.asked()[number].header(name).to_owned()
    }
}

fn client(endpoint: &Endpoint) -> OAuthClient {
    let secret = ClientSecret::Fixed(Secret::new(b"quartz word"));
    OAuthClient {
        scope: Some("read write".to_owned()),
        ..OAuthClient::new(endpoint.server.url.clone(), "the id", secret)
    }
}

fn settings(clock: &ManualClock) -> TokenSettings {
    TokenSettings { clock: Arc::new(clock.clone()), ..TokenSettings::default() }
}

fn clock() -> ManualClock {
    ManualClock::new(Duration::from_secs(1_767_225_600))
}

fn token(number: u32, expires_in: &str) -> String {
    format!(r#"{{"access_token":"quartz-token-{number}","token_type":"Bearer"{expires_in}}}"#)
}

#[test]
fn a_token_is_refreshed_300_s_before_it_expires() {
    let (endpoint, clock) = (Endpoint::new(), clock());
    endpoint.says(200, &token(1, r#","expires_in":3600"#));
    let known = KnownSecrets::new();
    let settings = TokenSettings { known: vec![known.clone()], ..settings(&clock) };
    let tokens = TokenManager::start("api", client(&endpoint), settings).unwrap();
    assert_eq!(endpoint.body(0), "grant_type=client_credentials&scope=read+write");
    // "the+id:quartz+word", as RFC 6749 has it.
    assert_eq!(
        endpoint.header(0, "authorization"),
        format!("Basic {}", data_encoding::BASE64.encode(b"the+id:quartz+word"))
    );
    assert_eq!(tokens.authorization().unwrap().as_str(), "Bearer quartz-token-1");
    endpoint.says(200, &token(2, r#","expires_in":3600"#));
    clock.advance(Duration::from_secs(3100));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(endpoint.asked(), 1);
    clock.advance(Duration::from_secs(200));
    until("there is another", || tokens.token().unwrap().version() == 2);
    assert_eq!((endpoint.asked(), known.len()), (2, 2));
}

#[test]
fn a_server_that_fails_takes_no_token_that_lives() {
    let (endpoint, clock) = (Endpoint::new(), clock());
    endpoint.says(200, &token(1, r#","expires_in":1000"#));
    let tokens = TokenManager::start("api", client(&endpoint), settings(&clock)).unwrap();
    clock.advance(Duration::from_secs(990));
    until("it was asked in vain", || endpoint.asked() >= 2);
    assert_eq!(tokens.token().unwrap().expose(), b"quartz-token-1");
    until("that is known", || tokens.secret().last_error().is_some());
    clock.advance(Duration::from_secs(11));
    assert!(matches!(tokens.token(), Err(NoValue::Expired(Some(_)))));
    // It is asked again when somebody needs a token, when the pause is over.
    endpoint.says(200, &token(2, r#","expires_in":1000"#));
    clock.advance(Duration::from_secs(61));
    until("there is another", || tokens.token().is_ok());
}

#[test]
fn tokens_without_an_end_live_for_five_minutes() {
    let (endpoint, clock) = (Endpoint::new(), clock());
    endpoint.says(200, &token(1, ""));
    let tokens = TokenManager::start("api", client(&endpoint), settings(&clock)).unwrap();
    assert_eq!(tokens.secret().status().expires_in_s, Some(300));
    endpoint.says(200, &token(2, r#","expires_in":-7"#));
    clock.advance(Duration::from_secs(241));
    until("there is another", || tokens.secret().status().version == 2);
    assert!(tokens.secret().status().expires_in_s <= Some(1));
    endpoint.says(200, &token(3, r#","expires_in":1e99"#));
    clock.advance(Duration::from_secs(2));
    until("there is a third", || tokens.secret().status().version == 3);
    assert_eq!(tokens.secret().status().expires_in_s, Some(365 * 86_400));
}

#[test]
fn a_revoked_refresh_token_is_told_clearly_and_not_asked_about_again_and_again() {
    let (endpoint, clock) = (Endpoint::new(), clock());
    endpoint.says(200, r#"{"access_token":"quartz-token-1","expires_in":600,"refresh_token":"quartz-refresh-2"}"#); // keyscan:allow generic-secret
    let known = KnownSecrets::new();
    let client = OAuthClient {
        grant: Grant::RefreshToken(Secret::new(b"quartz-refresh-1")), // keyscan:allow generic-secret
        in_body: true,
        client_secret: ClientSecret::None,
        ..client(&endpoint)
    };
    let settings = TokenSettings { known: vec![known.clone()], ..settings(&clock) };
    let tokens = TokenManager::start("api", client, settings).unwrap();
    assert_eq!(
        endpoint.body(0),
        "grant_type=refresh_token&refresh_token=quartz-refresh-1&scope=read+write&client_id=the+id" // keyscan:allow generic-secret
    );
    assert_eq!(known.len(), 3, "the token, and both refresh tokens");
    endpoint.says(400, r#"{"error":"invalid_grant","error_description":"quartz-refresh-2 is revoked"}"#);
    clock.advance(Duration::from_secs(500));
    until("it was refused", || tokens.secret().last_error().is_some());
    assert!(endpoint.body(1).contains("refresh_token=quartz-refresh-2"));
    let error = tokens.secret().last_error().unwrap();
    assert_eq!(error.class(), FailureClass::Rejected);
    assert!(
        error.message().contains("the refresh token was revoked") && !error.message().contains("quartz"),
        "{error}"
    );
    assert!(tokens.token().is_ok());
    clock.advance(Duration::from_secs(50));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(endpoint.asked(), 2);
}

#[test]
fn a_client_secret_that_rotates_is_read_again_when_it_is_rejected() {
    let (endpoint, clock) = (Endpoint::new(), clock());
    let source = Scripted::of("quartz-old");
    let secret = RotatingSecret::builder("CLIENT", source.clone()).settings(quick()).start().unwrap();
    source.answers("quartz-new");
    endpoint.says(401, r#"{"error":"invalid_client"}"#);
    endpoint.says(200, &token(1, ""));
    let client = OAuthClient { client_secret: ClientSecret::Rotating(secret), in_body: true, ..client(&endpoint) };
    let tokens = TokenManager::start("api", client, settings(&clock)).unwrap();
    assert!(
        endpoint.body(0).ends_with("client_secret=quartz-old")
            && endpoint.body(1).ends_with("client_secret=quartz-new")
    );
    assert_eq!(tokens.token().unwrap().version(), 1);
}

#[test]
fn a_server_that_gives_no_token_is_an_error_at_the_start() {
    for (status, body, class) in [
        (401, r#"{"error":"invalid_client"}"#, FailureClass::Rejected),
        (200, r#"{"token_type":"Bearer"}"#, FailureClass::Malformed),
        (200, r#"{"access_token":""}"#, FailureClass::Malformed),
        (200, "<html>", FailureClass::Malformed),
        (502, "", FailureClass::Unreachable),
    ] {
        let endpoint = Endpoint::new();
        endpoint.says(status, body);
        let error = TokenManager::start("api", client(&endpoint), settings(&clock())).unwrap_err();
        assert_eq!(error.class(), class, "{body}");
    }
}
