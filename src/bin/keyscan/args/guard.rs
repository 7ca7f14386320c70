//! The arguments of `keyscan guard`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use keyscan::guard::hook::Agent;
use keyscan::redact::SecretSource;

use super::RuleArgs;

pub(super) const GUARD_EXAMPLES: &str = "\
Examples:
  keyscan guard claude-code --install           all projects of this user
  keyscan guard codex --install --scope project this project
  keyscan guard claude-code --doctor            is it in force, and what is not covered?
  keyscan guard mcp -- npx some-server ARGS     between a client and an MCP server

What comes on standard input without one of these is an event of the agent, which is answered.
Exit status: 0 answered; 2 refused, which agents take for a no; 1 --doctor found something not in force.";

#[derive(Debug, Subcommand)]
pub(crate) enum GuardCommand {
    /// Hooks of Claude Code
    ClaudeCode(HookArgs),
    /// Hooks of Codex CLI
    Codex(HookArgs),
    /// Hooks of Cursor
    Cursor(HookArgs),
    /// Hooks of Gemini CLI
    Gemini(HookArgs),
    /// Hooks of GitHub Copilot CLI and of the cloud agent
    Copilot(HookArgs),
    /// Hooks of the agent of Visual Studio Code
    Vscode(HookArgs),
    /// Hooks of the agent that the event is of
    Auto(HookArgs),
    /// Stand between an MCP client and a server
    Mcp(McpArgs),
}

impl GuardCommand {
    pub(crate) fn of_agent(&self) -> Option<(Option<Agent>, &HookArgs)> {
        Some(match self {
            GuardCommand::ClaudeCode(args) => (Some(Agent::ClaudeCode), args),
            GuardCommand::Codex(args) => (Some(Agent::Codex), args),
            GuardCommand::Cursor(args) => (Some(Agent::Cursor), args),
            GuardCommand::Gemini(args) => (Some(Agent::Gemini), args),
            GuardCommand::Copilot(args) => (Some(Agent::Copilot), args),
            GuardCommand::Vscode(args) => (Some(Agent::VsCode), args),
            GuardCommand::Auto(args) => (None, args),
            GuardCommand::Mcp(_) => return None,
        })
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct HookArgs {
    /// Put the hooks into the settings of the agent
    #[arg(long, conflicts_with_all = ["uninstall", "doctor"])]
    pub(crate) install: bool,
    /// Take them out again
    #[arg(long, conflicts_with = "doctor")]
    pub(crate) uninstall: bool,
    /// Run what is installed with a made-up secret, and say what is covered
    #[arg(long)]
    pub(crate) doctor: bool,
    /// Whose settings
    #[arg(long, value_enum, default_value = "user")]
    pub(crate) scope: Scope,
    /// Have commands of the shell run through `keyscan redact`, so that what they print holds no secret even where
    /// results cannot be changed; permission rules of the agent see the rewritten command
    #[arg(long)]
    pub(crate) wrap: bool,
    /// Answer within so many seconds, or refuse
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    pub(crate) deadline: Duration,
    #[command(flatten)]
    pub(crate) what: WhatArgs,
}

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// Refuse messages that are longer; accepts K, M, G
    #[arg(long, value_name = "BYTES", default_value = "32M", value_parser = super::parse_size)]
    pub(crate) max_message: u64,
    /// Give the client `{{keyscan:NAME:TAG}}` in the place of each secret that this server says, and give the value
    /// back to this server, and to nobody else, where the client says that
    #[arg(long)]
    pub(crate) placeholders: bool,
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    /// The server
    #[arg(last = true, required = true, value_name = "SERVER", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
}

/// What a guard looks for, and where it tells of it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WhatArgs {
    /// Hide known secrets: `env:GLOB,..`, `file:PATH`, `dir:PATH`, `dotenv:PATH`, `cmd:COMMAND`, `fd:N`
    #[arg(long, value_name = "SOURCE")]
    pub(crate) secrets_from: Vec<SecretSource>,
    /// Append what was found to a file, one JSON object a line; never a secret
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) audit_log: Option<PathBuf>,
    /// Give secrets in the audit log fingerprints under this key: a file of 64 hex digits
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    /// The user's: all projects
    User,
    /// The project's in the current folder
    Project,
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a deadline is a number of seconds".to_owned())?;
    let is_sensible = seconds > 0.0 && seconds <= 3600.0;
    is_sensible.then(|| Duration::from_secs_f64(seconds)).ok_or_else(|| "a deadline is above 0, up to 3600".to_owned())
}
