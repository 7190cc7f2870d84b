//! Connections: accepted up to a limit, dropped when they are slow, drained when the service ends.

use axum::{Extension, Router, extract::ConnectInfo};
use hyper::server::conn::{http1, http2};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Layer;

/// Pause after an accept that failed for want of file descriptors.
const BREATH: Duration = Duration::from_millis(100);
/// Requests of one HTTP/2 connection at the same time.
const STREAMS: u32 = 64;
/// Connections at the same time: room for all listeners of the feed, and for whoever asks meanwhile.
const CONNECTIONS: usize = 1280;
const FEWEST: usize = 16;
/// Open files that are no connections: database, slots, staging, and a spare.
const OTHER_FILES: usize = 256;
/// Time after which a client is gone that takes nothing of what it is sent, in milliseconds.
const UNTAKEN: u32 = 30_000;
/// Bytes of a request's head.
const LONGEST_HEAD: usize = 64 * 1024;

/// What clients may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections: usize,
    /// For the TLS handshake, and for each request's head from the moment it is waited for.
    pub header_read: Duration,
    /// For requests that run when the service ends.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: CONNECTIONS, header_read: Duration::from_secs(15), drain: Duration::from_secs(5) }
    }
}

impl Limits {
    /// No more connections than leave enough of `files` open files for everything else.
    #[must_use]
    pub fn within(files: u64) -> Self {
        let left = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(OTHER_FILES);
        Self { connections: left.clamp(FEWEST, CONNECTIONS), ..Self::default() }
    }
}

/// Serves until `shutdown`, then takes no more connections and returns when the running requests are answered or the time
/// for that is over.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let open = TaskTracker::new();
    while let Some((stream, peer, permit)) = next(&listener, &room, &shutdown).await {
        let (router, tls, shutdown) = (router.clone(), tls.clone(), shutdown.clone());
        let connection = Connection { router, peer, tls, limits, shutdown };
        open.spawn(connection.run(stream, permit));
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(limits.drain, open.wait()).await.is_err() {
        tracing::warn!("connections were still busy when the service ended");
    }
}

/// The next connection, once there is room for it.
async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let accept = async {
        let permit = Arc::clone(room).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, permit)),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    };
    shutdown.run_until_cancelled(accept).await.flatten()
}

/// One client.
struct Connection {
    router: Router,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    shutdown: CancellationToken,
}

impl Connection {
    async fn run(self, stream: TcpStream, _permit: OwnedSemaphorePermit) {
        _ = stream.set_nodelay(true);
        // Otherwise one that does not read keeps its connection for as long as its kernel answers.
        _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNTAKEN);
        match &self.tls {
            None => self.talk(stream, false).await,
            Some(acceptor) => {
                let handshake = tokio::time::timeout(self.limits.header_read, acceptor.accept(stream)).await;
                match handshake {
                    Ok(Ok(stream)) => {
                        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        self.talk(stream, http2).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS with this client"),
                    Err(_) => tracing::debug!("a client did not finish its TLS handshake"),
                }
            }
        }
    }

    /// The protocol is known beforehand. Waiting for bytes that tell it, as hyper-util's `auto` does before a connection
    /// that may be upgraded, would have no time limit.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S, http2: bool) {
        let Self { router, peer, limits, shutdown, .. } = self;
        let router = Extension(ConnectInfo(peer)).layer(router);
        let (io, service) = (TokioIo::new(stream), TowerToHyperService::new(router));
        let ended = if http2 {
            let mut connection = pin!(http2_settings(limits).serve_connection(io, service));
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        } else {
            let mut connection = pin!(http1_settings(limits).serve_connection(io, service).with_upgrades());
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

fn http1_settings(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header_read).max_buf_size(LONGEST_HEAD);
    builder
}

fn http2_settings(limits: Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.header_read)
        .keep_alive_timeout(limits.header_read)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(LONGEST_HEAD.try_into().unwrap_or(u32::MAX));
    builder
}
