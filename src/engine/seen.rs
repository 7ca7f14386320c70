//! Runs that were seen, from the order in which they are found to that of their places.

use super::prefilter::Runs;

/// Runs that the prefilter found at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeenRuns {
    /// The offset of their start.
    pub(super) at: u64,
    pub(super) runs: Runs,
    /// So much of each was seen at least.
    pub(super) len: usize,
}

/// Runs of a block of text. The prefilter gives them group by group.
#[derive(Debug, Default)]
pub(super) struct Seen {
    found: Vec<SeenRuns>,
    /// How far each stands behind the first, and below that its number in `found`: less to move about than the runs.
    keys: Vec<u64>,
    in_order: Vec<SeenRuns>,
}

/// How many runs there are at most in a block.
const NUMBERS_LOG2: u32 = 24;

impl Seen {
    pub(super) fn push(&mut self, seen: SeenRuns) {
        self.found.push(seen);
    }

    /// Takes them all, in the order of their places; what starts at one place is one as far as it can be.
    pub(super) fn take(&mut self) -> &mut Vec<SeenRuns> {
        let Seen { found, keys, in_order } = self;
        debug_assert!(found.len() < 1 << NUMBERS_LOG2, "a run starts at a byte of the block, and there are some dozen");
        let first = found.iter().map(|seen| seen.at).min().unwrap_or(0);
        keys.clear();
        keys.extend((0..).zip(&*found).map(|(number, seen): (u64, _)| ((seen.at - first) << NUMBERS_LOG2) | number));
        keys.sort_unstable();
        in_order.clear();
        for key in keys {
            let seen = found[*key as usize % (1 << NUMBERS_LOG2)];
            match in_order.last_mut() {
                Some(last) if (last.at, last.runs.block) == (seen.at, seen.runs.block) => {
                    last.runs.bits |= seen.runs.bits;
                    last.len = last.len.min(seen.len);
                }
                _ => in_order.push(seen),
            }
        }
        found.clear();
        in_order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_in_order_and_once() {
        let seen = |at, block, bits, len| SeenRuns { at, runs: Runs { block, bits }, len };
        let mut all = Seen::default();
        for _ in 0..2 {
            for (at, block, bits, len) in
                [(70, 0, 1, 32), (90, 0, 1, 40), (70, 0, 6, 36), (80, 1, 2, 16), (70, 0, 8, 16)]
            {
                all.push(seen(at, block, bits, len));
            }
            assert_eq!(*all.take(), [seen(70, 0, 15, 16), seen(80, 1, 2, 16), seen(90, 0, 1, 40)]);
        }
        assert_eq!(*all.take(), []);
    }
}
