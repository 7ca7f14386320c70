//! Runs with AVX2.
//!
//! Registers of 16 entries are small tables. Looked up by halves of bytes, as in the Teddy algorithm of Hyperscan, they
//! tell a few dozen windows apart; with some hundred they propose so much in vain that [`Threes`] is as fast, and with
//! more it is faster. So this tier looks for literals like the portable one, and for runs, where a table of 16
//! entries tells members from others without error, 32 bytes at a time.

use std::arch::x86_64::*;

use super::learned::Placed;
use super::members::Members;
use super::portable::Threes;
use super::runs::RunGroup;
use super::words::{Sparse, keep_firsts, keep_starts, some};

/// The table, and the proof that the CPU has the instructions: only [`Avx2::new`] makes one.
#[derive(Debug, Clone)]
pub(super) struct Avx2 {
    pub(super) threes: Threes,
}

impl Avx2 {
    /// `None` where the CPU lacks the instructions.
    pub(super) fn new(windows: &[Placed]) -> Option<Avx2> {
        is_x86_feature_detected!("avx2").then(|| Avx2 { threes: Threes::new(windows) })
    }

    /// Makes `starts` the positions of `text` where a run of the group's union may start: as long as its shortest, or 64
    /// if that is less, or as many as are left of `text`. There is a word more than `text` fills.
    pub(super) fn run_starts(&self, group: &RunGroup, text: &[u8], starts: &mut Sparse) {
        // SAFETY: `new` has seen that the CPU has these features.
        unsafe { run_starts(group, text, starts) }
    }
}

#[target_feature(enable = "avx2")]
fn run_starts(group: &RunGroup, text: &[u8], starts: &mut Sparse) {
    let words = &mut starts.words[..=text.len().div_ceil(64)];
    let members = &group.union;
    let mut blocks = text.chunks_exact(64);
    // Of what is beyond the text nothing is known.
    words.fill(u64::MAX);
    let mut bits = words.iter_mut();
    for (block, word) in blocks.by_ref().zip(bits.by_ref()) {
        *word = member_bits_of_32(members, block, 0) | member_bits_of_32(members, block, 32) << 32;
    }
    let rest = blocks.remainder();
    if let (1.., Some(word)) = (rest.len(), bits.next()) {
        let mut padded = [0; 64];
        padded[..rest.len()].copy_from_slice(rest);
        let bits = member_bits_of_32(members, &padded, 0) | member_bits_of_32(members, &padded, 32) << 32;
        *word = bits | !mask(rest.len());
    }
    keep_starts(words, group.shortest_len);
    if group.drawn {
        keep_firsts(words);
    }
    starts.some = some(words);
}

#[inline]
#[target_feature(enable = "avx2")]
fn member_bits_of_32(members: &Members, text: &[u8], at: usize) -> u64 {
    let bytes = load(text, at);
    let [low, high] = halves(bytes);
    // For the low half the high halves that go with it, as bits; bytes from 0x80 on choose the second table.
    let [below, beyond] = [twice(&members.halves[0]), twice(&members.halves[1])];
    let below = _mm256_shuffle_epi8(below, low);
    let partners = if members.beyond_ascii {
        _mm256_blendv_epi8(below, _mm256_shuffle_epi8(beyond, low), bytes)
    } else {
        _mm256_andnot_si256(_mm256_cmpgt_epi8(_mm256_setzero_si256(), bytes), below)
    };
    let bit = _mm256_shuffle_epi8(twice(&BITS), high);
    let is_member = _mm256_cmpeq_epi8(_mm256_and_si256(partners, bit), bit);
    u64::from(_mm256_movemask_epi8(is_member).cast_unsigned())
}

/// For each high half of a byte its bit in either table of [`Members::halves`].
static BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

/// The first `len` of 64 bits, or all.
#[inline]
fn mask(len: usize) -> u64 {
    if len < 64 { (1 << len) - 1 } else { u64::MAX }
}

/// The low and the high half of each byte.
#[inline]
#[target_feature(enable = "avx2")]
fn halves(bytes: __m256i) -> [__m256i; 2] {
    let half = _mm256_set1_epi8(15);
    [_mm256_and_si256(bytes, half), _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), half)]
}

/// A table for both halves of a register, each of which looks up for itself.
#[inline]
#[target_feature(enable = "avx2")]
fn twice(table: &[u8; 16]) -> __m256i {
    // SAFETY: the reference is to 16 readable bytes, and the load needs no alignment.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
}

/// The 32 bytes at `at`.
#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8], at: usize) -> __m256i {
    let bytes: &[u8; 32] = bytes[at..at + 32].try_into().expect("32 bytes");
    // SAFETY: the reference is to 32 readable bytes, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}
