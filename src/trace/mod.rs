//! Every place of one secret: in files, in what is staged, in all of a repository's history, in what shells, tools and
//! coding agents keep; and who asks for it by name.
//!
//! The secret becomes rules ([`Needle`]), and so all that scans for secrets scans for this one: nothing is looked at in
//! another manner than by a scan.

mod gather;
mod helm;
mod home;
mod needle;
mod place;
mod reference;
mod replace;
mod report;
mod runbook;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use crate::engine::Scanner;
use crate::error::Result;
use crate::finding::CommitInfo;
use crate::rule::Rule;
use crate::run::{Progress, Unexamined};
use crate::secret::Secret;
use crate::source::git::repository::GitEnvironment;

pub use self::home::{AGENT_HOMES, AgentHome};
pub use self::needle::{Form, Needle};
pub use self::place::{PlaceKind, kind_of};
pub use self::reference::{Reference, Use};
pub use self::report::{TraceFormat, TraceReport};
pub use self::runbook::Procedure;

/// Shorter lines of a key say nothing.
const MIN_LINE: usize = 8;

/// Where a secret is looked for.
#[derive(Debug, Clone, Default)]
pub struct TraceSettings {
    /// Files and folders. Nothing in them is ignored.
    pub paths: Vec<PathBuf>,
    /// A repository, whose history and index are looked at, too.
    pub repository: Option<PathBuf>,
    /// What git says of that repository, to a program that it runs.
    pub environment: GitEnvironment,
    /// A home, where shells, tools and coding agents keep files.
    pub home: Option<PathBuf>,
    /// Names of variables that hold the secret, besides those that are found.
    pub names: Vec<String>,
    /// Threads; 0 for as many as there are cores.
    pub threads: usize,
}

/// All that is known of where a secret is.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Ids of the rules that the secret has the form of, the likeliest first.
    pub rules: Vec<String>,
    /// The secret, masked.
    pub masked: String,
    /// Where it stands, by kind and path.
    pub places: Vec<Place>,
    /// The names of variables that hold it.
    pub names: Vec<String>,
    /// Where these names are used, by path and line.
    pub references: Vec<Reference>,
    /// What was not examined.
    pub unexamined: Vec<Unexamined>,
    /// Whether the search was interrupted.
    pub interrupted: bool,
    /// The forms in which it was found, as they stand there, the longest first.
    written: Vec<Secret>,
}

/// A file, or a part of a repository, that holds the secret or held it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where it is; in angle brackets where it is no file, as in `<commit message>`.
    pub path: String,
    /// What it is.
    pub kind: PlaceKind,
    /// Where the secret stands in it now, first to last.
    pub spots: Vec<Spot>,
    /// What the history of the repository says of it.
    pub history: Option<InHistory>,
    /// The names that the secret is assigned to there.
    pub variables: Vec<String>,
}

/// The secret at a place of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1, in Unicode scalar values.
    pub column: u64,
    /// How it is written there.
    pub form: Form,
    /// Whether it stands in what is staged.
    pub is_staged: bool,
}

/// A secret in the versions of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InHistory {
    /// The first commit that brought it there; `None` where no commit leads to the object.
    pub first: Option<CommitInfo>,
    /// The last commit that changed the file and left it there.
    pub last: Option<CommitInfo>,
    /// How many versions hold it.
    pub versions: u64,
    /// Whether HEAD has it.
    pub in_head: bool,
    /// Refs that reach one of the commits, branches first; not more than
    /// [`Origin::MAX_REFS`](crate::Origin::MAX_REFS).
    pub refs: Vec<String>,
    /// The line in the last version.
    pub line: u64,
    /// How it is written there.
    pub form: Form,
    /// The id of the object that the last version is.
    pub object: String,
}

impl Trace {
    /// Whether everything was examined.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unexamined.is_empty() && !self.interrupted
    }

    /// Whether a part of the history holds the secret, so that taking it out of files is not enough.
    #[must_use]
    pub fn is_in_history(&self) -> bool {
        self.places.iter().any(|place| place.history.is_some())
    }

    /// The files of the history that expressions for `git filter-repo` do not change: it leaves alone what is binary, as
    /// archives and text in UTF-16 are.
    #[must_use]
    pub fn binary_files(&self) -> Vec<&str> {
        let file = |place: &Place| place.path.find('!').unwrap_or(place.path.len());
        let archives: Vec<&str> = self.places.iter().filter_map(|place| Some(place.path.split_once('!')?.0)).collect();
        let is_left = |place: &&Place| {
            let is_archive = archives.contains(&&place.path[..file(place)]);
            place.history.as_ref().is_some_and(|history| is_archive || history.form == Form::Utf16)
        };
        let mut files: Vec<&str> = self.places.iter().filter(is_left).map(|place| &place.path[..file(place)]).collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}

impl Needle {
    /// Looks for the secret. `rules` say what it is, and which other secrets are masked in what is told of commits.
    ///
    /// # Errors
    /// When a path or the repository is not there. What cannot be read below them is no error: it is listed.
    pub fn trace(
        &self,
        rules: &Scanner,
        settings: &TraceSettings,
        progress: &Progress,
        interrupted: &AtomicBool,
    ) -> Result<Trace> {
        let like = self.rules_like(rules);
        let gathered = gather::gather(self, rules, settings, progress, interrupted)?;
        let mut names: Vec<String> = settings.names.clone();
        names.extend(like.iter().flat_map(|rule| rule.env()).map(str::to_owned));
        names.extend(gathered.places.iter().flat_map(|place| place.variables.iter().cloned()));
        names.retain(|name| settings.names.contains(name) || reference::tells(name));
        // In templates a name stands behind those of the mappings around it, and tells even where it is a common one.
        let is_new = |name: &String| !name.rsplit('.').next().is_some_and(|last| names.iter().any(|one| one == last));
        let value_names: Vec<String> = gathered.value_names.into_iter().filter(is_new).collect();
        names.extend(value_names);
        names.sort_unstable();
        names.dedup();
        let mut trace = Trace {
            rules: like.iter().map(|rule| rule.id().to_owned()).collect(),
            masked: self.secret().masked(),
            places: gathered.places,
            names,
            references: Vec::new(),
            unexamined: gathered.unexamined,
            interrupted: gathered.interrupted,
            written: self.written(gathered.written),
        };
        reference::find(&mut trace, settings, progress, interrupted)?;
        // A name that a rule knows and nobody uses says nothing.
        let is_used = |name: &String| {
            settings.names.contains(name)
                || trace.references.iter().any(|reference| reference.name == *name)
                || trace.places.iter().any(|place| place.variables.contains(name))
        };
        let names = std::mem::take(&mut trace.names);
        trace.names = names.into_iter().filter(is_used).collect();
        trace.unexamined.sort();
        trace.unexamined.dedup();
        Ok(trace)
    }

    /// What has to go from a history: the forms that were found, and of a key in lines each line.
    fn written(&self, mut found: Vec<Secret>) -> Vec<Secret> {
        let lines: Vec<&[u8]> =
            needle::lines_of(self.secret().expose()).filter(|line| line.len() >= MIN_LINE).collect();
        if lines.len() > 1 && !found.is_empty() {
            found.extend(lines.into_iter().map(Secret::new));
            found.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
            found.dedup();
        }
        found
    }

    /// The rules that the secret, alone, has the form of.
    #[must_use]
    pub fn rules_like<'r>(&self, rules: &'r Scanner) -> Vec<&'r Rule> {
        let secret = self.secret().expose();
        let found = rules.scan(secret);
        let whole = found.iter().filter(|found| found.span.end - found.span.start == secret.len() as u64);
        let numbers = whole.flat_map(|found| std::iter::once(found.rule).chain(found.candidates.iter().copied()));
        numbers.map(|number| &rules.rules()[number]).collect()
    }
}
