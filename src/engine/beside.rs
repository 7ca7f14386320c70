//! Values that need no keyword because they follow another part of their credential.
//!
//! Forty characters of base64 are nothing much; behind the id of an access key they are its secret. A rule says behind
//! whose secrets its values are believed ([`Rule::beside`](crate::Rule::beside)), and behind each of these (its
//! *anchor*) the next value of its format is looked for that no finding overlaps: at most [`REACH`] bytes and
//! [`REACH_LINES`] line feeds away, and not behind another anchor or a finding of the rule itself. What stands *before*
//! an anchor is left to the rules alone: a stream would have to hold back every such value until none can follow.
//!
//! This is a sweep over the text between the resolved matches, from left to right, which decides each place as soon as
//! all matches are known that may overlap a value there. So the answer does not depend on how the text is cut.

use std::collections::VecDeque;
use std::ops::Range;

use super::matcher::{Attempt, MatcherCache};
use super::parts::PartIndex;
use super::pass::Window;
use super::resolve::{DOUBTFUL, Match};
use super::validate::{self, Candidate};
use super::{Engine, escaped};
use crate::rule::{Kind, Pattern};
use crate::span::Span;

/// How far behind its anchor a value may end, in bytes.
const REACH: u64 = 512;
/// How many line feeds may stand between them.
const REACH_LINES: u32 = 5;

/// A resolved match, and what stands for it elsewhere.
#[derive(Debug)]
pub(super) struct Seen<T> {
    pub(super) rule: usize,
    pub(super) secret: Span,
    pub(super) kind: Kind,
    pub(super) confidence: f32,
    pub(super) what: T,
}

/// What comes out of the sweep, in the order of the secrets.
#[derive(Debug)]
pub(super) enum Swept<T> {
    /// A match that was put in; that of a generic rule with the rules whose format it has.
    Known(Seen<T>, Vec<usize>),
    /// A value beside an anchor.
    New(Match),
}

/// A value of a rule that is looked for.
#[derive(Debug, Clone, Copy)]
struct Sought {
    rule: usize,
    /// Where its matches end at the latest.
    to: u64,
    lines_left: u32,
}

/// What became of an attempt.
enum Tried {
    No,
    /// It depends on text that is not there yet.
    Wait,
    Match {
        matched: Span,
        secret: Span,
    },
}

/// The sweep over one view of a unit.
#[derive(Debug)]
pub(super) struct Beside<T> {
    /// Matches that the sweep has not come to, by the starts of their secrets.
    queue: VecDeque<Seen<T>>,
    /// By rule, each once.
    sought: Vec<Sought>,
    /// All places before this offset are decided.
    at: u64,
}

impl<T> Default for Beside<T> {
    fn default() -> Beside<T> {
        Beside { queue: VecDeque::new(), sought: Vec::new(), at: 0 }
    }
}

/// The text and what is needed to try rules in it.
pub(super) struct Place<'a, 't> {
    pub(super) engine: &'a Engine,
    pub(super) caches: &'a mut [Option<MatcherCache>],
    pub(super) window: Window<'t>,
}

impl<T> Beside<T> {
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.sought.clear();
        self.at = 0;
    }

    /// Takes the next match, in the order of the secrets.
    pub(super) fn push(&mut self, seen: Seen<T>) {
        self.queue.push_back(seen);
    }

    /// Nothing that is still to come out starts before this offset, but for what is still to be put in.
    pub(super) fn final_to(&self) -> u64 {
        let sweep = if self.sought.is_empty() { u64::MAX } else { self.at };
        self.queue.front().map_or(sweep, |seen| seen.secret.start.min(sweep))
    }

    /// Goes on as far as it can when all matches whose secrets start before `known` were put in.
    pub(super) fn advance(&mut self, mut place: Place<'_, '_>, known: u64, give: &mut impl FnMut(Swept<T>)) {
        loop {
            let next = self.queue.front().map(|seen| seen.secret.start);
            if next.is_some_and(|start| self.sought.is_empty() || start <= self.at) {
                if !self.pass(&mut place, give) {
                    return;
                }
                continue;
            }
            if self.sought.is_empty() || self.at >= known {
                return;
            }
            let Some(&byte) = place.window.bytes.get((self.at - place.window.base) as usize) else {
                if !place.window.last {
                    return;
                }
                self.sought.clear();
                continue;
            };
            match self.try_here(&mut place, known) {
                Some(Here::Wait) => return,
                Some(Here::Found(found)) => {
                    self.skip(place.window, found.secret.end);
                    self.believe(&place.engine.parts, found.rule, found.secret);
                    give(Swept::New(found));
                }
                None => self.step(byte),
            }
        }
    }

    /// Gives the next match that was put in; answers false when more text has to say what it may stand for.
    fn pass(&mut self, place: &mut Place<'_, '_>, give: &mut impl FnMut(Swept<T>)) -> bool {
        let Some(seen) = self.queue.front() else { return true };
        let mut fits = Vec::new();
        if seen.kind == Kind::Generic && seen.confidence >= DOUBTFUL {
            for &rule in place.engine.parts.sought() {
                match place.is_of(rule, seen.secret) {
                    None => return false,
                    Some(is_of) => fits.extend(is_of.then_some(rule)),
                }
            }
        }
        let Some(seen) = self.queue.pop_front() else { return true };
        self.sought.retain(|sought| !fits.contains(&sought.rule));
        self.skip(place.window, seen.secret.end);
        if seen.confidence >= DOUBTFUL {
            self.believe(&place.engine.parts, seen.rule, seen.secret);
        }
        give(Swept::Known(seen, fits));
        true
    }

    /// Goes on at the end of a secret.
    fn skip(&mut self, window: Window<'_>, to: u64) {
        while self.at < to && !self.sought.is_empty() {
            self.step(window.bytes[(self.at - window.base) as usize]);
        }
        self.at = self.at.max(to);
    }

    /// A secret that is believed ends what is sought of its rule, and may be an anchor.
    fn believe(&mut self, parts: &PartIndex, rule: usize, secret: Span) {
        self.sought.retain(|sought| sought.rule != rule);
        for &rule in parts.beside(rule) {
            self.sought.retain(|sought| sought.rule != rule);
            self.sought.push(Sought { rule, to: secret.end + REACH, lines_left: REACH_LINES });
        }
        self.sought.sort_unstable_by_key(|sought| sought.rule);
    }

    /// Goes on behind a byte.
    fn step(&mut self, byte: u8) {
        self.at += 1;
        if byte == b'\n' {
            self.sought.retain(|sought| sought.lines_left > 0);
            self.sought.iter_mut().for_each(|sought| sought.lines_left -= 1);
        }
        let at = self.at;
        self.sought.retain(|sought| at < sought.to);
    }

    /// Looks for a value that starts here.
    fn try_here(&self, place: &mut Place<'_, '_>, known: u64) -> Option<Here> {
        let next = self.queue.front().map_or(u64::MAX, |seen| seen.secret.start);
        for sought in &self.sought {
            let (matched, secret) = match place.attempt(sought.rule, self.at) {
                Tried::No => continue,
                Tried::Wait => return Some(Here::Wait),
                Tried::Match { matched, secret } => (matched, secret),
            };
            if secret.end > sought.to || secret.end > next {
                continue;
            }
            let Some(found) = place.judged(sought.rule, matched, secret) else { continue };
            // What may overlap it has to be known.
            return Some(if secret.end > known { Here::Wait } else { Here::Found(found) });
        }
        None
    }
}

/// What there is at a place.
enum Here {
    Wait,
    Found(Match),
}

impl Place<'_, '_> {
    /// Tries the format of a rule at one place, whatever stands around it but for its neighbours.
    fn attempt(&mut self, index: usize, start: u64) -> Tried {
        let Place { engine, caches, window } = self;
        let (rule, at) = (&engine.rules[index], (start - window.base) as usize);
        let Pattern::Regex { source, secret_group } = &rule.pattern else { return Tried::No };
        if !rule.head.fits(&window.bytes[at..]) || !escaped::may_start(rule, &window.bytes[..at]) {
            return Tried::No;
        }
        let matcher = &engine.matchers[index];
        if caches[index].is_none() {
            caches[index] = matcher.cache(source, *secret_group);
        }
        let Some(cache) = &mut caches[index] else { return Tried::No };
        let to = window.bytes.len().min(at.saturating_add(rule.max_len));
        let end = match matcher.attempt(cache, window.bytes, at..to, !window.last, &mut None).0 {
            Attempt::NoMatch => return Tried::No,
            Attempt::Incomplete => return Tried::Wait,
            Attempt::Match(end) if end == window.bytes.len() && !window.last => return Tried::Wait,
            Attempt::Match(end) => end,
        };
        if window.bytes.get(end).is_some_and(|&byte| !rule.after.contains(byte)) {
            return Tried::No;
        }
        let secret = if *secret_group { matcher.secret(cache, window.bytes, at..end) } else { at..end };
        let span =
            |range: Range<usize>| Span { start: window.base + range.start as u64, end: window.base + range.end as u64 };
        Tried::Match { matched: span(at..end), secret: span(secret) }
    }

    /// Whether a secret has the format of a rule; `None` where that depends on text that is not there yet.
    fn is_of(&mut self, rule: usize, secret: Span) -> Option<bool> {
        match self.attempt(rule, secret.start) {
            Tried::Wait => None,
            Tried::No => Some(false),
            Tried::Match { secret: own, .. } => Some(own == secret),
        }
    }

    /// The match, when it is believed beside an anchor.
    fn judged(&self, index: usize, matched: Span, secret: Span) -> Option<Match> {
        let (rule, base) = (&self.engine.rules[index], self.window.base);
        let range = (secret.start - base) as usize..(secret.end - base) as usize;
        let start = (matched.start - base) as usize;
        let judgement = validate::judge_beside(&Candidate { rule, text: self.window.bytes, start, secret: range });
        (judgement.confidence >= DOUBTFUL).then(|| Match {
            rule: index,
            matched,
            secret,
            confidence: judgement.confidence,
            verdicts: judgement.verdicts.into(),
            kind: rule.kind,
            candidates: Vec::new(),
        })
    }
}
