//! The arguments of `keyscan redact`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum, ValueHint};

use super::RuleArgs;

pub(super) const REDACT_EXAMPLES: &str = "\
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
    /// Write the known secrets to a watch-list, for machines that shall not have them, and end
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "secrets_from", conflicts_with_all = ["files", "command", "watch_list"])]
    pub(crate) write_watch_list: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) hiding: HidingArgs,
    /// What the text is
    #[arg(short, long, value_enum, default_value = "auto")]
    pub(crate) format: RedactFormat,
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
    /// Say nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What is hidden, and what stands in its place.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("known").args(["secrets_from", "watch_list"]).multiple(true))]
pub(crate) struct HidingArgs {
    /// Hide known secrets: `env:GLOB,..`, `file:PATH`, `dir:PATH`, `dotenv:PATH`, `cmd:COMMAND`, `fd:N`
    #[arg(long, value_name = "SOURCE")]
    pub(crate) secrets_from: Vec<keyscan::redact::SecretSource>,
    /// Hide the secrets of a watch-list, which has their fingerprints only
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) watch_list: Vec<PathBuf>,
    /// Refuse known secrets that are shorter, in bytes
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub(crate) min_len: usize,
    /// Take known secrets that are ordinary words or numbers
    #[arg(long)]
    pub(crate) allow_common: bool,
    /// Hide known secrets only
    #[arg(long, requires = "known")]
    pub(crate) known_only: bool,
    /// Also hide what is doubtful, as scans report it with the same flag: weak passwords, and values that read half like words
    #[arg(long, conflicts_with = "known_only")]
    pub(crate) sensitive: bool,
    /// What stands in the place of a secret
    #[arg(long, value_enum, default_value = "label")]
    pub(crate) style: MarkerStyle,
    /// The text of `--style custom`; `{rule}` in it is the rule or the name
    #[arg(long, value_name = "TEXT", required_if_eq("style", "custom"))]
    pub(crate) marker: Option<String>,
    /// The key of tags, fingerprints and watch-lists: a file of 64 hex digits [default: for tags and fingerprints, the one
    /// of .keyscanignore, or a new one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

impl HidingArgs {
    /// Whether there are sources of known secrets.
    pub(crate) fn has_known(&self) -> bool {
        !self.secrets_from.is_empty() || !self.watch_list.is_empty()
    }
}

impl std::ops::Deref for RedactArgs {
    type Target = HidingArgs;

    fn deref(&self) -> &HidingArgs {
        &self.hiding
    }
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
