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
use super::keyword::Nearby;
use super::matcher::{Attempt, MatcherCache};
use super::prefilter::Buffers;
use super::resolve::{DOUBTFUL, Match, Resolver};
use super::validate::{self, Candidate, Judgement};
use super::{Engine, Target, assign};
use crate::rule::{Kind, MAX_DISTANCE, Pattern, Rule};
use crate::span::Span;

/// Anchors are looked for in blocks that stay in the first-level cache while their candidates are tried.
const BLOCK_LEN: usize = 32 * 1024;

/// Hostile text can make attempts of one rule overlap without bound. Each rule may look at this many bytes ...
const CREDIT: u64 = 256 * 1024;
/// ... and at so many more for each byte of text: in ordinary text it looks at a small part of one.
const CREDIT_PER_BYTE: u64 = 2;

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

    fn byte_before(&self, offset: u64) -> Option<u8> {
        (offset > self.base).then(|| self.bytes[(offset - self.base) as usize - 1])
    }
}

/// Starts at which a rule has to be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Queued {
    rule: usize,
    first: u64,
    last: u64,
    /// The first start was tried, and it is no use to try again before the view has come this far.
    again_at: u64,
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
    touched: bool,
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
    states: Vec<RuleState>,
    touched: Vec<usize>,
    resolver: Resolver,
    foreign: ForeignPass,
    buffers: Buffers,
    /// Runs of a block, by offset.
    runs: Vec<(u64, usize)>,
    nearby: Nearby,
    /// Attempts that were not made because their rule had looked at too many bytes.
    skipped: u64,
    /// Filled when there.
    pub(super) trace: Option<Vec<Trace>>,
}

impl Pass {
    pub(super) fn clear(&mut self, engine: &Engine) {
        self.anchored_to = 0;
        self.queue.clear();
        self.nearby.clear();
        for rule in self.touched.drain(..) {
            self.states[rule] = RuleState::default();
        }
        self.states.resize(engine.rules.len(), RuleState::default());
        self.foreign.clear(&engine.foreign);
        self.resolver.clear();
        self.skipped = 0;
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
            let from = self.anchored_to;
            let (near, far) = ((from - window.base) as usize, (to - window.base) as usize);
            let (queue, runs, traced) = (&mut self.queue, &mut self.runs, self.trace.is_some());
            let foreign = &mut self.foreign;
            engine.prefilter.scan(window.bytes, near, far, &mut self.buffers, &mut |id, at| {
                for target in engine.targets.get(id as usize) {
                    match *target {
                        Target::Run { run } => runs.push((window.base + at as u64, run)),
                        Target::Nearby { number } => foreign.near(number, window.base + at as u64),
                        Target::Foreign { number, min_before, max_before } => {
                            let offset = window.base + at as u64;
                            let Some(last) = offset.checked_sub(min_before as u64) else { continue };
                            foreign.anchored(number, offset.saturating_sub(max_before as u64), last);
                        }
                        _ => enqueue(engine, target, window, at, traced, queue),
                    }
                }
            });
            runs.sort_unstable();
            let text = (window.bytes, window.base);
            engine.keywords.rules_at(&engine.rules, &mut self.nearby, text, runs, traced, |rule, at| {
                queue.push(Queued { rule, first: at, last: at, again_at: 0 });
            });
            runs.clear();
            self.anchored_to = to;
            let done = window.last && to == window.end();
            let known = if done { u64::MAX } else { to.saturating_sub(engine.max_before as u64) };
            self.try_queued(engine, caches, window, known);
            self.foreign.advance(engine, caches, window, (to, done), &mut self.trace, &mut keep);
            let tried = if done && self.queue.is_empty() { u64::MAX } else { self.tried_to(engine) };
            self.resolver.settle(tried, &mut keep);
            if to == stop {
                return;
            }
        }
    }

    /// Tries all queued starts before `known`; keeps those that need more text.
    fn try_queued(&mut self, engine: &Engine, caches: &mut [Option<MatcherCache>], window: Window<'_>, known: u64) {
        if self.queue.is_empty() {
            return;
        }
        let mut queue = std::mem::take(&mut self.queue);
        queue.sort_unstable();
        let mut blocked = None;
        queue.retain_mut(|queued| {
            let rule = queued.rule;
            if !self.states[rule].touched {
                self.states[rule].touched = true;
                self.touched.push(rule);
            }
            // A start of the rule waits for text, and later ones depend on whether it matches.
            if blocked == Some(rule) {
                return true;
            }
            queued.first = queued.first.max(self.states[rule].tried_to).max(self.states[rule].hidden_to);
            while queued.first <= queued.last && queued.first < known {
                if !window.last && window.end() < queued.again_at {
                    blocked = Some(rule);
                    return true;
                }
                if !self.try_start(engine, caches, window, rule, queued.first) {
                    blocked = Some(rule);
                    let seen = window.end() - queued.first.min(window.end());
                    queued.again_at = window.end() + seen.clamp(1, 4096);
                    return true;
                }
                self.states[rule].tried_to = queued.first + 1;
                queued.first = (queued.first + 1).max(self.states[rule].hidden_to);
                queued.again_at = 0;
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
        if window.byte_before(start).is_some_and(|byte| !rule.before.contains(byte)) {
            self.note(index, start, || Tried::Before);
            return true;
        }
        let at = (start - window.base) as usize;
        if !rule.first.contains(window.bytes[at]) {
            self.note(index, start, || Tried::NoMatch);
            return true;
        }
        if self.states[index].looked_at > CREDIT + CREDIT_PER_BYTE * start {
            self.skipped += 1;
            return true;
        }
        let to = window.bytes.len().min(at.saturating_add(rule.max_len));
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
                let (attempt, looked_at) = matcher.attempt(cache, window.bytes, at..to, !window.last);
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
                self.states[index].looked_at += looked_at as u64;
                self.note(index, start, || Tried::NoMatch);
                return true;
            }
            Attempt::Match(end) => end,
        };
        // The byte after the match has to be there to be asked.
        if end == window.bytes.len() && !window.last {
            return false;
        }
        self.states[index].looked_at += looked_at as u64;
        if rule.pattern != Pattern::Assignment && window.bytes.get(end).is_some_and(|&byte| !rule.after.contains(byte))
        {
            self.note(index, start, || Tried::After);
            return true;
        }
        if !rule.keywords.is_empty() && !keyword_before(rule, window.bytes, at) {
            self.note(index, start, || Tried::NoKeyword);
            return true;
        }
        self.judge(engine, window, index, at..end, secret.unwrap_or(at..end));
        true
    }

    fn judge(
        &mut self,
        engine: &Engine,
        window: Window<'_>,
        index: usize,
        matched: std::ops::Range<usize>,
        secret: std::ops::Range<usize>,
    ) {
        let rule = &engine.rules[index];
        let judgement = validate::judge(&Candidate { rule, text: window.bytes, secret: secret.clone() });
        let span = |range: std::ops::Range<usize>| Span {
            start: window.base + range.start as u64,
            end: window.base + range.end as u64,
        };
        let (matched, secret) = (span(matched), span(secret));
        self.note(index, matched.start, || Tried::Judged { secret, judgement: judgement.clone() });
        let believed = judgement.confidence >= DOUBTFUL;
        if believed {
            self.states[index].hidden_to = matched.end;
        }
        // A distinctive form with a wrong checksum is still that form, and no other rule shall make more of it. An
        // opaque value that was refuted is nothing.
        if believed || matches!(rule.kind, Kind::Distinctive | Kind::Structural) {
            let Judgement { confidence, verdicts } = judgement;
            self.resolver.push(Match { rule: index, matched, secret, confidence, verdicts, kind: rule.kind });
        }
    }

    fn note(&mut self, rule: usize, start: u64, outcome: impl FnOnce() -> Tried) {
        if let Some(trace) = &mut self.trace {
            trace.push(Trace { rule, start, outcome: outcome() });
        }
    }
}

/// Queues the starts that an anchor at `text[at]` makes possible.
fn enqueue(engine: &Engine, target: &Target, window: Window<'_>, at: usize, traced: bool, queue: &mut Vec<Queued>) {
    let offset = window.base + at as u64;
    let mut push = |rule: usize, first: u64, last: u64| queue.push(Queued { rule, first, last, again_at: 0 });
    match *target {
        Target::Literal { rule, min_before, max_before } => {
            if min_before == max_before {
                // Most anchors stand at one distance, and most false ones fail here.
                let Some(start) = offset.checked_sub(min_before as u64) else { return };
                let allowed = window.byte_before(start).is_none_or(|byte| engine.rules[rule].before.contains(byte));
                if allowed || traced {
                    push(rule, start, start);
                }
            } else if let Some(last) = offset.checked_sub(min_before as u64) {
                push(rule, offset.saturating_sub(max_before as u64), last);
            }
        }
        Target::Run { .. } | Target::Foreign { .. } | Target::Nearby { .. } => {}
        Target::Keyword { rule, len, distance } => push(rule, offset + len as u64, offset + distance as u64),
    }
}

/// Whether one of the rule's keywords starts in the last bytes before `text[at]`, at most one line feed away.
fn keyword_before(rule: &Rule, text: &[u8], at: usize) -> bool {
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
