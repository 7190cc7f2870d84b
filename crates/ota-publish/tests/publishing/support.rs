//! A publisher's directory, and a client as the gateway is one.

use ota_publish::keys::Keys;
use ota_publish::release::{Publication, Release};
use ota_publish::repository::{Expiry, Repository};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tough::{IntoVec, RepositoryLoader, TargetName};

/// Size of the images here: 4 MiB.
pub const SMALL: u64 = 4 << 20;

pub struct Publisher {
    pub directory: TempDir,
    pub keys: Keys,
    pub repository: Repository,
}

impl Publisher {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::create(directory.path().join("keys")).unwrap();
        let repository =
            Repository::init(directory.path().join("repository"), &keys, &Expiry::usual()).await.unwrap();
        Self { directory, keys, repository }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub async fn publish(&self, id: &str, version: &str) -> Publication {
        Release::new(id, version).image_size(SMALL).publish(&self.repository).await.unwrap()
    }
}

/// A client that remembers what it has seen.
pub struct Client {
    seen: TempDir,
    root: Vec<u8>,
}

impl Client {
    pub fn new(repository: &Repository) -> Self {
        Self { seen: tempfile::tempdir().unwrap(), root: std::fs::read(repository.root_json()).unwrap() }
    }

    /// Loads and verifies the metadata; `base` ends in a slash.
    pub async fn load(&self, base: &str) -> Result<tough::Repository, tough::error::Error> {
        let url = |name: &str| format!("{base}{name}/").parse().unwrap();
        let loader = RepositoryLoader::new(&self.root, url("metadata"), url("targets"));
        loader.datastore(self.seen.path()).load().await
    }
}

pub async fn content(repository: &tough::Repository, name: &str) -> Vec<u8> {
    let name = TargetName::new(name).unwrap();
    repository.read_target(&name).await.unwrap().unwrap().into_vec().await.unwrap()
}

/// Every file below a directory with its content, by relative path.
pub fn files(directory: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(directory).unwrap().to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}
