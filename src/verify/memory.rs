//! Verdicts that are remembered, by fingerprint: asking again and again looks like an attack, and locks accounts.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Liveness, Receipt};
use crate::error::{Error, ErrorKind, Result};
use crate::fingerprint::{Fingerprint, Key};

/// What is alive may be revoked at any time, and is believed for so many seconds.
const ALIVE_FOR: u64 = 10 * 60;
/// What is dead stays dead, as a rule.
const DEAD_FOR: u64 = 24 * 3600;
/// The oldest go where there are more.
const MAX_KEPT: usize = 10_000;

/// Verdicts by fingerprint, in a folder of the user. Neither a secret nor anything that it can be guessed from is in it:
/// fingerprints are keyed, and the key lies beside.
#[derive(Debug)]
pub struct VerdictCache {
    path: PathBuf,
    key: Key,
    lines: BTreeMap<(String, String), Line>,
    changed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    fingerprint: String,
    endpoint: String,
    rule: String,
    liveness: String,
    status: Option<u16>,
    checked_at: u64,
}

impl VerdictCache {
    /// Opens the cache in a folder, which is made where it is not there.
    ///
    /// # Errors
    /// When the folder cannot be written to, or its key cannot be read.
    pub fn open(folder: &Path) -> Result<VerdictCache> {
        let failed = |path: &Path, error: io::Error| Error::new(ErrorKind::Io, error.to_string()).in_file(path);
        fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        let key_path = folder.join("verify.key");
        let key = match fs::read_to_string(&key_path) {
            Ok(text) => text.trim().parse().map_err(|error: Error| error.in_file(&key_path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Key::random()?;
                write_private(&key_path, key.to_hex().as_bytes()).map_err(|error| failed(&key_path, error))?;
                key
            }
            Err(error) => return Err(failed(&key_path, error)),
        };
        let path = folder.join("verdicts.jsonl");
        let text = fs::read_to_string(&path).unwrap_or_default();
        // A line that is damaged costs a question.
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let lines = lines.map(|line| ((line.fingerprint.clone(), line.endpoint.clone()), line)).collect();
        Ok(VerdictCache { path, key, lines, changed: false })
    }

    /// The key of its fingerprints.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    pub(super) fn recall(&self, fingerprint: Fingerprint, endpoint: &str, now: u64) -> Option<Receipt> {
        let line = self.lines.get(&(fingerprint.to_string(), endpoint.to_owned()))?;
        let liveness: Liveness = line.liveness.parse().ok()?;
        let for_seconds = match liveness {
            Liveness::Alive => ALIVE_FOR,
            Liveness::Dead => DEAD_FOR,
            Liveness::Unknown => return None,
        };
        // A clock that was set back makes an answer of the future.
        let age = now.checked_sub(line.checked_at)?;
        (age < for_seconds).then(|| Receipt {
            rule: line.rule.clone(),
            liveness,
            checked_at: line.checked_at,
            endpoint: line.endpoint.clone(),
            status: line.status,
            reason: None,
            is_cached: true,
        })
    }

    pub(super) fn keep(&mut self, fingerprint: Fingerprint, receipt: &Receipt) {
        if receipt.liveness == Liveness::Unknown {
            return;
        }
        let line = Line {
            fingerprint: fingerprint.to_string(),
            endpoint: receipt.endpoint.clone(),
            rule: receipt.rule.clone(),
            liveness: receipt.liveness.to_string(),
            status: receipt.status,
            checked_at: receipt.checked_at,
        };
        self.lines.insert((line.fingerprint.clone(), line.endpoint.clone()), line);
        self.changed = true;
    }

    /// Writes what was learned.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn save(&mut self) -> Result<()> {
        if !self.changed {
            return Ok(());
        }
        let mut lines: Vec<&Line> = self.lines.values().collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.checked_at));
        let mut text = String::new();
        for line in lines.into_iter().take(MAX_KEPT) {
            text.push_str(&serde_json::to_string(line).unwrap_or_default());
            text.push('\n');
        }
        let beside = self.path.with_extension(format!("{}.new", std::process::id()));
        let written = write_private(&beside, text.as_bytes()).and_then(|()| fs::rename(&beside, &self.path));
        self.changed = false;
        written.map_err(|error| {
            let _ = fs::remove_file(&beside);
            Error::new(ErrorKind::Io, error.to_string()).in_file(&self.path)
        })
    }
}

/// Writes a new file that only its owner can read.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn receipt(liveness: Liveness) -> Receipt {
        Receipt {
            rule: "test-key".to_owned(),
            liveness,
            checked_at: 1000,
            endpoint: "GET https://t.example/me".to_owned(),
            status: Some(200),
            reason: None,
            is_cached: false,
        }
    }

    #[test]
    fn verdicts_are_remembered_for_a_while_and_without_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = VerdictCache::open(folder.path()).unwrap();
        let of =
            |cache: &VerdictCache, text: &str| Fingerprint::new(cache.key(), "test-key", &Secret::new(text.as_bytes()));
        let (alive, dead) = (of(&cache, "rosebud-1"), of(&cache, "rosebud-2"));
        cache.keep(alive, &receipt(Liveness::Alive));
        cache.keep(dead, &receipt(Liveness::Dead));
        cache.keep(of(&cache, "rosebud-3"), &receipt(Liveness::Unknown));
        cache.save().unwrap();
        let cache = VerdictCache::open(folder.path()).unwrap();
        let endpoint = "GET https://t.example/me";
        let known = |print, at| cache.recall(print, endpoint, at).map(|receipt| receipt.liveness);
        assert_eq!(known(alive, 1000 + ALIVE_FOR - 1), Some(Liveness::Alive));
        assert_eq!(known(alive, 1000 + ALIVE_FOR), None);
        assert_eq!(known(dead, 1000 + ALIVE_FOR), Some(Liveness::Dead));
        assert_eq!((known(dead, 1000 + DEAD_FOR), known(dead, 999)), (None, None));
        assert_eq!(cache.recall(alive, "GET https://other.example/", 1000), None);
        assert_eq!(known(of(&cache, "rosebud-3"), 1000), None);
        let text = fs::read_to_string(folder.path().join("verdicts.jsonl")).unwrap();
        assert!(!text.contains("rosebud"));
        #[cfg(unix)]
        for name in ["verdicts.jsonl", "verify.key"] {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
