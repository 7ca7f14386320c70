//! The report for people: what, where, why, and what to do next.
//!
//! A block is one secret: where it stands first, what it is and why it is believed, and where else it stands. Nothing
//! that comes from the scanned text reaches the terminal unescaped.

use std::collections::HashMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{Entry, Options, PartEntry, Report, Verbosity, shown};
use crate::escape::Escaped;
use crate::finding::{Finding, Located, Origin};
use crate::rule::Severity;

/// Of a secret that stands in more places, so many are listed unless all are asked for.
const PLACES: usize = 5;

/// The colours, all plain when there are to be none.
struct Palette {
    on: bool,
}

impl Palette {
    fn paint(&self, style: Style, text: &str) -> String {
        if self.on { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn dim(&self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    fn bold(&self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    fn severity(&self, severity: Severity, text: &str) -> String {
        let style = match severity {
            Severity::Critical => AnsiColor::BrightRed.on_default().bold(),
            Severity::High => AnsiColor::Red.on_default().bold(),
            Severity::Medium => AnsiColor::Yellow.on_default().bold(),
            Severity::Low => AnsiColor::Cyan.on_default().bold(),
        };
        self.paint(style, text)
    }
}

/// The entries of each secret with the same secrets beside it, in the order in which they first come.
fn by_secret<'r, 'a>(entries: &'r [Entry<'a>]) -> Vec<Vec<&'r Entry<'a>>> {
    let mut index = HashMap::new();
    let mut groups: Vec<Vec<&Entry<'_>>> = Vec::new();
    for entry in entries {
        let secrets = entry.located.finding.secrets().map(|secret| (secret.rule, secret.secret.expose()));
        let at = *index.entry(secrets.collect::<Vec<_>>()).or_insert(groups.len());
        if at == groups.len() {
            groups.push(Vec::new());
        }
        groups[at].push(entry);
    }
    groups
}

pub(super) fn write(report: &Report<'_>, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let palette = Palette { on: options.colour };
    let groups = by_secret(&report.entries);
    for group in &groups {
        write_block(group, options, &palette, out)?;
        writeln!(out)?;
    }
    summarise(report, &groups, options, &palette, out)?;
    if options.verbosity >= Verbosity::Normal && !groups.is_empty() {
        write_advice(&groups, &palette, out)?;
    }
    Ok(())
}

pub(super) fn write_summary(report: &Report<'_>, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    summarise(report, &by_secret(&report.entries), options, &Palette { on: options.colour }, out)
}

fn write_block(group: &[&Entry<'_>], options: &Options, palette: &Palette, out: &mut dyn Write) -> io::Result<()> {
    let Some((first, others)) = group.split_first() else { return Ok(()) };
    let (rule, finding) = (first.rule, &first.located.finding);
    let severity = palette.severity(first.severity(), &format!("{:<8}", first.severity().as_str()));
    let secret = Escaped(&shown(&finding.secret, options.show_secrets)).to_string();
    writeln!(out, "{severity}  {}  {secret}", palette.bold(&place(first.located)))?;
    let (description, id) = (Escaped(rule.description()), palette.dim(&format!("[{}]", Escaped(rule.id()))));
    writeln!(out, "          {description} {id}: it {}", why(finding))?;
    for part in first.parts() {
        write_part(&part, options, palette, out)?;
    }
    if let Some(origin) = &first.located.origin {
        write_origin(origin, palette, out)?;
    }
    let candidates: Vec<&str> = first.candidates().collect();
    if !candidates.is_empty() {
        writeln!(out, "          or another of this form: {}", Escaped(&candidates.join(", ")))?;
    }
    let listed = if options.verbosity == Verbosity::Verbose { others.len() } else { others.len().min(PLACES) };
    for other in &others[..listed] {
        writeln!(out, "          also {}{}", place(other.located), short_commit(other.located))?;
    }
    if listed < others.len() {
        writeln!(out, "          and in {} (-v lists them)", count(others.len() - listed, "more place"))?;
    }
    if let Some(fingerprint) = first.fingerprint {
        writeln!(out, "          {}", palette.dim(&format!("fingerprint {fingerprint}")))?;
    }
    Ok(())
}

/// Another part of the credential, where it stands.
fn write_part(part: &PartEntry<'_>, options: &Options, palette: &Palette, out: &mut dyn Write) -> io::Result<()> {
    let (role, value) = (Escaped(part.role), part.shown(options.show_secrets));
    let at = palette.bold(&format!("line {}", part.finding.start.line));
    let rule = palette.dim(&format!("[{}]", Escaped(part.rule.id())));
    write!(out, "          with its {role} in {at}  {} {rule}", Escaped(&value))?;
    if let Some(fingerprint) = part.fingerprint {
        write!(out, " {}", palette.dim(&format!("fingerprint {fingerprint}")))?;
    }
    writeln!(out)
}

/// Who brought it, and who can see it.
fn write_origin(origin: &Origin, palette: &Palette, out: &mut dyn Write) -> io::Result<()> {
    let Some(commit) = &origin.commit else {
        return writeln!(out, "          object {}: no commit leads to it", Escaped(&origin.object));
    };
    let (author, email, subject) = (Escaped(&commit.author), Escaped(&commit.email), Escaped(&commit.subject));
    let (id, day) = (palette.bold(short(&commit.id)), commit.date.get(..10).unwrap_or(&commit.date));
    writeln!(out, "          commit {id} of {day} by {author} <{email}>: {subject}")?;
    let head = if origin.in_head { "still in HEAD" } else { "not in HEAD" };
    let others = origin.ref_count.saturating_sub(1);
    let reach = match origin.refs.first() {
        None => "no ref reaches it".to_owned(),
        Some(name) if others == 0 => format!("reached by {}", Escaped(name)),
        Some(name) => format!("reached by {} and {}", Escaped(name), count(others, "other ref")),
    };
    writeln!(out, "          {head}; {reach}")
}

fn short_commit(located: &Located) -> String {
    let commit = located.origin.as_ref().and_then(|origin| origin.commit.as_ref());
    commit.map_or_else(String::new, |commit| format!(" in {}", short(&commit.id)))
}

/// As many digits of an id as people need.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// Where a finding stands, as terminals make it a link: `path:line:column`, and how it is encoded there.
fn place(located: &Located) -> String {
    let Located { path, finding, .. } = located;
    let encoded = finding.decoded.map(|encoding| format!(" ({})", encoding.as_str())).unwrap_or_default();
    format!("{}:{}:{}{encoded}", Escaped(path), finding.start.line, finding.start.column)
}

/// Why it is believed to be a secret, in words that follow "it".
pub(super) fn why(finding: &Finding) -> String {
    let mut reasons: Vec<&str> = finding.verdicts.iter().map(|verdict| verdict.as_str()).collect();
    reasons.dedup();
    let reasons = match reasons.split_last() {
        None => "has the form of one".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    };
    // Never rounded up to a certainty.
    format!("{reasons} ({}% sure)", (finding.confidence * 100.0 + 1e-3).floor())
}

fn summarise(
    report: &Report<'_>,
    groups: &[Vec<&Entry<'_>>],
    options: &Options,
    palette: &Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    let outcome = report.outcome;
    if options.verbosity >= Verbosity::Normal {
        let stats = outcome.stats;
        if groups.is_empty() {
            writeln!(out, "{}", palette.paint(AnsiColor::Green.on_default(), "No secrets found."))?;
        } else {
            writeln!(out, "{}", found(report, groups, palette))?;
        }
        let (units, bytes) = (count(stats.units, "unit"), size(stats.bytes));
        write!(out, "Scanned {units}, {bytes}, in {:.2} s.", stats.elapsed.as_secs_f64())?;
        if report.allowed > 0 {
            write!(out, " Allowed by a comment: {}.", report.allowed)?;
        }
        if report.baselined > 0 {
            write!(out, " Known to the baseline: {}.", report.baselined)?;
        }
        writeln!(out)?;
    }
    let warn = |text: &str| palette.paint(AnsiColor::Yellow.on_default().bold(), text);
    if outcome.interrupted {
        writeln!(out, "{}", warn("The scan was interrupted: the rest was not examined."))?;
    }
    let unexamined = &outcome.unexamined;
    if options.verbosity == Verbosity::Verbose && !unexamined.is_empty() {
        writeln!(out, "{}", warn("Not examined:"))?;
        for unit in unexamined {
            writeln!(out, "  {}: {}", Escaped(&unit.path), Escaped(&unit.reason))?;
        }
    } else if !unexamined.is_empty() {
        writeln!(out, "{} (-v names them)", warn(&format!("Not examined: {}", count(unexamined.len(), "unit"))))?;
    }
    Ok(())
}

/// `Found 2 secrets in 3 places: 1 critical, 1 medium.`
fn found(report: &Report<'_>, groups: &[Vec<&Entry<'_>>], palette: &Palette) -> String {
    let severities = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
    let counts: Vec<String> = severities
        .iter()
        .map(|&severity| (severity, groups.iter().filter(|group| group[0].severity() == severity).count()))
        .filter(|&(_, count)| count > 0)
        .map(|(severity, count)| palette.severity(severity, &format!("{count} {}", severity.as_str())))
        .collect();
    let (secrets, places) = (count(groups.len(), "secret"), count(report.entries.len(), "place"));
    format!("{} in {places}: {}.", palette.bold(&format!("Found {secrets}")), counts.join(", "))
}

fn write_advice(groups: &[Vec<&Entry<'_>>], palette: &Palette, out: &mut dyn Write) -> io::Result<()> {
    let first = groups[0][0].rule.id();
    let rule = if groups.iter().all(|group| group[0].rule.id() == first) { first } else { "RULE" };
    let code = |text: &str| palette.bold(text);
    writeln!(out)?;
    writeln!(
        out,
        "  If it is real:  revoke it and make a new one; taking it out of the text is not enough, once shared."
    )?;
    writeln!(
        out,
        "  If it is not:   end its line with a comment: {}",
        code(&format!("keyscan:allow {}", Escaped(rule)))
    )?;
    writeln!(out, "  To accept all:  run again with {}; from then on only new ones count.", code("--write-baseline"))
}

/// `1 unit`, `2 units`.
fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A number of bytes as people read it, in powers of 1000.
fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return count(bytes, "byte");
    }
    let (mut value, mut unit) = (bytes as f64 / 1e3, "kB");
    for larger in ["MB", "GB", "TB", "PB"] {
        // What would be shown as 1000.0 of a unit is 1.0 of the next.
        if value < 999.95 {
            break;
        }
        (value, unit) = (value / 1e3, larger);
    }
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::super::{Format, testing};
    use super::*;
    use crate::finding::Verdict;
    use crate::fingerprint::Key;
    use crate::run::Outcome;
    use crate::span::Position;

    fn text(report: &Report<'_>, options: &Options) -> String {
        let mut out = Vec::new();
        report.write(Format::Human, options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn verbosity(verbosity: Verbosity) -> Options {
        Options { verbosity, ..Options::default() }
    }

    #[test]
    fn a_block_says_what_where_and_why_and_the_end_what_to_do() {
        let sample = testing::sample();
        let mut report = Report::new(&sample.outcome, &sample.rules, None);
        (report.allowed, report.baselined) = (4, 2);
        let expected = "\
critical  src/a.py:3:8  TEST...0000
          Test key [test-key]: it has a valid checksum and looks random (99% sure)
          also src/c d.py:9:2

medium    src/b.txt:1:5 (utf-16le)  ****
          Test password [test-pass]: it has the form of one (70% sure)

Found 2 secrets in 3 places: 1 critical, 1 medium.
Scanned 12 units, 3.5 kB, in 0.25 s. Allowed by a comment: 4. Known to the baseline: 2.
Not examined: 1 unit (-v names them)

  If it is real:  revoke it and make a new one; taking it out of the text is not enough, once shared.
  If it is not:   end its line with a comment: keyscan:allow RULE
  To accept all:  run again with --write-baseline; from then on only new ones count.
";
        assert_eq!(text(&report, &Options::default()), expected);
    }

    #[test]
    fn parts_stand_below_what_they_are_parts_of() {
        let sample = testing::with_parts();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        let shown = text(&report, &Options::default());
        let expected = "\
critical  src/a.py:3:8  TEST...0000
          Test key [test-key]: it has a valid checksum and looks random (99% sure)
          with its password in line 4  **** [test-pass]
          with its user id in line 2  TESTUSER-opal [test-user]
";
        assert!(shown.starts_with(expected), "{shown}");
        // The same key without them is another block.
        assert!(shown.contains("critical  src/c d.py:9:2  "), "{shown}");
        let open = text(&report, &Options { show_secrets: true, ..Options::default() });
        assert!(open.contains("in line 4  TESTPASS-onyx [test-pass]"), "{open}");
    }

    #[test]
    fn quiet_leaves_the_findings_and_what_was_not_examined() {
        let sample = testing::sample();
        let quiet = text(&Report::new(&sample.outcome, &sample.rules, None), &verbosity(Verbosity::Quiet));
        assert!(quiet.contains("src/a.py:3:8") && quiet.ends_with("Not examined: 1 unit (-v names them)\n"), "{quiet}");
        assert!(!quiet.contains("Scanned") && !quiet.contains("keyscan:allow"), "{quiet}");
        assert_eq!(text(&Report::new(&Outcome::default(), &[], None), &verbosity(Verbosity::Quiet)), "");
    }

    #[test]
    fn verbose_names_what_was_not_examined() {
        let sample = testing::sample();
        let verbose = text(&Report::new(&sample.outcome, &sample.rules, None), &verbosity(Verbosity::Verbose));
        assert!(verbose.contains("Not examined:\n  b.bin: permission denied\n"), "{verbose}");
    }

    #[test]
    fn many_places_of_one_secret_are_counted_and_listed_when_asked_for() {
        let mut sample = testing::sample();
        let at = Position { line: 1, column: 1 };
        let places = (0..9).map(|n| testing::located(&format!("f{n}"), 0, 0, at, &[Verdict::ChecksumValid]));
        sample.outcome.findings = places.collect();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        let short = text(&report, &Options::default());
        assert!(short.contains("also f5:1:1\n          and in 3 more places (-v lists them)\n"), "{short}");
        assert!(short.contains("Found 1 secret in 9 places: 1 critical."), "{short}");
        assert!(short.contains("keyscan:allow test-key\n"), "{short}");
        assert!(text(&report, &verbosity(Verbosity::Verbose)).contains("also f8:1:1\n"));
    }

    #[test]
    fn a_fingerprint_is_shown_when_there_is_a_key() {
        let sample = testing::sample();
        let key = Key::from_bytes([1; 32]);
        let report = Report::new(&sample.outcome, &sample.rules, Some(&key));
        let line = format!("          fingerprint {}\n", report.entries[0].fingerprint.unwrap());
        assert!(text(&report, &Options::default()).contains(&line));
    }

    #[test]
    fn colour_is_there_when_asked_for_only() {
        let sample = testing::sample();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        let plain = text(&report, &Options::default());
        let coloured = text(&report, &Options { colour: true, ..Options::default() });
        assert!(!plain.contains('\u{1b}'));
        assert!(coloured.starts_with("\u{1b}[1m\u{1b}[91mcritical"), "{coloured:?}");
        let mut bare = coloured;
        while let Some(at) = bare.find('\u{1b}') {
            let end = at + bare[at..].find('m').unwrap();
            bare.replace_range(at..=end, "");
        }
        assert_eq!(bare, plain);
    }

    #[test]
    fn nothing_of_the_scanned_text_acts_on_a_terminal() {
        let mut sample = testing::sample();
        sample.outcome.findings[0].path = "a\u{1b}]0;x\u{7}\n\u{202e}b".to_owned();
        sample.outcome.findings[0].finding.secret = crate::secret::Secret::new("x\u{1b}[2J\u{9b}\r\u{200b}".as_bytes());
        sample.outcome.unexamined[0].path = "\u{1b}[31m".to_owned();
        sample.outcome.unexamined[0].reason = "\u{2066}".to_owned();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        let options = Options { show_secrets: true, verbosity: Verbosity::Verbose, ..Options::default() };
        let shown = text(&report, &options);
        assert!(!shown.chars().any(|c| c != '\n' && crate::escape::is_hidden(c)), "{shown:?}");
        assert!(shown.contains("a\\u{1b}]0;x\\u{7}\\n\\u{202e}b:3:8"), "{shown}");
    }

    #[test]
    fn secrets_are_shown_when_asked_for_only() {
        let sample = testing::sample();
        let report = Report::new(&sample.outcome, &sample.rules, None);
        assert!(!text(&report, &Options::default()).contains(&testing::secret(0)));
        assert!(text(&report, &Options { show_secrets: true, ..Options::default() }).contains(&testing::secret(0)));
    }

    #[test]
    fn sizes_are_in_units_people_read() {
        let cases = [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (999_949, "999.9 kB")];
        let large = [(999_950, "1.0 MB"), (1_234_567, "1.2 MB"), (7_300_000_000, "7.3 GB"), (u64::MAX, "18446.7 PB")];
        for (bytes, shown) in cases.into_iter().chain(large) {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn a_sureness_is_not_rounded_up() {
        let mut finding = testing::located("a", 0, 0, Position::START, &[]).finding;
        for (confidence, shown) in
            [(0.999, "(99% sure)"), (1.0, "(100% sure)"), (0.7, "(70% sure)"), (0.29, "(29% sure)")]
        {
            finding.confidence = confidence;
            assert!(why(&finding).ends_with(shown), "{}", why(&finding));
        }
    }
}
