//! The JSON of gitleaks, for programs that read its reports: a list of findings.
//!
//! What a field says is what gitleaks would say there, but for secrets, which are masked as in all reports; places are
//! those of the secret; and columns count from 1 on every line. Each part of a credential is a finding of its own.

use std::io::{self, Write};

use serde::Serialize;

use super::{Entry, Options, Report, shown};
use crate::engine::validate::foreign::entropy;
use crate::finding::{CommitInfo, Located};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Finding<'a> {
    #[serde(rename = "RuleID")]
    rule_id: &'a str,
    description: &'a str,
    start_line: u64,
    end_line: u64,
    start_column: u64,
    end_column: u64,
    r#match: &'a str,
    secret: &'a str,
    file: &'a str,
    symlink_file: &'a str,
    commit: &'a str,
    entropy: f32,
    author: &'a str,
    email: &'a str,
    date: &'a str,
    message: &'a str,
    tags: [&'a str; 0],
    fingerprint: String,
}

pub(super) fn write(report: &Report<'_>, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let apart: Vec<Located> = report.entries.iter().flat_map(|entry| entry.located.apart()).collect();
    let told = apart
        .iter()
        .map(|located| (Entry::new(located, report.rules, None), shown(&located.finding.secret, options.show_secrets)));
    let told: Vec<(Entry<'_>, String)> = told.collect();
    let findings: Vec<Finding<'_>> = told.iter().map(|(entry, secret)| finding(entry, secret)).collect();
    serde_json::to_writer_pretty(&mut *out, &findings)?;
    out.write_all(b"\n")
}

fn finding<'a>(entry: &'a Entry<'_>, secret: &'a str) -> Finding<'a> {
    let Entry { located, rule, .. } = entry;
    let found = &located.finding;
    let commit = located.origin.as_ref().and_then(|origin| origin.commit.as_ref());
    let text = |of: fn(&CommitInfo) -> &str| commit.map_or("", of);
    let place = format!("{}:{}:{}", located.path, rule.id(), found.start.line);
    Finding {
        rule_id: rule.id(),
        description: rule.description(),
        start_line: found.start.line,
        end_line: found.end.line,
        start_column: found.start.column,
        end_column: found.end.column.saturating_sub(1),
        r#match: secret,
        secret,
        file: &located.path,
        symlink_file: "",
        commit: text(|commit| &commit.id),
        entropy: entropy(found.secret.expose()) as f32,
        author: text(|commit| &commit.author),
        email: text(|commit| &commit.email),
        date: text(|commit| &commit.date),
        message: text(|commit| &commit.subject),
        tags: [],
        fingerprint: commit.map_or_else(|| place.clone(), |commit| format!("{}:{place}", commit.id)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, testing};
    use super::*;

    #[test]
    fn parts_are_findings_of_their_own() {
        let sample = testing::with_parts();
        let mut out = Vec::new();
        Report::new(&sample.outcome, &sample.rules, None)
            .write(Format::Gitleaks, &Options::default(), &mut out)
            .unwrap();
        let findings: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let ids: Vec<&str> = findings.as_array().unwrap().iter().map(|f| f["RuleID"].as_str().unwrap()).collect();
        assert_eq!(ids, ["test-key", "test-pass", "test-pass", "test-key"]);
    }

    #[test]
    fn findings_have_the_fields_of_gitleaks() {
        let sample = testing::sample();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        let text = |options: &Options| {
            let mut out = Vec::new();
            report.write(Format::Gitleaks, options, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let findings: serde_json::Value = serde_json::from_str(&text(&Options::default())).unwrap();
        assert_eq!(findings.as_array().unwrap().len(), 3);
        let first = &findings[0];
        assert_eq!((&first["RuleID"], &first["File"]), (&"test-key".into(), &"src/a.py".into()));
        assert_eq!((&first["StartLine"], &first["StartColumn"]), (&3.into(), &8.into()));
        assert_eq!(first["Fingerprint"], "src/a.py:test-key:3");
        assert!(!text(&Options::default()).contains(&testing::secret(0)));
        assert!(text(&Options { show_secrets: true, ..Options::default() }).contains(&testing::secret(0)));
    }
}
