//! What other tools' files let pass: asked about each finding after the engine, and once more about all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use regex::bytes::Regex;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::filter::{Filter, Subject};
use super::settle::settle;
use crate::engine::Surroundings;
use crate::finding::Located;
use crate::rule::Rule;

/// Why a finding is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Left {
    /// An allowlist, a filter or a path of its rule says so.
    Allowed,
    /// A list of accepted findings has it.
    Accepted,
}

/// What another rule has to find for a finding to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Required {
    pub(super) rule: String,
    pub(super) within_lines: Option<u64>,
    pub(super) within_columns: Option<u64>,
}

/// What a rule's file says of it besides its regex.
#[derive(Debug, Clone, Default)]
pub(super) struct RulePolicy {
    /// Only files of this path.
    pub(super) path: Option<Regex>,
    pub(super) filters: Vec<Filter>,
    pub(super) required: Vec<Required>,
    /// It finds for others only.
    pub(super) silent: bool,
}

impl RulePolicy {
    /// Whether its findings can be told only when all of their unit are known.
    pub(super) fn waits(&self) -> bool {
        self.silent || !self.required.is_empty()
    }
}

/// Findings that a list accepts.
#[derive(Debug, Clone, Default)]
pub(super) struct Accepted {
    /// Commit (empty: any), path, rule (empty: any), line of the match.
    pub(super) places: HashSet<(String, String, String, u64)>,
    /// Path and secret, for any rule.
    pub(super) texts: HashSet<(String, Vec<u8>)>,
    /// Path and SHA-1 of the secret.
    pub(super) sha1: HashSet<(String, [u8; 20])>,
    /// SHA-256 of the secret, anywhere.
    pub(super) sha256: HashSet<[u8; 32]>,
}

impl Accepted {
    fn len(&self) -> usize {
        self.places.len() + self.texts.len() + self.sha1.len() + self.sha256.len()
    }

    fn has(&self, subject: &Subject<'_>, line: u64) -> bool {
        if !self.places.is_empty() {
            let commits = [Some(""), subject.commit];
            let rules = [subject.rule, ""];
            let at = |commit: &str, rule: &str| (commit.to_owned(), subject.path.to_owned(), rule.to_owned(), line);
            if commits.into_iter().flatten().any(|c| rules.iter().any(|rule| self.places.contains(&at(c, rule)))) {
                return true;
            }
        }
        let path = || subject.path.to_owned();
        (!self.texts.is_empty() && self.texts.contains(&(path(), subject.secret.to_vec())))
            || (!self.sha1.is_empty() && self.sha1.contains(&(path(), Sha1::digest(subject.secret).into())))
            || (!self.sha256.is_empty() && self.sha256.contains(&<[u8; 32]>::from(Sha256::digest(subject.secret))))
    }
}

/// What files of other tools let pass. `Debug` shows numbers only.
#[derive(Default)]
pub struct Policy {
    pub(super) global: Vec<Filter>,
    pub(super) rules: HashMap<String, RulePolicy>,
    pub(super) accepted: Accepted,
    /// Files of the other tool itself, which it does not look at.
    pub(super) own_files: Vec<PathBuf>,
    /// Rules of ours to leave out.
    pub(super) disabled: BTreeSet<String>,
    /// Where the paths of its files start; a path of a scan is put below.
    prefix: String,
    root: Option<PathBuf>,
    allowed: AtomicU64,
    accepted_count: AtomicU64,
    /// The lines on which matches start whose secret starts on a later one, by path, object, start of the secret and rule.
    starts: Mutex<HashMap<(String, String, u64, usize), u64>>,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (allowlists, accepted) = self.sizes();
        f.debug_struct("Policy").field("allowlists", &allowlists).field("accepted", &accepted).finish_non_exhaustive()
    }
}

impl Policy {
    /// How many conditions let findings pass, and how many findings are accepted.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize) {
        (self.global.len() + self.rules.values().map(|rule| rule.filters.len()).sum::<usize>(), self.accepted.len())
    }

    /// Whether nothing passes that would not pass without it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sizes() == (0, 0) && self.rules.is_empty() && self.disabled.is_empty() && self.own_files.is_empty()
    }

    /// Whether a rule of ours is left out.
    #[must_use]
    pub fn disables(&self, id: &str) -> bool {
        self.disabled.contains(id)
    }

    /// How many findings were left out, and for what.
    #[must_use]
    pub fn tally(&self) -> (u64, u64) {
        (self.allowed.load(Ordering::Relaxed), self.accepted_count.load(Ordering::Relaxed))
    }

    /// Says what is scanned, and where the paths start that files of other tools name: the folder in which the other
    /// tool would be run.
    #[must_use]
    pub fn at(mut self, root: &Path, base: &Path) -> Policy {
        let clean = |path: &Path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            path.components().collect::<PathBuf>()
        };
        let (root, base) = (clean(root), clean(base));
        let folder = if root.is_file() { root.parent().unwrap_or(&root).to_owned() } else { root.clone() };
        self.prefix = match folder.strip_prefix(&base) {
            Ok(below) if !below.as_os_str().is_empty() => format!("{}/", below.to_string_lossy().replace('\\', "/")),
            _ => String::new(),
        };
        self.own_files.iter_mut().for_each(|file| *file = clean(file));
        self.root = Some(folder);
        self
    }

    /// The path of a unit as files of other tools name it.
    fn path(&self, unit: &str) -> String {
        if unit == crate::run::STDIN { String::new() } else { format!("{}{unit}", self.prefix) }
    }

    /// Why a finding is left out; `None` where it stays.
    pub fn leaves(&self, located: &Located, rule: &Rule, around: Surroundings<'_>) -> Option<Left> {
        let commit = located.origin.as_ref().and_then(|origin| origin.commit.as_ref()).map(|commit| commit.id.as_str());
        if self.is_own(&located.path) {
            return self.count(Left::Allowed);
        }
        let text = MatchText::new(located, around);
        let path = self.path(&located.path);
        let subject = Subject {
            path: &path,
            commit,
            rule: rule.id(),
            description: rule.description(),
            secret: located.finding.secret.expose(),
            matched: &text.matched,
            line: &text.line,
        };
        let own = self.rules.get(rule.id());
        let elsewhere = own.and_then(|own| own.path.as_ref()).is_some_and(|wanted| !wanted.is_match(path.as_bytes()));
        let passes = || self.global.iter().any(|filter| filter.passes(&subject, true));
        let rule_passes = || own.is_some_and(|own| own.filters.iter().any(|filter| filter.passes(&subject, false)));
        if elsewhere || passes() || rule_passes() {
            return self.count(Left::Allowed);
        }
        if self.accepted.len() > 0 && self.accepted.has(&subject, text.start_line) {
            return self.count(Left::Accepted);
        }
        if text.start_line != located.finding.start.line && rule.is_foreign() {
            self.starts.lock().unwrap_or_else(PoisonError::into_inner).insert(key(located), text.start_line);
        }
        None
    }

    fn is_own(&self, unit: &str) -> bool {
        let Some(root) = self.root.as_ref().filter(|_| !self.own_files.is_empty()) else { return false };
        let path = root.join(unit);
        self.own_files.contains(&path)
    }

    fn count(&self, left: Left) -> Option<Left> {
        let count = if left == Left::Allowed { &self.allowed } else { &self.accepted_count };
        count.fetch_add(1, Ordering::Relaxed);
        Some(left)
    }

    /// Whether findings of this rule can be told only when all of their unit are known.
    #[must_use]
    pub fn waits(&self, rule: &Rule) -> bool {
        self.rules.get(rule.id()).is_some_and(RulePolicy::waits)
    }

    /// Takes out what counts only with others that are not there, what was looked for on behalf of others, and what
    /// another rule has told already.
    pub fn settle(&self, findings: &mut Vec<Located>, rules: &[Rule]) {
        if !rules.iter().any(Rule::is_foreign) {
            return;
        }
        let mut units: BTreeMap<String, Vec<Located>> = BTreeMap::new();
        for located in findings.drain(..) {
            units.entry(located.path.clone()).or_default().push(located);
        }
        for (_, unit) in units {
            findings.extend(settle(unit, rules, &self.rules, |located| self.line(located)));
        }
    }

    /// The line on which a match starts.
    fn line(&self, located: &Located) -> u64 {
        let starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        starts.get(&key(located)).copied().unwrap_or(located.finding.start.line)
    }
}

fn key(located: &Located) -> (String, String, u64, usize) {
    (located.path.clone(), object(located).to_owned(), located.finding.span.start, located.finding.rule)
}

/// Which version of a file a finding of a scan of history is of.
pub(super) fn object(located: &Located) -> &str {
    located.origin.as_ref().map_or("", |origin| &origin.object)
}

/// The match and its lines, put together from a finding and the text around it.
struct MatchText {
    matched: Vec<u8>,
    line: Vec<u8>,
    /// The line on which the match starts.
    start_line: u64,
}

impl MatchText {
    fn new(located: &Located, around: Surroundings<'_>) -> MatchText {
        let finding = &located.finding;
        let secret = finding.secret.expose();
        // In derived text the offsets are not those of the text around.
        if finding.decoded.is_some() {
            return MatchText { matched: secret.to_vec(), line: secret.to_vec(), start_line: finding.start.line };
        }
        let (before, after) = (around.before, around.after);
        let lead = finding.span.start.saturating_sub(finding.matched.start) as usize;
        let trail = finding.matched.end.saturating_sub(finding.span.end) as usize;
        let from = before.len().saturating_sub(lead);
        let to = trail.min(after.len());
        let line_from = memchr::memrchr(b'\n', &before[..from]).map_or(0, |at| at + 1);
        let line_to = memchr::memchr(b'\n', &after[to..]).map_or(after.len(), |at| to + at);
        let lines = memchr::memchr_iter(b'\n', &before[from..]).count() as u64;
        MatchText {
            matched: [&before[from..], secret, &after[..to]].concat(),
            line: [&before[line_from..], secret, &after[..line_to]].concat(),
            start_line: finding.start.line - lines,
        }
    }
}
