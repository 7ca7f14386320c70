//! Files of other tools: which are read, what they decide, and what is said of them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use keyscan::compat::{self, Format, Imported, Left, Note, Policy, Weight};
use keyscan::{Located, Result, Rule, Surroundings};

use crate::settings::{folder_of, sniff};

/// Why a file is read, and so what it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It was named as the configuration: it decides whether our own rules are used.
    Named,
    /// It was named for its rules.
    Rules,
    /// It lies there: its rules are added, and what it lets pass passes.
    Found,
}

/// What was read of other tools.
#[derive(Debug, Default)]
pub(crate) struct Others {
    rules: Vec<Rule>,
    policies: Vec<(PathBuf, Policy)>,
    files: Vec<PathBuf>,
    notes: Vec<Note>,
    /// What was read, for the summary.
    read: Vec<String>,
    without_builtin: bool,
}

impl Others {
    /// Reads a file.
    pub(crate) fn read(&mut self, path: &Path, text: &str, format: Format, role: Role) -> Result<()> {
        let Imported { rules, policy, builtin, notes, .. } = Imported::from_text(path, text, format)?;
        if role == Role::Named && builtin == Some(false) {
            if rules.is_empty() {
                let text = "it has no rule that is run and does not build on others (`useDefault`): keyscan's own rules are used";
                let (path, weight) = (path.to_owned(), Weight::Refused);
                self.notes.push(Note { path, line: None, rule: None, weight, text: text.to_owned() });
            }
            self.without_builtin = !rules.is_empty();
        }
        let refused = notes.iter().filter(|note| note.weight == Weight::Refused).count();
        let (allowlists, accepted) = policy.sizes();
        let counts =
            [(rules.len(), "rule"), (allowlists, "allowlist"), (accepted, "accepted finding"), (refused, "refusal")];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
            .collect();
        self.files.push(path.to_owned());
        self.read.push(format!(
            "{} ({})",
            path.display(),
            if counts.is_empty() { "empty".to_owned() } else { counts.join(", ") }
        ));
        self.rules.extend(rules);
        self.notes.extend(notes);
        // Paths in a file that lies there are relative to its folder, those of a named one to where the user is.
        let base = if role == Role::Found || is_named_beside(path) { folder_of(path) } else { PathBuf::from(".") };
        self.policies.push((base, policy));
        Ok(())
    }

    /// Reads what lies beside the target, or above it in its repository. `configured`: a configuration was named.
    pub(crate) fn find(&mut self, target: &Path, configured: bool, role: Role) -> Result<()> {
        let mut has_config = configured;
        for name in compat::FOUND {
            let is_config = name.ends_with(".toml");
            if is_config && has_config {
                continue;
            }
            let Some(path) = beside(target, name) else { continue };
            has_config |= is_config;
            if let (Some(format), text) = sniff(&path)? {
                self.read(&path, &text, format, if is_config { role } else { Role::Found })?;
            }
        }
        Ok(())
    }

    /// Reads a list of accepted findings.
    pub(crate) fn accept(&mut self, path: &Path) -> Result<bool> {
        let (Some(format), text) = sniff(path)? else { return Ok(false) };
        self.read(path, &text, format, Role::Rules)?;
        Ok(true)
    }

    /// The first file that was read.
    pub(crate) fn first(&self) -> Option<&Path> {
        self.files.first().map(PathBuf::as_path)
    }

    pub(crate) fn replaces_builtin(&self) -> bool {
        self.without_builtin
    }

    pub(crate) fn disables(&self, id: &str) -> bool {
        self.policies.iter().any(|(_, policy)| policy.disables(id))
    }

    pub(crate) fn take_rules(&mut self) -> Vec<Rule> {
        std::mem::take(&mut self.rules)
    }

    /// Says what the names of units are relative to.
    pub(crate) fn at(&mut self, root: &Path) {
        let policies = std::mem::take(&mut self.policies);
        self.policies = policies.into_iter().map(|(base, policy)| (base.clone(), policy.at(root, &base))).collect();
    }

    /// Whether one of the files lets a finding pass.
    pub(crate) fn leave(&self, located: &Located, rule: &Rule, around: Surroundings<'_>) -> Option<Left> {
        self.policies.iter().find_map(|(_, policy)| policy.leaves(located, rule, around))
    }

    /// Whether findings of a rule can be told only at the end.
    pub(crate) fn waits(&self, rule: &Rule) -> bool {
        self.policies.iter().any(|(_, policy)| policy.waits(rule))
    }

    /// Takes out what the end has decided.
    pub(crate) fn settle(&self, findings: &mut Vec<Located>, rules: &[Rule]) {
        self.policies.iter().for_each(|(_, policy)| policy.settle(findings, rules));
    }

    /// Says how many findings were left out.
    pub(crate) fn tell_tally(&self) {
        let tallies = self.policies.iter().map(|(_, policy)| policy.tally());
        let (allowed, accepted) = tallies.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        if allowed + accepted > 0 {
            let text = format!("left out by files of other tools: {allowed} allowed, {accepted} accepted");
            let _ = writeln!(io::stderr(), "keyscan: {text}");
        }
    }

    /// Says, once, what is not run and, on demand, what is not as it would be with the other tool.
    pub(crate) fn tell(&self, quiet: bool, verbose: bool) {
        let mut out = io::stderr().lock();
        for note in self.notes.iter().filter(|note| verbose || note.weight == Weight::Refused) {
            let _ = writeln!(out, "keyscan: {note}");
        }
        if !quiet && !self.read.is_empty() {
            let _ = writeln!(out, "keyscan: also reads {}", self.read.join(", "));
        }
    }
}

fn is_named_beside(path: &Path) -> bool {
    path.file_name().is_some_and(|name| compat::FOUND.iter().any(|known| name == *known))
}

/// The folder that holds the repository in which a path is.
pub(crate) fn repository_of(path: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(path).ok()?;
    whole.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}

/// The nearest file of this name, going up from the target to the folder that holds its repository.
fn beside(target: &Path, name: &str) -> Option<PathBuf> {
    let is_folder = target.is_dir();
    let first = if is_folder { target.to_owned() } else { folder_of(target) };
    let here = first.join(name);
    let shown = |path: &Path| path.strip_prefix(".").map_or_else(|_| path.to_owned(), Path::to_owned);
    if here.is_file() {
        return Some(shown(&here));
    }
    let whole = std::path::absolute(&first).ok()?;
    let current = std::env::current_dir().unwrap_or_default();
    let top = repository_of(&first)?;
    let inside = whole.ancestors().take_while(|folder| folder.starts_with(&top));
    let found = inside.skip(1).map(|folder| folder.join(name)).find(|path| path.is_file())?;
    Some(found.strip_prefix(&current).map_or_else(|_| found.clone(), Path::to_owned))
}
