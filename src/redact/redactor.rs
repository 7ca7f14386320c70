//! One stream: bytes in, what is to be hidden, how much can be shown.

use std::collections::{BTreeMap, VecDeque};

use super::ansi::{Stripper, Taken};
use super::block::{Blocks, Event};
use super::echo::Echo;
use super::interval::{Hidden, Interval};
use super::json::{self, Json, Place};
use super::known::Matcher;
use super::logfmt::Logfmt;
use super::stats::{Record, RedactStats};
use super::{AtEnd, Redaction, TextFormat};
use crate::decode::wide::WideText;
use crate::engine::{Hindered, Scratch};
use crate::rule::Rule;
use crate::span::Span;

/// So much of the text before what was given out stays: what was added to the known secrets may have begun there.
const BEHIND: u64 = 8192;
/// The end of a block that is open.
pub(super) const OPEN: u64 = u64::MAX;
/// The longest value of a member that is held until it is whole.
const MAX_VALUE: u64 = 64 * 1024;

/// A marker that was written, in offsets of what was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) place: Place,
}

/// An escape sequence that was taken out.
pub(super) struct Sequence {
    /// The offset of the byte before which it stood.
    pub(super) at: u64,
    /// What is written for it.
    pub(super) bytes: Vec<u8>,
    /// How many bytes it had.
    pub(super) len: u64,
    /// What was hidden in it, in its own offsets.
    pub(super) records: Vec<Record>,
}

/// Redacts one stream, piece by piece.
///
/// After each [`Redactor::push`] everything is out but the longest end of the text that may still become part of a
/// secret. `Debug` shows how much that is.
pub struct Redactor {
    pub(super) redaction: Redaction,
    pub(super) scratch: Scratch,
    pub(super) known: Matcher,
    pub(super) blocks: Blocks,
    /// Takes escape sequences out; where there is none, they are text like any other.
    stripper: Option<Stripper>,
    /// Of documents, their tokens.
    pub(super) json: Option<Json>,
    /// Of lines of pairs, these.
    logfmt: Option<Logfmt>,
    /// Escape sequences that were taken out.
    pub(super) sequences: VecDeque<Sequence>,
    /// How many bytes those had that are out.
    pub(super) sequences_len: u64,
    /// Redacts the texts of those that have one.
    aside: Option<Box<Redactor>>,
    /// What was hidden in those that are out, and is not told yet.
    pub(super) told: Vec<Record>,
    /// The text of a piece without its sequences.
    pub(super) shown: Vec<u8>,
    /// What would be found if a marker stood behind it.
    pub(super) hindered: Vec<Hindered>,
    /// What is to be hidden, and not yet out.
    pub(super) intervals: Vec<Interval>,
    /// Everything before this offset is out, or was hidden.
    pub(super) done: u64,
    /// The marker that was written last stands for everything before this offset ...
    pub(super) swallowed_to: u64,
    /// ... and as long as this is set, for the block that is open.
    pub(super) in_block: bool,
    /// The last byte that was shown of the text, or of a marker that stands behind it.
    pub(super) shown_last: Option<u8>,
    /// Where the bytes start that were revealed last, and where they end.
    pub(super) held_from: Option<(u64, u64)>,
    /// Markers, and what is written for them; which depends on this version of the known secrets.
    pub(super) markers: BTreeMap<String, String>,
    pub(super) markers_of: u64,
    pub(super) records: Vec<Record>,
    /// Bytes written, before what was written was looked at again.
    pub(super) written: u64,
    /// Markers written, and not yet looked at again.
    pub(super) marks: Vec<Mark>,
    /// Looks at what is around markers.
    pub(super) echo: Echo,
    /// Looks at what that shows around escape sequences, once there are any.
    raw: Option<Box<Echo>>,
    pub(super) stats: RedactStats,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} bytes held)", self.held_len())
    }
}

impl Redactor {
    pub(super) fn new(redaction: Redaction, depth: usize, strips: bool) -> Redactor {
        let mut scratch = Scratch::new();
        scratch.start_hiding(&redaction.scanner);
        let mut known = Matcher::new(redaction.known.clone(), redaction.at_end == AtEnd::HideParts);
        known.renew(0);
        // Rules of other tools take markers for secrets, since nothing judges what they find.
        let judged = !redaction.scanner.rules().iter().any(Rule::is_foreign);
        Redactor {
            json: (redaction.format == TextFormat::Json).then(Json::new),
            logfmt: (redaction.format == TextFormat::Logfmt).then(Logfmt::new),
            redaction,
            scratch,
            known,
            blocks: Blocks::new(),
            stripper: strips.then(Stripper::default),
            sequences: VecDeque::new(),
            sequences_len: 0,
            aside: None,
            told: Vec::new(),
            shown: Vec::new(),
            intervals: Vec::new(),
            hindered: Vec::new(),
            done: 0,
            swallowed_to: 0,
            in_block: false,
            shown_last: None,
            held_from: None,
            markers: BTreeMap::new(),
            markers_of: 0,
            records: Vec::new(),
            written: 0,
            marks: Vec::new(),
            echo: if judged { Echo::new(depth) } else { Echo::never() },
            raw: None,
            stats: RedactStats::default(),
        }
    }

    /// Takes the next bytes and appends to `out` what can be shown.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let from = out.len();
        self.take(bytes, false, out);
        self.settle(out);
        self.look_again(from, out);
        self.echo.settle(out);
        self.look_raw(from, out);
        if let Some(raw) = &mut self.raw {
            raw.settle(out);
        }
        self.count(from, out);
    }

    /// As [`Redactor::push`], when more is known to come at once: a little more may be held, for less time.
    pub fn push_more(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let from = out.len();
        self.take(bytes, false, out);
        self.show(out);
        self.look_again(from, out);
        self.look_raw(from, out);
        self.count(from, out);
    }

    /// Shows up to `most` bytes of what is held though they may become part of a secret, of which the rest is hidden
    /// then: for someone who waits for a prompt that looks like the start of one. What comes out depends on when this
    /// is called; it is called nowhere else.
    pub fn reveal(&mut self, most: usize, out: &mut Vec<u8>) {
        let from = out.len();
        let held_from = self.held_from.filter(|(_, done)| *done == self.done).map_or(self.done, |(from, _)| from);
        let first = self.intervals.iter().map(|interval| interval.span.start).min().unwrap_or(u64::MAX);
        let to = (held_from + most as u64).min(self.scratch.end()).min(first);
        if !self.in_block && self.done >= self.swallowed_to && to > self.done {
            self.copy(to, out);
            self.sequences_to(to, out);
        }
        self.held_from = Some((held_from, self.done));
        self.look_again(from, out);
        self.echo.reveal(most.saturating_sub(out.len() - from), out);
        self.look_raw(from, out);
        if let Some(raw) = &mut self.raw {
            raw.reveal(most.saturating_sub(out.len() - from), out);
        }
        self.count(from, out);
    }

    /// Ends the text, appends the rest to `out`, and starts a new text.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let from = out.len();
        self.take(b"", true, out);
        let Redactor { scratch, redaction, intervals, .. } = self;
        let coverage =
            scratch.finish(&redaction.scanner, &mut |finding, _| intervals.extend(Interval::of(finding, redaction)));
        self.stats.skipped_attempts += coverage.skipped_attempts;
        self.gather();
        if self.redaction.at_end == AtEnd::HideParts {
            let from = self.known.pending_from();
            let partial = self.known.partial(self.scratch.text_from(from), from);
            self.intervals.extend(partial.map(Interval::from));
        }
        self.show_to(u64::MAX, out);
        self.look_again(from, out);
        self.echo.finish(out);
        self.look_raw(from, out);
        if let Some(raw) = &mut self.raw {
            raw.finish(out);
        }
        self.count(from, out);
        self.restart();
    }

    /// How many bytes are held.
    #[must_use]
    pub fn held_len(&self) -> usize {
        let sequences: usize = self.sequences.iter().map(|sequence| sequence.bytes.len()).sum();
        let stripper = self.stripper.as_ref().map_or(0, Stripper::held_len);
        let raw = self.raw.as_ref().map_or(0, |raw| raw.held_len());
        (self.scratch.end() - self.done) as usize + sequences + stripper + self.echo.held_len() + raw
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> &RedactStats {
        &self.stats
    }

    /// What was done since the last call; for redactors that serve one after the other.
    pub(crate) fn take_stats(&mut self) -> RedactStats {
        std::mem::take(&mut self.stats)
    }

    /// What was hidden since the last call, when [`Redaction::recorded`].
    pub fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// Looks at the text around the markers that were written to `out[from..]`: what is next to each other there was not
    /// before.
    fn look_again(&mut self, from: usize, out: &mut Vec<u8>) {
        let Redactor { echo, marks, written, redaction, records, .. } = self;
        let first = records.len() - marks.len().min(records.len());
        echo.pass(redaction, marks, &mut records[first..], *written, from, out);
        marks.clear();
    }

    /// Looks at the text around the escape sequences in `out[from..]`.
    fn look_raw(&mut self, from: usize, out: &mut Vec<u8>) {
        if let Some(raw) = &mut self.raw {
            raw.pass_raw(&self.redaction, from, out);
        }
    }

    fn count(&mut self, from: usize, out: &[u8]) {
        self.stats.bytes_out += (out.len() - from) as u64;
        let Redactor { echo, raw, told, written, records, stats, .. } = self;
        echo.report(stats, records);
        if let Some(raw) = raw {
            raw.report(stats, records);
        }
        records.extend(told.drain(..).map(|record| Record { at: echo.place(record.at, *written), ..record }));
    }

    /// Goes on behind a text that is out already, and in which nothing is looked for but how it goes on.
    pub(super) fn resume(&mut self, before: &[u8], place: Place) {
        self.restart();
        let (json, logfmt) = (self.json.take(), self.logfmt.take());
        self.take(before, false, &mut Vec::new());
        self.sequences.clear();
        self.done = self.scratch.end();
        self.written = self.done;
        self.shown_last = before.last().copied();
        self.echo.resume(before);
        self.json = json.map(|_| Json::resumed(place, self.done));
        self.logfmt = logfmt.map(|_| Logfmt::resumed(self.done));
        self.stats = RedactStats::default();
    }

    pub(super) fn restart(&mut self) {
        self.scratch.start_hiding(&self.redaction.scanner);
        self.known.renew(0);
        self.blocks = Blocks::new();
        self.json = self.json.take().map(|_| Json::new());
        self.logfmt = self.logfmt.take().map(|_| Logfmt::new());
        self.intervals.clear();
        self.hindered.clear();
        self.marks.clear();
        self.echo.restart();
        self.raw = None;
        (self.done, self.swallowed_to, self.in_block, self.held_from, self.written) = (0, 0, false, None, 0);
        self.shown_last = None;
        self.sequences_len = 0;
    }

    /// Takes bytes and finds what is to be hidden in them.
    fn take(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        self.stats.bytes_in += bytes.len() as u64;
        if self.known.is_stale() {
            // What the old secrets allow to be shown is shown before the new ones count.
            self.settle(out);
            self.known.renew(self.done.saturating_sub(BEHIND).max(self.scratch.base()));
        }
        if self.stripper.as_ref().is_none_or(|stripper| stripper.is_plain(bytes)) {
            self.find(bytes, last);
            return;
        }
        if !self.echo.is_second() {
            self.raw.get_or_insert_with(|| Box::new(self.echo.raw()));
        }
        let mut shown = std::mem::take(&mut self.shown);
        shown.clear();
        let end = self.scratch.end();
        let Redactor { stripper: Some(stripper), sequences, redaction, aside, stats, .. } = self else { return };
        stripper.feed(bytes, last, |part| match part {
            Taken::Text(text) => shown.extend_from_slice(text),
            Taken::Sequence(bytes) => {
                let at = end + shown.len() as u64;
                let (bytes, len) = (bytes.to_vec(), bytes.len() as u64);
                sequences.push_back(Sequence { at, bytes, len, records: Vec::new() });
            }
            Taken::String(open, text, close) => {
                // A text of its own, which is short and all there.
                let mut bytes = open.to_vec();
                let inner = aside.get_or_insert_with(|| Box::new(Redactor::new(redaction.clone(), 0, true)));
                inner.push_more(text, &mut bytes);
                inner.finish(&mut bytes);
                stats.adopt(&mut inner.stats);
                let behind =
                    |span: Span| Span { start: span.start + open.len() as u64, end: span.end + open.len() as u64 };
                let here = |record: Record| Record {
                    at: record.at + open.len() as u64,
                    span: record.span.map(behind),
                    ..record
                };
                let records = inner.take_records().into_iter().map(here).collect();
                bytes.extend_from_slice(close);
                let len = (open.len() + text.len() + close.len()) as u64;
                sequences.push_back(Sequence { at: end + shown.len() as u64, bytes, len, records });
            }
        });
        self.find(&shown, last);
        self.shown = shown;
    }

    /// Finds what is to be hidden in the next bytes that are shown.
    fn find(&mut self, bytes: &[u8], last: bool) {
        let Redactor { scratch, redaction, intervals, known, blocks, json, logfmt, .. } = self;
        scratch.feed(&redaction.scanner, bytes, &mut |finding, _| intervals.extend(Interval::of(finding, redaction)));
        let base = scratch.base();
        let text = scratch.text_from(base);
        known.feed(text, base, last, |hit| intervals.push(hit.into()));
        blocks.feed(text, base, last, |event| match event {
            Event::Opened(start, kind) if redaction.blocks.contains(&kind) => {
                let span = Span { start, end: OPEN };
                intervals.push(Interval { span, hidden: Hidden::Block(kind), is_wide: false });
            }
            Event::Opened(..) => {}
            Event::Closed(end) => match intervals.iter_mut().rfind(|interval| interval.span.end == OPEN) {
                Some(open) => open.span.end = end,
                None if self.in_block => {
                    self.in_block = false;
                    self.swallowed_to = self.swallowed_to.max(end);
                }
                None => {}
            },
        });
        if let Some(logfmt) = logfmt {
            let mut pair = |span: Span| {
                let value = &text[(span.start.max(base) - base) as usize..(span.end - base) as usize];
                if !redaction.style.is_marker(value) {
                    intervals.push(Interval { span, hidden: Hidden::Member, is_wide: false });
                }
            };
            logfmt.feed(bytes, &mut pair);
            if last {
                logfmt.finish(&mut pair);
            }
        }
        if let Some(json) = json {
            let (style, start) = (&redaction.style, base);
            let mut member = |token: json::Token| {
                let value = &text[(token.start.max(start) - start) as usize..(token.end - start) as usize];
                if !style.is_marker(value) {
                    let span = Span { start: token.start, end: token.end };
                    intervals.push(Interval { span, hidden: Hidden::Member, is_wide: false });
                }
            };
            json.feed(bytes, &mut member);
            if last {
                json.finish(&mut member);
            }
        }
        self.gather();
    }

    /// Makes intervals of what findings overlapped, and gives up the characters that were not held.
    fn gather(&mut self) {
        let Redactor { scratch, intervals, hindered, .. } = self;
        hindered.extend(scratch.take_hindered());
        intervals.extend(scratch.take_lost().map(|span| Interval { span, hidden: Hidden::Lost, is_wide: false }));
        for interval in intervals.iter_mut().filter(|interval| interval.is_wide) {
            interval.span = WideText::clipped(interval.span, |at| scratch.byte_at(at));
            interval.is_wide = false;
        }
    }

    /// Shows all that can be shown.
    fn settle(&mut self, out: &mut Vec<u8>) {
        let Redactor { scratch, redaction, intervals, .. } = self;
        scratch.settle(&redaction.scanner, &mut |finding, _| intervals.extend(Interval::of(finding, redaction)));
        self.gather();
        self.show(out);
    }

    fn show(&mut self, out: &mut Vec<u8>) {
        let known = self.known.pending_from();
        let document = self.json.as_ref().map_or(u64::MAX, Json::pending_from);
        let document = self.logfmt.as_ref().map_or(document, Logfmt::pending_from);
        // A value that goes on and on is not held for ever.
        let document = if self.scratch.end().saturating_sub(document) > MAX_VALUE { u64::MAX } else { document };
        let to = self.scratch.horizon(&self.redaction.scanner).min(known).min(self.blocks.pending_from()).min(document);
        self.show_to(to, out);
        if let Some(json) = &mut self.json {
            json.forget(self.done);
        }
        let behind = self.done.saturating_sub(BEHIND);
        self.scratch.forget(&self.redaction.scanner, behind.min(known));
    }
}
