//! Findings as text: for people, for programs, for platforms.
//!
//! The same report gives the same bytes on every run and at every number of threads; only what is asked for with
//! [`Options::timings`], the seconds in the summary for people, and the times that GitLab wants differ. Secrets are masked unless
//! [`Options::show_secrets`] asks for them.

mod csv;
mod gitlab;
mod gitleaks;
mod human;
mod json;
mod sarif;
#[cfg(test)]
mod testing;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use crate::error::{Error, ErrorKind};
use crate::finding::{Finding, Located};
use crate::fingerprint::{Fingerprint, Key};
use crate::gate::severity;
use crate::rule::{Rule, RulePart, Severity};
use crate::run::Outcome;
use crate::secret::Secret;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// For people, in a terminal.
    #[default]
    Human,
    /// One JSON object.
    Json,
    /// One JSON object a finding, each on a line.
    Jsonl,
    /// SARIF 2.1.0, for code-scanning platforms.
    Sarif,
    /// Comma-separated values, for spreadsheets.
    Csv,
    /// JSON in the form of gitleaks, for programs that read its reports.
    Gitleaks,
    /// The report of secret detection that GitLab reads.
    Gitlab,
}

impl Format {
    /// Every format, in the order in which they are listed for people.
    pub const ALL: &'static [Format] =
        &[Format::Human, Format::Json, Format::Jsonl, Format::Sarif, Format::Csv, Format::Gitleaks, Format::Gitlab];

    /// The name by which it is asked for.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Human => "human",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
            Format::Sarif => "sarif",
            Format::Csv => "csv",
            Format::Gitleaks => "gitleaks",
            Format::Gitlab => "gitlab",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format, Error> {
        Format::ALL.iter().copied().find(|format| format.as_str() == name).ok_or_else(|| {
            let names: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
            Error::new(ErrorKind::Config, format!("no format is called so; there are {}", names.join(", ")))
        })
    }
}

/// How much the report for people says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Verbosity {
    /// The findings, and what was not examined.
    Quiet,
    /// And the summary, and what to do next.
    #[default]
    Normal,
    /// And every place, and everything that was not examined by name.
    Verbose,
}

/// What a report shows. The default is for a file: masked, without colour and timings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Shows secrets as they are. Whoever sets it answers for where the report goes.
    pub show_secrets: bool,
    /// Colours the report for people, with ANSI escapes.
    pub colour: bool,
    /// How much the report for people says.
    pub verbosity: Verbosity,
    /// Adds to `json` how long the scan took. Its bytes then differ from run to run.
    pub timings: bool,
}

/// A finding with what a report says about it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// What was found, and where.
    pub located: &'a Located,
    /// The rule that found it.
    pub rule: &'a Rule,
    /// Its fingerprint, where the project has a key.
    pub fingerprint: Option<Fingerprint>,
    /// The rules of the scanner.
    pub rules: &'a [Rule],
    key: Option<&'a Key>,
}

/// A part of a finding with what a report says about it.
pub(super) struct PartEntry<'a> {
    /// What it is to the credential.
    pub(super) role: &'a str,
    pub(super) rule: &'a Rule,
    pub(super) finding: &'a Finding,
    /// Whether it is shown as it is in any case.
    pub(super) is_public: bool,
    pub(super) fingerprint: Option<Fingerprint>,
}

impl PartEntry<'_> {
    /// Its value: public ones as they are, others masked unless asked for.
    pub(super) fn shown(&self, show_secrets: bool) -> String {
        shown(&self.finding.secret, show_secrets || self.is_public)
    }
}

/// A secret as text, masked unless it is to be shown.
pub(super) fn shown(secret: &Secret, show: bool) -> String {
    if show { String::from_utf8_lossy(secret.expose()).into_owned() } else { secret.masked() }
}

impl<'a> Entry<'a> {
    /// The entry of a finding, with a fingerprint when there is a key.
    ///
    /// # Panics
    /// When `rules` are not those of the scanner that found it.
    #[must_use]
    pub fn new(located: &'a Located, rules: &'a [Rule], key: Option<&'a Key>) -> Entry<'a> {
        let rule = &rules[located.finding.rule];
        let fingerprint = key.map(|key| Fingerprint::new(key, rule.id(), &located.finding.secret));
        Entry { located, rule, fingerprint, rules, key }
    }

    /// How much harm the finder of the secret and its parts can do.
    pub(super) fn severity(&self) -> Severity {
        let Located { path, finding, .. } = self.located;
        let severities = finding.secrets().map(|secret| severity(path, secret, &self.rules[secret.rule]));
        severities.max().unwrap_or(self.rule.severity())
    }

    /// The parts that stand beside the secret.
    pub(super) fn parts(&self) -> impl ExactSizeIterator<Item = PartEntry<'a>> {
        let Entry { located, rules, key, .. } = *self;
        located.finding.parts.iter().map(move |part| {
            let (finding, is_public, of_part) = (&part.finding, part.is_public, &rules[part.finding.rule]);
            let key = key.filter(|_| !is_public);
            PartEntry {
                role: rules[part.of].parts().get(part.number).map_or("other part", RulePart::role),
                rule: of_part,
                finding,
                is_public,
                fingerprint: key.map(|key| Fingerprint::new(key, of_part.id(), &finding.secret)),
            }
        })
    }

    /// `, with its secret access key (line 12) and session token (line 13)`; what stands in the parentheses is made of
    /// the number of the part and the words for its line.
    pub(super) fn with_parts(&self, place: impl Fn(usize, String) -> String) -> String {
        let told = |(number, part): (usize, PartEntry<'_>)| {
            format!("{} ({})", part.role, place(number, format!("line {}", part.finding.start.line)))
        };
        let told: Vec<String> = self.parts().enumerate().map(told).collect();
        match told.split_last() {
            None => String::new(),
            Some((last, [])) => format!(", with its {last}"),
            Some((last, others)) => format!(", with its {} and {last}", others.join(", ")),
        }
    }

    /// The ids of other rules that believe the secret to be theirs.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &'a str> {
        let rules = self.rules;
        self.located.finding.candidates.iter().map(|&rule| rules[rule].id())
    }
}

/// What is reported of a scan.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// What the scan came to. Of its findings, only those in `entries` are reported.
    pub outcome: &'a Outcome,
    /// The rules of the scanner.
    pub rules: &'a [Rule],
    /// The findings to report, by path, place and rule.
    pub entries: Vec<Entry<'a>>,
    /// How many findings were left out because a comment in the text allows them.
    pub allowed: u64,
    /// How many findings were left out because a baseline lists them.
    pub baselined: u64,
}

impl<'a> Report<'a> {
    /// A report of every finding of an outcome, with fingerprints when there is a key.
    ///
    /// # Panics
    /// When `rules` are not those of the scanner of this outcome.
    #[must_use]
    pub fn new(outcome: &'a Outcome, rules: &'a [Rule], key: Option<&'a Key>) -> Report<'a> {
        let entries = outcome.findings.iter().map(|located| Entry::new(located, rules, key)).collect();
        Report { outcome, rules, entries, allowed: 0, baselined: 0 }
    }

    /// Writes the report.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write(&self, format: Format, options: &Options, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Human => human::write(self, options, out),
            Format::Json => json::write(self, options, out),
            Format::Jsonl => json::write_lines(self, options, out),
            Format::Sarif => sarif::write(self, options, out),
            Format::Csv => csv::write(self, options, out),
            Format::Gitleaks => gitleaks::write(self, options, out),
            Format::Gitlab => gitlab::write(self, options, out),
        }
    }

    /// Writes the summary with which the report for people ends: for those who see another format, or none.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write_summary(&self, options: &Options, out: &mut dyn Write) -> io::Result<()> {
        human::write_summary(self, options, out)
    }
}

/// Writes one finding as a line of the `jsonl` format, and each secret that is a part of it as another: for a stream that
/// reports while it is read.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_jsonl_entry(entry: &Entry<'_>, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    json::write_entry(entry, None, options, out)?;
    out.write_all(b"\n")?;
    for part in entry.located.apart().skip(1) {
        json::write_entry(&Entry::new(&part, entry.rules, entry.key), Some(entry), options, out)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes the line with which the `jsonl` format ends when not everything was examined; nothing otherwise.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_jsonl_end(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    json::write_end(outcome, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name() {
        for &format in Format::ALL {
            assert_eq!(format.as_str().parse::<Format>().unwrap(), format);
        }
        let error = "yaml".parse::<Format>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("human, json, jsonl, sarif, csv, gitleaks, gitlab"), "{error}");
    }

    #[test]
    fn without_a_key_there_is_no_fingerprint() {
        let sample = testing::sample();
        assert!(Report::new(&sample.outcome, &sample.rules, None).entries.iter().all(|e| e.fingerprint.is_none()));
        let key = Key::from_bytes([1; 32]);
        let keyed = Report::new(&sample.outcome, &sample.rules, Some(&key));
        assert!(keyed.entries.iter().all(|e| e.fingerprint.is_some()));
    }
}
