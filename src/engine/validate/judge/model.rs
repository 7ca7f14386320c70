//! The weights of `patterns/judge.txt`: one line a feature, its kind, its atoms and its weight, separated by tabs.

use super::features::{Atom, Kind, Sink, hash, number};
use super::shape::GRAMS;

/// What a weight of one is worth, in nats of the odds.
pub(crate) const SCALE: f32 = 16.0;

const SLOT_BITS: u32 = 12;
const SLOTS: usize = 1 << SLOT_BITS;
const GROUP_BITS: u32 = 10;
const GROUPS: usize = 1 << GROUP_BITS;
/// So many features share a group at most.
const MAX_OF_GROUP: usize = 16;

pub(crate) const WEIGHTS: &[u8] = include_bytes!("../../../../patterns/judge.txt");
static MODEL: Model = Model::parse(WEIGHTS);

/// Weights by the numbers of their features, each at a slot of its own: one look tells a weight, and nothing branches.
/// The seed of a group of numbers says where their slots are.
struct Model {
    seeds: [u8; GROUPS],
    /// The lower three bytes of a number and the weight: the upper ones led to the slot.
    slots: [u32; SLOTS],
    bias: i32,
    /// The score from which on a value is a secret.
    bar: i32,
}

const fn group(number: u32) -> usize {
    (number >> (32 - GROUP_BITS)) as usize
}

const fn slot(number: u32, seed: u8) -> usize {
    (number.wrapping_mul((seed as u32).wrapping_mul(0x9e37_79b2) | 1) >> (32 - SLOT_BITS)) as usize
}

/// The features of the file, by group: numbers and weights.
struct Groups {
    entries: [[(u32, u8); MAX_OF_GROUP]; GROUPS],
    counts: [usize; GROUPS],
}

impl Model {
    #[allow(long_running_const_eval, reason = "some thousand lines are hashed")]
    const fn parse(text: &[u8]) -> Model {
        let mut model = Model { seeds: [0; GROUPS], slots: [0; SLOTS], bias: 0, bar: 0 };
        let mut groups = Groups { entries: [[(0, 0); MAX_OF_GROUP]; GROUPS], counts: [0; GROUPS] };
        let mut at = 0;
        while at < text.len() {
            if text[at] == b'#' || text[at] == b'\n' {
                while at < text.len() && text[at] != b'\n' {
                    at += 1;
                }
                at += 1;
                continue;
            }
            let (kind, next) = field(text, at, b'\t');
            let (first, next) = field(text, next, b'\t');
            let (second, next) = field(text, next, b'\t');
            let (weight, next) = decimal(text, next);
            at = next;
            if kind == hash(b"=bias") {
                model.bias = weight;
            } else if kind == hash(b"=bar") {
                model.bar = weight;
            } else {
                assert!(weight >= -128 && weight < 128, "a weight is a signed byte");
                let number = number(kind, first, second);
                let group = group(number);
                assert!(groups.counts[group] < MAX_OF_GROUP, "numbers are spread over the groups");
                groups.entries[group][groups.counts[group]] = (number, weight as i8 as u8);
                groups.counts[group] += 1;
            }
        }
        model.place(&groups);
        model
    }

    /// Finds each group a seed that leads its features to free slots, large groups first.
    #[allow(long_running_const_eval, reason = "some thousand features find their slots")]
    const fn place(&mut self, groups: &Groups) {
        let mut size = MAX_OF_GROUP;
        while size > 0 {
            let mut group = 0;
            while group < GROUPS {
                if groups.counts[group] == size {
                    let mut seed = 0;
                    while !self.takes(&groups.entries[group], size, seed) {
                        assert!(seed < u8::MAX, "there is room for a group: fewer features, or more slots");
                        seed += 1;
                    }
                    self.seeds[group] = seed;
                }
                group += 1;
            }
            size -= 1;
        }
    }

    /// Puts the entries of a group where a seed leads them, if there is room.
    const fn takes(&mut self, entries: &[(u32, u8); MAX_OF_GROUP], count: usize, seed: u8) -> bool {
        let mut placed = 0;
        while placed < count {
            let (number, weight) = entries[placed];
            let slot = slot(number, seed);
            if self.slots[slot] != 0 {
                // It may be taken by one of this group.
                while placed > 0 {
                    placed -= 1;
                    self.slots[self::slot(entries[placed].0, seed)] = 0;
                }
                return false;
            }
            self.slots[slot] = number << 8 | weight as u32;
            placed += 1;
        }
        true
    }

    #[inline]
    const fn weight(&self, number: u32) -> i32 {
        let entry = self.slots[slot(number, self.seeds[group(number)])];
        // A free slot has no weight.
        if entry >> 8 == number & 0xff_ffff { entry as u8 as i8 as i32 } else { 0 }
    }
}

/// The weights of sequences of classes, by their numbers.
static OF_GRAMS: [i8; GRAMS.len()] = {
    let (mut weights, mut gram) = ([0; GRAMS.len()], 0);
    while gram < GRAMS.len() {
        weights[gram] = MODEL.weight(number(Kind::Gram.hash(), GRAMS[gram].hash, Atom::NONE.hash)) as i8;
        gram += 1;
    }
    weights
};

/// The hash of a field that ends at `end`, and where the next one starts.
const fn field(text: &[u8], start: usize, end: u8) -> (u32, usize) {
    let mut at = start;
    while text[at] != end {
        at += 1;
    }
    (hash(text.split_at(at).0.split_at(start).1), at + 1)
}

const fn decimal(text: &[u8], start: usize) -> (i32, usize) {
    let (mut at, mut value, negative) = (start, 0, text[start] == b'-');
    if negative {
        at += 1;
    }
    while text[at] != b'\n' {
        assert!(text[at].is_ascii_digit(), "a weight is a decimal number");
        value = value * 10 + (text[at] - b'0') as i32;
        at += 1;
    }
    (if negative { -value } else { value }, at + 1)
}

/// Sums the weights of features.
pub(super) struct Sum(i32);

impl Sum {
    pub(super) fn new() -> Sum {
        Sum(MODEL.bias - MODEL.bar)
    }

    /// The score above the bar, in nats.
    pub(super) fn score(&self) -> f32 {
        self.0 as f32 / SCALE
    }
}

impl Sink for Sum {
    #[inline]
    fn take(&mut self, kind: Kind, first: Atom<'_>, second: Atom<'_>) {
        self.0 += MODEL.weight(number(kind.hash(), first.hash, second.hash));
    }

    #[inline]
    fn gram(&mut self, gram: usize) {
        self.0 += i32::from(OF_GRAMS[gram]);
    }
}

/// Keeps features that weigh anything, with their weights. What has a weight is a word of the model's, so that no bytes
/// of a text but these get out.
#[derive(Default)]
pub(super) struct Reasons(pub(super) Vec<(Kind, String, String, f32)>);

impl Sink for Reasons {
    fn take(&mut self, kind: Kind, first: Atom<'_>, second: Atom<'_>) {
        let weight = MODEL.weight(number(kind.hash(), first.hash, second.hash));
        if weight != 0 {
            let text = |atom: Atom<'_>| String::from_utf8_lossy(atom.text).into_owned();
            self.0.push((kind, text(first), text(second), weight as f32 / SCALE));
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_file_is_as_the_trainer_wrote_it() {
        let text = std::str::from_utf8(WEIGHTS).unwrap();
        let (head, body) = text.split_at(text.find("\n=").unwrap() + 1);
        let written = head.trim_end().rsplit(' ').next().unwrap();
        assert_eq!(written, data_encoding::HEXLOWER.encode(&Sha256::digest(body.as_bytes())));
    }

    #[test]
    fn every_line_is_a_feature_and_is_found() {
        let (mut count, mut weights) = (0, 0);
        for line in std::str::from_utf8(WEIGHTS).unwrap().lines().filter(|line| !line.starts_with(['#', '='])) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [kind, first, second, weight] = fields[..] else { panic!("{line:?} has four fields") };
            let kind = Kind::named(kind).unwrap_or_else(|| panic!("{line:?} is of a known kind"));
            let number = number(kind.hash(), hash(first.as_bytes()), hash(second.as_bytes()));
            assert_eq!(MODEL.weight(number), weight.parse::<i32>().unwrap(), "{line:?}");
            count += 1;
            weights += usize::from(MODEL.weight(number ^ 0x5a5a_5a5a) != 0);
        }
        assert!(count > 500 && weights < count / 100, "{count} features, of which {weights} are taken for others");
    }
}
