//! The instruction sets that can look for candidates, behind one face.

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
use super::commonness::Window;
use super::portable::Portable;
use super::runs::RunGroup;

/// Which instructions look for candidates. All find the same anchors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// No vectors, for any CPU.
    Portable,
    /// x86-64 with AVX2, BMI and LZCNT.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VBMI and VBMI2.
    Avx512,
}

impl Tier {
    /// From the slowest to the fastest.
    pub(crate) const ALL: [Tier; 3] = [Tier::Portable, Tier::Avx2, Tier::Avx512];
}

/// How many positions are looked at between two rounds of confirmation: few enough for the text and all buffers to
/// stay in the nearest cache, many enough for loops to get going.
pub(super) const CHUNK: usize = 2048;

/// Where the stages of a scan leave what the next one needs.
#[derive(Debug)]
pub(super) struct Buffers {
    /// Positions in a chunk. A vector's worth may be written where only some are meant.
    pub(super) candidates: [u16; CHUNK + 64],
    /// A chunk in another alphabet, with room for the bytes looked at beyond it.
    pub(super) classes: [u8; CHUNK + 128],
    /// A bit for each byte of a chunk.
    pub(super) words: [u64; CHUNK / 64],
}

impl Buffers {
    pub(super) fn new() -> Buffers {
        Buffers { candidates: [0; CHUNK + 64], classes: [0; CHUNK + 128], words: [0; CHUNK / 64] }
    }
}

/// Proposes positions of windows and starts of runs, some of them in vain.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Filter {
    /// `None` where the CPU lacks the tier.
    pub(super) fn new(windows: &[Window], tier: Tier) -> Option<Filter> {
        match tier {
            Tier::Portable => Some(Filter::Portable(Portable::new(windows))),
            #[cfg(target_arch = "x86_64")]
            Tier::Avx2 => Avx2::new(windows).map(Filter::Avx2),
            #[cfg(target_arch = "x86_64")]
            Tier::Avx512 => Avx512::new(windows).map(Filter::Avx512),
            #[cfg(not(target_arch = "x86_64"))]
            Tier::Avx2 | Tier::Avx512 => None,
        }
    }

    /// Writes to `buffers.candidates`, ascending, the positions of `text` where a window may stand, and returns how
    /// many. The last three bytes of `text` are there to be looked at only; without them it is a chunk or less.
    pub(super) fn candidates(&self, text: &[u8], buffers: &mut Buffers) -> usize {
        debug_assert!((4..=CHUNK + 3).contains(&text.len()));
        match self {
            Filter::Portable(filter) => filter.candidates(text, &mut buffers.candidates),
            #[cfg(target_arch = "x86_64")]
            Filter::Avx2(filter) => filter.candidates(text, buffers),
            #[cfg(target_arch = "x86_64")]
            Filter::Avx512(filter) => filter.candidates(text, buffers),
        }
    }

    /// Reports every start of a run of `group` in `from..to`, a chunk or less.
    pub(super) fn runs(
        &self,
        group: &RunGroup,
        text: &[u8],
        from: usize,
        to: usize,
        buffers: &mut Buffers,
        found: &mut impl FnMut(u32, usize),
    ) {
        #[cfg(target_arch = "x86_64")]
        let words = &mut buffers.words[..(to - from).div_ceil(64)];
        match self {
            Filter::Portable(_) => group.scan(text, from, to, |text, at| group.find(text, at), found),
            #[cfg(target_arch = "x86_64")]
            Filter::Avx2(filter) => {
                filter.members(&group.union, &text[from..to], words);
                let find = |_: &[u8], at| Some(from + filter.find_run(&group.shortest, words, at - from)?);
                group.scan(text, from, to, find, found);
            }
            #[cfg(target_arch = "x86_64")]
            Filter::Avx512(filter) => {
                filter.members(&group.union, &text[from..to], words);
                let find = |_: &[u8], at| Some(from + filter.find_run(&group.shortest, words, at - from)?);
                group.scan(text, from, to, find, found);
            }
        }
    }
}
