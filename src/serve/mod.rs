//! The sidecar: checks and redaction for other programs of this machine, over HTTP; and a proxy between them and the
//! models that they talk to.
//!
//! A [`Sidecar`] holds what is looked for; [`router`] is its interface, to which routers of others may be merged;
//! [`Server`] listens and keeps within its limits.

#[cfg(feature = "rotate")]
mod admin;
mod answer;
mod api;
mod body;
mod listen;
mod mcp;
mod metrics;
mod names;
mod proxy;
mod tls;
mod upstream;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::sync::{Semaphore, watch};

use self::metrics::Metrics;
use crate::engine::{DOUBTFUL, Scanner, Scratch};
use crate::guard::{Direction, Guard, Policy, StreamLimits, Streams};
use crate::redact::Redaction;
use crate::rule::RuleSet;

#[cfg(feature = "rotate")]
pub use self::admin::admin_router;
pub use self::listen::{Listen, Server, ServerSettings};
pub use self::mcp::{McpProxy, McpSettings};
pub use self::proxy::{Proxy, ProxySettings};
pub use self::tls::ServerTls;

/// What one request, and all of them together, may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest body that is taken as a whole, in bytes. Bodies that are streams have no end. Default 100 MiB.
    pub body_len: usize,
    /// The bytes of all bodies that are held at one time; requests beyond that are answered with status 503. Default
    /// 512 MiB.
    pub held_len: usize,
    /// How long a body may keep its reader waiting for its next bytes. Default 30 s.
    pub idle: Duration,
    /// How long a body that is taken as a whole may take. Default 5 min.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_len: 100 << 20,
            held_len: 512 << 20,
            idle: Duration::from_secs(30),
            whole: Duration::from_secs(300),
        }
    }
}

/// What is looked for, and what is done with it. Cheap to clone.
#[derive(Clone)]
pub struct Sidecar(Arc<Inner>);

struct Inner {
    guard: Guard,
    scanner: Scanner,
    min_confidence: f32,
    /// Hides everything.
    hiding: Streams,
    /// By direction, as the policy has it.
    streams: [Streams; 3],
    scratches: Mutex<Vec<Scratch>>,
    limits: Limits,
    /// Units of [`UNIT`] bytes of bodies that may still be held.
    room: Arc<Semaphore>,
    /// Threads that may look into large bodies at one time.
    heavy: Arc<Semaphore>,
    metrics: Metrics,
    /// Nobody new is let in: what has no end of its own ends.
    ending: watch::Sender<bool>,
    /// Of which `/metrics` tells how they are.
    #[cfg(feature = "rotate")]
    secrets: std::sync::OnceLock<crate::rotate::Secrets>,
}

/// Bodies are counted in units of so many bytes.
const UNIT: usize = 4096;
/// Scratches that are kept for later scans.
const MAX_SCRATCHES: usize = 32;

impl std::fmt::Debug for Sidecar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sidecar")
    }
}

impl Sidecar {
    /// Finds what these rules find, hides as this redaction does, and decides by this policy.
    #[must_use]
    pub fn new(rules: RuleSet, redaction: &Redaction, policy: &Policy, limits: Limits) -> Sidecar {
        let guard = Guard::with_policy(redaction, policy);
        let of_stream = StreamLimits { document_len: limits.body_len, ..StreamLimits::default() };
        let streams = Direction::ALL.map(|direction| Streams::new(&guard, direction).with_limits(of_stream));
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Sidecar(Arc::new(Inner {
            hiding: Streams::hiding(redaction).with_limits(of_stream),
            streams,
            guard,
            scanner: Scanner::new(rules),
            min_confidence: DOUBTFUL,
            scratches: Mutex::default(),
            room: Arc::new(Semaphore::new((limits.held_len / UNIT).clamp(1, Semaphore::MAX_PERMITS))),
            heavy: Arc::new(Semaphore::new(threads)),
            limits,
            metrics: Metrics::default(),
            ending: watch::channel(false).0,
            #[cfg(feature = "rotate")]
            secrets: std::sync::OnceLock::new(),
        }))
    }

    /// Has `/metrics` tell how these secrets are: by name, without their values. The first set stays.
    #[cfg(feature = "rotate")]
    pub fn tell_of(&self, secrets: &crate::rotate::Secrets) {
        let _ = self.0.secrets.set(secrets.clone());
    }

    fn streams(&self, direction: Direction) -> &Streams {
        &self.0.streams[direction as usize]
    }

    fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    fn scratch(&self) -> Scratch {
        self.0.scratches.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, scratch: Scratch) {
        let mut scratches = self.0.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        if scratches.len() < MAX_SCRATCHES {
            scratches.push(scratch);
        }
    }

    /// Runs what may take long on a thread where nobody waits for it, as many at a time as there are cores.
    async fn aside<T: Send + 'static>(&self, len: usize, run: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        /// This takes a fraction of a millisecond.
        const LIGHT: usize = 32 * 1024;
        if len <= LIGHT {
            return Some(run());
        }
        let permit = Arc::clone(&self.0.heavy).acquire_owned().await.ok()?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            run()
        })
        .await
        .ok()
    }
}

/// The interface: `/v1/scan`, `/v1/redact`, `/v1/guard`, `/healthz`, `/metrics`. Merge other routers into it; a proxy is
/// its fallback.
pub fn router(sidecar: &Sidecar) -> Router {
    Router::new().merge(api::router(sidecar)).merge(metrics::router(sidecar)).fallback(answer::not_found)
}
