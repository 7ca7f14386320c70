//! A byte class, in the forms in which the tiers look bytes up.

use crate::byteset::ByteSet;

/// A set of bytes as tables.
#[derive(Debug, Clone)]
pub(super) struct Members {
    /// For each byte `0x80` or 0, so that a vector's sign bits are the answer.
    pub(super) flags: Box<Flags>,
    /// For each low half of a byte the high halves with which it is a member: those below 8 and those from 8 on.
    pub(super) halves: [[u8; 16]; 2],
    /// Whether a byte beyond ASCII is a member.
    pub(super) beyond_ascii: bool,
}

/// A table of all bytes, aligned as vectors like it.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Flags(pub(super) [u8; 256]);

impl Members {
    pub(super) fn of(class: &ByteSet) -> Members {
        let mut members = Members { flags: Box::new(Flags([0; 256])), halves: [[0; 16]; 2], beyond_ascii: false };
        for byte in class.iter() {
            members.flags.0[usize::from(byte)] = 0x80;
            members.halves[usize::from(byte >> 7)][usize::from(byte & 15)] |= 1 << (byte >> 4 & 7);
            members.beyond_ascii |= !byte.is_ascii();
        }
        members
    }

    #[inline]
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.flags.0[usize::from(byte)] != 0
    }

    /// The first position at `from` or after it where `len` members follow one another.
    ///
    /// Of the `len` bytes the last is looked at first: where it is no member, none of the `len` positions is one, and
    /// most bytes are never looked at. No byte is looked at twice.
    pub(super) fn find_run(&self, text: &[u8], from: usize, len: usize) -> Option<usize> {
        let mut start = from;
        // Bytes from `start` to here are members.
        let mut known = from;
        loop {
            let end = start.checked_add(len).filter(|&end| end <= text.len())?;
            match text[known..end].iter().rposition(|&byte| !self.contains(byte)) {
                None => return Some(start),
                Some(i) => start = known + i + 1,
            }
            known = end;
        }
    }

    /// Where the members that follow `start` end.
    pub(super) fn run_end(&self, text: &[u8], start: usize) -> usize {
        text[start..].iter().position(|&byte| !self.contains(byte)).map_or(text.len(), |i| start + i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_agree_with_the_set() {
        let class = ByteSet::EMPTY.with_range(b'3', b'k').with(0).with_range(0x8a, 0xc5).with(255);
        let members = Members::of(&class);
        for byte in 0..=255u8 {
            assert_eq!(members.contains(byte), class.contains(byte));
            let high_halves = members.halves[usize::from(byte >> 7)][usize::from(byte & 15)];
            assert_eq!(high_halves >> (byte >> 4 & 7) & 1 != 0, class.contains(byte));
        }
        assert!(members.beyond_ascii && !Members::of(&ByteSet::ALPHANUMERIC).beyond_ascii);
    }
}
