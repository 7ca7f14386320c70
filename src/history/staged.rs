//! The index: what the next commit would bring.

use std::path::Path;
use std::time::Instant;

use super::HistorySettings;
use super::brought::{Bringer, Step};
use super::commits::parts;
use super::diff::{Differ, Folder};
use crate::error::{Error, ErrorKind, Result};
use crate::run::{Outcome, Run, Unexamined};
use crate::source::git::index::Index;
use crate::source::git::inflate::Inflater;
use crate::source::git::lookup::Lookup;
use crate::source::git::repository::Repository;
use crate::source::git::{ObjectId, ObjectKind};

impl Run<'_> {
    /// Scans what is staged in the repository that `path` is, or is in: what the index has and neither HEAD nor a commit
    /// that is being merged has at the same path. Secrets that one of them has there, or in a file that the index does
    /// not have any more, are not found again. Of the settings, the threads, the paths and the environment count.
    ///
    /// # Errors
    /// When there is no repository, or its index, HEAD or folder of objects cannot be read.
    pub fn staged(&self, path: &Path, settings: &HistorySettings) -> Result<Outcome> {
        let started = Instant::now();
        let repository = Repository::discover(path, &settings.environment)?;
        let lookup = Lookup::open(&repository.objects, repository.hash_len)?;
        let index = Index::read(&repository.index_file, &repository.git_dir, repository.hash_len)
            .map_err(|why| Error::new(ErrorKind::Io, why).in_file(&repository.index_file))?;
        let mut before = Vec::new();
        for commit in repository.head()?.into_iter().chain(repository.merge_heads()) {
            let tree = tree_of(&lookup, &commit).ok_or_else(|| {
                Error::new(ErrorKind::Io, format!("its commit {commit} cannot be read")).in_file(&repository.git_dir)
            })?;
            before.push(tree);
        }
        let mut differ = Differ::new(&lookup, repository.hash_len);
        let changes = differ.changes(Folder::of_index(&index), &before);
        let mut outcome = Outcome::default();
        let bringer = Bringer::new(*self, &lookup, settings)?;
        let brought = bringer.gather(vec![Step { commit: None, changes }], &[], &mut differ, &mut outcome);
        bringer.tell(&brought, true, |_| None, &mut outcome);
        outcome.unexamined.append(&mut differ.unexamined);
        if !outcome.unexamined.is_empty() {
            // What cannot be opened matters where something is missing.
            let unreadable = lookup.unreadable.iter().cloned();
            outcome.unexamined.extend(unreadable.map(|(path, reason)| Unexamined { path, reason }));
        }
        outcome.sort();
        outcome.stats.elapsed = started.elapsed();
        Ok(outcome)
    }
}

/// The tree of a commit.
fn tree_of(lookup: &Lookup, commit: &ObjectId) -> Option<ObjectId> {
    let mut content = Vec::new();
    match lookup.read(commit, &mut Inflater::new(), &mut content) {
        Ok(Some(ObjectKind::Commit)) => ObjectId::from_hex(parts(&content).first("tree")?),
        _ => None,
    }
}
