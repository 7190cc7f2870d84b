//! Plain HTTP/1.1 for static files: a repository needs nothing else.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt;
use tower_http::services::ServeDir;

/// A client that has not sent its request's head by then is dropped.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Responses that are under way when the server stops may take this long to end; then their connections are closed.
const GRACE: Duration = Duration::from_millis(500);

/// Connections served at once; more wait in the listener's queue.
const CONNECTIONS: usize = 512;

/// The server could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ServeError {
    address: SocketAddr,
    source: io::Error,
}

/// Opens a listening socket; port 0 takes a free one.
///
/// # Errors
/// [`ServeError`] when the address is taken or not ours.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError { address, source })
}

/// Serves the files of `directory`: conditional requests, byte ranges, no listings, no hidden files.
pub fn files(directory: &Path) -> Router {
    let files = ServeDir::new(directory)
        .append_index_html_on_directories(false)
        .ignore_multi_range_requests(true)
        .with_buf_chunk_size(256 << 10);
    Router::new().fallback(file).with_state(files)
}

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves a directory on a free port of the loopback interface.
    ///
    /// # Errors
    /// [`ServeError`] when no socket can be opened.
    pub async fn start(directory: &Path) -> Result<Self, ServeError> {
        Ok(Self::spawn(listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?, files(directory)))
    }

    /// Serves `router` on an open socket.
    #[must_use]
    pub fn spawn(listener: TcpListener, router: Router) -> Self {
        // A listening socket has an address; were it lost, the unspecified one says so.
        let address = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        let (stop, stopped) = watch::channel(false);
        Self { address, stop, task: tokio::spawn(accept(listener, router, stopped)) }
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://address/` followed by `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{}", self.address, path.trim_start_matches('/'))
    }

    /// Stops listening, lets responses end for half a second, and closes every connection.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // The task cannot panic; were it cancelled, there is nothing left to stop.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let permit = tokio::select! {
            () = asked(&mut stopped) => break,
            permit = Arc::clone(&permits).acquire_owned() => permit,
        };
        let stream = tokio::select! {
            () = asked(&mut stopped) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, say: trying again at once would only burn the processor.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        while connections.try_join_next().is_some() {}
        let (router, stopped) = (router.clone(), stopped.clone());
        connections.spawn(async move {
            let _permit = permit;
            connection(stream, router, stopped).await;
        });
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        connections.shutdown().await;
    }
}

/// Waits until the server is to stop; a server that is gone counts as that too.
async fn asked(stopped: &mut watch::Receiver<bool>) {
    // What is awaited borrows the channel's value, which must not live on in the callers' tasks.
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn connection(stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    // Without it small answers may wait for the acknowledgement of the last; a failure only costs time.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        result = connection.as_mut() => Some(result),
        () = asked(&mut stopped) => None,
    };
    let result = match ended {
        Some(result) => result,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn file(State(files): State<ServeDir>, mut request: Request) -> Response {
    if request.uri().path().split('/').any(hidden) {
        return StatusCode::NOT_FOUND.into_response();
    }
    if let Some(condition) = request.headers_mut().remove(IF_RANGE)
        && request.headers().contains_key(RANGE)
    {
        let current = ask(&files, validators_of(&request)).await;
        if !matches_now(condition.as_bytes(), current.headers()) {
            request.headers_mut().remove(RANGE);
        }
    }
    ask(&files, request).await
}

async fn ask(files: &ServeDir, request: Request) -> Response {
    match files.clone().oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}

/// A request for nothing but the headers of the same file.
fn validators_of(request: &Request) -> Request {
    let mut head = Request::new(Body::empty());
    *head.method_mut() = Method::HEAD;
    *head.uri_mut() = request.uri().clone();
    head
}

/// Whether a part may be sent (RFC 9110, 13.1.5): the strong entity tag or the exact date is that of the file as it is now.
fn matches_now(condition: &[u8], current: &HeaderMap) -> bool {
    let name = if condition.ends_with(b"\"") { ETAG } else { LAST_MODIFIED };
    !condition.starts_with(b"W/") && current.get(name).is_some_and(|value| value.as_bytes() == condition)
}

fn hidden(segment: &str) -> bool {
    segment.starts_with('.') || segment.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2e"))
}
