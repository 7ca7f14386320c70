//! Tries starts again, and takes over what is known of the others.

use std::ops::Range;

use super::inherited::Inherited;
use super::{Place, Scanned, across, derived, related};
use crate::engine::pass::{FarAnchor, FarLook, Record};
use crate::engine::resolve::{self, Match};
use crate::engine::session::State;
use crate::engine::{Scanner, Scratch};
use crate::rule::MAX_MATCH_LEN;

/// One scan, while it goes on.
pub(super) struct Rescan<'a> {
    scanner: &'a Scanner,
    text: &'a [u8],
    scratch: &'a mut Scratch,
    places: Vec<Place>,
    far_looks: Vec<FarLook>,
    far: Vec<FarAnchor>,
}

type Dirty<'d> = std::iter::Peekable<std::slice::Iter<'d, Range<u64>>>;

impl<'a> Rescan<'a> {
    pub(super) fn new(scanner: &'a Scanner, text: &'a [u8], scratch: &'a mut Scratch) -> Rescan<'a> {
        scratch.state.plain.record = Some(Record::default());
        Rescan { scanner, text, scratch, places: Vec::new(), far_looks: Vec::new(), far: Vec::new() }
    }

    /// Attempts that were given up.
    pub(super) fn skipped_attempts(&self) -> u64 {
        self.scratch.state.plain.skipped_attempts()
    }

    /// Takes over what was inherited, but for the starts that are dirty, which are tried again.
    pub(super) fn all(&mut self, mut inherited: Inherited, dirty: &[Range<u64>]) {
        let mut places = std::mem::take(&mut inherited.places).into_iter().peekable();
        let mut looks = std::mem::take(&mut inherited.far_looks).into_iter().peekable();
        let mut inherit_to = |scan: &mut Self, from: u64, to: u64| {
            while let Some(place) = places.next_if(|place| place.start < to) {
                scan.places.extend(Some(place).filter(|place| place.start >= from));
            }
            while let Some(look) = looks.next_if(|look| look.start < to) {
                scan.far_looks.extend(Some(look).filter(|look| look.start >= from));
            }
        };
        let mut dirty = dirty.iter().peekable();
        let mut done = 0;
        while let Some(range) = dirty.next() {
            if range.end <= done {
                continue;
            }
            let from = range.start.max(done);
            let start = across(&inherited.islands, from).map_or(from, |island| island.start.max(done));
            inherit_to(self, done, start);
            let mut starts = start..range.end;
            done = loop {
                match self.fresh(starts, &inherited, &mut dirty) {
                    Ok(end) => break end,
                    Err(others) => starts = self.undo(others.start)..others.end,
                }
            };
        }
        inherit_to(self, done, u64::MAX);
        self.far.append(&mut inherited.far);
    }

    /// Tries the starts of a range, and of what it grows to; answers where that ends. Where an anchor is new that makes
    /// starts before the range possible, answers what has to be tried instead, and keeps nothing.
    fn fresh(&mut self, range: Range<u64>, inherited: &Inherited, dirty: &mut Dirty<'_>) -> Result<u64, Range<u64>> {
        let engine = &*self.scanner.engine;
        let (mut from, mut to) = (range.start, range.end);
        let mut reach = to;
        let mut found = Vec::new();
        let first_look = self.far_looks.len();
        while from < to {
            let Scratch { state: State { plain, .. }, caches, .. } = &mut *self.scratch;
            let tried = plain.try_starts(engine, caches, self.text, from..to, &inherited.far);
            let Some(record) = &mut plain.record else { break };
            if let Err(earlier) = tried {
                *record = Record::default();
                self.far_looks.truncate(first_look);
                return Err(earlier.min(range.start)..to);
            }
            reach = record.matches.iter().map(|found| found.matched.end).fold(reach, u64::max);
            found.append(&mut record.matches);
            self.far_looks.append(&mut record.far_looks);
            self.far.append(&mut record.far);
            (from, to) = (to, grown(reach, &inherited.islands, dirty));
            reach = to;
        }
        self.keep(found);
        self.far_looks[first_look..].sort_unstable();
        Ok(to)
    }

    /// Forgets what was decided from `start` on, or from the start of the island that reaches over it: answers that.
    fn undo(&mut self, mut start: u64) -> u64 {
        for place in self.places.iter().rev() {
            // No match is longer: what stands far before is not asked, however often something is undone.
            if place.start + (MAX_MATCH_LEN as u64) < start {
                break;
            }
            if place.start < start && start < place.end() {
                start = place.start;
            }
        }
        self.places.truncate(self.places.partition_point(|place| place.start < start));
        self.far_looks.truncate(self.far_looks.partition_point(|look| look.start < start));
        self.scratch.state.plain.go_back(start);
        start
    }

    /// Resolves the overlaps of new matches, which overlap no others.
    fn keep(&mut self, mut found: Vec<Match>) {
        if found.is_empty() {
            return;
        }
        let kept = resolve::kept(&mut found);
        let places = found.into_iter().zip(kept);
        let first = self.places.len();
        self.places.extend(places.map(|(found, kept)| Place { start: found.matched.start, found: found.into(), kept }));
        self.places[first..].sort_by_key(|place| (place.start, place.found.rule));
    }

    pub(super) fn finish(self, nul: bool) -> Scanned {
        let Rescan { scanner, text, scratch, places, far_looks, mut far } = self;
        far.sort_unstable();
        far.dedup();
        scratch.state.plain.record = None;
        let derived = if nul { derived(scanner, text, &mut scratch.state, &mut scratch.caches) } else { Vec::new() };
        let (beside, joined) = related(&scanner.engine, &mut scratch.caches, text, &places);
        let skipped = scratch.state.coverage().skipped_attempts;
        Scanned { len: text.len() as u64, places, far_looks, far, nul, beside, joined, derived, skipped }
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
