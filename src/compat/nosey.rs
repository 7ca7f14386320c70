//! Rules of Nosey Parker, Titus and Kingfisher 1.x: YAML files with a list `rules`.
//!
//! Their regexes are of the syntax that we use, over bytes. The first group is the secret, or else the whole match.

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::policy::RulePolicy;
use super::{Imported, Note, Weight, line_of, syntax, yaml};
use crate::error::Result;
use crate::rule::{EntropyBar, Foreign, ForeignSpec, Needs, SecretPart, Severity};

#[derive(Deserialize)]
struct File {
    rules: Vec<RuleSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSpec {
    name: String,
    id: String,
    pattern: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    min_entropy: f64,
    #[serde(default)]
    confidence: Option<String>,
    #[serde(default)]
    visible: Option<bool>,
    #[serde(default)]
    pattern_requirements: Option<Requirements>,
    #[serde(default)]
    depends_on_rule: Option<Vec<Option<Dependency>>>,
    #[serde(default)]
    validation: Option<IgnoredAny>,
    #[serde(default, rename = "revocation")]
    _revocation: Option<IgnoredAny>,
    #[serde(default, rename = "prevalidated")]
    _prevalidated: Option<IgnoredAny>,
    #[serde(default, rename = "tls_mode")]
    _tls_mode: Option<IgnoredAny>,
    #[serde(default, rename = "keywords")]
    _keywords: Option<IgnoredAny>,
    #[serde(default, rename = "examples")]
    _examples: Option<IgnoredAny>,
    #[serde(default, rename = "negative_examples")]
    _negative_examples: Option<IgnoredAny>,
    #[serde(default, rename = "references")]
    _references: Option<IgnoredAny>,
    #[serde(default, rename = "categories")]
    _categories: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirements {
    #[serde(default)]
    min_digits: usize,
    #[serde(default)]
    min_uppercase: usize,
    #[serde(default)]
    min_lowercase: usize,
    #[serde(default)]
    min_special_chars: usize,
    #[serde(default)]
    special_chars: Option<String>,
    #[serde(default)]
    ignore_if_contains: Option<Vec<String>>,
    #[serde(default)]
    checksum: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Dependency {
    rule_id: String,
}

pub(super) fn import(path: &Path, text: &str) -> Result<Imported> {
    let file: File = yaml(text)?;
    let mut imported = Imported::default();
    for rule in file.rules {
        let line = line_of(text, &rule.id);
        let note = |text: String| Note {
            path: path.to_owned(),
            line,
            rule: Some(rule.id.clone()),
            weight: Weight::Differs,
            text,
        };
        let (mut needs, mut notes) = (Needs::default(), Vec::new());
        if rule.validation.is_some() {
            notes.push(note("`validation` is not run: nothing leaves the machine".to_owned()));
        }
        for dependency in rule.depends_on_rule.iter().flatten().flatten() {
            notes.push(note(format!(
                "`depends_on_rule` only feeds validation: `{}` is not waited for",
                dependency.rule_id
            )));
        }
        if let Some(asked) = &rule.pattern_requirements {
            needs = Needs {
                digits: asked.min_digits,
                upper: asked.min_uppercase,
                lower: asked.min_lowercase,
                special: asked.min_special_chars,
                special_set: asked.special_chars.as_ref().map(|set| set.clone().into_bytes()),
                without: asked
                    .ignore_if_contains
                    .iter()
                    .flatten()
                    .map(|word| word.to_lowercase().into_bytes())
                    .collect(),
            };
            if asked.checksum.is_some() {
                notes.push(note("`checksum` is not computed: matches with a wrong one are found as well".to_owned()));
            }
        }
        let confidence = match rule.confidence.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("low") => 0.4,
            Some("high") => 0.9,
            None | Some("medium") => 0.75,
            Some(_) => return Err(syntax("`confidence` is one of low, medium and high").in_rule(&rule.id)),
        };
        imported.notes.append(&mut notes);
        let spec = ForeignSpec {
            id: rule.id.clone(),
            description: rule.description.unwrap_or(rule.name),
            tool: ("noseyparker", "Nosey Parker rule"),
            severity: Severity::High,
            confidence,
            regex: without_comments(&rule.pattern),
            foreign: Foreign {
                secret: SecretPart::FirstGroup,
                entropy: (rule.min_entropy > 0.0).then_some(EntropyBar { bar: rule.min_entropy, inclusive: false }),
                nearby: Vec::new(),
                needs,
            },
        };
        if imported.admit(spec, path, line) && rule.visible == Some(false) {
            let silent = RulePolicy { silent: true, ..RulePolicy::default() };
            imported.policy.rules.insert(rule.id.clone(), silent);
        }
    }
    Ok(imported)
}

/// These tools take comments of two kinds out of a pattern before it is parsed: `(?#...)`, and a hash with words up to
/// the end of its line. The newline at the end of a YAML block is none of the pattern's.
fn without_comments(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find("(?#") {
        let Some(end) = rest[at..].find(')') else { break };
        out.push_str(&rest[..at]);
        rest = &rest[at + end + 1..];
    }
    out.push_str(rest);
    let lines = out.lines().map(|line| {
        let comment = line.rfind('#').filter(|&at| {
            let is_word = |c: char| c.is_ascii_alphabetic() || c.is_whitespace();
            line[..at].ends_with(char::is_whitespace) && line[at + 1..].chars().all(is_word)
        });
        comment.map_or(line, |at| &line[..at])
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go() {
        assert_eq!(without_comments("(?x)\nab # two letters\n(?#note)c\n"), "(?x)\nab \nc");
        assert_eq!(without_comments("a#b"), "a#b");
        assert_eq!(without_comments("[ #]{2}"), "[ #]{2}");
    }
}
