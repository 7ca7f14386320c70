//! What the first bytes of every match are, one set for each position.
//!
//! Most places where an anchor stands are refuted by the next few bytes. To ask these first costs a few nanoseconds,
//! and a regex many.

use regex_syntax::hir::{Hir, HirKind};
use serde::{Deserialize, Serialize};

use super::literal::class_of;
use crate::byteset::ByteSet;

/// As many as most values of a fixed length have, so that what must stand behind them is asked for.
const MAX_HEAD_LEN: usize = 96;

/// Later sets refute little that the earlier ones have not.
const MAX_SETS: usize = 16;

/// More steps than any rule of ours takes, so that nested repetitions of another's cost no time: of such a regex nothing
/// is asked before it runs.
const MAX_STEPS: usize = 100_000;

/// The sets of the first positions, each with the number of positions in a row that have it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
pub(crate) struct Head(Vec<(ByteSet, u8)>);

impl Head {
    /// What `hir` forces of its first bytes.
    pub(super) fn of(hir: &Hir) -> Head {
        let mut walk = Walk { sets: [ByteSet::EMPTY; MAX_HEAD_LEN], steps: 0 };
        let ends = walk.through(hir, 1);
        if walk.steps > MAX_STEPS {
            return Head::default();
        }
        // Behind the end of a match anything may stand.
        let mut sets = &walk.sets[..MAX_HEAD_LEN.min(ends.trailing_zeros() as usize)];
        // A position that may hold anything at the end says nothing.
        while let Some((&ByteSet::ALL, rest)) = sets.split_last() {
            sets = rest;
        }
        let runs = sets.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u8));
        Head(runs.take(MAX_SETS).collect())
    }

    /// What a match may start with.
    #[inline]
    pub(crate) fn first(&self) -> &ByteSet {
        self.0.first().map_or(&ByteSet::ALL, |(set, _)| set)
    }

    /// What may stand at this position of a match.
    pub(crate) fn at(&self, position: usize) -> ByteSet {
        let mut each = self.0.iter().flat_map(|(set, len)| std::iter::repeat_n(*set, usize::from(*len)));
        each.nth(position).unwrap_or(ByteSet::ALL)
    }

    /// Whether a match may start where `text` does. Where the text ends sooner, what is there decides.
    #[inline]
    pub(crate) fn fits(&self, mut text: &[u8]) -> bool {
        // Most of what does not fit has another length: the first byte of each set tells.
        let mut at = 0;
        for (set, len) in &self.0 {
            if text.get(at).is_some_and(|&byte| !set.contains(byte)) {
                return false;
            }
            at += usize::from(*len);
        }
        for (set, len) in &self.0 {
            let (here, rest) = text.split_at(text.len().min(usize::from(*len)));
            if !here.iter().all(|&byte| set.contains(byte)) {
                return false;
            }
            text = rest;
        }
        true
    }
}

/// Positions of a match, as bits; those beyond the head are left out.
type Positions = u128;

/// The walk of all matches at once over a regex, which notes what may stand at each position.
struct Walk {
    sets: [ByteSet; MAX_HEAD_LEN],
    steps: usize,
}

impl Walk {
    /// Where a part of the regex may end that starts at one of these positions.
    fn through(&mut self, hir: &Hir, starts: Positions) -> Positions {
        self.steps += 1;
        if starts == 0 || self.steps > MAX_STEPS {
            return 0;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => starts,
            HirKind::Literal(literal) => {
                literal.0.iter().fold(starts, |starts, &byte| self.step(starts, ByteSet::EMPTY.with(byte)))
            }
            HirKind::Class(_) => match class_of(hir) {
                Some(set) => self.step(starts, set),
                // A character of one byte or more.
                None => {
                    (0..4)
                        .fold((starts, 0), |(at, ends), _| {
                            let next = self.step(at, ByteSet::ALL);
                            (next, ends | next)
                        })
                        .1
                }
            },
            HirKind::Capture(capture) => self.through(&capture.sub, starts),
            HirKind::Concat(parts) => parts.iter().fold(starts, |starts, part| self.through(part, starts)),
            HirKind::Alternation(parts) => parts.iter().fold(0, |ends, part| ends | self.through(part, starts)),
            HirKind::Repetition(repetition) => {
                let (mut now, mut ends) = (starts, if repetition.min == 0 { starts } else { 0 });
                for round in 1..=repetition.max.unwrap_or(u32::MAX) {
                    let next = self.through(&repetition.sub, now);
                    if round >= repetition.min {
                        ends |= next;
                    }
                    // What comes next is known: nothing, or the same again.
                    if next == 0 || next == now {
                        return ends | next;
                    }
                    now = next;
                }
                ends
            }
        }
    }

    fn step(&mut self, starts: Positions, set: ByteSet) -> Positions {
        let mut left = starts;
        while left != 0 {
            let all = &mut self.sets[left.trailing_zeros() as usize];
            *all = all.union(set);
            left &= left - 1;
        }
        starts << 1 & ((1 << MAX_HEAD_LEN) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(regex: &str) -> Head {
        Head::of(&super::super::check::parse(regex).unwrap())
    }

    /// The sets, written as classes.
    fn written(regex: &str) -> String {
        let set = |(set, len): &(ByteSet, u8)| format!("{}*{len}", set.iter().map(char::from).collect::<String>());
        head(regex).0.iter().map(set).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_a_regex_forces() {
        assert_eq!(written(r"\babc"), "a*1 b*1 c*1");
        assert_eq!(written("(?i)ab"), "Aa*1 Bb*1");
        assert_eq!(written("k[01]{3,5}[23]"), "k*1 01*3 0123*1");
        assert_eq!(written("k[01]{3}[23]x"), "k*1 01*3 23*1 x*1");
        assert_eq!(written("(?:ab|cd)e"), "ac*1 bd*1 e*1");
        assert_eq!(written("(?:ab|cde)e"), "ac*1 bd*1 e*1");
        assert_eq!(written("x?(?:y|z+)q"), "xyz*1 qyz*1");
        assert_eq!(written("(?:ab){2}c"), "a*1 b*1 a*1 b*1 c*1");
        assert_eq!(written("(?:a+b){2}c"), "a*1 ab*3 abc*1");
        assert_eq!(written("k(?:x*y*)*z"), "k*1 xyz*1");
        assert_eq!(written("(?:a?){30}"), "");
        assert_eq!(written("(?:a?){30}(?:ba){3}"), "ab*6");
        assert_eq!(written("[0-9]{40}x"), "0123456789*40 x*1");
        assert_eq!(written("[0-9]{99}x"), "0123456789*96");
        assert_eq!(written("a(?s-u:.)"), "a*1");
    }

    #[test]
    fn a_text_that_ends_is_not_refuted() {
        let head = head("k[01]{3}x");
        for fits in ["", "k", "k0", "k010", "k010x", "k010xy"] {
            assert!(head.fits(fits.as_bytes()), "{fits}");
        }
        for refuted in ["0", "kx", "k01x", "k010y"] {
            assert!(!head.fits(refuted.as_bytes()), "{refuted}");
        }
    }
}
