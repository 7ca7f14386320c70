//! The instruction sets that can look for candidates, behind one face.

use super::Anchor;
#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
use super::confirm::Confirm;
use super::learned::Placed;
use super::portable::Threes;
#[cfg(target_arch = "x86_64")]
use super::runs::MAX_GROUPS;
use super::runs::RunGroups;
#[cfg(target_arch = "x86_64")]
use super::words::Sparse;

/// Which instructions look for candidates. All find the same anchors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// No vectors, for any CPU.
    Portable,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VBMI and VBMI2, and POPCNT.
    Avx512,
}

impl Tier {
    /// From the slowest to the fastest.
    pub(crate) const ALL: [Tier; 3] = [Tier::Portable, Tier::Avx2, Tier::Avx512];
}

/// How many positions are looked at between two rounds of confirmation: few enough for the text and all buffers to
/// stay in the nearest cache, many enough for loops to get going.
pub(super) const CHUNK: usize = 4096;

/// Where the stages of a scan leave what the next one needs.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// Positions in a chunk. A vector's worth may be written where only some are meant.
    pub(super) candidates: [u16; CHUNK + 64],
    /// Those of them that the second filter keeps, with room like that.
    pub(super) kept: [u16; CHUNK + 64],
    /// A chunk in another alphabet, with room for the bytes looked at beyond it.
    #[cfg(target_arch = "x86_64")]
    pub(super) classes: [u8; CHUNK + 128],
    /// For each group of runs, where one of them may start.
    #[cfg(target_arch = "x86_64")]
    pub(super) starts: Box<[Sparse; MAX_GROUPS]>,
}

impl Default for Buffers {
    fn default() -> Buffers {
        Buffers {
            candidates: [0; CHUNK + 64],
            kept: [0; CHUNK + 64],
            #[cfg(target_arch = "x86_64")]
            classes: [0; CHUNK + 128],
            #[cfg(target_arch = "x86_64")]
            starts: Box::new([Sparse::NONE; _]),
        }
    }
}

/// Proposes positions of windows and starts of runs, some of them in vain.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    Portable(Threes),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Filter {
    /// `None` where the CPU lacks the tier.
    pub(super) fn new(windows: &[Placed], tier: Tier) -> Option<Filter> {
        match tier {
            Tier::Portable => Some(Filter::Portable(Threes::new(windows))),
            #[cfg(target_arch = "x86_64")]
            Tier::Avx2 => Avx2::new(windows).map(Filter::Avx2),
            #[cfg(target_arch = "x86_64")]
            Tier::Avx512 => Avx512::new(windows).map(Filter::Avx512),
            #[cfg(not(target_arch = "x86_64"))]
            Tier::Avx2 | Tier::Avx512 => None,
        }
    }

    /// Writes to `buffers.kept`, ascending, positions of `text` where by all filters a window may stand, and returns
    /// how many. The last three bytes of `text` are there to be looked at only; without them it is a chunk or less.
    pub(super) fn candidates(&self, confirm: &Confirm, text: &[u8], buffers: &mut Buffers) -> usize {
        debug_assert!((4..=CHUNK + 3).contains(&text.len()));
        let hits = match self {
            Filter::Portable(threes) => threes.find(text, &mut buffers.candidates),
            #[cfg(target_arch = "x86_64")]
            Filter::Avx2(filter) => filter.threes.find(text, &mut buffers.candidates),
            #[cfg(target_arch = "x86_64")]
            Filter::Avx512(filter) => {
                let count = filter.candidates(text, buffers);
                return filter.retain(confirm, text, count, buffers);
            }
        };
        let candidates = buffers.candidates[..hits].iter().flat_map(|&hit| [hit - 1, hit]);
        confirm.retain(text, candidates, &mut buffers.kept)
    }

    /// Reports every start of a run of `runs` in `from..to`, a chunk or less.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "only vectors need the buffers"))]
    pub(super) fn runs(
        &self,
        runs: &RunGroups,
        text: &[u8],
        from: usize,
        to: usize,
        buffers: &mut Buffers,
        found: &mut impl FnMut(Anchor),
    ) {
        #[cfg(target_arch = "x86_64")]
        let chunk = &text[from..to];
        match self {
            Filter::Portable(_) => {
                for group in &runs.groups {
                    group.scan(text, from, to, |text, at| group.find(text, at), found);
                }
                return;
            }
            #[cfg(target_arch = "x86_64")]
            Filter::Avx2(filter) => {
                for (group, starts) in runs.groups.iter().zip(&mut *buffers.starts) {
                    filter.run_starts(group, chunk, starts);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Filter::Avx512(filter) => filter.run_starts(runs, chunk, &mut buffers.starts),
        }
        #[cfg(target_arch = "x86_64")]
        for (group, starts) in runs.groups.iter().zip(&*buffers.starts) {
            group.scan(text, from, to, |_, at| Some(from + starts.next_one(at - from)?), found);
        }
    }
}
