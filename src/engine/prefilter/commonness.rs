//! How common each byte is in the text that secrets leak into.

use crate::byteset::ByteSet;

/// How many of 65,536 bytes are this one, in a mixture of source code in a dozen languages, documentation and server
/// logs. Never 0: an unseen byte is rare, not impossible.
///
/// Only the ratios matter, and only for speed: a wrong figure makes a filter propose more, never less.
#[rustfmt::skip]
static COMMONNESS: [u16; 128] = [
    35, 3, 3, 2, 3, 2, 1, 2, 3, 815, 1459, 1, 1, 4, 2, 2,
    3, 2, 2, 1, 1, 1, 1, 2, 2, 1, 1, 2, 2, 2, 2, 2,
    9936, 51, 1720, 116, 26, 23, 62, 243, 496, 496, 109, 77, 907, 491, 1071, 781,
    1367, 1093, 829, 565, 533, 525, 557, 427, 446, 409, 1047, 148, 48, 388, 79, 25,
    12, 232, 83, 217, 177, 310, 129, 107, 109, 247, 12, 58, 178, 156, 235, 182,
    215, 15, 211, 296, 408, 109, 75, 63, 41, 35, 40, 159, 58, 170, 5, 759,
    75, 2215, 634, 1465, 1381, 4135, 923, 620, 696, 2102, 69, 268, 1378, 858, 2031, 2070,
    1082, 94, 2423, 2124, 2873, 1067, 415, 305, 361, 394, 78, 221, 30, 221, 6, 2,
];

/// How much more common two neighbouring bytes are in that text than they would be were they independent, as a power
/// of two: `PAIRS[i][j]` for one of kind `i` and one of kind `j` after it, where the kinds are the 26 letters without
/// case, the digits, and all others. So `qu` has 5: it is 32 times as common as `q` and `u` have it.
#[rustfmt::skip]
static PAIRS: [[i8; 28]; 28] = [
    [-2, 2, 2, 1, -2, 0, 2, -4, 0, -2, 0, 2, 2, 1, -7, 2, -2, 1, 0, 2, 0, 0, -1, 0, 1, -1, -1, -2],
    [1, 1, 0, 0, 0, 0, -3, -4, 1, 4, 1, 2, -3, -2, 0, -3, -2, 0, -1, -4, 2, -2, -3, -2, 4, -1, 0, -2],
    [1, 0, 0, -2, 1, 0, -3, 3, -1, -2, 4, 1, -2, -4, 2, -2, -2, 0, -2, 1, 0, -3, -4, -4, 0, -2, 0, -2],
    [0, 0, -2, 0, 2, 0, 0, -4, 0, -1, -2, -1, -2, -2, 0, 0, -2, 0, -1, -4, 2, -2, -2, -2, 0, -2, 0, 0],
    [0, 0, 0, 1, -3, 0, 0, -4, -3, -2, -2, 1, 0, 1, -3, 0, 2, 2, 1, 0, -3, 1, 1, 3, 0, -2, -2, 0],
    [1, 0, -1, 0, 0, 2, 1, -4, 2, -2, -4, 0, 0, 0, 2, -4, -2, 0, -1, -2, 2, -4, -2, -3, 0, -2, 0, -1],
    [-1, -2, -2, -2, 2, -2, 0, 0, 1, -1, -2, 0, -1, 0, 0, -3, -2, 0, 0, -3, 0, -2, -1, -3, 0, 0, -4, 0],
    [2, -2, -2, -2, 2, -2, -4, -3, 1, -2, -2, -2, -1, -4, 2, -3, 2, -2, -2, 2, 1, -2, -3, -2, -2, 2, -3, -1],
    [-2, 0, 1, 2, -2, 2, 2, -6, -4, -2, 0, 2, 2, 3, 1, 0, -2, -2, 1, 1, -5, 2, -5, 0, -6, 2, -4, -4],
    [2, -2, -2, 0, 0, -2, -2, -2, -2, 2, 0, -2, -2, -3, 1, -2, 2, -3, 3, -4, 2, -1, 0, 0, -1, 1, -2, 0],
    [0, -2, -2, -1, 2, -2, 0, 2, 0, 0, -2, -2, -1, -2, 0, -2, 0, -3, 0, -2, 1, 0, 0, -2, -2, -1, -3, 0],
    [1, -1, -3, 0, 2, 1, -3, -2, 2, -2, -2, 2, -4, -4, 2, -2, -2, -4, 0, 0, 2, -1, -2, -4, 1, -2, -5, -1],
    [2, 0, -3, -2, 2, -3, 0, -4, 0, -2, -2, 0, 1, -4, 2, 2, -2, -5, 1, -2, 1, -2, -4, -2, 2, -2, -4, -2],
    [1, -4, 1, 2, 0, 1, 3, -2, 0, -2, 0, -1, -2, -2, 1, -2, -2, -4, 0, 2, 0, 1, -1, -4, 0, -2, -5, -1],
    [-2, 1, 1, 1, -5, 0, 1, -5, -2, -2, 2, 0, 2, 2, 0, 1, -3, 2, 0, 0, 2, 2, 2, 0, -3, 2, -6, -2],
    [2, -2, -2, 0, 1, -2, -2, 0, 0, -2, -2, 2, -2, -2, 2, 0, -2, 1, 0, 0, 2, 0, -3, -2, 1, -2, -4, -1],
    [-4, -1, -2, -2, -4, -2, -2, -2, -3, 0, 0, 2, -2, -3, -4, -2, 1, -2, -2, -4, 5, 0, -1, 0, -1, 0, -2, 0],
    [1, -2, 0, 0, 2, -2, 0, -4, 1, -3, 2, -2, 0, 0, 2, -2, -3, 0, 0, 0, 0, 2, 0, -2, 2, -3, -4, 0],
    [-1, -2, 0, -4, 2, -2, 0, 2, 0, -2, 0, -2, -2, -2, 0, 1, 1, -3, 0, 2, 0, -2, 0, -4, 1, -2, -6, 0],
    [1, -2, -1, -2, 1, -2, -4, 2, 2, -3, -4, -2, 0, -4, 0, 1, -2, 1, 0, 0, 1, -3, 0, 0, 2, -2, -3, 0],
    [-1, 2, 0, -2, 0, 0, 0, -5, 0, -2, -4, 2, 2, 2, -3, 1, -2, 2, 2, 2, -4, -4, -4, 1, -4, -2, -2, -4],
    [2, -2, -2, -4, 2, -3, -3, -4, 2, -1, -2, -1, -1, -4, 0, -4, -1, -4, -3, -4, -4, -2, -2, -2, -2, -1, 0, -1],
    [2, -2, -2, -2, 0, -2, -2, 2, 2, 0, -1, -1, -2, 0, 2, -2, -1, 0, 0, -4, -4, -2, 4, -2, -2, -1, -3, -1],
    [2, -1, 0, -2, 0, 0, -2, -2, 0, 0, -2, -2, 0, -3, -3, 2, 0, -4, -3, 2, -2, -2, -2, 0, 0, 0, 0, 0],
    [-2, -1, -2, -2, -2, -2, 1, -2, -2, 0, -2, 0, 0, 0, -2, 3, -1, -2, 0, 0, -3, -2, 2, -2, -2, 0, -4, 0],
    [0, -2, -2, -2, 2, -2, -2, -2, 2, 0, -1, -2, -2, -3, -2, -2, 1, -2, -3, -2, -2, -1, -1, 0, 1, 2, -2, 0],
    [-1, 0, 0, 0, -2, 0, -5, -5, -6, -2, -4, -6, -5, -6, -6, -4, -2, -6, -6, -4, -5, -4, -4, -1, -4, 2, 2, 0],
    [-1, 0, 0, 0, -2, 0, 0, 0, 0, 1, -1, -1, 0, -1, -2, 0, 0, -2, 0, -1, -1, 0, 0, -2, -3, -1, 0, 1],
];

/// How often, in that text, a byte of one [kind](run_kind) (row) is followed by one of another (column).
#[rustfmt::skip]
static FOLLOWS: [[f64; 9]; 9] = [
    [0.781, 0.035, 0.007, 0.004, 0.004, 0.023, 0.003, 0.007, 0.136],
    [0.541, 0.323, 0.015, 0.020, 0.003, 0.003, 0.001, 0.004, 0.090],
    [0.134, 0.045, 0.396, 0.006, 0.012, 0.054, 0.007, 0.017, 0.329],
    [0.539, 0.320, 0.013, 0.043, 0.001, 0.005, 0.001, 0.002, 0.076],
    [0.408, 0.046, 0.086, 0.001, 0.170, 0.001, 0.001, 0.008, 0.279],
    [0.420, 0.344, 0.051, 0.002, 0.001, 0.024, 0.019, 0.001, 0.138],
    [0.251, 0.021, 0.014, 0.001, 0.001, 0.008, 0.292, 0.001, 0.411],
    [0.121, 0.033, 0.024, 0.001, 0.003, 0.001, 0.014, 0.156, 0.647],
    [0.255, 0.055, 0.019, 0.002, 0.003, 0.006, 0.014, 0.029, 0.617],
];

/// What [`commonness`] of all bytes adds up to.
pub(super) const ALL_BYTES: u32 = 1 << 16;

/// How many of [`ALL_BYTES`] bytes are `byte`.
pub(super) fn commonness(byte: u8) -> u32 {
    COMMONNESS.get(usize::from(byte)).map_or(3, |&c| u32::from(c))
}

/// How many runs of `class`, of `len` bytes or more, start in a byte of that text, were each byte to depend on the one
/// before it only. Words are longer than bytes drawn at random would make them.
pub(super) fn of_run(class: &ByteSet, len: usize) -> f64 {
    let (mut inside, mut all) = ([0.0; 9], [0.0; 9]);
    for byte in 0..=u8::MAX {
        let share = f64::from(commonness(byte)) / f64::from(ALL_BYTES);
        all[run_kind(byte)] += share;
        inside[run_kind(byte)] += if class.contains(byte) { share } else { 0.0 };
    }
    let mut reached: [f64; 9] = std::array::from_fn(|kind| all[kind] - inside[kind]);
    // What is rarer than this is rare enough.
    for _ in 0..len.min(48) {
        reached = std::array::from_fn(|to| {
            let followed: f64 = (0..9).map(|kind| reached[kind] * FOLLOWS[kind][to]).sum();
            followed * inside[to] / all[to]
        });
    }
    reached.iter().sum()
}

/// How much more common `first` and then `second` are than they would be were they independent, as a power of two.
pub(super) fn attraction(first: u8, second: u8) -> i32 {
    i32::from(PAIRS[kind(first)][kind(second)])
}

/// [`PAIRS`] by kinds, in rows of a power of two, and the kind of each byte: for those who ask often.
static ATTRACTIONS: ([[i8; 32]; 32], [u8; 256]) = {
    let (mut pairs, mut kinds) = ([[0; 32]; 32], [0; 256]);
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = kind(byte as u8) as u8;
        byte += 1;
    }
    let mut cell = 0;
    while cell < 28 * 28 {
        pairs[cell / 28][cell % 28] = PAIRS[cell / 28][cell % 28];
        cell += 1;
    }
    (pairs, kinds)
};

/// What the [`attraction`]s of all neighbours add up to.
#[inline]
pub(super) fn attractions<const N: usize>(bytes: &[u8; N]) -> i32 {
    let (pairs, kinds) = &ATTRACTIONS;
    let kinds = bytes.map(|byte| usize::from(kinds[usize::from(byte)] & 31));
    (1..N).map(|i| i32::from(pairs[kinds[i - 1]][kinds[i]])).sum()
}

/// Which row and column of [`FOLLOWS`] is that of `byte`: the kinds of bytes that runs are made of, and all others.
fn run_kind(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        b'_' => 3,
        b'-' => 4,
        b'.' => 5,
        b'/' => 6,
        b'+' | b'=' | b'~' | b':' | b'@' | b'%' => 7,
        _ => 8,
    }
}

/// Which row and column of [`PAIRS`] is that of `byte`.
const fn kind(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => (byte - b'a') as usize,
        b'A'..=b'Z' => (byte - b'A') as usize,
        b'0'..=b'9' => 26,
        _ => 27,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        let sum: u32 = (0..=u8::MAX).map(commonness).sum();
        assert!(sum.abs_diff(ALL_BYTES) < 1000, "{sum}");
    }

    #[test]
    fn runs_are_rare_by_length_and_class() {
        let names = ByteSet::ALPHANUMERIC.with(b'_').with(b'-');
        let [short, long, path] =
            [(names, 16), (names, 32), (names.with(b'/').with(b'.'), 32)].map(|(class, len)| of_run(&class, len));
        // As counted in that text: 1 in 1,600 for 32 bytes of names, 1 in 600 with the joints of paths.
        assert!(1.0 / 5000.0 < long && long < 1.0 / 1000.0, "{long}");
        assert!(long < path && path < short, "{short} {path}");
    }

    #[test]
    fn letters_have_company() {
        assert!(attraction(b'q', b'u') > 3 && attraction(b'Q', b'U') > 3 && attraction(b'4', b'2') > 0);
        assert!(attraction(b'q', b'e') < 0 && attraction(b'x', b'7') <= 0);
        assert_eq!(kind(0xff), kind(b' '));
    }
}
