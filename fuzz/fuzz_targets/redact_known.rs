//! Known secrets that come while a text does: what is added is hidden in all that is pushed afterwards, also when a part of
//! it is there already, and to cut the text between changes changes nothing.
//!
//! `cargo +nightly fuzz run redact_known`. The bytes are cut into pieces of text and new secrets, of few letters.

#![no_main]

use keyscan::RuleSet;
use keyscan::redact::{Admission, AtEnd, KnownSecrets, Redaction, Style};
use libfuzzer_sys::fuzz_target;

const LETTERS: &[u8; 8] = b"abcd-\n \\";
const MARK: &str = "\u{25a0}";

/// Something that happens to a stream.
enum Event {
    Text(Vec<u8>),
    Secret(Vec<u8>),
}

fn events(data: &[u8]) -> Vec<Event> {
    let (mut events, mut rest) = (Vec::new(), data);
    while let [head, after @ ..] = rest {
        let (bytes, next) = after.split_at(after.len().min(usize::from(head & 0x3F)));
        let letters = bytes.iter().map(|byte| LETTERS[usize::from(byte % 8)]);
        // Secrets of letters only: others would be trimmed, or stand in escapes.
        events.push(match head >> 6 {
            0 => Event::Secret(bytes.iter().map(|byte| LETTERS[usize::from(byte % 4)]).collect()),
            _ => Event::Text(letters.collect()),
        });
        rest = next;
    }
    events
}

/// What comes out, with each text in pieces of this length, and how much of that was there before the last event.
fn run(events: &[Event], piece: usize) -> (Vec<u8>, usize) {
    let secrets = KnownSecrets::new();
    let redaction = Redaction::new(RuleSet::new()).with_known(secrets.clone());
    let redaction = redaction.with_style(Style::Custom(MARK.to_owned())).at_end(AtEnd::Show);
    let (mut redactor, mut out, mut before) = (redaction.redactor(), Vec::new(), 0);
    for event in events {
        before = out.len();
        match event {
            Event::Text(text) => text.chunks(piece).for_each(|piece| redactor.push(piece, &mut out)),
            Event::Secret(secret) => {
                let admission = Admission { min_len: 8, allow_common: true };
                drop(secrets.add_all([("S", secret.as_slice())], admission));
            }
        }
    }
    redactor.finish(&mut out);
    (out, before)
}

fuzz_target!(|data: &[u8]| {
    let events = events(data);
    let (out, before) = run(&events, usize::MAX);
    for piece in [1, 3, 7] {
        assert!(run(&events, piece).0 == out, "the same comes out however it came in, in pieces of {piece}");
    }
    // What was known before the last text is not in what came of it.
    if let Some((Event::Text(_), earlier)) = events.split_last() {
        let holds = |event: &Event| match event {
            Event::Secret(secret) => secret.len() >= 8 && out[before..].windows(secret.len()).any(|there| there == secret),
            Event::Text(_) => false,
        };
        assert!(!earlier.iter().any(holds), "a known secret is in it");
    }
});
