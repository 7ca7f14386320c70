//! What stands in the place of a secret.

use super::vault::Vault;
use crate::fingerprint::{Fingerprint, Key};
use crate::secret::Secret;

/// How a secret is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Style {
    /// `[REDACTED:rule]`.
    #[default]
    Label,
    /// `[REDACTED:rule:0123abcd]`: the first eight hex digits of the secret's [`Fingerprint`] under this key, so that one
    /// secret has one tag wherever it stands.
    Tag(Key),
    /// `{{keyscan:rule:0123456789abcdef}}`, which leads back to the value in this process; blocks of keys, and what cannot
    /// be kept, become `[REDACTED:rule]`.
    Placeholder(Vault),
    /// As many asterisks as the secret has bytes, eight for a block of a key. Shows how long it is.
    Mask,
    /// Nothing at all, but for `\u{2588}` where that would make one word of what stands on both sides.
    Remove,
    /// This text, in which `{rule}` is the rule's id or the secret's name.
    Custom(String),
}

/// Shorter texts are not told to be in UTF-16.
const MIN_WIDE: usize = 8;

/// Stands where the marker itself would be, or make, a secret.
pub(super) const NEUTRAL: &str = "\u{2588}";

impl Style {
    /// Whether scans know its markers for such wherever they stand.
    pub(super) fn is_known(&self) -> bool {
        matches!(self, Style::Label | Style::Tag(_))
    }

    /// Whether a value is a marker of this style, or of nobody's.
    pub(super) fn is_marker(&self, value: &[u8]) -> bool {
        let custom = match self {
            Style::Custom(text) => text.split("{rule}").next().filter(|start| !start.is_empty()),
            _ => None,
        };
        value.iter().all(|byte| *byte == b'*')
            || value.strip_prefix(b"\"").unwrap_or(value).starts_with(b"[REDACTED")
            || value == NEUTRAL.as_bytes()
            || (matches!(self, Style::Placeholder(_)) && Vault::is_placeholder(value))
            || [&b"null"[..], b"true", b"false"].contains(&value)
            || custom.is_some_and(|start| value.starts_with(start.as_bytes()))
    }

    /// The marker for a secret of this rule or name, which has so many bytes in the text.
    pub(super) fn marker(&self, label: &str, secret: Option<&Secret>, len: u64) -> String {
        match self {
            Style::Label => format!("[REDACTED:{label}]"),
            Style::Tag(key) => format!("[REDACTED:{label}:{}]", tag(key, label, secret)),
            Style::Placeholder(vault) => {
                let placeholder = secret.and_then(|secret| vault.placeholder(label, secret));
                placeholder.unwrap_or_else(|| format!("[REDACTED:{label}]"))
            }
            Style::Mask => "*".repeat(len as usize),
            Style::Remove => String::new(),
            Style::Custom(text) => text.replace("{rule}", label),
        }
    }
}

/// Text in UTF-16 that a marker takes the place of. It has one byte of a code unit at an end where the other one belongs to
/// nobody: which is which, only the text around it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wide {
    starts_with_nul: bool,
    ends_with_nul: bool,
}

impl Wide {
    /// Of a text in which every other byte is NUL, and no other.
    pub(super) fn of(text: &[u8]) -> Option<Wide> {
        let ([first, .., last], true) = (text, text.len() >= MIN_WIDE) else { return None };
        let starts_with_nul = *first == 0;
        let alternates = text.iter().enumerate().all(|(at, byte)| (*byte == 0) == ((at % 2 == 0) == starts_with_nul));
        alternates.then_some(Wide { starts_with_nul, ends_with_nul: *last == 0 })
    }

    /// A marker as it can stand there.
    pub(super) fn text(self, marker: &str) -> Vec<u8> {
        let is_whole = self.starts_with_nul != self.ends_with_nul;
        if is_whole {
            let bytes = if self.starts_with_nul { u16::to_be_bytes } else { u16::to_le_bytes };
            return marker.encode_utf16().flat_map(bytes).collect();
        }
        // Characters with one NUL between two of them say the same in both byte orders, and NULs of both ends belong to
        // the characters beside. Nothing cannot be said in half code units.
        let nothing = if self.starts_with_nul { "" } else { "*" };
        let marker = if marker.is_empty() { nothing } else { marker };
        let mut wide = vec![0; usize::from(self.starts_with_nul)];
        for char in marker.chars() {
            wide.extend([if char.is_ascii() { char as u8 } else { b'*' }, 0]);
        }
        if !self.ends_with_nul {
            wide.pop();
        }
        wide
    }
}

/// The first eight hex digits of a fingerprint.
fn tag(key: &Key, label: &str, secret: Option<&Secret>) -> String {
    let nothing = Secret::new(b"");
    let mut tag = Fingerprint::new(key, label, secret.unwrap_or(&nothing)).to_string();
    tag.truncate(8);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_in_utf_16_take_the_place_of_whole_characters_and_halves() {
        let low: Vec<u8> = "abcdef".bytes().flat_map(|byte| [byte, 0]).collect();
        let high: Vec<u8> = "abcdef".bytes().flat_map(|byte| [0, byte]).collect();
        let text = |text: &[u8], marker: &str| Wide::of(text).unwrap().text(marker);
        for narrow in [&b"abcdefghij"[..], b"a\0b\0c", b"a\0b\0c\0d\0\0\0", b"\0\0\0\0\0\0\0\0\0", b"a\0bcd\0e\0f\0"] {
            assert!(Wide::of(narrow).is_none());
        }
        assert_eq!(text(&low, "[x]"), b"[\0x\0]\0");
        assert_eq!(text(&high, "[x]"), b"\0[\0x\0]");
        assert_eq!(text(&low[..11], "[x]"), b"[\0x\0]");
        assert_eq!(text(&low[1..], "[x]"), b"\0[\0x\0]\0");
        assert_eq!(text(&high[..11], "[x]"), b"\0[\0x\0]\0");
        assert_eq!(text(&high, "\u{25a0}"), b"\x25\xa0");
        assert_eq!(text(&low[..11], "\u{25a0}"), b"*");
        assert_eq!(text(&low[1..], "\u{25a0}"), b"\0*\0");
        assert_eq!(text(&low, ""), b"");
        assert_eq!(text(&low[1..], ""), b"\0");
        assert_eq!(text(&low[..11], ""), b"*");
    }

    #[test]
    fn markers_show_nothing_of_the_secret() {
        let secret = Secret::new(b"hello-0123");
        let marker = |style: &Style| style.marker("test-key", Some(&secret), 11);
        assert_eq!(marker(&Style::Label), "[REDACTED:test-key]");
        assert_eq!(marker(&Style::Mask), "***********");
        assert_eq!(marker(&Style::Remove), "");
        assert_eq!(marker(&Style::Custom("<{rule}>".to_owned())), "<test-key>");
        let tag = marker(&Style::Tag(Key::from_bytes([7; 32])));
        assert!(tag.starts_with("[REDACTED:test-key:") && tag.len() == "[REDACTED:test-key:]".len() + 8);
    }
}
