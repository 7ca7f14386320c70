//! Known secrets that come and go while a text does: what is added is hidden in all that is pushed afterwards, also when a
//! part of it is there already; what is retired stays hidden until it is forgotten; and to cut the text between changes
//! changes nothing.
//!
//! `cargo +nightly fuzz run redact_known`. The bytes are cut into pieces of text and changes of the set, of few letters.

#![no_main]

use keyscan::RuleSet;
use keyscan::redact::{Admission, AtEnd, KnownSecrets, Redaction, Style};
use libfuzzer_sys::fuzz_target;

const LETTERS: &[u8; 8] = b"abcd-\n \\";
const MARK: &str = "\u{25a0}";
const MIN_LEN: usize = 8;
/// More retired values of one name are not kept.
const MAX_SECRETS: usize = 60;

/// Something that happens to a stream.
enum Event {
    Text(Vec<u8>),
    /// The secret of this number comes.
    Add(u8, Vec<u8>),
    /// The secrets of this number are used no more.
    Retire(u8),
    /// What is used no more need not be hidden any more.
    Forget,
}

fn events(data: &[u8]) -> Vec<Event> {
    let (mut events, mut secrets, mut rest) = (Vec::new(), 0, data);
    while let [head, after @ ..] = rest {
        let len = match head >> 5 {
            0 | 1 => usize::from(head & 0x1F),
            2 => 0,
            _ => usize::from(head & 0x3F),
        };
        let (bytes, next) = after.split_at(after.len().min(len));
        events.push(match head >> 5 {
            // Secrets of letters only: others would be trimmed, or stand in escapes.
            0 | 1 if secrets < MAX_SECRETS => {
                secrets += 1;
                Event::Add(head >> 3 & 3, bytes.iter().map(|byte| LETTERS[usize::from(byte % 4)]).collect())
            }
            2 if head & 0x1F == 0x1F => Event::Forget,
            2 => Event::Retire(head & 3),
            _ => Event::Text(bytes.iter().map(|byte| LETTERS[usize::from(byte % 8)]).collect()),
        });
        rest = next;
    }
    events
}

fn redaction(secrets: &KnownSecrets, at_end: AtEnd) -> Redaction {
    let redaction = Redaction::new(RuleSet::new()).with_known(secrets.clone());
    redaction.with_style(Style::Custom(MARK.to_owned())).at_end(at_end)
}

/// What comes out, with each text in pieces of this length, and how much of that was there before the last event.
fn run(events: &[Event], piece: usize, at_end: AtEnd) -> (Vec<u8>, usize) {
    let secrets = KnownSecrets::new();
    let (mut redactor, mut out, mut before) = (redaction(&secrets, at_end).redactor(), Vec::new(), 0);
    for event in events {
        before = out.len();
        match event {
            Event::Text(text) => text.chunks(piece).for_each(|piece| redactor.push(piece, &mut out)),
            Event::Add(name, secret) => {
                let admission = Admission { min_len: MIN_LEN, allow_common: true };
                drop(secrets.add_all([(name.to_string().as_str(), secret.as_slice())], admission));
            }
            Event::Retire(name) => secrets.retire(&name.to_string()),
            Event::Forget => secrets.forget_retired(),
        }
    }
    redactor.finish(&mut out);
    (out, before)
}

/// The secrets that are hidden after all that has happened.
fn hidden(events: &[Event]) -> Vec<&[u8]> {
    let mut all: Vec<(u8, &[u8], bool)> = Vec::new();
    for event in events {
        match event {
            Event::Text(_) => {}
            Event::Add(name, secret) if secret.len() >= MIN_LEN => {
                all.retain(|(other, known, _)| (other, *known) != (name, secret));
                all.push((*name, secret, false));
            }
            Event::Add(..) => {}
            Event::Retire(name) => all.iter_mut().filter(|(known, ..)| known == name).for_each(|known| known.2 = true),
            Event::Forget => all.retain(|(.., retired)| !retired),
        }
    }
    all.into_iter().map(|(_, secret, _)| secret).collect()
}

fn holds(text: &[u8], secrets: &[&[u8]]) -> bool {
    secrets.iter().any(|secret| text.windows(secret.len()).any(|there| there == *secret))
}

fuzz_target!(|data: &[u8]| {
    let [choice, data @ ..] = data else { return };
    let at_end = if choice & 1 == 0 { AtEnd::Show } else { AtEnd::HideParts };
    let events = events(data);
    let (out, before) = run(&events, usize::MAX, at_end);
    for piece in [1, 3, 7] {
        assert!(run(&events, piece, at_end).0 == out, "the same comes out however it came in, in pieces of {piece}");
    }
    // What was known before the last text is not in what came of it.
    let Some((Event::Text(last), earlier)) = events.split_last() else { return };
    let known = hidden(earlier);
    assert!(!holds(&out[before..], &known), "a known secret is in it");
    // The same text, with all of that known from its start on.
    let secrets = KnownSecrets::new();
    let admission = Admission { min_len: MIN_LEN, allow_common: true };
    drop(secrets.add_all(known.iter().map(|secret| ("S", *secret)), admission));
    let once = redaction(&secrets, at_end).redact(last);
    assert!(!holds(&once, &known), "a known secret is in it");
    assert!(redaction(&secrets, at_end).redact(&once) == once, "redacted twice");
});
