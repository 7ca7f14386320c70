//! The command line of keyscan.

fn main() {}
