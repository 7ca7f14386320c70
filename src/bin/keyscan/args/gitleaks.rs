//! The arguments of gitleaks.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// How a scan differs where it is asked for as gitleaks would be.
#[derive(Debug, Clone, Default)]
pub(crate) struct AsGitleaks {
    /// Lists of accepted findings, besides those that are found.
    pub(crate) ignore_lists: Vec<PathBuf>,
}

/// What all commands of gitleaks take.
#[derive(Debug, Args)]
pub(crate) struct GitleaksArgs {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "GITLEAKS_CONFIG", hide_env = true, value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Exit with this status when secrets are found
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) exit_code: u8,
    /// Write a report to this file (`-` is standard output)
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) report_path: Option<PathBuf>,
    /// json, csv or sarif [default: what the name of the report says]
    #[arg(short = 'f', long, value_name = "FORMAT")]
    pub(crate) report_format: Option<String>,
    /// Leave out what this report lists
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) baseline_path: Option<PathBuf>,
    /// A `.gitleaksignore`, or a folder that holds one
    #[arg(short = 'i', long, value_name = "PATH", default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) gitleaks_ignore_path: PathBuf,
    /// Secrets are masked in any case
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, require_equals = true, default_missing_value = "100")]
    pub(crate) redact: Option<u8>,
    /// Do not mask secrets in the report
    #[arg(long, conflicts_with = "redact")]
    pub(crate) show_secrets: bool,
    /// Say more
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Leave out larger files, and say so
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) max_target_megabytes: u64,
    /// Report findings that a comment allows, too
    #[arg(long)]
    pub(crate) ignore_gitleaks_allow: bool,
    /// Use only these rules
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) enable_rule: Vec<String>,
    /// Do not colour the output
    #[arg(long)]
    pub(crate) no_color: bool,
    /// There is none
    #[arg(long)]
    pub(crate) no_banner: bool,
    /// trace, debug, info, warn, error or fatal
    #[arg(short, long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: String,
    /// Open archives, and archives in archives, so deep
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) max_archive_depth: u32,
    /// What keyscan does not do is named, and nothing more
    #[command(flatten)]
    pub(crate) unread: UnreadArgs,
}

/// Flags of gitleaks that change nothing here.
#[derive(Debug, Args)]
pub(crate) struct UnreadArgs {
    /// Not read
    #[arg(long, value_name = "N")]
    pub(crate) max_decode_depth: Option<u32>,
    /// Not read
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
    /// Not read
    #[arg(long, value_name = "FILE")]
    pub(crate) report_template: Option<PathBuf>,
    /// Not read
    #[arg(long, value_name = "WHAT")]
    pub(crate) diagnostics: Option<String>,
    /// Not read
    #[arg(long, value_name = "FOLDER")]
    pub(crate) diagnostics_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DetectArgs {
    /// What to scan
    #[arg(short, long, default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) source: PathBuf,
    /// Scan the files and not the history
    #[arg(long)]
    pub(crate) no_git: bool,
    /// Scan standard input
    #[arg(long)]
    pub(crate) pipe: bool,
    /// Not read: links are not followed
    #[arg(long)]
    pub(crate) follow_symlinks: bool,
    /// Options of `git log`
    #[arg(long, value_name = "OPTIONS")]
    pub(crate) log_opts: Option<String>,
    /// Not read
    #[arg(long)]
    pub(crate) platform: Option<String>,
    #[command(flatten)]
    pub(crate) common: GitleaksArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ProtectArgs {
    /// The repository
    #[arg(short, long, default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) source: PathBuf,
    /// What is staged, and not what is changed
    #[arg(long)]
    pub(crate) staged: bool,
    /// Options of `git log`
    #[arg(long, value_name = "OPTIONS")]
    pub(crate) log_opts: Option<String>,
    #[command(flatten)]
    pub(crate) common: GitleaksArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DirArgs {
    /// What to scan
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,
    /// Not read: links are not followed
    #[arg(long)]
    pub(crate) follow_symlinks: bool,
    #[command(flatten)]
    pub(crate) common: GitleaksArgs,
}
