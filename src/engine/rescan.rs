//! A text that was made from another one: scanned where it differs, and nowhere else.
//!
//! A version of a file is made from another version by copying most of it. What a rule finds at a start depends on the
//! bytes that the attempt looked at: a bounded number before the start ([`LOOK_BEHIND`]), and as many after it as its
//! regex asked for. Nearly all attempts end within [`SHORT_READ`] bytes, and those that do not are remembered. So of
//! the starts in a copied range only those have to be tried again that are close to one of its ends, or whose attempt
//! looked beyond it; the others match as they did. Two more things carry over from start to start, and both only
//! within a chain of overlapping matches (an *island*): a believed match hides later starts, and overlaps are resolved.
//! So the starts that are tried again are grown to whole islands, of the matches that were and of those that are now.
//!
//! An anchor may stand behind the start of its match, and one that is new makes starts before it possible. Nearly all
//! stand close to the start; the few that may stand far behind it are remembered by their places, and where there is a
//! new one of these, all of the text is scanned.
//!
//! What is found beside other secrets, and which secrets belong together, is a matter of the secrets in a text and little
//! else: it is worked out anew.
//!
//! The answer is that of a scan of the whole text. It differs in one case only: where hostile text makes a scan give
//! attempts up, which [`Scanned::is_complete`] tells, more may be found.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::beside::{Beside, Place as Text, Seen, Swept};
use super::matcher::MatcherCache;
use super::parts::{Item, Joiner};
use super::pass::{FarAnchor, Record, SHORT_READ, Window};
use super::resolve::{self, DOUBTFUL, Match};
use super::session::{InDerived, LOOK_BEHIND, State};
use super::{Engine, Scanner, Scratch};
use crate::finding::{Encoding, Verdict};
use crate::rule::Kind;
use crate::secret::Secret;
use crate::span::{Copied, Span};

/// What the scan of a text came to, and what is needed to scan a text that was made from it.
#[derive(Debug, Clone, Default)]
pub struct Scanned {
    len: u64,
    /// Matches before overlaps were resolved, by start.
    places: Vec<Place>,
    /// Attempts that looked far, by start: the start, and the end of what they looked at.
    long_reads: Vec<(u64, u64)>,
    /// Anchors that may stand far behind the starts of their matches, by place.
    far: Vec<FarAnchor>,
    /// Whether there may be a NUL in the text.
    nul: bool,
    /// What was found because it stands beside another secret, by place.
    beside: Vec<Match>,
    /// Secrets that belong together, by place: which one each belongs to, and how sure they make one another.
    joined: BTreeMap<Span, (Span, f32)>,
    /// What was found in another encoding.
    derived: Vec<Derived>,
    skipped: u64,
}

/// A match in text of another encoding.
#[derive(Debug, Clone)]
struct Derived {
    found: Arc<Match>,
    encoding: Encoding,
    secret: Secret,
    whole: Option<Span>,
}

/// A match, where it stands now.
#[derive(Debug, Clone)]
struct Place {
    start: u64,
    found: Arc<Match>,
    kept: bool,
}

/// A finding without its bytes, lines and columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot<'s> {
    /// The index of the rule.
    pub rule: usize,
    /// Where the (encoded) secret stands.
    pub span: Span,
    /// Where the whole match stands.
    pub matched: Span,
    /// How sure it is to be a secret.
    pub confidence: f32,
    /// What the validators said.
    pub verdicts: &'s [Verdict],
    /// Other rules that claim the same secret.
    pub candidates: &'s [usize],
    /// How it is encoded.
    pub decoded: Option<Encoding>,
    /// Where the secret stands that it is a part of, when it is one.
    pub whole: Option<Span>,
    /// The secret, where the text does not have it as it is.
    secret: Option<&'s Secret>,
}

impl<'s> Spot<'s> {
    /// The secret, decoded; `text` is what was scanned.
    #[must_use]
    pub fn secret<'t>(&self, text: &'t [u8]) -> &'t [u8]
    where
        's: 't,
    {
        match self.secret {
            Some(secret) => secret.expose(),
            None => &text[self.span.start as usize..self.span.end as usize],
        }
    }
}

impl Place {
    fn end(&self) -> u64 {
        self.start + self.found.matched.len()
    }

    fn secret(&self) -> Span {
        let start = self.start + (self.found.secret.start - self.found.matched.start);
        Span { start, end: start + self.found.secret.len() }
    }
}

impl Scanned {
    /// What was found, parts of credentials one by one: first in the text as it stands, then because it stands beside
    /// another secret, then in other encodings; each by place.
    pub fn spots(&self) -> impl Iterator<Item = Spot<'_>> {
        let kept = self.places.iter().filter(|place| place.kept && place.found.kind != Kind::Identifier);
        let plain = kept.map(|place| {
            let matched = Span { start: place.start, end: place.end() };
            spot(&place.found, place.secret(), matched, None)
        });
        let beside = self.beside.iter().map(|found| spot(found, found.secret, found.matched, None));
        let in_text = plain.chain(beside).map(|spot| match self.joined.get(&spot.span) {
            Some(&(whole, confidence)) => {
                Spot { whole: Some(whole).filter(|whole| *whole != spot.span), confidence, ..spot }
            }
            None => spot,
        });
        in_text.chain(self.derived.iter().map(|derived| {
            let (secret, matched) = (derived.found.secret, derived.found.matched);
            let spot = spot(&derived.found, secret, matched, Some((derived.encoding, &derived.secret)));
            Spot { whole: derived.whole, ..spot }
        }))
    }

    /// Whether everything was looked at.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.skipped == 0
    }

    /// Attempts that were given up.
    #[must_use]
    pub fn skipped_attempts(&self) -> u64 {
        self.skipped
    }
}

fn spot<'s>(found: &'s Match, span: Span, matched: Span, derived: Option<(Encoding, &'s Secret)>) -> Spot<'s> {
    Spot {
        rule: found.rule,
        span,
        matched,
        confidence: found.confidence,
        verdicts: &found.verdicts,
        candidates: &found.candidates,
        decoded: derived.map(|(encoding, _)| encoding),
        whole: None,
        secret: derived.map(|(_, secret)| secret),
    }
}

impl Scanner {
    /// Scans a text and remembers what is needed to scan others that were made from it.
    #[must_use]
    pub fn scan_base(&self, text: &[u8], scratch: &mut Scratch) -> Scanned {
        scratch.prepare(self);
        if !self.engine.foreign.is_empty() {
            return whole(self, text, scratch);
        }
        let mut scan = Rescan::new(self, text, scratch);
        if !text.is_empty() {
            scan.fresh(0..text.len() as u64, &Inherited::default(), &mut [].iter().peekable());
        }
        scan.finish(memchr::memchr(0, text).is_some())
    }

    /// Scans a text that was made from one that was scanned: answers what [`Scanner::scan_base`] would, sooner.
    /// `copies` say which parts of `text` are parts of the base; to be wrong about it makes findings wrong.
    #[must_use]
    pub fn scan_delta(&self, base: &Scanned, text: &[u8], copies: &[Copied], scratch: &mut Scratch) -> Scanned {
        // Attempts that were given up were so for reasons that a part of the text cannot tell. Nor can a part tell what
        // a rule of another tool finds: each of its matches hides starts, wherever the search began.
        if !base.is_complete() || !self.engine.foreign.is_empty() {
            return self.scan_base(text, scratch);
        }
        scratch.prepare(self);
        let mut scan = Rescan::new(self, text, scratch);
        let inherited = Inherited::of(base, copies, text.len() as u64);
        let dirty = dirty_starts(&self.engine, base, &inherited, text, copies);
        if !scan.all(&inherited, &dirty) || scan.scratch.state.plain.skipped_attempts() > 0 {
            return self.scan_base(text, scratch);
        }
        let nul = base.nul || gaps(copies, text.len() as u64).any(|gap| has_nul(text, gap));
        scan.finish(nul && memchr::memchr(0, text).is_some())
    }
}

/// Scans a text as [`Scanner::scan_with`] does. Nothing can be made of the answer but a list of what was found.
fn whole(scanner: &Scanner, text: &[u8], scratch: &mut Scratch) -> Scanned {
    let Scratch { state, caches, .. } = scratch;
    let mut places = Vec::new();
    state.plain.advance(&scanner.engine, caches, Window { bytes: text, base: 0, last: true }, |found| {
        places.push(Place { start: found.matched.start, found: found.into(), kept: true });
    });
    places.sort_by_key(|place: &Place| (place.start, place.found.rule));
    let nul = memchr::memchr(0, text).is_some();
    let derived = if nul { derived(scanner, text, state, caches) } else { Vec::new() };
    let skipped = state.coverage().skipped_attempts;
    let (beside, joined) = related(&scanner.engine, caches, text, &places);
    let (long_reads, far) = (Vec::new(), Vec::new());
    Scanned { len: text.len() as u64, places, long_reads, far, nul, beside, joined, derived, skipped }
}

/// What is found beside what was found, and which of all that belongs together.
fn related(
    engine: &Engine,
    caches: &mut [Option<MatcherCache>],
    text: &[u8],
    places: &[Place],
) -> (Vec<Match>, BTreeMap<Span, (Span, f32)>) {
    let (mut beside, mut joined) = (Vec::new(), BTreeMap::new());
    let kept = || places.iter().filter(|place| place.kept && !engine.rules[place.found.rule].is_foreign());
    let is_related = |rule| engine.parts.is_head(rule) || !engine.parts.beside(rule).is_empty();
    if !kept().any(|place| is_related(place.found.rule)) {
        return (beside, joined);
    }
    let mut seen: Vec<Seen<()>> = kept()
        .map(|place| {
            let Match { rule, kind, confidence, .. } = *place.found;
            Seen { rule, secret: place.secret(), kind, confidence, what: () }
        })
        .collect();
    seen.sort_by_key(|seen| seen.secret.start);
    let (mut sweep, mut joiner) = (Beside::default(), Joiner::default());
    seen.into_iter().for_each(|seen| sweep.push(seen));
    let (mut line, mut counted) = (0, 0);
    let mut line_of = |offset: u64| {
        line += memchr::memchr_iter(b'\n', &text[counted..offset as usize]).count() as u64;
        counted = offset as usize;
        line
    };
    let mut join = |all: super::parts::Joined<Span>| {
        let Some(confidence) = all.confidence else { return };
        joined.insert(all.what, (all.what, confidence));
        let secret = all.parts.into_iter().filter(|part| !part.is_public);
        joined.extend(secret.map(|part| (part.what, (all.what, confidence))));
    };
    let window = Window { bytes: text, base: 0, last: true };
    sweep.advance(Text { engine, caches, window }, u64::MAX, &mut |swept| {
        let (rule, kind, span, confidence, fits) = match &swept {
            Swept::Known(seen, fits) => (seen.rule, seen.kind, seen.secret, seen.confidence, fits.clone()),
            Swept::New(found) => (found.rule, found.kind, found.secret, found.confidence, Vec::new()),
        };
        if let Swept::New(found) = swept {
            beside.push(found);
        }
        if confidence >= DOUBTFUL {
            let lines = (line_of(span.start), line_of(span.end));
            let item = Item { rule, kind, span, lines, confidence, fits, what: span };
            joiner.push(&engine.parts, item, &mut join);
        }
    });
    joiner.finish(&engine.parts, &mut join);
    (beside, joined)
}

fn has_nul(text: &[u8], range: Range<u64>) -> bool {
    memchr::memchr(0, &text[range.start as usize..range.end as usize]).is_some()
}

/// The parts of a text of `len` bytes that were not copied.
fn gaps(copies: &[Copied], len: u64) -> impl Iterator<Item = Range<u64>> {
    let ends = [0].into_iter().chain(copies.iter().map(|copied| copied.to + copied.len));
    let starts = copies.iter().map(|copied| copied.to).chain([len]);
    ends.zip(starts).map(|(end, start)| end..start).filter(|gap| !gap.is_empty())
}

/// What the copied parts of a base have to say, where it stands now.
#[derive(Default)]
struct Inherited {
    places: Vec<Place>,
    /// Starts, ends, and where the copied part ends.
    long_reads: Vec<(u64, u64, u64)>,
    far: Vec<FarAnchor>,
    islands: Vec<Range<u64>>,
}

impl Inherited {
    fn of(base: &Scanned, copies: &[Copied], len: u64) -> Inherited {
        let (mut places, mut long_reads, mut ranges) = (Vec::new(), Vec::new(), Vec::new());
        let mut far = Vec::new();
        for copied in copies {
            let (from, to) = (copied.from, copied.from + copied.len);
            let now = |at: u64| at - from + copied.to;
            let first = base.places.partition_point(|place| place.start < from);
            for place in base.places[first..].iter().take_while(|place| place.start < to) {
                ranges.push(now(place.start)..now(place.end().min(to)));
                places.push(Place { start: now(place.start), ..place.clone() });
            }
            // Where base and text end together, the end was seen as it is.
            let stop = if to == base.len && now(to) == len { u64::MAX } else { now(to) };
            let first = base.long_reads.partition_point(|read| read.0 < from);
            let reads = base.long_reads[first..].iter().take_while(|read| read.0 < to);
            long_reads.extend(reads.map(|&(start, end)| (now(start), now(end), stop)));
            let first = base.far.partition_point(|anchor| anchor.at < from);
            // One that is not whole is not one any more, unless it is found again.
            let anchors = base.far[first..].iter().take_while(|anchor| anchor.at < to);
            let whole = anchors.filter(|anchor| anchor.at + anchor.len <= to);
            far.extend(whole.map(|anchor| FarAnchor { at: now(anchor.at), ..*anchor }));
        }
        Inherited { places, long_reads, far, islands: islands(ranges.into_iter()) }
    }
}

/// Ranges that overlap, as one; `ranges` are by start.
fn islands(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut islands: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match islands.last_mut().filter(|last| range.start < last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => islands.push(range),
        }
    }
    islands
}

/// The island that reaches over `at`.
fn across(islands: &[Range<u64>], at: u64) -> Option<&Range<u64>> {
    let next = islands.partition_point(|island| island.end <= at);
    islands.get(next).filter(|island| island.start < at)
}

/// The starts that have to be tried again, as ranges that ascend and do not touch.
fn dirty_starts(
    engine: &Engine,
    base: &Scanned,
    inherited: &Inherited,
    text: &[u8],
    copies: &[Copied],
) -> Vec<Range<u64>> {
    let len = text.len() as u64;
    let was = islands(base.places.iter().map(|place| place.start..place.end()));
    let before = |end: u64| {
        // Whether a long run is one depends on all of it.
        let longest = (engine.keywords.longest_len() as u64).min(end);
        let of_run = text[(end - longest) as usize..end as usize].iter().rev();
        let run_len = of_run.take_while(|byte| engine.long_run.contains(**byte)).count() as u64;
        end.saturating_sub(SHORT_READ.max(run_len))
    };
    let mut dirty: Vec<Range<u64>> = Vec::with_capacity(copies.len() + 1 + inherited.long_reads.len());
    let mut end = 0u64;
    let mut ends_as_base = false;
    for copied in copies {
        let starts_as_base = copied.to == 0 && copied.from == 0;
        if !starts_as_base {
            // A match that began before the copied part hid starts in it.
            let hidden = across(&was, copied.from).map_or(0, |island| island.end - copied.from);
            dirty.push(before(end)..copied.to + LOOK_BEHIND.max(hidden));
        }
        end = copied.to + copied.len;
        ends_as_base = copied.from + copied.len == base.len;
    }
    if !(end == len && ends_as_base) {
        dirty.push(before(end)..len);
    }
    let beyond = inherited.long_reads.iter().filter(|(_, end, stop)| end > stop);
    dirty.extend(beyond.map(|&(start, ..)| start..start + 1));
    dirty.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::with_capacity(dirty.len());
    for range in dirty {
        let range = range.start..range.end.min(len);
        match merged.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None if range.is_empty() => {}
            None => merged.push(range),
        }
    }
    merged
}

/// One scan, while it goes on.
struct Rescan<'a> {
    scanner: &'a Scanner,
    text: &'a [u8],
    scratch: &'a mut Scratch,
    places: Vec<Place>,
    long_reads: Vec<(u64, u64)>,
    far: Vec<FarAnchor>,
}

type Dirty<'d> = std::iter::Peekable<std::slice::Iter<'d, Range<u64>>>;

impl<'a> Rescan<'a> {
    fn new(scanner: &'a Scanner, text: &'a [u8], scratch: &'a mut Scratch) -> Rescan<'a> {
        scratch.state.plain.record = Some(Record::default());
        Rescan { scanner, text, scratch, places: Vec::new(), long_reads: Vec::new(), far: Vec::new() }
    }

    /// Takes over what was inherited, but for the starts that are dirty, which are tried again. Answers false when that
    /// is not enough.
    fn all(&mut self, inherited: &Inherited, dirty: &[Range<u64>]) -> bool {
        let (mut place, mut read) = (0, 0);
        let mut dirty = dirty.iter().peekable();
        let mut inherit_to = |scan: &mut Self, from: u64, to: u64| {
            let places = &inherited.places;
            place += places[place..].partition_point(|place| place.start < from);
            let end = place + places[place..].partition_point(|place| place.start < to);
            scan.places.extend_from_slice(&places[place..end]);
            let reads = &inherited.long_reads;
            read += reads[read..].partition_point(|read| read.0 < from);
            let stop = read + reads[read..].partition_point(|read| read.0 < to);
            scan.long_reads.extend(reads[read..stop].iter().map(|&(start, end, _)| (start, end)));
            (place, read) = (end, stop);
        };
        let mut done = 0;
        while let Some(range) = dirty.next() {
            if range.end <= done {
                continue;
            }
            let from = range.start.max(done);
            let start = across(&inherited.islands, from).map_or(from, |island| island.start.max(done));
            inherit_to(self, done, start);
            match self.fresh(start..range.end, inherited, &mut dirty) {
                Some(end) => done = end,
                None => return false,
            }
        }
        inherit_to(self, done, u64::MAX);
        self.far.extend_from_slice(&inherited.far);
        true
    }

    /// Tries the starts of a range, and of what it grows to; answers where that ends. A new far anchor is the rare case
    /// in which what is before the range has to be tried, too, and then there is no answer.
    fn fresh(&mut self, range: Range<u64>, inherited: &Inherited, dirty: &mut Dirty<'_>) -> Option<u64> {
        let engine = &*self.scanner.engine;
        let (mut from, mut to) = (range.start, range.end);
        let mut reach = to;
        let mut found = Vec::new();
        let first_read = self.long_reads.len();
        while from < to {
            let Scratch { state: State { plain, .. }, caches, .. } = &mut *self.scratch;
            if !plain.try_starts(engine, caches, self.text, from..to, &inherited.far) {
                return None;
            }
            let Some(record) = &mut plain.record else { break };
            reach = record.matches.iter().map(|found| found.matched.end).fold(reach, u64::max);
            found.append(&mut record.matches);
            self.long_reads.append(&mut record.long_reads);
            self.far.append(&mut record.far);
            (from, to) = (to, grown(reach, &inherited.islands, dirty));
            reach = to;
        }
        self.keep(found);
        self.long_reads[first_read..].sort_unstable();
        Some(to)
    }

    /// Resolves the overlaps of new matches, which overlap no others.
    fn keep(&mut self, mut found: Vec<Match>) {
        let kept = resolve::kept(&mut found);
        let places = found.into_iter().zip(kept);
        let first = self.places.len();
        self.places.extend(places.map(|(found, kept)| Place { start: found.matched.start, found: found.into(), kept }));
        self.places[first..].sort_by_key(|place| (place.start, place.found.rule));
    }

    fn finish(self, nul: bool) -> Scanned {
        let Rescan { scanner, text, scratch, places, long_reads, mut far } = self;
        far.sort_unstable();
        far.dedup();
        scratch.state.plain.record = None;
        let derived = if nul { derived(scanner, text, &mut scratch.state, &mut scratch.caches) } else { Vec::new() };
        let (beside, joined) = related(&scanner.engine, &mut scratch.caches, text, &places);
        let skipped = scratch.state.coverage().skipped_attempts;
        Scanned { len: text.len() as u64, places, long_reads, far, nul, beside, joined, derived, skipped }
    }
}

/// How far a range that ends at `reach` has to go on: over islands and dirty ranges that it touches.
fn grown(mut reach: u64, islands: &[Range<u64>], dirty: &mut Dirty<'_>) -> u64 {
    loop {
        let island = across(islands, reach).map_or(reach, |island| island.end);
        let next = dirty.next_if(|range| range.start <= island).map_or(island, |range| range.end.max(island));
        if next == reach {
            return reach;
        }
        reach = next;
    }
}

fn derived(scanner: &Scanner, text: &[u8], state: &mut State, caches: &mut [Option<MatcherCache>]) -> Vec<Derived> {
    let matches = state.derived_matches(scanner, caches, text).into_iter();
    let derived =
        |InDerived { found, encoding, secret, whole }| Derived { found: Arc::new(found), encoding, secret, whole };
    matches.map(derived).collect()
}
