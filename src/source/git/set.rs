//! Sets of objects, by number.

use super::ObjectNumber;

/// A set of objects of one store, a bit for each.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObjectSet {
    words: Vec<u64>,
}

impl ObjectSet {
    /// An empty set for the numbers below `count`.
    pub(crate) fn new(count: ObjectNumber) -> ObjectSet {
        ObjectSet { words: vec![0; count as usize / 64 + 1] }
    }

    /// The set of all numbers below `count`.
    pub(crate) fn full(count: ObjectNumber) -> ObjectSet {
        ObjectSet { words: vec![u64::MAX; count as usize / 64 + 1] }
    }

    /// Takes an object out.
    pub(crate) fn remove(&mut self, number: ObjectNumber) {
        if let Some(word) = self.words.get_mut(number as usize / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    /// Puts an object in, and answers whether it was not there. What is beyond the numbers of the set stays out.
    pub(crate) fn insert(&mut self, number: ObjectNumber) -> bool {
        let Some(word) = self.words.get_mut(number as usize / 64) else { return false };
        let bit = 1 << (number % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    pub(crate) fn contains(&self, number: ObjectNumber) -> bool {
        self.words.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Puts all of another set of the same store in.
    pub(crate) fn extend(&mut self, other: &ObjectSet) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, others)| *word |= others);
    }
}
