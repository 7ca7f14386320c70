//! What validators said about a match. Nearly all matches are refuted and forgotten: nothing is allocated for them.

use crate::finding::Verdict;

/// Verdicts in the order in which they were given.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Verdicts([Option<Verdict>; MOST]);

/// No match is told more of.
const MOST: usize = 6;

impl Verdicts {
    pub(super) fn push(&mut self, verdict: Verdict) {
        let free = self.0.iter_mut().find(|there| there.is_none());
        debug_assert!(free.is_some(), "there is room for what validators say");
        if let Some(free) = free {
            *free = Some(verdict);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Verdict> + '_ {
        self.0.iter().flatten().copied()
    }
}

impl From<Verdict> for Verdicts {
    fn from(verdict: Verdict) -> Verdicts {
        let mut verdicts = Verdicts::default();
        verdicts.0[0] = Some(verdict);
        verdicts
    }
}

impl From<Verdicts> for Vec<Verdict> {
    fn from(verdicts: Verdicts) -> Vec<Verdict> {
        verdicts.iter().collect()
    }
}

impl FromIterator<Verdict> for Verdicts {
    fn from_iter<I: IntoIterator<Item = Verdict>>(all: I) -> Verdicts {
        let mut verdicts = Verdicts::default();
        all.into_iter().for_each(|verdict| verdicts.push(verdict));
        verdicts
    }
}
