//! Whatever comes as an archive: reading it ends, and comes to the same however its bytes come.
//!
//! `cargo +nightly fuzz run archive`, best with some small archives in `fuzz/corpus/archive`.

#![no_main]

use std::io::{self, Read};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use keyscan::{Progress, RuleSet, Run, Scanner};
use libfuzzer_sys::fuzz_target;

/// Gives its first bytes at once, by which it is told what it is, and then a few at a time.
struct Drip<'b> {
    left: &'b [u8],
    reads: usize,
}

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads % 3 == 2 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = if self.reads == 1 { buffer.len() } else { 1 + self.reads * 7 % 61 };
        let most = most.min(buffer.len());
        self.left.read(&mut buffer[..most])
    }
}

/// What is told of it.
fn told(scanner: &Scanner, reader: impl Read) -> (Vec<String>, Vec<String>) {
    let (progress, interrupted) = (Progress::default(), AtomicBool::new(false));
    let run = Run { max_archive_depth: 4, ..Run::new(scanner, &|_, _| true, &progress, &interrupted) };
    let mut found = Vec::new();
    let outcome = run.stream("x", reader, |located| found.push(format!("{located:?}")));
    assert!(outcome.unexamined.iter().all(|unit| unit.path.starts_with('x')));
    (found, outcome.unexamined.iter().map(|unit| format!("{unit:?}")).collect())
}

fuzz_target!(|bytes: &[u8]| {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    let scanner = SCANNER.get_or_init(|| Scanner::new(RuleSet::builtin()));
    assert_eq!(told(scanner, Drip { left: bytes, reads: 0 }), told(scanner, bytes));
});
