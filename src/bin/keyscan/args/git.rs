//! The arguments of `keyscan git`.

use std::env;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueHint};

use super::CommonArgs;
use crate::time;

pub(super) const GIT_EXAMPLES: &str = "\
Examples:
  keyscan git                         all that the repository here holds, reached by a ref or not
  keyscan git --staged                what the next commit would bring
  keyscan git --range main..HEAD      what a branch brings
  keyscan git --since '2 weeks' repo  what came lately
  keyscan git -f jsonl mirror.git     a bare repository, a line a finding

Exit status: as of `keyscan scan`.";

#[derive(Debug, Args)]
pub(crate) struct GitArgs {
    /// The repository, or a folder in it
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) repository: PathBuf,
    /// Only what the next commit would bring: what is staged and HEAD has not
    #[arg(long, conflicts_with_all = ["range", "branch", "since", "until", "author", "max_depth", "all_occurrences"])]
    pub(crate) staged: bool,
    /// Only what commits bring that B reaches and A does not
    #[arg(long, value_name = "A..B")]
    pub(crate) range: Option<String>,
    /// Only commits that this branch, tag or commit reaches
    #[arg(long, value_name = "REF", conflicts_with = "range")]
    pub(crate) branch: Vec<String>,
    /// Only commits made at this time or later: `2026-01-31`, `2026-01-31T10:20:30Z`, `2 weeks`
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) since: Option<i64>,
    /// Only commits made at this time or before
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) until: Option<i64>,
    /// Only commits whose author's name or address contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) author: Option<String>,
    /// Only commits at most so many steps from the tip of their branch
    #[arg(long, value_name = "N")]
    pub(crate) max_depth: Option<u32>,
    /// Only paths that match this glob, as in `.gitignore`
    #[arg(long = "path", value_name = "GLOB")]
    pub(crate) paths: Vec<String>,
    /// Report every version of a file that holds a secret, not only the first
    #[arg(long)]
    pub(crate) all_occurrences: bool,
    /// Scan the repositories of submodules, too, as far as they are kept in this one
    #[arg(long, conflicts_with_all = ["staged", "range", "branch"])]
    pub(crate) submodules: bool,
    /// Report paths that the configuration excludes, too
    #[arg(long)]
    pub(crate) no_ignore: bool,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Where it is remembered what was examined.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CacheArgs {
    /// Look at all objects again, and remember nothing
    #[arg(long, env = "KEYSCAN_NO_CACHE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    no_cache: bool,
    /// Remember in this folder which objects were examined (never what is in them), so that next time only new ones are
    /// [default: `keyscan` in the user's folder of caches]
    #[arg(long, value_name = "DIR", env = "KEYSCAN_CACHE_DIR", hide_env_values = true, conflicts_with = "no_cache", value_hint = ValueHint::DirPath)]
    cache_dir: Option<PathBuf>,
}

impl CacheArgs {
    /// The folder; `None` when nothing is to be remembered, or there is no place for it.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        if self.no_cache {
            return None;
        }
        let named = self.cache_dir.clone().filter(|folder| !folder.as_os_str().is_empty());
        named.or_else(|| Some(user_caches()?.join("keyscan")))
    }
}

/// The folder of caches of the user, where the system has it.
fn user_caches() -> Option<PathBuf> {
    let path = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(windows) {
        return path("LOCALAPPDATA");
    }
    let home = || Some(path("HOME")?.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }));
    path("XDG_CACHE_HOME").or_else(home)
}
