//! Tests that need a program that is not here.

use std::io::Write;

/// Says that a test cannot be made here.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
