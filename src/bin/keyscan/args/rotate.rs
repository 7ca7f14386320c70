//! The arguments of `keyscan rotate`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use keyscan::redact::SecretSource;

use super::{OutputArgs, RuleArgs, SecretArgs};

pub(super) const ROTATE_EXAMPLES: &str = "\
Examples:
  keyscan rotate runbook --from file:old.key            it leaked: what to do, for this key and its places
  keyscan rotate plan --from file:old.key               a rotation without downtime
  keyscan rotate record --name STRIPE_KEY --from file:old.key --new file:new.key --reason \"left in a log\"
  keyscan rotate prove --from file:old.key              asks its provider, and writes down that it is dead
  keyscan rotate status
  keyscan rotate audit audit.jsonl --key tag-key        whether the log of an endpoint is whole
  keyscan rotate check . app.log                        in CI: fails when one is due, not dead, or back again

The ledger is keyscan-rotations.toml, which is committed and holds no value.";

#[derive(Debug, Subcommand)]
pub(crate) enum RotateCommand {
    /// Print the emergency procedure for a secret that leaked: its console, its places, its commands
    Runbook(ProcedureArgs),
    /// Print the plan of a rotation without downtime
    Plan(ProcedureArgs),
    /// Write a rotation down
    Record(RecordArgs),
    /// Ask the provider whether an old secret is dead, and write that down
    Prove(ProveArgs),
    /// Say what was rotated, and when the next rotation is due
    Status(StatusArgs),
    /// Fail when a rotation is due, an old secret is not proven dead, or is there again
    Check(CheckArgs),
    /// Look through the audit log of an emergency endpoint: fails when it was changed
    #[cfg(feature = "rotate")]
    Audit(AuditArgs),
}

#[cfg(feature = "rotate")]
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The log
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) log: PathBuf,
    /// The key under which it was written: the file that `tag-key` names
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
    /// Fail also when the log does not end with this hash: lines may have been cut off
    #[arg(long, value_name = "HASH")]
    pub(crate) head: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerArgs {
    /// The ledger [default: the nearest keyscan-rotations.toml, going up from the current folder]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ledger: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ProcedureArgs {
    /// Files and folders to look into, besides the repository
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// The secret is also known by this name
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Where `keyscan serve` takes new secrets
    #[arg(long, value_name = "PORT", default_value_t = 9090)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) output_args: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// What the secret is called: its variable, or its entry in a manager
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// Where the new one is, as in --from
    #[arg(long, value_name = "SOURCE")]
    pub(crate) new: Option<SecretSource>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// The next rotation is due in so many days
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub(crate) days: u16,
    /// Do not look for the places of the old one
    #[arg(long)]
    pub(crate) no_places: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) output_args: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// Ask nobody: this is how it is known to be dead
    #[arg(long, value_name = "TEXT")]
    pub(crate) by: Option<String>,
    /// Ask this server in place of the provider: https, or http on this machine
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) base_url: Option<String>,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// One JSON object a rotation, a line each
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Files and folders to look into, logs among them, besides the repository's history
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Look at no history
    #[arg(long)]
    pub(crate) no_history: bool,
    /// An old secret has to be proven dead after so many days
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) dead_after: u16,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) output_args: OutputArgs,
}
