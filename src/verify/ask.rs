//! One request, and its answer.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use ureq::http;
use zeroize::Zeroizing;

use super::Probe;

/// No more of an answer is read.
const MAX_BODY_LEN: u64 = 64 * 1024;

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// TLS by rustls with the roots of Mozilla, no redirects, proxies as `HTTPS_PROXY` and `NO_PROXY` name them.
pub(super) struct Client(ureq::Agent);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    pub(super) fn new(timeout: Duration) -> Client {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would take the secret elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(timeout))
            .user_agent(concat!("keyscan/", env!("CARGO_PKG_VERSION")));
        Client(config.build().new_agent())
    }

    /// Sends a request; what went wrong is told without the words of others, who may quote what was sent.
    pub(super) fn send(&self, probe: &Probe, base: Option<&str>, now: u64) -> Result<Answer, String> {
        let request = probe.request(base, Duration::from_secs(now));
        let mut builder = http::Request::builder().method(request.method.as_str()).uri(request.url.as_str());
        for (name, value) in &request.headers {
            let mut value = http::HeaderValue::from_str(value).map_err(|_| "it cannot be sent".to_owned())?;
            value.set_sensitive(true);
            builder = builder.header(name, value);
        }
        let built = builder.body(request.body.as_bytes()).map_err(|_| "it cannot be sent".to_owned())?;
        let host = probe.host(base);
        let mut configured = self.0.configure_request(built);
        if request.url.starts_with("http://") {
            // It is on this machine.
            configured = configured.proxy(None);
        }
        let mut response = self.0.run(configured.build()).map_err(|error| failure(&error, &host))?;
        let mut body = Zeroizing::new(Vec::with_capacity(4096));
        let read = response.body_mut().as_reader().take(MAX_BODY_LEN).read_to_end(&mut body);
        read.map_err(|_| format!("{host} broke off its answer"))?;
        Ok(Answer { status: response.status().as_u16(), body })
    }
}

fn failure(error: &ureq::Error, host: &str) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("{host} did not answer in time"),
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            format!("{host} did not answer in time")
        }
        ureq::Error::Io(error) => format!("{host} cannot be reached: {}", error.kind()),
        ureq::Error::HostNotFound => format!("{host} is no host that is known"),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
            format!("{host} does not prove who it is, or TLS failed otherwise")
        }
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
            format!("{host} cannot be reached by the proxy")
        }
        _ => format!("{host} cannot be asked"),
    }
}
