//! Files as programs write them: each secret in them is found, all of it, and nothing else is.

use std::ops::Range;
use std::path::{Path, PathBuf};

use keyscan::{DOUBTFUL, Finding, RuleSet, Sample, Scanner, Scratch};

const SEEDS: u64 = 20;
/// So many of the secrets may be missed: what is drawn may look like words or numbers by chance.
const MAX_MISSED: f64 = 0.01;

/// The text of a file, its templates filled in, and where they stand in it.
fn filled(source: &str, seed: u64) -> (Vec<u8>, Vec<Range<usize>>) {
    let (mut text, mut secrets) = (Vec::new(), Vec::new());
    for (number, piece) in source.split('|').enumerate() {
        if number % 2 == 0 {
            text.extend_from_slice(piece.as_bytes());
            continue;
        }
        let sample = Sample::parse(piece).unwrap_or_else(|error| panic!("{piece}: {error}"));
        let start = text.len();
        text.extend(sample.fill(seed * 100 + number as u64, None).text);
        secrets.push(start..text.len());
    }
    (text, secrets)
}

/// The files of a folder of the fixtures: names, and texts with templates.
fn files(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let file = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = std::fs::read_to_string(path).unwrap();
        assert!(source.matches('|').count().is_multiple_of(2), "{name}");
        (name, source)
    };
    paths.into_iter().filter(|path| !path.ends_with("README.md")).map(file).collect()
}

/// What is believed of a file.
fn believed(scanner: &Scanner, name: &str, text: &[u8]) -> Vec<Finding> {
    let mut found = Vec::new();
    let coverage = scanner.scan_file(name, text, &mut Scratch::new(), |finding, _| found.push(finding));
    assert!(coverage.is_complete());
    found.retain(|finding| finding.confidence >= DOUBTFUL);
    found
}

#[test]
fn nothing_is_found_where_no_secret_is() {
    let scanner = Scanner::new(RuleSet::builtin());
    let of_secrets: Vec<String> = files("formats").into_iter().map(|(name, _)| name).collect();
    let (mut wrong, mut both) = (Vec::new(), 0);
    for (name, source) in files("near-misses") {
        both += usize::from(of_secrets.contains(&name));
        for seed in 0..SEEDS {
            let (text, _) = filled(&source, seed);
            let rule = |finding: &Finding| scanner.rules()[finding.rule].id().to_owned();
            wrong.extend(
                believed(&scanner, &name, &text).iter().map(|found| (name.clone(), rule(found), found.start.line)),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(both >= 30, "{both} formats have files with and without secrets");
}

#[test]
fn every_secret_is_found_and_nothing_else() {
    let scanner = Scanner::new(RuleSet::builtin());
    let (mut count, mut places, mut missed, mut wrong) = (0, 0, Vec::new(), Vec::new());
    for (name, source) in files("formats") {
        assert!(source.contains('|'), "{name}");
        count += 1;
        for seed in 0..SEEDS {
            let (text, secrets) = filled(&source, seed);
            let found = believed(&scanner, &name, &text);
            let spans: Vec<_> = found.iter().flat_map(Finding::secrets).map(|finding| finding.span).collect();
            let is = |secret: &Range<usize>| {
                spans.iter().any(|span| span.start as usize <= secret.start && span.end as usize >= secret.end)
            };
            let line = |at: usize| {
                let before = text[..at].iter().filter(|byte| **byte == b'\n').count();
                source.lines().nth(before).unwrap_or("").trim().to_owned()
            };
            places += secrets.len();
            missed.extend(
                secrets.iter().filter(|secret| !is(secret)).map(|secret| format!("{name}: {}", line(secret.start))),
            );
            let of_none =
                |start: usize, end: usize| secrets.iter().all(|secret| end <= secret.start || secret.end <= start);
            let others = spans.iter().filter(|span| of_none(span.start as usize, span.end as usize));
            wrong.extend(others.map(|span| format!("{name}: {}", line(span.start as usize))));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{} are no secrets:\n{}", wrong.len(), wrong.join("\n"));
    let share = missed.len() as f64 / places as f64;
    missed.sort();
    assert!(share <= MAX_MISSED, "{} of {places} secrets are missed:\n{}", missed.len(), missed.join("\n"));
    assert!(count >= 40, "{count} files");
}
