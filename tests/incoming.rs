//! What is new: of a range or a push, what its commits bring is found, each secret told with its commit, and nothing else.

#![cfg(feature = "git")]

mod common;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use keyscan::{GitEnvironment, HistorySettings, NewCommits, Outcome, Progress, RuleSet, Run, Scanner};

use common::Random;
use common::repo::{Repo, token};

fn run<T>(work: impl FnOnce(&Run<'_>) -> T) -> T {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    let scanner = SCANNER.get_or_init(|| Scanner::new(RuleSet::builtin()).with_margin(1024));
    let (progress, interrupted) = (Progress::default(), AtomicBool::new(false));
    work(&Run::new(scanner, &|_, _| true, &progress, &interrupted))
}

fn range(path: &Path, range: &str, threads: usize) -> Outcome {
    let settings = HistorySettings { range: Some(range.to_owned()), threads, ..HistorySettings::default() };
    run(|run| run.history(path, &settings)).unwrap()
}

fn incoming(path: &Path, tips: &[&str], known: &[&str], known_refs: &[&str]) -> Outcome {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let new = NewCommits { tips: list(tips), known: list(known), known_refs: list(known_refs) };
    run(|run| run.incoming(path, &new, &HistorySettings::default())).unwrap()
}

/// Which secret was brought to which path by which commit.
fn told(outcome: &Outcome) -> BTreeSet<(u64, String, String)> {
    assert!(outcome.is_complete(), "{:?}", outcome.unexamined);
    let tell = |located: &keyscan::Located| {
        let number = (0..90).find(|seed| token(*seed).as_bytes() == located.finding.secret.expose());
        let origin = located.origin.as_ref().unwrap();
        let commit = origin.commit.as_ref().map_or(String::new(), |commit| commit.id.clone());
        (number.unwrap(), located.path.clone(), commit)
    };
    outcome.findings.iter().map(tell).collect()
}

fn seeds(outcome: &Outcome) -> Vec<u64> {
    told(outcome).into_iter().map(|(seed, ..)| seed).collect::<BTreeSet<u64>>().into_iter().collect()
}

/// A repository with branches, merges and clocks that are wrong, and in its files secrets that come, stay, move and go.
fn random_repo(random: &mut Random) -> (Repo, Vec<String>) {
    let mut repo = Repo::new(&[]);
    repo.write("start", "x\n");
    let mut ids = vec![repo.commit("start")];
    for n in 0..40 {
        if random.one_in(4) {
            let from = random.pick(&ids).clone();
            repo.git(&["checkout", "-q", "--detach", &from]);
        }
        if random.one_in(5) {
            let other = random.pick(&ids).clone();
            let merged =
                repo.command(&["merge", "-q", "--no-commit", "--no-ff", "-X", "ours", &other]).output().unwrap();
            if !merged.status.success() {
                repo.git(&["add", "-A"]);
            }
        }
        for _ in 0..1 + random.below(2) {
            let name = format!("d{}/f{}", random.below(2), random.below(6));
            let path = repo.path().join(&name);
            match random.below(6) {
                0 if path.exists() => drop(fs::remove_file(&path)),
                1 if path.exists() => {
                    let to = format!("d{}/moved{}", random.below(2), random.below(6));
                    fs::create_dir_all(repo.path().join(&to).parent().unwrap()).unwrap();
                    fs::rename(&path, repo.path().join(&to)).unwrap();
                }
                2 if path.exists() => {
                    let text = fs::read_to_string(&path).unwrap();
                    repo.write(&name, format!("line {n}\n{text}"));
                }
                _ => {
                    let text = fs::read_to_string(&path).unwrap_or_default();
                    repo.write(&name, format!("{text}{}\n", token(random.below(30) as u64)));
                }
            }
        }
        // Sometimes a commit is older than its parents.
        let now = repo.now;
        repo.now = if random.one_in(6) { now.saturating_sub(100_000) } else { now };
        ids.push(repo.commit(&format!("commit {n}")));
        repo.now = now + 60;
        repo.git(&["branch", "-q", "-f", &format!("b{}", n % 4)]);
    }
    ids.dedup();
    if random.one_in(2) {
        repo.git(&["gc", "-q"]);
    }
    (repo, ids)
}

/// What git says that the commits of a range bring: where the parents have it not, first.
fn reference(repo: &Repo, range: &[&str]) -> BTreeSet<(u64, String, String)> {
    let list = repo.git(&[&["rev-list", "--reverse", "--topo-order"], range].concat());
    let files = |commit: &str| -> HashMap<String, String> {
        let names = repo.git(&["ls-tree", "-r", "--format=%(objectname) %(path)", commit]);
        names
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(id, path)| (path.to_owned(), id.to_owned()))
            .collect()
    };
    let secrets = |id: &str| -> BTreeSet<u64> {
        let text = repo.git(&["cat-file", "blob", id]);
        (0..30).filter(|seed| text.contains(&token(*seed))).collect()
    };
    let mut all: HashMap<(u64, String), Vec<String>> = HashMap::new();
    for commit in list.lines() {
        let parents = repo.git(&["rev-parse", &format!("{commit}^@")]);
        let before: Vec<HashMap<String, String>> = parents.lines().map(files).collect();
        let now = files(commit);
        let removed = before.iter().filter(|_| before.len() == 1).flat_map(|files| files.iter());
        let moved: BTreeSet<u64> =
            removed.filter(|(path, _)| !now.contains_key(*path)).flat_map(|(_, id)| secrets(id)).collect();
        for (path, id) in &now {
            let old: Vec<&String> = before.iter().filter_map(|files| files.get(path)).collect();
            if old.contains(&id) {
                continue;
            }
            let known: BTreeSet<u64> = old.iter().flat_map(|id| secrets(id)).collect();
            let new = secrets(id).into_iter().filter(|seed| !known.contains(seed));
            for seed in new.filter(|seed| !old.is_empty() || !moved.contains(seed)) {
                all.entry((seed, path.clone())).or_default().push(commit.to_owned());
            }
        }
    }
    // Of several commits that bring it there, the one that comes first: a parent before its children.
    all.into_iter().map(|((seed, path), commits)| (seed, path, commits.join(" "))).collect()
}

#[test]
fn a_range_is_what_git_says_it_is() {
    for seed in 1..4 {
        let mut random = Random(seed);
        let (repo, ids) = random_repo(&mut random);
        let mut found = 0;
        for _ in 0..12 {
            let (from, to) = (random.pick(&ids).clone(), random.pick(&ids).clone());
            let want = reference(&repo, &[&to, "--not", &from]);
            for threads in [1, 3] {
                let have = told(&range(repo.path(), &format!("{from}..{to}"), threads));
                let places = |all: &BTreeSet<(u64, String, String)>| -> BTreeSet<(u64, String)> {
                    all.iter().map(|(seed, path, _)| (*seed, path.clone())).collect()
                };
                assert_eq!(places(&have), places(&want), "seed {seed}, {from}..{to}");
                for (seed, path, commit) in &have {
                    let of_place = want.iter().find(|want| want.0 == *seed && want.1 == *path).unwrap();
                    assert!(of_place.2.split(' ').any(|of| of == commit), "{path} by {commit}, not {}", of_place.2);
                }
                found += have.len();
            }
        }
        assert!(found > 20, "seed {seed}: {found}");
    }
}

/// Commits to two files of many lines, in which secrets come and go, as `git fast-import` reads them.
fn long_history(commits: usize) -> String {
    let mut random = Random(7);
    let mut files = [0, 1].map(|file| (0..60).map(|line| format!("line {line} of {file}\n")).collect::<Vec<String>>());
    let mut text = String::new();
    for number in 0..commits {
        let file = random.below(2);
        let at = random.below(files[file].len());
        files[file][at] = match random.below(3) {
            0 => format!("{}\n", token(random.below(40) as u64)),
            _ => format!("line of {number}\n"),
        };
        if random.one_in(9) {
            files[file].insert(at, format!("more {number}\n"));
        }
        let content = files[file].concat();
        text += &format!("commit refs/heads/main\ncommitter A <a@example.com> {} +0000\n", 1_700_000_000 + number);
        text += &format!("data 1\nx\nM 644 inline d/f{file}\ndata {}\n{content}\n", content.len());
    }
    text
}

#[test]
fn many_new_files_are_scanned_along_their_deltas_as_one_by_one() {
    let repo = Repo::new(&[]);
    let mut import = repo.command(&["fast-import", "--quiet"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut import.stdin.take().unwrap(), long_history(600).as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    let pack = || {
        let names = fs::read_dir(repo.path().join(".git/objects/pack")).unwrap().map(|entry| entry.unwrap().path());
        names.into_iter().find(|path| path.extension().is_some_and(|end| end == "pack")).unwrap()
    };
    // Loose objects are read one by one.
    let aside = repo.path().join("aside.pack");
    let packed = pack();
    fs::remove_file(packed.with_extension("idx")).unwrap();
    fs::rename(packed, &aside).unwrap();
    let mut unpack = repo.command(&["unpack-objects", "-q"]);
    assert!(unpack.stdin(fs::File::open(&aside).unwrap()).status().unwrap().success());
    for from in ["main~450", "main~250"] {
        let one_by_one = told(&range(repo.path(), &format!("{from}..main"), 2));
        assert!(one_by_one.len() > 30, "{}", one_by_one.len());
        for options in [&["-d"][..], &["-adf", "--depth=200", "--window=50"], &["-adf", "--depth=0"]] {
            let packed = tempfile::tempdir().unwrap();
            let at = packed.path().to_str().unwrap();
            repo.git(&["clone", "-q", "--no-local", "--bare", repo.path().to_str().unwrap(), at]);
            repo.git(&[&["-C", at, "repack", "-q"], options].concat());
            for threads in [1, 3] {
                let outcome = range(packed.path(), &format!("{from}..main"), threads);
                assert_eq!(told(&outcome), one_by_one, "{from} {options:?}");
            }
        }
    }
}

#[test]
fn a_push_is_what_no_ref_that_is_known_reaches() {
    let mut random = Random(11);
    let (repo, ids) = random_repo(&mut random);
    for _ in 0..10 {
        let tip = random.pick(&ids).clone();
        let (one, other) = (random.pick(&ids).clone(), random.pick(&ids).clone());
        repo.git(&["update-ref", "refs/remotes/origin/one", &one]);
        repo.git(&["update-ref", "refs/remotes/other/x", &other]);
        let have = told(&incoming(repo.path(), &[&tip], &[], &["refs/remotes/origin/"]));
        let want = reference(&repo, &[&tip, "--not", &one]);
        assert_eq!(have.len(), want.len(), "{have:?} {want:?}");
        // What is not there is known to nobody.
        let absent = "1".repeat(40);
        let have = told(&incoming(repo.path(), &[&tip], &[&absent, &other], &["refs/remotes/origin/"]));
        assert_eq!(have.len(), reference(&repo, &[&tip, "--not", &one, &other]).len());
    }
    repo.git(&["pack-refs", "--all"]);
    assert!(told(&incoming(repo.path(), &["b0", "b1"], &[], &["refs/"])).is_empty());
}

#[test]
fn what_is_told_of_a_commit() {
    let mut repo = Repo::new(&[]);
    let base = repo.commit("base");
    repo.write("a", format!("\n{}\n", token(1)));
    let guilty = repo.commit(&format!("brings {}", token(2)));
    for n in 0..3 {
        repo.write("a", format!("{n}\n{}\n", token(1)));
        repo.commit("more");
    }
    repo.git(&["tag", "v1"]);
    let outcome = range(repo.path(), &format!("{base}.."), 1);
    assert_eq!(
        told(&outcome).into_iter().collect::<Vec<_>>(),
        [(1, "a".to_owned(), guilty.clone()), (2, "<commit message>".to_owned(), guilty.clone())]
    );
    let origin = outcome.findings.iter().find(|located| located.path == "a").unwrap().origin.as_ref().unwrap();
    assert!(origin.in_head && origin.object.len() == 40);
    assert_eq!(
        (origin.versions, origin.ref_count, &origin.refs[..]),
        (4, 2, &["refs/heads/main".to_owned(), "refs/tags/v1".to_owned()][..])
    );
    let commit = origin.commit.as_ref().unwrap();
    assert_eq!((commit.author.as_str(), commit.date.as_str()), ("Ada", "2023-11-14T23:15:20+01:00"));
    assert!(commit.subject.starts_with("brings ") && !commit.subject.contains(&token(2)));
    // Who asks for paths asks for files.
    let paths =
        HistorySettings { range: Some(format!("{base}..")), paths: vec!["a".to_owned()], ..HistorySettings::default() };
    assert_eq!(seeds(&run(|run| run.history(repo.path(), &paths)).unwrap()), [1]);
    // Three dots are what is usual for a branch; a merge base is no different here.
    assert_eq!(seeds(&range(repo.path(), &format!("{base}...main"), 1)), [1, 2]);
    let unknown = HistorySettings { range: Some("nowhere..main".to_owned()), ..HistorySettings::default() };
    assert!(run(|run| run.history(repo.path(), &unknown)).is_err());
}

#[test]
fn refs_may_point_to_anything() {
    let mut repo = Repo::new(&[]);
    repo.commit("base");
    let blob = repo.object("blob", token(1).as_bytes());
    repo.write("d/e", token(2));
    repo.git(&["add", "-A"]);
    let tree = repo.git(&["write-tree"]);
    repo.git(&["tag", "-a", "inner", "-m", &token(3), "HEAD"]);
    repo.git(&["tag", "-a", "outer", "-m", &token(4), "inner"]);
    assert_eq!(seeds(&incoming(repo.path(), &[&blob], &["main"], &[])), [1]);
    let of_tree = incoming(repo.path(), &[&tree], &["main"], &[]);
    assert_eq!((seeds(&of_tree), of_tree.findings[0].path.as_str()), (vec![2], "d/e"));
    assert_eq!(seeds(&incoming(repo.path(), &["outer"], &["main"], &[])), [3, 4]);
    assert_eq!(seeds(&incoming(repo.path(), &["outer"], &["inner"], &[])), [4]);
    // What a tag leads to, whether anything is known or not.
    repo.git(&["tag", "-a", "of-blob", "-m", &token(5), &blob]);
    repo.git(&["tag", "-a", "of-tree", "-m", &token(6), &tree]);
    for known in [&["main"][..], &[]] {
        assert_eq!(seeds(&incoming(repo.path(), &["of-blob"], known, &[])), [1, 5]);
        assert_eq!(seeds(&incoming(repo.path(), &["of-tree"], known, &[])), [2, 6]);
        assert_eq!(seeds(&incoming(repo.path(), &[], known, &[])), [0; 0]);
    }
}

#[test]
fn objects_are_taken_from_where_git_says() {
    let mut repo = Repo::new(&[]);
    let base = repo.commit("base");
    repo.write("a", token(1));
    let tip = repo.commit("new");
    // As while a push is received: what is new lies apart.
    let apart = tempfile::tempdir().unwrap();
    let main = repo.path().join(".git/objects");
    let new = repo.git(&["rev-list", "--objects", "--no-object-names", &format!("{base}..{tip}")]);
    for id in new.lines() {
        let (folder, name) = id.split_at(2);
        fs::create_dir_all(apart.path().join(folder)).unwrap();
        fs::rename(main.join(folder).join(name), apart.path().join(folder).join(name)).unwrap();
    }
    repo.git(&["update-ref", "refs/heads/main", &base]);
    let environment =
        GitEnvironment { objects: Some(apart.path().to_owned()), alternates: vec![main], ..GitEnvironment::default() };
    let settings = HistorySettings { environment, ..HistorySettings::default() };
    let new = NewCommits { tips: vec![tip.clone()], known: Vec::new(), known_refs: vec!["refs/".to_owned()] };
    let outcome = run(|run| run.incoming(repo.path(), &new, &settings)).unwrap();
    assert_eq!(told(&outcome).into_iter().collect::<Vec<_>>(), [(1, "a".to_owned(), tip)]);
    assert!(run(|run| run.incoming(repo.path(), &new, &HistorySettings::default())).is_err());
}

#[test]
fn what_came_before_a_shallow_clone_is_not_known_and_said_so() {
    let mut repo = Repo::new(&[]);
    repo.write("old", token(1));
    repo.commit("old");
    repo.write("a", token(2));
    repo.commit("second");
    repo.write("b", token(3));
    repo.commit("third");
    let other = tempfile::tempdir().unwrap();
    let clone = other.path().join("clone");
    let from = format!("file://{}", repo.path().display());
    repo.git(&["clone", "-q", "--depth=2", &from, clone.to_str().unwrap()]);
    assert_eq!(seeds(&range(&clone, "HEAD~..HEAD", 1)), [3]);
    let shallow = incoming(&clone, &["HEAD"], &["refs/none"], &[]);
    assert!(shallow.unexamined.iter().any(|unit| unit.reason.contains("shallow")), "{:?}", shallow.unexamined);
}
