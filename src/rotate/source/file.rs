//! Files, folders as Kubernetes mounts them, and `.env` files.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::protocol::strip_line_end;
use super::{FetchContext, Fetched, Refreshes, Source};
use crate::redact::dotenv;
use crate::rotate::failure::{FailureClass, SourceError};
use crate::secret::Secret;

/// No secret file is larger.
const MAX_FILE_LEN: u64 = 1 << 20;
/// Two reads so far apart have to give the same, where a file may be written in place.
const SETTLE: Duration = Duration::from_millis(50);
/// How often a folder is opened anew when its version goes while it is read.
const ATTEMPTS: usize = 8;
/// The link to the version that counts, in a folder that Kubernetes mounts.
const DATA: &str = "..data";

type Bytes = Zeroizing<Vec<u8>>;

/// A file that is one secret, written in place or swapped. One line end at its end is taken off.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    keep_line_end: bool,
    settled: Settled,
}

impl FileSource {
    /// The file at this path. It may be a link, and a file of a mounted Kubernetes secret.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> FileSource {
        FileSource { path: path.into(), keep_line_end: false, settled: Settled::default() }
    }

    /// Takes the line end at the end of the file as a part of the secret.
    #[must_use]
    pub fn keep_line_end(mut self) -> FileSource {
        self.keep_line_end = true;
        self
    }
}

impl Source for FileSource {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        let bytes = self.settled.read(&self.path, context)?;
        let value = if self.keep_line_end { &bytes } else { strip_line_end(&bytes) };
        Ok(Fetched::new(Secret::new(value)))
    }

    fn refreshes(&self) -> Refreshes {
        Refreshes::Local
    }

    fn watched(&self) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }
}

/// A variable of a `.env` file.
#[derive(Debug)]
pub struct EnvFileSource {
    path: PathBuf,
    variable: String,
    settled: Settled,
}

impl EnvFileSource {
    /// This variable of the file at this path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, variable: impl Into<String>) -> EnvFileSource {
        EnvFileSource { path: path.into(), variable: variable.into(), settled: Settled::default() }
    }
}

impl Source for EnvFileSource {
    fn kind(&self) -> &'static str {
        "env-file"
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        let bytes = self.settled.read(&self.path, context)?;
        // The last assignment counts, as it does for shells.
        let found = dotenv(&bytes).into_iter().rev().find(|(name, _)| *name == self.variable);
        let (_, value) = found.ok_or_else(|| {
            SourceError::new(FailureClass::NotFound, format!("the file has no value of {}", self.variable))
        })?;
        Ok(Fetched::new(Secret::new(&value)))
    }

    fn refreshes(&self) -> Refreshes {
        Refreshes::Local
    }

    fn watched(&self) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }
}

/// Files of one folder that belong together, as Kubernetes mounts a secret: all are read from one version of it. With one
/// file the value is that file's; with several it is a JSON object of their names and values, of which [`Field`](super::Field)
/// takes one.
#[derive(Debug)]
pub struct DirSource {
    folder: PathBuf,
    files: Vec<String>,
}

impl DirSource {
    /// These files of a folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, files: impl IntoIterator<Item = impl Into<String>>) -> DirSource {
        DirSource { folder: folder.into(), files: files.into_iter().map(Into::into).collect() }
    }

    fn snapshot(&self) -> Result<Vec<Bytes>, SourceError> {
        let snapshot = Snapshot::open(&self.folder)?;
        self.files.iter().map(|file| snapshot.read(file)).collect()
    }
}

impl Source for DirSource {
    fn kind(&self) -> &'static str {
        "dir"
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        let is_name = |file: &String| !file.is_empty() && !file.contains(['/', '\\']) && file != "..";
        if self.files.is_empty() || !self.files.iter().all(is_name) {
            return Err(SourceError::new(FailureClass::NotFound, "a folder of secrets needs the names of its files"));
        }
        let mut attempt = 0;
        let values = loop {
            match self.snapshot() {
                // The version was removed while it was read: there is a newer one.
                Err(error) if error.class() == FailureClass::NotFound && attempt < ATTEMPTS => {
                    attempt += 1;
                    context.sleep(Duration::from_millis(2 << attempt))?;
                }
                result => break result?,
            }
        };
        if let [value] = values.as_slice() {
            return Ok(Fetched::new(Secret::new(strip_line_end(value))));
        }
        let mut document = Zeroizing::new(Vec::with_capacity(values.iter().map(|value| 6 * value.len() + 64).sum()));
        for (file, value) in self.files.iter().zip(&values) {
            let value = std::str::from_utf8(strip_line_end(value))
                .map_err(|_| SourceError::malformed(format!("{file} is not UTF-8")))?;
            let opens = if document.is_empty() { b'{' } else { b',' };
            document.push(opens);
            let written = serde_json::to_writer(&mut *document, file).and_then(|()| {
                document.push(b':');
                serde_json::to_writer(&mut *document, value)
            });
            written.map_err(|_| SourceError::malformed("the files cannot be one document"))?;
        }
        document.push(b'}');
        Ok(Fetched::new(Secret::new(&document)))
    }

    fn refreshes(&self) -> Refreshes {
        Refreshes::Local
    }

    fn watched(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| self.folder.join(file)).collect()
    }
}

/// Reads a file that may be written in place: what was not there before has to be read twice.
#[derive(Debug, Default)]
struct Settled(Mutex<Option<[u8; 32]>>);

impl Settled {
    fn read(&self, path: &Path, context: &FetchContext<'_>) -> Result<Bytes, SourceError> {
        let (mut bytes, mut stamp) = read(path)?;
        let digest = |bytes: &Bytes| -> [u8; 32] { Sha256::digest(&**bytes).into() };
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Kubernetes never writes to a version that it has shown.
        if known != Some(digest(&bytes)) && !is_in_snapshot(path) {
            loop {
                context.sleep(SETTLE).map_err(|error| match error.class() {
                    FailureClass::Timeout => SourceError::new(FailureClass::Unsettled, "the file kept changing"),
                    _ => error,
                })?;
                let (again, stamped) = read(path)?;
                // The same bytes may be there twice by chance: none, while somebody writes again and again.
                if again == bytes && stamped == stamp {
                    break;
                }
                (bytes, stamp) = (again, stamped);
            }
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(digest(&bytes));
        Ok(bytes)
    }
}

/// Whether a file is one of a version that Kubernetes mounts.
fn is_in_snapshot(path: &Path) -> bool {
    fs::read_link(path).is_ok_and(|target| target.starts_with(DATA))
}

/// A file and when it was last written.
fn read(path: &Path) -> Result<(Bytes, Option<SystemTime>), SourceError> {
    let failed = |error: io::Error| SourceError::io(&error, path.display());
    let mut options = File::options();
    options.read(true);
    // A pipe would be waited for.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits() as i32);
    let file = options.open(path).map_err(failed)?;
    let bytes = read_all(&file, &path.display().to_string())?;
    Ok((bytes, file.metadata().and_then(|found| found.modified()).ok()))
}

fn read_all(file: &File, name: &str) -> Result<Bytes, SourceError> {
    let failed = |error: io::Error| SourceError::io(&error, name);
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(SourceError::new(FailureClass::NotFound, format!("{name} is no regular file")));
    }
    // One allocation, so that no copy is left behind by a buffer that grew.
    let mut bytes = Zeroizing::new(Vec::with_capacity(found.len().min(MAX_FILE_LEN) as usize + 1));
    file.take(MAX_FILE_LEN + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_LEN {
        return Err(SourceError::new(FailureClass::TooLarge, format!("{name} is larger than 1 MiB")));
    }
    Ok(bytes)
}

/// One version of a folder, which stays itself while `..data` is pointed elsewhere.
#[cfg(unix)]
struct Snapshot {
    folder: rustix::fd::OwnedFd,
    name: PathBuf,
}

#[cfg(unix)]
impl Snapshot {
    fn open(folder: &Path) -> Result<Snapshot, SourceError> {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let failed = |error: rustix::io::Errno| SourceError::io(&error.into(), folder.display());
        let opened = match rustix::fs::open(folder.join(DATA), flags, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) => rustix::fs::open(folder, flags, Mode::empty()),
            opened => opened,
        };
        Ok(Snapshot { folder: opened.map_err(failed)?, name: folder.to_owned() })
    }

    fn read(&self, file: &str) -> Result<Bytes, SourceError> {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let name = self.name.join(file).display().to_string();
        let opened = rustix::fs::openat(&self.folder, file, flags, Mode::empty());
        let opened = opened.map_err(|error| SourceError::io(&error.into(), &name))?;
        read_all(&File::from(opened), &name)
    }
}

#[cfg(not(unix))]
struct Snapshot(PathBuf);

#[cfg(not(unix))]
impl Snapshot {
    fn open(folder: &Path) -> Result<Snapshot, SourceError> {
        let data = folder.join(DATA);
        let chosen = if data.exists() { data } else { folder.to_owned() };
        fs::canonicalize(&chosen).map(Snapshot).map_err(|error| SourceError::io(&error, folder.display()))
    }

    fn read(&self, file: &str) -> Result<Bytes, SourceError> {
        read(&self.0.join(file)).map(|(bytes, _)| bytes)
    }
}
