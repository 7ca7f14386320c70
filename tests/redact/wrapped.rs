//! Known secrets that something has wrapped: at a column, with indentation, softly.

use keyscan::redact::AtEnd;
use proptest::prelude::*;

use super::common::Random;
use super::{MARK, assert_redacts, known_only, marked, pushed};

const SECRET: &str = "topsecretvalue42-quartz-0123456789";

/// The text in lines of so many columns.
fn wrapped(text: &str, column: usize, end: &str) -> String {
    let lines: Vec<&str> = text.as_bytes().chunks(column).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(end)
}

#[test]
fn a_secret_is_hidden_wherever_it_is_wrapped() {
    let redaction = known_only(&[SECRET]);
    for end in ["\n", "\r\n", "\n    ", "\n\t", "\r\r\n", "=\n", "=\r\n", "\\\n"] {
        for column in [4, 5, 8, 16, 17, 30, 33] {
            let text = format!("tok={}; next", wrapped(SECRET, column, end));
            assert_redacts(&redaction, text.as_bytes(), format!("tok={MARK}; next").as_bytes());
        }
        // Fewer than four bytes do not wait at the end of a line.
        for head in 1..4 {
            let text = format!("a\nb {}{end}{}\n", &SECRET[..head], &SECRET[head..]);
            let shown = format!("{}{end}{}", &SECRET[..head], &SECRET[head..3]);
            assert_redacts(&redaction, text.as_bytes(), format!("a\nb {shown}{MARK}\n").as_bytes());
        }
    }
}

#[test]
fn what_is_encoded_is_hidden_in_the_lines_that_encoders_write() {
    let (secret, mut random) = ("quartz-0123456789-basalt-0123456789-granite", Random(3));
    let redaction = known_only(&[secret]);
    for before in 0..120 {
        let mut bytes: Vec<u8> = (0..before).map(|_| random.next() as u8).collect();
        bytes.extend_from_slice(secret.as_bytes());
        bytes.extend((0..100).map(|_| random.next() as u8));
        let encoded = data_encoding::BASE64.encode(&bytes);
        for column in [64, 76, 80] {
            for end in ["\n", "\r\n"] {
                let text = wrapped(&encoded, column, end);
                let out = redaction.redact(text.as_bytes());
                assert_eq!(pushed(&redaction, text.as_bytes().chunks(1)), out);
                let left: Vec<u8> = out.split(|b| *b == MARK.as_bytes()[0]).flatten().copied().collect();
                let visible = |text: &[u8]| text.iter().filter(|byte| byte.is_ascii_graphic()).count();
                // What is left of the secret: up to one character on each side, and three before the end of a line.
                let hidden = visible(text.as_bytes()) - visible(&left);
                assert!(hidden * 6 + 6 * 5 >= secret.len() * 8, "{before}, {column}: {hidden}");
            }
        }
    }
}

#[test]
fn lines_that_only_look_like_it_are_there_at_once() {
    let redaction = known_only(&[SECRET]);
    for line in ["a line\n", "$ echo t\n", "ends with top\n", "soft=\n", "top\r\n"] {
        let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
        redactor.push(line.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), line);
    }
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    redactor.push(b"a tops\n", &mut out);
    assert_eq!(out, b"a ");
    redactor.push(b"b", &mut out);
    assert_eq!(out, b"a tops\nb");
}

/// What stands at `text[at..]` without ends of lines: each byte and its place.
fn joined(text: &[u8], at: usize) -> Vec<(u8, usize)> {
    let (mut out, mut index, mut ends) = (Vec::new(), at, 0);
    while index < text.len() {
        let returns = text[index..].iter().take_while(|byte| **byte == b'\r').count();
        if returns <= 2 && text.get(index + returns) == Some(&b'\n') {
            // No more lines end between two bytes.
            ends += 1;
            if ends > 4 {
                break;
            }
            index += returns + 1;
            index += text[index..].iter().take_while(|byte| **byte == b' ').count();
        } else {
            out.push((text[index], index));
            index += 1;
            ends = 0;
        }
    }
    out
}

/// Every place at which a needle stands, wrapped or not; those that overlap joined.
fn naive(known: &[String], text: &[u8]) -> Vec<u8> {
    let mut hidden: Vec<(usize, usize)> = Vec::new();
    for at in 0..text.len() {
        let rest = joined(text, at);
        for needle in known {
            if rest.len() < needle.len() || rest[0].1 != at || !needle.bytes().zip(&rest).all(|(a, b)| a == b.0) {
                continue;
            }
            let start = if rest[3].1 == at + 3 { at } else { rest[3].1 };
            hidden.push((start, rest[needle.len() - 1].1 + 1));
        }
    }
    marked(text, hidden)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_split_hides_what_a_naive_search_finds(
        known in prop::collection::vec("[ab]{2}[abc]{14,24}", 1..4),
        parts in prop::collection::vec((0usize..4, 0usize..24, 0usize..24, 0usize..8), 1..10),
        ends in prop::collection::vec((0usize..200, 0usize..4), 0..12),
        cuts in prop::collection::vec(0usize..300, 0..10),
    ) {
        let mut text = String::new();
        for (which, from, len, glue) in parts {
            let value = &known[which % known.len()];
            let (from, glue) = (from.min(value.len()) * usize::from(glue > 4), ["", "", "", "a", "b", "-", " ", "\n"][glue]);
            text.push_str(&value[from..(from + len).max(value.len() * usize::from(len > 4)).min(value.len())]);
            text.push_str(glue);
        }
        for (at, end) in ends {
            text.insert_str(at % (text.len() + 1), ["\n", "\r\n", "\n  ", "\n"][end]);
        }
        // A text may end with the start of a secret.
        text.push_str("--------");
        let values: Vec<&str> = known.iter().map(String::as_str).collect();
        let redaction = known_only(&values).at_end(AtEnd::Show);
        let (text, expected) = (text.as_bytes(), naive(&known, text.as_bytes()));
        prop_assert_eq!(redaction.redact(text).escape_ascii().to_string(), expected.escape_ascii().to_string());
        prop_assert_eq!(pushed(&redaction, text.chunks(1)), expected.clone());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        prop_assert_eq!(pushed(&redaction, cuts.windows(2).map(|pair| &text[pair[0]..pair[1]])), expected);
    }
}
