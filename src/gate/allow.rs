//! Comments in the text that allow a finding.
//!
//! A marker counts on the line where the secret starts or ends, on either side of it; one that names the next line
//! counts on the line before that where the secret starts. It is a token of its own: no letter, digit, `_` or `-`
//! touches it, and it does not touch the secret. Block forms (`secretlint-disable` ... `secretlint-enable`) are not
//! read: the engine does not keep text so far away.
//!
//! `keyscan:allow` alone allows every rule. Names after it are ids of rules, `keyscan:allow github-pat,test-key`, and
//! then it allows these only; a reason may follow them. So a word that is no id after it allows nothing: a finding
//! that is still reported is better than a secret that is not. The other tools' markers allow every rule: their ids
//! are not ours.

use std::borrow::Cow;

use crate::engine::Surroundings;
use crate::finding::Encoding;

/// Markers that are one fixed word, each for its own line.
const SAME_LINE: &[&str] = &[
    "gitleaks:allow",
    "betterleaks:allow",
    "trufflehog:ignore",
    "kingfisher:ignore",
    "ggignore",
    "secretlint-disable-line",
];

/// The marker that allows a finding of this rule, where there is one. `decoded` is how the secret is encoded in the
/// unit: its surroundings are then read so too.
#[must_use]
pub fn allowed_by(around: Surroundings<'_>, rule_id: &str, decoded: Option<Encoding>) -> Option<&'static str> {
    let (before, after) = (narrow(around.before, decoded, Side::Before), narrow(around.after, decoded, Side::After));
    let line_start = memchr::memrchr(b'\n', &before).map_or(0, |at| at + 1);
    let line_end = memchr::memchr(b'\n', &after).unwrap_or(after.len());
    let head = Part { text: &before[line_start..], touches: Some(Side::Before) };
    let tail = Part { text: &after[..line_end], touches: Some(Side::After) };
    let previous = line_start.checked_sub(1).map(|end| {
        let start = memchr::memrchr(b'\n', &before[..end]).map_or(0, |at| at + 1);
        Part { text: &before[start..end], touches: None }
    });
    let same = [head, tail].iter().find_map(|part| part.same_line(rule_id));
    same.or_else(|| previous.and_then(Part::next_line))
}

/// On which side of the secret a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// UTF-16 as bytes: what is not ASCII becomes `\xFF`, which is part of no marker.
fn narrow(text: &[u8], decoded: Option<Encoding>, side: Side) -> Cow<'_, [u8]> {
    let big = match decoded {
        Some(Encoding::Utf16Le) => false,
        Some(Encoding::Utf16Be) => true,
        _ => return Cow::Borrowed(text),
    };
    // Code units are counted from the secret.
    let skip = if side == Side::Before { text.len() % 2 } else { 0 };
    let unit = |pair: &[u8]| {
        let (high, low) = if big { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
        if high == 0 && low.is_ascii() { low } else { 0xFF }
    };
    Cow::Owned(text[skip..].chunks_exact(2).map(unit).collect())
}

/// A part of a line.
#[derive(Debug, Clone, Copy)]
struct Part<'t> {
    text: &'t [u8],
    /// The secret stands right after it, or right before it, or neither.
    touches: Option<Side>,
}

impl<'t> Part<'t> {
    fn same_line(self, rule_id: &str) -> Option<&'static str> {
        if self.tokens("keyscan:allow").any(|rest| names(rest, rule_id)) {
            return Some("keyscan:allow");
        }
        if self.pragmas().any(|rest| strip_any(rest, &[b"secret"]).is_some_and(|rest| self.ends(rest))) {
            return Some("pragma: allowlist secret");
        }
        SAME_LINE.iter().copied().find(|marker| self.tokens(marker).next().is_some())
    }

    fn next_line(self) -> Option<&'static str> {
        let is_next = |rest: &&[u8]| {
            let rest = strip_any(rest, &[b"nextline secret", b"nextline-secret"]);
            rest.is_some_and(|rest| self.ends(rest))
        };
        if self.pragmas().any(|rest| is_next(&rest)) {
            return Some("pragma: allowlist nextline secret");
        }
        let marker = "secretlint-disable-next-line";
        self.tokens(marker).next().map(|_| marker)
    }

    /// What follows each place where the marker stands as a token.
    fn tokens(self, marker: &str) -> impl Iterator<Item = &'t [u8]> {
        self.starts(marker).filter(move |rest| self.ends(rest))
    }

    /// What follows each `pragma: allowlist `, in the spellings of detect-secrets.
    fn pragmas(self) -> impl Iterator<Item = &'t [u8]> {
        self.starts("pragma:").filter_map(|rest| {
            let rest = rest.trim_ascii_start();
            strip_any(rest, &[b"allowlist ", b"allowlist-", b"whitelist ", b"whitelist-"])
        })
    }

    /// What follows each place where the marker stands and nothing touches it from the left.
    fn starts(self, marker: &str) -> impl Iterator<Item = &'t [u8]> {
        let places: Vec<usize> = memchr::memmem::find_iter(self.text, marker.as_bytes()).collect();
        let len = marker.len();
        places.into_iter().filter_map(move |at| {
            let free = match at.checked_sub(1) {
                Some(left) => !is_word(self.text[left]),
                None => self.touches != Some(Side::After),
            };
            free.then(|| &self.text[at + len..])
        })
    }

    /// Whether a token may end before `rest`, which ends where this text ends.
    fn ends(self, rest: &[u8]) -> bool {
        match rest.first() {
            Some(&next) => !is_word(next),
            None => self.touches != Some(Side::Before),
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn strip_any<'t>(text: &'t [u8], prefixes: &[&[u8]]) -> Option<&'t [u8]> {
    prefixes.iter().find_map(|prefix| text.strip_prefix(*prefix))
}

/// Whether the list of rules at the start of `rest` names the rule, or there is none.
fn names(rest: &[u8], rule_id: &str) -> bool {
    let is_id = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let mut rest = rest.trim_ascii_start();
    if !rest.first().is_some_and(u8::is_ascii_alphanumeric) {
        return true;
    }
    loop {
        let len = rest.iter().position(|byte| !is_id(byte)).unwrap_or(rest.len());
        if &rest[..len] == rule_id.as_bytes() {
            return true;
        }
        match rest[len..].trim_ascii_start().strip_prefix(b",") {
            Some(more) => rest = more.trim_ascii_start(),
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marker that allows the secret between the two bars of a text.
    fn marker(text: &str) -> Option<&'static str> {
        let parts: Vec<&[u8]> = text.split('|').map(str::as_bytes).collect();
        allowed_by(Surroundings::new(parts[0], parts[2]), "test-key", None)
    }

    #[test]
    fn each_marker_counts_on_either_side_of_its_line() {
        let others = ["keyscan:allow", "pragma: allowlist secret", "pragma:whitelist-secret"];
        for word in SAME_LINE.iter().copied().chain(others) {
            assert!(marker(&format!("a\nkey = '|S|' # {word}\nb")).is_some(), "{word}");
            assert!(marker(&format!("a\n/* {word} */ key = '|S|'\nb")).is_some(), "{word}");
            assert!(marker(&format!("key = |S| //{word}")).is_some(), "{word}");
            assert!(marker(&format!("{word}\r\nkey = '|S|'\r\n{word}")).is_none(), "{word}");
        }
    }

    #[test]
    fn a_marker_for_the_next_line_counts_there_only() {
        for word in ["pragma: allowlist nextline secret", "secretlint-disable-next-line"] {
            assert!(marker(&format!("# {word}\nkey = '|S|'\n")).is_some(), "{word}");
            assert!(marker(&format!("a\n# {word}\r\nkey = '|S|'\n")).is_some(), "{word}");
            assert!(marker(&format!("# {word}\n\nkey = '|S|'\n")).is_none(), "{word}");
            assert!(marker(&format!("key = '|S|' # {word}\n")).is_none(), "{word}");
            assert!(marker(&format!("key = '|S|'\n# {word}\n")).is_none(), "{word}");
        }
    }

    #[test]
    fn the_first_and_the_last_line_of_a_long_secret_count() {
        assert!(marker("a # gitleaks:allow |S\nS| b").is_some());
        assert!(marker("a |S\nS| b # gitleaks:allow").is_some());
        assert!(marker("a |S\n# gitleaks:allow\nS| b").is_none());
    }

    #[test]
    fn a_marker_is_a_token_of_its_own() {
        for text in [
            "|S| xgitleaks:allow",
            "|S| gitleaks:allowed",
            "|S| gitleaks:allow-not",
            "|S| my-ggignore",
            "|S| Ggignore_",
        ] {
            assert!(marker(text).is_none(), "{text}");
        }
        assert!(marker("|S| xgitleaks:allow gitleaks:allow").is_some());
        assert!(marker("|S| \u{201c}gitleaks:allow\u{201d}").is_some());
    }

    #[test]
    fn a_marker_that_touches_the_secret_is_part_of_it() {
        assert!(marker("gitleaks:allow|S|").is_none());
        assert!(marker("|S|gitleaks:allow").is_none());
        assert!(marker("pragma: allowlist secret|S|").is_none());
        assert!(marker("gitleaks:allow |S|").is_some());
    }

    #[test]
    fn rule_ids_after_our_marker_limit_it() {
        for text in [
            "test-key",
            "test-key: made up",
            "other,test-key",
            "other, test-key",
            "test-key for tests",
            "-->",
            "*/ x",
            "",
        ] {
            assert!(marker(&format!("|S| keyscan:allow {text}")).is_some(), "{text}");
        }
        for text in ["other", "other,more", "test-key2", "test", "because it is a test-key", "other test-key"] {
            assert!(marker(&format!("|S| keyscan:allow {text}")).is_none(), "{text}");
        }
    }

    #[test]
    fn a_block_form_allows_nothing() {
        assert!(marker("/* secretlint-disable */\n|S|").is_none());
        assert!(marker("|S| /* secretlint-disable */").is_none());
    }

    #[test]
    fn markers_are_read_in_the_encoding_of_the_secret() {
        let text = |text: &str, big: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        for (encoding, big) in [(Encoding::Utf16Le, false), (Encoding::Utf16Be, true)] {
            let before = text("\u{feff}x\n\u{e4} ", big);
            let after = text(" # gitleaks:allow\n", big);
            // A window may start in the middle of a code unit.
            let around = Surroundings::new(&before[1..], &after);
            assert!(allowed_by(around, "test-key", Some(encoding)).is_some());
            let below = text("\n# gitleaks:allow", big);
            let around = Surroundings::new(&before, &below);
            assert!(allowed_by(around, "test-key", Some(encoding)).is_none());
        }
    }
}
