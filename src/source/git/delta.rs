//! Deltas: a text as copies from its base and new bytes.

use super::ObjectError;
use crate::span::Copied;

/// Reads the length at the start of a delta: seven bits a byte, the lowest first.
fn length(delta: &mut &[u8]) -> Option<u64> {
    let (mut len, mut shift) = (0u64, 0);
    loop {
        let (&byte, rest) = delta.split_first()?;
        *delta = rest;
        len |= u64::from(byte & 0x7F).checked_shl(shift).filter(|part| part >> shift == u64::from(byte & 0x7F))?;
        if byte & 0x80 == 0 {
            return Some(len);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

/// So many bytes are made room for at first, whatever a delta claims.
const FIRST_ROOM: usize = 1 << 16;
/// Pieces up to this length are copied as if they had it, where there is room for that.
const SHORT: usize = 32;

/// Makes `text` of `base` and a delta, and `copies` of what was copied; neighbouring copies are one.
pub(crate) fn apply(
    mut delta: &[u8],
    base: &[u8],
    max_len: u64,
    text: &mut Vec<u8>,
    copies: &mut Vec<Copied>,
) -> Result<(), ObjectError> {
    copies.clear();
    let malformed = ObjectError::Corrupt("its delta is malformed");
    let (base_len, len) = length(&mut delta).zip(length(&mut delta)).ok_or(malformed)?;
    if base_len != base.len() as u64 {
        return Err(ObjectError::Corrupt("its delta was made for another base"));
    }
    if len > max_len {
        return Err(ObjectError::TooLarge(len));
    }
    let len = len as usize;
    // What is in the buffer is overwritten. A claim is not believed: room grows with what is made.
    text.resize(len.min(text.len().max(FIRST_ROOM)), 0);
    let mut to = 0;
    while let Some((&instruction, rest)) = delta.split_first() {
        delta = rest;
        let (source, from, count) = if instruction & 0x80 == 0 {
            let new = delta;
            let count = usize::from(instruction);
            if count == 0 {
                return Err(malformed);
            }
            delta = delta.get(count..).ok_or(malformed)?;
            (new, 0, count)
        } else {
            let (from, count) = copy(instruction, &mut delta).ok_or(malformed)?;
            let copied = Copied { from: from as u64, to: to as u64, len: count as u64 };
            match copies.last_mut().filter(|last| last.from + last.len == copied.from && last.to + last.len == copied.to) {
                Some(last) => last.len += copied.len,
                None => copies.push(copied),
            }
            (base, from, count)
        };
        let end = to + count;
        if end > len || source.len().checked_sub(count).is_none_or(|most| from > most) {
            return Err(malformed);
        }
        if end > text.len() {
            text.resize(len.min(2 * end), 0);
        }
        match (source[from..].first_chunk::<SHORT>(), text[to..].first_chunk_mut::<SHORT>()) {
            (Some(source), Some(text)) if count <= SHORT => *text = *source,
            _ => text[to..end].copy_from_slice(&source[from..from + count]),
        }
        to = end;
    }
    if to == len { Ok(()) } else { Err(malformed) }
}

/// Where a copy starts and how long it is: the bits of the instruction say which bytes of both numbers follow.
fn copy(instruction: u8, delta: &mut &[u8]) -> Option<(usize, usize)> {
    let mut word = match delta.first_chunk() {
        Some(next) => u64::from_le_bytes(*next),
        None => delta.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let mut numbers = 0u64;
    for place in 0..7 {
        let bit = u64::from(instruction >> place & 1);
        numbers |= (word & 0xFF & bit.wrapping_neg()) << (8 * place);
        word >>= 8 * bit;
    }
    *delta = delta.get((instruction & 0x7F).count_ones() as usize..)?;
    let (from, count) = (numbers as u32 as usize, (numbers >> 32) as usize);
    Some((from, if count == 0 { 0x1_0000 } else { count }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(delta: &[u8], base: &[u8]) -> Result<(Vec<u8>, Vec<Copied>), ObjectError> {
        let (mut text, mut copies) = (vec![9; 40], vec![Copied { from: 9, to: 9, len: 9 }]);
        apply(delta, base, 1 << 20, &mut text, &mut copies).map(|()| (text, copies))
    }

    #[test]
    fn copies_and_inserts_make_a_text() {
        // Copies 2..5, inserts "xy", copies 0..2 and 2..4, which is one copy.
        let delta = [6, 9, 0x91, 2, 3, 2, b'x', b'y', 0x90, 2, 0x91, 2, 2];
        let (text, copies) = made(&delta, b"abcdef").unwrap();
        assert_eq!(text, b"cdexyabcd");
        assert_eq!(copies, [Copied { from: 2, to: 0, len: 3 }, Copied { from: 0, to: 5, len: 4 }]);
        // A copy of no length is one of 64 KiB; all four bytes of an offset and three of a length.
        let base = vec![7; 0x1_0005];
        let delta = [0x85, 0x80, 0x04, 0x80, 0x80, 0x04, 0x81, 5];
        assert_eq!(made(&delta, &base).unwrap().0.len(), 0x1_0000);
        let delta = [0x85, 0x80, 0x04, 2, 0xFF, 1, 0, 0, 0, 2, 0, 0];
        assert_eq!(made(&delta, &base).unwrap().0.len(), 2);
    }

    #[test]
    fn what_is_not_true_is_refused() {
        for (delta, base) in [
            (&[][..], &b"abc"[..]),
            (&[3], b"abc"),
            (&[4, 1, 0x90, 1], b"abc"),
            (&[3, 1, 0], b"abc"),
            (&[3, 4, 0x90, 4], b"abc"),
            (&[3, 2, 0x91, 2, 2], b"abc"),
            (&[3, 2, 0x90, 3], b"abc"),
            (&[3, 2, 0x90, 1], b"abc"),
            (&[3, 2, 0x91, 1], b"abc"),
            (&[3, 2, 5, b'a'], b"abc"),
            (&[0xFF; 30], b"abc"),
        ] {
            assert_eq!(
                made(delta, base).unwrap_err(),
                ObjectError::Corrupt(match delta.first() {
                    Some(4) => "its delta was made for another base",
                    _ => "its delta is malformed",
                }),
                "{delta:?}"
            );
        }
        // A claim of 1 TiB.
        assert_eq!(made(&[3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20], b"abc").unwrap_err(), ObjectError::TooLarge(1 << 40));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(delta in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let delta = [&[3, 5][..], &delta].concat();
            if let Ok((text, copies)) = made(&delta, b"abc") {
                assert_eq!(text.len(), 5);
                for copied in copies {
                    let (from, to, len) = (copied.from as usize, copied.to as usize, copied.len as usize);
                    assert_eq!(text[to..to + len], b"abc"[from..from + len]);
                }
            }
        }
    }
}
