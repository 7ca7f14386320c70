//! From intervals to output: what is shown, and the markers between.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use super::interval::{Hidden, Interval};
use super::json::{self, Place};
use super::redactor::{Mark, OPEN};
use super::stats::Record;
use super::style::{self, Wide};
use super::{Redactor, Style};
use crate::copy;
use crate::engine::Hindered;
use crate::fingerprint::Fingerprint;
use crate::secret::Secret;
use crate::span::Span;

/// Markers that are remembered: tags may be many.
const MAX_MARKERS: usize = 4096;
/// The length of the mask of a block.
const BLOCK_MASK: u64 = 8;
/// No more is held because of what may follow it.
const MAX_HELD: u64 = 64 * 1024;

impl Redactor {
    /// Shows everything before `to`, before which no interval starts that is not known; `u64::MAX` when nothing follows.
    pub(super) fn show_to(&mut self, to: u64, out: &mut Vec<u8>) {
        let to = self.unhindered_to(to).min(self.scratch.end());
        let Redactor { done, json, scratch, .. } = self;
        let done = *done;
        let text = |line: &Range<u64>| &scratch.text_from(line.start)[..(line.end - line.start) as usize];
        self.intervals.retain_mut(|interval| {
            if let Some(json) = json.as_mut().filter(|_| interval.span.end != OPEN) {
                json.open(interval.span.start..interval.span.end, text);
                interval.span = json.widened(interval.span);
            }
            interval.span.start = interval.span.start.max(done);
            interval.span.end > done
        });
        self.intervals.sort_by_key(|interval| (interval.span, interval.order()));
        self.intervals.dedup_by(|a, b| a.span == b.span && a.hidden.rank() == b.hidden.rank());
        while self.done < to {
            let first = self.intervals.first().map_or(u64::MAX, |interval| interval.span.start);
            if self.in_block || self.done < self.swallowed_to {
                let hidden_to = if self.in_block { to } else { self.swallowed_to };
                if first < hidden_to {
                    // What a marker stands for goes on as long as something overlaps it.
                    self.absorb(1);
                } else {
                    self.done = to.min(hidden_to);
                    self.extend_record();
                    self.sequences_to(self.done, out);
                }
            } else if first > self.done {
                self.copy(to.min(first), out);
            } else if !self.mark(to, out) {
                break;
            }
        }
        self.sequences_to(self.done, out);
    }

    /// What comes right before something that is hidden may be found once a marker stands there, and is hidden, too.
    /// Answers how much of what is before `to` can be shown until it is known whether that is so.
    fn unhindered_to(&mut self, mut to: u64) -> u64 {
        // Before this nothing is hidden, and nothing waits.
        let mut first = self.intervals.iter().map(|interval| interval.span.start).fold(to, u64::min);
        if self.hindered.iter().all(|hindered| hindered.by < first) {
            self.hindered.clear();
            return to;
        }
        // What starts later may be what cuts this one short.
        self.hindered.sort_unstable_by_key(|hindered| Reverse((hindered.start, hindered.by)));
        self.intervals.sort_by_key(Interval::order);
        let mut starts: BTreeMap<u64, usize> = BTreeMap::new();
        for (number, interval) in self.intervals.iter().enumerate() {
            starts.entry(interval.span.start).or_insert(number);
        }
        for hindered in std::mem::take(&mut self.hindered) {
            if hindered.by < first {
                continue;
            }
            let Some(start) = self.scratch.value_of(&hindered).filter(|_| hindered.by > self.done) else { continue };
            // What starts first decides; before `to` all starts are known.
            let cut = starts.range(start + 1..=hindered.by).next().filter(|(by, _)| **by < to);
            match cut.map(|(by, number)| (*by, *number)) {
                Some((by, number)) => {
                    let Some(interval) = self.cut_short(&hindered, start, by, number) else { continue };
                    first = first.min(interval.span.start);
                    starts.entry(interval.span.start).or_insert(self.intervals.len());
                    self.intervals.push(interval);
                }
                // What goes on and on is not held for ever.
                None if hindered.by >= to && self.scratch.end() - start <= MAX_HELD => {
                    self.hindered.push(hindered);
                    to = to.min(start);
                    first = first.min(to);
                }
                None => {}
            }
        }
        to
    }

    /// What is found from `start` on when the marker of this interval, at `by`, is what stands behind it.
    fn cut_short(&mut self, hindered: &Hindered, start: u64, by: u64, interval: usize) -> Option<Interval> {
        let Interval { span, hidden, .. } = self.intervals[interval].clone();
        let marker = self.marker(&hidden, span.len().min(BLOCK_MASK));
        let Redactor { scratch, redaction, .. } = self;
        let (scanner, least) = (&redaction.scanner, redaction.min_confidence);
        // A line that ends behind the marker may be one value with it, and none where a quote follows: what follows is not
        // known yet.
        let (rule, found) = ["", "\""].into_iter().find_map(|behind| {
            let behind = format!("{marker}{behind}");
            scratch.found_before(scanner, hindered, by, behind.as_bytes(), least)
        })?;
        // What stood before this did not wait; and of what goes on into the marker, that is no secret.
        let span = Span { start: found.start.max(start), end: found.end.min(by) };
        if !redaction.wants(rule) || span.end <= span.start {
            return None;
        }
        let secret = Secret::new(&scratch.text_from(span.start)[..span.len() as usize]);
        Some(Interval { span, hidden: Hidden::Finding(rule, least, secret), is_wide: false })
    }

    /// Hides the first intervals behind the marker that was written last.
    fn absorb(&mut self, count: usize) {
        for interval in self.intervals.drain(..count) {
            match interval.span.end {
                OPEN => self.in_block = true,
                end => self.swallowed_to = self.swallowed_to.max(end),
            }
        }
    }

    /// Writes the marker of the intervals that overlap one another from here on; answers false when there may be more.
    fn mark(&mut self, to: u64, out: &mut Vec<u8>) -> bool {
        let (mut end, mut count, mut open) = (self.done, 0, false);
        while let Some(interval) = self.intervals.get(count).filter(|next| count == 0 || next.span.start < end) {
            open |= interval.span.end == OPEN;
            end = end.max(if interval.span.end == OPEN { to } else { interval.span.end });
            count += 1;
        }
        if end > to && !open {
            return false;
        }
        self.sequences_to(self.done, out);
        let chosen = self.intervals[..count].iter().min_by_key(|interval| interval.order());
        let Some(hidden) = chosen.map(|interval| interval.hidden.clone()) else { return true };
        self.absorb(count);
        match self.json.as_ref().filter(|_| !open).and_then(|json| json.parts(self.done..end)) {
            None => self.write_marker(&hidden, end - self.done, None, out),
            Some(parts) => self.mark_parts(&hidden, parts, end, out),
        }
        true
    }

    /// Writes a marker for each part of what is hidden, and shows what stands between them.
    fn mark_parts(&mut self, hidden: &Hidden, parts: Vec<json::Part>, end: u64, out: &mut Vec<u8>) {
        for part in parts {
            self.copy(part.span.start.max(self.done), out);
            self.write_marker(hidden, part.span.len(), Some(part.is_string), out);
            self.done = part.span.end;
            self.sequences_to(self.done, out);
        }
        self.copy(end, out);
    }

    /// Writes a marker; in a document, where it is a part of a string or stands for another value.
    fn write_marker(&mut self, hidden: &Hidden, len: u64, in_string: Option<bool>, out: &mut Vec<u8>) {
        self.stats.count(hidden.label(&self.redaction.scanner));
        // What is text in UTF-16 stays that.
        let raw = self.scratch.text_from(self.done).get(..len as usize);
        let wide = raw.filter(|_| in_string.is_none() && !matches!(hidden, Hidden::Block(_))).and_then(Wide::of);
        let len = if wide.is_some() { len.div_ceil(2) } else { len };
        let (start, mut marker) = (self.written, self.marker(hidden, len));
        if marker.is_empty() && self.may_join() {
            marker = self.safe(style::NEUTRAL);
        }
        if self.redaction.recorded {
            self.record(hidden, len, &marker);
        }
        self.shown_last = marker.bytes().last();
        let place = match in_string {
            None => Place::Text,
            Some(true) => Place::String,
            Some(false) => Place::Between,
        };
        match (in_string, wide) {
            (None, Some(wide)) => self.write(&wide.text(&marker), out),
            (None, None) => self.write(marker.as_bytes(), out),
            (Some(in_string), _) => self.write(&json::quoted(&marker, !in_string), out),
        }
        self.marks.push(Mark { start, end: self.written, place });
    }

    /// Where in the input an offset of the text stands, at which something starts or ends of which less is not out.
    fn place(&self, offset: u64) -> u64 {
        let inner = self.sequences.iter().take_while(|sequence| sequence.at < offset);
        offset + self.sequences_len + inner.map(|sequence| sequence.len).sum::<u64>()
    }

    fn record(&mut self, hidden: &Hidden, len: u64, marker: &str) {
        let label = hidden.label(&self.redaction.scanner);
        let secret_and_key = hidden.secret().zip(self.redaction.key.as_ref());
        let fingerprint = secret_and_key.map(|(secret, key)| Fingerprint::new(key, label, secret));
        let span = Some(Span { start: self.place(self.done), end: self.place(self.done + len) });
        let (label, cause, marker) = (label.to_owned(), hidden.cause(), marker.to_owned());
        self.records.push(Record { label, cause, marker, at: self.written, span, fingerprint });
    }

    /// What the marker that was written last stands for goes on to here.
    fn extend_record(&mut self) {
        let end = self.place(self.done);
        if let Some(span) = self.records.iter_mut().rev().find_map(|record| record.span.as_mut()) {
            span.end = span.end.max(end);
        }
    }

    /// The marker of what has so many bytes.
    fn marker(&mut self, hidden: &Hidden, len: u64) -> String {
        // How long a block is, is not known when its marker is written.
        let len = if matches!(hidden, Hidden::Block(_)) { BLOCK_MASK } else { len };
        // What is found in what was written is there because of markers that nobody knows for such.
        let is_made = self.echo.is_second() && matches!(hidden, Hidden::Finding(..) | Hidden::Lost);
        let style = if is_made && !self.redaction.style.is_known() { &Style::Label } else { &self.redaction.style };
        let marker = style.marker(hidden.label(&self.redaction.scanner), hidden.secret(), len);
        self.safe(&marker)
    }

    /// Whether an empty marker would make one word of what stands on both sides of it: what is found then may all stand
    /// before it.
    fn may_join(&self) -> bool {
        self.shown_last.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    }

    /// The marker, or what stands for it where a known secret is in it or could be made of it and its neighbours.
    fn safe(&mut self, marker: &str) -> String {
        if self.markers_of != self.known.version() {
            self.markers_of = self.known.version();
            self.markers.clear();
        }
        if let Some(safe) = self.markers.get(marker) {
            return safe.clone();
        }
        if self.markers.len() >= MAX_MARKERS {
            self.markers.clear();
        }
        let is_safe = |text: &&str| !self.known.touches(text.as_bytes()) && !self.redaction.hides_marker(text);
        let safe = [marker, style::NEUTRAL, ""].into_iter().find(is_safe);
        let safe = safe.unwrap_or_default().to_owned();
        self.markers.insert(marker.to_owned(), safe.clone());
        safe
    }

    /// Shows the text up to `to`, with the escape sequences in it.
    pub(super) fn copy(&mut self, to: u64, out: &mut Vec<u8>) {
        while self.done < to {
            self.sequences_to(self.done, out);
            let next = self.sequences.front().map_or(to, |sequence| to.min(sequence.at));
            let len = (next - self.done) as usize;
            let text = &self.scratch.text_from(self.done)[..len];
            copy::append(out, text);
            self.shown_last = text.last().copied().or(self.shown_last);
            self.written += len as u64;
            self.done = next;
        }
    }

    /// Writes the escape sequences that stood before the byte at this offset.
    pub(super) fn sequences_to(&mut self, to: u64, out: &mut Vec<u8>) {
        while self.sequences.front().is_some_and(|sequence| sequence.at <= to) {
            let Some(sequence) = self.sequences.pop_front() else { return };
            let Redactor { told, written, sequences_len, .. } = self;
            let from = sequence.at + *sequences_len;
            told.extend(sequence.records.into_iter().map(|record| Record {
                at: *written + record.at,
                span: record.span.map(|span| Span { start: from + span.start, end: from + span.end }),
                ..record
            }));
            self.sequences_len += sequence.len;
            self.write(&sequence.bytes, out);
        }
    }

    fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
        self.written += bytes.len() as u64;
    }
}
