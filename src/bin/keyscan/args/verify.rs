//! The arguments of `keyscan verify`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::{CacheArgs, OutputArgs, RuleArgs, SecretArgs};

pub(super) const VERIFY_EXAMPLES: &str = "\
Examples:
  keyscan verify < key.txt                   is it alive? One request that changes nothing, to its provider
  keyscan verify --dry-run src config        which hosts would be asked about what a scan finds
  keyscan verify --host-allow api.github.com .
  keyscan verify --base-url http://127.0.0.1:8080 --from env:STRIPE_KEY

Exit status: 0 all dead, 1 one is alive, 2 one is unknown, or usage, configuration or I/O error.";

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Files and folders: all secrets found there [default: one secret, from standard input]
    #[arg(value_hint = ValueHint::AnyPath, conflicts_with = "from")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// The secret is one of this rule
    #[arg(long, value_name = "ID", conflicts_with = "paths")]
    pub(crate) of: Option<String>,
    /// Say who would be asked, and ask nobody
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Ask only these hosts [default: those that the rules name]
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub(crate) host_allow: Vec<String>,
    /// Ask this server in place of all others: https, or http on this machine
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) base_url: Option<String>,
    /// How long an answer may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// At most so many requests a second to a host
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rate: u32,
    /// One JSON object a secret, a line each
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) output_args: OutputArgs,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "a time is a number of seconds".to_owned())?;
    if (0.1..=600.0).contains(&number) {
        Ok(Duration::from_secs_f64(number))
    } else {
        Err("a time is 0.1 to 600 seconds".to_owned())
    }
}
