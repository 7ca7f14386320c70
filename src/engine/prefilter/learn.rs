//! Chooses windows and buckets for literals by what stands in real text; where [`table`](super::table) comes from.
//!
//!     KEYSCAN_BENCH_DIR=DIR cargo test --release --lib learns_windows -- --ignored
//!
//! A bucket proposes a place where it takes each of the four bytes. For a sample of places it is known which byte stands
//! at each of the four positions, so that what a bucket takes at a position is a set of places, and what it proposes
//! is what four such sets have in common. Literal after literal, its windows are tried in all buckets, and it goes where
//! what all of them propose grows least; a few rounds of that, and hardly any moves.
//!
//! The table was made of 144 MB: twelve each of rails, kafka, ansible, curl, git, rocksdb, webpack, numpy and micropython,
//! thirty of moby, six of generated logs. Of 1,024 places of prometheus, protobuf and redis, of which it has nothing, the
//! first filter leaves 33 to 42, and 30 of moby's.

use super::Literal;
use super::learned::{Learned, hash_of};
use super::window::Window;

/// A set of places of the sample, a bit each.
type Places = Vec<u64>;

/// How often all literals are placed anew.
const ROUNDS: usize = 4;

/// What it costs to confirm a window that stands there, in places that are proposed in vain.
const PRICE_OF_A_WINDOW: f64 = 4.0;

/// What it costs that a bucket takes a place which another one proposes as well: nothing now, but others may move.
const PRICE_OF_A_SHARED_PLACE: f64 = 0.1;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 20) as usize % n
    }
}

/// Places of text, by the bytes that stand there.
struct Sample {
    /// For each position of a window and each byte.
    having: [Vec<Places>; 4],
    words: usize,
}

impl Sample {
    fn of(text: &[u8], places: usize) -> Sample {
        let words = places / 64;
        let mut having: [Vec<Places>; 4] = std::array::from_fn(|_| vec![vec![0; words]; 256]);
        let mut numbers = Numbers(1);
        for place in 0..words * 64 {
            let at = numbers.below(text.len() - 3);
            for (position, having) in having.iter_mut().enumerate() {
                having[usize::from(text[at + position])][place / 64] |= 1 << (place % 64);
            }
        }
        Sample { having, words }
    }

    /// Where a byte stands that fits the window at this position.
    fn fitting(&self, window: &Window, position: usize) -> Places {
        let mut all = vec![0; self.words];
        window.bytes(position).for_each(|byte| add(&mut all, &self.having[position][usize::from(byte)]));
        all
    }
}

fn add(to: &mut [u64], more: &[u64]) {
    to.iter_mut().zip(more).for_each(|(to, more)| *to |= more);
}

fn common<const N: usize>(sets: [&Places; N]) -> Places {
    (0..sets[0].len()).map(|word| sets.iter().fold(u64::MAX, |all, set| all & set[word])).collect()
}

/// What a bucket takes at one position.
#[derive(Clone)]
struct Taken {
    /// How many windows have each byte.
    windows: [u32; 256],
    places: Places,
}

/// The windows of a bucket.
#[derive(Clone)]
struct Bucket {
    taken: [Taken; 4],
}

impl Bucket {
    fn proposed(&self) -> Places {
        common(self.taken.each_ref().map(|taken| &taken.places))
    }

    fn add(&mut self, window: &Window, sample: &Sample) {
        for (position, taken) in self.taken.iter_mut().enumerate() {
            for byte in window.bytes(position) {
                taken.windows[usize::from(byte)] += 1;
                add(&mut taken.places, &sample.having[position][usize::from(byte)]);
            }
        }
    }

    fn remove(&mut self, window: &Window, sample: &Sample) {
        for (position, taken) in self.taken.iter_mut().enumerate() {
            window.bytes(position).for_each(|byte| taken.windows[usize::from(byte)] -= 1);
            taken.places.fill(0);
            for (byte, _) in taken.windows.iter().enumerate().filter(|(_, count)| **count > 0) {
                add(&mut taken.places, &sample.having[position][byte]);
            }
        }
    }
}

/// A window in a bucket for each literal, by their hashes: those that propose least in `text`, of which so many `places`
/// are sampled.
fn learn(literals: &[Literal], buckets: usize, text: &[u8], places: usize) -> Vec<Learned> {
    let sample = Sample::of(text, places);
    let none = Taken { windows: [0; 256], places: vec![0; sample.words] };
    let mut buckets = vec![Bucket { taken: std::array::from_fn(|_| none.clone()) }; buckets];
    let mut chosen: Vec<Option<(Window, usize)>> = vec![None; literals.len()];
    let mut order: Vec<usize> = (0..literals.len()).collect();
    let mut numbers = Numbers(7);
    for _ in 0..ROUNDS {
        for last in (1..order.len()).rev() {
            order.swap(last, numbers.below(last + 1));
        }
        for &literal in &order {
            if let Some((window, bucket)) = chosen[literal].take() {
                buckets[bucket].remove(&window, &sample);
            }
            let best = best(&literals[literal], &buckets, &sample);
            buckets[best.1].add(&best.0, &sample);
            chosen[literal] = Some(best);
        }
    }
    let mut learned: Vec<Learned> = Vec::new();
    for (literal, (window, bucket)) in literals.iter().zip(chosen.into_iter().flatten()) {
        let narrow = |n: usize| u8::try_from(n).expect("literals are short and buckets few");
        learned.push(Learned { literal: hash_of(literal), offset: narrow(window.offset), bucket: narrow(bucket) });
    }
    learned.sort_unstable_by_key(|learned| learned.literal);
    learned.dedup_by_key(|learned| learned.literal);
    learned
}

/// Where a literal adds least to what the others make all buckets propose.
fn best(literal: &Literal, buckets: &[Bucket], sample: &Sample) -> (Window, usize) {
    let proposed: Vec<Places> = buckets.iter().map(Bucket::proposed).collect();
    let mut by_any = vec![0; sample.words];
    proposed.iter().for_each(|places| add(&mut by_any, places));
    let mut best = (f64::MAX, None);
    for window in Window::all(literal) {
        let fitting: [Places; 4] = std::array::from_fn(|position| sample.fitting(&window, position));
        let windows: u32 = common(fitting.each_ref()).iter().map(|word| word.count_ones()).sum();
        for (number, (bucket, proposed)) in buckets.iter().zip(&proposed).enumerate() {
            let (mut new, mut shared) = (0, 0);
            for word in 0..sample.words {
                let takes = |position: usize| bucket.taken[position].places[word] | fitting[position][word];
                let grown = takes(0) & takes(1) & takes(2) & takes(3);
                new += (grown & !by_any[word]).count_ones();
                shared += (grown & !proposed[word] & by_any[word]).count_ones();
            }
            let cost =
                f64::from(new) + f64::from(shared) * PRICE_OF_A_SHARED_PLACE + f64::from(windows) * PRICE_OF_A_WINDOW;
            if cost < best.0 {
                best = (cost, Some((window, number)));
            }
        }
    }
    best.1.expect("a literal has a window, and there are buckets")
}

mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use super::super::Prefilter;
    use super::super::avx512::BUCKETS;
    use super::super::buckets::Buckets;
    use super::super::learned::Placed;
    use super::super::table::LEARNED;
    use super::*;
    use crate::byteset::ByteSet;
    use crate::engine::Engine;
    use crate::rule::RuleSet;

    /// The literals of the rules that ship.
    fn shipped() -> Vec<Literal> {
        let mut shipped = Vec::new();
        let engine = Engine::new(RuleSet::builtin().into_rules(), |literals, runs| {
            shipped = literals.to_vec();
            Some(Prefilter::new(literals, runs))
        });
        drop(engine);
        shipped
    }

    /// No file counts for more than so many bytes.
    const MAX_OF_A_FILE: usize = 1 << 20;

    fn collect(folder: &Path, text: &mut Vec<u8>) {
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths.into_iter().filter(|path| !path.is_symlink()) {
            if path.is_dir() {
                collect(&path, text);
            } else if let Ok(bytes) = std::fs::read(&path) {
                text.extend_from_slice(&bytes[..bytes.len().min(MAX_OF_A_FILE)]);
            }
        }
    }

    /// How many places of a thousand all buckets propose together.
    fn proposed(windows: &[Placed], text: &[u8]) -> f64 {
        let buckets: Buckets<BUCKETS> = Buckets::new(windows);
        let takes =
            |four: &&[u8]| (0..4).fold(u32::MAX, |all, i| all & buckets.covers[i].buckets[usize::from(four[i])]) != 0;
        1000.0 * text.windows(4).filter(takes).count() as f64 / text.len() as f64
    }

    #[test]
    #[ignore = "writes the table; KEYSCAN_BENCH_DIR names a folder of real text"]
    fn learns_windows() {
        let folder = std::env::var("KEYSCAN_BENCH_DIR").expect("KEYSCAN_BENCH_DIR names a folder of real text");
        let (mut text, shipped) = (Vec::new(), shipped());
        collect(Path::new(&folder), &mut text);
        let learned = learn(&shipped, BUCKETS, &text, 1 << 18);
        let mut table = String::from(
            "//! What was [learned](super::learned), by the hash of the literal. Made by `learn.rs`.\n\n\
             use super::learned::Learned;\n\n#[rustfmt::skip]\npub(super) static LEARNED: &[Learned] = &Learned::all([\n",
        );
        for row in learned.chunks(5) {
            let one = |Learned { literal, offset, bucket }: &Learned| format!("({literal:#010x}, {offset}, {bucket})");
            writeln!(table, "    {},", row.iter().map(one).collect::<Vec<_>>().join(", ")).unwrap();
        }
        table.push_str("]);\n");
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/engine/prefilter/table.rs"), table).unwrap();
    }

    #[test]
    fn the_table_knows_the_literals_that_ship() {
        assert!(LEARNED.is_sorted_by(|a, b| a.literal < b.literal));
        let shipped = shipped();
        let known = shipped.iter().filter(|literal| Placed::of(literal).bucket.is_some()).count();
        assert!(
            known * 20 >= shipped.len() * 19,
            "{known} of {} literals are known: `learn.rs` says how the table is made anew",
            shipped.len()
        );
    }

    #[test]
    fn what_is_learned_proposes_less() {
        // Words of few letters, each of which is likelier behind some than behind others.
        let mut numbers = Numbers(3);
        let mut last = 0;
        let mut letter = |_| {
            last = (last * 3 + numbers.below(4)) % 12;
            b"etaoins_-1fG"[last]
        };
        let text: Vec<u8> = (0..200_000).map(&mut letter).collect();
        let literals: Vec<Literal> = (0..300)
            .map(|n| Literal {
                bytes: (0..3 + n % 6).map(&mut letter).collect(),
                ignore_case: false,
                behind: ByteSet::ALL,
            })
            .collect();
        let learned = learn(&literals, BUCKETS, &text, 1 << 12);
        let placed = |literal: &Literal| {
            let known = learned.binary_search_by_key(&hash_of(literal), |learned| learned.literal).unwrap();
            let Learned { offset, bucket, .. } = learned[known];
            Placed { window: Window::at(literal, offset.into()).unwrap(), bucket: Some(bucket) }
        };
        let rarest = |literal: &Literal| Placed { window: Window::rarest(literal), bucket: None };
        let with = proposed(&literals.iter().map(placed).collect::<Vec<_>>(), &text);
        let without = proposed(&literals.iter().map(rarest).collect::<Vec<_>>(), &text);
        assert!(with < 0.9 * without, "{with} and {without} of a thousand");
    }
}
