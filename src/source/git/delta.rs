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

/// Where in the base a copy starts, and how long it is: of the seven bytes of both, the instruction has a bit for each that
/// follows it. Which do is anyone's guess, so that no branch asks.
fn place(instruction: u8, delta: &mut &[u8]) -> Option<(usize, usize)> {
    let mut left = match delta.first_chunk() {
        Some(next) => u64::from_le_bytes(*next),
        None => delta.iter().rev().fold(0, |left, byte| left << 8 | u64::from(*byte)),
    };
    let (mut placed, mut taken) = (0, 0);
    for bit in 0..7 {
        let is_there = u64::from(instruction >> bit & 1);
        placed |= (left & (0xFF * is_there)) << (8 * bit);
        left >>= 8 * is_there;
        taken += is_there as usize;
    }
    *delta = delta.get(taken..)?;
    Some(((placed & 0xFFFF_FFFF) as usize, (placed >> 32) as usize))
}

/// Makes `text` of `base` and a delta, and `copies` of what was copied; neighbouring copies are one.
pub(crate) fn apply(
    mut delta: &[u8],
    base: &[u8],
    max_len: u64,
    text: &mut Vec<u8>,
    copies: &mut Vec<Copied>,
) -> Result<(), ObjectError> {
    text.clear();
    copies.clear();
    let malformed = ObjectError::Corrupt("its delta is malformed");
    let (base_len, len) = length(&mut delta).zip(length(&mut delta)).ok_or(malformed)?;
    if base_len != base.len() as u64 {
        return Err(ObjectError::Corrupt("its delta was made for another base"));
    }
    if len > max_len {
        return Err(ObjectError::TooLarge(len));
    }
    // A claim is not believed: every instruction makes some 16 MiB at most, so memory grows with what is made.
    text.reserve((len as usize).min(1 << 24));
    while let Some((&instruction, rest)) = delta.split_first() {
        delta = rest;
        if instruction & 0x80 == 0 {
            let (new, rest) = delta.split_at_checked(usize::from(instruction)).ok_or(malformed)?;
            if new.is_empty() {
                return Err(malformed);
            }
            delta = rest;
            text.extend_from_slice(new);
        } else {
            let (from, count) = place(instruction, &mut delta).ok_or(malformed)?;
            let count = if count == 0 { 0x1_0000 } else { count };
            let part = base.get(from..).and_then(|rest| rest.get(..count)).ok_or(malformed)?;
            let (from, to, count) = (from as u64, text.len() as u64, count as u64);
            match copies.last_mut().filter(|last| last.from + last.len == from && last.to + last.len == to) {
                Some(last) => last.len += count,
                None => copies.push(Copied { from, to, len: count }),
            }
            text.extend_from_slice(part);
        }
        if text.len() as u64 > len {
            return Err(malformed);
        }
    }
    if text.len() as u64 == len { Ok(()) } else { Err(malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(delta: &[u8], base: &[u8]) -> Result<(Vec<u8>, Vec<Copied>), ObjectError> {
        let (mut text, mut copies) = (vec![9], vec![Copied { from: 9, to: 9, len: 9 }]);
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
    fn places_are_those_that_are_read_byte_by_byte() {
        let bytes = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99];
        for instruction in 0x80..=0xFF {
            for len in 0..bytes.len() {
                let mut rest = bytes[..len].iter();
                let mut number = |bits: std::ops::Range<u8>| {
                    bits.clone().filter(|bit| instruction >> bit & 1 == 1).try_fold(0, |number, bit| {
                        Some(number | usize::from(*rest.next()?) << (8 * (bit - bits.start)))
                    })
                };
                let expected = number(0..4).zip(number(4..7));
                let mut delta = &bytes[..len];
                assert_eq!(place(instruction, &mut delta), expected, "{instruction:x} {len}");
                assert!(expected.is_none() || delta == rest.as_slice());
            }
        }
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
