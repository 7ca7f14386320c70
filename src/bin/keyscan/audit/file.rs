//! One file that an agent has kept: what of it is secret, line by line where its lines are documents.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use keyscan::guard::{AuditEntry, Checked, Decision, Direction, Guard};
use keyscan::{Secret, Severity};

use super::sqlite::Pages;

/// No line and no text is longer.
const MAX_TEXT: u64 = 512 << 20;
const SQLITE: &[u8] = b"SQLite format 3\0";
/// What a log of changes of a database starts with, in both byte orders.
const WAL: [[u8; 4]; 2] = [[0x37, 0x7F, 0x06, 0x82], [0x37, 0x7F, 0x06, 0x83]];

/// A secret in a file.
pub(super) struct Found {
    pub(super) rule: String,
    pub(super) severity: Option<Severity>,
    /// Masked.
    pub(super) preview: String,
    /// From 1; databases have none.
    pub(super) line: Option<u64>,
    /// In the file, in bytes.
    pub(super) offset: u64,
    /// How many bytes it has there.
    len: u64,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A document in each line.
    Lines,
    /// One document, or a text.
    Whole,
    /// A database, which is only looked at.
    Database,
}

/// What came of looking at a file.
pub(super) struct Seen {
    pub(super) form: Form,
    pub(super) found: Vec<Found>,
    /// Places and lines that were not examined.
    pub(super) unexamined: u64,
    /// Of the file as it was looked at.
    pub(super) metadata: Metadata,
}

/// Looks through a file.
pub(super) fn look(guard: &Guard, path: &Path) -> io::Result<Seen> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut head = Vec::new();
    file.by_ref().take(SQLITE.len() as u64).read_to_end(&mut head)?;
    let is_main = head == SQLITE;
    let is_database = is_main || WAL.iter().any(|start| head.starts_with(start));
    let is_lines = path.extension().is_some_and(|extension| extension == "jsonl" || extension == "ndjson");
    let form = if is_database {
        Form::Database
    } else if is_lines {
        Form::Lines
    } else {
        Form::Whole
    };
    let from = BufReader::with_capacity(256 << 10, io::Cursor::new(head).chain(file));
    let mut seen = Seen { form, found: Vec::new(), unexamined: 0, metadata };
    match form {
        Form::Lines => {
            let (mut number, mut offset) = (0, 0);
            lines(from, |line, is_whole| {
                number += 1;
                if is_whole {
                    seen.text(guard, line, offset, number);
                } else {
                    seen.unexamined += 1;
                }
                offset += line.len() as u64;
                Ok(())
            })?;
        }
        Form::Whole => {
            let mut text = Vec::new();
            from.take(MAX_TEXT + 1).read_to_end(&mut text)?;
            if text.len() as u64 > MAX_TEXT {
                seen.unexamined += 1;
            } else {
                seen.text(guard, &text, 0, 1);
            }
        }
        Form::Database => {
            seen.database(guard, from)?;
            seen.split_values(guard, path, !is_main)?;
        }
    }
    Ok(seen)
}

/// Gives each line with its end; of one that is too long its start, and false.
pub(super) fn lines(mut from: impl BufRead, mut give: impl FnMut(&[u8], bool) -> io::Result<()>) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.by_ref().take(MAX_TEXT).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        give(&line, (line.len() as u64) < MAX_TEXT || line.ends_with(b"\n"))?;
    }
}

/// What becomes of a text, be it a document or not.
pub(super) fn checked(guard: &Guard, text: &str) -> Checked {
    let first = text.trim_start().bytes().next();
    let document =
        matches!(first, Some(b'{' | b'[')).then(|| guard.check_json(Direction::ToModel, text).ok()).flatten();
    document.unwrap_or_else(|| guard.check(Direction::ToModel, text))
}

impl Seen {
    fn text(&mut self, guard: &Guard, bytes: &[u8], offset: u64, first_line: u64) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            // What is no text is looked at as bytes are.
            if let Err(error) = self.database(guard, bytes) {
                debug_assert!(false, "a slice can be read: {error}");
            }
            return;
        };
        let checked = checked(guard, text);
        self.unexamined += u64::from(matches!(checked.decision, Decision::Block(_)));
        let (mut line, mut counted) = (first_line, 0);
        for entry in &checked.findings {
            let Some(span) = entry.span else { continue };
            let (start, end) = ((span.start as usize).min(bytes.len()), (span.end as usize).min(bytes.len()));
            line += bytes[counted..start.max(counted)].iter().filter(|byte| **byte == b'\n').count() as u64;
            counted = counted.max(start);
            self.push(entry, &bytes[start..end], Some(line), offset + start as u64);
        }
    }

    /// Looks at bytes as they lie there.
    fn database(&mut self, guard: &Guard, mut from: impl Read) -> io::Result<()> {
        let mut redactor = guard.redaction(Direction::ToModel).redactor();
        let (mut chunk, mut out) = (vec![0; 256 << 10], Vec::new());
        let (mut base, mut recent) = (0_u64, Vec::new());
        loop {
            out.clear();
            let len = from.read(&mut chunk)?;
            if len == 0 {
                redactor.finish(&mut out);
            } else {
                recent.extend_from_slice(&chunk[..len]);
                redactor.push_more(&chunk[..len], &mut out);
            }
            for record in redactor.take_records() {
                let Some(span) = record.span else { continue };
                let entry = guard.entry(Direction::ToModel, record);
                let part = |at: u64| (at.saturating_sub(base) as usize).min(recent.len());
                let value = recent[part(span.start)..part(span.end).max(part(span.start))].to_vec();
                self.push(&entry, &value, None, span.start);
            }
            // What is told of later starts at most so far before what comes next.
            if recent.len() > 2 << 20 {
                let gone = recent.len() - (1 << 20);
                recent.drain(..gone);
                base += gone as u64;
            }
            if len == 0 {
                self.unexamined += redactor.stats().skipped_attempts;
                return Ok(());
            }
        }
    }

    /// Looks at the values of a database that lie on several pages, put together: what is cut where a page ends was not
    /// seen as it lies there.
    fn split_values(&mut self, guard: &Guard, path: &Path, is_log: bool) -> io::Result<()> {
        let Some(mut pages) = Pages::open(path, is_log)? else { return Ok(()) };
        // What is told of already: where it starts and ends.
        let mut known: BTreeMap<u64, u64> =
            self.found.iter().map(|found| (found.offset, found.offset + found.len)).collect();
        let mut redactor = guard.redaction(Direction::ToModel).redactor();
        let mut out = Vec::new();
        let passed_over = pages.values(|value| {
            out.clear();
            redactor.push_more(&value.bytes, &mut out);
            redactor.finish(&mut out);
            for record in redactor.take_records() {
                let Some(span) = record.span.filter(|span| span.start < span.end) else { continue };
                let ends = [span.start, span.end - 1].map(|at| value.place(at));
                let is_known = |at: u64| known.range(..=at).next_back().is_some_and(|(_, end)| at < *end);
                if ends.into_iter().flatten().any(is_known) {
                    continue;
                }
                known.extend(ends.into_iter().flatten().map(|at| (at, at + 1)));
                let entry = guard.entry(Direction::ToModel, record);
                let end = (span.end as usize).min(value.bytes.len());
                let bytes = &value.bytes[(span.start as usize).min(end)..end];
                let first = value.pieces.first().and_then(|piece| piece.at);
                self.push(&entry, bytes, None, ends[0].or(first).unwrap_or(0));
            }
            Ok(())
        })?;
        self.unexamined += passed_over + redactor.stats().skipped_attempts;
        Ok(())
    }

    fn push(&mut self, entry: &AuditEntry, value: &[u8], line: Option<u64>, offset: u64) {
        let (preview, len) = (Secret::new(value).masked(), value.len() as u64);
        self.found.push(Found { rule: entry.rule.clone(), severity: entry.severity, preview, line, offset, len });
    }
}
