//! The rules whose matches start with the same run of bytes.
//!
//! Many providers' keys are forty letters and digits and nothing else, so that one run in the text would call up many
//! rules, of which hardly any has its keyword nearby. The words of the whole group are therefore looked for at once in
//! the text before the run, and only rules whose word is there are tried.

use std::collections::BTreeMap;

use super::pass::{reach_start, starts_word};
use super::prefilter::{Literal, Prefilter};
use crate::rule::Rule;

#[derive(Debug)]
pub(super) struct RunGroup {
    /// All of its rules.
    all: Vec<usize>,
    /// Those that need no keyword.
    free: Vec<usize>,
    words: Prefilter,
    /// By the id of the word: its length.
    lens: Vec<usize>,
    /// By the id of the word: rules, and how far before the run the word may start.
    by_word: Vec<Vec<(usize, usize)>>,
    /// The farthest of these distances.
    distance: usize,
}

impl RunGroup {
    pub(super) fn new(rules: &[Rule], group: &[usize]) -> RunGroup {
        let mut words: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
        for &rule in group {
            for word in &rules[rule].keywords {
                words.entry(word).or_default().push((rule, rules[rule].distance));
            }
        }
        let literal = |word: &&str| Literal { bytes: word.as_bytes().to_vec(), ignore_case: true };
        let literals: Vec<Literal> = words.keys().map(literal).collect();
        RunGroup {
            all: group.to_vec(),
            free: group.iter().copied().filter(|&rule| rules[rule].keywords.is_empty()).collect(),
            words: Prefilter::new(&literals, &[]),
            lens: words.keys().map(|word| word.len()).collect(),
            by_word: words.into_values().collect(),
            distance: group.iter().map(|&rule| rules[rule].distance).max().unwrap_or(0),
        }
    }

    /// The rules to try for a run at `text[at]`; all of them when each attempt is to be seen.
    pub(super) fn rules_at(&self, text: &[u8], at: usize, all: bool, mut found: impl FnMut(usize)) {
        if all {
            return self.all.iter().copied().for_each(found);
        }
        self.free.iter().copied().for_each(&mut found);
        let from = reach_start(text, at, self.distance);
        self.words.scan(&text[..at], from, at, &mut |word, start| {
            if !starts_word(text, start, self.lens[word as usize]) {
                return;
            }
            for &(rule, distance) in &self.by_word[word as usize] {
                if at - start <= distance {
                    found(rule);
                }
            }
        });
    }
}
