//! Throughput of the engine in memory, beside the naive route: one `RegexSet` of the same rules over the same bytes.
//!
//! `KEYSCAN_BENCH_DIR` names a folder of real text to scan as source; without it, the repository's own files are
//! repeated. Every benchmark asserts what it finds before it times.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use keyscan::{DOUBTFUL, Kind, RuleSet, Scanner, Scratch};

/// Bytes of each text.
const LEN: usize = 16 << 20;
/// Secrets planted in each text.
const PLANTED: usize = 64;

fn collect(folder: &Path, text: &mut Vec<u8>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if text.len() >= LEN {
            return;
        }
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            collect(&path, text);
        } else if let Ok(bytes) = std::fs::read(&path) {
            text.extend(bytes);
        }
    }
}

/// Real text, or the library's own, repeated to the length.
fn source() -> Vec<u8> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let folder = std::env::var("KEYSCAN_BENCH_DIR").unwrap_or_else(|_| own.to_owned());
    let mut text = Vec::new();
    collect(Path::new(&folder), &mut text);
    assert!(!text.is_empty(), "there is nothing to read in {folder}");
    text.iter().copied().cycle().take(LEN).collect()
}

/// Log lines of a few forms, seeded.
fn logs() -> Vec<u8> {
    let mut text = Vec::with_capacity(LEN + 256);
    let mut state = 1u64;
    while text.len() < LEN {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (a, b) = (state >> 33, state >> 45);
        let line = match a % 4 {
            0 => format!(
                "2026-01-01T12:{:02}:{:02}.{:03}Z INFO  http request method=GET path=/api/v1/items/{b} status=200 duration={}ms\n",
                a % 60,
                b % 60,
                a % 1000,
                b % 900
            ),
            1 => format!(
                "10.0.{}.{} - - [01/Jan/2026:12:00:{:02} +0000] \"POST /login HTTP/1.1\" 302 {b} \"-\" \"agent/1.0\"\n",
                a % 256,
                b % 256,
                a % 60
            ),
            2 => format!(
                "{{\"level\":\"warn\",\"ts\":{a},\"caller\":\"store/cache.go:{}\",\"msg\":\"slow read\",\"id\":\"{a:016x}\"}}\n",
                b % 500
            ),
            _ => format!("worker-{} [{b}] DEBUG queue depth {} after {} retries\n", a % 64, b % 2000, a % 5),
        };
        text.extend_from_slice(line.as_bytes());
    }
    text.truncate(LEN);
    text
}

/// Plants samples of a rule with a checksum at even distances, each on a line of its own.
fn plant(text: &mut [u8], rules: &RuleSet) {
    let rule = rules.get("github-pat").expect("the rule is built in");
    let step = text.len() / PLANTED;
    for number in 0..PLANTED {
        let filled = rule.samples()[0].fill(number as u64, rule.checksum());
        let line = [b"\n", filled.text.as_slice(), b"\n"].concat();
        text[number * step..][..line.len()].copy_from_slice(&line);
    }
}

/// Some 120 rules, of each kind the share that it has of all.
fn sample(rules: &RuleSet) -> RuleSet {
    let mut seen = [0; 8];
    let mut rules = rules.clone();
    rules.retain(|rule| {
        let seen = &mut seen[rule.kind() as usize];
        *seen += 1;
        *seen % 12 == 1 || rule.id() == "github-pat"
    });
    rules
}

fn count(scanner: &Scanner, scratch: &mut Scratch, text: &[u8]) -> usize {
    let mut planted = 0;
    let _coverage = scanner.scan_with(text, scratch, |finding, _| {
        let rule = scanner.rules()[finding.rule].id();
        planted += usize::from(rule == "github-pat" && finding.confidence >= DOUBTFUL);
    });
    planted
}

fn throughput(c: &mut Criterion) {
    let rules = RuleSet::builtin();
    // Opaque formats match too much without their keywords; the naive route runs the others.
    let mut distinctive = rules.clone();
    distinctive.retain(|rule| matches!(rule.kind(), Kind::Distinctive | Kind::Structural));
    let naive = regex::bytes::RegexSetBuilder::new(distinctive.rules().iter().filter_map(keyscan::Rule::regex))
        .unicode(false)
        .size_limit(1 << 30)
        .dfa_size_limit(1 << 28)
        .build()
        .expect("the rules compile");
    let pat = distinctive.rules().iter().position(|rule| rule.id() == "github-pat").expect("the rule is built in");
    let fewer = sample(&rules);
    let (all, some, fewer) = (Scanner::new(rules.clone()), Scanner::new(distinctive), Scanner::new(fewer));

    let hostile = b"-----BEGIN sk-ant-api03-eyJ token=AKIA".repeat(LEN / 38 + 1)[..LEN].to_vec();
    for (name, mut text) in [("source", source()), ("logs", logs()), ("hostile", hostile)] {
        plant(&mut text, &rules);
        let mut scratch = Scratch::new();
        assert!(count(&all, &mut scratch, &text) >= PLANTED, "{name}: a planted secret is not found");
        assert!(count(&some, &mut scratch, &text) >= PLANTED, "{name}: a planted secret is not found");
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10).measurement_time(Duration::from_secs(5));
        group.bench_function("all rules", |b| b.iter(|| count(&all, &mut scratch, black_box(&text))));
        group.bench_function("120 rules", |b| b.iter(|| count(&fewer, &mut scratch, black_box(&text))));
        group.bench_function("distinctive rules", |b| b.iter(|| count(&some, &mut scratch, black_box(&text))));
        // The set is asked line by line, as grep-like tools do; it only says which rules match somewhere.
        let lines =
            |text: &[u8]| text.split(|&byte| byte == b'\n').filter(|line| naive.matches(line).matched(pat)).count();
        if name != "hostile" {
            let part = &text[..LEN / 8];
            assert!(lines(part) >= PLANTED / 8, "{name}: the naive route misses a planted secret");
            group.throughput(Throughput::Bytes(part.len() as u64));
            group.bench_function("naive, distinctive rules", |b| b.iter(|| lines(black_box(part))));
        }
        group.finish();
    }
}

criterion_group!(benches, throughput);
criterion_main!(benches);
