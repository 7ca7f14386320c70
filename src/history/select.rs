//! Which commits are reported, and what refs reach them.

use std::collections::HashMap;

use super::HistorySettings;
use super::commits::Graph;
use super::revision::revision;
use super::scan::Found;
use crate::error::{Error, ErrorKind, Result};
use crate::finding::Origin;
use crate::source::git::repository::Repository;
use crate::source::git::{ObjectNumber, Store};

/// Tags may tag tags, this deep.
pub(super) const MAX_TAG_DEPTH: usize = 64;

/// The part of a history that is reported.
pub(super) struct Selection {
    /// The commit that is checked out.
    pub(super) head: Option<u32>,
    /// Whether only a part of the history was asked for.
    pub(super) is_part: bool,
    /// Commits that came before what was asked for.
    before: Vec<bool>,
    /// Commits that a ref reaches, of those that were asked for.
    reached: Vec<bool>,
    /// Commits that are reported.
    reported: Vec<bool>,
    /// Refs that point to commits, by how much they tell.
    refs: Vec<(String, u32)>,
}

impl Selection {
    pub(super) fn new(
        repository: &Repository,
        store: &Store,
        graph: &Graph,
        found: &[Found],
        settings: &HistorySettings,
    ) -> Result<Selection> {
        let tags: HashMap<ObjectNumber, Option<ObjectNumber>> =
            found.iter().flat_map(|found| &found.tags).map(|tag| (tag.number, tag.target)).collect();
        let peel = |mut number: ObjectNumber| {
            for _ in 0..MAX_TAG_DEPTH {
                match tags.get(&number) {
                    Some(&Some(target)) => number = target,
                    _ => break,
                }
            }
            graph.place(number)
        };
        let mut refs: Vec<(String, u32)> = Vec::new();
        for (name, id) in &repository.refs {
            if let Some(place) = store.find(id.as_bytes()).and_then(peel) {
                refs.push((name.clone(), place));
            }
        }
        refs.sort_by_key(|(name, _)| (telling(name, repository.branch.as_deref()), name.clone()));
        let head = refs.iter().find(|(name, _)| name == "HEAD").map(|(_, place)| *place);
        let names = Revisions { repository, store, graph, peel: &peel };
        let (from, to) = match settings.range.as_deref() {
            None => (None, None),
            Some(range) => {
                let (from, to) = range.split_once("..").unwrap_or(("", range));
                let named = |name: &str| (!name.is_empty()).then(|| names.commit(name)).transpose();
                (named(from)?, Some(named(to)?.or(head).ok_or_else(|| unknown("HEAD"))?))
            }
        };
        let branches = settings.branches.iter().map(|name| names.commit(name)).collect::<Result<Vec<u32>>>()?;
        let all_tips = || refs.iter().map(|(_, place)| *place).collect::<Vec<u32>>();
        let tips = match (to, branches.is_empty()) {
            (Some(to), _) => vec![to],
            (None, false) => branches,
            (None, true) => all_tips(),
        };
        let before = graph.reached_from(from);
        let mut reached = graph.reached_from(tips.iter().copied());
        reached.iter_mut().zip(&before).for_each(|(reached, before)| *reached &= !before);
        let limited = settings.range.is_some() || !settings.branches.is_empty() || settings.max_depth.is_some();
        let timed = settings.since.is_some() || settings.until.is_some() || settings.author.is_some();
        let near = settings.max_depth.map(|depth| within(graph, &tips, depth));
        let is_reported = |place: usize| {
            let time = graph.commits[place].time;
            (!limited || reached[place])
                && near.as_ref().is_none_or(|near| near[place])
                && settings.since.is_none_or(|since| time >= since)
                && settings.until.is_none_or(|until| time <= until)
        };
        let reported = (0..graph.commits.len()).map(is_reported).collect();
        Ok(Selection { head, is_part: limited || timed, before, reached, reported, refs })
    }

    /// Commits in the order in which they count: what came before, what refs reach, the rest; parents first in each.
    pub(super) fn order(&self) -> impl Iterator<Item = u32> {
        let mut order: Vec<u32> = (0..self.reached.len() as u32).collect();
        order.sort_by_key(|place| self.rank(*place));
        order.into_iter()
    }

    /// Where a commit stands in that order.
    pub(super) fn rank(&self, place: u32) -> (u8, u32) {
        let at = place as usize;
        let class = if self.before[at] { 0 } else { 2 - u8::from(self.reached[at]) };
        (class, place)
    }

    pub(super) fn reports(&self, place: u32) -> bool {
        self.reported[place as usize] && !self.before[place as usize]
    }

    /// For each of these commits, how many refs reach it, and the names of those that tell most.
    pub(super) fn refs_reaching(&self, graph: &Graph, commits: &[u32]) -> Vec<(u64, Vec<String>)> {
        refs_reaching(graph, &self.refs, commits)
    }
}

/// For each of these commits, how many refs reach it, and the names of the first of them.
pub(super) fn refs_reaching(graph: &Graph, refs: &[(String, u32)], commits: &[u32]) -> Vec<(u64, Vec<String>)> {
    let mut answers = Vec::with_capacity(commits.len());
    for block in commits.chunks(64) {
        // A bit for each commit of the block, handed on from parents to children.
        let mut bits = vec![0u64; graph.commits.len()];
        for (index, &commit) in block.iter().enumerate() {
            bits[commit as usize] |= 1 << index;
        }
        for place in 0..bits.len() {
            let inherited = graph.parents(place as u32).iter().fold(0, |all, parent| all | bits[*parent as usize]);
            bits[place] |= inherited;
        }
        let first = answers.len();
        answers.resize(first + block.len(), (0, Vec::new()));
        for (name, tip) in refs.iter().filter(|(name, _)| name != "HEAD") {
            let mut reaching = bits[*tip as usize];
            while reaching != 0 {
                let (count, names) = &mut answers[first + reaching.trailing_zeros() as usize];
                *count += 1;
                if names.len() < Origin::MAX_REFS {
                    names.push(name.clone());
                }
                reaching &= reaching - 1;
            }
        }
    }
    answers
}

/// Refs that tell more come first.
pub(super) fn telling(name: &str, branch: Option<&str>) -> u8 {
    match name {
        _ if Some(name) == branch => 0,
        _ if name.starts_with("refs/heads/") => 1,
        _ if name.starts_with("refs/remotes/") => 2,
        _ if name.starts_with("refs/tags/") => 3,
        "refs/stash" => 4,
        _ => 5,
    }
}

/// Commits at most `depth` steps from the tips, which are the first.
pub(super) fn within(graph: &Graph, tips: &[u32], depth: u32) -> Vec<bool> {
    let mut near = vec![false; graph.commits.len()];
    let mut next = tips.to_vec();
    for _ in 0..depth {
        let mut parents = Vec::new();
        for place in next {
            if !std::mem::replace(&mut near[place as usize], true) {
                parents.extend_from_slice(graph.parents(place));
            }
        }
        if parents.is_empty() {
            break;
        }
        next = parents;
    }
    near
}

/// Names of commits.
struct Revisions<'a, P> {
    repository: &'a Repository,
    store: &'a Store,
    graph: &'a Graph,
    peel: &'a P,
}

impl<P: Fn(ObjectNumber) -> Option<u32>> Revisions<'_, P> {
    /// The commit of a name: a ref, an id or its start, with `~2` and `^` behind it.
    fn commit(&self, name: &str) -> Result<u32> {
        let start = |name: &str| {
            let id = self.repository.find(name, |hex| self.store.find_short(hex))?;
            (self.peel)(self.store.find(id.as_bytes())?)
        };
        revision(name, start, |place| self.graph.parents(place).to_vec()).ok_or_else(|| unknown(name))
    }
}

pub(super) fn unknown(name: &str) -> Error {
    Error::new(ErrorKind::Config, format!("`{name}` names no commit of this repository"))
}
