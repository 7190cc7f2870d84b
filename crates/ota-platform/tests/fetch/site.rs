//! A server with one target, and a gateway's staging.

use ota_core::{FailureCode, TargetFile};
use ota_engine::ports::{Fetcher, Meter, StepError};
use ota_platform::{FetchConfig, Patience, ResumableFetcher};
use ota_publish::faults::FaultyServer;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

/// Ends neither on a block nor on a page.
pub const LENGTH: usize = (4 << 20) + 1234;

pub struct Site {
    pub server: FaultyServer,
    pub target: TargetFile,
    pub content: Vec<u8>,
    pub directory: TempDir,
}

impl Site {
    pub async fn new() -> Self {
        Self::with_content(noise(LENGTH)).await
    }

    pub async fn with_content(content: Vec<u8>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sha256 = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content));
        let target = TargetFile { name: "gateway.raucb".to_owned(), length: content.len() as u64, sha256 };
        let targets = directory.path().join("repository/targets");
        fs::create_dir_all(&targets).unwrap();
        fs::write(targets.join(format!("{}.{}", target.sha256, target.name)), &content).unwrap();
        let server = FaultyServer::start(&directory.path().join("repository")).await.unwrap();
        Self { server, target, content, directory }
    }

    pub fn staging(&self) -> PathBuf {
        self.directory.path().join("staging")
    }

    pub fn staged(&self, suffix: &str) -> PathBuf {
        self.staging().join(format!("{}.{suffix}", self.target.sha256))
    }

    /// Another process, as it were: nothing is shared with earlier ones but the disk.
    pub fn fetcher(&self) -> ResumableFetcher {
        self.fetcher_to(&self.staging(), &self.server.url("targets"))
    }

    pub fn fetcher_to(&self, staging: &Path, targets_url: &str) -> ResumableFetcher {
        let patience = Patience {
            tries: 4,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(5),
            silence: Duration::from_secs(20),
        };
        let (staging, targets_url) = (staging.to_owned(), Url::parse(targets_url).unwrap());
        ResumableFetcher::new(FetchConfig { targets_url, staging, patience }).unwrap()
    }

    pub async fn fetch(&self) -> Result<PathBuf, StepError> {
        let meter = Meter::default();
        let fetched = self.fetcher().fetch(&self.target, &meter, &CancellationToken::new()).await;
        if fetched.is_ok() {
            assert_eq!(meter.read(), (self.target.length, self.target.length));
        }
        fetched
    }

    /// Downloads, and compares every byte and what is left in staging.
    pub async fn fetch_whole(&self) {
        let path = self.fetch().await.unwrap();
        assert_eq!(path, self.staged("raucb"));
        assert!(fs::read(path).unwrap() == self.content, "other bytes than the server's");
        assert_eq!(fs::read_dir(self.staging()).unwrap().count(), 1);
    }

    /// A download on a task of its own, which can be stopped in any way.
    pub fn start(&self) -> Running {
        let (fetcher, target) = (self.fetcher(), self.target.clone());
        let (meter, cancel) = (Arc::new(Meter::default()), CancellationToken::new());
        let (its_meter, its_cancel) = (Arc::clone(&meter), cancel.clone());
        let task = tokio::spawn(async move { fetcher.fetch(&target, &its_meter, &its_cancel).await });
        Running { meter, cancel, task }
    }

    /// Bytes that the checkpoint vouches for.
    pub fn checkpoint(&self) -> u64 {
        let Ok(text) = fs::read(self.staged("json")) else { return 0 };
        let checkpoint: serde_json::Value = serde_json::from_slice(&text).unwrap();
        checkpoint["offset"].as_u64().unwrap()
    }

    /// What the server sent, in shares of the target.
    pub fn share_sent(&self) -> f64 {
        self.server.bytes_sent("targets") as f64 / self.target.length as f64
    }
}

pub struct Running {
    pub meter: Arc<Meter>,
    pub cancel: CancellationToken,
    pub task: JoinHandle<Result<PathBuf, StepError>>,
}

pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap_or_else(|_| panic!("never happened: {what}"));
}

pub fn code(result: Result<PathBuf, StepError>) -> FailureCode {
    match result.unwrap_err() {
        StepError::Failed { code, message, .. } => {
            assert!(message.ends_with('.'), "{message}");
            code
        }
        other => panic!("{other}"),
    }
}

/// Bytes without a pattern, always the same.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}
