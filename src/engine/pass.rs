//! One pass over one view of a unit: from anchors to attempts to judged, resolved matches.
//!
//! The naive algorithm is: at every offset try every rule; judge each match; a match that is believed hides later
//! starts of the same rule up to its end; resolve overlaps. This pass gives the same answer from three observations.
//! A rule can match only near one of its anchors, which the prefilter finds. Whether a rule matches at an offset
//! depends on the bytes from a little before it to the rule's `max_len` after it, so that it can be decided as soon
//! as those are there, in whatever pieces they come. And starts of one rule are tried in ascending order, each once.
//!
//! Offsets are counted from the start of the view; the text that is there now is a window of it.

use super::foreign::ForeignPass;
use super::hinder::Hindered;
use super::keyword::Nearby;
use super::lent::lent;
use super::matcher::{Attempt, MatcherCache, Resume};
use super::prefilter::Anchor;
use super::resolve::{DOUBTFUL, Match, Resolver, SENSITIVE};
use super::seen::{Seen, SeenRuns};
use super::tail::Open;
use super::touched::Touched;
use super::validate::{self, Candidate, Judgement};
use super::{Engine, FAR, Target, assign, escaped};
use crate::rule::{Kind, MAX_DISTANCE, Pattern, Rule};
use crate::span::Span;

/// Anchors are looked for in blocks that stay in the first-level cache while their candidates are tried.
const BLOCK_LEN: usize = 32 * 1024;

/// Hostile text can make attempts of one rule overlap without bound. Each rule may look at this many bytes ...
const CREDIT: u64 = 256 * 1024;
/// ... and at so many more for each byte of text: in ordinary text it looks at a small part of one.
const CREDIT_PER_BYTE: u64 = 3;

/// The part of a view that is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'t> {
    pub(super) bytes: &'t [u8],
    /// The offset of the first byte in the view.
    pub(super) base: u64,
    /// Whether the view ends where the bytes end.
    pub(super) last: bool,
}

impl Window<'_> {
    pub(super) fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Where a range of the bytes stands in the view.
    fn span(&self, range: std::ops::Range<usize>) -> Span {
        Span { start: self.base + range.start as u64, end: self.base + range.end as u64 }
    }

    /// Whether a match of the rule may start here, as far as what stands before it is concerned.
    fn may_start(&self, rule: &Rule, offset: u64) -> bool {
        let before = &self.bytes[..offset.saturating_sub(self.base) as usize];
        escaped::may_start(rule, before)
    }

    /// The first of these offsets at which the bytes on its both sides do not refute a match of the rule, or else `stop`.
    /// Where an anchor leaves the start open, nearly all starts fail here.
    fn possible_start(&self, rule: &Rule, first: u64, stop: u64) -> u64 {
        let (before, start, escapes) = (&rule.before, rule.head.first(), escaped::sees_escapes(rule));
        let (from, to) = ((first - self.base) as usize, (stop.min(self.end()) - self.base) as usize);
        let refuted =
            |&at: &usize| !start.contains(self.bytes[at]) || !escapes && at > 0 && !before.contains(self.bytes[at - 1]);
        first + (from..to).take_while(refuted).count() as u64
    }
}

/// Starts at which a rule has to be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Queued {
    rule: usize,
    first: u64,
    last: u64,
}

/// What a pass remembers of one rule.
#[derive(Debug, Clone, Copy, Default)]
struct RuleState {
    /// Starts before this offset were tried.
    tried_to: u64,
    /// Starts before this offset are hidden by a believed match.
    hidden_to: u64,
    /// How many bytes its attempts have looked at.
    looked_at: u64,
    /// The start that waits for more text, and how far its attempt came.
    waiting: Option<(u64, Resume)>,
}

/// What was seen while a place was tried; for those who want to know why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    pub(crate) rule: usize,
    pub(crate) start: u64,
    pub(crate) outcome: Tried,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tried {
    /// The byte before the match is one that its rule excludes.
    Before,
    /// No keyword stands close enough before it.
    NoKeyword,
    /// The format does not match.
    NoMatch,
    /// The format matches, but the byte after the match is one that its rule excludes.
    After,
    /// It matches, and was judged.
    Judged { secret: Span, judgement: Judgement },
}

/// The state of a pass, reused from unit to unit.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// Anchors that start before this offset were found.
    anchored_to: u64,
    queue: Vec<Queued>,
    states: Touched<RuleState>,
    pub(super) resolver: Resolver,
    foreign: ForeignPass,
    /// Runs of a block.
    runs: Seen,
    nearby: Nearby,
    /// The same for the end of the text, from settling to settling.
    tail_words: Nearby,
    open: Vec<Open>,
    /// What the last settling came to.
    settled_to: u64,
    /// Attempts that were not made because their rule had looked at too many bytes.
    skipped: u64,
    /// Filled when there.
    pub(super) trace: Option<Vec<Trace>>,
    /// Takes matches, instead of the resolver, when there.
    pub(super) record: Option<Record>,
}

/// What a pass came to, before overlaps are resolved.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) matches: Vec<Match>,
    pub(super) far_looks: Vec<FarLook>,
    pub(super) far: Vec<FarAnchor>,
}

/// An attempt that looked at more than [`SHORT_READ`] bytes, or farther back than [`Engine::near_behind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FarLook {
    pub(super) start: u64,
    /// The end of what it looked at; the end of the text counts as a byte.
    pub(super) end: u64,
    /// Whether it came to a value, which whoever judged it did by what stands before.
    pub(super) back: bool,
}

/// An anchor that does not stand close behind the start of its match: [far](super::FAR) behind it, or before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FarAnchor {
    pub(super) at: u64,
    pub(super) len: u64,
    pub(super) rule: usize,
    /// The first and the last start that it makes possible, from where it stands.
    pub(super) first: i64,
    pub(super) last: i64,
}

impl FarAnchor {
    /// The starts that it makes possible.
    pub(super) fn starts(&self) -> std::ops::Range<u64> {
        self.at.saturating_add_signed(self.first)..(self.at + 1).saturating_add_signed(self.last)
    }
}

/// Attempts that look at no more bytes than this, and come to no value, are not recorded.
pub(super) const SHORT_READ: u64 = 64;

impl Pass {
    pub(super) fn clear(&mut self, engine: &Engine) {
        self.anchored_to = 0;
        self.settled_to = 0;
        self.queue.clear();
        self.nearby.clear();
        self.states.clear();
        self.foreign.clear(&engine.foreign);
        self.resolver.clear();
        self.skipped = 0;
        self.record = None;
    }

    /// Decides what can be decided with the text that is there, to its very end; to be called after
    /// [`Pass::advance`]. Changes no finding, only when it is given.
    pub(super) fn settle(
        &mut self,
        engine: &Engine,
        caches: &mut [Option<MatcherCache>],
        window: Window<'_>,
        mut keep: impl FnMut(Match),
    ) {
        if window.last || window.bytes.is_empty() {
            return;
        }
        let text = window.bytes;
        let from = (self.anchored_to - window.base) as usize;
        let (queue, runs) = (&mut self.queue, &mut self.runs);
        engine.prefilter.scan(text, from, text.len(), &mut lent(), &mut |anchor| match anchor {
            Anchor::Literal { number, at, .. } => {
                let targets = engine.targets.get(number as usize).iter();
                targets.for_each(|target| enqueue(engine, target, window, at, (false, false), queue));
            }
            Anchor::Runs { runs: mut seen, at, len } => {
                engine.keywords.drop_cut(&mut seen, &text[at..], len);
                runs.push(SeenRuns { at: window.base + at as u64, runs: seen, len });
            }
        });
        // What was looked through for this end of the text is looked through again for the next one.
        self.tail_words.clear();
        let place = (text, window.base);
        engine.keywords.rules_at(&engine.rules, &mut self.tail_words, place, runs.take(), false, |rule, at| {
            queue.push(Queued { rule, first: at, last: at });
        });
        let mut open = std::mem::take(&mut self.open);
        engine.open_starts(text, from, &mut open);
        open.retain(|open| {
            let state = self.states[open.rule];
            let start = window.base + open.at as u64;
            start >= state.tried_to.max(state.hidden_to)
                && self.partial(engine, caches, window, open.rule, open.at).is_some()
        });
        // A start that is open comes before later ones of its rule.
        self.try_queued(engine, caches, window, |rule| {
            let first = open.partition_point(|open| open.rule < rule);
            open.get(first).filter(|open| open.rule == rule).map_or(u64::MAX, |open| window.base + open.at as u64)
        });
        self.queue.sort_unstable();
        self.queue.dedup();
        self.settled_to = self.earliest_secret(engine, caches, window, &open);
        self.open = open;
        self.resolver.settle(self.settled_to, &mut keep);
    }

    /// Where a secret may start at the earliest that is not known yet: the end of the text, or before.
    fn earliest_secret(
        &mut self,
        engine: &Engine,
        caches: &mut [Option<MatcherCache>],
        window: Window<'_>,
        open: &[Open],
    ) -> u64 {
        let mut earliest = window.bytes.len();
        for &Open { rule, at } in open {
            let hidden = window.base + (at as u64) < self.states[rule].hidden_to;
            if at < earliest && !hidden {
                earliest = self.partial(engine, caches, window, rule, at).map_or(earliest, |at| at.min(earliest));
            }
        }
        let queue = std::mem::take(&mut self.queue);
        for queued in &queue {
            let first = queued.first.max(window.base) - window.base;
            for at in first as usize..=queued.last.saturating_sub(window.base) as usize {
                if at >= earliest {
                    break;
                }
                earliest =
                    self.partial(engine, caches, window, queued.rule, at).map_or(earliest, |at| at.min(earliest));
            }
        }
        self.queue = queue;
        window.base + earliest as u64
    }

    /// Where the secret starts at the earliest in a match of a rule that starts at `text[at]` and goes on behind the
    /// text; `None` when there can be none.
    fn partial(
        &mut self,
        engine: &Engine,
        caches: &mut [Option<MatcherCache>],
        window: Window<'_>,
        index: usize,
        at: usize,
    ) -> Option<usize> {
        let (rule, text) = (&engine.rules[index], window.bytes);
        let allowed = rule.head.fits(&text[at..]) && escaped::may_start(rule, &text[..at]);
        if !allowed || (!rule.keywords.is_empty() && !keyword_before(rule, text, at)) {
            return None;
        }
        let (source, secret_group) = match &rule.pattern {
            Pattern::Assignment => {
                let (attempt, value, _) = assign::attempt(text, at, true);
                return (attempt != Attempt::NoMatch).then_some(value.start);
            }
            Pattern::Regex { source, secret_group } => (source, *secret_group),
        };
        let matcher = &engine.matchers[index];
        if caches[index].is_none() {
            caches[index] = matcher.cache(source, secret_group);
        }
        let cache = caches[index].as_mut()?;
        let to = text.len().min(at.saturating_add(rule.max_len));
        let waits = self.states[index].waiting.is_some_and(|(start, _)| start == window.base + at as u64);
        let alive = waits || matcher.attempt(cache, text, at..to, true, &mut None).0 != Attempt::NoMatch;
        match secret_group {
            _ if !alive => None,
            true => matcher.earliest_secret(text, at..to),
            false => Some(at),
        }
    }

    /// Starts another view of the same unit.
    pub(super) fn restart(&mut self, engine: &Engine) {
        let skipped = self.skipped_attempts();
        self.clear(engine);
        self.skipped = skipped;
    }

    /// Attempts that were not made because their rule had looked at too many bytes.
    pub(super) fn skipped_attempts(&self) -> u64 {
        self.skipped + self.foreign.skipped
    }

    /// Nothing before this offset will be part of a match that is not known yet.
    pub(super) fn final_to(&self, engine: &Engine) -> u64 {
        self.resolver
            .decided_to(self.tried_to(engine))
            .min(self.foreign.undecided_from(&engine.foreign, self.anchored_to))
    }

    /// No secret that was not given yet starts before this offset.
    pub(super) fn horizon(&self, engine: &Engine) -> u64 {
        // Matches of rules of other tools are not settled: a secret of theirs may start where such a match may.
        let foreign = self.foreign.undecided_from(&engine.foreign, self.anchored_to);
        let unknown = self.settled_to.max(self.tried_to(engine)).min(foreign);
        self.resolver.first_undecided().map_or(unknown, |first| first.min(unknown))
    }

    /// All starts before this offset were tried.
    fn tried_to(&self, engine: &Engine) -> u64 {
        let anchored = self.anchored_to.saturating_sub(engine.max_before as u64);
        self.queue.iter().map(|queued| queued.first).fold(anchored, u64::min)
    }

    /// Goes on as far as the window allows; gives resolved matches in the order of their secrets.
    pub(super) fn advance(
        &mut self,
        engine: &Engine,
        caches: &mut [Option<MatcherCache>],
        window: Window<'_>,
        mut keep: impl FnMut(Match),
    ) {
        let visible = engine.prefilter.max_len().max(engine.keywords.longest_len()).saturating_sub(1) as u64;
        let stop = if window.last { window.end() } else { window.end().saturating_sub(visible) };
        loop {
            let to = stop.min(self.anchored_to + BLOCK_LEN as u64).max(self.anchored_to);
            self.find_anchors(engine, window, to);
            let done = window.last && to == window.end();
            let known = if done { u64::MAX } else { to.saturating_sub(engine.max_before as u64) };
            self.try_queued(engine, caches, window, |_| known);
            self.foreign.advance(engine, caches, window, (to, done), &mut self.trace, &mut keep);
            let tried = if done && self.queue.is_empty() { u64::MAX } else { self.tried_to(engine) };
            self.resolver.settle(tried, &mut keep);
            if to == stop {
                return;
            }
        }
    }

    /// Finds the anchors before `to` that were not found yet, and queues the starts that they make possible.
    fn find_anchors(&mut self, engine: &Engine, window: Window<'_>, to: u64) {
        let (near, far) = ((self.anchored_to - window.base) as usize, (to - window.base) as usize);
        let (queue, runs, traced) = (&mut self.queue, &mut self.runs, self.trace.is_some());
        let recorded = self.record.is_some();
        let (record, foreign) = (&mut self.record, &mut self.foreign);
        engine.prefilter.scan(window.bytes, near, far, &mut lent(), &mut |anchor| {
            let (number, at, len) = match anchor {
                Anchor::Literal { number, at, len } => (number, at, len),
                Anchor::Runs { runs: seen, at, len } => {
                    return runs.push(SeenRuns { at: window.base + at as u64, runs: seen, len });
                }
            };
            for target in engine.targets.get(number as usize) {
                let mut record_far = |rule: u32, first: i64, last: i64| {
                    if let Some(record) = record {
                        let (at, len, rule) = (at as u64, len as u64, rule as usize);
                        record.far.push(FarAnchor { at, len, rule, first, last });
                    }
                };
                match *target {
                    Target::Literal { rule, min_before, max_before } if max_before as usize > FAR => {
                        record_far(rule, -i64::from(max_before), -i64::from(min_before));
                        enqueue(engine, target, window, at, (traced, recorded), queue);
                    }
                    Target::Keyword { rule, len, distance } if starts_word(window.bytes, at) => {
                        record_far(rule, i64::from(len), i64::from(distance));
                        enqueue(engine, target, window, at, (traced, recorded), queue);
                    }
                    Target::Keyword { .. } => {}
                    Target::Nearby { number } => foreign.near(number as usize, window.base + at as u64),
                    Target::Foreign { number, min_before, max_before } => {
                        let offset = window.base + at as u64;
                        let Some(last) = offset.checked_sub(u64::from(min_before)) else { continue };
                        foreign.anchored(number as usize, offset.saturating_sub(u64::from(max_before)), last);
                    }
                    _ => enqueue(engine, target, window, at, (traced, recorded), queue),
                }
            }
        });
        let text = (window.bytes, window.base);
        engine.keywords.rules_at(&engine.rules, &mut self.nearby, text, runs.take(), traced, |rule, at| {
            if traced || head_fits(&engine.rules[rule], &window.bytes[(at - window.base) as usize..], recorded) {
                queue.push(Queued { rule, first: at, last: at });
            }
        });
        self.anchored_to = to;
    }

    /// Tries the starts in `starts`, which are not before those of an earlier call unless the pass [went
    /// back](Pass::go_back), of a view that is all there, and records what comes of it. `far` are the far anchors that are
    /// known, by place. Where others are found whose matches may start before `starts`, what was recorded is worth
    /// nothing, and the earliest of these starts is the error.
    pub(super) fn try_starts(
        &mut self,
        engine: &Engine,
        caches: &mut [Option<MatcherCache>],
        text: &[u8],
        starts: std::ops::Range<u64>,
        far: &[FarAnchor],
    ) -> Result<(), u64> {
        let window = Window { bytes: text, base: 0, last: true };
        let stop = starts.end.saturating_add(engine.near_before as u64).min(window.end());
        self.anchored_to = starts.start;
        self.nearby.clear();
        let first = far.partition_point(|anchor| anchor.at + (engine.max_after as u64) < starts.start);
        let close = far[first..].iter().take_while(|anchor| anchor.at < starts.end + engine.max_before as u64);
        let possible = close.map(|anchor| (anchor.rule, anchor.starts())).filter(|(_, possible)| !possible.is_empty());
        self.queue.extend(possible.map(|(rule, possible)| Queued {
            rule,
            first: possible.start,
            last: possible.end - 1,
        }));
        while self.anchored_to < stop {
            let may_reach_back = self.anchored_to < starts.start + engine.max_before as u64;
            let to = stop.min(self.anchored_to + BLOCK_LEN as u64);
            self.find_anchors(engine, window, to);
            if let Some(earlier) = may_reach_back.then(|| self.start_before(starts.start, &far[first..])).flatten() {
                self.queue.clear();
                return Err(earlier);
            }
            self.queue.retain_mut(|queued| {
                queued.first = queued.first.max(starts.start);
                queued.last = queued.last.min(starts.end - 1);
                queued.first <= queued.last
            });
            let known = if to == stop { u64::MAX } else { to.saturating_sub(engine.max_before as u64) };
            self.try_queued(engine, caches, window, |_| known);
        }
        Ok(())
    }

    /// The earliest start before `start` that anchors make possible which were found and are not known.
    fn start_before(&self, start: u64, known: &[FarAnchor]) -> Option<u64> {
        // What stands before was there before.
        let found = self.record.iter().flat_map(|record| &record.far).filter(|anchor| anchor.at >= start);
        let reaches_back = found.filter(|anchor| anchor.starts().start < start);
        reaches_back.filter(|anchor| known.binary_search(anchor).is_err()).map(|anchor| anchor.starts().start).min()
    }

    /// Lets starts from `start` on be tried once more. No match that starts before reaches over it.
    pub(super) fn go_back(&mut self, start: u64) {
        self.states.for_each_mut(|state| {
            state.tried_to = state.tried_to.min(start);
            state.hidden_to = state.hidden_to.min(start);
        });
    }

    /// Tries all queued starts of each rule before those that are not all `known`; keeps those that need more text.
    fn try_queued(
        &mut self,
        engine: &Engine,
        caches: &mut [Option<MatcherCache>],
        window: Window<'_>,
        known: impl Fn(usize) -> u64,
    ) {
        if self.queue.is_empty() {
            return;
        }
        let mut queue = std::mem::take(&mut self.queue);
        queue.sort_unstable();
        let mut blocked = None;
        queue.retain_mut(|queued| {
            let rule = queued.rule;
            // A start of the rule waits for text, and later ones depend on whether it matches.
            if blocked == Some(rule) {
                return true;
            }
            queued.first = queued.first.max(self.states[rule].tried_to).max(self.states[rule].hidden_to);
            let stop = known(rule).min(queued.last.saturating_add(1));
            while queued.first < stop {
                // Who wants to know of every start sees every start.
                if self.trace.is_none() {
                    queued.first = window.possible_start(&engine.rules[rule], queued.first, stop);
                    self.states[rule].tried_to = queued.first;
                    if queued.first == stop {
                        break;
                    }
                }
                if !self.try_start(engine, caches, window, rule, queued.first) {
                    blocked = Some(rule);
                    return true;
                }
                self.states[rule].tried_to = queued.first + 1;
                queued.first = (queued.first + 1).max(self.states[rule].hidden_to);
            }
            queued.first <= queued.last
        });
        self.queue = queue;
    }

    /// Tries a rule at one start; answers false when it needs more text.
    fn try_start(
        &mut self,
        engine: &Engine,
        caches: &mut [Option<MatcherCache>],
        window: Window<'_>,
        index: usize,
        start: u64,
    ) -> bool {
        let rule = &engine.rules[index];
        if start >= window.end() {
            return window.last;
        }
        if !window.may_start(rule, start) {
            self.note(index, start, || Tried::Before);
            return true;
        }
        let at = (start - window.base) as usize;
        if !head_fits(rule, &window.bytes[at..], self.record.is_some()) {
            self.note(index, start, || Tried::NoMatch);
            return true;
        }
        if self.states[index].looked_at > CREDIT + CREDIT_PER_BYTE * start {
            self.skipped += 1;
            return true;
        }
        let to = window.bytes.len().min(at.saturating_add(rule.max_len));
        let note_look = |record: &mut Option<Record>, looked_at: usize, back: bool| {
            // The byte after what was looked at may be asked, too.
            let end = start + looked_at as u64 + 1;
            if let Some(record) = record.as_mut().filter(|_| back || end - start > SHORT_READ) {
                record.far_looks.push(FarLook { start, end, back });
            }
        };
        let (attempt, secret, looked_at) = match &rule.pattern {
            Pattern::Assignment => {
                let (attempt, value, looked_at) = assign::attempt(window.bytes, at, !window.last);
                (attempt, Some(value), looked_at)
            }
            Pattern::Regex { source, secret_group } => {
                let matcher = &engine.matchers[index];
                if caches[index].is_none() {
                    caches[index] = matcher.cache(source, *secret_group);
                }
                let Some(cache) = &mut caches[index] else { return true };
                let mut left = self.states[index].waiting.take().filter(|left| left.0 == start).map(|left| left.1);
                let (attempt, looked_at) = matcher.attempt(cache, window.bytes, at..to, !window.last, &mut left);
                self.states[index].waiting = left.map(|left| (start, left));
                // What is beyond the longest match costs nothing, whether it is there already or not.
                let looked_at = looked_at.min(rule.max_len);
                let secret = match attempt {
                    Attempt::Match(end) if *secret_group => Some(matcher.secret(cache, window.bytes, at..end)),
                    _ => None,
                };
                (attempt, secret, looked_at)
            }
        };
        let end = match attempt {
            Attempt::Incomplete => return false,
            Attempt::NoMatch => {
                note_look(&mut self.record, looked_at, secret.is_some_and(|value| !value.is_empty()));
                self.states[index].looked_at += looked_at as u64;
                // The byte behind the value was looked at, too.
                if rule.pattern == Pattern::Assignment {
                    self.hinder(index, start, None, start + (looked_at as u64).max(1) - 1);
                }
                self.note(index, start, || Tried::NoMatch);
                return true;
            }
            Attempt::Match(end) => end,
        };
        // The byte after the match has to be there to be asked.
        if end == window.bytes.len() && !window.last {
            return false;
        }
        note_look(&mut self.record, looked_at, true);
        self.states[index].looked_at += looked_at as u64;
        if rule.pattern != Pattern::Assignment && window.bytes.get(end).is_some_and(|&byte| !rule.after.contains(byte))
        {
            self.note(index, start, || Tried::After);
            self.hinder(index, start, Some(window.span(secret.unwrap_or(at..end)).start), window.base + end as u64);
            return true;
        }
        if !rule.keywords.is_empty() && !keyword_before(rule, window.bytes, at) {
            self.note(index, start, || Tried::NoKeyword);
            return true;
        }
        let secret = secret.unwrap_or(at..end);
        if !self.judge(engine, window, index, at..end, secret.clone()) {
            self.hinder(index, start, Some(window.span(secret).start), window.base + end as u64);
        }
        true
    }

    /// Keeps what is not found, for those who change what stands behind it, or cut it short.
    fn hinder(&mut self, rule: usize, start: u64, secret: Option<u64>, by: u64) {
        if self.resolver.lost.is_some() {
            self.resolver.hindered.push(Hindered { rule, start, secret, by });
        }
    }

    /// Judges a match, and answers whether it is believed.
    fn judge(
        &mut self,
        engine: &Engine,
        window: Window<'_>,
        index: usize,
        matched: std::ops::Range<usize>,
        secret: std::ops::Range<usize>,
    ) -> bool {
        let rule = &engine.rules[index];
        let judgement =
            validate::judge(&Candidate { rule, text: window.bytes, start: matched.start, secret: secret.clone() });
        let (matched, secret) = (window.span(matched), window.span(secret));
        self.note(index, matched.start, || Tried::Judged { secret, judgement: judgement.clone() });
        let believed = judgement.confidence >= DOUBTFUL;
        if believed {
            // Who hides what is found must not leave what is found once it is hidden.
            let hidden_to = if self.resolver.lost.is_some() { secret.end } else { matched.end };
            self.states[index].hidden_to = self.states[index].hidden_to.max(hidden_to);
        }
        // A distinctive form with a wrong checksum is still that form, and no other rule shall make more of it. An
        // opaque value that was refuted is nothing; one that its name speaks for may be told to who asks for it.
        let told = match rule.kind {
            Kind::Distinctive | Kind::Structural => true,
            Kind::Generic => judgement.confidence >= SENSITIVE,
            Kind::Contextual | Kind::Identifier => believed,
        };
        if told {
            let Judgement { confidence, verdicts } = judgement;
            let (kind, candidates) = (rule.kind, Vec::new());
            let verdicts = verdicts.into();
            let found = Match { rule: index, matched, secret, confidence, verdicts, kind, candidates };
            match &mut self.record {
                Some(record) => record.matches.push(found),
                None => self.resolver.push(found),
            }
        }
        believed
    }

    fn note(&mut self, rule: usize, start: u64, outcome: impl FnOnce() -> Tried) {
        if let Some(trace) = &mut self.trace {
            trace.push(Trace { rule, start, outcome: outcome() });
        }
    }
}

/// Whether a match of the rule may start where `text` does. What is refuted here is not recorded: where attempts are,
/// no more is asked than they may look at unrecorded.
fn head_fits(rule: &Rule, text: &[u8], recorded: bool) -> bool {
    let len = if recorded { text.len().min(SHORT_READ as usize) } else { text.len() };
    rule.head.fits(&text[..len])
}

/// Queues the starts that an anchor at `text[at]` makes possible: all of them when attempts are traced.
fn enqueue(
    engine: &Engine,
    target: &Target,
    window: Window<'_>,
    at: usize,
    (traced, recorded): (bool, bool),
    queue: &mut Vec<Queued>,
) {
    let offset = window.base + at as u64;
    let mut push = |rule: usize, first: u64, last: u64| queue.push(Queued { rule, first, last });
    match *target {
        Target::Literal { rule, min_before, max_before } => {
            let rule = rule as usize;
            if min_before == max_before {
                // Most anchors stand at one distance, and most false ones fail here.
                let Some(start) = offset.checked_sub(u64::from(min_before)) else { return };
                let spec = &engine.rules[rule];
                let fits = || {
                    window.may_start(spec, start)
                        // A match that started before the window is not decided by what is left of it.
                        && start
                            .checked_sub(window.base)
                            .is_none_or(|at| head_fits(spec, &window.bytes[at as usize..], recorded))
                };
                if traced || fits() {
                    push(rule, start, start);
                }
            } else if let Some(last) = offset.checked_sub(u64::from(min_before)) {
                push(rule, offset.saturating_sub(u64::from(max_before)), last);
            }
        }
        Target::Keyword { rule, len, distance } if starts_word(window.bytes, at) => {
            push(rule as usize, offset + u64::from(len), offset + u64::from(distance));
        }
        Target::Keyword { .. } | Target::Foreign { .. } | Target::Nearby { .. } => {}
    }
}

/// Whether one of the rule's keywords starts in the last bytes before `text[at]`, at most one line feed away.
pub(super) fn keyword_before(rule: &Rule, text: &[u8], at: usize) -> bool {
    let from = reach_start(text, at, rule.distance);
    rule.keywords.iter().any(|word| {
        let is_word = |window: &[u8]| window.eq_ignore_ascii_case(word.as_bytes());
        let mut windows = text[from..at].windows(word.len()).enumerate();
        windows.any(|(offset, window)| is_word(window) && starts_word(text, from + offset))
    })
}

/// Whether a word may start at `text[at]`: at the start of a name or one of its humps (`my_ovhKey`, `myOvh`), not inside of another (`MOVH`).
pub(crate) fn starts_word(text: &[u8], at: usize) -> bool {
    let Some(&before) = at.checked_sub(1).and_then(|before| text.get(before)) else { return true };
    let hump = before.is_ascii_lowercase() && text[at].is_ascii_uppercase();
    hump || !before.is_ascii_alphabetic() || !text[at].is_ascii_alphabetic()
}

/// Where the text starts in which a keyword may start: at most `distance` bytes and one line feed before `text[at]`.
fn reach_start(text: &[u8], at: usize, distance: usize) -> usize {
    debug_assert!(distance <= MAX_DISTANCE);
    let start = at.saturating_sub(distance);
    let second = memchr::memrchr_iter(b'\n', &text[start..at]).nth(1);
    second.map_or(start, |feed| start + feed + 1)
}
