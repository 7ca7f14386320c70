//! A guard finds what a redactor hides, in texts and in documents; a policy decides; all else stays byte for byte.
#![cfg(feature = "builtin-rules")]

mod common;

use std::time::Instant;

use keyscan::guard::{Action, Checked, Decision, Direction, Document, Guard, Policy, json_string};
use keyscan::redact::{KnownSecrets, Redaction, Style};
use keyscan::{Key, Rule, RuleSet, Scanner, Span};

use common::Random;

fn guard() -> Guard {
    Guard::new(RuleSet::builtin())
}

fn with(policy: &str) -> Guard {
    let policy: Policy = toml::from_str(policy).unwrap();
    Guard::with_policy(&Redaction::new(RuleSet::builtin()), &policy)
}

/// A text of a rule, and the secret in it.
fn sample(id: &str, seed: u64) -> (String, String) {
    let rules = RuleSet::builtin();
    let rule = rules.get(id).unwrap();
    filled(rule, seed).unwrap()
}

fn filled(rule: &Rule, seed: u64) -> Option<(String, String)> {
    let filled = rule.samples().first()?.fill(seed, rule.checksum());
    let secret = String::from_utf8(filled.text[filled.secret.clone()].to_vec()).ok()?;
    Some((String::from_utf8(filled.text).ok()?, secret))
}

fn github(seed: u64) -> String {
    sample("github-pat", seed).1
}

fn redacted(checked: &Checked) -> &str {
    match &checked.decision {
        Decision::Redact(text) => text,
        other => panic!("{other:?}"),
    }
}

fn json(guard: &Guard, text: &str) -> Checked {
    guard.check_json(Direction::ToModel, text).unwrap()
}

#[test]
fn every_sample_of_every_rule_is_decided_on_as_a_redactor_does() {
    let (guard, redaction) = (guard(), Redaction::new(RuleSet::builtin()));
    let scanner = Scanner::new(RuleSet::builtin());
    let mut found = 0;
    for rule in RuleSet::builtin().rules() {
        for seed in 0..2 {
            let Some((text, secret)) = filled(rule, seed) else { continue };
            let checked = guard.check(Direction::ToUser, &text);
            let out = redaction.redact(text.as_bytes());
            let goes_on = checked.decision.apply(&text).unwrap();
            assert_eq!(goes_on.as_bytes(), out, "{}", rule.id());
            let is_found = scanner.scan(text.as_bytes()).iter().any(|found| found.confidence >= keyscan::DOUBTFUL);
            if !is_found {
                continue;
            }
            found += 1;
            assert!(!goes_on.contains(&secret) && !checked.findings.is_empty(), "{}", rule.id());
            // As a string of a document, as one in a list, behind an escape, and in a document in a string.
            let quoted = json_string(&text);
            let more = json_string(&format!("first line\n{text}\nlast \"line\""));
            let nested = json_string(&format!("{{\"inner\": {quoted}}}"));
            for document in [
                format!("{{\"stdout\": {quoted}, \"n\": 1}}"),
                format!("[{more}, 0.50, null]"),
                format!(" {{\"outer\": {nested}}}"),
                quoted.clone(),
            ] {
                let checked = json(&guard, &document);
                let out = redacted(&checked);
                Document::parse(out).unwrap_or_else(|error| panic!("{}: {error}", rule.id()));
                assert!(!out.contains(&secret) && !said(out).contains(&secret), "{}: {document}", rule.id());
            }
        }
    }
    assert!(found > 500, "{found}");
}

/// All that the strings of a document say, and those of documents in them.
fn said(text: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    fn collect(value: &serde_json::Value, out: &mut String) {
        match value {
            serde_json::Value::String(text) => {
                out.push_str(text);
                out.push('\n');
                if let Ok(inner) = serde_json::from_str::<serde_json::Value>(text) {
                    collect(&inner, out);
                }
            }
            serde_json::Value::Array(all) => all.iter().for_each(|value| collect(value, out)),
            serde_json::Value::Object(all) => all.iter().for_each(|(name, value)| {
                out.push_str(name);
                out.push('\n');
                collect(value, out);
            }),
            other => out.push_str(&other.to_string()),
        }
    }
    let mut out = String::new();
    collect(&value, &mut out);
    out
}

#[test]
fn what_stands_outside_of_secrets_stays() {
    let (one, two) = (github(1), github(2));
    let document = format!(
        "{{ \"b\":1.50e+2,\"a\" : \"x\\u0041 {one}\\n\\ttail\\/\",\n  \"{two}\": [ true,\"\\ud83d\\ude00 {one}\" ], \"c\":\"\\\"\" }}\n"
    );
    let expected = document.replace(&one, "[REDACTED:github-pat]").replace(&two, "[REDACTED:github-pat]");
    let checked = json(&guard(), &document);
    assert_eq!(redacted(&checked), expected);
    let at = |entry: &keyscan::guard::AuditEntry| {
        let Span { start, end } = entry.span.unwrap();
        document[start as usize..end as usize].to_owned()
    };
    assert_eq!(checked.findings.iter().map(at).collect::<Vec<_>>(), [one.clone(), two, one]);
    let clean = expected;
    assert_eq!(json(&guard(), &clean).decision, Decision::Allow);
}

#[test]
fn documents_in_strings_stay_documents_however_deep() {
    let secret = github(3);
    let mut document = format!("{{\"k\": \"a \\\"quoted\\\" {secret}\"}}");
    for depth in 0..7 {
        let checked = json(&guard(), &document);
        let out = redacted(&checked);
        assert_eq!(out, document.replace(&secret, "[REDACTED:github-pat]"), "{depth}");
        document = format!("{{\"k\": [{}]}}", json_string(&document));
    }
}

#[test]
fn numbers_and_members_with_telling_names_become_strings() {
    let checked = json(&guard(), "{\"password\": 12, \"b\": {\"client_secret\": \"two words\"}, \"n\": 12}");
    assert_eq!(
        redacted(&checked),
        "{\"password\": \"[REDACTED:secret-member]\", \"b\": {\"client_secret\": \"[REDACTED:secret-member]\"}, \"n\": 12}"
    );
    assert!(checked.findings.iter().all(|entry| entry.rule == "secret-member"));
}

#[test]
fn pictures_are_not_touched_and_what_only_begins_like_one_is() {
    let secret = github(4);
    let picture = format!("iVBORw0KGgo{}", "QUtJQ".repeat(4000));
    let document = format!("{{\"data\": \"{picture}\", \"mimeType\": \"image/png\", \"t\": \"{secret}\"}}");
    let checked = json(&guard(), &document);
    assert_eq!(redacted(&checked), document.replace(&secret, "[REDACTED:github-pat]"));
    // A secret is no base64: the string is looked at.
    let hidden = format!("{{\"data\": \"{picture} {secret}\"}}");
    assert!(!redacted(&json(&guard(), &hidden)).contains(&secret));
}

#[test]
fn a_key_in_lines_is_hidden_in_a_string() {
    let body = (0..12).map(|seed| format!("{:0>64}", Random(seed).next().to_string().repeat(4).get(..64).unwrap()));
    let pem = format!(
        "-----BEGIN {0} KEY-----\n{1}\n-----END {0} KEY-----\n",
        "PRIVATE",
        body.collect::<Vec<_>>().join("\n")
    );
    let document = format!("{{\"stdout\": {}, \"after\": 1}}", json_string(&format!("before\n{pem}after\n")));
    let checked = json(&guard(), &document);
    assert_eq!(redacted(&checked), "{\"stdout\": \"before\\n[REDACTED:private-key-pem]\\nafter\\n\", \"after\": 1}");
}

#[test]
fn known_secrets_are_hidden_however_they_are_written() {
    let known = KnownSecrets::new();
    known.add("DB", b"pa\"ss\\wo/rd-\xc3\xa4-91").unwrap();
    let guard = Guard::with_policy(&Redaction::new(RuleSet::builtin()).with_known(known), &Policy::default());
    for written in
        ["pa\\\"ss\\\\wo/rd-\u{e4}-91", "pa\\\"ss\\\\wo\\/rd-\\u00e4-91", "\\u0070a\\\"ss\\\\wo/rd-\\u00E4-91"]
    {
        let checked = json(&guard, &format!("[\"x {written} y\"]"));
        assert_eq!(redacted(&checked), "[\"x [REDACTED:DB] y\"]", "{written}");
        assert!(checked.findings[0].severity.is_none() && checked.findings[0].rule == "DB");
    }
}

#[test]
fn a_policy_decides_by_direction_severity_and_rule() {
    let (text, secret) = (format!("use {} now", github(5)), github(5));
    let aws = sample("aws-access-key-id", 1);
    let default = guard();
    assert!(matches!(default.check(Direction::ToModel, &text).decision, Decision::Redact(_)));
    assert!(matches!(default.check(Direction::ToUser, &text).decision, Decision::Redact(_)));
    let Decision::Block(reason) = default.check(Direction::ToTool, &text).decision else { panic!("it passes") };
    let why = reason.to_string();
    assert!(why.contains("github-pat") && why.contains("environment variable") && !why.contains(&secret), "{why}");

    let allows = with("[to-model.rules]\n\"github-*\" = \"allow\"\n");
    let checked = allows.check(Direction::ToModel, &text);
    assert_eq!((checked.decision, checked.findings.len()), (Decision::Allow, 0));

    let reports = with("[to-model.rules]\ngithub-pat = \"report\"\n");
    let checked = reports.check(Direction::ToModel, &text);
    assert_eq!((checked.decision, checked.findings[0].action), (Decision::Allow, Action::Report));
    // Both in one text: one stays, the other one goes.
    let both = format!("{text}\n{}\n", aws.0);
    let checked = reports.check(Direction::ToModel, &both);
    assert!(redacted(&checked).contains(&secret) && !redacted(&checked).contains(&aws.1));
    let document = format!("[{}, {}]", json_string(&text), json_string(&aws.0));
    let checked = json(&reports, &document);
    assert!(redacted(&checked).contains(&secret) && !redacted(&checked).contains(&aws.1));
    assert_eq!(checked.findings.iter().filter(|entry| entry.action == Action::Report).count(), 1);

    let severe = with("[to-model]\nmin-severity = \"critical\"\n[to-model.rules]\naws-access-key-id = \"block\"\n");
    assert!(matches!(severe.check(Direction::ToModel, &both).decision, Decision::Block(_)));
    let blocks = with("[to-model]\naction = \"block\"\n");
    let checked = json(&blocks, &document);
    assert!(matches!(checked.decision, Decision::Block(_)) && checked.findings.len() >= 2);
}

#[test]
fn entries_have_fingerprints_and_no_values() {
    let (key, secret) = (Key::from_bytes([9; 32]), github(6));
    let redaction = Redaction::new(RuleSet::builtin()).recorded(Some(key.clone())).with_style(Style::Tag(key));
    let guard = Guard::with_policy(&redaction, &Policy::default());
    let checked = guard.check(Direction::ToUser, &format!("\u{e4}\u{1b}[1m {secret}\u{1b}[0m and {secret}"));
    assert_eq!(checked.findings.len(), 2);
    assert!(checked.findings[0].fingerprint.is_some());
    assert_eq!(checked.findings[0].fingerprint, checked.findings[1].fingerprint);
    let shown = format!("{checked:?} {guard:?}");
    assert!(!shown.contains(&secret) && !shown.contains(&secret[8..20]));
    // Escape sequences count where they stand.
    assert_eq!(checked.findings[0].span, Some(Span { start: 7, end: 7 + secret.len() as u64 }));
    let json = guard.check_json(Direction::ToUser, &format!("[\"{secret}\"]")).unwrap();
    assert_eq!(json.findings[0].fingerprint, checked.findings[0].fingerprint);
    assert!(redacted(&json).starts_with("[\"[REDACTED:github-pat:"));
}

#[test]
fn an_answer_of_an_agent_is_told_with_label_preview_and_position() {
    let secret = github(7);
    let answer = format!("Line one.\nThe \u{e4} token is {secret}, keep it.");
    let output = keyscan::guard::check_agent_output(&answer);
    assert!(!output.is_safe());
    assert_eq!(output.decision, Decision::Redact(answer.replace(&secret, "[REDACTED:github-pat]")));
    let exposure = &output.exposures[0];
    assert_eq!((exposure.label.as_str(), exposure.line, exposure.column), ("github-pat", 2, 16));
    assert_eq!(exposure.preview, format!("{}...{}", &secret[..4], &secret[secret.len() - 4..]));
    assert!(keyscan::guard::check_agent_output("All is well.").is_safe());
    assert_eq!(keyscan::guard::safe_log(format_args!("got {secret}")), "got [REDACTED:github-pat]");
}

#[test]
fn what_is_no_document_is_refused() {
    for text in ["", "{", "{\"a\":1} x", "nope", "[1,]", &"[".repeat(100_000)] {
        assert!(guard().check_json(Direction::ToModel, text).is_err(), "{}", &text[..text.len().min(20)]);
    }
}

#[test]
fn random_documents_come_out_as_documents_with_all_else_in_place() {
    let guard = guard();
    let mut random = Random(11);
    for round in 0..150 {
        let mut secrets = Vec::new();
        let document = random_value(&mut random, 4, &mut secrets);
        let text = if round % 2 == 0 { document.to_string() } else { serde_json::to_string_pretty(&document).unwrap() };
        let checked = json(&guard, &text);
        let out = checked.decision.apply(&text).unwrap();
        let mut expected = text.clone();
        secrets
            .iter()
            .for_each(|secret: &String| expected = expected.replace(secret.as_str(), "[REDACTED:github-pat]"));
        assert_eq!(out, expected);
    }
}

fn random_value(random: &mut Random, depth: usize, secrets: &mut Vec<String>) -> serde_json::Value {
    let word = |random: &mut Random| {
        (0..1 + random.below(5))
            .map(|_| *random.pick(&["ab", "\n", "\"", "\\", "\u{e4}", " ", "/", "\t"]))
            .collect::<String>()
    };
    match random.below(if depth == 0 { 4 } else { 7 }) {
        0 => serde_json::json!(random.below(1000)),
        1 => [serde_json::Value::Null, true.into()][random.below(2)].clone(),
        2 => serde_json::json!(word(random)),
        3 => {
            let secret = github(random.next());
            let text = format!("{} {secret} {}", word(random), word(random));
            secrets.push(secret);
            serde_json::json!(text)
        }
        4 => (0..random.below(4)).map(|_| random_value(random, depth - 1, secrets)).collect(),
        5 => serde_json::json!(random_value(random, depth - 1, secrets).to_string()),
        _ => {
            let member = |random: &mut Random, secrets: &mut Vec<String>| {
                (word(random), random_value(random, depth - 1, secrets))
            };
            serde_json::Value::Object((0..random.below(4)).map(|_| member(random, secrets)).collect())
        }
    }
}

#[test]
fn time_is_linear_in_hostile_documents() {
    let guard = guard();
    let secret = github(8);
    let shapes: [&dyn Fn(usize) -> String; 6] = [
        &|len| format!("[{}1]", "1,".repeat(len / 2)),
        &|len| format!("[{}\"\"]", "\"a\\n\",".repeat(len / 6)),
        &|len| format!("\"{}\"", "\\n".repeat(len / 2)),
        &|len| format!("[\"{}\"]", "\\\"{[".repeat(len / 4)),
        &|len| format!("[{}1]", format!("\"{secret}\\n\",").repeat(len / 46)),
        &|len| format!("{{\"a\":\"{}\"}}", "\\\\\\\"".repeat(len / 4)),
    ];
    for (number, shape) in shapes.iter().enumerate() {
        let time = |len: usize| {
            let text = shape(len);
            (0..3)
                .map(|_| {
                    let start = Instant::now();
                    let _ = json(&guard, &text);
                    start.elapsed()
                })
                .min()
                .unwrap()
        };
        let (small, large) = (time(1 << 16), time(1 << 19));
        assert!(large < small * 8 * 4 + std::time::Duration::from_millis(100), "{number}: {small:?} {large:?}");
    }
}
