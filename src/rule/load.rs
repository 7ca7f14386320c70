//! Rule files: text to admitted rules.

use std::path::Path;

use super::check;
use super::model::{Rule, RuleSet, check_unique};
use super::parts;
use super::schema::ProviderSpec;
use crate::error::{Error, ErrorKind, Result};

impl RuleSet {
    /// The rules of one file's text. `name` stands for the file in errors.
    ///
    /// # Errors
    /// When the text is no TOML, has unknown keys, or holds a rule that is not admitted.
    pub fn from_toml(name: &Path, text: &str) -> Result<RuleSet> {
        let spec: ProviderSpec =
            toml::from_str(text).map_err(|e| Error::new(ErrorKind::Syntax, e.to_string()).in_file(name))?;
        let rules: Result<Vec<Rule>> = spec.rules.iter().map(|rule| check::admit(&spec, rule)).collect();
        let rules = rules.map_err(|error| error.in_file(name))?;
        check_unique(&rules).and_then(|()| parts::check(&rules)).map_err(|error| error.in_file(name))?;
        let mut set = RuleSet::new();
        set.extend(rules);
        Ok(set)
    }

    /// The rules of a file.
    ///
    /// # Errors
    /// When the file cannot be read, and as [`RuleSet::from_toml`].
    pub fn from_file(path: &Path) -> Result<RuleSet> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::new(ErrorKind::Io, e.to_string()).in_file(path))?;
        RuleSet::from_toml(path, &text)
    }
}
