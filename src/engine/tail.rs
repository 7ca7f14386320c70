//! The end of a view that may go on: what is decided there already, and where a match may still turn up.
//!
//! A scan leaves the end of its text alone until more is there: an anchor may be cut in two, and a run is told by its
//! length. For a redactor that is too long: what it holds back, nobody sees. So a pass can be *settled*: it tries what
//! stands whole at the end of the text as well, and works out the starts that are *open*, at which a rule may match that
//! nothing has called up yet. There are three kinds: the text ends in a literal; it ends in what a rule allows before
//! its literal; it ends in a run. With these, and with the attempts that wait for more text, it is known from where on a
//! secret may still turn up: the horizon. What is before it can go.
//!
//! All of this looks at the last few hundred bytes only, and changes no finding.

use super::Engine;
use super::escaped;
use super::keyword::KeywordIndex;
use super::lent::lent;
use super::pass::keyword_before;
use super::prefilter::{Anchor, BLOCK, Runs, looks_drawn};
use crate::byteset::ByteSet;
use crate::rule::{Rule, WayIn, alphabet};

/// A start at which a rule may match when the text goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Open {
    pub(super) rule: usize,
    /// Where in the text the match would start.
    pub(super) at: usize,
}

/// Which rules have literals that may still come.
#[derive(Debug)]
pub(super) struct TailIndex {
    /// Literals with which matches start, by their first byte: the rule and the literal's number.
    heads: Vec<Vec<(usize, usize)>>,
    /// The longest of them.
    longest_head: usize,
    /// Rules whose literals stand farther in.
    inner: Vec<Inner>,
}

/// A rule whose literals do not start its matches.
#[derive(Debug)]
struct Inner {
    rule: usize,
    /// How long before the end of the text a start may be open.
    reach: usize,
    /// No other byte stands in a match.
    bytes: ByteSet,
}

impl TailIndex {
    pub(super) fn new(rules: &[Rule]) -> TailIndex {
        let mut index = TailIndex { heads: vec![Vec::new(); 256], longest_head: 0, inner: Vec::new() };
        for (rule, spec) in rules.iter().enumerate() {
            // What rules of other tools may still find is asked of themselves.
            let WayIn::Literals(anchors) = &spec.way_in else { continue };
            if spec.is_foreign() {
                continue;
            }
            let mut reach = 0;
            for (number, anchor) in anchors.iter().enumerate() {
                if anchor.max_before > 0 {
                    reach = reach.max(anchor.max_before + anchor.bytes.len() - 1);
                    continue;
                }
                index.longest_head = index.longest_head.max(anchor.bytes.len());
                let first = anchor.bytes[0];
                index.heads[usize::from(first)].push((rule, number));
                if anchor.ignore_case && first.is_ascii_alphabetic() {
                    index.heads[usize::from(first.to_ascii_uppercase())].push((rule, number));
                }
            }
            if reach > 0 {
                index.inner.push(Inner { rule, reach, bytes: spec.regex().map_or(ByteSet::ALL, alphabet) });
            }
        }
        index
    }

    /// Literals of which the text ends with a part.
    fn cut_literals(&self, rules: &[Rule], text: &[u8], open: &mut Vec<Open>) {
        for at in text.len().saturating_sub(self.longest_head.saturating_sub(1))..text.len() {
            let tail = &text[at..];
            for &(rule, number) in &self.heads[usize::from(text[at])] {
                let WayIn::Literals(anchors) = &rules[rule].way_in else { continue };
                let anchor = &anchors[number];
                let starts = anchor.bytes.get(..tail.len()).is_some_and(|head| {
                    head.len() < anchor.bytes.len()
                        && if anchor.ignore_case { head.eq_ignore_ascii_case(tail) } else { head == tail }
                });
                if starts && may_start(&rules[rule], text, at) {
                    open.push(Open { rule, at });
                }
            }
        }
    }

    /// Starts whose literals may stand behind the text.
    fn inner_literals(&self, rules: &[Rule], text: &[u8], open: &mut Vec<Open>) {
        for &Inner { rule, reach, ref bytes } in &self.inner {
            let tail = text.iter().rev().take(reach).take_while(|byte| bytes.contains(**byte)).count();
            let starts = (text.len() - tail..text.len()).filter(|&at| may_start(&rules[rule], text, at));
            open.extend(starts.map(|at| Open { rule, at }));
        }
    }
}

/// Whether the neighbours of a start allow a match of the rule there.
fn may_start(rule: &Rule, text: &[u8], at: usize) -> bool {
    rule.head.fits(&text[at..]) && escaped::may_start(rule, &text[..at])
}

impl KeywordIndex {
    /// Runs with which the text ends: their rules may match when they go on. Runs that start before `from` are known.
    fn cut_runs(&self, rules: &[Rule], text: &[u8], from: usize, open: &mut Vec<Open>) {
        let mut wordy: Vec<(usize, usize)> = Vec::new();
        for (number, run) in self.runs.iter().enumerate() {
            let len = text[from..].iter().rev().take_while(|&&byte| run.class.contains(byte)).count();
            let at = text.len() - len;
            // At `from` it may have started before.
            if len == 0 || (at == from && at > 0 && run.class.contains(text[at - 1])) {
                continue;
            }
            open.extend(
                run.free.iter().map(|&(rule, _)| Open { rule, at }).filter(|o| may_start(&rules[o.rule], text, at)),
            );
            // Of a name none of its rules will make anything.
            let is_name = run.drawn && text[at..].first_chunk().is_some_and(|first| !looks_drawn(first));
            if run.wordy_len < usize::MAX && !is_name {
                wordy.push((at, number));
            }
        }
        wordy.sort_unstable();
        let Some(&(last, _)) = wordy.last() else { return };
        let first = wordy[0].0.saturating_sub(self.reach as usize);
        let words = self.words(rules);
        let mut seen = Vec::new();
        words.prefilter.scan(&text[..last], first, last, &mut lent(), &mut |anchor| match anchor {
            Anchor::Literal { number, .. } => seen.push(number),
            Anchor::Runs { .. } => {}
        });
        seen.sort_unstable();
        seen.dedup();
        for word in seen {
            for wanted in words.wanted.get(word as usize) {
                let runs = wordy.iter().filter(|&&(_, run)| run == wanted.run);
                open.extend(
                    runs.map(|&(at, _)| Open { rule: wanted.rule, at }).filter(|o| {
                        may_start(&rules[o.rule], text, o.at) && keyword_before(&rules[o.rule], text, o.at)
                    }),
                );
            }
        }
    }

    /// Drops those runs that go on to the end of `rest`, where they start, and of which `len` bytes were seen.
    pub(super) fn drop_cut(&self, runs: &mut Runs, rest: &[u8], len: usize) {
        for run in runs.iter() {
            if rest[len..].iter().all(|&byte| self.runs[run].class.contains(byte)) {
                runs.bits &= !(1 << (run % BLOCK));
            }
        }
    }
}

impl Engine {
    /// The starts at which rules may match that no anchor has called up in `text`; runs before `runs_from` have called
    /// up theirs. A superset: whether what is there fits the rule's format is not asked. By rule and start, each once.
    pub(super) fn open_starts(&self, text: &[u8], runs_from: usize, open: &mut Vec<Open>) {
        let index = self.tail.get_or_init(|| TailIndex::new(&self.rules));
        open.clear();
        index.cut_literals(&self.rules, text, open);
        index.inner_literals(&self.rules, text, open);
        self.keywords.cut_runs(&self.rules, text, runs_from, open);
        open.sort_unstable();
        open.dedup();
    }
}
