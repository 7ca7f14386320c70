//! The engine finds exactly what the naive twin finds: every rule tried everywhere, without a way in.

mod common;

use std::path::{Path, PathBuf};

use keyscan::{Finding, RuleSet, Scanner};
use proptest::prelude::*;

use common::texts::Texts;
use common::twin::Twin;
use common::{Random, is_complete, test_rules, utf16};

/// Fails with both answers where they differ; findings never show their secrets.
fn compare(scanner: &Scanner, twin: &Twin, text: &[u8], what: &str) {
    let (have, want) = (scanner.scan(text), twin.scan(text));
    if have == want || !is_complete(scanner, text) {
        return;
    }
    let only_in = |all: &[Finding], other: &[Finding]| -> String {
        let found = all.iter().filter(|finding| !other.contains(finding));
        found.map(|finding| format!("{}: {finding:?}\n", scanner.rules()[finding.rule].id())).collect()
    };
    panic!("{what}:\nthe engine lacks\n{}the twin lacks\n{}", only_in(&want, &have), only_in(&have, &want));
}

#[test]
fn on_texts_made_from_the_templates_of_all_rules() {
    let rules = RuleSet::builtin();
    let (twin, scanner) = (Twin::new(&rules), Scanner::new(rules.clone()));
    let texts = Texts::new(&rules);
    let mut found = 0;
    for seed in 0..600 {
        let mut random = Random(seed);
        let pieces = 1 + random.below(24);
        let text = texts.make(&mut random, pieces);
        compare(&scanner, &twin, &text, &format!("seed {seed}"));
        compare(&scanner, &twin, &utf16(&text, seed % 2 == 0), &format!("seed {seed} in UTF-16"));
        found += scanner.scan(&text).len();
    }
    assert!(found > 600, "only {found} findings were compared");
}

#[test]
fn on_every_sample_and_near_miss_of_every_rule() {
    let rules = RuleSet::builtin();
    let (twin, scanner) = (Twin::new(&rules), Scanner::new(rules.clone()));
    for rule in rules.rules() {
        for (template, seed) in rule.samples().iter().chain(&rule.near_misses()).flat_map(|t| [(t, 1), (t, 2)]) {
            let what = format!("{} with seed {seed}", template.source());
            compare(&scanner, &twin, &template.fill(seed, rule.checksum()).text, &what);
        }
    }
}

/// The made-up rules that need a word before a value find it as far away as it may be, and no farther.
#[test]
fn on_words_at_every_distance() {
    let (scanner, twin) = (Scanner::new(test_rules()), Twin::new(&test_rules()));
    let mut found = 0;
    for value in ["93b1c7d02a48c1d9", "WXW93b1c7d02a48", "x8y2z9a1"] {
        for word in ["bad", "TESTKEY", "key", "KEYK", "ibad"] {
            for (gap, feeds) in (0..40).flat_map(|gap| (0..4).map(move |feeds| (gap, feeds))) {
                let text = format!("{word}{}{}=\"{value}\"", "\n".repeat(feeds), ".".repeat(gap));
                compare(&scanner, &twin, text.as_bytes(), &format!("{word:?}, {feeds} line feeds, {gap} bytes"));
                found += scanner.scan(text.as_bytes()).len();
            }
        }
    }
    assert!(found > 100, "only {found} were found");
}

/// Pieces of which texts are made that are near the made-up rules everywhere.
fn near_text() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"TESTKEY-",
        b"KEY",
        b"KEY-",
        b"QXQ",
        b"key",
        b"keyk",
        b"tkey",
        b"bad",
        b"<<K",
        b">>",
        b"EYS",
        b"a",
        b"b",
        b"c",
        b"d",
        b"abcd",
        b"aab",
        b"bcad",
        b"xyz",
        b"=",
        b"\"",
        b" ",
        b"\n",
        b"-",
        b"0123456789abcd01",
        b"93b1c7d02a48",
        b"\0",
        b"\xFF",
        b"K",
        b"S",
        b"t",
        b"T",
        b"k",
        b"e",
        b"y",
        b"\r\n",
        b": ",
        b"x8y2z9a1",
    ];
    prop::collection::vec(prop::sample::select(words), 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_texts_near_the_made_up_rules(text in near_text(), big: bool, shift in 0usize..2) {
        thread_local! {
            static BOTH: (Scanner, Twin) = (Scanner::new(test_rules()), Twin::new(&test_rules()));
        }
        BOTH.with(|(scanner, twin)| {
            compare(scanner, twin, &text, "as it is");
            let mut wide = vec![b'.'; shift];
            wide.extend(utf16(&text, big));
            compare(scanner, twin, &wide, "in UTF-16");
        });
    }
}

/// All files below a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let is_link = |path: &PathBuf| path.symlink_metadata().is_ok_and(|data| data.is_symlink());
    entries.retain(|path| !is_link(path) && path.file_name().is_some_and(|name| name != ".git" && name != "target"));
    entries.iter().flat_map(|path| if path.is_dir() { files(path) } else { vec![path.clone()] }).collect()
}

/// `KEYSCAN_ORACLE_DIR` names one folder more.
#[test]
fn on_real_files() {
    let rules = RuleSet::builtin();
    let (twin, scanner) = (Twin::new(&rules), Scanner::new(rules));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = ["src", "patterns", "docs"].into_iter().map(|name| root.join(name)).collect();
    folders.extend(std::env::var_os("KEYSCAN_ORACLE_DIR").map(PathBuf::from));
    for path in folders.iter().flat_map(|folder| files(folder)) {
        if let Ok(text) = std::fs::read(&path) {
            compare(&scanner, &twin, &text, &path.display().to_string());
        }
    }
}
