//! The history of a git repository: every object is scanned, and each secret told with the commit that brought it.
//!
//! First all objects are looked at, along the deltas of the packs, where each version of a file differs from another.
//! That tells which objects hold which secrets, but not where: an object knows neither its path nor its commits. So,
//! second, the trees and commits that lead to these objects are walked. Third, the few objects that are reported are
//! made again, scanned in full, and shown to whoever decides about findings.

mod attribute;
mod brought;
mod by_object;
mod cache;
mod commits;
mod diff;
mod gather;
mod incoming;
mod locate;
mod members;
mod new_objects;
pub(crate) mod probe;
mod revision;
mod revwalk;
mod scan;
mod select;
mod staged;
mod telling;
mod told;
mod trees;

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use self::attribute::{Attribution, Trees, Walked};
use self::cache::{Cache, Learned, Recalled, State};
use self::commits::Graph;
use self::gather::Gathering;
pub use self::incoming::NewCommits;
use self::locate::Locator;
use self::scan::{Found, ObjectScan, SecretKey, by_object};
use self::select::Selection;
#[cfg(feature = "trace")]
pub(crate) use self::telling::masked;
use self::told::{Report, Words};
use self::trees::Names;
use crate::error::Result;
use crate::run::{Outcome, Run, Unexamined, skipped_places};
use crate::source::git::repository::{GitEnvironment, Repository};
use crate::source::git::{ObjectId, ObjectNumber, Store, walk};

/// Which part of a history is reported, and how. The default is all of it, with what no ref reaches.
#[derive(Debug, Clone, Default)]
pub struct HistorySettings {
    /// Threads; 0 for as many as there are cores.
    pub threads: usize,
    /// `A..B`: commits that B reaches and A does not. `A..` ends at HEAD, `..B` starts where history does.
    pub range: Option<String>,
    /// Only commits that these refs reach.
    pub branches: Vec<String>,
    /// Only commits made at this time or later, in seconds since 1970.
    pub since: Option<i64>,
    /// Only commits made at this time or before.
    pub until: Option<i64>,
    /// Only commits whose author's name or address contains this, in any case.
    pub author: Option<String>,
    /// Only commits at most so many steps from a tip, which is the first.
    pub max_depth: Option<u32>,
    /// Globs, as in `.gitignore`, of the only paths to report; all when empty.
    pub paths: Vec<String>,
    /// Globs of paths that are not reported.
    pub exclude: Vec<String>,
    /// Report every version of a file that holds a secret, and not only the first at its path.
    pub all_occurrences: bool,
    /// Scan the repositories of submodules, too, as far as they are kept in this one.
    pub submodules: bool,
    /// Where to remember what was examined, so that only what is new is scanned next time. Scans of a range and of what
    /// is staged do without.
    pub cache: Option<HistoryCache>,
    /// What git says of the repository, to a program that it runs.
    pub environment: GitEnvironment,
}

/// Where it is remembered which objects were examined, and where in them secrets stand, but no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryCache {
    /// A folder of caches, one for each repository, by its path, and each set of rules. It is made where it is not there;
    /// it may not lie in a repository that is scanned.
    pub folder: PathBuf,
    /// Nothing is written before so many objects are new: few are looked at again as fast as they are remembered.
    pub least_objects: u64,
}

impl HistoryCache {
    /// Caches in this folder.
    #[must_use]
    pub fn new(folder: PathBuf) -> HistoryCache {
        HistoryCache { folder, least_objects: 1000 }
    }
}

impl HistorySettings {
    fn thread_count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

impl Run<'_> {
    /// Scans the history of the repository that `path` is, or is in.
    ///
    /// # Errors
    /// When there is no repository, its folder of objects cannot be read, or a setting names a commit that is not
    /// there. Objects that cannot be read are no error: they are listed in the outcome.
    pub fn history(&self, path: &Path, settings: &HistorySettings) -> Result<Outcome> {
        if let Some((known, tip)) = settings.range.as_deref().and_then(|range| range.split_once(".."))
            && !known.is_empty()
        {
            // What B reaches and A does not is the same, whether A has something that B has not or nothing.
            let tip = tip.strip_prefix('.').unwrap_or(tip);
            let tip = if tip.is_empty() { "HEAD" } else { tip };
            return self.range(path, known, tip, settings);
        }
        let started = Instant::now();
        let mut repository = Repository::discover(path, &settings.environment)?;
        repository.read_all_refs();
        let store = Store::open(&repository.objects, repository.hash_len)?;
        let threads = settings.thread_count();
        let scan = ObjectScan {
            store: &store,
            hash_len: repository.hash_len,
            run: *self,
            names: Names::default(),
            hasher: RandomState::new(),
        };
        let mut outcome = Outcome::default();
        note_unreadable(&repository, &store, &mut outcome);
        let mut cache = settings.cache.as_ref().and_then(|cache| {
            let cache = Cache::open(cache, &repository, self);
            cache.map_err(|why| outcome.notes.push(format!("the cache is not used: {why}"))).ok()
        });
        let history = History { run: self, repository: &repository, scan: &scan, settings, threads };
        let state = State::of(&repository, &store, settings);
        let known = cache.as_mut().and_then(|cache| cache.told(state.as_ref()?, &repository, &scan));
        let Report { told, unexamined, is_part, .. } = match known {
            Some(report) => report,
            None => {
                let report = history.examine(cache.as_mut(), &mut outcome)?;
                if let (Some(cache), Some(state)) = (&mut cache, &state)
                    && !self.interrupted.load(Ordering::Relaxed)
                {
                    cache.keep_told(&report, state, &repository, &scan);
                }
                report
            }
        };
        outcome.notes.extend(cache.into_iter().flat_map(|cache| cache.notes));
        outcome.unexamined.extend(unexamined);
        let locator = Locator { run: *self, store: &store, hasher: &scan.hasher };
        locator.locate(told, settings, threads, &mut outcome)?;
        if !is_part {
            outcome.merge(self.files(&repository.files()));
            let unreadable = repository.table_logs(|name, log| {
                let mut findings = Vec::new();
                outcome.merge(self.stream(name, log, |located| findings.push(located)));
                outcome.findings.append(&mut findings);
            });
            outcome.unexamined.extend(unreadable.into_iter().map(|(path, reason)| Unexamined { path, reason }));
        }
        for (path, name) in repository.submodules().into_iter().filter(|_| settings.submodules) {
            outcome.merge(self.submodule(&path, &name, settings));
        }
        outcome.interrupted |= self.interrupted.load(Ordering::Relaxed);
        outcome.sort();
        outcome.stats.elapsed = started.elapsed();
        Ok(outcome)
    }
}

impl Run<'_> {
    /// Scans the repository of a submodule. Its paths start with its name, which is its path as a rule.
    fn submodule(&self, path: &Path, name: &str, settings: &HistorySettings) -> Outcome {
        let settings = HistorySettings { environment: GitEnvironment::default(), ..settings.clone() };
        let mut outcome = match self.history(path, &settings) {
            Ok(outcome) => outcome,
            Err(error) => {
                let unexamined = vec![Unexamined { path: String::new(), reason: error.to_string() }];
                Outcome { unexamined, ..Outcome::default() }
            }
        };
        let paths = outcome.findings.iter_mut().map(|located| &mut located.path);
        for path in paths.chain(outcome.unexamined.iter_mut().map(|unit| &mut unit.path)) {
            *path = format!("{name}/{path}");
        }
        outcome
    }
}

/// The objects of a repository, to be examined.
struct History<'a> {
    run: &'a Run<'a>,
    repository: &'a Repository,
    scan: &'a ObjectScan<'a>,
    settings: &'a HistorySettings,
    threads: usize,
}

impl History<'_> {
    /// Scans all objects that are not known and finds out where those with secrets are.
    fn examine(&self, mut cache: Option<&mut Cache>, outcome: &mut Outcome) -> Result<Report> {
        let History { run, repository, scan, settings, threads } = *self;
        let (store, interrupted) = (scan.store, run.interrupted);
        let Recalled { known, found: recalled, edges } =
            cache.as_mut().map(|cache| cache.recall(scan, threads)).unwrap_or_default();
        let forests = walk::forests(store, &known, threads);
        let mut found = walk::walk(store, &forests, &known, scan, threads, walk::MAX_HELD, interrupted);
        found.push(recalled);
        let mut unexamined = failures(repository, store, &found);
        for found in &found {
            outcome.stats.units += found.objects;
            outcome.stats.bytes += found.bytes;
        }
        let hits = by_object(&found);
        let name_hits: HashMap<u32, Vec<SecretKey>> = gather(found.iter().flat_map(|found| found.name_hits.clone()));
        let wanted: HashSet<ObjectNumber> = hits.keys().copied().collect();
        let walked = Walked { store, forests: &forests, known: &known };
        let commits = found.iter_mut().flat_map(|found| std::mem::take(&mut found.commits)).collect();
        let in_trees = found.iter_mut().map(|found| std::mem::take(&mut found.trees.edges)).collect();
        let lead = || Trees::new(&walked, in_trees, edges, wanted, name_hits.keys().copied().collect(), threads);
        let (trees, graph) = beside(threads, lead, || Graph::new(commits));
        let selection = Selection::new(repository, store, &graph, &found, settings)?;
        let names = scan.names.names();
        let cache = cache.filter(|_| !interrupted.load(Ordering::Relaxed));
        let secret_names = name_hits.keys().copied().collect();
        let (hash_len, commits, edges) = (scan.hash_len, &graph.commits[..], &trees.children);
        let learned = Learned { store, hash_len, found: &found, commits, edges, names: &names, secret_names };
        let keep = || cache.into_iter().for_each(|cache| cache.keep(&learned));
        let ((), (attribution, in_head)) = beside(threads, keep, || {
            let mut attribution = Attribution::new(&trees);
            selection.order().for_each(|place| attribution.commit(&graph, place));
            let head = selection.head.and_then(|head| graph.commits[head as usize].tree);
            let in_head = head.map(|tree| attribution.listed(tree)).unwrap_or_default();
            (attribution, in_head)
        });
        if attribution.overflowed {
            let reason = "there are more paths than can be followed; findings are told at some of theirs";
            unexamined.push(Unexamined { path: "<paths>".to_owned(), reason: reason.to_owned() });
        }
        let gathering = Gathering { hits: &hits, name_hits: &name_hits, attribution: &attribution, in_head: &in_head };
        let groups = gathering.groups(&graph, &found, &selection, settings.all_occurrences);
        let words =
            Words { run, store, graph: &graph, selection: &selection, attribution: &attribution, names: &names };
        let told = words.told(&groups, &name_hits);
        let is_readable = found.iter().all(|found| found.failed.is_empty());
        let is_lasting = is_readable && name_hits.is_empty();
        Ok(Report { told, unexamined, is_part: selection.is_part, is_lasting })
    }
}

/// Does two things at a time, where there is more than one thread.
fn beside<A: Send, B>(threads: usize, one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    if threads < 2 {
        return (one(), other());
    }
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        match one.join() {
            Ok(one) => (one, other),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn gather<K: std::hash::Hash + Eq, T>(pairs: impl Iterator<Item = (K, T)>) -> HashMap<K, Vec<T>> {
    let mut lists: HashMap<K, Vec<T>> = HashMap::new();
    pairs.for_each(|(key, value)| lists.entry(key).or_default().push(value));
    lists
}

/// What of a repository could not be read at all.
fn note_unreadable(repository: &Repository, store: &Store, outcome: &mut Outcome) {
    for (path, reason) in repository.unreadable.iter().chain(&store.unreadable) {
        outcome.unexamined.push(Unexamined { path: path.clone(), reason: reason.clone() });
    }
}

/// What of its objects could not be examined.
fn failures(repository: &Repository, store: &Store, found: &[Found]) -> Vec<Unexamined> {
    let mut unexamined = Vec::new();
    let mut note = |path: String, reason: String| unexamined.push(Unexamined { path, reason });
    let name = |id: Option<ObjectId>| id.map_or_else(|| "<object>".to_owned(), |id| format!("<object {id}>"));
    for (id, reason) in found.iter().flat_map(|found| &found.failed) {
        note(name(*id), reason.clone());
    }
    for (number, skipped) in found.iter().flat_map(|found| &found.skipped) {
        note(name(store.id(*number)), skipped_places(*skipped));
    }
    for (number, member, reason) in found.iter().flat_map(|found| &found.unopened) {
        note(name(store.id(*number)) + member, reason.clone());
    }
    let missing: HashSet<&[u8]> = found.iter().flat_map(|found| &found.trees.missing).map(|id| &**id).collect();
    if !missing.is_empty() {
        let why = if repository.is_partial { "the clone is partial" } else { "the repository is damaged" };
        let count = missing.len();
        let first = missing.iter().min().map(|id| data_encoding::HEXLOWER.encode(id)).unwrap_or_default();
        note(
            "<objects>".to_owned(),
            format!("{count} objects that trees, commits and tags name are not there, {first} first: {why}"),
        );
    }
    let shallow = repository.shallow.len();
    let absent: u64 = found.iter().flat_map(|found| &found.commits).map(|commit| commit.absent.len() as u64).sum();
    if shallow > 0 {
        note("<history>".to_owned(), format!("the clone is shallow: {absent} commits that came before are not there"));
    } else if absent > 0 {
        note("<history>".to_owned(), format!("{absent} parents of commits are not there: the repository is damaged"));
    }
    unexamined
}
