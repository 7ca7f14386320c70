//! From the corpus to the file of weights.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;

use keyscan::testing::JUDGE_SCALE;
use sha2::{Digest, Sha256};

use crate::examples::{self, Candidate, Finder};
use crate::learn::{Example, Learnt, learn};
use crate::random::Random;
use crate::values::Class;
use crate::{corpus, trigrams, values};

const SEED: u64 = 1;
/// Made-up places, for each of which there is an example and a counter-example.
const MADE_UP: usize = 30_000;
/// Weights that are kept: what the engine's table has room for.
const MAX_WEIGHTS: usize = 3000;
/// A feature that is rarer says nothing.
const MIN_COUNT: u32 = 8;
/// One of so many packages is held out: the bar is set on them.
const HOLD_OUT: usize = 6;
/// Counter-examples of the packages that were held out which may pass, in a million bytes.
const FALSE_PER_MB: f64 = 0.1;
const L1: f64 = 3.0;
const PASSES: usize = 4;

#[derive(Default)]
struct Features {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
    counts: Vec<u32>,
}

impl Features {
    fn numbers(&mut self, features: Vec<String>) -> Vec<u32> {
        let mut numbers: Vec<u32> = features.into_iter().map(|name| self.number(name)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn number(&mut self, name: String) -> u32 {
        if let Some(&number) = self.numbers.get(&name) {
            self.counts[number as usize] += 1;
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.clone());
        self.counts.push(1);
        self.numbers.insert(name, number);
        number
    }
}

/// Words that people may take into passwords: common ones of the corpus.
fn words(tokens: &HashSet<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = tokens
        .iter()
        .filter(|token| (4..=9).contains(&token.len()) && token.iter().all(u8::is_ascii_lowercase))
        .cloned()
        .collect();
    words.sort_unstable();
    words
}

fn read(corpus: &Path, random: &mut Random) -> (Vec<Candidate>, Vec<Candidate>, u64, Vec<Vec<u8>>) {
    let (finder, mut seen, mut tokens) = (Finder::new(), HashSet::new(), HashSet::new());
    let (mut learnt, mut held_out, mut held_out_len) = (Vec::new(), Vec::new(), 0);
    for (number, (name, package)) in corpus::packages(corpus).into_iter().enumerate() {
        let files = corpus::files(&package);
        trigrams::collect(&files, &mut tokens);
        let found = examples::of_package(&finder, &files, random, &mut seen);
        eprintln!("{name}: {} candidates", found.len());
        if number % HOLD_OUT == 0 {
            held_out.extend(found);
            held_out_len += files.iter().map(|file| file.text.len() as u64).sum::<u64>();
        } else {
            learnt.extend(found);
        }
    }
    (learnt, held_out, held_out_len, words(&tokens))
}

/// The file of weights, learnt from the packages of a folder.
pub fn learn_from(corpus: &Path) -> String {
    let mut random = Random(SEED);
    let (candidates, held_out, held_out_len, words) = read(corpus, &mut random);
    let mut features = Features::default();
    let mut all = Vec::new();
    let mut plain: Vec<&[u8]> = Vec::new();
    for candidate in &candidates {
        let doubtful = candidate.class.is_some() && examples::may_be_secret(&candidate.value);
        if !doubtful && let Some(found) = candidate.features() {
            let weight = 1.0;
            all.push(Example { features: features.numbers(found), is_secret: false, weight });
            if candidate.class.is_some() {
                plain.push(&candidate.value);
            }
        }
        // What looks like a secret is none under a name that promises none.
        if candidate.is_place_for_others() {
            let value = values::drawn_or_chosen(&mut random, &words);
            if let Some(found) = candidate.features_with(&value) {
                all.push(Example { features: features.numbers(found), is_secret: false, weight: 1.0 });
            }
        }
        let chance = match candidate.class {
            Some(Class::Key) => 50,
            Some(Class::Token) => 15,
            _ => 100,
        };
        if candidate.is_place_for_secrets() && random.chance(chance) {
            if let Some(found) = examples::other(&mut random, candidate, &words) {
                all.push(Example { features: features.numbers(found), is_secret: false, weight: 1.0 });
            }
        }
        let chance = if candidate.class == Some(Class::Key) { 40 } else { 100 };
        if candidate.is_place_for_secrets() && random.chance(chance) {
            if let Some(found) = examples::positive(&mut random, candidate, &words) {
                all.push(Example { features: features.numbers(found), is_secret: true, weight: 1.0 });
            }
        }
    }
    let (negatives, positives) = (all.iter().filter(|e| !e.is_secret).count(), all.iter().filter(|e| e.is_secret).count());
    eprintln!("{} candidates: {negatives} counter-examples, {positives} examples", candidates.len());
    for _ in 0..MADE_UP {
        let class = examples::any_class(&mut random);
        let Some(place) = examples::made_up(&mut random, class) else { continue };
        if let Some(found) = examples::positive(&mut random, &place, &words) {
            all.push(Example { features: features.numbers(found), is_secret: true, weight: 1.0 });
        }
        let value = plain[random.below(plain.len())];
        if let Some(found) = place.features_with(value) {
            all.push(Example { features: features.numbers(found), is_secret: false, weight: 1.0 });
        }
        if random.chance(if class == Class::Key { 60 } else { 15 }) {
            if let Some(found) = examples::other(&mut random, &place, &words) {
                all.push(Example { features: features.numbers(found), is_secret: false, weight: 1.0 });
            }
        }
    }
    let frequent: Vec<bool> = features.counts.iter().map(|count| *count >= MIN_COUNT).collect();
    eprintln!("{} examples in all, {} features, {} of them frequent", all.len(), frequent.len(), frequent.iter().filter(|f| **f).count());
    // First all features, then those that weigh most, without the penalty that chose them.
    let first = learn(&all, frequent.len(), L1, PASSES, Some(&frequent), &mut random);
    let mut order: Vec<usize> = (0..frequent.len()).filter(|f| first.weights[*f] != 0.0).collect();
    let worth = |f: usize| first.weights[f].abs() * f64::from(features.counts[f]).sqrt();
    order.sort_by(|a, b| worth(*b).total_cmp(&worth(*a)).then_with(|| features.names[*a].cmp(&features.names[*b])));
    eprintln!("{} weights, {MAX_WEIGHTS} kept", order.len());
    order.truncate(MAX_WEIGHTS);
    let mut allowed = vec![false; frequent.len()];
    order.iter().for_each(|f| allowed[*f] = true);
    let learnt = learn(&all, frequent.len(), 0.0, PASSES, Some(&allowed), &mut random);
    let bar = bar(&learnt, &features, &held_out, held_out_len);
    report(&learnt, &all, bar);
    write(&learnt, &features, &allowed, bar)
}

fn quantised(weight: f64) -> i32 {
    (weight * f64::from(JUDGE_SCALE)).round().clamp(-127.0, 127.0) as i32
}

fn score(learnt: &Learnt, features: &[u32]) -> i32 {
    (learnt.bias * f64::from(JUDGE_SCALE)).round() as i32
        + features.iter().map(|f| quantised(learnt.weights[*f as usize])).sum::<i32>()
}

/// The score that only so many counter-examples of packages pass from which nothing was learnt.
fn bar(learnt: &Learnt, features: &Features, held_out: &[Candidate], len: u64) -> i32 {
    let mut scores = Vec::new();
    for candidate in held_out {
        if candidate.class.is_some() && examples::may_be_secret(&candidate.value) {
            continue;
        }
        let Some(found) = candidate.features() else { continue };
        let mut found: Vec<u32> = found.iter().filter_map(|name| features.numbers.get(name).copied()).collect();
        found.sort_unstable();
        found.dedup();
        scores.push((score(learnt, &found), String::from_utf8_lossy(&candidate.value).into_owned(), candidate.before.clone()));
    }
    scores.sort_by(|a, b| b.0.cmp(&a.0));
    let allowed = (len as f64 / 1e6 * FALSE_PER_MB) as usize;
    for (score, value, before) in scores.iter().take(allowed.max(40)) {
        let tail = String::from_utf8_lossy(&before[before.len().saturating_sub(50)..]).replace('\n', "~");
        eprintln!("  held out {score}: {tail} [[{value}]]");
    }
    // Never below even odds.
    let bar = scores.get(allowed).map_or(0, |(score, ..)| *score + 1).max(0);
    eprintln!("held out: {} counter-examples in {} MB, {allowed} may pass: bar {bar}", scores.len(), len / 1_000_000);
    bar
}

fn report(learnt: &Learnt, all: &[Example], bar: i32) {
    let share = |is_secret: bool| {
        let of: Vec<bool> =
            all.iter().filter(|e| e.is_secret == is_secret).map(|e| score(learnt, &e.features) >= bar).collect();
        of.iter().filter(|pass| **pass).count() as f64 / of.len() as f64
    };
    eprintln!("above the bar: {:.4} of the examples, {:.4} of the counter-examples", share(true), share(false));
}

fn write(learnt: &Learnt, features: &Features, allowed: &[bool], bar: i32) -> String {
    let mut lines: Vec<String> = (0..allowed.len())
        .filter(|f| allowed[*f] && quantised(learnt.weights[*f]) != 0)
        .map(|f| format!("{}\t{}\n", features.names[f], quantised(learnt.weights[f])))
        .collect();
    lines.sort_unstable();
    let bias = (learnt.bias * f64::from(JUDGE_SCALE)).round();
    let body = format!("=bias\t\t\t{bias}\n=bar\t\t\t{bar}\n{}", lines.concat());
    let mut text = format!(
        "# Weights of the judge of assigned values: kind, one or two atoms, weight in 1/{JUDGE_SCALE} nat; see docs/accuracy.md.\n\
         # Written by tools/judge with seed {SEED}; not to be edited.\n"
    );
    let digest: String = Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(text, "# sha256 of the lines below: {digest}").expect("it is a String");
    text + &body
}
