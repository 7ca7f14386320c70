//! What shells, tools and coding agents keep in a home.

/// A folder, or a file, that a coding agent has in a home, and what of it is a record of what was said and done: the rest
/// are settings and what it signs in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentHome {
    /// Below the home.
    pub path: &'static str,
    /// Below that; empty where it is a record itself.
    pub records: &'static [&'static str],
}

const fn of(path: &'static str, records: &'static [&'static str]) -> AgentHome {
    AgentHome { path, records }
}

/// What coding agents have in a home.
pub const AGENT_HOMES: &[AgentHome] = &[
    of(".aider.chat.history.md", &[]),
    of(".aider.input.history", &[]),
    of(".aider.llm.history", &[]),
    of(
        ".claude",
        &[
            "projects",
            "history.jsonl",
            "todos",
            "tasks",
            "plans",
            "shell-snapshots",
            "file-history",
            "paste-cache",
            "debug",
        ],
    ),
    of(".codex", &["sessions", "archived_sessions", "history.jsonl", "log", "shell_snapshots"]),
    of(".continue", &["sessions", "logs"]),
    of(".copilot", &["session-state", "history-session-state", "logs", "command-history-state.json"]),
    of(".cursor", &["projects", "chats"]),
    of(".gemini", &["tmp", "history"]),
    of(".local/share/amp", &["threads"]),
    of(".local/share/goose", &["sessions"]),
    of(".local/share/opencode", &["storage", "log", "opencode.db"]),
    of(".local/state/goose", &["logs"]),
];

/// What else may hold a secret in a home.
const OTHERS: &[&str] = &[
    ".ash_history",
    ".aws",
    ".azure",
    ".bash_history",
    ".bash_login",
    ".bash_profile",
    ".bashrc",
    ".boto",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".claude.json",
    ".config/fish",
    ".config/gcloud",
    ".config/gh",
    ".config/git",
    ".config/hub",
    ".config/opencode",
    ".docker/config.json",
    ".dockercfg",
    ".env",
    ".envrc",
    ".gem/credentials",
    ".git-credentials",
    ".gitconfig",
    ".histfile",
    ".history",
    ".kube/config",
    ".lesshst",
    ".local/share/fish/fish_history",
    ".local/share/powershell/PSReadLine/ConsoleHost_history.txt",
    ".m2/settings.xml",
    ".my.cnf",
    ".mysql_history",
    ".netrc",
    ".node_repl_history",
    ".npmrc",
    ".pgpass",
    ".profile",
    ".psql_history",
    ".pypirc",
    ".python_history",
    ".rediscli_history",
    ".s3cfg",
    ".sqlite_history",
    ".ssh",
    ".terraform.d/credentials.tfrc.json",
    ".terraformrc",
    ".vault-token",
    ".viminfo",
    ".yarnrc",
    ".yarnrc.yml",
    ".zprofile",
    ".zsh_history",
    ".zshenv",
    ".zshrc",
];

/// All of it, in order.
pub(super) fn kept() -> Vec<&'static str> {
    let mut all: Vec<&str> = AGENT_HOMES.iter().map(|home| home.path).chain(OTHERS.iter().copied()).collect();
    all.sort_unstable();
    all
}
