//! What the test suites need beyond the public interface. No part of it: it may change at any time.

#[cfg(feature = "git")]
pub mod git;

use std::ops::Range;

use crate::byteset::ByteSet;
use crate::engine::assign;
use crate::engine::matcher::Attempt;
use crate::engine::prefilter::Tier;
use crate::engine::validate::judge::{self, features};
use crate::engine::validate::{self, Candidate};
use crate::engine::{Scanner, Session, Surroundings};
use crate::finding::{Finding, Verdict};
use crate::rule::{Pattern, Rule, RuleSet, WayIn};
use crate::span::Span;
#[cfg(feature = "git")]
use crate::{
    engine::{Scanned, Scratch},
    secret::Secret,
    source::git::repository::{GitEnvironment, Repository},
    source::git::walk::{self, Object, Visitor},
    source::git::{ObjectError, ObjectKind, ObjectNumber, ObjectSet, Store},
    span::Copied,
};
#[cfg(feature = "git")]
use std::sync::atomic::AtomicBool;

/// What the validators say about a match that starts at `text[start]`: its confidence and why.
#[must_use]
pub fn judge(rule: &Rule, text: &[u8], start: usize, secret: Range<usize>) -> (f32, Vec<Verdict>) {
    let judgement = validate::judge(&Candidate { rule, text, start, secret });
    (judgement.confidence, judgement.verdicts.into())
}

/// The same about a match that stands behind another part of its credential.
#[must_use]
pub fn judge_beside(rule: &Rule, text: &[u8], start: usize, secret: Range<usize>) -> (f32, Vec<Verdict>) {
    let judgement = validate::judge_beside(&Candidate { rule, text, start, secret });
    (judgement.confidence, judgement.verdicts.into())
}

/// How sure a match of the rule is to be a secret, as `judge` says, and nothing of why.
#[must_use]
pub fn confidence(rule: &Rule, text: &[u8], start: usize, secret: Range<usize>) -> f32 {
    validate::judge(&Candidate { rule, text, start, secret }).confidence
}

/// The value that the assignment grammar finds when it starts at `text[start]`.
#[must_use]
pub fn assigned(text: &[u8], start: usize) -> Option<Range<usize>> {
    let (attempt, value, _) = assign::attempt(text, start, false);
    (attempt != Attempt::NoMatch).then_some(value)
}

/// The features that the judge sees of a value to which the name around `text[stem]` leads: kind and atoms, separated by
/// tabs.
#[must_use]
pub fn judge_features(text: &[u8], stem: usize, value: &Range<usize>) -> Vec<String> {
    struct Names(Vec<String>);
    impl features::Sink for Names {
        fn take(&mut self, kind: features::Kind, first: features::Atom<'_>, second: features::Atom<'_>) {
            let text = |atom: features::Atom<'_>| String::from_utf8_lossy(atom.text).into_owned();
            self.0.push(format!("{}\t{}\t{}", kind.name(), text(first), text(second)));
        }
    }
    let mut names = Names(Vec::new());
    features::features(text, &assign::name_at(text, stem), value, &mut names);
    names.0
}

/// Whether the judge refutes a value without asking its weights.
#[must_use]
pub fn judge_vetoes(text: &[u8], stem: usize, value: Range<usize>) -> bool {
    judge::is_words(text, &value) || validate::vetoes(text, &assign::name_at(text, stem), &value)
}

/// What a weight of one in the judge's file is worth, in nats.
pub const JUDGE_SCALE: f32 = judge::SCALE;
/// What a step in the table of trigrams is worth, in bits.
pub const SURPRISE_STEP: f32 = judge::surprise::STEP;

/// The symbol of a byte in the table of trigrams.
#[must_use]
pub fn surprise_symbol(byte: u8) -> usize {
    judge::surprise::symbol(byte)
}

/// What may stand right before a match of the rule, and right after it.
#[must_use]
pub fn neighbours(rule: &Rule) -> (ByteSet, ByteSet) {
    (rule.before, rule.after)
}

/// How far a keyword of the rule may start before a match.
#[must_use]
pub fn distance(rule: &Rule) -> usize {
    rule.distance
}

/// The stems of names from which the assignment grammar starts.
#[must_use]
pub fn stems(rule: &Rule) -> Vec<&[u8]> {
    match &rule.way_in {
        WayIn::Literals(stems) if rule.pattern == Pattern::Assignment => {
            stems.iter().map(|stem| &*stem.bytes).collect()
        }
        _ => Vec::new(),
    }
}

/// One scanner for each kind of prefilter that this CPU has, with its name.
#[must_use]
pub fn scanners(rules: &RuleSet) -> Vec<(String, Scanner)> {
    let scanner = |tier: Tier| Some((format!("{tier:?}"), Scanner::with_tier(rules.clone(), tier)?));
    Tier::ALL.into_iter().filter_map(scanner).collect()
}

/// Where in a text which rules were tried, in the bytes as they stand there: (rule, start).
#[must_use]
pub fn tried(scanner: &Scanner, text: &[u8]) -> Vec<(usize, u64)> {
    scanner.trace(text).0.iter().map(|trace| (trace.rule, trace.start)).collect()
}

/// Where a rule believes a match to be, whether a finding comes of it or not.
#[must_use]
pub fn recognised(scanner: &Scanner, rule: &Rule, text: &[u8]) -> Vec<Span> {
    scanner.recognised(rule, text).collect()
}

/// How many bytes of its unit a session holds.
#[must_use]
pub fn held_len(session: &Session<'_>) -> usize {
    session.held_len()
}

/// Gives what is complete already at the end of what a session was fed.
pub fn settle(session: &mut Session<'_>, sink: impl FnMut(Finding, Surroundings<'_>)) {
    session.settle(sink);
}

/// The offset before which no secret starts that a session has still to give.
#[must_use]
pub fn horizon(session: &Session<'_>) -> u64 {
    session.horizon()
}

/// Scans every blob of a repository along the deltas, and in full: how many blobs were made from others, and those of
/// which the two say something different. When more than `max_held` bytes of bases wait for their deltas, some are let
/// go and made again.
///
/// # Errors
/// When there is no repository, or its objects cannot be listed.
#[cfg(feature = "git")]
pub fn history_differences(
    scanner: &Scanner,
    path: &std::path::Path,
    threads: usize,
    max_held: u64,
) -> crate::error::Result<(u64, Vec<String>)> {
    let repository = Repository::discover(path, &GitEnvironment::default())?;
    let store = Store::open(&repository.objects, repository.hash_len)?;
    Ok(differences(&DeltaCheck { scanner, store: &store }, threads, max_held))
}

#[cfg(feature = "git")]
fn differences(check: &DeltaCheck<'_>, threads: usize, max_held: u64) -> (u64, Vec<String>) {
    let known = ObjectSet::default();
    let forests = walk::forests(check.store, &known, threads);
    let workers = walk::walk(check.store, &forests, &known, check, threads, max_held, &AtomicBool::new(false));
    let deltas = workers.iter().map(|worker| worker.deltas).sum();
    (deltas, workers.into_iter().flat_map(|worker| worker.differences).collect())
}

#[cfg(feature = "git")]
struct DeltaCheck<'a> {
    scanner: &'a Scanner,
    store: &'a Store,
}

#[cfg(feature = "git")]
#[derive(Default)]
struct Differences {
    scratch: Scratch,
    deltas: u64,
    differences: Vec<String>,
}

#[cfg(feature = "git")]
impl Visitor for DeltaCheck<'_> {
    type State = Option<Scanned>;
    type Worker = Differences;

    fn worker(&self) -> Differences {
        Differences::default()
    }

    fn visit(
        &self,
        worker: &mut Differences,
        object: Object<'_>,
        base: Option<(&Option<Scanned>, &[Copied])>,
    ) -> Option<Scanned> {
        if object.kind != ObjectKind::Blob {
            return None;
        }
        let whole = self.scanner.scan_base(object.content, &mut worker.scratch);
        let Some((Some(base), copies)) = base else { return Some(whole) };
        let scanned = self.scanner.scan_delta(base, object.content, copies, &mut worker.scratch);
        worker.deltas += 1;
        let tell = |scanned: &Scanned| -> Vec<String> {
            let spots = scanned.spots();
            spots.map(|spot| format!("{spot:?} {:?}", Secret::new(spot.secret(object.content)))).collect()
        };
        if tell(&scanned) != tell(&whole) {
            let id = self.store.id(object.number).map(|id| id.to_string()).unwrap_or_default();
            worker.differences.push(format!("{id}: {:?}, in full {:?}", tell(&scanned), tell(&whole)));
        }
        Some(scanned)
    }

    fn failed(&self, worker: &mut Differences, number: ObjectNumber, error: ObjectError) {
        worker.differences.push(format!("object {number}: {error}"));
    }
}
