//! Live secrets of `keyscan serve`, and their endpoint.

use std::net::IpAddr;

use keyscan::redact::{KnownSecrets, Redaction};
use keyscan::rotate::admin::{Admin, AdminTokens};
use keyscan::rotate::{AuditLog, Secrets, SecretsConfig, TagKey};
use keyscan::serve::{Listen, Server, ServerSettings, ServerTls, Sidecar, admin_router};
use keyscan::{Error, Result};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::args::ServeArgs;
use crate::redact::say;

/// Secrets that are kept up to date as long as this is there.
pub(crate) struct Live {
    pub(crate) secrets: Secrets,
    admin: Option<Admin>,
}

/// Starts to keep the secrets up to date that the user names, hidden in this set.
pub(crate) fn start(args: &ServeArgs, redaction: &Redaction, known: &KnownSecrets) -> Result<Option<Live>> {
    let Some(path) = &args.secrets else { return Ok(None) };
    let config = SecretsConfig::load(path)?;
    let key = match &config.tag_key {
        Some(path) => TagKey::load_or_create(&config.path(path))?,
        None => TagKey::random()?,
    };
    // Under a key that lasts, a chain can be checked later.
    let of_log = config.tag_key.is_some().then(|| key.clone());
    let log = config.audit_log.as_ref().map(|path| AuditLog::open(&config.path(path), of_log)).transpose()?;
    let (secrets, failed) = config.start(known, &key)?;
    for (name, why) in failed {
        say(&format!("{name} has no value yet, and goes on to be asked for: {why}"));
    }
    if !args.quiet {
        for status in secrets.statuses().iter().filter(|status| status.fixed) {
            let name = &status.name;
            say(&format!("{name} is a variable of this process, which nothing outside can change; a file can be"));
        }
    }
    let admin = args.admin_token_file.as_ref().map(|path| {
        let failed = |error: keyscan::rotate::SourceError| Error::config(error.to_string()).with_path(path);
        let tokens = AdminTokens::of_file(path, known).map_err(failed)?;
        let builder = Admin::builder(secrets.clone(), tokens, known, redaction.clone()).hosts(hosts(args));
        match log {
            Some(log) => builder.audit(log),
            None => builder,
        }
        .build()
    });
    Ok(Some(Live { admin: admin.transpose()?, secrets }))
}

/// By which names the endpoint may be called: also by its own address.
fn hosts(args: &ServeArgs) -> Vec<String> {
    let own = match &args.admin_listen {
        Listen::Tcp(address) if !address.ip().is_unspecified() => Some(match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        }),
        _ => None,
    };
    args.allow_host.iter().cloned().chain(own).collect()
}

/// The endpoint, once it listens.
pub(crate) struct Endpoint {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Endpoint {
    /// Starts to answer, where the user wants that. No other machine reaches it but over TLS.
    pub(crate) async fn start(args: &ServeArgs, live: Option<&Live>, sidecar: &Sidecar) -> Result<Option<Endpoint>> {
        let Some(admin) = live.and_then(|live| live.admin.as_ref()) else { return Ok(None) };
        let tls = match (&args.admin_tls_cert, &args.admin_tls_key) {
            (Some(certificate), Some(key)) => Some(ServerTls::from_files(certificate, key)?),
            _ => None,
        };
        if let Listen::Tcp(address) = &args.admin_listen
            && !address.ip().is_loopback()
            && tls.is_none()
        {
            let why = "other machines reach this address, and would send tokens and secrets that anyone on the way \
                       can read: name a certificate (--admin-tls-cert, --admin-tls-key)";
            return Err(Error::config(format!("--admin-listen {address}: {why}")));
        }
        let settings = ServerSettings {
            allow_remote: tls.is_some(),
            hosts: args.allow_host.clone(),
            connections: 64,
            head: args.timeout,
            drain: args.drain,
            tls,
            ..ServerSettings::default()
        };
        let server = Server::bind(&args.admin_listen, settings).await?;
        if !args.quiet {
            say(&format!("rotates secrets at {}", server.address()));
        }
        let (stop, stopped) = oneshot::channel();
        let (router, sidecar) = (admin_router(admin), sidecar.clone());
        let task = tokio::spawn(async move {
            let stopped = async {
                // Dropped or sent: it is time.
                let _ = stopped.await;
            };
            server.run(&sidecar, router, stopped).await;
        });
        Ok(Some(Endpoint { stop, task }))
    }

    /// Waits for the answers that are on their way.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        let _ = self.task.await;
    }
}
