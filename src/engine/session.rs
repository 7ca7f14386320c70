//! The incremental core: feed bytes, get findings, learn which prefix is final.
//!
//! A session holds the bytes that may still matter: a little before the first undecided offset (validators and
//! keywords look back), and everything after it. A whole buffer is one feed that is scanned where it lies.

use std::collections::VecDeque;

use super::beside::{Beside, Place, Seen, Swept};
use super::hinder::Hindered;
use super::matcher::MatcherCache;
use super::parts::{Item, Joined, JoinedPart, Joiner};
use super::pass::{Pass, Window};
use super::resolve::{DOUBTFUL, Match};
use super::{Engine, Scanner, Scratch};
use crate::copy;
use crate::decode::wide::WideText;
use crate::finding::{Encoding, Finding, Part};
use crate::rule::{Kind, MAX_DISTANCE};
use crate::secret::Secret;
use crate::span::{Position, Span};

/// How far before a match validators and keywords look: a keyword's distance, and the byte before the keyword.
pub(super) const LOOK_BEHIND: u64 = MAX_DISTANCE as u64 + 1;
/// Bytes are dropped from the front of the buffer when at least so many can go.
const COMPACT_LEN: usize = 64 * 1024;

/// The text around a finding: at most the scanner's margin of bytes on each side, less at the ends of the unit.
#[derive(Clone, Copy)]
pub struct Surroundings<'t> {
    /// The bytes right before the (encoded) secret.
    pub before: &'t [u8],
    /// The bytes right after it.
    pub after: &'t [u8],
    /// The same of each part of the finding.
    of_parts: &'t [[&'t [u8]; 2]],
}

impl<'t> Surroundings<'t> {
    /// The text on both sides of a finding without parts.
    #[must_use]
    pub const fn new(before: &'t [u8], after: &'t [u8]) -> Surroundings<'t> {
        Surroundings { before, after, of_parts: &[] }
    }

    /// The text around a part of the finding.
    ///
    /// # Panics
    /// When it has no part of this number in [`Finding::parts`].
    #[must_use]
    pub fn of_part(&self, number: usize) -> Surroundings<'t> {
        let [before, after] = self.of_parts[number];
        Surroundings::new(before, after)
    }

    /// The parts of the finding that are secrets, each with the text around it.
    #[cfg_attr(not(feature = "git"), expect(dead_code, reason = "for histories"))]
    pub(crate) fn of_secret_parts<'f>(
        &self,
        finding: &'f Finding,
    ) -> impl Iterator<Item = (&'f Finding, Surroundings<'t>)> {
        let parts = finding.parts.iter().enumerate().filter(|(_, part)| !part.is_public);
        parts.map(|(number, part)| (&part.finding, self.of_part(number)))
    }
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Surroundings({} bytes before, {} after)", self.before.len(), self.after.len())
    }
}

/// What a unit needs besides its bytes; kept in the scratch so that it is allocated once.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) plain: Pass,
    pub(super) wide: Pass,
    plain_flow: Flow,
    wide_flow: Flow,
    /// Whether parts are given as findings of their own, as soon as they are found, and all findings without lines and
    /// columns: for those who only hide them.
    hides: bool,
    wide_text: WideText,
    /// Derived bytes that may still matter, and the offset of the first in the derived text.
    derived: Vec<u8>,
    derived_base: u64,
    /// Findings whose surroundings are not all there yet.
    waiting: VecDeque<Pending>,
    lines: Lines,
    wide_lines: Option<WideLines>,
}

/// A finding before its bytes are copied.
#[derive(Debug, Clone)]
struct Pending {
    found: Match,
    /// Where the secret stands in the unit; `found` may be in the offsets of the derived text.
    span: Span,
    matched: Span,
    start: Position,
    end: Position,
    decoded: Option<(Encoding, Secret)>,
    parts: Vec<JoinedPart<Pending>>,
}

impl Pending {
    /// All have the first line and column where nobody counts lines.
    fn plain(found: Match, window: Window<'_>, lines: Option<&mut Lines>) -> Pending {
        let (span, matched) = (found.secret, found.matched);
        let (start, end) = match lines {
            Some(lines) => (lines.position(window, span.start), lines.position(window, span.end)),
            None => (Position::START, Position::START),
        };
        Pending { found, span, matched, start, end, decoded: None, parts: Vec::new() }
    }

    fn item(self, fits: Vec<usize>) -> Item<Pending> {
        let Match { rule, kind, secret, confidence, .. } = self.found;
        Item { rule, kind, span: secret, lines: (self.start.line, self.end.line), confidence, fits, what: self }
    }

    fn joined(joined: Joined<Pending>) -> Pending {
        let Joined { what: mut whole, confidence, parts } = joined;
        whole.parts = parts;
        if let Some(confidence) = confidence {
            whole.found.confidence = confidence;
            let secret = whole.parts.iter_mut().filter(|part| !part.is_public);
            secret.for_each(|part| part.what.found.confidence = confidence);
        }
        whole
    }

    /// It and its parts.
    fn all(&self) -> impl Iterator<Item = &Pending> {
        std::iter::once(self).chain(self.parts.iter().map(|part| &part.what))
    }

    /// Nothing of it stands before this offset.
    fn first(&self) -> u64 {
        self.all().map(|part| part.span.start.min(part.matched.start)).fold(u64::MAX, u64::min)
    }

    fn last(&self) -> u64 {
        self.all().map(|part| part.span.end).fold(0, u64::max)
    }

    fn into_finding(self, window: Window<'_>) -> Finding {
        let Pending { found, span, matched, start, end, decoded, parts } = self;
        let (decoded, secret) = match decoded {
            Some((encoding, secret)) => (Some(encoding), secret),
            None => (None, Secret::new(window.text(span))),
        };
        let part = |part: JoinedPart<Pending>| {
            let JoinedPart { of, number, is_public, what } = part;
            Part { of, number, is_public, finding: what.into_finding(window) }
        };
        Finding {
            rule: found.rule,
            secret,
            span,
            matched,
            start,
            end,
            confidence: found.confidence,
            verdicts: found.verdicts,
            decoded,
            candidates: found.candidates,
            parts: parts.into_iter().map(part).collect(),
        }
    }
}

impl<'t> Window<'t> {
    fn text(&self, span: Span) -> &'t [u8] {
        &self.bytes[(span.start - self.base) as usize..(span.end - self.base) as usize]
    }

    /// Up to `margin` bytes on both sides of a place.
    fn around(&self, span: Span, margin: u64) -> [&'t [u8]; 2] {
        let before = Span { start: span.start.saturating_sub(margin).max(self.base), end: span.start };
        let after = Span { start: span.end, end: (span.end + margin).min(self.end()) };
        [self.text(before), self.text(after)]
    }
}

/// The matches of a view on their way to become findings.
#[derive(Debug, Default)]
struct Flow {
    beside: Beside<Match>,
    joiner: Joiner<Pending>,
}

impl Flow {
    fn clear(&mut self) {
        self.beside.clear();
        self.joiner.clear();
    }

    fn push(&mut self, found: Match) {
        let Match { rule, secret, kind, confidence, .. } = found;
        self.beside.push(Seen { rule, secret, kind, confidence, what: found });
    }

    /// Goes on as far as it can when all matches whose secrets start before `known` were put in.
    fn advance(
        &mut self,
        place: Place<'_, '_>,
        known: u64,
        apart: bool,
        pending: &mut dyn FnMut(Match) -> Pending,
        give: &mut dyn FnMut(Pending),
    ) {
        let Flow { beside, joiner } = self;
        let index = &place.engine.parts;
        beside.advance(place, known, &mut |swept| {
            let (found, fits) = match swept {
                Swept::Known(seen, fits) => (seen.what, fits),
                Swept::New(found) => (found, Vec::new()),
            };
            if !apart && found.confidence >= DOUBTFUL {
                joiner.push(index, pending(found).item(fits), &mut |joined| give(Pending::joined(joined)));
            } else if found.kind != Kind::Identifier {
                give(pending(found));
            }
        });
        joiner.advance(index, known.min(beside.final_to()), &mut |joined| give(Pending::joined(joined)));
    }
}

/// What was found in text of another encoding, in the offsets of the unit.
pub(super) struct InDerived {
    pub(super) found: Match,
    pub(super) encoding: Encoding,
    pub(super) secret: Secret,
    /// Where the secret stands that it is a part of.
    pub(super) whole: Option<Span>,
}

/// How far a view can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// More of it will come.
    More,
    /// It ends here.
    Last,
    /// More of it will come; what can be decided without is to be decided.
    Settle,
}

impl State {
    pub(super) fn clear(&mut self, engine: &Engine) {
        self.plain.clear(engine);
        self.wide.clear(engine);
        self.plain_flow.clear();
        self.wide_flow.clear();
        self.hides = false;
        self.wide_text.clear();
        self.derived.clear();
        self.derived_base = 0;
        self.waiting.clear();
        self.lines = Lines::default();
        self.wide_lines = None;
    }

    pub(super) fn coverage(&self) -> Coverage {
        Coverage { skipped_attempts: self.plain.skipped_attempts() + self.wide.skipped_attempts() }
    }

    /// Goes on as far as `window` allows and gives the findings that are complete.
    pub(super) fn advance(
        &mut self,
        scanner: &Scanner,
        caches: &mut [Option<MatcherCache>],
        window: Window<'_>,
        sink: &mut dyn FnMut(Finding, Surroundings<'_>),
    ) {
        let engine = &*scanner.engine;
        let State { plain, plain_flow, waiting, lines, hides, .. } = self;
        plain.advance(engine, caches, window, |found| {
            if engine.rules[found.rule].is_foreign() {
                // Of these some overlap others, and they come in no order.
                waiting.push_back(Pending::plain(found, window, (!*hides).then_some(&mut *lines)));
            } else {
                plain_flow.push(found);
            }
        });
        self.flow_plain(engine, caches, window);
        self.advance_derived(scanner, caches, window);
        self.emit(scanner.margin, window, sink);
    }

    /// Makes findings of the matches of the unit as it stands.
    fn flow_plain(&mut self, engine: &Engine, caches: &mut [Option<MatcherCache>], window: Window<'_>) {
        let State { plain, plain_flow, waiting, lines, hides, .. } = self;
        let known = if window.last { u64::MAX } else { plain.horizon(engine) };
        let pending = &mut |found| Pending::plain(found, window, (!*hides).then_some(&mut *lines));
        plain_flow.advance(Place { engine, caches, window }, known, *hides, pending, &mut |pending| {
            waiting.push_back(pending);
        });
    }

    /// Goes on with the text that the unit holds in another encoding.
    fn advance_derived(&mut self, scanner: &Scanner, caches: &mut [Option<MatcherCache>], window: Window<'_>) {
        if !self.hides && self.wide_lines.is_none() && window.base == 0 {
            self.wide_lines = WideLines::of(window.bytes);
        }
        while self.wide_text.feed(window.bytes, window.base, window.last, &mut self.derived) {
            self.advance_wide(scanner, caches, window, Step::Last);
            self.wide.restart(&scanner.engine);
            self.wide_flow.clear();
            self.wide_text.next_view();
            self.derived.clear();
            self.derived_base = 0;
        }
        if !self.wide_text.is_empty() {
            let step = if window.last { Step::Last } else { Step::More };
            self.advance_wide(scanner, caches, window, step);
        }
    }

    /// What the whole unit `text` holds in another encoding, by place.
    pub(super) fn derived_matches(
        &mut self,
        scanner: &Scanner,
        caches: &mut [Option<MatcherCache>],
        text: &[u8],
    ) -> Vec<InDerived> {
        self.advance_derived(scanner, caches, Window { bytes: text, base: 0, last: true });
        let in_unit = |pending: Pending, whole: Option<Span>| {
            let Pending { found, span, matched, decoded, .. } = pending;
            decoded.map(|(encoding, secret)| {
                let found = Match { matched, secret: span, ..found };
                InDerived { found, encoding, secret, whole }
            })
        };
        let mut all = Vec::new();
        for mut pending in self.waiting.drain(..) {
            let (parts, whole) = (std::mem::take(&mut pending.parts), Some(pending.span));
            all.extend(in_unit(pending, None));
            let secret = parts.into_iter().filter(|part| !part.is_public);
            all.extend(secret.filter_map(|part| in_unit(part.what, whole)));
        }
        all.sort_by_key(|derived| (derived.found.secret, derived.found.rule));
        all
    }

    /// Decides what can be decided before more text is there.
    fn settle(
        &mut self,
        scanner: &Scanner,
        caches: &mut [Option<MatcherCache>],
        window: Window<'_>,
        sink: &mut dyn FnMut(Finding, Surroundings<'_>),
    ) {
        let State { plain, plain_flow, .. } = self;
        plain.settle(&scanner.engine, caches, window, |found| plain_flow.push(found));
        self.flow_plain(&scanner.engine, caches, window);
        if !self.wide_text.is_empty() {
            self.advance_wide(scanner, caches, window, Step::Settle);
        }
        self.emit(scanner.margin, window, sink);
    }

    /// Goes on with the wide view.
    fn advance_wide(&mut self, scanner: &Scanner, caches: &mut [Option<MatcherCache>], window: Window<'_>, step: Step) {
        let engine = &*scanner.engine;
        let derived = Window { bytes: &self.derived, base: self.derived_base, last: step == Step::Last };
        let hides = self.hides;
        let State { wide, wide_flow, waiting, wide_text, lines, wide_lines, .. } = self;
        let unit_end = window.end();
        let mut pending = |found: Match| {
            let to_unit = |span: Span| {
                let (span, encoding) = wide_text.unit_span(span);
                (Span { start: span.start, end: span.end.min(unit_end) }, encoding)
            };
            let secret = Secret::new(derived.text(found.secret));
            let (span, encoding) = to_unit(found.secret);
            let matched = to_unit(found.matched).0;
            let mut position = |offset| match wide_lines {
                _ if hides => Position::START,
                Some(lines) => lines.position(window, offset),
                None => lines.position(window, offset),
            };
            let (start, end) = (position(span.start), position(span.end));
            Pending { found, span, matched, start, end, decoded: Some((encoding, secret)), parts: Vec::new() }
        };
        let keep = |found: Match| {
            if engine.rules[found.rule].is_foreign() {
                waiting.push_back(pending(found));
            } else {
                wide_flow.push(found);
            }
        };
        match step {
            Step::Settle => wide.settle(engine, caches, derived, keep),
            Step::More | Step::Last => wide.advance(engine, caches, derived, keep),
        }
        let known = if derived.last { u64::MAX } else { wide.horizon(engine) };
        let place = Place { engine, caches, window: derived };
        wide_flow.advance(place, known, hides, &mut pending, &mut |pending| waiting.push_back(pending));
        let keep_from = wide.final_to(engine).min(wide_flow.beside.final_to()).saturating_sub(LOOK_BEHIND);
        let dead = (keep_from.saturating_sub(self.derived_base) as usize).min(self.derived.len());
        if dead >= COMPACT_LEN {
            self.derived.drain(..dead);
            self.derived_base += dead as u64;
            self.wide_text.forget(self.derived_base);
        }
    }

    /// Gives the findings whose surroundings are there.
    fn emit(&mut self, margin: usize, window: Window<'_>, sink: &mut dyn FnMut(Finding, Surroundings<'_>)) {
        let margin = margin as u64;
        while self.waiting.front().is_some_and(|first| window.last || first.last() + margin <= window.end()) {
            let Some(pending) = self.waiting.pop_front() else { return };
            let [before, after] = window.around(pending.span, margin);
            let of_parts: Vec<_> = pending.parts.iter().map(|part| window.around(part.what.span, margin)).collect();
            sink(pending.into_finding(window), Surroundings { before, after, of_parts: &of_parts });
        }
    }

    /// Findings that are complete and were not given yet.
    fn not_given(&self) -> impl Iterator<Item = &Pending> {
        self.waiting.iter().chain(self.plain_flow.joiner.waiting()).chain(self.wide_flow.joiner.waiting())
    }

    /// No finding that was not given yet touches what stands before this offset; `end` is the end of what was fed.
    fn final_to(&self, scanner: &Scanner, end: u64) -> u64 {
        let engine = &*scanner.engine;
        let plain = self.plain.final_to(engine).min(self.plain_flow.beside.final_to()).min(end);
        let wide = || self.wide.final_to(engine).min(self.wide_flow.beside.final_to());
        let derived = if self.wide_text.is_empty() { 0 } else { wide() };
        self.not_given().map(Pending::first).fold(plain.min(self.wide_text.unit_start(derived)), u64::min)
    }

    /// No secret that was not given yet starts before this offset.
    fn horizon(&self, scanner: &Scanner, window: Window<'_>) -> u64 {
        let engine = &*scanner.engine;
        let derived = || self.wide.horizon(engine).min(self.wide_flow.beside.final_to());
        let derived = if self.wide_text.is_empty() { u64::MAX } else { derived() };
        let wide = self.wide_text.horizon(derived, window.bytes, window.base);
        let plain = self.plain.horizon(engine).min(self.plain_flow.beside.final_to());
        let not_given = self.not_given().flat_map(Pending::all).map(|pending| pending.span.start);
        not_given.fold(plain.min(wide), u64::min).min(window.end())
    }

    /// The bytes before `offset` are about to go.
    fn leave(&mut self, window: Window<'_>, offset: u64) {
        if !self.hides {
            self.lines.leave(window, offset);
        }
        if let Some(lines) = &mut self.wide_lines {
            lines.leave(window, offset);
        }
    }

    /// Nothing before this offset will be looked at again.
    fn needed_from(&self, scanner: &Scanner, end: u64) -> u64 {
        // Validators and keywords look behind a match, and so does whoever wants to see what stands around it.
        let behind = (scanner.margin as u64).max(LOOK_BEHIND);
        self.final_to(scanner, end).saturating_sub(behind)
    }
}

/// A scan of one unit that comes piece by piece. Findings do not depend on how it is cut.
pub struct Session<'s> {
    scanner: &'s Scanner,
    scratch: &'s mut Scratch,
}

impl<'s> Session<'s> {
    pub(super) fn new(scanner: &'s Scanner, scratch: &'s mut Scratch) -> Session<'s> {
        scratch.start(scanner);
        Session { scanner, scratch }
    }

    /// Takes the next bytes of the unit and gives the findings that are complete with them.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(Finding, Surroundings<'_>)) {
        self.scratch.feed(self.scanner, bytes, &mut sink);
        self.scratch.forget(self.scanner, u64::MAX);
    }

    /// Gives the findings that are complete already though the next bytes are not there: [`Session::feed`] leaves the
    /// end of the text alone until more of it comes. Makes [`Session::horizon`] exact.
    pub(crate) fn settle(&mut self, mut sink: impl FnMut(Finding, Surroundings<'_>)) {
        self.scratch.settle(self.scanner, &mut sink);
    }

    /// No secret that is still to come starts before this offset.
    pub(crate) fn horizon(&self) -> u64 {
        self.scratch.horizon(self.scanner)
    }

    /// Everything before this offset is decided: no finding that is still to come touches it.
    #[must_use]
    pub fn final_len(&self) -> u64 {
        self.scratch.state.final_to(self.scanner, self.scratch.end())
    }

    /// How many bytes of the unit are held.
    pub(crate) fn held_len(&self) -> usize {
        self.scratch.buffer.len()
    }

    /// Ends the unit and gives the rest of the findings.
    pub fn finish(self, mut sink: impl FnMut(Finding, Surroundings<'_>)) -> Coverage {
        self.scratch.finish(self.scanner, &mut sink)
    }
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({} bytes before, {} held)", self.scratch.base, self.scratch.buffer.len())
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.scratch.buffer.clear();
    }
}

/// What a session does, for those who own the scanner and the scratch.
impl Scratch {
    /// Starts a unit.
    pub(crate) fn start(&mut self, scanner: &Scanner) {
        self.prepare(scanner);
        self.buffer.clear();
        self.base = 0;
    }

    /// Starts a unit for someone who hides what is found: gives each part of a credential as a finding of its own, as soon
    /// as it is found, and without lines and columns, and gathers what [`Scratch::take_lost`] and
    /// [`Scratch::take_hindered`] give.
    pub(crate) fn start_hiding(&mut self, scanner: &Scanner) {
        self.start(scanner);
        self.state.hides = true;
        self.state.plain.resolver.lost = Some(Vec::new());
    }

    /// What may be found when something else stands behind it.
    pub(crate) fn take_hindered(&mut self) -> impl Iterator<Item = Hindered> + '_ {
        self.state.plain.resolver.hindered.drain(..)
    }

    /// The secrets of believed matches that overlapped a finding and are none for that reason.
    pub(crate) fn take_lost(&mut self) -> impl Iterator<Item = Span> + '_ {
        self.state.plain.resolver.lost.iter_mut().flat_map(|lost| lost.drain(..))
    }

    /// The offset after the last byte that was fed.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.buffer.len() as u64
    }

    /// The offset of the first byte that is not forgotten.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// The byte at this offset, unless it was forgotten or is not there.
    pub(crate) fn byte_at(&self, offset: u64) -> Option<u8> {
        self.buffer.get(offset.checked_sub(self.base)? as usize).copied()
    }

    /// The bytes of the unit from this offset on, which must not be forgotten.
    pub(crate) fn text_from(&self, offset: u64) -> &[u8] {
        &self.buffer[(offset - self.base) as usize..]
    }

    pub(crate) fn feed(&mut self, scanner: &Scanner, bytes: &[u8], sink: &mut dyn FnMut(Finding, Surroundings<'_>)) {
        copy::append(&mut self.buffer, bytes);
        let window = Window { bytes: &self.buffer, base: self.base, last: false };
        self.state.advance(scanner, &mut self.caches, window, sink);
    }

    pub(crate) fn settle(&mut self, scanner: &Scanner, sink: &mut dyn FnMut(Finding, Surroundings<'_>)) {
        let window = Window { bytes: &self.buffer, base: self.base, last: false };
        self.state.settle(scanner, &mut self.caches, window, sink);
    }

    /// No secret that is still to come starts before this offset.
    pub(crate) fn horizon(&self, scanner: &Scanner) -> u64 {
        let window = Window { bytes: &self.buffer, base: self.base, last: false };
        self.state.horizon(scanner, window)
    }

    /// Drops bytes that nothing will look at again, once they are many; none from `keep_from` on.
    pub(crate) fn forget(&mut self, scanner: &Scanner, keep_from: u64) {
        // Lines of UTF-16 are counted by code units, which must not be cut in two.
        let needed = self.state.needed_from(scanner, self.end()).min(keep_from) & !1;
        let dead = (needed.saturating_sub(self.base) as usize).min(self.buffer.len());
        if dead >= COMPACT_LEN {
            let window = Window { bytes: &self.buffer, base: self.base, last: false };
            self.state.leave(window, needed);
            self.buffer.drain(..dead);
            self.base += dead as u64;
        }
    }

    pub(crate) fn finish(&mut self, scanner: &Scanner, sink: &mut dyn FnMut(Finding, Surroundings<'_>)) -> Coverage {
        let window = Window { bytes: &self.buffer, base: self.base, last: true };
        self.state.advance(scanner, &mut self.caches, window, sink);
        self.state.coverage()
    }
}

/// What a scan did not look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Coverage {
    /// Attempts that were given up because hostile text made a rule look at too many bytes; 0 on ordinary text.
    pub skipped_attempts: u64,
}

impl Coverage {
    /// Whether everything was looked at.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.skipped_attempts == 0
    }
}

/// Turns ascending offsets into lines and columns, counting each byte once.
#[derive(Debug, Clone, Copy)]
struct Lines {
    /// The place of the first byte of the buffer, or before it.
    kept: (u64, Position),
    /// The last place that was asked for.
    asked: (u64, Position),
}

impl Default for Lines {
    fn default() -> Lines {
        Lines { kept: (0, Position::START), asked: (0, Position::START) }
    }
}

impl Lines {
    fn position(&mut self, window: Window<'_>, offset: u64) -> Position {
        let (from, position) = if self.asked.0 <= offset { self.asked } else { self.kept };
        let text = &window.bytes[(from - window.base) as usize..(offset - window.base) as usize];
        self.asked = (offset, position.after(text));
        self.asked.1
    }

    /// The bytes before `offset` are about to go.
    fn leave(&mut self, window: Window<'_>, offset: u64) {
        let position = self.position(window, offset);
        self.kept = (offset, position);
    }
}

/// Lines and columns of a unit that is UTF-16 from its start: line feeds are code units, columns are characters.
#[derive(Debug, Clone, Copy)]
struct WideLines {
    big: bool,
    lines: Lines,
}

impl WideLines {
    /// Answers where the unit starts with a byte-order mark, or with ASCII in UTF-16.
    fn of(text: &[u8]) -> Option<WideLines> {
        let wide = |big| Some(WideLines { big, lines: Lines::default() });
        match *text {
            [0xFF, 0xFE, ..] => wide(false),
            [0xFE, 0xFF, ..] => wide(true),
            [0, 1..=0x7F, 0, 1..=0x7F, ..] => wide(true),
            [1..=0x7F, 0, 1..=0x7F, 0, ..] => wide(false),
            _ => None,
        }
    }

    fn position(&mut self, window: Window<'_>, offset: u64) -> Position {
        // Code units must not be cut in two.
        let offset = offset & !1;
        let (from, mut position) = if self.lines.asked.0 <= offset { self.lines.asked } else { self.lines.kept };
        let text = &window.bytes[(from - window.base) as usize..(offset - window.base) as usize];
        for pair in text.chunks_exact(2) {
            let unit = if self.big { [pair[0], pair[1]] } else { [pair[1], pair[0]] };
            match u16::from_be_bytes(unit) {
                0x000A => position = Position { line: position.line + 1, column: 1 },
                // A byte-order mark is no character; a low surrogate ends one that was counted.
                0xFEFF | 0xDC00..=0xDFFF => {}
                _ => position.column += 1,
            }
        }
        self.lines.asked = (offset, position);
        position
    }

    fn leave(&mut self, window: Window<'_>, offset: u64) {
        let position = self.position(window, offset);
        self.lines.kept = self.lines.asked;
        debug_assert_eq!(self.lines.kept, (offset, position), "the buffer starts at a code unit");
    }
}
