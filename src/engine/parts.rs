//! Credentials of several parts: secrets that belong together become one finding.
//!
//! A rule may have parts ([`Rule::parts`](crate::Rule::parts)): its findings are *heads*, those of the rules that a part
//! names are its parts. Heads and parts of one *class* (parts that the same rules find) are matched with one another
//! where they stand close enough: as many pairs as can be, none of them crossed; of the ways to do that the one with the
//! least line feeds between partners, then the one in which ids most often come before their secrets, then the one with
//! the least bytes. So profiles that stand one after another are told apart whichever of their parts comes first. A
//! secret is a part of one finding at most; the id of an owner may be that of several, and is never told alone.
//!
//! Partners are close, so that this looks at one *cluster* after the other: secrets of which none is too far from the
//! one before it. A cluster that gets long is cut where no pair is cut.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::rule::{Kind, Rule};
use crate::span::Span;

/// Partners stand at most so many bytes apart ...
const REACH: u64 = 2048;
/// ... and so many line feeds.
const REACH_LINES: u64 = 12;
/// A cluster of so many secrets is cut; at least half of it is given then.
const MOST: usize = 64;
/// The confidence of a finding that its parts make sure.
const SUREST: f32 = 0.99;

/// Which rules find parts of which credentials.
#[derive(Debug, Default)]
pub(super) struct PartIndex {
    /// By the rule of a head: the class of each part, and the part's number.
    heads: BTreeMap<usize, Vec<(usize, usize)>>,
    /// By the rule of a part.
    classes: BTreeMap<usize, usize>,
    /// By the rule of an anchor: the rules of the values that are looked for behind it, ascending.
    beside: BTreeMap<usize, Vec<usize>>,
    /// The rules of such values: a generic finding may be one of theirs.
    sought: Vec<usize>,
}

impl PartIndex {
    /// `rules` are by id. What they say of rules that are not there says nothing.
    pub(super) fn new(rules: &[Rule]) -> PartIndex {
        let mut index = PartIndex::default();
        if rules.iter().all(|rule| rule.parts.is_empty() && rule.beside.is_empty()) {
            return index;
        }
        let named = |id: &str| rules.binary_search_by(|rule| rule.id().cmp(id)).ok();
        let mut numbers: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        // Rules of other tools decide themselves what has to stand beside a secret, one secret at a time.
        let joins = !rules.iter().any(Rule::is_foreign);
        for (head, rule) in rules.iter().enumerate().filter(|_| joins) {
            for (number, part) in rule.parts.iter().enumerate() {
                let mut of_part: Vec<usize> = part.rules().filter_map(named).collect();
                of_part.sort_unstable();
                if of_part.is_empty() {
                    continue;
                }
                let next = numbers.len();
                let class = *numbers.entry(of_part.clone()).or_insert(next);
                index.heads.entry(head).or_default().push((class, number));
                index.classes.extend(of_part.into_iter().map(|rule| (rule, class)));
            }
        }
        for (sought, rule) in rules.iter().enumerate() {
            let anchors: BTreeSet<usize> = rule.beside().filter_map(named).collect();
            if !anchors.is_empty() {
                index.sought.push(sought);
            }
            for anchor in anchors {
                index.beside.entry(anchor).or_default().push(sought);
            }
        }
        index
    }

    /// The rules of the values that are looked for behind a secret of this rule.
    pub(super) fn beside(&self, rule: usize) -> &[usize] {
        self.beside.get(&rule).map_or(&[], Vec::as_slice)
    }

    /// The rules of values that are looked for behind others, ascending.
    pub(super) fn sought(&self) -> &[usize] {
        &self.sought
    }

    /// Whether secrets of this rule have parts.
    pub(super) fn is_head(&self, rule: usize) -> bool {
        self.heads.contains_key(&rule)
    }

    /// Of which rule an item has parts of a class, and the number of the part.
    fn head<T>(&self, item: &Item<T>, class: usize) -> Option<(usize, usize)> {
        item.rules().find_map(|rule| {
            let mut parts = self.heads.get(&rule)?.iter();
            parts.find(|(own, _)| *own == class).map(|&(_, number)| (rule, number))
        })
    }

    fn is_part<T>(&self, item: &Item<T>, class: usize) -> bool {
        item.rules().any(|rule| self.classes.get(&rule) == Some(&class))
    }

    /// Whether an item may be a part, or have parts.
    fn concerns<T>(&self, item: &Item<T>) -> bool {
        item.rules().any(|rule| self.heads.contains_key(&rule) || self.classes.contains_key(&rule))
    }
}

/// A secret that may be a part of a finding, or have parts.
#[derive(Debug, Clone)]
pub(super) struct Item<T> {
    pub(super) rule: usize,
    pub(super) kind: Kind,
    pub(super) span: Span,
    /// The lines on which it starts and ends.
    pub(super) lines: (u64, u64),
    pub(super) confidence: f32,
    /// For an item of a generic rule: other rules whose format it has.
    pub(super) fits: Vec<usize>,
    pub(super) what: T,
}

impl<T> Item<T> {
    fn rules(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.rule).chain(self.fits.iter().copied())
    }
}

/// A finding with its parts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Joined<T> {
    pub(super) what: T,
    /// How sure the parts make one another; `None` when there are none.
    pub(super) confidence: Option<f32>,
    pub(super) parts: Vec<JoinedPart<T>>,
}

/// A part of a finding: the part of this number of this rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct JoinedPart<T> {
    pub(super) of: usize,
    pub(super) number: usize,
    pub(super) is_public: bool,
    pub(super) what: T,
}

/// That an item is a part of another one: the part of this number of this rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    head: usize,
    of: usize,
    number: usize,
    part: usize,
}

/// Joins the secrets of one view of a unit as they come.
#[derive(Debug)]
pub(super) struct Joiner<T> {
    /// By place.
    cluster: Vec<Item<T>>,
    end: u64,
}

impl<T> Default for Joiner<T> {
    fn default() -> Joiner<T> {
        Joiner { cluster: Vec::new(), end: 0 }
    }
}

impl<T: Clone> Joiner<T> {
    pub(super) fn clear(&mut self) {
        self.cluster.clear();
        self.end = 0;
    }

    /// What has not come out yet.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &T> {
        self.cluster.iter().map(|item| &item.what)
    }

    /// Takes the next secret, by place.
    pub(super) fn push(&mut self, index: &PartIndex, item: Item<T>, give: &mut impl FnMut(Joined<T>)) {
        if !index.concerns(&item) {
            if item.kind != Kind::Identifier {
                give(Joined { what: item.what, confidence: None, parts: Vec::new() });
            }
            return;
        }
        self.advance(index, item.span.start, give);
        self.end = self.end.max(item.span.end);
        self.cluster.push(item);
        if self.cluster.len() == MOST {
            let links = links(index, &self.cluster);
            let crossed = |at: usize| links.iter().any(|link| (link.head < at) != (link.part < at));
            let cut = (MOST / 2..MOST).find(|&at| !crossed(at)).unwrap_or(MOST);
            let rest = self.cluster.split_off(cut);
            let first = std::mem::replace(&mut self.cluster, rest);
            give_all(first, &links.into_iter().filter(|link| link.head < cut).collect::<Vec<_>>(), give);
        }
    }

    /// Nothing that is still to come starts before `known`.
    pub(super) fn advance(&mut self, index: &PartIndex, known: u64, give: &mut impl FnMut(Joined<T>)) {
        if !self.cluster.is_empty() && known > self.end.saturating_add(REACH) {
            let cluster = std::mem::take(&mut self.cluster);
            let links = links(index, &cluster);
            give_all(cluster, &links, give);
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, index: &PartIndex, give: &mut impl FnMut(Joined<T>)) {
        self.advance(index, u64::MAX, give);
    }
}

/// Gives the findings of a cluster; parts go with their heads, and public ones not without.
fn give_all<T: Clone>(cluster: Vec<Item<T>>, links: &[Link], give: &mut impl FnMut(Joined<T>)) {
    let all: Vec<(T, bool, f32)> =
        cluster.iter().map(|item| (item.what.clone(), item.kind == Kind::Identifier, item.confidence)).collect();
    for (at, item) in cluster.into_iter().enumerate() {
        if item.kind == Kind::Identifier || links.iter().any(|link| link.part == at) {
            continue;
        }
        let mut own: Vec<&Link> = links.iter().filter(|link| link.head == at).collect();
        own.sort_unstable();
        let doubt = own.iter().fold(1.0 - item.confidence, |doubt, link| doubt * (1.0 - all[link.part].2));
        let surest = own.iter().fold(item.confidence, |most, link| most.max(all[link.part].2));
        let confidence = (!own.is_empty()).then(|| (1.0 - doubt).min(SUREST).max(surest));
        let part = |&&Link { of, number, part, .. }: &&Link| {
            let (what, is_public, _) = &all[part];
            JoinedPart { of, number, is_public: *is_public, what: what.clone() }
        };
        give(Joined { what: item.what, confidence, parts: own.iter().map(part).collect() });
    }
}

/// What a way to match partners is worth: the number of pairs, the lines and bytes between them, and how many are not
/// in the usual order.
type Worth = (u32, Reverse<u64>, Reverse<u32>, Reverse<u64>);

/// Which items are parts of which others.
fn links<T>(index: &PartIndex, items: &[Item<T>]) -> Vec<Link> {
    let of_rule = |rule: usize| index.heads.get(&rule).into_iter().flatten().map(|(class, _)| *class);
    let classes: BTreeSet<usize> = items.iter().flat_map(Item::rules).flat_map(of_rule).collect();
    let mut links: Vec<Link> = Vec::new();
    // What each item is told as: a generic one is a head of one rule, or one part.
    let mut roles: Vec<Option<Role>> = vec![None; items.len()];
    for class in classes {
        let of_class = |at: usize| index.head(&items[at], class).map(|(of, number)| (at, of, number));
        let may_be = |&(at, of, _): &(usize, usize, usize)| roles[at].is_none_or(|role| role == Role::Head(of));
        let heads: Vec<(usize, usize, usize)> = (0..items.len()).filter_map(of_class).filter(may_be).collect();
        let is_part = |at: &usize| roles[*at].is_none() && index.is_part(&items[*at], class);
        let parts: Vec<usize> = (0..items.len()).filter(is_part).collect();
        let (places, first) = (heads.iter().map(|head| head.0).collect::<Vec<_>>(), links.len());
        for (head, part) in matched(items, &places, &parts) {
            let (head, of, number) = heads[head];
            links.push(Link { head, of, number, part });
        }
        // The id of an owner is that of more than one secret.
        let public: Vec<usize> = parts.into_iter().filter(|&part| items[part].kind == Kind::Identifier).collect();
        for &(head, of, number) in &heads {
            if !links[first..].iter().any(|link| link.head == head) {
                let near = public.iter().filter_map(|&part| Some((worth(&items[head], &items[part])?, Reverse(part))));
                links.extend(near.max().map(|(_, Reverse(part))| Link { head, of, number, part }));
            }
        }
        for link in &links[first..] {
            (roles[link.head], roles[link.part]) = (Some(Role::Head(link.of)), Some(Role::Part));
        }
    }
    links
}

/// What an item is told as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A head with the parts of this rule.
    Head(usize),
    Part,
}

/// What a pair is worth; `None` when the two do not stand close.
fn worth<T>(head: &Item<T>, part: &Item<T>) -> Option<Worth> {
    let (first, second) = if head.span.start < part.span.start { (head, part) } else { (part, head) };
    let bytes = second.span.start.checked_sub(first.span.end)?;
    let lines = second.lines.0.saturating_sub(first.lines.1);
    let public_first = (part.span.start < head.span.start) == (part.kind == Kind::Identifier);
    let close = bytes <= REACH && lines <= REACH_LINES;
    close.then_some((1, Reverse(lines), Reverse(u32::from(!public_first)), Reverse(bytes)))
}

fn sum(a: Worth, b: Worth) -> Worth {
    (a.0 + b.0, Reverse(a.1.0 + b.1.0), Reverse(a.2.0 + b.2.0), Reverse(a.3.0 + b.3.0))
}

/// The best way to match heads and parts, both by place, as pairs of a head's number and an item.
fn matched<T>(items: &[Item<T>], heads: &[usize], parts: &[usize]) -> Vec<(usize, usize)> {
    let pair = |head: usize, part: usize| worth(&items[heads[head]], &items[parts[part]]);
    // What the first heads and the first parts are worth together.
    let width = parts.len() + 1;
    let nothing: Worth = (0, Reverse(0), Reverse(0), Reverse(0));
    let mut best = vec![nothing; (heads.len() + 1) * width];
    let joined =
        |best: &[Worth], head: usize, part: usize| pair(head, part).map(|worth| sum(best[head * width + part], worth));
    for head in 0..heads.len() {
        for part in 0..parts.len() {
            let apart = best[head * width + part + 1].max(best[(head + 1) * width + part]);
            best[(head + 1) * width + part + 1] = joined(&best, head, part).map_or(apart, |worth| worth.max(apart));
        }
    }
    let (mut head, mut part, mut pairs) = (heads.len(), parts.len(), Vec::new());
    while head > 0 && part > 0 {
        let here = best[head * width + part];
        if here == best[(head - 1) * width + part] {
            head -= 1;
        } else if here == best[head * width + part - 1] {
            part -= 1;
        } else {
            (head, part) = (head - 1, part - 1);
            pairs.push((head, parts[part]));
        }
    }
    pairs
}
