//! The part of a literal by which it is looked for.

use super::Literal;
use super::commonness::{attraction, commonness};
use crate::byteset::ByteSet;

/// Four neighbouring bytes of a literal, by which it is looked for. A literal of three bytes has a window whose last
/// byte may be any that stands behind it.
///
/// A text byte `b` fits position `i` when `(b ^ value[i]) & care[i] == 0`: all bits matter for a byte that must be
/// exactly this one, all but `0x20` for a letter in either case, and none for the byte behind the literal, which is one of
/// `behind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) value: [u8; 4],
    pub(super) care: [u8; 4],
    behind: ByteSet,
    /// Where in the literal the window stands.
    pub(super) offset: usize,
}

impl Window {
    /// The window of `literal` that is rarest in text.
    pub(super) fn rarest(literal: &Literal) -> Window {
        Window::all(literal)
            .map(|window| (window.commonness(), window))
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
            .expect("a literal has at least one window")
            .1
    }

    /// The windows of `literal`, by where they stand.
    pub(super) fn all(literal: &Literal) -> impl Iterator<Item = Window> {
        (0..).map_while(|offset| Window::at(literal, offset))
    }

    /// The window at `offset` in `literal`, if there is one.
    pub(super) fn at(literal: &Literal, offset: usize) -> Option<Window> {
        if offset > literal.bytes.len().saturating_sub(4) {
            return None;
        }
        let mut window = Window { value: [0; 4], care: [0; 4], behind: literal.behind, offset };
        for (i, &byte) in literal.bytes[offset..].iter().take(4).enumerate() {
            window.value[i] = byte;
            window.care[i] = care(byte, literal.ignore_case);
        }
        Some(window)
    }

    /// How common the window is in text, on no particular scale, as far as neighbours tell: bytes that are not next to
    /// each other are taken for independent.
    fn commonness(&self) -> f64 {
        let bytes = (0..4).map(|i| f64::from(self.bytes(i).map(commonness).sum::<u32>())).product::<f64>();
        let known = (0..4).filter(|&i| !self.is_wildcard(i)).count();
        let pairs = self.value[..known].windows(2).map(|pair| attraction(pair[0], pair[1])).sum();
        bytes * 2f64.powi(pairs)
    }

    /// Whether at `position` stands a byte that is none of the literal.
    pub(super) fn is_wildcard(&self, position: usize) -> bool {
        self.care[position] == 0
    }

    /// The bytes that fit at `position`: one, a letter in both cases, or those behind the literal.
    pub(super) fn bytes(&self, position: usize) -> impl Iterator<Item = u8> + use<> {
        let (value, care) = (self.value[position], self.care[position]);
        let own = [value & care, value].into_iter().skip(usize::from(value & care == value));
        let is_own = !self.is_wildcard(position);
        let behind = if is_own { ByteSet::EMPTY } else { self.behind };
        own.take(if is_own { 2 } else { 0 }).chain(behind.iter())
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
        Window::rarest(&Literal { bytes: bytes.to_vec(), ignore_case, behind: ByteSet::ALL })
    }

    #[test]
    fn the_rarest_window_is_not_the_words() {
        assert_eq!(window(b"eeeeQ~^Zeeee", false).value, *b"Q~^Z");
        assert_eq!(window(b"there~8Q~there", false).offset, 5);
        // Rare letters, and yet a common word.
        assert_ne!(window(b"makestring", true).value, *b"ring");
        assert_eq!(
            window(b"abcd", false),
            Window { value: *b"abcd", care: [0xff; 4], behind: ByteSet::ALL, offset: 0 }
        );
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
        let behind = ByteSet::EMPTY.with_range(b'0', b'9');
        let w = Window::rarest(&Literal { bytes: b"k-y".to_vec(), ignore_case: true, behind });
        assert_eq!(fits(&w, 3), b"0123456789");
    }
}
