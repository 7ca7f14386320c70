//! The emergency endpoint: a secret is replaced in every reader of a program without a restart.
//!
//! What is here knows no HTTP library: a request in parts comes in, a response in parts goes out. [`Admin::handle`] may
//! wait for a source; it belongs on a thread where that is no harm.

mod auth;
mod documents;
mod idempotency;
mod request;
mod v1;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use self::auth::AdminTokens;
use self::auth::Attempts;
use self::idempotency::Idempotency;
use self::request::Problem;
pub use self::request::{AdminRequest, AdminResponse};
use super::audit::{AuditEvent, AuditLog};
use super::clock::{Clock, SystemClock};
use super::lock;
use super::rotating::RotatingSecret;
use super::store::Secrets;
use crate::error::Result;
use crate::fingerprint::Key;
use crate::redact::{KnownSecrets, Redaction};

/// The longest body of a request.
pub const MAX_ADMIN_BODY_LEN: usize = 64 * 1024;
/// The longest reason that is written down, in bytes.
const MAX_REASON_LEN: usize = 500;
/// A reload that takes longer is answered with status 202, and goes on.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(15);

/// The endpoint. Cheap to clone.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

struct Inner {
    secrets: Secrets,
    tokens: AdminTokens,
    known: KnownSecrets,
    hosts: Vec<String>,
    audit: Option<AuditLog>,
    redaction: Redaction,
    clock: Arc<dyn Clock>,
    attempts: Attempts,
    oracle: Attempts,
    idempotency: Idempotency,
    /// Secrets that are being rotated here.
    busy: Mutex<BTreeSet<String>>,
    audit_failures: AtomicU64,
}

/// What an endpoint is made of.
#[must_use]
pub struct AdminBuilder {
    secrets: Secrets,
    tokens: AdminTokens,
    known: KnownSecrets,
    hosts: Vec<String>,
    audit: Option<AuditLog>,
    redaction: Redaction,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for AdminBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminBuilder").field("secrets", &self.secrets).finish_non_exhaustive()
    }
}

impl AdminBuilder {
    /// Takes requests for these hosts, too, besides `127.0.0.1`, `[::1]` and `localhost`. With any port.
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> AdminBuilder {
        self.hosts.extend(hosts.into_iter().map(|host| host.into().to_ascii_lowercase()));
        self
    }

    /// Writes down what is done.
    pub fn audit(mut self, log: AuditLog) -> AdminBuilder {
        self.audit = Some(log);
        self
    }

    /// By this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> AdminBuilder {
        self.clock = clock;
        self
    }

    /// The endpoint.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn build(self) -> Result<Admin> {
        let AdminBuilder { secrets, tokens, known, hosts, audit, redaction, clock } = self;
        let inner = Inner {
            secrets,
            tokens,
            known,
            hosts,
            audit,
            redaction,
            attempts: Attempts::new(5, Duration::from_secs(60)),
            oracle: Attempts::new(10, Duration::from_secs(60)),
            idempotency: Idempotency::new(Key::random()?),
            clock,
            busy: Mutex::default(),
            audit_failures: AtomicU64::new(0),
        };
        Ok(Admin(Arc::new(inner)))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("secrets", &self.0.secrets).finish_non_exhaustive()
    }
}

impl Admin {
    /// An endpoint for these secrets, for who has one of these tokens. Reasons that people give are redacted by
    /// `redaction` before they are written down; `known` is what it and all other redactors hide.
    pub fn builder(secrets: Secrets, tokens: AdminTokens, known: &KnownSecrets, redaction: Redaction) -> AdminBuilder {
        AdminBuilder {
            secrets,
            tokens,
            known: known.clone(),
            hosts: ["127.0.0.1", "[::1]", "localhost"].map(str::to_owned).to_vec(),
            audit: None,
            redaction: redaction.with_known(known.clone()),
            clock: Arc::new(SystemClock),
        }
    }

    /// Whether requests for this path are the endpoint's.
    #[must_use]
    pub fn has_path(path: &str) -> bool {
        let path = path.split('?').next().unwrap_or_default();
        matches!(path, "/rotate-secret" | "/secret-status" | "/readyz")
            || matches!(path, "/v1/status" | "/v1/fingerprint" | "/v1/reload")
            || path.starts_with("/v1/secrets/")
    }

    /// What speaks against a request before its body is read. Servers that can should ask first, and not read bodies of
    /// strangers.
    #[must_use]
    pub fn refuse_head(&self, request: &AdminRequest<'_>) -> Option<AdminResponse> {
        self.check(request).err().map(Problem::into_response)
    }

    /// Answers a request whose head was not asked about.
    #[must_use]
    pub fn handle(&self, request: &AdminRequest<'_>) -> AdminResponse {
        self.check(request).and_then(|()| self.route(request)).unwrap_or_else(Problem::into_response)
    }

    /// Answers a request that [`Admin::refuse_head`] has let through.
    #[must_use]
    pub fn handle_checked(&self, request: &AdminRequest<'_>) -> AdminResponse {
        self.route(request).unwrap_or_else(Problem::into_response)
    }

    fn check(&self, request: &AdminRequest<'_>) -> std::result::Result<(), Problem> {
        if request.path() == "/readyz" {
            return Ok(());
        }
        request.check_sender(&self.0.hosts)?;
        self.authenticate(request)
    }

    fn authenticate(&self, request: &AdminRequest<'_>) -> std::result::Result<(), Problem> {
        let now = self.0.clock.monotonic();
        let presented = request.token()?;
        if presented.is_some_and(|token| self.0.tokens.accepts(token)) {
            return Ok(());
        }
        let attempt = self.0.attempts.failed(now);
        if let Some(suppressed) = attempt.suppressed {
            self.audit(&AuditEvent {
                event: "auth_failed",
                outcome: "suppressed",
                count: Some(suppressed),
                ..AuditEvent::default()
            });
        }
        let outcome = if presented.is_some() { "wrong_token" } else { "no_token" };
        if attempt.is_allowed {
            self.audit(&AuditEvent { event: "auth_failed", outcome, ..AuditEvent::default() });
            return Err(Problem::new(401, "unauthorized").header("www-authenticate", "Bearer realm=\"keyscan\""));
        }
        Err(Problem::too_many(attempt.retry_after))
    }

    fn route(&self, request: &AdminRequest<'_>) -> std::result::Result<AdminResponse, Problem> {
        if request.body.len() > MAX_ADMIN_BODY_LEN {
            return Err(Problem::new(413, "too_large"));
        }
        let path = request.path();
        let of_secret = path.strip_prefix("/v1/secrets/").and_then(|rest| rest.strip_suffix("/rotate"));
        match (path, of_secret) {
            ("/readyz", _) => {
                request.method_is(&["GET", "HEAD"])?;
                let ready = self.0.secrets.is_ready();
                Ok(AdminResponse::json(if ready { 200 } else { 503 }, &serde_json::json!({ "ready": ready })))
            }
            ("/rotate-secret", _) => request.method_is(&["POST"]).and_then(|()| self.rotate_secret(request)),
            ("/secret-status", _) => request.method_is(&["GET"]).map(|()| self.secret_status()),
            ("/v1/status", _) => request.method_is(&["GET"]).map(|()| self.status()),
            ("/v1/fingerprint", _) => request.method_is(&["POST"]).and_then(|()| self.fingerprint(request)),
            ("/v1/reload", _) => request.method_is(&["POST"]).and_then(|()| self.reload_all(request)),
            (_, Some(name)) => request.method_is(&["POST"]).and_then(|()| self.rotate(request, name)),
            _ => Err(Problem::new(404, "not_found")),
        }
    }

    fn secret(&self, name: &str) -> std::result::Result<RotatingSecret, Problem> {
        self.0.secrets.get(name).ok_or_else(|| Problem::new(404, "unknown_secret"))
    }

    /// Marks a secret as being rotated, until what is given is dropped.
    fn begin(&self, name: &str) -> std::result::Result<Busy, Problem> {
        if lock(&self.0.busy).insert(name.to_owned()) {
            Ok(Busy { admin: self.clone(), name: name.to_owned() })
        } else {
            Err(Problem::new(409, "in_flight"))
        }
    }

    /// Writes an event down. Answers whether it could be: in an emergency a full disk is no reason not to rotate, but it
    /// is told.
    fn audit(&self, event: &AuditEvent) -> bool {
        let written = self.0.audit.as_ref().is_none_or(|log| log.write(event).is_ok());
        if !written {
            self.0.audit_failures.fetch_add(1, Ordering::Relaxed);
        }
        written
    }

    /// A reason as it is written down: without secrets, and short.
    fn reason(&self, reason: Option<&str>) -> Option<String> {
        let shown = self.0.redaction.redact(reason?.as_bytes());
        let mut shown = String::from_utf8_lossy(&shown).into_owned();
        let mut end = shown.len().min(MAX_REASON_LEN);
        while !shown.is_char_boundary(end) {
            end -= 1;
        }
        shown.truncate(end);
        Some(shown)
    }
}

/// A secret that is being rotated.
struct Busy {
    admin: Admin,
    name: String,
}

impl Drop for Busy {
    fn drop(&mut self) {
        lock(&self.admin.0.busy).remove(&self.name);
    }
}
