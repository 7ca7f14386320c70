//! `keyscan.toml`: what a project says about its scans. Unknown keys are refused.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::guard::Policy;
use crate::rule::Severity;
pub use crate::rule::names_rule;

/// The names under which the file is looked for, in this order.
pub const NAMES: [&str; 2] = ["keyscan.toml", ".keyscan.toml"];

/// What `keyscan.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Globs, as in `.gitignore`, of files that are not scanned.
    pub exclude: Vec<String>,
    /// Files of rules that are added to the built-in ones; relative to the configuration file.
    pub rule_files: Vec<PathBuf>,
    /// Ids (or `provider-*`) of the only rules to use.
    pub rules: Vec<String>,
    /// Ids (or `provider-*`) of rules not to use.
    pub exclude_rules: Vec<String>,
    /// The least severity to report.
    pub min_severity: Option<Severity>,
    /// The least confidence to report, from 0 to 1.
    pub min_confidence: Option<f32>,
    /// Archives, and archives in archives, are opened so deep; 0 for none.
    pub max_archive_depth: Option<u32>,
    /// Whether files of other tools that lie beside what is scanned are read. They are unless this says no.
    pub other_tools: Option<bool>,
    /// What a guard does with secrets on their way to models, users and tools.
    pub guard: Policy,
    /// The baseline; relative to the configuration file.
    pub baseline: Option<PathBuf>,
    /// Settings for a part of the tree.
    #[serde(rename = "path")]
    pub paths: Vec<PathRule>,
}

/// What holds for files of certain paths.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PathRule {
    /// Globs, as in `.gitignore`, of the files that are meant.
    pub globs: Vec<String>,
    /// Ids (or `provider-*`) of rules whose findings are not reported there.
    pub exclude_rules: Vec<String>,
    /// Why; for those who read the file.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML, or has an unknown key or a bad value.
    pub fn from_file(path: &Path) -> Result<Config> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::new(ErrorKind::Io, e.to_string()).in_file(path))?;
        Config::from_toml(path, &text)
    }

    /// The same of its text; files that it names are looked for beside `path`.
    ///
    /// # Errors
    /// As [`Config::from_file`], but for reading.
    pub fn from_toml(path: &Path, text: &str) -> Result<Config> {
        let mut config: Config =
            toml::from_str(text).map_err(|e| Error::new(ErrorKind::Syntax, e.to_string()).in_file(path))?;
        if let Some(confidence) = config.min_confidence.filter(|c| !(0.0..=1.0).contains(c)) {
            let message = format!("`min-confidence` is {confidence}; it is a number from 0 to 1");
            return Err(Error::new(ErrorKind::Config, message).in_file(path));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        config.rule_files.iter_mut().chain(&mut config.baseline).for_each(|file| *file = folder.join(&*file));
        Ok(config)
    }

    /// The configuration file for a target: the nearest one, going up from it.
    #[must_use]
    pub fn find(target: &Path) -> Option<PathBuf> {
        find_upward(target, &NAMES)
    }
}

/// The nearest file of one of these names, going up from `target`.
#[must_use]
pub fn find_upward(target: &Path, names: &[&str]) -> Option<PathBuf> {
    let target = std::path::absolute(target).ok()?;
    target.ancestors().flat_map(|folder| names.iter().map(|name| folder.join(name))).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAMES[0]);
        std::fs::write(&path, text).unwrap();
        Config::from_file(&path)
    }

    #[test]
    fn settings_are_read() {
        let config =
            parse("exclude = ['vendor/']\nmin-severity = 'high'\n[[path]]\nglobs = ['t/']\nexclude-rules = ['jwt*']")
                .unwrap();
        assert_eq!(config.exclude, ["vendor/"]);
        assert_eq!(config.min_severity, Some(Severity::High));
        assert_eq!(config.paths[0].exclude_rules, ["jwt*"]);
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_line() {
        let error = parse("exclude = []\nexlude-rules = []").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Syntax);
        assert!(error.to_string().contains("line 2"), "{error}");
        assert_eq!(parse("min-confidence = 3").unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn the_nearest_file_upward_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(folder.path().join(".keyscan.toml"), "").unwrap();
        assert_eq!(Config::find(&inner), Some(folder.path().join(".keyscan.toml")));
        std::fs::write(folder.path().join("a/keyscan.toml"), "").unwrap();
        assert_eq!(Config::find(&inner.join("file")), Some(folder.path().join("a/keyscan.toml")));
    }

    #[test]
    fn a_star_names_all_rules_that_start_so() {
        assert!(names_rule("github-*", "github-pat"));
        assert!(names_rule("github-pat", "github-pat"));
        assert!(!names_rule("github-pat", "github-pat-2"));
    }
}
