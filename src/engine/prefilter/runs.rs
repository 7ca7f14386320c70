//! Runs: values of one byte class, found by their length.

use super::members::{Flags, Members};
use super::{Anchor, DRAWN_LEN, Run, commonness, looks_drawn};
use crate::byteset::ByteSet;

/// Some of the runs that a prefilter looks for: a block of 64, and a bit for each of them.
///
/// Where a hexadecimal number starts, there starts a run of each class that has all of its digits; they are told at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Runs {
    pub(crate) block: u32,
    pub(crate) bits: u64,
}

/// How many runs are in a block.
pub(crate) const BLOCK: usize = 64;

impl Runs {
    /// Their numbers, ascending: indices of what was given to [`Prefilter::new`](super::Prefilter::new).
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        ones(self.bits).map(move |bit| self.block as usize * BLOCK + bit)
    }

    pub(crate) fn contains(self, run: usize) -> bool {
        self.block as usize == run / BLOCK && self.bits >> (run % BLOCK) & 1 != 0
    }
}

/// How many unions of classes are looked for at once.
pub(super) const MAX_GROUPS: usize = 8;

/// Groups whose unions are looked up at once, each byte of text in one table.
#[derive(Debug, Clone)]
pub(super) struct RunGroups {
    pub(super) groups: Vec<RunGroup>,
    /// For each byte the groups of whose unions it is a member, a bit each.
    pub(super) unions: Box<Flags>,
    /// Whether a byte beyond ASCII is a member of any.
    pub(super) beyond_ascii: bool,
}

/// Runs that are looked for together: first a run of the union of their classes, as long as the shortest of them, then
/// within it the runs themselves. A union run is rare, so that all the runs cost little more than one.
///
/// Runs that have to [look drawn](looks_drawn) are so short that their union is not rare. Each of their classes is a group
/// of its own, of whose runs nearly all are refuted by their first bytes.
#[derive(Debug, Clone)]
pub(super) struct RunGroup {
    pub(super) union: Members,
    pub(super) shortest_len: usize,
    /// Of each run only the start is asked for.
    pub(super) drawn: bool,
    longest_len: usize,
    /// The block of its runs.
    block: u32,
    classes: Vec<RunClass>,
    /// For each byte the classes that it is in, a bit each, and [`UNION`] if it is in one at all.
    classes_of: Box<[u32; 256]>,
}

/// The runs of one class.
#[derive(Debug, Clone)]
struct RunClass {
    class: ByteSet,
    members: Members,
    /// `(min_len, bit)`, ascending.
    lens: Vec<(usize, u64)>,
    /// By the number of members, up to the longest, the bits of the runs that they are.
    of_lens: Vec<u64>,
    /// Classes before this one, a bit each, that have a run wherever this one has: wider ones of shorter runs.
    wider: u32,
}

/// A search of its own costs as much as so many union runs in a byte of text.
const PRICE_OF_A_SEARCH: f64 = 1.0 / 3000.0;

/// Runs that will be a group, and how often one of their union starts in a byte of ordinary text.
struct Together<'r> {
    runs: Vec<(usize, &'r Run)>,
    union: ByteSet,
    rate: f64,
}

/// Of the bytes in the middle of a union run one in so many is looked at: these few are in none of nearly all classes.
const MIDDLE_STEP: usize = 4;

/// The bit of the union among those of the classes, which are below it.
const UNION: u32 = 1 << MAX_CLASSES;
const MAX_CLASSES: usize = 31;

impl RunGroups {
    /// All of `runs`.
    pub(super) fn all(runs: &[Run]) -> Vec<RunGroups> {
        let blocks = (0..).zip(runs.chunks(BLOCK));
        let mut groups = blocks.flat_map(|(block, runs)| RunGroup::group(runs, block)).peekable();
        let mut all = Vec::new();
        while groups.peek().is_some() {
            all.push(RunGroups::of(groups.by_ref().take(MAX_GROUPS).collect()));
        }
        all
    }

    fn of(groups: Vec<RunGroup>) -> RunGroups {
        let member_of = |byte| {
            let bits = groups.iter().zip(0..).map(|(group, bit)| u8::from(group.union.contains(byte)) << bit);
            bits.fold(0, |all, bit| all | bit)
        };
        let unions = Box::new(Flags(std::array::from_fn(|byte| member_of(byte as u8))));
        let beyond_ascii = groups.iter().any(|group| group.union.beyond_ascii);
        RunGroups { groups, unions, beyond_ascii }
    }

    /// The longest `min_len` in the groups.
    pub(super) fn longest_len(&self) -> usize {
        self.groups.iter().map(|group| group.longest_len).max().unwrap_or(0)
    }
}

impl RunGroup {
    /// The `runs` of a block in groups.
    fn group(runs: &[Run], block: u32) -> Vec<RunGroup> {
        let mut runs: Vec<(usize, &Run)> = runs.iter().enumerate().collect();
        // The longest first: the last to join a group is the one that sets the length.
        runs.sort_by_key(|(_, run)| std::cmp::Reverse(run.min_len));
        let mut groups: Vec<Together<'_>> = Vec::new();
        for (bit, run) in runs {
            let alone = commonness::of_run(&run.class, run.min_len);
            let joined = groups.iter_mut().find_map(|group| {
                let union = group.union.union(run.class);
                let rate = commonness::of_run(&union, run.min_len);
                let cheaper = group.runs.len() < MAX_CLASSES && rate <= group.rate + alone + PRICE_OF_A_SEARCH;
                let joins = if run.drawn { group.union == run.class } else { cheaper };
                (joins && group.runs[0].1.drawn == run.drawn).then_some((group, union, rate))
            });
            match joined {
                Some((group, union, rate)) => {
                    group.runs.push((bit, run));
                    (group.union, group.rate) = (union, rate);
                }
                None => groups.push(Together { runs: vec![(bit, run)], union: run.class, rate: alone }),
            }
        }
        groups.iter().map(|group| RunGroup::of(&group.runs, block)).collect()
    }

    fn of(runs: &[(usize, &Run)], block: u32) -> RunGroup {
        let mut classes: Vec<RunClass> = Vec::new();
        let mut union = ByteSet::EMPTY;
        let drawn = runs.iter().any(|(_, run)| run.drawn);
        for (bit, Run { class, min_len, drawn }) in runs {
            debug_assert!(*min_len >= if *drawn { DRAWN_LEN } else { 1 }, "a run has a length");
            union = union.union(*class);
            let known = classes.iter().position(|known| known.class == *class).unwrap_or_else(|| {
                let (class, members) = (*class, Members::of(class));
                classes.push(RunClass { class, members, lens: Vec::new(), of_lens: Vec::new(), wider: 0 });
                classes.len() - 1
            });
            classes[known].lens.push(((*min_len).max(1), 1 << bit));
        }
        for RunClass { lens, of_lens, .. } in &mut classes {
            lens.sort_unstable();
            let of =
                |len: usize| lens.iter().filter(|(min_len, _)| *min_len <= len).fold(0, |bits, (_, bit)| bits | bit);
            *of_lens = (0..=lens[lens.len() - 1].0).map(of).collect();
        }
        // The widest first, so that where these have no run others are not asked.
        classes.sort_by_key(|class| std::cmp::Reverse(class.class.iter().count()));
        for number in 0..classes.len() {
            let (before, of) = (&classes[..number], &classes[number]);
            let is_wider = |wide: &RunClass| wide.class.union(of.class) == wide.class && wide.lens[0].0 <= of.lens[0].0;
            let bits = before.iter().zip(0..).map(|(wide, bit)| u32::from(is_wider(wide)) << bit);
            classes[number].wider = bits.fold(0, |all, bit| all | bit);
        }
        let lens = || classes.iter().flat_map(|class| &class.lens).map(|&(min_len, _)| min_len);
        let (shortest_len, longest_len) = (lens().min().unwrap_or(1), lens().max().unwrap_or(1));
        let mut classes_of = Box::new([0; 256]);
        for (i, class) in classes.iter().enumerate() {
            for byte in class.class.iter() {
                classes_of[usize::from(byte)] |= 1 << i | UNION;
            }
        }
        let union = Members::of(&union);
        RunGroup { union, shortest_len, drawn, longest_len, block, classes, classes_of }
    }

    /// The first position at `from` or after it where a run of the union is long enough for one of the group.
    pub(super) fn find(&self, text: &[u8], mut from: usize) -> Option<usize> {
        if self.drawn && from > 0 && self.union.contains(text[from - 1]) {
            from = self.union.run_end(text, from);
        }
        self.union.find_run(text, from, self.shortest_len)
    }

    /// Reports every start of a run in `from..to`.
    ///
    /// `find` gives the next start of a union run at a position or after it. It may also give a start of too short a
    /// one.
    pub(super) fn scan(
        &self,
        text: &[u8],
        from: usize,
        to: usize,
        find: impl Fn(&[u8], usize) -> Option<usize>,
        found: &mut impl FnMut(Anchor),
    ) {
        // No run that starts before `to` needs more of the text to show that it is long enough.
        let text = &text[..text.len().min(to.saturating_add(self.longest_len - 1))];
        if self.drawn {
            return self.scan_drawn(text, from, to, find, found);
        }
        let mut at = from;
        while at < to
            && let Some(start) = find(text, at)
            && start < to
        {
            let Some(first) = text.get(start..start + self.shortest_len) else { break };
            let classes = |byte: u8| self.classes_of[usize::from(byte)];
            // The classes that all bytes are in; of the first ones, as many as must be there, without a branch.
            let mut in_all = first.iter().fold(u32::MAX, |in_all, &byte| in_all & classes(byte));
            if in_all == 0 {
                // A false start, and the next one is beyond the byte that makes it one.
                at = self.union.run_end(text, start);
                continue;
            }
            let mut end = start + self.shortest_len;
            while let Some(&byte) = text.get(end)
                && classes(byte) != 0
            {
                in_all &= classes(byte);
                end += 1;
            }
            let before = start.checked_sub(1).map_or(0, |before| classes(text[before]));
            let whole = ones(u64::from(in_all & !before & !UNION))
                .fold(0, |bits, i| bits | self.classes[i].of_len(end - start));
            self.report(whole, start, end, found);
            // Where the union run is not twice as long as the shortest, all runs in it have the bytes in its middle.
            let middle = text.get(end - self.shortest_len..start + self.shortest_len).unwrap_or_default();
            let in_middle = middle.iter().step_by(MIDDLE_STEP).fold(u32::MAX, |all, &byte| all & classes(byte));
            let mut without = !in_middle;
            for i in ones(u64::from(self.all_classes() & !in_all & in_middle)) {
                let class = &self.classes[i];
                let text = &text[..end];
                if class.wider & without != 0
                    || !class.scan(text, start, to, |bits, start, end| self.report(bits, start, end, found))
                {
                    without |= 1 << i;
                }
            }
            at = end;
        }
    }

    /// The same for runs that have to look drawn, of each of which `find` gives the first position only.
    fn scan_drawn(
        &self,
        text: &[u8],
        from: usize,
        to: usize,
        find: impl Fn(&[u8], usize) -> Option<usize>,
        found: &mut impl FnMut(Anchor),
    ) {
        let mut at = from;
        while at < to
            && let Some(start) = find(text, at)
            && start < to
            && let Some(first) = text[start..].first_chunk()
        {
            if looks_drawn(first) {
                let end = self.union.run_end(text, start);
                let class = &self.classes[0];
                if class.starts(text, start) {
                    self.report(class.of_len(end - start), start, end, found);
                }
            }
            at = start + 1;
        }
    }

    /// A bit for each class.
    fn all_classes(&self) -> u32 {
        (1 << self.classes.len()) - 1
    }

    fn report(&self, bits: u64, start: usize, end: usize, found: &mut impl FnMut(Anchor)) {
        if bits != 0 {
            found(Anchor::Runs { runs: Runs { block: self.block, bits }, at: start, len: end - start });
        }
    }
}

/// The numbers of the bits that are set.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let first = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(first)
    })
}

impl RunClass {
    /// Calls `found` with the bits, the start and the end of runs that start in `from..to` and end where the text does or
    /// before, and answers whether there is one.
    fn scan(&self, text: &[u8], from: usize, to: usize, mut found: impl FnMut(u64, usize, usize)) -> bool {
        let min_len = self.lens[0].0;
        let (mut at, mut any) = (from, false);
        while let Some(start) = self.members.find_run(text, at, min_len)
            && start < to
        {
            let end = self.members.run_end(text, start + min_len);
            if self.starts(text, start) {
                found(self.of_len(end - start), start, end);
            }
            (at, any) = (end, true);
        }
        any
    }

    /// Whether no member stands before `start`.
    fn starts(&self, text: &[u8], start: usize) -> bool {
        start == 0 || !self.members.contains(text[start - 1])
    }

    /// The bits of the runs that so many members are.
    #[inline]
    fn of_len(&self, len: usize) -> u64 {
        self.of_lens[len.min(self.of_lens.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_joined_where_that_costs_little() {
        let run = |class, min_len| Run { class, min_len, drawn: false };
        let hex = ByteSet::EMPTY.with_range(b'0', b'9').with_range(b'a', b'f');
        let dashed = ByteSet::ALPHANUMERIC.with(b'-').with(b'_');
        let runs = [run(hex, 16), run(dashed, 40), run(ByteSet::ALPHANUMERIC, 32), run(hex, 24)];
        let groups = RunGroup::group(&runs, 0);
        let lens: Vec<_> = groups.iter().map(|group| (group.shortest_len, group.longest_len)).collect();
        // Sixteen characters of names are common, and so few of hexadecimal digits are not.
        assert_eq!(lens, [(32, 40), (16, 24)]);
        assert_eq!(groups[0].classes.len(), 2);
        assert_eq!(groups[1].classes[0].lens, [(16, 1), (24, 1 << 3)]);
    }
}
