//! Overlaps become one answer.
//!
//! Matches are taken in a total order: first by layer (believed matches of specific rules, of contextual rules,
//! doubtful matches of either, generic ones, ids of owners, doubtful generic ones), in a layer by start, the longer first,
//! the surer first, then by rule id. A match is kept when its secret overlaps none that was kept before. A believed id
//! takes the place of a generic match of the same bytes: that is no secret, whatever its name. In a stream the order is
//! kept though later matches are not known yet: a match is decided as soon as nothing unknown can come before it in the
//! order and overlap it. That is at most a few secrets' lengths after its end, because a match waits for lower layers only up to
//! its own end, and in its own layer only for earlier starts.

use std::cmp::Reverse;

use super::hinder::Hindered;
use crate::finding::Verdict;
use crate::rule::Kind;
use crate::span::Span;

/// Findings below this confidence are doubtful: found, but not reported unless asked for.
pub const DOUBTFUL: f32 = 0.5;

/// Findings below this confidence are hardly secrets. Those between it and [`DOUBTFUL`] are for a reader who would rather
/// see too much: weak passwords, values that read half like words.
pub const SENSITIVE: f32 = 0.2;

/// A judged match.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Match {
    pub(crate) rule: usize,
    pub(crate) matched: Span,
    pub(crate) secret: Span,
    pub(crate) confidence: f32,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) kind: Kind,
    /// Rules that believed the same secret to be theirs, and lost.
    pub(crate) candidates: Vec<usize>,
}

impl Match {
    /// Whether it says more of a secret than that it is one.
    fn is_specific(&self) -> bool {
        !matches!(self.kind, Kind::Generic | Kind::Identifier) && self.confidence >= DOUBTFUL
    }

    /// Whether `self` is generic and `other` knows the same bytes as an id of an owner.
    fn is_but_an_id(&self, other: &Match) -> bool {
        let is_id = other.kind == Kind::Identifier && other.confidence >= DOUBTFUL;
        is_id && self.kind == Kind::Generic && self.secret == other.secret
    }

    /// Takes note of a match that lost to this one, when both are as good a name for the secret.
    fn defeat(&mut self, lost: &Match) {
        if lost.secret == self.secret && lost.is_specific() && lost.rule != self.rule {
            self.candidates.push(lost.rule);
        }
    }

    fn sort_candidates(&mut self) {
        self.candidates.sort_unstable();
        self.candidates.dedup();
    }

    fn layer(&self) -> u8 {
        match self.kind {
            Kind::Identifier => 4,
            Kind::Generic if self.confidence < DOUBTFUL => 5,
            Kind::Generic => 3,
            _ if self.confidence < DOUBTFUL => 2,
            Kind::Contextual => 1,
            Kind::Distinctive | Kind::Structural => 0,
        }
    }

    /// The total order. Rules are numbered by id.
    fn order(&self) -> (u8, u64, Reverse<u64>, Reverse<u32>, usize) {
        // The bits of a non-negative float order as the float does.
        let sureness = Reverse(self.confidence.to_bits());
        (self.layer(), self.secret.start, Reverse(self.secret.end), sureness, self.rule)
    }
}

/// Which of all the matches of a text are kept, by their indices; those that are learn of the candidates that lost.
pub(super) fn kept(all: &mut [Match]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|&index| all[index].order());
    let (mut kept, mut winners) = (vec![false; all.len()], Vec::<(Span, usize)>::new());
    for index in order {
        let secret = all[index].secret;
        let next = winners.partition_point(|(span, _)| span.end <= secret.start);
        match winners.get(next).copied().filter(|(span, _)| span.overlaps(secret)) {
            None => {
                winners.insert(next, (secret, index));
                kept[index] = true;
            }
            Some((_, winner)) if all[winner].is_but_an_id(&all[index]) => {
                (kept[winner], kept[index]) = (false, true);
                winners[next].1 = index;
            }
            Some((_, winner)) => {
                let lost = all[index].clone();
                all[winner].defeat(&lost);
            }
        }
    }
    all.iter_mut().for_each(Match::sort_candidates);
    kept
}

/// Decides overlaps as the text goes by.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    /// Matches that are not decided yet.
    undecided: Vec<Match>,
    /// Secrets that were kept and may still overlap undecided matches; disjoint, by start.
    kept: Vec<Kept>,
    /// Kept matches that wait for an undecided one that starts before them.
    ready: Vec<Match>,
    /// When wanted: secrets of believed matches that lost to others of that kind.
    pub(super) lost: Option<Vec<Span>>,
    /// When these are wanted: what only the byte behind it keeps from being found.
    pub(super) hindered: Vec<Hindered>,
}

/// A secret that was kept.
#[derive(Debug)]
struct Kept {
    span: Span,
    believed: bool,
}

impl Resolver {
    pub(super) fn push(&mut self, found: Match) {
        self.undecided.push(found);
    }

    pub(super) fn clear(&mut self) {
        self.undecided.clear();
        self.kept.clear();
        self.ready.clear();
        self.lost = None;
        self.hindered.clear();
    }

    /// Everything before this offset is decided, given that all matches that start before `known` were pushed.
    pub(super) fn decided_to(&self, known: u64) -> u64 {
        self.undecided.iter().map(|found| found.matched.start.min(found.secret.start)).fold(known, u64::min)
    }

    /// Where the first secret starts that was pushed and not given.
    pub(super) fn first_undecided(&self) -> Option<u64> {
        self.undecided.iter().chain(&self.ready).map(|found| found.secret.start).min()
    }

    /// Decides what can be decided when all matches that start before `known` were pushed; gives the kept ones in the
    /// order of their starts.
    pub(super) fn settle(&mut self, known: u64, mut keep: impl FnMut(Match)) {
        if self.undecided.is_empty() && self.ready.is_empty() {
            return;
        }
        self.undecided.sort_by_key(Match::order);
        // Whatever ends after the first undecided start waits, so that no decision is taken out of order.
        let mut decidable_to = known;
        let mut waiting = Vec::new();
        for found in self.undecided.drain(..) {
            if found.secret.end > decidable_to {
                decidable_to = decidable_to.min(found.secret.start);
                waiting.push(found);
                continue;
            }
            let next = self.kept.partition_point(|kept| kept.span.end <= found.secret.start);
            let believed = found.confidence >= DOUBTFUL && found.kind != Kind::Identifier;
            let winners = || self.kept[next..].iter().take_while(|kept| kept.span.overlaps(found.secret));
            let Some(first) = winners().next() else {
                self.kept.insert(next, Kept { span: found.secret, believed });
                self.ready.push(found);
                continue;
            };
            // Where both start and end alike, the winner is still here.
            if first.span == found.secret
                && let Some(winner) = self.ready.iter_mut().find(|ready| ready.secret == found.secret)
            {
                if winner.is_but_an_id(&found) {
                    *winner = found;
                    self.kept[next].believed = false;
                    continue;
                }
                winner.defeat(&found);
            }
            if let Some(lost) = &mut self.lost
                && believed
                && winners().any(|kept| kept.believed)
            {
                lost.push(found.secret);
            }
        }
        self.undecided = waiting;
        self.kept.retain(|kept| kept.span.end > decidable_to);
        let first = self.undecided.iter().map(|found| found.secret.start).fold(known, u64::min);
        self.ready.sort_by_key(|found| found.secret.start);
        let out = self.ready.partition_point(|found| found.secret.start < first);
        for mut found in self.ready.drain(..out) {
            found.sort_candidates();
            keep(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: usize, kind: Kind, start: u64, end: u64) -> Match {
        let span = Span { start, end };
        Match { rule, matched: span, secret: span, confidence: 0.9, verdicts: Vec::new(), kind, candidates: Vec::new() }
    }

    fn resolve(all: &[Match]) -> Vec<Match> {
        let mut resolver = Resolver::default();
        all.iter().for_each(|m| resolver.push(m.clone()));
        let mut out = Vec::new();
        resolver.settle(u64::MAX, |m| out.push(m));
        out
    }

    /// The same matches, pushed as late as they may come.
    fn resolve_late(all: &[Match], step: u64) -> Vec<Match> {
        let (mut resolver, mut out, mut known) = (Resolver::default(), Vec::new(), 0);
        let mut rest = all.to_vec();
        while known < 1000 {
            known += step;
            rest.retain(|m| {
                if m.matched.start < known {
                    resolver.push(m.clone());
                }
                m.matched.start >= known
            });
            resolver.settle(known, |m| out.push(m));
        }
        resolver.settle(u64::MAX, |m| out.push(m));
        out
    }

    #[test]
    fn specific_beats_generic_wherever_it_starts() {
        let (generic, specific) = (found(0, Kind::Generic, 0, 50), found(1, Kind::Distinctive, 10, 40));
        assert_eq!(resolve(&[generic, specific.clone()]), [specific]);
    }

    #[test]
    fn in_a_layer_the_first_then_the_longest_then_the_smaller_id_wins() {
        let matches = [
            found(3, Kind::Distinctive, 5, 20),
            found(2, Kind::Distinctive, 0, 8),
            found(1, Kind::Distinctive, 0, 10),
            found(0, Kind::Distinctive, 0, 10),
            found(4, Kind::Distinctive, 10, 12),
        ];
        let rules: Vec<usize> = resolve(&matches).iter().map(|m| m.rule).collect();
        assert_eq!(rules, [0, 4]);
    }

    #[test]
    fn doubtful_matches_yield_to_believed_ones_and_hold_against_generic_ones() {
        let doubtful = Match { confidence: 0.05, ..found(0, Kind::Distinctive, 0, 30) };
        let generic = found(1, Kind::Generic, 0, 30);
        let contextual = found(2, Kind::Contextual, 5, 30);
        assert_eq!(resolve(&[doubtful.clone(), generic.clone()]), std::slice::from_ref(&doubtful));
        assert_eq!(resolve(&[doubtful, generic, contextual.clone()]), [contextual]);
    }

    #[test]
    fn an_id_takes_the_place_of_the_same_bytes_and_of_no_others() {
        let (generic, id) = (found(0, Kind::Generic, 5, 50), found(1, Kind::Identifier, 5, 50));
        let both = [generic.clone(), id.clone()];
        assert_eq!(resolve(&both), std::slice::from_ref(&id));
        assert_eq!(resolve_late(&both, 7), std::slice::from_ref(&id));
        assert_eq!(kept(&mut both.clone()), [false, true]);
        for other in [found(1, Kind::Identifier, 5, 49), Match { confidence: 0.1, ..id }] {
            assert_eq!(resolve(&[generic.clone(), other]), std::slice::from_ref(&generic));
        }
    }

    #[test]
    fn rules_that_claim_the_same_secret_are_candidates() {
        let at = |rule, kind| found(rule, kind, 0, 10);
        let others = [at(2, Kind::Distinctive), at(5, Kind::Contextual), at(3, Kind::Generic), at(4, Kind::Contextual)];
        let longer = found(6, Kind::Contextual, 0, 12);
        let doubtful = Match { confidence: 0.05, ..at(7, Kind::Distinctive) };
        let all = [&others[..], &[longer, doubtful]].concat();
        let resolved = resolve(&all);
        assert_eq!(resolved.len(), 1);
        assert_eq!((resolved[0].rule, &resolved[0].candidates[..]), (2, &[4, 5][..]));
    }

    proptest::proptest! {
        #[test]
        fn the_answer_does_not_depend_on_when_matches_become_known(
            spans in proptest::collection::vec((0usize..9, 0u8..4, 0u64..300, 1u64..40), 0..40),
            step in 1u64..50,
        ) {
            let kinds = [Kind::Distinctive, Kind::Structural, Kind::Contextual, Kind::Generic];
            let matches: Vec<Match> = spans
                .iter()
                .map(|&(rule, kind, start, len)| found(rule, kinds[usize::from(kind)], start, start + len))
                .collect();
            let resolved = resolve(&matches);
            proptest::prop_assert_eq!(&resolve_late(&matches, step), &resolved);
            let mut all = matches.clone();
            let kept = kept(&mut all);
            let mut at_once: Vec<Match> =
                all.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(found, _)| found).collect();
            at_once.sort_by_key(|found| found.secret.start);
            proptest::prop_assert_eq!(at_once, resolved);
        }
    }
}
