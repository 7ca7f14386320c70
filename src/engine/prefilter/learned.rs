//! What was learned of the literals of the built-in rules: by which four bytes to look for each, and in which bucket.
//!
//! What [`commonness`](super::commonness) knows of text are bytes and pairs of them. What a bucket proposes in vain
//! depends on which bytes follow which, and on what the other buckets propose anyway. So windows and buckets of the
//! literals that ship were chosen together on a sample of real text (`learn.rs`), and this is the choice: a third of the
//! places are proposed that are without it. It is a hint. Literals that are not in the table, those of a user's rules for
//! one, take their rarest window and the bucket that suits it.

use super::Literal;
use super::table::LEARNED;
use super::window::Window;

/// What was learned of one literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Learned {
    /// The [hash](hash_of) of the literal.
    pub(super) literal: u32,
    /// Where in the literal the window stands.
    pub(super) offset: u8,
    pub(super) bucket: u8,
}

impl Learned {
    /// Of hashes, offsets and buckets.
    pub(super) const fn all<const N: usize>(learned: [(u32, u8, u8); N]) -> [Learned; N] {
        let mut all = [Learned { literal: 0, offset: 0, bucket: 0 }; N];
        let mut i = 0;
        while i < N {
            let (literal, offset, bucket) = learned[i];
            all[i] = Learned { literal, offset, bucket };
            i += 1;
        }
        all
    }
}

/// The window of a literal, and the bucket that was learned for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) window: Window,
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "buckets are for vectors"))]
    pub(super) bucket: Option<u8>,
}

impl Placed {
    pub(super) fn of(literal: &Literal) -> Placed {
        let known = LEARNED.binary_search_by_key(&hash_of(literal), |learned| learned.literal).map(|at| LEARNED[at]);
        // Two literals may have one hash.
        match known.ok().and_then(|learned| Some((Window::at(literal, learned.offset.into())?, learned.bucket))) {
            Some((window, bucket)) => Placed { window, bucket: Some(bucket) },
            None => Placed { window: Window::rarest(literal), bucket: None },
        }
    }
}

/// FNV-1a.
pub(super) fn hash_of(literal: &Literal) -> u32 {
    let bytes = literal.bytes.iter().copied().chain([u8::from(literal.ignore_case)]);
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
