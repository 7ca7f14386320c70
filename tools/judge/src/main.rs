//! Learns the judge of assigned values.
//!
//! `keyscan-judge trigrams CORPUS > patterns/trigrams.txt`, and, when keyscan was built with that table,
//! `keyscan-judge weights CORPUS > patterns/judge.txt`. `rebuild.sh` does both, and fetches the corpus. Candidates and
//! features come from the engine itself.

mod corpus;
mod examples;
mod learn;
mod names;
mod random;
mod trigrams;
mod values;
mod weights;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["trigrams", corpus] => {
            let mut tokens = std::collections::HashSet::new();
            for (_, package) in corpus::packages(Path::new(corpus)) {
                trigrams::collect(&corpus::files(&package), &mut tokens);
            }
            print!("{}", trigrams::table(&tokens));
            ExitCode::SUCCESS
        }
        ["weights", corpus] => {
            print!("{}", weights::learn_from(Path::new(corpus)));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: keyscan-judge trigrams|weights CORPUS");
            ExitCode::from(2)
        }
    }
}
