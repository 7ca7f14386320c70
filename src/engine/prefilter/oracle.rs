//! What the prefilter must find, found in the plainest way: at every position, every anchor.

use super::{DRAWN_LEN, Literal, Run, looks_drawn};

/// The numbers of runs follow this one, those of literals are below.
pub(super) const FIRST_RUN: u32 = 1 << 16;

/// Every `(number, start)` with a start in `from..to`, ascending.
pub(super) fn scan(literals: &[Literal], runs: &[Run], text: &[u8], from: usize, to: usize) -> Vec<(u32, usize)> {
    let mut found = Vec::new();
    for start in from..to.min(text.len()) {
        for (id, literal) in literals.iter().enumerate() {
            if is_literal(literal, &text[start..]) {
                found.push((id as u32, start));
            }
        }
        for (id, run) in runs.iter().enumerate() {
            if is_run(run, text, start) {
                found.push((FIRST_RUN + id as u32, start));
            }
        }
    }
    found.sort_unstable();
    found
}

fn is_literal(literal: &Literal, text: &[u8]) -> bool {
    let Some(there) = text.get(..literal.bytes.len()) else { return false };
    if literal.ignore_case { there.eq_ignore_ascii_case(&literal.bytes) } else { there == literal.bytes }
}

fn is_run(run: &Run, text: &[u8], start: usize) -> bool {
    let in_class = |byte: &u8| run.class.contains(*byte);
    text.get(start..start + run.min_len).is_some_and(|there| there.iter().all(in_class))
        && !text[..start].last().is_some_and(in_class)
        && (!run.drawn || looks_drawn(text[start..start + DRAWN_LEN].try_into().expect("a run is longer")))
}
