//! SARIF 2.1.0, as code-scanning platforms read it.
//!
//! Every rule of the scan is listed, found or not, so that the log says what was looked for. Columns count Unicode
//! code points, as in every other report; places are given in bytes as well. Snippets hold the secret as the other
//! reports show it: masked unless it is asked for, and as base64 in `binary` where its bytes are no UTF-8. What was
//! not examined is a notification, and the invocation then did not succeed.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use data_encoding::BASE64;
use serde::Serialize;

use super::human::why;
use super::json::{GitObject, confidence, validated, write_value};
use super::{Entry, Options, PartEntry, Report};
use crate::finding::Finding;
use crate::rule::{Kind, Rule, Severity};
use crate::run::Outcome;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// The name of our fingerprint; the number is that of the way it is made.
const FINGERPRINT: &str = "keyscan/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'a str,
    version: &'a str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    invocations: [Invocation<'a>; 1],
    column_kind: &'a str,
    results: Vec<ResultObject<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'a str,
    version: &'a str,
    semantic_version: &'a str,
    rules: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    id: &'a str,
    short_description: Text,
    full_description: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<&'a str>,
    help: Text,
    default_configuration: Configuration<'a>,
    properties: RuleProperties<'a>,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Configuration<'a> {
    level: &'a str,
}

#[derive(Serialize)]
struct RuleProperties<'a> {
    precision: &'a str,
    #[serde(rename = "security-severity")]
    security_severity: &'a str,
    tags: [&'a str; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification<'a>>,
}

#[derive(Serialize)]
struct Notification<'a> {
    level: &'a str,
    message: Text,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultObject<'a> {
    rule_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'a str,
    rank: f64,
    message: Text,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    partial_fingerprints: BTreeMap<&'a str, String>,
    properties: ResultProperties<'a>,
}

#[derive(Serialize)]
struct ResultProperties<'a> {
    confidence: f64,
    severity: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<[&'a str; 1]>,
    validated: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    git: Option<GitObject<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u64,
    start_column: u64,
    end_line: u64,
    end_column: u64,
    byte_offset: u64,
    byte_length: u64,
    snippet: Snippet,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Snippet {
    Text(String),
    Binary(String),
}

pub(super) fn write(report: &Report<'_>, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let index: HashMap<&str, usize> = report.rules.iter().enumerate().map(|(at, rule)| (rule.id(), at)).collect();
    let version = env!("CARGO_PKG_VERSION");
    let rules = report.rules.iter().map(descriptor).collect();
    let run = Run {
        tool: Tool { driver: Driver { name: "keyscan", version, semantic_version: version, rules } },
        invocations: [Invocation {
            execution_successful: report.outcome.is_complete(),
            tool_execution_notifications: notifications(report.outcome),
        }],
        column_kind: "unicodeCodePoints",
        results: report.entries.iter().map(|entry| result(entry, &index, options)).collect(),
    };
    write_value(&Log { schema: SCHEMA, version: "2.1.0", runs: [run] }, out)?;
    out.write_all(b"\n")
}

fn descriptor(rule: &Rule) -> Descriptor<'_> {
    let (description, provider) = (rule.description(), rule.provider_name());
    let help = format!(
        "If it is real, revoke it with {provider} and make a new one; taking it out of the text is not enough once it \
         was shared. If it is not, end its line with the comment keyscan:allow {}.",
        rule.id()
    );
    Descriptor {
        id: rule.id(),
        short_description: Text { text: description.to_owned() },
        full_description: Text { text: format!("{provider}: {description}") },
        help_uri: rule.docs(),
        help: Text { text: help },
        default_configuration: Configuration { level: level(rule.severity()) },
        properties: RuleProperties {
            precision: precision(rule.kind()),
            security_severity: security_severity(rule.severity()),
            tags: ["security", "secret"],
        },
    }
}

fn notifications(outcome: &Outcome) -> Vec<Notification<'_>> {
    let unit = |unit: &crate::run::Unexamined| Notification {
        level: "warning",
        message: Text { text: format!("Not examined: {}", unit.reason) },
        locations: vec![location(&unit.path, None)],
    };
    let whole = outcome.interrupted.then(|| Notification {
        level: "error",
        message: Text { text: "The scan was interrupted: the rest was not examined.".to_owned() },
        locations: Vec::new(),
    });
    outcome.unexamined.iter().map(unit).chain(whole).collect()
}

fn result<'a>(entry: &Entry<'a>, index: &HashMap<&str, usize>, options: &Options) -> ResultObject<'a> {
    let Entry { located, rule, fingerprint, .. } = *entry;
    let finding = &located.finding;
    let confidence = confidence(finding);
    let related = |(number, part): (usize, PartEntry<'_>)| {
        let region = region(part.finding, options.show_secrets || part.is_public);
        let text = format!("Its {} ({}).", part.role, part.shown(false));
        Location { id: Some(number), message: Some(Text { text }), ..location(&located.path, Some(region)) }
    };
    // The message is masked in any case: platforms send it on by mail.
    let (what, secret, why) = (rule.description(), finding.secret.masked(), why(finding));
    let text =
        format!("{what} ({secret}){}: it {why}.", entry.with_parts(|number, line| format!("[{line}]({number})")));
    ResultObject {
        rule_id: rule.id(),
        rule_index: index.get(rule.id()).copied(),
        level: level(entry.severity()),
        rank: (confidence * 1000.0).round() / 10.0,
        message: Text { text },
        locations: [location(&located.path, Some(region(finding, options.show_secrets)))],
        related_locations: entry.parts().enumerate().map(related).collect(),
        partial_fingerprints: fingerprint.map(|value| (FINGERPRINT, value.to_string())).into_iter().collect(),
        properties: ResultProperties {
            confidence,
            severity: entry.severity().as_str(),
            decoded: finding.decoded.map(|encoding| [encoding.as_str()]),
            validated: validated(finding),
            git: located.origin.as_deref().map(GitObject::of),
        },
    }
}

fn region(finding: &Finding, show: bool) -> Region {
    Region {
        start_line: finding.start.line,
        start_column: finding.start.column,
        end_line: finding.end.line,
        end_column: finding.end.column,
        byte_offset: finding.span.start,
        byte_length: finding.span.len(),
        snippet: snippet(finding, show),
    }
}

fn snippet(finding: &Finding, show: bool) -> Snippet {
    if !show {
        return Snippet::Text(finding.secret.masked());
    }
    let bytes = finding.secret.expose();
    match std::str::from_utf8(bytes) {
        Ok(text) => Snippet::Text(text.to_owned()),
        Err(_) => Snippet::Binary(BASE64.encode(bytes)),
    }
}

fn location(path: &str, region: Option<Region>) -> Location {
    let physical_location = PhysicalLocation { artifact_location: ArtifactLocation { uri: uri(path) }, region };
    Location { id: None, physical_location, message: None }
}

/// The path as a URI reference: relative, so that it means the same wherever the root is checked out.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        // A colon in the first segment would read as a scheme.
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.extend(['%', hex(byte >> 4), hex(byte & 0xF)]);
        }
    }
    uri
}

fn hex(nibble: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(nibble)])
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// A score that platforms sort into the same four classes: over 9, 7 to 8.9, 4 to 6.9, below.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

fn precision(kind: Kind) -> &'static str {
    match kind {
        Kind::Distinctive => "very-high",
        Kind::Structural => "high",
        Kind::Contextual => "medium",
        Kind::Generic | Kind::Identifier => "low",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Format, testing};
    use super::*;
    use crate::fingerprint::Key;
    use crate::secret::Secret;

    fn log(report: &Report<'_>, options: &Options) -> Value {
        let mut out = Vec::new();
        report.write(Format::Sarif, options, &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    /// Empty outside a checkout: the schema is not part of the package.
    fn schema_errors(log: &Value) -> Vec<String> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sarif/sarif-schema-2.1.0.json");
        let Ok(schema) = std::fs::read(path) else { return Vec::new() };
        let mut schema: Value = serde_json::from_slice(&schema).unwrap();
        for definition in ["run", "toolComponent"] {
            // As published, this pattern is no regex; we name no language.
            schema["definitions"][definition]["properties"]["language"].as_object_mut().unwrap().remove("pattern");
        }
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        validator.iter_errors(log).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    #[test]
    fn logs_are_valid_by_the_schema() {
        let mut sample = testing::with_parts();
        sample.outcome.interrupted = true;
        sample.outcome.findings[0].finding.secret = Secret::new(b"TESTKEY-\xFF");
        let key = Key::from_bytes([1; 32]);
        let full = Report::new(&sample.outcome, &sample.rules, Some(&key));
        let nothing = Outcome::default();
        for report in [full, Report::new(&nothing, &[], None)] {
            for show_secrets in [false, true] {
                let log = log(&report, &Options { show_secrets, ..Options::default() });
                assert_eq!(schema_errors(&log), [""; 0]);
            }
        }
        if std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sarif")).exists() {
            assert!(!schema_errors(&json!({"version": "2.1.0", "runs": [{}]})).is_empty());
        }
    }

    #[test]
    fn parts_are_related_locations() {
        let sample = testing::with_parts();
        let log = log(&Report::new(&sample.outcome, &sample.rules, None), &Options::default());
        let result = &log["runs"][0]["results"][0];
        let message = result["message"]["text"].as_str().unwrap();
        let expected = "Test key (TEST...0000), with its password ([line 4](0)) and user id ([line 2](1)): it ";
        assert!(message.starts_with(expected), "{message}");
        let related = &result["relatedLocations"];
        assert_eq!((&related[0]["id"], &related[1]["id"]), (&json!(0), &json!(1)));
        assert_eq!(related[0]["message"]["text"], "Its password (****).");
        assert_eq!(related[0]["physicalLocation"]["region"]["snippet"]["text"], "****");
        assert_eq!(related[1]["physicalLocation"]["region"]["snippet"]["text"], testing::secret(2));
        assert!(log["runs"][0]["results"][1].get("relatedLocations").is_none());
    }

    #[test]
    fn a_result_points_at_its_rule_and_place() {
        let sample = testing::sample();
        let key = Key::from_bytes([1; 32]);
        let report = Report::new(&sample.outcome, &sample.rules, Some(&key));
        let log = log(&report, &Options::default());
        let fingerprint = report.entries[0].fingerprint.unwrap().to_string();
        let expected = json!({
            "ruleId": "test-key",
            "ruleIndex": 0,
            "level": "error",
            "rank": 99.0,
            "message": {"text": "Test key (TEST...0000): it has a valid checksum and looks random (99% sure)."},
            "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": "src/a.py"},
                "region": {
                    "startLine": 3, "startColumn": 8, "endLine": 3, "endColumn": 40, "byteOffset": 27, "byteLength": 32,
                    "snippet": {"text": "TEST...0000"},
                },
            }}],
            "partialFingerprints": {"keyscan/v1": fingerprint},
            "properties": {"confidence": 0.99, "severity": "critical", "validated": ["checksum"]},
        });
        assert_eq!(log["runs"][0]["results"][0], expected);
        assert_eq!(log["runs"][0]["results"][1]["properties"]["decoded"], json!(["utf-16le"]));
    }

    #[test]
    fn a_rule_has_a_level_a_score_and_help() {
        let sample = testing::sample();
        let log = log(&Report::new(&sample.outcome, &sample.rules, None), &Options::default());
        let rules = &log["runs"][0]["tool"]["driver"]["rules"];
        assert_eq!(rules.as_array().unwrap().len(), 3);
        assert_eq!(rules[0]["shortDescription"]["text"], "Test key");
        assert_eq!(rules[0]["helpUri"], "https://example.com/docs");
        assert_eq!(rules[1]["defaultConfiguration"]["level"], "warning");
        assert_eq!(
            rules[0]["properties"],
            json!({"precision": "very-high", "security-severity": "9.5", "tags": ["security", "secret"]})
        );
    }

    #[test]
    fn what_was_not_examined_is_a_notification() {
        let mut sample = testing::sample();
        let invocation = |outcome: &Outcome| {
            log(&Report::new(outcome, &sample.rules, None), &Options::default())["runs"][0]["invocations"][0].clone()
        };
        let expected = json!({"executionSuccessful": false, "toolExecutionNotifications": [{
            "level": "warning",
            "message": {"text": "Not examined: permission denied"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "b.bin"}}}],
        }]});
        assert_eq!(invocation(&sample.outcome), expected);
        sample.outcome.unexamined.clear();
        let expected = json!({"executionSuccessful": true, "toolExecutionNotifications": []});
        assert_eq!(invocation(&sample.outcome), expected);
    }

    #[test]
    fn secrets_are_in_snippets_only_and_when_asked_for() {
        let mut sample = testing::sample();
        let shown = Options { show_secrets: true, ..Options::default() };
        let report = Report::new(&sample.outcome, &sample.rules, None);
        assert!(!log(&report, &Options::default()).to_string().contains(&testing::secret(0)));
        let snippet = "/runs/0/results/0/locations/0/physicalLocation/region/snippet";
        assert_eq!(log(&report, &shown).pointer(snippet), Some(&json!({"text": testing::secret(0)})));
        sample.outcome.findings[0].finding.secret = Secret::new(b"\xFFa");
        let report = Report::new(&sample.outcome, &sample.rules, None);
        assert_eq!(log(&report, &shown).pointer(snippet), Some(&json!({"binary": "/2E="})));
    }

    #[test]
    fn paths_are_uris() {
        let cases = [
            ("src/a b.py", "src/a%20b.py"),
            ("c:d/%41?#", "c%3Ad/%2541%3F%23"),
            ("größe\n", "gr%C3%B6%C3%9Fe%0A"),
            ("<stdin>", "%3Cstdin%3E"),
            ("a.zip!in/b", "a.zip!in/b"),
            ("/abs", "file:///abs"),
        ];
        for (path, expected) in cases {
            assert_eq!(uri(path), expected);
        }
    }
}
