//! `keyscan serve`: settings to a sidecar, and signals that have it stop or read its secrets again.

use std::io;
use std::path::Path;

use keyscan::redact::KnownSecrets;
use keyscan::serve::{Limits, McpProxy, McpSettings, Proxy, ProxySettings, Server, ServerSettings, Sidecar, router};
use keyscan::{Error, Result};

use crate::args::{HidingArgs, ServeArgs};
use crate::exit::Exit;
#[cfg(feature = "rotate")]
use crate::live::{self, Endpoint};
use crate::redact::{self, Hiding, known, say};

pub(crate) fn run(args: &ServeArgs) -> Result<Exit> {
    redact::keep_quiet(args.hiding.has_known() || args.has_live());
    let known = KnownSecrets::new();
    let Hiding { config, rules, redaction, key } = redact::hiding(&args.hiding, Path::new("."), &known)?;
    let limits = Limits {
        body_len: usize::try_from(args.max_body).unwrap_or(usize::MAX),
        held_len: usize::try_from(args.max_held).unwrap_or(usize::MAX),
        idle: args.timeout,
        ..Limits::default()
    };
    raise_file_limit(args.max_connections);
    #[cfg(feature = "rotate")]
    let live = live::start(args, &redaction, &known)?;
    let sidecar = Sidecar::new(rules, &redaction.recorded(Some(key)), &config.guard, limits);
    #[cfg(feature = "rotate")]
    if let Some(live) = &live {
        sidecar.tell_of(&live.secrets);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| failed(&error))?;
    let exit = runtime.block_on(async {
        #[cfg(feature = "rotate")]
        let endpoint = Endpoint::start(args, live.as_ref(), &sidecar).await?;
        let exit = serve(args, &sidecar, &known).await;
        #[cfg(feature = "rotate")]
        if let Some(endpoint) = endpoint {
            endpoint.stop().await;
        }
        exit
    });
    // What still looks into something is not waited for.
    runtime.shutdown_background();
    exit
}

async fn serve(args: &ServeArgs, sidecar: &Sidecar, known: &KnownSecrets) -> Result<Exit> {
    let settings = ServerSettings {
        allow_remote: args.allow_remote,
        hosts: args.allow_host.clone(),
        connections: args.max_connections,
        head: args.timeout,
        drain: args.drain,
        ..ServerSettings::default()
    };
    let mut app = router(sidecar);
    if let Some(upstream) = &args.proxy {
        let mut settings = ProxySettings::new(upstream.as_str());
        settings.pass_unread = args.pass_unread;
        settings.silent = args.proxy_timeout;
        app = Proxy::new(sidecar, settings)?.behind(app);
    }
    let mut routes = Vec::new();
    for server in &args.mcp {
        let settings = McpSettings {
            name: server.name.clone(),
            silent: args.proxy_timeout,
            ..McpSettings::new(server.url.as_str())
        };
        let proxy = McpProxy::new(sidecar, settings)?;
        let route = proxy.route().to_owned();
        if routes.contains(&route) {
            return Err(Error::config(format!("two MCP servers at {route}: name them, as in `--mcp NAME=URL`")));
        }
        app = proxy.beside(app);
        routes.push(route);
    }
    let stop = stop_asked()?;
    reload_when_asked(&args.hiding, known)?;
    let server = Server::bind(&args.listen.clone().unwrap_or_default(), settings).await?;
    if !args.quiet {
        let to = args.proxy.as_ref().map_or_else(String::new, |upstream| format!(", before {upstream}"));
        say(&format!("listens on {}{to}", server.address()));
        for (route, server) in routes.iter().zip(&args.mcp) {
            say(&format!("MCP at {route}, before {}", server.url));
        }
    }
    server.run(sidecar, app, stop).await;
    Ok(Exit::Clean)
}

fn failed(error: &io::Error) -> Error {
    Error::config(format!("cannot start: {error}"))
}

/// Ready when it is time to stop.
#[cfg(unix)]
fn stop_asked() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| failed(&error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed(&error))?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_asked() -> Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// `SIGHUP` loads the known secrets again; the old values stay hidden.
#[cfg(unix)]
fn reload_when_asked(args: &HidingArgs, known: &KnownSecrets) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup()).map_err(|error| failed(&error))?;
    let (args, known) = (args.clone(), known.clone());
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let (args, known) = (args.clone(), known.clone());
            let load = move || match args.has_known().then(|| known::load(&args, &known)) {
                Some(Err(error)) => say(&format!("{error}; the known secrets are as they were")),
                _ => say(&format!("{} known secrets", known.len())),
            };
            let _ = tokio::task::spawn_blocking(load).await;
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn reload_when_asked(_: &HidingArgs, _: &KnownSecrets) -> Result<()> {
    Ok(())
}

/// Each connection is an open file, and one more where it is passed on.
fn raise_file_limit(connections: usize) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let wanted = (2 * connections as u64 + 64).min(limit.maximum.unwrap_or(u64::MAX));
        if limit.current.is_some_and(|current| current < wanted) {
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
        }
    }
    #[cfg(not(unix))]
    let _ = connections;
}
