//! The arguments of `keyscan hook`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

pub(super) const HOOK_EXAMPLES: &str = "\
Examples:
  keyscan hook install                      no commit here brings a secret
  keyscan hook install pre-commit pre-push  and no push
  keyscan hook install --global             in all repositories of this user
  keyscan hook install pre-receive          on a server, in the bare repository

Hooks that are there are run as before, and first; `keyscan hook uninstall` restores them.";

#[derive(Debug, Subcommand)]
pub(crate) enum HookCommand {
    /// Make git look for secrets
    Install(InstallArgs),
    /// Take away what `install` made, and restore what was there
    Uninstall(InstallArgs),
    /// Say which hooks are installed, and where
    Status,
    /// What git runs
    Run(RunArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// Which [default: pre-commit; to uninstall, all]
    #[arg(value_enum)]
    pub(crate) hooks: Vec<Hook>,
    /// For all repositories of this user, by `core.hooksPath`
    #[arg(long)]
    pub(crate) global: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Which
    #[arg(value_enum)]
    pub(crate) hook: Hook,
    /// A hook that is run before
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) previous: Option<PathBuf>,
    /// What git gives the hook
    #[arg(last = true)]
    pub(crate) args: Vec<OsString>,
}

/// A hook of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Hook {
    /// Before a commit: what is staged
    #[value(name = "pre-commit")]
    Commit,
    /// Before a merge that git makes by itself: what no side has
    #[value(name = "pre-merge-commit")]
    Merge,
    /// Before a push: what it would bring
    #[value(name = "pre-push")]
    Push,
    /// On a server, before a push is taken: what it brings
    #[value(name = "pre-receive")]
    Receive,
}

impl Hook {
    pub(crate) const ALL: [Hook; 4] = [Hook::Commit, Hook::Merge, Hook::Push, Hook::Receive];

    /// The name that git has for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Hook::Commit => "pre-commit",
            Hook::Merge => "pre-merge-commit",
            Hook::Push => "pre-push",
            Hook::Receive => "pre-receive",
        }
    }
}
