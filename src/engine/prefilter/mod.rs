//! All ways in of all rules, found in one pass.
//!
//! A rule's way in is an *anchor*: a [`Literal`] that stands in each of its matches, or a [`Run`] of bytes of one
//! class that is long enough to be its value. The plain way to find all anchors, and the one that the tests hold this
//! module to, is to look for each of them at each position (`oracle.rs`). With some hundred anchors that is some
//! hundred comparisons for each byte of text, nearly all of them in vain: in a kilobyte of source code stand two or
//! three anchors. So the text goes through filters, each of which is dearer than the one before and sees less of the
//! text. All of them may propose too much; none may miss an anchor.
//!
//! # Literals
//!
//! 1. Each literal is represented by four neighbouring bytes of it, its [`Window`]: the four that are rarest in text, or,
//!    for the literals that ship, those that were [learned](learned) to go best together with the others'.
//!    A literal of three bytes has a window whose last byte may be any that its rules let stand behind it.
//! 2. The first filter proposes positions of windows. It has no branches, takes the same time for any text, and there
//!    is one for each tier. With AVX-512 (`avx512.rs`) the windows are sorted into 32
//!    [buckets](buckets), and for 64 positions at a time the buckets that take each of the four bytes are looked up.
//!    Elsewhere (`portable.rs`) every other position is looked up in a bitmap of all three neighbouring bytes of windows.
//! 3. The second filter looks the four bytes up in a bitmap of windows, again without branches, for the positions that
//!    the first one proposed ([`Confirm::retain`]). With AVX-512 it looks up sixteen at once, and then the bytes on both
//!    sides of the window, by what they are in the literals that have it.
//! 4. What is left is confirmed: the literals whose windows have that hash are compared with the text
//!    ([`Confirm::literals`]).
//!
//! Of the 1,024 positions of a kilobyte of source code (the moby tree), and with the 1,230 literals of all rules, the first
//! filter leaves 30 (AVX-512; it was 90 with the rarest windows, in the first bucket that suits them), the second one 5.4,
//! 3.9 with the neighbours, and the confirmation the 2.3 where a literal stands. In nanoseconds for a byte all of that
//! costs 0.28, of which 0.14 are the first filter's, and 0.16 with 127 literals; with the rarest windows it was 0.39. The
//! other tiers look at three bytes and take as long with either.
//!
//! What was tried and does not pay: windows that count only where a word may begin (the common words stand exactly
//! there), windows by a table of how often each of four bytes was counted (one place in twelve less is kept), a bitmap
//! of its own for windows of three bytes (one in five less, and dearer than that), fewer buckets, and a fifth byte in the
//! buckets (what it spares the second filter it costs in the first).
//!
//! # Runs
//!
//! 1. The runs are put into [groups](RunGroups), as a rule into one. For a group, the text is first searched for runs of
//!    the *union* of its classes that are as long as its shortest run: one search for all of them.
//! 2. The portable search looks at every so many-th byte only. The vector tiers turn the text into one bit for each
//!    byte, member or not, and shift and mask these until the bits with which a long run begins are left. With AVX-512
//!    one lookup of a byte tells the groups of whose unions it is a member.
//! 3. A union run that is found is searched for the runs of each class, the widest first: where there is none of a wide
//!    class, there is none of the narrower ones.
//! 4. Runs as short as names of programs have a search of their own, and nearly all that it finds are names: their first
//!    bytes tell ([`looks_drawn`]).
//!
//! # Time and memory
//!
//! Both are linear in the text, whatever it is: no position is looked at more often than there are anchors, and
//! memory does not depend on the text at all. The text is taken in chunks of four kilobytes, which go through all the
//! filters before the next one is fetched, and the filters' lists are as long as a chunk at most. There is no state
//! between chunks, nor between calls of [`Prefilter::scan`]: to find an anchor, its start must be in the chunk; the
//! rest of it, and the byte before it, are looked at wherever they are.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod buckets;
#[cfg(target_arch = "x86_64")]
mod classes;
mod commonness;
mod confirm;
mod drawn;
#[cfg(all(test, target_arch = "x86_64"))]
mod learn;
mod learned;
mod members;
#[cfg(test)]
mod oracle;
mod portable;
mod runs;
mod table;
#[cfg(test)]
mod tests;
mod tier;
mod window;
#[cfg(any(target_arch = "x86_64", test))]
mod words;

use confirm::Confirm;
pub(crate) use drawn::{DRAWN_LEN, looks_drawn};
use learned::Placed;
use runs::RunGroups;
pub(crate) use runs::{BLOCK, Runs};
pub(crate) use tier::{Buffers, Tier};
use tier::{CHUNK, Filter};
use window::Window;

use crate::byteset::ByteSet;

/// A byte string that stands in every match of some rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Literal {
    /// Three bytes or more; lower case when `ignore_case` is set.
    pub(crate) bytes: Vec<u8>,
    /// Whether ASCII letters match in either case.
    pub(crate) ignore_case: bool,
    /// What has to stand behind it, if anything does. A hint: where something else stands, the literal may be found.
    pub(crate) behind: ByteSet,
}

/// A run of at least `min_len` bytes of one class, with no byte of the class before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Run {
    pub(crate) class: ByteSet,
    /// [`DRAWN_LEN`] or more when `drawn` is set.
    pub(crate) min_len: usize,
    /// Whether its first bytes [look drawn at random](looks_drawn).
    pub(crate) drawn: bool,
}

/// What a [`Prefilter`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// The literal with this number starts at `at`.
    Literal { number: u32, at: usize, len: usize },
    /// These runs start at `at`. `len` is as much of them as was seen: `min_len` of each or more.
    Runs { runs: Runs, at: usize, len: usize },
}

/// Finds every occurrence of every literal, and every start of every run.
#[derive(Debug, Clone)]
pub(crate) struct Prefilter {
    filter: Filter,
    confirm: Confirm,
    runs: Vec<RunGroups>,
    /// The least and the greatest offset of a window in its literal; `None` without literals.
    offsets: Option<(usize, usize)>,
    max_len: usize,
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
        let placed: Vec<Placed> = literals.iter().map(Placed::of).collect();
        let filter = Filter::new(&placed, tier)?;
        let windows: Vec<Window> = placed.into_iter().map(|placed| placed.window).collect();
        let runs = RunGroups::all(runs);
        let lens = literals.iter().map(|literal| literal.bytes.len()).chain(runs.iter().map(RunGroups::longest_len));
        let offsets = windows.iter().map(|window| window.offset);
        Some(Prefilter {
            filter,
            confirm: Confirm::new(literals, &windows),
            max_len: lens.max().unwrap_or(0),
            runs,
            offsets: offsets.clone().min().zip(offsets.max()),
        })
    }

    /// How many bytes from an anchor's start on must be visible to decide whether it stands there.
    pub(crate) fn max_len(&self) -> usize {
        self.max_len
    }

    /// Calls `found` with every anchor that starts in `from..to`, each once.
    ///
    /// The number of a literal, or of a run, is its index in what was given to [`Prefilter::new`]. Bytes before `from` and
    /// after `to` are looked at, so that a text may be scanned in pieces; an anchor that does not lie wholly in `text` is
    /// not found. The starts of one anchor ascend; between anchors there is no order. What `buffers` hold does not
    /// matter; they are reused because they are large for short texts.
    pub(crate) fn scan(
        &self,
        text: &[u8],
        from: usize,
        to: usize,
        buffers: &mut Buffers,
        found: &mut impl FnMut(Anchor),
    ) {
        let to = to.min(text.len());
        if from >= to {
            return;
        }
        // Literals that start in `from..to` have their windows here.
        let (mut window, windows_end) = match self.offsets {
            Some((least, greatest)) => (from + least, text.len().saturating_sub(2).min(to + greatest)),
            None => (to, to),
        };
        let mut run = if self.runs.is_empty() { to } else { from };
        while window < windows_end || run < to {
            // Both by turns, so that the text of a chunk is fetched once.
            let chunk_end = windows_end.min(window.saturating_add(CHUNK));
            self.scan_windows(text, window, chunk_end, from, to, buffers, found);
            window = window.max(chunk_end);
            let chunk_end = to.min(run + CHUNK);
            for runs in &self.runs {
                self.filter.runs(runs, text, run, chunk_end, buffers, found);
            }
            run = chunk_end;
        }
    }

    /// Reports the literals that start in `from..to` and have their windows in `window..windows_end`, a chunk or less.
    #[expect(clippy::too_many_arguments, reason = "two ranges")]
    fn scan_windows(
        &self,
        text: &[u8],
        window: usize,
        windows_end: usize,
        from: usize,
        to: usize,
        buffers: &mut Buffers,
        found: &mut impl FnMut(Anchor),
    ) {
        // The very last window of a text has three bytes, and the filters look at four.
        let filtered_end = windows_end.min(text.len().saturating_sub(3));
        if window < filtered_end {
            let chunk = &text[window..filtered_end + 3];
            let count = self.filter.candidates(&self.confirm, chunk, buffers);
            for &candidate in &buffers.kept[..count] {
                self.confirm.literals(text, window + usize::from(candidate), &(from..to), found);
            }
        }
        for at in filtered_end.max(window)..windows_end {
            self.confirm.literals(text, at, &(from..to), found);
        }
    }
}
