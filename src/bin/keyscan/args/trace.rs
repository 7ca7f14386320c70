//! The arguments of the commands that are about one secret.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use keyscan::Fingerprint;
use keyscan::redact::SecretSource;
use keyscan::trace::TraceFormat;

use super::{OutputArgs, RuleArgs};

pub(super) const TRACE_EXAMPLES: &str = "\
Examples:
  pass show stripe | keyscan trace           the secret from standard input: never from the command line
  keyscan trace --from env:STRIPE_KEY        from a variable
  keyscan trace --fingerprint 9f3c...        of a finding
  keyscan trace --from file:key --home -f html -o key.html
                                             what shells, tools and agents keep, too, as a page
  keyscan trace --from file:key --replacements /run/user/1000/expressions.txt
                                             what `git filter-repo --replace-text` takes; it holds the secret

Exit status: 0 found nowhere, 1 found, 2 usage, configuration or I/O error or not everything could be
examined, 130 interrupted.";

pub(super) const LINT_EXAMPLES: &str = "\
Examples:
  keyscan lint-key < key.txt
  keyscan lint-key --from env:STRIPE_KEY

Exit status: 0 nothing speaks against it, 1 something does, 2 it could not be read.";

/// Where one secret comes from.
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// Take the secret from `env:NAME`, `file:PATH`, `dotenv:PATH`, `dir:PATH`, `cmd:COMMAND` or `fd:N`, where there is one
    /// [default: standard input]
    #[arg(long, value_name = "SOURCE")]
    pub(crate) from: Option<SecretSource>,
}

#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// Files and folders to look into, besides the repository [default: its working tree]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// The secret of the finding with this fingerprint, as reports show it
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "from")]
    pub(crate) fingerprint: Option<Fingerprint>,
    /// The repository whose history is looked at [default: that of the first path that is in one, or of the current folder]
    #[arg(long, value_name = "REPO", value_hint = ValueHint::DirPath)]
    pub(crate) repository: Option<PathBuf>,
    /// Look at no history
    #[arg(long, conflicts_with = "repository")]
    pub(crate) no_history: bool,
    /// Also look at what shells, command-line tools and coding agents keep in the home of this user
    #[arg(long)]
    pub(crate) home: bool,
    /// The secret is also known by this name: of a variable, of an entry of a manager
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Write a file of expressions for `git filter-repo --replace-text`, which only its owner can read; `-` is standard
    /// output, where that is no terminal. It holds the secret
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) replacements: Option<PathBuf>,
    /// Report as markdown, json or html
    #[arg(short, long, default_value = "markdown")]
    pub(crate) format: TraceFormat,
    /// Write the report to a file (`-` is standard output)
    #[arg(short, long, value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Exit with this status when the secret is found
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) exit_code: u8,
    /// Threads [default: one per core]
    #[arg(short = 'j', long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: usize,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) output_args: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LintKeyArgs {
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// It has to be of this rule
    #[arg(long, value_name = "ID")]
    pub(crate) expect: Option<String>,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}
