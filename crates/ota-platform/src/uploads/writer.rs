//! The thread that hashes an upload and writes it.

use super::{UploadDirectory, ledger::Share, no_room};
use crate::facts::remove;
use bytes::Bytes;
use ota_engine::ports::{ReceivedFile, StepError};
use rustix::fs::{Advice, fadvise};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use tokio::sync::mpsc::Receiver;

/// Bytes that are gathered for one write.
const GATHERED: usize = 1 << 20;
/// Bytes after which write-back is started, so that the end has little to wait for, and the disk is looked at.
const WRITE_BACK: u64 = 8 << 20;
/// Bytes that are promised at once to an upload that does not say how long it is.
const AHEAD: u64 = 64 << 20;

/// What the thread is told.
pub(super) enum Piece {
    Bytes(Bytes),
    /// All of it has come. Without this the sender is gone.
    End,
}

/// A file on its way, and the room that it has been promised. The file goes with this, unless it has another path by then.
#[derive(Debug)]
struct Unfinished {
    path: PathBuf,
    share: Share,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(%error, "the file of a broken upload stays until the next start");
        }
    }
}

/// Why the thread gave up.
pub(super) enum Fault {
    Disk(io::Error),
    NoRoom(StepError),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

pub(super) fn write(
    directory: &UploadDirectory,
    path: PathBuf,
    share: Share,
    mut pieces: Receiver<Piece>,
) -> Result<ReceivedFile, Fault> {
    let mut file = File::create_new(&path)?;
    let mut unfinished = Unfinished { path: path.clone(), share };
    let (mut hash, mut gathered) = (Sha256::new(), Vec::with_capacity(GATHERED));
    let (mut size, mut dirty) = (0, 0);
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => {
                size += bytes.len() as u64;
                let room = |promised: &_| directory.room_now(promised);
                if unfinished.share.cover(size, AHEAD, room)?.is_none() {
                    return Err(Fault::NoRoom(no_room(size)));
                }
                hash.update(&bytes);
                gathered.extend_from_slice(&bytes);
                if gathered.len() >= GATHERED {
                    file.write_all(&gathered)?;
                    dirty += gathered.len() as u64;
                    gathered.clear();
                }
                if dirty >= WRITE_BACK {
                    unfinished.share.wrote(dirty);
                    dirty = 0;
                    directory.require_reserve()?;
                    // Advice; a refusal costs nothing but time.
                    let _ = fadvise(&file, 0, None, Advice::DontNeed);
                }
            }
            Some(Piece::End) => break,
            None => return Err(io::Error::from(io::ErrorKind::Interrupted).into()),
        }
    }
    file.write_all(&gathered)?;
    file.sync_all()?;
    let sha256 = hex::encode(hash.finalize());
    Ok(ReceivedFile { path, size, sha256, hold: Box::new(unfinished) })
}
