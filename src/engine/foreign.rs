//! Rules of other tools: the matches that a plain search of the whole text would find, one after the other.
//!
//! Such a tool runs a regex over all text, takes the leftmost match, goes on after it, and then asks its conditions. So
//! here a match hides the starts before its end whatever becomes of it, and no rule hides matches of another: each
//! tool's answer is a list for each rule. Only where a rule can match is it tried: its literals are anchors like all
//! others, and a rule without any is tried everywhere, or everywhere near its words.
//!
//! Whether a start is tried depends on the text within [`NEARBY`] of it, and whether it matches on `max_len` bytes
//! after it, so that findings do not depend on how the text is cut.

use std::collections::VecDeque;

use super::Engine;
use super::matcher::{Attempt, MatcherCache, Sought};
use super::pass::{Trace, Tried, Window};
use super::resolve::Match;
use super::validate::{self, Judgement};
use crate::rule::{Foreign, NEARBY, Pattern, Rule, WayIn};
use crate::span::Span;

/// Hostile text can make attempts of one rule overlap without bound: each rule may look at this many bytes ...
const CREDIT: u64 = 4 << 20;
/// ... and at so many more for each byte of text.
const CREDIT_PER_BYTE: u64 = 32;
/// Where one search looks at no more than so many bytes for each start, it tells first whether any of them matches.
/// Otherwise starts are tried one by one: most attempts end after a few bytes, which a search never does.
const WORTH: u64 = 24;
/// At most so many starts are searched at once.
const MANY: u64 = 16 * 1024;

/// Which rules of an engine are foreign, and how far their matches start before what is looked for.
#[derive(Debug, Default)]
pub(super) struct ForeignRules(Vec<ForeignRule>);

#[derive(Debug)]
struct ForeignRule {
    /// The index of the rule.
    rule: usize,
    max_before: u64,
    everywhere: bool,
    /// Whether a word has to stand near its matches.
    wordy: bool,
}

impl ForeignRules {
    pub(super) fn new(rules: &[Rule]) -> ForeignRules {
        let of = |(index, rule): (usize, &Rule)| {
            let foreign = rule.foreign.as_deref()?;
            let max_before = match &rule.way_in {
                WayIn::Literals(anchors) => anchors.iter().map(|anchor| anchor.max_before as u64).max().unwrap_or(0),
                _ => 0,
            };
            let everywhere = rule.way_in == WayIn::Everywhere;
            Some(ForeignRule { rule: index, max_before, everywhere, wordy: !foreign.nearby.is_empty() })
        };
        ForeignRules(rules.iter().enumerate().filter_map(of).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number among foreign rules of the rule with this index.
    pub(super) fn number(&self, rule: usize) -> usize {
        self.0.binary_search_by_key(&rule, |foreign| foreign.rule).expect("the rule is foreign")
    }
}

/// What a pass remembers of the foreign rules.
#[derive(Debug, Default)]
pub(super) struct ForeignPass {
    states: Vec<State>,
    /// Attempts that were not made because their rule had looked at too many bytes.
    pub(super) skipped: u64,
}

#[derive(Debug, Default)]
struct State {
    /// Starts that anchors make possible, first to last.
    ranges: VecDeque<(u64, u64)>,
    sorted: bool,
    /// Starts near a word; disjoint, ascending.
    near: VecDeque<(u64, u64)>,
    /// Starts before this offset were tried, or are hidden by a match.
    tried_to: u64,
    looked_at: u64,
    /// It is no use to try again before the view has come this far.
    again_at: u64,
}

/// Whether a start may be tried.
enum Leave {
    Until(u64),
    Skip(u64),
    Wait,
}

/// What became of a range of starts.
enum Found {
    Match { start: u64, end: u64 },
    None,
    Incomplete { from: u64 },
}

impl ForeignPass {
    pub(super) fn clear(&mut self, rules: &ForeignRules) {
        self.skipped = 0;
        self.states.clear();
        self.states.resize_with(rules.0.len(), State::default);
    }

    /// An anchor of a rule makes these starts possible.
    pub(super) fn anchored(&mut self, number: usize, first: u64, last: u64) {
        let state = &mut self.states[number];
        state.sorted = false;
        state.ranges.push_back((first, last));
    }

    /// A word of a rule stands here.
    pub(super) fn near(&mut self, number: usize, at: u64) {
        let near = &mut self.states[number].near;
        let (first, last) = (at.saturating_sub(NEARBY), at + NEARBY);
        match near.back_mut() {
            // The words of a block come in any order, but none is farther from the last one than that.
            Some(known) if first <= known.1 => *known = (known.0.min(first), known.1.max(last)),
            _ => near.push_back((first, last)),
        }
    }

    /// No match that is not known yet starts before this offset, given that anchors before `anchored_to` are known.
    pub(super) fn undecided_from(&self, rules: &ForeignRules, anchored_to: u64) -> u64 {
        let of = |(rule, state): (&ForeignRule, &State)| {
            let unknown = anchored_to.saturating_sub(rule.max_before);
            let first = if rule.everywhere { Some(state.tried_to) } else { state.ranges.front().map(|range| range.0) };
            first.map_or(unknown, |first| first.max(state.tried_to).min(unknown))
        };
        rules.0.iter().zip(&self.states).map(of).fold(u64::MAX, u64::min)
    }

    /// Goes on with all rules, given that the anchors before `to` are known; `done` says that there are no others.
    pub(super) fn advance(
        &mut self,
        engine: &Engine,
        caches: &mut [Option<MatcherCache>],
        window: Window<'_>,
        (to, done): (u64, bool),
        trace: &mut Option<Vec<Trace>>,
        keep: &mut impl FnMut(Match),
    ) {
        for (foreign, state) in engine.foreign.0.iter().zip(&mut self.states) {
            let rule = &engine.rules[foreign.rule];
            if foreign.everywhere {
                state.ranges.clear();
                state.ranges.push_back((state.tried_to, if done { window.end() } else { to }));
            } else if state.ranges.is_empty() {
                continue;
            }
            if !window.last && window.end() < state.again_at {
                continue;
            }
            let mut search = Search { engine, cache: &mut caches[foreign.rule], rule: foreign.rule, window };
            let known = if done { u64::MAX } else { to.saturating_sub(foreign.max_before) };
            state.advance(foreign, &mut search, (to, done, known), &mut self.skipped, &mut |matched, groups| {
                let Some((secret, judgement)) = judge(rule, window, matched, groups) else { return };
                if let Some(trace) = trace {
                    let outcome = Tried::Judged { secret, judgement: judgement.clone() };
                    trace.push(Trace { rule: foreign.rule, start: matched.start, outcome });
                }
                let Judgement { confidence, verdicts } = judgement;
                if confidence > 0.0 {
                    let (rule, kind, candidates) = (foreign.rule, rule.kind, Vec::new());
                    let verdicts = verdicts.into();
                    keep(Match { rule, matched, secret, confidence, verdicts, kind, candidates });
                }
            });
        }
    }
}

impl State {
    fn advance(
        &mut self,
        foreign: &ForeignRule,
        search: &mut Search<'_, '_>,
        (to, done, known): (u64, bool, u64),
        skipped: &mut u64,
        found: &mut impl FnMut(Span, &mut Search<'_, '_>),
    ) {
        if !self.sorted {
            self.ranges.make_contiguous().sort_unstable();
            self.sorted = true;
        }
        while let Some(&(first, last)) = self.ranges.front() {
            let first = first.max(self.tried_to);
            if first > last {
                self.ranges.pop_front();
                continue;
            }
            if first >= known {
                return;
            }
            let mut until = last.min(known - 1).min(first + MANY);
            if foreign.wordy {
                match self.leave(first, to, done) {
                    Leave::Until(end) => until = until.min(end),
                    Leave::Skip(next) => {
                        self.tried_to = next.min(until + 1);
                        continue;
                    }
                    Leave::Wait => return,
                }
            }
            if self.looked_at > CREDIT + CREDIT_PER_BYTE * first {
                *skipped += 1;
                self.tried_to = until + 1;
                continue;
            }
            match search.first_match(first, until, &mut self.looked_at) {
                Found::Match { start, end } => {
                    self.tried_to = end.max(start + 1);
                    found(Span { start, end }, search);
                }
                Found::None => self.tried_to = until + 1,
                Found::Incomplete { from } => {
                    self.tried_to = from;
                    let seen = search.window.end() - from.min(search.window.end());
                    self.again_at = search.window.end() + seen.clamp(1, 1024);
                    return;
                }
            }
        }
    }

    /// Whether a word stands near this start, as far as words are known.
    fn leave(&mut self, start: u64, to: u64, done: bool) -> Leave {
        while self.near.front().is_some_and(|&(_, last)| last < start) {
            self.near.pop_front();
        }
        match self.near.front() {
            Some(&(first, last)) if first <= start => Leave::Until(last),
            Some(&(first, _)) => Leave::Skip(first),
            None if done => Leave::Skip(u64::MAX),
            // The words before `to` are known: none is near a start that is far enough before it.
            None if to > start + NEARBY => Leave::Skip(to - NEARBY),
            None => Leave::Wait,
        }
    }
}

/// A rule's regex in the text that is there.
struct Search<'e, 't> {
    engine: &'e Engine,
    cache: &'e mut Option<MatcherCache>,
    rule: usize,
    window: Window<'t>,
}

impl Search<'_, '_> {
    fn rule(&self) -> &Rule {
        &self.engine.rules[self.rule]
    }

    /// The first match that starts in `first..=last`.
    fn first_match(&mut self, first: u64, last: u64, looked_at: &mut u64) -> Found {
        let (engine, window) = (self.engine, self.window);
        let rule = &engine.rules[self.rule];
        let Pattern::Regex { source, secret_group } = &rule.pattern else { return Found::None };
        let matcher = &engine.matchers[self.rule];
        if self.cache.is_none() {
            *self.cache = matcher.cache(source, *secret_group);
        }
        let Some(cache) = self.cache else { return Found::None };
        let text = window.bytes;
        let from = ((first - window.base) as usize).min(text.len());
        let to = text.len().min((last - window.base) as usize + rule.max_len);
        if (to - from.min(to)) as u64 <= WORTH * (last - first) {
            let (sought, looked) = matcher.seek(cache, text, from..to, !window.last);
            *looked_at += looked as u64;
            match sought {
                Sought::None => return Found::None,
                Sought::Incomplete => return Found::Incomplete { from: first },
                Sought::Somewhere => {}
            }
        }
        for start in first..=last {
            if start >= window.end() {
                return if window.last { Found::None } else { Found::Incomplete { from: start } };
            }
            let at = (start - window.base) as usize;
            if !rule.head.fits(&text[at..]) {
                continue;
            }
            let to = text.len().min(at + rule.max_len);
            let (attempt, looked) = matcher.attempt(cache, text, at..to, !window.last, &mut None);
            match attempt {
                Attempt::Match(end) => {
                    *looked_at += looked as u64;
                    return Found::Match { start, end: window.base + end as u64 };
                }
                Attempt::NoMatch => *looked_at += looked.min(rule.max_len) as u64,
                Attempt::Incomplete => return Found::Incomplete { from: start },
            }
        }
        Found::None
    }
}

/// What a match is by the definitions of its tool; `None` where it has no text.
fn judge(rule: &Rule, window: Window<'_>, matched: Span, search: &mut Search<'_, '_>) -> Option<(Span, Judgement)> {
    debug_assert_eq!(rule.id(), search.rule().id());
    let foreign: &Foreign = rule.foreign.as_deref()?;
    let range = (matched.start - window.base) as usize..(matched.end - window.base) as usize;
    let matcher = &search.engine.matchers[search.rule];
    let secret = matcher.part(search.cache.as_mut()?, window.bytes, range, foreign.secret);
    let judgement = validate::foreign::judge(foreign, rule.confidence, &window.bytes[secret.clone()]);
    let secret = Span { start: window.base + secret.start as u64, end: window.base + secret.end as u64 };
    (secret.start < secret.end).then_some((secret, judgement))
}
