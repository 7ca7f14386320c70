//! Connections: as many as there may be, none for longer than it does something, and an end that waits for answers.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::Sleep;
use tower_service::Service;

use super::Sidecar;
use super::names::Names;
use super::tls::ServerTls;
use crate::error::{Error, ErrorKind, Result};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port; port 0 is any that is free.
    Tcp(SocketAddr),
    /// A socket in the file system, for its owner alone.
    Unix(PathBuf),
}

impl Default for Listen {
    fn default() -> Listen {
        Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 7487)))
    }
}

impl FromStr for Listen {
    type Err = Error;

    fn from_str(text: &str) -> Result<Listen> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Listen::Unix(path.into()));
        }
        let host = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let address = host.as_deref().unwrap_or(text).parse();
        address.map(Listen::Tcp).map_err(|_| Error::config("an address is HOST:PORT, with numbers, or unix:PATH"))
    }
}

/// What a server allows.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Addresses that other machines reach are refused without this.
    pub allow_remote: bool,
    /// Names by which it may be called, besides `localhost` and addresses.
    pub hosts: Vec<String>,
    /// Connections at one time; more wait until one is closed. Default 10,000.
    pub connections: usize,
    /// How long a connection may take for the head of a request, and how long it may be silent between requests.
    /// Default 30 s.
    pub head: Duration,
    /// How long a client may leave an answer unread. Default 60 s.
    pub unread: Duration,
    /// How long answers that are on their way may take when the server is told to stop. Default 30 s.
    pub drain: Duration,
    /// Speaks TLS with this certificate; not through a socket in the file system. Default none.
    pub tls: Option<ServerTls>,
}

impl Default for ServerSettings {
    fn default() -> ServerSettings {
        ServerSettings {
            allow_remote: false,
            hosts: Vec::new(),
            connections: 10_000,
            head: Duration::from_secs(30),
            unread: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            tls: None,
        }
    }
}

/// A server that listens.
pub struct Server {
    listener: Listener,
    settings: ServerSettings,
}

enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(tokio::net::UnixListener, PathBuf),
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.address())
    }
}

impl Server {
    /// Starts to listen; connections wait until it runs.
    ///
    /// # Errors
    /// When the address is in use, cannot be had, or is one that other machines reach and this is not allowed.
    pub async fn bind(listen: &Listen, settings: ServerSettings) -> Result<Server> {
        let failed = |error: io::Error| Error::new(ErrorKind::Io, format!("cannot listen there: {error}"));
        let listener = match listen {
            Listen::Tcp(address) if !address.ip().is_loopback() && !settings.allow_remote => {
                let why = format!(
                    "other machines reach {address}, and nobody is asked who he is; `--allow-remote` allows it"
                );
                return Err(Error::config(why));
            }
            Listen::Tcp(address) => Listener::Tcp(TcpListener::bind(address).await.map_err(failed)?),
            #[cfg(unix)]
            Listen::Unix(path) => {
                let listener = bind_unix(path).await.map_err(|error| failed(error).with_path(path))?;
                Listener::Unix(listener, path.clone())
            }
            #[cfg(not(unix))]
            Listen::Unix(_) => return Err(Error::config("there are no such sockets on this system")),
        };
        Ok(Server { listener, settings })
    }

    /// Where it listens, as a URL or `unix:PATH`.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.listener {
            Listener::Tcp(listener) => {
                let scheme = if self.settings.tls.is_some() { "https" } else { "http" };
                listener.local_addr().map_or_else(|_| String::new(), |address| format!("{scheme}://{address}"))
            }
            #[cfg(unix)]
            Listener::Unix(_, path) => format!("unix:{}", path.display()),
        }
    }

    /// Answers until `stop` is ready, and then waits for the answers that are on their way.
    pub async fn run(self, sidecar: &Sidecar, router: Router, stop: impl Future<Output = ()>) {
        let most = self.settings.connections.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let permits = Arc::new(Semaphore::new(most));
        let (stopping, stopped) = watch::channel(false);
        let settings = Arc::new(self.settings);
        // No browser reaches a socket in the file system.
        let is_reached = matches!(self.listener, Listener::Tcp(_));
        let names = is_reached.then(|| Arc::new(Names(settings.hosts.clone())));
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = async {
                let permit = Arc::clone(&permits).acquire_owned().await.ok();
                (permit, self.listener.accept().await)
            };
            let (permit, stream) = tokio::select! {
                () = &mut stop => break,
                accepted = accepted => accepted,
            };
            let Ok(stream) = stream else {
                // There may be no more files to open; others are closed meanwhile.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let counted = Counted::new(sidecar);
            let connection = Connection {
                router: router.clone(),
                names: names.clone(),
                settings: Arc::clone(&settings),
                stopped: stopped.clone(),
            };
            tokio::spawn(async move {
                connection.run(stream).await;
                drop((permit, counted));
            });
        }
        drop(self.listener);
        let _ = stopping.send(true);
        sidecar.0.ending.send_replace(true);
        let _ = tokio::time::timeout(settings.drain, permits.acquire_many(most as u32)).await;
    }
}

#[cfg(unix)]
async fn bind_unix(path: &Path) -> io::Result<tokio::net::UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    use tokio::net::{UnixListener, UnixStream};

    let bind = || -> io::Result<UnixListener> {
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    match bind() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            // A socket at which nobody listens was left behind.
            match UnixStream::connect(path).await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path)?;
                    bind()
                }
                _ => Err(error),
            }
        }
        result => result,
    }
}

#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The two ways of a connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Listener {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // An event shall not wait for the next one.
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            #[cfg(unix)]
            Listener::Unix(listener, _) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

/// An open connection, as it is counted.
struct Counted(Sidecar);

impl Counted {
    fn new(sidecar: &Sidecar) -> Counted {
        sidecar.metrics().accepted.fetch_add(1, Ordering::Relaxed);
        sidecar.metrics().connections.fetch_add(1, Ordering::Relaxed);
        Counted(sidecar.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics().connections.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Connection {
    router: Router,
    names: Option<Arc<Names>>,
    settings: Arc<ServerSettings>,
    stopped: watch::Receiver<bool>,
}

impl Connection {
    async fn run(mut self, stream: Box<dyn Stream>) {
        // No browser reaches a socket in the file system, and nobody listens to it.
        let tls = self.settings.tls.as_ref().filter(|_| self.names.is_some());
        let Some(stream) = greeted(stream, tls, self.settings.head).await else { return };
        let (router, names) = (self.router.clone(), self.names);
        let service = service_fn(move |request: Request<Incoming>| {
            let mut router = router.clone();
            let checked = names.as_ref().map_or(Ok(()), |names| names.check(request.uri(), request.headers()));
            async move {
                match checked {
                    Ok(()) => router.call(request.map(Body::new)).await,
                    Err(refusal) => Ok::<Response<Body>, std::convert::Infallible>(refusal.into_response()),
                }
            }
        });
        let stream = Patient { inner: stream, unread: self.settings.unread, alarm: None };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.settings.head)
            .max_buf_size(64 * 1024)
            // Who has said all may stop speaking before he is answered.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            // What goes wrong with a connection is its client's affair.
            _ = connection.as_mut() => return,
            _ = self.stopped.wait_for(|stopped| *stopped) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// The connection as it goes on, once both sides have agreed on keys where they have to.
async fn greeted(stream: Box<dyn Stream>, tls: Option<&ServerTls>, within: Duration) -> Option<Box<dyn Stream>> {
    let Some(tls) = tls else { return Some(stream) };
    let accepted = tokio::time::timeout(within, tls.acceptor().accept(stream)).await;
    accepted.ok()?.ok().map(|stream| Box::new(stream) as Box<dyn Stream>)
}

/// A stream that fails when what is written to it is not taken for too long.
struct Patient {
    inner: Box<dyn Stream>,
    unread: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn timed<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.alarm = None;
            return poll;
        }
        let unread = self.unread;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(unread)));
        alarm.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.timed(context, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.timed(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(context);
        self.timed(context, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_shutdown(context);
        self.timed(context, poll)
    }
}
