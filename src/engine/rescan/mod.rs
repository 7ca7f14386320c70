//! A text that was made from another one: scanned where it differs, and nowhere else.
//!
//! A version of a file is made from another version by copying most of it. What a rule finds at a start depends on the
//! bytes that the attempt looked at: a few before the start ([`Engine::near_behind`]), and as many after it as its
//! regex asked for. Nearly all attempts end within [`SHORT_READ`](super::pass::SHORT_READ) bytes, and those that do not
//! are remembered. So are those that came to a value: a judge looks farther back, to [`LOOK_BEHIND`]. So of the starts in
//! a copied range only those have to be tried again that are close to one of its ends, or whose attempt looked beyond it;
//! the others match as they did. Two more things carry over from start to start, and both only within a chain of
//! overlapping matches (an *island*): a believed match hides later starts, and overlaps are resolved. So the starts that
//! are tried again are grown to whole islands, of the matches that were and of those that are now.
//!
//! An anchor may stand behind the start of its match, and one that is new makes starts before it possible. Nearly all
//! stand close to the start; the few that may stand far behind it, and those that stand before it, are remembered by
//! their places. Where there is a new one far behind, what was decided is undone as far back as it reaches.
//!
//! What is found beside other secrets, and which secrets belong together, is a matter of the secrets in a text and little
//! else: it is worked out anew.
//!
//! The answer is that of a scan of the whole text. It differs in one case only: where hostile text makes a scan give
//! attempts up, which [`Scanned::is_complete`] tells, more may be found.

mod inherited;
mod retry;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use self::inherited::{Inherited, dirty_starts, long_copies};
use self::retry::Rescan;
use super::beside::{Beside, Place as Text, Seen, Swept};
use super::matcher::MatcherCache;
use super::parts::{Item, Joiner};
use super::pass::{FarAnchor, FarLook, Window};
use super::resolve::{DOUBTFUL, Match};
#[cfg(doc)]
use super::session::LOOK_BEHIND;
use super::session::{InDerived, State};
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
    /// Attempts that looked far, by start.
    far_looks: Vec<FarLook>,
    /// Anchors that do not stand close behind the starts of their matches, by place.
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
            let all = 0..text.len() as u64;
            scan.all(Inherited::default(), std::slice::from_ref(&all));
        }
        scan.finish(has_nul(text))
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
        let copies = &*long_copies(copies, text.len() as u64);
        let mut scan = Rescan::new(self, text, scratch);
        let inherited = Inherited::of(base, copies, text.len() as u64);
        let dirty = dirty_starts(&self.engine, base, &inherited, text, copies);
        scan.all(inherited, &dirty);
        if scan.skipped_attempts() > 0 {
            return self.scan_base(text, scratch);
        }
        // All that is new is dirty.
        let mut new = dirty.iter().map(|range| &text[range.start as usize..range.end as usize]);
        scan.finish((base.nul || new.any(has_nul)) && has_nul(text))
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
    let nul = has_nul(text);
    let derived = if nul { derived(scanner, text, state, caches) } else { Vec::new() };
    let skipped = state.coverage().skipped_attempts;
    let (beside, joined) = related(&scanner.engine, caches, text, &places);
    let (far_looks, far) = (Vec::new(), Vec::new());
    Scanned { len: text.len() as u64, places, far_looks, far, nul, beside, joined, derived, skipped }
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

fn has_nul(text: &[u8]) -> bool {
    memchr::memchr(0, text).is_some()
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

fn derived(scanner: &Scanner, text: &[u8], state: &mut State, caches: &mut [Option<MatcherCache>]) -> Vec<Derived> {
    let matches = state.derived_matches(scanner, caches, text).into_iter();
    let derived =
        |InDerived { found, encoding, secret, whole }| Derived { found: Arc::new(found), encoding, secret, whole };
    matches.map(derived).collect()
}
