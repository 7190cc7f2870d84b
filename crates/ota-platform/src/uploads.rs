//! Images that people bring: hashed while they are written, kept for a time.

use crate::facts::{FactsDirectory, remove};
use crate::kept::on_disk;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use ota_core::{Bundle, FailureCode};
use ota_engine::ports::{Body, ReceivedFile, StepError, StoredImage, UploadFault, Uploads};
use rand::Rng;
use rustix::fs::{Advice, fadvise, statvfs};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::spawn_blocking;

/// Pieces that wait to be written. A piece is what the network brought at once.
const QUEUE: usize = 16;
/// Bytes that are gathered for one write.
const GATHERED: usize = 1 << 20;
/// Bytes after which write-back is started, so that the end has little to wait for.
const WRITE_BACK: u64 = 8 << 20;
/// Bytes that stay free for the rest of the gateway.
const RESERVE: u64 = 16 << 20;

/// How much is taken, and for how long.
#[derive(Debug, Clone)]
pub struct UploadsConfig {
    pub directory: PathBuf,
    /// Bytes of all images together.
    pub quota: u64,
    /// Bytes of one image.
    pub longest: u64,
    pub keep: Duration,
}

/// A directory of uploaded images.
#[derive(Debug, Clone)]
pub struct UploadDirectory {
    directory: FactsDirectory,
    config: UploadsConfig,
}

#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    name: String,
    label: Option<String>,
    size: u64,
    sha256: String,
    bundle: Bundle,
    unfit: Option<String>,
    kept_until: Timestamp,
}

/// Removes the file of an upload that does not come to its end.
struct Unfinished {
    path: PathBuf,
    complete: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.complete
            && let Err(error) = remove(&self.path)
        {
            tracing::warn!(%error, "the file of a broken upload stays until the next start");
        }
    }
}

/// What the writing thread is told.
enum Piece {
    Bytes(Bytes),
    /// All of it has come. Without this the sender is gone.
    End,
}

impl UploadDirectory {
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(config: UploadsConfig) -> io::Result<Self> {
        Ok(Self { directory: FactsDirectory::open(config.directory.clone())?, config })
    }

    fn newest_first(&self) -> io::Result<Vec<StoredImage>> {
        let stored = |(path, facts): (PathBuf, Facts)| {
            let Facts { name, label, size, sha256, bundle, unfit, kept_until } = facts;
            StoredImage { path, name, label, size, sha256, bundle, unfit, kept_until }
        };
        let found = self.directory.list(|facts: &Facts| facts.size)?;
        let mut found: Vec<_> = found.into_iter().map(stored).collect();
        found.sort_by(|a, b| b.kept_until.cmp(&a.kept_until).then_with(|| a.sha256.cmp(&b.sha256)));
        Ok(found)
    }

    fn room_now(&self) -> io::Result<u64> {
        let held = self.newest_first()?.iter().fold(0, |sum: u64, image| sum.saturating_add(image.size));
        let quota = self.config.quota.saturating_sub(held);
        Ok(quota.min(self.config.longest).min(free(self.directory.directory())?.saturating_sub(RESERVE)))
    }

    /// Before anything is written.
    async fn check_length(&self, length: Option<u64>) -> Result<u64, UploadFault> {
        if length.is_some_and(|length| length > self.config.longest) {
            return Err(UploadFault::TooLong(self.config.longest));
        }
        let room = self.room().await?;
        if length.unwrap_or(1) > room { Err(no_room(room).into()) } else { Ok(room) }
    }
}

#[async_trait]
impl Uploads for UploadDirectory {
    async fn receive(&self, length: Option<u64>, mut body: Body) -> Result<ReceivedFile, UploadFault> {
        let room = self.check_length(length).await?;
        let path = self.directory.unfinished(&format!("{:032x}", rand::rng().next_u64()));
        let (pieces, given) = mpsc::channel(QUEUE);
        let writer = spawn_blocking(move || write(path, given));
        let mut taken = 0;
        while let Some(piece) = body.next().await {
            // The thread finds that no end was told, and removes the file.
            let piece = piece?;
            taken += piece.len() as u64;
            if taken > self.config.longest {
                return Err(UploadFault::TooLong(self.config.longest));
            }
            if taken > room {
                return Err(no_room(room).into());
            }
            if pieces.send(Piece::Bytes(piece)).await.is_err() {
                break;
            }
        }
        // A thread that takes no more has failed and says why.
        let _ = pieces.send(Piece::End).await;
        drop(pieces);
        let written = writer.await.map_err(|error| disk(&io::Error::other(error)))?;
        Ok(written.map_err(|error| disk(&error))?)
    }

    async fn discard(&self, file: &ReceivedFile) {
        let path = file.path.clone();
        let removed = on_disk("", move || remove(&path)).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "a refused upload stays until the next start");
        }
    }

    async fn keep(&self, file: &ReceivedFile, image: &StoredImage) -> Result<StoredImage, StepError> {
        let (this, path, mut image) = (self.clone(), file.path.clone(), image.clone());
        on_disk("The verified image could not be kept.", move || {
            let facts = Facts {
                name: image.name.clone(),
                label: image.label.clone(),
                size: image.size,
                sha256: image.sha256.clone(),
                bundle: image.bundle.clone(),
                unfit: image.unfit.clone(),
                kept_until: image.kept_until,
            };
            image.path = this.directory.publish(&image.sha256, &path, &facts)?;
            Ok(image)
        })
        .await
    }

    async fn images(&self) -> Result<Vec<StoredImage>, StepError> {
        let this = self.clone();
        on_disk("The uploaded images could not be read.", move || this.newest_first()).await
    }

    async fn expire(&self, now: Timestamp, in_use: &[String]) -> Result<bool, StepError> {
        let (this, in_use) = (self.clone(), in_use.to_owned());
        on_disk("Old uploads could not be removed.", move || {
            let over = |image: &StoredImage| image.kept_until <= now && !in_use.contains(&image.sha256);
            let over: Vec<_> = this.newest_first()?.into_iter().filter(over).collect();
            over.iter().try_for_each(|image| this.directory.remove(&image.sha256))?;
            Ok(!over.is_empty())
        })
        .await
    }

    async fn room(&self) -> Result<u64, StepError> {
        let this = self.clone();
        on_disk("The free space could not be read.", move || this.room_now()).await
    }

    fn keeps_for(&self) -> Duration {
        self.config.keep
    }
}

fn write(path: PathBuf, mut pieces: Receiver<Piece>) -> io::Result<ReceivedFile> {
    let mut file = File::create_new(&path)?;
    let mut unfinished = Unfinished { path: path.clone(), complete: false };
    let (mut hash, mut gathered) = (Sha256::new(), Vec::with_capacity(GATHERED));
    let (mut size, mut dirty) = (0, 0);
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => {
                hash.update(&bytes);
                size += bytes.len() as u64;
                gathered.extend_from_slice(&bytes);
                if gathered.len() >= GATHERED {
                    file.write_all(&gathered)?;
                    dirty += gathered.len() as u64;
                    gathered.clear();
                }
                if dirty >= WRITE_BACK {
                    dirty = 0;
                    // Advice; a refusal costs nothing but time.
                    let _ = fadvise(&file, 0, None, Advice::DontNeed);
                }
            }
            Some(Piece::End) => break,
            None => return Err(io::ErrorKind::Interrupted.into()),
        }
    }
    file.write_all(&gathered)?;
    file.sync_all()?;
    unfinished.complete = true;
    Ok(ReceivedFile { path, size, sha256: hex::encode(hash.finalize()) })
}

fn free(directory: &Path) -> io::Result<u64> {
    let space = statvfs(directory)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

fn no_room(room: u64) -> StepError {
    let message =
        "There is not enough room for this image. Remove snapshots or wait until older uploads expire.";
    StepError::failed(FailureCode::InsufficientSpace, message, format!("room for {room} bytes"))
}

fn disk(error: &io::Error) -> StepError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let message = "The gateway's disk is full. Free space on it, then upload again.";
            StepError::failed(FailureCode::InsufficientSpace, message, error)
        }
        _ => {
            let message = "The upload could not be written to the gateway's disk.";
            StepError::failed(FailureCode::RecoveryFailed, message, error)
        }
    }
}
