//! What the judge of assigned values costs: nanoseconds per candidate, and its share of a whole scan.
//!
//! `cargo bench --bench judge`, or `KEYSCAN_BENCH_DIR=DIR cargo bench --bench judge` for the files of a folder; by default
//! those of this package. Asserts that planted secrets are believed and that few of the others are, before it times. What
//! was planted is timed apart: a folder holds few secrets, and each takes several times as long as what is none.

#![expect(clippy::print_stdout, reason = "the numbers are the result")]

use std::hint::black_box;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use keyscan::{DOUBTFUL, Kind, Rule, RuleSet, Sample, Scanner, Scratch, testing};

const ROUNDS: usize = 15;
/// So many candidates are timed together: the clock costs little beside them, and few are interrupted.
const BATCH: usize = 32;
/// How far around a candidate the judge looks, and more.
const AROUND: usize = 512;
const MAX_FILE: u64 = 1 << 20;

struct Candidate {
    file: usize,
    stem: usize,
    value: Range<usize>,
}

fn main() {
    let rules = RuleSet::builtin();
    let rule = rules.rules().iter().find(|rule| rule.kind() == Kind::Generic).expect("there is one").clone();
    let folder = std::env::var_os("KEYSCAN_BENCH_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let mut files = vec![planted()];
    read(&folder, &mut files);
    let bytes: usize = files[1..].iter().map(Vec::len).sum();
    let candidates = candidates(&rule, &files);
    check(&rule, &files, &candidates);

    let (planted, others) = candidates.split_at(candidates.partition_point(|candidate| candidate.file == 0));
    let batches = |candidates| -> Vec<&[Candidate]> { <[Candidate]>::chunks(candidates, BATCH).collect() };
    // A scan has just read what is around a candidate.
    let read = |batch: &&[Candidate]| {
        for Candidate { file, stem, value } in *batch {
            let around = &files[*file][stem.saturating_sub(AROUND)..files[*file].len().min(value.end + AROUND)];
            black_box(around.iter().fold(0u8, |all, byte| all ^ byte));
        }
    };
    let judge = |batch: &&[Candidate]| {
        for Candidate { file, stem, value } in *batch {
            black_box(testing::confidence(&rule, &files[*file], *stem, value.clone()));
        }
    };
    let believed = least(&batches(planted), read, judge);
    let judged = least(&batches(others), read, judge);
    let scanner = Scanner::new(rules);
    let mut scratch = Scratch::new();
    let scanned = least(
        &files[1..],
        |_| (),
        |file| {
            let _coverage = black_box(scanner.scan_with(file, &mut scratch, |finding, _| {
                black_box(finding);
            }));
        },
    );
    let each = |time: f64, candidates: &[Candidate]| time / candidates.len() as f64 * 1e9;
    println!(
        "{} candidates in {:.1} MB: {:.0} ns each, {:.0} ns each secret; {:.1} ms of a scan of {:.1} ms, {:.1} %",
        others.len(),
        bytes as f64 / 1e6,
        each(judged, others),
        each(believed, planted),
        judged * 1e3,
        scanned * 1e3,
        judged / scanned * 100.0
    );
}

/// Lines on which a drawn value is assigned to a telling name.
fn planted() -> Vec<u8> {
    let sample = Sample::parse("db_password = \"|{base62:20}|\"\n").expect("it is a template");
    (0..PLANTED as u64).flat_map(|seed| sample.fill(seed, None).text).collect()
}

const PLANTED: usize = 1000;

fn candidates(rule: &Rule, files: &[Vec<u8>]) -> Vec<Candidate> {
    let mut all = Vec::new();
    for (file, text) in files.iter().enumerate() {
        let lower = text.to_ascii_lowercase();
        let stems = testing::stems(rule);
        let mut starts: Vec<usize> = stems.iter().flat_map(|stem| memchr::memmem::find_iter(&lower, stem)).collect();
        starts.sort_unstable();
        all.extend(starts.into_iter().filter_map(|stem| {
            testing::assigned(text, stem).filter(|value| !value.is_empty()).map(|value| Candidate { file, stem, value })
        }));
    }
    all
}

fn check(rule: &Rule, files: &[Vec<u8>], candidates: &[Candidate]) {
    let believed = |candidate: &&Candidate| {
        testing::confidence(rule, &files[candidate.file], candidate.stem, candidate.value.clone()) >= DOUBTFUL
    };
    let (planted, others): (Vec<_>, Vec<_>) = candidates.iter().partition(|candidate| candidate.file == 0);
    let found = planted.iter().copied().filter(|candidate| believed(candidate)).count();
    assert!(found >= PLANTED * 99 / 100, "{found} of {PLANTED} planted secrets are believed");
    let found = others.iter().copied().filter(|candidate| believed(candidate)).count();
    assert!(found * 20 < others.len(), "{found} of {} others are believed", others.len());
}

fn read(folder: &Path, files: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<PathBuf> =
        folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let Ok(data) = path.symlink_metadata() else { continue };
        if data.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
            read(&path, files);
        } else if data.is_file() && data.len() <= MAX_FILE {
            files.extend(std::fs::read(&path));
        }
    }
}

/// The time of all items, in seconds, each the least of some rounds: what else the machine does interrupts few of them in
/// every round. Each is prepared first, which does not count.
fn least<T>(items: &[T], prepare: impl Fn(&T), mut work: impl FnMut(&T)) -> f64 {
    let mut times = vec![f64::INFINITY; items.len()];
    for _ in 0..ROUNDS {
        for (item, time) in items.iter().zip(&mut times) {
            prepare(item);
            let start = Instant::now();
            work(item);
            *time = time.min(start.elapsed().as_secs_f64());
        }
    }
    times.iter().sum()
}
