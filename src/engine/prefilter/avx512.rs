//! Candidates with AVX-512, 64 positions at a time.
//!
//! `vpermb` looks 64 bytes up in a table of 64 entries that lies in one register, and `vpermi2b` in one of 128 entries
//! at twice the price. So each byte of text is translated once, with `vpermi2b`, into one of 64 classes, and the
//! lookups for the four positions of a window are of classes. Where windows hold more different bytes than there are
//! classes, those that are rarest in text share one.
//!
//! The lookups leave a bit for each position where some bucket has a window. `vpcompressb` turns these into a list
//! without a branch, for how many there are in 64 positions is anyone's guess.

use std::arch::x86_64::*;

use super::buckets::Buckets;
use super::commonness::commonness;
use super::runs::RunGroup;
use super::tier::{Buffers, CHUNK};
use super::window::Window;
use super::words::{keep_firsts, keep_starts};

/// Groups of eight buckets, of which one lookup yields a bit each.
const GROUPS: usize = 4;

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
    pub(super) fn new(windows: &[Window]) -> Option<Avx512> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("popcnt");
        if !has_all {
            return None;
        }
        let buckets: Buckets<{ 8 * GROUPS }> = Buckets::new(windows);
        let classes = classes(windows);
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

    /// Sets in `words` the bits of positions of `text` where a run of the group's union may start: as long as its
    /// shortest, or 64 if that is less, or as many as are left of `text`. There is a word more than `text` fills.
    pub(super) fn run_starts(&self, group: &RunGroup, text: &[u8], words: &mut [u64]) {
        // SAFETY: `new` has seen that the CPU has these features.
        unsafe { run_starts(group, text, words) }
    }
}

/// A class for each byte of ASCII: 0 for those in no window, and one each for the others, as far as 64 go.
fn classes(windows: &[Window]) -> Box<Aligned<128>> {
    let mut in_windows = [false; 128];
    for window in windows {
        for position in (0..4).filter(|&position| !window.is_wildcard(position)) {
            window.bytes(position).for_each(|byte| in_windows[usize::from(byte & 127)] = true);
        }
    }
    let mut bytes: Vec<u8> = (0..128).filter(|&byte| in_windows[usize::from(byte)]).collect();
    bytes.sort_by_key(|&byte| std::cmp::Reverse(commonness(byte)));
    let mut classes = Box::new(Aligned([0; 128]));
    for (class, byte) in (1..).zip(bytes) {
        classes.0[usize::from(byte)] = std::cmp::min(class, 63);
    }
    classes
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
fn candidates(filter: &Avx512, text: &[u8], buffers: &mut Buffers) -> usize {
    let classes = &mut buffers.classes[..CHUNK + 128];
    let [low, high] = [load(&filter.classes.0, 0), load(&filter.classes.0, 64)];
    for at in (0..text.len()).step_by(64) {
        let class = _mm512_permutex2var_epi8(low, load_part(text, at), high);
        store(class, &mut classes[at..at + 64]);
    }

    let takes = filter.takes.each_ref().map(|group| group.each_ref().map(|table| load(&table.0, 0)));
    let each_position = load(&POSITIONS, 0);
    let end = text.len() - 3;
    let mut count = 0;
    for at in (0..end).step_by(64) {
        let neighbours: [__m512i; 4] = [0, 1, 2, 3].map(|position| load(classes, at + position));
        let mut hits = _mm512_setzero_si512();
        for group in takes {
            let [a, b, c, d] =
                [0, 1, 2, 3].map(|position| _mm512_permutexvar_epi8(neighbours[position], group[position]));
            hits = _mm512_or_si512(hits, _mm512_and_si512(_mm512_and_si512(a, b), _mm512_and_si512(c, d)));
        }
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

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
fn run_starts(group: &RunGroup, text: &[u8], words: &mut [u64]) {
    let members = &group.union;
    let table = [0, 64, 128, 192].map(|at| load(&members.flags.0, at));
    // Of what is beyond the text nothing is known.
    words.fill(u64::MAX);
    for (at, word) in (0..text.len()).step_by(64).zip(words.iter_mut()) {
        let bytes = load_part(text, at);
        let beyond_ascii = _mm512_movepi8_mask(bytes);
        let flags = _mm512_permutex2var_epi8(table[0], bytes, table[1]);
        let mut bits = _mm512_movepi8_mask(flags) & !beyond_ascii;
        if members.beyond_ascii {
            let flags = _mm512_permutex2var_epi8(table[2], bytes, table[3]);
            bits |= _mm512_movepi8_mask(flags) & beyond_ascii;
        }
        *word = bits | !mask(text.len() - at);
    }
    keep_starts(words, group.shortest_len);
    if group.drawn {
        keep_firsts(words);
    }
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

/// The 64 bytes at `at`, or fewer and zeros at the end of `text`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_part(text: &[u8], at: usize) -> __m512i {
    let rest = &text[at..];
    // SAFETY: no byte beyond `rest` is read: the mask has as many bits as there are bytes, up to 64, and a masked load
    // reads no others.
    unsafe { _mm512_maskz_loadu_epi8(mask(rest.len()), rest.as_ptr().cast()) }
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
