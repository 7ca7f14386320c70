//! A repository on disk: its folders, refs and settings, read as text.
//!
//! A library would do as well, were it not for two things: repositories of SHA-256 are beyond the stable ones, and none
//! is needed for what is a handful of small text files. No configuration is obeyed here that names a program or a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::ObjectId;
use super::lookup::ObjectPlaces;
use super::reftable::{self, Target};
use crate::error::{Error, ErrorKind, Result};

/// Symbolic refs may point to symbolic refs, this deep.
const MAX_SYMBOLIC: usize = 8;
/// Folders of refs are entered this deep.
const MAX_REF_DEPTH: usize = 64;

/// What git tells the programs it runs, such as hooks, of the repository they are in. Paths are relative to the current
/// folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitEnvironment {
    /// The folder of the repository (`GIT_DIR`).
    pub git_dir: Option<PathBuf>,
    /// The folder that all its working trees share (`GIT_COMMON_DIR`).
    pub common_dir: Option<PathBuf>,
    /// The index of the commit that is being made (`GIT_INDEX_FILE`).
    pub index_file: Option<PathBuf>,
    /// The folder of its objects (`GIT_OBJECT_DIRECTORY`): while a push is received, that of the objects it brings.
    pub objects: Option<PathBuf>,
    /// More folders of objects (`GIT_ALTERNATE_OBJECT_DIRECTORIES`).
    pub alternates: Vec<PathBuf>,
    /// The ids of the commits that are being merged, in hex (`GITHEAD_` and the id). While a merge goes on by itself, no file
    /// names them.
    pub merge_heads: Vec<String>,
}

/// A repository and what its refs point to.
#[derive(Debug)]
pub(crate) struct Repository {
    /// The folder of this working tree's state: `.git`, or one in `.git/worktrees`.
    pub(crate) git_dir: PathBuf,
    /// The folder that all working trees share.
    pub(crate) common_dir: PathBuf,
    /// How many bytes an object id has.
    pub(crate) hash_len: usize,
    /// Full names of refs and what they point to, by name; `HEAD` among them. Empty until they are read.
    pub(crate) refs: BTreeMap<String, ObjectId>,
    /// The full name of the branch that is checked out.
    pub(crate) branch: Option<String>,
    /// Commits whose parents were left out when it was cloned.
    pub(crate) shallow: Vec<ObjectId>,
    /// Whether objects may be missing that another repository has promised.
    pub(crate) is_partial: bool,
    has_reftable: bool,
    /// Where its objects are.
    pub(crate) objects: ObjectPlaces,
    /// The file of its index.
    pub(crate) index_file: PathBuf,
    /// Commits that are being merged, but for those that a file names.
    merging: Vec<ObjectId>,
    /// What could not be read, and why.
    pub(crate) unreadable: Vec<(String, String)>,
}

impl Repository {
    /// Finds the repository that `path` is, or is in, unless git has said which one it is.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn discover(path: &Path, environment: &GitEnvironment) -> Result<Repository> {
        let none = |folder: &Path| {
            let why = "this is no git repository, and no folder above it is one";
            Error::new(ErrorKind::Config, why).in_file(folder)
        };
        let git_dir = match &environment.git_dir {
            Some(named) => is_git_dir(named).then(|| named.clone()).ok_or_else(|| none(named))?,
            None => {
                let start = fs::canonicalize(path)
                    .map_err(|error| Error::new(ErrorKind::Io, error.to_string()).in_file(path))?;
                start.ancestors().find_map(git_dir).ok_or_else(|| none(path))?
            }
        };
        Ok(Repository::open(git_dir, environment))
    }

    fn open(git_dir: PathBuf, environment: &GitEnvironment) -> Repository {
        let common_dir = match (&environment.common_dir, fs::read_to_string(git_dir.join("commondir"))) {
            (Some(common_dir), _) => common_dir.clone(),
            (None, Ok(text)) => git_dir.join(text.trim_end()),
            (None, Err(_)) => git_dir.clone(),
        };
        let settings = Settings::read(&common_dir.join("config"));
        let objects = environment.objects.clone().unwrap_or_else(|| common_dir.join("objects"));
        let shallow = fs::read_to_string(common_dir.join("shallow")).unwrap_or_default();
        Repository {
            hash_len: if settings.is_sha256 { 32 } else { 20 },
            objects: ObjectPlaces { objects, alternates: environment.alternates.clone() },
            index_file: environment.index_file.clone().unwrap_or_else(|| git_dir.join("index")),
            merging: environment.merge_heads.iter().filter_map(|id| ObjectId::from_hex(id.as_bytes())).collect(),
            refs: BTreeMap::new(),
            branch: None,
            shallow: shallow.lines().filter_map(|line| ObjectId::from_hex(line.trim().as_bytes())).collect(),
            is_partial: settings.is_partial,
            has_reftable: settings.has_reftable,
            unreadable: Vec::new(),
            git_dir,
            common_dir,
        }
    }

    /// The commit that is checked out; `None` when there is none yet.
    ///
    /// # Errors
    /// When the tables in which refs are kept cannot be read.
    pub(crate) fn head(&self) -> Result<Option<ObjectId>> {
        if !self.has_reftable {
            return Ok(self.look_up("HEAD"));
        }
        let (tables, unreadable) = self.tables();
        check_tables(&unreadable)?;
        Ok(resolve_in(&tables, "HEAD"))
    }

    /// Reads all refs, for what depends on them.
    ///
    /// # Errors
    /// When the tables in which refs are kept cannot be read.
    pub(crate) fn read_needed_refs(&mut self) -> Result<()> {
        self.read_all_refs();
        if self.has_reftable { check_tables(&self.unreadable) } else { Ok(()) }
    }

    /// The commits that are being merged into the one that is checked out.
    pub(crate) fn merge_heads(&self) -> Vec<ObjectId> {
        let text = fs::read_to_string(self.git_dir.join("MERGE_HEAD")).unwrap_or_default();
        let mut heads: Vec<ObjectId> = text.lines().filter_map(|line| self.id(line.trim())).collect();
        for id in &self.merging {
            if id.as_bytes().len() == self.hash_len && !heads.contains(id) {
                heads.push(*id);
            }
        }
        heads
    }

    /// What one ref points to, without reading all of them.
    fn look_up(&self, name: &str) -> Option<ObjectId> {
        let mut name = name.to_owned();
        for _ in 0..MAX_SYMBOLIC {
            let folders = [&self.git_dir, &self.common_dir];
            let text = folders.into_iter().find_map(|folder| fs::read_to_string(folder.join(&name)).ok());
            let Some(text) = text else { return self.packed_ref(&name) };
            match text.trim_end().strip_prefix("ref: ").map(str::trim) {
                Some(next) if is_safe(next) => name = next.to_owned(),
                Some(_) => return None,
                None => return self.id(text.split_whitespace().next()?),
            }
        }
        None
    }

    fn packed_ref(&self, name: &str) -> Option<ObjectId> {
        let packed = fs::read(self.common_dir.join("packed-refs")).ok()?;
        let wanted = format!(" {name}\n");
        let mut places = memchr::memmem::find_iter(&packed, wanted.as_bytes());
        places.find_map(|end| {
            let start = memchr::memrchr(b'\n', &packed[..end]).map_or(0, |newline| newline + 1);
            self.id(std::str::from_utf8(&packed[start..end]).ok()?)
        })
    }

    /// Reads all refs.
    pub(crate) fn read_all_refs(&mut self) {
        if self.has_reftable {
            self.read_tables();
        } else {
            self.read_refs();
        }
    }

    /// The refs of the tables of this working tree, and what of them could not be read.
    fn tables(&self) -> (BTreeMap<String, Target>, Vec<(String, String)>) {
        let mut refs = BTreeMap::new();
        let mut unreadable = reftable::read(&self.common_dir.join("reftable"), self.hash_len, &mut refs);
        if self.git_dir != self.common_dir {
            // What is checked out in the main working tree is not what is checked out here.
            refs.retain(|name, _| name.starts_with("refs/"));
            unreadable.extend(reftable::read(&self.git_dir.join("reftable"), self.hash_len, &mut refs));
        }
        (refs, unreadable)
    }

    fn read_tables(&mut self) {
        let (mut tables, unreadable) = self.tables();
        self.unreadable.extend(unreadable);
        if let Some(Target::Symbolic(branch)) = tables.get("HEAD") {
            self.branch = Some(branch.clone());
        }
        for (folder, name) in self.heads().into_iter().filter(|(folder, _)| *folder != self.git_dir) {
            let mut own = BTreeMap::new();
            // One that was made before, or half made, has none.
            let _unreadable = reftable::read(&folder.join("reftable"), self.hash_len, &mut own);
            tables.extend(own.remove("HEAD").map(|head| (name, head)));
        }
        let resolved = tables.keys().filter_map(|name| Some((name.clone(), resolve_in(&tables, name)?)));
        self.refs = resolved.collect();
    }

    fn read_refs(&mut self) {
        let packed = fs::read(self.common_dir.join("packed-refs")).unwrap_or_default();
        for line in String::from_utf8_lossy(&packed).lines() {
            let Some((id, name)) = line.split_once(' ').filter(|(id, _)| !id.starts_with(['#', '^'])) else { continue };
            if let Some(id) = self.id(id) {
                self.refs.insert(name.to_owned(), id);
            }
        }
        let common_dir = self.common_dir.clone();
        self.read_ref_folder(&common_dir, "refs", 0);
        if self.git_dir != common_dir {
            self.read_ref_folder(&self.git_dir.clone(), "refs", 0);
        }
        let head = self.git_dir.join("HEAD");
        let target = fs::read_to_string(&head).unwrap_or_default();
        self.branch = target.trim_end().strip_prefix("ref: ").map(str::to_owned);
        for (folder, name) in self.heads() {
            if let Some(id) = self.resolve(&folder.join("HEAD")) {
                self.refs.insert(name, id);
            }
        }
    }

    /// The folders with a `HEAD`, and how it is called: this working tree's and those of others.
    fn heads(&self) -> Vec<(PathBuf, String)> {
        let mut heads = vec![(self.git_dir.clone(), "HEAD".to_owned())];
        let others =
            fs::read_dir(self.common_dir.join("worktrees")).into_iter().flatten().filter_map(std::io::Result::ok);
        heads.extend(
            others.map(|entry| (entry.path(), format!("worktrees/{}/HEAD", entry.file_name().to_string_lossy()))),
        );
        heads
    }

    fn read_ref_folder(&mut self, root: &Path, name: &str, depth: usize) {
        let Ok(entries) = fs::read_dir(root.join(name)) else { return };
        for entry in entries.filter_map(std::io::Result::ok) {
            let Ok(file) = entry.file_name().into_string() else { continue };
            let name = format!("{name}/{file}");
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < MAX_REF_DEPTH {
                self.read_ref_folder(root, &name, depth + 1);
            } else if kind.is_file() && !name.ends_with(".lock") {
                match self.resolve(&entry.path()) {
                    Some(id) => drop(self.refs.insert(name, id)),
                    // A branch that HEAD names and that has no commit yet has no file; this one has.
                    None if fs::read_to_string(entry.path()).is_ok_and(|text| text.starts_with("ref: ")) => {}
                    None => self.unreadable.push((name, "the ref names no object".to_owned())),
                }
            }
        }
    }

    /// What a file of a ref names in the end.
    fn resolve(&self, file: &Path) -> Option<ObjectId> {
        let mut text = fs::read_to_string(file).ok()?;
        for _ in 0..MAX_SYMBOLIC {
            let Some(name) = text.trim_end().strip_prefix("ref: ").map(str::trim) else { break };
            if let Some(id) = self.refs.get(name) {
                return Some(*id);
            }
            if !is_safe(name) {
                return None;
            }
            text = fs::read_to_string(self.common_dir.join(name)).ok()?;
        }
        self.id(text.split_whitespace().next()?)
    }

    fn id(&self, hex: &str) -> Option<ObjectId> {
        ObjectId::from_hex(hex.as_bytes()).filter(|id| id.as_bytes().len() == self.hash_len)
    }

    /// What a name stands for, as git reads it: a ref, in full or in short, or the start of an object id, which `short`
    /// completes.
    pub(crate) fn find(&self, name: &str, short: impl Fn(&str) -> Option<ObjectId>) -> Option<ObjectId> {
        let name = if name == "@" { "HEAD" } else { name };
        let candidates = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];
        let by_ref = candidates.iter().find_map(|start| self.refs.get(&format!("{start}{name}")));
        let by_ref = by_ref.or_else(|| self.refs.get(&format!("refs/remotes/{name}/HEAD")));
        by_ref.copied().or_else(|| short(name))
    }

    /// Files of the repository itself that may hold secrets, and how they are called in reports: its configuration, what
    /// is in progress, and what was.
    pub(crate) fn files(&self) -> Vec<(PathBuf, String)> {
        const NAMES: [&str; 11] = [
            "config",
            "config.worktree",
            "description",
            "BISECT_LOG",
            "COMMIT_EDITMSG",
            "FETCH_HEAD",
            "MERGE_MSG",
            "SQUASH_MSG",
            "TAG_EDITMSG",
            "NOTES_EDITMSG",
            "GITGUI_MSG",
        ];
        const FOLDERS: [&str; 8] =
            ["hooks", "info", "lfs/objects", "logs", "rebase-apply", "rebase-merge", "rr-cache", "sequencer"];
        let mut files = Vec::new();
        for (folder, name) in self.folders() {
            files.extend(NAMES.iter().map(|file| (folder.join(file), format!("{name}/{file}"))));
            for inner in FOLDERS {
                list_files(&folder.join(inner), &format!("{name}/{inner}"), 0, &mut files);
            }
        }
        // Git puts examples into each repository.
        files.retain(|(path, name)| {
            !name.ends_with(".sample") && fs::symlink_metadata(path).is_ok_and(|data| data.is_file())
        });
        files.sort_by(|a, b| a.1.cmp(&b.1));
        files
    }

    /// The folders of the repository and of its linked working trees, and how they are called in reports.
    fn folders(&self) -> Vec<(PathBuf, String)> {
        let worktrees = fs::read_dir(self.common_dir.join("worktrees")).into_iter().flatten();
        let linked = worktrees.filter_map(std::io::Result::ok).map(|entry| {
            let name = format!(".git/worktrees/{}", entry.file_name().to_string_lossy());
            (entry.path(), name)
        });
        [(self.common_dir.clone(), ".git".to_owned())].into_iter().chain(linked).collect()
    }

    /// Gives the reflogs that are kept in tables, in parts, with how they are called; answers what could not be read.
    pub(crate) fn table_logs(&self, mut give: impl FnMut(&str, &[u8])) -> Vec<(String, String)> {
        if !self.has_reftable {
            return Vec::new();
        }
        let logs = self.folders().into_iter().flat_map(|(folder, name)| {
            reftable::read_logs(&folder.join("reftable"), |table, block| {
                give(&format!("{name}/reftable/{table}"), block);
            })
        });
        logs.collect()
    }

    /// The repositories of submodules that are kept in this one, and how they are called.
    pub(crate) fn submodules(&self) -> Vec<(PathBuf, String)> {
        let (mut found, mut stack) = (Vec::new(), vec![(self.common_dir.join("modules"), String::new(), 0)]);
        while let Some((folder, name, depth)) = stack.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(std::io::Result::ok) {
                let file = entry.file_name().to_string_lossy().into_owned();
                let name = if name.is_empty() { file } else { format!("{name}/{file}") };
                if is_git_dir(&entry.path()) {
                    found.push((entry.path(), name));
                } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) && depth < MAX_REF_DEPTH {
                    stack.push((entry.path(), name, depth + 1));
                }
            }
        }
        found.sort();
        found
    }
}

fn list_files(folder: &Path, name: &str, depth: usize, files: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(std::io::Result::ok) {
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < MAX_REF_DEPTH => list_files(&entry.path(), &name, depth + 1, files),
            Ok(kind) if kind.is_file() => files.push((entry.path(), name)),
            _ => {}
        }
    }
}

/// The folder of a repository: `folder` itself, its `.git`, or what its file `.git` names.
fn git_dir(folder: &Path) -> Option<PathBuf> {
    let inner = folder.join(".git");
    if is_git_dir(&inner) {
        return Some(inner);
    }
    if let Ok(text) = fs::read_to_string(&inner)
        && let Some(path) = text.trim_end().strip_prefix("gitdir: ")
    {
        return Some(folder.join(path)).filter(|path| is_git_dir(path));
    }
    Some(folder.to_owned()).filter(|folder| is_git_dir(folder))
}

fn is_git_dir(folder: &Path) -> bool {
    folder.join("HEAD").is_file()
        && (folder.join("objects").is_dir() && folder.join("refs").is_dir() || folder.join("commondir").is_file())
}

/// Without all tables it cannot be told which refs there are.
fn check_tables(unreadable: &[(String, String)]) -> Result<()> {
    match unreadable.first() {
        Some((path, why)) => Err(Error::new(ErrorKind::Io, why.clone()).in_file(Path::new(path))),
        None => Ok(()),
    }
}

/// What a ref of the tables names in the end.
fn resolve_in(tables: &BTreeMap<String, Target>, name: &str) -> Option<ObjectId> {
    let mut target = tables.get(name)?;
    for _ in 0..MAX_SYMBOLIC {
        match target {
            Target::Object(id) => return Some(*id),
            Target::Symbolic(next) => target = tables.get(next)?,
        }
    }
    None
}

/// Whether a name of a ref stays in the repository: one with dots could lead out of it.
fn is_safe(name: &str) -> bool {
    !name.split('/').any(|part| part.is_empty() || part.starts_with('.'))
}

/// What matters of a repository's configuration.
#[derive(Debug, Default)]
struct Settings {
    is_sha256: bool,
    is_partial: bool,
    has_reftable: bool,
}

impl Settings {
    fn read(file: &Path) -> Settings {
        let mut settings = Settings::default();
        let text = fs::read(file).unwrap_or_default();
        let mut section = String::new();
        for line in String::from_utf8_lossy(&text).lines().map(str::trim) {
            if let Some(header) = line.strip_prefix('[') {
                section = header.split([']', ' ', '"']).next().unwrap_or_default().to_ascii_lowercase();
                continue;
            }
            let (key, value) = line.split_once('=').map_or((line, "true"), |(key, value)| (key.trim(), value.trim()));
            let is = |value: &str, other: &str| value.trim_matches('"').eq_ignore_ascii_case(other);
            match (section.as_str(), key.to_ascii_lowercase().as_str()) {
                ("extensions", "objectformat") => settings.is_sha256 = is(value, "sha256"),
                ("extensions", "refstorage") => settings.has_reftable = is(value, "reftable"),
                ("extensions", "partialclone") => settings.is_partial = true,
                ("remote", "promisor") => settings.is_partial |= is(value, "true"),
                _ => {}
            }
        }
        settings
    }
}
