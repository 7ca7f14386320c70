//! Values that their vendors published: `patterns/published.txt` has their hashes, and why each is there.

use sha2::{Digest, Sha256};

const TEXT: &[u8] = include_bytes!("../../../patterns/published.txt");
/// Hexadecimal digits of a hash that a line starts with.
const DIGITS: usize = 16;

static HASHES: [u64; count(TEXT)] = parse(TEXT);

/// How many lines hold a hash.
const fn count(text: &[u8]) -> usize {
    let (mut at, mut lines) = (0, 0);
    while at < text.len() {
        if starts_line(text, at) && text[at] != b'#' && text[at] != b'\n' {
            lines += 1;
        }
        at += 1;
    }
    lines
}

const fn starts_line(text: &[u8], at: usize) -> bool {
    at == 0 || text[at - 1] == b'\n'
}

const fn parse<const N: usize>(text: &[u8]) -> [u64; N] {
    let mut hashes = [0; N];
    let (mut at, mut line) = (0, 0);
    while at < text.len() {
        if starts_line(text, at) && text[at] != b'#' && text[at] != b'\n' {
            let mut digit = 0;
            while digit < DIGITS {
                let value = match text[at + digit] {
                    byte @ b'0'..=b'9' => byte - b'0',
                    byte @ b'a'..=b'f' => byte - b'a' + 10,
                    _ => panic!("a line of patterns/published.txt starts with sixteen hexadecimal digits"),
                };
                hashes[line] = hashes[line] << 4 | value as u64;
                digit += 1;
            }
            line += 1;
        }
        at += 1;
    }
    hashes
}

/// Whether its vendor published this value; white space in it (the lines of a key) does not count.
pub(super) fn is_published(secret: &[u8]) -> bool {
    let mut hash = Sha256::new();
    secret.split(u8::is_ascii_whitespace).for_each(|piece| hash.update(piece));
    let hash = hash.finalize();
    let start = hash.iter().take(8).fold(0, |start, byte| start << 8 | u64::from(*byte));
    HASHES.contains(&start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values_are_known() {
        // The emulator's key, in pieces.
        let azurite = ["Eby8vdM02xNOcqFlqUwJPLlm", "EtlCDXJ1OUzFT50uSRZ6IFsuFq2UV", "ErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="];
        assert!(is_published(azurite.concat().as_bytes()));
        assert!(is_published(azurite.join("\n").as_bytes()));
        assert!(!is_published(azurite[1].as_bytes()) && !is_published(b""));
    }

    #[test]
    fn every_line_was_read() {
        assert!(HASHES.len() > 50);
        assert!(HASHES.iter().all(|hash| *hash != 0));
    }
}
