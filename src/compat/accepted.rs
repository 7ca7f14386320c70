//! Findings that other tools' files accept: ignore lists, baselines and reports.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;
use serde_json::Value;

use super::filter::{Allowlist, Filter, RegexTarget, compile};
use super::{Imported, Note, Weight, equivalents, syntax, yaml};
use crate::error::Result;

fn note(path: &Path, line: Option<usize>, weight: Weight, text: impl Into<String>) -> Note {
    Note { path: path.to_owned(), line, rule: None, weight, text: text.into() }
}

/// One line of an ignore list: commit (empty: any), path, rule and line.
fn fingerprint(line: &str) -> Option<(String, String, &str, u64)> {
    let (rest, number) = line.rsplit_once(':')?;
    let (place, rule) = rest.rsplit_once(':')?;
    let number = number.parse().ok()?;
    // A commit is hexadecimal; what else stands before a colon belongs to the path.
    let is_commit = |text: &str| text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let (commit, path) = place.split_once(':').filter(|(commit, _)| is_commit(commit)).unwrap_or(("", place));
    let path = path.replace('\\', "/");
    let path = path.strip_prefix("./").unwrap_or(&path);
    (!path.is_empty() && !rule.is_empty()).then(|| (commit.to_ascii_lowercase(), path.to_owned(), rule, number))
}

fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().map(str::trim).zip(1..).map(|(line, number)| (number, line));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Whether a text is nothing but fingerprints of places.
pub(super) fn is_ignore_list(text: &str) -> bool {
    let mut entries = entries(text).peekable();
    entries.peek().is_some() && entries.all(|(_, line)| fingerprint(line).is_some())
}

/// `.gitleaksignore`: `commit:file:rule:line` or `file:rule:line`.
pub(super) fn ignore_list(path: &Path, text: &str) -> Result<Imported> {
    let mut imported = Imported::default();
    for (number, line) in entries(text) {
        let Some((commit, file, rule, at)) = fingerprint(line) else {
            let why = "this is no fingerprint `file:rule:line` or `commit:file:rule:line`, and accepts nothing";
            imported.notes.push(note(path, Some(number), Weight::Refused, why));
            continue;
        };
        imported.accept_place(&commit, &file, rule, at);
    }
    Ok(imported)
}

impl Imported {
    /// Accepts what a rule finds on a line, and what our rules find that stand for it.
    fn accept_place(&mut self, commit: &str, file: &str, rule: &str, line: u64) {
        let ours = equivalents::of(rule);
        for id in ours.into_iter().chain([rule]) {
            self.policy.accepted.places.insert((commit.to_owned(), file.to_owned(), id.to_owned(), line));
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reported {
    #[serde(rename = "RuleID")]
    rule_id: String,
    file: String,
    start_line: u64,
    #[serde(default)]
    secret: String,
}

/// A report of gitleaks as JSON.
pub(super) fn report(path: &Path, text: &str) -> Result<Imported> {
    let findings: Vec<Reported> = serde_json::from_str(text).map_err(json_error)?;
    let mut imported = Imported::default();
    imported.policy.own_files.push(path.to_owned());
    for finding in findings {
        let file = finding.file.strip_prefix("./").unwrap_or(&finding.file).to_owned();
        let secret = finding.secret;
        if secret.is_empty() || secret == "REDACTED" || secret.ends_with("...") {
            imported.accept_place("", &file, &finding.rule_id, finding.start_line);
        } else {
            imported.policy.accepted.texts.insert((file, secret.into_bytes()));
        }
    }
    Ok(imported)
}

/// What serde says of JSON may quote it.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn json_error(error: serde_json::Error) -> crate::error::Error {
    syntax(format!("line {}, column {}: it is not of the form of such a file", error.line(), error.column()))
}

#[derive(Deserialize)]
struct Baseline {
    results: BTreeMap<String, Vec<Hashed>>,
    #[serde(default)]
    filters_used: Vec<Used>,
    #[serde(default)]
    exclude: Option<Exclude>,
}

#[derive(Deserialize)]
struct Hashed {
    hashed_secret: String,
}

#[derive(Deserialize)]
struct Used {
    path: String,
    #[serde(default)]
    pattern: Option<Value>,
}

/// Before its version 1.0.
#[derive(Deserialize)]
struct Exclude {
    #[serde(default)]
    files: Option<String>,
    #[serde(default)]
    lines: Option<String>,
}

/// A baseline of detect-secrets: SHA-1 of secrets by file, and the filters that were used.
pub(super) fn detect_secrets(path: &Path, text: &str) -> Result<Imported> {
    let baseline: Baseline = serde_json::from_str(text).map_err(json_error)?;
    let mut imported = Imported::default();
    imported.policy.own_files.push(path.to_owned());
    for (file, secrets) in baseline.results {
        let file = file.replace('\\', "/");
        let file = file.strip_prefix("./").unwrap_or(&file);
        for secret in secrets {
            let hash = HEXLOWER_PERMISSIVE.decode(secret.hashed_secret.as_bytes()).ok();
            let Some(hash) = hash.and_then(|hash| <[u8; 20]>::try_from(hash).ok()) else {
                return Err(syntax(format!("{file}: a `hashed_secret` is no SHA-1 in hexadecimal")));
            };
            imported.policy.accepted.sha1.insert((file.to_owned(), hash));
        }
    }
    for used in baseline.filters_used {
        let patterns: Vec<String> = match used.pattern {
            Some(Value::String(pattern)) => vec![pattern],
            Some(Value::Array(patterns)) => patterns.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let name = used.path.rsplit('.').next().unwrap_or_default();
        if used.path.starts_with("detect_secrets.filters.regex.should_exclude_") {
            patterns.iter().for_each(|pattern| exclude(&mut imported, path, name, pattern));
        } else if name.starts_with("is_line_allowlisted")
            || used.path.starts_with("detect_secrets.filters.heuristic.")
            || name == "is_invalid_file"
            || name == "is_verified_by_plugin"
            || used.path.contains(".common.")
        {
            // Ours: allow comments are read, and what looks like no secret is judged.
        } else {
            let text = format!("the filter `{}` is not run", used.path);
            imported.notes.push(note(path, None, Weight::Refused, text));
        }
    }
    if let Some(old) = baseline.exclude {
        let both = [("should_exclude_file", old.files), ("should_exclude_line", old.lines)];
        for (name, pattern) in both {
            pattern.iter().for_each(|pattern| exclude(&mut imported, path, name, pattern));
        }
    }
    Ok(imported)
}

fn exclude(imported: &mut Imported, path: &Path, name: &str, pattern: &str) {
    let regex = match compile(pattern) {
        Ok(regex) => vec![regex],
        Err(why) => {
            let text = format!("`{name}`: the pattern `{pattern}` is not read, and excludes nothing: {why}");
            return imported.notes.push(note(path, None, Weight::Refused, text));
        }
    };
    let list = match name {
        "should_exclude_file" => Allowlist { paths: regex, ..Allowlist::default() },
        "should_exclude_line" => Allowlist { regexes: regex, target: RegexTarget::Line, ..Allowlist::default() },
        _ => Allowlist { regexes: regex, ..Allowlist::default() },
    };
    imported.policy.global.push(Filter::Allowlist(list));
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Ggshield {
    secret: SecretSection,
    #[serde(rename = "matches-ignore", alias = "matches_ignore")]
    matches: Vec<Ignored>,
    #[serde(rename = "paths-ignore", alias = "paths_ignore")]
    paths: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SecretSection {
    #[serde(rename = "ignored_matches", alias = "ignored-matches")]
    matches: Vec<Ignored>,
    #[serde(rename = "ignored_paths", alias = "ignored-paths")]
    paths: Vec<String>,
    #[serde(rename = "ignored_detectors", alias = "ignored-detectors")]
    detectors: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ignored {
    Plain(String),
    Named {
        #[serde(rename = "match")]
        matched: String,
    },
}

/// `.gitguardian.yaml`: matches by SHA-256 or as they are, and paths.
pub(super) fn ggshield(path: &Path, text: &str) -> Result<Imported> {
    let file: Ggshield = yaml(text)?;
    let mut imported = Imported::default();
    imported.policy.own_files.push(path.to_owned());
    for ignored in file.secret.matches.into_iter().chain(file.matches) {
        let (Ignored::Plain(text) | Ignored::Named { matched: text }) = ignored;
        let hash = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().and_then(|hash| <[u8; 32]>::try_from(hash).ok());
        if let Some(hash) = hash {
            imported.policy.accepted.sha256.insert(hash);
        } else {
            let hash = <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
            imported.policy.accepted.sha256.insert(hash.into());
        }
    }
    if !imported.policy.accepted.sha256.is_empty() {
        let text = "hashes are compared with those of single secrets; those of matches of several parts accept nothing";
        imported.notes.push(note(path, None, Weight::Differs, text));
    }
    for glob in file.secret.paths.iter().chain(&file.paths) {
        let regex = compile(&glob_regex(glob)).map_err(|why| syntax(format!("the path `{glob}`: {why}")))?;
        imported.policy.global.push(Filter::Allowlist(Allowlist { paths: vec![regex], ..Allowlist::default() }));
    }
    for detector in file.secret.detectors {
        let text = format!(
            "`ignored_detectors`: `{detector}` is a detector of the service; use `exclude-rules` of keyscan.toml"
        );
        imported.notes.push(note(path, None, Weight::Refused, text));
    }
    Ok(imported)
}

/// A glob as a regex: it matches a path from its start or from a folder on; `**` crosses folders.
fn glob_regex(glob: &str) -> String {
    let mut regex = String::from("(?:^|/)");
    let mut rest = glob.trim_start_matches("./").trim_start_matches('/');
    while let Some(c) = rest.chars().next() {
        let (piece, len) = match c {
            '*' if rest.starts_with("**/") => ("(?:.*/)?".to_owned(), 3),
            '*' if rest.starts_with("**") => (".*".to_owned(), 2),
            '*' => ("[^/]*".to_owned(), 1),
            '?' => ("[^/]".to_owned(), 1),
            c if c.is_ascii_punctuation() => (format!(r"\x{:02X}", c as u32), 1),
            c => (c.to_string(), c.len_utf8()),
        };
        regex.push_str(&piece);
        rest = &rest[len..];
    }
    if glob.ends_with('/') {
        return regex;
    }
    format!("{regex}(?:/|$)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_have_three_parts_or_four() {
        let owned = |commit: &str, path: &str, rule, line| Some((commit.to_owned(), path.to_owned(), rule, line));
        assert_eq!(fingerprint("a/b.env:acme-key:3"), owned("", "a/b.env", "acme-key", 3));
        assert_eq!(fingerprint("0123abcdef:a\\b.env:acme-key:3"), owned("0123abcdef", "a/b.env", "acme-key", 3));
        assert_eq!(fingerprint("./a:b/c:acme-key:3"), owned("", "a:b/c", "acme-key", 3));
        for wrong in ["a:3", "a:b:c", ":r:3", ""] {
            assert_eq!(fingerprint(wrong), None, "{wrong}");
        }
        assert!(is_ignore_list("# why\na:r:1\n") && !is_ignore_list("# why\n") && !is_ignore_list("a:r:1\nb"));
    }

    #[test]
    fn globs_become_regexes() {
        let matches = |glob: &str, path: &str| compile(&glob_regex(glob)).unwrap().is_match(path.as_bytes());
        assert!(matches("tests/**/*.env", "tests/a/b/c.env") && matches("tests/**/*.env", "tests/c.env"));
        assert!(matches("vendor/", "a/vendor/b") && matches("*.md", "docs/a.md") && matches("docs", "docs/a"));
        assert!(!matches("*.md", "docs/a.mdx") && !matches("docs", "mydocs/a") && !matches("a?c", "a/c"));
    }
}
