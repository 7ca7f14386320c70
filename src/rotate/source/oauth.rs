//! Tokens of OAuth 2.0: client credentials and refresh tokens.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::http::{Http, HttpSettings, Reply, Request};
use super::{FetchContext, Fetched, Life, Source, json};
use crate::redact::KnownSecrets;
use crate::rotate::failure::{FailureClass, SourceError};
use crate::rotate::rotating::RotatingSecret;
use crate::rotate::schedule::{LONGEST_LIFE, SHORTEST_LIFE};
use crate::secret::Secret;

/// A token lives so long where the server does not say.
const DEFAULT_LIFE: Duration = Duration::from_secs(300);

/// The errors of RFC 6749, 7523 and 8628 that may be shown; others may quote the request.
const ERRORS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
];

/// What is given for a token.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Grant {
    /// The client itself: RFC 6749, 4.4.
    ClientCredentials,
    /// A refresh token, which the server may replace with each use.
    RefreshToken(Secret),
}

/// The secret of a client.
#[derive(Debug, Clone)]
pub enum ClientSecret {
    /// None: a public client.
    None,
    /// This one.
    Fixed(Secret),
    /// One that is itself kept up to date; when the server rejects it, it is refreshed, and tried once more if it changed.
    Rotating(RotatingSecret),
}

/// A client of a token endpoint.
#[derive(Clone)]
pub struct OAuthClient {
    /// The token endpoint.
    pub token_url: String,
    /// The id of the client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: ClientSecret,
    /// What is given for a token.
    pub grant: Grant,
    /// Scopes, divided by blanks.
    pub scope: Option<String>,
    /// Other parameters: `audience`, `resource`.
    pub parameters: Vec<(String, String)>,
    /// Send id and secret in the body, not as `Authorization: Basic`.
    pub in_body: bool,
    /// How the server is talked to.
    pub http: HttpSettings,
}

impl OAuthClient {
    /// A client that uses its own credentials.
    #[must_use]
    pub fn new(token_url: impl Into<String>, client_id: impl Into<String>, client_secret: ClientSecret) -> OAuthClient {
        OAuthClient {
            token_url: token_url.into(),
            client_id: client_id.into(),
            client_secret,
            grant: Grant::ClientCredentials,
            scope: None,
            parameters: Vec::new(),
            in_body: false,
            http: HttpSettings::default(),
        }
    }
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClient").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// The source of a [`TokenManager`](crate::rotate::TokenManager).
pub(in crate::rotate) struct OAuthSource {
    client: OAuthClient,
    http: Http,
    /// The refresh token that counts.
    refresh: Mutex<Option<Secret>>,
    /// Refresh tokens are hidden, too.
    known: Vec<KnownSecrets>,
    name: String,
}

impl fmt::Debug for OAuthSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

impl OAuthSource {
    pub(in crate::rotate) fn new(client: OAuthClient, known: Vec<KnownSecrets>, name: &str) -> OAuthSource {
        let refresh = match &client.grant {
            Grant::RefreshToken(token) => Some(token.clone()),
            Grant::ClientCredentials => None,
        };
        let source = OAuthSource {
            http: Http::new(client.http.clone()),
            client,
            refresh: Mutex::new(None),
            known,
            name: format!("{name}-refresh-token"),
        };
        refresh.into_iter().for_each(|token| source.keep(token));
        source
    }

    /// Takes a refresh token: redactors have it first.
    fn keep(&self, token: Secret) {
        for known in &self.known {
            // A refresh token that reads like an ordinary word would be hidden nowhere; it is used all the same.
            let _ = known.add(&self.name, token.expose());
        }
        *self.refresh.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    fn request(&self, context: &FetchContext<'_>, may_retry: bool) -> Result<Fetched, SourceError> {
        let (secret, version) = match &self.client.client_secret {
            ClientSecret::None => (None, None),
            ClientSecret::Fixed(secret) => (Some(secret.clone()), None),
            ClientSecret::Rotating(secret) => {
                let lease = secret.get().map_err(|error| SourceError::new(FailureClass::Denied, error.to_string()))?;
                (Some(lease.value().clone()), Some((secret, lease.version())))
            }
        };
        let refresh = self.refresh.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut form = Form::default();
        match &refresh {
            Some(token) => {
                form.add("grant_type", b"refresh_token");
                form.add("refresh_token", token.expose());
            }
            None => form.add("grant_type", b"client_credentials"),
        }
        self.client.scope.iter().for_each(|scope| form.add("scope", scope.as_bytes()));
        self.client.parameters.iter().for_each(|(name, value)| form.add(name, value.as_bytes()));
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
        let basic;
        match &secret {
            Some(secret) if !self.client.in_body => {
                // RFC 6749, 2.3.1: both are encoded as in a form first.
                let mut pair = Form::default();
                pair.encode(self.client.client_id.as_bytes());
                pair.0.push(':');
                pair.encode(secret.expose());
                basic = Zeroizing::new(format!("Basic {}", *Zeroizing::new(BASE64.encode(pair.0.as_bytes()))));
                headers.push(("authorization", &basic));
            }
            secret => {
                form.add("client_id", self.client.client_id.as_bytes());
                secret.iter().for_each(|secret| form.add("client_secret", secret.expose()));
            }
        }
        let (url, body) = (self.client.token_url.as_str(), form.0.as_bytes());
        let reply = self.http.send(&Request { method: "POST", url, headers: &headers, body }, context)?;
        if reply.status != 200 {
            let error = refusal(&reply, refresh.is_some());
            if let Some((secret, version)) = version
                && may_retry
                && error.class() == FailureClass::Rejected
                && secret.report_unauthorized(version).is_newer()
            {
                return self.request(context, false);
            }
            return Err(error);
        }
        let token = json::find(&reply.body, ["access_token"])?.filter(|token| !token.is_empty());
        let token =
            token.ok_or_else(|| SourceError::malformed("the token endpoint answered without an access_token"))?;
        if let Some(next) = json::find(&reply.body, ["refresh_token"])?.filter(|token| !token.is_empty())
            && refresh.is_some_and(|token| token.expose() != next.as_bytes())
        {
            self.keep(Secret::new(next.as_bytes()));
        }
        Ok(Fetched { value: Secret::new(token.as_bytes()), version: None, life: Some(life(&reply)?) })
    }
}

impl Source for OAuthSource {
    fn kind(&self) -> &'static str {
        "oauth"
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        self.request(context, true)
    }
}

/// How long a token lives: what the server says of its length, or else of its end by the server's own clock.
fn life(reply: &Reply) -> Result<Life, SourceError> {
    let number = |name: &str| -> Result<Option<f64>, SourceError> {
        let text = json::find(&reply.body, [name])?;
        Ok(text.and_then(|text| text.trim().parse::<f64>().ok()).filter(|number| number.is_finite()))
    };
    let clamped = |seconds: f64| {
        Life::For(Duration::from_secs_f64(seconds.clamp(SHORTEST_LIFE.as_secs_f64(), LONGEST_LIFE.as_secs_f64())))
    };
    if let Some(seconds) = number("expires_in")? {
        return Ok(clamped(seconds));
    }
    let end = number("expires_at")?.map_or_else(|| number("expires_on"), |end| Ok(Some(end)))?;
    let ours = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(end.map_or(Life::For(DEFAULT_LIFE), |end| clamped(end - reply.date.unwrap_or_else(ours).as_secs_f64())))
}

fn refusal(reply: &Reply, refreshing: bool) -> SourceError {
    let said = json::find(&reply.body, ["error"]).ok().flatten();
    let known = said.as_ref().and_then(|said| ERRORS.iter().find(|error| **error == said.as_str())).copied();
    let class = match (known, reply.status) {
        (Some("temporarily_unavailable" | "server_error"), _) | (_, 408 | 425 | 429 | 500..=599) => {
            FailureClass::Unreachable
        }
        (Some("invalid_client" | "invalid_grant" | "unauthorized_client" | "access_denied"), _) | (None, 401 | 403) => {
            FailureClass::Rejected
        }
        (None, 404) => FailureClass::NotFound,
        _ => FailureClass::Failed,
    };
    let meaning = match known {
        Some("invalid_grant") if refreshing => ": the refresh token was revoked, or has expired",
        Some("invalid_client") => ": the client is unknown, or its secret is wrong",
        _ => "",
    };
    let known = known.map(|known| format!(" {known}")).unwrap_or_default();
    SourceError::new(class, format!("the token endpoint answered {}{known}{meaning}", reply.status))
}

/// The body of a form.
#[derive(Default)]
struct Form(Zeroizing<String>);

impl Form {
    fn add(&mut self, name: &str, value: &[u8]) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.encode(name.as_bytes());
        self.0.push('=');
        self.encode(value);
    }

    fn encode(&mut self, text: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        // One allocation, so that no copy is left behind by a buffer that grew.
        let mut grown = Zeroizing::new(String::with_capacity(self.0.len() + 3 * text.len() + 64));
        grown.push_str(&self.0);
        for &byte in text {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => grown.push(char::from(byte)),
                b' ' => grown.push('+'),
                _ => {
                    grown.push('%');
                    grown.push(char::from(HEX[usize::from(byte >> 4)]));
                    grown.push(char::from(HEX[usize::from(byte & 15)]));
                }
            }
        }
        self.0 = grown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str, date: Option<u64>) -> Reply {
        let body = Zeroizing::new(body.as_bytes().to_vec());
        Reply { status, body, date: date.map(Duration::from_secs) }
    }

    #[test]
    fn lives_are_what_servers_mean() {
        for (body, date, seconds) in [
            (r#"{"expires_in":3600}"#, None, 3600),
            (r#"{"expires_in":"3600"}"#, None, 3600),
            (r#"{"expires_in":59.5}"#, None, 59),
            ("{}", None, 300),
            (r#"{"expires_in":null}"#, None, 300),
            (r#"{"expires_in":"soon"}"#, None, 300),
            (r#"{"expires_in":-5}"#, None, 1),
            (r#"{"expires_in":0}"#, None, 1),
            (r#"{"expires_in":1e300}"#, None, LONGEST_LIFE.as_secs()),
            (r#"{"expires_in":18446744073709551615}"#, None, LONGEST_LIFE.as_secs()),
            // The server's clock is what its end is told by, however wrong ours is.
            (r#"{"expires_at":10600}"#, Some(10_000), 600),
            (r#"{"expires_on":"9000"}"#, Some(10_000), 1),
        ] {
            let Ok(Life::For(life)) = life(&reply(200, body, date)) else { panic!("{body}") };
            assert_eq!(life.as_secs(), seconds, "{body}");
        }
    }

    #[test]
    fn refusals_say_what_they_are_and_quote_nothing() {
        for (status, body, class) in [
            (400, r#"{"error":"invalid_grant"}"#, FailureClass::Rejected),
            (401, "", FailureClass::Rejected),
            (400, r#"{"error":"invalid_scope"}"#, FailureClass::Failed),
            (400, r#"{"error":"temporarily_unavailable"}"#, FailureClass::Unreachable),
            (503, "<html>", FailureClass::Unreachable),
            (429, "{}", FailureClass::Unreachable),
        ] {
            assert_eq!(refusal(&reply(status, body, None), true).class(), class, "{body}");
        }
        let error = refusal(&reply(400, r#"{"error":"quartz-0123 is bad"}"#, None), false);
        assert!(!error.to_string().contains("quartz"), "{error}");
        let error = refusal(&reply(400, r#"{"error":"invalid_grant"}"#, None), true);
        assert!(error.message().contains("revoked"), "{error}");
    }

    #[test]
    fn forms_are_encoded() {
        let mut form = Form::default();
        form.add("a b", "ü&=+~".as_bytes());
        form.add("c", b"");
        assert_eq!(form.0.as_str(), "a+b=%C3%BC%26%3D%2B%7E&c=");
    }
}
