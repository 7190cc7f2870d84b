//! A publisher with a server, and a gateway that checks it.

use ota_core::Release;
use ota_engine::ports::{Repository as _, RepositoryError};
use ota_platform::{RepositoryConfig, TufRepository};
use ota_publish::faults::FaultyServer;
use ota_publish::keys::Keys;
use ota_publish::repository::{Expiry, Repository};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use url::Url;

pub struct Site {
    pub directory: TempDir,
    pub repository: Repository,
    pub server: FaultyServer,
}

impl Site {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::create(directory.path().join("keys")).unwrap();
        let repository =
            Repository::init(directory.path().join("repository"), &keys, &Expiry::usual()).await.unwrap();
        let server = FaultyServer::start(repository.directory()).await.unwrap();
        fs::copy(repository.root_json(), directory.path().join("root.json")).unwrap();
        Self { directory, repository, server }
    }

    pub async fn publish(&self, name: &str, custom: Value) {
        let bundle = self.directory.path().join("bundle");
        fs::write(&bundle, name).unwrap();
        let Value::Object(custom) = custom else { panic!("not an object") };
        self.repository.add(&bundle, name, custom, &Expiry::usual()).await.unwrap();
    }

    pub async fn publish_release(&self, id: &str, version: &str) {
        self.publish(&format!("gateway-{version}.raucb"), custom(id, version)).await;
    }

    /// A gateway that has just been started.
    pub fn gateway(&self) -> TufRepository {
        self.gateway_at(&self.server.url("metadata"))
    }

    pub fn gateway_at(&self, metadata_url: &str) -> TufRepository {
        TufRepository::new(RepositoryConfig {
            metadata_url: Url::parse(metadata_url).unwrap(),
            targets_url: Url::parse(&self.server.url("targets")).unwrap(),
            root: self.directory.path().join("root.json"),
            datastore: self.directory.path().join("tuf"),
        })
        .unwrap()
    }

    pub async fn check(&self) -> Result<Vec<Release>, RepositoryError> {
        self.gateway().check().await
    }

    /// The operator's sentence about a check that fails; the check after it works again.
    pub async fn refusal(&self) -> String {
        let error = self.check().await.unwrap_err();
        assert!(error.message.ends_with('.') && !error.detail.is_empty(), "{error:?}");
        error.message
    }

    pub fn copy_repository(&self, name: &str) -> PathBuf {
        let copy = self.directory.path().join(name);
        for part in ["metadata", "targets"] {
            fs::create_dir_all(copy.join(part)).unwrap();
            for entry in fs::read_dir(self.repository.directory().join(part)).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), copy.join(part).join(entry.file_name())).unwrap();
            }
        }
        copy
    }
}

pub fn custom(id: &str, version: &str) -> Value {
    json!({
        "id": id, "version": version, "type": "security", "severity": "critical", "released": "2025-03-15",
        "description": "Fixes.", "changelog": ["One."], "compatible": ["Univa-GW-Pro"], "kernel": "6.1.34-LTS"
    })
}

pub fn versions(releases: &[Release]) -> Vec<&str> {
    releases.iter().map(|release| release.version.as_str()).collect()
}

/// Changes a signed document on the disk.
pub fn edit(path: &Path, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(document["signed"].as_object_mut().unwrap());
    fs::write(path, document.to_string()).unwrap();
}
