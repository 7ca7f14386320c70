//! What the copied parts of a base have to say of a text, and where it has nothing to say.

use std::ops::Range;

use super::{Place, Scanned, across, islands};
use crate::engine::Engine;
use crate::engine::pass::{FarAnchor, FarLook, SHORT_READ};
use crate::engine::session::LOOK_BEHIND;
use crate::span::Copied;

/// What the copied parts of a base have to say, where it stands now.
#[derive(Default)]
pub(super) struct Inherited {
    pub(super) places: Vec<Place>,
    pub(super) far_looks: Vec<FarLook>,
    /// Starts about which what is inherited says nothing any more.
    outdated: Vec<Range<u64>>,
    pub(super) far: Vec<FarAnchor>,
    pub(super) islands: Vec<Range<u64>>,
}

impl Inherited {
    pub(super) fn of(base: &Scanned, copies: &[Copied], len: u64) -> Inherited {
        let mut all = Inherited::default();
        let mut ranges = Vec::new();
        let mut places = Items::new(&base.places, |place: &Place| place.start);
        let mut looks = Items::new(&base.far_looks, |look: &FarLook| look.start);
        let mut anchors = Items::new(&base.far, |anchor: &FarAnchor| anchor.at);
        for copied in copies {
            let (from, to) = (copied.from, copied.from + copied.len);
            let now = |at: u64| at - from + copied.to;
            for place in places.within(from, to) {
                ranges.push(now(place.start)..now(place.end().min(to)));
                all.places.push(Place { start: now(place.start), ..place.clone() });
            }
            // Where base and text start or end together, the start and the end were seen as they are.
            let (starts_alike, ends_alike) = (from == 0 && copied.to == 0, to == base.len && now(to) == len);
            for look in looks.within(from, to) {
                let was_back = look.back && look.start - from < LOOK_BEHIND && !starts_alike;
                // It looked at what is not as it was.
                if was_back || look.end > to && !ends_alike {
                    all.outdated.push(now(look.start)..now(look.start) + 1);
                }
                all.far_looks.push(FarLook { start: now(look.start), end: now(look.end), back: look.back });
            }
            // One that is not whole is not one any more, unless it is found again.
            for anchor in anchors.within(from, to).iter().filter(|anchor| anchor.at + anchor.len <= to) {
                let anchor = FarAnchor { at: now(anchor.at), ..*anchor };
                // What stands before the part stands at another distance now.
                let before = anchor.starts().start..anchor.starts().end.min(copied.to);
                all.outdated.extend(Some(before).filter(|before| !starts_alike && !before.is_empty()));
                all.far.push(anchor);
            }
        }
        all.islands = islands(ranges.into_iter());
        all
    }
}

/// Items by place, of which one range after another is asked for: mostly the next one, and often there is none in it.
struct Items<'b, T, P> {
    items: &'b [T],
    place: P,
    /// The number of the first behind the last range ...
    next: usize,
    /// ... and the offsets around the end of that range where there is none.
    none_in: Range<u64>,
}

impl<'b, T, P: Fn(&T) -> u64> Items<'b, T, P> {
    fn new(items: &'b [T], place: P) -> Items<'b, T, P> {
        let none_in = 0..items.first().map_or(u64::MAX, &place);
        Items { items, place, next: 0, none_in }
    }

    /// Those at `from` or behind it, and before `to`.
    fn within(&mut self, from: u64, to: u64) -> &'b [T] {
        if self.none_in.start <= from && to <= self.none_in.end {
            return &[];
        }
        let Items { items, place, next, none_in } = self;
        let is_before = |item: &T| place(item) < from;
        // What is asked for next is seldom many items away, but in the text of someone who means it to be.
        let skipped = if none_in.start <= from { *next } else { 0 };
        let first = match items[skipped..].iter().take(FEW).take_while(|item| is_before(item)).count() {
            FEW => skipped + items[skipped..].partition_point(is_before),
            few => skipped + few,
        };
        *next = first + items[first..].iter().take_while(|item| place(item) < to).count();
        none_in.start = next.checked_sub(1).map_or(0, |last| place(&items[last]) + 1);
        none_in.end = items.get(*next).map_or(u64::MAX, place);
        &items[first..*next]
    }
}

/// So many items are skipped one by one.
const FEW: usize = 8;

/// The copies that save anything. Between two changes all starts in a short one are tried again, and a delta may be
/// made of thousands.
pub(super) fn long_copies(copies: &[Copied], len: u64) -> Vec<Copied> {
    let is_long = |copied: &&Copied| copied.len > SHORT_READ + APART || copied.to == 0 || copied.to + copied.len == len;
    copies.iter().filter(is_long).copied().collect()
}

/// The starts that have to be tried again, as ranges that ascend and do not touch. All that is not copied is in them.
pub(super) fn dirty_starts(
    engine: &Engine,
    base: &Scanned,
    inherited: &Inherited,
    text: &[u8],
    copies: &[Copied],
) -> Vec<Range<u64>> {
    let len = text.len() as u64;
    // A match that began before a copied part hid starts in it.
    let was = islands(base.places.iter().map(|place| place.start..place.end()));
    let hidden_from = |from: u64| across(&was, from).map_or(0, |island| island.end - from);
    let mut dirty = Vec::new();
    let (mut end, mut ends_alike) = (0u64, false);
    for copied in copies {
        if copied.to != 0 || copied.from != 0 {
            let after = engine.near_behind.max(hidden_from(copied.from));
            add(engine, text, &mut dirty, end, (copied.to + after).min(len));
        }
        end = copied.to + copied.len;
        ends_alike = copied.from + copied.len == base.len;
    }
    if !(end == len && ends_alike) {
        add(engine, text, &mut dirty, end, len);
    }
    if inherited.outdated.is_empty() {
        return dirty;
    }
    dirty.extend_from_slice(&inherited.outdated);
    dirty.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(dirty.len());
    for range in dirty {
        match joined.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => joined.push(range),
        }
    }
    joined
}

/// To try the starts of so many bytes costs less than to stop before them and begin again behind them.
const APART: u64 = 256;

/// Adds what has to be tried again because the text is not as it was from `changed` on, up to `end`.
fn add(engine: &Engine, text: &[u8], dirty: &mut Vec<Range<u64>>, changed: u64, end: u64) {
    match dirty.last_mut().filter(|last| changed <= last.end + SHORT_READ + APART) {
        // A long run that began before the last range goes through what had changed there, and is in the range.
        Some(last) => last.end = last.end.max(end),
        None => {
            let start = first_start(engine, text, changed);
            dirty.extend(Some(start..end).filter(|range| !range.is_empty()));
        }
    }
}

/// The first start whose attempt may look at what stands at `end`, if it is none that is remembered.
fn first_start(engine: &Engine, text: &[u8], end: u64) -> u64 {
    // Whether a long run is one depends on all of it.
    let longest = (engine.keywords.longest_len() as u64).min(end);
    let of_run = text[(end - longest) as usize..end as usize].iter().rev();
    let run_len = of_run.take_while(|byte| engine.long_run.contains(**byte)).count() as u64;
    end.saturating_sub(SHORT_READ.max(run_len))
}
