//! Candidates without vector instructions: every other position, by the three bytes that stand there.
//!
//! A window of four bytes `abcd` shows at two neighbouring positions, as `abc` and as `bcd`. So only half the positions
//! need a look, and where three bytes are known from some window, it may begin there or one position before.

use super::learned::Placed;

/// Rows of the table: 32 KiB, which stay in the nearest cache.
const ROWS_LOG2: u32 = 12;
const ROWS: usize = 1 << ROWS_LOG2;

/// The threes of bytes that windows show, as a Bloom filter with one hash function.
///
/// Two bytes choose a row and the third a bit of it, so that a third byte that may be anything, as after the last two
/// bytes of a literal of three, sets the whole of one row.
#[derive(Debug, Clone)]
pub(super) struct Threes {
    rows: Box<[u64; ROWS]>,
}

impl Threes {
    pub(super) fn new(windows: &[Placed]) -> Threes {
        let mut rows = Box::new([0; ROWS]);
        for Placed { window, .. } in windows {
            for first in 0..2 {
                let bits = window.bytes(first + 2).fold(0, |bits, byte| bits | 1 << (byte & 63));
                for a in window.bytes(first) {
                    for b in window.bytes(first + 1) {
                        rows[row(u16::from_le_bytes([a, b]))] |= bits;
                    }
                }
            }
        }
        Threes { rows }
    }

    /// Writes to `hits`, ascending, positions of `text` such that each window stands at one of them or one position
    /// before it, and returns how many. The last three bytes of `text` are there to be looked at only.
    pub(super) fn find(&self, text: &[u8], hits: &mut [u16]) -> usize {
        let mut count = 0;
        let mut look = |at: usize, three: u64| {
            hits[count] = at as u16;
            // Added, not branched on: whether a position is a hit is anyone's guess, and a wrong guess costs more.
            count += usize::from(self.rows[row(three as u16)] >> (three >> 16 & 63) & 1 != 0);
        };
        let mut at = 1;
        while let Some(eight) = text.get(at..at + 8) {
            let eight = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
            look(at, eight);
            look(at + 2, eight >> 16);
            look(at + 4, eight >> 32);
            at += 6;
        }
        while let Some(&[a, b, c]) = text.get(at..at + 3) {
            look(at, u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0]));
            at += 2;
        }
        count
    }
}

/// The row of two bytes: a multiplicative hash.
#[inline]
fn row(two: u16) -> usize {
    usize::from(two.wrapping_mul(0x9e37) >> (16 - ROWS_LOG2))
}
