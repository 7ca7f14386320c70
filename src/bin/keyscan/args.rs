//! The arguments: what can be said, and nothing else.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::time;

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
    /// Hide secrets in a stream, in files, or in the output of a command
    #[command(after_help = REDACT_EXAMPLES)]
    Redact(RedactArgs),
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

const GIT_EXAMPLES: &str = "\
Examples:
  keyscan git                         all that the repository here holds, reached by a ref or not
  keyscan git --range main..HEAD      what a branch adds
  keyscan git --since '2 weeks' repo  what came lately
  keyscan git -f jsonl mirror.git     a bare repository, a line a finding

Exit status: as of `keyscan scan`.";

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
    /// Leave out larger files, and say so; accepts K, M, G [default: no limit]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub(crate) max_file_size: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct GitArgs {
    /// The repository, or a folder in it
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) repository: PathBuf,
    /// Only commits that B reaches and A does not
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
    /// Report paths that the configuration excludes, too
    #[arg(long)]
    pub(crate) no_ignore: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
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

/// How a scan differs where it is asked for as gitleaks would be.
#[derive(Debug, Clone, Default)]
pub(crate) struct AsGitleaks {
    /// Lists of accepted findings, besides those that are found.
    pub(crate) ignore_lists: Vec<PathBuf>,
}

const REDACT_EXAMPLES: &str = "\
Examples:
  app | keyscan redact                          a filter
  keyscan redact --in-place out.log             files, edited
  keyscan redact -- make deploy                 a command; its status, its terminal, its streams
  keyscan redact --secrets-from env:'*_TOKEN,*_KEY' -- make deploy
                                                and these values, however they are quoted or encoded

Exit status: 0, or the command's; 1 with --fail-on-redact when something was hidden; 2 usage,
configuration or I/O error; 130, 141, 143 ended by SIGINT, SIGPIPE, SIGTERM.";

#[derive(Debug, Clone, Args)]
pub(crate) struct RedactArgs {
    /// Files; standard input where none is named, or `-`
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// A command to run, both of whose streams are filtered
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments, conflicts_with_all = ["files", "in_place"])]
    pub(crate) command: Vec<std::ffi::OsString>,
    /// Hide known secrets: `env:GLOB,..`, `file:PATH`, `dir:PATH`, `dotenv:PATH`, `cmd:COMMAND`, `fd:N`
    #[arg(long, value_name = "SOURCE")]
    pub(crate) secrets_from: Vec<keyscan::redact::SecretSource>,
    /// Refuse known secrets that are shorter, in bytes
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub(crate) min_len: usize,
    /// Take known secrets that are ordinary words or numbers
    #[arg(long)]
    pub(crate) allow_common: bool,
    /// Hide known secrets only
    #[arg(long, requires = "secrets_from")]
    pub(crate) known_only: bool,
    /// What stands in the place of a secret
    #[arg(long, value_enum, default_value = "label")]
    pub(crate) style: MarkerStyle,
    /// The text of `--style custom`; `{rule}` in it is the rule or the name
    #[arg(long, value_name = "TEXT", required_if_eq("style", "custom"))]
    pub(crate) marker: Option<String>,
    /// What the text is
    #[arg(short, long, value_enum, default_value = "auto")]
    pub(crate) format: RedactFormat,
    /// The key of tags and fingerprints: a file of 64 hex digits [default: the one of .keyscanignore, or a new one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
    /// Edit the files
    #[arg(short, long, requires = "files")]
    pub(crate) in_place: bool,
    /// Say on standard error how often what was hidden
    #[arg(long)]
    pub(crate) stats: bool,
    /// Write what was hidden to a file, one JSON object a line; never a secret
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,
    /// Exit with this status when something was hidden
    #[arg(long, value_name = "STATUS", num_args = 0..=1, default_missing_value = "1", require_equals = true)]
    pub(crate) fail_on_redact: Option<u8>,
    /// Pass everything through when rules or known secrets cannot be loaded
    #[arg(long)]
    pub(crate) fail_open: bool,
    /// What happens to the start of a known secret at the end
    #[arg(long, value_enum, default_value = "redact")]
    pub(crate) eof: AtEof,
    /// Show so many held bytes after so much silence: `2@150ms` [default: off; 2@150ms on a terminal]
    #[arg(long, value_name = "BYTES@TIME", value_parser = parse_reveal)]
    pub(crate) idle_reveal: Option<Reveal>,
    /// Write whole lines only
    #[arg(long)]
    pub(crate) line_buffered: bool,
    /// Do not give the command a terminal
    #[arg(long)]
    pub(crate) no_pty: bool,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    /// Say nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RedactFormat {
    /// JSON where a line starts a document, text elsewhere
    Auto,
    /// Bytes
    Text,
    /// As auto
    Json,
    /// Lines of `name=value` pairs
    Logfmt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MarkerStyle {
    /// `[REDACTED:rule]`
    Label,
    /// `[REDACTED:rule:0123abcd]`: the same for the same secret
    Tag,
    /// As many asterisks as there were bytes
    Mask,
    /// Nothing
    Remove,
    /// The text of `--marker`
    Custom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AtEof {
    /// Hide it when it is a quarter of the secret
    Redact,
    /// Show it
    Emit,
}

/// How much is shown of what is held, after how long a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reveal {
    pub(crate) bytes: usize,
    pub(crate) after: std::time::Duration,
}

fn parse_reveal(text: &str) -> Result<Reveal, String> {
    let wrong = || "say a number of bytes and a time, such as 2@150ms; 0@0ms is off".to_owned();
    let (bytes, time) = text.split_once('@').ok_or_else(wrong)?;
    let millis = time.strip_suffix("ms").unwrap_or(time).parse().map_err(|_| wrong())?;
    Ok(Reveal { bytes: bytes.parse().map_err(|_| wrong())?, after: std::time::Duration::from_millis(millis) })
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

#[derive(Debug, Clone, Args)]
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
    #[arg(long, value_name = "N")]
    pub(crate) max_archive_depth: Option<u32>,
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

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List the rules, one a line
    List(ListArgs),
    /// Show what a rule looks for, and how it is found
    Show {
        /// The rule's id
        id: String,
        #[command(flatten)]
        rules: RuleArgs,
    },
    /// Check rule files: admission, regexes, samples and near misses
    Check {
        /// Rule files; the built-in rules where none is given
        #[arg(value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
    },
    /// Print texts made from a rule's templates (made-up secrets that look real)
    Sample {
        /// The rule's id
        id: String,
        /// How many of each template
        #[arg(short = 'n', long, default_value_t = 1)]
        count: u64,
        /// Another seed, other texts
        #[arg(long, default_value_t = 0)]
        seed: u64,
        #[command(flatten)]
        rules: RuleArgs,
    },
    /// Try the rules of a file, and no others, on texts
    Test {
        /// A rule file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Texts to scan; `-` is standard input. Without any, the samples are tried
        #[arg(value_hint = ValueHint::FilePath)]
        texts: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only rules whose id, provider or description contains this
    pub(crate) filter: Option<String>,
    /// As JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// As a table in Markdown
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The place: `FILE:LINE`; `-:LINE` is standard input
    #[arg(value_name = "FILE:LINE", allow_hyphen_values = true)]
    pub(crate) place: String,
    /// Also rules whose literal stands there but which do not match
    #[arg(short, long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
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
