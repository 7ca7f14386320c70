//! Whatever comes, however it is cut: the same comes out, nothing known is in it, and to redact it again changes nothing.
//!
//! `cargo +nightly fuzz run redact`. The first byte chooses format and marker, the second how the text is cut.

#![no_main]

use std::sync::OnceLock;

use keyscan::redact::{KnownSecrets, Redaction, Style, TextFormat};
use keyscan::{DOUBTFUL, Key, RuleSet, Scanner};
use libfuzzer_sys::fuzz_target;

const KNOWN: [&str; 3] = ["quartz-0123456789", "pa\"ss\\w/rd", "abcabcabd"];

/// A gap in a regex reaches over all but the last of several that are alike, and a second run finds the one before it.
fn rules() -> RuleSet {
    let mut rules = RuleSet::builtin();
    rules.retain(|rule| !rule.regex().is_some_and(|regex| regex.contains("[^!]") || regex.contains("(?s")));
    rules
}

fn redactions() -> &'static [Redaction] {
    static REDACTIONS: OnceLock<Vec<Redaction>> = OnceLock::new();
    REDACTIONS.get_or_init(|| {
        let known = KnownSecrets::new();
        for value in KNOWN {
            known.add("KNOWN", value.as_bytes()).expect("they are secrets");
        }
        let plain = Redaction::new(rules()).with_known(known);
        let formats = [TextFormat::Text, TextFormat::Json, TextFormat::Logfmt];
        let customs = ["\u{25a0}", "<{rule}>", "XXXX"].map(|text| Style::Custom(text.to_owned()));
        let styles = [Style::Label, Style::Tag(Key::from_bytes([7; 32])), Style::Mask, Style::Remove];
        let styles: Vec<Style> = styles.into_iter().chain(customs).collect();
        let all = formats.iter().flat_map(|format| styles.iter().map(move |style| (*format, style.clone())));
        all.map(|(format, style)| plain.clone().with_format(format).with_style(style)).collect()
    })
}

fn scanner() -> &'static Scanner {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    SCANNER.get_or_init(|| Scanner::new(rules()))
}

fuzz_target!(|data: &[u8]| {
    let [choice, cut, text @ ..] = data else { return };
    // What stands right before a secret in UTF-16 is not looked at again when that is hidden: a limit that is told. And where
    // nothing is left of the start of a secret at the end, what stood before it is at the end.
    let narrow = text.iter().map(|byte| if *byte == 0 { b' ' } else { *byte });
    let text = &narrow.chain(*b"\n").collect::<Vec<u8>>();
    let redaction = &redactions()[usize::from(*choice) % redactions().len()];
    let out = redaction.redact(text);
    let (mut redactor, mut pieces) = (redaction.redactor(), Vec::new());
    for (number, piece) in text.chunks(1 + usize::from(*cut)).enumerate() {
        if (number + usize::from(*choice)) % 3 == 0 {
            redactor.push_more(piece, &mut pieces);
        } else {
            redactor.push(piece, &mut pieces);
        }
        assert!(out.starts_with(&pieces), "what was shown is the start of what comes out");
    }
    redactor.finish(&mut pieces);
    assert!(pieces == out, "the same comes out however it came in");
    let holds = |value: &&str| out.windows(value.len()).any(|window| window == value.as_bytes());
    assert!(!KNOWN.iter().any(holds), "a known secret is in it");
    let found = scanner().scan(&out).into_iter().find(|finding| finding.confidence >= DOUBTFUL);
    assert!(found.is_none(), "{:?}", found.map(|found| scanner().rules()[found.rule].id().to_owned()));
    assert!(redaction.redact(&out) == out, "redacted twice");
});
