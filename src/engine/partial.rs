//! Where a group of a regex starts at the earliest in a match that is not complete yet.
//!
//! The NFA is run over what is there, and each state remembers the earliest start of the group on any way that led to
//! it. Ways of low priority count like others, so that the answer may be too early, but never too late.

use std::ops::Range;

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::primitives::StateID;

/// What a state remembers: where the group started on the way to it. Ways that have not come to it yet remember that it
/// starts behind all that is there.
const NOT_YET: usize = usize::MAX;

/// The states that can be reached, each with the earliest start.
struct Reached {
    /// By the number of the state; `None` when it is not reached.
    starts: Vec<Option<usize>>,
    list: Vec<StateID>,
}

impl Reached {
    fn new(states: usize) -> Reached {
        Reached { starts: vec![None; states], list: Vec::new() }
    }

    /// Answers whether this is news.
    fn reach(&mut self, id: StateID, start: usize) -> bool {
        let known = &mut self.starts[id.as_usize()];
        if known.is_none() {
            self.list.push(id);
        }
        let news = known.is_none_or(|known| start < known);
        if news {
            *known = Some(start);
        }
        news
    }

    fn clear(&mut self) {
        for id in self.list.drain(..) {
            self.starts[id.as_usize()] = None;
        }
    }
}

/// The earliest start of the group whose first slot is `slot`, in a match that starts at `window.start`; the end of the
/// window when it starts there or behind. `None` when no match is possible, whatever follows.
pub(super) fn earliest_start(nfa: &NFA, slot: usize, text: &[u8], window: Range<usize>) -> Option<usize> {
    let mut walk = Walk { nfa, slot, text, end: window.end, matched: None };
    let (mut now, mut next) = (Reached::new(nfa.states().len()), Reached::new(nfa.states().len()));
    walk.follow(&mut now, nfa.start_anchored(), NOT_YET, window.start);
    for at in window.clone() {
        let byte = text[at];
        for index in 0..now.list.len() {
            let id = now.list[index];
            let Some(start) = now.starts[id.as_usize()] else { continue };
            let target = match nfa.state(id) {
                State::ByteRange { trans } => trans.matches_byte(byte).then_some(trans.next),
                State::Sparse(sparse) => sparse.matches_byte(byte),
                State::Dense(dense) => dense.matches_byte(byte),
                _ => None,
            };
            if let Some(target) = target {
                walk.follow(&mut next, target, start, at + 1);
            }
        }
        now.clear();
        std::mem::swap(&mut now, &mut next);
        if now.list.is_empty() {
            break;
        }
    }
    let consumes =
        |id: &&StateID| matches!(nfa.state(**id), State::ByteRange { .. } | State::Sparse(_) | State::Dense(_));
    let alive = now.list.iter().filter(consumes).filter_map(|id| now.starts[id.as_usize()]);
    alive.chain(walk.matched).min().map(|start| start.min(window.end))
}

struct Walk<'a> {
    nfa: &'a NFA,
    slot: usize,
    text: &'a [u8],
    end: usize,
    /// The earliest start in a match that is complete.
    matched: Option<usize>,
}

impl Walk<'_> {
    /// Reaches `id` before `text[at]`, and all that can be reached from it without a byte.
    fn follow(&mut self, reached: &mut Reached, id: StateID, start: usize, at: usize) {
        let mut stack = vec![(id, start)];
        while let Some((id, start)) = stack.pop() {
            if !reached.reach(id, start) {
                continue;
            }
            match self.nfa.state(id) {
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) | State::Fail => {}
                State::Match { .. } => self.matched = Some(self.matched.map_or(start, |known| known.min(start))),
                State::Look { look, next } => {
                    // What stands behind the end of the text may be anything.
                    if at >= self.end || self.nfa.look_matcher().matches(*look, self.text, at) {
                        stack.push((*next, start));
                    }
                }
                State::Union { alternates } => stack.extend(alternates.iter().map(|&next| (next, start))),
                State::BinaryUnion { alt1, alt2 } => stack.extend([(*alt1, start), (*alt2, start)]),
                State::Capture { next, slot, .. } => {
                    stack.push((*next, if slot.as_usize() == self.slot { at } else { start }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earliest(regex: &str, text: &str) -> Option<usize> {
        let nfa = NFA::new(regex).unwrap();
        let group = nfa.group_info().to_index(regex_automata::PatternID::ZERO, "secret").unwrap();
        let slot = nfa.group_info().slot(regex_automata::PatternID::ZERO, group).unwrap();
        earliest_start(&nfa, slot, text.as_bytes(), 0..text.len())
    }

    #[test]
    fn the_group_starts_behind_what_is_there_until_it_has_started() {
        let regex = "key *= *(?<secret>[a-z]{4,8});";
        for (text, expected) in [
            ("", Some(0)),
            ("ke", Some(2)),
            ("key = ", Some(6)),
            ("key = a", Some(6)),
            ("key = abcd", Some(6)),
            ("key = abcd;", Some(6)),
            ("key = abcd!", None),
            ("kex", None),
        ] {
            assert_eq!(earliest(regex, text), expected, "{text}");
        }
    }

    #[test]
    fn the_earliest_of_several_ways_counts() {
        assert_eq!(earliest("x.*?-u *(?<secret>[a-z]+:[a-z]{4})", "xy -u up -u"), Some(11));
        assert_eq!(earliest("x.*?-u *(?<secret>[a-z]+:[a-z]{4})", "xy -uab -ucd"), Some(10));
        assert_eq!(earliest("x.*?-u *(?<secret>[a-z]+:[a-z]{4})", "xy -uab:c -ucd:"), Some(12));
        assert_eq!(earliest("x.*?-u *(?<secret>[a-z]+:[a-z ]{4})", "xy -uab:c -"), Some(11));
        assert_eq!(earliest(r"x(?<secret>a+)$", "xaaa"), Some(1));
    }
}
