//! CSV (RFC 4180), for spreadsheets: a header row, then one finding a row, with the keys of the JSON as columns.
//!
//! A cell that a spreadsheet would take for a formula (it starts with `=`, `+`, `-`, `@`, or one of their full-width
//! forms) gets an apostrophe before it, and control and invisible characters are written out. So cells are safe to
//! open, not exact: programs read `json`. What was not examined has no place here; `json` and `sarif` list it.

use std::io::{self, Write};

use super::json::{confidence, validated};
use super::{Entry, Options, PartEntry, Report, shown};
use crate::escape::Escaped;

const HEADER: &str = "rule,provider,description,severity,confidence,path,line,column,end_line,end_column,start,end,\
    secret,fingerprint,decoded,validated,commit,author,email,date,subject,in_head,object,parts";

pub(super) fn write(report: &Report<'_>, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{HEADER}\r\n")?;
    report.entries.iter().try_for_each(|entry| write!(out, "{}\r\n", row(entry, options)))
}

fn row(entry: &Entry<'_>, options: &Options) -> String {
    let Entry { located, rule, fingerprint, .. } = *entry;
    let finding = &located.finding;
    let secret = shown(&finding.secret, options.show_secrets);
    let origin = located.origin.as_deref();
    let commit = origin.and_then(|origin| origin.commit.clone()).unwrap_or_default();
    let cells = [
        rule.id().to_owned(),
        rule.provider().to_owned(),
        rule.description().to_owned(),
        entry.severity().as_str().to_owned(),
        confidence(finding).to_string(),
        located.path.clone(),
        finding.start.line.to_string(),
        finding.start.column.to_string(),
        finding.end.line.to_string(),
        finding.end.column.to_string(),
        finding.span.start.to_string(),
        finding.span.end.to_string(),
        secret,
        fingerprint.map(|fingerprint| fingerprint.to_string()).unwrap_or_default(),
        finding.decoded.map(|encoding| encoding.as_str().to_owned()).unwrap_or_default(),
        validated(finding).join(" "),
        commit.id,
        commit.author,
        commit.email,
        commit.date,
        commit.subject,
        origin.map(|origin| origin.in_head.to_string()).unwrap_or_default(),
        origin.map(|origin| origin.object.clone()).unwrap_or_default(),
        entry.parts().map(|part| of_part(&part, options)).collect::<Vec<_>>().join("; "),
    ];
    cells.map(|text| cell(&text)).join(",")
}

/// Another part of the credential: what it is, its place, its rule and its value.
fn of_part(part: &PartEntry<'_>, options: &Options) -> String {
    let PartEntry { role, rule, finding, .. } = part;
    let (line, column) = (finding.start.line, finding.start.column);
    format!("{role} {line}:{column} {} {}", rule.id(), part.shown(options.show_secrets))
}

/// A text as a cell.
fn cell(text: &str) -> String {
    let text = Escaped(text).to_string();
    let formula = text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let text = if formula { format!("'{text}") } else { text };
    if text.contains([',', '"', ';']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, testing};
    use super::*;
    use crate::fingerprint::Key;

    fn text(report: &Report<'_>, options: &Options) -> String {
        let mut out = Vec::new();
        report.write(Format::Csv, options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_follow_the_header() {
        let sample = testing::sample();
        let key = Key::from_bytes([1; 32]);
        let mut report = Report::new(&sample.outcome, &sample.rules, Some(&key));
        report.entries[0].fingerprint = None;
        let rows = text(&report, &Options::default());
        let rows: Vec<&str> = rows.split_terminator("\r\n").collect();
        let second = report.entries[1].fingerprint.unwrap();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0], HEADER);
        assert_eq!(
            rows[1],
            "test-key,test,Test key,critical,0.99,src/a.py,3,8,3,40,27,59,TEST...0000,,,checksum,,,,,,,,"
        );
        let expected =
            format!("test-pass,test,Test password,medium,0.7,src/b.txt,1,5,1,18,4,17,****,{second},utf-16le,,,,,,,,,");
        assert_eq!(rows[2], expected);
    }

    #[test]
    fn parts_are_the_last_column() {
        let sample = testing::with_parts();
        let rows = text(&Report::new(&sample.outcome, &sample.rules, None), &Options::default());
        let parts = "\"password 4:12 test-pass ****; user id 2:12 test-user TESTUSER-opal\"";
        assert!(rows.lines().nth(1).unwrap().ends_with(parts), "{rows}");
    }

    #[test]
    fn cells_are_quoted_where_they_have_to_be() {
        assert_eq!(cell("a b"), "a b");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("say \"x\""), "\"say \"\"x\"\"\"");
        assert_eq!(cell("a\r\nb\u{202e}"), "a\\r\\nb\\u{202e}");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-----BEGIN", "'-----BEGIN"),
            ("@x,y", "\"'@x,y\""),
            ("＝1", "'＝1"),
            ("\t=1", "\\t=1"),
            (" =1", "\" =1\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }

    #[test]
    fn secrets_are_masked_unless_asked_for() {
        let sample = testing::sample();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        assert!(!text(&report, &Options::default()).contains(&testing::secret(0)));
        assert!(text(&report, &Options { show_secrets: true, ..Options::default() }).contains(&testing::secret(0)));
    }
}
