//! Throughput of the redactor over mixed logs, and the time a line takes. Every benchmark asserts its result before it
//! times.

#[path = "logs.rs"]
mod logs;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use keyscan::RuleSet;
use keyscan::redact::{Admission, KnownSecrets, Redaction};

const LINES: usize = 100_000;
/// As much as a pipe gives at a time.
const PIECE: usize = 64 * 1024;

fn known(count: usize) -> KnownSecrets {
    let values = logs::values(count);
    let secrets = KnownSecrets::new();
    let refused = secrets.add_all(values.iter().map(|value| ("KNOWN", value.as_bytes())), Admission::default());
    assert!(refused.is_empty());
    secrets
}

fn throughput(c: &mut Criterion) {
    let rules = RuleSet::builtin();
    let rule = rules.get("github-pat").expect("it is a rule");
    let secret = String::from_utf8(rule.samples()[0].fill(1, rule.checksum()).text).expect("it is ASCII");
    let text = logs::mixed(1, LINES, &secret);
    let mut group = c.benchmark_group("redact");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10).measurement_time(Duration::from_secs(3));
    for (name, rules, known) in [
        ("rules", RuleSet::builtin(), KnownSecrets::new()),
        ("rules and 200 known secrets", RuleSet::builtin(), known(200)),
        ("200 known secrets", RuleSet::new(), known(200)),
        ("4000 known secrets", RuleSet::new(), known(4000)),
    ] {
        let with_rules = !rules.rules().is_empty();
        let redaction = Redaction::new(rules).with_known(known);
        let out = redaction.redact(&text);
        let hidden = memchr::memmem::find_iter(&out, b"[REDACTED:github-pat]").count();
        assert_eq!(hidden, if with_rules { LINES / 10_000 } else { 0 });
        assert_eq!(memchr::memmem::find(&out, secret.as_bytes()).is_none(), with_rules);
        group.bench_function(name, |b| {
            let mut out = Vec::new();
            b.iter(|| {
                let mut redactor = redaction.redactor();
                for piece in text.chunks(PIECE) {
                    out.clear();
                    redactor.push_more(piece, &mut out);
                }
                redactor.finish(&mut out);
                black_box(out.len())
            });
        });
    }
    group.finish();
}

fn latency(c: &mut Criterion) {
    let redaction = Redaction::new(RuleSet::builtin()).with_known(known(200));
    let text = logs::mixed(1, 2000, "");
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    lines.iter().for_each(|line| redactor.push(line, &mut out));
    assert_eq!(out, text);
    assert_eq!(redactor.held_len(), 0);
    c.bench_function("make a redactor", |b| b.iter(|| redaction.redactor()));
    let mut at = 0;
    c.bench_function("redact a line", |b| {
        b.iter(|| {
            out.clear();
            redactor.push(lines[at % lines.len()], &mut out);
            at += 1;
        });
    });
}

fn known_sets(c: &mut Criterion) {
    assert_eq!(known(4000).len(), 4000);
    let mut group = c.benchmark_group("known secrets");
    group.sample_size(10);
    group.bench_function("make 4000 ready", |b| b.iter(|| known(4000)));
    let (all, mut number) = (known(4000), 0);
    group.bench_function("add one to 4000", |b| {
        b.iter(|| {
            number += 1;
            all.add("ONE", format!("quartz-{number:09}").as_bytes()).expect("it is a secret");
        });
    });
    group.finish();
}

criterion_group!(benches, throughput, latency, known_sets);
criterion_main!(benches);
