//! Values that someone typed instead of drawing them: runs along the alphabet, the digits or the keyboard, a letter and a
//! digit in turn (`a1b2c3`).
//!
//! Under a name that says nothing they stand for a secret. Where the form and what stands before it speak for the value,
//! a reader decides: it may be a key of a test system, and a drawn key may hold such a run.

use super::weak;

/// Shorter runs stand in words, too.
const MIN_RUN: usize = 3;
/// Of a letter and a digit in turn.
const MIN_TURNS: usize = 6;
/// With fewer letters and digits a value has no room for both a run and something else.
const MIN_LEN: usize = 8;

/// Whether half of the letters and digits of `value`, or more, stand in runs.
pub(super) fn is_typed(value: &[u8]) -> bool {
    let letters = value.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    let (mut at, mut in_runs) = (0, 0);
    while at < value.len() {
        let run = longest_run(&value[at..]);
        in_runs += run;
        at += run.max(1);
    }
    letters >= MIN_LEN && in_runs * 2 >= letters
}

/// How long the text begins with a run, 0 where it does not.
fn longest_run(text: &[u8]) -> usize {
    if !text[0].is_ascii_alphanumeric() {
        return 0;
    }
    let run = weak::longest_sequence(text);
    let turns = text.windows(3).take_while(|three| in_turn(three)).count() + 2;
    if turns >= MIN_TURNS {
        turns.max(run)
    } else if run >= MIN_RUN {
        run
    } else {
        0
    }
}

/// Whether the third follows the first, and the one between them is a digit where they are letters, or a letter where
/// they are digits.
fn in_turn(three: &[u8]) -> bool {
    let (a, b) = (three[0].to_ascii_lowercase(), three[2].to_ascii_lowercase());
    let next = a.checked_add(1) == Some(b) || (a, b) == (b'9', b'0');
    next && (a.is_ascii_digit() && b.is_ascii_digit() && three[1].is_ascii_alphabetic()
        || a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && three[1].is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_typed() {
        for text in [
            "abcd1234abcd1234abcd1234",
            "a1b2c3d4e5f6g7h8i9j0k1",
            "1a2b3c4d5e6f7g8h9i0j",
            "zyxwvutsrqponmlkjihg",
            "jkl0987654321XYZ+/45Mf==",
            "ABCD0123EFGH4567IJKL8901MNOP2345",
            "qwertyuiopasdfghjkl7",
        ] {
            assert!(is_typed(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn drawn_values_names_and_words_are_not() {
        for text in [
            "q7Zt0vKxP3mW9sLd",
            "9f86d081884c7d65",
            "q7Zt1234P3mW9sLdKv",
            "aaaabbbbccccddddaaaabbbb",
            "q7Zt0vKxq7zT0vKx",
            "first_default_noop_string",
            "getUserByAccessToken",
            "--------",
            "abc",
            "",
        ] {
            assert!(!is_typed(text.as_bytes()), "{text}");
        }
        assert!(!is_typed(&[0xff; 20]));
    }
}
