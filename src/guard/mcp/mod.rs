//! MCP: JSON-RPC between a client and a server, each message looked at as a document, whatever carries it.
//!
//! What may not go on is answered with an error by its id, to whom it came from or to who waits for it, so that nobody
//! waits for ever.

mod events;
mod skim;

use super::{AuditEntry, Checked, Decision, Direction, Document, Guard, Value, ValueKind, json_string, restore_json};
use crate::redact::Vault;

pub use self::events::{McpEvents, Told};
pub use self::skim::Skimmer;

/// The error of a message that was withheld; in the range that servers may use.
pub const WITHHELD: i32 = -32_001;
/// The error of a message that is no JSON.
pub const PARSE_ERROR: i32 = -32_700;
/// The error of a message that is too long.
pub const INVALID_REQUEST: i32 = -32_600;

/// Decides on messages that go one way: to the server ([`Direction::ToTool`]) or to the client
/// ([`Direction::ToModel`]). Cheap to clone.
#[derive(Debug, Clone)]
pub struct McpGuard {
    guard: Guard,
    direction: Direction,
    /// What the other side may have back.
    vault: Option<Vault>,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Passage {
    /// This goes on.
    Pass(String),
    /// Nothing of it goes on, and these are told.
    Refuse(Refused),
    /// It is no JSON.
    NotJson,
}

/// Who is told of a message that does not go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// Errors for whom it came from, one for each request in it.
    pub back: Vec<String>,
    /// Errors for whom it was meant, one for each answer in it.
    pub forth: Vec<String>,
    /// How many parts of it nobody waits for.
    pub dropped: usize,
    /// Why; without any of it.
    pub why: String,
}

/// A message that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// What becomes of it.
    pub passage: Passage,
    /// The secrets in it.
    pub findings: Vec<AuditEntry>,
}

impl McpGuard {
    /// Decides as this guard does on what goes this way.
    #[must_use]
    pub fn new(guard: &Guard, direction: Direction) -> McpGuard {
        McpGuard { guard: guard.clone(), direction, vault: None }
    }

    /// Gives the other side the values of placeholders of this vault.
    #[must_use]
    pub fn with_vault(self, vault: Option<Vault>) -> McpGuard {
        McpGuard { vault, ..self }
    }

    /// The guard.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Which way.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Looks at a message, or at several in an array.
    #[must_use]
    pub fn message(&self, text: &str) -> Looked {
        let (Ok(document), Ok(Checked { decision, findings, .. })) =
            (Document::parse(text), self.guard.check_json(self.direction, text))
        else {
            return Looked { passage: Passage::NotJson, findings: Vec::new() };
        };
        let refuse = |why: &str| Passage::Refuse(self.vetted(Refused::of(document.root(), WITHHELD, why)));
        let passage = match decision {
            Decision::Allow => self.pass(text.to_owned()),
            Decision::Redact(edited) if is_same_call(text, &edited) => self.pass(edited),
            Decision::Redact(_) => refuse("keyscan: the id or method holds a secret"),
            Decision::Block(reason) => refuse(&reason.to_string()),
        };
        Looked { passage, findings }
    }

    /// Refuses a message for a reason of one's own.
    #[must_use]
    pub fn refuse(&self, text: &str, code: i32, why: &str) -> Refused {
        match Document::parse(text) {
            Ok(document) => self.vetted(Refused::of(document.root(), code, why)),
            Err(_) => Refused { dropped: 1, why: why.to_owned(), ..Refused::default() },
        }
    }

    /// Refuses a message that is longer than `limit` bytes, of which only this is known.
    #[must_use]
    pub fn too_long(&self, skimmed: &Skimmer, limit: u64) -> Refused {
        let why = format!("keyscan: the message is longer than {limit} bytes and was not examined");
        let mut refused = Refused { why, ..Refused::default() };
        refused.part(skimmed.id(), skimmed.has_method(), INVALID_REQUEST);
        self.vetted(refused)
    }

    /// Without errors whose id is what must not go on.
    fn vetted(&self, mut refused: Refused) -> Refused {
        let is_clean = |error: &String| {
            self.guard.check_json(self.direction, error).is_ok_and(|checked| checked.decision == Decision::Allow)
        };
        let len = refused.forth.len();
        refused.forth.retain(is_clean);
        refused.dropped += len - refused.forth.len();
        refused
    }

    fn pass(&self, text: String) -> Passage {
        let restored = self.vault.as_ref().and_then(|vault| restore_json(vault, &text));
        Passage::Pass(restored.unwrap_or(text))
    }
}

impl Refused {
    fn of(message: Value<'_, '_>, code: i32, why: &str) -> Refused {
        let parts: Vec<Value<'_, '_>> = match message.kind() {
            ValueKind::Array => message.elements().collect(),
            _ => vec![message],
        };
        let mut refused = Refused { why: why.to_owned(), ..Refused::default() };
        for part in parts {
            let id = part.get("id").map(Value::raw).filter(|id| *id != "null");
            refused.part(id, part.get("method").is_some(), code);
        }
        refused
    }

    fn part(&mut self, id: Option<&str>, is_request: bool, code: i32) {
        let Some(id) = id else {
            self.dropped += 1;
            return;
        };
        let told = if is_request { &mut self.back } else { &mut self.forth };
        told.push(error_message(id, code, &self.why));
    }
}

/// An error, by the id of a message as it is written, or `null`.
#[must_use]
pub fn error_message(id: &str, code: i32, why: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{code},\"message\":{}}}}}", json_string(why))
}

/// Messages as one: several in an array. `None` where there is none.
#[must_use]
pub fn joined(messages: &[String]) -> Option<String> {
    match messages {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("[{}]", several.join(","))),
    }
}

/// Whether what routes a message is as it was.
fn is_same_call(before: &str, after: &str) -> bool {
    let routed = |text: &str| -> Option<Vec<Option<String>>> {
        let document = Document::parse(text).ok()?;
        let of = |value: Value<'_, '_>, name| value.get(name).map(|value| value.raw().to_owned());
        let parts = std::iter::once(document.root()).chain(document.root().elements());
        Some(parts.flat_map(|part| ["id", "method", "jsonrpc"].map(|name| of(part, name))).collect())
    };
    let (before, after) = (routed(before), routed(after));
    before.is_some() && before == after
}
