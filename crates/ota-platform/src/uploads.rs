//! Images that people bring: hashed while they are written, kept for a time.

mod append;
mod ledger;
mod part;
mod resumable;
mod writer;

use crate::facts::FactsDirectory;
use crate::free_space::free_bytes;
use crate::kept::on_disk;
use async_trait::async_trait;
use futures::StreamExt;
use jiff::Timestamp;
use ledger::{Ledger, Promised, Share};
use ota_core::{Bundle, FailureCode};
use ota_engine::ports::{Body, ReceivedFile, StepError, StoredImage, UploadFault, Uploads};
use rand::Rng;
use resumable::Registry;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use writer::{Fault, Piece};

/// Pieces that wait to be written. A piece is what the network brought at once.
const QUEUE: usize = 16;
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
    /// How long an upload that comes in parts may be left alone.
    pub keep_unfinished: Duration,
}

/// A directory of uploaded images.
#[derive(Debug, Clone)]
pub struct UploadDirectory {
    directory: FactsDirectory,
    ledger: Ledger,
    unfinished: Registry,
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

impl UploadDirectory {
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(config: UploadsConfig) -> io::Result<Self> {
        let directory = FactsDirectory::open(config.directory.clone())?;
        let ledger = Ledger::default();
        let unfinished = Registry::open(&directory, &ledger)?;
        Ok(Self { directory, ledger, unfinished, config })
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

    /// Longest image that can be taken beside what has been `promised` to others.
    fn room_now(&self, promised: &Promised) -> io::Result<u64> {
        let held = self.newest_first()?.iter().fold(0, |sum: u64, image| sum.saturating_add(image.size));
        let quota = self.config.quota.saturating_sub(held).saturating_sub(promised.bytes);
        let coming = promised.bytes.saturating_sub(promised.written);
        let free = free_bytes(self.directory.directory())?.saturating_sub(RESERVE).saturating_sub(coming);
        Ok(quota.min(self.config.longest).min(free))
    }

    /// Others write to this disk too.
    fn require_reserve(&self) -> io::Result<()> {
        if free_bytes(self.directory.directory())? < RESERVE {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    /// Before anything is written.
    fn promise(&self, length: Option<u64>) -> Result<Share, UploadFault> {
        if length.is_some_and(|length| length > self.config.longest) {
            return Err(UploadFault::TooLong(self.config.longest));
        }
        let (mut share, wanted) = (self.ledger.open(), length.unwrap_or(1));
        let covered = share.cover(wanted, 0, |promised| self.room_now(promised));
        match covered.map_err(|error| disk(&error))? {
            Some(()) => Ok(share),
            None => Err(no_room(wanted).into()),
        }
    }
}

#[async_trait]
impl Uploads for UploadDirectory {
    async fn receive(&self, length: Option<u64>, mut body: Body) -> Result<ReceivedFile, UploadFault> {
        let this = self.clone();
        let promised = spawn_blocking(move || this.promise(length)).await;
        let share = promised.map_err(|error| disk(&io::Error::other(error)))??;
        let path = self.directory.unfinished(&format!("{:032x}", rand::rng().next_u64()));
        let (pieces, given) = mpsc::channel(QUEUE);
        let this = self.clone();
        let writer = spawn_blocking(move || writer::write(&this, path, share, given));
        let mut taken = 0;
        while let Some(piece) = body.next().await {
            // The thread finds that no end was told, and removes the file.
            let piece = piece?;
            taken += piece.len() as u64;
            if taken > self.config.longest {
                return Err(UploadFault::TooLong(self.config.longest));
            }
            if pieces.send(Piece::Bytes(piece)).await.is_err() {
                break;
            }
        }
        // A thread that takes no more has failed and says why.
        let _ = pieces.send(Piece::End).await;
        drop(pieces);
        let written = writer.await.map_err(|error| disk(&io::Error::other(error)))?;
        Ok(written.map_err(|fault| match fault {
            Fault::Disk(error) => disk(&error),
            Fault::NoRoom(error) => error,
        })?)
    }

    async fn keep(&self, file: ReceivedFile, mut image: StoredImage) -> Result<StoredImage, StepError> {
        let this = self.clone();
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
            let _alone = this.ledger.lock();
            image.path = this.directory.publish(&image.sha256, &file.path, &facts)?;
            Ok((image, file))
        })
        .await
        .map(|(image, _)| image)
    }

    async fn images(&self) -> Result<Vec<StoredImage>, StepError> {
        let this = self.clone();
        on_disk("The uploaded images could not be read.", move || this.newest_first()).await
    }

    async fn expire(&self, now: Timestamp, in_use: &[String]) -> Result<bool, StepError> {
        let (this, in_use) = (self.clone(), in_use.to_owned());
        on_disk("Old uploads could not be removed.", move || {
            let _alone = this.ledger.lock();
            let over = |image: &StoredImage| image.kept_until <= now && !in_use.contains(&image.sha256);
            let over: Vec<_> = this.newest_first()?.into_iter().filter(over).collect();
            over.iter().try_for_each(|image| this.directory.remove(&image.sha256))?;
            Ok(!over.is_empty())
        })
        .await
    }

    async fn room(&self) -> Result<u64, StepError> {
        let this = self.clone();
        on_disk("The free space could not be read.", move || this.room_now(&this.ledger.lock())).await
    }

    fn keeps_for(&self) -> Duration {
        self.config.keep
    }
}

fn no_room(wanted: u64) -> StepError {
    let message =
        "There is not enough room for this image. Remove snapshots or wait until older uploads expire.";
    StepError::failed(FailureCode::InsufficientSpace, message, format!("{wanted} bytes are wanted"))
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
