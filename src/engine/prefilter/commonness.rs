//! How common each byte is in the text that secrets leak into.

use super::Literal;
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

/// Four neighbouring bytes of a literal, by which it is looked for. A literal of three bytes has a window whose last
/// byte may be anything.
///
/// A text byte `b` fits position `i` when `(b ^ value[i]) & care[i] == 0`: all bits matter for a byte that must be
/// exactly this one, all but `0x20` for a letter in either case, and none for the byte that may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) value: [u8; 4],
    pub(super) care: [u8; 4],
    /// Where in the literal the window stands.
    pub(super) offset: usize,
}

impl Window {
    /// The window of `literal` that is rarest in text, as far as single bytes can tell.
    pub(super) fn rarest(literal: &Literal) -> Window {
        let last = literal.bytes.len().saturating_sub(4);
        (0..=last)
            .map(|offset| Window::at(literal, offset))
            .min_by_key(Window::commonness)
            .expect("a literal has at least one window")
    }

    fn at(literal: &Literal, offset: usize) -> Window {
        let mut window = Window { value: [0; 4], care: [0; 4], offset };
        for (i, &byte) in literal.bytes[offset..].iter().take(4).enumerate() {
            window.value[i] = byte;
            window.care[i] = care(byte, literal.ignore_case);
        }
        window
    }

    /// The share of all windows of text that are this one, were neighbouring bytes independent.
    fn commonness(&self) -> u64 {
        (0..4).map(|i| self.bytes(i).map(|b| u64::from(commonness(b))).sum::<u64>()).product()
    }

    /// Whether the byte at `position` may be anything.
    pub(super) fn is_wildcard(&self, position: usize) -> bool {
        self.care[position] == 0
    }

    /// The bytes that fit at `position`: one, a letter in both cases, or all 256.
    pub(super) fn bytes(&self, position: usize) -> impl Iterator<Item = u8> + use<> {
        let (value, care) = (self.value[position], self.care[position]);
        // The bits that do not matter, counted through: the subsets of a mask, in ascending order.
        let free = !care;
        let mut next = Some(0u8);
        std::iter::from_fn(move || {
            let bits = next?;
            next = (bits != free).then(|| bits.wrapping_sub(free) & free);
            Some((value & care) | bits)
        })
    }
}

/// The bits of a text byte that matter where `byte` of a literal stands.
pub(super) fn care(byte: u8, ignore_case: bool) -> u8 {
    if ignore_case && byte.is_ascii_alphabetic() { !0x20 } else { !0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(bytes: &[u8], ignore_case: bool) -> Window {
        Window::rarest(&Literal { bytes: bytes.to_vec(), ignore_case })
    }

    #[test]
    fn the_rarest_window_is_not_the_words() {
        assert_eq!(window(b"eeeeQ~^eeee", false).value, *b"eQ~^");
        assert_eq!(window(b"there~8Q~there", false).offset, 5);
        assert_eq!(window(b"abcd", false), Window { value: *b"abcd", care: [0xff; 4], offset: 0 });
    }

    #[test]
    fn bytes_that_fit() {
        let fits = |w: &Window, i| w.bytes(i).collect::<Vec<_>>();
        let w = window(b"k-y", true);
        assert_eq!(fits(&w, 0), b"Kk");
        assert_eq!(fits(&w, 1), b"-");
        assert_eq!(fits(&w, 3).len(), 256);
        assert_eq!(fits(&window(b"k-y", false), 0), b"k");
        assert!(w.is_wildcard(3) && !w.is_wildcard(2));
    }

    #[test]
    fn shares_add_up() {
        let sum: u32 = (0..=u8::MAX).map(commonness).sum();
        assert!(sum.abs_diff(ALL_BYTES) < 1000, "{sum}");
    }
}
