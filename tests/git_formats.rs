//! What reads git's formats takes any bytes: those that git writes, those and others with a few changed, and all that
//! ever did harm.
//!
//! With `KEYSCAN_SEEDS=folder`, what git writes is put there for the fuzzer, in a folder for each target.

#![cfg(feature = "git")]

mod common;

use keyscan::testing;
use std::fs;
use std::path::{Path, PathBuf};

use common::Random;
use common::formats::{TARGETS, scanner};
use common::repo::Repo;

fn both(first: &[u8], second: &[u8]) -> Vec<u8> {
    [&(first.len() as u16).to_be_bytes()[..], first, second].concat()
}

/// What git writes, by target.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    for options in [&[][..], &["--object-format=sha256"]] {
        let mut repo = Repo::new(options);
        for number in 0..4 {
            repo.write("a/b/c", format!("one\ntwo\nthree {number}\n").repeat(20));
            repo.write(&format!("d{number}"), format!("TESTKEY-abcdefghij{number}"));
            repo.commit("a commit\n\nand its text");
        }
        repo.git(&["tag", "-a", "-m", "a tag", "v1"]);
        for version in ["2", "3", "4"] {
            repo.git(&["update-index", "--index-version", version]);
            repo.write("intended", "x");
            repo.git(&["add", "-N", "intended"]);
            seeds.push(("git_index", both(&read(&repo, "index"), b"")));
        }
        repo.git(&["update-index", "--split-index"]);
        repo.write("d1", "changed");
        repo.git(&["rm", "-q", "--cached", "-f", "d2"]);
        repo.git(&["add", "-A"]);
        let shared = files(&repo.path().join(".git"), "sharedindex.");
        seeds.push(("git_index", both(&read(&repo, "index"), &fs::read(&shared[0]).unwrap())));
        for id in repo.git(&["rev-list", "--objects", "--all"]).lines().filter_map(|line| line.split(' ').next()) {
            let loose = read(&repo, &format!("objects/{}/{}", &id[..2], &id[2..]));
            seeds.push(("git_pack_entry", loose));
            let kind = repo.git(&["cat-file", "-t", id]);
            let content = repo.command(&["cat-file", &kind, id]).output().unwrap().stdout;
            match &*kind {
                "tree" => seeds.push(("git_tree", content)),
                "commit" | "tag" => seeds.push(("git_commit", content)),
                _ => {}
            }
        }
        repo.git(&["repack", "-q", "-adf"]);
        let pack = files(&repo.path().join(".git/objects/pack"), "pack-")[0].with_extension("pack");
        // Offsets above the bound take eight bytes.
        for version in ["1", "2", "2,300"] {
            let (version, index) = (format!("--index-version={version}"), repo.path().join("index"));
            repo.git(&["index-pack", &version, "-o", index.to_str().unwrap(), pack.to_str().unwrap()]);
            seeds.push(("git_pack_index", fs::read(index).unwrap()));
        }
        let bytes = fs::read(pack).unwrap();
        (12..bytes.len().min(2000)).step_by(97).for_each(|at| seeds.push(("git_pack_entry", bytes[at..].to_vec())));
    }
    let tree = |names: &str| -> Vec<u8> {
        names.bytes().flat_map(|name| [&b"100644 "[..], &[name], b"\0", &[name; 20]].concat()).collect()
    };
    let delta = [&[84, 84, 0x90, 28, 28][..], &tree("x"), &[0x91, 56, 28]].concat();
    seeds.push(("git_delta", both(&tree("abc"), &delta)));
    let mut random = Random(1);
    for len in [20, 100, 400] {
        seeds.push(("git_pack", (0..len).map(|_| random.next() as u8).collect()));
    }
    let git = Repo::new(&[]);
    let at = git.path().join("tables");
    // Git knows them since 2.45.
    if git.command(&["init", "-q", "--ref-format=reftable", at.to_str().unwrap()]).output().unwrap().status.success() {
        for name in ["a", "b/c", "b/d"] {
            git.git(&["-C", at.to_str().unwrap(), "commit", "-q", "--allow-empty", "-m", name]);
            git.git(&["-C", at.to_str().unwrap(), "branch", name]);
        }
        for table in files(&at.join(".git/reftable"), "0x") {
            seeds.push(("git_reftable", fs::read(table).unwrap()));
        }
    }
    seeds.push(("git_reftable", table()));
    seeds.push(("git_cache", cache()));
    seeds
}

/// A table of three refs, by hand.
fn table() -> Vec<u8> {
    let symbolic = [&[0, 4 << 3 | 3][..], b"HEAD", &[0, 6], b"refs/a"].concat();
    let object = [&[0, 6 << 3 | 1][..], b"refs/a", &[0], &[7; 20]].concat();
    let tag = [&[5, 1 << 3 | 2][..], b"b", &[0], &[8; 40]].concat();
    let records = [symbolic, object, tag].concat();
    let block = [&[b'r', 0, 0, (24 + 4 + records.len() + 5) as u8][..], &records, &[0, 0, 28, 0, 1]].concat();
    [&b"REFT\x01\0\0\0"[..], &[0; 16], &block, &[0; 68]].concat()
}

/// What is remembered of a repository, as it is written but for the head and the checksum.
fn cache() -> Vec<u8> {
    let mut repo = Repo::new(&[]);
    for number in 0..3 {
        repo.write("TESTKEY-ghcaajdfbeib", "TESTKEY-dbhjafegcica");
        repo.write("a/b", format!("TESTKEY-ebjiagcfhda{}", char::from(b'a' + number)));
        repo.commit("TESTKEY-fajcbeghidaf");
    }
    repo.git(&["tag", "-a", "-m", "a tag", "v1"]);
    let folder = tempfile::tempdir().unwrap();
    let cache = keyscan::HistoryCache { least_objects: 0, ..keyscan::HistoryCache::new(folder.path().join("caches")) };
    let settings = keyscan::HistorySettings { cache: Some(cache), ..keyscan::HistorySettings::default() };
    let (progress, interrupted) = Default::default();
    let run = keyscan::Run::new(scanner(), &|_, _| true, &progress, &interrupted);
    let outcome = run.history(repo.path(), &settings).unwrap();
    assert!(outcome.is_complete() && outcome.findings.len() >= 5, "{:?}", outcome.findings);
    let bytes = fs::read(&files(&folder.path().join("caches"), "")[0]).unwrap();
    bytes[48..bytes.len() - 32].to_vec()
}

fn read(repo: &Repo, name: &str) -> Vec<u8> {
    fs::read(repo.path().join(".git").join(name)).unwrap()
}

/// The files of a folder whose names start so.
fn files(folder: &Path, start: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        all.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(start)).collect();
    files.sort();
    files
}

/// A few bytes changed, put in or taken out.
fn damaged(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + random.below(6) {
        let at = random.below(bytes.len().max(1)).min(bytes.len());
        match random.below(5) {
            0 => bytes.insert(at, random.next() as u8),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 if random.one_in(4) => bytes.truncate(at),
            _ if at < bytes.len() => {
                bytes[at] = *random.pick(&[0, 1, 0x7F, 0x80, 0xFF, b'0', bytes[at] ^ 1, bytes[at].wrapping_add(1)]);
            }
            _ => {}
        }
    }
    bytes
}

#[test]
fn any_bytes_may_come() {
    let seeds = seeds();
    for (number, (target, seed)) in seeds.iter().enumerate() {
        let read = |bytes: &[u8]| common::formats::read(target, bytes);
        if let Some(folder) = std::env::var_os("KEYSCAN_SEEDS") {
            let folder = Path::new(&folder).join(target);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("git-{number}")), seed).unwrap();
        }
        read(seed);
        let mut random = Random(number as u64);
        for _ in 0..200 {
            read(&damaged(seed, &mut random));
        }
    }
    for (target, _) in TARGETS {
        assert!(seeds.iter().any(|(name, _)| *name == target), "nothing for {target}");
    }
    assert!(seeds.iter().any(|(target, seed)| *target == "git_cache" && testing::git::cache(seed)));
}

#[test]
fn what_did_harm_once_does_no_more() {
    for (target, read) in TARGETS {
        for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions").join(target), "") {
            read(&fs::read(file).unwrap());
        }
    }
}
