//! Hits and occurrences, brought together: which secret is told at which place.

use std::collections::{HashMap, HashSet};

use super::attribute::{Attribution, PathNumber};
use super::commits::Graph;
use super::scan::{Found, Hit, Part, SecretKey, Spot};
use super::select::Selection;
use crate::source::git::ObjectNumber;

/// A secret at a place, and in which object it came there first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) secret: SecretKey,
    pub(super) place: Place,
    pub(super) object: ObjectNumber,
    /// Where in the object it stands first; not for one in a name.
    pub(super) spot: Option<Spot>,
    /// The place of the commit in the graph.
    pub(super) commit: Option<u32>,
    pub(super) versions: u64,
    pub(super) in_head: bool,
}

/// Where secrets are gathered as one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Place {
    /// In the file at a path.
    Path(PathNumber),
    /// In the last name of a path.
    Name(PathNumber),
    /// In a commit or tag.
    Part { part: Part, is_tag: bool },
    /// In an object to which no commit leads.
    Nowhere,
}

/// Brings hits and occurrences together.
pub(super) struct Gathering<'a> {
    pub(super) hits: &'a HashMap<ObjectNumber, Vec<Hit>>,
    pub(super) name_hits: &'a HashMap<u32, Vec<SecretKey>>,
    pub(super) attribution: &'a Attribution<'a>,
    pub(super) in_head: &'a HashSet<(ObjectNumber, PathNumber)>,
}

impl Gathering<'_> {
    /// The findings: the first occurrence of each secret at each place; all of them where all are asked for.
    pub(super) fn groups(&self, graph: &Graph, found: &[Found], selection: &Selection, all: bool) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut known: HashMap<(SecretKey, Place), usize> = HashMap::new();
        let mut add = |group: Group| match known.get(&(group.secret, group.place)) {
            Some(&at) if !all => {
                groups[at].versions += 1;
                groups[at].in_head |= group.in_head;
            }
            _ => {
                known.insert((group.secret, group.place), groups.len());
                groups.push(group);
            }
        };
        let mut attributed = HashSet::new();
        for occurrence in &self.attribution.occurrences {
            let (object, path) = (occurrence.object, occurrence.path);
            attributed.insert(object);
            let in_head = self.in_head.contains(&(object, path));
            let group = |secret: SecretKey, place: Place, spot: Option<Spot>| Group {
                secret,
                place,
                object,
                spot,
                commit: Some(occurrence.commit),
                versions: 1,
                in_head,
            };
            for hit in self.hits.get(&object).into_iter().flatten() {
                add(group(hit.secret, Place::Path(path), Some(hit.spot)));
            }
            for &secret in self.name_hits.get(&self.attribution.paths.name(path)).into_iter().flatten() {
                add(group(secret, Place::Name(path), None));
            }
        }
        self.others(graph, found, &attributed, selection, &mut add);
        groups.retain(|group| group.commit.map_or(!selection.is_part, |commit| selection.reports(commit)));
        groups
    }

    /// Secrets in commits and tags, and in objects to which no commit leads.
    fn others(
        &self,
        graph: &Graph,
        found: &[Found],
        attributed: &HashSet<ObjectNumber>,
        selection: &Selection,
        add: &mut impl FnMut(Group),
    ) {
        let tags: HashMap<ObjectNumber, Option<ObjectNumber>> =
            found.iter().flat_map(|found| &found.tags).map(|tag| (tag.number, tag.target)).collect();
        // The order of a hash table is no order.
        let mut rest: Vec<(Option<u32>, ObjectNumber, Hit)> = Vec::new();
        for (&object, hits) in self.hits.iter().filter(|(object, _)| !attributed.contains(object)) {
            let target = tags.get(&object).copied().flatten();
            let commit = graph.place(target.unwrap_or(object));
            rest.extend(hits.iter().map(|hit| (commit, object, *hit)));
        }
        rest.sort_unstable_by_key(|(commit, object, hit)| (commit.map(|commit| selection.rank(commit)), *object, *hit));
        for (commit, object, hit) in rest {
            let place = match hit.spot.part {
                Part::Content | Part::Member => Place::Nowhere,
                part => Place::Part { part, is_tag: tags.contains_key(&object) },
            };
            let commit = commit.filter(|_| place != Place::Nowhere);
            let (secret, spot) = (hit.secret, Some(hit.spot));
            add(Group { secret, place, object, spot, commit, versions: 1, in_head: false });
        }
    }
}
