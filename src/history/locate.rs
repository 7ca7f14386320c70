//! Reported secrets in the objects that hold them: made again, scanned in full, and told with their commits.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::attribute::Paths;
use super::commits::{Graph, parts};
use super::members::each_member;
use super::scan::{Part, SecretKey};
use super::select::Selection;
use super::telling::{commit_info, masked};
use super::{Group, HistorySettings, Place};
use crate::engine::{DOUBTFUL, Scratch, Surroundings};
use crate::error::Result;
use crate::finding::{CommitInfo, Finding, Located, Origin};
use crate::run::{Outcome, Run, Unexamined};
use crate::source::fs::PathGlobs;
use crate::source::git::inflate::Inflater;
use crate::source::git::{ObjectNumber, Store};

/// So many objects a thread takes at a time.
const BLOCK: usize = 8;

/// What locating needs to know.
pub(super) struct Locator<'a> {
    pub(super) run: Run<'a>,
    pub(super) store: &'a Store,
    pub(super) scan_hasher: RandomState,
    pub(super) graph: &'a Graph,
    pub(super) selection: &'a Selection,
    pub(super) paths: &'a Paths,
    pub(super) names: &'a [Box<[u8]>],
    pub(super) name_hits: &'a HashMap<u32, Vec<SecretKey>>,
}

/// A group with the words for it.
struct Told<'g> {
    group: &'g Group,
    path: String,
    origin: Origin,
}

impl Locator<'_> {
    /// Adds the findings of the groups to the outcome.
    pub(super) fn locate(
        &self,
        groups: &[Group],
        settings: &HistorySettings,
        threads: usize,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let by_object = self.told(groups, settings)?;
        let mut objects: Vec<(ObjectNumber, Vec<Told<'_>>)> = by_object.into_iter().collect();
        // Neighbours have bases in common.
        objects.sort_by_cached_key(|(object, _)| self.store.lies_at(*object));
        let (next, gathered) = (AtomicUsize::new(0), Mutex::new(Outcome::default()));
        std::thread::scope(|scope| {
            for _ in 0..threads.min(objects.len()) {
                scope.spawn(|| {
                    let mut thread = Thread::new();
                    while let Some(block) = objects.chunks(BLOCK).nth(next.fetch_add(1, Ordering::Relaxed)) {
                        block.iter().for_each(|(object, told)| self.object(*object, told, &mut thread));
                    }
                    gathered.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(thread.outcome);
                });
            }
        });
        outcome.merge(gathered.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
        Ok(())
    }

    /// The groups that are to be reported, by object.
    fn told<'g>(
        &self,
        groups: &'g [Group],
        settings: &HistorySettings,
    ) -> Result<BTreeMap<ObjectNumber, Vec<Told<'g>>>> {
        let root = Path::new("");
        let only = PathGlobs::new(root, &settings.paths)?;
        let exclude = PathGlobs::new(root, &settings.exclude)?;
        let author = settings.author.as_deref().map(str::to_lowercase);
        let mut commits: Vec<u32> = groups.iter().filter_map(|group| group.commit).collect();
        commits.sort_unstable();
        commits.dedup();
        let refs = self.selection.refs_reaching(self.graph, &commits);
        let mut thread = Thread::new();
        let mut infos: HashMap<u32, Option<CommitInfo>> = HashMap::new();
        let mut by_object: BTreeMap<ObjectNumber, Vec<Told<'_>>> = BTreeMap::new();
        for group in groups {
            let path = self.path(group, &mut thread);
            let is_file = matches!(group.place, Place::Path(_) | Place::Name(_));
            let is_wanted = settings.paths.is_empty() || is_file && only.matches(&path);
            if !is_wanted || is_file && exclude.matches(&path) {
                continue;
            }
            let commit = group.commit.and_then(|commit| {
                infos.entry(commit).or_insert_with(|| self.commit_info(commit, &mut thread)).clone()
            });
            if let Some(author) = &author {
                let is_by =
                    |info: &CommitInfo| format!("{} <{}>", info.author, info.email).to_lowercase().contains(author);
                if !commit.as_ref().is_some_and(is_by) {
                    continue;
                }
            }
            let reaching =
                group.commit.and_then(|commit| commits.binary_search(&commit).ok()).map(|at| refs[at].clone());
            let (ref_count, refs) = reaching.unwrap_or_default();
            let object = self.store.id(group.object).map(|id| id.to_string()).unwrap_or_default();
            let (in_head, versions) = (group.in_head, group.versions);
            let origin = Origin { object, commit, in_head, refs, ref_count, versions };
            by_object.entry(group.object).or_default().push(Told { group, path, origin });
        }
        Ok(by_object)
    }

    fn path(&self, group: &Group, thread: &mut Thread) -> String {
        match group.place {
            Place::Path(path) | Place::Name(path) => {
                let names = self.paths.names(path);
                let name = |name: &u32| {
                    let text = String::from_utf8_lossy(&self.names[*name as usize]);
                    let holds_secret = self.name_hits.contains_key(name);
                    if holds_secret { masked(self.run.scanner, &text, &mut thread.scratch) } else { text.into_owned() }
                };
                names.iter().map(name).collect::<Vec<_>>().join("/")
            }
            Place::Part { part, is_tag } => {
                let kind = if is_tag { "tag" } else { "commit" };
                let part = if part == Part::Header { "header" } else { "message" };
                format!("<{kind} {part}>")
            }
            Place::Nowhere => {
                let id = self.store.id(group.object).map(|id| id.to_string()).unwrap_or_default();
                format!("<blob {}>", id.get(..12).unwrap_or(&id))
            }
        }
    }

    fn commit_info(&self, place: u32, thread: &mut Thread) -> Option<CommitInfo> {
        let number = self.graph.commits[place as usize].number;
        self.store.read(number, &mut thread.inflater, &mut thread.content).ok()?;
        let id = self.store.id(number)?.to_string();
        Some(commit_info(self.run.scanner, id, &thread.content, &mut thread.scratch))
    }

    /// Scans an object in full, and keeps the findings of its groups.
    fn object(&self, object: ObjectNumber, told: &[Told<'_>], thread: &mut Thread) {
        let Thread { inflater, content, scratch, outcome } = thread;
        for part in [Part::Content, Part::Header, Part::Message] {
            let of_part = |told: &&Told<'_>| match told.group.place {
                Place::Part { part: other, .. } => other == part,
                Place::Path(_) | Place::Nowhere => part == Part::Content,
                Place::Name(_) => false,
            };
            let mut wanted: Vec<&Told<'_>> = told.iter().filter(of_part).collect();
            if wanted.is_empty() {
                continue;
            }
            if let Err(error) = self.store.read(object, inflater, content) {
                let path = wanted[0].path.clone();
                outcome.unexamined.push(Unexamined { path, reason: error.to_string() });
                continue;
            }
            match part {
                Part::Header => self.text("", parts(content).header, &mut wanted, scratch, outcome),
                Part::Message => self.text("", parts(content).message, &mut wanted, scratch, outcome),
                Part::Content | Part::Member => {
                    self.text("", content, &mut wanted, scratch, outcome);
                    if !wanted.is_empty() {
                        // What is not examined of them was told when they were scanned.
                        let _unopened = each_member(&self.run, content, &mut |name, text| {
                            self.text(name, text, &mut wanted, scratch, outcome);
                        });
                    }
                }
            }
            not_found(&wanted, outcome);
        }
        for told in told.iter().filter(|told| matches!(told.group.place, Place::Name(_))) {
            let Place::Name(path) = told.group.place else { continue };
            let name = &self.names[self.paths.name(path) as usize];
            let mut wanted = vec![told];
            self.text("", name, &mut wanted, scratch, outcome);
            not_found(&wanted, outcome);
        }
    }

    /// Tells what is wanted of what a text holds, which is the object, or the member of that name in it.
    fn text(
        &self,
        member: &str,
        text: &[u8],
        wanted: &mut Vec<&Told<'_>>,
        scratch: &mut Scratch,
        outcome: &mut Outcome,
    ) {
        let key = |finding: &Finding| SecretKey::new(finding.rule, self.scan_hasher.hash_one(finding.secret.expose()));
        let mut tell = |told: &Told<'_>, finding: &Finding, around: Surroundings<'_>| {
            let origin = Some(Box::new(told.origin.clone()));
            let located = Located { path: told.path.clone() + member, finding: finding.clone(), origin };
            self.run.inspect_located(located, around, &mut |located| outcome.findings.push(located));
        };
        let mut is_found = false;
        let mut keep = |finding: Finding, around: Surroundings<'_>| {
            // The first of its kind in the text.
            let whole = taken(wanted, key(&finding));
            whole.iter().for_each(|told| tell(told, &finding, around));
            // Parts that came with it are told with it, the others, which came before or later, by themselves.
            for (part, around) in around.of_secret_parts(&finding) {
                let mut apart = taken(wanted, key(part));
                apart.retain(|told| {
                    let came = |told: &Told<'_>| (told.path.clone(), told.origin.commit.clone());
                    !whole.iter().any(|whole| came(whole) == came(told))
                });
                apart.iter().for_each(|told| tell(told, part, around));
            }
        };
        let _coverage = self.run.scanner.scan_with(text, scratch, |finding, around| {
            is_found |= finding.confidence >= DOUBTFUL;
            if finding.confidence >= self.run.min_confidence {
                keep(finding, around);
            }
        });
        if !is_found {
            self.run.scanner.alone(text, None, &mut |finding, around| {
                // At other paths it is none.
                let file = self.run.scanner.rules()[finding.rule].file();
                for told in taken(wanted, key(&finding)) {
                    if file.is_some_and(|file| file.is_at(&(told.path.clone() + member))) {
                        tell(told, &finding, around);
                    }
                }
            });
        }
    }
}

fn not_found(wanted: &[&Told<'_>], outcome: &mut Outcome) {
    for told in wanted {
        let reason = "a secret that was found in it was not found again".to_owned();
        outcome.unexamined.push(Unexamined { path: told.path.clone(), reason });
    }
}

/// Takes out what is told of a secret.
fn taken<'t, 'g>(wanted: &mut Vec<&'t Told<'g>>, secret: SecretKey) -> Vec<&'t Told<'g>> {
    let (taken, rest) = wanted.drain(..).partition(|told| told.group.secret == secret);
    *wanted = rest;
    taken
}

/// What a thread has for itself.
struct Thread {
    inflater: Inflater,
    content: Vec<u8>,
    scratch: Scratch,
    outcome: Outcome,
}

impl Thread {
    fn new() -> Thread {
        Thread { inflater: Inflater::new(), content: Vec::new(), scratch: Scratch::new(), outcome: Outcome::default() }
    }
}
