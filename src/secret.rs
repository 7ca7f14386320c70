//! The bytes of a secret, which never show themselves by accident.

use std::fmt;

use zeroize::Zeroize;

/// The bytes of a found secret. `Debug` and `Display` show a length only; the memory is wiped on drop.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// A copy of `bytes`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Secret {
        Secret(bytes.into())
    }

    /// The secret itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A form that tells two secrets apart and gives neither away: `abcd...wxyz`, with fewer characters of shorter
    /// secrets and none of those below 16 bytes. At most a quarter of the bytes is shown.
    #[must_use]
    pub fn masked(&self) -> String {
        let shown = (self.0.len() / 8).min(4);
        if shown < 2 {
            return "****".to_owned();
        }
        let show = |bytes: &[u8]| -> String {
            bytes.iter().map(|&b| if b.is_ascii_graphic() { char::from(b) } else { '.' }).collect()
        };
        format!("{}...{}", show(&self.0[..shown]), show(&self.0[self.0.len() - shown..]))
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.len())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_shows_at_most_a_quarter() {
        for len in 0..200 {
            let text: Vec<u8> = (0..len).map(|i| b'a' + (i % 26) as u8).collect();
            let masked = Secret::new(&text).masked();
            let shown = masked.bytes().filter(u8::is_ascii_lowercase).count();
            assert!(shown * 4 <= len, "{len}: {masked}");
        }
        assert_eq!(Secret::new(b"abcdefghijklmnopqrstuvwxyz0123456789").masked(), "abcd...6789");
        assert_eq!(Secret::new(b"hunter2").masked(), "****");
    }

    #[test]
    fn formatting_shows_no_byte() {
        let secret = Secret::new(b"TESTKEY-quartz");
        assert_eq!(format!("{secret:?} {secret}"), "Secret(14 bytes) [14 bytes]");
    }
}
