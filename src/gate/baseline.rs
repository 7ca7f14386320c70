//! Accepted secrets: the one form of `.keyscanignore` and of baselines.
//!
//! ```text
//! # keyscan key: <64 hex digits>
//! <32 hex digits> until=2026-12-31 # reason
//! ```
//!
//! An entry names a secret by its fingerprint, not by a place: it follows the secret wherever it moves, and a new
//! secret on an old line is seen. Entries are sorted, one a line, and never rewritten, so that branches merge; with
//! `.keyscanignore merge=union` in `.gitattributes` they merge without conflict even where both add at one place.
//! Entries in any order, and the same entry twice, are fine: of two, the one that holds longer counts.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{fs, process};

use super::Date;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::Escaped;
use crate::finding::Located;
use crate::fingerprint::{Fingerprint, Key};

const KEY_HEADER: &str = "# keyscan key:";
const FIRST_WRITE: &str =
    "# Accepted secrets, by fingerprint: FINGERPRINT [until=YYYY-MM-DD] [# reason]. Keep the key: they depend on it.";

/// One accepted secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineEntry {
    /// The secret and its rule.
    pub fingerprint: Fingerprint,
    /// The last day on which it is accepted.
    pub until: Option<Date>,
    /// Why it is accepted.
    pub reason: Option<String>,
    /// The line of the file, from 1, in which it was read; 0 when it was added since.
    pub line: usize,
}

impl BaselineEntry {
    /// Whether it no longer counts on this day.
    #[must_use]
    pub fn is_expired(&self, today: Date) -> bool {
        self.until.is_some_and(|until| until < today)
    }

    /// Takes over what makes it hold longer.
    fn absorb(&mut self, other: BaselineEntry) {
        self.until = self.until.zip(other.until).map(|(a, b)| a.max(b));
        self.reason = self.reason.take().or(other.reason);
    }
}

impl fmt::Display for BaselineEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fingerprint.fmt(f)?;
        if let Some(until) = self.until {
            write!(f, " until={until}")?;
        }
        match &self.reason {
            Some(reason) => write!(f, " # {reason}"),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Clone)]
enum Line {
    /// A comment, or nothing: kept as it is.
    Text(String),
    Entry(BaselineEntry),
}

/// A file of accepted secrets. `Debug` does not show its key.
#[derive(Clone)]
pub struct Baseline {
    path: PathBuf,
    key: Option<Key>,
    lines: Vec<Line>,
    /// Where the entries stand in `lines`.
    index: HashMap<Fingerprint, usize>,
    /// What was accepted since the file was read.
    added: BTreeMap<Fingerprint, BaselineEntry>,
}

impl fmt::Debug for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries().count();
        f.debug_struct("Baseline").field("path", &self.path).field("entries", &entries).finish_non_exhaustive()
    }
}

impl Baseline {
    /// Reads a file's text. `path` stands for the file in errors and is where [`Baseline::write`] writes;
    /// `project_key` is the key of its fingerprints when it names none itself.
    ///
    /// # Errors
    /// With the line, when it is neither entry nor comment; when two keys are named; when there are entries and no key.
    pub fn parse(path: &Path, text: &str, project_key: Option<&Key>) -> Result<Baseline> {
        let mut own_key: Option<Key> = None;
        let mut lines: Vec<Line> = Vec::new();
        let mut index: HashMap<Fingerprint, usize> = HashMap::new();
        for (number, line) in (1..).zip(text.trim_start_matches('\u{FEFF}').lines()) {
            let line = line.trim();
            let refused = |why: &str| Error::new(ErrorKind::Syntax, format!("line {number}: {why}")).in_file(path);
            if let Some(hex) = line.strip_prefix(KEY_HEADER) {
                let key: Key = hex.trim().parse().map_err(|error: Error| refused(error.message()))?;
                match own_key.replace(key) {
                    None => lines.push(Line::Text(line.to_owned())),
                    // What a merge of two branches leaves.
                    same if same == own_key => {}
                    Some(_) => return Err(refused("a second key: fingerprints of two keys need two files")),
                }
            } else if line.is_empty() || line.starts_with('#') {
                lines.push(Line::Text(line.to_owned()));
            } else {
                let entry = parse_entry(line, number).map_err(|why| refused(&why))?;
                match index.get(&entry.fingerprint).map(|&at| &mut lines[at]) {
                    Some(Line::Entry(known)) => known.absorb(entry),
                    _ => {
                        index.insert(entry.fingerprint, lines.len());
                        lines.push(Line::Entry(entry));
                    }
                }
            }
        }
        let key = own_key.or_else(|| project_key.cloned());
        if key.is_none() && !index.is_empty() {
            let why =
                format!("its fingerprints need the key they were made with: a line `{KEY_HEADER} ...` at the top");
            return Err(Error::new(ErrorKind::Syntax, why).in_file(path));
        }
        Ok(Baseline { path: path.to_owned(), key, lines, index, added: BTreeMap::new() })
    }

    /// Reads a file; one that is not there is an empty baseline.
    ///
    /// # Errors
    /// When the file is there and cannot be read, and as [`Baseline::parse`].
    pub fn open(path: &Path, project_key: Option<&Key>) -> Result<Baseline> {
        match fs::read_to_string(path) {
            Ok(text) => Baseline::parse(path, &text, project_key),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Baseline::parse(path, "", project_key),
            Err(error) => Err(Error::new(ErrorKind::Io, error.to_string()).in_file(path)),
        }
    }

    /// The file it is read from and written to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key of its fingerprints: its own, or else the project's.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// Gives it a key of its own when there is none yet: before the first secret is accepted.
    pub fn set_key(&mut self, key: Key) {
        if self.key.is_none() {
            // Without a key there were no entries, so that no index moves.
            let header = [format!("{KEY_HEADER} {}", key.to_hex()), FIRST_WRITE.to_owned()];
            self.lines.splice(0..0, header.map(Line::Text));
            self.key = Some(key);
        }
    }

    /// The accepted secrets: those of the file in its order, then those that were added.
    pub fn entries(&self) -> impl Iterator<Item = &BaselineEntry> {
        let read = self.lines.iter().filter_map(|line| match line {
            Line::Entry(entry) => Some(entry),
            Line::Text(_) => None,
        });
        read.chain(self.added.values())
    }

    /// Accepts the secret of a finding, without those of its parts, with its place and rule as the reason. One that is
    /// there already keeps its line; only an end that has passed is taken away. Answers whether anything changed.
    ///
    /// # Errors
    /// When there is no key: see [`Baseline::set_key`].
    pub fn accept(&mut self, located: &Located, rule_id: &str, today: Date) -> Result<bool> {
        let Some(key) = &self.key else {
            let why = "there is no key to make a fingerprint with";
            return Err(Error::new(ErrorKind::Config, why).in_file(&self.path));
        };
        let fingerprint = Fingerprint::new(key, rule_id, &located.finding.secret);
        if let Some(Line::Entry(entry)) = self.index.get(&fingerprint).map(|&at| &mut self.lines[at]) {
            let renewed = entry.is_expired(today);
            if renewed {
                entry.until = None;
            }
            return Ok(renewed);
        }
        let before = self.added.len();
        self.added.entry(fingerprint).or_insert_with(|| {
            let reason = format!("{}:{} {rule_id}", Escaped(&located.path), located.finding.start.line);
            BaselineEntry { fingerprint, until: None, reason: Some(reason), line: 0 }
        });
        Ok(self.added.len() > before)
    }

    /// Takes entries out. Answers whether one was there.
    pub fn remove(&mut self, fingerprints: &[Fingerprint]) -> bool {
        let before = self.lines.len() + self.added.len();
        self.lines.retain(|line| !matches!(line, Line::Entry(entry) if fingerprints.contains(&entry.fingerprint)));
        self.added.retain(|fingerprint, _| !fingerprints.contains(fingerprint));
        self.index.clear();
        for (at, line) in self.lines.iter().enumerate() {
            if let Line::Entry(entry) = line {
                self.index.insert(entry.fingerprint, at);
            }
        }
        self.lines.len() + self.added.len() < before
    }

    /// The text of the file. What was added stands before the first greater entry, above the comments right above it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut added = self.added.values().peekable();
        // Where the comments that belong to the next entry start.
        let mut notes = 0;
        for line in &self.lines {
            match line {
                Line::Text(line) => {
                    text.extend([line, "\n"]);
                    if !is_note(line) {
                        notes = text.len();
                    }
                }
                Line::Entry(entry) => {
                    let below = text.split_off(notes);
                    while let Some(new) = added.next_if(|new| new.fingerprint < entry.fingerprint) {
                        text.extend([new.to_string().as_str(), "\n"]);
                    }
                    text.extend([below.as_str(), &entry.to_string(), "\n"]);
                    notes = text.len();
                }
            }
        }
        for new in added {
            text.extend([new.to_string().as_str(), "\n"]);
        }
        text
    }

    /// Writes the file whole: a reader sees the old text or the new one, never a part.
    ///
    /// # Errors
    /// When the folder or the file cannot be written to. The old file is then as it was.
    pub fn write(&self) -> Result<()> {
        replace(&self.path, self.to_text().as_bytes())
            .map_err(|error| Error::new(ErrorKind::Io, error.to_string()).in_file(&self.path))
    }
}

/// A comment that belongs to the entry below it.
fn is_note(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(KEY_HEADER) && text != FIRST_WRITE
}

fn parse_entry(line: &str, number: usize) -> std::result::Result<BaselineEntry, String> {
    if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|marker| line.starts_with(marker)) {
        return Err("a merge conflict: keep the lines of both sides and take the markers out".to_owned());
    }
    let (fields, reason) = match line.split_once('#') {
        Some((fields, reason)) => (fields, Some(reason.trim().to_owned()).filter(|reason| !reason.is_empty())),
        None => (line, None),
    };
    let mut fields = fields.split_whitespace();
    let fingerprint: Fingerprint =
        fields.next().unwrap_or_default().parse().map_err(|error: Error| error.message().to_owned())?;
    let mut until = None;
    for field in fields {
        let date =
            field.strip_prefix("until=").ok_or("after the fingerprint come until=YYYY-MM-DD and # reason only")?;
        let date: Date = date.parse().map_err(|error: Error| error.message().to_owned())?;
        if until.replace(date).is_some() {
            return Err("an entry ends once".to_owned());
        }
    }
    Ok(BaselineEntry { fingerprint, until, reason, line: number })
}

/// Puts a file with these bytes in the place of the old one, through a new file beside it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link stays a link: what it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
    let mut attempt = 0;
    let (beside, mut file) = loop {
        let beside = path.with_file_name(format!(".{name}.{}.{attempt}.tmp", process::id()));
        match fs::File::create_new(&beside) {
            Ok(file) => break (beside, file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
            Err(error) => return Err(error),
        }
    };
    let mut fill = || {
        file.write_all(bytes)?;
        if let Ok(old) = fs::metadata(&path) {
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&beside, &path)
    };
    fill().inspect_err(|_| {
        // Best effort: the failure that counts is the one before.
        let _ = fs::remove_file(&beside);
    })
}
