//! Rules of opaque values: which of them to try at a run.
//!
//! Many providers' keys are forty letters and digits and nothing else, so that one run in the text would call up many
//! rules. Two questions spare nearly all of these attempts: whether the run is as long as the rule's values are, and
//! whether one of the rule's words stands before it. The words of all rules are looked for at once, and in no part of
//! the text twice, however many runs follow one another.

use std::ops::Range;
use std::sync::OnceLock;

use super::lent::lent;
use super::lists::Lists;
use super::pass::starts_word;
use super::prefilter::{Anchor, BLOCK, Literal, Prefilter, Run, Runs};
use super::seen::SeenRuns;
use crate::byteset::ByteSet;
use crate::rule::{Rule, WayIn};

/// The rules whose matches start with a run of one class.
#[derive(Debug)]
pub(super) struct RunRules {
    pub(super) class: ByteSet,
    /// Whether the run has to look drawn.
    pub(super) drawn: bool,
    /// All of them.
    all: Vec<usize>,
    /// Those that need no word, and the least length of their runs.
    pub(super) free: Vec<(usize, usize)>,
    /// The least length of a run that any of the others needs; `usize::MAX` without others.
    pub(super) wordy_len: usize,
}

/// What is asked of many runs at once, of a block of them.
#[derive(Debug, Default, Clone, Copy)]
struct OfBlock {
    /// Those that have rules which need no word.
    free: u64,
    /// Those that have rules which need one ...
    wordy: u64,
    /// ... and those of them that are too short for these at times.
    short: u64,
}

/// A rule that is tried when a word stands before a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The number of the run.
    pub(super) run: usize,
    pub(super) rule: usize,
    min_len: usize,
    /// How far before the run the word may start.
    distance: u64,
}

/// Which rules to try at a run.
#[derive(Debug)]
pub(super) struct KeywordIndex {
    /// By the number of the run.
    pub(super) runs: Vec<RunRules>,
    blocks: Vec<OfBlock>,
    /// Made for the first run: many a small scan comes to none.
    words: OnceLock<Words>,
    /// The farthest distance.
    pub(super) reach: u64,
    longest_len: usize,
}

/// The words of all rules of runs.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) prefilter: Prefilter,
    /// By the id of the word, and for each word by the number of the run.
    pub(super) wanted: Lists<Wanted>,
}

/// The words that were seen last, and up to where they were looked for.
#[derive(Debug, Default)]
pub(super) struct Nearby {
    seen_to: u64,
    /// Starts and ids, ascending.
    words: Vec<(u64, u32)>,
    /// What stands before runs, put together: one search of much text costs less than many of little.
    together: Vec<u8>,
    /// Where in it each piece ends, and what makes of a place in the piece its offset.
    pieces: Vec<(usize, u64)>,
}

impl Nearby {
    pub(super) fn clear(&mut self) {
        self.seen_to = 0;
        self.words.clear();
    }

    /// Makes `words` those that start in the last `reach` bytes before one of these runs, which ascend from call to call.
    /// `text` starts at the offset `base`.
    fn look(&mut self, words: &Words, (text, base): (&[u8], u64), runs: &[SeenRuns], reach: u64) {
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else { return };
        let start_of = |run: &SeenRuns| run.at.saturating_sub(reach).max(base);
        // A word that was not whole when its start was looked at is looked at again.
        let from = self.seen_to.saturating_sub(words.prefilter.max_len() as u64).max(start_of(first));
        self.put_together((text, base), runs.iter().map(|run| start_of(run).max(from)..run.at));
        let Nearby { seen_to, words: seen, together, pieces } = self;
        seen.retain(|&(start, _)| start >= start_of(first) && start < from);
        words.prefilter.scan(together, 0, together.len(), &mut lent(), &mut |anchor| {
            let Anchor::Literal { number, at, len } = anchor else { return };
            let (end, shift) = pieces[pieces.partition_point(|(end, _)| *end <= at)];
            let start = at as u64 + shift;
            if at + len <= end && starts_word(text, (start - base) as usize) {
                seen.push((start, number));
            }
        });
        seen.sort_unstable();
        *seen_to = last.at;
    }

    /// Copies these ranges of the text, of which neither the starts nor the ends descend.
    fn put_together(&mut self, (text, base): (&[u8], u64), ranges: impl Iterator<Item = Range<u64>>) {
        let Nearby { together, pieces, .. } = self;
        together.clear();
        pieces.clear();
        let mut done = None;
        for Range { start, end } in ranges {
            let new = done.unwrap_or(start).max(start)..end;
            if new.is_empty() {
                continue;
            }
            // What goes on where the one before ended is one piece with it; else a byte stands between that no word has,
            // and for one that was left out.
            if done != Some(new.start) {
                together.extend(done.map(|_| 0));
                pieces.push((0, new.start - together.len() as u64));
            }
            together.extend_from_slice(&text[(new.start - base) as usize..(new.end - base) as usize]);
            if let Some((piece_end, _)) = pieces.last_mut() {
                *piece_end = together.len();
            }
            done = Some(end);
        }
    }
}

impl Words {
    fn new(rules: &[Rule], runs: &[RunRules]) -> Words {
        let mut words: Vec<(&str, Wanted)> = Vec::new();
        for (run, group) in runs.iter().enumerate() {
            for &rule in &group.all {
                let spec = &rules[rule];
                let wanted = Wanted { run, rule, min_len: min_len(spec), distance: spec.distance as u64 };
                words.extend(spec.keywords.iter().map(|word| (&**word, wanted)));
            }
        }
        words.sort_by_key(|&(word, _)| word);
        let (mut literals, mut wanted) = (Vec::new(), Lists::new());
        for same in words.chunk_by(|a, b| a.0 == b.0) {
            literals.push(Literal { bytes: same[0].0.into(), ignore_case: true, behind: ByteSet::ALL });
            wanted.push(same.iter().map(|&(_, wanted)| wanted));
        }
        Words { prefilter: Prefilter::new(&literals, &[]), wanted }
    }
}

impl KeywordIndex {
    /// `runs` are the runs and the rules of each.
    pub(super) fn new<'r>(rules: &[Rule], runs: impl Iterator<Item = (&'r Run, Vec<usize>)>) -> KeywordIndex {
        let mut blocks: Vec<OfBlock> = Vec::new();
        let run_rules = |(number, (&Run { class, min_len: shortest, drawn }, all)): (usize, (&Run, Vec<usize>))| {
            let (free, wordy): (Vec<usize>, Vec<usize>) =
                all.iter().partition(|&&rule| rules[rule].keywords.is_empty());
            let with_len = |rule: usize| (rule, min_len(&rules[rule]));
            let wordy_len = wordy.into_iter().map(|rule| min_len(&rules[rule])).min().unwrap_or(usize::MAX);
            blocks.resize(number / BLOCK + 1, OfBlock::default());
            let (block, bit) = (&mut blocks[number / BLOCK], 1 << (number % BLOCK));
            block.free |= if free.is_empty() { 0 } else { bit };
            block.wordy |= if wordy_len == usize::MAX { 0 } else { bit };
            block.short |= if (shortest + 1..usize::MAX).contains(&wordy_len) { bit } else { 0 };
            RunRules { class, drawn, free: free.into_iter().map(with_len).collect(), wordy_len, all }
        };
        let runs: Vec<RunRules> = runs.enumerate().map(run_rules).collect();
        let all = || runs.iter().flat_map(|run| &run.all).map(|&rule| &rules[rule]);
        let reach = all().map(|rule| rule.distance as u64).max().unwrap_or(0);
        let longest_len = all().map(min_len).max().unwrap_or(0);
        KeywordIndex { runs, blocks, words: OnceLock::new(), reach, longest_len }
    }

    pub(super) fn words(&self, rules: &[Rule]) -> &Words {
        self.words.get_or_init(|| Words::new(rules, &self.runs))
    }

    /// How many bytes from a run's start on must be visible to decide which rules to try.
    pub(super) fn longest_len(&self) -> usize {
        self.longest_len
    }

    /// The rules to try at runs, each with the offset of its run. `seen` is in the order of offsets, and none is before
    /// one of an earlier call; `text` starts at the offset `base`. All rules of a run are given when `all` attempts are
    /// to be seen; `seen` is left in no particular state.
    pub(super) fn rules_at(
        &self,
        rules: &[Rule],
        nearby: &mut Nearby,
        (text, base): (&[u8], u64),
        seen: &mut Vec<SeenRuns>,
        all: bool,
        mut found: impl FnMut(usize, u64),
    ) {
        if all {
            let rules = seen.iter().flat_map(|seen| seen.runs.iter().map(|run| (seen.at, &self.runs[run].all)));
            return rules.for_each(|(at, all)| all.iter().for_each(|&rule| found(rule, at)));
        }
        let len_of = |seen: &SeenRuns, run: usize| RunLen {
            rest: &text[(seen.at - base) as usize..],
            class: &self.runs[run].class,
            known: seen.len,
        };
        seen.retain_mut(|seen| {
            let (of_block, bits) = (&self.blocks[seen.runs.block as usize], seen.runs.bits);
            for run in (Runs { bits: bits & of_block.free, ..seen.runs }).iter() {
                let mut len = len_of(seen, run);
                let free = self.runs[run].free.iter().filter(|(_, min_len)| len.is_at_least(*min_len));
                free.for_each(|&(rule, _)| found(rule, seen.at));
            }
            for run in (Runs { bits: bits & of_block.short, ..seen.runs }).iter() {
                if !len_of(seen, run).is_at_least(self.runs[run].wordy_len) {
                    seen.runs.bits &= !(1 << (run % BLOCK));
                }
            }
            seen.runs.bits &= of_block.wordy;
            seen.runs.bits != 0
        });
        if seen.is_empty() {
            return;
        }
        let words = self.words(rules);
        nearby.look(words, (text, base), seen, self.reach);
        let mut near = &nearby.words[..];
        for seen in seen.iter() {
            let at = seen.at;
            near = &near[near.partition_point(|&(start, _)| start + self.reach < at)..];
            for &(start, word) in near.iter().take_while(|&&(start, _)| start < at) {
                for wanted in words.wanted.get(word as usize) {
                    if seen.runs.contains(wanted.run)
                        && at - start <= wanted.distance
                        && len_of(seen, wanted.run).is_at_least(wanted.min_len)
                    {
                        found(wanted.rule, at);
                    }
                }
            }
        }
    }
}

/// The length of a run, counted as far as it is asked for.
struct RunLen<'t> {
    rest: &'t [u8],
    class: &'t ByteSet,
    known: usize,
}

impl RunLen<'_> {
    fn is_at_least(&mut self, len: usize) -> bool {
        while self.known < len && self.rest.get(self.known).is_some_and(|&byte| self.class.contains(byte)) {
            self.known += 1;
        }
        self.known >= len
    }
}

/// The least length of the run with which a rule's matches start.
fn min_len(rule: &Rule) -> usize {
    if let WayIn::Run { min_len, .. } = rule.way_in { min_len } else { 0 }
}
