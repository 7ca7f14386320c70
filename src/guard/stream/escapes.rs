//! Documents that are the text of a channel, as arguments of tools are: their strings once more, as what they say. A
//! secret may be written with escapes, and each of these may be cut.

use std::collections::VecDeque;

use super::channel::torn_len;
use crate::guard::string::{encode, unit};
use crate::redact::{Record, RedactStats, Redaction, Redactor};

/// A character of a string, or a byte of one: how many bytes it says, and how it is written.
#[derive(Debug, Clone, Copy)]
struct Unit {
    said: u8,
    len: u8,
    raw: [u8; MAX_RAW],
}

/// Two escapes of one character.
const MAX_RAW: usize = 12;

/// Redacts what the strings of a document say, as the document comes piece by piece.
pub(super) struct Escapes {
    redactor: Redactor,
    in_string: bool,
    /// The start of an escape.
    raw: Vec<u8>,
    /// Of the string, what is held: as it is written, and what it says.
    units: VecDeque<Unit>,
    said: VecDeque<u8>,
    /// Where what is held starts, in what the string says.
    from: u64,
    /// What came out of the redactor and ends within a character.
    torn: Vec<u8>,
    stats: RedactStats,
    records: Vec<Record>,
}

impl Escapes {
    pub(super) fn new(redaction: &Redaction) -> Escapes {
        Escapes {
            redactor: redaction.redactor(),
            in_string: false,
            raw: Vec::new(),
            units: VecDeque::new(),
            said: VecDeque::new(),
            from: 0,
            torn: Vec::new(),
            stats: RedactStats::default(),
            records: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, mut text: &[u8], out: &mut Vec<u8>) {
        while !text.is_empty() {
            if !self.in_string {
                let len = memchr::memchr(b'"', text).map_or(text.len(), |at| at + 1);
                out.extend_from_slice(&text[..len]);
                self.in_string = text[len - 1] == b'"';
                text = &text[len..];
                continue;
            }
            let mut piece = Vec::new();
            let ends = self.read(&mut text, &mut piece);
            let mut shown = Vec::new();
            self.redactor.push(&piece, &mut shown);
            if ends {
                self.redactor.finish(&mut shown);
            }
            self.show(&shown, ends, out);
            if ends {
                out.push(b'"');
                (self.in_string, self.from) = (false, 0);
            }
        }
    }

    /// Ends the text, which may break off anywhere.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        let mut shown = Vec::new();
        self.redactor.finish(&mut shown);
        self.show(&shown, true, out);
        // An escape that is not complete says nothing.
        out.append(&mut self.raw);
        (self.in_string, self.from) = (false, 0);
    }

    pub(super) fn held_len(&self) -> usize {
        self.said.len() + self.raw.len()
    }

    pub(super) fn take_stats(&mut self) -> RedactStats {
        self.stats.merge(&self.redactor.take_stats());
        std::mem::take(&mut self.stats)
    }

    pub(super) fn skipped_attempts(&self) -> u64 {
        self.stats.skipped_attempts + self.redactor.stats().skipped_attempts
    }

    pub(super) fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// Reads a string up to its end, or as far as there is of it; answers whether it ends.
    fn read(&mut self, text: &mut &[u8], piece: &mut Vec<u8>) -> bool {
        loop {
            if self.raw.is_empty() {
                let plain = memchr::memchr2(b'"', b'\\', text).unwrap_or(text.len());
                text[..plain].iter().for_each(|byte| self.add(&[*byte], &[*byte], piece));
                *text = &text[plain..];
                match text.first() {
                    None => return false,
                    Some(b'"') => {
                        *text = &text[1..];
                        return true;
                    }
                    Some(_) => {}
                }
            }
            // An escape, of which the start may have come before.
            let before = self.raw.len();
            let take = text.len().min(MAX_RAW - before);
            self.raw.extend_from_slice(&text[..take]);
            let Some((len, said)) = unit(&self.raw) else {
                *text = &text[take..];
                return false;
            };
            let raw = std::mem::take(&mut self.raw);
            self.add(&said, &raw[..len], piece);
            if len >= before {
                *text = &text[len - before..];
            } else {
                // What looked like half of a pair stands alone: what came behind it is read again.
                self.raw = raw[len..before].to_vec();
            }
        }
    }

    fn add(&mut self, said: &[u8], raw: &[u8], piece: &mut Vec<u8>) {
        let mut unit = Unit { said: said.len() as u8, len: raw.len() as u8, raw: [0; MAX_RAW] };
        unit.raw[..raw.len()].copy_from_slice(raw);
        self.units.push_back(unit);
        self.said.extend(said);
        piece.extend_from_slice(said);
    }

    /// Writes what the redactor shows, where that is the same as it was written.
    fn show(&mut self, shown: &[u8], is_last: bool, out: &mut Vec<u8>) {
        let mut shown = [std::mem::take(&mut self.torn).as_slice(), shown].concat();
        if !is_last {
            self.torn = shown.split_off(shown.len() - torn_len(&shown));
        }
        let held = if is_last { 0 } else { self.redactor.held_len() + self.torn.len() };
        let to = self.from + self.said.len().saturating_sub(held) as u64;
        let records = self.redactor.take_records();
        let mut hidden = records.iter().filter_map(|record| record.span.map(|span| (span, &record.marker))).peekable();
        let (mut same, mut written) = (Vec::new(), Vec::new());
        while let Some(unit) = self.units.front().filter(|unit| self.from + u64::from(unit.said) <= to) {
            while hidden.peek().is_some_and(|(span, _)| span.end <= self.from) {
                hidden.next();
            }
            match hidden.peek() {
                Some((span, marker)) if span.start <= self.from => {
                    if span.start == self.from {
                        same.extend_from_slice(marker.as_bytes());
                        encode(marker.as_bytes(), &mut written);
                    }
                }
                _ => {
                    same.extend(self.said.range(..usize::from(unit.said)));
                    written.extend_from_slice(&unit.raw[..usize::from(unit.len)]);
                }
            }
            let said = unit.said;
            self.from += u64::from(said);
            self.said.drain(..usize::from(said));
            self.units.pop_front();
        }
        if same == shown {
            out.append(&mut written);
        } else {
            encode(&shown, out);
        }
        self.records.extend(records);
    }
}
