//! A server that serves a repository as badly as networks and servers do, and counts what it sent. For tests.
//!
//! It writes to its sockets itself, one request a connection, so that a cut happens at exactly the byte asked for and the
//! bytes before it do arrive.

mod http;
mod plan;

use crate::serve::{ServeError, listen};
use plan::Plan;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// One way to answer badly. Offsets count from the start of the file, lengths from the start of the response's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status and no content.
    Status(u16),
    /// A response that would pass this offset is closed before the byte there. One that starts there is sent whole, so a
    /// client that resumes gets past it.
    CutAt(u64),
    /// Every response is closed after so many bytes.
    CutAfter(u64),
    /// Every response stops after so many bytes, and the connection stays open.
    Stall(u64),
    /// The connection is reset before anything is sent.
    Reset,
    /// The file seems to have only so many bytes.
    Truncate(u64),
    /// The byte at this offset is inverted.
    Flip(u64),
    /// This content instead of the file's.
    Replace(Vec<u8>),
    /// Ranges are ignored: the answer is always the whole file.
    IgnoreRange,
    /// Every response has an entity tag of its own, as of a file that changes all the time.
    NewEntityTag,
    /// At most so many bytes a second.
    Throttle(u64),
}

/// A request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Path of the request, as sent.
    pub path: String,
    /// Its `Range` header.
    pub range: Option<String>,
    /// Status of the answer; 0 for a connection that was reset.
    pub status: u16,
    /// Bytes of the body that were handed to the network.
    pub sent: u64,
}

#[derive(Debug)]
struct Rule {
    path_part: String,
    fault: Fault,
    /// Uses that are left; none for a rule without end.
    left: Option<u32>,
}

#[derive(Debug, Default)]
struct State {
    directory: PathBuf,
    rules: Vec<Rule>,
    answered: Vec<Answered>,
}

/// State that the test and the connections share.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<State>>);

/// A server of files below a directory, with faults. It stops when it is dropped.
#[derive(Debug)]
pub struct FaultyServer {
    address: SocketAddr,
    shared: Shared,
    task: JoinHandle<()>,
}

impl FaultyServer {
    /// Serves `directory` on a free port of the loopback interface, without a fault yet.
    ///
    /// # Errors
    /// [`ServeError`] when no socket can be opened.
    pub async fn start(directory: &Path) -> Result<Self, ServeError> {
        Self::start_on(directory, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// As [`FaultyServer::start`], on a given address: a server that comes back.
    ///
    /// # Errors
    /// [`ServeError`] when the address is taken.
    pub async fn start_on(directory: &Path, address: SocketAddr) -> Result<Self, ServeError> {
        let listener = listen(address).await?;
        let address = listener.local_addr().unwrap_or(address);
        let shared = Shared::default();
        shared.lock().directory = directory.to_owned();
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, task })
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

    /// Answers every request whose path contains `path_part` with this fault, until [`FaultyServer::clear`]. Faults add up.
    pub fn inject(&self, path_part: &str, fault: Fault) {
        self.rule(path_part, fault, None);
    }

    /// As [`FaultyServer::inject`], for the next `times` requests that it would change.
    pub fn inject_times(&self, path_part: &str, fault: Fault, times: u32) {
        self.rule(path_part, fault, Some(times));
    }

    /// Ends all faults.
    pub fn clear(&self) {
        self.shared.lock().rules.clear();
    }

    /// Serves another directory from now on: an older copy of the repository, say.
    pub fn serve_from(&self, directory: &Path) {
        self.shared.lock().directory = directory.to_owned();
    }

    /// Every request so far, in the order in which they came.
    #[must_use]
    pub fn answered(&self) -> Vec<Answered> {
        self.shared.lock().answered.clone()
    }

    /// Requests so far whose path contains `path_part`.
    #[must_use]
    pub fn requests(&self, path_part: &str) -> usize {
        self.shared.lock().answered.iter().filter(|one| one.path.contains(path_part)).count()
    }

    /// Bytes of content sent so far for paths that contain `path_part`.
    #[must_use]
    pub fn bytes_sent(&self, path_part: &str) -> u64 {
        let state = self.shared.lock();
        state.answered.iter().filter(|one| one.path.contains(path_part)).map(|one| one.sent).sum()
    }

    /// Closes everything and waits until the port is free.
    pub async fn stop(mut self) {
        self.task.abort();
        // The result says only that it was aborted, which was asked for.
        let _ = (&mut self.task).await;
    }

    fn rule(&self, path_part: &str, fault: Fault, left: Option<u32>) {
        self.shared.lock().rules.push(Rule { path_part: path_part.to_owned(), fault, left });
    }
}

impl Drop for FaultyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// A test that panicked while it held the lock has failed already; the others go on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn directory(&self) -> PathBuf {
        self.lock().directory.clone()
    }

    /// Notes a request and returns its number.
    fn begin(&self, path: &str, range: Option<&str>) -> usize {
        let mut state = self.lock();
        let range = range.map(str::to_owned);
        state.answered.push(Answered { path: path.to_owned(), range, status: 0, sent: 0 });
        state.answered.len() - 1
    }

    fn status(&self, number: usize, status: u16) {
        if let Some(one) = self.lock().answered.get_mut(number) {
            one.status = status;
        }
    }

    fn sent(&self, number: usize, bytes: u64) {
        if let Some(one) = self.lock().answered.get_mut(number) {
            one.sent += bytes;
        }
    }

    /// Lets every rule for this path change the plan of an answer, and counts down those that did.
    fn apply_rules(&self, path: &str, plan: &mut Plan) {
        for rule in &mut self.lock().rules {
            if rule.left != Some(0)
                && path.contains(&rule.path_part)
                && plan.apply(&rule.fault)
                && let Some(left) = &mut rule.left
            {
                *left -= 1;
            }
        }
    }
}

async fn accept(listener: TcpListener, shared: Shared) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => connections.spawn(connection(stream, shared.clone())),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, shared: Shared) {
    // A client that goes away is what these tests are about.
    if let Err(error) = http::answer(stream, &shared).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
