//! What a guard tells of what it saw: never a value.

use std::collections::BTreeMap;
use std::fmt;

use super::policy::{Action, Direction, MEMBER};
use crate::fingerprint::Fingerprint;
use crate::redact::{Cause, Record, Redaction};
use crate::rule::Severity;
use crate::span::Span;

/// A secret that a guard saw, for logs.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// The rule's id, or the known secret's name.
    pub rule: String,
    /// The rule's provider; `None` where no rule found it.
    pub provider: Option<String>,
    /// Its rule's severity; `None` where no rule found it.
    pub severity: Option<Severity>,
    /// Why it is a secret.
    pub cause: Cause,
    /// How sure it is to be one, from 0 to 1.
    pub confidence: f32,
    /// Where it stands in the text that was checked, in bytes; `None` for what came of what markers brought together.
    pub span: Option<Span>,
    /// The keyed fingerprint, where there is a key.
    pub fingerprint: Option<Fingerprint>,
    /// What was done.
    pub action: Action,
}

impl AuditEntry {
    /// Of what a redactor hid; what is done is still to be said.
    pub(super) fn of(record: Record, redaction: &Redaction) -> AuditEntry {
        let rule = redaction.rule(&record.label).filter(|_| record.cause != Cause::Known);
        let confidence = match record.cause {
            Cause::Rule(confidence) => confidence,
            Cause::Known => 1.0,
            Cause::Member | Cause::Overlap => crate::engine::DOUBTFUL,
        };
        let by_name = (record.cause == Cause::Member).then_some(Severity::Medium);
        AuditEntry {
            provider: rule.map(|rule| rule.provider().to_owned()),
            severity: rule.map(crate::rule::Rule::severity).or(by_name),
            cause: record.cause,
            confidence,
            span: record.span,
            fingerprint: record.fingerprint,
            action: Action::Redact,
            rule: if record.cause == Cause::Member { MEMBER.to_owned() } else { record.label },
        }
    }
}

/// Why a text was withheld, and what to do. `Display` is a sentence or two, without a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    direction: Direction,
    /// How many of each rule.
    rules: BTreeMap<String, u64>,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Secrets,
    Unexamined,
    Inseparable,
}

impl Reason {
    /// These secrets are in it.
    pub(super) fn secrets<'e>(direction: Direction, entries: impl IntoIterator<Item = &'e AuditEntry>) -> Reason {
        let mut rules = BTreeMap::new();
        entries.into_iter().for_each(|entry| *rules.entry(entry.rule.clone()).or_default() += 1);
        Reason { direction, rules, what: What::Secrets }
    }

    /// Not all of it could be examined.
    pub(super) fn unexamined(direction: Direction) -> Reason {
        Reason { direction, rules: BTreeMap::new(), what: What::Unexamined }
    }

    /// New secrets come of what takes the place of others.
    pub(super) fn inseparable(direction: Direction) -> Reason {
        Reason { direction, rules: BTreeMap::new(), what: What::Inseparable }
    }

    /// The rules that found something, and how often.
    pub fn rules(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rules.iter().map(|(rule, count)| (rule.as_str(), *count))
    }
}

/// No more rules are named.
const MAX_NAMED: usize = 5;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = self.direction.as_str();
        match self.what {
            What::Unexamined => {
                return write!(
                    f,
                    "keyscan withheld a text that goes {to}: parts of it could not be examined, because it makes rules \
                     look at the same bytes again and again. Send less of it, or without its long repetitive runs."
                );
            }
            What::Inseparable => {
                return write!(
                    f,
                    "keyscan withheld a text that goes {to}: its secrets could not be hidden one by one."
                );
            }
            What::Secrets => {}
        }
        let total: u64 = self.rules.values().sum();
        let plural = if total == 1 { "" } else { "s" };
        write!(f, "keyscan withheld a text that goes {to}: it holds {total} secret{plural} (")?;
        for (number, (rule, count)) in self.rules.iter().take(MAX_NAMED).enumerate() {
            write!(f, "{}{rule}", if number > 0 { ", " } else { "" })?;
            if *count > 1 {
                write!(f, " x{count}")?;
            }
        }
        if self.rules.len() > MAX_NAMED {
            write!(f, ", and {} more", self.rules.len() - MAX_NAMED)?;
        }
        match self.direction {
            Direction::ToTool => {
                f.write_str("). Do not write secrets out: refer to them by an environment variable or a file.")
            }
            Direction::ToModel | Direction::ToUser => f.write_str("). Remove them and try again."),
        }
    }
}

/// A secret that stands in a text, as it may be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposure {
    /// What it is: the rule's id, or the known secret's name.
    pub label: String,
    /// The first and the last characters, at most four of each, and fewer of short ones.
    pub preview: String,
    /// Where it stands in the text, in bytes.
    pub span: Span,
    /// The line and the column of its first character, from 1; columns count Unicode scalar values.
    pub line: u64,
    /// See `line`.
    pub column: u64,
}
