//! Rules and files of other tools: what is found with them is what their own definitions say, wherever a unit is cut.

#![cfg(feature = "compat")]

use std::path::Path;

use keyscan::compat::{Format, Imported, Weight};
use keyscan::redact::{Redaction, Style};
use keyscan::{Copied, RuleSet, Scanner, Scratch};
use proptest::prelude::*;

/// Rules of every way in: a literal first, behind a short part, behind a long one, behind one without end, none at all,
/// and with keywords in the match and beside it.
const RULES: &str = r#"
[[rules]]
id = "first"
regex = '''zk_[a-c]{4}'''
keywords = ["zk_"]
[[rules]]
id = "short"
regex = '''(?i)[\w.-]{0,5}?(?:quartz)(?:[ \t]{0,2})[=:]{1,2}['" ]{0,2}([a-c0-9]{6})(?:['"\s;]|$)'''
[[rules]]
id = "long"
regex = '''(?i)[\w ]{0,60}quartz[0-9]+'''
[[rules]]
id = "endless"
regex = '''[a-c_]+onyx(\d+)'''
[[rules]]
id = "anywhere"
regex = '''\b[0-9]{8}\b'''
[[rules]]
id = "beside"
regex = '''\b(?:[a-c]{9}|[0-9]{7})\b'''
keywords = ["Quartz"]
[[rules]]
id = "lines"
regex = '''(?m)^k[:=](.*)$'''
[[rules]]
id = "wide"
regex = '''"[^"\s]{3,5}"'''
"#;

/// The regexes, in our syntax and with the same meaning; and the keyword beside.
const TWINS: &[(&str, &str, Option<&str>)] = &[
    ("first", "zk_[a-c]{4}", None),
    ("short", r#"(?i)[\w.-]{0,5}?(?:quartz)(?:[ \t]{0,2})[=:]{1,2}['" ]{0,2}([a-c0-9]{6})(?:['"\s;]|$)"#, None),
    ("long", r"(?i)[\w ]{0,60}quartz[0-9]+", None),
    ("endless", r"[a-c_]+onyx(\d+)", None),
    ("anywhere", r"\b[0-9]{8}\b", None),
    ("beside", r"\b(?:[a-c]{9}|[0-9]{7})\b", Some("quartz")),
    ("lines", r"(?m)^k[:=]((?:[\x00-\x09\x0B-\x7F]|(?u-i:[\u{80}-\u{10FFFF}]))*)$", None),
    ("wide", r#""(?:[\x00-\x7F&&[^"\s]]|(?u-i:[\u{80}-\u{10FFFF}])){3,5}""#, None),
];

fn rules() -> RuleSet {
    let imported = Imported::from_text(Path::new("rules.toml"), RULES, Format::Gitleaks).unwrap();
    assert_eq!(imported.rules.len(), TWINS.len(), "{:?}", imported.notes);
    let mut rules = RuleSet::new();
    rules.extend(imported.rules);
    rules
}

fn scanner() -> Scanner {
    Scanner::new(rules())
}

type Found = Vec<(u64, String, u64, u64, u64)>;

/// What a plain search of the whole text finds.
fn plain(text: &[u8]) -> Found {
    let lower = String::from_utf8_lossy(text).to_lowercase();
    let mut found = Vec::new();
    for (id, regex, keyword) in TWINS {
        if keyword.is_some_and(|word| !lower.contains(word)) {
            continue;
        }
        let regex = regex::bytes::RegexBuilder::new(regex).unicode(false).build().unwrap();
        for groups in regex.captures_iter(text) {
            let whole = groups.get(0).unwrap();
            let secret = groups.iter().skip(1).flatten().find(|group| !group.is_empty()).unwrap_or(whole);
            let at = |offset| offset as u64;
            found.push((at(secret.start()), (*id).to_owned(), at(secret.end()), at(whole.start()), at(whole.end())));
        }
    }
    found.sort();
    found
}

fn of(scanner: &Scanner, findings: impl IntoIterator<Item = keyscan::Finding>) -> Found {
    let one = |f: keyscan::Finding| {
        let id = scanner.rules()[f.rule].id().to_owned();
        (f.span.start, id, f.span.end, f.matched.start, f.matched.end)
    };
    let mut found: Found = findings.into_iter().map(one).collect();
    found.sort();
    found
}

fn in_pieces(scanner: &Scanner, text: &[u8], cuts: &[usize]) -> Found {
    let mut scratch = Scratch::new();
    let mut session = scanner.session(&mut scratch);
    let mut findings = Vec::new();
    let (mut rest, mut cuts) = (text, cuts.iter().cycle());
    while !rest.is_empty() {
        let len = cuts.next().map_or(rest.len(), |cut| 1 + cut % 97).min(rest.len());
        session.feed(&rest[..len], |finding, _| findings.push(finding));
        rest = &rest[len..];
    }
    let coverage = session.finish(|finding, _| findings.push(finding));
    assert!(coverage.is_complete());
    of(scanner, findings)
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "zk_",
        "abca",
        "quartz",
        "QUARTZ",
        "Quartz9",
        "onyx",
        "onyx7",
        "a",
        "b_",
        "c",
        " ",
        "=",
        ":",
        "\"",
        "\n",
        "k=",
        "12345678",
        "1234567",
        "abcabcabc",
        "abcabc",
        "a1b2c3",
        "; ",
        "\u{e9}",
        "\u{20ac}",
        "'",
        "_",
        "0",
        ".",
        "\t",
    ]);
    prop::collection::vec(piece, 0..120).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_a_plain_search_finds_is_found_however_the_text_is_cut(
        text in texts(),
        cuts in prop::collection::vec(0usize..1000, 1..8),
    ) {
        let scanner = scanner();
        let expected = plain(text.as_bytes());
        prop_assert_eq!(&of(&scanner, scanner.scan(text.as_bytes())), &expected);
        prop_assert_eq!(&in_pieces(&scanner, text.as_bytes(), &cuts), &expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_version_of_a_text_gives_what_it_gives_alone(base in texts(), new in texts(), cut in 0usize..200) {
        let scanner = scanner();
        let mut scratch = Scratch::new();
        let base = base.as_bytes();
        let (head, tail) = base.split_at(cut.min(base.len()));
        let text = [head, new.as_bytes(), tail].concat();
        let len = |part: &[u8]| part.len() as u64;
        let copies = [
            Copied { from: 0, to: 0, len: len(head) },
            Copied { from: len(head), to: len(head) + new.len() as u64, len: len(tail) },
        ];
        let copies: Vec<Copied> = copies.into_iter().filter(|copied| copied.len > 0).collect();
        let scanned = scanner.scan_base(base, &mut scratch);
        let scanned = scanner.scan_delta(&scanned, &text, &copies, &mut scratch);
        let one = |spot: keyscan::Spot<'_>| {
            let id = scanner.rules()[spot.rule].id().to_owned();
            (spot.span.start, id, spot.span.end, spot.matched.start, spot.matched.end)
        };
        let mut found: Found = scanned.spots().map(one).collect();
        found.sort();
        prop_assert_eq!(found, plain(&text));
    }

    #[test]
    fn a_redactor_hides_overlapping_findings_however_the_text_is_cut(
        text in texts(),
        cuts in prop::collection::vec(0usize..1000, 1..8),
    ) {
        let redaction = Redaction::new(rules()).with_style(Style::Custom("\u{25a0}".to_owned()));
        // What is left when everything that is found, from its first byte to its last, becomes one mark.
        let mut expected = Vec::new();
        let mut at = 0;
        let mut marked = None::<usize>;
        for (start, _, end, ..) in plain(text.as_bytes()) {
            let (start, end) = (start as usize, end as usize);
            if marked.is_none_or(|to| start >= to) {
                expected.extend_from_slice(&text.as_bytes()[at..start]);
                expected.extend_from_slice("\u{25a0}".as_bytes());
            }
            at = at.max(end);
            marked = Some(at);
        }
        expected.extend_from_slice(&text.as_bytes()[at..]);
        let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
        let (mut rest, mut cuts) = (text.as_bytes(), cuts.iter().cycle());
        while !rest.is_empty() {
            let len = cuts.next().map_or(rest.len(), |cut| 1 + cut % 97).min(rest.len());
            redactor.push(&rest[..len], &mut out);
            rest = &rest[len..];
        }
        redactor.finish(&mut out);
        let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        prop_assert_eq!(shown(&out), shown(&expected));
        prop_assert_eq!(shown(&redaction.redact(text.as_bytes())), shown(&expected));
    }
}

#[test]
fn a_keyword_counts_near_the_match_on_either_side() {
    let scanner = scanner();
    let found = |text: &str| {
        let whole = of(&scanner, scanner.scan(text.as_bytes()));
        assert_eq!(in_pieces(&scanner, text.as_bytes(), &[60]), whole);
        whole.iter().filter(|finding| finding.1 == "beside").count()
    };
    let far = |len: usize| "x\n".repeat(len / 2);
    assert_eq!(found(&format!("1234567\n{}quartz", far(100_000))), 1);
    assert_eq!(found(&format!("quartz\n{}1234567", far(100_000))), 1);
    assert_eq!(found(&format!("1234567\n{}quartz", far(200_000))), 0);
    assert_eq!(found(&format!("quartz\n{}1234567\n{}quartz", far(200_000), far(200_000))), 0);
    assert_eq!(found(&format!("{}1234567 quartz 1234567\n{}1234567", far(300_000), far(300_000))), 2);
}

#[test]
fn hostile_text_costs_linear_time() {
    let scanner = scanner();
    for piece in ["quartz", "a_", "aaaa onyx ", "\"", "k=", "quartz=\"abc", "1234567", "zk_zk_"] {
        let time = |len: usize| {
            let text = piece.repeat(len / piece.len());
            let mut scratch = Scratch::new();
            let mut once = || {
                let started = std::time::Instant::now();
                let _coverage = scanner.scan_with(text.as_bytes(), &mut scratch, |_, _| ());
                started.elapsed().as_secs_f64()
            };
            (0..5).map(|_| once()).fold(f64::INFINITY, f64::min)
        };
        let (short, long) = (time(1 << 18).max(1e-3), time(1 << 21));
        assert!(long / short < 8.0 * 8.0, "{piece}: {short} s, {long} s");
    }
}

#[test]
fn little_of_a_stream_is_held() {
    let scanner = scanner();
    let mut scratch = Scratch::new();
    let mut session = scanner.session(&mut scratch);
    let line = "some text of no interest, 12 and 34, abc\n".repeat(100);
    let mut fed = 0u64;
    for _ in 0..500 {
        session.feed(line.as_bytes(), |_, _| ());
        fed += line.len() as u64;
        assert!(fed - session.final_len() < 400_000, "{fed} fed, {} final", session.final_len());
    }
    let _coverage = session.finish(|_, _| ());
}

#[test]
fn what_cannot_be_run_is_named_with_its_rule_and_line() {
    let text = "[extend]\nurl = 'https://example.com/rules.toml'\n[[rules]]\nid = 'back'\nregex = '(a)\\1'\n\n[[rules]]\n\
                id = 'files'\npath = '\\.pem$'\n[[rules]]\nid = 'good'\nregex = 'acme_[a-z]{9}'\nsecretgroups = 1\n";
    let imported = Imported::from_text(Path::new("a.toml"), text, Format::Gitleaks).unwrap();
    assert_eq!(imported.rules.iter().map(keyscan::Rule::id).collect::<Vec<_>>(), ["good"]);
    let refused: Vec<String> =
        imported.notes.iter().filter(|note| note.weight == Weight::Refused).map(ToString::to_string).collect();
    let has = |start: &str, part: &str| refused.iter().any(|note| note.starts_with(start) && note.contains(part));
    assert!(has("a.toml:4: rule back: it is not run", "references"), "{refused:#?}");
    assert!(has("a.toml:8: rule files: it is not run", "names of files"), "{refused:#?}");
    assert!(has("a.toml: `extend.url`", ""), "{refused:#?}");
    assert!(has("a.toml: rule good: the key `secretgroups` is not read", ""), "{refused:#?}");
    assert_eq!(refused.len(), 4, "{refused:#?}");
}
