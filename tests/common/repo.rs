//! Repositories that git makes.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use keyscan::RuleSet;

/// A repository in a folder of its own.
pub(crate) struct Repo {
    folder: tempfile::TempDir,
    /// Seconds since 1970 of the last commit.
    pub(crate) now: u64,
}

impl Repo {
    pub(crate) fn new(options: &[&str]) -> Repo {
        let repo = Repo { folder: folder(), now: 1_700_000_000 };
        repo.git(&[&["init", "-q", "-b", "main"], options].concat());
        repo
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        let date = format!("{} +0100", self.now);
        command
            .args(args)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_EDITOR", "true");
        // Unless the suite is run for another form of refs.
        if std::env::var_os("GIT_DEFAULT_REF_FORMAT").is_none() {
            command.env("GIT_DEFAULT_REF_FORMAT", "files");
        }
        // The suite may itself run in a hook.
        for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX"] {
            command.env_remove(name);
        }
        for (key, value) in [("AUTHOR", "Ada"), ("COMMITTER", "Bob")] {
            command
                .env(format!("GIT_{key}_NAME"), value)
                .env(format!("GIT_{key}_EMAIL"), format!("{value}@example.com"));
            command.env(format!("GIT_{key}_DATE"), &date);
        }
        command
    }

    /// Runs git and answers what it prints.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Commits everything and answers the id.
    pub(crate) fn commit(&mut self, message: &str) -> String {
        self.now += 60;
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Writes an object and answers its id.
    pub(crate) fn object(&self, kind: &str, content: &[u8]) -> String {
        let mut child = self
            .command(&["hash-object", "-w", "-t", kind, "--stdin", "--literally"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(content).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
    }
}

/// Names a folder in which repositories stay, for other scanners to be tried on; `tests/conformance.sh` does.
const KEPT: &str = "KEYSCAN_CONFORMANCE";

/// A folder for a repository.
pub(crate) fn folder() -> tempfile::TempDir {
    let Some(kept) = std::env::var_os(KEPT) else { return tempfile::tempdir().unwrap() };
    fs::create_dir_all(&kept).unwrap();
    let mut folder = tempfile::Builder::new().prefix("repo-").tempdir_in(kept).unwrap();
    folder.disable_cleanup(true);
    folder
}

/// Notes the places of a repository that stays, each with the seed of the secret that only it holds.
pub(crate) fn note_places<'p>(repo: &Path, places: impl IntoIterator<Item = (&'p str, u64)>) {
    let Some(kept) = std::env::var_os(KEPT) else { return };
    let line = |(place, seed): (&str, u64)| format!("{}\t{place}\t{}\n", repo.display(), token(seed));
    let lines: String = places.into_iter().map(line).collect();
    let mut file = fs::OpenOptions::new().create(true).append(true).open(Path::new(&kept).join("places.tsv")).unwrap();
    file.write_all(lines.as_bytes()).unwrap();
}

/// A made-up token of GitHub.
pub(crate) fn token(seed: u64) -> String {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    let rule = RULES.get_or_init(RuleSet::builtin).get("github-pat").unwrap();
    String::from_utf8(rule.samples()[0].fill(seed, rule.checksum()).text).unwrap()
}
