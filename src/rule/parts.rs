//! Credentials of several parts: what a rule may say of its others.

use super::model::{Kind, Rule, RulePart, refused};
use super::schema::{PartSpec, RuleSpec};
use super::text::Text;
use crate::error::Result;

/// No value that is looked for beside another one is longer.
const MAX_BESIDE_LEN: usize = 256;
const MAX_ROLE_LEN: usize = 40;

/// The parts of a rule as it stands alone; the rules of each by id.
pub(super) fn admit(spec: &RuleSpec) -> Result<Vec<RulePart>> {
    let bad = |role: &str| role.is_empty() || role.len() > MAX_ROLE_LEN || role.trim() != role;
    if let Some(part) = spec.parts.iter().find(|part| bad(&part.role)) {
        return Err(refused(format!(
            "a `role` is a few words of at most {MAX_ROLE_LEN} bytes; `{}` is not",
            part.role
        )));
    }
    let part = |part: &PartSpec| {
        let mut rules: Vec<Text> = part.rules.iter().map(Text::from).collect();
        rules.sort_unstable();
        RulePart { role: Text::from(&part.role), rules }
    };
    Ok(spec.parts.iter().map(part).collect())
}

/// Whether what the rules of a file say of one another holds together.
pub(super) fn check(rules: &[Rule]) -> Result<()> {
    rules.iter().try_for_each(|rule| {
        check_parts(rules, rule).and_then(|()| check_beside(rules, rule)).map_err(|error| error.in_rule(rule.id()))
    })
}

fn check_parts(rules: &[Rule], rule: &Rule) -> Result<()> {
    if rule.parts.is_empty() {
        return Ok(());
    }
    if matches!(rule.kind, Kind::Identifier | Kind::Generic) {
        return Err(refused("a rule that has parts finds a secret of one format"));
    }
    for (number, part) in rule.parts.iter().enumerate() {
        if part.rules.is_empty() {
            return Err(refused(format!("the part `{}` names no rule in `rules`", part.role())));
        }
        for id in part.rules() {
            let other = named(rules, id)?;
            if !other.parts.is_empty() || other.id() == rule.id() {
                return Err(refused(format!("`{id}` has parts of its own, and cannot be one")));
            }
            if other.kind == Kind::Generic {
                return Err(refused(format!("`{id}` is generic, and belongs to no one format")));
            }
        }
        // So that it is clear which rules' findings compete for a partner.
        let overlaps = |other: &RulePart| other.rules.iter().any(|id| part.rules.contains(id));
        if rule.parts[..number].iter().any(overlaps) {
            return Err(refused("two parts name the same rule"));
        }
        let differs = |other: &&RulePart| overlaps(other) && other.rules != part.rules;
        if rules.iter().flat_map(|rule| &rule.parts).any(|other| differs(&other)) {
            return Err(refused(format!(
                "the `rules` of the part `{}` are partly those of another one: they are the same, or none is",
                part.role()
            )));
        }
    }
    Ok(())
}

fn check_beside(rules: &[Rule], rule: &Rule) -> Result<()> {
    if rule.beside.is_empty() {
        return Ok(());
    }
    if rule.kind != Kind::Contextual || rule.max_len > MAX_BESIDE_LEN {
        return Err(refused(format!("`beside` is for contextual rules of values of at most {MAX_BESIDE_LEN} bytes")));
    }
    rule.beside().try_for_each(|id| {
        let other = named(rules, id)?;
        if other.id() == rule.id() || other.kind == Kind::Generic {
            return Err(refused(format!("`beside` names another part of the credential; `{id}` is none")));
        }
        Ok(())
    })
}

fn named<'r>(rules: &'r [Rule], id: &str) -> Result<&'r Rule> {
    let unknown = || refused(format!("no rule of this file is called `{id}`"));
    rules.iter().find(|rule| rule.id() == id).ok_or_else(unknown)
}
