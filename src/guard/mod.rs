//! Before a text is sent: what goes to a model, to a user or to a tool is let through, redacted or withheld.
//!
//! A [`Guard`] finds what scans and redactors find, and a [`Policy`] says what is done with it. Texts are checked whole;
//! documents string by string, so that they stay documents. What was found is told in [`AuditEntry`]s, which hold no
//! value.
//!
//! ```
//! # #[cfg(feature = "builtin-rules")] {
//! use keyscan::RuleSet;
//! use keyscan::guard::{Decision, Direction, Guard};
//!
//! let guard = Guard::new(RuleSet::builtin());
//! let checked = guard.check(Direction::ToUser, "the door is open");
//! assert_eq!(checked.decision, Decision::Allow);
//!
//! let key = format!("ghp_{}", ["x7Kq2mWz", "9Lp4Rt6V", "b1Nc8Js3", "Yd5Hg0Fu", "2cqWVN"].concat());
//! # let key = RuleSet::builtin().get("github-pat").unwrap().samples()[0].fill(1, RuleSet::builtin().get("github-pat").unwrap().checksum());
//! # let key = String::from_utf8(key.text[key.secret].to_vec()).unwrap();
//! let checked = guard.check(Direction::ToUser, &format!("take {key} for it"));
//! assert_eq!(checked.decision, Decision::Redact("take [REDACTED:github-pat] for it".into()));
//! # }
//! ```

mod audit;
mod document;
pub mod hook;
mod leaves;
pub mod mcp;
mod policy;
mod restore;
mod stream;
mod string;
#[cfg(feature = "tower")]
mod tower;

use std::convert::Infallible;
use std::fmt;

use self::leaves::{Edit, Leaves};
use crate::redact::{Redaction, TextFormat};
use crate::rule::RuleSet;
use crate::secret::Secret;
use crate::span::Span;

pub use self::audit::{AuditEntry, Exposure, Reason};
pub use self::document::{Document, MAX_DEPTH, MAX_LEN, NotJson, Value, ValueKind};
pub use self::policy::{Action, Direction, DirectionPolicy, Policy};
pub use self::restore::restore_json;
pub use self::stream::{Framing, StreamError, StreamGuard, StreamLimits, Streams};
pub use self::string::json_string;
#[cfg(feature = "serve")]
pub(crate) use self::tower::Handling;
#[cfg(feature = "tower")]
pub use self::tower::{BodyError, GuardLayer, Guarded, GuardedBody};

/// What is done with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It goes on as it is.
    Allow,
    /// This goes on in its place.
    Redact(String),
    /// It is withheld.
    Block(Reason),
}

impl Decision {
    /// What goes on in the place of this text, unless nothing does.
    ///
    /// # Errors
    /// Why it is withheld.
    pub fn apply<'t>(&'t self, text: &'t str) -> Result<&'t str, &'t Reason> {
        match self {
            Decision::Allow => Ok(text),
            Decision::Redact(text) => Ok(text),
            Decision::Block(reason) => Err(reason),
        }
    }
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Checked {
    /// What is done.
    pub decision: Decision,
    /// The secrets that were found, in order, without those that the policy lets pass untold.
    pub findings: Vec<AuditEntry>,
    /// Places that were passed over, because the text makes rules look at the same bytes again and again.
    pub skipped_attempts: u64,
}

/// Decides on texts. Immutable and cheap to clone; shared by all threads.
#[derive(Debug, Clone)]
pub struct Guard {
    lanes: [Lane; 3],
}

/// What is done with texts that go one way.
#[derive(Debug, Clone)]
struct Lane {
    direction: Direction,
    policy: DirectionPolicy,
    /// Records all that something is done with.
    text: Redaction,
    /// The same, of documents.
    json: Redaction,
}

/// How often a document is looked at until nothing more comes of what takes the place of secrets.
const MAX_ROUNDS: usize = 3;

impl Guard {
    /// Finds what these rules find, and does what the default policy says.
    #[must_use]
    pub fn new(rules: RuleSet) -> Guard {
        Guard::with_policy(&Redaction::new(rules), &Policy::default())
    }

    /// Finds what this redaction hides, with its markers, known secrets and key; and does what the policy says.
    #[must_use]
    pub fn with_policy(redaction: &Redaction, policy: &Policy) -> Guard {
        let lane = |direction| Lane::new(direction, policy.settled(direction), redaction);
        Guard { lanes: Direction::ALL.map(lane) }
    }

    fn lane(&self, direction: Direction) -> &Lane {
        &self.lanes[direction as usize]
    }

    /// The redaction of texts that go this way, for streams; [`Guard::entry`] says of its records what is to be done,
    /// which may be more, or less, than to hide them.
    #[must_use]
    pub fn redaction(&self, direction: Direction) -> &Redaction {
        &self.lane(direction).text
    }

    /// What the policy says of something that a redactor of [`Guard::redaction`] has recorded.
    #[must_use]
    pub fn entry(&self, direction: Direction, record: crate::redact::Record) -> AuditEntry {
        self.lane(direction).entry(record)
    }

    /// What the policy says of texts that could not be examined in full.
    #[must_use]
    pub fn on_incomplete(&self, direction: Direction) -> Action {
        self.lane(direction).policy.on_incomplete()
    }

    /// Decides on a text.
    pub fn check(&self, direction: Direction, text: &str) -> Checked {
        let lane = self.lane(direction);
        let (mut redactor, mut out) = (lane.text.redactor(), Vec::with_capacity(text.len() + 64));
        redactor.push_more(text.as_bytes(), &mut out);
        redactor.finish(&mut out);
        let findings: Vec<AuditEntry> = redactor.take_records().into_iter().map(|record| lane.entry(record)).collect();
        if !findings.iter().all(|entry| entry.action == Action::Redact) {
            return lane
                .rounds(text, |leaves, text| Ok::<_, Infallible>(leaves.in_text(text.as_bytes())))
                .unwrap_or_else(|never| match never {});
        }
        let skipped_attempts = redactor.stats().skipped_attempts;
        let hidden = || if findings.is_empty() { Decision::Allow } else { Decision::Redact(text_of(out)) };
        let decision = lane.withheld(&findings, skipped_attempts).unwrap_or_else(hidden);
        Checked { decision, findings, skipped_attempts }
    }

    /// Decides on a JSON document, and edits it in place: in strings and names, as they are written and as what they
    /// say, also in documents that stand in strings. Key order, white space and the text of numbers stay; pictures and
    /// sounds in base64 are not touched. Time is linear in the length.
    ///
    /// # Errors
    /// When the text is no document, or too deep or too large a one.
    pub fn check_json(&self, direction: Direction, text: &str) -> Result<Checked, NotJson> {
        self.lane(direction).rounds(text, Leaves::edits)
    }

    /// The secrets in a text, as they may be shown.
    #[must_use]
    pub fn exposures(&self, text: &str) -> Vec<Exposure> {
        exposures(text, &self.check(Direction::ToUser, text).findings)
    }

    /// Decides on what an agent answers, and tells of the secrets in it as they may be shown.
    pub fn check_agent_output(&self, text: &str) -> AgentOutput {
        let Checked { decision, findings, .. } = self.check(Direction::ToUser, text);
        AgentOutput { decision, exposures: exposures(text, &findings) }
    }

    /// A message as it may be logged.
    #[must_use]
    pub fn safe_log(&self, message: impl fmt::Display) -> String {
        let text = message.to_string();
        match self.check(Direction::ToUser, &text).decision {
            Decision::Allow => text,
            Decision::Redact(text) => text,
            Decision::Block(reason) => format!("[{reason}]"),
        }
    }
}

impl Lane {
    fn new(direction: Direction, policy: DirectionPolicy, redaction: &Redaction) -> Lane {
        let text = redaction.clone().with_records().with_format(TextFormat::Text);
        let text = if redaction.rules().any(|rule| policy.on_rule(rule) == Action::Allow) {
            text.with_wanted(|rule| policy.on_rule(rule) != Action::Allow)
        } else {
            text
        };
        let json = text.clone().with_format(TextFormat::Json);
        Lane { direction, json, text, policy }
    }

    fn entry(&self, record: crate::redact::Record) -> AuditEntry {
        let mut entry = AuditEntry::of(record, &self.text);
        entry.action = self.policy.on_entry(&entry);
        entry
    }

    /// Edits a text until nothing more comes of what takes the place of secrets.
    fn rounds<'l, E>(
        &'l self,
        text: &str,
        mut edits: impl FnMut(&mut Leaves<'l>, &str) -> Result<Vec<Edit>, E>,
    ) -> Result<Checked, E> {
        let (mut leaves, mut findings, mut current) = (Leaves::new(self), Vec::new(), None::<String>);
        for round in 0.. {
            let edited = current.as_deref().unwrap_or(text);
            let edits = edits(&mut leaves, edited)?;
            let mut hidden = edits.iter().filter(|edit| edit.entry.action == Action::Redact).peekable();
            let next = hidden.peek().is_some().then(|| leaves::applied(edited, hidden));
            // What is only told of is found again in each round, and where it stands then nobody asks.
            let told =
                edits.into_iter().map(|edit| edit.entry).filter(|entry| round == 0 || entry.action != Action::Report);
            findings.extend(told.map(|entry| AuditEntry { span: entry.span.filter(|_| round == 0), ..entry }));
            let decision = match (self.withheld(&findings, leaves.skipped), next) {
                (Some(withheld), _) => withheld,
                (None, Some(_)) if round == MAX_ROUNDS => Decision::Block(Reason::inseparable(self.direction)),
                (None, Some(next)) => {
                    current = Some(next);
                    continue;
                }
                (None, None) => current.map_or(Decision::Allow, Decision::Redact),
            };
            return Ok(Checked { decision, findings, skipped_attempts: leaves.skipped });
        }
        unreachable!("a round ends it")
    }

    /// Why nothing of a text goes on.
    fn withheld(&self, findings: &[AuditEntry], skipped_attempts: u64) -> Option<Decision> {
        let blocked = findings.iter().filter(|entry| entry.action == Action::Block);
        if blocked.clone().next().is_some() {
            return Some(Decision::Block(Reason::secrets(self.direction, blocked)));
        }
        let is_unexamined = skipped_attempts > 0 && self.policy.on_incomplete() == Action::Block;
        is_unexamined.then(|| Decision::Block(Reason::unexamined(self.direction)))
    }
}

/// What came of the check of an agent's answer.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct AgentOutput {
    /// What is done.
    pub decision: Decision,
    /// The secrets in it, in order.
    pub exposures: Vec<Exposure>,
}

impl AgentOutput {
    /// Whether no secret is in it.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.exposures.is_empty() && self.decision == Decision::Allow
    }
}

/// The findings of a text as they may be shown.
fn exposures(text: &str, findings: &[AuditEntry]) -> Vec<Exposure> {
    let (mut line, mut from, mut done) = (1, 0, 0);
    let shown = findings.iter().filter_map(|entry| {
        let Span { start, end } = entry.span?;
        let (start, end) = ((start as usize).min(text.len()), (end as usize).min(text.len()));
        for feed in memchr::memchr_iter(b'\n', &text.as_bytes()[done..start.max(done)]) {
            line += 1;
            from = done + feed + 1;
        }
        done = done.max(start);
        let column = 1 + String::from_utf8_lossy(&text.as_bytes()[from.min(start)..start]).chars().count() as u64;
        let preview = Secret::new(&text.as_bytes()[start..end]).masked();
        let span = Span { start: start as u64, end: end as u64 };
        Some(Exposure { label: entry.rule.clone(), preview, span, line, column })
    });
    shown.collect()
}

fn text_of(bytes: Vec<u8>) -> String {
    // A secret that ends within a character is none of this text's.
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The guard with the built-in rules and the default policy, which [`check_agent_output`] and [`safe_log`] use.
#[cfg(feature = "builtin-rules")]
fn default_guard() -> &'static Guard {
    static GUARD: std::sync::OnceLock<Guard> = std::sync::OnceLock::new();
    GUARD.get_or_init(|| Guard::new(RuleSet::builtin()))
}

/// [`Guard::check_agent_output`] with the built-in rules.
#[cfg(feature = "builtin-rules")]
pub fn check_agent_output(text: &str) -> AgentOutput {
    default_guard().check_agent_output(text)
}

/// [`Guard::safe_log`] with the built-in rules: `log::info!("{}", safe_log(format_args!("token {token}")))`.
#[cfg(feature = "builtin-rules")]
#[must_use]
pub fn safe_log(message: impl fmt::Display) -> String {
    default_guard().safe_log(message)
}
