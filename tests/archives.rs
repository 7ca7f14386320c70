//! What is in archives and compressed files is found like what is not, wherever these lie; what cannot be opened is told.

#![cfg(all(feature = "archive", feature = "git"))]

mod common;

use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use keyscan::{HistoryCache, HistorySettings, Outcome, Progress, RuleSet, Run, STDIN, Scanner, WalkSettings};
use zip::write::{SimpleFileOptions, ZipWriter};

use common::Random;
use common::repo::{Repo, token};

fn run<T>(depth: u32, work: impl FnOnce(&Run<'_>) -> T) -> T {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    let scanner = SCANNER.get_or_init(|| Scanner::new(RuleSet::builtin()));
    let (progress, interrupted) = (Progress::default(), AtomicBool::new(false));
    work(&Run { max_archive_depth: depth, ..Run::new(scanner, &|_, _| true, &progress, &interrupted) })
}

/// Scans one file of this name.
fn scan(name: &str, content: &[u8], depth: u32) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    run(depth, |run| run.paths(&[folder.path().to_owned()], &WalkSettings::default(), None)).unwrap()
}

/// Paths, lines and secrets.
fn found(outcome: &Outcome) -> Vec<(String, u64, String)> {
    let line = |located: &keyscan::Located| {
        let secret = String::from_utf8_lossy(located.finding.secret.expose()).into_owned();
        (located.path.clone(), located.finding.start.line, secret)
    };
    outcome.findings.iter().map(line).collect()
}

fn told(outcome: &Outcome) -> Vec<(String, String)> {
    outcome.unexamined.iter().map(|unit| (unit.path.clone(), unit.reason.clone())).collect()
}

type Members<'m> = &'m [(&'m str, Vec<u8>)];

fn tar(members: Members<'_>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        builder.append_data(&mut header, name, &content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zipped(members: Members<'_>, method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn zip(members: Members<'_>) -> Vec<u8> {
    zipped(members, zip::CompressionMethod::Deflated)
}

fn ar(members: Members<'_>) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in members {
        writeln!(out, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, content.len()).unwrap();
        out.extend_from_slice(content);
        out.extend_from_slice(if content.len() % 2 == 1 { b"\n" } else { b"" });
    }
    out
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn xz(text: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Some lines, of which the fourth holds a token.
fn log(seed: u64) -> Vec<u8> {
    let mut lines: String = (0..50).map(|line| format!("line {line} of a log\n")).collect();
    lines.insert_str(lines.match_indices('\n').nth(2).unwrap().0 + 1, &format!("token={}\n", token(seed)));
    lines.into_bytes()
}

#[test]
fn every_format_is_opened() {
    let members: Members<'_> = &[("a/one.log", log(1)), ("b.txt", b"nothing".to_vec()), ("two.log", log(2))];
    let in_archive = |name: &str| {
        let (one, two) = (format!("{name}!a/one.log"), format!("{name}!two.log"));
        vec![(one, 4, token(1)), (two, 4, token(2))]
    };
    let stored = zip::CompressionMethod::Stored;
    for (name, archive) in [
        ("x.zip", zip(members)),
        ("stored.jar", zipped(members, stored)),
        ("x.docx", zipped(members, zip::CompressionMethod::Bzip2)),
        ("no-extension", tar(members)),
        ("x.tgz", gzip(&tar(members))),
        ("x.tar.bz2", bzip2(&tar(members))),
        ("x.tar.xz", xz(&tar(members))),
        ("x.tar.zst", zstd(&tar(members))),
        // The name is another one, or none; the first bytes count.
        ("x.png", gzip(&tar(members))),
    ] {
        let outcome = scan(name, &archive, 1);
        assert_eq!(found(&outcome), in_archive(name));
        assert!(outcome.is_complete(), "{:?}", told(&outcome));
        assert!(found(&scan(name, &archive, 0)).iter().all(|(path, ..)| path == name), "not opened");
    }
    for (name, inner, file) in [
        ("app.log.gz", "app.log", gzip(&log(1))),
        ("app.bz2", "app", bzip2(&log(1))),
        ("app.log.xz", "app.log", xz(&log(1))),
        ("app.log.zst", "app.log", zstd(&log(1))),
        ("dump", "dump", gzip(&log(1))),
        // Several in one file, as they are when logs are appended to.
        ("app.log.gz", "app.log", [gzip(&log(1)), gzip(b"and more")].concat()),
        ("app.log.bz2", "app.log", [bzip2(&log(1)), bzip2(b"and more")].concat()),
        ("app.log.xz", "app.log", [xz(&log(1)), xz(b"and more")].concat()),
        // Frames that are no data between those that are.
        ("app.zst", "app", [zstd(b""), b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(), zstd(&log(1))].concat()),
    ] {
        let outcome = scan(name, &file, 1);
        assert_eq!(found(&outcome), [(format!("{name}!{inner}"), 4, token(1))], "{name}");
        assert!(outcome.is_complete(), "{:?}", told(&outcome));
    }
    let package = ar(&[("debian-binary", b"2.0\n".to_vec()), ("data.tar.xz/", xz(&tar(members)))]);
    let expected = in_archive("x.deb!data.tar.xz");
    assert_eq!(found(&scan("x.deb", &package, 2)), expected);
}

#[test]
fn large_ones_go_by_in_pieces() {
    let mut random = Random(7);
    let mut noise: Vec<u8> = (0..6 << 20).map(|_| random.next() as u8 | 0x80).collect();
    noise.extend_from_slice(b"\nkey = ");
    noise.extend_from_slice(token(3).as_bytes());
    let members: Members<'_> = &[("noise", noise)];
    for (name, archive) in [("x.zip", zip(members)), ("x.tar.gz", gzip(&tar(members))), ("x.tar", tar(members))] {
        assert!(archive.len() > 5 << 20);
        let outcome = scan(name, &archive, 1);
        assert_eq!(found(&outcome), [(format!("{name}!noise"), 2, token(3))]);
        assert_eq!(outcome.stats.units, 1);
    }
}

#[test]
fn archives_in_archives_are_opened_as_deep_as_is_asked_for() {
    let inner = zip(&[("deep.log", log(1))]);
    let middle = gzip(&tar(&[("lib/inner.zip", inner), ("own.log", log(2))]));
    let outer = zip(&[("middle.tar.gz", middle), ("top.log", log(3))]);
    let deep = ("x.zip!middle.tar.gz!lib/inner.zip!deep.log".to_owned(), 4, token(1));
    let own = ("x.zip!middle.tar.gz!own.log".to_owned(), 4, token(2));
    let top = ("x.zip!top.log".to_owned(), 4, token(3));
    let outcome = scan("x.zip", &outer, 3);
    assert_eq!(found(&outcome), [deep, own.clone(), top.clone()]);
    assert!(outcome.is_complete());
    let outcome = scan("x.zip", &outer, 2);
    assert_eq!(found(&outcome), [own, top.clone()]);
    let reason = |depth: u32| format!("it is in {depth} archives, and no more are opened: --max-archive-depth");
    assert_eq!(told(&outcome), [("x.zip!middle.tar.gz!lib/inner.zip".to_owned(), reason(2))]);
    let outcome = scan("x.zip", &outer, 1);
    assert_eq!((found(&outcome), told(&outcome)), (vec![top], vec![("x.zip!middle.tar.gz".to_owned(), reason(1))]));
    // However deep is asked for, there is an end.
    let mut matryoshka = log(1);
    for _ in 0..40 {
        matryoshka = gzip(&matryoshka);
    }
    let outcome = scan("x.gz", &matryoshka, u32::MAX);
    assert_eq!(outcome.unexamined.len(), 1);
    assert!(outcome.unexamined[0].reason.starts_with("it is in 16 archives"), "{:?}", told(&outcome));
}

#[test]
fn names_are_whole_whatever_they_are() {
    let long = format!("{}/deep.log", "folder-with-a-name/".repeat(12));
    for archive in [tar(&[(&long, log(1))]), gzip(&tar(&[(&long, log(1))]))] {
        assert_eq!(found(&scan("x", &archive, 1)), [(format!("x!{long}"), 4, token(1))]);
    }
    // Extended headers of POSIX.
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_pax_extensions([("path", long.as_bytes()), ("comment", b"c".as_slice())]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("short").unwrap();
    header.set_size(log(1).len() as u64);
    header.set_cksum();
    builder.append(&header, &log(1)[..]).unwrap();
    let archive = builder.into_inner().unwrap();
    assert_eq!(found(&scan("x", &archive, 1)), [(format!("x!{long}"), 4, token(1))]);
    // Names are names: nothing is written anywhere.
    let outside = zip(&[("../../outside.log", log(1)), ("/root.log", log(2))]);
    let paths: Vec<String> = found(&scan("x.zip", &outside, 1)).into_iter().map(|(path, ..)| path).collect();
    assert_eq!(paths, ["x.zip!../../outside.log", "x.zip!/root.log"]);
}

#[test]
fn what_is_damaged_is_told_and_the_rest_found() {
    // Cut short in the middle of noise that comes after the token.
    let mut random = Random(1);
    let noise: Vec<u8> = (0..100_000).map(|_| random.next() as u8 | 0x80).collect();
    let text = [log(1), noise].concat();
    for (name, file) in [("x.gz", gzip(&text)), ("x.xz", xz(&text)), ("x.bz2", bzip2(&[text.repeat(12)].concat()))] {
        let outcome = scan(name, &file[..file.len() - 1000], 1);
        assert_eq!(found(&outcome)[0].2, token(1), "{name}");
        assert!(outcome.unexamined[0].reason.starts_with("reading stopped after "), "{:?}", told(&outcome));
    }
    let archive = tar(&[("one.log", log(1)), ("noise", text[2000..].to_vec())]);
    let outcome = scan("x.tar", &archive[..archive.len() - 50_000], 1);
    assert_eq!(found(&outcome), [("x.tar!one.log".to_owned(), 4, token(1))]);
    assert!(!outcome.is_complete());
    let archive = zip(&[("one.log", log(1)), ("noise", text[2000..].to_vec())]);
    let outcome = scan("x.zip", &archive[..archive.len() - 50_000], 1);
    assert_eq!(told(&outcome)[0].0, "x.zip");
    // A member that is encrypted hides no other.
    let mut archive = zip(&[("one.log", log(1)), ("two.log", log(2))]);
    let local = archive.windows(4).position(|bytes| bytes == b"PK\x03\x04").unwrap();
    let central = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    archive[local + 6] |= 1;
    archive[central + 8] |= 1;
    let outcome = scan("x.zip", &archive, 1);
    assert_eq!(found(&outcome), [("x.zip!two.log".to_owned(), 4, token(2))]);
    assert_eq!(told(&outcome)[0].0, "x.zip!one.log");
    // What only starts like an archive hides nothing, nor do formats that are known and not opened.
    for head in
        [&b"PK\x03\x04"[..], b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c\0\x04", b"Rar!\x1a\x07\x01\0"]
    {
        let outcome = scan("x", &[head, &log(1)].concat(), 1);
        assert_eq!(found(&outcome), [("x".to_owned(), 4, token(1))], "{}", head.escape_ascii());
        assert_eq!(told(&outcome)[0].0, "x");
    }
}

#[test]
fn bytes_that_are_no_archive_but_start_like_one_do_no_harm() {
    let mut random = Random(3);
    let archives = [
        zip(&[("one.log", log(1)), ("b", vec![0; 5000])]),
        gzip(&tar(&[("one.log", log(1))])),
        xz(&log(1)),
        zstd(&log(1)),
        bzip2(&log(1)),
        ar(&[("a", log(1)), ("b", log(2))]),
        tar(&[("one.log", log(1))]),
    ];
    for archive in &archives {
        for _ in 0..60 {
            let mut damaged = archive.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(damaged.len());
                damaged[at] = random.next() as u8;
            }
            damaged.truncate(if random.one_in(3) { random.below(damaged.len()) } else { damaged.len() });
            // Whatever comes of it, it ends, and is told of this file.
            let outcome = scan("x", &damaged, 3);
            assert!(found(&outcome).iter().all(|(path, ..)| path.starts_with('x')));
            assert!(told(&outcome).iter().all(|(path, _)| path.starts_with('x')));
        }
    }
}

/// Archives of archives with tokens at random places: all are found, each where it was put.
#[test]
fn random_nests_are_found_whole() {
    fn nest(
        random: &mut Random,
        depth: u32,
        path: &str,
        seed: &mut u64,
        put: &mut BTreeSet<(String, String)>,
    ) -> Vec<u8> {
        let names = ["one", "two/three", "four.d/five"];
        let members: Vec<(&str, Vec<u8>)> = names[..1 + random.below(3)]
            .iter()
            .map(|name| {
                let below = format!("{path}!{name}");
                if depth > 1 && random.one_in(2) {
                    (*name, nest(random, depth - 1, &below, seed, put))
                } else {
                    *seed += 1;
                    put.insert((below, token(*seed)));
                    (*name, log(*seed))
                }
            })
            .collect();
        match random.below(6) {
            0 => zip(&members),
            1 => zipped(&members, zip::CompressionMethod::Stored),
            2 => tar(&members),
            3 => gzip(&tar(&members)),
            4 => xz(&tar(&members)),
            _ => zstd(&tar(&members)),
        }
    }
    let mut random = Random(11);
    for round in 0..12 {
        let (mut seed, mut put) = (round * 1000, BTreeSet::new());
        let archive = nest(&mut random, 4, "x", &mut seed, &mut put);
        let outcome = scan("x", &archive, 4);
        assert!(outcome.is_complete(), "{:?}", told(&outcome));
        let found: BTreeSet<_> = found(&outcome).into_iter().map(|(path, _, secret)| (path, secret)).collect();
        assert_eq!(found, put);
        // The same from a stream that comes in pieces, under its name.
        struct Drip<'a>(&'a [u8], u64);
        impl Read for Drip<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.1 += 1;
                if self.1.is_multiple_of(5) {
                    return Err(std::io::ErrorKind::Interrupted.into());
                }
                let most = if self.1 < 3 { 600 } else { 1 + (self.1 as usize * 37) % 700 };
                let len = buffer.len().min(most).min(self.0.len());
                self.0.read(&mut buffer[..len])
            }
        }
        let mut streamed = BTreeSet::new();
        let outcome = run(4, |run| {
            run.stream(STDIN, Drip(&archive, 0), |located| {
                let secret = String::from_utf8_lossy(located.finding.secret.expose()).into_owned();
                streamed.insert((located.path.replace(STDIN, "x"), secret));
            })
        });
        assert!(outcome.is_complete(), "{:?}", told(&outcome));
        assert_eq!(streamed, put);
    }
}

#[test]
fn archives_of_a_repository_are_opened_where_they_are_committed_and_staged() {
    let mut repo = Repo::new(&[]);
    repo.write("lib/x.jar", zip(&[("conf/.env", log(1)), ("Main.class", vec![0xca, 0xfe])]));
    repo.write("a.txt", "a");
    let first = repo.commit("a library");
    repo.write("lib/x.jar", zip(&[("Main.class", vec![0xca, 0xfe]), ("conf/.env", log(1)), ("conf/new", log(2))]));
    let second = repo.commit("another version");
    repo.write("plain.log", log(3));
    repo.commit("plain");
    let told_of = |outcome: &Outcome| -> Vec<(String, u64, String, Option<String>)> {
        let commit =
            |located: &keyscan::Located| located.origin.as_ref()?.commit.as_ref().map(|commit| commit.id.clone());
        let all = found(outcome).into_iter().zip(&outcome.findings);
        all.map(|((path, line, secret), located)| (path, line, secret, commit(located))).collect()
    };
    let expected = vec![
        ("lib/x.jar!conf/.env".to_owned(), 4, token(1), Some(first.clone())),
        ("lib/x.jar!conf/new".to_owned(), 4, token(2), Some(second.clone())),
        ("plain.log".to_owned(), 4, token(3), Some(repo.git(&["rev-parse", "HEAD"]))),
    ];
    let cache = tempfile::tempdir().unwrap();
    let cache = HistoryCache { least_objects: 0, ..HistoryCache::new(cache.path().join("cache")) };
    let settings = HistorySettings { cache: Some(cache), ..HistorySettings::default() };
    for packed in [false, true] {
        if packed {
            repo.git(&["repack", "-adfq"]);
        }
        let outcome = run(1, |run| run.history(repo.path(), &settings)).unwrap();
        assert_eq!(told_of(&outcome), expected);
        assert!(outcome.is_complete(), "{:?}", told(&outcome));
        // What is remembered changes nothing but what is looked at; how deep archives are opened counts.
        let again = run(1, |run| run.history(repo.path(), &settings)).unwrap();
        assert_eq!(told_of(&again), expected);
        // Three commits, five trees, two files and the two archives, which are opened again when something has changed.
        assert_eq!(outcome.stats.units - again.stats.units, if packed { 2 } else { 12 });
        let closed = run(0, |run| run.history(repo.path(), &settings)).unwrap();
        assert_eq!(told_of(&closed), expected[2..]);
    }
    // Of a range, what it brings: the other secret was there before.
    let range = HistorySettings { range: Some(format!("{first}..{second}")), ..HistorySettings::default() };
    let outcome = run(1, |run| run.history(repo.path(), &range)).unwrap();
    assert_eq!(told_of(&outcome), expected[1..2]);
    // Staged.
    repo.write("new.tar.gz", gzip(&tar(&[("home/.npmrc", log(4))])));
    repo.git(&["add", "new.tar.gz"]);
    let outcome = run(1, |run| run.staged(repo.path(), &HistorySettings::default())).unwrap();
    assert_eq!(found(&outcome), [("new.tar.gz!home/.npmrc".to_owned(), 4, token(4))]);
    assert_eq!(found(&run(0, |run| run.staged(repo.path(), &HistorySettings::default())).unwrap()), []);
}

#[test]
fn folders_and_archives_that_lie_in_them_are_told_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: Vec<u8>| std::fs::write(folder.path().join(name), content).unwrap();
    write("a.log", log(1));
    write("b.zip", zip(&[("z", log(2)), ("a", log(3))]));
    write("c.log", log(4));
    let roots: Vec<PathBuf> = vec![Path::new(folder.path()).to_owned()];
    let settings = |threads| WalkSettings { threads, ..WalkSettings::default() };
    let of =
        |threads| run(3, |run| run.paths(&roots, &settings(threads), None)).map(|outcome| found(&outcome)).unwrap();
    let paths: Vec<String> = of(1).into_iter().map(|(path, ..)| path).collect();
    assert_eq!(paths, ["a.log", "b.zip!a", "b.zip!z", "c.log"]);
    assert_eq!(of(1), of(4));
}

/// What is found in files that are compressed and in archives in them has the name that it has in a tree.
#[test]
fn compressed_files_in_histories_are_named_as_in_trees() {
    let files = [
        ("logs/app.log.gz", gzip(&log(1))),
        ("logs/app.bz2", bzip2(&log(2))),
        ("noext", gzip(&log(3))),
        ("logs/old.zip.gz", gzip(&zip(&[("a/b.log", log(4)), ("c.gz", gzip(&log(5)))]))),
        ("all.tar.gz", gzip(&tar(&[("x/y.log.gz", gzip(&log(6))), ("z", log(7)), ("again", log(7))]))),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut repo = Repo::new(&[]);
    repo.write("README", "x");
    let base = repo.commit("base");
    for (path, content) in files {
        std::fs::create_dir_all(folder.path().join(path).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(path), &content).unwrap();
        repo.write(path, content);
    }
    let of_tree = run(9, |run| run.paths(&[folder.path().to_owned()], &WalkSettings::default(), None)).unwrap();
    // Of a secret that stands twice in an archive, a history tells the first place.
    let first_places = |outcome: &Outcome| -> BTreeSet<(String, u64, String)> {
        found(outcome).into_iter().filter(|(path, ..)| !path.ends_with("!again")).collect()
    };
    let expected = first_places(&of_tree);
    assert!(expected.contains(&("logs/app.log.gz!app.log".to_owned(), 4, token(1))), "{expected:?}");
    assert_eq!((expected.len(), of_tree.findings.len()), (7, 8));
    repo.git(&["add", "-A"]);
    let settings = HistorySettings::default();
    let staged = run(9, |run| run.staged(repo.path(), &settings)).unwrap();
    repo.commit("compressed");
    let range = HistorySettings { range: Some(format!("{base}..HEAD")), ..settings };
    let brought = run(9, |run| run.history(repo.path(), &range)).unwrap();
    for outcome in [staged, brought] {
        assert_eq!(first_places(&outcome), expected);
    }
    let cache = tempfile::tempdir().unwrap();
    let cache = HistoryCache { least_objects: 0, ..HistoryCache::new(cache.path().join("cache")) };
    let settings = HistorySettings { cache: Some(cache), ..HistorySettings::default() };
    // As it is found, and as it is remembered.
    for _ in 0..2 {
        let outcome = run(9, |run| run.history(repo.path(), &settings)).unwrap();
        assert_eq!(first_places(&outcome), expected);
        assert_eq!(outcome.findings.len(), expected.len());
        assert_eq!(told(&outcome), []);
    }
}
