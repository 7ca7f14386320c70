//! Every rule finds its own samples, as they are and as people write them down, and nothing finds its near misses.
//!
//! Failures name the rule, the template and the seed, and never the text that was made of them.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use keyscan::{DOUBTFUL, Finding, Kind, Rule, RuleSet, Sample, Scanner, Span, Verdict, testing};

const SAMPLE_SEEDS: u64 = 20;
const NEAR_MISS_SEEDS: u64 = 10;

/// How a secret is written down, when its sample is the secret alone: what stands before it and after it.
const CARRIERS: &[(&str, &str, &str)] = &[
    ("bare", "", ""),
    ("quoted", "const value = \"", "\";\n"),
    ("JSON", "{\"value\": \"", "\", \"other\": 1}\n"),
    ("YAML", "settings:\n  value: ", "\n  other: 1\n"),
    ("a URL", "https://example.com/path?value=", "&other=1\n"),
    ("the end of a file", "first line\nvalue=", ""),
    ("CRLF", "first line\r\nvalue=", "\r\nlast line\r\n"),
    ("a list", "f(1, ", ", 2)\n"),
];

/// What is wrong, by rule, template and complaint, with the first seed and the ways of writing it down.
#[derive(Default)]
struct Complaints(BTreeMap<(String, String, String), (u64, BTreeSet<&'static str>)>);

impl Complaints {
    fn add(&mut self, rule: &Rule, template: &Sample, seed: u64, carrier: &'static str, what: String) {
        let key = (rule.id().to_owned(), template.source().to_owned(), what);
        self.0.entry(key).or_insert((seed, BTreeSet::new())).1.insert(carrier);
    }

    fn check(self) {
        let mut text = String::new();
        for ((rule, template, what), (seed, carriers)) in &self.0 {
            let template: String = template.chars().take(150).collect();
            let carriers: Vec<&str> = carriers.iter().copied().collect();
            let carriers = carriers.join(", ");
            writeln!(text, "{rule}: {what}: {template:?} ({carriers}; seed {seed})").expect("it is a String");
        }
        assert!(text.is_empty(), "\n{text}");
    }
}

/// Why the believed findings are not exactly one of this rule at this place.
fn wrong(scanner: &Scanner, rule: &Rule, text: &[u8], secret: (usize, usize)) -> Option<String> {
    let found: Vec<Finding> = scanner.scan(text).into_iter().filter(|f| f.confidence >= DOUBTFUL).collect();
    let id = |finding: &Finding| scanner.rules()[finding.rule].id();
    match found.as_slice() {
        [] => Some("not found".to_owned()),
        [one] if id(one) != rule.id() => Some(format!("found as {}", id(one))),
        [one] if (one.span.start, one.span.end) != (secret.0 as u64, secret.1 as u64) => {
            let (front, back) = (one.span.start as i64 - secret.0 as i64, one.span.end as i64 - secret.1 as i64);
            Some(format!("found with its start off by {front} and its end by {back}"))
        }
        [_] => None,
        several => {
            let mut ids: Vec<&str> = several.iter().map(id).collect();
            ids.dedup();
            Some(format!("found as {}", ids.join(" and ")))
        }
    }
}

/// The same of what is told only beside a secret: its rule has to recognise it, and nothing may be found.
fn unrecognised(scanner: &Scanner, rule: &Rule, text: &[u8], secret: (usize, usize)) -> Option<String> {
    let want = Span { start: secret.0 as u64, end: secret.1 as u64 };
    let recognised = testing::recognised(scanner, rule, text);
    let found = scanner.scan(text).into_iter().find(|finding| finding.confidence >= DOUBTFUL);
    match found {
        Some(finding) => Some(format!("found as {}", scanner.rules()[finding.rule].id())),
        None => (recognised != [want]).then(|| "not recognised".to_owned()),
    }
}

#[test]
fn every_sample_is_found_by_its_rule_alone() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    let mut complaints = Complaints::default();
    for rule in rules.rules() {
        assert!(!rule.samples().is_empty(), "{} has no sample", rule.id());
        for (template, seed) in rule.samples().iter().flat_map(|sample| (0..SAMPLE_SEEDS).map(move |n| (sample, n))) {
            let filled = template.fill(seed, rule.checksum());
            let alone = filled.secret == (0..filled.text.len());
            // A template that says what stands around the secret is taken at its word.
            let carriers = if alone && rule.kind() != Kind::Contextual { CARRIERS } else { &CARRIERS[..1] };
            for (name, front, back) in carriers {
                let text = [front.as_bytes(), &filled.text, back.as_bytes()].concat();
                let secret = (front.len() + filled.secret.start, front.len() + filled.secret.end);
                let wrong = if rule.kind() == Kind::Identifier { unrecognised } else { wrong };
                if let Some(what) = wrong(&scanner, rule, &text, secret) {
                    complaints.add(rule, template, seed, name, what);
                }
            }
        }
    }
    complaints.check();
}

#[test]
fn no_near_miss_is_found_by_any_rule() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    let mut complaints = Complaints::default();
    for rule in rules.rules() {
        for (template, seed) in rule.near_misses().iter().flat_map(|t| (0..NEAR_MISS_SEEDS).map(move |n| (t, n))) {
            let text = template.fill(seed, None).text;
            if rule.kind() == Kind::Identifier && !testing::recognised(&scanner, rule, &text).is_empty() {
                complaints.add(rule, template, seed, "bare", "recognised".to_owned());
            }
            for found in scanner.scan(&text) {
                // Under a telling name a generic rule may still find what is no such format.
                let other = scanner.rules()[found.rule].kind() == Kind::Generic && rule.kind() != Kind::Generic;
                if found.confidence >= DOUBTFUL && !other {
                    let what = format!("found as {}", scanner.rules()[found.rule].id());
                    complaints.add(rule, template, seed, "bare", what);
                }
            }
        }
    }
    complaints.check();
}

/// A right checksum makes a finding certain; with a wrong one it is still there, doubtful, and says why.
#[test]
fn checksums_decide() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    let with_checksum = rules.rules().iter().filter(|rule| rule.checksum().is_some());
    let (mut tried, mut complaints) = (0, Complaints::default());
    for rule in with_checksum {
        for (template, seed) in rule.samples().iter().flat_map(|sample| (0..5).map(move |n| (sample, n))) {
            let of_rule =
                |text: &[u8]| scanner.scan(text).into_iter().find(|f| scanner.rules()[f.rule].id() == rule.id());
            let right = of_rule(&template.fill(seed, rule.checksum()).text);
            if right.is_none_or(|found| found.confidence < 0.99 || found.verdicts != [Verdict::ChecksumValid]) {
                complaints.add(rule, template, seed, "bare", "a right checksum does not make it certain".to_owned());
            }
            let text = template.fill(seed, None).text;
            let wrong = of_rule(&text).filter(|found| found.verdicts == [Verdict::ChecksumInvalid]);
            let Some(wrong) = wrong else { continue };
            tried += 1;
            let told = scanner.explain(&text, wrong.start.line);
            if wrong.confidence > 0.1 || !told.iter().any(|said| said.outcome.contains("invalid checksum")) {
                complaints.add(rule, template, seed, "bare", "a wrong checksum is not told".to_owned());
            }
        }
    }
    complaints.check();
    assert!(tried > 100, "only {tried} samples had a wrong checksum");
}

/// What looks like a placeholder, or like a word, is none when its checksum is right.
#[test]
fn a_right_checksum_goes_before_all_judges() {
    let rules = RuleSet::builtin();
    let (scanner, rule) = (Scanner::new(rules.clone()), rules.get("github-pat").unwrap());
    for body in ["x".repeat(30), "example".repeat(4) + "ab"] {
        let template = Sample::parse(&format!("ghp_{body}{{base62:6}}")).unwrap();
        let found = scanner.scan(&template.fill(1, rule.checksum()).text);
        assert_eq!(found.len(), 1);
        assert!(found[0].confidence >= 0.99 && scanner.rules()[found[0].rule].id() == rule.id());
        assert!(scanner.scan(&template.fill(1, None).text).iter().all(|found| found.confidence < 0.1));
    }
}

#[test]
fn every_regex_compiles() {
    if let Err(error) = Scanner::new(RuleSet::builtin()).compile() {
        panic!("{error}");
    }
}

#[test]
fn rules_are_sorted_named_and_documented_alike() {
    let rules = RuleSet::builtin();
    assert!(rules.rules().len() > 100, "there are only {} rules", rules.rules().len());
    assert!(rules.rules().windows(2).all(|pair| pair[0].id() < pair[1].id()), "ids ascend and differ");
    let mut wrong = Vec::new();
    for rule in rules.rules() {
        let (id, description) = (rule.id(), rule.description());
        if !id.starts_with(rule.provider()) {
            wrong.push(format!("{id} does not start with its provider"));
        }
        let plain = !description.is_empty() && description.len() <= 100 && description.trim() == description;
        if !plain || description.ends_with('.') {
            wrong.push(format!("{id}: a description is a few words without a full stop: {description:?}"));
        }
        let tells = ["detects", "detected", "found", "identifies", "discovered", "potential", "possible", "leaked"];
        if description.to_lowercase().split(' ').any(|word| tells.contains(&word)) {
            wrong.push(format!("{id}: a description says what it is, not that it was found: {description:?}"));
        }
        if rule.docs().is_some_and(|docs| !docs.starts_with("https://")) {
            wrong.push(format!("{id}: the documentation is no https address"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
