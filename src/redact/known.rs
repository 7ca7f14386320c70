//! Secrets that are known: values that the user holds, and the forms in which they are met.
//!
//! The needles are the literals of a prefilter, which finds whole ones in one pass at the speed of the engine. To know
//! how much of a text may still become one, the needles are also sorted: the end of a text is the start of a needle when
//! the needle next to it in that order starts with it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroize;

use super::variant::variants;
use crate::engine::prefilter::{Buffers, Literal, Prefilter};
use crate::secret::Secret;

/// Shorter values are refused unless they are allowed.
const MIN_LEN: usize = 6;
/// Values shorter than this are found as whole words only.
const MIN_FREE_LEN: usize = 8;
/// So much of a needle is looked for before the rest is compared.
const HEAD_LEN: usize = 8;
/// The longest needle.
const MAX_LEN: usize = 64 * 1024;
/// Versions of one secret that are hidden at a time.
const MAX_VERSIONS: usize = 64;

/// Values that turn up in every text, in lower case.
const COMMON: &[&str] = &[
    "access",
    "account",
    "admin",
    "administrator",
    "authorization",
    "bearer",
    "changeit",
    "changeme",
    "config",
    "content",
    "database",
    "debug",
    "default",
    "deploy",
    "develop",
    "development",
    "disabled",
    "docker",
    "enabled",
    "environment",
    "example",
    "false",
    "github",
    "gitlab",
    "guest",
    "history",
    "localhost",
    "manager",
    "master",
    "message",
    "network",
    "nobody",
    "number",
    "object",
    "oracle",
    "output",
    "passwd",
    "password",
    "platform",
    "please",
    "postgres",
    "private",
    "process",
    "production",
    "project",
    "public",
    "python",
    "release",
    "request",
    "resource",
    "response",
    "result",
    "secret",
    "server",
    "service",
    "session",
    "setting",
    "settings",
    "staging",
    "standard",
    "status",
    "string",
    "success",
    "system",
    "target",
    "testing",
    "token",
    "undefined",
    "unknown",
    "update",
    "username",
    "value",
    "version",
    "warning",
    "welcome",
];

/// Why a value was not taken. Says nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It is so short that it would turn up in ordinary text.
    Short,
    /// It is a word, a number or punctuation, as they turn up in ordinary text.
    Common,
    /// It is longer than 64 KiB.
    Long,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Refused::Short => "is too short to be hidden without hiding ordinary text",
            Refused::Common => "is an ordinary word or number, and would be hidden everywhere",
            Refused::Long => "is longer than 64 KiB",
        })
    }
}

/// Values with what they are called; and of those that are retired, how many were before them.
type Entries = BTreeMap<(Arc<str>, Secret), Option<u64>>;

/// Known secrets, which may change while redactors use them: what is added is hidden in all that is pushed to any of
/// them afterwards. Cheap to clone; clones are the same set.
#[derive(Clone, Default)]
pub struct KnownSecrets(Arc<Shared>);

#[derive(Default)]
struct Shared {
    entries: Mutex<Entries>,
    needles: Mutex<Arc<Needles>>,
    /// Counts the versions of `needles`.
    version: AtomicU64,
}

impl std::fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KnownSecrets({})", self.len())
    }
}

/// What a value has to be to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The least length, in bytes. Default 6; less than 3 counts as 3.
    pub min_len: usize,
    /// Take words and numbers, too. Default false.
    pub allow_common: bool,
}

impl Default for Admission {
    fn default() -> Admission {
        Admission { min_len: MIN_LEN, allow_common: false }
    }
}

impl KnownSecrets {
    /// A set of none.
    #[must_use]
    pub fn new() -> KnownSecrets {
        KnownSecrets::default()
    }

    /// How many values it has, retired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.0.entries).len()
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
        let mut refused = Vec::new();
        let mut entries = lock(&self.0.entries);
        for (name, value) in values {
            if let Some(why) = refusal(value, admission) {
                refused.push((name.to_owned(), why));
                continue;
            }
            match entries.get_mut(&(name.into(), Secret::new(value))) {
                Some(retired) => *retired = None,
                None => drop(entries.insert((name.into(), Secret::new(value)), None)),
            }
        }
        self.publish(&entries);
        refused
    }

    /// Says that the values of this name are used no more. They stay hidden until [`KnownSecrets::forget_retired`], but
    /// for the oldest when they are more than 64.
    pub fn retire(&self, name: &str) {
        let mut entries = lock(&self.0.entries);
        let next = entries.values().flatten().max().map_or(0, |last| last + 1);
        let mut of_name: Vec<(&Secret, &mut Option<u64>)> =
            entries.iter_mut().filter(|entry| *entry.0.0 == *name).map(|(key, retired)| (&key.1, retired)).collect();
        for (_, retired) in &mut of_name {
            retired.get_or_insert(next);
        }
        if of_name.len() > MAX_VERSIONS {
            let mut ages: Vec<u64> = of_name.iter().filter_map(|(_, retired)| **retired).collect();
            ages.sort_unstable();
            let oldest = ages[ages.len() - MAX_VERSIONS];
            entries.retain(|key, retired| *key.0 != *name || retired.is_none_or(|age| age >= oldest));
            self.publish(&entries);
        }
    }

    /// Hides retired values no longer.
    pub fn forget_retired(&self) {
        let mut entries = lock(&self.0.entries);
        entries.retain(|_, retired| retired.is_none());
        self.publish(&entries);
    }

    fn publish(&self, entries: &Entries) {
        let needles = Arc::new(Needles::new(entries));
        *lock(&self.0.needles) = needles;
        self.0.version.fetch_add(1, Ordering::Release);
    }

    fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refusal(value: &[u8], admission: Admission) -> Option<Refused> {
    let value = value.trim_ascii();
    let lower = value.to_ascii_lowercase();
    let is_common = || {
        let punctuation = value.iter().all(|byte| !byte.is_ascii_alphanumeric() && byte.is_ascii());
        let number =
            value.len() < 12 && value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b':'));
        let repeated = value.iter().all(|byte| *byte == value[0]);
        punctuation || number || repeated || COMMON.iter().any(|word| lower == word.as_bytes())
    };
    match () {
        () if value.len() < admission.min_len.max(3) => Some(Refused::Short),
        () if value.len() > MAX_LEN => Some(Refused::Long),
        () if !admission.allow_common && is_common() => Some(Refused::Common),
        () => None,
    }
}

/// A byte string that is hidden.
struct Needle {
    bytes: Vec<u8>,
    /// Whose form it is.
    name: Arc<str>,
    /// The value it is a form of, for tags.
    value: Arc<Secret>,
    /// Only found where no letter or digit stands beside it.
    is_word: bool,
}

impl Needle {
    /// The part that is looked for first: tables of whole needles would take long to make.
    fn head(&self) -> &[u8] {
        &self.bytes[..self.bytes.len().min(HEAD_LEN)]
    }
}

impl Drop for Needle {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// All forms of all values, ready to be found.
#[derive(Default)]
pub(super) struct Needles {
    /// By their bytes.
    sorted: Vec<Needle>,
    /// Finds their heads; a head is that of a range of them.
    prefilter: Option<Prefilter>,
    heads: Vec<Range<usize>>,
    /// The first two bytes of needles, as bits.
    starts: Vec<u64>,
    max_len: usize,
}

impl Needles {
    fn new(entries: &Entries) -> Needles {
        let mut sorted = Vec::new();
        for (name, value) in entries.keys() {
            let shared = Arc::new(value.clone());
            let mut push = |bytes: Vec<u8>| {
                let is_word = bytes.len() < MIN_FREE_LEN;
                sorted.push(Needle { bytes, name: Arc::clone(name), value: Arc::clone(&shared), is_word });
            };
            let trimmed = value.expose().trim_ascii();
            if trimmed.len() < MIN_FREE_LEN {
                push(trimmed.to_vec());
            }
            push(value.expose().to_vec());
            variants(value.expose()).into_iter().for_each(push);
        }
        sorted.sort_by(|a, b| a.bytes.cmp(&b.bytes).then_with(|| a.name.cmp(&b.name)));
        sorted.dedup_by(|a, b| a.bytes == b.bytes);
        let mut starts = vec![0; 1024];
        for needle in &sorted {
            let index = usize::from(u16::from_be_bytes([needle.bytes[0], needle.bytes[1]]));
            starts[index / 64] |= 1 << (index % 64);
        }
        let (mut literals, mut heads) = (Vec::new(), Vec::new());
        for same in sorted.chunk_by(|a, b| a.head() == b.head()) {
            let from = heads.last().map_or(0, |last: &Range<usize>| last.end);
            literals.push(Literal { bytes: same[0].head().to_vec(), ignore_case: false });
            heads.push(from..from + same.len());
        }
        let max_len = sorted.iter().map(|needle| needle.bytes.len()).max().unwrap_or(0);
        let prefilter = (!literals.is_empty()).then(|| Prefilter::new(&literals, &[]));
        Needles { sorted, prefilter, heads, starts, max_len }
    }

    /// The needles that start with `tail` and go on behind it.
    fn longer(&self, tail: &[u8]) -> impl Iterator<Item = &Needle> {
        let possible = match *tail {
            [] => false,
            [first] => {
                let from = usize::from(first) * 4;
                self.starts.get(from..from + 4).is_some_and(|row| row.iter().any(|bits| *bits != 0))
            }
            [first, second, ..] => {
                let index = usize::from(u16::from_be_bytes([first, second]));
                self.starts.get(index / 64).is_some_and(|bits| bits >> (index % 64) & 1 == 1)
            }
        };
        let from =
            if possible { self.sorted.partition_point(|n| n.bytes.as_slice() < tail) } else { self.sorted.len() };
        let with_tail = self.sorted[from..].iter().take_while(move |needle| needle.bytes.starts_with(tail));
        with_tail.filter(move |needle| needle.bytes.len() > tail.len() || needle.is_word)
    }

    /// Whether some needle stands in `text`, or could stand across one of its ends or around it.
    pub(super) fn touches(&self, text: &[u8]) -> bool {
        let starts_with = |needle: &Needle| (1..=text.len()).any(|len| needle.bytes.ends_with(&text[..len]));
        (0..text.len()).any(|at| {
            let rest = &text[at..];
            let starts_rest = (1..=rest.len()).any(|len| self.holds(&rest[..len]));
            starts_rest || self.longer(rest).next().is_some()
        }) || (!text.is_empty()
            && self.sorted.iter().any(|n| starts_with(n) || memchr::memmem::find(&n.bytes, text).is_some()))
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        self.sorted.binary_search_by(|needle| needle.bytes.as_slice().cmp(bytes)).is_ok()
    }
}

/// A known secret that was found.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) name: Arc<str>,
    pub(super) value: Arc<Secret>,
}

/// Finds the needles in a text that comes piece by piece.
pub(super) struct Matcher {
    secrets: KnownSecrets,
    needles: Arc<Needles>,
    version: u64,
    /// No needle that is not known yet starts before this offset.
    pending_from: u64,
    buffers: Buffers,
}

impl Matcher {
    pub(super) fn new(secrets: KnownSecrets) -> Matcher {
        let needles = Arc::default();
        Matcher { secrets, needles, version: 0, pending_from: 0, buffers: Buffers::default() }
    }

    /// Whether the set has changed since it was looked at.
    pub(super) fn is_stale(&self) -> bool {
        self.version != self.secrets.version()
    }

    /// Takes the set as it is now; the text is looked through again from `from` on.
    pub(super) fn renew(&mut self, from: u64) {
        self.version = self.secrets.version();
        self.needles = Arc::clone(&lock(&self.secrets.0.needles));
        self.pending_from = from;
    }

    pub(super) fn needles(&self) -> &Arc<Needles> {
        &self.needles
    }

    pub(super) fn pending_from(&self) -> u64 {
        self.pending_from
    }

    /// Looks at what is new in `text`, whose first byte is at `base`; `last` says that nothing follows.
    pub(super) fn feed(&mut self, text: &[u8], base: u64, last: bool, mut sink: impl FnMut(Hit)) {
        let end = base + text.len() as u64;
        let Matcher { needles, buffers, pending_from, .. } = self;
        let Some(prefilter) = &needles.prefilter else {
            *pending_from = end;
            return;
        };
        let from = (*pending_from - base) as usize;
        prefilter.scan(text, from, text.len(), buffers, &mut |head, at, _| {
            for needle in &needles.sorted[needles.heads[head as usize].clone()] {
                if !text[at..].starts_with(&needle.bytes) {
                    continue;
                }
                let to = at + needle.bytes.len();
                let word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
                let beside = word(at.checked_sub(1).and_then(|at| text.get(at))) || word(text.get(to));
                let undecided = to == text.len() && !last;
                if !needle.is_word || (!beside && !undecided) {
                    let (start, end) = (base + at as u64, base + to as u64);
                    sink(Hit { start, end, name: Arc::clone(&needle.name), value: Arc::clone(&needle.value) });
                }
            }
        });
        let first = from.max(text.len().saturating_sub(needles.max_len));
        let pending = (first..text.len()).find(|&at| needles.longer(&text[at..]).next().is_some());
        *pending_from = pending.map_or(end, |at| base + at as u64);
    }

    /// The first place at which so much of a needle stands at the end of the text that it is hidden: a quarter, and four
    /// bytes.
    pub(super) fn partial(&self, text: &[u8], base: u64) -> Option<Hit> {
        let from = (self.pending_from - base) as usize;
        (from..text.len().saturating_sub(3)).find_map(|at| {
            let tail = &text[at..];
            let needle =
                self.needles.longer(tail).find(|needle| tail.len() >= needle.bytes.len().div_ceil(4).max(4))?;
            let (start, end) = (base + at as u64, base + text.len() as u64);
            let name = format!("{}:partial", needle.name).into();
            Some(Hit { start, end, name, value: Arc::clone(&needle.value) })
        })
    }
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
}
