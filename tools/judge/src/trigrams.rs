//! How surprising each symbol is after two others, in ordinary names and words.

use std::collections::HashSet;
use std::fmt::Write as _;

use keyscan::testing::{SURPRISE_STEP, surprise_symbol};

use crate::corpus::File;

const SYMBOLS: usize = 28;
/// Tokens of one package at most, so that none outweighs the others.
const MAX_OF_PACKAGE: usize = 60_000;

/// Adds the runs of letters, digits and joints of a package, each once, so that frequent names weigh no more than rare
/// ones. Runs of hexadecimal digits with two digits or more are left out, and what has many digits.
pub fn collect(files: &[File], tokens: &mut HashSet<Vec<u8>>) {
    let before = tokens.len();
    for file in files {
        let in_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        for token in file.text.split(|byte| !in_token(byte)).filter(|token| (3..=40).contains(&token.len())) {
            let digits = token.iter().filter(|byte| byte.is_ascii_digit()).count();
            let hexadecimal = digits >= 2 && token.iter().all(u8::is_ascii_hexdigit);
            if !hexadecimal && digits * 4 <= token.len() && tokens.len() - before < MAX_OF_PACKAGE {
                tokens.insert(token.to_ascii_lowercase());
            }
        }
    }
}

/// The file of the table.
pub fn table(tokens: &HashSet<Vec<u8>>) -> String {
    let mut counts = vec![0.0f64; SYMBOLS * SYMBOLS * SYMBOLS];
    let mut pairs = vec![0.5f64; SYMBOLS * SYMBOLS];
    for token in tokens {
        let (mut first, mut second) = (27, 27);
        for &byte in token {
            let third = surprise_symbol(byte);
            counts[(first * SYMBOLS + second) * SYMBOLS + third] += 1.0;
            pairs[second * SYMBOLS + third] += 1.0;
            (first, second) = (second, third);
        }
    }
    let mut text = format!(
        "# Surprise of a symbol after two others in ordinary names and words, in steps of {SURPRISE_STEP} bits, as a digit in base 16.\n\
         # Line 28 * i + j, character k: of symbol k after i and j. Symbols: a to z in either case, a digit, anything else.\n\
         # Written by tools/judge; not to be edited.\n"
    );
    for first in 0..SYMBOLS {
        for second in 0..SYMBOLS {
            let row = &counts[(first * SYMBOLS + second) * SYMBOLS..][..SYMBOLS];
            let total: f64 = row.iter().sum();
            let pair_total: f64 = pairs[second * SYMBOLS..][..SYMBOLS].iter().sum();
            for (third, count) in row.iter().enumerate() {
                // Where little was seen, two symbols say more than three.
                let backed = 8.0 * pairs[second * SYMBOLS + third] / pair_total;
                let bits = -((count + backed) / (total + 8.0)).log2();
                let step = (bits / f64::from(SURPRISE_STEP)).round().clamp(0.0, 15.0) as u32;
                write!(text, "{step:x}").expect("it is a String");
            }
            text.push('\n');
        }
    }
    text
}
