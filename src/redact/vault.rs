//! Values that are out of a text for a while: what stands in their place leads back to them, in this process only.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::fingerprint::{Fingerprint, Key};
use crate::secret::Secret;

/// What every placeholder starts with, and ends with.
const START: &str = "{{keyscan:";
const END: &str = "}}";
/// Hex digits of the fingerprint in a placeholder.
const DIGITS: usize = 16;
/// No more values are kept; what comes later is hidden for good.
const MAX_VALUES: usize = 10_000;

/// Keeps values by their placeholders: `{{keyscan:NAME:0123456789abcdef}}`, the same for the same value of the same rule or
/// name. They are in the memory of this process, wiped when the last clone goes, and nowhere else.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    key: Key,
    values: Mutex<BTreeMap<String, Secret>>,
}

impl Vault {
    /// An empty one. The key decides what placeholders look like: a new one each time tells nothing to those who have
    /// seen placeholders of another.
    #[must_use]
    pub fn new(key: Key) -> Vault {
        Vault(Arc::new(Inner { key, values: Mutex::default() }))
    }

    /// What stands for the value; `None` where it cannot be kept.
    pub(super) fn placeholder(&self, label: &str, secret: &Secret) -> Option<String> {
        std::str::from_utf8(secret.expose()).ok()?;
        let name: String = label.chars().map(|c| if is_of_name(c) { c } else { '_' }).collect();
        let mut tag = Fingerprint::new(&self.0.key, label, secret).to_string();
        tag.truncate(DIGITS);
        let placeholder = format!("{START}{name}:{tag}{END}");
        let mut values = self.0.values.lock().unwrap_or_else(PoisonError::into_inner);
        match values.get(&placeholder) {
            Some(kept) => (kept == secret).then_some(placeholder),
            None if values.len() >= MAX_VALUES => None,
            None => {
                values.insert(placeholder.clone(), secret.clone());
                Some(placeholder)
            }
        }
    }

    /// Whether a value is one of ours.
    pub(super) fn is_placeholder(value: &[u8]) -> bool {
        value.strip_prefix(b"\"").unwrap_or(value).starts_with(START.as_bytes())
    }

    /// The text with the values of its placeholders, each as `written` writes it; `None` when it has none of ours.
    pub(crate) fn restored(&self, text: &str, written: impl Fn(&str) -> String) -> Option<String> {
        if !text.contains(START) {
            return None;
        }
        let values = self.0.values.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut out, mut rest, mut is_any) = (String::with_capacity(text.len()), text, false);
        while let Some(at) = rest.find(START) {
            let len = rest[at..].find(END).map(|len| len + END.len());
            let value = len.and_then(|len| values.get(&rest[at..at + len]));
            let value = value.and_then(|value| std::str::from_utf8(value.expose()).ok());
            let (shown, next) = match (value, len) {
                (Some(value), Some(len)) => {
                    is_any = true;
                    (written(value), at + len)
                }
                // One of another process, or none: it stays.
                _ => (START.to_owned(), at + START.len()),
            };
            out.push_str(&rest[..at]);
            out.push_str(&shown);
            rest = &rest[next..];
        }
        out.push_str(rest);
        is_any.then_some(out)
    }

    /// How many values are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({} values)", self.len())
    }
}

impl PartialEq for Vault {
    fn eq(&self, other: &Vault) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Vault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_and_nothing_else() {
        let vault = Vault::new(Key::from_bytes([3; 32]));
        let placeholder = |value: &str| vault.placeholder("a b", &Secret::new(value.as_bytes())).unwrap();
        let (one, two) = (placeholder("first-value"), placeholder("second\"value"));
        assert!(one.starts_with("{{keyscan:a_b:") && one.len() == "{{keyscan:a_b:}}".len() + DIGITS);
        assert_eq!((placeholder("first-value"), vault.len()), (one.clone(), 2));
        let text = format!("{one}{{{{keyscan:x}}}} {two} {{{{keyscan:{one}");
        let restored = vault.restored(&text, |value| format!("<{value}>")).unwrap();
        assert_eq!(restored, "<first-value>{{keyscan:x}} <second\"value> {{keyscan:<first-value>");
        assert_eq!(vault.restored("{{keyscan:a_b:0000000000000000}}", str::to_owned), None);
        assert_eq!(Vault::new(Key::from_bytes([3; 32])).restored(&text, str::to_owned), None);
        assert_eq!(vault.placeholder("x", &Secret::new(b"\xff\xfe")), None);
        assert_eq!(format!("{vault:?}"), "Vault(2 values)");
    }
}
