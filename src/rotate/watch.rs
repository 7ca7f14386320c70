//! Changes of files, as the system tells them.
//!
//! A watch on a file is lost when the file is replaced, and secrets are always replaced: by a rename, or by one of a link in
//! their path, as Kubernetes does with `..data`. So the folders are watched in which the links and the file lie, and before
//! each read it is looked whether they are still the same. Where the system tells nothing (network file systems, limits),
//! the file is read every 10 s anyway.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

/// A path of more links leads nowhere.
const MAX_LINKS: usize = 16;

/// What tells a folder from another of the same name.
type Id = (u64, u64);

/// Watches the folders of files.
pub(super) struct FileWatch {
    watcher: RecommendedWatcher,
    folders: BTreeMap<PathBuf, Id>,
    /// A folder has gone, and its watch with it.
    lost: Arc<AtomicBool>,
}

impl FileWatch {
    /// A watch that calls `changed` when something has changed; `None` where the system has none.
    pub(super) fn new(changed: impl Fn() + Send + 'static) -> Option<FileWatch> {
        let lost = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&lost);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let kind = event.map_or(EventKind::Any, |event| event.kind);
            // Reading is what we do ourselves.
            if !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write)) {
                told.fetch_or(matches!(kind, EventKind::Remove(_) | EventKind::Any), Ordering::Relaxed);
                changed();
            }
        });
        Some(FileWatch { watcher: watcher.ok()?, folders: BTreeMap::new(), lost })
    }

    /// Watches the folders of these files as they are now. Answers whether each file has one.
    pub(super) fn arm(&mut self, files: &[PathBuf]) -> bool {
        let mut wanted: BTreeMap<PathBuf, Id> = BTreeMap::new();
        let mut complete = !files.is_empty();
        for file in files {
            let before = wanted.len();
            let folders = folders(file).into_iter().filter_map(|folder| fs::canonicalize(folder).ok());
            wanted.extend(folders.filter_map(|folder| Some((id(&folder)?, folder))).map(|(id, folder)| (folder, id)));
            complete &= wanted.len() > before || file.parent().is_some_and(Path::is_dir);
        }
        let lost = self.lost.swap(false, Ordering::Relaxed);
        let gone: Vec<PathBuf> = self
            .folders
            .iter()
            .filter(|(folder, id)| lost || wanted.get(*folder) != Some(id))
            .map(|(f, _)| f.clone())
            .collect();
        for folder in gone {
            // The system has dropped the watch already, where the folder has gone.
            let _ = self.watcher.unwatch(&folder);
            self.folders.remove(&folder);
        }
        for (folder, id) in wanted {
            if !self.folders.contains_key(&folder) {
                if self.watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok() {
                    self.folders.insert(folder, id);
                } else {
                    complete = false;
                }
            }
        }
        complete
    }
}

/// The folders in which a file and the links that lead to it lie.
fn folders(file: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut path = file.to_owned();
    for _ in 0..MAX_LINKS {
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
            Some(folder) => folder.to_owned(),
            None => break,
        };
        folders.push(folder.clone());
        // The folder itself may be a link that is swapped.
        if fs::symlink_metadata(&folder).is_ok_and(|found| found.is_symlink()) {
            folders.extend(folder.parent().map(Path::to_owned));
        }
        match fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) => break,
        }
    }
    folders
}

#[cfg(unix)]
fn id(folder: &Path) -> Option<Id> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(folder).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn id(folder: &Path) -> Option<Id> {
    let made = fs::metadata(folder).ok()?.created().ok()?;
    made.duration_since(std::time::UNIX_EPOCH).ok().map(|since| (since.as_secs(), u64::from(since.subsec_nanos())))
}
