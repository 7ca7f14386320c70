//! Candidates with AVX-512, 64 positions at a time.
//!
//! `vpermb` looks 64 bytes up in a table of 64 entries that lies in one register, and `vpermi2b` in one of 128 entries
//! at twice the price. So each byte of text is translated once, with `vpermi2b`, into one of 64 classes, and the
//! lookups for the four positions of a window are of classes. Where windows hold more different bytes than there are
//! classes, some share one.
//!
//! The lookups leave a bit for each position where some bucket has a window. `vpcompressb` turns these into a list
//! without a branch, for how many there are in 64 positions is anyone's guess.
//!
//! No closure holds vectors: into a function that may not use them, as those that take closures are, none is inlined, and
//! whether these are inlined themselves is left to chance and the build's settings.

use std::arch::x86_64::*;

use super::buckets::Buckets;
use super::classes::classes;
use super::confirm::{Confirm, FACTOR, HASHED, OTHER_FACTOR, ROWS, ROWS_LOG2};
use super::learned::Placed;
use super::runs::{MAX_GROUPS, RunGroups};
use super::tier::{Buffers, CHUNK};
use super::words::Sparse;

/// Groups of eight buckets, of which one lookup yields a bit each.
const GROUPS: usize = 4;
pub(super) const BUCKETS: usize = 8 * GROUPS;

/// The tables, and the proof that the CPU has the instructions: only [`Avx512::new`] makes one.
#[derive(Debug, Clone)]
pub(super) struct Avx512 {
    /// For each byte of ASCII its class. A byte beyond ASCII has that of its low seven bits.
    classes: Box<Aligned<128>>,
    /// For each group and position, for each class, the buckets that take it.
    takes: Box<[[Aligned<64>; 4]; GROUPS]>,
}

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Aligned<const N: usize>([u8; N]);

impl Avx512 {
    /// `None` where the CPU lacks the instructions.
    pub(super) fn new(windows: &[Placed]) -> Option<Avx512> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("popcnt");
        if !has_all {
            return None;
        }
        let buckets: Buckets<BUCKETS> = Buckets::new(windows);
        let classes = Box::new(Aligned(classes(&buckets)));
        let mut takes = Box::new([[Aligned([0; 64]); 4]; GROUPS]);
        for (position, cover) in buckets.covers.iter().enumerate() {
            for (byte, buckets) in cover.buckets.iter().enumerate() {
                let class = usize::from(classes.0[byte & 127]);
                for (group, eight) in buckets.to_le_bytes().into_iter().enumerate().take(GROUPS) {
                    takes[group][position].0[class] |= eight;
                }
            }
        }
        Some(Avx512 { classes, takes })
    }

    /// Writes to `buffers.candidates`, ascending, the positions of `text` where a window may stand, and returns how
    /// many. The last three bytes of `text` are there to be looked at only.
    pub(super) fn candidates(&self, text: &[u8], buffers: &mut Buffers) -> usize {
        // SAFETY: `new` has seen that the CPU has these features.
        unsafe { candidates(self, text, buffers) }
    }

    /// Writes to `buffers.kept` those of the first `count` of `buffers.candidates`, which are positions in `text`, that
    /// [`Confirm::retain`] keeps, unless the byte before or behind the window refutes them, and returns how many. There
    /// are four bytes of text or more.
    pub(super) fn retain(&self, confirm: &Confirm, text: &[u8], count: usize, buffers: &mut Buffers) -> usize {
        let Buffers { candidates, kept, .. } = buffers;
        // SAFETY: `new` has seen that the CPU has these features.
        unsafe {
            let count = retain_windows(confirm, text, &candidates[..count.next_multiple_of(32)], count, kept);
            // To confirm a few costs less.
            let few = count < 24 || text.len() < MIN_NEIGHBOURLY;
            if few { count } else { retain_neighbourly(confirm, text, count, kept) }
        }
    }

    /// Makes `starts` for each group the positions of `text` where a run of the group's union may start: as long as its
    /// shortest, or 64 if that is less, or as many as are left of `text`. There is a word more than `text` fills.
    pub(super) fn run_starts(&self, groups: &RunGroups, text: &[u8], starts: &mut [Sparse; MAX_GROUPS]) {
        // SAFETY: `new` has seen that the CPU has these features.
        unsafe { run_starts(groups, text, starts) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
fn candidates(filter: &Avx512, text: &[u8], buffers: &mut Buffers) -> usize {
    let classes = &mut buffers.classes[..CHUNK + 128];
    let [low, high] = [load(&filter.classes.0, 0), load(&filter.classes.0, 64)];
    for at in (0..text.len()).step_by(64) {
        let class = _mm512_permutex2var_epi8(low, load_part(text, at), high);
        store(class, &mut classes[at..at + 64]);
    }

    let [first, second, third, fourth] = &*filter.takes;
    let [first, second, third, fourth] = [tables(first), tables(second), tables(third), tables(fourth)];
    let each_position = load(&POSITIONS, 0);
    let end = text.len() - 3;
    let mut count = 0;
    for at in (0..end).step_by(64) {
        let neighbours = [load(classes, at), load(classes, at + 1), load(classes, at + 2), load(classes, at + 3)];
        let [low, high] = [
            _mm512_or_si512(taken(&first, &neighbours), taken(&second, &neighbours)),
            _mm512_or_si512(taken(&third, &neighbours), taken(&fourth, &neighbours)),
        ];
        let hits = _mm512_or_si512(low, high);
        let hits = _mm512_mask_test_epi8_mask(mask(end - at), hits, hits);

        let positions = _mm512_maskz_compress_epi8(hits, each_position);
        let base = _mm512_set1_epi16(at as i16);
        let out = &mut buffers.candidates[count..count + 64];
        let first = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(positions));
        store(_mm512_add_epi16(base, first), &mut out[..32]);
        let found = hits.count_ones() as usize;
        if found > 32 {
            let second = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(positions));
            store(_mm512_add_epi16(base, second), &mut out[32..]);
        }
        count += found;
    }
    count
}

/// A group's tables for the four positions of a window.
#[inline]
#[target_feature(enable = "avx512f")]
fn tables(group: &[Aligned<64>; 4]) -> [__m512i; 4] {
    [load(&group[0].0, 0), load(&group[1].0, 0), load(&group[2].0, 0), load(&group[3].0, 0)]
}

/// The buckets of a group that take all four bytes at each of 64 positions.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn taken(tables: &[__m512i; 4], neighbours: &[__m512i; 4]) -> __m512i {
    let first = _mm512_permutexvar_epi8(neighbours[0], tables[0]);
    let second = _mm512_permutexvar_epi8(neighbours[1], tables[1]);
    let third = _mm512_permutexvar_epi8(neighbours[2], tables[2]);
    let fourth = _mm512_permutexvar_epi8(neighbours[3], tables[3]);
    _mm512_and_si512(_mm512_and_si512(first, second), _mm512_and_si512(third, fourth))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn retain_windows(confirm: &Confirm, text: &[u8], candidates: &[u16], count: usize, kept: &mut [u16]) -> usize {
    let last = _mm512_set1_epi32((text.len() - 4) as i32);
    let mut out = 0;
    for (number, some) in candidates.chunks_exact(32).enumerate() {
        let positions = load_numbers(some);
        let [low, high] = halves(positions);
        let (low, high) = (are_windows(confirm, text, low, last), are_windows(confirm, text, high, last));
        let is_kept = (u32::from(low) | u32::from(high) << 16) & mask(count - 32 * number) as u32;
        store(_mm512_maskz_compress_epi16(is_kept, positions), &mut kept[out..out + 32]);
        out += is_kept.count_ones() as usize;
    }
    out
}

/// Whether some window may stand at each of 16 positions; the last of which something can be told is `last`.
#[inline]
#[target_feature(enable = "avx512f")]
fn are_windows(confirm: &Confirm, text: &[u8], positions: __m512i, last: __m512i) -> u16 {
    let windows = fours(text, _mm512_min_epu32(positions, last));
    has_bit(&confirm.rows, rows_of::<FACTOR>(windows), _mm512_srli_epi32::<24>(windows))
}

/// In so many bytes there is a window with a neighbour on either side.
const MIN_NEIGHBOURLY: usize = 6;

/// Keeps those of the first `count` of `kept` where the bytes on both sides of the window may be of a literal that has it;
/// those at either end of `text` as well.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn retain_neighbourly(confirm: &Confirm, text: &[u8], count: usize, kept: &mut [u16]) -> usize {
    let last = _mm512_set1_epi32((text.len() - 5) as i32);
    let mut out = 0;
    for from in (0..count).step_by(32) {
        let positions = load_numbers(&kept[from..from + 32]);
        let [low, high] = halves(positions);
        let (low, high) = (fit(confirm, text, low, last), fit(confirm, text, high, last));
        let is_kept = (u32::from(low) | u32::from(high) << 16) & mask(count - from) as u32;
        // What is overwritten was read.
        store(_mm512_maskz_compress_epi16(is_kept, positions), &mut kept[out..out + 32]);
        out += is_kept.count_ones() as usize;
    }
    out
}

/// Whether the neighbours of each of 16 windows are of a literal that has it; the last that has one behind it is `last`.
#[inline]
#[target_feature(enable = "avx512f")]
fn fit(confirm: &Confirm, text: &[u8], positions: __m512i, last: __m512i) -> u16 {
    let one = _mm512_set1_epi32(1);
    let inner = _mm512_min_epu32(_mm512_max_epu32(positions, one), last);
    let (before, after) = (fours(text, _mm512_sub_epi32(inner, one)), fours(text, _mm512_add_epi32(inner, one)));
    let rows = rows_of::<OTHER_FACTOR>(_mm512_srli_epi32::<8>(before));
    let fits = has_bit(&confirm.before, rows, _mm512_and_si512(before, _mm512_set1_epi32(0xff)))
        & has_bit(&confirm.after, rows, _mm512_srli_epi32::<24>(after));
    fits | _mm512_cmpneq_epi32_mask(positions, inner)
}

/// The lower and the upper half of 32 numbers.
#[inline]
#[target_feature(enable = "avx512f")]
fn halves(numbers: __m512i) -> [__m512i; 2] {
    let (low, high) = (_mm512_castsi512_si256(numbers), _mm512_extracti64x4_epi64::<1>(numbers));
    [_mm512_cvtepu16_epi32(low), _mm512_cvtepu16_epi32(high)]
}

/// The four bytes of text at each of 16 positions, which are four bytes before its end or more.
#[inline]
#[target_feature(enable = "avx512f")]
fn fours(text: &[u8], positions: __m512i) -> __m512i {
    let last = i32::try_from(text.len() - 4).expect("a chunk is short");
    assert!(_mm512_cmpgt_epu32_mask(positions, _mm512_set1_epi32(last)) == 0);
    // SAFETY: from none of the positions on are there fewer than four bytes of text.
    unsafe { _mm512_i32gather_epi32::<1>(positions, text.as_ptr().cast()) }
}

/// The rows of 16 windows, by the hash that `FACTOR` makes.
#[inline]
#[target_feature(enable = "avx512f")]
fn rows_of<const FACTOR: u32>(windows: __m512i) -> __m512i {
    let hashed = _mm512_and_si512(windows, _mm512_set1_epi32(HASHED.cast_signed()));
    _mm512_srli_epi32::<{ 32 - ROWS_LOG2 }>(_mm512_mullo_epi32(hashed, _mm512_set1_epi32(FACTOR.cast_signed())))
}

/// Whether each of 16 rows has the [bit](super::confirm::row_bit) for a byte.
#[inline]
#[target_feature(enable = "avx512f")]
fn has_bit(table: &[u64; ROWS], rows: __m512i, bytes: __m512i) -> u16 {
    // A row is two halves, of which the second highest bit of the byte chooses one, and the lowest five a bit.
    let half = _mm512_and_si512(_mm512_srli_epi32::<6>(bytes), _mm512_set1_epi32(1));
    let rows = _mm512_and_si512(rows, _mm512_set1_epi32(ROWS as i32 - 1));
    let halves = _mm512_or_si512(_mm512_slli_epi32::<1>(rows), half);
    // SAFETY: the numbers are of halves of the table's rows, for they are less than twice `ROWS`.
    let bits = unsafe { _mm512_i32gather_epi32::<4>(halves, table.as_ptr().cast()) };
    let bit = _mm512_and_si512(bytes, _mm512_set1_epi32(31));
    _mm512_test_epi32_mask(bits, _mm512_sllv_epi32(_mm512_set1_epi32(1), bit))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
fn run_starts(groups: &RunGroups, text: &[u8], starts: &mut [Sparse; MAX_GROUPS]) {
    let unions = &groups.unions.0;
    let table = [load(unions, 0), load(unions, 64), load(unions, 128), load(unions, 192)];
    let starts = &mut starts[..groups.groups.len()];
    let mut bits = [_mm512_setzero_si512(); MAX_GROUPS];
    for (group, bit) in bits.iter_mut().enumerate() {
        *bit = _mm512_set1_epi8((1u8 << group).cast_signed());
    }
    for (number, at) in (0..text.len()).step_by(64).enumerate() {
        let bytes = load_part(text, at);
        let beyond_ascii = _mm512_movepi8_mask(bytes);
        // For each byte the groups of whose unions it is a member, a bit each.
        let mut unions = _mm512_maskz_permutex2var_epi8(!beyond_ascii, table[0], bytes, table[1]);
        if groups.beyond_ascii {
            let others = _mm512_maskz_permutex2var_epi8(beyond_ascii, table[2], bytes, table[3]);
            unions = _mm512_or_si512(unions, others);
        }
        // Of what is beyond the text nothing is known.
        let beyond = !mask(text.len() - at);
        for (starts, bit) in starts.iter_mut().zip(bits) {
            starts.words[number] = _mm512_test_epi8_mask(unions, bit) | beyond;
        }
    }
    for (group, starts) in groups.groups.iter().zip(starts) {
        let words = &mut starts.words[..=text.len().div_ceil(64)];
        words[text.len().div_ceil(64)] = u64::MAX;
        starts.some = keep_starts(words, group.shortest_len, group.drawn);
    }
}

/// Leaves of the ones in `words` those with which `len` ones begin, or 64 if that is less, and of those that follow one
/// another the first, if `firsts` are asked for. The last word is there to be looked at only. Answers which of the words,
/// 128 at most, have a one.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
fn keep_starts(words: &mut [u64], len: usize, firsts: bool) -> u128 {
    let len = len.min(64);
    let mut some = 0;
    let mut before = _mm512_setzero_si512();
    for at in (0..words.len()).step_by(8) {
        let mut ones = load_words(&words[at..]);
        // No start needs to know more than the next 63.
        let mut behind = load_words(&words[at + 1..]);
        // At first a one stands for itself, then for as many as `have`.
        let mut have = 1;
        while have < len {
            let shift = have.min(len - have);
            let by = _mm512_set1_epi64(shift as i64);
            ones = _mm512_and_si512(ones, _mm512_shrdv_epi64(ones, behind, by));
            // What comes in from above is too far away to be asked for.
            behind = _mm512_and_si512(behind, _mm512_srlv_epi64(behind, by));
            have += shift;
        }
        let starts = ones;
        if firsts {
            let last = _mm512_alignr_epi64::<7>(ones, before);
            ones = _mm512_andnot_si512(_mm512_shldi_epi64::<1>(ones, last), ones);
        }
        before = starts;
        store_words(ones, &mut words[at..]);
        some |= u128::from(_mm512_test_epi64_mask(ones, ones)) << at;
    }
    some
}

/// The numbers of 64 neighbouring positions.
static POSITIONS: [u8; 64] = {
    let mut positions = [0; 64];
    let mut i = 0;
    while i < 64 {
        positions[i] = i as u8;
        i += 1;
    }
    positions
};

/// The first `len` of 64 bits, or all.
#[inline]
fn mask(len: usize) -> u64 {
    if len < 64 { (1 << len) - 1 } else { u64::MAX }
}

/// The 64 bytes at `at`.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8], at: usize) -> __m512i {
    let bytes: &[u8; 64] = bytes[at..at + 64].try_into().expect("64 bytes");
    // SAFETY: the reference is to 64 readable bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// 32 numbers.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_numbers(numbers: &[u16]) -> __m512i {
    let numbers: &[u16; 32] = numbers.try_into().expect("32 numbers");
    // SAFETY: the reference is to 64 readable bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

/// The 64 bytes at `at`, or fewer and zeros at the end of `text`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_part(text: &[u8], at: usize) -> __m512i {
    let rest = &text[at..];
    // SAFETY: no byte beyond `rest` is read: the mask has as many bits as there are bytes, up to 64, and a masked load
    // reads no others.
    unsafe { _mm512_maskz_loadu_epi8(mask(rest.len()), rest.as_ptr().cast()) }
}

/// The first eight words, or fewer and zeros.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_words(words: &[u64]) -> __m512i {
    // SAFETY: no word beyond the slice is read: the mask has as many bits as there are words, up to eight, and a masked
    // load reads no others.
    unsafe { _mm512_maskz_loadu_epi64(mask(words.len()) as u8, words.as_ptr().cast()) }
}

/// Writes to the first eight words, or fewer.
#[inline]
#[target_feature(enable = "avx512f")]
fn store_words(value: __m512i, words: &mut [u64]) {
    // SAFETY: no word beyond the slice is written, as above.
    unsafe { _mm512_mask_storeu_epi64(words.as_mut_ptr().cast(), mask(words.len()) as u8, value) }
}

/// Writes `value` to 64 bytes.
#[inline]
#[target_feature(enable = "avx512f")]
fn store<T: Number>(value: __m512i, to: &mut [T]) {
    assert!(size_of_val(to) == 64);
    // SAFETY: `to` is 64 writable bytes of numbers that may have any bits, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), value) }
}

/// Numbers that may have any bits.
trait Number {}
impl Number for u8 {}
impl Number for u16 {}

#[cfg(test)]
mod tests {
    use super::super::Literal;
    use super::super::window::Window;
    use super::*;
    use crate::byteset::ByteSet;

    /// Texts of few letters, in which windows stand often, with neighbours that fit and others.
    fn text(len: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let letters = b"aAbB-";
        let letter = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            letters[(state >> 33) as usize % letters.len()]
        };
        (0..len).map(letter).collect()
    }

    #[test]
    fn starts_of_runs_are_those_of_the_words() {
        if Avx512::new(&[]).is_none() {
            return;
        }
        let mut state = 7u64;
        let mut word = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Ones or zeros that go on for long.
            match state >> 62 {
                0 => 0,
                1 => u64::MAX << (state >> 50 & 63),
                2 => u64::MAX >> (state >> 50 & 63),
                _ => u64::MAX,
            }
        };
        for count in (1..20).chain([65]) {
            for len in [1, 2, 3, 15, 16, 17, 32, 33, 63, 64, 65, 100] {
                for firsts in [false, true] {
                    // Of what is beyond the text nothing is known.
                    let words: Vec<u64> = (1..count).map(&mut word).chain([u64::MAX]).collect();
                    let (mut at_once, mut expected) = (words.clone(), words.clone());
                    // SAFETY: the CPU has the features, or there were no filter.
                    let some = unsafe { keep_starts(&mut at_once, len, firsts) };
                    assert_eq!(some, super::super::words::some(&at_once));
                    super::super::words::keep_starts(&mut expected, len);
                    if firsts {
                        super::super::words::keep_firsts(&mut expected);
                    }
                    assert_eq!(at_once[..count - 1], expected[..count - 1], "{len} {firsts} {words:x?}");
                }
            }
        }
    }

    #[test]
    fn sixteen_at_once_are_as_one_by_one() {
        let literals = [("-a-", false), ("ab-ba", true), ("ABab", false), ("babba-", true), ("-aab-b", false)]
            .map(|(bytes, ignore_case)| Literal { bytes: bytes.into(), ignore_case, behind: ByteSet::ALL });
        let windows = literals.each_ref().map(Window::rarest);
        let confirm = Confirm::new(&literals, &windows);
        if Avx512::new(&[]).is_none() {
            return;
        }
        for len in (4..100).chain([1000, CHUNK + 3]) {
            let text = text(len, len as u64);
            let count = len - 3;
            let mut buffers = Buffers::default();
            // Of those behind the count nothing is known.
            buffers.candidates.fill(u16::MAX);
            (0..).zip(&mut buffers.candidates[..count]).for_each(|(at, candidate)| *candidate = at);
            let mut expected = vec![0; CHUNK + 64];
            let one_by_one = confirm.retain(&text, buffers.candidates[..count].iter().copied(), &mut expected);
            let Buffers { candidates, kept, .. } = &mut buffers;
            let candidates = &candidates[..count.next_multiple_of(32)];
            // SAFETY: the CPU has the features, or there were no filter.
            let at_once = unsafe { retain_windows(&confirm, &text, candidates, count, kept) };
            assert_eq!(kept[..at_once], expected[..one_by_one]);
            if len < MIN_NEIGHBOURLY {
                continue;
            }
            // SAFETY: as before.
            let at_once = unsafe { retain_neighbourly(&confirm, &text, at_once, kept) };
            expected.truncate(one_by_one);
            expected.retain(|&at| confirm.fits_neighbours(&text, usize::from(at)));
            assert_eq!(kept[..at_once], expected);
            assert!(len < 1000 || (1..one_by_one).contains(&at_once), "{at_once} of {one_by_one}");
        }
    }
}
