//! Files that are edited: each is replaced at once by what it is without secrets, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use keyscan::redact::RedactStats;
use keyscan::{Error, Result};

use super::Job;
use crate::exit::Exit;

/// Bytes read at a time.
const CHUNK_LEN: usize = 256 * 1024;

impl Job<'_> {
    pub(super) fn in_place(&self) -> Result<(RedactStats, Exit)> {
        let mut all = RedactStats::default();
        for path in &self.args.files {
            let stats = self.edit(path).map_err(|error| match error {
                Failure::Io(error) => Error::config(error.to_string()).with_path(path),
                Failure::Report(error) => error,
            })?;
            all.merge(&stats);
        }
        Ok((all, Exit::Clean))
    }

    fn edit(&self, path: &Path) -> std::result::Result<RedactStats, Failure> {
        // A link stays one; what it names is edited.
        let path = fs::canonicalize(path)?;
        let mut input = File::open(&path)?;
        let metadata = input.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("only files are edited").into());
        }
        let mut copy = Copy::beside(&path)?;
        let (mut redactor, mut out, mut chunk) = (self.redaction.redactor(), Vec::new(), vec![0; CHUNK_LEN]);
        loop {
            out.clear();
            let len = match input.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if len == 0 {
                redactor.finish(&mut out);
            } else {
                redactor.push_more(&chunk[..len], &mut out);
            }
            copy.file.write_all(&out)?;
            self.report.take(&path.to_string_lossy(), &mut redactor).map_err(Failure::Report)?;
            if len == 0 {
                break;
            }
        }
        let stats = redactor.stats().clone();
        // What holds no secret is left as it is, with its times.
        if stats.total() > 0 {
            copy.file.set_permissions(metadata.permissions())?;
            keep_owner(&copy.file, &metadata);
            copy.file.sync_all()?;
            copy.replace(&path)?;
        }
        Ok(stats)
    }
}

/// Why a file was not edited.
enum Failure {
    Io(io::Error),
    Report(Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

/// A new file beside another one; it goes away unless it replaces it.
pub(crate) struct Copy {
    path: PathBuf,
    pub(crate) file: File,
}

impl Copy {
    pub(crate) fn beside(path: &Path) -> io::Result<Copy> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut attempt = 0;
        loop {
            let path = path.with_file_name(format!(".{name}.keyscan-{}-{attempt}", std::process::id()));
            match options.open(&path) {
                Ok(file) => return Ok(Copy { path, file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn replace(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Only the superuser can give files away; for others the owner is the same already.
#[cfg(unix)]
pub(crate) fn keep_owner(file: &File, metadata: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let _ = fchown(file, Some(metadata.uid()), Some(metadata.gid()));
}

#[cfg(not(unix))]
pub(crate) fn keep_owner(_: &File, _: &fs::Metadata) {}
