//! Values as people and programs make them.

use crate::random::Random;

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const DIGITS: &[u8] = b"0123456789";
const HEX: &[u8] = b"0123456789abcdef";
const HEX_UPPER: &[u8] = b"0123456789ABCDEF";
const BASE62: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LOWER_ALNUM: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const UPPER_ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const SIGNS: &[u8] = b"!@#$%^&*?-_+=.~";
const ANY: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!@#%^*?-_+=.~$&()[]{}<>:;,/|";

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Someone chose it, or a program drew it.
    Password,
    /// A program drew it.
    Token,
    /// A name that holds other things as well: only what is long and drawn is a secret.
    Key,
}

fn of(random: &mut Random, alphabet: &[u8], len: usize) -> Vec<u8> {
    (0..len).map(|_| random.pick(alphabet)).collect()
}

fn with(random: &mut Random, alphabet: &[u8], low: usize, high: usize) -> Vec<u8> {
    let len = random.between(low, high);
    of(random, alphabet, len)
}

/// A word, as a person may take it into a password: of those of the corpus, or of letters that can be spoken.
fn word(random: &mut Random, words: &[Vec<u8>]) -> Vec<u8> {
    if !words.is_empty() && random.chance(60) {
        return words[random.below(words.len())].clone();
    }
    let mut word = Vec::new();
    for _ in 0..random.between(2, 3) {
        word.push(random.pick(b"bcdfghjklmnprstvwz"));
        word.push(random.pick(b"aeiou"));
        if random.chance(30) {
            word.push(random.pick(b"nrstlk"));
        }
    }
    word
}

fn capital(mut word: Vec<u8>) -> Vec<u8> {
    if let Some(first) = word.first_mut() {
        first.make_ascii_uppercase();
    }
    word
}

fn leet(random: &mut Random, word: &[u8]) -> Vec<u8> {
    let mut changed = word.to_vec();
    for byte in &mut changed {
        let other = match byte.to_ascii_lowercase() {
            b'a' => random.pick(b"4@"),
            b'e' => b'3',
            b'i' => random.pick(b"1!"),
            b'o' => b'0',
            b's' => random.pick(b"5$"),
            b't' => b'7',
            _ => continue,
        };
        if random.chance(70) {
            *byte = other;
        }
    }
    changed
}

/// A password that someone chose.
fn chosen(random: &mut Random, words: &[Vec<u8>]) -> Vec<u8> {
    let mut value = word(random, words);
    if random.chance(40) {
        value = capital(value);
    }
    let tail = |random: &mut Random| with(random, DIGITS, 1, 4);
    match random.below(10) {
        0..=2 => {
            let tail = tail(random);
            value.extend(tail);
        }
        3 | 4 => {
            let (sign, tail) = (random.pick(SIGNS), tail(random));
            if random.chance(50) {
                value.push(sign);
                value.extend(tail);
            } else {
                value.extend(tail);
                value.push(sign);
            }
        }
        5 => {
            let second = word(random, words);
            if random.chance(60) {
                value.push(random.pick(b"-_.!@#"));
            }
            value.extend(if random.chance(40) { capital(second) } else { second });
            let tail = tail(random);
            value.extend(tail);
        }
        6 | 7 => {
            value = leet(random, &value);
            if !value.iter().any(u8::is_ascii_digit) {
                value.push(random.pick(DIGITS));
            }
            if random.chance(30) {
                value.push(random.pick(SIGNS));
            }
        }
        8 => {
            // Words of a sentence.
            for _ in 0..random.between(1, 3) {
                value.push(random.pick(b"  -_."));
                let next = with(random, LOWER, 4, 7);
                value.extend(next);
            }
        }
        _ => {
            let mut head = tail(random);
            head.extend(value);
            head.push(random.pick(SIGNS));
            value = head;
        }
    }
    if value.len() < 6 {
        let more = with(random, DIGITS, 2, 4);
        value.extend(more);
    }
    value
}

fn drawn(random: &mut Random, low: usize) -> Vec<u8> {
    let mut value = match random.below(20) {
        0..=3 => {
            let len = random.pick(&[16, 20, 24, 32, 32, 32, 40, 40, 48, 64, 64]);
            of(random, HEX, len.max(low))
        }
        4 => with(random, HEX_UPPER, 16.max(low), 64),
        5 => with(random, HEX, low.max(12), 40),
        6..=9 => with(random, BASE62, low.max(14), 64),
        10 => {
            let len = 4 * random.between(5.max(low / 4), 22);
            let mut value = of(random, BASE64, len);
            let padding = random.below(3);
            value[len - padding..].fill(b'=');
            value
        }
        11 | 12 => with(random, BASE64URL, low.max(20), 86),
        13 => with(random, BASE64, low.max(20), 64),
        14 | 15 => with(random, LOWER_ALNUM, low.max(10), 40),
        16 => with(random, UPPER_ALNUM, low.max(10), 32),
        17 => with(random, BASE32, low.max(16), 56),
        18 => with(random, ANY, low.max(12), 40),
        _ => uuid(random),
    };
    // Some formats have parts.
    if random.chance(8) {
        let joint = random.pick(b"-_.:~/");
        let second = with(random, BASE62, 6, 24);
        value.push(joint);
        value.extend(second);
    }
    if random.chance(6) {
        let mut head = with(random, LOWER, 2, 5);
        head.push(random.pick(b"-_"));
        head.extend(value);
        value = head;
    }
    value
}

fn uuid(random: &mut Random) -> Vec<u8> {
    let hex = if random.chance(80) { HEX } else { HEX_UPPER };
    let parts = [8, 4, 4, 4, 12].map(|len| of(random, hex, len));
    parts.join(&b'-')
}

/// What looks like a secret, and is none where the name promises none: an id, a hash, a value of a test.
pub fn drawn_or_chosen(random: &mut Random, words: &[Vec<u8>]) -> Vec<u8> {
    match random.below(10) {
        0..=5 => drawn(random, 10),
        6 => with(random, DIGITS, 5, 12),
        _ => secret(random, Class::Password, words),
    }
}

/// A number of some kind.
pub fn number(random: &mut Random) -> Vec<u8> {
    with(random, DIGITS, 4, 14)
}

/// What stands under names of this class, looks drawn, and is no secret: times and counts, ids of all kinds, words with
/// a number in a sentence.
pub fn other(random: &mut Random, class: Class, words: &[Vec<u8>]) -> Vec<u8> {
    if random.chance(25) {
        let (first, second) = (word(random, words), word(random, words));
        let number = with(random, DIGITS, 1, 2);
        return match random.below(3) {
            0 => [capital(first), number, second].join(&b' '),
            1 => [number, capital(first)].join(&b' '),
            _ => [capital(first), second, number].join(&b' '),
        };
    }
    if class == Class::Token || random.chance(25) {
        return match random.below(6) {
            0 | 1 => [&b"1"[..], &of(random, DIGITS, 9)].concat(),
            2 => [&b"1"[..], &of(random, DIGITS, 12)].concat(),
            3 => with(random, DIGITS, 4, 9),
            4 => with(random, LOWER_ALNUM, 4, 5),
            _ => {
                let (mut value, tail) = (with(random, LOWER, 1, 3), with(random, DIGITS, 1, 2));
                value.extend(tail);
                value.resize(value.len().max(4), b'0');
                value
            }
        };
    }
    match random.below(12) {
        0..=4 => uuid(random),
        5 | 6 => {
            let len = random.pick(&[8, 8, 16, 16]);
            let alphabet = if random.chance(70) { HEX_UPPER } else { HEX };
            of(random, alphabet, len)
        }
        7 | 8 => with(random, DIGITS, 5, 20),
        9 => with(random, LOWER, 8, 32),
        10 => with(random, LOWER_ALNUM, 4, 9),
        _ => chosen(random, words),
    }
}

/// A secret under a name of this class.
pub fn secret(random: &mut Random, class: Class, words: &[Vec<u8>]) -> Vec<u8> {
    match class {
        // A name so general is one of ids as well: of UUIDs, and of those of PGP.
        Class::Key => loop {
            let value = drawn(random, 16);
            if value.len() != 36 && !(value.len() == 16 && value.iter().all(u8::is_ascii_hexdigit)) {
                return value;
            }
        },
        Class::Token => match random.below(20) {
            0..=11 => drawn(random, 10),
            12 => with(random, LETTERS, 12, 40),
            13 => with(random, DIGITS, 10, 32),
            14 => with(random, LOWER, 6, 26),
            15 => with(random, BASE62, 7, 13),
            16 => with(random, LOWER_ALNUM, 6, 13),
            17 => with(random, HEX, 6, 16),
            18 => {
                let (mut value, tail) = (with(random, LOWER, 3, 8), with(random, DIGITS, 2, 6));
                value.extend(tail);
                value
            }
            _ => chosen(random, words),
        },
        Class::Password => match random.below(20) {
            0..=7 => chosen(random, words),
            8..=10 => with(random, LOWER, 5, 10),
            11 => with(random, LOWER, 4, 16),
            12 | 13 => with(random, LOWER_ALNUM, 6, 14),
            14 => {
                let alphabet = if random.chance(60) { BASE62 } else { LETTERS };
                with(random, alphabet, 6, 16)
            }
            15 => with(random, ANY, 8, 24),
            16 => with(random, DIGITS, 5, 10),
            17 => {
                let (mut value, tail) = (with(random, LOWER, 3, 7), with(random, DIGITS, 2, 4));
                if random.chance(30) {
                    value.push(random.pick(SIGNS));
                }
                value.extend(tail);
                value
            }
            18 => {
                let value = with(random, LOWER, 4, 8);
                let mut value = if random.chance(50) { capital(value) } else { value.to_ascii_uppercase() };
                if random.chance(50) {
                    let tail = with(random, DIGITS, 1, 3);
                    value.extend(tail);
                }
                value
            }
            _ => drawn(random, 12),
        },
    }
}
