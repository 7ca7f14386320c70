//! What a scan costs before it scans: reading the embedded rules and building the tables.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use keyscan::{RuleSet, Scanner};

fn startup(c: &mut Criterion) {
    let scanned = || Scanner::new(RuleSet::builtin()).scan(black_box(b"one line with nothing in it\n")).len();
    assert_eq!(scanned(), 0);
    c.bench_function("rules, tables and one line", |b| b.iter(scanned));
}

criterion_group!(benches, startup);
criterion_main!(benches);
