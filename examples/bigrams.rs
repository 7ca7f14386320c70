//! Makes `patterns/bigrams.txt`: how surprising each letter is after another in ordinary names and words.
//!
//! `cargo run --release --example bigrams -- FOLDER... > patterns/bigrams.txt`
//!
//! Reads every file of the folders and takes each distinct run of letters, digits and `_-./` of 4 to 40 bytes once, so
//! that frequent names weigh no more than rare ones. Runs of hexadecimal digits with two digits or more are left out.
//! Line i, character j of the output is the surprise of symbol j after symbol i, in quarters of a bit, as a digit in
//! base 36. The symbols are a to z in either case, a decimal digit, anything else.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

const SYMBOLS: usize = 28;

fn symbol(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => usize::from(byte.to_ascii_lowercase() - b'a'),
        b'0'..=b'9' => 26,
        _ => 27,
    }
}

fn collect(path: &Path, tokens: &mut HashSet<Vec<u8>>) {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        for entry in entries.iter().filter(|entry| !entry.is_symlink()) {
            collect(entry, tokens);
        }
        return;
    }
    let Ok(text) = std::fs::read(path) else { return };
    let in_token = |b: &u8| b.is_ascii_alphanumeric() || b"_-./".contains(b);
    for token in text.split(|b| !in_token(b)).filter(|token| (4..=40).contains(&token.len())) {
        let digits = token.iter().filter(|b| b.is_ascii_digit()).count();
        if digits < 2 || !token.iter().all(u8::is_ascii_hexdigit) {
            tokens.insert(token.to_vec());
        }
    }
}

#[allow(clippy::print_stdout)]
fn main() {
    let mut tokens = HashSet::new();
    for folder in std::env::args_os().skip(1) {
        collect(Path::new(&folder), &mut tokens);
    }
    let mut counts = [[1.0f64; SYMBOLS]; SYMBOLS];
    for token in &tokens {
        for pair in token.windows(2) {
            counts[symbol(pair[0])][symbol(pair[1])] += 1.0;
        }
    }
    for row in counts {
        let total: f64 = row.iter().sum();
        let line: String = row
            .iter()
            .map(|count| {
                let quarters = (-(count / total).log2() * 4.0).round().clamp(0.0, 35.0) as u32;
                char::from_digit(quarters, 36).unwrap_or('z')
            })
            .collect();
        println!("{line}");
    }
}
