//! The arguments of `keyscan rules` and `keyscan explain`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::RuleArgs;

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
