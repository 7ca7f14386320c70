//! `keyscan git`.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};

use keyscan::{GitEnvironment, HistorySettings, Result};

use crate::args::GitArgs;
use crate::exit::Exit;
use crate::others::repository_of;
use crate::{progress, scan};

pub(crate) fn run(args: &GitArgs, stdout: &mut dyn Write) -> Result<Exit> {
    let top = repository_of(&args.repository).unwrap_or_else(|| args.repository.clone());
    let target = scan::Target { at: &args.repository, roots: &[], names: &top };
    scan::find(&args.common, target, stdout, |run, config, _, _| {
        let settings = HistorySettings {
            threads: args.common.threads,
            range: args.range.clone(),
            branches: args.branch.clone(),
            since: args.since,
            until: args.until,
            author: args.author.clone(),
            max_depth: args.max_depth,
            paths: args.paths.clone(),
            exclude: if args.no_ignore { Vec::new() } else { config.exclude.clone() },
            all_occurrences: args.all_occurrences,
            environment: environment(&args.repository),
        };
        let watched = || match args.staged {
            true => run.staged(&args.repository, &settings),
            false => run.history(&args.repository, &settings),
        };
        let outcome = progress::show(args.common.output_args.progress, run.progress, watched)?;
        Ok((outcome, false))
    })
}

/// What git says of the repository in the current folder, to a program that it runs. It says nothing of others.
pub(crate) fn environment(repository: &Path) -> GitEnvironment {
    if repository != Path::new(".") {
        return GitEnvironment::default();
    }
    let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let alternates = env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES").unwrap_or_default();
    GitEnvironment {
        git_dir: path("GIT_DIR"),
        common_dir: path("GIT_COMMON_DIR"),
        index_file: path("GIT_INDEX_FILE"),
        objects: path("GIT_OBJECT_DIRECTORY"),
        alternates: env::split_paths(&alternates).filter(|path| !path.as_os_str().is_empty()).collect(),
    }
}
