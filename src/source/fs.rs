//! Files and folders.
//!
//! A walk obeys ignore files (unless told otherwise), enters hidden folders, follows no symbolic link, and leaves out
//! what is inside `.git` but for its configuration, where remotes keep passwords. Files named on purpose are always
//! taken. Sockets, devices and pipes in a tree hold nothing at rest and are passed over; one that is named is read.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder, WalkState};

use crate::error::{Error, ErrorKind, Result};

/// Which files a walk takes.
#[derive(Debug, Clone, Default)]
pub struct WalkSettings {
    /// Take every file, whatever ignore files say.
    pub no_ignore: bool,
    /// Globs, as in `.gitignore`, of what is left out; relative to each root.
    pub exclude: Vec<String>,
    /// Leave them out even where a file is named on purpose; they are then relative to the current folder.
    pub force_exclude: bool,
    /// Threads; 0 for as many as there are cores.
    pub threads: usize,
}

/// Globs, as in `.gitignore`, that are asked about paths relative to a root.
#[derive(Debug, Clone)]
pub struct PathGlobs(Override);

impl PathGlobs {
    /// Compiles the globs.
    ///
    /// # Errors
    /// When one is malformed.
    pub fn new(root: &Path, globs: &[String]) -> Result<PathGlobs> {
        exclusions(root, globs).map(PathGlobs)
    }

    /// Whether one of the globs matches the path or a folder above it.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let path = Path::new(path);
        path.ancestors().any(|part| self.0.matched(part, part != path).is_ignore())
    }
}

/// A file that a walk came to.
#[derive(Debug)]
pub(crate) struct Found<'w> {
    /// How to open it.
    pub(crate) path: &'w Path,
    /// How it is called in reports.
    pub(crate) name: String,
}

/// What a walk tells its visitors.
#[derive(Debug)]
pub(crate) enum Step<'w> {
    /// A file to look at.
    File(Found<'w>),
    /// Something that could not be entered or looked up.
    Failed { name: String, reason: String },
}

/// Checks that each root is there.
pub(crate) fn check_roots(roots: &[PathBuf]) -> Result<()> {
    for root in roots {
        if let Err(error) = std::fs::metadata(root) {
            let what = match error.kind() {
                io::ErrorKind::NotFound => "no such file or folder".to_owned(),
                _ => error.to_string(),
            };
            return Err(Error::new(ErrorKind::Io, what).in_file(root));
        }
    }
    Ok(())
}

/// Walks the roots on several threads. Each thread makes a visitor, which is called for each step of that thread.
pub(crate) fn walk<V: FnMut(Step<'_>) + Send>(
    roots: &[PathBuf],
    settings: &WalkSettings,
    interrupted: &AtomicBool,
    make_visitor: impl Fn() -> V + Sync,
) -> Result<()> {
    let left_out = PathGlobs::new(Path::new(""), if settings.force_exclude { &settings.exclude } else { &[] })?;
    for root in roots {
        let overrides = exclusions(root, &settings.exclude)?;
        let single = roots.len() == 1;
        if !root.is_dir() {
            if left_out.matches(&name_of(root, root, single)) {
                continue;
            }
            // It is read whatever it is: a file, a link, a pipe. Threads take longer to start than most files to scan.
            if !interrupted.load(Ordering::Relaxed) {
                make_visitor()(Step::File(Found { path: root, name: name_of(root, root, single) }));
            }
            continue;
        }
        let mut builder = WalkBuilder::new(root);
        builder.standard_filters(!settings.no_ignore).hidden(false).require_git(false).follow_links(false);
        builder.overrides(overrides).threads(settings.threads).filter_entry(is_wanted);
        builder.build_parallel().run(|| {
            let mut visit = make_visitor();
            Box::new(move |entry| {
                if interrupted.load(Ordering::Relaxed) {
                    return WalkState::Quit;
                }
                match entry {
                    Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                        let name = name_of(entry.path(), root, single);
                        visit(Step::File(Found { path: entry.path(), name }));
                    }
                    Ok(_) => {}
                    Err(error) => {
                        let (path, reason) = describe(&error);
                        let name = path.map_or_else(|| root.display().to_string(), |p| name_of(p, root, single));
                        visit(Step::Failed { name, reason });
                    }
                }
                WalkState::Continue
            })
        });
    }
    Ok(())
}

fn exclusions(root: &Path, globs: &[String]) -> Result<Override> {
    let mut builder = OverrideBuilder::new(root);
    let refused = |error: ignore::Error| Error::new(ErrorKind::Config, format!("`exclude`: {error}"));
    for glob in globs {
        // In an override a bare glob takes in and a bang leaves out: the reverse of an ignore file.
        let inverted = glob.strip_prefix('!').map_or_else(|| format!("!{glob}"), str::to_owned);
        builder.add(&inverted).map_err(refused)?;
    }
    builder.build().map_err(refused)
}

/// Of what is inside `.git`, only its configuration.
fn is_wanted(entry: &DirEntry) -> bool {
    let inside_git = entry.depth() > 0 && entry.path().parent().and_then(Path::file_name) == Some(OsStr::new(".git"));
    !inside_git || entry.file_name() == "config"
}

/// The path below its root, or as it was given where the root is the file itself or one of several.
fn name_of(path: &Path, root: &Path, single: bool) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let shown = if !single || below.as_os_str().is_empty() { path } else { below };
    let text = shown.to_string_lossy();
    let text = text.strip_prefix("./").unwrap_or(&text);
    if std::path::MAIN_SEPARATOR == '/' { text.to_owned() } else { text.replace(std::path::MAIN_SEPARATOR, "/") }
}

fn describe(error: &ignore::Error) -> (Option<&Path>, String) {
    match error {
        ignore::Error::WithPath { path, err } => (Some(path), describe(err).1),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => describe(err),
        ignore::Error::Loop { child, .. } => (Some(child), "a folder that contains itself".to_owned()),
        ignore::Error::Io(error) => (None, error.to_string()),
        other => (None, other.to_string()),
    }
}

/// Opens a file for one reading from start to end.
pub(crate) fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    Ok((file, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_files_and_folders_above_them() {
        let globs = PathGlobs::new(Path::new("."), &["tests/".to_owned(), "*.md".to_owned()]).unwrap();
        assert!(globs.matches("tests/a/b.rs") && globs.matches("docs/x.md"));
        assert!(!globs.matches("src/tests.rs"));
    }
}
