//! Rules, configuration and accepted findings of other tools, read as they are.
//!
//! A file of another tool becomes rules of that tool's meaning, a [`Policy`] of what it lets pass, and [`Note`]s of all
//! that is not run as that tool would run it. Nothing is left out without a note. `docs/compat.md` has the table.

mod accepted;
mod equivalents;
mod expr;
mod filter;
mod gitleaks;
mod go;
mod nosey;
mod policy;
mod settle;
#[cfg(test)]
mod tests;
mod trufflehog;

use std::fmt;
use std::path::{Path, PathBuf};

pub use self::policy::{Left, Policy};
use crate::engine::check_regex;
use crate::error::{Error, ErrorKind, Result};
use crate::rule::{ForeignSpec, Rule};

/// The names of files that are read where they lie beside what is scanned. Of the first two, one is.
pub const FOUND: &[&str] =
    &[".betterleaks.toml", ".gitleaks.toml", ".betterleaksignore", ".gitleaksignore", ".secrets.baseline"];
/// A larger file is no configuration.
const MAX_LEN: u64 = 64 << 20;

/// What a file of another tool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `.gitleaks.toml` or `.betterleaks.toml`: rules and allowlists.
    Gitleaks,
    /// Rules of Nosey Parker, Titus or Kingfisher in YAML.
    NoseyParker,
    /// Custom detectors of `TruffleHog`.
    TruffleHog,
    /// `.gitleaksignore`: findings by place.
    GitleaksIgnore,
    /// A report of gitleaks, used as a baseline.
    GitleaksReport,
    /// A baseline of detect-secrets.
    DetectSecrets,
    /// `.gitguardian.yaml` of ggshield: ignored matches and paths.
    Ggshield,
}

impl Format {
    /// The tool, as it writes itself.
    #[must_use]
    pub fn tool(self) -> &'static str {
        match self {
            Format::Gitleaks | Format::GitleaksIgnore | Format::GitleaksReport => "gitleaks",
            Format::NoseyParker => "Nosey Parker",
            Format::TruffleHog => "TruffleHog",
            Format::DetectSecrets => "detect-secrets",
            Format::Ggshield => "ggshield",
        }
    }

    /// What the file with this name and text is; `None` where it is no file of another tool.
    #[must_use]
    pub fn of(path: &Path, text: &str) -> Option<Format> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match name.as_ref() {
            ".gitleaksignore" | ".betterleaksignore" => return Some(Format::GitleaksIgnore),
            ".secrets.baseline" => return Some(Format::DetectSecrets),
            _ => {}
        }
        if text.lines().any(|line| line.starts_with("# keyscan key:")) {
            return None;
        }
        let first = text.trim_start_matches('\u{FEFF}').trim_start();
        match path.extension().and_then(|extension| extension.to_str()).unwrap_or("") {
            "toml" => gitleaks::is_one(text).then_some(Format::Gitleaks),
            "yaml" | "yml" => yaml_format(text),
            _ if first.starts_with('{') && text.contains("\"plugins_used\"") => Some(Format::DetectSecrets),
            _ if first.starts_with('[') && (text.contains("\"RuleID\"") || first.trim_end() == "[]") => {
                Some(Format::GitleaksReport)
            }
            _ => accepted::is_ignore_list(text).then_some(Format::GitleaksIgnore),
        }
    }
}

fn yaml_format(text: &str) -> Option<Format> {
    let has = |key: &str| text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
    if has("rules") {
        Some(Format::NoseyParker)
    } else if has("detectors") {
        Some(Format::TruffleHog)
    } else if ["version", "secret", "matches-ignore", "paths-ignore"].iter().any(|key| has(key)) {
        Some(Format::Ggshield)
    } else {
        None
    }
}

/// Something that is not run as the other tool would run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file that says it.
    pub path: PathBuf,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The rule it concerns.
    pub rule: Option<String>,
    /// How bad it is.
    pub weight: Weight,
    /// What it is, and what to do.
    pub text: String,
}

/// What a [`Note`] means for a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Something of ours stands in, or a bound is set: findings may differ.
    Differs,
    /// It is not read: what it would find or let pass is not found or not let pass.
    Refused,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, " rule {}:", crate::escape::Escaped(rule))?;
        }
        write!(f, " {}", self.text)
    }
}

/// What a file of another tool came to.
#[derive(Debug, Default)]
pub struct Imported {
    /// Its rules, as far as they can be run.
    pub rules: Vec<Rule>,
    /// What it lets pass.
    pub policy: Policy,
    /// Whether the rules that come with keyscan are to be used as well, where the file decides that.
    pub builtin: Option<bool>,
    /// All that is not run as the other tool would run it.
    pub notes: Vec<Note>,
}

impl Imported {
    /// Reads a file of another tool. `place` is what its paths are relative to.
    ///
    /// # Errors
    /// When it cannot be read or is not of its form.
    pub fn from_file(path: &Path, format: Format) -> Result<Imported> {
        Imported::from_text(path, &read(path)?, format)
    }

    /// The same of its text; files that it names are looked for beside `path`.
    ///
    /// # Errors
    /// As [`Imported::from_file`].
    pub fn from_text(path: &Path, text: &str, format: Format) -> Result<Imported> {
        let text = text.trim_start_matches('\u{FEFF}');
        let imported = match format {
            Format::Gitleaks => gitleaks::import(path, text),
            Format::NoseyParker => nosey::import(path, text),
            Format::TruffleHog => trufflehog::import(path, text),
            Format::GitleaksIgnore => accepted::ignore_list(path, text),
            Format::GitleaksReport => accepted::report(path, text),
            Format::DetectSecrets => accepted::detect_secrets(path, text),
            Format::Ggshield => accepted::ggshield(path, text),
        };
        imported.map_err(|error| error.in_file(path))
    }

    /// Admits a rule, or notes why it is not.
    fn admit(&mut self, spec: ForeignSpec, path: &Path, line: Option<usize>) -> bool {
        let id = spec.id.clone();
        let note = |text: String, weight| Note { path: path.to_owned(), line, rule: Some(id.clone()), weight, text };
        let admitted = spec.admit().and_then(|(rule, notes)| check_regex(&rule).map(|()| (rule, notes)));
        match admitted {
            Ok((rule, notes)) => {
                self.notes.extend(notes.into_iter().map(|text| note(text, Weight::Differs)));
                if let Some(known) = self.rules.iter_mut().find(|known| known.id() == rule.id()) {
                    let text = "its id is used twice: the later rule counts".to_owned();
                    self.notes.push(note(text, Weight::Refused));
                    *known = rule;
                } else {
                    self.rules.push(rule);
                }
                true
            }
            Err(error) => {
                // Of a regex that does not parse the picture is left out, and the reason stays.
                let why = error.message();
                let why =
                    why.rsplit_once("\nerror: ").map_or_else(|| why.to_owned(), |(_, why)| format!("its regex: {why}"));
                self.notes.push(note(format!("it is not run: {why}"), Weight::Refused));
                false
            }
        }
    }
}

/// Reads a file of text.
///
/// # Errors
/// When it cannot be read, is no UTF-8, or is far too large.
pub fn read(path: &Path) -> Result<String> {
    let failed = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string()).in_file(path);
    let len = std::fs::metadata(path).map_err(failed)?.len();
    if len > MAX_LEN {
        let why = format!("{len} bytes are too many for such a file; {MAX_LEN} are read");
        return Err(Error::new(ErrorKind::Syntax, why).in_file(path));
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// The line, from 1, on which a rule's id is given.
fn line_of(text: &str, id: &str) -> Option<usize> {
    let is_id = |line: &str| {
        let line = line.trim_start().trim_start_matches("- ").trim_start();
        let rest = line.get(..2).filter(|key| key.eq_ignore_ascii_case("id")).map(|_| &line[2..]);
        let rest = rest.or_else(|| line.strip_prefix("name"));
        let value = rest.map(str::trim_start).and_then(|rest| rest.strip_prefix(['=', ':']));
        value.is_some_and(|value| {
            let value = value.trim().trim_matches(['"', '\'']);
            value == id || value.split(['"', '\'']).next() == Some(id)
        })
    };
    text.lines().position(is_id).map(|at| at + 1)
}

fn syntax(message: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Syntax, message.to_string())
}

/// Reads YAML. What is said of an error quotes nothing of the text.
fn yaml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_saphyr::from_str(text).map_err(|error| syntax(error.without_snippet()))
}
