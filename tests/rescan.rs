//! A text that was made from another one is scanned where it differs, and the answer is that of a whole scan.

mod common;

use keyscan::{Copied, Finding, RuleSet, Scanned, Scanner, Scratch};
use proptest::prelude::*;

use common::texts::Texts;
use common::{Random, test_rules, utf16};

/// What a report says of a finding, but for lines and columns.
fn told(findings: &[Finding]) -> Vec<String> {
    let tell = |f: &Finding| {
        let place = (f.rule, f.span, f.matched, f.decoded);
        format!("{place:?} {} {:?} {:?}", f.confidence, f.verdicts, f.candidates)
    };
    // The parts of a credential are told one by one.
    let mut told: Vec<String> = findings.iter().flat_map(Finding::secrets).map(tell).collect();
    told.sort();
    told
}

fn told_spots(scanned: &Scanned) -> Vec<String> {
    let tell = |s: keyscan::Spot<'_>| {
        let place = (s.rule, s.span, s.matched, s.decoded);
        format!("{place:?} {} {:?} {:?}", s.confidence, s.verdicts, s.candidates)
    };
    let mut told: Vec<String> = scanned.spots().map(tell).collect();
    told.sort();
    told
}

/// One step of a delta: a part of the base, or new bytes.
#[derive(Debug, Clone)]
enum Step {
    Copy(usize, usize),
    Insert(Vec<u8>),
}

fn apply(base: &[u8], steps: &[Step]) -> (Vec<u8>, Vec<Copied>) {
    let (mut text, mut copies) = (Vec::new(), Vec::<Copied>::new());
    for step in steps {
        match step {
            Step::Copy(from, to) => {
                let (from, to) = (*from.min(to).min(&base.len()), *from.max(to).min(&base.len()));
                if from < to {
                    copies.push(Copied { from: from as u64, to: text.len() as u64, len: (to - from) as u64 });
                    text.extend_from_slice(&base[from..to]);
                }
            }
            Step::Insert(bytes) => text.extend_from_slice(bytes),
        }
    }
    (text, copies)
}

/// Steps as a version control system makes them: most is copied in order, some is left out, changed or new.
fn edits(random: &mut Random, base: &[u8], new: &[u8]) -> Vec<Step> {
    let (mut steps, mut at) = (Vec::new(), 0);
    let most = base.len() / (1 + random.below(8)) + 2;
    let piece = |random: &mut Random| {
        let from = random.below(new.len() + 1);
        new[from..(from + random.below(80)).min(new.len())].to_vec()
    };
    while at < base.len() && !random.one_in(40) {
        let to = (at + random.below(most)).min(base.len());
        steps.push(Step::Copy(at, to));
        at = (to + if random.one_in(2) { random.below(60) } else { 0 }).min(base.len());
        match random.below(6) {
            0 => steps.push(Step::Insert(piece(random))),
            1 => steps.push(Step::Insert(vec![random.next() as u8])),
            2 => steps.push(Step::Copy(random.below(base.len() + 1), random.below(base.len() + 1))),
            _ => {}
        }
    }
    steps
}

/// A chain of versions, each scanned from the one before: what is remembered has to stay right, too.
fn check_chain(scanner: &Scanner, first: Vec<u8>, versions: usize, mut next: impl FnMut(&[u8]) -> Vec<Step>) {
    let mut scratch = Scratch::new();
    let mut base = first;
    let mut scanned = scanner.scan_base(&base, &mut scratch);
    assert_eq!(told_spots(&scanned), told(&scanner.scan(&base)), "the first version");
    for version in 0..versions {
        let steps = next(&base);
        let (text, copies) = apply(&base, &steps);
        let complete = common::is_complete(scanner, &text);
        let again = scanner.scan_delta(&scanned, &text, &copies, &mut scratch);
        if complete {
            let (have, want) = (told_spots(&again), told(&scanner.scan(&text)));
            assert!(
                have == want,
                "version {version}, {copies:?} of {} bytes\nbase {}\ntext {}\nonly here {:#?}\nonly in a whole scan {:#?}",
                text.len(),
                base.escape_ascii(),
                text.escape_ascii(),
                have.iter().filter(|f| !want.contains(f)).collect::<Vec<_>>(),
                want.iter().filter(|f| !have.contains(f)).collect::<Vec<_>>(),
            );
        }
        (base, scanned) = (text, again);
    }
}

#[test]
fn versions_of_texts_with_all_rules() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    let texts = Texts::new(&rules);
    for seed in 0..60 {
        let mut random = Random(seed);
        let make = |random: &mut Random, pieces| {
            let text = texts.make(random, pieces);
            match random.below(5) {
                0 => utf16(&text, random.one_in(2)),
                _ => text,
            }
        };
        let size = *random.pick(&[3, 30, 300]);
        let (first, new) = (make(&mut random, size), make(&mut random, 40));
        check_chain(&scanner, first, 12, |base| edits(&mut random, base, &new));
    }
}

/// Wherever a sample is cut in two, be it far from where its match starts: it becomes whole, and is cut again.
#[test]
fn samples_of_all_rules_become_whole_and_are_cut() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    for (number, rule) in rules.rules().iter().enumerate() {
        let sample = rule.samples()[number % rule.samples().len()].fill(7, rule.checksum()).text;
        // No more than a few of what is long.
        let step = 3 + sample.len() / 100;
        for at in (number % step..sample.len()).step_by(step) {
            let cut = [&sample[..at], b"\n\n", &sample[at..]].concat();
            let mut versions = [
                vec![Step::Copy(0, at), Step::Copy(at + 2, cut.len())],
                vec![Step::Copy(0, at), Step::Insert(b"\n\n".to_vec()), Step::Copy(at, sample.len())],
            ]
            .into_iter();
            check_chain(&scanner, cut, 2, |_| versions.next().unwrap_or_default());
        }
    }
}

#[test]
fn long_secrets_that_change_far_from_their_start() {
    let scanner = Scanner::new(RuleSet::builtin());
    let mut random = Random(7);
    let frame = |word: &str| format!("-----{word} {} PRIVATE KEY-----\n", "RSA");
    let line = |random: &mut Random| -> Vec<u8> {
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..64).map(|_| *random.pick(digits)).chain(*b"\n").collect()
    };
    let body: Vec<u8> = (0..60).flat_map(|_| line(&mut random)).collect();
    let first = [b"key:\n", frame("BEGIN").as_bytes(), b"MII", &body, frame("END").as_bytes(), b"\nmore\n"].concat();
    let new = [frame("END"), frame("BEGIN"), "...".into(), "=".into(), "\n\n-".into()].concat().into_bytes();
    assert!(!scanner.scan(&first).is_empty(), "a key is found");
    check_chain(&scanner, first.clone(), 40, |base| edits(&mut random, base, &new));
    // One byte, anywhere.
    for at in (0..first.len()).step_by(7) {
        check_chain(&scanner, first.clone(), 1, |base| {
            vec![Step::Copy(0, at), Step::Insert(b"-".to_vec()), Step::Copy(at + 1, base.len())]
        });
    }
}

#[test]
fn nothing_but_the_ends_of_a_text_changes() {
    let scanner = Scanner::new(test_rules());
    for text in [&b"EYSabc"[..], b"<<Kdd", b"TESTKEY-abca", b"key = \"93b1c7d02a48xyzq\""] {
        for new in [&b"a"[..], b"\n", b" ", b"d", b">>"] {
            let whole = || Step::Copy(0, text.len());
            for steps in [
                vec![whole(), Step::Insert(new.to_vec())],
                vec![Step::Insert(new.to_vec()), whole()],
                vec![whole(), whole()],
                vec![Step::Copy(0, text.len() - 1)],
                vec![Step::Copy(1, text.len())],
                vec![],
            ] {
                check_chain(&scanner, text.to_vec(), 1, |_| steps.clone());
            }
        }
    }
}

const WORDS: [&[u8]; 24] = [
    b"TESTKEY-",
    b"KEY",
    b"QXQ",
    b"key",
    b"keyk",
    b"tkey",
    b"bad",
    b"<<K",
    b">>",
    b"EYS",
    b"a",
    b"b",
    b"c",
    b"d",
    b"aab",
    b"=",
    b"\"",
    b" ",
    b"\n",
    b"-",
    b"0123456789abcd01",
    b"93b1c7d02a48",
    b"\0",
    b"\xC3\xA4",
];

fn words(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..most).prop_map(|words| words.concat())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let copy = (0usize..2000, 0usize..2000).prop_map(|(from, to)| Step::Copy(from, to));
    let head = (0usize..2000).prop_map(|to| Step::Copy(0, to));
    let step = prop_oneof![3 => copy, 1 => head, 2 => words(6).prop_map(Step::Insert)];
    prop::collection::vec(step, 0..7)
}

/// Rules whose anchors stand far behind the starts of their matches, or that need a long run.
const FAR_RULES: &str = r#"
provider = "testkey"
name = "Test key"
docs = "https://example.com/testkey"
[[rule]]
id = "testkey-far-anchor"
description = "a literal far behind the start"
severity = "low"
kind = "structural"
regex = '<[a-d ]{0,500}QXQ[0-9a-d]{4}'
before = "any"
after = "any"
[[rule]]
id = "testkey-long-run-1"
description = "a run that is longer than most attempts"
severity = "low"
kind = "contextual"
regex = '[0-9a-d]{300,}'
max_len = 600
before = '[^0-9a-d]'
keywords = ["key"]
distance = 30
[[rule]]
id = "testkey-long-run-2"
description = "a run that is longer than most attempts"
severity = "low"
kind = "contextual"
regex = '[0-9a-d]{320,}'
max_len = 600
before = '[^0-9a-d]'
keywords = ["key"]
distance = 30
[[rule]]
id = "testkey-long-run-3"
description = "a run that is longer than most attempts"
severity = "low"
kind = "contextual"
regex = '[0-9a-d]{340,}'
max_len = 600
before = '[^0-9a-d]'
keywords = ["key"]
distance = 30
"#;

fn far_words() -> impl Strategy<Value = Vec<u8>> {
    let words: [&[u8]; 9] = [b"<", b"a", b"b c", b"QXQ", b"0a1b", b"key = \"", b"d", b"\n", b"QXQ01"];
    let word = (prop::sample::select(words.to_vec()), prop_oneof![4 => Just(1usize), 1 => 1usize..90]);
    let text = prop::collection::vec(word.prop_map(|(word, times)| word.repeat(times)), 0..60);
    text.prop_map(|words| words.concat())
}

fn far_steps() -> impl Strategy<Value = Vec<Step>> {
    let splice = (0usize..3000, 0usize..40, prop::collection::vec(prop::sample::select(b"<aQX01 ".to_vec()), 0..4));
    let many = prop::collection::vec(splice, 1..4);
    many.prop_map(|mut splices| {
        splices.sort();
        let (mut steps, mut at) = (Vec::new(), 0);
        for (from, len, new) in splices {
            steps.extend([Step::Copy(at, from.max(at)), Step::Insert(new)]);
            at = from.max(at) + len;
        }
        steps.push(Step::Copy(at, at.max(1 << 20)));
        steps
    })
}

#[test]
fn an_anchor_near_the_end_makes_a_start_at_the_beginning_possible() {
    let scanner = Scanner::new(common::rules(FAR_RULES));
    let first = [b"b c".repeat(137), b"QXQ010a1b".to_vec(), b"key = ".repeat(10)].concat();
    check_chain(&scanner, first, 1, |base| vec![Step::Insert(b"<".to_vec()), Step::Copy(0, base.len())]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anchors_far_from_the_start_and_long_runs_find_the_same_in_every_version(
        first in far_words(),
        versions in prop::collection::vec(far_steps(), 1..6),
    ) {
        thread_local!(static SCANNER: Scanner = Scanner::new(common::rules(FAR_RULES)));
        let mut versions = versions.into_iter();
        SCANNER.with(|scanner| check_chain(scanner, first, versions.len(), |_| versions.next().unwrap_or_default()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_made_up_rules_find_the_same_in_every_version(
        first in words(400),
        versions in prop::collection::vec(steps(), 1..5),
        wide in prop::option::weighted(0.2, any::<bool>()),
    ) {
        thread_local!(static SCANNER: Scanner = Scanner::new(test_rules()));
        let first = wide.map_or_else(|| first.clone(), |big| utf16(&first, big));
        let mut versions = versions.into_iter();
        SCANNER.with(|scanner| check_chain(scanner, first, versions.len(), |_| versions.next().unwrap_or_default()));
    }
}
