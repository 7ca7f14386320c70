//! Secrets out of a stream: known ones and those that the rules find, exactly, and without holding back more than has
//! to be.
//!
//! The text that is shown is the text as it came, with each hidden interval replaced by a marker. Intervals are the
//! secrets of all findings, the known secrets, and blocks of keys; those that overlap are one. What comes out does not
//! depend on how the text was cut, and at each moment everything is out that no secret can still become part of.

mod ansi;
mod block;
mod json;
mod known;
mod source;
mod style;
mod write;

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use self::ansi::{Stripper, Taken};
use self::block::{BlockKind, Blocks, Event};
use self::json::Json;
use self::known::{Hit, Matcher, Needles};
use crate::decode::wide::WideText;
use crate::engine::{DOUBTFUL, Scanner, Scratch};
use crate::finding::Finding;
use crate::fingerprint::{Fingerprint, Key};
use crate::rule::{Rule, RuleSet};
use crate::secret::Secret;
use crate::span::Span;

pub use self::known::{Admission, KnownSecrets, Refused};
pub use self::source::{SecretSource, Sourced};
pub use self::style::Style;
pub use self::write::{RedactReader, RedactWriter};

/// So much of the text before what was given out stays: what was added to the known secrets may have begun there.
const BEHIND: u64 = 4096;
/// The end of a block that is open.
const OPEN: u64 = u64::MAX;
/// The longest value of a member that is held until it is whole.
const MAX_VALUE: u64 = 64 * 1024;
/// Markers that are remembered: tags may be many.
const MAX_MARKERS: usize = 4096;

/// What happens at the end of the text to the start of a known secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtEnd {
    /// It is hidden when it is a quarter of the secret or more, and four bytes or more.
    #[default]
    HideParts,
    /// It is shown.
    Show,
}

/// What a text is, as far as it has to stay that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TextFormat {
    /// Bytes.
    #[default]
    Text,
    /// JSON documents, pretty or one a line, among lines that are none. They are documents afterwards, too; and the
    /// values of members named `password`, `authorization` and the like are hidden whatever they look like.
    Json,
}

/// How to redact: rules, known secrets and markers. Cheap to clone; one serves many streams.
#[derive(Debug, Clone)]
pub struct Redaction {
    scanner: Scanner,
    /// Which blocks are hidden: those of the rules that are wanted.
    blocks: Vec<BlockKind>,
    known: KnownSecrets,
    style: Style,
    at_end: AtEnd,
    format: TextFormat,
    min_confidence: f32,
    recorded: bool,
    /// For the fingerprints of records.
    key: Option<Key>,
}

impl Redaction {
    /// Redacts what these rules find.
    #[must_use]
    pub fn new(mut rules: RuleSet) -> Redaction {
        let blocks = BlockKind::ALL.into_iter().filter(|kind| rules.get(kind.rule_id()).is_some()).collect();
        // Blocks are told by their first lines, not by a regex that would hold all of a block back.
        rules.retain(|rule| !is_block_rule(rule));
        Redaction {
            scanner: Scanner::new(rules),
            blocks,
            known: KnownSecrets::new(),
            style: Style::default(),
            at_end: AtEnd::default(),
            format: TextFormat::default(),
            min_confidence: DOUBTFUL,
            recorded: false,
            key: None,
        }
    }

    /// Also hides these secrets, and those that are added to them later.
    #[must_use]
    pub fn with_known(mut self, known: KnownSecrets) -> Redaction {
        self.known = known;
        self
    }

    /// Replaces secrets in this way.
    #[must_use]
    pub fn with_style(mut self, style: Style) -> Redaction {
        self.style = style;
        self
    }

    /// Does this with the start of a known secret at the end of the text.
    #[must_use]
    pub fn at_end(mut self, at_end: AtEnd) -> Redaction {
        self.at_end = at_end;
        self
    }

    /// Keeps texts what they are.
    #[must_use]
    pub fn with_format(mut self, format: TextFormat) -> Redaction {
        self.format = format;
        self
    }

    /// Hides findings that are at least so sure. Default [`DOUBTFUL`], which is what scans report.
    #[must_use]
    pub fn with_min_confidence(mut self, confidence: f32) -> Redaction {
        self.min_confidence = confidence;
        self
    }

    /// Records what is hidden, for [`Redactor::take_records`]; with fingerprints where there is a key.
    #[must_use]
    pub fn recorded(mut self, key: Option<Key>) -> Redaction {
        self.recorded = true;
        self.key = key;
        self
    }

    /// Starts a stream.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.clone())
    }

    /// Redacts a whole text.
    #[must_use]
    pub fn redact(&self, text: &[u8]) -> Vec<u8> {
        let (mut redactor, mut out) = (self.redactor(), Vec::with_capacity(text.len()));
        redactor.push_more(text, &mut out);
        redactor.finish(&mut out);
        out
    }
}

/// Whether a rule finds blocks that [`Blocks`] finds.
fn is_block_rule(rule: &Rule) -> bool {
    rule.regex().is_some_and(|regex| regex.starts_with("-----BEGIN") || regex.starts_with("---- BEGIN"))
}

/// What an interval hides.
#[derive(Debug, Clone)]
enum Hidden {
    Block(BlockKind),
    Known(Arc<str>, Arc<Secret>),
    Finding(usize, Secret),
    /// The value of a member that is named like a secret.
    Member,
    /// What a finding has overlapped.
    Lost,
}

impl Hidden {
    /// What overlapping intervals are named after: the least.
    fn rank(&self) -> u8 {
        match self {
            Hidden::Block(_) => 0,
            Hidden::Known(..) => 1,
            Hidden::Finding(..) => 2,
            Hidden::Member => 3,
            Hidden::Lost => 4,
        }
    }
}

#[derive(Debug, Clone)]
struct Interval {
    span: Span,
    hidden: Hidden,
    /// In UTF-16, and its start not looked at.
    is_wide: bool,
}

/// What was hidden, without the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The rule's id, or the known secret's name.
    pub label: String,
    /// Where the marker starts in the output, in bytes.
    pub at: u64,
    /// The keyed fingerprint of the secret, where there is a key.
    pub fingerprint: Option<Fingerprint>,
}

/// What a redactor did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedactStats {
    /// Bytes that came in.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// How often each rule or known secret was hidden.
    pub hidden: BTreeMap<String, u64>,
    /// Attempts that were given up because hostile text made a rule look at too many bytes.
    pub skipped_attempts: u64,
}

impl RedactStats {
    /// How many intervals were hidden.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.hidden.values().sum()
    }

    /// Adds what another did.
    pub fn merge(&mut self, other: &RedactStats) {
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.skipped_attempts += other.skipped_attempts;
        for (label, count) in &other.hidden {
            *self.hidden.entry(label.clone()).or_default() += count;
        }
    }
}

/// Redacts one stream, piece by piece.
///
/// After each [`Redactor::push`] everything is out but the longest end of the text that may still become part of a
/// secret. `Debug` shows how much that is.
pub struct Redactor {
    redaction: Redaction,
    scratch: Scratch,
    known: Matcher,
    blocks: Blocks,
    stripper: Stripper,
    /// Of documents, their tokens.
    json: Option<Json>,
    /// Escape sequences that were taken out, and the offset of the byte before which each stood.
    sequences: VecDeque<(u64, Vec<u8>)>,
    /// The text of a piece without its sequences.
    shown: Vec<u8>,
    /// What is to be hidden, and not yet out.
    intervals: Vec<Interval>,
    /// Everything before this offset is out, or was hidden.
    done: u64,
    /// The marker that was written last stands for everything before this offset ...
    swallowed_to: u64,
    /// ... and as long as this is set, for the block that is open.
    in_block: bool,
    /// Where the bytes start that were revealed last, and where they end.
    held_from: Option<(u64, u64)>,
    /// Markers, and what is written for them; which depends on these needles.
    markers: BTreeMap<String, String>,
    markers_of: Option<Arc<Needles>>,
    records: Vec<Record>,
    stats: RedactStats,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} bytes held)", self.held_len())
    }
}

impl Redactor {
    fn new(redaction: Redaction) -> Redactor {
        let mut scratch = Scratch::new();
        scratch.start(&redaction.scanner);
        scratch.gather_lost();
        let mut known = Matcher::new(redaction.known.clone());
        known.renew(0);
        Redactor {
            json: (redaction.format == TextFormat::Json).then(Json::new),
            redaction,
            scratch,
            known,
            blocks: Blocks::new(),
            stripper: Stripper::default(),
            sequences: VecDeque::new(),
            shown: Vec::new(),
            intervals: Vec::new(),
            done: 0,
            swallowed_to: 0,
            in_block: false,
            held_from: None,
            markers: BTreeMap::new(),
            markers_of: None,
            records: Vec::new(),
            stats: RedactStats::default(),
        }
    }

    /// Takes the next bytes and appends to `out` what can be shown.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.take(bytes, false, out);
        self.settle(out);
    }

    /// As [`Redactor::push`], when more is known to come at once: a little more may be held, for less time.
    pub fn push_more(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.take(bytes, false, out);
        self.show(out);
    }

    /// Shows up to `most` bytes of what is held though they may become part of a secret, of which the rest is hidden
    /// then: for someone who waits for a prompt that looks like the start of one. What comes out depends on when this
    /// is called; it is called nowhere else.
    pub fn reveal(&mut self, most: usize, out: &mut Vec<u8>) {
        let held_from = self.held_from.filter(|(_, done)| *done == self.done).map_or(self.done, |(from, _)| from);
        let first = self.intervals.iter().map(|interval| interval.span.start).min().unwrap_or(u64::MAX);
        let to = (held_from + most as u64).min(self.scratch.end()).min(first);
        if !self.in_block && self.done >= self.swallowed_to && to > self.done {
            self.copy(to, out);
            self.sequences_to(to, out);
        }
        self.held_from = Some((held_from, self.done));
    }

    /// Ends the text, appends the rest to `out`, and starts a new text.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.take(b"", true, out);
        let least = self.redaction.min_confidence;
        let Redactor { scratch, redaction, intervals, .. } = self;
        let coverage =
            scratch.finish(&redaction.scanner, &mut |finding, _| intervals.extend(Interval::of(finding, least)));
        self.stats.skipped_attempts += coverage.skipped_attempts;
        self.gather();
        if self.redaction.at_end == AtEnd::HideParts {
            let from = self.known.pending_from();
            let partial = self.known.partial(self.scratch.text_from(from), from);
            self.intervals.extend(partial.map(Interval::from));
        }
        self.show_to(self.scratch.end(), out);
        self.restart();
    }

    /// How many bytes are held.
    #[must_use]
    pub fn held_len(&self) -> usize {
        (self.scratch.end() - self.done) as usize + self.stripper.held_len()
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> &RedactStats {
        &self.stats
    }

    /// What was hidden since the last call, when [`Redaction::recorded`].
    pub fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    fn restart(&mut self) {
        self.scratch.start(&self.redaction.scanner);
        self.scratch.gather_lost();
        self.known.renew(0);
        self.blocks = Blocks::new();
        self.json = self.json.take().map(|_| Json::new());
        self.intervals.clear();
        (self.done, self.swallowed_to, self.in_block, self.held_from) = (0, 0, false, None);
    }

    /// Takes bytes and finds what is to be hidden in them.
    fn take(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        self.stats.bytes_in += bytes.len() as u64;
        if self.known.is_stale() {
            // What the old secrets allow to be shown is shown before the new ones count.
            self.settle(out);
            self.known.renew(self.done.saturating_sub(BEHIND).max(self.scratch.base()));
        }
        if self.stripper.is_plain(bytes) {
            self.find(bytes, last);
            return;
        }
        let mut shown = std::mem::take(&mut self.shown);
        shown.clear();
        let end = self.scratch.end();
        let Redactor { stripper, sequences, redaction, .. } = self;
        stripper.feed(bytes, last, |part| match part {
            Taken::Text(text) => shown.extend_from_slice(text),
            Taken::Sequence(bytes) => sequences.push_back((end + shown.len() as u64, bytes.to_vec())),
            Taken::String(open, text, close) => {
                // A text of its own, which is short and all there.
                let mut bytes = open.to_vec();
                let mut inner = Redactor::new(redaction.clone());
                inner.push_more(text, &mut bytes);
                inner.finish(&mut bytes);
                bytes.extend_from_slice(close);
                sequences.push_back((end + shown.len() as u64, bytes));
            }
        });
        self.find(&shown, last);
        self.shown = shown;
    }

    /// Finds what is to be hidden in the next bytes that are shown.
    fn find(&mut self, bytes: &[u8], last: bool) {
        let least = self.redaction.min_confidence;
        let Redactor { scratch, redaction, intervals, known, blocks, json, .. } = self;
        scratch.feed(&redaction.scanner, bytes, &mut |finding, _| intervals.extend(Interval::of(finding, least)));
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
        let Redactor { scratch, intervals, .. } = self;
        intervals.extend(scratch.take_lost().map(|span| Interval { span, hidden: Hidden::Lost, is_wide: false }));
        for interval in intervals.iter_mut().filter(|interval| interval.is_wide) {
            interval.span = WideText::clipped(interval.span, |at| scratch.byte_at(at));
            interval.is_wide = false;
        }
    }

    /// Shows all that can be shown.
    fn settle(&mut self, out: &mut Vec<u8>) {
        let least = self.redaction.min_confidence;
        let Redactor { scratch, redaction, intervals, .. } = self;
        scratch.settle(&redaction.scanner, &mut |finding, _| intervals.extend(Interval::of(finding, least)));
        self.gather();
        self.show(out);
    }

    fn show(&mut self, out: &mut Vec<u8>) {
        let known = self.known.pending_from();
        let document = self.json.as_ref().map_or(u64::MAX, Json::pending_from);
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

    /// Shows everything before `to`, before which no interval starts that is not known.
    fn show_to(&mut self, to: u64, out: &mut Vec<u8>) {
        let (done, json) = (self.done, self.json.as_ref());
        self.intervals.retain_mut(|interval| {
            if let Some(json) = json.filter(|_| interval.span.end != OPEN) {
                interval.span = json.widened(interval.span);
            }
            interval.span.start = interval.span.start.max(done);
            interval.span.end > done
        });
        self.intervals.sort_by_key(|interval| (interval.span, interval.hidden.rank()));
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
        let nothing = Secret::new(b"");
        let (label, secret) = match hidden {
            Hidden::Block(kind) => (kind.rule_id(), &nothing),
            Hidden::Known(name, value) => (&**name, &**value),
            Hidden::Finding(rule, secret) => (self.redaction.scanner.rules()[*rule].id(), secret),
            Hidden::Member => ("secret-member", &nothing),
            Hidden::Lost => ("secret", &nothing),
        };
        let marker = self.redaction.style.marker(label, secret, len);
        if self.redaction.recorded {
            let key = self.redaction.key.as_ref().filter(|_| !secret.is_empty());
            let fingerprint = key.map(|key| Fingerprint::new(key, label, secret));
            self.records.push(Record { label: label.to_owned(), at: self.stats.bytes_out, fingerprint });
        }
        match self.stats.hidden.get_mut(label) {
            Some(count) => *count += 1,
            None => drop(self.stats.hidden.insert(label.to_owned(), 1)),
        }
        let marker = self.safe(&marker);
        match in_string {
            None => self.write(marker.as_bytes(), out),
            Some(in_string) => self.write(&json::quoted(&marker, !in_string), out),
        }
    }

    /// The marker, or what stands for it where a known secret is in it or could be made of it and its neighbours.
    fn safe(&mut self, marker: &str) -> String {
        let needles = self.known.needles();
        if !self.markers_of.as_ref().is_some_and(|of| Arc::ptr_eq(of, needles)) {
            self.markers_of = Some(Arc::clone(needles));
            self.markers.clear();
        }
        if let Some(safe) = self.markers.get(marker) {
            return safe.clone();
        }
        if self.markers.len() >= MAX_MARKERS {
            self.markers.clear();
        }
        let safe = [marker, style::NEUTRAL, ""].into_iter().find(|text| !needles.touches(text.as_bytes()));
        let safe = safe.unwrap_or_default().to_owned();
        self.markers.insert(marker.to_owned(), safe.clone());
        safe
    }

    /// Shows the text up to `to`, with the escape sequences in it.
    fn copy(&mut self, to: u64, out: &mut Vec<u8>) {
        while self.done < to {
            self.sequences_to(self.done, out);
            let next = self.sequences.front().map_or(to, |(at, _)| to.min(*at));
            let len = (next - self.done) as usize;
            out.extend_from_slice(&self.scratch.text_from(self.done)[..len]);
            self.stats.bytes_out += len as u64;
            self.done = next;
        }
    }

    /// Writes the escape sequences that stood before the byte at this offset.
    fn sequences_to(&mut self, to: u64, out: &mut Vec<u8>) {
        while self.sequences.front().is_some_and(|(at, _)| *at <= to) {
            let Some((_, bytes)) = self.sequences.pop_front() else { return };
            self.write(&bytes, out);
        }
    }

    fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
        self.stats.bytes_out += bytes.len() as u64;
    }
}

impl Interval {
    /// Of a finding that is sure enough.
    fn of(finding: Finding, min_confidence: f32) -> Option<Interval> {
        let is_wide = finding.decoded.is_some();
        let hidden = Hidden::Finding(finding.rule, finding.secret);
        (finding.confidence >= min_confidence).then_some(Interval { span: finding.span, hidden, is_wide })
    }

    /// Of intervals that overlap, the least is what they are named after.
    fn order(&self) -> (u8, u64, Reverse<u64>) {
        (self.hidden.rank(), self.span.start, Reverse(self.span.end))
    }
}

impl From<Hit> for Interval {
    fn from(hit: Hit) -> Interval {
        let span = Span { start: hit.start, end: hit.end };
        Interval { span, hidden: Hidden::Known(hit.name, hit.value), is_wide: false }
    }
}
