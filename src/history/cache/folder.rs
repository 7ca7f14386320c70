//! The files of caches: for their owner alone, written in one step, and not too many of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::canonical;

/// A cache that would be larger is not kept. That is some ten million objects.
const MAX_LEN: u64 = 256 << 20;
/// Of all caches together the oldest go when they take more.
const MAX_TOTAL: u64 = 1 << 30;
/// What was left behind half written goes after this.
const MAX_AGE_OF_HALVES: Duration = Duration::from_secs(86_400);
const EXTENSION: &str = "history";
const HALF: &str = "half";

/// The folder in which caches lie.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder at a path, unless that lies in one of `forbidden`.
    pub(super) fn new(path: &Path, forbidden: [&PathBuf; 3]) -> Result<Folder, String> {
        let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
        // It may not be there yet; then the folder in which it will be made counts.
        let existing = absolute.ancestors().find(|folder| folder.exists()).unwrap_or(&absolute);
        let existing = canonical(existing);
        match forbidden.into_iter().any(|folder| existing.starts_with(canonical(folder))) {
            true => Err(format!("{} lies in the repository that is scanned", path.display())),
            false => Ok(Folder(absolute)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name).with_extension(EXTENSION)
    }

    /// The bytes of a cache; `None` when there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let path = self.path(name);
        let said = |error: io::Error| format!("{}: {error}", path.display());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(said(error)),
        };
        let data = file.metadata().map_err(said)?;
        if may_be_of_others(&data) {
            return Err(format!("{}: others may write it", path.display()));
        }
        let mut bytes = Vec::with_capacity(data.len().min(MAX_LEN) as usize);
        file.take(MAX_LEN).read_to_end(&mut bytes).map_err(said)?;
        Ok(Some(bytes))
    }

    /// Marks a cache as used.
    pub(super) fn touch(&self, name: &str) -> Result<(), String> {
        // It is only about which go first; a file that cannot be marked is used all the same.
        let _ =
            OpenOptions::new().append(true).open(self.path(name)).and_then(|file| file.set_modified(SystemTime::now()));
        Ok(())
    }

    /// Puts a cache in the place of the one that was there.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() as u64 > MAX_LEN {
            return Err(format!("it would take more than {} MiB", MAX_LEN >> 20));
        }
        let path = self.path(name);
        let half = self.0.join(format!("{name}-{}.{HALF}", std::process::id()));
        let written = self.make().and_then(|()| write_new(&half, bytes)).and_then(|()| fs::rename(&half, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&half);
            return Err(format!("{}: {error}", path.display()));
        }
        self.clear(&path);
        Ok(())
    }

    fn make(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.0)
    }

    /// Removes the oldest caches when there is too much of them, but for the one at `kept`.
    fn clear(&self, kept: &Path) {
        let mut caches = Vec::new();
        for entry in fs::read_dir(&self.0).into_iter().flatten().filter_map(io::Result::ok) {
            let path = entry.path();
            let Some((data, changed)) =
                entry.metadata().ok().and_then(|data| Some((data.len(), data.modified().ok()?)))
            else {
                continue;
            };
            match path.extension().and_then(|end| end.to_str()) {
                Some(EXTENSION) if path != kept => caches.push((changed, data, path)),
                Some(HALF) if changed.elapsed().is_ok_and(|age| age > MAX_AGE_OF_HALVES) => {
                    let _ = fs::remove_file(path);
                }
                _ => {}
            }
        }
        caches.sort();
        let mut total = caches.iter().map(|(_, len, _)| len).sum::<u64>() + MAX_LEN;
        for (_, len, path) in caches {
            if total <= MAX_TOTAL {
                break;
            }
            total -= len;
            let _ = fs::remove_file(path);
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A process of this number may have left one.
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

/// Whoever may write a cache may hide secrets by it.
#[cfg(unix)]
fn may_be_of_others(data: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o022 != 0
}

#[cfg(not(unix))]
fn may_be_of_others(_: &fs::Metadata) -> bool {
    false
}
