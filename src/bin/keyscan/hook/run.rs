//! What git runs.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use keyscan::{Error, HistorySettings, NewCommits, Outcome, Result};

use super::message;
use super::script::{self, BEFORE};
use crate::args::{CommonArgs, Format, Hook, HookRunArgs, OutputArgs, RuleArgs, When};
use crate::exit::Exit;
use crate::git::environment;
use crate::search::{Search, Target};

pub(super) fn run(args: &HookRunArgs) -> Result<Exit> {
    let input = if matches!(args.hook, Hook::Commit | Hook::Merge) { None } else { Some(input()?) };
    if let Some(previous) = &args.previous {
        let status = run_previous(previous, &args.args, input.as_deref())?;
        if let Some(failed) = status.filter(|status| !status.success()) {
            return Ok(Exit::Of(failed.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)));
        }
    }
    let new = match args.hook {
        Hook::Commit | Hook::Merge => None,
        Hook::Push => Some(pushed(input.as_deref().unwrap_or_default(), &args.args)),
        Hook::Receive => Some(received(input.as_deref().unwrap_or_default())),
    };
    if new.as_ref().is_some_and(|new| new.tips.is_empty()) {
        return Ok(Exit::Clean);
    }
    let here = Path::new(".");
    let search = Search::new(&common(), Target { at: here, roots: &[], names: here })?;
    let settings = HistorySettings {
        exclude: search.config.exclude.clone(),
        environment: environment(here),
        ..HistorySettings::default()
    };
    let mut outcome = search.run(|run| match &new {
        None => run.staged(here, &settings),
        Some(new) => run.incoming(here, new, &settings),
    })?;
    search.others.settle(&mut outcome.findings, search.scanner.rules());
    Ok(judge(args.hook, &outcome, &search, new.as_ref()))
}

/// Whether git may go on, and what is said.
fn judge(hook: Hook, outcome: &Outcome, search: &Search, new: Option<&NewCommits>) -> Exit {
    let mut errors = io::stderr().lock();
    if outcome.interrupted {
        return Exit::Interrupted;
    }
    if !outcome.findings.is_empty() {
        let _ = errors.write_all(message::blocked(hook, outcome, search.scanner.rules(), new).as_bytes());
        return Exit::Found(1);
    }
    match message::incomplete(outcome) {
        None => Exit::Clean,
        Some(text) => {
            let _ = errors.write_all(text.as_bytes());
            // Whoever pushes to a server may want it not to look; whoever commits may look for himself.
            if hook == Hook::Receive { Exit::Failed } else { Exit::Clean }
        }
    }
}

/// What git writes to a hook.
fn input() -> Result<Vec<u8>> {
    let mut input = Vec::new();
    if !io::stdin().is_terminal() {
        io::stdin().read_to_end(&mut input).map_err(|error| Error::config(format!("standard input: {error}")))?;
    }
    Ok(input)
}

/// Runs the hook that was there before, if there is one that can be run.
fn run_previous(path: &Path, args: &[OsString], input: Option<&[u8]>) -> Result<Option<ExitStatus>> {
    let mut path = path.to_owned();
    if fs::read_to_string(&path).is_ok_and(|text| script::is_ours(&text)) {
        // Ours, in the repository itself: it would look once more.
        let mut before = path.into_os_string();
        before.push(BEFORE);
        path = PathBuf::from(before);
    }
    if !is_runnable(&path) {
        return Ok(None);
    }
    let failed = |error: io::Error| Error::config(format!("it cannot be run: {error}")).with_path(&path);
    let start = |program: &Path, first: Option<&Path>| {
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::inherit() };
        Command::new(program).args(first).args(args).stdin(stdin).spawn()
    };
    let shell = Path::new(if cfg!(unix) { "/bin/sh" } else { "sh" });
    let started = if cfg!(unix) { start(&path, None) } else { start(shell, Some(&path)) };
    let mut child = match started {
        // As git does it with scripts that do not say what runs them.
        Err(error) if error.raw_os_error() == Some(8) => start(shell, Some(&path)),
        started => started,
    }
    .map_err(failed)?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        // It need not read it.
        let _ = pipe.write_all(input);
    }
    child.wait().map(Some).map_err(failed)
}

#[cfg(unix)]
fn is_runnable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_runnable(path: &Path) -> bool {
    path.is_file()
}

/// Whether an id is that of nothing: of a ref that comes or goes.
fn is_nothing(id: &str) -> bool {
    id.bytes().all(|byte| byte == b'0')
}

/// What a push would bring: `<local ref> <local id> <remote ref> <remote id>` a line, and the name of the remote.
fn pushed(input: &[u8], args: &[OsString]) -> NewCommits {
    let mut new = NewCommits::default();
    let text = String::from_utf8_lossy(input);
    for words in text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()) {
        if let [_, local, _, remote] = words[..] {
            new.tips.extend(Some(local.to_owned()).filter(|id| !is_nothing(id)));
            new.known.extend(Some(remote.to_owned()).filter(|id| !is_nothing(id)));
        }
    }
    let remote = args.first().map(|name| name.to_string_lossy().into_owned());
    if new.tips.is_empty() && env::var_os("PRE_COMMIT").is_some() {
        return pushed_by_framework();
    }
    new.known_refs.extend(remote.map(|remote| format!("refs/remotes/{remote}/")));
    new
}

/// The same, as the framework `pre-commit` has it. Of a branch that the remote has not it says no range, and nothing at
/// all where no one pushes.
fn pushed_by_framework() -> NewCommits {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let tip = variable("PRE_COMMIT_TO_REF").or_else(|| variable("PRE_COMMIT_LOCAL_BRANCH"));
    let remote = variable("PRE_COMMIT_REMOTE_NAME");
    NewCommits {
        tips: vec![tip.unwrap_or_else(|| "HEAD".to_owned())],
        known: variable("PRE_COMMIT_FROM_REF").into_iter().collect(),
        known_refs: vec![remote.map_or_else(|| "refs/remotes/".to_owned(), |name| format!("refs/remotes/{name}/"))],
    }
}

/// What a push brings: `<old id> <new id> <ref>` a line. No ref has changed yet.
fn received(input: &[u8]) -> NewCommits {
    let mut new = NewCommits { known_refs: vec!["refs/".to_owned()], ..NewCommits::default() };
    for line in String::from_utf8_lossy(input).lines() {
        let id = line.split_whitespace().nth(1);
        new.tips.extend(id.filter(|id| !is_nothing(id)).map(str::to_owned));
    }
    new
}

/// What `keyscan.toml` says, and nothing else.
fn common() -> CommonArgs {
    CommonArgs {
        rules: RuleArgs { config: None, rule_files: Vec::new(), only: Vec::new(), exclude: Vec::new() },
        format: Format::Human,
        output: PathBuf::from("-"),
        baseline: None,
        write_baseline: None,
        min_severity: None,
        min_confidence: None,
        max_archive_depth: None,
        sensitive: false,
        show_secrets: false,
        no_allow: false,
        exit_code: 1,
        threads: 0,
        stats: false,
        output_args: OutputArgs { quiet: true, verbose: 0, color: When::Auto, progress: When::Never },
        as_gitleaks: None,
    }
}
