//! Entries of logprobs: they say each token once more, and wait until it is known that none of it is hidden.

use std::collections::VecDeque;

use super::document::{Document, Kind, Node};

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
    /// Text that is not out yet.
    pending: VecDeque<u8>,
    /// Bytes that came, and bytes that went out unchanged.
    came: u64,
    went: u64,
    /// Entries that wait, and where their texts end.
    waiting: VecDeque<(u64, Vec<u8>)>,
    waiting_len: usize,
    released: Vec<Vec<u8>>,
    /// What came out is something else than what went in.
    is_changed: bool,
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
            is_changed: is_late,
        }
    }

    /// Takes what went into the redactor, and what came out of it then; `is_idle` says that it holds nothing.
    pub(super) fn take(&mut self, text: &[u8], entries: Vec<Entry>, out: &[u8], is_idle: bool) {
        self.came += text.len() as u64;
        for entry in entries {
            self.waiting_len += entry.raw.len();
            self.waiting.push_back((self.came, entry.raw));
        }
        self.pending.extend(text);
        if !self.is_changed {
            self.is_changed = out.len() > self.pending.len() || !self.pending.iter().zip(out).all(|(a, b)| a == b);
        }
        if !self.is_changed {
            self.pending.drain(..out.len());
            self.went += out.len() as u64;
            // What is hidden without a marker of its own.
            self.is_changed = is_idle && !self.pending.is_empty();
        }
        while self.waiting.front().is_some_and(|(end, _)| *end <= self.went) {
            if let Some((_, raw)) = self.waiting.pop_front() {
                self.waiting_len -= raw.len();
                self.released.push(raw);
            }
        }
        self.is_changed |= self.waiting_len > MAX_WAITING;
        if self.is_changed {
            self.pending.clear();
        }
        if self.is_changed && (is_idle || self.waiting_len > MAX_WAITING) {
            self.waiting.clear();
            self.waiting_len = 0;
            self.went = self.came;
            self.is_changed = !is_idle;
        }
    }

    pub(super) fn released(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.released)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(tracker: &mut Tracker, token: &str, out: &str, is_idle: bool) -> String {
        let entries = vec![Entry { text: token.into(), raw: token.into() }];
        tracker.take(token.as_bytes(), entries, out.as_bytes(), is_idle);
        String::from_utf8(tracker.released().join(&b'|')).unwrap()
    }

    #[test]
    fn entries_come_with_their_text_or_not_at_all() {
        let mut tracker = Tracker::new(false);
        assert_eq!(take(&mut tracker, "a", "a", true), "a");
        assert_eq!(take(&mut tracker, " gh", " ", false), "");
        assert_eq!(take(&mut tracker, "ost", "ghost", true), " gh|ost");
        assert_eq!(take(&mut tracker, " gh", " ", false), "");
        assert_eq!(take(&mut tracker, "p_x", "[R]", true), "");
        // Hidden behind the marker that stands there.
        assert_eq!(take(&mut tracker, "yz", "", true), "");
        assert_eq!(take(&mut tracker, "\n", "\n", true), "\n");
        let mut late = Tracker::new(true);
        assert_eq!(take(&mut late, "c", "abc", true), "");
        assert_eq!(take(&mut late, "d", "d", true), "d");
    }
}
