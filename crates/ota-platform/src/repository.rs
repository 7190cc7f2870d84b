//! The TUF repository: signed metadata, verified against the trusted root and against all that was seen before.
//!
//! Only metadata goes this way. Targets are downloaded by [`crate::ResumableFetcher`], which checks them against what is
//! listed here.

mod custom;
mod datastore;
mod sentence;
mod transport;

use crate::http::without_secrets;
use async_trait::async_trait;
use datastore::Datastore;
use ota_core::Release;
use ota_engine::ports::{Repository, RepositoryError};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Mutex;
use tough::{ExpirationEnforcement, RepositoryLoader};
use transport::MetadataTransport;
use url::Url;

/// Longest time for all requests of a check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the repository is, and what it is checked against.
#[derive(Debug, Clone)]
pub struct RepositoryConfig {
    /// Directory of `timestamp.json`; `http`, `https` or `file`.
    pub metadata_url: Url,
    /// Directory of the targets; `http`, `https` or `file`.
    pub targets_url: Url,
    /// The root metadata that is trusted from the start.
    pub root: PathBuf,
    /// Directory for what was seen, by which older metadata is recognized. Made when it is missing.
    pub datastore: PathBuf,
}

/// A TUF repository.
#[derive(Debug)]
pub struct TufRepository {
    /// Without credentials: the verifier writes it into its errors.
    metadata_url: Url,
    targets_url: Url,
    root: PathBuf,
    location: String,
    transport: MetadataTransport,
    /// What was seen. Checks change it, hence one at a time.
    datastore: Mutex<Datastore>,
}

impl TufRepository {
    /// Opens nothing yet: [`Repository::check`] does.
    ///
    /// # Errors
    /// [`RepositoryError`] when there can be no HTTP client here, for instance without certificates of authorities.
    pub fn new(config: RepositoryConfig) -> Result<Self, RepositoryError> {
        let transport =
            MetadataTransport::new(config.metadata_url.clone()).map_err(|error| RepositoryError {
                message: "This system cannot make HTTP requests. Check its TLS certificates.".to_owned(),
                detail: crate::http::report(error),
            })?;
        let metadata_url = without_secrets(&config.metadata_url);
        Ok(Self {
            location: metadata_url.clone().into(),
            metadata_url,
            targets_url: without_secrets(&config.targets_url),
            root: config.root,
            transport,
            datastore: Mutex::new(Datastore::new(config.datastore)),
        })
    }

    async fn load(&self) -> Result<tough::Repository, RepositoryError> {
        let root = tokio::fs::read(&self.root).await.map_err(|error| RepositoryError {
            message: "The trusted root of the repository cannot be read. Install it again.".to_owned(),
            detail: format!("{}: {error}", self.root.display()),
        })?;
        let datastore = self.datastore.lock().await;
        let scratch = datastore.begin().await?;
        let loading = RepositoryLoader::new(&root, self.metadata_url.clone(), self.targets_url.clone())
            .transport(self.transport.clone())
            .datastore(scratch)
            .expiration_enforcement(ExpirationEnforcement::Safe)
            .load();
        // What was cut off may have left a torn file, hence is not kept.
        let loaded = tokio::time::timeout(CHECK_TIMEOUT, loading)
            .await
            .map_err(|_| sentence::too_slow(&self.location, CHECK_TIMEOUT))?;
        // What was verified before a failure counts as seen too: it must not be possible to go back behind it.
        datastore.commit().await?;
        loaded.map_err(|error| sentence::explain(&self.location, &error))
    }
}

#[async_trait]
impl Repository for TufRepository {
    fn location(&self) -> &str {
        &self.location
    }

    async fn check(&self) -> Result<Vec<Release>, RepositoryError> {
        Ok(custom::releases(&self.load().await?))
    }
}
