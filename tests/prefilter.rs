//! No match is missed for want of a candidate: whatever a rule's regex matches is tried.

mod common;

use keyscan::{Kind, Rule, RuleSet, testing};
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Class, Hir, HirKind};

use common::texts::Texts;
use common::{Random, test_rules, utf16};

/// A string that the regex may match; look-around may still refuse it.
fn draw(hir: &Hir, random: &mut Random, text: &mut Vec<u8>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.extend_from_slice(&literal.0),
        HirKind::Class(class) => {
            let ranges: Vec<(u8, u8)> = match class {
                Class::Bytes(class) => class.ranges().iter().map(|range| (range.start(), range.end())).collect(),
                Class::Unicode(class) => {
                    class.ranges().iter().map(|range| (range.start() as u8, range.end() as u8)).collect()
                }
            };
            let &(first, last) = random.pick(&ranges);
            text.push(first + random.below(usize::from(last - first) + 1) as u8);
        }
        HirKind::Repetition(repetition) => {
            let min = repetition.min as usize;
            let spread = repetition.max.map_or(40, |max| max as usize - min);
            // The ends are where mistakes are.
            let more = *random.pick(&[0, spread, random.0 as usize % (spread + 1)]);
            (0..min + more).for_each(|_| draw(&repetition.sub, random, text));
        }
        HirKind::Capture(capture) => draw(&capture.sub, random, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| draw(part, random, text)),
        HirKind::Alternation(branches) => draw(random.pick(branches), random, text),
    }
}

fn syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

fn only(rule: &Rule) -> RuleSet {
    let mut rules = RuleSet::new();
    rules.extend([rule.clone()]);
    rules
}

/// For each rule, how many drawn matches its own scanners did not try; and how many were drawn at all.
fn untried(rule: &Rule, regex: &str) -> (usize, Vec<String>) {
    let hir = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(regex).expect("it parses");
    let matcher = Regex::builder().syntax(syntax()).build(regex).expect("it compiles");
    let scanners = testing::scanners(&only(rule));
    let (before, _) = testing::neighbours(rule);
    let beside = before.iter().find(|byte| b" \n=:\"x0-".contains(byte)).or_else(|| before.iter().next());
    let (mut drawn, mut failures) = (0, Vec::new());
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut text = Vec::new();
        if !random.one_in(4) {
            text.extend((0..random.below(70)).map(|_| b'.'));
            text.extend(rule.keywords().next().map(str::as_bytes).unwrap_or_default());
            text.push(b' ');
            text.extend(beside);
        } else if rule.keywords().len() > 0 {
            continue;
        }
        let start = text.len();
        draw(&hir, &mut random, &mut text);
        text.truncate(start + rule.max_len());
        let after: [&[u8]; 5] = [b"", b" ", b"\"\n", b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b"\n more"];
        let after = after[random.below(after.len())];
        text.extend_from_slice(after);
        let window = start..text.len().min(start + rule.max_len());
        if !matcher.is_match(Input::new(&text).span(window).anchored(Anchored::Yes)) {
            continue;
        }
        drawn += 1;
        // A way in by keyword proposes the places behind the keyword.
        for (tier, scanner) in &scanners {
            if !testing::tried(scanner, &text).contains(&(0, start as u64)) {
                failures.push(format!("{} with seed {seed}, {tier}", rule.id()));
            }
        }
    }
    (drawn, failures)
}

#[test]
fn what_a_rule_matches_is_tried() {
    let mut failures = Vec::new();
    let mut undrawn = Vec::new();
    for rules in [RuleSet::builtin(), test_rules()] {
        for rule in rules.rules() {
            let Some(regex) = rule.regex() else { continue };
            let (drawn, missed) = untried(rule, regex);
            if drawn == 0 {
                undrawn.push(rule.id().to_owned());
            }
            // A believed match that starts earlier hides what starts in it.
            failures.extend(missed);
        }
    }
    assert!(undrawn.is_empty(), "no match could be drawn of {undrawn:?}");
    assert!(failures.is_empty(), "not tried:\n{}", failures.join("\n"));
}

#[test]
fn every_stem_of_a_name_is_tried_in_any_case() {
    for rule in RuleSet::builtin().rules().iter().filter(|rule| rule.kind() == Kind::Generic) {
        for stem in testing::stems(rule) {
            for text in [stem.to_vec(), stem.to_ascii_uppercase(), [b"x", stem].concat()] {
                for (tier, scanner) in testing::scanners(&only(rule)) {
                    let start = (text.len() - stem.len()) as u64;
                    assert!(testing::tried(&scanner, &text).contains(&(0, start)), "{} in {tier}", stem.escape_ascii());
                }
            }
        }
    }
}

#[test]
fn all_kinds_of_prefilter_find_the_same() {
    let rules = RuleSet::builtin();
    let texts = Texts::new(&rules);
    let scanners = testing::scanners(&rules);
    let (name, plainest) = &scanners[0];
    for seed in 0..60 {
        let mut random = Random(seed);
        let pieces = random.below(400);
        let text = texts.make(&mut random, pieces);
        for text in [&text, &utf16(&text, true)] {
            let want = plainest.scan(text);
            for (tier, scanner) in &scanners[1..] {
                assert!(scanner.scan(text) == want, "seed {seed}: {tier} and {name} differ");
            }
        }
    }
}
