//! An index, split or not.

#![no_main]

mod formats;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| formats::read("git_index", bytes));
