//! What is told of a history: which secret with which path and commit, and where it is read again.

use std::collections::{BTreeMap, HashMap};

use super::attribute::Attribution;
use super::commits::Graph;
use super::gather::{Group, Place};
use super::scan::{Part, SecretKey, Spot};
use super::select::Selection;
use super::telling::masked;
use crate::engine::Scratch;
use crate::run::{Run, Unexamined};
use crate::source::git::{ObjectNumber, Store};

/// What was found in a history, before it is read again.
pub(super) struct Report {
    pub(super) told: Vec<Told>,
    pub(super) unexamined: Vec<Unexamined>,
    /// Whether only a part of the history was asked for.
    pub(super) is_part: bool,
    /// Whether it stays what it is as long as the repository does, and nothing in it is a secret.
    pub(super) is_lasting: bool,
}

/// A secret that is told, and where.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) object: ObjectNumber,
    /// The index of its rule.
    pub(super) rule: usize,
    /// The secret; `None` as long as it was not read again.
    pub(super) secret: Option<SecretKey>,
    pub(super) within: Within,
    pub(super) path: String,
    pub(super) commit: Option<ObjectNumber>,
    pub(super) in_head: bool,
    pub(super) versions: u64,
    /// How many refs reach the commit, and the names of those that tell most.
    pub(super) ref_count: u64,
    pub(super) refs: Vec<String>,
}

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Within {
    /// In a file that has a path.
    File(Spot),
    /// In a name of a file.
    Name(Box<[u8]>),
    /// In a commit or tag, or in an object to which no commit leads.
    Object(Spot),
}

impl Within {
    /// Where in an object; `None` for a name.
    pub(super) fn spot(&self) -> Option<Spot> {
        match self {
            Within::File(spot) | Within::Object(spot) => Some(*spot),
            Within::Name(_) => None,
        }
    }
}

/// What it takes to tell of groups in words.
pub(super) struct Words<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) store: &'a Store,
    pub(super) graph: &'a Graph,
    pub(super) selection: &'a Selection,
    pub(super) attribution: &'a Attribution<'a>,
    pub(super) names: &'a [Box<[u8]>],
}

impl Words<'_> {
    pub(super) fn told(&self, groups: &[Group], name_hits: &HashMap<u32, Vec<SecretKey>>) -> Vec<Told> {
        let mut commits: Vec<u32> = groups.iter().filter_map(|group| group.commit).collect();
        commits.sort_unstable();
        commits.dedup();
        let refs = self.selection.refs_reaching(self.graph, &commits);
        let reaching: BTreeMap<u32, (u64, Vec<String>)> = commits.into_iter().zip(refs).collect();
        let mut scratch = Scratch::new();
        let of_group = |group: &Group| {
            let (ref_count, refs) = group.commit.and_then(|commit| reaching.get(&commit)).cloned().unwrap_or_default();
            Some(Told {
                object: group.object,
                rule: group.secret.rule(),
                secret: Some(group.secret),
                within: self.within(group)?,
                path: self.path(group, name_hits, &mut scratch),
                commit: group.commit.map(|commit| self.graph.commits[commit as usize].number),
                in_head: group.in_head,
                versions: group.versions,
                ref_count,
                refs,
            })
        };
        groups.iter().filter_map(of_group).collect()
    }

    fn within(&self, group: &Group) -> Option<Within> {
        match group.place {
            Place::Path(_) => group.spot.map(Within::File),
            Place::Name(path) => Some(Within::Name(self.names[self.attribution.paths.name(path) as usize].clone())),
            Place::Part { .. } | Place::Nowhere => group.spot.map(Within::Object),
        }
    }

    fn path(&self, group: &Group, name_hits: &HashMap<u32, Vec<SecretKey>>, scratch: &mut Scratch) -> String {
        match group.place {
            Place::Path(path) | Place::Name(path) => {
                let names = self.attribution.paths.names(path);
                let name = |name: &u32| {
                    let text = String::from_utf8_lossy(&self.names[*name as usize]);
                    let holds_secret = name_hits.contains_key(name);
                    if holds_secret { masked(self.run.scanner, &text, scratch) } else { text.into_owned() }
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
}
