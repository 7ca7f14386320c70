//! Secrets that are known: values that the user holds, and the forms in which they are met.
//!
//! A set is made ready once for all redactors, as [`Needles`]; what is added later is merged into it. Each redactor
//! follows its text with a [`Matcher`].

mod admission;
mod forms;
mod grams;
mod matcher;
mod needles;
mod variant;
mod views;
mod wrap;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use self::admission::refusal;
pub use self::admission::{Admission, Refused};
use self::forms::Value;
pub(super) use self::matcher::{Hit, Matcher};
pub(super) use self::needles::Needles;
pub(super) use self::variant::parts_and_forms;
use super::watch::WatchList;
use crate::secret::Secret;

/// Versions of one secret that are hidden at a time.
const MAX_VERSIONS: usize = 64;

/// Values by what they are called.
type Entries = BTreeMap<(Arc<str>, Secret), Entry>;

/// A value of the set.
struct Entry {
    value: Arc<Value>,
    /// Of a value that is retired, how many were before it.
    retired: Option<u64>,
}

/// A watch-list of the set.
#[derive(Clone)]
struct Watched {
    list: WatchList,
    retired: bool,
}

/// Known secrets, which may change while redactors use them: what is added is hidden in all that is pushed to any of
/// them afterwards. Cheap to clone; clones are the same set.
#[derive(Clone, Default)]
pub struct KnownSecrets(Arc<Shared>);

#[derive(Default)]
struct Shared {
    entries: Mutex<Entries>,
    needles: Mutex<Arc<Needles>>,
    watched: Mutex<Vec<Watched>>,
    /// Counts the versions of `needles` and `watched`.
    version: AtomicU64,
}

impl std::fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KnownSecrets({})", self.len())
    }
}

impl KnownSecrets {
    /// A set of none.
    #[must_use]
    pub fn new() -> KnownSecrets {
        KnownSecrets::default()
    }

    /// How many values it has, retired ones and those of watch-lists included.
    #[must_use]
    pub fn len(&self) -> usize {
        let watched: usize = lock(&self.0.watched).iter().map(|watched| watched.list.len()).sum();
        lock(&self.0.entries).len() + watched
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a value under a name. When it returns, the value is hidden in all that is pushed from now on.
    ///
    /// # Errors
    /// When the value would turn up in ordinary text.
    pub fn add(&self, name: &str, value: &[u8]) -> Result<(), Refused> {
        self.add_all([(name, value)], Admission::default()).pop().map_or(Ok(()), |(_, refused)| Err(refused))
    }

    /// Adds values under their names, all at once; answers which were refused, by name.
    pub fn add_all<'v>(
        &self,
        values: impl IntoIterator<Item = (&'v str, &'v [u8])>,
        admission: Admission,
    ) -> Vec<(String, Refused)> {
        let (mut refused, mut added) = (Vec::new(), Vec::new());
        let mut entries = lock(&self.0.entries);
        for (name, value) in values {
            if let Some(why) = refusal(value, admission) {
                refused.push((name.to_owned(), why));
                continue;
            }
            let key = (Arc::from(name), Secret::new(value));
            match entries.get_mut(&key) {
                Some(entry) => entry.retired = None,
                None => {
                    let value = Arc::new(Value::new(&key.0, &key.1));
                    added.push(Arc::clone(&value));
                    entries.insert(key, Entry { value, retired: None });
                }
            }
        }
        if !added.is_empty() {
            self.publish(self.needles().with(added));
        }
        refused
    }

    /// Says that the values of this name are used no more. They stay hidden until [`KnownSecrets::forget_retired`], but
    /// for the oldest when they are more than 64.
    pub fn retire(&self, name: &str) {
        self.retire_where(name, |_| true);
    }

    /// Says that one value of this name is used no more, while others of it are. Like [`KnownSecrets::retire`] otherwise.
    pub fn retire_value(&self, name: &str, value: &[u8]) {
        self.retire_where(name, |secret| secret.expose() == value);
    }

    fn retire_where(&self, name: &str, is_meant: impl Fn(&Secret) -> bool) {
        let mut entries = lock(&self.0.entries);
        let next = entries.values().filter_map(|entry| entry.retired).max().map_or(0, |last| last + 1);
        let meant = entries.iter_mut().filter(|(key, _)| *key.0 == *name && is_meant(&key.1));
        meant.for_each(|(_, entry)| _ = entry.retired.get_or_insert(next));
        let of_name = entries.iter().filter(|(key, _)| *key.0 == *name);
        let mut ages: Vec<u64> = of_name.filter_map(|(_, entry)| entry.retired).collect();
        if ages.len() > MAX_VERSIONS {
            ages.sort_unstable();
            let oldest = ages[ages.len() - MAX_VERSIONS];
            entries.retain(|key, entry| *key.0 != *name || entry.retired.is_none_or(|age| age >= oldest));
            self.renew(&entries);
        }
    }

    /// Hides a value of this name no longer, if it is retired.
    pub fn forget_value(&self, name: &str, value: &[u8]) {
        let mut entries = lock(&self.0.entries);
        let before = entries.len();
        entries.retain(|key, entry| entry.retired.is_none() || *key.0 != *name || key.1.expose() != value);
        if entries.len() < before {
            self.renew(&entries);
        }
    }

    /// Also hides what is in this list, in all that is pushed from now on.
    pub fn watch(&self, list: WatchList) {
        let mut watched = lock(&self.0.watched);
        if let Some(known) = watched.iter_mut().find(|known| known.list.is_same(&list)) {
            known.retired = false;
            return;
        }
        watched.push(Watched { list, retired: false });
        self.0.version.fetch_add(1, Ordering::Release);
    }

    /// Says that the watch-lists are used no more. They stay until [`KnownSecrets::forget_retired`], but for the oldest
    /// when they are more than 64.
    pub fn retire_watched(&self) {
        let mut watched = lock(&self.0.watched);
        watched.iter_mut().for_each(|watched| watched.retired = true);
        let most = watched.len().saturating_sub(MAX_VERSIONS);
        watched.drain(..most);
        self.0.version.fetch_add(1, Ordering::Release);
    }

    /// Hides retired values no longer.
    pub fn forget_retired(&self) {
        lock(&self.0.watched).retain(|watched| !watched.retired);
        let mut entries = lock(&self.0.entries);
        entries.retain(|_, entry| entry.retired.is_none());
        self.renew(&entries);
    }

    /// Makes the set ready anew: something has gone.
    fn renew(&self, entries: &Entries) {
        self.publish(Needles::default().with(entries.values().map(|entry| Arc::clone(&entry.value)).collect()));
    }

    fn publish(&self, needles: Needles) {
        *lock(&self.0.needles) = Arc::new(needles);
        self.0.version.fetch_add(1, Ordering::Release);
    }

    fn needles(&self) -> Arc<Needles> {
        Arc::clone(&lock(&self.0.needles))
    }

    fn watched(&self) -> Vec<WatchList> {
        lock(&self.0.watched).iter().map(|watched| watched.list.clone()).collect()
    }

    fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }
}

/// All forms in which a secret is met, and those of the parts of it that are secrets themselves; each once.
#[cfg(feature = "trace")]
pub(crate) fn forms_of(secret: &[u8]) -> Vec<zeroize::Zeroizing<Vec<u8>>> {
    let value = Value::new(&Arc::from(""), &Secret::new(secret));
    (0..value.forms.len()).map(|index| zeroize::Zeroizing::new(value.forms.get(index).to_vec())).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_ordinary_text_are_refused_by_name() {
        let secrets = KnownSecrets::new();
        for value in [
            "",
            "{",
            "}",
            "true",
            "none",
            "admin",
            "production",
            "PASSWORD",
            "127.0.0.1",
            "8080808080",
            "------",
            "aaaaaaaaaaaa",
        ] {
            assert!(secrets.add("A_NAME", value.as_bytes()).is_err(), "{value}");
        }
        assert!(secrets.is_empty());
        assert_eq!(secrets.add("A_NAME", b"quartz-0123"), Ok(()));
        assert_eq!(format!("{secrets:?}"), "KnownSecrets(1)");
    }

    #[test]
    fn only_so_many_retired_versions_are_kept() {
        let secrets = KnownSecrets::new();
        for version in 0..200 {
            secrets.retire("A_NAME");
            secrets.add("A_NAME", format!("quartz-{version:04}").as_bytes()).unwrap();
            secrets.add("OTHER", format!("basalt-{version:04}").as_bytes()).unwrap();
        }
        assert_eq!(secrets.len(), 200 + MAX_VERSIONS + 1);
        secrets.retire("A_NAME");
        secrets.forget_retired();
        assert_eq!(secrets.len(), 200);
    }

    #[test]
    fn one_value_of_a_name_is_retired_alone() {
        let secrets = KnownSecrets::new();
        for version in 0..200 {
            secrets.add("A_NAME", format!("quartz-{version:04}").as_bytes()).unwrap();
        }
        for version in 0..100 {
            secrets.retire_value("A_NAME", format!("quartz-{version:04}").as_bytes());
        }
        assert_eq!(secrets.len(), 100 + MAX_VERSIONS);
        secrets.forget_value("A_NAME", b"quartz-0099");
        secrets.forget_value("A_NAME", b"quartz-0100");
        secrets.forget_value("OTHER", b"quartz-0098");
        assert_eq!(secrets.len(), 100 + MAX_VERSIONS - 1);
        secrets.forget_retired();
        assert_eq!(secrets.len(), 100);
    }
}
