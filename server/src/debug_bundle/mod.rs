//! Debug bundles: `ID.tar.gz` in a directory, made beside whatever else happens.

mod archive;
mod content;
mod redact;
mod stream;

pub use redact::shown_configuration;

use crate::metrics::Metrics;
use crate::service_log::ServiceLog;
use archive::{Content, Entry};
use async_trait::async_trait;
use jiff::Timestamp;
use ota_core::FailureCode;
use ota_engine::ports::{DebugBundle, DebugBundles, DebugContent, Scene, StepError};
use ota_platform::{UbootConfig, free_bytes};
use ota_store::SqliteStore;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use stream::Pieces;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

const COMPLETE: &str = ".tar.gz";
const UNFINISHED: &str = ".part";

/// Where bundles are, how many stay, and what only this program knows of the gateway.
#[derive(Clone)]
pub struct DebugShelf {
    pub directory: PathBuf,
    pub keep: Duration,
    pub count: usize,
    /// Bytes of the disk that stay free.
    pub keep_free: u64,
    pub store: SqliteStore,
    /// The configuration in force, from [`shown_configuration`].
    pub configuration: String,
    pub environment: UbootConfig,
    /// Where the service keeps its own log.
    pub service_log: Option<ServiceLog>,
    pub metrics: Option<Metrics>,
}

impl DebugShelf {
    /// Makes the directory where it is missing, and removes what interrupted work left.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn open(self) -> io::Result<Self> {
        fs::create_dir_all(&self.directory)?;
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.to_str().is_some_and(|name| name.ends_with(UNFINISHED)) {
                fs::remove_file(path)?;
            }
        }
        Ok(self)
    }

    fn newest_first(&self) -> io::Result<Vec<DebugBundle>> {
        let mut bundles = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(id) = name.strip_suffix(COMPLETE).map(str::to_owned) else { continue };
            let found = match fs::metadata(&path) {
                Ok(found) => found,
                // Its time was over in this moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let created = Timestamp::try_from(found.modified()?).map_err(io::Error::other)?;
            let created_at = created.round(jiff::Unit::Second).unwrap_or(created);
            let expires_at = created_at + self.keep;
            bundles.push(DebugBundle { id, path, size: found.len(), created_at, expires_at });
        }
        bundles.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| b.id.cmp(&a.id)));
        Ok(bundles)
    }

    /// The gateway's own state has to find room beside a bundle.
    fn require_reserve(&self) -> io::Result<()> {
        if free_bytes(&self.directory)? < self.keep_free {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn write(
        &self,
        id: &str,
        at: Timestamp,
        entries: Vec<Entry>,
        cancel: &CancellationToken,
    ) -> io::Result<()> {
        let unfinished = self.directory.join(format!("{id}{UNFINISHED}"));
        let complete = self.directory.join(format!("{id}{COMPLETE}"));
        let written = archive::write(&unfinished, id, at, entries, cancel, &|| self.require_reserve())
            .and_then(|()| fs::rename(&unfinished, &complete))
            .and_then(|()| sync(&self.directory));
        if written.is_err() {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_file(&unfinished);
            let _ = fs::remove_file(&complete);
        }
        written
    }
}

#[async_trait]
impl DebugBundles for DebugShelf {
    async fn estimate(&self, content: DebugContent, scene: &Scene) -> Result<u64, StepError> {
        let entries = self.texts(content, scene).await?;
        let more = if content.logs { self.stream_size().await? } else { 0 };
        blocking(move || archive::estimate(&entries, more)).await
    }

    async fn make(
        &self,
        id: &str,
        content: DebugContent,
        scene: &Scene,
        cancel: &CancellationToken,
    ) -> Result<(), StepError> {
        let mut entries = self.texts(content, scene).await?;
        let (pieces, reader) = Pieces::channel();
        let mut end = 0;
        if content.logs {
            entries.extend(self.service_log().await?);
            let (last, size) = self.measure_audit_log(cancel).await?;
            let content = Content::Stream(size, Box::new(reader));
            entries.push(Entry { name: "audit.jsonl", content });
            end = last;
        }
        let (this, id, at, cancel) = (self.clone(), id.to_owned(), scene.at, cancel.clone());
        let told = cancel.clone();
        let written = blocking(move || this.write(&id, at, entries, &cancel));
        let (written, ()) = tokio::join!(written, self.send_audit_log(end, pieces));
        if told.is_cancelled() && written.is_err() { Err(StepError::Cancelled) } else { written }
    }

    async fn list(&self) -> Result<Vec<DebugBundle>, StepError> {
        let this = self.clone();
        blocking(move || this.newest_first()).await
    }

    async fn tidy(&self, now: Timestamp, new: Option<&str>) -> Result<(), StepError> {
        let (this, new) = (self.clone(), new.map(str::to_owned));
        blocking(move || {
            let old = this.newest_first()?.into_iter().filter(|bundle| Some(&bundle.id) != new.as_ref());
            let most = this.count.saturating_sub(usize::from(new.is_some()));
            for (index, bundle) in old.enumerate() {
                if index >= most || bundle.expires_at <= now {
                    remove(&bundle.path)?;
                } else if bundle.created_at > now {
                    // Made when the clock was ahead; its time begins now.
                    File::open(&bundle.path)?.set_modified(now.into())?;
                }
            }
            Ok(())
        })
        .await
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StepError> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| failed(&error)),
        Err(error) => Err(failed(&io::Error::other(error))),
    }
}

fn failed(error: &io::Error) -> StepError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let message = "There is not enough room for a debug bundle. Free space on the gateway's disk.";
            StepError::failed(FailureCode::InsufficientSpace, message, error)
        }
        _ => StepError::failed(FailureCode::RecoveryFailed, "The debug bundle could not be made.", error),
    }
}
