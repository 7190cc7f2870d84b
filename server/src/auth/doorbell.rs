//! How a command tells the running service that it has ended sessions: with a datagram to a socket in the data directory.
//!
//! Without it the service finds out when it compares a session with the database the next time.

use std::{
    io,
    os::unix::net::UnixDatagram as Sender,
    path::{Path, PathBuf},
};
use tokio::net::UnixDatagram;

const NAME: &str = "sessions.sock";

/// The service's end.
#[derive(Debug)]
pub struct Doorbell {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Doorbell {
    /// For the one process that serves from this data directory: what a killed one has left is replaced.
    ///
    /// # Errors
    /// When the socket cannot be made, as where the path is longer than the system bears.
    pub fn hang(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Self { socket: UnixDatagram::bind(&path)?, path })
    }

    /// Waits for somebody to ring.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn rung(&self) -> io::Result<()> {
        self.socket.recv(&mut [0; 1]).await.map(drop)
    }
}

impl Drop for Doorbell {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.path);
    }
}

/// Tells the service of this data directory, if there is one.
pub fn ring(data_dir: &Path) {
    let rung = Sender::unbound().and_then(|sender| sender.send_to(&[0], data_dir.join(NAME)));
    if let Err(error) = rung {
        tracing::debug!(%error, "no service was told");
    }
}
