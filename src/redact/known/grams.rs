//! Where needles may stand in a text: a filter that looks at a few places only.
//!
//! A needle of `l` bytes that stands anywhere in a text covers one of every `l - q + 1` neighbouring places with `q`
//! bytes of its own, its *grams*. So it is enough to look at every `stride`-th place, and to ask whether the `q` bytes
//! there are one of the first `stride` grams of some needle: two bits in a word of a table (a Bloom filter), which is
//! quickly made for any number of needles. Needles are sorted into groups by their length, for which grams and strides
//! are as large as they can be.

/// Bits for each gram: few grams of other texts are taken for one.
const BITS_A_GRAM: usize = 16;
/// The smallest and the largest table, by the logarithms of their bits: 16 KiB and 4 MiB.
const TABLE_BITS: std::ops::RangeInclusive<u32> = 17..=25;

/// The shortest needle of each group, and its grams; the next group has those that are longer.
const GROUPS: [(usize, usize); 4] = [(3, 3), (6, 4), (8, 5), (15, GRAM_LEN)];
/// So many places are looked at before the next branch.
const LOOKS: usize = 8;
/// The longest gram.
pub(super) const GRAM_LEN: usize = 8;

/// How far apart the places of a group are that are looked at.
const fn stride_of(group: usize) -> usize {
    GROUPS[group].0 - GROUPS[group].1 + 1
}

/// The group of needles of this length.
fn group_of(len: usize) -> usize {
    GROUPS.partition_point(|(shortest, _)| *shortest <= len).saturating_sub(1)
}

/// The grams of needles.
#[derive(Clone, Default)]
pub(super) struct Grams([Option<Group>; GROUPS.len()]);

#[derive(Clone)]
struct Group {
    /// Bytes of a gram.
    len: usize,
    stride: usize,
    /// How many grams there are, each counted as often as it came.
    count: usize,
    shift: u32,
    words: Vec<u64>,
}

impl Grams {
    /// Takes more needles; answers false, and takes none, where the tables are too small for them.
    pub(super) fn extend<'n>(&mut self, needles: impl Iterator<Item = &'n [u8]> + Clone) -> bool {
        let mut counts = [0; GROUPS.len()];
        needles.clone().for_each(|needle| counts[group_of(needle.len())] += 1);
        for (number, (group, count)) in self.0.iter_mut().zip(counts).enumerate() {
            let (len, stride) = (GROUPS[number].1, stride_of(number));
            match group {
                Some(group) if !group.has_room(count * stride) => return false,
                None if count > 0 => *group = Some(Group::new(len, stride, count * stride)),
                _ => {}
            }
        }
        for needle in needles {
            if let Some(group) = &mut self.0[group_of(needle.len())] {
                group.insert(needle);
            }
        }
        true
    }

    /// Calls `found` with places in `text[from..]` where a needle may start that ends in `text`, in no order, and with
    /// some more than once.
    pub(super) fn scan(&self, text: &[u8], from: usize, mut found: impl FnMut(usize)) {
        let [first, second, third, fourth] = &self.0;
        first.iter().for_each(|group| group.scan::<0>(text, from, &mut found));
        second.iter().for_each(|group| group.scan::<1>(text, from, &mut found));
        third.iter().for_each(|group| group.scan::<2>(text, from, &mut found));
        fourth.iter().for_each(|group| group.scan::<3>(text, from, &mut found));
    }

    /// Whether eight bytes are one of the grams of the longest needles, which are of eight bytes.
    #[inline]
    pub(super) fn has_long(&self, eight: u64) -> bool {
        self.0[GROUPS.len() - 1].as_ref().is_some_and(|group| group.has(eight))
    }

    /// Whether a needle may start so, which may be longer than `tail`.
    pub(super) fn may_start(&self, tail: &[u8]) -> bool {
        self.0.iter().flatten().any(|group| tail.len() < group.len || group.has(load(tail, 0)))
    }
}

impl Group {
    fn new(len: usize, stride: usize, count: usize) -> Group {
        let wanted = (2 * count * BITS_A_GRAM).next_power_of_two().ilog2();
        let bits = wanted.clamp(*TABLE_BITS.start(), *TABLE_BITS.end());
        Group { len, stride, count: 0, shift: u64::BITS - (bits - 6), words: vec![0; 1 << (bits - 6)] }
    }

    fn has_room(&self, count: usize) -> bool {
        let bits = self.words.len() * 64;
        (self.count + count) * BITS_A_GRAM <= bits || bits >= 1 << TABLE_BITS.end()
    }

    /// The number of the word of the gram that eight bytes start with, of which there are `len`, and of its bits.
    #[inline(always)]
    fn place(&self, eight: u64, len: usize) -> (usize, [u64; 2]) {
        let hash = (eight << (64 - 8 * len)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((hash >> self.shift) as usize, [hash >> 20 & 63, hash >> 26 & 63])
    }

    #[inline(always)]
    fn has_of_len(&self, eight: u64, len: usize) -> bool {
        let (word, [one, other]) = self.place(eight, len);
        let word = self.words[word];
        (word >> one) & (word >> other) & 1 == 1
    }

    fn has(&self, eight: u64) -> bool {
        self.has_of_len(eight, self.len)
    }

    fn insert(&mut self, needle: &[u8]) {
        for at in 0..self.stride {
            let (word, bits) = self.place(load(needle, at), self.len);
            bits.into_iter().for_each(|bit| self.words[word] |= 1 << bit);
        }
        self.count += self.stride;
    }

    /// Calls `found` for the group of this number, whose lengths are no variables for the compiler.
    fn scan<const NUMBER: usize>(&self, text: &[u8], from: usize, found: &mut impl FnMut(usize)) {
        let (len, stride) = const { (GROUPS[NUMBER].1, stride_of(NUMBER)) };
        let mut at = from;
        // The branch is for many at once: few are grams, and which cannot be foretold.
        while let Some(block) = text.get(at..at + 8 + (LOOKS - 1) * stride) {
            let looks = block.windows(8).step_by(stride).enumerate();
            let hits = looks.fold(0, |hits: u32, (look, eight)| {
                let eight = eight.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
                hits | u32::from(self.has_of_len(eight, len)) << look
            });
            if hits != 0 {
                let places = (0..LOOKS).filter(|look| hits >> look & 1 == 1).map(|look| at + look * stride);
                places.for_each(|at| self.starts(text, from, at, found));
            }
            at += LOOKS * stride;
        }
        while let Some(eight) = text.get(at..).and_then(|rest| rest.first_chunk()) {
            if self.has_of_len(u64::from_le_bytes(*eight), len) {
                self.starts(text, from, at, found);
            }
            at += stride;
        }
        while at + len <= text.len() {
            self.starts(text, from, at, found);
            at += stride;
        }
    }

    /// The starts of needles of which a gram may stand at `text[at]`: the others of their first grams have to be there, too.
    #[cold]
    fn starts(&self, text: &[u8], from: usize, at: usize, found: &mut impl FnMut(usize)) {
        let first = (at + 1).saturating_sub(self.stride).max(from);
        let end = (at + 1).min((text.len() + 1).saturating_sub(self.stride + self.len - 1));
        let may_start = |start: &usize| (*start..*start + self.stride).all(|at| self.has(load(text, at)));
        (first..end).filter(may_start).for_each(found);
    }
}

/// Eight bytes, or as many as there are and zeros.
#[inline]
fn load(text: &[u8], at: usize) -> u64 {
    match text[at..].first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => text[at..].iter().rev().fold(0, |eight, byte| eight << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_needle_is_proposed_wherever_it_stands(
            needles in proptest::collection::vec(proptest::collection::vec(b'a'..b'd', 3..40), 1..20),
            more in proptest::collection::vec(proptest::collection::vec(b'a'..b'd', 3..40), 0..20),
            before in 0usize..40,
            after in 0usize..20,
            from in 0usize..20,
        ) {
            let mut grams = Grams::default();
            let all: Vec<&[u8]> = needles.iter().chain(&more).map(Vec::as_slice).collect();
            proptest::prop_assert!(grams.extend(all[..needles.len()].iter().copied()));
            if !grams.extend(all[needles.len()..].iter().copied()) {
                grams = Grams::default();
                proptest::prop_assert!(grams.extend(all.iter().copied()));
            }
            for needle in &all {
                let text = [&vec![b'-'; from + before][..], needle, &vec![b'-'; after][..]].concat();
                let mut starts = Vec::new();
                grams.scan(&text, from, |start| starts.push(start));
                proptest::prop_assert!(starts.contains(&(from + before)));
                for len in 1..=needle.len() {
                    proptest::prop_assert!(grams.may_start(&needle[..len]));
                }
            }
        }
    }
}
