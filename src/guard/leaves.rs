//! Documents, decided on string by string and edited in place: what stands outside of secrets stays byte for byte.
//!
//! A document is looked at twice. Once as it is written, with the redactor that keeps documents what they are: there a
//! name stands beside its value. And once string by string, of those that have escapes, as what they say: there a file
//! that stands in a string has lines, and a document that stands in a string is one. Both give places in the text as it
//! is written; where those overlap they are one.

use std::ops::Range;

use super::Lane;
use super::audit::AuditEntry;
use super::document::{Document, NotJson, ValueKind};
use super::policy::Action;
use super::string::{decoded, json_string, pieces};
use crate::redact::{Cause, Record, Redaction, Redactor};
use crate::span::Span;

/// Documents in strings of documents; what is deeper is looked at as text.
const MAX_NESTED: usize = 4;
/// No shorter string is a picture.
const MIN_MEDIA: usize = 64;

/// What takes the place of a secret in a text.
#[derive(Debug)]
pub(super) struct Edit {
    /// In the text.
    pub(super) at: Range<usize>,
    /// As it stands in the text.
    pub(super) with: String,
    pub(super) entry: AuditEntry,
}

/// Finds what is to be edited in documents that go one way.
pub(super) struct Leaves<'l> {
    lane: &'l Lane,
    text: Option<Redactor>,
    json: Option<Redactor>,
    /// What a redactor wrote, which nobody reads.
    out: Vec<u8>,
    /// Places that were passed over.
    pub(super) skipped: u64,
}

impl<'l> Leaves<'l> {
    pub(super) fn new(lane: &'l Lane) -> Leaves<'l> {
        Leaves { lane, text: None, json: None, out: Vec::new(), skipped: 0 }
    }

    /// The edits of a document, in order; none overlaps another.
    pub(super) fn edits(&mut self, text: &str) -> Result<Vec<Edit>, NotJson> {
        Ok(self.in_document(text, &Document::parse(text)?, 0))
    }

    fn in_document(&mut self, text: &str, document: &Document<'_>, depth: usize) -> Vec<Edit> {
        let (mut edits, mut media) = (Vec::new(), Vec::new());
        for node in document.nodes().iter().filter(|node| node.kind == ValueKind::String) {
            let inner = node.start as usize + 1..node.end as usize - 1;
            let raw = &text.as_bytes()[inner.clone()];
            if is_media(raw) {
                media.push(inner);
            } else if memchr::memchr(b'\\', raw).is_some() {
                self.in_string(raw, inner.start, depth, &mut edits);
            }
        }
        match document.root().kind() {
            ValueKind::Object | ValueKind::Array => self.in_written(text, document, &media, &mut edits),
            ValueKind::String if edits.is_empty() && media.is_empty() => self.in_string(
                &text.as_bytes()[document.nodes()[0].start as usize + 1..document.nodes()[0].end as usize - 1],
                document.nodes()[0].start as usize + 1,
                depth,
                &mut edits,
            ),
            _ => {}
        }
        merged(edits)
    }

    /// Looks at the document as it is written.
    fn in_written(&mut self, text: &str, document: &Document<'_>, media: &[Range<usize>], edits: &mut Vec<Edit>) {
        // A document starts at the start of a line.
        let from = text.len() - text.trim_start().len();
        let Leaves { lane, json, out, skipped, .. } = self;
        let records = records(json.get_or_insert_with(|| lane.json.redactor()), &text.as_bytes()[from..], out, skipped);
        let nodes = document.nodes();
        for record in records {
            let Some(at) = record.span.map(|span| span.start as usize + from..span.end as usize + from) else {
                continue;
            };
            let number = nodes.partition_point(|node| (node.start as usize) <= at.start);
            let Some(node) = number.checked_sub(1).map(|number| nodes[number]) else { continue };
            let is_string = node.kind == ValueKind::String;
            let within = if is_string { at.end < node.end as usize } else { at.end <= node.end as usize };
            let is_scalar = matches!(node.kind, ValueKind::Number | ValueKind::Literal);
            let in_media = media.partition_point(|leaf| leaf.end <= at.start);
            if media.get(in_media).is_some_and(|leaf| leaf.start <= at.start) || !within || !(is_string || is_scalar) {
                continue;
            }
            let mut with = json_string(&record.marker);
            if is_string {
                with = with[1..with.len() - 1].to_owned();
            }
            edits.extend(edit(&self.lane.json, self.lane, record, at, with));
        }
    }

    /// Looks at what a string says, which stands at `base` between its quotes.
    fn in_string(&mut self, raw: &[u8], base: usize, depth: usize, edits: &mut Vec<Edit>) {
        let said = decoded(raw);
        let inner = match nested(&said).filter(|_| depth < MAX_NESTED) {
            Some((text, document)) => self.in_document(text, &document, depth + 1),
            None => self.in_text(&said),
        };
        if inner.is_empty() {
            return;
        }
        let mut places = Places::new(raw);
        for mut edit in inner {
            let at = places.range(edit.at);
            edit.at = base + at.start..base + at.end;
            edit.entry.span = Some(Span { start: edit.at.start as u64, end: edit.at.end as u64 });
            let with = json_string(&edit.with);
            edit.with = with[1..with.len() - 1].to_owned();
            edits.push(edit);
        }
    }

    /// Looks at a text; the edits are in order.
    pub(super) fn in_text(&mut self, text: &[u8]) -> Vec<Edit> {
        let Leaves { lane, text: redactor, out, skipped, .. } = self;
        let records = records(redactor.get_or_insert_with(|| lane.text.redactor()), text, out, skipped);
        let edits = records.into_iter().filter_map(|record| {
            let at = record.span.map(|span| span.start as usize..(span.end as usize).min(text.len()))?;
            let with = record.marker.clone();
            edit(&lane.text, lane, record, at, with)
        });
        merged(edits.collect())
    }
}

fn edit(redaction: &Redaction, lane: &Lane, record: Record, at: Range<usize>, with: String) -> Option<Edit> {
    let mut entry = AuditEntry::of(record, redaction);
    entry.action = lane.policy.on_entry(&entry);
    entry.span = Some(Span { start: at.start as u64, end: at.end as u64 });
    (entry.action != Action::Allow && at.start < at.end).then_some(Edit { at, with, entry })
}

/// What a redactor hides in a whole text.
fn records(redactor: &mut Redactor, text: &[u8], out: &mut Vec<u8>, skipped: &mut u64) -> Vec<Record> {
    let before = redactor.stats().skipped_attempts;
    out.clear();
    redactor.push_more(text, out);
    redactor.finish(out);
    *skipped += redactor.stats().skipped_attempts - before;
    redactor.take_records()
}

/// The document that a string holds, if it holds one.
fn nested(said: &[u8]) -> Option<(&str, Document<'_>)> {
    let first = said.iter().find(|byte| !byte.is_ascii_whitespace());
    let text = first.filter(|byte| matches!(byte, b'{' | b'[')).and_then(|_| std::str::from_utf8(said).ok())?;
    Some((text, Document::parse(text).ok()?))
}

/// Edits in order, those that overlap as one.
fn merged(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    let mut merged: Vec<Edit> = Vec::with_capacity(edits.len());
    for edit in edits {
        let Some(last) = merged.last_mut().filter(|last| edit.at.start < last.at.end) else {
            merged.push(edit);
            continue;
        };
        let at = last.at.start..last.at.end.max(edit.at.end);
        let action = last.entry.action.max(edit.entry.action);
        if rank(&edit.entry) < rank(&last.entry) {
            *last = edit;
        }
        last.entry.span = Some(Span { start: at.start as u64, end: at.end as u64 });
        last.entry.action = action;
        last.at = at;
    }
    merged
}

/// What overlapping edits are named after: the least.
fn rank(entry: &AuditEntry) -> u8 {
    match entry.cause {
        Cause::Known => 0,
        Cause::Rule(_) => 1,
        Cause::Member => 2,
        Cause::Overlap => 3,
    }
}

/// The text with these edits made.
pub(super) fn applied<'e>(text: &str, edits: impl IntoIterator<Item = &'e Edit>) -> String {
    let (mut out, mut done) = (Vec::with_capacity(text.len()), 0);
    for edit in edits {
        out.extend_from_slice(&text.as_bytes()[done..edit.at.start]);
        out.extend_from_slice(edit.with.as_bytes());
        done = edit.at.end;
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
    // A secret that ends within a character is none of this text's.
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// From places in what a string says to places in how it is written, in order.
struct Places<'r> {
    raw: &'r [u8],
    /// Ends of pieces: in what is said, and as written.
    pieces: Vec<(usize, usize)>,
    next: usize,
}

impl<'r> Places<'r> {
    fn new(raw: &'r [u8]) -> Places<'r> {
        let (mut ends, mut said, mut written) = (Vec::new(), 0, 0);
        pieces(raw, |piece, len| {
            said += piece.len();
            written += len;
            ends.push((said, written));
        });
        Places { raw, pieces: ends, next: 0 }
    }

    fn range(&mut self, said: Range<usize>) -> Range<usize> {
        let start = self.place(said.start, false);
        start..self.place(said.end, true).max(start)
    }

    /// Where this offset is written; within an escape, where it starts or ends.
    fn place(&mut self, offset: usize, up: bool) -> usize {
        while self.pieces.get(self.next).is_some_and(|(said, _)| *said < offset || (!up && *said == offset)) {
            self.next += 1;
        }
        let (from, from_written) = self.next.checked_sub(1).map_or((0, 0), |number| self.pieces[number]);
        let Some(&(to, to_written)) = self.pieces.get(self.next) else { return self.raw.len() };
        let is_escape = self.raw[from_written] == b'\\';
        match () {
            () if offset <= from => from_written,
            () if offset >= to => to_written,
            () if is_escape && up => to_written,
            () if is_escape => from_written,
            () => from_written + (offset - from),
        }
    }
}

/// Whether a string is a picture, a sound or a film in base64: what looks like a secret in it is none, and what is
/// changed in it destroys it.
fn is_media(raw: &[u8]) -> bool {
    const STARTS: &[&[u8]] = &[
        b"iVBORw0KGgo",
        b"/9j/",
        b"R0lGOD",
        b"UklGR",
        b"SUQz",
        b"T2dnUw",
        b"ZkxhQw",
        b"Qk0",
        b"GkXfo",
        b"//uQ",
        b"//uS",
        b"//vQ",
        b"//NI",
        b"//OE",
        b"AAAAGGZ0eX",
        b"AAAAHGZ0eX",
        b"AAAAIGZ0eX",
        b"AAAAFGZ0eX",
    ];
    if raw.len() < MIN_MEDIA {
        return false;
    }
    let data = raw.starts_with(b"data:").then(|| memchr::memmem::find(&raw[..raw.len().min(128)], b";base64,"));
    let base64 = match data {
        Some(None) => return false,
        Some(Some(at)) => &raw[at + b";base64,".len()..],
        None => raw,
    };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\\');
    STARTS.iter().any(|start| base64.starts_with(start)) && base64.iter().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_strings_lead_back_to_how_they_are_written() {
        let raw = br"ab\ncd\u00e9ef\ud83d\ude00g";
        let said = decoded(raw);
        assert_eq!(std::str::from_utf8(&said).unwrap(), "ab\ncd\u{e9}ef\u{1f600}g");
        let part = |from: usize, to: usize| {
            let range = Places::new(raw).range(from..to);
            std::str::from_utf8(&raw[range]).unwrap().to_owned()
        };
        assert_eq!(part(0, 2), "ab");
        assert_eq!(part(1, 4), "b\\nc");
        assert_eq!(part(3, 5), "cd");
        assert_eq!(part(6, 7), "\\u00e9");
        assert_eq!(part(9, 14), "\\ud83d\\ude00g");
        assert_eq!(part(13, 14), "g");
        let mut places = Places::new(raw);
        assert_eq!((places.range(0..2), places.range(2..3), places.range(3..5)), (0..2, 2..4, 4..6));
        assert_eq!((Places::new(b"").range(0..0), Places::new(b"ab").range(2..2)), (0..0, 2..2));
    }
}
