//! Findings of the secret, from everywhere, brought together by place.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::helm;
use super::home::kept;
use super::place::{PlaceKind, kind_of};
use super::reference::assigned_name;
use super::{InHistory, Needle, Place, Spot, TraceSettings};
use crate::engine::{Scanner, Scratch, Surroundings};
use crate::error::Result;
use crate::finding::{CommitInfo, Encoding, Located, Origin};
use crate::history::{HistorySettings, masked};
use crate::run::{Outcome, Progress, Run, Unexamined};
use crate::secret::Secret;
use crate::source::fs::WalkSettings;
use crate::source::git::index::Index;
use crate::source::git::repository::Repository;

/// What was gathered.
pub(super) struct Gathered {
    pub(super) places: Vec<Place>,
    pub(super) unexamined: Vec<Unexamined>,
    pub(super) interrupted: bool,
    /// The forms that were found, the longest first.
    pub(super) written: Vec<Secret>,
    /// What templates of Helm call it.
    pub(super) value_names: BTreeSet<String>,
}

/// What the text around a finding says.
#[derive(Debug, Clone)]
struct Context {
    kind: PlaceKind,
    variable: Option<String>,
}

/// A finding by its place: path, offset, object.
type Key = (String, u64, String);

fn key(located: &Located) -> Key {
    let object = located.origin.as_ref().map(|origin| origin.object.clone()).unwrap_or_default();
    (located.path.clone(), located.finding.span.start, object)
}

/// Where a finding was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Area {
    Files,
    Index,
    History,
}

/// Looks for the secret everywhere that is asked for.
pub(super) fn gather(
    needle: &Needle,
    rules: &Scanner,
    settings: &TraceSettings,
    progress: &Progress,
    interrupted: &AtomicBool,
) -> Result<Gathered> {
    let contexts: Mutex<HashMap<Key, Context>> = Mutex::default();
    let value_names: Mutex<BTreeSet<String>> = Mutex::default();
    let inspect = |located: &Located, around: Surroundings<'_>| {
        let text = [around.before, around.after].concat();
        let kind = kind_of(&located.path, &text);
        // In prose a word before a colon is no name.
        let is_prose = matches!(kind, PlaceKind::Git | PlaceKind::Log | PlaceKind::Document | PlaceKind::Agent);
        let variable = assigned_name(around.before).filter(|_| !is_prose).map(str::to_owned);
        let context = Context { kind, variable };
        let is_all = located.finding.span.start == around.before.len() as u64;
        let value_name = helm::value_name(&located.path, around.before, is_all);
        value_names.lock().unwrap_or_else(PoisonError::into_inner).extend(value_name);
        contexts.lock().unwrap_or_else(PoisonError::into_inner).insert(key(located), context);
        true
    };
    let run = Run { min_confidence: 0.0, ..Run::new(needle.scanner(), &inspect, progress, interrupted) };
    let mut all: Vec<(Area, Located)> = Vec::new();
    let (mut unexamined, mut was_interrupted) = (Vec::new(), false);
    let mut take = |area: Area, outcome: Outcome| {
        was_interrupted |= outcome.interrupted;
        unexamined.extend(outcome.unexamined);
        all.extend(outcome.findings.into_iter().map(|located| (area, located)));
    };
    let walk = WalkSettings { no_ignore: true, threads: settings.threads, ..WalkSettings::default() };
    let renamed = |mut outcome: Outcome, rename: &dyn Fn(&str) -> String| {
        // What the text around says is kept under the name.
        let mut contexts = contexts.lock().unwrap_or_else(PoisonError::into_inner);
        for located in &mut outcome.findings {
            let before = key(located);
            located.path = rename(&located.path);
            if let Some(mut context) = contexts.remove(&before) {
                if matches!(context.kind, PlaceKind::Other) || located.path.starts_with('~') {
                    context.kind = kind_of(&located.path, b"");
                }
                contexts.insert(key(located), context);
            }
        }
        outcome.unexamined.iter_mut().for_each(|unit| unit.path = rename(&unit.path));
        outcome
    };
    for root in &settings.paths {
        let outcome = run.paths(std::slice::from_ref(root), &walk, None)?;
        let is_main = settings.repository.as_ref() == Some(root) || root == Path::new(".") || !root.is_dir();
        let rename = |name: &str| match is_main {
            true => name.to_owned(),
            false => root.join(name).to_string_lossy().into_owned(),
        };
        take(Area::Files, renamed(outcome, &rename));
    }
    if let Some(home) = &settings.home {
        for (kept, path) in kept().into_iter().map(|kept| (kept, home.join(kept))).filter(|(_, path)| path.exists()) {
            let is_folder = path.is_dir();
            let outcome = run.paths(&[path], &walk, None)?;
            let rename = |name: &str| if is_folder { format!("~/{kept}/{name}") } else { format!("~/{kept}") };
            take(Area::Files, renamed(outcome, &rename));
        }
    }
    if let Some(repository) = &settings.repository {
        let history = HistorySettings {
            threads: settings.threads,
            all_occurrences: true,
            submodules: true,
            environment: settings.environment.clone(),
            ..HistorySettings::default()
        };
        take(Area::History, run.history(repository, &history)?);
        // A repository without a working tree has no index, either.
        match run.staged(repository, &history) {
            Ok(outcome) => take(Area::Index, outcome),
            Err(error) if settings.paths.contains(repository) => {
                unexamined.push(Unexamined { path: "<index>".to_owned(), reason: error.message().to_owned() });
            }
            Err(_) => {}
        }
    }
    let contexts = contexts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let all = without_parts(all);
    let mut written: Vec<Secret> = all.iter().map(|(_, located)| as_written(located)).collect();
    written.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    written.dedup();
    let staged = settings.repository.as_ref().map(|path| staged_objects(path, settings)).unwrap_or_default();
    let places = Places { needle, rules, contexts, scratch: Scratch::new(), by_path: BTreeMap::new() };
    let value_names = value_names.into_inner().unwrap_or_else(PoisonError::into_inner);
    let places = places.of(all, &staged);
    Ok(Gathered { places, unexamined, interrupted: was_interrupted, written, value_names })
}

/// The paths of the objects that are staged.
fn staged_objects(path: &Path, settings: &TraceSettings) -> HashMap<String, String> {
    let Ok(repository) = Repository::discover(path, &settings.environment) else { return HashMap::new() };
    let Ok(index) = Index::read(&repository.index_file, &repository.git_dir, repository.hash_len) else {
        // A scan of what is staged says why.
        return HashMap::new();
    };
    let path = |entry| String::from_utf8_lossy(index.path(entry)).into_owned();
    index.entries().iter().map(|entry| (entry.id.to_string(), path(entry))).collect()
}

/// The bytes of a finding as they stand in the unit.
fn as_written(located: &Located) -> Secret {
    let secret = located.finding.secret.expose();
    let units = |bytes: fn(u16) -> [u8; 2]| {
        let text = String::from_utf8_lossy(secret);
        Secret::new(&text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>())
    };
    match located.finding.decoded {
        Some(Encoding::Utf16Le) => units(u16::to_le_bytes),
        Some(Encoding::Utf16Be) => units(u16::to_be_bytes),
        None => located.finding.secret.clone(),
    }
}

/// Leaves out findings that stand in others: a part of a secret in the whole of it, a value in a longer form.
fn without_parts(mut all: Vec<(Area, Located)>) -> Vec<(Area, Located)> {
    let unit = |located: &Located| (located.path.clone(), key(located).2);
    all.sort_by(|(_, a), (_, b)| {
        (unit(a), a.finding.span.start, b.finding.span.end).cmp(&(unit(b), b.finding.span.start, a.finding.span.end))
    });
    let mut kept: Vec<(Area, Located)> = Vec::new();
    for (area, located) in all {
        let is_within = kept.iter().rev().take_while(|(_, last)| unit(last) == unit(&located)).any(|(other, last)| {
            // Versions of a file are one object, and told once for each commit.
            let is_same = last.finding.span == located.finding.span && (*other != area || area == Area::History);
            !is_same && last.finding.span.end >= located.finding.span.end
        });
        if !is_within {
            kept.push((area, located));
        }
    }
    kept
}

struct Places<'a> {
    needle: &'a Needle,
    rules: &'a Scanner,
    contexts: HashMap<Key, Context>,
    scratch: Scratch,
    /// By path, and by object where a path does not name a place.
    by_path: BTreeMap<(String, String), Place>,
}

impl Places<'_> {
    fn of(mut self, all: Vec<(Area, Located)>, staged: &HashMap<String, String>) -> Vec<Place> {
        for (area, mut located) in all {
            let object = located.origin.as_ref().map(|origin| &origin.object);
            // What is staged is an object to which no commit leads yet.
            if let Some(path) = object.and_then(|id| staged.get(id)).filter(|_| located.path.starts_with("<blob")) {
                located = Located { path: path.clone(), origin: None, ..located };
                self.add(Area::Index, located);
            } else {
                self.add(area, located);
            }
        }
        let mut places: Vec<Place> = self.by_path.into_values().collect();
        for place in &mut places {
            place.spots.sort();
            place.spots.dedup_by(|b, a| {
                let is_same = (a.line, a.column) == (b.line, b.column);
                a.is_staged |= is_same && b.is_staged;
                is_same
            });
            place.variables.sort_unstable();
            place.variables.dedup();
        }
        places.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
        places
    }

    fn add(&mut self, area: Area, located: Located) {
        let context = self.contexts.get(&key(&located)).cloned();
        let form = self.needle.form(as_written(&located).expose());
        let line = located.finding.start.line;
        let apart = match &located.origin {
            Some(origin) if located.path.starts_with('<') => {
                origin.commit.as_ref().map_or_else(|| origin.object.clone(), |commit| commit.id.clone())
            }
            _ => String::new(),
        };
        // A name may hold the secret itself.
        let path = masked(self.needle.scanner(), &located.path, &mut self.scratch);
        let place = self.by_path.entry((path.clone(), apart)).or_insert_with(|| Place {
            kind: context.as_ref().map_or_else(|| kind_of(&path, b""), |context| context.kind),
            path,
            spots: Vec::new(),
            history: None,
            variables: Vec::new(),
        });
        place.variables.extend(context.and_then(|context| context.variable));
        match located.origin.filter(|_| area == Area::History) {
            Some(origin) => {
                let Origin { object, mut commit, in_head, refs, versions, .. } = *origin;
                if let Some(commit) = &mut commit {
                    for text in [&mut commit.subject, &mut commit.author, &mut commit.email] {
                        *text = masked(self.rules, text, &mut self.scratch);
                    }
                }
                let now =
                    InHistory { first: commit.clone(), last: commit, versions, in_head, refs, line, form, object };
                match &mut place.history {
                    Some(history) => history.join(now),
                    none => *none = Some(now),
                }
            }
            None => {
                let column = located.finding.start.column;
                place.spots.push(Spot { line, column, form, is_staged: area == Area::Index });
            }
        }
    }
}

impl InHistory {
    /// Brings another version in.
    fn join(&mut self, other: InHistory) {
        self.versions += other.versions;
        self.in_head |= other.in_head;
        for name in other.refs {
            if !self.refs.contains(&name) && self.refs.len() < Origin::MAX_REFS {
                self.refs.push(name);
            }
        }
        let time = |commit: &Option<CommitInfo>| commit.as_ref().map(|commit| seconds(&commit.date));
        if time(&other.first) < time(&self.first) {
            self.first = other.first;
        }
        if time(&other.last) >= time(&self.last) {
            (self.last, self.line, self.form, self.object) = (other.last, other.line, other.form, other.object);
        }
    }
}

/// `2026-01-31T10:20:30+01:00` in seconds; only their order counts.
fn seconds(date: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| date.get(range).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let days = number(0..4) * 372 + number(5..7) * 31 + number(8..10);
    let clock = number(11..13) * 3600 + number(14..16) * 60 + number(17..19);
    let zone = number(20..22) * 3600 + number(23..25) * 60;
    let zone = if date.as_bytes().get(19) == Some(&b'-') { -zone } else { zone };
    days * 86_400 + clock - zone
}
