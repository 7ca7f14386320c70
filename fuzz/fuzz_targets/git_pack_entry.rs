//! An entry of a pack, or an object in a file of its own.

#![no_main]

mod formats;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| formats::read("git_pack_entry", bytes));
