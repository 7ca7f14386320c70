//! A middleware of reqwest's.

use async_trait::async_trait;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{Extensions, StatusCode};
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};
use zeroize::Zeroizing;

use super::lease::Lease;
use super::retry::{Course, Retry};
use super::rotating::RotatingSecret;

/// Sends a secret with each request, and the request once more with a newer one when it is rejected with status 401, as
/// [`with_reload_on_401`](super::with_reload_on_401) does. Requests whose bodies are streams are sent once.
#[derive(Debug, Clone)]
pub struct ReloadOn401 {
    secret: RotatingSecret,
    retry: Retry,
    header: HeaderName,
    prefix: &'static str,
}

impl ReloadOn401 {
    /// Sends the secret as `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(secret: RotatingSecret) -> ReloadOn401 {
        ReloadOn401 { secret, retry: Retry::default(), header: AUTHORIZATION, prefix: "Bearer " }
    }

    /// Sends the secret in this header, as it is: `x-api-key`.
    #[must_use]
    pub fn header(secret: RotatingSecret, name: HeaderName) -> ReloadOn401 {
        ReloadOn401 { secret, retry: Retry::default(), header: name, prefix: "" }
    }

    /// Does this about rejections.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> ReloadOn401 {
        self.retry = retry;
        self
    }

    fn sign(&self, request: &mut Request, lease: &Lease) -> Result<()> {
        let text = Zeroizing::new([self.prefix.as_bytes(), lease.expose()].concat());
        // The error of the header would do, but says nothing of which secret.
        let mut value = HeaderValue::from_bytes(&text).map_err(|_| {
            Error::middleware(std::io::Error::other(format!("{} cannot stand in a header", lease.name())))
        })?;
        value.set_sensitive(true);
        request.headers_mut().insert(&self.header, value);
        Ok(())
    }
}

#[async_trait]
impl Middleware for ReloadOn401 {
    async fn handle(&self, mut request: Request, extensions: &mut Extensions, next: Next<'_>) -> Result<Response> {
        let mut course = Course::new(self.retry);
        let mut lease = self.secret.get().map_err(Error::middleware)?;
        loop {
            if !course.may_call(&self.secret, &lease) {
                lease = course.recover(&self.secret).await.map_err(Error::middleware)?;
                continue;
            }
            let copy = request.try_clone();
            self.sign(&mut request, &lease)?;
            let response = next.clone().run(request, extensions).await?;
            if response.status() != StatusCode::UNAUTHORIZED {
                course.accepted(&self.secret, lease.version(), response.status().is_success());
                return Ok(response);
            }
            let Some(copy) = copy else {
                // The next request has a newer one.
                let _ = self.secret.report_unauthorized_async(lease.version()).await;
                return Ok(response);
            };
            request = copy;
            lease = course.recover(&self.secret).await.map_err(Error::middleware)?;
        }
    }
}
