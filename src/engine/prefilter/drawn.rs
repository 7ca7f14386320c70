//! Values that look drawn at random, told from names by their first bytes.
//!
//! Beside opaque values of twenty letters and digits stand the names of programs, which are as long and a hundred times as
//! common. Letters of words keep company: `th`, `er`, `qu`; drawn ones do not. And a digit among so few is in all but a
//! twentieth of the drawn values, and in a tenth of the names.

use super::commonness::attractions;

/// How many bytes tell.
pub(crate) const DRAWN_LEN: usize = 16;

/// What the attractions of the neighbours in a name add up to at least, nearly always: in source code, of 28 names of
/// letters one has less, and of 60 drawn values of letters one has more.
const OF_NAMES: i32 = 5;

/// Whether a value that starts like this may have been drawn at random.
pub(crate) fn looks_drawn(first: &[u8; DRAWN_LEN]) -> bool {
    // All of them, without a branch for each.
    first.iter().fold(false, |any, byte| any | byte.is_ascii_digit()) || attractions(first) < OF_NAMES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_look_drawn() {
        for name in
            [b"getAuthenticatio", b"kubernetes-dashb", b"NODE_MODULES_PAT", b"application_cont", b"IllegalArgumentE"]
        {
            assert!(!looks_drawn(name), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn values_do() {
        assert!(looks_drawn(b"version1ofthenam"));
        for step in [5, 7, 9, 11] {
            let letters = std::array::from_fn(|i| b'a' + (i as u8 * step + 3) % 26);
            assert!(looks_drawn(&letters), "{}", letters.escape_ascii());
        }
    }
}
