//! What earlier scans of a repository learned, so that only what is new in it is looked at.
//!
//! Objects never change and are named by what they hold. So an object that was scanned by the same rules need not be
//! scanned again, however it is packed now. Remembered are the ids of all objects that were examined, which of them hold
//! secrets and where in them, commits and tags with what they name, and of trees those entries that lead to objects with
//! secrets. Who brought what and what refs reach is remembered for as long as there are the same objects and the same refs.
//! What is accepted is worked out anew each time.
//!
//! No secret is in it, nor anything made from one: a secret is told by where it stands, and read again from there.

mod folder;
mod format;
mod keep;
mod recall;
mod told;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use self::folder::Folder;
use self::format::Record;
pub(super) use self::keep::Learned;
pub(super) use self::recall::Recalled;
pub(super) use self::told::State;
use super::HistoryCache;
use super::scan::ObjectScan;
use super::told::Report;
use crate::run::Run;
use crate::source::git::repository::Repository;

/// The cache of one repository, for one set of rules.
pub(super) struct Cache {
    folder: Folder,
    name: String,
    least_objects: u64,
    settings: Digest256,
    /// What was remembered, and the numbers its objects have now.
    known: Option<(Record, recall::Numbers)>,
    /// What became of it that its owner should know.
    pub(super) notes: Vec<String>,
}

type Digest256 = [u8; 32];

impl Cache {
    /// The cache of a repository in a folder of caches; `None` where nothing may be written there.
    pub(super) fn open(cache: &HistoryCache, repository: &Repository, run: &Run<'_>) -> Result<Cache, String> {
        let least_objects = cache.least_objects;
        let folder =
            Folder::new(&cache.folder, [&repository.git_dir, &repository.common_dir, &repository.objects.objects])?;
        let settings = settings_digest(run, repository.hash_len);
        let place = canonical(&repository.objects.objects);
        let short = |digest: &[u8]| data_encoding::HEXLOWER.encode(&digest[..12]);
        let repository = Sha256::digest(place.as_os_str().as_encoded_bytes());
        let name = format!("{}-{}", short(&repository), short(&settings));
        Ok(Cache { folder, name, least_objects, settings, known: None, notes: Vec::new() })
    }

    /// What is known of the objects of a store. Nothing where the cache is damaged or does not go with the store.
    pub(super) fn recall(&mut self, scan: &ObjectScan<'_>, threads: usize) -> Recalled {
        let bytes = match self.folder.read(&self.name) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Recalled::default(),
            Err(why) => {
                self.notes.push(format!("the cache is not used: {why}"));
                return Recalled::default();
            }
        };
        let record = format::decode(&bytes, &self.settings, scan.hash_len, threads);
        match record.map(|record| (recall::recall(&record, scan, threads), record)) {
            Some((Some((recalled, numbers)), record)) => {
                self.known = Some((record, numbers));
                recalled
            }
            _ => {
                self.notes.push("the cache is damaged: everything is scanned anew".to_owned());
                Recalled::default()
            }
        }
    }

    /// What was told of a repository when it was last scanned in full, if that was in this state.
    pub(super) fn told(&mut self, state: &State, repository: &Repository, scan: &ObjectScan<'_>) -> Option<Report> {
        let bytes = match self.folder.read(&self.name_of_told()) {
            Ok(bytes) => bytes?,
            Err(why) => {
                self.notes.push(format!("the cache is not used: {why}"));
                return None;
            }
        };
        let Ok(report) = told::decode(&bytes, &state.under(&self.settings), repository, scan) else {
            self.notes.push("the cache is damaged: it is worked out anew who brought what".to_owned());
            return None;
        };
        if report.is_some() {
            // What was learned of objects is as much in use.
            let _ = [&self.name, &self.name_of_told()].map(|name| self.folder.touch(name));
        }
        report
    }

    /// Remembers what is told of a repository in this state.
    pub(super) fn keep_told(&mut self, report: &Report, state: &State, repository: &Repository, scan: &ObjectScan<'_>) {
        if u64::from(scan.store.count()) < self.least_objects {
            return;
        }
        let Some(bytes) = told::encode(report, &state.under(&self.settings), repository, scan) else { return };
        if let Err(why) = self.folder.write(&self.name_of_told(), &bytes) {
            self.notes.push(format!("the cache is not kept: {why}"));
        }
    }

    fn name_of_told(&self) -> String {
        format!("{}-told", self.name)
    }

    /// Remembers what a scan that was not interrupted learned.
    pub(super) fn keep(&mut self, learned: &Learned<'_>) {
        let new = learned.found.iter().map(|found| found.blobs.len() + found.links.len()).sum::<usize>();
        if new > 0 && (new as u64) < self.least_objects {
            return;
        }
        let known = self.known.as_ref().map(|(record, numbers)| (record, numbers));
        let written = match learned.record(known) {
            None => self.folder.touch(&self.name),
            Some(record) => self.folder.write(&self.name, &format::encode(&record, &self.settings)),
        };
        if let Err(why) = written {
            self.notes.push(format!("the cache is not kept: {why}"));
        }
    }
}

/// For the test suites: both files of a cache are read, whatever is in them. Answers whether what is told of objects can be.
pub(crate) fn probe(content: &[u8], hash_len: usize) -> bool {
    told::probe(content);
    format::probe(content, hash_len)
}

/// Stands for all that decides what is found in an object, but for the object.
fn settings_digest(run: &Run<'_>, hash_len: usize) -> Digest256 {
    let mut hashed = Sha256::new();
    hashed.update(run.scanner.digest());
    hashed.update(run.min_confidence.to_bits().to_le_bytes());
    hashed.update(run.max_archive_depth.to_le_bytes());
    hashed.update((hash_len as u64).to_le_bytes());
    hashed.finalize().into()
}

fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
