//! Where coding agents keep what they do.

use std::fs;
use std::path::{Path, PathBuf};

use keyscan::config;
use keyscan::trace::AGENT_HOMES;

/// Below the folders of settings of editors.
const BELOW_EDITOR: &[&str] = &["User/globalStorage", "User/workspaceStorage", "logs"];
const EDITORS: &[&str] = &["Cursor", "Code", "Code - Insiders", "VSCodium", "Windsurf"];
/// Agents that a variable tells where to keep what they keep.
const OWN_FOLDERS: &[(&str, &str)] =
    &[(".claude", "CLAUDE_CONFIG_DIR"), (".codex", "CODEX_HOME"), (".copilot", "COPILOT_HOME")];
/// Below the current folder.
const HERE: &[&str] = &[".aider.chat.history.md", ".aider.input.history", ".aider.llm.history"];
/// What agents sign in with, which is meant to be there.
const OWN: &[&str] = &[
    ".credentials.json",
    "auth.json",
    "oauth_creds.json",
    "mcp-auth.json",
    "apps.json",
    "hosts.json",
    "google_accounts.json",
];
/// In the storage of editors, what is of agents.
const OF_AGENTS: &[&str] = &["state.vscdb", "state.vscdb-wal", "state.vscdb.backup"];
const AGENT_FOLDERS: &[&str] = &[
    "chatSessions",
    "chatEditingSessions",
    "GitHub.copilot-chat",
    "github.copilot-chat",
    "saoudrizwan.claude-dev",
    "rooveterinaryinc.roo-cline",
    "kilocode.kilo-code",
    "anysphere.cursor-retrieval",
];

/// The files to look through, in order, and what could not be listed.
#[derive(Default)]
pub(super) struct Files {
    pub(super) found: Vec<PathBuf>,
    pub(super) unread: Vec<(PathBuf, String)>,
}

pub(super) fn files(named: &[PathBuf]) -> Files {
    let mut files = Files::default();
    if !named.is_empty() {
        named.iter().for_each(|path| match fs::metadata(path) {
            Ok(_) => files.walk(path, &|_| true),
            Err(error) => files.unread.push((path.clone(), error.to_string())),
        });
        return files.sorted();
    }
    for path in HERE.iter().filter_map(|path| std::path::absolute(path).ok()) {
        files.walk(&path, &|_| true);
    }
    let Some(home) = std::env::home_dir().filter(|home| home.is_absolute()) else { return files.sorted() };
    for agent in AGENT_HOMES {
        // Told by a variable to keep it elsewhere.
        let variable = OWN_FOLDERS.iter().find(|(path, _)| *path == agent.path).map(|(_, variable)| variable);
        let own = variable.and_then(std::env::var_os).filter(|own| !own.is_empty()).map(PathBuf::from);
        for folder in [Some(home.join(agent.path)), own].into_iter().flatten() {
            if agent.records.is_empty() {
                files.walk(&folder, &|_| true);
            }
            agent.records.iter().for_each(|record| files.walk(&folder.join(record), &|_| true));
        }
    }
    for base in [".config", "Library/Application Support", "AppData/Roaming"] {
        for editor in EDITORS {
            for part in BELOW_EDITOR {
                files.walk(&home.join(base).join(editor).join(part), &is_of_agents);
            }
        }
    }
    files.sorted()
}

fn is_of_agents(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| OF_AGENTS.contains(&&*name))
        || path.components().any(|part| AGENT_FOLDERS.contains(&&*part.as_os_str().to_string_lossy()))
}

impl Files {
    /// All files below a folder, or a file; links are not followed, and what is not there is not missed.
    fn walk(&mut self, path: &Path, wanted: &dyn Fn(&Path) -> bool) {
        let mut folders = vec![path.to_owned()];
        while let Some(path) = folders.pop() {
            let kind = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata.file_type(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.unread.push((path, error.to_string()));
                    continue;
                }
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if kind.is_dir() {
                match fs::read_dir(&path) {
                    Ok(entries) => folders.extend(entries.filter_map(|entry| entry.ok().map(|entry| entry.path()))),
                    Err(error) => self.unread.push((path, error.to_string())),
                }
            } else if kind.is_file() && !OWN.contains(&&*name) && wanted(&path) {
                self.found.push(path);
            }
        }
    }

    fn sorted(mut self) -> Files {
        // A project's own settings are none of an agent's.
        self.found.retain(|path| !path.file_name().is_some_and(|name| config::NAMES.iter().any(|own| name == *own)));
        self.found.sort();
        self.found.dedup();
        self
    }
}
