//! Entries of logprobs: they say each token once more, and wait until it is known that none of it is hidden.

use std::collections::VecDeque;

use super::document::{Document, Kind, Node};
use crate::redact::Record;

/// Entries that wait take no more; where there are more, they are left out.
const MAX_WAITING: usize = 1 << 20;

/// An entry: the text of its token, and how it stands there.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) text: Vec<u8>,
    pub(super) raw: Vec<u8>,
}

/// The entries of an array; none where it is no array of such.
pub(super) fn entries(doc: &Document<'_>, array: Node) -> Vec<Entry> {
    let entry = |item| Some(Entry { text: token_text(doc, item)?, raw: doc.raw(item).to_vec() });
    if doc.kind(array) != Kind::Array {
        return Vec::new();
    }
    doc.items(array).map(entry).collect::<Option<Vec<Entry>>>().unwrap_or_default()
}

/// The bytes of a token: a part of a character has no other name.
fn token_text(doc: &Document<'_>, entry: Node) -> Option<Vec<u8>> {
    let token = doc.get(entry, "token").filter(|token| doc.is_string(*token))?;
    let bytes = doc.get(entry, "bytes").filter(|bytes| doc.kind(*bytes) == Kind::Array);
    let byte = |item| doc.number(item).and_then(|number| u8::try_from(number).ok());
    let bytes = bytes.and_then(|bytes| doc.items(bytes).map(byte).collect::<Option<Vec<u8>>>());
    Some(bytes.filter(|bytes| !bytes.is_empty()).unwrap_or_else(|| doc.text(token)))
}

/// Follows what comes out of a redactor, and releases the entries whose text is out unchanged.
#[derive(Debug)]
pub(super) struct Tracker {
    /// Text that is not out yet; what was changed of it is in it until it is known what comes after that.
    pending: VecDeque<u8>,
    /// Bytes that came, and bytes of which it is known what became of them.
    came: u64,
    went: u64,
    /// Entries that wait, and where their texts start and end.
    waiting: VecDeque<(u64, u64, Vec<u8>)>,
    waiting_len: usize,
    released: Vec<Vec<u8>>,
    /// What came out is something else than what went in: since then, what came out behind the last marker.
    behind: Option<Vec<u8>>,
}

/// What a redactor did with a piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passed<'o> {
    /// What came out.
    pub(super) out: &'o [u8],
    /// How much of that stands behind the last marker, where there is one.
    pub(super) behind: Option<usize>,
    /// How many bytes are held.
    pub(super) held: usize,
}

impl Tracker {
    /// `is_late` says that a text is held of which nothing is known here.
    pub(super) fn new(is_late: bool) -> Tracker {
        Tracker {
            pending: VecDeque::new(),
            came: 0,
            went: 0,
            waiting: VecDeque::new(),
            waiting_len: 0,
            released: Vec::new(),
            behind: is_late.then(Vec::new),
        }
    }

    /// Takes what went into the redactor, and what came of it then.
    pub(super) fn take(&mut self, text: &[u8], entries: Vec<Entry>, passed: Passed<'_>) {
        let start = self.came;
        self.came += text.len() as u64;
        for entry in entries {
            self.waiting_len += entry.raw.len();
            self.waiting.push_back((start, self.came, entry.raw));
        }
        self.pending.extend(text);
        self.follow(passed);
        if self.waiting_len > MAX_WAITING || self.pending.len() > MAX_WAITING {
            self.drop_before(u64::MAX);
            self.pending.clear();
            self.behind = Some(Vec::new());
        }
        if self.behind.is_none() {
            while self.waiting.front().is_some_and(|(_, end, _)| *end <= self.went) {
                let Some((.., raw)) = self.waiting.pop_front() else { return };
                self.waiting_len -= raw.len();
                self.released.push(raw);
            }
        }
    }

    fn follow(&mut self, Passed { out, behind, held }: Passed<'_>) {
        let is_same = out.len() + held == self.pending.len() && self.pending.iter().zip(out).all(|(a, b)| a == b);
        if self.behind.is_none() && behind.is_none() && is_same {
            self.pending.drain(..out.len());
            self.went += out.len() as u64;
            return;
        }
        // What was out before is known; of what is, only what stands behind the last marker.
        if self.behind.is_none() {
            while self.waiting.front().is_some_and(|(_, end, _)| *end <= self.went) {
                let Some((.., raw)) = self.waiting.pop_front() else { break };
                self.waiting_len -= raw.len();
                self.released.push(raw);
            }
        }
        let text = self.behind.get_or_insert_default();
        match behind {
            Some(len) => *text = out[out.len() - len.min(out.len())..].to_vec(),
            None => text.extend_from_slice(out),
        }
        let shown = self.pending.len().saturating_sub(held);
        let is_known = shown >= text.len() && self.pending.range(shown - text.len()..shown).eq(text.iter());
        if held == 0 || (is_known && !text.is_empty()) {
            let known = if is_known { text.len() } else { 0 };
            self.went = self.came - (self.pending.len() - shown) as u64;
            self.behind = None;
            self.pending.drain(..shown);
            self.drop_before(self.went - known as u64);
        }
    }

    /// Leaves out the entries whose texts start before this.
    fn drop_before(&mut self, to: u64) {
        self.waiting.retain(|(start, ..)| *start >= to);
        self.waiting_len = self.waiting.iter().map(|(.., raw)| raw.len()).sum();
    }

    pub(super) fn released(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.released)
    }
}

/// How much of what came out stands behind the last marker; `written` bytes came out in all.
pub(super) fn behind(records: &[Record], written: u64) -> Option<usize> {
    let ends = records.iter().map(|record| record.at + record.marker.len() as u64);
    ends.max().map(|end| written.saturating_sub(end) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(tracker: &mut Tracker, token: &str, out: &str, held: usize) -> String {
        let entries = vec![Entry { text: token.into(), raw: token.into() }];
        let behind = out.rfind("[R]").map(|at| out.len() - at - 3);
        tracker.take(token.as_bytes(), entries, Passed { out: out.as_bytes(), behind, held });
        String::from_utf8(tracker.released().join(&b'|')).unwrap()
    }

    #[test]
    fn entries_come_with_their_text_or_not_at_all() {
        let mut tracker = Tracker::new(false);
        assert_eq!(take(&mut tracker, "a", "a", 0), "a");
        assert_eq!(take(&mut tracker, " gh", " ", 2), "");
        assert_eq!(take(&mut tracker, "ost", "ghost", 0), " gh|ost");
        assert_eq!(take(&mut tracker, " gh", " ", 2), "");
        assert_eq!(take(&mut tracker, "p_x", "[R]", 0), "");
        // Hidden behind the marker that stands there.
        assert_eq!(take(&mut tracker, "yz", "", 0), "");
        assert_eq!(take(&mut tracker, "\n", "\n", 0), "\n");
        assert_eq!(take(&mut tracker, "ghp", "", 3), "");
        assert_eq!(take(&mut tracker, " /", "[R] /", 0), " /");
        assert_eq!(take(&mut tracker, "ghp", "", 3), "");
        assert_eq!(take(&mut tracker, "x,", "[R],", 0), "");
        assert_eq!(take(&mut tracker, "ghp", "", 3), "");
        assert_eq!(take(&mut tracker, ", ok", "[R], ", 2), "");
        assert_eq!(take(&mut tracker, ".", "ok.", 0), ", ok|.");
        let mut late = Tracker::new(true);
        assert_eq!(take(&mut late, "c", "abc", 0), "");
        assert_eq!(take(&mut late, "d", "d", 0), "d");
    }
}
