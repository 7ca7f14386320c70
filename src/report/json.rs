//! JSON: one object (`json`), or one object a secret on a line of its own (`jsonl`).
//!
//! A secret that is UTF-8 stands in `secret` as it is (with `--show-secrets`). In one that is not, each stray byte is
//! U+FFFD there, and `secret_base64` holds the exact bytes: no escape, so that no secret can be taken for another.
//! Control, bidirectional and invisible characters in any string are written as `\uXXXX`, which means the same to
//! every JSON reader and does nothing to a terminal.

use std::borrow::Cow;
use std::io::{self, Write};

use data_encoding::BASE64;
use serde::Serialize;
use serde_json::ser::Formatter;

use super::{Entry, Options, PartEntry, Report};
use crate::escape::is_hidden;
use crate::finding::{Finding, Origin, Verdict};
use crate::run::Outcome;

/// The version of the form of `json`: it grows when a key changes its meaning or goes.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct FindingObject<'a> {
    rule: &'a str,
    provider: &'a str,
    description: &'a str,
    severity: &'a str,
    confidence: f64,
    path: &'a str,
    line: u64,
    column: u64,
    end_line: u64,
    end_column: u64,
    start: u64,
    end: u64,
    secret: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<[&'a str; 1]>,
    validated: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part_of: Option<WholeObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    git: Option<GitObject<'a>>,
}

/// The finding of which a line of `jsonl` tells a part, by its place.
#[derive(Serialize)]
struct WholeObject<'a> {
    rule: &'a str,
    start: u64,
    end: u64,
}

/// Another part of the credential.
#[derive(Serialize)]
struct PartObject<'a> {
    role: &'a str,
    rule: &'a str,
    public: bool,
    line: u64,
    column: u64,
    end_line: u64,
    end_column: u64,
    start: u64,
    end: u64,
    secret: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    validated: Vec<&'a str>,
}

impl<'a> PartObject<'a> {
    fn of(part: &PartEntry<'a>, options: &Options) -> PartObject<'a> {
        let PartEntry { role, rule, finding, is_public, fingerprint } = *part;
        let (secret, secret_base64) = secret_text(finding, options.show_secrets || is_public);
        PartObject {
            role,
            rule: rule.id(),
            public: is_public,
            line: finding.start.line,
            column: finding.start.column,
            end_line: finding.end.line,
            end_column: finding.end.column,
            start: finding.span.start,
            end: finding.span.end,
            secret,
            secret_base64,
            fingerprint: fingerprint.map(|fingerprint| fingerprint.to_string()),
            validated: validated(finding),
        }
    }
}

/// How it came into a repository. Without a commit: no commit leads to the object.
#[derive(Serialize)]
pub(super) struct GitObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    in_head: bool,
    refs: &'a [String],
    ref_count: u64,
    versions: u64,
    object: &'a str,
}

impl<'a> GitObject<'a> {
    pub(super) fn of(origin: &'a Origin) -> GitObject<'a> {
        let commit = origin.commit.as_ref();
        GitObject {
            commit: commit.map(|commit| &*commit.id),
            author: commit.map(|commit| &*commit.author),
            email: commit.map(|commit| &*commit.email),
            date: commit.map(|commit| &*commit.date),
            subject: commit.map(|commit| &*commit.subject),
            in_head: origin.in_head,
            refs: &origin.refs,
            ref_count: origin.ref_count,
            versions: origin.versions,
            object: &origin.object,
        }
    }
}

/// Something that was not examined. Without a path: the scan as a whole.
#[derive(Serialize)]
struct ErrorObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    reason: &'a str,
}

#[derive(Serialize)]
struct StatsObject {
    units: u64,
    bytes: u64,
    allowed: u64,
    baselined: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_seconds: Option<f64>,
}

#[derive(Serialize)]
struct EndObject<'a> {
    complete: bool,
    errors: Vec<ErrorObject<'a>>,
}

/// The secret of a finding as text, and its exact bytes in base64 where the text is not exact.
fn secret_text(finding: &Finding, show: bool) -> (Cow<'_, str>, Option<String>) {
    if !show {
        return (finding.secret.masked().into(), None);
    }
    let bytes = finding.secret.expose();
    match String::from_utf8_lossy(bytes) {
        exact @ Cow::Borrowed(_) => (exact, None),
        lossy @ Cow::Owned(_) => (lossy, Some(BASE64.encode(bytes))),
    }
}

/// The confidence in thousandths: what a longer number says is noise.
pub(super) fn confidence(finding: &Finding) -> f64 {
    (f64::from(finding.confidence) * 1000.0).round() / 1000.0
}

/// The offline checks that a finding passed, each once.
pub(super) fn validated(finding: &Finding) -> Vec<&'static str> {
    let mut checks: Vec<&str> = finding.verdicts.iter().copied().filter_map(Verdict::passed_check).collect();
    checks.sort_unstable();
    checks.dedup();
    checks
}

/// What was not examined; the whole scan, last, when it was interrupted.
fn errors(outcome: &Outcome) -> Vec<ErrorObject<'_>> {
    let units = outcome.unexamined.iter().map(|unit| ErrorObject { path: Some(&unit.path), reason: &unit.reason });
    let whole = outcome.interrupted.then_some(ErrorObject { path: None, reason: "the scan was interrupted" });
    units.chain(whole).collect()
}

pub(super) fn write_entry(
    entry: &Entry<'_>,
    whole: Option<&Entry<'_>>,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Entry { located, rule, fingerprint, .. } = *entry;
    let finding = &located.finding;
    let (secret, secret_base64) = secret_text(finding, options.show_secrets);
    let object = FindingObject {
        rule: rule.id(),
        provider: rule.provider(),
        description: rule.description(),
        severity: entry.severity().as_str(),
        confidence: confidence(finding),
        path: &located.path,
        line: finding.start.line,
        column: finding.start.column,
        end_line: finding.end.line,
        end_column: finding.end.column,
        start: finding.span.start,
        end: finding.span.end,
        secret,
        secret_base64,
        fingerprint: fingerprint.map(|fingerprint| fingerprint.to_string()),
        decoded: finding.decoded.map(|encoding| [encoding.as_str()]),
        validated: validated(finding),
        candidates: entry.candidates().collect(),
        parts: entry.parts().map(|part| PartObject::of(&part, options)).collect(),
        part_of: whole.map(|whole| {
            let span = whole.located.finding.span;
            WholeObject { rule: whole.rule.id(), start: span.start, end: span.end }
        }),
        git: located.origin.as_deref().map(GitObject::of),
    };
    write_value(&object, out)
}

pub(super) fn write_lines(report: &Report<'_>, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    for entry in &report.entries {
        super::write_jsonl_entry(entry, options, out)?;
    }
    write_end(report.outcome, out)
}

/// The last line of an incomplete scan: `{"complete":false,"errors":[...]}`.
pub(super) fn write_end(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    if outcome.is_complete() {
        return Ok(());
    }
    write_value(&EndObject { complete: false, errors: errors(outcome) }, out)?;
    out.write_all(b"\n")
}

/// One object, with each finding on a line of its own.
pub(super) fn write(report: &Report<'_>, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let stats = report.outcome.stats;
    let elapsed_seconds = options.timings.then_some(stats.elapsed.as_secs_f64());
    let stats = StatsObject {
        units: stats.units,
        bytes: stats.bytes,
        allowed: report.allowed,
        baselined: report.baselined,
        elapsed_seconds,
    };
    write!(out, "{{\"version\":{VERSION},\"complete\":{},\"errors\":", report.outcome.is_complete())?;
    write_value(&errors(report.outcome), out)?;
    out.write_all(b",\"stats\":")?;
    write_value(&stats, out)?;
    out.write_all(b",\"findings\":[")?;
    for (index, entry) in report.entries.iter().enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        write_entry(entry, None, options, out)?;
    }
    out.write_all(if report.entries.is_empty() { b"]}\n" } else { b"\n]}\n" })
}

/// Writes a value on one line, with no character in it that a terminal acts on or hides.
pub(super) fn write_value(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, Visible)).map_err(io::Error::from)
}

/// The compact form with hidden characters escaped.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, hidden)) = rest.char_indices().find(|&(_, c)| is_hidden(c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + hidden.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{Format, testing};
    use super::*;
    use crate::fingerprint::Key;
    use crate::secret::Secret;

    fn text(report: &Report<'_>, format: Format, options: &Options) -> String {
        let mut out = Vec::new();
        report.write(format, options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_has_the_keys_that_are_promised() {
        let sample = testing::sample();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        let lines = text(&report, Format::Jsonl, &Options::default());
        let expected = concat!(
            r#"{"rule":"test-key","provider":"test","description":"Test key","severity":"critical","confidence":0.99,"#,
            r#""path":"src/a.py","line":3,"column":8,"end_line":3,"end_column":40,"start":27,"end":59,"#,
            r#""secret":"TEST...0000","validated":["checksum"]}"#,
        );
        assert_eq!(lines.lines().next().unwrap(), expected);
    }

    #[test]
    fn parts_say_what_they_are_and_are_masked_unless_they_are_public() {
        let sample = testing::with_parts();
        let key = Key::from_bytes([1; 32]);
        let report = Report::new(&sample.outcome, &sample.rules, Some(&key));
        let first = |options: &Options| -> Value {
            serde_json::from_str(text(&report, Format::Jsonl, options).lines().next().unwrap()).unwrap()
        };
        let parts = &first(&Options::default())["parts"];
        let told = |at: usize| {
            ["role", "rule", "public", "line", "column", "start", "end", "secret"].map(|key| parts[at][key].clone())
        };
        let expected: [Value; 8] = [
            "password".into(),
            "test-pass".into(),
            false.into(),
            4.into(),
            12.into(),
            400.into(),
            413.into(),
            "****".into(),
        ];
        assert_eq!(told(0), expected);
        let expected: [Value; 8] = [
            "user id".into(),
            "test-user".into(),
            true.into(),
            2.into(),
            12.into(),
            200.into(),
            213.into(),
            testing::secret(2).into(),
        ];
        assert_eq!(told(1), expected);
        let fingerprint =
            crate::fingerprint::Fingerprint::new(&key, "test-pass", &Secret::new(testing::secret(1).as_bytes()));
        assert_eq!(parts[0]["fingerprint"], fingerprint.to_string());
        assert!(parts[1].get("fingerprint").is_none());
        let lines = text(&report, Format::Jsonl, &Options::default());
        let part: Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
        assert_eq!((&part["rule"], &part["fingerprint"]), (&"test-pass".into(), &parts[0]["fingerprint"]));
        assert_eq!(part["part_of"]["rule"], first(&Options::default())["rule"]);
        assert_eq!(lines.matches("\"part_of\"").count(), 1);
        let shown = first(&Options { show_secrets: true, ..Options::default() });
        assert_eq!(shown["parts"][0]["secret"], testing::secret(1));
    }

    #[test]
    fn secrets_are_masked_unless_asked_for() {
        let sample = testing::sample();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        for format in [Format::Json, Format::Jsonl] {
            assert!(!text(&report, format, &Options::default()).contains(&testing::secret(0)));
            let shown = text(&report, format, &Options { show_secrets: true, ..Options::default() });
            assert!(shown.contains(&testing::secret(0)));
        }
    }

    #[test]
    fn a_fingerprint_and_an_encoding_are_there_when_known() {
        let sample = testing::sample();
        let key = Key::from_bytes([1; 32]);
        let report = Report::new(&sample.outcome, &sample.rules, Some(&key));
        let lines = text(&report, Format::Jsonl, &Options::default());
        let second: Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
        assert_eq!(second["fingerprint"], report.entries[1].fingerprint.unwrap().to_string());
        assert_eq!(second["decoded"], serde_json::json!(["utf-16le"]));
        assert_eq!(second["validated"], serde_json::json!([]));
    }

    #[test]
    fn the_object_says_what_was_not_examined() {
        let sample = testing::sample();
        let mut report = Report::new(&sample.outcome, &sample.rules, None);
        (report.allowed, report.baselined) = (4, 2);
        let object: Value = serde_json::from_str(&text(&report, Format::Json, &Options::default())).unwrap();
        assert_eq!(object["version"], 1);
        assert_eq!(object["complete"], false);
        assert_eq!(object["errors"], serde_json::json!([{"path": "b.bin", "reason": "permission denied"}]));
        assert_eq!(object["stats"], serde_json::json!({"units": 12, "bytes": 3456, "allowed": 4, "baselined": 2}));
        assert_eq!(object["findings"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn an_empty_report_is_one_line() {
        let outcome = Outcome::default();
        let report = Report::new(&outcome, &[], None);
        let expected = concat!(
            r#"{"version":1,"complete":true,"errors":[],"#,
            r#""stats":{"units":0,"bytes":0,"allowed":0,"baselined":0},"findings":[]}"#,
            "\n"
        );
        assert_eq!(text(&report, Format::Json, &Options::default()), expected);
        assert_eq!(text(&report, Format::Jsonl, &Options::default()), "");
    }

    #[test]
    fn the_last_line_of_an_incomplete_scan_says_so() {
        let mut sample = testing::sample();
        sample.outcome.interrupted = true;
        let report = Report::new(&sample.outcome, &sample.rules, None);
        let lines = text(&report, Format::Jsonl, &Options::default());
        let expected = concat!(
            r#"{"complete":false,"errors":[{"path":"b.bin","reason":"permission denied"},"#,
            r#"{"reason":"the scan was interrupted"}]}"#
        );
        assert_eq!(lines.lines().last().unwrap(), expected);
    }

    #[test]
    fn times_are_there_only_when_asked_for() {
        let sample = testing::sample();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        assert!(!text(&report, Format::Json, &Options::default()).contains("elapsed"));
        let timed = text(&report, Format::Json, &Options { timings: true, ..Options::default() });
        assert!(timed.contains(r#""elapsed_seconds":0.25"#), "{timed}");
    }

    #[test]
    fn bytes_that_are_no_text_stay_exact() {
        let mut sample = testing::sample();
        sample.outcome.findings[0].finding.secret = Secret::new(b"TESTKEY-\xFF\n\\xFF");
        let report = Report::new(&sample.outcome, &sample.rules, None);
        let shown = text(&report, Format::Jsonl, &Options { show_secrets: true, ..Options::default() });
        let first: Value = serde_json::from_str(shown.lines().next().unwrap()).unwrap();
        assert_eq!(first["secret"], "TESTKEY-\u{FFFD}\n\\xFF");
        let exact = BASE64.decode(first["secret_base64"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(exact, b"TESTKEY-\xFF\n\\xFF");
        let masked = text(&report, Format::Jsonl, &Options::default());
        assert!(!masked.contains("secret_base64"));
    }

    #[test]
    fn hidden_characters_are_escaped_and_mean_the_same() {
        let mut sample = testing::sample();
        let path = "a\u{1b}[2J\u{9b}\u{202e}\u{e0041}ä/\"q\"";
        sample.outcome.findings[0].path = path.to_owned();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        let lines = text(&report, Format::Jsonl, &Options::default());
        assert!(!lines.chars().any(|c| c != '\n' && is_hidden(c)), "{lines:?}");
        assert!(lines.contains(r#""a\u001b[2J\u009b\u202e\udb40\udc41ä/\"q\"""#), "{lines}");
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(first["path"], path);
    }
}
