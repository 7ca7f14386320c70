//! What is remembered of a repository changes how long a scan takes, and nothing else.
//!
//! Repositories change as git changes them; after each step a scan that remembers is compared with one that does not.

#![cfg(feature = "git")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use keyscan::{HistoryCache, HistorySettings, Located, Outcome, Progress, RuleSet, Run, Scanner};

use common::repo::{Repo, token};
use common::texts::Texts;
use common::{Random, utf16};

/// How a repository is scanned.
struct Scan<'a> {
    scanner: &'a Scanner,
    least: f32,
    keep: fn(&Located) -> bool,
    settings: HistorySettings,
}

impl<'a> Scan<'a> {
    fn new(scanner: &'a Scanner) -> Scan<'a> {
        let settings = HistorySettings { threads: 3, ..HistorySettings::default() };
        Scan { scanner, least: 0.5, keep: |_| true, settings }
    }

    fn run(&self, path: &Path, cache: Option<&Path>) -> Outcome {
        let (progress, interrupted) = (Progress::default(), AtomicBool::new(false));
        let keep = self.keep;
        let inspect = move |located: &Located, _: keyscan::Surroundings<'_>| keep(located);
        let run = Run { min_confidence: self.least, ..Run::new(self.scanner, &inspect, &progress, &interrupted) };
        let cache = cache.map(|folder| HistoryCache { least_objects: 0, ..HistoryCache::new(folder.to_owned()) });
        run.history(path, &HistorySettings { cache, ..self.settings.clone() }).unwrap()
    }

    /// Scans with and without a cache, compares, and answers how many units were examined less.
    fn check(&self, path: &Path, cache: &Path, step: &str) -> u64 {
        let plain = self.run(path, None);
        let cached = self.run(path, Some(cache));
        assert_eq!(cached.notes, [""; 0], "{step}");
        assert_same(&cached, &plain, step);
        plain.stats.units - cached.stats.units
    }
}

fn assert_same(cached: &Outcome, plain: &Outcome, step: &str) {
    for (cached, plain) in cached.findings.iter().zip(&plain.findings) {
        assert_eq!(format!("{cached:?}"), format!("{plain:?}"), "{step}");
        assert_eq!(cached.finding.secret.expose(), plain.finding.secret.expose(), "{step}");
    }
    assert_eq!(cached.findings.len(), plain.findings.len(), "{step}");
    assert_eq!(cached.unexamined, plain.unexamined, "{step}");
}

fn object_count(path: &Path) -> u64 {
    let git = std::process::Command::new("git")
        .args(["cat-file", "--batch-all-objects", "--batch-check"])
        .current_dir(path)
        .output()
        .unwrap();
    git.stdout.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// What is remembered of the objects of the one repository of a folder of caches, and of what was told, if anything is.
fn cache_files(folder: &Path) -> (PathBuf, Option<PathBuf>) {
    let is_told = |file: &PathBuf| file.file_stem().unwrap().to_str().unwrap().ends_with("-told");
    let (told, objects): (Vec<_>, Vec<_>) = files(folder).into_iter().partition(is_told);
    let [objects] = objects.as_slice() else { panic!("{objects:?}") };
    assert!(told.len() < 2, "{told:?}");
    (objects.clone(), told.first().cloned())
}

/// Changes a repository in one of the ways that git has.
fn change(repo: &mut Repo, random: &mut Random, texts: &Texts<'_>, number: usize) -> String {
    let seed = 1000 + number as u64;
    let step = random.below(16);
    match step {
        0..=4 => {
            let name = format!("{}/{}", random.pick(&["a", "a/b", "c"]), random.below(9));
            let path = repo.path().join(&name);
            let mut text = fs::read(&path).unwrap_or_default();
            text.extend(texts.make(random, 12));
            if random.one_in(4) {
                text = utf16(&text, random.one_in(2));
            }
            text.extend(format!("\n{}\n", token(seed)).into_bytes());
            text.truncate(100_000);
            repo.write(&name, text);
            repo.commit(&format!("change {number}"));
        }
        5 => {
            repo.write("message", format!("{number}"));
            repo.commit(&format!("with {}\n\nand {}", token(seed), token(1001)));
        }
        6 => {
            repo.write(&format!("named/{}", token(seed)), "x");
            repo.write(&format!("{}/inner", token(seed + 5000)), format!("{number}"));
            repo.commit("names");
        }
        7 => {
            repo.git(&["tag", "-f", "-a", &format!("t{}", random.below(3)), "-m", &token(seed)]);
        }
        8 => {
            repo.git(&["checkout", "-q", "-B", &format!("branch{}", random.below(3)), "HEAD~0"]);
            repo.write("side", token(seed));
            repo.commit("side");
            repo.git(&["checkout", "-q", "main"]);
            let branches = repo.git(&["for-each-ref", "--format=%(refname)", "refs/heads/branch*"]);
            if random.one_in(2) {
                let names: Vec<&str> = branches.lines().collect();
                repo.git(&[&["merge", "-q", "-s", "ours", "-m", "octopus", "main"], &names[..]].concat());
            }
        }
        9 => {
            repo.write("amended", token(seed));
            repo.commit("to be amended");
            repo.write("amended", token(seed + 1));
            repo.git(&["add", "-A"]);
            repo.git(&["commit", "-q", "--amend", "-m", "amended"]);
        }
        10 => {
            repo.git(&["repack", "-q", "-d"]);
        }
        11 => {
            repo.git(&["gc", "-q"]);
        }
        12 => {
            repo.git(&["repack", "-q", "-a", "-d", "-F", "--depth=100"]);
        }
        13 => {
            // What nothing reaches goes.
            for branch in ["branch0", "branch1"] {
                let _ = repo.command(&["branch", "-q", "-D", branch]).output();
            }
            repo.git(&["reflog", "expire", "--expire=now", "--all"]);
            repo.git(&["gc", "-q", "--prune=now"]);
        }
        14 => {
            repo.write("staged", texts.make(random, 20));
            repo.git(&["add", "-A"]);
            repo.object("blob", token(seed).as_bytes());
        }
        _ => {
            // A clone in its place: all that is reached, packed anew.
            let other = tempfile::tempdir().unwrap();
            let (from, to) = (format!("file://{}", repo.path().display()), other.path().join("clone"));
            repo.git(&["clone", "-q", "--mirror", &from, to.to_str().unwrap()]);
            let config = fs::read(repo.path().join(".git/config")).unwrap();
            let index = fs::read(repo.path().join(".git/index"));
            fs::remove_dir_all(repo.path().join(".git")).unwrap();
            fs::rename(&to, repo.path().join(".git")).unwrap();
            fs::write(repo.path().join(".git/config"), config).unwrap();
            drop(index.map(|_| repo.command(&["reset", "-q"]).output()));
        }
    }
    format!("step {number}, {step}")
}

#[test]
fn a_scan_that_remembers_finds_what_one_finds_that_does_not() {
    let rules = RuleSet::builtin();
    let texts = Texts::new(&rules);
    let scanner = Scanner::new(rules.clone());
    let mut examined_less = 0;
    for seed in 1..7 {
        let mut random = Random(seed);
        let mut repo = Repo::new(&[]);
        let cache = tempfile::tempdir().unwrap();
        repo.write("a/0", token(1));
        repo.commit("first");
        for number in 0..14 {
            let step = format!("seed {seed}, {}", change(&mut repo, &mut random, &texts, number));
            let mut scan = Scan::new(&scanner);
            scan.settings.threads = 1 + random.below(4);
            match random.below(8) {
                0 => scan.settings.all_occurrences = true,
                1 => scan.settings.since = Some(1_700_000_000 + 300),
                2 => scan.settings.paths = vec!["a/".to_owned()],
                3 => scan.settings.max_depth = Some(3),
                // As accepted findings and allow comments do.
                4 => scan.keep = |located| located.finding.start.line % 2 == 0,
                _ => {}
            }
            examined_less += scan.check(repo.path(), cache.path(), &step);
            let again = scan.check(repo.path(), cache.path(), &format!("{step}, again"));
            assert_eq!(again, object_count(repo.path()), "{step}: what is known is not looked at");
        }
    }
    assert!(examined_less > 1000, "{examined_less}");
}

#[test]
fn other_rules_and_settings_have_caches_of_their_own() {
    let mut repo = Repo::new(&[]);
    let rules = RuleSet::builtin();
    let texts = Texts::new(&rules);
    repo.write("a", texts.make(&mut Random(5), 400));
    repo.write("b", token(1));
    repo.commit("first");
    let cache = tempfile::tempdir().unwrap();
    let all = Scanner::new(rules.clone());
    let mut few = rules.clone();
    few.retain(|rule| rule.id() == "github-pat");
    let few = Scanner::new(few);
    for round in 0..2 {
        for (scanner, least) in [(&all, 0.5), (&few, 0.5), (&all, 0.0), (&all, 0.9)] {
            let less = Scan { least, ..Scan::new(scanner) }.check(repo.path(), cache.path(), "settings");
            assert_eq!(less, if round == 0 { 0 } else { object_count(repo.path()) });
        }
    }
    assert_eq!(files(cache.path()).len(), 4 * 2);
}

#[test]
fn a_cache_holds_no_secret_and_is_for_its_owner_alone() {
    let mut repo = Repo::new(&[]);
    for seed in 1..6 {
        repo.write(&format!("file{seed}"), format!("key: {}\npassword = \"Tr0ub4dor-{seed}-horse\"\n", token(seed)));
    }
    repo.write("wide", utf16(token(7).as_bytes(), false));
    repo.commit(&format!("a message with {}", token(8)));
    repo.git(&["tag", "-a", "v1", "-m", &token(9)]);
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("one/two");
    let scanner = Scanner::new(RuleSet::builtin());
    let scan = Scan::new(&scanner);
    let holds_none = |outcome: &Outcome| {
        for bytes in files(&folder).iter().map(|file| fs::read(file).unwrap()) {
            for located in &outcome.findings {
                // Nor a piece of one.
                for piece in located.finding.secret.expose().windows(6) {
                    assert!(!bytes.windows(piece.len()).any(|window| window == piece), "{}", located.path);
                }
            }
        }
    };
    let outcome = scan.run(repo.path(), Some(&folder));
    assert!(outcome.findings.len() >= 8, "{:?}", outcome.findings);
    holds_none(&outcome);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (objects, told) = cache_files(&folder);
    assert_eq!((mode(&objects), mode(&told.unwrap())), (0o600, 0o600));
    assert_eq!((mode(&folder), mode(&cache.path().join("one"))), (0o700, 0o700));
    // A name of a ref, of a file and of a member of an archive may be one.
    repo.git(&["branch", &token(10)]);
    holds_none(&scan.run(repo.path(), Some(&folder)));
    repo.write(&format!("folder/{}", token(6)), "x");
    repo.commit("a name");
    let outcome = scan.run(repo.path(), Some(&folder));
    assert!(outcome.findings.len() >= 9, "{:?}", outcome.findings);
    holds_none(&outcome);
    assert_eq!(scan.check(repo.path(), &folder, "again"), object_count(repo.path()));
}

#[test]
fn a_cache_that_is_damaged_is_made_anew() {
    let mut repo = Repo::new(&[]);
    repo.write("a", token(1));
    repo.commit(&token(2));
    let scanner = Scanner::new(RuleSet::builtin());
    let scan = Scan::new(&scanner);
    let plain = scan.run(repo.path(), None);
    let folder = tempfile::tempdir().unwrap();
    scan.check(repo.path(), folder.path(), "first");
    let (file, told) = cache_files(folder.path());
    let told = told.unwrap();
    let good_told = fs::read(&told).unwrap();
    let good = fs::read(&file).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..good.len()).step_by(37).map(|len| good[..len].to_vec()).collect();
    for at in (0..good.len()).step_by(41) {
        let mut other = good.clone();
        other[at] ^= 0x10;
        damaged.push(other);
    }
    damaged.push([&good[..], b"x"].concat());
    for bytes in damaged {
        fs::write(&file, bytes).unwrap();
        fs::remove_file(&told).unwrap();
        let outcome = scan.run(repo.path(), Some(folder.path()));
        assert_same(&outcome, &plain, "damaged");
        assert_eq!(outcome.notes, ["the cache is damaged: everything is scanned anew"]);
        assert_eq!(scan.check(repo.path(), folder.path(), "made anew"), object_count(repo.path()));
    }
    for at in (0..good_told.len()).step_by(23) {
        let mut other = good_told.clone();
        other[at] ^= 0x10;
        for bytes in [&other[..], &good_told[..at]] {
            fs::write(&told, bytes).unwrap();
            let outcome = scan.run(repo.path(), Some(folder.path()));
            assert_same(&outcome, &plain, "what was told is damaged");
            assert_eq!(outcome.notes, ["the cache is damaged: it is worked out anew who brought what"]);
            assert_eq!(fs::read(&told).unwrap(), good_told);
            scan.check(repo.path(), folder.path(), "worked out anew");
        }
    }
    // Whoever can write it could hide a secret.
    for of_others in [&file, &told] {
        fs::remove_file(&told).unwrap();
        scan.check(repo.path(), folder.path(), "told");
        if *of_others == file {
            fs::remove_file(&told).unwrap();
        }
        fs::set_permissions(of_others, fs::Permissions::from_mode(0o666)).unwrap();
        let outcome = scan.run(repo.path(), Some(folder.path()));
        assert_same(&outcome, &plain, "writable");
        assert!(outcome.notes[0].ends_with("others may write it"), "{:?}", outcome.notes);
        assert_eq!(scan.check(repo.path(), folder.path(), "written"), object_count(repo.path()));
    }
}

/// As long as a repository stays what it is, nothing but what was told is needed; when it changes, that is of no use.
#[test]
fn what_was_told_is_told_again_until_something_changes() {
    let mut repo = Repo::new(&[]);
    for seed in 1..9 {
        repo.write(&format!("folder{}/file", seed % 3), format!("{}\n{}\n", token(seed), token(100)));
        repo.commit(&format!("{} {seed}", token(200 + seed)));
    }
    repo.write("wide", utf16(token(20).as_bytes(), false));
    repo.write("key", texts_of(&RuleSet::builtin()));
    repo.commit("encoded");
    repo.git(&["tag", "-a", "v1", "-m", &token(30)]);
    repo.object("blob", token(40).as_bytes());
    let scanner = Scanner::new(RuleSet::builtin());
    let cache = tempfile::tempdir().unwrap();
    let mut scan = Scan::new(&scanner);
    let changes: [&[&str]; 17] = [
        &["branch", "other", "HEAD~3"],
        &["branch", "-D", "other"],
        &["branch", "side", "HEAD~2"],
        &["branch", "-m", "side", "renamed"],
        &["checkout", "-q", "renamed"],
        &["checkout", "-q", "--detach"],
        &["symbolic-ref", "HEAD", "refs/heads/main"],
        &["reset", "-q", "--hard", "HEAD~1"],
        &["commit", "-q", "--amend", "-m", "amended"],
        &["update-ref", "refs/custom/one", "HEAD~4"],
        &["tag", "-f", "v1", "HEAD~2"],
        &["replace", "HEAD~1", "HEAD~2"],
        &["repack", "-q", "-d"],
        &["gc", "-q"],
        &["reflog", "expire", "--expire=now", "--all"],
        &["gc", "-q", "--prune=now"],
        &["tag", "-d", "v1"],
    ];
    for (number, change) in [&[][..]].into_iter().chain(changes).enumerate() {
        if !change.is_empty() {
            repo.git(change);
        }
        scan.settings.all_occurrences = number % 3 == 2;
        scan.check(repo.path(), cache.path(), &format!("{change:?}"));
        let (objects, told) = cache_files(cache.path());
        let told = told.unwrap();
        // Nothing of what is remembered of the objects is read.
        let remembered = fs::read(&objects).unwrap();
        fs::write(&objects, "damaged").unwrap();
        let before = fs::read(&told).unwrap();
        assert_eq!(scan.check(repo.path(), cache.path(), &format!("{change:?}, again")), object_count(repo.path()));
        scan.settings.paths = vec!["folder1/".to_owned()];
        scan.check(repo.path(), cache.path(), &format!("{change:?}, at a path"));
        scan.settings.paths.clear();
        scan.keep = |located| located.finding.start.line % 2 == 0;
        scan.check(repo.path(), cache.path(), &format!("{change:?}, accepted"));
        scan.keep = |_| true;
        assert!(fs::read(&told).unwrap() == before, "{change:?}");
        assert_eq!(fs::read(&objects).unwrap(), b"damaged");
        fs::write(&objects, remembered).unwrap();
        // A part of the history is something else.
        scan.settings.max_depth = Some(2);
        scan.check(repo.path(), cache.path(), &format!("{change:?}, a part"));
        scan.settings.max_depth = None;
        assert!(fs::read(&told).unwrap() == before, "{change:?}");
    }
}

/// A text that holds a secret of many rules.
fn texts_of(rules: &RuleSet) -> Vec<u8> {
    Texts::new(rules).make(&mut Random(11), 300)
}

/// Nothing may be lost where something fails, and nothing goes into the repository.
#[test]
fn where_nothing_can_be_remembered_everything_is_scanned() {
    let mut repo = Repo::new(&[]);
    repo.write("a", token(1));
    repo.commit("first");
    let scanner = Scanner::new(RuleSet::builtin());
    let scan = Scan::new(&scanner);
    let plain = scan.run(repo.path(), None);
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("file");
    fs::write(&file, "x").unwrap();
    for folder in [repo.path().join(".git/keyscan"), repo.path().join(".git"), file.join("below")] {
        let outcome = scan.run(repo.path(), Some(&folder));
        assert_same(&outcome, &plain, "elsewhere");
        assert!(outcome.notes[0].starts_with("the cache is not "), "{:?}", outcome.notes);
    }
    assert!(!repo.path().join(".git/keyscan").exists());
    // What little is new is not worth a file.
    let cache = HistoryCache::new(other.path().join("few"));
    let (progress, interrupted) = (Progress::default(), AtomicBool::new(false));
    let run = |interrupted: &AtomicBool, cache: &HistoryCache| {
        let run = Run::new(&scanner, &|_, _| true, &progress, interrupted);
        run.history(repo.path(), &HistorySettings { cache: Some(cache.clone()), ..HistorySettings::default() }).unwrap()
    };
    run(&interrupted, &cache);
    assert!(!cache.folder.exists());
    // What was not seen to its end is not remembered.
    let cache = HistoryCache { least_objects: 0, ..cache };
    assert!(run(&AtomicBool::new(true), &cache).interrupted);
    assert!(!cache.folder.exists());
    run(&interrupted, &cache);
    assert!(cache.folder.exists());
}

#[test]
fn what_was_left_out_of_a_clone_is_looked_at_when_it_comes() {
    let mut repo = Repo::new(&[]);
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    repo.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    for seed in 1..8 {
        repo.write(&format!("folder{}/file", seed % 3), format!("{}\n{}\n", token(seed), token(100)));
        repo.write("big", vec![b'x'; 2000 * seed as usize]);
        repo.commit(&format!("{seed}"));
    }
    let scanner = Scanner::new(RuleSet::builtin());
    let mut scan = Scan::new(&scanner);
    scan.settings.all_occurrences = true;
    let other = tempfile::tempdir().unwrap();
    let from = format!("file://{}", repo.path().display());
    for (name, options, fetch) in [
        ("shallow", &["--depth=2"][..], &["fetch", "-q", "--depth=4"][..]),
        ("shallow, then whole", &["--depth=3"], &["fetch", "-q", "--unshallow"]),
        ("partial", &["--filter=blob:none", "--no-checkout"], &["checkout", "-q", "main~3"]),
        ("without large files", &["--filter=blob:limit=1k", "--no-checkout"], &["checkout", "-q", "main"]),
        ("without trees", &["--filter=tree:0", "--no-checkout"], &["checkout", "-q", "main~1"]),
    ] {
        let (to, cache) = (other.path().join(name), other.path().join(format!("cache of {name}")));
        repo.git(&[&["clone", "-q"], options, &[&from, to.to_str().unwrap()]].concat());
        let clone = |args: &[&str]| {
            let output = repo.command(args).current_dir(&to).output().unwrap();
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        };
        scan.check(&to, &cache, name);
        let (again, whole) = (scan.check(&to, &cache, name), object_count(&to));
        assert!(again > 0, "{name}");
        clone(fetch);
        scan.check(&to, &cache, &format!("{name}, later"));
        scan.check(&to, &cache, &format!("{name}, later and again"));
        if name == "shallow" {
            assert_eq!(again, whole, "commits whose parents are not there are known, too");
            clone(&["fetch", "-q", "--depth=1"]);
            clone(&["reflog", "expire", "--expire=now", "--all"]);
            clone(&["gc", "-q", "--prune=now"]);
            scan.check(&to, &cache, "shallow again");
            scan.check(&to, &cache, "shallow again and again");
        }
    }
}

#[test]
fn damage_is_told_each_time() {
    let mut repo = Repo::new(&[]);
    for seed in 1..30 {
        repo.write(&format!("d{}/f", seed % 4), format!("{}{}\n", "line\n".repeat(50), token(seed)));
        repo.commit("more");
    }
    let lost = repo.git(&["rev-parse", "HEAD~3:d2/f"]);
    let cut = repo.git(&["rev-parse", "HEAD~9^{tree}"]);
    let object = |id: &str| repo.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
    let whole = fs::read(object(&lost)).unwrap();
    for id in [&lost, &cut] {
        fs::set_permissions(object(id), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(object(id), b"damaged").unwrap();
    }
    let scanner = Scanner::new(RuleSet::builtin());
    let scan = Scan::new(&scanner);
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(scan.check(repo.path(), cache.path(), "damaged"), 0);
    assert!(scan.check(repo.path(), cache.path(), "damaged, again") > 10);
    assert!(!scan.run(repo.path(), Some(cache.path())).is_complete());
    fs::remove_file(object(&cut)).unwrap();
    scan.check(repo.path(), cache.path(), "missing");
    fs::write(object(&lost), whole).unwrap();
    scan.check(repo.path(), cache.path(), "one is mended");
    scan.check(repo.path(), cache.path(), "one is mended, again");
}
