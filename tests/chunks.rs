//! A unit that comes in pieces gives what it gives as a whole, however it is cut.

mod common;

use keyscan::{Finding, RuleSet, Scanner, Scratch, Session, Surroundings, testing};
use proptest::prelude::*;

use common::texts::Texts;
use common::{Random, scan_pieces, test_rules, utf16};

/// A finding and the text on both sides of it.
type Found = (Finding, Vec<u8>, Vec<u8>);

/// Feeds the pieces and looks at what a session promises on the way.
fn feed_all<'t>(scanner: &Scanner, scratch: &mut Scratch, pieces: impl IntoIterator<Item = &'t [u8]>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut session = scanner.session(scratch);
    let (mut fed, mut final_len) = (0, 0);
    for piece in pieces {
        let already = found.len();
        session.feed(piece, |finding, around| found.push((finding, around.before.to_vec(), around.after.to_vec())));
        check_final(&found[already..], final_len);
        fed += piece.len() as u64;
        assert!(session.final_len() >= final_len, "what was final is not any more");
        assert!(session.final_len() <= fed, "what was not fed is final");
        final_len = session.final_len();
    }
    let already = found.len();
    let _coverage =
        session.finish(|finding, around| found.push((finding, around.before.to_vec(), around.after.to_vec())));
    check_final(&found[already..], final_len);
    found.sort_by_key(|(finding, ..)| (finding.span, finding.rule));
    found
}

fn check_final(found: &[Found], final_len: u64) {
    for (finding, ..) in found {
        assert!(finding.span.start >= final_len, "{:?} starts before {final_len}, which was final", finding.span);
    }
}

fn whole(scanner: &Scanner, scratch: &mut Scratch, text: &[u8]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let _coverage = scanner.scan_with(text, scratch, |finding, around| {
        found.push((finding, around.before.to_vec(), around.after.to_vec()));
    });
    found.sort_by_key(|(finding, ..)| (finding.span, finding.rule));
    found
}

/// Cuts at `cuts`, which may be in any order, doubled or beyond the end.
fn pieces<'t>(text: &'t [u8], cuts: &[usize]) -> Vec<&'t [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|&cut| cut.min(text.len())).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

fn assert_same(scanner: &Scanner, have: &[Found], want: &[Found], what: &str) {
    let only_in = |all: &[Found], other: &[Found]| -> String {
        let found = all.iter().filter(|found| !other.contains(found));
        let lines = found.map(|(finding, before, after)| {
            let id = scanner.rules()[finding.rule].id();
            format!("{id}: {finding:?}, {} bytes before, {} after\n", before.len(), after.len())
        });
        lines.collect()
    };
    if have != want {
        let (pieces, whole) = (only_in(have, want), only_in(want, have));
        panic!("{what}:\nin pieces there are\n{pieces}and as a whole\n{whole}");
    }
}

/// The same with the end of the text settled after each piece.
fn settle_all<'t>(scanner: &Scanner, scratch: &mut Scratch, pieces: impl IntoIterator<Item = &'t [u8]>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut session = scanner.session(scratch);
    let (mut checked, mut horizon) = (0, 0);
    for piece in pieces {
        let mut sink = |finding: Finding, around: Surroundings<'_>| {
            found.push((finding, around.before.to_vec(), around.after.to_vec()));
        };
        session.feed(piece, &mut sink);
        testing::settle(&mut session, &mut sink);
        check_horizon(&found[checked..], horizon);
        checked = found.len();
        horizon = testing::horizon(&session);
    }
    let _coverage =
        session.finish(|finding, around| found.push((finding, around.before.to_vec(), around.after.to_vec())));
    check_horizon(&found[checked..], horizon);
    found.sort_by_key(|(finding, ..)| (finding.span, finding.rule));
    found
}

/// No secret starts before the horizon, but for the first character of one in UTF-16.
fn check_horizon(found: &[Found], horizon: u64) {
    for (finding, ..) in found {
        let start = finding.span.start + if finding.decoded.is_some() { 3 } else { 0 };
        assert!(start >= horizon, "{:?} of {} starts before the horizon {horizon}", finding.span, finding.rule);
    }
}

#[test]
fn settled_ends_give_the_same() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    let texts = Texts::new(&rules);
    let mut scratch = Scratch::new();
    for seed in 0..12 {
        let mut random = Random(seed);
        let text = texts.make(&mut random, 30);
        let text = if seed % 4 == 3 { utf16(&text, seed % 8 == 3) } else { text };
        let want = whole(&scanner, &mut scratch, &text);
        let have = settle_all(&scanner, &mut scratch, text.chunks(1));
        assert_same(&scanner, &have, &want, &format!("seed {seed}, byte by byte"));
        for most in [7, 60, 700] {
            let mut cuts = vec![0];
            while cuts[cuts.len() - 1] < text.len() {
                cuts.push(cuts[cuts.len() - 1] + 1 + random.below(most));
            }
            let have = settle_all(&scanner, &mut scratch, pieces(&text, &cuts));
            assert_same(&scanner, &have, &want, &format!("seed {seed}, pieces of up to {most} bytes"));
        }
    }
}

/// How many bytes wait when the text is there up to its end, and no further.
fn waiting(scanner: &Scanner, text: &str) -> usize {
    let mut scratch = Scratch::new();
    let mut session = scanner.session(&mut scratch);
    session.feed(text.as_bytes(), |_, _| ());
    testing::settle(&mut session, |_, _| ());
    text.len() - testing::horizon(&session) as usize
}

#[test]
fn nothing_waits_that_need_not() {
    let scanner = Scanner::new(RuleSet::builtin());
    for text in [
        "Password: ",
        "[sudo] password for user: ",
        "Enter API token: ",
        "$ ",
        "user@host:~$ ",
        ">>> ",
        "(y/N) ",
        "a line\n",
        "half a line, ",
        "\r[=====>    ]  45%",
        "-----BEGIN CERTIFICATE-----\n",
        "token = \"",
        "https://user:",
    ] {
        assert_eq!(waiting(&scanner, text), 0, "{text:?}");
    }
    for (text, expected) in [("see gh", 2), ("see ghp_", 4), ("token = abc", 3), ("token = \"abc", 3)] {
        assert_eq!(waiting(&scanner, text), expected, "{text:?}");
    }
}

#[test]
fn every_cut_in_two_and_every_single_byte_give_the_same() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone()).with_margin(20);
    let texts = Texts::new(&rules);
    let mut scratch = Scratch::new();
    for seed in 0..12 {
        let text = texts.make(&mut Random(seed), 6);
        let text = match seed % 3 {
            0 => text,
            1 => [&b"\xFF\xFE"[..], &utf16(&text, false)].concat(),
            _ => utf16(&text, true),
        };
        let want = whole(&scanner, &mut scratch, &text);
        let have = feed_all(&scanner, &mut scratch, text.chunks(1));
        assert_same(&scanner, &have, &want, &format!("seed {seed}, byte by byte"));
        for cut in 0..=text.len() {
            let have = feed_all(&scanner, &mut scratch, pieces(&text, &[cut]));
            assert_same(&scanner, &have, &want, &format!("seed {seed}, cut at {cut}"));
        }
    }
}

#[test]
fn large_units_cut_anywhere_give_the_same() {
    let rules = RuleSet::builtin();
    let texts = Texts::new(&rules);
    let mut scratch = Scratch::new();
    for seed in 0..18 {
        let mut random = Random(seed);
        let scanner = Scanner::new(rules.clone()).with_margin(*random.pick(&[0, 100, 1000, 100_000]));
        let mut text = texts.make(&mut random, 2000);
        match seed % 6 {
            // Little endian after a mark, big endian without one, strings in a program.
            1 => text = [&b"\xFF\xFE"[..], &utf16(&text, false)].concat(),
            2 => text = utf16(&text, true),
            3 => {
                let parts = text.chunks(700).map(|part| match random.below(4) {
                    0 => utf16(part, false),
                    1 => [&utf16(part, true), &b"\x01"[..]].concat(),
                    2 => vec![7; random.below(3000)],
                    _ => part.to_vec(),
                });
                text = parts.collect::<Vec<_>>().concat();
            }
            // UTF-16 of which the first 70,000 units are no ASCII.
            4 => text = [&b"\xFF\xFE"[..], &[0x2D, 0x4E].repeat(70_000), &utf16(&text, false)].concat(),
            _ => {}
        }
        let want = whole(&scanner, &mut scratch, &text);
        assert!(want.len() > 100, "seed {seed}: {} findings are too few", want.len());
        for most in [3, 40, 1000, 70_000, 200_000] {
            let mut cuts = vec![random.below(most) + 1];
            while cuts.len() < 20_000 && cuts[cuts.len() - 1] < text.len() {
                cuts.push(cuts[cuts.len() - 1] + random.below(most) + 1);
            }
            let have = feed_all(&scanner, &mut scratch, pieces(&text, &cuts));
            assert_same(&scanner, &have, &want, &format!("seed {seed}, pieces of up to {most} bytes"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_made_up_rules_find_the_same_in_every_split(
        words in prop::collection::vec(prop::sample::select(vec![
            &b"TESTKEY-"[..], b"KEY", b"QXQ", b"key", b"keyk", b"tkey", b"bad", b"<<K", b">>", b"EYS", b"a", b"b", b"c",
            b"d", b"aab", b"=", b"\"", b" ", b"\n", b"-", b"0123456789abcd01", b"93b1c7d02a48", b"x8y2z9a1", b"\0", b"\xC3\xA4",
        ]), 0..40),
        wide in prop::option::of(any::<bool>()),
        margin in prop_oneof![Just(0usize), 0usize..50],
        cuts in prop::collection::vec(0usize..300, 0..12),
    ) {
        thread_local!(static SCANNER: Scanner = Scanner::new(test_rules()));
        let text = wide.map_or_else(|| words.concat(), |big| utf16(&words.concat(), big));
        let scanner = SCANNER.with(|scanner| scanner.clone().with_margin(margin));
        let mut scratch = Scratch::new();
        let want = whole(&scanner, &mut scratch, &text);
        assert_same(&scanner, &feed_all(&scanner, &mut scratch, pieces(&text, &cuts)), &want, "cut");
        assert_same(&scanner, &feed_all(&scanner, &mut scratch, text.chunks(1)), &want, "byte by byte");
        if margin == 0 {
            assert_same(&scanner, &settle_all(&scanner, &mut scratch, pieces(&text, &cuts)), &want, "settled");
            assert_same(&scanner, &settle_all(&scanner, &mut scratch, text.chunks(1)), &want, "settled byte by byte");
        }
    }
}

/// A block of some lines of base64 in the frame of a private key, of which no byte was ever a key's.
fn pem_block(random: &mut Random, lines: usize) -> Vec<u8> {
    let line = |random: &mut Random| -> String {
        (0..64)
            .map(|_| char::from(*random.pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")))
            .collect()
    };
    let body: Vec<String> = (0..lines).map(|_| line(random)).collect();
    let frame = |word: &str| format!("-----{word} {} PRIVATE KEY-----", "RSA");
    format!("{}\n{}\n{}\n", frame("BEGIN"), body.join("\n"), frame("END")).into_bytes()
}

#[test]
fn a_secret_longer_than_a_piece_is_found() {
    let scanner = Scanner::new(RuleSet::builtin());
    let mut scratch = Scratch::new();
    let text = [b"key:\n".to_vec(), pem_block(&mut Random(1), 50), b"\nmore\n".to_vec()].concat();
    let want = whole(&scanner, &mut scratch, &text);
    for len in [1, 7, 64, 1000] {
        assert_same(&scanner, &feed_all(&scanner, &mut scratch, text.chunks(len)), &want, &format!("pieces of {len}"));
    }
}

#[test]
fn a_session_that_is_dropped_leaves_nothing_behind() {
    let scanner = Scanner::new(test_rules());
    let mut scratch = Scratch::new();
    let text = b"TESTKEY-abca <<Kdd>> TESTKEY-bbaad";
    let want = scanner.scan(text);
    assert_eq!(want.len(), 3);
    for cut in 0..text.len() {
        scanner.session(&mut scratch).feed(&text[..cut], |_, _| ());
        assert_eq!(scan_pieces(&scanner, &mut scratch, [&text[..]]), want);
    }
}

#[test]
fn a_scratch_serves_scanners_of_different_rules() {
    let text = b"TESTKEY-abca KEY-bbKK <<Kdd>> key = \"93b1c7d02a48xyzq\"";
    let mut few = test_rules();
    few.retain(|rule| rule.id() == "testkey-start");
    let (many, few) = (Scanner::new(test_rules()), Scanner::new(few));
    let mut scratch = Scratch::new();
    for scanner in [&many, &few, &many, &few] {
        assert_eq!(scan_pieces(scanner, &mut scratch, [&text[..]]), scanner.scan(text));
    }
}

/// The most bytes that a session holds while it is fed `len` bytes in pieces of 64 KiB.
fn most_held(scanner: &Scanner, text: &[u8], len: usize) -> usize {
    let mut scratch = Scratch::new();
    let mut session: Session<'_> = scanner.session(&mut scratch);
    let mut most = 0;
    for piece in text.chunks(64 * 1024).cycle().take(len / (64 * 1024)) {
        session.feed(piece, |_, _| ());
        most = most.max(testing::held_len(&session));
    }
    let _coverage = session.finish(|_, _| ());
    most
}

#[test]
fn a_session_holds_little_of_a_long_unit() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    let plain = b"    let total = items.iter().map(|item| item.len()).sum();\n".repeat(20_000);
    assert!(most_held(&scanner, &plain, 64 << 20) < 300 * 1024);
    let mixed = Texts::new(&rules).make(&mut Random(1), 3000);
    assert!(most_held(&scanner, &mixed, 8 << 20) < 400 * 1024);
    // A string in UTF-16, and then nothing of the kind for long.
    let mut sparse = vec![b'.'; 8 << 20];
    sparse[..40].copy_from_slice(&utf16(b"a string in UTF-16 !", false));
    assert!(most_held(&scanner, &sparse, 8 << 20) < 300 * 1024);
    let wide = utf16(&plain[..1 << 20], false);
    assert!(most_held(&scanner, &wide, 8 << 20) < 400 * 1024);
    // Hostile: what opens a secret, and never closes it.
    let open = b"-----BEGIN PRIVATE KEY-----\n".repeat(20_000);
    assert!(most_held(&scanner, &open, 4 << 20) < 400 * 1024);
}
