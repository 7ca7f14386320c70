//! A trace as the checklist of a rotation: Markdown for people, HTML for those they send it to, JSON for programs.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use super::{InHistory, Place, PlaceKind, Trace};
use crate::error::{Error, ErrorKind};
use crate::escape::Escaped;
use crate::finding::CommitInfo;
use crate::rule::{Rule, RuleSet};

/// How a trace is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TraceFormat {
    /// A checklist in Markdown, which is also what a terminal shows.
    #[default]
    Markdown,
    /// One JSON object.
    Json,
    /// A page without scripts or anything from elsewhere.
    Html,
}

impl std::str::FromStr for TraceFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<TraceFormat, Error> {
        match name {
            "markdown" | "md" => Ok(TraceFormat::Markdown),
            "json" => Ok(TraceFormat::Json),
            "html" => Ok(TraceFormat::Html),
            _ => Err(Error::new(ErrorKind::Config, "a trace is written as markdown, json or html")),
        }
    }
}

/// A trace with what the rules know of the secret.
#[derive(Debug)]
pub struct TraceReport<'a> {
    trace: &'a Trace,
    rules: Vec<&'a Rule>,
}

impl<'a> TraceReport<'a> {
    /// The report of a trace, with the rules that it names.
    #[must_use]
    pub fn new(trace: &'a Trace, rules: &'a RuleSet) -> TraceReport<'a> {
        TraceReport { trace, rules: trace.rules.iter().filter_map(|id| rules.get(id)).collect() }
    }

    /// Writes the report. The secret is masked in it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, format: TraceFormat, out: &mut dyn Write) -> io::Result<()> {
        match format {
            TraceFormat::Markdown => out.write_all(self.markdown().as_bytes()),
            TraceFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, &self.object())?;
                out.write_all(b"\n")
            }
            TraceFormat::Html => out.write_all(self.html().as_bytes()),
        }
    }

    /// What the secret is, in a line.
    fn title(&self) -> String {
        match self.rules.first() {
            Some(rule) => format!("{} ({})", rule.description(), rule.id()),
            None => "A secret of no known form".to_owned(),
        }
    }

    /// The sections: heading, advice, and items with a mark.
    fn sections(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        for kind in PlaceKind::ALL {
            let (now, gone): (Vec<&Place>, Vec<&Place>) =
                self.trace.places.iter().filter(|place| place.kind == kind).partition(|place| is_now(place));
            if !now.is_empty() {
                let items = now.into_iter().map(line_of).collect();
                sections.push(Section { heading: kind.heading().to_owned(), advice: Some(kind.advice()), items });
            }
            if !gone.is_empty() {
                let items = gone.into_iter().map(line_of).collect();
                let heading = format!("{}, in the history only", kind.heading());
                sections.push(Section { heading, advice: None, items });
            }
        }
        if !self.trace.references.is_empty() {
            let line = |one: &super::Reference| {
                format!("`{}:{}` uses `{}`: {}", Escaped(&one.path), one.line, Escaped(&one.name), one.how.advice())
            };
            let items = self.trace.references.iter().map(line).collect();
            sections.push(Section { heading: "Who asks for it by name".to_owned(), advice: None, items });
        }
        sections
    }

    /// What to do, in order.
    fn steps(&self) -> Vec<String> {
        let mut steps = Vec::new();
        let provider = self.rules.first().map_or("its provider", |rule| rule.provider_name());
        let console = self.rules.first().and_then(|rule| rule.revoke());
        let at = console.map_or_else(String::new, |url| format!(" at {url}"));
        steps.push(format!("Make a new key of {provider}{at}; keep the old one alive until the new one is in use."));
        steps.push(
            "Store the new key where each place above takes it from, and reload or restart what reads it.".into(),
        );
        steps.push("Watch for refused requests, then revoke the old key, and prove it dead: `keyscan verify`.".into());
        if self.trace.is_in_history() {
            let how =
                "`keyscan trace --replacements FILE`, `git filter-repo --replace-text FILE --replace-message FILE`";
            steps.push(format!(
                "The history keeps it; a dead key there is harmless. To take it out all the same: {how}."
            ));
            steps.extend(left_alone(self.trace));
        }
        steps.push("Write the rotation down: `keyscan rotate record`.".into());
        steps
    }

    fn summary(&self) -> String {
        let now = self.trace.places.iter().filter(|place| is_now(place)).count();
        let past = self.trace.places.len() - now;
        let commits = self.trace.places.iter().filter_map(|place| place.history.as_ref()).map(|one| one.versions);
        let (commits, uses) = (commits.sum::<u64>(), self.trace.references.len());
        format!("{now} places hold it, {past} held it, {commits} versions in the history; {uses} uses of its names")
    }

    fn markdown(&self) -> String {
        let mut text = format!("# Where {} is\n\n{}\n\n{}.\n", self.trace.masked, self.title(), self.summary());
        if let Some(impact) = self.rules.first().and_then(|rule| rule.impact()) {
            let _ = writeln!(text, "Whoever has it: {impact}");
        }
        for Section { heading, advice, items } in self.sections() {
            let _ = write!(text, "\n## {heading}\n\n");
            if let Some(advice) = advice {
                let _ = write!(text, "{advice}\n\n");
            }
            for item in items {
                let _ = writeln!(text, "- [ ] {item}");
            }
        }
        if !self.trace.places.is_empty() {
            text.push_str("\n## What to do\n\n");
            for (number, step) in self.steps().iter().enumerate() {
                let _ = writeln!(text, "{}. {step}", number + 1);
            }
        }
        if !self.trace.is_complete() {
            text.push_str("\n## Not examined\n\n");
            for unit in &self.trace.unexamined {
                let _ = writeln!(text, "- `{}`: {}", Escaped(&unit.path), Escaped(&unit.reason));
            }
            if self.trace.interrupted {
                text.push_str("- the search was interrupted\n");
            }
        }
        text
    }

    fn html(&self) -> String {
        let mut page = String::from(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>keyscan trace</title>\n<style>body\
             {font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}li{margin:.2rem 0}\
             code{background:#eee;padding:0 .2rem}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}\
             code{background:#333}}</style></head><body>\n",
        );
        let _ = writeln!(page, "<h1>Where {} is</h1>", html(&self.trace.masked));
        let _ = writeln!(page, "<p>{}<br>{}.</p>", html(&self.title()), html(&self.summary()));
        for Section { heading, advice, items } in self.sections() {
            let _ = writeln!(page, "<h2>{}</h2>", html(&heading));
            if let Some(advice) = advice {
                let _ = writeln!(page, "<p>{}</p>", marked(advice));
            }
            page.push_str("<ul>\n");
            for item in items {
                let _ = writeln!(page, "<li><label><input type=\"checkbox\"> {}</label></li>", marked(&item));
            }
            page.push_str("</ul>\n");
        }
        if !self.trace.places.is_empty() {
            page.push_str("<h2>What to do</h2>\n<ol>\n");
            for step in self.steps() {
                let _ = writeln!(page, "<li>{}</li>", marked(&step));
            }
            page.push_str("</ol>\n");
        }
        if !self.trace.is_complete() {
            page.push_str("<h2>Not examined</h2>\n<ul>\n");
            for unit in &self.trace.unexamined {
                let (path, reason) = (Escaped(&unit.path).to_string(), Escaped(&unit.reason).to_string());
                let _ = writeln!(page, "<li><code>{}</code>: {}</li>", html(&path), html(&reason));
            }
            page.push_str("</ul>\n");
        }
        page.push_str("</body></html>\n");
        page
    }

    fn object(&self) -> Object<'_> {
        let trace = self.trace;
        Object {
            version: 1,
            secret: &trace.masked,
            rules: &trace.rules,
            provider: self.rules.first().map(|rule| rule.provider()),
            revoke: self.rules.first().and_then(|rule| rule.revoke()),
            complete: trace.is_complete(),
            errors: trace.unexamined.iter().map(|unit| [unit.path.as_str(), unit.reason.as_str()]).collect(),
            names: &trace.names,
            places: trace.places.iter().map(place_object).collect(),
            references: trace
                .references
                .iter()
                .map(|one| ReferenceObject { path: &one.path, line: one.line, name: &one.name, how: one.how.as_str() })
                .collect(),
        }
    }
}

struct Section {
    heading: String,
    advice: Option<&'static str>,
    items: Vec<String>,
}

/// Whether the place holds the secret as things are.
fn is_now(place: &Place) -> bool {
    let is_message = place.path.starts_with('<');
    let stands = |history: &InHistory| history.in_head || (is_message && !history.refs.is_empty());
    !place.spots.is_empty() || place.history.as_ref().is_some_and(stands)
}

pub(super) fn line_of(place: &Place) -> String {
    let mut line = match place.spots.first() {
        Some(spot) => format!("`{}:{}`", Escaped(&place.path), spot.line),
        None => match &place.history {
            Some(history) if !place.path.starts_with('<') => format!("`{}:{}`", Escaped(&place.path), history.line),
            _ => format!("`{}`", Escaped(&place.path)),
        },
    };
    let mut lines: Vec<u64> = place.spots.iter().map(|spot| spot.line).collect();
    lines.dedup();
    if lines.len() > 1 {
        let more: Vec<String> = lines[1..].iter().take(10).map(u64::to_string).collect();
        let rest = if lines.len() > 11 { " and more" } else { "" };
        let what = if lines.len() > 2 { "lines" } else { "line" };
        let _ = write!(line, " and {what} {}{rest}", more.join(", "));
    }
    if !place.variables.is_empty() {
        let names: Vec<String> = place.variables.iter().map(|name| format!("`{}`", Escaped(name))).collect();
        let _ = write!(line, " as {}", names.join(", "));
    }
    let form = place.spots.first().map(|spot| spot.form).or(place.history.as_ref().map(|history| history.form));
    if let Some(form) = form.filter(|form| *form != super::Form::Plain) {
        let _ = write!(line, ", {}", form.as_str());
    }
    if place.spots.iter().any(|spot| spot.is_staged) {
        line.push_str(", staged");
    }
    if let Some(history) = &place.history {
        let _ = write!(line, "; {}", told(history, place.path.starts_with('<')));
    }
    line
}

/// What the history says of a place.
fn told(history: &InHistory, is_message: bool) -> String {
    let commit = |commit: &CommitInfo| {
        let day = commit.date.get(..10).unwrap_or(&commit.date);
        let id = commit.id.get(..12).unwrap_or(&commit.id);
        format!("{id} ({day}, {})", Escaped(&commit.author))
    };
    let Some(first) = &history.first else {
        let object = history.object.get(..12).unwrap_or(&history.object);
        return format!("in object {object}, to which no commit leads");
    };
    let mut told = if is_message { commit(first) } else { format!("since {}", commit(first)) };
    if let Some(last) = history.last.as_ref().filter(|last| last.id != first.id) {
        let _ = write!(told, ", last in {}", commit(last));
    }
    if !is_message {
        told.push_str(if history.in_head { ", in HEAD" } else { ", not in HEAD" });
    }
    if !history.refs.is_empty() {
        let refs: Vec<String> = history.refs.iter().take(3).map(|name| Escaped(name).to_string()).collect();
        let more = if history.refs.len() > 3 { " ..." } else { "" };
        let _ = write!(told, ", on {}{more}", refs.join(", "));
    }
    told
}

/// Text in HTML.
/// Which files are left by the tool that rewrites the history, and how these go.
pub(super) fn left_alone(trace: &Trace) -> Option<String> {
    let files: Vec<String> = trace.binary_files().iter().map(|path| format!("`{}`", Escaped(path))).collect();
    let how = "It leaves binary files alone; whole files go with `git filter-repo --invert-paths --path FILE`";
    (!files.is_empty()).then(|| format!("{how}: {}.", files.join(", ")))
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text in HTML, what stands between backquotes as code.
fn marked(text: &str) -> String {
    let mut out = String::new();
    for (number, part) in text.split('`').enumerate() {
        let part = html(part);
        out.push_str(&if number % 2 == 1 { format!("<code>{part}</code>") } else { part });
    }
    out
}

#[derive(Serialize)]
struct Object<'a> {
    version: u32,
    secret: &'a str,
    rules: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoke: Option<&'a str>,
    complete: bool,
    errors: Vec<[&'a str; 2]>,
    names: &'a [String],
    places: Vec<PlaceObject<'a>>,
    references: Vec<ReferenceObject<'a>>,
}

#[derive(Serialize)]
struct PlaceObject<'a> {
    path: &'a str,
    kind: &'static str,
    advice: &'static str,
    now: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    variables: &'a [String],
    spots: Vec<SpotObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<HistoryObject<'a>>,
}

#[derive(Serialize)]
struct SpotObject {
    line: u64,
    column: u64,
    form: &'static str,
    staged: bool,
}

#[derive(Serialize)]
struct HistoryObject<'a> {
    first: Option<CommitObject<'a>>,
    last: Option<CommitObject<'a>>,
    versions: u64,
    in_head: bool,
    refs: &'a [String],
    line: u64,
    form: &'static str,
    object: &'a str,
}

#[derive(Serialize)]
struct CommitObject<'a> {
    id: &'a str,
    author: &'a str,
    email: &'a str,
    date: &'a str,
    subject: &'a str,
}

#[derive(Serialize)]
struct ReferenceObject<'a> {
    path: &'a str,
    line: u64,
    name: &'a str,
    how: &'static str,
}

fn place_object(place: &Place) -> PlaceObject<'_> {
    PlaceObject {
        path: &place.path,
        kind: place.kind.as_str(),
        advice: place.kind.advice(),
        now: is_now(place),
        variables: &place.variables,
        spots: place
            .spots
            .iter()
            .map(|spot| SpotObject {
                line: spot.line,
                column: spot.column,
                form: spot.form.as_str(),
                staged: spot.is_staged,
            })
            .collect(),
        history: place.history.as_ref().map(|history| HistoryObject {
            first: history.first.as_ref().map(commit_object),
            last: history.last.as_ref().map(commit_object),
            versions: history.versions,
            in_head: history.in_head,
            refs: &history.refs,
            line: history.line,
            form: history.form.as_str(),
            object: &history.object,
        }),
    }
}

fn commit_object(commit: &CommitInfo) -> CommitObject<'_> {
    CommitObject {
        id: &commit.id,
        author: &commit.author,
        email: &commit.email,
        date: &commit.date,
        subject: &commit.subject,
    }
}
