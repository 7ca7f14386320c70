//! The arguments of `keyscan serve`.

#[cfg(feature = "rotate")]
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
#[cfg(feature = "rotate")]
use clap::ValueHint;
use keyscan::serve::Listen;

use super::{HidingArgs, parse_size};

pub(super) const SERVE_EXAMPLES: &str = "\
Examples:
  keyscan serve                                 on 127.0.0.1:7487
  keyscan serve --listen unix:/run/user/1000/keyscan.sock
  keyscan serve --secrets-from env:'*_TOKEN,*_KEY'
                                                and these values, however they are quoted or encoded
  keyscan serve --proxy https://api.anthropic.com
                                                then: ANTHROPIC_BASE_URL=http://127.0.0.1:7487

  keyscan serve --mcp db=https://mcp.example.com/mcp
                                                then: the MCP client asks http://127.0.0.1:7487/mcp/db

  keyscan serve --secrets secrets.toml --admin-token-file /run/secrets/admin-token
                                                and these are rotated at 127.0.0.1:9090, without a restart

  curl -s http://127.0.0.1:7487/v1/redact -H 'content-type: application/json' -d '{\"text\": \"...\"}'
  tail -f app.log | curl -sNT - -X POST http://127.0.0.1:7487/v1/redact

Exit status: 0 stopped by SIGINT or SIGTERM, after the answers that were on their way; 2 usage,
configuration or I/O error.";

#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen: HOST:PORT or unix:PATH [default: 127.0.0.1:7487]
    #[arg(short, long, value_name = "ADDRESS")]
    pub(crate) listen: Option<Listen>,
    /// Pass everything else on to this URL: requests redacted as texts for a model, answers as texts for a user
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Stand before an MCP server at this URL, over streamable HTTP; clients ask at /mcp/NAME, or at /mcp. Again for
    /// more servers
    #[arg(long, value_name = "[NAME=]URL", value_parser = parse_mcp)]
    pub(crate) mcp: Vec<McpServer>,
    /// Pass bodies of requests that are no text, such as files that are uploaded, unread
    #[arg(long, requires = "proxy")]
    pub(crate) pass_unread: bool,
    /// Listen at an address that other machines reach
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// Answer also when called by this name
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// Refuse longer bodies; accepts K, M, G
    #[arg(long, value_name = "BYTES", value_parser = parse_size, default_value = "100M")]
    pub(crate) max_body: u64,
    /// Hold no more bytes of bodies at one time; accepts K, M, G
    #[arg(long, value_name = "BYTES", value_parser = parse_size, default_value = "512M")]
    pub(crate) max_held: u64,
    /// Connections at one time; more wait
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) max_connections: usize,
    /// How long a client may be silent within a request, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "30")]
    pub(crate) timeout: Duration,
    /// How long a model or an MCP server may be silent, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "600")]
    pub(crate) proxy_timeout: Duration,
    /// How long answers on their way may take when it is told to stop, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "30")]
    pub(crate) drain: Duration,
    /// Keep the secrets that this file names up to date, and hide them
    #[cfg(feature = "rotate")]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) secrets: Option<PathBuf>,
    /// Let these secrets be rotated by who has a token of this file: one a line
    #[cfg(feature = "rotate")]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "secrets")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Where the endpoint for that listens: an address of this machine, or unix:PATH; with TLS any address
    #[cfg(feature = "rotate")]
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090", requires = "admin_token_file")]
    pub(crate) admin_listen: Listen,
    /// The certificate of the endpoint, and those that lead to it, in PEM
    #[cfg(feature = "rotate")]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "admin_token_file", requires = "admin_tls_key")]
    pub(crate) admin_tls_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[cfg(feature = "rotate")]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "admin_tls_cert")]
    pub(crate) admin_tls_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) hiding: HidingArgs,
    /// Say nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// An MCP server, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct McpServer {
    pub(crate) name: Option<String>,
    pub(crate) url: String,
}

fn parse_mcp(text: &str) -> Result<McpServer, String> {
    let named = text.split_once('=').filter(|(name, _)| !name.contains(':'));
    let (name, url) = named.map_or((None, text), |(name, url)| (Some(name.to_owned()), url));
    Ok(McpServer { name, url: url.to_owned() })
}

impl ServeArgs {
    /// Whether there are secrets that are kept up to date.
    pub(crate) fn has_live(&self) -> bool {
        #[cfg(feature = "rotate")]
        return self.secrets.is_some();
        #[cfg(not(feature = "rotate"))]
        false
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|time| !time.is_zero()).ok_or_else(|| "say a number of seconds above 0".to_owned())
}
