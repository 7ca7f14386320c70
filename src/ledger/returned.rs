//! Old secrets that are there again: in files, in what is staged, in commits since they were rotated out.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Ledger, NO_RULE, Rotation};
use crate::engine::{Scanner, Surroundings};
use crate::error::Result;
use crate::finding::Located;
use crate::fingerprint::Fingerprint;
use crate::gate::Date;
use crate::history::HistorySettings;
use crate::redact::{AtEnd, KnownSecrets, Redaction, WatchList};
use crate::rule::RuleSet;
use crate::run::{Progress, Run, Unexamined};
use crate::source::fs::{self, Step, WalkSettings};
use crate::source::git::repository::GitEnvironment;

/// So much of a file is looked at at a time.
const PIECE: usize = 256 * 1024;

/// Where old secrets are looked for.
#[derive(Debug, Clone, Default)]
pub struct ReturnSettings {
    /// Files and folders, logs among them. Nothing in them is ignored.
    pub paths: Vec<PathBuf>,
    /// A repository: commits since a rotation, and what is staged.
    pub repository: Option<PathBuf>,
    /// What git says of it, to a program that it runs.
    pub environment: GitEnvironment,
    /// Threads; 0 for as many as there are cores.
    pub threads: usize,
}

/// An old secret that is there again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Returned {
    /// What the secret is called.
    pub name: String,
    /// When it was rotated out.
    pub rotated: Date,
    /// Where it is.
    pub path: String,
    /// The line, from 1.
    pub line: u64,
    /// The commit that brought it back.
    pub commit: Option<String>,
}

impl Ledger {
    /// Looks for all old secrets. `rules` find those that cannot be recognised otherwise, and all in commits. Answers
    /// where they are, and what was not examined.
    ///
    /// # Errors
    /// When a path or the repository is not there.
    pub fn returned(
        &self,
        rules: &Scanner,
        settings: &ReturnSettings,
        progress: &Progress,
        interrupted: &AtomicBool,
    ) -> Result<(Vec<Returned>, Vec<Unexamined>)> {
        let mut found = BTreeSet::new();
        let mut unexamined = self.watched(settings, interrupted, &mut found)?;
        let by_print: HashMap<Fingerprint, &Rotation> = self.rotations.iter().map(|one| (one.old, one)).collect();
        let known: Mutex<Vec<(Located, &Rotation)>> = Mutex::default();
        let inspect = |located: &Located, _: Surroundings<'_>| {
            let rule = rules.rules()[located.finding.rule].id();
            let print = |rule| Fingerprint::new(&self.key, rule, &located.finding.secret);
            if let Some(rotation) = by_print.get(&print(rule)).or_else(|| by_print.get(&print(NO_RULE))) {
                known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((located.clone(), *rotation));
            }
            true
        };
        let run = Run { min_confidence: 0.0, ..Run::new(rules, &inspect, progress, interrupted) };
        let walk = WalkSettings { no_ignore: true, threads: settings.threads, ..WalkSettings::default() };
        if !settings.paths.is_empty() {
            unexamined.extend(run.paths(&settings.paths, &walk, None)?.unexamined);
        }
        if let Some(repository) = &settings.repository {
            let history = HistorySettings {
                threads: settings.threads,
                environment: settings.environment.clone(),
                all_occurrences: true,
                ..HistorySettings::default()
            };
            unexamined.extend(run.history(repository, &history)?.unexamined);
            if let Ok(staged) = run.staged(repository, &history) {
                unexamined.extend(staged.unexamined);
            }
        }
        for (located, rotation) in known.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            let commit = located.origin.as_ref().and_then(|origin| origin.commit.as_ref());
            let is_old = commit.is_some_and(|commit| {
                let day = commit.date.get(..10).and_then(|day| day.parse::<Date>().ok());
                day.is_none_or(|day| day <= rotation.rotated)
            });
            // Objects to which no commit leads, and commits before the rotation, may be as old as the secret.
            if is_old || located.path.starts_with("<blob") {
                continue;
            }
            found.insert(Returned {
                name: rotation.name.clone(),
                rotated: rotation.rotated,
                path: located.path,
                line: located.finding.start.line,
                commit: commit.map(|commit| commit.id.clone()),
            });
        }
        Ok((found.into_iter().collect(), unexamined))
    }

    /// Looks for old secrets by their watch-lists, in files.
    fn watched(
        &self,
        settings: &ReturnSettings,
        interrupted: &AtomicBool,
        found: &mut BTreeSet<Returned>,
    ) -> Result<Vec<Unexamined>> {
        let (known, mut labels) = (KnownSecrets::new(), HashMap::new());
        for rotation in &self.rotations {
            if let Some(text) = &rotation.watch {
                known.watch(WatchList::parse(text.as_bytes(), None).map_err(|error| error.in_file(&self.path))?);
                labels.insert(rotation.name.clone(), rotation);
            }
        }
        if known.is_empty() || settings.paths.is_empty() {
            return Ok(Vec::new());
        }
        let redaction = Redaction::new(RuleSet::new()).with_known(known).at_end(AtEnd::Show).recorded(None);
        let gathered: Mutex<Watched> = Mutex::default();
        let walk = WalkSettings { no_ignore: true, threads: settings.threads, ..WalkSettings::default() };
        fs::walk(&settings.paths, &walk, interrupted, || {
            let (redaction, gathered) = (&redaction, &gathered);
            move |step| {
                let result = match step {
                    Step::File(file) => lines(redaction, file.path, interrupted)
                        .map(|lines| (file.name.clone(), lines))
                        .map_err(|error| Unexamined { path: file.name.clone(), reason: error.to_string() }),
                    Step::Failed { name, reason } => Err(Unexamined { path: name, reason }),
                };
                let mut gathered = gathered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                match result {
                    Ok((name, lines)) => {
                        gathered.0.extend(lines.into_iter().map(|(label, line)| (name.clone(), line, label)));
                    }
                    Err(unit) => gathered.1.push(unit),
                }
            }
        })?;
        let (hits, unexamined) = gathered.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (path, line, label) in hits {
            if let Some(rotation) = labels.get(&label) {
                let (name, rotated) = (rotation.name.clone(), rotation.rotated);
                found.insert(Returned { name, rotated, path, line, commit: None });
            }
        }
        Ok(unexamined)
    }
}

/// What was seen in files: path, line and label; and what was not examined.
type Watched = (Vec<(String, u64, String)>, Vec<Unexamined>);

/// The labels of what is hidden in a file, and the lines.
fn lines(redaction: &Redaction, path: &Path, interrupted: &AtomicBool) -> std::io::Result<Vec<(String, u64)>> {
    let mut file = File::open(path)?;
    let mut redactor = redaction.redactor();
    let (mut piece, mut shown) = (vec![0; PIECE], Vec::new());
    // Of what was shown and let go: bytes, and line feeds.
    let (mut gone, mut line) = (0_u64, 1_u64);
    let mut hits = Vec::new();
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 || interrupted.load(Ordering::Relaxed) {
            redactor.finish(&mut shown);
        } else {
            redactor.push(&piece[..read], &mut shown);
        }
        for record in redactor.take_records() {
            let at = usize::try_from(record.at.saturating_sub(gone)).unwrap_or(usize::MAX).min(shown.len());
            hits.push((record.label, line + memchr::memchr_iter(b'\n', &shown[..at]).count() as u64));
        }
        line += memchr::memchr_iter(b'\n', &shown).count() as u64;
        gone += shown.len() as u64;
        shown.clear();
        if read == 0 || interrupted.load(Ordering::Relaxed) {
            return Ok(hits);
        }
    }
}
