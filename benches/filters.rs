//! The redactor beside other filters, over one large log: `cargo bench --bench filters [MEBIBYTES [ROUNDS]]`.
//!
//! Everything runs in turn in one process, on one thread, and the least time of all rounds counts: processor time, so
//! that what else the machine does matters little. What comes out is looked at before anything is timed. Of what is
//! slow a part of the log is taken.

#![expect(clippy::print_stdout, reason = "the numbers are the result")]

#[path = "logs.rs"]
mod logs;

use std::hint::black_box;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use keyscan::RuleSet;
use keyscan::redact::{Admission, KnownSecrets, Redaction, TextFormat};
use masker::Masker;

/// As much as a pipe gives at a time.
const PIECE: usize = 64 * 1024;

/// The processor time of this thread; the time of the clock where it is not told.
fn now() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

/// The processor time of all children that have ended, in steps of 10 ms.
fn children() -> Duration {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<i64> =
        told.rsplit(')').next().unwrap_or_default().split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // The state, a letter, is not among them.
    let ticks = fields.get(12).unwrap_or(&0) + fields.get(13).unwrap_or(&0);
    Duration::from_millis(10 * ticks.unsigned_abs())
}

fn known(count: usize) -> KnownSecrets {
    let secrets = KnownSecrets::new();
    let values = logs::values(count);
    assert!(secrets.add_all(values.iter().map(|value| ("KNOWN", value.as_bytes())), Admission::default()).is_empty());
    secrets
}

/// Passes a text through, and answers how much came out.
type Pass<'a> = dyn Fn(&[u8]) -> usize + 'a;

/// What is measured: a name, the part of the text that it takes, and a run over that, which gives how much came out.
struct Filter<'a> {
    name: String,
    part: &'a [u8],
    run: Box<Pass<'a>>,
    best: Duration,
}

/// Everything that is measured, or what is named.
struct Filters<'a> {
    text: &'a [u8],
    only: Option<&'a str>,
    filters: Vec<Filter<'a>>,
}

impl<'a> Filters<'a> {
    /// Adds a filter for a text of so many bytes at most, unless it is not wanted.
    fn add<F: Fn(&[u8]) -> usize + 'a>(&mut self, name: impl Into<String>, most: usize, make: impl FnOnce() -> F) {
        let (name, part) = (name.into(), &self.text[..self.text.len().min(most)]);
        let is_meant = |only: &str| only.strip_prefix('=').map_or_else(|| name.contains(only), |whole| name == whole);
        if self.only.is_none_or(is_meant) {
            self.filters.push(Filter { name, part, run: Box::new(make()), best: Duration::MAX });
        }
    }

    fn add_redactor(&mut self, name: &str, secret: &[u8], make: impl FnOnce() -> Redaction) {
        let sample = &self.text[..self.text.len().min(4 << 20)];
        self.add(name, usize::MAX, || {
            let redaction = make();
            let out = redaction.redact(sample);
            let planted = memchr::memmem::find_iter(sample, secret).count();
            assert_eq!(memchr::memmem::find_iter(&out, b"[REDACTED:").count(), planted);
            assert!(planted > 0 && memchr::memmem::find(&out, secret).is_none());
            move |text| {
                let (mut redactor, mut out, mut len) = (redaction.redactor(), Vec::new(), 0);
                for piece in text.chunks(PIECE) {
                    out.clear();
                    redactor.push_more(piece, &mut out);
                    len += black_box(&out).len();
                }
                out.clear();
                redactor.finish(&mut out);
                len + out.len()
            }
        });
    }
}

/// `sed -E` with one expression for each of so many tokens that people know.
fn sed(count: usize) -> Vec<String> {
    let tokens = [
        "ghp_[0-9A-Za-z]{36}",
        "AKIA[0-9A-Z]{16}",
        "glpat-[0-9A-Za-z_-]{20}",
        "xox[bp]-[0-9A-Za-z-]{20,}",
        "sk_live_[0-9A-Za-z]{24,}",
        "npm_[0-9A-Za-z]{36}",
        "AIza[0-9A-Za-z_-]{35}",
        "hf_[0-9A-Za-z]{34}",
        "dop_v1_[0-9a-f]{64}",
        "SG\\.[0-9A-Za-z_-]{22}\\.[0-9A-Za-z_-]{43}",
    ];
    let args = tokens.into_iter().take(count).map(|token| format!("s/{token}/[REDACTED]/g"));
    std::iter::once("-E".to_owned()).chain(args.flat_map(|arg| ["-e".to_owned(), arg])).collect()
}

/// The text through a process, by pipes.
fn pipe(program: &str, args: &[String], text: &[u8]) -> Option<usize> {
    let mut command = Command::new(program);
    let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let (mut input, mut output) = (child.stdin.take()?, child.stdout.take()?);
    let len = std::thread::scope(|scope| {
        scope.spawn(move || text.chunks(PIECE).try_for_each(|piece| input.write_all(piece)));
        let (mut chunk, mut len) = (vec![0; 1 << 20], 0);
        while let Ok(count @ 1..) = output.read(&mut chunk) {
            len += count;
        }
        len
    });
    child.wait().ok()?.success().then_some(len)
}

/// `only` names the one filter that is measured, by a part of its name, or `=` and all of it.
fn throughput(text: &[u8], secret: &str, rounds: usize, only: Option<&str>) {
    let planted = secret.as_bytes();
    let with = |known: KnownSecrets| Redaction::new(RuleSet::builtin()).with_known(known);
    let mut all = Filters { text, only, filters: Vec::new() };
    all.add_redactor("rules", planted, || with(KnownSecrets::new()));
    all.add_redactor("rules, JSON", planted, || with(KnownSecrets::new()).with_format(TextFormat::Json));
    for count in [200, 4000] {
        all.add_redactor(&format!("rules, {count} known"), planted, || with(known(count)));
    }
    for count in [10, 200, 4000] {
        all.add_redactor(&format!("{count} known"), planted, || {
            let secrets = known(count);
            secrets.add("PLANTED", planted).expect("it is a secret");
            Redaction::new(RuleSet::new()).with_known(secrets)
        });
    }
    for count in [10, 200, 4000] {
        all.add(format!("aho-corasick stream_replace_all, {count} literals"), 256 << 20, || {
            let finder = AhoCorasick::new(logs::values(count)).expect("they are few");
            let marks = vec!["[REDACTED]"; count];
            move |text| {
                let mut out = Counted(0);
                finder.try_stream_replace_all(text, &mut out, &marks).expect("it cannot fail");
                out.0
            }
        });
    }
    for count in [10, 200] {
        all.add(format!("masker, {count} literals"), 64 << 20, || {
            let masker = Masker::new(&logs::values(count), "[REDACTED]");
            move |text| {
                let (mut chunks, mut len) = (masker.mask_chunks(), 0);
                for piece in text.chunks(PIECE) {
                    len += chunks.mask_chunk(piece).len();
                }
                len + chunks.finish().len()
            }
        });
    }
    for _ in 0..rounds {
        for filter in &mut all.filters {
            let started = now();
            assert!(black_box((filter.run)(filter.part)) > 0);
            filter.best = filter.best.min(now() - started);
        }
    }
    for Filter { name, part, best, .. } in &all.filters {
        report(name, part.len(), *best);
    }
    if only.is_some() {
        return;
    }
    let keyscan = env!("CARGO_BIN_EXE_keyscan");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let part = &text[..text.len().min(256 << 20)];
    let processes = [
        ("keyscan redact, in a pipe", keyscan, words(&["redact", "-q"])),
        ("keyscan redact --format text, in a pipe", keyscan, words(&["redact", "-q", "-f", "text"])),
        ("sed -E, one expression, in a pipe", "sed", sed(1)),
        ("sed -E, ten expressions, in a pipe", "sed", sed(10)),
        ("cat, in a pipe", "cat", Vec::new()),
    ];
    let mut best = [Duration::MAX; 5];
    for _ in 0..rounds.min(3) {
        for ((name, program, args), best) in processes.iter().zip(&mut best) {
            let started = children();
            match pipe(program, args, part) {
                Some(len) => assert!(len > part.len() / 2, "{name}"),
                None => continue,
            }
            *best = (*best).min(children() - started);
        }
    }
    for ((name, ..), best) in processes.iter().zip(best) {
        report(name, part.len(), best);
    }
}

/// Counts what is written to it.
struct Counted(usize);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += black_box(bytes).len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn report(name: &str, len: usize, time: Duration) {
    let rate = len as f64 / time.as_secs_f64() / 1e9;
    println!("{name:55} {rate:6.2} GB/s {:8.2} s a GiB", time.as_secs_f64() * f64::from(1 << 30) / len as f64);
}

/// The time that a line takes from its last byte in to its last byte out.
fn latency(secret: &str) {
    let text = logs::mixed(3, 200_000, secret);
    let redaction = Redaction::new(RuleSet::builtin()).with_known(known(200)).with_format(TextFormat::Json);
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    let (mut times, mut waiting): (Vec<Duration>, usize) = (Vec::new(), 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        out.clear();
        let started = Instant::now();
        redactor.push(line, &mut out);
        times.push(started.elapsed());
        waiting += usize::from(redactor.held_len() > 0);
    }
    // What ends a line may be the first bytes of a known secret that was wrapped there: with 200 of them, rarely.
    assert!(waiting * 500 < times.len(), "{waiting} of {} lines waited", times.len());
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize];
    println!(
        "a line at a time: median {:?}, p99 {:?}, p99.9 {:?}, max {:?}; {waiting} of {} lines waited for the next",
        at(0.5),
        at(0.99),
        at(0.999),
        at(0.999_999),
        times.len()
    );
}

fn readiness(rounds: usize) {
    for count in [200, 1000, 4000, 10_000] {
        let values = logs::values(count);
        let times = (0..rounds.max(5)).map(|_| {
            let started = Instant::now();
            let secrets = KnownSecrets::new();
            let refused = secrets.add_all(values.iter().map(|v| ("KNOWN", v.as_bytes())), Admission::default());
            assert!(refused.is_empty());
            let all = started.elapsed();
            secrets.add("LATE", b"late-quartz-0123456789").expect("it is a secret");
            (all, started.elapsed() - all)
        });
        let (all, one): (Vec<Duration>, Vec<Duration>) = times.unzip();
        let least = |times: Vec<Duration>| times.into_iter().min().unwrap_or_default();
        println!("{count} known values ready in {:?}; one more in {:?}", least(all), least(one));
    }
    for count in [10, 200] {
        let values = logs::values(count);
        let started = Instant::now();
        black_box(Masker::new(&values, "[REDACTED]"));
        println!("masker of {count} values ready in {:?}", started.elapsed());
    }
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let (mebibytes, rounds) = (numbers.first().copied().unwrap_or(1024), numbers.get(1).copied().unwrap_or(3));
    let only = std::env::var("KEYSCAN_BENCH_ONLY").ok();
    let rules = RuleSet::builtin();
    let rule = rules.get("github-pat").expect("it is a rule");
    let secret = String::from_utf8(rule.samples()[0].fill(1, rule.checksum()).text).expect("it is ASCII");
    if only.is_none() {
        readiness(rounds);
        latency(&secret);
    }
    let mut text = Vec::with_capacity((mebibytes + 16) << 20);
    for seed in 1.. {
        text.extend_from_slice(&logs::mixed(seed, 100_000, &secret));
        if text.len() >= mebibytes << 20 {
            break;
        }
    }
    text.truncate(mebibytes << 20);
    throughput(&text, &secret, rounds, only.as_deref());
}
