//! A pack, drawn from the bytes: each version of a file says along the deltas what it says alone.

#![no_main]

mod formats;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| formats::read("git_pack", bytes));
