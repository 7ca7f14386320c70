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
