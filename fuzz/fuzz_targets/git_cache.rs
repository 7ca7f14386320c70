//! What is remembered of a repository.

#![no_main]

mod formats;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| formats::read("git_cache", bytes));
