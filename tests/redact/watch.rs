//! Watch-lists: what is hidden is what would be hidden of secrets that are known, and a list that is shared says little.

use std::time::Instant;

use keyscan::redact::{AtEnd, KnownSecrets, Redaction, Style, WatchList};
use keyscan::{Key, RuleSet};
use proptest::prelude::*;

use super::common::Random;
use super::{MARK, assert_redacts, known_only, pushed};

const TOKEN: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn drawn(random: &mut Random, len: usize) -> String {
    (0..len).map(|_| char::from(*random.pick(TOKEN))).collect()
}

/// Hides these values without knowing them, as a machine does that read the list.
fn watching(values: &[&str]) -> Redaction {
    let (list, refused) = WatchList::with_salt(values.iter().map(|value| ("KNOWN", value.as_bytes())), None, [7; 16]);
    assert_eq!(refused, []);
    let list = WatchList::parse(list.to_text().as_bytes(), None).unwrap();
    let secrets = KnownSecrets::new();
    secrets.watch(list);
    Redaction::new(RuleSet::new()).with_known(secrets).with_style(Style::Custom(MARK.to_owned())).at_end(AtEnd::Show)
}

#[test]
fn what_is_watched_for_is_hidden_in_all_its_forms() {
    let secret = drawn(&mut Random(3), 30) + "/+\"x";
    let redaction = watching(&[&secret]);
    let percent = secret.replace('/', "%2F").replace('+', "%2B").replace('"', "%22");
    for form in [secret.clone(), percent, secret.replace('"', "\\\"")] {
        for (before, after) in [("", ""), ("x=", ";"), ("glued", "glued"), ("\n", "\n"), ("\u{e9}", "\u{e9}")] {
            let expected = format!("{before}{MARK}{after}");
            assert_redacts(&redaction, format!("{before}{form}{after}").as_bytes(), expected.as_bytes());
        }
    }
    for before in ["", "u:", "ab:"] {
        let encoded = data_encoding::BASE64.encode(format!("{before}{secret} tail").as_bytes());
        let out = String::from_utf8(redaction.redact(encoded.as_bytes())).unwrap();
        assert!(out.contains(MARK) && out.len() < encoded.len() / 2, "{out}");
    }
}

#[test]
fn nothing_waits_that_no_value_may_start_with() {
    let value = drawn(&mut Random(5), 24);
    let redaction = watching(&[&value]);
    for text in ["Password: ", "$ ", "\"key\": \"", "a line\n", "50% |"] {
        let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
        redactor.push(text.as_bytes(), &mut out);
        assert_eq!(out, text.as_bytes());
    }
    // Of what may be the start of one, as much as decides; of one that is, all.
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    redactor.push(&b"x".repeat(100_000), &mut out);
    assert!((1..64).contains(&redactor.held_len()), "{}", redactor.held_len());
    redactor.push(format!(" {}", &value[..23]).as_bytes(), &mut out);
    assert_eq!(redactor.held_len(), 23);
    redactor.push(b"~", &mut out);
    redactor.push(b"\n", &mut out);
    assert_eq!(redactor.held_len(), 0);
}

#[test]
fn lists_come_and_go_while_a_text_comes() {
    let mut random = Random(8);
    let (one, two) = (drawn(&mut random, 24), drawn(&mut random, 40));
    let list = |value: &str, name: &str| WatchList::with_salt([(name, value.as_bytes())], None, [1; 16]).0;
    let secrets = KnownSecrets::new();
    let redaction = Redaction::new(RuleSet::new()).with_known(secrets.clone());
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    let line = format!("{one} {two}\n");
    redactor.push(line.as_bytes(), &mut out);
    secrets.watch(list(&one, "ONE"));
    redactor.push(line.as_bytes(), &mut out);
    // The list comes when a part of the value is there; it waits because of the other list.
    redactor.push(&two.as_bytes()[..10], &mut out);
    secrets.retire_watched();
    secrets.watch(list(&two, "TWO"));
    redactor.push(format!("{} {line}", &two[10..]).as_bytes(), &mut out);
    assert_eq!(secrets.len(), 2);
    secrets.forget_retired();
    assert_eq!(secrets.len(), 1);
    redactor.push(line.as_bytes(), &mut out);
    redactor.finish(&mut out);
    let expected =
        format!("{line}[REDACTED:ONE] {two}\n[REDACTED:TWO] [REDACTED:ONE] [REDACTED:TWO]\n{one} [REDACTED:TWO]\n");
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn a_marker_is_none_that_is_watched_for() {
    let value = drawn(&mut Random(9), 24);
    let other = drawn(&mut Random(10), 24);
    let redaction = watching(&[&value, &other]).with_style(Style::Custom(value.clone()));
    assert_eq!(redaction.redact(format!("a {other} b").as_bytes()), "a \u{2588} b".as_bytes());
}

#[test]
fn a_list_with_a_key_needs_it() {
    let (value, key) = (drawn(&mut Random(9), 24), Key::from_bytes([5; 32]));
    let text = WatchList::with_salt([("N", value.as_bytes())], Some(&key), [1; 16]).0.to_text();
    assert!(WatchList::parse(text.as_bytes(), None).is_err());
    let list = WatchList::parse(text.as_bytes(), Some(&key)).unwrap();
    let secrets = KnownSecrets::new();
    secrets.watch(list);
    let redaction = Redaction::new(RuleSet::new()).with_known(secrets);
    assert_eq!(redaction.redact(format!("a {value} b").as_bytes()), b"a [REDACTED:N] b");
}

/// Hashes of many lengths over text that is all visible, and starts of values over and over.
#[test]
fn time_is_linear_with_many_values() {
    let mut random = Random(4);
    let values: Vec<String> = (0..500).map(|number| drawn(&mut random, 28 + number % 60)).collect();
    let redaction = watching(&values.iter().map(String::as_str).collect::<Vec<&str>>());
    let starts: String = values.iter().map(|value| format!("{}~", &value[..value.len() - 1])).collect();
    for text in [drawn(&mut random, 1 << 20), "x".repeat(1 << 20), starts.repeat(40)] {
        let started = Instant::now();
        assert_eq!(redaction.redact(text.as_bytes()), text.as_bytes());
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Values that overlap, each a part of one long string, and parts of it anywhere.
    #[test]
    fn every_split_hides_what_is_hidden_of_known_secrets(
        seed in 0u64..1000,
        spans in prop::collection::vec((0usize..60, 32usize..70), 1..6),
        parts in prop::collection::vec((0usize..130, 1usize..70, 0usize..4), 1..12),
        cuts in prop::collection::vec(0usize..600, 0..12),
    ) {
        let long = drawn(&mut Random(seed), 200);
        let values: Vec<&str> = spans.iter().map(|&(from, len)| &long[from..from + len]).collect();
        let text: String = parts.iter().map(|&(from, len, end)| {
            // Values that are wrapped are hidden when they are known only; these lines do not go on.
            let end = [" ", "", "\n* ", "-"][end];
            format!("{}{end}", &long[from..from + len])
        }).collect();
        let text = text.as_bytes();
        let expected = known_only(&values).at_end(AtEnd::Show).redact(text);
        let redaction = watching(&values);
        prop_assert_eq!(redaction.redact(text), expected.clone());
        prop_assert_eq!(pushed(&redaction, text.chunks(1)), expected.clone());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        prop_assert_eq!(pushed(&redaction, cuts.windows(2).map(|pair| &text[pair[0]..pair[1]])), expected);
    }
}
