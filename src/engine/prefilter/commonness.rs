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

/// What [`commonness`] of all bytes adds up to.
pub(super) const ALL_BYTES: u32 = 1 << 16;

/// How many of [`ALL_BYTES`] bytes are `byte`.
pub(super) fn commonness(byte: u8) -> u32 {
    COMMONNESS.get(usize::from(byte)).map_or(3, |&c| u32::from(c))
}

/// Which share of all bytes is of `class`.
pub(super) fn of_class(class: &ByteSet) -> f64 {
    f64::from(class.iter().map(commonness).sum::<u32>()) / f64::from(ALL_BYTES)
}

/// How much more common `first` and then `second` are than they would be were they independent, as a power of two.
pub(super) fn attraction(first: u8, second: u8) -> i32 {
    i32::from(PAIRS[kind(first)][kind(second)])
}

/// Which row and column of [`PAIRS`] is that of `byte`.
fn kind(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => usize::from(byte - b'a'),
        b'A'..=b'Z' => usize::from(byte - b'A'),
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
    fn letters_have_company() {
        assert!(attraction(b'q', b'u') > 3 && attraction(b'Q', b'U') > 3 && attraction(b'4', b'2') > 0);
        assert!(attraction(b'q', b'e') < 0 && attraction(b'x', b'7') <= 0);
        assert_eq!(kind(0xff), kind(b' '));
    }
}
