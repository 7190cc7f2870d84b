//! Bundles that proved themselves, kept for a restore.

use crate::facts::{FactsDirectory, remove};
use async_trait::async_trait;
use jiff::Timestamp;
use ota_core::{Bundle, FailureCode};
use ota_engine::ports::{KeptBundle, KeptBundles, StepError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;

/// Bytes that are copied at once.
const COPIED: usize = 1 << 20;

/// Where bundles are kept, and how many.
#[derive(Debug, Clone)]
pub struct KeptBundlesConfig {
    pub directory: PathBuf,
    /// Bundles that stay; none: nothing is kept.
    pub count: usize,
}

/// A directory of bundles.
#[derive(Debug, Clone)]
pub struct BundleShelf {
    directory: FactsDirectory,
    count: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    sha256: String,
    length: u64,
    bundle: Bundle,
    since: Timestamp,
}

impl BundleShelf {
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(config: KeptBundlesConfig) -> io::Result<Self> {
        Ok(Self { directory: FactsDirectory::open(config.directory)?, count: config.count })
    }

    fn newest_first(&self) -> io::Result<Vec<KeptBundle>> {
        let kept = |(path, facts): (PathBuf, Facts)| KeptBundle {
            path,
            sha256: facts.sha256,
            length: facts.length,
            bundle: facts.bundle,
            since: facts.since,
        };
        let found = self.directory.list(|facts: &Facts| facts.length)?;
        let mut found: Vec<_> = found.into_iter().map(kept).collect();
        found.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.sha256.cmp(&b.sha256)));
        Ok(found)
    }

    fn take_in(&self, path: &Path, facts: &Facts, protected: &[String]) -> io::Result<()> {
        if self.count > 0 {
            let unfinished = self.directory.unfinished(&format!("{}.file", facts.sha256));
            remove(&unfinished)?;
            // Nobody changes a staged bundle in its place, so both names may be of one file.
            let linked = fs::hard_link(path, &unfinished).or_else(|_| copy(path, &unfinished).map(drop));
            let published = linked.and_then(|()| self.directory.publish(&facts.sha256, &unfinished, facts));
            if published.is_err() {
                // It would take room of a disk that may be full; what cannot be removed now, the next start removes.
                let _ = remove(&unfinished);
            }
            published?;
        }
        self.prune(protected)
    }

    fn prune(&self, protected: &[String]) -> io::Result<()> {
        for old in self.newest_first()?.into_iter().skip(self.count) {
            if !protected.contains(&old.sha256) {
                self.directory.remove(&old.sha256)?;
            }
        }
        Ok(())
    }
}

impl BundleShelf {
    /// Keeps a copy of a file that belongs to somebody else, who may change it afterwards.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn import(&self, path: &Path, bundle: &Bundle, at: Timestamp) -> Result<(), StepError> {
        let (this, path, bundle) = (self.clone(), path.to_owned(), bundle.clone());
        on_disk(NOT_KEPT, move || {
            let unfinished = this.directory.unfinished("import");
            let taken = copy(&path, &unfinished).and_then(|(length, sha256)| {
                this.take_in(&unfinished, &Facts { sha256, length, bundle, since: at }, &[])
            });
            remove(&unfinished)?;
            taken
        })
        .await
    }
}

const NOT_KEPT: &str = "The bundle could not be kept for a restore.";

/// Length and SHA-256 of what was copied and is on the disk.
fn copy(from: &Path, to: &Path) -> io::Result<(u64, String)> {
    let (mut from, mut hash) = (File::open(from)?, Sha256::new());
    let mut to = File::create(to)?;
    let (mut buffer, mut length) = (vec![0; COPIED], 0);
    loop {
        let count = from.read(&mut buffer)?;
        let part = buffer.get(..count).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        hash.update(part);
        to.write_all(part)?;
        length += part.len() as u64;
    }
    to.sync_all()?;
    Ok((length, hex::encode(hash.finalize())))
}

#[async_trait]
impl KeptBundles for BundleShelf {
    async fn keep(
        &self,
        path: &Path,
        sha256: &str,
        bundle: &Bundle,
        at: Timestamp,
        protected: &[String],
    ) -> Result<(), StepError> {
        let (this, path, protected) = (self.clone(), path.to_owned(), protected.to_owned());
        let (sha256, bundle) = (sha256.to_owned(), bundle.clone());
        on_disk(NOT_KEPT, move || {
            let length = fs::metadata(&path)?.len();
            this.take_in(&path, &Facts { sha256, length, bundle, since: at }, &protected)
        })
        .await
    }

    async fn list(&self) -> Result<Vec<KeptBundle>, StepError> {
        let this = self.clone();
        on_disk("The kept bundles could not be read.", move || this.newest_first()).await
    }
}

/// Work with files, and the sentence for the operator where it fails.
pub(crate) async fn on_disk<T: Send + 'static>(
    sentence: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StepError> {
    let failed = |error: io::Error| {
        let code = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureCode::InsufficientSpace,
            _ => FailureCode::RecoveryFailed,
        };
        StepError::failed(code, sentence, error)
    };
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(failed),
        Err(error) => Err(failed(io::Error::other(error))),
    }
}
