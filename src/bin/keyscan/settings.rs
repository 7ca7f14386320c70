//! Arguments and configuration together: plain settings, validated, before anything is scanned.

use std::path::{Path, PathBuf};

use keyscan::compat::{self, Format, Imported};
use keyscan::config::{self, Config};
use keyscan::{Error, Result, RuleSet, Scanner};

use crate::args::RuleArgs;
use crate::others::{Others, Role};

/// All that a command needs to know of rules and configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) rules: RuleSet,
    /// What was read of other tools.
    pub(crate) others: Others,
}

/// Reads the configuration that is named, or what is found, and the rules to use. `as_gitleaks`: a file of gitleaks
/// that is found decides about rules as it would for gitleaks.
pub(crate) fn load(args: &RuleArgs, target: &Path, as_gitleaks: bool) -> Result<Settings> {
    let mut settings = load_named(args, target)?;
    if settings.config.other_tools != Some(false) {
        let role = if as_gitleaks && args.config.is_none() { Role::Named } else { Role::Found };
        settings.others.find(target, args.config.is_some(), role)?;
    }
    settings.complete(args)
}

/// The same, of keyscan only: for a filter, which holds back what may become a secret. What other tools' rules might
/// still find is most of a text, and what they let pass depends on files. Files of theirs that lie there are not read,
/// and to name one is an error. `without_rules`: no rule is used.
pub(crate) fn load_own(args: &RuleArgs, target: &Path, without_rules: bool) -> Result<(Config, RuleSet)> {
    let settings = load_named(args, target)?;
    if let Some(path) = settings.others.first() {
        let why = "rules of other tools are not run here; `keyscan scan` and `keyscan git` run them";
        return Err(Error::config(why).with_path(path));
    }
    if without_rules {
        return Ok((settings.config, RuleSet::new()));
    }
    let Settings { config, rules, .. } = settings.complete(args)?;
    Ok((config, rules))
}

/// The same, of a configuration that is named, or none.
pub(crate) fn load_named_only(args: &RuleArgs) -> Result<(Config, RuleSet)> {
    let named = RuleArgs { config: Some(args.config.clone().unwrap_or_else(|| NOTHING.into())), ..args.clone() };
    load_own(&named, Path::new("."), false)
}

/// A file in which nothing stands.
const NOTHING: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };

/// Reads what is named, and our own configuration; rules are those of our own rule files.
fn load_named(args: &RuleArgs, target: &Path) -> Result<Settings> {
    let mut others = Others::default();
    let mut config = Config::default();
    match &args.config {
        Some(path) => match sniff(path)? {
            (Some(format), text) => others.read(path, &text, format, Role::Named)?,
            (None, text) if path.extension().is_none_or(|extension| extension == "toml") => {
                config = Config::from_toml(path, &text)?;
            }
            (None, _) => {
                let why = "this is no configuration of keyscan, nor a file of another tool that it reads";
                return Err(Error::config(why).with_path(path));
            }
        },
        None => {
            if let Some(path) = Config::find(target) {
                config = Config::from_file(&path)?;
            }
        }
    }
    let mut rules = RuleSet::new();
    for file in config.rule_files.iter().chain(&args.rule_files) {
        match sniff(file)? {
            (Some(format), text) => others.read(file, &text, format, Role::Rules)?,
            (None, text) => {
                let added = RuleSet::from_toml(file, &text)?;
                // A regex of a user may be too large to compile; better said now than never noticed.
                Scanner::new(added.clone()).compile().map_err(|error| error.with_path(file))?;
                rules.extend(added.rules().iter().cloned());
            }
        }
    }
    Ok(Settings { config, rules, others })
}

impl Settings {
    /// Puts all rules together, and leaves those that are asked for.
    fn complete(mut self, args: &RuleArgs) -> Result<Settings> {
        let mut rules = if self.others.replaces_builtin() { RuleSet::new() } else { RuleSet::builtin() };
        rules.retain(|rule| !self.others.disables(rule.id()));
        rules.extend(self.rules.rules().iter().cloned());
        rules.extend(self.others.take_rules());
        choose(args, &self.config, &mut rules)?;
        self.rules = rules;
        Ok(self)
    }
}

/// Leaves the rules that are asked for.
fn choose(args: &RuleArgs, config: &Config, rules: &mut RuleSet) -> Result<()> {
    let only = if args.only.is_empty() { &config.rules } else { &args.only };
    let exclude: Vec<&String> = config.exclude_rules.iter().chain(&args.exclude).collect();
    for pattern in only.iter().chain(exclude.iter().copied()) {
        if !rules.rules().iter().any(|rule| config::names_rule(pattern, rule.id())) {
            return Err(Error::config(format!("no rule is called `{pattern}`; `keyscan rules list` shows them all")));
        }
    }
    rules.retain(|rule| {
        let named = |pattern: &String| config::names_rule(pattern, rule.id());
        (only.is_empty() || only.iter().any(named)) && !exclude.iter().copied().any(named)
    });
    Ok(())
}

/// Reads a file, and says of which other tool it is, if of any.
pub(crate) fn sniff(path: &Path) -> Result<(Option<Format>, String)> {
    let text = compat::read(path)?;
    Ok((Format::of(path, &text), text))
}

/// The rules of a file of keyscan or another tool, and what of it is not as it would be there.
pub(crate) fn rules_of_file(path: &Path) -> Result<(RuleSet, Option<Imported>)> {
    match sniff(path)? {
        (None, text) => Ok((RuleSet::from_toml(path, &text)?, None)),
        (Some(format), text) => {
            let imported = Imported::from_text(path, &text, format)?;
            let mut rules = RuleSet::new();
            rules.extend(imported.rules.iter().cloned());
            Ok((rules, Some(imported)))
        }
    }
}

/// The folder of a file, or of the current folder where it names none.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}
