//! A log of what was done to secrets, which cannot be changed without that being seen.
//!
//! A line is a JSON object. Its last member is the hash of all that stands before it on the line, and of that the hash of
//! the line before is a part: whoever changes, takes out or puts in a line breaks the chain after it. Under a key nobody
//! without it can mend the chain. What a chain cannot tell is that its last lines were cut off: compare
//! [`AuditLog::head`] with what was noted elsewhere.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clock::{Clock, SystemClock};
use super::tag::{Tag, TagKey};
use super::{lock, time};
use crate::error::{Error, ErrorKind, Result};

/// No line is longer: what is written is short.
const MAX_LINE_LEN: usize = 16 * 1024;
/// What the first line follows.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// What stands between a line and its hash.
const HASH: &str = ",\"hash\":\"";

/// Something that was done. Nothing of it may be secret.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AuditEvent {
    /// What: `rotate`, `revoke`, `reload`, `auth_failed`.
    pub event: &'static str,
    /// The secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How it went: `rotated`, `unchanged`, a class of failures.
    pub outcome: &'static str,
    /// The version that is in use afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Its keyed hash.
    #[serde(skip_serializing_if = "Option::is_none", rename = "fp")]
    pub fingerprint: Option<Tag>,
    /// Why, in the words of who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often, of what is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// A line, but for its hash.
#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    time: &'a str,
    #[serde(flatten)]
    event: &'a AuditEvent,
    /// Lines before this one that were damaged when the log was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged: Option<u64>,
    chain: &'a str,
    prev: &'a str,
}

/// What of a line is looked at.
#[derive(Deserialize)]
struct Known {
    seq: u64,
    time: String,
    damaged: Option<u64>,
    chain: String,
    prev: String,
}

/// An audit log that is open. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog(Arc<Mutex<Open>>);

struct Open {
    file: File,
    seq: u64,
    head: String,
    key: Option<TagKey>,
    clock: Arc<dyn Clock>,
}

impl Drop for Open {
    fn drop(&mut self) {
        // To close the file is not enough where a process has just been forked, which has it until it executes its own.
        let _released = self.file.unlock();
    }
}

/// What became of looking through a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Lines that are as they were written.
    pub entries: u64,
    /// The time of the first one.
    pub first: Option<String>,
    /// The time of the last one.
    pub last: Option<String>,
    /// The hash of the last one.
    pub head: Option<String>,
    /// Lines that are not, by number, and what is wrong with them.
    pub problems: Vec<(u64, String)>,
    /// What was damaged by a crash, and noted as that when the log was opened again.
    pub recovered: u64,
}

impl AuditLog {
    /// Opens a log, or begins one for its owner alone. One program has it at a time. With a key, its chain is made of
    /// HMACs.
    ///
    /// # Errors
    /// When the file cannot be opened or written, or another program has it.
    pub fn open(path: &Path, key: Option<TagKey>) -> Result<AuditLog> {
        AuditLog::open_with(path, key, Arc::new(SystemClock))
    }

    /// The same by this clock.
    ///
    /// # Errors
    /// As for [`AuditLog::open`].
    pub fn open_with(path: &Path, key: Option<TagKey>, clock: Arc<dyn Clock>) -> Result<AuditLog> {
        let failed = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string()).in_file(path);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        if file.try_lock().is_err() {
            return Err(Error::new(ErrorKind::Io, "another program writes this audit log").in_file(path));
        }
        let (mut seq, mut head, mut damaged) = (0, NOTHING.to_owned(), 0);
        let mut ends = true;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        each_line(&mut file, |line, is_whole| {
            ends = is_whole;
            // The last line of the right form is what the next one follows.
            match parsed(line).filter(|_| is_whole) {
                Some((_, hash, known)) => (seq, head, damaged) = (known.seq, hash.to_owned(), 0),
                None => damaged += 1,
            }
        })
        .map_err(failed)?;
        let mut open = Open { file, seq, head, key, clock };
        if damaged > 0 {
            if !ends {
                open.file.write_all(b"\n").map_err(failed)?;
            }
            let event = AuditEvent { event: "recovered", outcome: "damaged", ..AuditEvent::default() };
            open.write(&event, Some(damaged)).map_err(failed)?;
        }
        Ok(AuditLog(Arc::new(Mutex::new(open))))
    }

    /// Writes an event, to the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, event: &AuditEvent) -> std::io::Result<()> {
        lock(&self.0).write(event, None)
    }

    /// The number of the last line and its hash: note them elsewhere from time to time.
    #[must_use]
    pub fn head(&self) -> (u64, String) {
        let open = lock(&self.0);
        (open.seq, open.head.clone())
    }

    /// Looks through a log.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn check(reader: impl Read, key: Option<&TagKey>) -> std::io::Result<AuditReport> {
        let mut report = AuditReport::default();
        let (mut number, mut seq, mut head) = (0, 0, NOTHING.to_owned());
        // Lines that only a note of them excuses.
        let mut unexplained: Vec<(u64, String)> = Vec::new();
        each_line(reader, |line, is_whole| {
            number += 1;
            let Some((body, hash, known)) = parsed(line).filter(|_| is_whole) else {
                unexplained.push((number, "is no line of an audit log".to_owned()));
                return;
            };
            let mut wrong = |what: &str| report.problems.push((number, what.to_owned()));
            if known.chain != chain_name(key) {
                wrong("is hashed in another way, or under another key");
            } else if hash_of(body, key) != hash {
                wrong("was changed");
            }
            if known.prev != head {
                wrong("does not follow the line before");
            } else if known.seq != seq + 1 {
                wrong("has not the next number");
            }
            let excused = known.damaged.is_some_and(|damaged| damaged == unexplained.len() as u64);
            if excused {
                report.recovered += unexplained.len() as u64;
                unexplained.clear();
            }
            report.problems.append(&mut unexplained);
            report.entries += 1;
            report.first.get_or_insert_with(|| known.time.clone());
            report.last = Some(known.time);
            (seq, head) = (known.seq, hash.to_owned());
            report.head = Some(head.clone());
        })?;
        report.problems.append(&mut unexplained);
        report.problems.sort();
        Ok(report)
    }
}

impl Open {
    fn write(&mut self, event: &AuditEvent, damaged: Option<u64>) -> std::io::Result<()> {
        let (at, chain) = (time::rfc3339(self.clock.wall()), chain_name(self.key.as_ref()));
        let line = Line { seq: self.seq + 1, time: &at, event, damaged, chain: &chain, prev: &self.head };
        let mut text = serde_json::to_string(&line)?;
        text.pop();
        if text.len() > MAX_LINE_LEN - 128 {
            return Err(std::io::Error::other("the event is too long for an audit log"));
        }
        let hash = hash_of(&text, self.key.as_ref());
        text.extend([HASH, &hash, "\"}\n"]);
        // At once, so that a crash leaves a line or a damaged one, and nothing in between.
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()?;
        (self.seq, self.head) = (self.seq + 1, hash);
        Ok(())
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditLog({} lines)", lock(&self.0).seq)
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, what) in &self.problems {
            writeln!(f, "line {line} {what}")?;
        }
        let (first, last) = (self.first.as_deref().unwrap_or("-"), self.last.as_deref().unwrap_or("-"));
        writeln!(f, "{} entries from {first} to {last}, {} problems", self.entries, self.problems.len())?;
        if self.recovered > 0 {
            writeln!(f, "{} lines were damaged by a crash, and noted as that", self.recovered)?;
        }
        write!(f, "head {}", self.head.as_deref().unwrap_or("-"))
    }
}

fn chain_name(key: Option<&TagKey>) -> String {
    key.map_or_else(|| "sha256".to_owned(), |key| format!("hmac-sha256:k{}", key.id()))
}

fn hash_of(body: &str, key: Option<&TagKey>) -> String {
    match key {
        Some(key) => HEXLOWER.encode(&key.mac("audit", &[body.as_bytes()])),
        None => HEXLOWER.encode(&Sha256::digest(body.as_bytes())),
    }
}

/// A line's text before its hash, its hash, and what is known of it.
fn parsed(line: &[u8]) -> Option<(&str, &str, Known)> {
    let line = std::str::from_utf8(line).ok()?;
    let (body, hash) = line.rsplit_once(HASH)?;
    let hash =
        hash.strip_suffix("\"}").filter(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some((body, hash, serde_json::from_str(line).ok()?))
}

/// Calls for each line, and says whether it ends as a line does. Longer ones than there may be come cut off.
fn each_line(mut reader: impl Read, mut line: impl FnMut(&[u8], bool)) -> std::io::Result<()> {
    let (mut chunk, mut held, mut too_long) = (vec![0; 64 * 1024], Vec::new(), false);
    loop {
        let len = match reader.read(&mut chunk) {
            Ok(len) => len,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if len == 0 {
            if !held.is_empty() {
                line(&held, false);
            }
            return Ok(());
        }
        for piece in chunk[..len].split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            let room = MAX_LINE_LEN.saturating_sub(held.len());
            too_long |= text.len() > room;
            held.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                // What was cut off is no line of ours, whatever stands there.
                line(if too_long { b"" } else { &held }, !too_long);
                held.clear();
                too_long = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Key;

    fn event(reason: &str) -> AuditEvent {
        let reason = Some(reason.to_owned());
        AuditEvent { event: "rotate", outcome: "rotated", version: Some(2), reason, ..AuditEvent::default() }
    }

    fn check(text: &[u8], key: Option<&TagKey>) -> AuditReport {
        AuditLog::check(text, key).unwrap()
    }

    #[test]
    fn what_was_written_is_whole_and_what_was_changed_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let key = TagKey::new(1, Key::from_bytes([7; 32]));
        for key in [None, Some(&key)] {
            let path = folder.path().join(format!("audit-{}", key.is_some()));
            let log = AuditLog::open(&path, key.cloned()).unwrap();
            assert!(AuditLog::open(&path, None).is_err(), "two programs write");
            for number in 0..5 {
                log.write(&event(&format!("tick {number} \",\"hash\":\" \n"))).unwrap();
            }
            let head = log.head();
            drop(log);
            // It goes on where it was.
            let log = AuditLog::open(&path, key.cloned()).unwrap();
            assert_eq!(log.head(), head);
            log.write(&event("again")).unwrap();
            drop(log);
            let text = std::fs::read(&path).unwrap();
            let report = check(&text, key);
            assert_eq!((report.entries, report.problems.len(), report.recovered), (6, 0, 0), "{report}");
            // Any byte that is changed, any line that is taken out, doubled or moved.
            for at in 0..text.len() {
                let mut text = text.clone();
                text[at] ^= 1;
                assert!(!check(&text, key).problems.is_empty(), "byte {at}");
            }
            let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
            for at in 0..5 {
                let mut without = lines.clone();
                without.remove(at);
                assert!(!check(&without.concat(), key).problems.is_empty());
                let mut doubled = lines.clone();
                doubled.insert(at, lines[at]);
                assert!(!check(&doubled.concat(), key).problems.is_empty());
                let mut swapped = lines.clone();
                swapped.swap(at, at + 1);
                assert!(!check(&swapped.concat(), key).problems.is_empty());
            }
            let other = TagKey::new(2, Key::from_bytes([8; 32]));
            assert_eq!(check(&text, Some(&other)).problems.len(), 6);
        }
    }

    #[test]
    fn a_crash_leaves_a_line_that_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let log = AuditLog::open(&path, None).unwrap();
        log.write(&event("one")).unwrap();
        log.write(&event("two")).unwrap();
        drop(log);
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 30]).unwrap();
        assert_eq!(check(&text[..text.len() - 30], None).problems.len(), 1);
        let log = AuditLog::open(&path, None).unwrap();
        log.write(&event("three")).unwrap();
        drop(log);
        let report = check(&std::fs::read(&path).unwrap(), None);
        assert_eq!((report.entries, report.recovered, report.problems.len()), (3, 1, 0), "{report}");
        // Nobody else's lines are excused.
        let mut text = std::fs::read(&path).unwrap();
        text.splice(0..0, *b"nonsense\n");
        assert!(!check(&text, None).problems.is_empty());
        text.extend(vec![b'x'; 3 * MAX_LINE_LEN]);
        text.push(b'\n');
        assert_eq!(check(&text, None).problems.len(), 2);
        assert!(check(b"", None).problems.is_empty());
    }
}
