//! The index of a pack.

#![no_main]

mod formats;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| formats::read("git_pack_index", bytes));
