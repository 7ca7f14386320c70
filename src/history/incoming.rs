//! Commits that are new: those that some commits reach and others do not. Nothing else is walked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::HistorySettings;
use super::brought::{Bringer, Brought, Message, Step};
use super::commits::{Graph, Signature, parts};
use super::diff::{Differ, Folder};
use super::revision::revision;
use super::revwalk::{Node, Peeled, Walk};
use super::select::{refs_reaching, telling, unknown, within};
use super::telling::commit_info;
use crate::engine::Scratch;
use crate::error::Result;
use crate::finding::{CommitInfo, Origin};
use crate::run::{Outcome, Run, Unexamined};
use crate::source::git::ObjectId;
use crate::source::git::inflate::Inflater;
use crate::source::git::lookup::Lookup;
use crate::source::git::repository::Repository;

/// Fewer commits are not worth a thread.
const FEW: usize = 8;
/// How far clocks may be wrong where it is told which refs reach a commit, in seconds.
const CLOCK_ERROR: i64 = 86_400;

/// Which commits are new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewCommits {
    /// What the tips reach: names of refs, ids, `main~2`.
    pub tips: Vec<String>,
    /// But for what these reach; those that are not there count for nothing.
    pub known: Vec<String>,
    /// And but for what the refs reach whose full names start so: `refs/` for all, `refs/remotes/origin/`.
    pub known_refs: Vec<String>,
}

impl Run<'_> {
    /// Scans what new commits bring: each file that a commit has and none of its parents, and the messages and names of
    /// commits and of the tags that point to them. A secret that a parent has at the same path, or in a file that the
    /// commit removes, is not new.
    ///
    /// # Errors
    /// When there is no repository, its refs or its folder of objects cannot be read, or a tip names nothing.
    pub fn incoming(&self, path: &Path, new: &NewCommits, settings: &HistorySettings) -> Result<Outcome> {
        self.scan_new(path, new, settings, false)
    }

    /// Scans what commits bring that one commit reaches and another one does not.
    pub(super) fn range(&self, path: &Path, known: &str, tip: &str, settings: &HistorySettings) -> Result<Outcome> {
        let (tips, known) = (vec![tip.to_owned()], vec![known.to_owned()]);
        self.scan_new(path, &NewCommits { tips, known, known_refs: Vec::new() }, settings, true)
    }

    /// `strict`: what is known has to be there.
    fn scan_new(&self, path: &Path, new: &NewCommits, settings: &HistorySettings, strict: bool) -> Result<Outcome> {
        let started = Instant::now();
        let mut repository = Repository::discover(path, &settings.environment)?;
        repository.read_needed_refs()?;
        let lookup = Lookup::open(&repository.objects, repository.hash_len)?;
        let scan = Incoming { run: *self, repository: &repository, lookup: &lookup, settings, strict };
        let mut walk = Walk::new(&lookup);
        let tips = scan.tips(new, &mut walk)?;
        if tips.are_all_new && !tips.commits.is_empty() && tips.others.is_empty() {
            // All of a history is looked at sooner object by object than commit by commit.
            let settings = HistorySettings { branches: new.tips.clone(), range: None, ..settings.clone() };
            return self.history(path, &settings);
        }
        let mut outcome = scan.scan(walk, &tips)?;
        if !outcome.unexamined.is_empty() {
            // What cannot be opened matters where something is missing.
            let unreadable = lookup.unreadable.iter().chain(&repository.unreadable).cloned();
            outcome.unexamined.extend(unreadable.map(|(path, reason)| Unexamined { path, reason }));
        }
        outcome.interrupted |= self.interrupted.load(Ordering::Relaxed);
        outcome.sort();
        outcome.stats.elapsed = started.elapsed();
        Ok(outcome)
    }
}

/// A scan of new commits.
struct Incoming<'a> {
    run: Run<'a>,
    repository: &'a Repository,
    lookup: &'a Lookup,
    settings: &'a HistorySettings,
    /// What is known has to be there.
    strict: bool,
}

/// What the tips are.
#[derive(Default)]
struct Tips {
    commits: Vec<Node>,
    tags: Vec<(ObjectId, Option<ObjectId>)>,
    /// Trees and files: git lets refs point to anything.
    others: Vec<ObjectId>,
    /// Nothing is known.
    are_all_new: bool,
}

impl Incoming<'_> {
    fn scan(&self, mut walk: Walk<'_>, tips: &Tips) -> Result<Outcome> {
        let nodes = walk.new_commits();
        let graph = walk.graph(&nodes);
        let mut outcome = Outcome::default();
        let reported = self.reported(&graph, &walk, tips);
        let mut steps = self.steps(&graph, &walk, &reported, &mut outcome);
        let mut differ = Differ::new(self.lookup, self.repository.hash_len);
        steps.extend(tips.others.iter().map(|id| Step { commit: None, changes: differ.changes_of(*id) }));
        let place = |id: &ObjectId| walk.numbers.get(id).copied().flatten().and_then(|node| graph.place(node));
        let mut messages: Vec<Message> = Vec::new();
        for &commit in &reported {
            let object = walk.met[graph.commits[commit as usize].number as usize].id;
            messages.push(Message { object, is_tag: false, commit: Some(commit) });
        }
        for (object, target) in &tips.tags {
            messages.push(Message { object: *object, is_tag: true, commit: target.as_ref().and_then(place) });
        }
        let bringer = Bringer::new(self.run, self.lookup, self.settings)?;
        let brought = bringer.gather(steps, &messages, &mut differ, &mut outcome);
        let origins = self.origins(&brought, &graph, &mut walk, &bringer);
        let head = self.head_tree();
        let in_head = RefCell::new(Differ::new(self.lookup, self.repository.hash_len));
        let origin = |brought: &Brought| {
            let mut origin = brought.commit.and_then(|commit| origins.get(&commit)).cloned().unwrap_or_default();
            origin.object = brought.object.map(|object| object.to_string()).unwrap_or_default();
            origin.versions = brought.versions;
            let head = head.and_then(|tree| in_head.borrow_mut().file_at(tree, &brought.raw_path));
            origin.in_head = head.is_some_and(|head| Some(head) == brought.object || bringer.holds(head, brought));
            Some(Box::new(origin))
        };
        bringer.tell(&brought, self.settings.all_occurrences, origin, &mut outcome);
        outcome.unexamined.append(&mut differ.unexamined);
        outcome.unexamined.append(&mut walk.unreadable);
        self.note_absent(&walk, &nodes, &mut outcome);
        Ok(outcome)
    }

    /// Finds what names stand for, and tells the walk.
    fn tips(&self, new: &NewCommits, walk: &mut Walk<'_>) -> Result<Tips> {
        let mut tips = Tips { are_all_new: true, ..Tips::default() };
        let is_known = |name: &str| new.known_refs.iter().any(|start| name.starts_with(start.as_str()));
        let known_refs = self.repository.refs.iter().filter(|(name, _)| is_known(name));
        let mut known: Vec<ObjectId> = known_refs.map(|(_, id)| *id).collect();
        for name in &new.known {
            match self.named(name, walk) {
                Some(id) => known.push(id),
                None if self.strict => return Err(unknown(name)),
                None => {}
            }
        }
        for id in known {
            let Peeled { commit, tags, .. } = walk.peel(id);
            if let Some(node) = commit.and_then(|id| walk.meet(id)) {
                walk.push(node, true);
                tips.are_all_new = false;
            }
            // A tag that was there before is not new.
            walk.numbers.extend(tags.into_iter().map(|tag| (tag, None)));
        }
        for name in &new.tips {
            let id = self.named(name, walk).ok_or_else(|| unknown(name))?;
            let Peeled { commit, other, tags } = walk.peel(id);
            if let Some(node) = commit.and_then(|id| walk.meet(id)) {
                walk.push(node, false);
                tips.commits.push(node);
            }
            tips.others.extend(other);
            let is_new = |tag: &ObjectId| !walk.numbers.contains_key(tag);
            tips.tags.extend(tags.into_iter().filter(is_new).map(|tag| (tag, commit)));
        }
        Ok(tips)
    }

    /// The object of a name, of which there may be a commit with steps behind it.
    fn named(&self, name: &str, walk: &mut Walk<'_>) -> Option<ObjectId> {
        let start = |name: &str| self.repository.find(name, |hex| self.lookup.find_short(hex));
        if !name.contains(['~', '^']) {
            return start(name);
        }
        let peeled = start(&name[..name.find(['~', '^'])?]).and_then(|id| walk.peel(id).commit);
        let parents = |id| walk.meet(id).map(|node| walk.met[node as usize].parents.clone()).unwrap_or_default();
        revision(name, |_| peeled, parents)
    }

    /// The new commits that the settings ask for, by place.
    fn reported(&self, graph: &Graph, walk: &Walk<'_>, tips: &Tips) -> Vec<u32> {
        let tips: Vec<u32> = tips.commits.iter().filter_map(|node| graph.place(*node)).collect();
        let near = self.settings.max_depth.map(|depth| within(graph, &tips, depth));
        let author = self.settings.author.as_deref().map(str::to_lowercase);
        let (mut inflater, mut content) = (Inflater::new(), Vec::new());
        let mut is_by = |place: u32, wanted: &str| {
            let id = walk.met[graph.commits[place as usize].number as usize].id;
            matches!(self.lookup.read(&id, &mut inflater, &mut content), Ok(Some(_)))
                && parts(&content).first("author").is_some_and(|line| {
                    let author = Signature::of(line);
                    format!("{} <{}>", author.name, author.email).to_lowercase().contains(wanted)
                })
        };
        let is_reported = |place: &u32| {
            let time = graph.commits[*place as usize].time;
            near.as_ref().is_none_or(|near| near[*place as usize])
                && self.settings.since.is_none_or(|since| time >= since)
                && self.settings.until.is_none_or(|until| time <= until)
                && author.as_ref().is_none_or(|author| is_by(*place, author))
        };
        (0..graph.commits.len() as u32).filter(is_reported).collect()
    }

    /// What each commit changes.
    fn steps(&self, graph: &Graph, walk: &Walk<'_>, reported: &[u32], outcome: &mut Outcome) -> Vec<Step> {
        let (next, gathered) = (AtomicUsize::new(0), Mutex::new((Vec::new(), Vec::new())));
        let work = || {
            let mut differ = Differ::new(self.lookup, self.repository.hash_len);
            let mut steps = Vec::new();
            while let Some(&place) = reported.get(next.fetch_add(1, Ordering::Relaxed)) {
                if self.run.interrupted.load(Ordering::Relaxed) {
                    break;
                }
                let met = &walk.met[graph.commits[place as usize].number as usize];
                let parents = met.parents.iter().filter_map(|parent| walk.numbers.get(parent).copied().flatten());
                let before: Vec<ObjectId> = parents.filter_map(|node| walk.met[node as usize].tree).collect();
                if let Some(tree) = met.tree {
                    let changes = differ.changes(Folder::Tree(tree), &before);
                    steps.push(Step { commit: Some(place), changes });
                }
            }
            let mut gathered = gathered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            gathered.0.append(&mut steps);
            gathered.1.append(&mut differ.unexamined);
        };
        let threads = self.settings.thread_count();
        if threads < 2 || reported.len() < FEW {
            work();
        } else {
            std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        }
        let (mut steps, mut unexamined) = gathered.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        steps.sort_by_key(|step| step.commit);
        unexamined.sort();
        unexamined.dedup();
        outcome.unexamined.append(&mut unexamined);
        steps
    }

    /// What is said of the commits that brought something.
    fn origins(
        &self,
        brought: &[Brought],
        graph: &Graph,
        walk: &mut Walk<'_>,
        bringer: &Bringer<'_>,
    ) -> HashMap<u32, Origin> {
        let mut commits: Vec<u32> = brought.iter().filter_map(|brought| brought.commit).collect();
        commits.sort_unstable();
        commits.dedup();
        let Some(oldest) = commits.iter().map(|commit| graph.commits[*commit as usize].time).min() else {
            return HashMap::new();
        };
        let mut refs: Vec<(String, Node)> = Vec::new();
        for (name, id) in &self.repository.refs {
            if let Some(node) = walk.peel(*id).commit.and_then(|id| walk.meet(id)) {
                refs.push((name.clone(), node));
            }
        }
        refs.sort_by_key(|(name, _)| (telling(name, self.repository.branch.as_deref()), name.clone()));
        let tips: Vec<Node> = refs.iter().map(|(_, node)| *node).collect();
        let mut all = walk.since(&tips, oldest.saturating_sub(CLOCK_ERROR));
        // While they are received, no ref reaches them.
        all.extend(commits.iter().map(|commit| graph.commits[*commit as usize].number));
        all.sort_unstable();
        all.dedup();
        let whole = walk.graph(&all);
        let refs: Vec<(String, u32)> =
            refs.into_iter().filter_map(|(name, node)| Some((name, whole.place(node)?))).collect();
        let node = |commit: u32| graph.commits[commit as usize].number;
        let places: Vec<u32> = commits.iter().map(|commit| whole.place(node(*commit)).unwrap_or_default()).collect();
        let reaching = refs_reaching(&whole, &refs, &places);
        let mut scratch = Scratch::new();
        let mut info = |commit: u32| -> Option<CommitInfo> {
            let id = walk.met[node(commit) as usize].id;
            self.lookup.read(&id, &mut walk.inflater, &mut walk.content).ok()??;
            Some(commit_info(bringer.run.scanner, id.to_string(), &walk.content, &mut scratch))
        };
        let origin = |(commit, (ref_count, refs)): (u32, (u64, Vec<String>))| {
            (commit, Origin { commit: info(commit), refs, ref_count, ..Origin::default() })
        };
        commits.into_iter().zip(reaching).map(origin).collect()
    }

    fn head_tree(&self) -> Option<ObjectId> {
        let head = self.repository.refs.get("HEAD")?;
        let mut walk = Walk::new(self.lookup);
        let node = walk.meet(*head)?;
        walk.met[node as usize].tree
    }

    fn note_absent(&self, walk: &Walk<'_>, new: &[Node], outcome: &mut Outcome) {
        let is_absent = |parent: &ObjectId| walk.numbers.get(parent).is_some_and(Option::is_none);
        let of = |node: &Node| walk.met[*node as usize].parents.iter().filter(|parent| is_absent(parent)).count();
        let absent: usize = new.iter().map(of).sum();
        if absent > 0 {
            let why =
                if self.repository.shallow.is_empty() { "the repository is damaged" } else { "the clone is shallow" };
            let reason = format!("{absent} commits that came before are not there: {why}; what they had counts as new");
            outcome.unexamined.push(Unexamined { path: "<history>".to_owned(), reason });
        }
    }
}
