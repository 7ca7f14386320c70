//! Known secrets: the vectors, the forms they are met in, sets that change while a text comes.

use keyscan::redact::{AtEnd, KnownSecrets, Redaction, Style};
use proptest::prelude::*;

use super::{MARK, assert_redacts, known_only, marked, pushed, redaction};

/// One text, what is known, and what comes out: the bindings are tested with the same file.
#[derive(serde::Deserialize)]
struct Vector {
    known: Vec<String>,
    text: String,
    expected: String,
}

#[test]
fn the_vectors() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../fixtures/redact/vectors.json")).unwrap();
    assert!(vectors.len() >= 20);
    for Vector { known, text, expected } in vectors {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        assert_redacts(&known_only(&known), text.as_bytes(), expected.as_bytes());
    }
}

#[test]
fn short_values_are_hidden_as_words_only() {
    let redaction = known_only(&["s3cr3t"]);
    assert_redacts(&redaction, b"a s3cr3t, and s3cr3ts", format!("a {MARK}, and s3cr3ts").as_bytes());
    assert_redacts(&redaction, b"s3cr3t", MARK.as_bytes());
}

#[test]
fn bytes_that_are_no_text_stay_as_they_are() {
    let redaction = known_only(&["p\u{e9}q\0rstuv"]);
    let text = [&b"\xff\xfe\x80"[..], "p\u{e9}q\0rstuv".as_bytes(), b"\xc3\r\n\0\xf0\x9f"].concat();
    let expected = [&b"\xff\xfe\x80"[..], MARK.as_bytes(), b"\xc3\r\n\0\xf0\x9f"].concat();
    assert_redacts(&redaction, &text, &expected);
}

#[test]
fn encoded_forms_are_hidden() {
    let secret = "a/b+c=d e%f";
    let redaction = known_only(&[secret]);
    for text in ["x=a%2Fb%2Bc%3Dd%20e%25f&", "x=a%2fb%2bc%3dd+e%25f&", "x=a/b+c=d e%f&"] {
        assert_redacts(&redaction, text.as_bytes(), format!("x={MARK}&").as_bytes());
    }
    let secret = "pa\"ss\\word";
    let redaction = known_only(&[secret]);
    for (text, expected) in [
        (r#"{"k":"pa\"ss\\word"}"#, r#"{"k":"■"}"#),
        (r#"{"k":"{\"k\":\"pa\\\"ss\\\\word\"}"}"#, r#"{"k":"{\"k\":\"■\"}"}"#),
    ] {
        assert_redacts(&redaction, text.as_bytes(), expected.as_bytes());
    }
}

#[test]
fn escapes_of_several_manners_may_be_mixed() {
    let redaction = known_only(&["pa\"ss\\word/x&y", "quartz-0123456789"]);
    for (text, expected) in [
        (r#"k="pa\"ss%5Cword/x&y";"#, r#"k="■";"#),
        (r"k=pa%22ss\\word\/x&amp;y;", "k=■;"),
        (r#"{"k":"{\"k\":\"pa\\\"ss\\\\word\\/x\u0026y\"}"}"#, r#"{"k":"{\"k\":\"■\"}"}"#),
        // An escape may start with what is out already.
        (r"\u0070a&quot;ss%5cword&#47;x%26y!", r"\■!"),
        ("%71uartz%2D01234%356789.", "%■."),
        (r"quart\x7a-0123456\u0037%38%39.", "■."),
        ("100% of quart%7a and \\", "100% of quart%7a and \\"),
    ] {
        assert_redacts(&redaction, text.as_bytes(), expected.as_bytes());
    }
    // However long the run is in which it stands.
    for len in [100, 1500, 3071, 10_000] {
        let text = format!("{}%71uartz%2D01234%356789{}", "a\\\"".repeat(len / 3), "%2f".repeat(len / 3));
        let expected = format!("{}%■{}", "a\\\"".repeat(len / 3), "%2f".repeat(len / 3));
        assert_eq!(redaction.redact(text.as_bytes()), expected.as_bytes());
        for step in [7, 200, 4000] {
            assert_eq!(pushed(&redaction, text.as_bytes().chunks(step)), expected.as_bytes());
        }
    }
}

#[test]
fn utf_16_is_hidden() {
    for big in [false, true] {
        let redaction = known_only(&["quartz-0123"]);
        let wide = |text: &str| super::common::utf16(text.as_bytes(), big);
        let text = [wide("x = "), wide("quartz-0123"), wide(";")].concat();
        // The NUL before it or behind it stays: which one, the byte order says.
        let (before, after) = if big { (&b"\0"[..], &b""[..]) } else { (&b""[..], &b"\0"[..]) };
        // And the marker is in ASCII, since which byte of it would come first, nobody knows.
        let expected = [&wide("x = "), before, b"*", after, &wide(";")].concat();
        assert_redacts(&redaction, &text, &expected);
    }
}

#[test]
fn escape_sequences_inside_a_secret_survive_it() {
    let redaction = known_only(&["topsecretvalue"]);
    for (text, expected) in [
        ("top\x1b[31msecret\x1b[0mvalue!", "■\x1b[31m\x1b[0m!"),
        ("\x1b[1mtopsecretvalue\x1b[0m", "\x1b[1m■\x1b[0m"),
        ("top\x1b]8;;https://x.example\x07secret\x1b]8;;\x07value", "■\x1b]8;;https://x.example\x07\x1b]8;;\x07"),
        ("\x1b]0;topsecretvalue\x07$ ", "\x1b]0;■\x07$ "),
        ("top\x1b", "top\x1b"),
    ] {
        assert_redacts(&redaction, text.as_bytes(), expected.as_bytes());
    }
}

#[test]
fn a_marker_never_makes_or_holds_a_secret() {
    for value in ["REDACTED", "EDACTED:", "KNOWN]xx", "xx[REDAC", "KNOWN"] {
        let secrets = KnownSecrets::new();
        let admission = keyscan::redact::Admission { min_len: 3, allow_common: true };
        secrets.add_all([("KNOWN", value.as_bytes()), ("KNOWN", b"quartz-0123")], admission);
        let redaction = Redaction::new(keyscan::RuleSet::new()).with_known(secrets);
        let text = format!("say xx{value}xx quartz-0123xx xxquartz-0123 {value}");
        let out = String::from_utf8(redaction.redact(text.as_bytes())).unwrap();
        let is_word = value.len() < 8;
        assert!(is_word || !out.contains(value), "{value}: {out}");
        assert_eq!(redaction.redact(out.as_bytes()), out.as_bytes(), "{value}");
    }
}

#[test]
fn the_end_of_a_text_hides_what_is_nearly_a_secret() {
    let redaction = known_only(&["quartz-0123456789"]);
    assert_redacts(&redaction, b"x quartz", format!("x {MARK}").as_bytes());
    assert_redacts(&redaction, b"x quar", b"x quar");
    assert_redacts(&redaction.at_end(AtEnd::Show), b"x quartz", b"x quartz");
}

#[test]
fn what_is_added_counts_from_then_on() {
    let (text, value) = ("12 quartz_0123 34 quartz_0123 56", "quartz_0123");
    for at in 0..=text.len() {
        for pieces in [1, 3, 100] {
            let secrets = KnownSecrets::new();
            let redaction = Redaction::new(keyscan::RuleSet::new()).with_known(secrets.clone());
            let redaction = redaction.with_style(Style::Custom(MARK.to_owned()));
            let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
            text.as_bytes()[..at].chunks(pieces).for_each(|piece| redactor.push(piece, &mut out));
            secrets.add("LATE", value.as_bytes()).unwrap();
            text.as_bytes()[at..].chunks(pieces).for_each(|piece| redactor.push(piece, &mut out));
            redactor.finish(&mut out);
            // What is out is out; of a secret that has begun the rest is hidden.
            let mut expected = String::new();
            for start in [3, 18] {
                let (shown, end) = (at.clamp(start, start + value.len()), start + value.len());
                expected.push_str(&text[if start == 3 { 0 } else { 14 }..shown]);
                expected.push_str(if shown < end { MARK } else { "" });
            }
            expected.push_str(&text[29..]);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "added at {at}, pieces of {pieces}");
        }
    }
}

#[test]
fn what_is_retired_stays_hidden_until_it_is_forgotten() {
    let secrets = KnownSecrets::new();
    let redaction = Redaction::new(keyscan::RuleSet::new()).with_known(secrets.clone());
    let redacted = |text: &str| String::from_utf8(redaction.redact(text.as_bytes())).unwrap();
    secrets.add("SERVICE", b"quartz-0123").unwrap();
    secrets.retire("SERVICE");
    secrets.add("SERVICE", b"basalt-4567").unwrap();
    assert_eq!(redacted("quartz-0123 basalt-4567"), "[REDACTED:SERVICE] [REDACTED:SERVICE]");
    secrets.forget_retired();
    assert_eq!(redacted("quartz-0123 basalt-4567"), "quartz-0123 [REDACTED:SERVICE]");
}

#[test]
fn thousands_of_secrets_are_ready_soon_and_hide_the_same() {
    let values: Vec<String> =
        (0..4000u32).map(|i| format!("value-{:08x}-{:016x}", i, u64::from(i) * 0x9E37_79B9)).collect();
    let secrets = KnownSecrets::new();
    let named = values.iter().map(|value| ("MANY", value.as_bytes()));
    assert!(secrets.add_all(named, keyscan::redact::Admission::default()).is_empty());
    let redaction = Redaction::new(keyscan::RuleSet::new()).with_known(secrets);
    let text = values.iter().map(|value| format!("a {value} b\n")).collect::<String>();
    assert!(redaction.redact(text.as_bytes()) == "a [REDACTED:MANY] b\n".repeat(4000).as_bytes());
}

/// Every occurrence of every needle, overlapping ones joined, each replaced.
fn naive(known: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    let mut hidden: Vec<(usize, usize)> = Vec::new();
    for needle in known {
        let starts = text.windows(needle.len()).enumerate().filter(|(_, window)| window == needle);
        hidden.extend(starts.map(|(at, _)| (at, at + needle.len())));
    }
    marked(text, hidden)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_split_hides_what_a_naive_search_finds(
        known in prop::collection::vec(prop::collection::vec(prop::sample::select(&b"abc"[..]), 8..14), 1..6),
        words in prop::collection::vec(prop::sample::select(&b"aaabbbccc-"[..]), 0..120),
        planted in prop::collection::vec((0usize..6, 0usize..120, 0usize..14), 0..4),
        cuts in prop::collection::vec(0usize..160, 0..10),
    ) {
        let mut text = words;
        for (which, at, skip) in planted {
            let value = &known[which % known.len()];
            let at = at.min(text.len());
            text.splice(at..at, value[skip.min(value.len())..].iter().copied());
        }
        // A text may end with the start of a secret.
        text.extend_from_slice(b"--------");
        let values: Vec<&str> = known.iter().map(|value| std::str::from_utf8(value).unwrap()).collect();
        let redaction = known_only(&values);
        let expected = naive(&known, &text);
        prop_assert_eq!(redaction.redact(&text), expected.clone());
        prop_assert_eq!(pushed(&redaction, text.chunks(1)), expected.clone());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        prop_assert_eq!(pushed(&redaction, cuts.windows(2).map(|pair| &text[pair[0]..pair[1]])), expected);
    }
}

#[test]
fn known_and_unknown_secrets_are_hidden_in_one_pass() {
    let redaction = redaction(&["quartz-0123"]);
    let rules = keyscan::RuleSet::builtin();
    let rule = rules.get("github-pat").unwrap();
    let token = String::from_utf8(rule.samples()[0].fill(1, rule.checksum()).text).unwrap();
    let text = format!("a quartz-0123 b {token} c");
    assert_redacts(&redaction, text.as_bytes(), format!("a {MARK} b {MARK} c").as_bytes());
}

/// Prompts and progress bars begin their line anew, each time with a little more.
#[test]
fn a_line_that_is_drawn_again_shows_no_start_of_a_secret() {
    let redaction = known_only(&["topsecretvalue42"]);
    for (text, expected) in [
        ("> topsec\r> topsecretvalue42\r\n", format!("> {MARK}\r> {MARK}\r\n")),
        ("\rtops\rtopsec\rtopsecretval\r\x1b[Kdone", format!("\r{MARK}\r{MARK}\r{MARK}\r\x1b[Kdone")),
        // Too little of it, and the ends of lines.
        ("to\rtop\rx tops\r\ntopsec\r\r\n", "to\rtop\rx tops\r\ntopsec\r\r\n".to_owned()),
        (" 10%\r 20%\r 30%\r", " 10%\r 20%\r 30%\r".to_owned()),
    ] {
        assert_redacts(&redaction, text.as_bytes(), expected.as_bytes());
    }
}

/// Titles and links are texts of their own, and count like others.
#[test]
fn what_is_hidden_in_titles_is_told() {
    let redaction = known_only(&["quartz-0123"]).recorded(None);
    let text = b"a quartz-0123 \x1b]0;b quartz-0123\x07\x1b[1m c\x1b]0;quartz-0123 quartz-0123\x1b\\\nquartz-0123";
    for len in [1, 7, 100] {
        let (mut redactor, mut out, mut records) = (redaction.redactor(), Vec::new(), Vec::new());
        for piece in text.chunks(len) {
            redactor.push(piece, &mut out);
            records.extend(redactor.take_records());
        }
        redactor.finish(&mut out);
        records.extend(redactor.take_records());
        assert_eq!(redactor.stats().total(), 5);
        records.sort_by_key(|record| record.at);
        let at: Vec<usize> = memchr::memmem::find_iter(&out, MARK).collect();
        assert_eq!(records.iter().map(|record| record.at as usize).collect::<Vec<_>>(), at);
        for (record, span) in records.iter().zip(memchr::memmem::find_iter(text, "quartz-0123")) {
            let here = record.span.unwrap();
            assert_eq!((here.start, here.end), (span as u64, span as u64 + 11));
        }
    }
}
