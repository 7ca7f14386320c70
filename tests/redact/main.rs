//! What a redactor promises: what comes out does not depend on how the text came in, no secret is in it, and nothing is
//! held back that need not be.

#[path = "../common/mod.rs"]
mod common;

mod chunks;
mod closure;
mod json;
mod known;
mod peers;
#[cfg(all(unix, feature = "cli"))]
mod process;
mod prompts;
mod watch;
mod wrapped;

use keyscan::RuleSet;
use keyscan::redact::{KnownSecrets, Redaction, Style};

/// What stands in the place of a secret.
const MARK: &str = "\u{25a0}";

/// Hides these values, and what the built-in rules find.
fn redaction(known: &[&str]) -> Redaction {
    with_rules(RuleSet::builtin(), known)
}

/// Hides these values only.
fn known_only(known: &[&str]) -> Redaction {
    with_rules(RuleSet::new(), known)
}

fn with_rules(rules: RuleSet, known: &[&str]) -> Redaction {
    Redaction::new(rules).with_known(known_secrets(known)).with_style(Style::Custom(MARK.to_owned()))
}

fn known_secrets(known: &[&str]) -> KnownSecrets {
    let secrets = KnownSecrets::new();
    let values = known.iter().map(|value| ("KNOWN", value.as_bytes()));
    let admission = keyscan::redact::Admission { min_len: 3, allow_common: true };
    assert!(secrets.add_all(values, admission).is_empty());
    secrets
}

fn pushed<'t>(redaction: &Redaction, pieces: impl IntoIterator<Item = &'t [u8]>) -> Vec<u8> {
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    for piece in pieces {
        redactor.push(piece, &mut out);
    }
    redactor.finish(&mut out);
    out
}

/// The text with a mark in the place of what these spans cover; those that overlap are one.
fn marked(text: &[u8], mut spans: Vec<(usize, usize)>) -> Vec<u8> {
    spans.sort_unstable();
    let (mut out, mut at) = (Vec::new(), 0);
    for (start, end) in spans {
        if start >= at {
            out.extend_from_slice(&text[at..start]);
            out.extend_from_slice(MARK.as_bytes());
        }
        at = at.max(end);
    }
    out.extend_from_slice(&text[at..]);
    out
}

/// Asserts that the text comes out as expected however it is cut: whole, in every two pieces, byte by byte.
#[track_caller]
fn assert_redacts(redaction: &Redaction, text: &[u8], expected: &[u8]) {
    let show = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    assert_eq!(show(&redaction.redact(text)), show(expected), "whole: {}", show(text));
    assert_eq!(show(&pushed(redaction, text.chunks(1))), show(expected), "byte by byte: {}", show(text));
    for cut in 0..=text.len() {
        let out = pushed(redaction, [&text[..cut], &text[cut..]]);
        assert_eq!(show(&out), show(expected), "cut at {cut}: {}", show(text));
    }
    let again = redaction.redact(expected);
    assert_eq!(show(&again), show(expected), "redacted twice");
}

/// Streams of models have a redactor for each of their texts.
#[test]
fn redactors_are_light() {
    let size = size_of::<keyscan::redact::Redactor>();
    assert!(size < 8192, "{size} bytes");
}

#[test]
fn redactors_cross_threads_and_their_debug_shows_no_secret() {
    fn is_send<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    is_send::<keyscan::redact::Redactor>();
    is_send::<keyscan::redact::RedactWriter<Vec<u8>>>();
    is_shared::<Redaction>();
    is_shared::<KnownSecrets>();
    let redaction = redaction(&["quartz-0123"]);
    let mut redactor = redaction.redactor();
    redactor.push(b"quartz-01", &mut Vec::new());
    let shown = format!("{redaction:?} {redactor:?} {:?}", redactor.stats());
    assert!(!shown.contains("quartz"), "{shown}");
}
