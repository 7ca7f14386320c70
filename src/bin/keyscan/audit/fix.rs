//! A file without its secrets takes the place of the one with them, at once or not at all, unless somebody writes it.

use std::fs::{self, File, FileTimes, Metadata};
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use keyscan::guard::{Decision, Document, Guard};

use super::file::{Form, Seen, checked, lines};
use crate::redact::{Copy, keep_owner};

/// Mends a file that was looked at. What it is stays: a document a document, lines as many lines; so do mode and times.
pub(super) fn fix(guard: &Guard, path: &Path, seen: &Seen, quiet_for: Duration) -> Result<(), String> {
    if seen.form == Form::Database {
        return Err("databases are not changed; clear the history in the program itself".to_owned());
    }
    is_quiet(path, &seen.metadata, quiet_for)?;
    let io = |error: io::Error| error.to_string();
    let mut copy = Copy::beside(path).map_err(io)?;
    let mut file = File::open(path).map_err(io)?;
    match seen.form {
        Form::Lines => lines(BufReader::with_capacity(256 << 10, file), |line, is_whole| {
            let mended =
                if is_whole { mended(guard, line)? } else { return Err(io::Error::other("a line is too long")) };
            copy.file.write_all(&mended)
        })
        .map_err(io)?,
        _ => {
            let mut text = Vec::new();
            file.read_to_end(&mut text).map_err(io)?;
            copy.file.write_all(&mended(guard, &text).map_err(io)?).map_err(io)?;
        }
    }
    copy.file.set_permissions(seen.metadata.permissions()).map_err(io)?;
    keep_owner(&copy.file, &seen.metadata);
    // Agents list sessions by when they were written; this wrote none.
    let mut times = FileTimes::new();
    if let Ok(modified) = seen.metadata.modified() {
        times = times.set_modified(modified);
    }
    if let Ok(accessed) = seen.metadata.accessed() {
        times = times.set_accessed(accessed);
    }
    copy.file.set_times(times).map_err(io)?;
    copy.file.sync_all().map_err(io)?;
    let now = fs::symlink_metadata(path).map_err(io)?;
    if !is_same(&now, &seen.metadata) || is_open(path) {
        return Err("it was written meanwhile; try again when the agent has ended".to_owned());
    }
    copy.replace(path).map_err(io)
}

/// The line or text without its secrets.
fn mended(guard: &Guard, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        // Bytes that are no text have no strings: they are redacted as they lie there.
        return Ok(guard.redaction(keyscan::guard::Direction::ToModel).redact(bytes));
    };
    match checked(guard, text).decision {
        Decision::Allow => Ok(bytes.to_vec()),
        Decision::Block(reason) => Err(io::Error::other(reason.to_string())),
        Decision::Redact(mended) => {
            let feeds = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
            let was_document = Document::parse(text).is_ok();
            let is_line =
                text.ends_with('\n') == mended.ends_with('\n') && (!was_document || feeds(text) == feeds(&mended));
            if !is_line || (was_document && Document::parse(&mended).is_err()) {
                return Err(io::Error::other("it would not stay what it is"));
            }
            Ok(mended.into_bytes())
        }
    }
}

/// Why a file is taken for one that somebody writes.
fn is_quiet(path: &Path, metadata: &Metadata, quiet_for: Duration) -> Result<(), String> {
    let age = metadata.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    if age.is_none_or(|age| age < quiet_for) {
        return Err(format!("it changed within the last {} s (--quiet-for)", quiet_for.as_secs()));
    }
    if is_open(path) { Err("a program has it open".to_owned()) } else { Ok(()) }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    #[cfg(unix)]
    let inode = |metadata: &Metadata| {
        (std::os::unix::fs::MetadataExt::ino(metadata), std::os::unix::fs::MetadataExt::dev(metadata))
    };
    #[cfg(not(unix))]
    let inode = |_: &Metadata| ();
    inode(one) == inode(other)
        && one.len() == other.len()
        && one.file_type() == other.file_type()
        && one.modified().ok() == other.modified().ok()
}

/// Whether another process has the file open for writing, as far as this one may see.
#[cfg(target_os = "linux")]
fn is_open(path: &Path) -> bool {
    let Ok(target) = fs::canonicalize(path) else { return false };
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().filter(|process| {
        let name = process.file_name();
        name.to_str().is_some_and(|name| name != own && name.bytes().all(|byte| byte.is_ascii_digit()))
    });
    processes.flat_map(|process| fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten()).any(|fd| {
        // The mode of the link is that of the descriptor.
        let writes = || fs::symlink_metadata(fd.path()).is_ok_and(|metadata| !metadata.permissions().readonly());
        fs::read_link(fd.path()).is_ok_and(|link| link == target) && writes()
    })
}

#[cfg(not(target_os = "linux"))]
fn is_open(_: &Path) -> bool {
    false
}
