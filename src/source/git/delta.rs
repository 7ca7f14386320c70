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
            let mut number = |bits: std::ops::Range<u8>| -> Option<usize> {
                let mut number = 0;
                for (place, _) in bits.enumerate().filter(|(_, bit)| instruction >> bit & 1 == 1) {
                    let (&part, rest) = delta.split_first()?;
                    delta = rest;
                    number |= usize::from(part) << (8 * place);
                }
                Some(number)
            };
            let from = number(0..4).ok_or(malformed)?;
            let count = number(4..7).ok_or(malformed)?;
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
