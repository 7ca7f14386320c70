//! What is done with a secret: by direction, by severity, by rule.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::audit::AuditEntry;
use crate::redact::Cause;
use crate::rule::{Rule, Severity, names_rule};

/// Where a text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// To a model: prompts, and what tools answer.
    ToModel,
    /// To the user of an agent or a service: what a model answers.
    ToUser,
    /// To a tool: commands, arguments, files that are written.
    ToTool,
}

impl Direction {
    /// All of them.
    pub const ALL: [Direction; 3] = [Direction::ToModel, Direction::ToUser, Direction::ToTool];

    /// In words that end "text that goes ...".
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::ToModel => "to the model",
            Direction::ToUser => "to the user",
            Direction::ToTool => "to a tool",
        }
    }
}

/// What is done with a secret. Of several secrets, the last of these decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It passes, and nobody is told.
    Allow,
    /// It passes, and is told of.
    Report,
    /// A marker takes its place.
    Redact,
    /// The text is withheld.
    Block,
}

/// What a guard does. By default secrets are hidden on the way to the model and to the user, and what has one in it does
/// not go to a tool: a command with a marker in it would not be the one that was meant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Policy {
    /// For texts that go to a model.
    pub to_model: DirectionPolicy,
    /// For texts that go to the user.
    pub to_user: DirectionPolicy,
    /// For texts that go to a tool.
    pub to_tool: DirectionPolicy,
}

/// What a guard does with texts that go in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DirectionPolicy {
    /// What is done with a secret; `None` is what the direction has by default.
    pub action: Option<Action>,
    /// What is less severe passes.
    pub min_severity: Option<Severity>,
    /// What is done with what a rule finds, however severe: by its id, by `provider-*`, by the name of a known secret.
    /// An id is stronger than a provider.
    pub rules: BTreeMap<String, Action>,
    /// What is done with known secrets; `None` is the same as with others.
    pub known: Option<Action>,
    /// What is done with a text of which parts were not examined, because it makes rules look at the same bytes again
    /// and again; `None` is [`Action::Block`].
    pub incomplete: Option<Action>,
}

/// The rule id of values that are secrets because of the names of their members.
pub(crate) const MEMBER: &str = "secret-member";

impl Policy {
    /// Does the same in all directions.
    #[must_use]
    pub fn uniform(policy: &DirectionPolicy) -> Policy {
        Policy { to_model: policy.clone(), to_user: policy.clone(), to_tool: policy.clone() }
    }

    /// What is done with texts that go this way.
    #[must_use]
    pub fn of(&self, direction: Direction) -> &DirectionPolicy {
        match direction {
            Direction::ToModel => &self.to_model,
            Direction::ToUser => &self.to_user,
            Direction::ToTool => &self.to_tool,
        }
    }

    /// The same, with nothing left open.
    pub(super) fn settled(&self, direction: Direction) -> DirectionPolicy {
        let policy = self.of(direction);
        let default = if direction == Direction::ToTool { Action::Block } else { Action::Redact };
        let action = policy.action.unwrap_or(default);
        DirectionPolicy {
            action: Some(action),
            known: policy.known.or(Some(action)),
            incomplete: policy.incomplete.or(Some(Action::Block)),
            ..policy.clone()
        }
    }
}

impl DirectionPolicy {
    /// What is done with what this rule finds.
    pub(super) fn on_rule(&self, rule: &Rule) -> Action {
        self.on(rule.id(), Some(rule.severity()))
    }

    /// What is done with what an entry tells of.
    pub(super) fn on_entry(&self, entry: &AuditEntry) -> Action {
        match entry.cause {
            Cause::Known => self.named(&entry.rule).or(self.known).unwrap_or(Action::Block),
            _ => self.on(&entry.rule, entry.severity),
        }
    }

    pub(super) fn on_incomplete(&self) -> Action {
        self.incomplete.unwrap_or(Action::Block)
    }

    fn on(&self, id: &str, severity: Option<Severity>) -> Action {
        let is_slight = self.min_severity.zip(severity).is_some_and(|(least, severity)| severity < least);
        self.named(id).unwrap_or(if is_slight { Action::Allow } else { self.action.unwrap_or(Action::Block) })
    }

    fn named(&self, id: &str) -> Option<Action> {
        let by_provider =
            || self.rules.iter().filter(|(pattern, _)| names_rule(pattern, id)).map(|(_, action)| *action);
        self.rules.get(id).copied().or_else(|| by_provider().max())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_stronger_than_a_provider_and_both_than_severity() {
        let policy: Policy = toml::from_str(
            "[to-model]\nmin-severity = \"high\"\nrules = { \"aws-*\" = \"block\", aws-key = \"report\" }\n",
        )
        .unwrap();
        let policy = policy.settled(Direction::ToModel);
        assert_eq!(policy.on("aws-key", Some(Severity::Low)), Action::Report);
        assert_eq!(policy.on("aws-other", Some(Severity::Low)), Action::Block);
        assert_eq!(policy.on("x-key", Some(Severity::Medium)), Action::Allow);
        assert_eq!(policy.on("x-key", Some(Severity::High)), Action::Redact);
        assert_eq!(Policy::default().settled(Direction::ToTool).on("x-key", None), Action::Block);
        assert!(toml::from_str::<Policy>("[to-modell]\n").is_err());
    }
}
