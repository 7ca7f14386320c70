//! Arguments and configuration together: plain settings, validated, before anything is scanned.

use std::path::Path;

use keyscan::config::{self, Config};
use keyscan::{Error, Result, RuleSet, Scanner};

use crate::args::RuleArgs;

/// Reads the configuration that is named, or the nearest one.
pub(crate) fn load_config(args: &RuleArgs, target: &Path) -> Result<Config> {
    let path = args.config.clone().or_else(|| Config::find(target));
    Ok(path.as_deref().map(Config::from_file).transpose()?.unwrap_or_default())
}

/// The rules to use: built-in ones, those of rule files, less what is not wanted.
pub(crate) fn load_rules(args: &RuleArgs, config: &Config) -> Result<RuleSet> {
    let mut rules = RuleSet::builtin();
    for file in config.rule_files.iter().chain(&args.rule_files) {
        let added = RuleSet::from_file(file)?;
        // A regex of a user may be too large to compile; better said now than never noticed.
        Scanner::new(added.clone()).compile().map_err(|error| error.with_path(file))?;
        rules.extend(added.rules().iter().cloned());
    }
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
    Ok(rules)
}
