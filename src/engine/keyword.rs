//! Rules of opaque values: which of them to try at a run.
//!
//! Many providers' keys are forty letters and digits and nothing else, so that one run in the text would call up many
//! rules. Two questions spare nearly all of these attempts: whether the run is as long as the rule's values are, and
//! whether one of the rule's words stands before it. The words of all rules are looked for at once, and in no part of
//! the text twice, however many runs follow one another.

use std::sync::OnceLock;

use super::lent::lent;
use super::lists::Lists;
use super::pass::starts_word;
use super::prefilter::{Literal, Prefilter, Run};
use crate::byteset::ByteSet;
use crate::rule::{Rule, WayIn};

/// The text between two runs is looked through with what is before them when it is no longer than this: one search
/// of more text costs less than two of less.
const CLOSE: u64 = 1024;

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

/// A run that the prefilter found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeenRun {
    /// The offset of its start.
    pub(super) at: u64,
    /// The number of its class.
    pub(super) run: usize,
    /// How much of it was seen.
    pub(super) len: usize,
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
}

impl Nearby {
    pub(super) fn clear(&mut self) {
        self.seen_to = 0;
        self.words.clear();
    }

    /// Makes `words` those that start from `first` on and end before `last`. Neither ever goes back.
    fn look(&mut self, words: &Words, text: &[u8], base: u64, first: u64, last: u64) {
        // A word that was not whole when its start was looked at is looked at again.
        let from = self.seen_to.saturating_sub(words.prefilter.max_len() as u64).max(first);
        let Nearby { seen_to, words: seen } = self;
        seen.retain(|&(start, _)| start >= first && start < from);
        let (start, end) = ((from - base) as usize, (last - base) as usize);
        words.prefilter.scan(&text[..end], start, end, &mut lent(), &mut |word, start, _| {
            if starts_word(text, start) {
                seen.push((base + start as u64, word));
            }
        });
        seen.sort_unstable();
        *seen_to = last;
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
            literals.push(Literal { bytes: same[0].0.into(), ignore_case: true });
            wanted.push(same.iter().map(|&(_, wanted)| wanted));
        }
        Words { prefilter: Prefilter::new(&literals, &[]), wanted }
    }
}

impl KeywordIndex {
    /// `runs` are the runs and the rules of each.
    pub(super) fn new<'r>(rules: &[Rule], runs: impl Iterator<Item = (&'r Run, Vec<usize>)>) -> KeywordIndex {
        let run_rules = |(&Run { class, drawn, .. }, all): (&Run, Vec<usize>)| {
            let (free, wordy): (Vec<usize>, Vec<usize>) =
                all.iter().partition(|&&rule| rules[rule].keywords.is_empty());
            let with_len = |rule: usize| (rule, min_len(&rules[rule]));
            let wordy_len = wordy.into_iter().map(|rule| min_len(&rules[rule])).min().unwrap_or(usize::MAX);
            RunRules { class, drawn, free: free.into_iter().map(with_len).collect(), wordy_len, all }
        };
        let runs: Vec<RunRules> = runs.map(run_rules).collect();
        let all = || runs.iter().flat_map(|run| &run.all).map(|&rule| &rules[rule]);
        let reach = all().map(|rule| rule.distance as u64).max().unwrap_or(0);
        let longest_len = all().map(min_len).max().unwrap_or(0);
        KeywordIndex { runs, words: OnceLock::new(), reach, longest_len }
    }

    pub(super) fn words(&self, rules: &[Rule]) -> &Words {
        self.words.get_or_init(|| Words::new(rules, &self.runs))
    }

    /// How many bytes from a run's start on must be visible to decide which rules to try.
    pub(super) fn longest_len(&self) -> usize {
        self.longest_len
    }

    /// The rules to try at runs, each with the offset of its run. `runs` are offsets and numbers, ascending, and none
    /// is before one of an earlier call; `text` starts at the offset `base`. All rules of a run are given when `all`
    /// attempts are to be seen; `runs` are left in no particular state.
    pub(super) fn rules_at(
        &self,
        rules: &[Rule],
        nearby: &mut Nearby,
        (text, base): (&[u8], u64),
        runs: &mut Vec<SeenRun>,
        all: bool,
        mut found: impl FnMut(usize, u64),
    ) {
        if all {
            return runs.iter().for_each(|seen| self.runs[seen.run].all.iter().for_each(|&rule| found(rule, seen.at)));
        }
        let run_at = |seen: &SeenRun| {
            let rules = &self.runs[seen.run];
            (rules, RunLen { rest: &text[(seen.at - base) as usize..], class: &rules.class, known: seen.len })
        };
        runs.retain(|seen| {
            let (rules, mut len) = run_at(seen);
            let free = rules.free.iter().filter(|(_, min_len)| len.is_at_least(*min_len));
            free.for_each(|&(rule, _)| found(rule, seen.at));
            len.is_at_least(rules.wordy_len)
        });
        for close in runs.chunk_by(|a, b| b.at - a.at <= CLOSE) {
            let words = self.words(rules);
            let first = |at: u64| at.saturating_sub(self.reach).max(base);
            nearby.look(words, text, base, first(close[0].at), close[close.len() - 1].at);
            let mut seen = &nearby.words[..];
            for seen_run in close {
                let (at, mut len) = (seen_run.at, run_at(seen_run).1);
                seen = &seen[seen.partition_point(|&(start, _)| start < first(at))..];
                for &(start, word) in seen.iter().take_while(|&&(start, _)| start < at) {
                    let wanted = words.wanted.get(word as usize);
                    let of_run = &wanted[wanted.partition_point(|wanted| wanted.run < seen_run.run)..];
                    for wanted in of_run.iter().take_while(|wanted| wanted.run == seen_run.run) {
                        if at - start <= wanted.distance && len.is_at_least(wanted.min_len) {
                            found(wanted.rule, at);
                        }
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
