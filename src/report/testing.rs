//! What the tests of the formats report: three findings of two rules, two of them the same secret.

use std::path::Path;
use std::time::Duration;

use crate::finding::{Encoding, Finding, Located, Part, Verdict};
use crate::rule::{Rule, RuleSet};
use crate::run::{Outcome, Stats, Unexamined};
use crate::secret::Secret;
use crate::span::{Position, Span};

const RULES: &str = r#"
provider = "test"
name = "Test"
docs = "https://example.com/docs"
[[rule]]
id = "test-key"
description = "Test key"
severity = "critical"
kind = "distinctive"
regex = 'TESTKEY-[a-z]{16}[0-9]{8}'
[[rule.part]]
role = "password"
rules = ["test-pass"]
[[rule.part]]
role = "user id"
rules = ["test-user"]
[[rule]]
id = "test-pass"
description = "Test password"
severity = "medium"
kind = "distinctive"
regex = 'TESTPASS-[a-z]{4,40}'
[[rule]]
id = "test-user"
description = "Test user"
severity = "low"
kind = "identifier"
regex = 'TESTUSER-[a-z]{4,40}'
"#;

pub(super) struct Sample {
    pub(super) rules: Vec<Rule>,
    pub(super) outcome: Outcome,
}

/// The secret of the n-th rule.
pub(super) fn secret(rule: usize) -> String {
    match rule {
        0 => format!("TESTKEY-{}{}", "quartzes".repeat(2), "0".repeat(8)),
        1 => "TESTPASS-onyx".to_owned(),
        _ => "TESTUSER-opal".to_owned(),
    }
}

pub(super) fn located(path: &str, rule: usize, start: u64, at: Position, verdicts: &[Verdict]) -> Located {
    let secret = Secret::new(secret(rule).as_bytes());
    let len = secret.len() as u64;
    let span = Span { start, end: start + len };
    let finding = Finding {
        rule,
        secret,
        span,
        matched: span,
        start: at,
        end: Position { line: at.line, column: at.column + len },
        confidence: 0.99,
        verdicts: verdicts.to_vec(),
        decoded: None,
        candidates: Vec::new(),
        parts: Vec::new(),
    };
    Located { path: path.to_owned(), finding, origin: None }
}

/// The same with a password and a user id beside the first key.
pub(super) fn with_parts() -> Sample {
    let mut sample = sample();
    let part = |number: usize, line: u64| {
        let at = Position { line, column: 12 };
        let finding = located("src/a.py", number + 1, 100 * line, at, &[Verdict::Random]).finding;
        Part { of: 0, number, is_public: number == 1, finding }
    };
    sample.outcome.findings[0].finding.parts = vec![part(0, 4), part(1, 2)];
    sample
}

pub(super) fn sample() -> Sample {
    let rules = RuleSet::from_toml(Path::new("test.toml"), RULES).unwrap().rules().to_vec();
    let found = [Verdict::ChecksumValid, Verdict::Random];
    let mut findings = vec![
        located("src/a.py", 0, 27, Position { line: 3, column: 8 }, &found),
        located("src/b.txt", 1, 4, Position { line: 1, column: 5 }, &[]),
        located("src/c d.py", 0, 100, Position { line: 9, column: 2 }, &found),
    ];
    findings[1].finding.decoded = Some(Encoding::Utf16Le);
    findings[1].finding.confidence = 0.7;
    let unexamined = vec![Unexamined { path: "b.bin".to_owned(), reason: "permission denied".to_owned() }];
    let stats = Stats { units: 12, bytes: 3456, elapsed: Duration::from_millis(250) };
    Sample { rules, outcome: Outcome { findings, unexamined, interrupted: false, notes: Vec::new(), stats } }
}
