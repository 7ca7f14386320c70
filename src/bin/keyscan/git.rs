//! `keyscan git`.

use std::env;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use keyscan::{GitEnvironment, HistoryCache, HistorySettings, Result};

use crate::args::GitArgs;
use crate::exit::Exit;
use crate::others::repository_of;
use crate::search::Target;
use crate::{progress, scan};

pub(crate) fn run(args: &GitArgs, stdout: &mut dyn Write) -> Result<Exit> {
    let top = repository_of(&args.repository).unwrap_or_else(|| args.repository.clone());
    let target = Target { at: &args.repository, roots: &[], names: &top };
    scan::find(&args.common, target, stdout, |run, search, _| {
        let settings = HistorySettings {
            threads: args.common.threads,
            range: args.range.clone(),
            branches: args.branch.clone(),
            since: args.since,
            until: args.until,
            author: args.author.clone(),
            max_depth: args.max_depth,
            paths: args.paths.clone(),
            exclude: if args.no_ignore { Vec::new() } else { search.config.exclude.clone() },
            all_occurrences: args.all_occurrences,
            submodules: args.submodules,
            cache: args.cache.folder().map(HistoryCache::new),
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
    GitEnvironment {
        git_dir: path("GIT_DIR"),
        common_dir: path("GIT_COMMON_DIR"),
        index_file: path("GIT_INDEX_FILE"),
        objects: path("GIT_OBJECT_DIRECTORY"),
        alternates: alternates(&env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES").unwrap_or_default()),
        merge_heads: env::vars_os()
            .filter_map(|(name, _)| Some(name.to_str()?.strip_prefix("GITHEAD_")?.to_owned()))
            .collect(),
    }
}

/// A list of folders, as paths are listed everywhere; but one that has the separator in it stands in quotes.
fn alternates(list: &OsStr) -> Vec<PathBuf> {
    let Some(mut rest) = list.to_str().filter(|text| text.contains('"')) else {
        return env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect();
    };
    let separator = if cfg!(windows) { ';' } else { ':' };
    let mut folders = Vec::new();
    while !rest.is_empty() {
        let (folder, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let end = rest.find(separator).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        folders.extend(Some(folder).filter(|folder| !folder.is_empty()).map(PathBuf::from));
        rest = after.trim_start_matches(separator);
    }
    folders
}

/// The text up to the quote, of which backslashes are taken away, and what follows.
fn unquoted(text: &str) -> (String, &str) {
    let (mut plain, mut chars) = (String::new(), text.char_indices());
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (plain, &text[at + 1..]),
            '\\' => plain.extend(chars.next().map(|(_, char)| char)),
            _ => plain.push(char),
        }
    }
    (plain, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn lists_of_folders_are_taken_apart() {
        let of = |list: &str| alternates(OsStr::new(list));
        assert_eq!(of(""), Vec::<PathBuf>::new());
        assert_eq!(of("/a:/b c"), [PathBuf::from("/a"), PathBuf::from("/b c")]);
        assert_eq!(of(r#"/a:"/b:\"c":/d"#), [PathBuf::from("/a"), PathBuf::from("/b:\"c"), PathBuf::from("/d")]);
    }
}
