//! Which bytes are looked up as one.
//!
//! A register has room for 64 entries, and windows hold more different bytes than that. Those that the same buckets take at
//! each position are one class anyway; of the others the rarest share one with those by which least is proposed in vain.

use super::buckets::Buckets;
use super::commonness::commonness;

/// As many as a table has entries.
const CLASSES: usize = 64;

/// So many of the rarest classes are asked with which they go best: to ask all takes as long as a small scan.
const RARE: usize = 6;

/// Bytes that are looked up as one, and the buckets that take them at each position.
#[derive(Clone, Copy)]
struct Class {
    /// A bit for each.
    bytes: u128,
    share: u32,
    takes: [u32; 4],
}

impl Class {
    fn with(self, other: Class) -> Class {
        Class {
            bytes: self.bytes | other.bytes,
            share: self.share + other.share,
            takes: std::array::from_fn(|position| self.takes[position] | other.takes[position]),
        }
    }

    /// How many more buckets take the bytes of both once they are one class, by the share of these bytes.
    fn price_of(&self, other: &Class) -> u32 {
        let price = |(&own, others): (&u32, u32)| {
            self.share * (others & !own).count_ones() + other.share * (own & !others).count_ones()
        };
        self.takes.iter().zip(other.takes).map(price).sum()
    }
}

/// The class of each byte of ASCII, below [`CLASSES`].
pub(super) fn classes<const N: usize>(buckets: &Buckets<N>) -> [u8; 128] {
    let mut all: Vec<Class> = Vec::new();
    for byte in 0..128 {
        let takes = std::array::from_fn(|position| buckets.covers[position].buckets[usize::from(byte)]);
        let class = Class { bytes: 1 << byte, share: commonness(byte), takes };
        match all.iter_mut().find(|known| known.takes == takes) {
            Some(known) => *known = known.with(class),
            None => all.push(class),
        }
    }
    while all.len() > CLASSES {
        all.sort_by_key(|class| std::cmp::Reverse(class.share));
        let pairs = (all.len() - RARE..all.len()).flat_map(|rare| (0..rare).map(move |other| (other, rare)));
        let (one, other) = pairs.min_by_key(|&(a, b)| all[a].price_of(&all[b])).expect("there are many");
        let class = all.swap_remove(other);
        all[one] = all[one].with(class);
    }
    let class_of = |byte: usize| all.iter().position(|class| class.bytes >> byte & 1 != 0).expect("each has one");
    std::array::from_fn(|byte| class_of(byte) as u8)
}

#[cfg(test)]
mod tests {
    use super::super::Literal;
    use super::super::learned::Placed;
    use super::*;
    use crate::byteset::ByteSet;

    fn of(literals: &[String]) -> (Buckets<32>, [u8; 128]) {
        let literal =
            |bytes: &String| Literal { bytes: bytes.as_bytes().into(), ignore_case: false, behind: ByteSet::ALL };
        let buckets = Buckets::new(&literals.iter().map(|bytes| Placed::of(&literal(bytes))).collect::<Vec<_>>());
        let classes = classes(&buckets);
        (buckets, classes)
    }

    #[test]
    fn bytes_that_are_taken_alike_are_one_class() {
        let (_, classes) = of(&["abcd".into(), "abce".into()]);
        let class = |byte: u8| classes[usize::from(byte)];
        assert_eq!(class(b'x'), class(b' '));
        let own: std::collections::BTreeSet<u8> = b"abcdex".iter().map(|byte| class(*byte)).collect();
        // `d` and `e` stand at one position, in one bucket or in two.
        assert!(own.len() >= 5, "{own:?}");
    }

    #[test]
    fn there_are_no_more_than_a_table_holds() {
        let all: Vec<char> = (' '..='~').collect();
        let literals: Vec<String> =
            (0..2000).map(|n| (0..4).map(|i| all[(n * (i * i + 7) + i * 31) % 95]).collect()).collect();
        let (buckets, classes) = of(&literals);
        let distinct: std::collections::BTreeSet<u8> = classes.iter().copied().collect();
        assert_eq!((distinct.len(), distinct.last()), (CLASSES, Some(&63)));
        // A common letter is among few: hardly anything else is looked up as `e` is.
        assert!(classes.iter().filter(|class| **class == classes[usize::from(b'e')]).count() < 4);
        assert!(buckets.covers.iter().all(|cover| cover.buckets[usize::from(b'e')] != 0));
    }
}
