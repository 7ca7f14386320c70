//! Where the settings of agents are, and what stands in them for us.

use std::path::{Path, PathBuf};

use keyscan::guard::hook::{Agent, quoted};
use keyscan::guard::json_string;
use keyscan::redact::SecretSource;
use keyscan::{Error, Result};

use crate::args::{HookArgs, Scope, WhatArgs};

/// A file of settings, and what we put into it.
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Members that the file has to have, as names and values.
    pub(super) needs: &'static [(&'static str, &'static str)],
    /// The events, below `hooks`.
    pub(super) events: &'static [&'static str],
    /// What stands in the list of each event.
    pub(super) entry: String,
}

const CLAUDE_EVENTS: &[&str] =
    &["PreToolUse", "PostToolUse", "PostToolUseFailure", "UserPromptSubmit", "MessageDisplay", "Stop"];
const CODEX_EVENTS: &[&str] = &["PreToolUse", "PostToolUse", "UserPromptSubmit", "Stop"];
const CURSOR_EVENTS: &[&str] =
    &["beforeSubmitPrompt", "preToolUse", "beforeReadFile", "postToolUse", "postToolUseFailure", "afterMCPExecution"];
const GEMINI_EVENTS: &[&str] = &["BeforeTool", "AfterTool", "BeforeAgent", "BeforeModel", "AfterAgent"];
const COPILOT_EVENTS: &[&str] =
    &["preToolUse", "postToolUse", "postToolUseFailure", "userPromptSubmitted", "subagentStop"];
const VSCODE_EVENTS: &[&str] = &["PreToolUse", "PostToolUse", "UserPromptSubmit"];
const VERSION: &[(&str, &str)] = &[("version", "1")];

impl Place {
    pub(super) fn of(agent: Agent, args: &HookArgs) -> Result<Place> {
        let path = path(agent, args.scope)?;
        let command = command(agent, args)?;
        let (seconds, text) = (args.deadline.as_secs() + 5, json_string(&command));
        let nested = |timeout: u64| {
            format!("{{\"hooks\": [{{\"type\": \"command\", \"command\": {text}, \"timeout\": {timeout}}}]}}")
        };
        let (needs, events, entry): (&[_], &[_], String) = match agent {
            Agent::ClaudeCode => (&[], CLAUDE_EVENTS, nested(seconds)),
            Agent::Codex => (&[], CODEX_EVENTS, nested(seconds)),
            // In milliseconds.
            Agent::Gemini => (&[], GEMINI_EVENTS, nested(seconds * 1000)),
            // Versions do not agree on the unit of a timeout; without one it is longer than ours.
            Agent::Cursor => (VERSION, CURSOR_EVENTS, format!("{{\"command\": {text}, \"failClosed\": true}}")),
            Agent::Copilot => {
                let entry = format!("{{\"type\": \"command\", \"bash\": {text}, \"timeoutSec\": {seconds}}}");
                (VERSION, COPILOT_EVENTS, entry)
            }
            Agent::VsCode => {
                let entry = format!("{{\"type\": \"command\", \"command\": {text}, \"timeout\": {seconds}}}");
                (VERSION, VSCODE_EVENTS, entry)
            }
        };
        if agent == Agent::Cursor && command.contains("//") {
            return Err(Error::config(
                "Cursor takes `//` for a comment, and the command has one: name paths without it",
            ));
        }
        Ok(Place { path, needs, events, entry })
    }
}

/// The file of settings.
pub(super) fn path(agent: Agent, scope: Scope) -> Result<PathBuf> {
    let home = || home().ok_or_else(|| Error::config("there is no home folder: HOME is not set"));
    let own = |variable: &str, folder: &str| -> Result<PathBuf> {
        match std::env::var_os(variable).filter(|value| !value.is_empty()) {
            Some(own) => Ok(own.into()),
            None => Ok(home()?.join(folder)),
        }
    };
    Ok(match (agent, scope) {
        (Agent::ClaudeCode, Scope::User) => own("CLAUDE_CONFIG_DIR", ".claude")?.join("settings.json"),
        (Agent::ClaudeCode, Scope::Project) => ".claude/settings.json".into(),
        (Agent::Codex, Scope::User) => own("CODEX_HOME", ".codex")?.join("hooks.json"),
        (Agent::Codex, Scope::Project) => ".codex/hooks.json".into(),
        (Agent::Cursor, Scope::User) => home()?.join(".cursor/hooks.json"),
        (Agent::Cursor, Scope::Project) => ".cursor/hooks.json".into(),
        (Agent::Gemini, Scope::User) => home()?.join(".gemini/settings.json"),
        (Agent::Gemini, Scope::Project) => ".gemini/settings.json".into(),
        (Agent::Copilot, Scope::User) => own("COPILOT_HOME", ".copilot")?.join("hooks/keyscan.json"),
        (Agent::Copilot, Scope::Project) => ".github/hooks/keyscan.json".into(),
        (Agent::VsCode, Scope::Project) => ".github/hooks/keyscan-vscode.json".into(),
        (Agent::VsCode, Scope::User) => {
            return Err(Error::config(
                "Visual Studio Code reads the user's hooks of Claude Code, which know its events: \
                 `keyscan guard claude-code --install`, or `--scope project`",
            ));
        }
    })
}

pub(super) fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// The command that the agent runs: words of a shell.
fn command(agent: Agent, args: &HookArgs) -> Result<String> {
    // A project is shared, and each who works in it has the program elsewhere.
    let program = match args.scope {
        Scope::Project => "keyscan".to_owned(),
        Scope::User => {
            let path = std::env::current_exe().map_err(|error| Error::config(error.to_string()))?;
            path.to_str().ok_or_else(|| Error::config("the path of this program is not UTF-8"))?.to_owned()
        }
    };
    let mut words = vec![program, "guard".to_owned(), agent.as_str().to_owned()];
    if args.wrap {
        words.push("--wrap".to_owned());
    }
    if args.deadline.as_secs_f64() != 5.0 {
        words.extend(["--deadline".to_owned(), args.deadline.as_secs_f64().to_string()]);
    }
    let path_word =
        |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned();
    if let Some(path) = &args.what.audit_log {
        words.extend(["--audit-log".to_owned(), path_word(path)]);
    }
    if let Some(path) = &args.what.key {
        words.extend(["--key".to_owned(), path_word(path)]);
    }
    let rule_words = rule_words(&args.what);
    // Without a file that is named, a hook reads none.
    let skipped = usize::from(args.what.rules.config.is_none()) * 2;
    words.extend(rule_words.into_iter().skip(skipped));
    Ok(words.iter().map(|word| plain_or_quoted(word)).collect::<Vec<_>>().join(" "))
}

/// The options for rules and known secrets, for another run of this program; first that for the configuration.
pub(super) fn rule_words(args: &WhatArgs) -> Vec<String> {
    let absolute =
        |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned();
    let config = args.rules.config.as_deref().map_or_else(|| "/dev/null".to_owned(), absolute);
    let mut words = vec!["--config".to_owned(), config];
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    args.rules.rule_files.iter().for_each(|file| option("--rules", absolute(file)));
    args.rules.only.iter().for_each(|id| option("--rule", id.clone()));
    args.rules.exclude.iter().for_each(|id| option("--exclude-rule", id.clone()));
    for source in &args.secrets_from {
        let value = match source {
            // Its text for messages leaves the command out.
            SecretSource::Cmd(command) => format!("cmd:{command}"),
            source => source.to_string(),
        };
        option("--secrets-from", value);
    }
    words
}

fn plain_or_quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | ':' | '=' | ',' | '+');
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { quoted(word) }
}

/// Whether a command is one of ours for this agent.
pub(super) fn is_ours(command: &str, agent: Agent) -> bool {
    let needle = format!("guard {agent}");
    let Some(at) = command.find(&needle) else { return false };
    let ends = command[at + needle.len()..].chars().next().is_none_or(char::is_whitespace);
    let program = command[..at].trim_end().trim_end_matches('\'');
    ends && Path::new(program).file_name().is_some_and(|name| name.to_string_lossy().starts_with("keyscan"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_commands_are_known() {
        for ours in ["keyscan guard codex", "/a/keyscan guard codex --wrap", "'/a b/keyscan' guard codex -c x"] {
            assert!(is_ours(ours, Agent::Codex), "{ours}");
        }
        for other in ["keyscan guard cursor", "echo guard codex", "keyscan guard codexy", "ls"] {
            assert!(!is_ours(other, Agent::Codex), "{other}");
        }
    }
}
