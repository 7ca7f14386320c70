//! Secrets that change while a program runs: read from where they are kept, handed out for each use, hidden by every
//! redactor before anyone can read them, and replaced without a restart.
//!
//! ```no_run
//! use keyscan::redact::KnownSecrets;
//! use keyscan::rotate::{FileSource, Retry, RotatingSecret, with_reload_on_401, with_reload_on_401_async};
//!
//! # fn request(_: &[u8]) -> Result<u16, std::io::Error> { Ok(200) }
//! let known = KnownSecrets::new();
//! let key = RotatingSecret::builder("STRIPE_KEY", FileSource::new("/run/secrets/stripe")).hide_in(&known).start()?;
//! let status = with_reload_on_401(&key, &Retry::default(), |lease| request(lease.expose()), |result| {
//!     matches!(result, Ok(401))
//! })?;
//! # let _ = status;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod admin;
mod asynchronous;
mod audit;
mod breaker;
mod clock;
mod config;
mod core;
mod failure;
mod lease;
#[cfg(feature = "reqwest")]
mod middleware;
mod publish;
mod retry;
mod rotating;
mod schedule;
mod settings;
mod source;
mod state;
mod store;
mod tag;
mod time;
mod token;
mod unauthorized;
mod watch;

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use self::audit::{AuditEvent, AuditLog, AuditReport};
pub use self::breaker::BreakerState;
pub use self::clock::{Clock, ManualClock, SystemClock};
pub use self::config::SecretsConfig;
pub use self::core::Rotation;
pub use self::failure::{FailureClass, SourceError};
pub use self::lease::Lease;
#[cfg(feature = "reqwest")]
pub use self::middleware::ReloadOn401;
pub use self::publish::Refreshed;
pub use self::retry::{Rejected, Retry, RetryError, with_reload_on_401, with_reload_on_401_async};
pub use self::rotating::{Recovery, RotatingSecret, RotatingSecretBuilder, Watch};
pub use self::settings::RotateSettings;
pub use self::source::{
    AwsCredentials, AwsSecretsManager, Cached, ClientSecret, CommandSource, DirSource, EnvFileSource, EnvSource,
    Fallback, FetchContext, Fetched, Field, FileSource, Grant, HttpSettings, HttpSource, Life, OAuthClient, Protocol,
    PushSource, Refreshes, Source, VaultKv2,
};
pub use self::state::{NoValue, Origin, PreviousStatus, RotationRecord, State, Status};
pub use self::store::Secrets;
pub use self::tag::{Tag, TagKey};
pub use self::token::{TokenManager, TokenSettings};
pub use self::unauthorized::{Service, is_unauthorized};

// A thread that panicked leaves what it held whole: everything is swapped at once, or counted.

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
