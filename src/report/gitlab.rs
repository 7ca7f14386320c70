//! The report of secret detection that GitLab reads (version 15 of its form).
//! <https://docs.gitlab.com/user/application_security/secret_detection/pipeline/>
//!
//! It says when the scan ran, so that its bytes differ from run to run. What GitLab tells findings apart by does not:
//! the rule, the file, the lines and the commit. What was not examined is a message, and the scan then has failed.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::human::why;
use super::json::write_value;
use super::{Entry, Options, Report, shown};
use crate::gate::Date;
use crate::rule::Severity;
use crate::run::Outcome;

/// The version of the form.
const VERSION: &str = "15.2.1";
/// What stands for the commit of a file that was not looked at as part of one.
const NO_COMMIT: &str = "0000000";
/// No name of a vulnerability may be longer, in characters.
const MAX_NAME: usize = 255;

#[derive(Serialize)]
struct ReportObject<'a> {
    version: &'a str,
    scan: Scan<'a>,
    vulnerabilities: Vec<Vulnerability<'a>>,
}

#[derive(Serialize)]
struct Scan<'a> {
    analyzer: Tool<'a>,
    scanner: Tool<'a>,
    r#type: &'a str,
    status: &'a str,
    start_time: String,
    end_time: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Message>,
}

#[derive(Serialize, Clone, Copy)]
struct Tool<'a> {
    id: &'a str,
    name: &'a str,
    version: &'a str,
    vendor: Vendor<'a>,
}

#[derive(Serialize, Clone, Copy)]
struct Vendor<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Message {
    level: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Vulnerability<'a> {
    id: String,
    name: String,
    description: String,
    severity: &'a str,
    solution: String,
    identifiers: [Identifier<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link<'a>>,
    location: Location<'a>,
    raw_source_code_extract: String,
}

#[derive(Serialize)]
struct Identifier<'a> {
    r#type: &'a str,
    name: String,
    value: &'a str,
}

#[derive(Serialize)]
struct Link<'a> {
    url: &'a str,
}

#[derive(Serialize)]
struct Location<'a> {
    file: &'a str,
    start_line: u64,
    end_line: u64,
    commit: Commit<'a>,
}

#[derive(Serialize)]
struct Commit<'a> {
    sha: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

pub(super) fn write(report: &Report<'_>, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let vendor = Vendor { name: "keyscan" };
    let tool = Tool { id: "keyscan", name: "keyscan", version: env!("CARGO_PKG_VERSION"), vendor };
    let scan = Scan {
        analyzer: tool,
        scanner: tool,
        r#type: "secret_detection",
        status: if report.outcome.is_complete() { "success" } else { "failure" },
        start_time: time(now.saturating_sub(report.outcome.stats.elapsed)),
        end_time: time(now),
        messages: messages(report.outcome),
    };
    let vulnerabilities = report.entries.iter().map(|entry| vulnerability(entry, options)).collect();
    write_value(&ReportObject { version: VERSION, scan, vulnerabilities }, out)?;
    out.write_all(b"\n")
}

/// `2026-01-31T10:20:30`, in UTC, of the time since 1970.
fn time(since: Duration) -> String {
    let (seconds, day) = (since.as_secs() % 86_400, Date::from_unix_seconds(since.as_secs()));
    format!("{day}T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn messages(outcome: &Outcome) -> Vec<Message> {
    let unit = |unit: &crate::run::Unexamined| format!("Not examined: {}: {}", unit.path, unit.reason);
    let whole = outcome.interrupted.then(|| "The scan was interrupted: the rest was not examined.".to_owned());
    let texts = outcome.unexamined.iter().map(unit).chain(whole);
    texts.map(|value| Message { level: "warn", value }).collect()
}

fn vulnerability<'a>(entry: &Entry<'a>, options: &Options) -> Vulnerability<'a> {
    let Entry { located, rule, .. } = *entry;
    let finding = &located.finding;
    let commit = located.origin.as_ref().and_then(|origin| origin.commit.as_ref());
    let secret = &finding.secret;
    let sha = commit.map_or(NO_COMMIT, |commit| &commit.id);
    Vulnerability {
        id: id(&[rule.id(), &located.path, sha, &finding.span.start.to_string()]),
        name: rule.description().chars().take(MAX_NAME).collect(),
        description: format!(
            "{} ({}){}: it {}.",
            rule.description(),
            secret.masked(),
            entry.with_parts(|_, line| line),
            why(finding)
        ),
        severity: match entry.severity() {
            Severity::Critical => "Critical",
            Severity::High => "High",
            Severity::Medium => "Medium",
            Severity::Low => "Low",
        },
        solution: format!(
            "Revoke it with {} and make a new one; taking it out of the text is not enough once it was shared. If it is \
             no secret, end its line with the comment keyscan:allow {}.",
            rule.provider_name(),
            rule.id()
        ),
        identifiers: [Identifier {
            r#type: "keyscan_rule_id",
            name: format!("keyscan rule {}", rule.id()),
            value: rule.id(),
        }],
        links: rule.docs().filter(|url| url.starts_with("http")).map(|url| Link { url }).into_iter().collect(),
        location: Location {
            file: &located.path,
            start_line: finding.start.line,
            end_line: finding.end.line,
            commit: Commit {
                sha,
                author: commit.map(|commit| format!("{} <{}>", commit.author, commit.email)),
                date: commit.map(|commit| &*commit.date),
                message: commit.map(|commit| &*commit.subject),
            },
        },
        raw_source_code_extract: shown(secret, options.show_secrets),
    }
}

/// An id in the form of a UUID: always the same for the same place, and nothing of the secret.
fn id(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bytes: [u8; 32] = hasher.finalize().into();
    // Version 8 (made in a way of its own) and the variant of RFC 9562.
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex = HEXLOWER.encode(&bytes[..16]);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Format, testing};
    use super::*;
    use crate::finding::{CommitInfo, Origin};

    fn written(report: &Report<'_>, options: &Options) -> Value {
        let mut out = Vec::new();
        report.write(Format::Gitlab, options, &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    /// What GitLab asks of a report, of all that its documentation says about its form.
    fn form() -> Value {
        let text = json!({"type": "string", "minLength": 1});
        let time = json!({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$"});
        let tool = json!({
            "type": "object", "required": ["id", "name", "version", "vendor"],
            "properties": {"id": text, "name": text, "version": text, "vendor": {"required": ["name"]}},
        });
        json!({
            "type": "object",
            "required": ["version", "scan", "vulnerabilities"],
            "properties": {
                "version": {"pattern": r"^15\.\d+\.\d+$"},
                "scan": {
                    "required": ["analyzer", "scanner", "start_time", "end_time", "status", "type"],
                    "properties": {
                        "analyzer": tool, "scanner": tool, "start_time": time, "end_time": time,
                        "status": {"enum": ["success", "failure"]},
                        "type": {"const": "secret_detection"},
                        "messages": {"items": {
                            "required": ["level", "value"],
                            "properties": {"level": {"enum": ["info", "warn", "fatal"]}, "value": text},
                        }},
                    },
                },
                "vulnerabilities": {"type": "array", "items": {
                    "required": ["id", "identifiers", "location"],
                    "properties": {
                        "id": {"pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"},
                        "name": {"type": "string", "maxLength": 255},
                        "severity": {"enum": ["Info", "Unknown", "Low", "Medium", "High", "Critical"]},
                        "solution": {"type": "string", "maxLength": 7000},
                        "identifiers": {"type": "array", "minItems": 1, "items": {
                            "required": ["type", "name", "value"],
                            "properties": {"type": text, "name": text, "value": text},
                        }},
                        "links": {"items": {"required": ["url"], "properties": {"url": {"pattern": "^(https?|ftp)://.+"}}}},
                        "location": {
                            "required": ["commit"],
                            "properties": {
                                "start_line": {"type": "number"}, "end_line": {"type": "number"},
                                "commit": {"required": ["sha"], "properties": {"sha": text}},
                            },
                        },
                    },
                }},
            },
        })
    }

    #[test]
    fn reports_have_the_form() {
        let validator = jsonschema::validator_for(&form()).unwrap();
        let mut sample = testing::sample();
        sample.outcome.interrupted = true;
        let commit = CommitInfo { id: "abc".to_owned(), author: "Ada".to_owned(), ..CommitInfo::default() };
        sample.outcome.findings[0].origin = Some(Box::new(Origin { commit: Some(commit), ..Origin::default() }));
        let nothing = Outcome::default();
        for report in [Report::new(&sample.outcome, &sample.rules, None), Report::new(&nothing, &[], None)] {
            let written = written(&report, &Options::default());
            let errors: Vec<String> =
                validator.iter_errors(&written).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert_eq!(errors, [""; 0]);
        }
        assert!(!validator.is_valid(&json!({"version": "15.2.1", "scan": {}, "vulnerabilities": []})));
    }

    #[test]
    fn a_vulnerability_says_what_and_where() {
        let sample = testing::sample();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        let first = written(&report, &Options::default());
        let found = &first["vulnerabilities"][0];
        assert_eq!((&found["name"], &found["severity"]), (&json!("Test key"), &json!("Critical")));
        assert_eq!(found["identifiers"][0]["value"], "test-key");
        assert_eq!(
            found["location"],
            json!({"file": "src/a.py", "start_line": 3, "end_line": 3, "commit": {"sha": "0000000"}})
        );
        assert_eq!(found["raw_source_code_extract"], "TEST...0000");
        assert_eq!(first["scan"]["status"], "failure");
        // Every finding has an id of its own, and always the same one.
        let ids = |report: &Value| -> Vec<String> {
            report["vulnerabilities"].as_array().unwrap().iter().map(|found| found["id"].to_string()).collect()
        };
        let again = written(&report, &Options::default());
        assert_eq!(ids(&again), ids(&first));
        assert_eq!(ids(&first).into_iter().collect::<std::collections::HashSet<_>>().len(), 3);
    }

    #[test]
    fn secrets_are_masked_unless_asked_for() {
        let sample = testing::sample();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        assert!(!written(&report, &Options::default()).to_string().contains(&testing::secret(0)));
        let shown = written(&report, &Options { show_secrets: true, ..Options::default() });
        assert_eq!(shown["vulnerabilities"][0]["raw_source_code_extract"], testing::secret(0).as_str());
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(time(Duration::from_secs(1_700_000_000)), "2023-11-14T22:13:20");
    }
}
