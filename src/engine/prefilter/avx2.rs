//! Candidates with AVX2, 64 positions at a time.
//!
//! `vpshufb` looks bytes up in a table of 16 entries, so a byte is looked up by halves, as in the Teddy algorithm of
//! Hyperscan: what both halves' tables have in common are the buckets that may take the byte.

use std::arch::x86_64::*;

use super::buckets::{Buckets, Nibbles};
use super::commonness::Window;
use super::members::{BitRun, Members};
use super::tier::Buffers;

/// Groups of eight buckets, of which one lookup yields a bit each.
const GROUPS: usize = 2;

/// The tables, and the proof that the CPU has the instructions: only [`Avx2::new`] makes one.
#[derive(Debug, Clone)]
pub(super) struct Avx2 {
    /// For each group and position, for each low and each high half of a byte, the buckets that take it.
    takes: [[Halves; 4]; GROUPS],
}

#[derive(Debug, Clone, Copy, Default)]
struct Halves {
    low: [u8; 16],
    high: [u8; 16],
}

impl Avx2 {
    /// `None` where the CPU lacks the instructions.
    pub(super) fn new(windows: &[Window]) -> Option<Avx2> {
        let has_all = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        if !has_all {
            return None;
        }
        let buckets: Buckets<Nibbles<{ 8 * GROUPS }>, { 8 * GROUPS }> = Buckets::new(windows);
        let mut takes = [[Halves::default(); 4]; GROUPS];
        for (group, takes) in takes.iter_mut().enumerate() {
            for (takes, cover) in takes.iter_mut().zip(&buckets.covers) {
                takes.low = cover.low.map(|buckets| buckets.to_le_bytes()[group]);
                takes.high = cover.high.map(|buckets| buckets.to_le_bytes()[group]);
            }
        }
        Some(Avx2 { takes })
    }

    /// Writes to `buffers.candidates`, ascending, the positions of `text` where a window may stand, and returns how
    /// many. The last three bytes of `text` are there to be looked at only.
    pub(super) fn candidates(&self, text: &[u8], buffers: &mut Buffers) -> usize {
        // SAFETY: `new` has seen that the CPU has these features.
        unsafe { candidates(self, text, buffers) }
    }

    /// Sets in `words` the bit of each byte of `text` that is a member, and all bits beyond the end of `text`.
    pub(super) fn members(&self, members: &Members, text: &[u8], words: &mut [u64]) {
        // SAFETY: `new` has seen that the CPU has these features.
        unsafe { member_bits(members, text, words) }
    }

    /// As [`BitRun::find`].
    pub(super) fn find_run(&self, run: &BitRun, words: &[u64], from: usize) -> Option<usize> {
        // SAFETY: `new` has seen that the CPU has these features.
        unsafe { find_run(run, words, from) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn candidates(filter: &Avx2, text: &[u8], buffers: &mut Buffers) -> usize {
    let takes =
        filter.takes.each_ref().map(|group| group.each_ref().map(|halves| [twice(&halves.low), twice(&halves.high)]));
    let end = text.len() - 3;
    let mut count = 0;
    let mut write = |at: usize, mut hits: u64| {
        let out: &mut [u16; 64] = (&mut buffers.candidates[count..count + 64]).try_into().expect("64 candidates");
        let found = hits.count_ones() as usize;
        // Four at a time, needed or not: how many there are is anyone's guess, and a wrong guess costs more.
        for four in out.chunks_exact_mut(4).take(found.div_ceil(4)) {
            for candidate in four {
                *candidate = (at as u32 + hits.trailing_zeros()) as u16;
                hits &= hits.wrapping_sub(1);
            }
        }
        count += found;
    };
    let mut at = 0;
    while at + 67 <= text.len() {
        write(at, hits(&takes, text, at) | hits(&takes, text, at + 32) << 32);
        at += 64;
    }
    if at < end {
        // What is left, before zeros.
        let rest = &text[at..];
        let mut padded = [0; 67];
        padded[..rest.len()].copy_from_slice(rest);
        let hits = hits(&takes, &padded, 0) | hits(&takes, &padded, 32) << 32;
        write(at, hits & mask(end - at));
    }
    count
}

/// For each of 32 positions at `at` whether some bucket takes the four bytes there.
#[inline]
#[target_feature(enable = "avx2")]
fn hits(takes: &[[[__m256i; 2]; 4]; GROUPS], text: &[u8], at: usize) -> u64 {
    let mut taken = [_mm256_set1_epi8(-1); GROUPS];
    for position in 0..4 {
        let [low, high] = halves(load(text, at + position));
        for (taken, takes) in taken.iter_mut().zip(takes) {
            let both = _mm256_and_si256(
                _mm256_shuffle_epi8(takes[position][0], low),
                _mm256_shuffle_epi8(takes[position][1], high),
            );
            *taken = _mm256_and_si256(*taken, both);
        }
    }
    let taken = taken.into_iter().fold(_mm256_setzero_si256(), |all, group| _mm256_or_si256(all, group));
    let none = _mm256_cmpeq_epi8(taken, _mm256_setzero_si256());
    u64::from(!_mm256_movemask_epi8(none).cast_unsigned())
}

#[target_feature(enable = "avx2")]
fn member_bits(members: &Members, text: &[u8], words: &mut [u64]) {
    let mut blocks = text.chunks_exact(64);
    let mut words = words.iter_mut();
    for (block, word) in blocks.by_ref().zip(words.by_ref()) {
        *word = member_bits_of_32(members, block, 0) | member_bits_of_32(members, block, 32) << 32;
    }
    let rest = blocks.remainder();
    if let (1.., Some(word)) = (rest.len(), words.next()) {
        let mut padded = [0; 64];
        padded[..rest.len()].copy_from_slice(rest);
        let bits = member_bits_of_32(members, &padded, 0) | member_bits_of_32(members, &padded, 32) << 32;
        *word = bits | !mask(rest.len());
    }
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

#[target_feature(enable = "bmi1,bmi2,lzcnt,popcnt")]
fn find_run(run: &BitRun, words: &[u64], from: usize) -> Option<usize> {
    run.find(words, from)
}

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
