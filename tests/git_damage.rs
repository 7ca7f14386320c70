//! Damaged and hostile repositories: what cannot be read is named, everything else is scanned, and nothing is believed.

#![cfg(feature = "git")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use keyscan::{HistorySettings, Outcome, Progress, Run, Scanner};

use common::Random;
use common::pack::{BLOB, COMMIT, LETTERS_RULE, Pack, TREE, append, stored};

fn scan(scanner: &Scanner, path: &Path) -> Outcome {
    let (progress, interrupted) = (Progress::default(), AtomicBool::new(false));
    let run = Run::new(scanner, &|_, _| true, &progress, &interrupted);
    run.history(path, &HistorySettings { threads: 2, ..HistorySettings::default() }).unwrap()
}

/// A secret of a made-up rule.
fn secret(number: usize) -> String {
    let mut random = Random(number as u64);
    let letters: String = (0..12).map(|_| char::from(*random.pick(b"abcdefghij"))).collect();
    format!("TESTKEY-{letters}")
}

fn scanner() -> Scanner {
    Scanner::new(common::rules(LETTERS_RULE))
}

fn has(outcome: &Outcome, number: usize) -> bool {
    outcome.findings.iter().any(|located| located.finding.secret.expose() == secret(number).as_bytes())
}

/// What is said of an object.
fn said_of<'o>(outcome: &'o Outcome, id: &[u8; 20]) -> Vec<&'o str> {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let units = outcome.unexamined.iter().filter(|unit| unit.path == format!("<object {hex}>"));
    units.map(|unit| unit.reason.as_str()).collect()
}

/// Writes a pack into a repository of its own.
fn write(pack: &Pack) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["objects/pack", "refs"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
    let (pack, index) = pack.bytes();
    fs::write(folder.path().join("objects/pack/pack-1.pack"), pack).unwrap();
    fs::write(folder.path().join("objects/pack/pack-1.idx"), index).unwrap();
    folder
}

#[test]
fn entries_that_lie_are_named_and_the_rest_is_scanned() {
    let mut pack = Pack::default();
    let base_text = format!("a base\n{}\n", secret(1)).into_bytes();
    let base = pack.object(BLOB, &base_text);
    let good = pack.ref_delta(&base, &append(base_text.len(), secret(2).as_bytes()));
    let tebibyte: &[u8] = &[0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    let mut claims = vec![base_text.len() as u8];
    claims.extend(tebibyte);
    let small_stream = stored(b"small");
    let wanted: Vec<([u8; 20], &str)> = vec![
        (pack.ref_delta(&base, &claims), "above the bound"),
        (pack.raw(BLOB, 1 << 40, &[], &small_stream), "above the bound"),
        (pack.raw(BLOB, 100 << 20, &[], &small_stream), "longer than its data can be"),
        (pack.raw(BLOB, 6, &[], &small_stream), "shorter than it claims"),
        (pack.raw(BLOB, 4, &[], &small_stream), "longer than it claims"),
        (pack.raw(BLOB, 5, &[], &small_stream[..7]), "cannot be inflated"),
        (pack.raw(BLOB, 5, &[], b"no zlib at all"), "cannot be inflated"),
        (pack.raw(0, 5, &[], &small_stream), "malformed"),
        (pack.raw(5, 5, &[], &small_stream), "malformed"),
        (pack.ref_delta(&[0xAB; 20], &append(5, b"x")), "not in its pack"),
        (pack.offset_delta(3, &append(5, b"x")), "not in its pack"),
        (pack.offset_delta(1 << 40, &append(5, b"x")), "malformed"),
        (pack.ref_delta(&base, &append(base_text.len() + 1, b"x")), "another base"),
        (pack.ref_delta(&base, &[base_text.len() as u8, 9, 0x90, 200]), "delta is malformed"),
        (pack.ref_delta(&base, &[]), "delta is malformed"),
    ];
    // Two that were made from each other, one from itself, and one from these.
    let first = pack.next_id();
    pack.entries.push((first, Vec::new()));
    let second = pack.ref_delta(&first, &append(5, b"x"));
    let loop_bytes = {
        let mut other = Pack::default();
        other.ref_delta(&second, &append(5, b"x"));
        other.entries[0].1.clone()
    };
    let at = pack.entries.iter().position(|(id, _)| *id == first).unwrap();
    pack.entries[at].1 = loop_bytes;
    let own = pack.next_id();
    pack.ref_delta(&own, &append(5, b"x"));
    let below = pack.ref_delta(&first, &append(5, b"x"));
    let last = pack.object(BLOB, secret(3).as_bytes());

    let folder = write(&pack);
    let outcome = scan(&scanner(), folder.path());
    assert!(has(&outcome, 1) && has(&outcome, 2) && has(&outcome, 3), "{:?}", outcome.findings);
    assert!(!outcome.is_complete());
    for (id, reason) in wanted {
        let said = said_of(&outcome, &id);
        assert!(said.len() == 1 && said[0].contains(reason), "{reason}: {said:?}");
    }
    for id in [first, second, own, below] {
        let said = said_of(&outcome, &id);
        assert!(said.len() == 1 && said[0].contains("circle"), "{said:?}");
    }
    for id in [base, good, last] {
        assert!(said_of(&outcome, &id).is_empty());
    }
}

#[test]
fn long_chains_and_deep_trees_take_no_stack() {
    let mut pack = Pack::default();
    let mut len = 40;
    let mut last = pack.object(BLOB, &[b'.'; 40]);
    for number in 0..20_000 {
        let more = if number % 1000 == 999 { secret(number) } else { String::new() };
        if more.is_empty() {
            // A copy of all but nothing new is the base itself; drop the first byte and put another in its place.
            let delta = [
                &append(len, b"")[..3],
                &append(len, b"")[3..6],
                &[1, b'.', 0x80 | 0x31, 1, ((len - 1) & 0xFF) as u8, ((len - 1) >> 8) as u8],
            ]
            .concat();
            last = pack.ref_delta(&last, &delta);
        } else {
            last = pack.ref_delta(&last, &append(len, format!("{more}\n").as_bytes()));
            len += more.len() + 1;
        }
    }
    // Folders in folders.
    let mut tree = [&b"100644 file\0"[..], &last].concat();
    for _ in 0..20_000 {
        let id = pack.object(TREE, &tree);
        tree = [&b"40000 d\0"[..], &id].concat();
    }
    let root = pack.object(TREE, &tree);
    let hex: String = root.iter().map(|byte| format!("{byte:02x}")).collect();
    pack.object(
        COMMIT,
        format!("tree {hex}\nauthor A <a@example.com> 1 +0000\ncommitter A <a@example.com> 1 +0000\n\nx\n").as_bytes(),
    );
    let outcome = scan(&scanner(), write(&pack).path());
    assert!((0..20).all(|number| has(&outcome, number * 1000 + 999)));
    assert!(outcome.is_complete(), "{:?}", outcome.unexamined);
    assert!(
        outcome.findings.iter().any(|located| located.path.starts_with("d/d/d/d/") && located.path.ends_with("/file"))
    );
}

#[test]
fn a_repository_made_of_too_many_paths_ends() {
    let mut pack = Pack::default();
    let blob = pack.object(BLOB, secret(1).as_bytes());
    let entries = |kind: &str, id: &[u8]| -> Vec<u8> {
        (0..10).flat_map(|n| [format!("{kind} {n}\0").as_bytes(), id].concat()).collect()
    };
    let mut tree = pack.object(TREE, &entries("100644", &blob));
    for _ in 0..12 {
        tree = pack.object(TREE, &entries("40000", &tree));
    }
    let hex: String = tree.iter().map(|byte| format!("{byte:02x}")).collect();
    pack.object(
        COMMIT,
        format!("tree {hex}\nauthor A <a@example.com> 1 +0000\ncommitter A <a@example.com> 1 +0000\n\nx\n").as_bytes(),
    );
    let outcome = scan(&scanner(), write(&pack).path());
    assert!(has(&outcome, 1));
    assert!(!outcome.is_complete() && outcome.unexamined[0].reason.contains("paths"), "{:?}", outcome.unexamined);
}

/// A repository of some versions of two files, packed by git.
fn packed() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
            .args(args)
            .current_dir(folder.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}");
    };
    git(&["init", "-q"]);
    for number in 0..12 {
        let lines: String = (0..200).map(|line| format!("line {line} of {}\n", line * 7919 % 1000)).collect();
        fs::write(folder.path().join("a"), format!("{lines}{}\n", secret(number))).unwrap();
        fs::write(folder.path().join(format!("b{number}")), format!("{}\n", secret(100 + number))).unwrap();
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", "more"]);
    }
    git(&["gc", "-q"]);
    let mut names = fs::read_dir(folder.path().join(".git/objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    let pack = names.find(|path| path.extension().is_some_and(|end| end == "pack")).unwrap();
    (folder, pack)
}

/// Git makes its packs read-only.
fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_pack_that_is_cut_short_and_an_index_that_does_not_fit_are_named() {
    let (folder, pack) = packed();
    let scanner = scanner();
    let all: Vec<usize> = (0..12).chain(100..112).collect();
    let whole = scan(&scanner, folder.path());
    assert!(whole.is_complete() && all.iter().all(|number| has(&whole, *number)), "{:?}", whole.unexamined);
    let bytes = fs::read(&pack).unwrap();
    overwrite(&pack, &bytes[..bytes.len() * 2 / 3]);
    let cut = scan(&scanner, folder.path());
    assert!(!cut.is_complete());
    assert!(cut.unexamined.iter().any(|unit| unit.reason.contains("index was made for another pack")));
    assert!(cut.unexamined.iter().any(|unit| unit.reason.contains("does not place it")));
    assert!(all.iter().any(|number| has(&cut, *number)), "what is there is scanned");
    for bad in [&b""[..], b"PACK", &bytes[1..]] {
        overwrite(&pack, bad);
        assert!(!scan(&scanner, folder.path()).is_complete());
    }
    overwrite(&pack, &bytes);
    // Every offset is wrong by one.
    let index = pack.with_extension("idx");
    let table = fs::read(&index).unwrap();
    let count = u32::from_be_bytes(table[8 + 255 * 4..8 + 256 * 4].try_into().unwrap()) as usize;
    let mut shifted = table.clone();
    let offsets = 8 + 1024 + count * 24;
    (0..count).for_each(|at| shifted[offsets + at * 4 + 3] = shifted[offsets + at * 4 + 3].wrapping_add(1));
    overwrite(&index, &shifted);
    assert!(!scan(&scanner, folder.path()).is_complete());
    for bad in [&b""[..], &table[..1000], &table[..table.len() / 2]] {
        overwrite(&index, bad);
        assert!(!scan(&scanner, folder.path()).is_complete());
    }
    fs::remove_file(&index).unwrap();
    let without = scan(&scanner, folder.path());
    assert!(without.unexamined.iter().any(|unit| unit.reason.contains("no index")));
    // An empty answer is no clean one: the status is 2.
    #[cfg(feature = "cli")]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_keyscan"))
            .args(["git", "--no-cache", "-f", "json"])
            .arg(folder.path())
            .output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stdout).contains("\"complete\":false"));
    }
}

#[test]
fn any_bytes_changed_anywhere_do_no_harm() {
    let (folder, pack) = packed();
    let index = pack.with_extension("idx");
    let (good_pack, good_index) = (fs::read(&pack).unwrap(), fs::read(&index).unwrap());
    let scanner = scanner();
    for seed in 0..400 {
        let mut random = Random(seed);
        let (mut bytes, mut table) = (good_pack.clone(), good_index.clone());
        for _ in 0..1 + random.below(8) {
            let target = if random.one_in(2) { &mut bytes } else { &mut table };
            let at = random.below(target.len());
            target[at] = random.next() as u8;
        }
        if random.one_in(8) {
            bytes.truncate(random.below(bytes.len()));
        }
        overwrite(&pack, &bytes);
        overwrite(&index, &table);
        let outcome = scan(&scanner, folder.path());
        assert!(outcome.stats.units <= 200);
    }
}

#[test]
fn loose_objects_that_lie_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["objects/aa", "objects/bb", "refs"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
    let put = |first: &str, digit: char, bytes: &[u8]| {
        let name: String = std::iter::repeat_n(digit, 38).collect();
        fs::write(folder.path().join("objects").join(first).join(name), bytes).unwrap();
    };
    let good = format!("blob {}\0{}", secret(1).len(), secret(1));
    put("aa", '1', &stored(good.as_bytes()));
    put("aa", '2', &stored(b"blob 99\0short"));
    put("aa", '3', &stored(b"blub 5\0short"));
    put("aa", '4', b"no zlib");
    put("bb", '5', b"");
    put("bb", '6', &stored(b"no header, and no end of one, though it is long enough for several of these headers"));
    fs::write(folder.path().join("objects/bb/not-an-object"), "x").unwrap();
    let outcome = scan(&scanner(), folder.path());
    assert!(has(&outcome, 1));
    assert_eq!(outcome.unexamined.len(), 5, "{:?}", outcome.unexamined);
    assert!(
        outcome
            .unexamined
            .iter()
            .all(|unit| unit.path.starts_with("<object aa") || unit.path.starts_with("<object bb"))
    );
    assert!(outcome.findings[0].path.starts_with("<blob aa1111"));
}
