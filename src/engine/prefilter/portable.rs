//! Candidates without vector instructions: every other position, by the three bytes that stand there.

use super::commonness::Window;

/// Rows of the table: 32 KiB, which stay in the nearest cache.
const ROWS_LOG2: u32 = 12;
const ROWS: usize = 1 << ROWS_LOG2;

/// Looks at three bytes at every other position.
///
/// A window of four bytes `abcd` shows at two neighbouring positions, as `abc` and as `bcd`; one of the two is looked at. So half
/// the positions need a look, and a hit proposes two: the one looked at and the one before it. Two bytes choose a row
/// and the third a bit of it; a third byte that may be anything, as after the last two bytes of a literal of three,
/// sets the whole row.
#[derive(Debug, Clone)]
pub(super) struct Portable {
    rows: Box<[u64; ROWS]>,
}

impl Portable {
    pub(super) fn new(windows: &[Window]) -> Portable {
        let mut rows = Box::new([0u64; ROWS]);
        for window in windows {
            for first in 0..2 {
                let bits = window.bytes(first + 2).fold(0, |bits, byte| bits | row_bit(byte));
                for a in window.bytes(first) {
                    for b in window.bytes(first + 1) {
                        rows[row(u16::from_le_bytes([a, b]))] |= bits;
                    }
                }
            }
        }
        Portable { rows }
    }

    /// Writes to `candidates`, ascending, the positions of `text` where a window may stand, and returns how many.
    /// The last three bytes of `text` are there to be looked at only.
    pub(super) fn candidates(&self, text: &[u8], candidates: &mut [u16]) -> usize {
        let mut count = 0;
        let mut look = |at: usize, three: u64| {
            let hit = self.rows[row(three as u16)] & row_bit((three >> 16) as u8) != 0;
            candidates[count] = (at - 1) as u16;
            candidates[count + 1] = at as u16;
            count += 2 * usize::from(hit);
        };
        let mut at = 1;
        while at + 8 <= text.len() {
            let eight = u64::from_le_bytes(text[at..at + 8].try_into().expect("eight bytes"));
            look(at, eight);
            look(at + 2, eight >> 16);
            look(at + 4, eight >> 32);
            at += 6;
        }
        while at + 3 <= text.len() {
            look(at, u64::from(text[at]) | u64::from(text[at + 1]) << 8 | u64::from(text[at + 2]) << 16);
            at += 2;
        }
        // The position after the last one, where it was looked at for the sake of the last one.
        if count > 0 && usize::from(candidates[count - 1]) + 3 >= text.len() {
            count -= 1;
        }
        count
    }
}

/// A multiplicative hash of two bytes.
#[inline]
fn row(two: u16) -> usize {
    (u32::from(two).wrapping_mul(0x9e37_79b1) >> (32 - ROWS_LOG2)) as usize
}

/// The bit of a row for the third byte.
#[inline]
fn row_bit(byte: u8) -> u64 {
    1 << (byte & 63)
}
