//! Channels: texts that come in pieces through one stream, each with a redactor of its own.

use std::collections::BTreeMap;

use super::escapes::Escapes;
use super::logprobs::{Entry, Passed, Tracker, behind};
use super::{StreamError, sse};
use crate::guard::string::quoted;
use crate::redact::{Record, RedactStats, Redaction, Redactor};

/// Where in a message a channel belongs: a block, a choice, an item, and a part of it.
pub(super) type Group = (u64, Option<u64>);

/// What comes before and behind a text in an event that carries it on.
#[derive(Debug, Clone, Default)]
pub(super) struct Envelope {
    /// The name of the event.
    pub(super) name: Option<Vec<u8>>,
    /// Before the string.
    pub(super) head: Vec<u8>,
    /// Behind it.
    pub(super) middle: Vec<u8>,
    /// Before and behind entries of logprobs, where there is a place for them.
    pub(super) logprobs: Option<(&'static str, &'static str)>,
    /// The rest.
    pub(super) tail: Vec<u8>,
    /// Whether events are numbered, in a member before the tail.
    pub(super) is_numbered: bool,
    /// The text stands there as it is, without quotes.
    pub(super) is_bare: bool,
}

/// What can be shown of a channel.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) text: Vec<u8>,
    pub(super) entries: Vec<Vec<u8>>,
}

/// A text that comes in pieces.
pub(super) struct Channel {
    redactor: Redactor,
    /// The end of what came out of it: a character that is not complete.
    torn: Vec<u8>,
    /// What was hidden, and is not told yet.
    records: Vec<Record>,
    /// For those that are documents.
    escapes: Option<Escapes>,
    /// For those that have logprobs.
    tracker: Option<Tracker>,
    group: Group,
    envelope: Envelope,
}

impl Channel {
    /// Takes a piece, and the entries of logprobs of its tokens where there are such.
    pub(super) fn push(&mut self, text: &[u8], entries: Vec<Entry>) -> Shown {
        if !entries.is_empty() && self.tracker.is_none() {
            self.tracker = Some(Tracker::new(self.held_len() > 0));
        }
        let mut out = Vec::new();
        if entries.iter().map(|entry| entry.text.as_slice()).eq([text]) || self.tracker.is_none() {
            self.take(text, entries, &mut out);
        } else if entries.iter().flat_map(|entry| &entry.text).eq(text) {
            for entry in entries {
                let text = entry.text.clone();
                self.take(&text, vec![entry], &mut out);
            }
        } else {
            // Tokens of another text stand for this one as a whole.
            self.take(text, entries, &mut out);
        }
        Shown { text: out, entries: self.released() }
    }

    fn take(&mut self, text: &[u8], entries: Vec<Entry>, out: &mut Vec<u8>) {
        let from = out.len();
        out.append(&mut self.torn);
        match &mut self.escapes {
            None => self.redactor.push(text, out),
            Some(escapes) => {
                let mut made = Vec::new();
                self.redactor.push(text, &mut made);
                escapes.push(&made, out);
            }
        }
        self.torn = out.split_off(out.len() - torn_len(&out[from..]));
        self.track(text, entries, &out[from..]);
    }

    /// Ends the text.
    fn finish(&mut self) -> Shown {
        let mut out = std::mem::take(&mut self.torn);
        match &mut self.escapes {
            None => self.redactor.finish(&mut out),
            Some(escapes) => {
                let mut made = Vec::new();
                self.redactor.finish(&mut made);
                escapes.push(&made, &mut out);
                escapes.finish(&mut out);
            }
        }
        self.track(b"", Vec::new(), &out);
        Shown { text: out, entries: self.released() }
    }

    fn track(&mut self, text: &[u8], entries: Vec<Entry>, out: &[u8]) {
        let records = self.redactor.take_records();
        let (held, torn) = (self.held_len(), self.torn.len());
        if let Some(tracker) = &mut self.tracker {
            let behind = behind(&records, self.redactor.stats().bytes_out);
            tracker.take(text, entries, Passed { out, behind: behind.map(|len| len.saturating_sub(torn)), held });
        }
        self.records.extend(records);
        self.records.extend(self.escapes.as_mut().map(Escapes::take_records).unwrap_or_default());
    }

    fn released(&mut self) -> Vec<Vec<u8>> {
        self.tracker.as_mut().map_or_else(Vec::new, Tracker::released)
    }

    pub(super) fn held_len(&self) -> usize {
        let inner = self.escapes.as_ref().map_or(0, Escapes::held_len);
        self.redactor.held_len() + self.torn.len() + inner
    }
}

/// How many bytes at the end start a character that is not complete.
pub(super) fn torn_len(text: &[u8]) -> usize {
    for (len, &byte) in text.iter().rev().take(3).enumerate() {
        let needs = match byte {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => return 0,
        };
        return if needs > len + 1 { len + 1 } else { 0 };
    }
    0
}

/// All channels of a stream that are open.
pub(super) struct Channels {
    redaction: Redaction,
    open: BTreeMap<String, Channel>,
    limit: usize,
    /// What redactors did of channels that have ended.
    stats: RedactStats,
    /// What was hidden in these.
    records: Vec<Record>,
    /// The number of the last event, where events are numbered.
    pub(super) sequence: Option<u64>,
}

impl Channels {
    pub(super) fn new(redaction: Redaction, limit: usize) -> Channels {
        Channels {
            redaction,
            open: BTreeMap::new(),
            limit,
            stats: RedactStats::default(),
            records: Vec::new(),
            sequence: None,
        }
    }

    /// The channel of this name, which is opened where there is none.
    pub(super) fn channel(
        &mut self,
        name: &str,
        group: Group,
        is_document: bool,
        envelope: impl FnOnce() -> Envelope,
    ) -> Result<&mut Channel, StreamError> {
        if !self.open.contains_key(name) {
            if self.open.len() >= self.limit {
                return Err(StreamError::TooManyChannels(self.limit));
            }
            let escapes = is_document.then(|| Escapes::new(&self.redaction));
            let channel = Channel {
                redactor: self.redaction.redactor(),
                torn: Vec::new(),
                records: Vec::new(),
                escapes,
                tracker: None,
                group,
                envelope: envelope(),
            };
            self.open.insert(name.to_owned(), channel);
        }
        self.open.get_mut(name).ok_or(StreamError::TooManyChannels(self.limit))
    }

    /// Ends a channel, and gives what it held.
    pub(super) fn end(&mut self, name: &str) -> Shown {
        self.open.remove(name).map_or_else(Shown::default, |channel| self.close(channel).0)
    }

    fn close(&mut self, mut channel: Channel) -> (Shown, Envelope) {
        let shown = channel.finish();
        self.stats.merge(&channel.redactor.take_stats());
        if let Some(escapes) = &mut channel.escapes {
            self.stats.merge(&escapes.take_stats());
        }
        self.records.extend(channel.records);
        (shown, channel.envelope)
    }

    /// Ends channels, and writes an event for each that held something.
    pub(super) fn flush(&mut self, which: impl Fn(&str, Group) -> bool, line_end: &[u8], out: &mut Vec<u8>) {
        let ended: Vec<String> = self
            .open
            .iter()
            .filter(|(name, channel)| which(name, channel.group))
            .map(|(name, _)| name.clone())
            .collect();
        for name in ended {
            let Some(channel) = self.open.remove(&name) else { continue };
            let (shown, envelope) = self.close(channel);
            if !shown.text.is_empty() || !shown.entries.is_empty() {
                sse::event(envelope.name.as_deref(), &envelope.around(&shown, self.sequence), line_end, out);
            }
        }
    }

    /// What was hidden since the last call.
    pub(super) fn take_records(&mut self) -> Vec<Record> {
        let mut records = std::mem::take(&mut self.records);
        self.open.values_mut().for_each(|channel| records.append(&mut channel.records));
        records
    }

    /// How often rules gave up so far.
    pub(super) fn skipped_attempts(&self) -> u64 {
        let open = self.open.values().map(|channel| {
            let inner = channel.escapes.as_ref().map_or(0, Escapes::skipped_attempts);
            channel.redactor.stats().skipped_attempts + inner
        });
        self.stats.skipped_attempts + open.sum::<u64>()
    }

    pub(super) fn held_len(&self) -> usize {
        self.open.values().map(Channel::held_len).sum()
    }

    pub(super) fn stats(&self) -> RedactStats {
        let mut stats = self.stats.clone();
        self.open.values().for_each(|channel| stats.merge(channel.redactor.stats()));
        stats
    }
}

impl Envelope {
    /// An event that is nothing but its text, or a string.
    pub(super) fn plain(name: Option<&[u8]>, is_string: bool) -> Envelope {
        Envelope { name: name.map(<[u8]>::to_vec), is_bare: !is_string, ..Envelope::default() }
    }

    fn around(&self, shown: &Shown, sequence: Option<u64>) -> Vec<u8> {
        if self.is_bare {
            return shown.text.clone();
        }
        let mut data = self.head.clone();
        data.extend(quoted(&shown.text));
        data.extend_from_slice(&self.middle);
        if let Some((before, behind)) = self.logprobs.filter(|_| !shown.entries.is_empty()) {
            data.extend_from_slice(before.as_bytes());
            data.extend(shown.entries.join(&b','));
            data.extend_from_slice(behind.as_bytes());
        }
        if let Some(number) = sequence.filter(|_| self.is_numbered) {
            data.extend(format!(",\"sequence_number\":{number}").bytes());
        }
        data.extend_from_slice(&self.tail);
        data
    }
}

#[cfg(test)]
mod tests {
    use super::torn_len;

    #[test]
    fn characters_are_whole() {
        for text in ["", "a", "\u{e4}", "a\u{20ac}", "\u{1f600}"] {
            assert_eq!(torn_len(text.as_bytes()), 0, "{text}");
            let last = text.chars().last().map_or(0, char::len_utf8);
            for cut in 1..last {
                assert_eq!(torn_len(&text.as_bytes()[..text.len() - cut]), last - cut, "{text} cut by {cut}");
            }
        }
        assert_eq!(torn_len(b"\x80\x80\x80\x80"), 0);
        assert_eq!(torn_len(b"\xFF"), 0);
    }
}
