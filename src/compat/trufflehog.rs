//! Custom detectors of `TruffleHog`: YAML files with a list `detectors`.
//!
//! A detector has regexes with names. Where it has several, all of them have to match in the same file; each becomes
//! a rule of ours, and all but the primary one only help.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::filter::{Allowlist, Filter, RegexTarget, compile};
use super::policy::{Required, RulePolicy};
use super::{Imported, Note, Weight, go, line_of, syntax, yaml};
use crate::error::Result;
use crate::rule::{EntropyBar, Foreign, ForeignSpec, Needs, SecretPart, Severity};

#[derive(Deserialize)]
struct File {
    detectors: Vec<Detector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Detector {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    regex: BTreeMap<String, String>,
    #[serde(default)]
    primary_regex_name: String,
    #[serde(default)]
    exclude_regexes_capture: Vec<String>,
    #[serde(default)]
    exclude_regexes_match: Vec<String>,
    #[serde(default)]
    exclude_words: Vec<String>,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    validations: Option<IgnoredAny>,
    #[serde(default)]
    verify: Option<IgnoredAny>,
}

pub(super) fn import(path: &Path, text: &str) -> Result<Imported> {
    let file: File = yaml(text)?;
    let mut imported = Imported::default();
    for detector in file.detectors {
        one(&mut imported, path, text, &detector).map_err(|error| error.in_rule(&detector.name))?;
    }
    Ok(imported)
}

fn one(imported: &mut Imported, path: &Path, text: &str, detector: &Detector) -> Result<()> {
    let line = line_of(text, &detector.name);
    let note = |weight, text: &str| Note {
        path: path.to_owned(),
        line,
        rule: Some(detector.name.clone()),
        weight,
        text: text.to_owned(),
    };
    if detector.regex.is_empty() {
        return Err(syntax("it has no `regex`"));
    }
    if detector.verify.is_some() {
        imported.notes.push(note(Weight::Differs, "`verify` is not run: nothing leaves the machine"));
    }
    if detector.validations.is_some() {
        imported.notes.push(note(Weight::Differs, "`validations` are not asked for: more may be found"));
    }
    let compiled = |sources: &[String], key: &str| {
        let one =
            |source: &String| compile(source).map_err(|why| syntax(format!("`{key}`: the regex `{source}`: {why}")));
        sources.iter().map(one).collect::<Result<Vec<_>>>()
    };
    let list = |target, regexes| Filter::Allowlist(Allowlist { target, regexes, ..Allowlist::default() });
    let filters = [
        list(RegexTarget::Secret, compiled(&detector.exclude_regexes_capture, "exclude_regexes_capture")?),
        list(RegexTarget::Match, compiled(&detector.exclude_regexes_match, "exclude_regexes_match")?),
    ];
    let id = |name: &str| match detector.regex.len() {
        1 => detector.name.clone(),
        _ => format!("{}.{name}", detector.name),
    };
    let primary = Some(&detector.primary_regex_name).filter(|name| detector.regex.contains_key(*name));
    let primary = primary.or_else(|| detector.regex.keys().next());
    let mut specs = Vec::new();
    for (name, source) in &detector.regex {
        let regex = match go::translate(source) {
            Ok(regex) => regex,
            Err(why) => {
                imported.notes.push(note(Weight::Refused, &format!("it is not run: the regex `{name}`: {why}")));
                return Ok(());
            }
        };
        let description = if detector.description.is_empty() { &detector.name } else { &detector.description };
        specs.push((
            name,
            ForeignSpec {
                id: id(name),
                description: description.clone(),
                tool: ("trufflehog", "TruffleHog detector"),
                severity: Severity::High,
                confidence: 0.9,
                regex,
                foreign: Foreign {
                    secret: SecretPart::FirstGroup,
                    entropy: (detector.entropy > 0.0).then_some(EntropyBar { bar: detector.entropy, inclusive: true }),
                    nearby: detector.keywords.iter().map(|word| word.to_lowercase().into_bytes()).collect(),
                    needs: Needs {
                        without: detector.exclude_words.iter().map(|word| word.to_lowercase().into_bytes()).collect(),
                        ..Needs::default()
                    },
                },
            },
        ));
    }
    let all: Vec<String> = detector.regex.keys().map(|name| id(name)).collect();
    let mut admitted = true;
    for (name, spec) in specs {
        let own = spec.id.clone();
        admitted &= imported.admit(spec, path, line);
        let is_primary = Some(name) == primary;
        let others = all.iter().filter(|other| is_primary && **other != own);
        let required = others.map(|rule| Required { rule: rule.clone(), within_lines: None, within_columns: None });
        let policy =
            RulePolicy { path: None, filters: filters.to_vec(), required: required.collect(), silent: !is_primary };
        imported.policy.rules.insert(own, policy);
    }
    if !admitted {
        // What lacks one of its regexes never finds anything.
        imported.rules.retain(|rule| !all.iter().any(|id| id == rule.id()));
    }
    Ok(())
}
