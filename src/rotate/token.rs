//! Tokens that expire by themselves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::clock::{Clock, SystemClock};
use super::failure::SourceError;
use super::lease::Lease;
use super::rotating::RotatingSecret;
use super::settings::RotateSettings;
use super::source::{OAuthClient, OAuthSource};
use super::state::NoValue;
use super::tag::TagKey;
use crate::redact::KnownSecrets;

/// How tokens are kept fresh.
#[derive(Clone)]
pub struct TokenSettings {
    /// A token is refreshed so long before it expires; a fifth of its life before, if that is shorter. Default 300 s.
    pub refresh_before: Duration,
    /// A request to the token endpoint that takes longer has failed. Default 10 s.
    pub timeout: Duration,
    /// Sets in which tokens are hidden, before anyone can read them.
    pub known: Vec<KnownSecrets>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The key of tags. Default: a random one.
    pub tag_key: Option<TagKey>,
}

impl Default for TokenSettings {
    fn default() -> TokenSettings {
        TokenSettings {
            refresh_before: Duration::from_secs(300),
            timeout: Duration::from_secs(10),
            known: Vec::new(),
            clock: Arc::new(SystemClock),
            tag_key: None,
        }
    }
}

impl fmt::Debug for TokenSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSettings").field("refresh_before", &self.refresh_before).finish_non_exhaustive()
    }
}

/// A token of an OAuth server that is refreshed before it expires, by one request at a time. While the server fails, the
/// token that there is serves until it expires.
#[derive(Debug, Clone)]
pub struct TokenManager {
    secret: RotatingSecret,
}

impl TokenManager {
    /// Gets a token, and keeps it fresh under this name.
    ///
    /// # Errors
    /// When the server gives no token.
    pub fn start(name: &str, client: OAuthClient, settings: TokenSettings) -> Result<TokenManager, SourceError> {
        let source = OAuthSource::new(client, settings.known.clone(), name);
        let rotate = RotateSettings {
            poll: None,
            incident_poll: Duration::from_secs(86_400),
            refresh_margin: Some(settings.refresh_before),
            fetch_timeout: settings.timeout,
            wait: settings.timeout + Duration::from_secs(1),
            ..RotateSettings::default()
        };
        let mut builder = RotatingSecret::builder(name, source).settings(rotate).clock(settings.clock);
        for known in &settings.known {
            builder = builder.hide_in(known);
        }
        if let Some(key) = settings.tag_key {
            builder = builder.tag_key(key);
        }
        Ok(TokenManager { secret: builder.start()? })
    }

    /// A token that has not expired; where it has, the server is asked for another one now.
    ///
    /// # Errors
    /// When there is none: it has expired or was revoked, and the server gives no other; the error says why.
    pub fn token(&self) -> Result<Lease, NoValue> {
        match self.secret.get() {
            Err(NoValue::Expired(_) | NoValue::Absent(_)) => {
                // How that went is what the second look says.
                let _ = self.secret.refresh();
                self.secret.get()
            }
            result => result,
        }
    }

    /// The value of an `Authorization` header.
    ///
    /// # Errors
    /// As for [`TokenManager::token`].
    pub fn authorization(&self) -> Result<Zeroizing<String>, NoValue> {
        let token = self.token()?;
        let text = Zeroizing::new(String::from_utf8_lossy(token.expose()).into_owned());
        Ok(Zeroizing::new(format!("Bearer {}", *text)))
    }

    /// The secret behind it: for retries, callbacks and statuses.
    #[must_use]
    pub fn secret(&self) -> &RotatingSecret {
        &self.secret
    }
}
