//! The hook protocols of coding agents: an event comes as one JSON document, and what is to be done goes back as one.
//!
//! One file per protocol. What is edited is a copy of what came, in which nothing but secrets differs, for agents drop
//! what does not have the shape of the original. Where an agent lets nobody edit, it is told to stop; where it lets
//! nobody stop it, the user is warned.

mod claude;
mod codex;
mod copilot;
mod cursor;
mod gemini;
mod shell;
mod vscode;

use std::fmt;
use std::str::FromStr;

use super::audit::AuditEntry;
use super::document::{Document, Value, ValueKind};
use super::string::json_string;
use super::{Action, Checked, Decision, Direction, Guard};

pub use self::shell::{ShellWrap, quoted};

/// A coding agent that runs hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Agent {
    /// Claude Code, from 2.1.121 on.
    ClaudeCode,
    /// Codex CLI, from 0.131 on.
    Codex,
    /// Cursor, the editor and the CLI.
    Cursor,
    /// Gemini CLI.
    Gemini,
    /// GitHub Copilot CLI and the cloud agent.
    Copilot,
    /// The agent of Visual Studio Code.
    VsCode,
}

impl Agent {
    /// All of them.
    pub const ALL: [Agent; 6] =
        [Agent::ClaudeCode, Agent::Codex, Agent::Cursor, Agent::Gemini, Agent::Copilot, Agent::VsCode];

    /// The name that commands have for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Agent::ClaudeCode => "claude-code",
            Agent::Codex => "codex",
            Agent::Cursor => "cursor",
            Agent::Gemini => "gemini",
            Agent::Copilot => "copilot",
            Agent::VsCode => "vscode",
        }
    }

    /// Which agent writes events like this one.
    #[must_use]
    pub fn of_event(event: &Document<'_>) -> Option<Agent> {
        let root = event.root();
        let has = |name: &str| root.get(name).is_some();
        let name = root.get_str("hook_event_name").unwrap_or_default();
        Some(match () {
            () if has("cursor_version") || (has("conversation_id") && has("generation_id")) => Agent::Cursor,
            () if has("hookEventName") => Agent::VsCode,
            // It names the turn as well.
            () if name == "MessageDisplay" => Agent::ClaudeCode,
            () if has("turn_id") => Agent::Codex,
            () if ["BeforeTool", "AfterTool", "BeforeAgent", "AfterAgent", "BeforeModel", "AfterModel"]
                .contains(&&*name) =>
            {
                Agent::Gemini
            }
            () if has("tool_result") || (has("toolName") && has("toolArgs")) => Agent::Copilot,
            () if name.is_empty() && has("sessionId") => Agent::Copilot,
            // Of Copilot's two formats, the one with the names of others has a time and no transcript.
            () if !name.is_empty() && has("timestamp") && !has("transcript_path") => Agent::Copilot,
            () if !name.is_empty() => Agent::ClaudeCode,
            () => return None,
        })
    }
}

impl FromStr for Agent {
    type Err = ();

    fn from_str(name: &str) -> Result<Agent, ()> {
        Agent::ALL.into_iter().find(|agent| agent.as_str() == name).ok_or(())
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a hook says to its agent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HookReply {
    /// One JSON object, for standard output.
    pub stdout: String,
    /// What standard error says, where that is the reason.
    pub stderr: String,
    /// The exit status.
    pub status: u8,
    /// What was found.
    pub findings: Vec<AuditEntry>,
}

/// Answers the events of an agent.
#[derive(Debug, Clone)]
pub struct Hook<'g> {
    guard: &'g Guard,
    agent: Agent,
    wrap: Option<ShellWrap>,
}

impl<'g> Hook<'g> {
    /// Decides as this guard does.
    #[must_use]
    pub fn new(guard: &'g Guard, agent: Agent) -> Hook<'g> {
        Hook { guard, agent, wrap: None }
    }

    /// Has commands of shells run so that what they print is redacted before anyone sees it.
    #[must_use]
    pub fn with_wrap(mut self, wrap: ShellWrap) -> Hook<'g> {
        self.wrap = Some(wrap);
        self
    }

    /// Answers an event. What is no event is refused.
    #[must_use]
    pub fn answer(&self, event: &str) -> HookReply {
        match Document::parse(event) {
            Ok(document) => self.answer_document(&document),
            Err(error) => refusal(self.agent, &format!("the event is no JSON: {error}")),
        }
    }

    /// The same, of an event that was read.
    #[must_use]
    pub fn answer_document(&self, document: &Document<'_>) -> HookReply {
        if document.root().kind() != ValueKind::Object {
            return refusal(self.agent, "the event is no JSON object");
        }
        let mut turn = Turn { hook: self, root: document.root(), findings: Vec::new() };
        let stdout = match self.agent {
            Agent::ClaudeCode => claude::answer(&mut turn),
            Agent::Codex => codex::answer(&mut turn),
            Agent::Cursor => cursor::answer(&mut turn),
            Agent::Gemini => gemini::answer(&mut turn),
            Agent::Copilot => copilot::answer(&mut turn),
            Agent::VsCode => vscode::answer(&mut turn),
        };
        HookReply { stdout: stdout.finish(), stderr: String::new(), status: 0, findings: turn.findings }
    }
}

/// What a hook says that could not look at its event: nothing of it goes on, as far as the agent lets it.
#[must_use]
pub fn refusal(agent: Agent, why: &str) -> HookReply {
    let reason = format!(
        "keyscan withheld this, because {why}. Nothing was checked. Try again with less data; `keyscan guard {agent} \
         --doctor` says whether the guard works."
    );
    let mut stdout = Object::new();
    let status = match agent {
        // These read what is printed at any status, and a status of 2 says no for tools, prompts and results.
        Agent::ClaudeCode | Agent::VsCode => {
            stdout.flag("continue", false).text("stopReason", &reason);
            2
        }
        Agent::Codex | Agent::Gemini => 2,
        // A status of 2 denies tools and rejects prompts.
        Agent::Cursor => 2,
        // Here a failing hook is passed over, so it does not fail: each event takes what it knows of this.
        Agent::Copilot => {
            stdout.text("permissionDecision", "deny").text("permissionDecisionReason", &reason);
            stdout.raw("modifiedResult", &copilot::result("failure", &reason));
            stdout.text("modifiedTransformedPrompt", &reason).text("modifiedResponse", &reason);
            0
        }
    };
    let stdout =
        if matches!(agent, Agent::Codex | Agent::Gemini | Agent::Cursor) { String::new() } else { stdout.finish() };
    HookReply { stdout, stderr: reason, status, findings: Vec::new() }
}

/// An event that is being answered.
struct Turn<'h, 'd, 't> {
    hook: &'h Hook<'h>,
    root: Value<'d, 't>,
    findings: Vec<AuditEntry>,
}

/// What becomes of a value of an event.
enum Outcome {
    Clean,
    /// It goes on like this, as JSON.
    Edited(String),
    /// It does not go on, for this reason; in its place goes this, as JSON, which has its shape.
    Withheld(String, String),
}

impl Turn<'_, '_, '_> {
    fn event(&self) -> String {
        let name = self.root.get("hook_event_name").or_else(|| self.root.get("hookEventName"));
        name.and_then(Value::as_str).unwrap_or_default().into_owned()
    }

    /// Decides on a value of the event.
    fn check(&mut self, direction: Direction, value: Value<'_, '_>) -> Outcome {
        let raw = value.raw();
        // A part of a document is one.
        let Ok(Checked { decision, findings, .. }) = self.hook.guard.check_json(direction, raw) else {
            return Outcome::Withheld("keyscan could not read it".to_owned(), "null".to_owned());
        };
        let outcome = match decision {
            Decision::Allow => Outcome::Clean,
            Decision::Redact(text) => Outcome::Edited(text),
            Decision::Block(reason) => {
                let reason = reason.to_string();
                let shaped = withheld(raw, &findings, &format!("[{reason}]"));
                Outcome::Withheld(reason, shaped)
            }
        };
        self.findings.extend(findings);
        outcome
    }

    /// The same of the member of this name, where there is one.
    fn check_member(&mut self, direction: Direction, name: &str) -> Outcome {
        match self.root.get(name) {
            Some(value) => self.check(direction, value),
            None => Outcome::Clean,
        }
    }

    /// Why a text that can only be stopped is stopped; `None` when it is clean.
    fn reason_to_stop(&mut self, direction: Direction, name: &str) -> Option<String> {
        let before = self.findings.len();
        match self.check_member(direction, name) {
            Outcome::Clean => None,
            Outcome::Withheld(reason, _) => Some(reason),
            Outcome::Edited(_) => Some(self.named_since(before)),
        }
    }

    /// What was found since then, in words.
    fn named_since(&self, before: usize) -> String {
        let mut rules: Vec<&str> = Vec::new();
        let hidden = self.findings[before..].iter().filter(|entry| entry.action >= Action::Redact);
        hidden.clone().for_each(|entry| {
            if !rules.contains(&entry.rule.as_str()) {
                rules.push(&entry.rule);
            }
        });
        rules.truncate(5);
        let count = hidden.count();
        format!("{count} secret{} ({})", if count == 1 { "" } else { "s" }, rules.join(", "))
    }

    /// An event that nobody knows: it is looked at, and the user is told.
    fn unknown(&mut self) -> Object {
        let before = self.findings.len();
        let outcome = self.check(Direction::ToModel, self.root);
        let mut reply = Object::new();
        if !matches!(outcome, Outcome::Clean) {
            let (what, event) = (self.named_since(before), self.event());
            reply.text(
                "systemMessage",
                &format!(
                    "keyscan found {what} in an event of a kind or shape that it does not know (`{}`); it was NOT \
                     hidden. Look for a newer keyscan.",
                    self.name_for_display(&event)
                ),
            );
        }
        reply
    }

    /// A name of the event's, as far as it may be shown.
    fn name_for_display(&self, name: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.len() <= 40 && name.chars().all(is_plain) { name.to_owned() } else { "?".to_owned() }
    }

    /// The arguments of a tool with its command wrapped, when that is wanted, it is one of a shell, and it is not wrapped.
    fn wrapped(&self, tool: &str, arguments: &str) -> Option<String> {
        let wrap = self.hook.wrap.as_ref().filter(|_| is_shell(tool))?;
        let document = Document::parse(arguments).ok()?;
        let command = document.root().get("command")?;
        let text = command.as_str()?;
        let wrapped = wrap.wrap(&text)?;
        let span = command.span();
        Some(format!(
            "{}{}{}",
            &arguments[..span.start as usize],
            json_string(&wrapped),
            &arguments[span.end as usize..]
        ))
    }

    /// Answers `PreToolUse` as Claude Code reads it, with this decision beside arguments that were changed.
    fn before_tool(&mut self, decision: Option<&str>) -> Object {
        let (mut reply, mut specific) = (Object::new(), Object::new());
        specific.text("hookEventName", "PreToolUse");
        match self.tool_arguments() {
            Arguments::Kept => return reply,
            Arguments::Refused(reason) => {
                specific.text("permissionDecision", "deny").text("permissionDecisionReason", &reason);
            }
            Arguments::Changed(changed) => {
                if let Some(decision) = decision {
                    specific.text("permissionDecision", decision);
                }
                specific.raw("updatedInput", &changed);
            }
        }
        reply.object("hookSpecificOutput", specific);
        reply
    }

    /// What is done with `tool_input`.
    fn tool_arguments(&mut self) -> Arguments {
        let tool = self.root.get_str("tool_name").unwrap_or_default().into_owned();
        let arguments = self.root.get("tool_input");
        self.arguments(&tool, arguments)
    }

    /// What is done with the arguments of a tool: kept, changed to this, or refused for this reason.
    fn arguments(&mut self, tool: &str, arguments: Option<Value<'_, '_>>) -> Arguments {
        let Some(arguments) = arguments else { return Arguments::Kept };
        let edited = match self.check(Direction::ToTool, arguments) {
            Outcome::Clean => None,
            Outcome::Edited(edited) => Some(edited),
            Outcome::Withheld(reason, _) => return Arguments::Refused(reason),
        };
        let wrapped = self.wrapped(tool, edited.as_deref().unwrap_or(arguments.raw()));
        match wrapped.or(edited) {
            Some(changed) => Arguments::Changed(changed),
            None => Arguments::Kept,
        }
    }
}

enum Arguments {
    Kept,
    Changed(String),
    Refused(String),
}

/// Whether a tool runs commands of a shell that has the grammar of `sh`.
fn is_shell(tool: &str) -> bool {
    const SHELLS: [&str; 9] = [
        "Bash",
        "bash",
        "Shell",
        "shell",
        "run_shell_command",
        "runTerminalCommand",
        "run_in_terminal",
        "runInTerminal",
        "exec_command",
    ];
    SHELLS.contains(&tool)
}

/// The value with the notice in place of each string that has a secret, and of each that is long: what is short and
/// clean is what tells its shape.
fn withheld(raw: &str, findings: &[AuditEntry], notice: &str) -> String {
    const SHORT: usize = 64;
    let Ok(document) = Document::parse(raw) else { return "null".to_owned() };
    let (mut out, mut done) = (String::new(), 0);
    for node in document.nodes().iter().filter(|node| node.kind == ValueKind::String) {
        let (start, end) = (node.start as usize, node.end as usize);
        let has_secret =
            |entry: &AuditEntry| entry.span.is_none_or(|span| (span.start as usize) < end && start < span.end as usize);
        if end - start > SHORT || findings.iter().any(has_secret) {
            out.push_str(&raw[done..start]);
            out.push_str(&json_string(notice));
            done = end;
        }
    }
    out.push_str(&raw[done..]);
    out
}

/// A JSON object that is being written.
#[derive(Debug, Default)]
struct Object(String);

impl Object {
    fn new() -> Object {
        Object::default()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn raw(&mut self, name: &str, value: &str) -> &mut Object {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&json_string(name));
        self.0.push(':');
        self.0.push_str(value);
        self
    }

    fn text(&mut self, name: &str, value: &str) -> &mut Object {
        self.raw(name, &json_string(value))
    }

    fn flag(&mut self, name: &str, value: bool) -> &mut Object {
        self.raw(name, if value { "true" } else { "false" })
    }

    fn object(&mut self, name: &str, value: Object) -> &mut Object {
        self.raw(name, &value.finish())
    }

    fn finish(mut self) -> String {
        if self.is_empty() {
            return "{}".to_owned();
        }
        self.0.push('}');
        self.0
    }
}
