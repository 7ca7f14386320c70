//! One rule on one window: a regex, anchored at one place, with the bytes on both sides visible.
//!
//! A rule's regex is compiled on its first candidate: compiling all of them would cost more than most scans. It runs
//! as a lazy DFA, whose states are built as they are met; a state that cannot match any more ends the attempt, so that
//! most attempts look at a few bytes only. The loop is our own because it has to say how far it looked (which pays for
//! hostile input) and whether more input could change the answer (which a stream needs to know).

use std::ops::Range;
use std::sync::OnceLock;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::backtrack::{self, BoundedBacktracker};
use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, PatternID};

use crate::rule::SecretPart;

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The regex does not match here, whatever follows.
    NoMatch,
    /// It matches up to this offset, whatever follows.
    Match(usize),
    /// It depends on bytes that are not there yet.
    Incomplete,
}

/// What a search of a window came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought {
    /// The regex matches nowhere in it.
    None,
    /// It matches somewhere in it.
    Somewhere,
    /// It depends on bytes that are not there yet.
    Incomplete,
}

/// How far an attempt came that ended with the text: it goes on from there when there is more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resume {
    state: LazyStateID,
    /// How many bytes it has looked at.
    len: usize,
    /// The length of the match so far.
    matched: Option<usize>,
    /// A cache that was cleared since then has forgotten the state.
    clears: usize,
}

/// What the backtracker may need to remember, in bytes: enough for private keys.
const VISITED: usize = 1 << 20;

/// A rule's regex, compiled on first use.
#[derive(Debug, Default)]
pub(super) struct Matcher(OnceLock<Result<Box<Compiled>, String>>);

#[derive(Debug)]
struct Compiled {
    dfa: DFA,
    captures: Option<Captor>,
}

/// Finds groups in a match.
#[derive(Debug)]
struct Captor {
    /// For matches up to `short` bytes, of which it remembers where it has been; several times as fast.
    backtracker: BoundedBacktracker,
    short: usize,
    /// For all others.
    vm: PikeVM,
    /// The group that is named `secret`.
    secret: Option<usize>,
}

/// What a thread keeps for one matcher; boxed, because most rules are never tried.
#[derive(Debug)]
pub(super) struct MatcherCache(Box<Caches>);

#[derive(Debug)]
struct Caches {
    dfa: Cache,
    /// Made for the first match: most attempts come to none.
    backtracker: Option<backtrack::Cache>,
    vm: Option<pikevm::Cache>,
}

impl Matcher {
    /// Compiles the regex, or says why it cannot be.
    pub(super) fn compile(&self, source: &str, secret_group: bool) -> Result<(), String> {
        self.compiled(source, secret_group).as_ref().map(drop).map_err(String::clone)
    }

    fn compiled(&self, source: &str, secret_group: bool) -> &Result<Box<Compiled>, String> {
        self.0.get_or_init(|| Compiled::new(source, secret_group).map(Box::new))
    }

    /// A cache for this matcher; `None` when the regex does not compile (admission checks that it does).
    pub(super) fn cache(&self, source: &str, secret_group: bool) -> Option<MatcherCache> {
        let compiled = self.compiled(source, secret_group).as_ref().ok()?;
        Some(MatcherCache(Box::new(Caches { dfa: compiled.dfa.create_cache(), backtracker: None, vm: None })))
    }

    /// Tries the regex at `window.start`, seeing no further than `window.end`; `more` says that the text may go on
    /// where it ends now. Also answers how many bytes were looked at. `resume` is what an attempt at the same place
    /// left that was incomplete.
    pub(super) fn attempt(
        &self,
        cache: &mut MatcherCache,
        text: &[u8],
        window: Range<usize>,
        more: bool,
        resume: &mut Option<Resume>,
    ) -> (Attempt, usize) {
        let Some(Ok(compiled)) = self.0.get() else { return (Attempt::NoMatch, 0) };
        let (dfa, cache) = (&compiled.dfa, &mut cache.0.dfa);
        let (mut state, from, mut matched) = match resume.take() {
            Some(left) if left.clears == cache.clear_count() => {
                (left.state, window.start + left.len, left.matched.map(|len| window.start + len))
            }
            _ => {
                let input = Input::new(text).span(window.clone()).anchored(Anchored::Yes);
                // The DFA has neither quit bytes nor a limit on how often its cache is cleared, so no step can fail.
                let Ok(state) = dfa.start_state_forward(cache, &input) else { return (Attempt::NoMatch, 0) };
                (state, window.start, None)
            }
        };
        let result = |matched: Option<usize>| matched.map_or(Attempt::NoMatch, Attempt::Match);
        for (at, &byte) in (from..window.end).zip(&text[from..window.end]) {
            let Ok(next) = dfa.next_state(cache, state, byte) else { return (Attempt::NoMatch, at - window.start) };
            state = next;
            if state.is_tagged() {
                // A DFA reports a match one byte late.
                if state.is_match() {
                    matched = Some(at);
                } else if state.is_dead() {
                    return (result(matched), at - window.start + 1);
                }
            }
        }
        let end = match text.get(window.end) {
            Some(&byte) => dfa.next_state(cache, state, byte),
            None if more => {
                let clears = cache.clear_count();
                if !is_decided(dfa, cache, state) {
                    let (len, matched) = (window.len(), matched.map(|end| end - window.start));
                    *resume = Some(Resume { state, len, matched, clears });
                    return (Attempt::Incomplete, 0);
                }
                return (result(matched), window.len() + 1);
            }
            None => dfa.next_eoi_state(cache, state),
        };
        if end.is_ok_and(|state| state.is_match()) {
            matched = Some(window.end);
        }
        (result(matched), window.len() + 1)
    }

    /// Whether the regex matches anywhere in the window, as far as can be told from it; `more` says that the text may
    /// go on where it ends now. Also answers how many bytes were looked at.
    pub(super) fn seek(
        &self,
        cache: &mut MatcherCache,
        text: &[u8],
        window: Range<usize>,
        more: bool,
    ) -> (Sought, usize) {
        let Some(Ok(compiled)) = self.0.get() else { return (Sought::None, 0) };
        let (dfa, cache) = (&compiled.dfa, &mut cache.0.dfa);
        let Ok(mut state) = dfa.start_state_forward(cache, &Input::new(text).span(window.clone())) else {
            return (Sought::None, 0);
        };
        for at in window.clone() {
            let Ok(next) = dfa.next_state(cache, state, text[at]) else { return (Sought::Somewhere, 0) };
            state = next;
            if state.is_tagged() && state.is_match() {
                return (Sought::Somewhere, at - window.start + 1);
            }
        }
        let end = match text.get(window.end) {
            Some(&byte) => dfa.next_state(cache, state, byte),
            None if more => return (Sought::Incomplete, 0),
            None => dfa.next_eoi_state(cache, state),
        };
        let sought = if end.is_ok_and(|state| !state.is_match()) { Sought::None } else { Sought::Somewhere };
        (sought, window.len() + 1)
    }

    /// Where the secret of a match that starts at `window.start` starts at the earliest, given that the text goes on
    /// behind the window: its end when that is where, or behind. `None` when nothing can match there any more.
    pub(super) fn earliest_secret(&self, text: &[u8], window: Range<usize>) -> Option<usize> {
        let captor = self.captor()?;
        let nfa = captor.vm.get_nfa();
        super::partial::earliest_start(nfa, nfa.group_info().slot(PatternID::ZERO, captor.secret?)?, text, window)
    }

    fn captor(&self) -> Option<&Captor> {
        self.0.get()?.as_ref().ok()?.captures.as_ref()
    }

    /// Where the secret stands in a match.
    pub(super) fn secret(&self, cache: &mut MatcherCache, text: &[u8], matched: Range<usize>) -> Range<usize> {
        let group = self.captor().and_then(|captor| captor.secret);
        let groups = group.and_then(|group| Some((group, self.groups(cache, text, &matched)?)));
        groups.and_then(|(group, groups)| groups.get_group(group)).map_or(matched, |span| span.start..span.end)
    }

    /// Where a part of a match stands.
    pub(super) fn part(
        &self,
        cache: &mut MatcherCache,
        text: &[u8],
        matched: Range<usize>,
        part: SecretPart,
    ) -> Range<usize> {
        let groups = if part == SecretPart::Whole { None } else { self.groups(cache, text, &matched) };
        let found = match (part, groups) {
            (SecretPart::Group(number), Some(groups)) => groups.get_group(number),
            (SecretPart::FirstGroup, Some(groups)) => groups.iter().skip(1).flatten().find(|group| !group.is_empty()),
            _ => None,
        };
        found.map_or_else(|| without_line_feeds(text, matched), |span| span.start..span.end)
    }

    fn groups(&self, cache: &mut MatcherCache, text: &[u8], matched: &Range<usize>) -> Option<Captures> {
        let Captor { backtracker, short, vm, .. } = self.captor()?;
        let input = Input::new(text).span(matched.clone()).anchored(Anchored::Yes);
        let mut captures = vm.create_captures();
        if matched.len() <= *short {
            let cache = cache.0.backtracker.get_or_insert_with(|| backtracker.create_cache());
            backtracker.try_captures(cache, input, &mut captures).ok()?;
        } else {
            vm.captures(cache.0.vm.get_or_insert_with(|| vm.create_cache()), input, &mut captures);
        }
        Some(captures)
    }
}

/// A range less the line feeds at its ends.
fn without_line_feeds(text: &[u8], range: Range<usize>) -> Range<usize> {
    let inner = &text[range.clone()];
    let Some(first) = inner.iter().position(|&byte| byte != b'\n') else { return range };
    let last = inner.iter().rposition(|&byte| byte != b'\n').unwrap_or(first);
    range.start + first..range.start + last + 1
}

/// Whether every byte that could follow leads to the dead state, and so does the end of the text.
fn is_decided(dfa: &DFA, cache: &mut Cache, state: LazyStateID) -> bool {
    let cleared = cache.clear_count();
    let mut leads_nowhere = |byte: Option<u8>| {
        // A full cache is cleared when a state is added, and `state` would mean another one.
        if cache.clear_count() != cleared {
            return false;
        }
        let next = match byte {
            Some(byte) => dfa.next_state(cache, state, byte),
            None => dfa.next_eoi_state(cache, state),
        };
        next.is_ok_and(|state| state.is_dead())
    };
    dfa.byte_classes().representatives(0..=255).all(|unit| unit.as_u8().is_none_or(|byte| leads_nowhere(Some(byte))))
        && leads_nowhere(None)
}

impl Compiled {
    fn new(source: &str, secret_group: bool) -> Result<Compiled, String> {
        let which = if secret_group { thompson::WhichCaptures::All } else { thompson::WhichCaptures::None };
        let nfa: NFA = thompson::Compiler::new()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            // Admission has bounded its size.
            .configure(thompson::Config::new().utf8(false).which_captures(which))
            .build(source)
            .map_err(|error| error.to_string())?;
        let captures = match secret_group {
            true => {
                let secret = nfa.group_info().to_index(PatternID::ZERO, "secret");
                let config = BoundedBacktracker::config().visited_capacity(VISITED);
                let backtracker = BoundedBacktracker::builder().configure(config).build_from_nfa(nfa.clone());
                let backtracker = backtracker.map_err(|error| error.to_string())?;
                let vm = PikeVM::new_from_nfa(nfa.clone()).map_err(|error| error.to_string())?;
                Some(Captor { short: backtracker.max_haystack_len(), backtracker, vm, secret })
            }
            false => None,
        };
        let config = DFA::config().skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).map_err(|error| error.to_string())?;
        Ok(Compiled { dfa, captures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(regex: &str, text: &str, start: usize, more: bool) -> Attempt {
        let matcher = Matcher::default();
        let mut cache = matcher.cache(regex, false).unwrap();
        matcher.attempt(&mut cache, text.as_bytes(), start..text.len(), more, &mut None).0
    }

    #[test]
    fn an_attempt_is_anchored_and_sees_both_sides() {
        assert_eq!(attempt("ab+", "xabbbc", 1, false), Attempt::Match(5));
        assert_eq!(attempt("ab+", "xabbbc", 0, false), Attempt::NoMatch);
        assert_eq!(attempt(r"\bab", "xab", 1, false), Attempt::NoMatch);
        assert_eq!(attempt(r"ab\b", "ab", 0, false), Attempt::Match(2));
    }

    #[test]
    fn an_answer_that_more_input_could_change_is_withheld() {
        assert_eq!(attempt("ab+", "abb", 0, true), Attempt::Incomplete);
        assert_eq!(attempt("ab+", "abbc", 0, true), Attempt::Match(3));
        assert_eq!(attempt("abc", "abx", 0, true), Attempt::NoMatch);
        assert_eq!(attempt("ab+", "abb", 0, false), Attempt::Match(3));
        assert_eq!(attempt(r"abc\z", "abc", 0, true), Attempt::Incomplete);
        assert_eq!(attempt(r"abc\z", "abc", 0, false), Attempt::Match(3));
    }

    #[test]
    fn the_secret_of_a_long_match_is_that_of_a_short_one() {
        let matcher = Matcher::default();
        let source = "(?:[a-z]{2,20}: [^;]{1,120};)*(?<secret>[0-9a-f]{48,76}(?:-[0-9a-f]{48,76})*);";
        let mut cache = matcher.cache(source, true).unwrap();
        let short = matcher.captor().unwrap().short;
        for lines in [1, 2, short / 62, short / 60, short / 30] {
            let head = "name: value;";
            let text = format!("{head}{};", vec!["0123456789ab".repeat(5); lines].join("-"));
            let matched = 0..text.len();
            let whole = matcher.attempt(&mut cache, text.as_bytes(), matched.clone(), false, &mut None).0;
            assert_eq!(whole, Attempt::Match(text.len()));
            assert_eq!(matcher.secret(&mut cache, text.as_bytes(), matched), head.len()..text.len() - 1, "{lines}");
        }
        assert!(cache.0.backtracker.is_some() && cache.0.vm.is_some());
    }

    #[test]
    fn the_secret_group_is_the_secret() {
        let matcher = Matcher::default();
        let source = "key=(?<secret>[a-z]+);";
        let mut cache = matcher.cache(source, true).unwrap();
        let text = b"key=abc;";
        assert_eq!(matcher.attempt(&mut cache, text, 0..8, false, &mut None).0, Attempt::Match(8));
        assert_eq!(matcher.secret(&mut cache, text, 0..8), 4..7);
    }
}
