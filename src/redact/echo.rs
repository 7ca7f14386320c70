//! A second look at what is around markers.
//!
//! A marker brings together what was apart: the halves of a token on its both sides, a keyword and a value that stood
//! too far behind it. So the output is redacted again, from each marker on until nothing there can have to do with it;
//! and what that writes, again. Elsewhere the output is the text, in which everything was found.
//!
//! The same is done around escape sequences: a secret that starts within one (`ESC [` and a token) is none on a terminal,
//! which takes its first characters for the end of the sequence; it is one in the bytes. And a value that a sequence ends
//! is in the bytes another one than on a terminal, where it goes on.

use super::ansi::ESC;
use super::json::Place;
use super::redactor::{Mark, Redactor};
use super::stats::{Record, RedactStats};
use super::{Redaction, TextFormat};

/// How far from a marker is looked.
const REACH: usize = 4096;
/// How often is looked.
const MAX_DEPTH: usize = 4;
/// Looks at what a redactor writes.
pub(super) struct Echo {
    /// How many are before this one.
    depth: usize,
    /// Looks around escape sequences, at bytes as they are.
    is_raw: bool,
    /// There as long as something is looked at.
    inner: Option<Box<Redactor>>,
    /// So many bytes are still to be looked at, as long as something is.
    left: Option<usize>,
    /// The end of the output.
    recent: Vec<u8>,
    /// Bytes of output.
    shown: u64,
    /// Whether something was looked at since all was shown that could be.
    is_fresh: bool,
    /// Where the text starts that is looked at.
    begun: u64,
}

impl Echo {
    pub(super) fn new(depth: usize) -> Echo {
        let (inner, left, recent) = (None, None, Vec::new());
        Echo { depth, is_raw: false, inner, left, recent, shown: 0, is_fresh: false, begun: 0 }
    }

    /// One that looks at what this one shows, from now on, around escape sequences.
    pub(super) fn raw(&self) -> Echo {
        Echo { is_raw: true, recent: self.recent.clone(), shown: self.shown, ..Echo::new(self.depth) }
    }

    /// Looks at `out[from..]`, which is what comes next.
    pub(super) fn pass_raw(&mut self, redaction: &Redaction, from: usize, out: &mut Vec<u8>) {
        let base = self.seen();
        let mut marks: Vec<Mark> = Vec::new();
        let new = &out[from..];
        for at in memchr::memchr_iter(ESC, new) {
            // The line that it stands in may be read otherwise up to it, too; as much of it as is shown with it. What was
            // shown before is the same whatever follows it.
            let first = at.saturating_sub(REACH);
            let line = memchr::memrchr(b'\n', &new[first..at]).map_or(first, |feed| first + feed + 1);
            let (start, end) = (base + line as u64, base + at as u64 + 1);
            match marks.last_mut() {
                // What is close to another one is looked at in one go with it.
                Some(mark) if start < mark.end + REACH as u64 => mark.end = end,
                _ => marks.push(Mark { start, end, place: Place::Text }),
            }
        }
        let end = base + (out.len() - from) as u64;
        self.pass(redaction, &marks, &mut [], end, from, out);
    }

    /// How many bytes came so far, as far as what is held is as it came.
    fn seen(&self) -> u64 {
        self.shown + self.held_len() as u64
    }

    /// One that does not look.
    pub(super) fn never() -> Echo {
        Echo::new(MAX_DEPTH)
    }

    /// Whether this belongs to a redactor that looks at what another one has written.
    pub(super) fn is_second(&self) -> bool {
        (1..MAX_DEPTH).contains(&self.depth)
    }

    pub(super) fn restart(&mut self) {
        self.left = None;
        self.recent.clear();
        self.shown = 0;
        self.inner = None;
    }

    /// Starts behind this text, which is out already.
    pub(super) fn resume(&mut self, before: &[u8]) {
        self.remember(before);
    }

    /// How many bytes are held.
    pub(super) fn held_len(&self) -> usize {
        self.active().map_or(0, Redactor::held_len)
    }

    fn active(&self) -> Option<&Redactor> {
        self.inner.as_deref().filter(|_| self.left.is_some())
    }

    /// Looks at `out[from..]`, which ends at the offset `end` of what was written, and in which these markers stand; the
    /// records are theirs, or none.
    pub(super) fn pass(
        &mut self,
        redaction: &Redaction,
        marks: &[Mark],
        records: &mut [Record],
        end: u64,
        from: usize,
        out: &mut Vec<u8>,
    ) {
        if self.left.is_none() && marks.is_empty() || self.depth >= MAX_DEPTH {
            self.remember(&out[from..]);
            return;
        }
        let written = out.split_off(from);
        let base = end - written.len() as u64;
        let mut at = 0;
        for (number, mark) in marks.iter().enumerate() {
            let (start, stop) = ((mark.start - base) as usize, (mark.end - base) as usize);
            self.show(&written[at..start], out);
            if let Some(record) = records.get_mut(number) {
                record.at = self.seen();
            }
            self.begin(redaction, mark.place);
            self.left = Some(REACH + stop - start);
            self.show(&written[start..stop], out);
            self.left = Some(REACH);
            at = stop;
        }
        self.show(&written[at..], out);
    }

    /// Starts to look, unless it does.
    fn begin(&mut self, redaction: &Redaction, place: Place) {
        if self.left.is_none() {
            let depth = self.depth + 1;
            let is_raw = self.is_raw;
            let inner = self.inner.get_or_insert_with(|| {
                // The members of documents and lines are those of the text without escape sequences.
                let format = if is_raw { TextFormat::Text } else { redaction.format };
                Box::new(Redactor::new(redaction.clone().with_format(format), depth, !is_raw))
            });
            let before = context(&self.recent, self.shown);
            self.begun = self.shown - before.len() as u64;
            inner.resume(before, place);
        }
        self.left = Some(REACH);
    }

    /// Passes on what was written, looking at it as long as that is needed.
    fn show(&mut self, mut written: &[u8], out: &mut Vec<u8>) {
        let from = out.len();
        while let (Some(left), Some(inner), false) = (self.left, &mut self.inner, written.is_empty()) {
            let (len, may_end) = part(written, left);
            inner.push_more(&written[..len], out);
            self.is_fresh = true;
            written = &written[len..];
            self.left = Some(left.saturating_sub(len));
            if may_end {
                inner.push(b"", out);
                if inner.held_len() == 0 {
                    self.left = None;
                }
            }
        }
        out.extend_from_slice(written);
        self.remember(&out[from..]);
    }

    /// Shows all that can be shown.
    pub(super) fn settle(&mut self, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.is_fresh) {
            return;
        }
        self.with_active(out, |inner, out| inner.push(b"", out));
    }

    pub(super) fn reveal(&mut self, most: usize, out: &mut Vec<u8>) {
        self.with_active(out, |inner, out| inner.reveal(most, out));
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.with_active(out, Redactor::finish);
    }

    fn with_active(&mut self, out: &mut Vec<u8>, act: impl FnOnce(&mut Redactor, &mut Vec<u8>)) {
        if let (Some(_), Some(inner)) = (self.left, &mut self.inner) {
            let from = out.len();
            act(inner, out);
            self.remember(&out[from..]);
        }
    }

    /// Adds what was hidden here.
    pub(super) fn report(&mut self, stats: &mut RedactStats, records: &mut Vec<Record>) {
        let Some(inner) = &mut self.inner else { return };
        stats.adopt(&mut inner.stats);
        let shown = self.shown;
        let made = |record: Record| Record { at: shown.min(record.at), span: None, ..record };
        records.extend(inner.take_records().into_iter().map(made));
        if self.left.is_none() {
            // Most streams come to no other marker for a long time.
            self.inner = None;
        }
    }

    /// Where in the output something stands that stood at `at` before it was looked at, when that ended at `end`.
    pub(super) fn place(&self, at: u64, end: u64) -> u64 {
        self.seen().saturating_sub(end.saturating_sub(at))
    }

    fn remember(&mut self, shown: &[u8]) {
        self.shown += shown.len() as u64;
        if self.depth >= MAX_DEPTH {
            return;
        }
        if shown.len() >= 2 * REACH {
            self.recent.clear();
            self.recent.extend_from_slice(&shown[shown.len() - 2 * REACH..]);
            return;
        }
        self.recent.extend_from_slice(shown);
        if self.recent.len() > 8 * REACH {
            self.recent.drain(..self.recent.len() - 2 * REACH);
        }
    }
}

/// How much is looked at in one go, and whether that may be all: to the end of a line, where little is open.
fn part(written: &[u8], left: usize) -> (usize, bool) {
    let beyond = &written[left.min(written.len())..];
    let beyond = &beyond[..beyond.len().min(REACH)];
    match memchr::memchr(b'\n', beyond) {
        Some(feed) => (left + feed + 1, true),
        None if beyond.len() == REACH => (left + REACH, true),
        None => (written.len(), false),
    }
}

/// The text before a marker that can have to do with it: from the start of a line on. `end` is its offset.
fn context(recent: &[u8], end: u64) -> &[u8] {
    let recent = &recent[recent.len().saturating_sub(2 * REACH)..];
    let lines = &recent[..recent.len().saturating_sub(REACH)];
    let start = match memchr::memrchr(b'\n', lines) {
        Some(feed) => feed + 1,
        None if recent.len() as u64 == end => 0,
        // A long line: from a place on where no value goes on.
        None => lines.iter().rposition(u8::is_ascii_whitespace).map_or(0, |space| space + 1),
    };
    // Which byte of a code unit of UTF-16 comes first must be told as in the whole text.
    let is_odd = (end - (recent.len() - start) as u64) % 2 == 1;
    &recent[(start + usize::from(is_odd)).min(recent.len())..]
}
