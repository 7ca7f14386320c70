//! What can be told of findings only when all of their unit are known. Costs no more than sorting them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::policy::{Required, RulePolicy, object};
use crate::finding::Located;
use crate::rule::Rule;

/// No match is longer, so that none that overlaps a place starts farther before it.
const LONGEST: u64 = 64 * 1024;

/// Where the matches of one rule start in a unit.
#[derive(Default)]
struct Places {
    by_line: BTreeMap<u64, BTreeSet<u64>>,
    columns: BTreeSet<u64>,
}

impl Places {
    fn near(&self, (line, column): (u64, u64), required: &Required) -> bool {
        let columns = |columns: &BTreeSet<u64>| match required.within_columns {
            None => !columns.is_empty(),
            Some(most) => columns.range(column.saturating_sub(most)..=column.saturating_add(most)).next().is_some(),
        };
        match required.within_lines {
            None => columns(&self.columns),
            Some(most) => {
                let mut lines = self.by_line.range(line.saturating_sub(most)..=line.saturating_add(most));
                lines.any(|(_, on_line)| columns(on_line))
            }
        }
    }
}

/// The findings of one unit, or of all versions of one file, that count. `line` answers on which line a match starts.
pub(super) fn settle(
    unit: Vec<Located>,
    rules: &[Rule],
    policies: &HashMap<String, RulePolicy>,
    line: impl Fn(&Located) -> u64,
) -> Vec<Located> {
    let mut kept = with_all_required(unit, rules, policies, &line);
    kept.sort_by(|a, b| {
        let place = |located: &Located| (located.finding.span, located.finding.rule);
        object(a).cmp(object(b)).then_with(|| place(a).cmp(&place(b)))
    });
    // Places in different versions of a file have nothing to do with one another.
    let told: Vec<bool> = kept.chunk_by(|a, b| object(a) == object(b)).fold(Vec::new(), |mut told, version| {
        let teller = Teller::new(version, rules, &line);
        told.extend(version.iter().map(|located| teller.tells(located, line(located))));
        told
    });
    kept.into_iter().zip(told).filter_map(|(located, told)| (!told).then_some(located)).collect()
}

/// Takes out what counts only with others that are not there, and what was looked for on behalf of others.
fn with_all_required(
    mut unit: Vec<Located>,
    rules: &[Rule],
    policies: &HashMap<String, RulePolicy>,
    line: &impl Fn(&Located) -> u64,
) -> Vec<Located> {
    let policy = |located: &Located| policies.get(rules[located.finding.rule].id());
    if !unit.iter().any(|located| policy(located).is_some_and(RulePolicy::waits)) {
        return unit;
    }
    let mut places: HashMap<&str, Places> = HashMap::new();
    for located in &unit {
        let of_rule = places.entry(rules[located.finding.rule].id()).or_default();
        let column = located.finding.start.column;
        of_rule.by_line.entry(line(located)).or_default().insert(column);
        of_rule.columns.insert(column);
    }
    unit.retain(|located| {
        policy(located).is_none_or(|own| {
            let here = (line(located), located.finding.start.column);
            let near = |required: &Required| {
                places.get(required.rule.as_str()).is_some_and(|places| places.near(here, required))
            };
            !own.silent && own.required.iter().all(near)
        })
    });
    unit
}

/// Knows which findings another one tells better: a rule of another tool tells its secret instead of ours, and a rule
/// that calls itself generic gives way on its line to one that does not.
struct Teller<'a> {
    rules: &'a [Rule],
    /// The findings of rules of other tools, by start.
    foreign: Vec<&'a Located>,
    /// The lines and secrets of those that are not generic.
    specific: HashSet<(u64, &'a [u8])>,
}

fn is_generic(rule: &Rule) -> bool {
    rule.id().to_ascii_lowercase().contains("generic")
}

impl<'a> Teller<'a> {
    fn new(unit: &'a [Located], rules: &'a [Rule], line: &impl Fn(&Located) -> u64) -> Teller<'a> {
        let foreign: Vec<&Located> = unit.iter().filter(|located| rules[located.finding.rule].is_foreign()).collect();
        let specific = foreign.iter().filter(|located| !is_generic(&rules[located.finding.rule]));
        let specific = specific.map(|located| (line(located), located.finding.secret.expose())).collect();
        Teller { rules, foreign, specific }
    }

    fn tells(&self, located: &Located, line: u64) -> bool {
        let rule = &self.rules[located.finding.rule];
        let span = located.finding.span;
        if rule.is_foreign() {
            return is_generic(rule) && self.specific.contains(&(line, located.finding.secret.expose()))
                || is_generic(rule) && self.overlapping(located).any(|other| self.holds(other, located, line));
        }
        self.overlapping(located).any(|other| other.finding.span.overlaps(span))
    }

    /// Whether another finding on the line holds this secret and more.
    fn holds(&self, other: &Located, located: &Located, line: u64) -> bool {
        let text = other.finding.secret.expose();
        !is_generic(&self.rules[other.finding.rule])
            && self.specific.contains(&(line, text))
            && memchr::memmem::find(text, located.finding.secret.expose()).is_some()
    }

    fn overlapping(&self, located: &Located) -> impl Iterator<Item = &'a Located> {
        let span = located.finding.span;
        let end = self.foreign.partition_point(|other| other.finding.span.start < span.end);
        let near = self.foreign[..end].iter().rev();
        let near = near.take_while(move |other| other.finding.span.start + LONGEST >= span.start);
        near.copied().filter(move |other| other.finding.span.overlaps(span))
    }
}
