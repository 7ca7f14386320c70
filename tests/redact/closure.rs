//! In what comes out stands no secret, also none that came about by what was hidden; to redact it again changes nothing.

use keyscan::redact::{Admission, KnownSecrets, Redaction, Style, TextFormat};
use keyscan::{DOUBTFUL, Key, Rule, RuleSet, Scanner};
use proptest::prelude::*;

use super::common::Random;
use super::common::texts::Texts;
use super::{known_secrets, pushed, with_rules};

fn all_styles() -> Vec<Style> {
    let key: Key = "07".repeat(32).parse().unwrap();
    let customs = ["\u{25a0}", "<{rule}>", "XXXX", "\u{2588}"].map(|text| Style::Custom(text.to_owned()));
    [Style::Label, Style::Tag(key), Style::Mask, Style::Remove].into_iter().chain(customs).collect()
}

fn show(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}

/// What is found in what comes out of `text`, or what else is wrong with it.
fn flaw(redaction: &Redaction, scanner: &Scanner, known: &[&str], text: &[u8], every_cut: bool) -> Option<String> {
    let out = redaction.redact(text);
    let told = |what: &str| Some(format!("{what} in {}\n  of {}", show(&out), show(text)));
    if let Some(found) = scanner.scan(&out).into_iter().find(|finding| finding.confidence >= DOUBTFUL) {
        return told(scanner.rules()[found.rule].id());
    }
    let holds = |value: &&&str| value.len() >= 8 && memchr::memmem::find(&out, value.as_bytes()).is_some();
    if let Some(value) = known.iter().find(holds) {
        return told(value);
    }
    let again = redaction.redact(&out);
    if again != out {
        return told(&format!("redacted twice, {}", difference(&again, &out)));
    }
    let pieces = if every_cut { pushed(redaction, text.chunks(1)) } else { pushed(redaction, text.chunks(23)) };
    if pieces == out { None } else { told(&format!("in pieces, {}", difference(&pieces, &out))) }
}

fn difference(have: &[u8], want: &[u8]) -> String {
    let at = have.iter().zip(want).take_while(|(a, b)| a == b).count();
    let around = |text: &[u8]| show(&text[at.saturating_sub(40).min(text.len())..text.len().min(at + 60)]);
    format!("{} for {}", around(have), around(want))
}

#[track_caller]
fn assert_none(flaws: &[String]) {
    assert!(flaws.is_empty(), "{} flaws:\n{}", flaws.len(), flaws[..flaws.len().min(12)].join("\n"));
}

fn secret(rule: &Rule, seed: u64) -> Vec<u8> {
    let samples = rule.samples();
    samples[seed as usize % samples.len()].fill(seed, rule.checksum()).text
}

/// Halves of secrets with whole ones between, and secrets glued together.
#[test]
fn no_secret_comes_of_what_a_marker_brings_together() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    let known = ["quartz-0123456789", "basalt-0123456789", "0123456789abcdef0123"];
    let redactions: Vec<Redaction> =
        all_styles().into_iter().map(|style| with_rules(rules.clone(), &known).with_style(style)).collect();
    let (mut random, mut flaws) = (Random(11), Vec::new());
    for (number, rule) in rules.rules().iter().enumerate() {
        // A gap in a regex reaches over whatever it may, and so over all but the last of several that are alike.
        let has_gap = rule.regex().is_some_and(|regex| regex.contains("[^!]") || regex.contains("(?s"));
        let (first, second) = (secret(rule, 1), secret(rule, 2));
        let other = &rules.rules()[random.below(rules.rules().len())];
        let inner = if random.one_in(2) { known[0].as_bytes().to_vec() } else { secret(other, 3) };
        let cut = first.len() * (1 + random.below(7)) / 8;
        let torn = [&first[..cut], &inner, &first[cut..]].concat();
        let two = [&first[..cut], known[1].as_bytes(), &second[cut.min(second.len())..]].concat();
        let glued = [&first[..], &first, &second].concat();
        // The byte behind a secret may be all that keeps it from being one.
        let longer = [&first[..], known[2].as_bytes()].concat();
        let between = [known[2].as_bytes(), &first[..], known[2].as_bytes()].concat();
        let texts = [torn, two, longer, between].into_iter().chain((!has_gap).then_some(glued));
        for (place, text) in texts.enumerate() {
            // Each text with two styles; rules that are alike are many.
            for (style, redaction) in redactions.iter().enumerate().skip((number + place) % 4).step_by(4) {
                let flaw = flaw(redaction, &scanner, &known, &text, number % 16 == style);
                flaws.extend(flaw.map(|flaw| format!("{} style {style}: {flaw}", rule.id())));
            }
        }
    }
    assert_none(&flaws);
}

#[test]
fn no_secret_comes_of_generated_texts() {
    let rules = RuleSet::builtin();
    let (scanner, texts) = (Scanner::new(rules.clone()), Texts::new(&rules));
    let known = ["request finished", "0123456789abcdef"];
    let mut flaws = Vec::new();
    for style in all_styles() {
        let redaction = with_rules(rules.clone(), &known).with_style(style.clone());
        for seed in 0..60 {
            let text = texts.make(&mut Random(seed), 30);
            let flaw = flaw(&redaction, &scanner, &known, &text, seed % 10 == 0);
            flaws.extend(flaw.map(|flaw| format!("seed {seed} {style:?}: {flaw}")));
        }
    }
    assert_none(&flaws);
}

/// A keyword that a long secret keeps apart from a value is not near it afterwards.
#[test]
fn a_short_marker_brings_no_keyword_near() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    let plain = Redaction::new(rules.clone());
    let (mut random, mut flaws) = (Random(3), Vec::new());
    let long = secret(rules.get("github-pat").unwrap(), 6);
    for rule in rules.rules() {
        let text = secret(rule, 5);
        // The value is torn from its keyword by others.
        let at = text.len() * (1 + random.below(3)) / 4;
        let others = [b" ", &long[..], b" "].concat().repeat(1 + random.below(4));
        let torn = [&text[..at], &others, &text[at..]].concat();
        for style in all_styles() {
            let redaction = plain.clone().with_style(style.clone());
            let flaw = flaw(&redaction, &scanner, &[], &torn, false);
            flaws.extend(flaw.map(|flaw| format!("{} {style:?}: {flaw}", rule.id())));
        }
    }
    assert_none(&flaws);
}

#[test]
fn known_secrets_are_not_made_by_what_is_removed() {
    for style in [Style::Remove, Style::Mask, Style::Custom("ab".to_owned())] {
        let known = ["abcdabcdefgh", "quartz-0123", "ab-quartz", "******quartz"];
        let redaction = with_rules(RuleSet::new(), &known).with_style(style);
        let scanner = Scanner::new(RuleSet::new());
        for text in [
            "quarquartz-0123tz-0123 x",
            "quarquarquartz-0123tz-0123tz-0123 x",
            "abcdabcdabcdefghefgh",
            "abcdabcdefgh-quartz abab-quartz",
            "quartz-0123quartz-0123quartz",
        ] {
            assert_eq!(flaw(&redaction, &scanner, &known, text.as_bytes(), true), None);
        }
    }
}

#[test]
fn records_tell_where_markers_are_in_what_comes_out() {
    let secrets = KnownSecrets::new();
    let admission = Admission { min_len: 3, allow_common: true };
    assert!(secrets.add_all([("K", &b"quartz-0123"[..])], admission).is_empty());
    let redaction = Redaction::new(RuleSet::new()).with_known(secrets).with_style(Style::Custom("<>".to_owned()));
    let redaction = redaction.recorded(None);
    let text = "a quartz-0123 b quartz-0123quartz-0123".as_bytes();
    for step in [1, 3, 100] {
        let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
        text.chunks(step).for_each(|piece| redactor.push(piece, &mut out));
        redactor.finish(&mut out);
        let at: Vec<u64> = redactor.take_records().iter().map(|record| record.at).collect();
        assert_eq!(at, [2, 7, 9]);
        assert_eq!(redactor.stats().bytes_out, out.len() as u64);
    }
}

/// What stands behind a marker decides whether what stands before it is a value of its own, or a line with it.
#[test]
fn a_value_that_a_marker_cuts_short_is_hidden_whatever_follows() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    let of = |id: &str, seed: u64| {
        let rule = rules.get(id).unwrap();
        let filled = rule.samples()[0].fill(seed, rule.checksum());
        String::from_utf8(filled.text[filled.secret].to_vec()).unwrap()
    };
    let mut random = Random(11);
    let digits: String = (0..25).map(|_| char::from(*random.pick(b"0123456789abcdef"))).collect();
    for style in all_styles() {
        let redaction = with_rules(rules.clone(), &[]).with_style(style);
        let token = of("github-pat", 5);
        for behind in ["", "^[1m\"A_KEY=\"x\"", " and", "\" and", ";", "'", "(x)", "[0]"] {
            let text = format!("_SOME_TOKEN={digits}=_PRIVATE_KEY={token}{behind}\n");
            assert_none(&flaw(&redaction, &scanner, &[], text.as_bytes(), true).into_iter().collect::<Vec<_>>());
        }
        // Too long, but not with a marker of letters in the place of its end.
        let known = ["abcabcabd"];
        let redaction = redaction.with_known(known_secrets(&known));
        let text = format!("{}{}\n", of("llama-cloud-api-key", 3), known[0]);
        assert_none(&flaw(&redaction, &scanner, &known, text.as_bytes(), true).into_iter().collect::<Vec<_>>());
    }
}

/// On a terminal the first character of what follows is the end of the sequence; in a file it is not.
#[test]
fn no_secret_starts_within_an_escape_sequence() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    let rule = rules.get("github-pat").unwrap();
    let token = secret(rule, 3);
    let known = ["abcabcabd", "12345-quartz-m"];
    for style in all_styles() {
        let redaction = with_rules(rules.clone(), &known).with_style(style);
        for start in ["\x1b", "\x1b[", "\x1b[1;3", "\x1b(", "\x1b]"] {
            for secret in [&token[..], known[0].as_bytes(), known[1].as_bytes()] {
                let text = [b"a ", start.as_bytes(), secret, b" b\x1b[0m c\n"].concat();
                assert_none(&flaw(&redaction, &scanner, &known, &text, true).into_iter().collect::<Vec<_>>());
                let out = redaction.redact(&text);
                assert!(out.starts_with(b"a \x1b") && out.ends_with(b" b\x1b[0m c\n"), "{}", show(&out));
            }
        }
    }
}

/// A bare value is the rest of its line or a word of it; an escape sequence before the end of the line decides, and is
/// none of the text on a terminal.
#[test]
fn a_line_is_looked_at_as_it_is_up_to_an_escape_sequence() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    let mut random = Random(5);
    let redactions = [TextFormat::Text, TextFormat::Json, TextFormat::Logfmt]
        .map(|format| with_rules(rules.clone(), &[]).with_format(format));
    let mut hidden = 0;
    for _ in 0..60 {
        let head: String = (0..6).map(|_| char::from(*random.pick(b"tGzKqu"))).collect();
        for (line, sequence) in [("-PWD=", "\x1b="), ("a\n  my_password = ", "\x1b[0m"), ("PASSWORD=", "\x1b]0;x\x07")]
        {
            let text = [line, &head, "\\~\\^zuzzz\u{ea}zzzzzz", sequence, "\nb"].concat();
            for redaction in &redactions {
                assert_none(&flaw(redaction, &scanner, &[], text.as_bytes(), true).into_iter().collect::<Vec<_>>());
                hidden += usize::from(redaction.redact(text.as_bytes()) != text.as_bytes());
            }
        }
    }
    assert!(hidden > 100, "{hidden}");
    // Members are those of the text without sequences.
    let redaction = with_rules(rules, &[]).with_format(TextFormat::Logfmt);
    let text = b"secret_=\x1b\x1b\x1b\x1b\x1bs\x1b =\n";
    let out = redaction.redact(text);
    for cut in 1..text.len() {
        assert_eq!(show(&pushed(&redaction, text.chunks(cut))), show(&out), "{cut}");
    }
    assert!(!out.starts_with(b"secret_=\x1b"), "{}", show(&out));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_brought_together_is_looked_at_again(
        parts in prop::collection::vec((0usize..12, 0usize..30, 0usize..30), 1..12),
        style in 0usize..8,
        json in any::<bool>(),
    ) {
        let known = ["quartz-0123456789", "tz-0123456", "abcabcabcabc"];
        let rules = super::common::test_rules();
        let texts = [
            "quartz-0123456789", "abcabcabcabc", "\"token\": \"", "password=", "\n", "\"", "{\"a\": \"", "AKIA", " ",
            "ghp_", "tz-0123", "x9Kq2mZt7RbW4sLp0VnC8eYhJ3uDfG6iTgA1",
        ];
        let mut text = parts.iter().map(|&(which, from, to)| {
            let text = texts[which];
            let (from, to) = (from % text.len(), to % text.len() + 1);
            if from < to { &text[from..to] } else { text }
        }).collect::<String>();
        if style > 1 {
            // When nothing is left of the start of a secret at the end, what stood before it is at the end.
            text.push('\n');
        }
        let format = if json { TextFormat::Json } else { TextFormat::Text };
        let redaction = with_rules(rules.clone(), &known).with_style(all_styles()[style].clone()).with_format(format);
        prop_assert_eq!(flaw(&redaction, &Scanner::new(rules), &known, text.as_bytes(), true), None);
    }
}
