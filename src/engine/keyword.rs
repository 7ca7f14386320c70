//! The words beside opaque values.
//!
//! Many providers' keys are forty letters and digits and nothing else, so that one run in the text would call up many
//! rules, of which hardly any has its keyword nearby. Before any of them is tried, the words of all of them are looked
//! for at once in the text before the run, and only rules whose word is there go on. The same text is never looked
//! through twice, however many runs follow one another.

use std::sync::OnceLock;

use super::lists::Lists;
use super::prefilter::{Buffers, Literal, Prefilter};
use crate::rule::Rule;

/// A rule of a run, and how far before the run its word may start.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    run: usize,
    rule: usize,
    distance: u64,
}

/// Which rules to try at a run, by the words before it.
#[derive(Debug)]
pub(super) struct KeywordIndex {
    /// Made for the first run: many a small scan comes to none.
    words: OnceLock<Words>,
    /// By the number of the run: the rules that need no word.
    free: Vec<Vec<usize>>,
    /// By the number of the run: all of its rules.
    all: Vec<Vec<usize>>,
    /// The farthest distance.
    reach: u64,
}

/// The words of all rules of runs.
#[derive(Debug)]
struct Words {
    prefilter: Prefilter,
    /// By the id of the word.
    wanted: Lists<Wanted>,
}

/// The words that were seen last, and up to where they were looked for.
#[derive(Debug, Default)]
pub(super) struct Nearby {
    seen_to: u64,
    /// Ids and starts.
    words: Vec<(u32, u64)>,
    buffers: Buffers,
}

impl Nearby {
    pub(super) fn clear(&mut self) {
        self.seen_to = 0;
        self.words.clear();
    }
}

impl Words {
    fn new(rules: &[Rule], runs: &[Vec<usize>]) -> Words {
        let mut words: Vec<(&str, Wanted)> = Vec::new();
        for (run, group) in runs.iter().enumerate() {
            for &rule in group {
                let wanted = Wanted { run, rule, distance: rules[rule].distance as u64 };
                words.extend(rules[rule].keywords.iter().map(|word| (&**word, wanted)));
            }
        }
        words.sort_by_key(|&(word, _)| word);
        let (mut literals, mut wanted) = (Vec::new(), Lists::new());
        for same in words.chunk_by(|a, b| a.0 == b.0) {
            literals.push(Literal { bytes: same[0].0.into(), ignore_case: true });
            wanted.push(same.iter().map(|&(_, wanted)| wanted));
        }
        Words { prefilter: Prefilter::new(&literals, &[]), wanted }
    }
}

impl KeywordIndex {
    /// `runs` are the rules of each run.
    pub(super) fn new(rules: &[Rule], runs: Vec<Vec<usize>>) -> KeywordIndex {
        let is_free = |rule: &usize| rules[*rule].keywords.is_empty();
        KeywordIndex {
            words: OnceLock::new(),
            free: runs.iter().map(|run| run.iter().copied().filter(is_free).collect()).collect(),
            reach: runs.iter().flatten().map(|&rule| rules[rule].distance as u64).max().unwrap_or(0),
            all: runs,
        }
    }

    /// The rules to try for a run at the offset `at`; `text` starts at the offset `base`. Runs come in ascending order.
    /// All rules of the run are given when `all` attempts are to be seen.
    pub(super) fn rules_at(
        &self,
        rules: &[Rule],
        nearby: &mut Nearby,
        (text, base): (&[u8], u64),
        (run, at): (usize, u64),
        all: bool,
        mut found: impl FnMut(usize),
    ) {
        if all {
            return self.all[run].iter().copied().for_each(found);
        }
        self.free[run].iter().copied().for_each(&mut found);
        let first = at.saturating_sub(self.reach).max(base);
        // A word that was not whole when its start was looked at is looked at again.
        let Words { prefilter, wanted } = self.words.get_or_init(|| Words::new(rules, &self.all));
        let overlap = prefilter.max_len() as u64;
        let from = nearby.seen_to.saturating_sub(overlap).max(first);
        let Nearby { seen_to, words, buffers } = nearby;
        words.retain(|&(_, start)| start >= first && start < from);
        let end = (at - base) as usize;
        prefilter.scan(&text[..end], (from - base) as usize, end, buffers, &mut |word, start| {
            words.push((word, base + start as u64));
        });
        *seen_to = at;
        for &(word, start) in words.iter() {
            for wanted in wanted.get(word as usize) {
                if wanted.run == run && at - start <= wanted.distance {
                    found(wanted.rule);
                }
            }
        }
    }
}
