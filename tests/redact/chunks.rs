//! However a text is cut, the same comes out; and no scanner finds anything in it.

use keyscan::redact::{Redaction, Redactor, Style};
use keyscan::{DOUBTFUL, RuleSet, Scanner};

use super::common::texts::Texts;
use super::common::{Random, utf16};
use super::peers::key;
use super::{MARK, assert_redacts, pushed, redaction};

fn assert_same(have: &[u8], want: &[u8], what: &str) {
    if have != want {
        let at = have.iter().zip(want).take_while(|(a, b)| a == b).count();
        let around = |text: &[u8]| text[at.saturating_sub(60)..text.len().min(at + 80)].escape_ascii().to_string();
        panic!("{what}: they differ at {at}:\n{}\n{}", around(have), around(want));
    }
}

/// Random cuts into pieces of up to `most` bytes.
fn cut<'t>(text: &'t [u8], random: &mut Random, most: usize) -> Vec<&'t [u8]> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let end = (at + 1 + random.below(most)).min(text.len());
        pieces.push(&text[at..end]);
        at = end;
    }
    pieces
}

fn texts(count: u64, pieces: usize) -> Vec<Vec<u8>> {
    let rules = RuleSet::builtin();
    let texts = Texts::new(&rules);
    let make = |seed: u64| {
        let mut random = Random(seed);
        let text = texts.make(&mut random, pieces);
        match seed % 5 {
            4 => utf16(&text, seed.is_multiple_of(2)),
            // Escape sequences anywhere.
            3 => text.chunks(37).flat_map(|part| [part, b"\x1b[1m"].concat()).collect(),
            _ => text,
        }
    };
    (0..count).map(make).collect()
}

#[test]
fn every_cut_of_generated_texts_gives_the_same() {
    let redaction = redaction(&["request finished", "0123456789abcdef"]);
    for (seed, text) in texts(10, 12).iter().enumerate() {
        let want = redaction.redact(text);
        assert_same(&pushed(&redaction, text.chunks(1)), &want, &format!("seed {seed}, byte by byte"));
        for at in 0..=text.len() {
            let have = pushed(&redaction, [&text[..at], &text[at..]]);
            assert_same(&have, &want, &format!("seed {seed}, cut at {at}"));
        }
    }
}

/// What PowerShell writes to a file, for one.
#[test]
fn text_in_utf_16_stays_that() {
    let rules = RuleSet::builtin();
    let rule = rules.get("github-pat").unwrap();
    let token = String::from_utf8(rule.samples()[0].fill(1, rule.checksum()).text).unwrap();
    let text = format!("log: {token} and\r\nquartz-0123456789 end\r\n");
    for style in [Style::Label, Style::Mask, Style::Remove, Style::Custom("\u{25a0}".to_owned())] {
        let redaction = redaction(&["quartz-0123456789"]).with_style(style);
        let shown = |style: &str| format!("log: {style} and\r\n");
        let expected = match redaction.redact(text.as_bytes()) {
            // Of what is known the byte order is not: the marker is in ASCII, and there is one.
            out if out.starts_with(shown(MARK).as_bytes()) => shown(MARK) + "* end\r\n",
            out if out.starts_with(shown("").as_bytes()) => shown("") + "* end\r\n",
            out => String::from_utf8(out).unwrap(),
        };
        for big in [false, true] {
            let order: &[u8] = if big { b"\xfe\xff" } else { b"\xff\xfe" };
            let wide = [order, &utf16(text.as_bytes(), big)].concat();
            let out = redaction.redact(&wide);
            let units = |pair: &[u8]| {
                let pair = [pair[0], pair[1]];
                if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
            };
            assert_eq!(out.len() % 2, 0);
            let units: Vec<u16> = out[2..].chunks(2).map(units).collect();
            assert_eq!(String::from_utf16(&units).unwrap(), expected, "big endian: {big}");
            for at in 0..=wide.len() {
                assert_same(&pushed(&redaction, [&wide[..at], &wide[at..]]), &out, &format!("cut at {at}"));
            }
            assert_same(&redaction.redact(&out), &out, "redacted twice");
        }
    }
}

/// The first byte of a secret in UTF-16 may be a NUL that stands behind others.
#[test]
fn a_secret_is_the_first_that_is_in_utf_16() {
    let (rules, redaction) = (RuleSet::builtin(), redaction(&[]));
    let rule = rules.get("github-pat").unwrap();
    let secret = rule.samples()[0].fill(1, rule.checksum()).text;
    for (front, big) in
        [(&b""[..], true), (b"", false), (b"\0\0", true), (b"\0\0\0", true), (b"\0\0\0", false), (b".\0", true)]
    {
        let text = [front, &utf16(&secret, big)].concat();
        let want = redaction.redact(&text);
        assert!(want.len() < 8, "{}", want.escape_ascii());
        assert_same(&pushed(&redaction, text.chunks(1)), &want, &format!("{front:?}, big endian: {big}"));
    }
}

/// The marker of a block is written when its first lines are there.
#[test]
fn the_mask_of_a_block_tells_nothing_of_how_it_came() {
    let redaction = redaction(&["quartz-0123"]).with_style(Style::Mask);
    let key = key("\n");
    for (text, expected) in [
        (format!("key: {key} end quartz-0123\n"), "key: ******** end ***********\n".to_owned()),
        (format!("quartz-0123{key}"), "*".repeat(11 + 8)),
        (format!("key: {}", &key[..150]), "key: ********".to_owned()),
    ] {
        assert_redacts(&redaction, text.as_bytes(), expected.as_bytes());
    }
}

#[test]
fn random_cuts_of_large_texts_give_the_same() {
    let redaction = redaction(&["request finished", "0123456789abcdef"]);
    for (seed, text) in texts(10, 600).iter().enumerate() {
        let mut random = Random(seed as u64);
        let want = redaction.redact(text);
        for most in [5, 60, 1000, 70_000] {
            let have = pushed(&redaction, cut(text, &mut random, most));
            assert_same(&have, &want, &format!("seed {seed}, pieces of up to {most}"));
            // What comes in many pieces at once is settled less often.
            let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
            for piece in cut(text, &mut random, most) {
                if random.one_in(3) { redactor.push(piece, &mut out) } else { redactor.push_more(piece, &mut out) }
            }
            redactor.finish(&mut out);
            assert_same(&out, &want, &format!("seed {seed}, some settled, pieces of up to {most}"));
        }
    }
}

#[test]
fn what_was_shown_is_the_start_of_what_comes_out() {
    let redaction = redaction(&["request finished"]);
    for text in texts(6, 40) {
        let want = redaction.redact(&text);
        let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
        for byte in text.chunks(1) {
            redactor.push(byte, &mut out);
            assert!(want.starts_with(&out));
        }
    }
}

/// Markers as they are by default, which rules have to pass over.
#[test]
fn nothing_is_found_in_what_comes_out() {
    let redaction = Redaction::new(RuleSet::builtin());
    let scanner = Scanner::new(RuleSet::builtin());
    let rules = RuleSet::builtin();
    for seed in 0..6 {
        // Samples in lines of their own.
        let samples =
            rules.rules().iter().flat_map(|rule| rule.samples().into_iter().map(move |sample| (rule, sample)));
        let lines = samples.map(|(rule, sample)| [&sample.fill(seed, rule.checksum()).text[..], b"\n"].concat());
        let text = lines.collect::<Vec<_>>().concat();
        let out = redaction.redact(&text);
        let mut found = scanner.scan(&out);
        found.retain(|finding| finding.confidence >= DOUBTFUL);
        let first = found.first().map(|f| {
            let (from, to) = (f.span.start as usize, f.span.end as usize);
            let around = out[from.saturating_sub(80)..(to + 40).min(out.len())].escape_ascii().to_string();
            format!("{}: {around}", scanner.rules()[f.rule].id())
        });
        assert_eq!(first, None, "seed {seed}: {} found", found.len());
        assert_same(&redaction.redact(&out), &out, &format!("seed {seed}, redacted twice"));
    }
}

#[test]
fn what_scans_find_is_hidden_and_nothing_else() {
    let rules = RuleSet::builtin();
    let redaction = Redaction::new(rules.clone());
    let scanner = Scanner::new(rules.clone());
    for rule in rules.rules().iter().filter(|rule| !rule.id().starts_with("private-key")) {
        for sample in rule.samples() {
            let text = [b"2026-01-31 start\n", &sample.fill(7, rule.checksum()).text[..], b"\nend\xff\r\n"].concat();
            let mut expected = Vec::new();
            let mut at = 0;
            for finding in scanner.scan(&text).iter().filter(|finding| finding.confidence >= DOUBTFUL) {
                expected.extend_from_slice(&text[at..finding.span.start as usize]);
                expected.extend(format!("[REDACTED:{}]", scanner.rules()[finding.rule].id()).bytes());
                at = finding.span.end as usize;
            }
            expected.extend_from_slice(&text[at..]);
            let have = redaction.redact(&text);
            // Blocks and what findings overlap hide more.
            let same = have == expected || have.len() < expected.len();
            assert!(same, "{}: {}", rule.id(), have.escape_ascii());
        }
    }
}

#[test]
fn a_long_line_is_held_nowhere() {
    let redaction = redaction(&["quartz-0123"]);
    for byte in [b'x', b'-', b' ', b'A', b'\x1b'] {
        let (mut redactor, mut out, piece) = (redaction.redactor(), Vec::new(), vec![byte; 64 * 1024]);
        let mut shown = 0;
        for round in 1..=128 {
            redactor.push_more(&piece, &mut out);
            shown += out.len();
            out.clear();
            assert!(redactor.held_len() < 300 * 1024, "{} held of {:?}", redactor.held_len(), char::from(byte));
            assert!(shown + redactor.held_len() == round * piece.len());
        }
    }
}

#[test]
fn a_redactor_serves_one_text_after_another() {
    let redaction = redaction(&["quartz-0123"]);
    let mut redactor: Redactor = redaction.redactor();
    for text in [&b"a quartz-0123 b"[..], b"quartz-", b"0123", b"\x1b[", b"-----BEGIN RSA PRIVATE KEY-----"] {
        let mut out = Vec::new();
        redactor.push(text, &mut out);
        redactor.finish(&mut out);
        assert_eq!(out, redaction.redact(text));
    }
}
