//! Downloads that go on where they stopped, whatever stopped them.
//!
//! ```text
//! network ──▶ aligned 1 MiB blocks ──┬──▶ hash thread (SHA-256)
//!                 ▲                  └──▶ write thread (direct I/O, checkpoints)
//!                 └──── used blocks ──────┘
//! ```
//!
//! Staging holds, by the target's SHA-256: `<sha256>.part` with the bytes so far, `<sha256>.json` with the checkpoint, which
//! never claims more than is on the disk, and in the end `<sha256>.raucb`, which is complete.

mod block;
mod download;
mod error;
mod part;
mod pipeline;
mod source;
mod staging;
mod writer;

use async_trait::async_trait;
use backon::ExponentialBuilder;
use download::Download;
use error::FetchError;
use ota_core::{FailureCode, TargetFile};
use ota_engine::ports::{Fetcher, Meter, StepError};
use reqwest::Client;
use staging::{Staged, Staging};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;
use url::Url;

/// How patient a download is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// Tries without a new byte, after which it has failed.
    pub tries: usize,
    /// Pause after the first of them; each further one doubles it, plus a random share.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
    /// A connection on which no byte arrives for so long is given up.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 8,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(10),
            silence: Duration::from_secs(30),
        }
    }
}

impl Patience {
    fn pauses(&self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.first_pause)
            .with_max_delay(self.longest_pause)
            .with_max_times(self.tries.saturating_sub(1))
            .with_jitter()
    }
}

/// Where targets come from and go to.
#[derive(Debug, Clone)]
pub struct FetchConfig {
    /// Directory of the targets; `http`, `https` or `file`.
    pub targets_url: Url,
    /// Directory for downloads. Made when it is missing.
    pub staging: PathBuf,
    pub patience: Patience,
}

/// Downloads into staging, one target at a time.
#[derive(Debug)]
pub struct ResumableFetcher {
    targets_url: Url,
    staging: Staging,
    patience: Patience,
    client: Client,
    /// Held by whoever changes staging, to the last byte that its threads write.
    alone: Arc<Mutex<()>>,
}

/// Proof that nobody else changes staging; the threads of a download have copies.
type Alone = Arc<OwnedMutexGuard<()>>;

impl ResumableFetcher {
    /// Opens nothing yet.
    ///
    /// # Errors
    /// `DownloadFailed` when there can be no HTTP client here, for instance without certificates of authorities.
    pub fn new(config: FetchConfig) -> Result<Self, StepError> {
        let client = crate::http::client(config.patience.silence).map_err(|error| {
            let message = "This system cannot make HTTP requests. Check its TLS certificates.";
            StepError::failed(FailureCode::DownloadFailed, message, crate::http::report(error))
        })?;
        Ok(Self {
            targets_url: config.targets_url,
            staging: Staging::new(config.staging),
            patience: config.patience,
            client,
            alone: Arc::default(),
        })
    }

    async fn alone(&self) -> Alone {
        Arc::new(Arc::clone(&self.alone).lock_owned().await)
    }

    async fn download(
        &self,
        staged: Staged,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<PathBuf, FetchError> {
        let alone = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(FetchError::Cancelled),
            alone = self.alone() => alone,
        };
        let length = staged.target().length;
        let complete = staged.clone();
        if error::blocking(move || complete.is_complete()).await? {
            meter.begin(length, length);
            return Ok(staged.complete_path());
        }
        let source = source::Source::new(self.client.clone(), &self.targets_url, staged.target())?;
        Download::open(staged, source, alone, cancel).await?.run(&self.patience, meter, cancel).await
    }
}

#[async_trait]
impl Fetcher for ResumableFetcher {
    async fn check_space(&self, target: &TargetFile) -> Result<(), StepError> {
        let staged = self.staging.target(target)?;
        Ok(error::blocking(move || staged.check_space()).await?)
    }

    async fn fetch(
        &self,
        target: &TargetFile,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<PathBuf, StepError> {
        let staged = self.staging.target(target)?;
        let fetched = self.download(staged, meter, cancel).await;
        if let Err(error) = &fetched {
            tracing::info!(target = target.name, %error, "the download ended early");
        }
        Ok(fetched?)
    }

    async fn staged(&self, target: &TargetFile) -> Result<Option<PathBuf>, StepError> {
        let staged = self.staging.target(target)?;
        let complete = staged.clone();
        let found = error::blocking(move || complete.is_complete()).await?;
        Ok(found.then(|| staged.complete_path()))
    }

    async fn sweep(&self, keep: &[TargetFile]) -> Result<(), StepError> {
        let alone = self.alone().await;
        let (staging, keep) = (self.staging.clone(), keep.to_vec());
        let sweep = move || {
            let _alone = alone;
            staging.sweep(&keep)
        };
        Ok(error::blocking(sweep).await?)
    }
}
