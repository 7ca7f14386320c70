//! The secrets of a program, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use super::failure::SourceError;
use super::publish::Refreshed;
use super::rotating::RotatingSecret;
use super::state::{RotationRecord, Status};
use super::{read, write};

/// So many secrets are reloaded at a time.
const AT_A_TIME: usize = 16;
/// How many rotations of all secrets are told.
const RECORDS: usize = 10;

/// Secrets by their names. Cheap to clone; clones are the same.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Store>);

#[derive(Default)]
struct Store {
    entries: RwLock<BTreeMap<String, Entry>>,
    incident: AtomicBool,
}

struct Entry {
    secret: RotatingSecret,
    required: bool,
}

impl Secrets {
    /// None.
    #[must_use]
    pub fn new() -> Secrets {
        Secrets::default()
    }

    /// Adds a secret, in place of one of the same name. A program that requires it is not ready without a value of it.
    pub fn add(&self, secret: RotatingSecret, required: bool) {
        secret.set_incident(self.is_incident());
        write(&self.0.entries).insert(secret.name().to_owned(), Entry { secret, required });
    }

    /// The secret of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<RotatingSecret> {
        read(&self.0.entries).get(name).map(|entry| entry.secret.clone())
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> Vec<RotatingSecret> {
        read(&self.0.entries).values().map(|entry| entry.secret.clone()).collect()
    }

    /// Whether each secret that is required has a value to serve.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let required: Vec<RotatingSecret> = {
            let entries = read(&self.0.entries);
            entries.values().filter(|entry| entry.required).map(|entry| entry.secret.clone()).collect()
        };
        required.iter().all(|secret| secret.get().is_ok())
    }

    /// Polls all sources more often, or as usual again.
    pub fn set_incident(&self, on: bool) {
        self.0.incident.store(on, Ordering::Relaxed);
        self.all().iter().for_each(|secret| secret.set_incident(on));
    }

    /// Whether an incident is on.
    #[must_use]
    pub fn is_incident(&self) -> bool {
        self.0.incident.load(Ordering::Relaxed)
    }

    /// The states of all.
    #[must_use]
    pub fn statuses(&self) -> Vec<Status> {
        self.all().iter().map(RotatingSecret::status).collect()
    }

    /// The last ten rotations of all, the newest first.
    #[must_use]
    pub fn rotations(&self) -> Vec<RotationRecord> {
        let mut records: Vec<RotationRecord> = self.all().iter().flat_map(RotatingSecret::rotations).collect();
        records.sort_by(|a, b| (&b.at, b.version).cmp(&(&a.at, a.version)));
        records.truncate(RECORDS);
        records
    }

    /// The versions of any secret that have this value: `NAME@7`.
    #[must_use]
    pub fn versions_of(&self, value: &[u8]) -> Vec<String> {
        let of = |secret: &RotatingSecret| -> Vec<String> {
            let versions = secret.versions_of(value);
            versions.into_iter().map(|version| format!("{}@{version}", secret.name())).collect()
        };
        self.all().iter().flat_map(of).collect()
    }

    /// Reloads these secrets, several at a time.
    #[must_use]
    pub fn reload(
        secrets: &[RotatingSecret],
        timeout: Duration,
    ) -> Vec<(RotatingSecret, Result<Refreshed, SourceError>)> {
        let mut results = Vec::new();
        for some in secrets.chunks(AT_A_TIME) {
            results.extend(std::thread::scope(|scope| {
                let threads: Vec<_> = some.iter().map(|secret| scope.spawn(move || secret.reload(timeout))).collect();
                let ends = threads.into_iter().map(|thread| {
                    let panicked = || SourceError::new(super::FailureClass::Failed, "a thread panicked");
                    thread.join().unwrap_or_else(|_| Err(panicked()))
                });
                some.iter().cloned().zip(ends).collect::<Vec<_>>()
            }));
        }
        results
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(read(&self.0.entries).keys()).finish()
    }
}
