//! Values that are a secret only in name: words that everybody takes, runs along the keyboard, and both together.

use super::lexicon::{ALGORITHMS, Lexicon, STAND_INS, WORDS};

/// Neighbours on keyboards, and of the alphabet.
const ROWS: &[&[u8]] = &[b"qwertyuiop", b"asdfghjkl", b"zxcvbnm", b"qazwsxedc", b"1q2w3e4r5t6y"];

/// So much of a value is looked at; what is longer is no such value.
const MAX_LEN: usize = 48;
const MIN_RUN: usize = 3;
/// A number that goes with words is no longer.
const MAX_NUMBER: usize = 4;

/// Whether the whole of a value is made of such words and runs, with signs and numbers between them.
pub(super) fn is_weak(value: &[u8]) -> bool {
    is_made_of(value, &[&WORDS, &STAND_INS], longest_run)
}

/// Whether it is, and none of the words says that something else is to stand there: someone may take it for a password.
pub(super) fn is_taken(value: &[u8]) -> bool {
    is_made_of(value, &[&WORDS], longest_run)
}

/// Whether it is the name of an algorithm, an encoding, a curve or a type: `sha3-256`, `ChaCha20-Poly1305`, `Uint8Array`.
pub(super) fn is_algorithm(value: &[u8]) -> bool {
    value.first().is_some_and(u8::is_ascii_alphabetic) && is_made_of(value, &[&ALGORITHMS], |_| 0)
}

/// Whether it is made of words of the lists, of runs as long as `run` says, and of short numbers, with signs between them.
fn is_made_of(value: &[u8], lists: &[&Lexicon], run: impl Fn(&[u8]) -> usize) -> bool {
    if value.len() > MAX_LEN {
        return false;
    }
    // Which places are reached by words, runs and signs from the start, as bits.
    let mut reached = 1u64;
    for at in 0..value.len() {
        if reached >> at == 0 {
            return false;
        }
        if reached >> at & 1 == 0 {
            continue;
        }
        let rest = &value[at..];
        lists.iter().flat_map(|list| list.at_start(rest)).for_each(|word| reached |= 1 << (at + word.len()));
        (MIN_RUN..=run(rest)).for_each(|len| reached |= 1 << (at + len));
        if !rest[0].is_ascii_alphanumeric() {
            reached |= 1 << (at + 1);
        }
        let number = rest.iter().take(MAX_NUMBER + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let is_whole = at == 0 || !value[at - 1].is_ascii_digit();
        if is_whole && (1..=MAX_NUMBER).contains(&number) {
            reached |= 1 << (at + number);
        }
    }
    reached >> value.len() & 1 == 1
}

/// How long the text goes on with one byte, or from neighbour to neighbour in one direction.
fn longest_run(text: &[u8]) -> usize {
    longest_sequence(text).max(steps(text, 0))
}

/// How long the text goes on from neighbour to neighbour in one direction, of the alphabet, the digits or a keyboard.
pub(super) fn longest_sequence(text: &[u8]) -> usize {
    if !matches!(text, [first, second, ..] if are_neighbours(*first, *second)) {
        return 1;
    }
    let first = text.first().map(u8::to_ascii_lowercase);
    let row = |row: &&[u8]| {
        // No byte stands twice in a row.
        let from = row.iter().position(|byte| Some(*byte) == first)?;
        Some(text.iter().zip(&row[from..]).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count())
    };
    let rows = ROWS.iter().filter_map(row);
    [steps(text, 1), steps(text, -1)].into_iter().chain(rows).max().unwrap_or(0)
}

/// Whether a run may go on with `second` behind `first`.
fn are_neighbours(first: u8, second: u8) -> bool {
    let (first, second) = (first.to_ascii_lowercase(), second.to_ascii_lowercase());
    first.abs_diff(second) == 1 || NEXT[usize::from(first)].contains(&second)
}

/// What comes next to a byte in the rows.
static NEXT: [[u8; 3]; 256] = {
    let (mut next, mut row) = ([[0xff; 3]; 256], 0);
    while row < ROWS.len() {
        let mut at = 1;
        while at < ROWS[row].len() {
            let (here, mut free) = (&mut next[ROWS[row][at - 1] as usize], 0);
            while here[free] != 0xff {
                free += 1;
            }
            here[free] = ROWS[row][at];
            at += 1;
        }
        row += 1;
    }
    next
};

/// How long the text goes on by such steps from byte to byte, in any case.
fn steps(text: &[u8], step: i16) -> usize {
    let follows =
        |pair: &&[u8]| i16::from(pair[1].to_ascii_lowercase()) - i16::from(pair[0].to_ascii_lowercase()) == step;
    1 + text.windows(2).take_while(follows).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same without a look at the first two bytes.
    fn longest_plainly(text: &[u8]) -> usize {
        let lower = text.to_ascii_lowercase();
        let rows = ROWS.iter().flat_map(|row| (0..row.len()).map(|from| &row[from..]));
        let rows = rows.map(|row| lower.iter().zip(row).take_while(|(a, b)| a == b).count());
        rows.chain([steps(text, 1), steps(text, -1)]).max().unwrap()
    }

    proptest! {
        #[test]
        fn runs_are_what_they_are_plainly(
            text in "(?i)(qwertyu|lkjhgf|fghjkl|xcvbnm|azwsxe|2w3e4|abcdef|9876|./0|[a-z0-9`{-]){0,3}"
        ) {
            let text = text.as_bytes();
            for at in 0..=text.len() {
                prop_assert_eq!(longest_sequence(&text[at..]), longest_plainly(&text[at..]));
            }
        }
    }

    #[test]
    fn words_and_runs() {
        for text in [
            "123456",
            "abc123",
            "asdf1234",
            "zzzz",
            "s3cr3t",
            "Test@12345",
            "newpass123",
            "MySeCreTPaSsW0rd",
            "cba321",
            "qwerty",
            "P@ssw0rd!",
            "hunter2",
            "000000",
            "my-secret-token-2024",
            "aaabbb123456",
        ] {
            assert!(is_weak(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_stands_for_a_value_is_taken_by_nobody() {
        for text in ["changeme", "admin123", "P@ssw0rd!", "postgres", "qwerty", "123456"] {
            assert!(is_taken(text.as_bytes()), "{text}");
        }
        for text in ["your-password", "enter password here", "invalid_token", "none", "new_password_value"] {
            assert!(!is_taken(text.as_bytes()) && is_weak(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn algorithms_are_named() {
        for text in [
            "sha256",
            "SHA3-512",
            "aes-256-gcm",
            "ChaCha20-Poly1305",
            "HmacSHA256",
            "base64url",
            "PBKDF2WithHmacSHA256",
            "RSA/ECB/PKCS1Padding",
            "ntlm",
            "SCRAM-SHA-256",
            "secp256r1",
            "utf-8",
            "AES/CBC/PKCS5Padding",
            "md5",
            "Uint8Array",
        ] {
            assert!(is_algorithm(text.as_bytes()), "{text}");
        }
        for text in ["sha256sum-q7Zt", "1234", "aesop7", "9f86d081", "rsakey2x"] {
            assert!(!is_algorithm(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in ["q7Zt0vKxP3mW9sLd", "kjwxq", "tiger82!", "8412907", "passq7Zt", "9f86d081884c7d65"] {
            assert!(!is_weak(text.as_bytes()), "{text}");
        }
    }
}
