//! The arguments: what can be said, and nothing else.

mod audit;
mod git;
mod gitleaks;
mod guard;
mod hook;
mod redact;
mod rotate;
mod rules;
#[cfg(feature = "serve")]
mod serve;
mod trace;
#[cfg(feature = "verify")]
mod verify;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

pub(crate) use self::audit::{AuditAgentsArgs, AuditCommand, AuditFormat};
use self::git::GIT_EXAMPLES;
pub(crate) use self::git::{CacheArgs, GitArgs};
pub(crate) use self::gitleaks::{AsGitleaks, DetectArgs, DirArgs, GitleaksArgs, ProtectArgs};
use self::guard::GUARD_EXAMPLES;
pub(crate) use self::guard::{GuardCommand, HookArgs, McpArgs, Scope, WhatArgs};
use self::hook::HOOK_EXAMPLES;
pub(crate) use self::hook::{Hook, HookCommand, InstallArgs, RunArgs as HookRunArgs};
use self::redact::REDACT_EXAMPLES;
pub(crate) use self::redact::{AtEof, HidingArgs, MarkerStyle, RedactArgs, RedactFormat, Reveal};
#[cfg(feature = "rotate")]
pub(crate) use self::rotate::AuditArgs;
use self::rotate::ROTATE_EXAMPLES;
pub(crate) use self::rotate::{CheckArgs, LedgerArgs, ProcedureArgs, ProveArgs, RecordArgs, RotateCommand, StatusArgs};
pub(crate) use self::rules::{ExplainArgs, ListArgs, RulesCommand};
#[cfg(feature = "serve")]
use self::serve::SERVE_EXAMPLES;
#[cfg(feature = "serve")]
pub(crate) use self::serve::ServeArgs;
use self::trace::{LINT_EXAMPLES, TRACE_EXAMPLES};
pub(crate) use self::trace::{LintKeyArgs, SecretArgs, TraceArgs};
#[cfg(feature = "verify")]
use self::verify::VERIFY_EXAMPLES;
#[cfg(feature = "verify")]
pub(crate) use self::verify::VerifyArgs;

/// Finds leaked API keys and other secrets.
#[derive(Debug, Parser)]
#[command(name = "keyscan", version, max_term_width = 100, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan files, folders and streams
    #[command(after_help = SCAN_EXAMPLES)]
    Scan(ScanArgs),
    /// Scan the history of a git repository: every object of it
    #[command(after_help = GIT_EXAMPLES)]
    Git(GitArgs),
    /// Make git look for secrets before each commit or push
    #[command(subcommand, after_help = HOOK_EXAMPLES)]
    Hook(HookCommand),
    /// Hide secrets in a stream, in files, or in the output of a command
    #[command(after_help = REDACT_EXAMPLES)]
    Redact(RedactArgs),
    /// Answer programs of this machine over HTTP, and stand between them and the models they talk to
    #[cfg(feature = "serve")]
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// Stand between a coding agent and what it reads, writes and runs
    #[command(subcommand, after_help = GUARD_EXAMPLES)]
    Guard(GuardCommand),
    /// Look through what was kept, and mend it
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Scan as `gitleaks detect` does
    #[command(hide = true)]
    Detect(DetectArgs),
    /// Scan as `gitleaks protect` does
    #[command(hide = true)]
    Protect(ProtectArgs),
    /// Scan as `gitleaks dir` does
    #[command(hide = true, aliases = ["directory", "file"])]
    Dir(DirArgs),
    /// Scan standard input as `gitleaks stdin` does
    #[command(hide = true)]
    Stdin(GitleaksArgs),
    /// Find every place of one secret, and who asks for it by name
    #[command(after_help = TRACE_EXAMPLES)]
    Trace(TraceArgs),
    /// Ask providers whether secrets are alive: each secret is sent to its own provider, and nowhere else
    #[cfg(feature = "verify")]
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Carry a rotation through: what to do, what was done, what is due, and the proof that the old key is dead
    #[command(subcommand, after_help = ROTATE_EXAMPLES)]
    Rotate(RotateCommand),
    /// Say whether a text can be the key that it is taken for, without sending it anywhere
    #[command(after_help = LINT_EXAMPLES)]
    LintKey(LintKeyArgs),
    /// List, show, check and try rules
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Say what was tried at a line of a file, and why it was found or not
    Explain(ExplainArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

const SCAN_EXAMPLES: &str = "\
Examples:
  keyscan scan                        the current folder
  keyscan scan src config.yaml        a folder and a file
  kubectl logs app | keyscan scan -   a stream, reported while it is read
  keyscan scan -f sarif -o out.sarif  a report for code scanning
  keyscan scan --write-baseline .keyscanignore
                                      accept what is there today

Exit status: 0 nothing found, 1 secrets found, 2 usage, configuration or I/O error or not everything
could be examined, 130 interrupted.";

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Files and folders; `-` is standard input
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Scan every file, whatever ignore files and the configuration exclude
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Leave out files that the configuration excludes even where they are named, and take the configuration and its
    /// paths from the current folder: for programs that name files
    #[arg(long, conflicts_with = "no_ignore")]
    pub(crate) force_exclude: bool,
    /// Leave out larger files, and say so; accepts K, M, G [default: no limit]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub(crate) max_file_size: Option<u64>,
}

/// What every command that looks for secrets takes.
#[derive(Debug, Args)]
pub(crate) struct CommonArgs {
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    /// Report format
    #[arg(short, long, value_enum, default_value = "human")]
    pub(crate) format: Format,
    /// Write the report to a file (`-` is standard output)
    #[arg(short, long, value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Leave out what this file, of keyscan or another tool, lists (besides `.keyscanignore`, which is always read)
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) baseline: Option<PathBuf>,
    /// Write the fingerprints of all findings to this file, so that only new ones are reported from now on
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Report only findings at least this severe
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) min_severity: Option<Level>,
    /// Report only findings at least this sure, from 0 to 1 [default: 0.5]
    #[arg(long, value_name = "N")]
    pub(crate) min_confidence: Option<f32>,
    /// Also report what is doubtful: weak passwords, and values that read half like words
    #[arg(long, conflicts_with = "min_confidence")]
    pub(crate) sensitive: bool,
    /// Open archives, and archives in archives, so deep; 0 opens none [default: 3]
    #[arg(long, value_name = "N")]
    pub(crate) max_archive_depth: Option<u32>,
    /// Do not mask secrets in the report
    #[arg(long)]
    pub(crate) show_secrets: bool,
    /// Report findings that a comment allows, too
    #[arg(long)]
    pub(crate) no_allow: bool,
    /// Exit with this status when secrets are found
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) exit_code: u8,
    /// Threads [default: one per core]
    #[arg(short = 'j', long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: usize,
    /// Add bytes, units and time to reports for machines
    #[arg(long)]
    pub(crate) stats: bool,
    #[command(flatten)]
    pub(crate) output_args: OutputArgs,
    /// Set by the commands that are spelled as those of gitleaks
    #[arg(skip)]
    pub(crate) as_gitleaks: Option<AsGitleaks>,
}

#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Say nothing but findings and errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Say more: name what was not examined
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Colour the output
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,
    /// Show progress on standard error
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: When,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RuleArgs {
    /// Configuration file, of keyscan or another tool [default: the nearest keyscan.toml or .keyscan.toml, going up from
    /// the target, and the files of other tools there]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Add the rules of a file, of keyscan or another tool, to the built-in ones
    #[arg(long = "rules", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) rule_files: Vec<PathBuf>,
    /// Use only these rules: ids, or `provider-*`
    #[arg(long = "rule", value_name = "ID", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Do not use these rules: ids, or `provider-*`
    #[arg(long = "exclude-rule", value_name = "ID", value_delimiter = ',')]
    pub(crate) exclude: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// One object, with what was not examined
    Json,
    /// One object a finding, a line each
    Jsonl,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// A table
    Csv,
    /// JSON as gitleaks writes it
    Gitleaks,
    /// The report of secret detection that GitLab reads
    Gitlab,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Low,
    Medium,
    High,
    Critical,
}

impl From<Level> for keyscan::Severity {
    fn from(level: Level) -> keyscan::Severity {
        match level {
            Level::Low => keyscan::Severity::Low,
            Level::Medium => keyscan::Severity::Medium,
            Level::High => keyscan::Severity::High,
            Level::Critical => keyscan::Severity::Critical,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On terminals only
    Auto,
    Always,
    Never,
}

/// A number of bytes: `4096`, `64K`, `10M`, `2G` (powers of 1024).
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        unit => return Err(format!("`{unit}` is no unit of size; use K, M or G")),
    };
    let number: u64 = digits.parse().map_err(|_| "a size is a number, and K, M or G".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "the size is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("17"), Ok(17));
        assert_eq!(parse_size("2k"), Ok(2048));
        assert_eq!(parse_size("3MiB"), Ok(3 << 20));
        assert!(parse_size("3T").is_err() && parse_size("").is_err() && parse_size("99999999999G").is_err());
    }

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
