//! The arguments of `keyscan audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::{Level, RuleArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Secrets in the transcripts, histories and logs that coding agents keep
    #[command(after_help = AGENTS_EXAMPLES)]
    Agents(AuditAgentsArgs),
}

const AGENTS_EXAMPLES: &str = "\
Examples:
  keyscan audit agents                 what agents keep of this user
  keyscan audit agents --fix           put markers in the place of secrets
  keyscan audit agents ~/old/.claude   these folders and files instead

Sign-in files of the agents themselves are left out. Databases (state.vscdb) are looked through, and
not changed.

Exit status: 0 nothing found, or all of it fixed; 1 secrets found; 2 something was not examined or not
fixed, usage or I/O error.";

#[derive(Debug, Args)]
pub(crate) struct AuditAgentsArgs {
    /// Folders and files [default: where agents keep what they do, below the home and the current folder]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Put markers in the place of secrets; files that are being written are left alone
    #[arg(long)]
    pub(crate) fix: bool,
    /// Take a file for one that is being written when it changed within so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) quiet_for: u64,
    /// Report format
    #[arg(short, long, value_enum, default_value = "human")]
    pub(crate) format: AuditFormat,
    /// Report only findings at least this severe
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) min_severity: Option<Level>,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// For people
    Human,
    /// One object a finding, a line each
    Jsonl,
}
