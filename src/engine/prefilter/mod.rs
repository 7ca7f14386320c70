//! All ways in of all rules, found in one pass.

mod commonness;
mod confirm;
#[cfg(test)]
mod oracle;
mod portable;
mod runs;
#[cfg(test)]
mod tests;

use commonness::Window;
use confirm::Confirm;
use portable::Portable;
use runs::RunGroup;

use crate::byteset::ByteSet;

/// A byte string that stands in every match of some rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Literal {
    /// Three bytes or more; lower case when `ignore_case` is set.
    pub(crate) bytes: Vec<u8>,
    /// Whether ASCII letters match in either case.
    pub(crate) ignore_case: bool,
}

/// A run of at least `min_len` bytes of one class, with no byte of the class before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Run {
    pub(crate) class: ByteSet,
    pub(crate) min_len: usize,
}

/// Which instructions look for candidates. All find the same anchors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    Portable,
    Avx2,
    Avx512,
}

impl Tier {
    /// From the slowest to the fastest.
    pub(crate) const ALL: [Tier; 3] = [Tier::Portable, Tier::Avx2, Tier::Avx512];
}

/// Window positions that are looked at between two rounds of confirmation.
const CHUNK: usize = 2048;

/// Finds every occurrence of every literal, and every start of every run.
#[derive(Debug, Clone)]
pub(crate) struct Prefilter {
    filter: Filter,
    confirm: Confirm,
    runs: Vec<RunGroup>,
    /// The least and the greatest offset of a window in its literal; `None` without literals.
    offsets: Option<(usize, usize)>,
    max_len: usize,
}

#[derive(Debug, Clone)]
enum Filter {
    Portable(Portable),
}

impl Prefilter {
    /// For the best tier that this CPU has.
    pub(crate) fn new(literals: &[Literal], runs: &[Run]) -> Prefilter {
        Tier::ALL
            .into_iter()
            .rev()
            .find_map(|tier| Prefilter::with_tier(literals, runs, tier))
            .expect("every CPU has the portable tier")
    }

    /// For one tier, or `None` where the CPU lacks it.
    pub(crate) fn with_tier(literals: &[Literal], runs: &[Run], tier: Tier) -> Option<Prefilter> {
        debug_assert!(literals.iter().all(|literal| literal.bytes.len() >= 3), "a literal has three bytes or more");
        let windows: Vec<Window> = literals.iter().map(Window::rarest).collect();
        let filter = match tier {
            Tier::Portable => Filter::Portable(Portable::new(&windows)),
            Tier::Avx2 | Tier::Avx512 => return None,
        };
        let first_run = u32::try_from(literals.len()).expect("anchors are fewer than 4 billion");
        let runs = RunGroup::group(runs, first_run);
        let longest =
            literals.iter().map(|literal| literal.bytes.len()).chain(runs.iter().map(RunGroup::longest)).max();
        let offsets = windows.iter().map(|window| window.offset);
        Some(Prefilter {
            filter,
            confirm: Confirm::new(literals, &windows),
            runs,
            offsets: offsets.clone().min().zip(offsets.max()),
            max_len: longest.unwrap_or(0),
        })
    }

    /// How many bytes from an anchor's start on must be visible to decide whether it stands there.
    pub(crate) fn max_len(&self) -> usize {
        self.max_len
    }

    /// Calls `found` with the id and the start of every anchor that starts in `from..to`.
    ///
    /// The id of a literal is its index in what was given to [`Prefilter::new`]; the ids of the runs follow those of
    /// the literals. Bytes before `from` and after `to` are looked at, so that a text may be scanned in pieces; an
    /// anchor that does not lie wholly in `text` is not found. The starts of one anchor ascend; between anchors there
    /// is no order.
    pub(crate) fn scan(&self, text: &[u8], from: usize, to: usize, found: &mut impl FnMut(u32, usize)) {
        let to = to.min(text.len());
        // Literals that start in `from..to` have their windows in `at..end`.
        let (mut at, end) = match self.offsets {
            Some((least, greatest)) if from < to => {
                (from.saturating_add(least), to.saturating_add(greatest).min(text.len().saturating_sub(2)))
            }
            _ => (from, from),
        };
        let mut candidates = [0; CHUNK + 64];
        let mut runs_at = from;
        while at < end || runs_at < to {
            // The last window of all has three bytes, and the filters look at four.
            let chunk_end = end.min(at.saturating_add(CHUNK)).min(text.len().saturating_sub(3));
            if at < chunk_end {
                let chunk = &text[at..chunk_end + 3];
                let count = match &self.filter {
                    Filter::Portable(filter) => filter.candidates(chunk, &mut candidates),
                };
                let count = self.confirm.retain(chunk, &mut candidates, count);
                for &candidate in &candidates[..count] {
                    self.confirm.literals(text, at + usize::from(candidate), &(from..to), found);
                }
                at = chunk_end;
            } else if at < end {
                self.confirm.literals(text, at, &(from..to), found);
                at += 1;
            }
            let runs_end = to.min(runs_at.saturating_add(CHUNK));
            if runs_at < runs_end {
                for group in &self.runs {
                    group.scan(text, runs_at, runs_end, found);
                }
                runs_at = runs_end;
            }
        }
    }
}
