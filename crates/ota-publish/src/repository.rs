//! A TUF repository on disk: static files that any web server can serve.
//!
//! Layout: `metadata/` and `targets/`, with consistent snapshots (TUF 6.2), so that every file but `timestamp.json` has its
//! version or hash in its name and never changes. A change writes all new files first and replaces `timestamp.json` last:
//! a reader sees the old repository or the new one.

mod expiry;
mod metadata;
mod store;

pub use expiry::Expiry;
pub use tough::schema::RoleType;

use crate::atomic::WriteError;
use crate::keys::{Keys, KeysError};
use metadata::Signer;
use serde_json::{Map, Value};
use std::io;
use std::path::{Path, PathBuf};
use store::Store;
use tough::schema::{Root, Snapshot, Target, Targets, Timestamp};
use tough::{ExpirationEnforcement, FilesystemTransport, RepositoryLoader, TargetName};

/// The repository could not be read or changed. Nothing of a failed change is visible to readers.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// `init` where a repository is.
    #[error("there is a repository in {} already", path.display())]
    Exists { path: PathBuf },
    /// No root metadata in the directory.
    #[error("there is no repository in {}", path.display())]
    Missing { path: PathBuf },
    /// A file or directory cannot be read, locked or deleted.
    #[error("cannot read or change {}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// A file cannot be written.
    #[error("cannot store the repository")]
    Write(#[from] WriteError),
    /// A directory that has no URL, such as a relative one that does not exist.
    #[error("{} cannot be addressed as a file URL", path.display())]
    Address { path: PathBuf },
    /// The publisher's keys cannot be used.
    #[error("cannot use the keys")]
    Keys(#[from] KeysError),
    /// Existing metadata is refused, or cannot be signed: a key is missing, say.
    #[error("cannot verify or sign the metadata")]
    Metadata(#[source] Box<tough::error::Error>),
    /// A key or role cannot be expressed as TUF metadata.
    #[error("cannot build the metadata")]
    Schema(#[source] Box<tough::schema::Error>),
    /// A name that would need escaping on the way to the gateway.
    #[error(
        "\"{name}\" cannot name a target: letters, digits, '.', '_' and '-' can, and a letter or digit comes first"
    )]
    Name { name: String },
    /// Another target has the same name.
    #[error("the repository already has a target {name}")]
    Duplicate { name: String },
    /// Another target's `custom` has the same `id`.
    #[error("{name} already has the id {id}")]
    DuplicateId { id: String, name: String },
    /// There is no such target.
    #[error("the repository has no target {name}")]
    Unknown { name: String },
    /// A task of the publisher was cancelled.
    #[error("the work was interrupted")]
    Interrupted,
}

// Both are large; an error should not make every result so.
impl From<tough::error::Error> for RepositoryError {
    fn from(error: tough::error::Error) -> Self {
        Self::Metadata(Box::new(error))
    }
}

impl From<tough::schema::Error> for RepositoryError {
    fn from(error: tough::schema::Error) -> Self {
        Self::Schema(Box::new(error))
    }
}

/// A target that the repository lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// TUF target name.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// Where the file is.
    pub path: PathBuf,
    /// What the publisher says about it.
    pub custom: Map<String, Value>,
}

/// A repository together with the keys that sign it.
#[derive(Debug, Clone)]
pub struct Repository {
    store: Store,
    keys: Keys,
}

/// The metadata that clients trust now.
struct Current {
    root: Root,
    targets: Targets,
    snapshot: Snapshot,
    timestamp: Timestamp,
}

impl Repository {
    /// Makes an empty repository in `directory`, which is created.
    ///
    /// # Errors
    /// [`RepositoryError::Exists`] when there is one; others when keys or disk fail.
    pub async fn init(
        directory: impl Into<PathBuf>,
        keys: &Keys,
        expiry: &Expiry,
    ) -> Result<Self, RepositoryError> {
        let repository = Self { store: Store::new(directory.into()), keys: keys.clone() };
        repository.store.create()?;
        let _alone = repository.store.lock().await?;
        if repository.store.newest_root()?.is_some() {
            return Err(RepositoryError::Exists { path: repository.store.directory().to_owned() });
        }
        let root = metadata::first_root(keys, expiry).await?;
        let signer = Signer::new(keys, root.clone(), None)?;
        let signed_root = signer.sign(root).await?;
        let targets = signer.sign(metadata::empty_targets(expiry)).await?;
        let snapshot = signer.sign(metadata::snapshot(None, metadata::listing(&targets), expiry)).await?;
        let timestamp = signer.sign(metadata::timestamp(None, &snapshot, expiry)).await?;
        repository.store.put(&targets)?;
        repository.store.put(&snapshot)?;
        repository.store.put(&timestamp)?;
        // The root comes last here: without it there is no repository, and an interrupted `init` starts again.
        repository.store.put(&signed_root)?;
        Ok(repository)
    }

    /// Opens an existing repository.
    ///
    /// # Errors
    /// [`RepositoryError::Missing`] when there is none.
    pub fn open(directory: impl Into<PathBuf>, keys: &Keys) -> Result<Self, RepositoryError> {
        let repository = Self { store: Store::new(directory.into()), keys: keys.clone() };
        match repository.store.newest_root()? {
            Some(_) => Ok(repository),
            None => Err(RepositoryError::Missing { path: repository.store.directory().to_owned() }),
        }
    }

    /// The directory that a web server serves.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.store.directory()
    }

    /// The keys that sign it.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The root that gateways are given at commissioning: the first one, from which a client follows every rotation.
    #[must_use]
    pub fn root_json(&self) -> PathBuf {
        self.store.root_path(1)
    }

    /// Everything that is published now, by name.
    ///
    /// # Errors
    /// [`RepositoryError`] when the metadata is missing or not ours.
    pub async fn targets(&self) -> Result<Vec<Published>, RepositoryError> {
        let current = self.load().await?;
        let mut list: Vec<Published> =
            current.targets.targets.iter().map(|(name, target)| self.published(name, target)).collect();
        list.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(list)
    }

    /// Copies `bundle` into the repository and lists it under `name` with `custom`. Whether the file can be installed is not
    /// looked at here; [`crate::release::add`] does that.
    ///
    /// # Errors
    /// [`RepositoryError`] when the name or id is taken, or keys or disk fail.
    pub async fn add(
        &self,
        bundle: &Path,
        name: &str,
        custom: Map<String, Value>,
        expiry: &Expiry,
    ) -> Result<Published, RepositoryError> {
        let target_name = checked_name(name)?;
        let _alone = self.store.lock().await?;
        let mut current = self.load().await?;
        if current.targets.targets.contains_key(&target_name) {
            return Err(RepositoryError::Duplicate { name: name.to_owned() });
        }
        unique_id(&current.targets, &custom)?;
        let mut target = self.store.take_in(bundle, name).await?;
        target.custom = custom.into_iter().collect();
        let published = self.published(&target_name, &target);
        current.targets.add_target(target_name, target);
        self.publish(&current, true, &self.signer(&current)?, expiry).await?;
        Ok(published)
    }

    /// Takes a target off the list, then deletes its file.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`] when it is not listed; others when keys or disk fail.
    pub async fn remove(&self, name: &str, expiry: &Expiry) -> Result<(), RepositoryError> {
        let target_name = checked_name(name)?;
        let _alone = self.store.lock().await?;
        let mut current = self.load().await?;
        let Some(target) = current.targets.remove_target(&target_name) else {
            return Err(RepositoryError::Unknown { name: name.to_owned() });
        };
        let path = self.published(&target_name, &target).path;
        self.publish(&current, true, &self.signer(&current)?, expiry).await?;
        std::fs::remove_file(&path).map_err(|source| RepositoryError::File { path, source })
    }

    /// Signs timestamp and snapshot anew, so that clients go on trusting the repository; the list of targets too when
    /// [`Expiry::renews`] it. The root's key is not needed.
    ///
    /// # Errors
    /// [`RepositoryError`] when keys or disk fail.
    pub async fn refresh(&self, expiry: &Expiry) -> Result<(), RepositoryError> {
        let _alone = self.store.lock().await?;
        let current = self.load().await?;
        let renew_targets = expiry.renews(current.targets.expires);
        self.publish(&current, renew_targets, &self.signer(&current)?, expiry).await
    }

    /// Makes the repository one that expired, or will expire, at `when`: what a client sees whose publisher stopped
    /// refreshing it.
    ///
    /// # Errors
    /// [`RepositoryError`] when keys or disk fail.
    pub async fn expire(&self, when: jiff::Timestamp) -> Result<(), RepositoryError> {
        self.refresh(&Expiry::at(when)).await
    }

    /// Keeps the repository as it is now in `directory`, which must not exist: what an attacker would replay later. Files that
    /// never change are shared with it.
    ///
    /// # Errors
    /// [`RepositoryError`] when the directory exists, or is on another file system.
    pub async fn keep_copy(&self, directory: impl Into<PathBuf>) -> Result<(), RepositoryError> {
        let _alone = self.store.lock().await?;
        self.store.copy_all(directory.into()).await
    }

    /// Replaces the key of a role by a new one (TUF 6.1). Everything is signed with the old and the new key in this one
    /// change, so a reader in between accepts it under either root.
    ///
    /// # Errors
    /// [`RepositoryError`] when the root's key is missing, or disk fails.
    pub async fn rotate(&self, role: RoleType, expiry: &Expiry) -> Result<(), RepositoryError> {
        let _alone = self.store.lock().await?;
        let current = self.load().await?;
        self.keys.add_role_key(role)?;
        let root = metadata::next_root(&current.root, role, &self.keys, expiry).await?;
        let signer = Signer::new(&self.keys, root.clone(), Some(current.root.clone()))?;
        let signed_root = signer.sign(root).await?;
        self.publish(&current, true, &signer, expiry).await?;
        self.store.put(&signed_root)
    }

    /// Writes the chain of metadata that ends in a new timestamp; only that one replaces a file which clients read.
    async fn publish(
        &self,
        current: &Current,
        targets_changed: bool,
        signer: &Signer,
        expiry: &Expiry,
    ) -> Result<(), RepositoryError> {
        let mut listing = current.snapshot.meta.clone();
        if targets_changed {
            let targets = signer.sign(metadata::renewed_targets(&current.targets, expiry)).await?;
            self.store.put(&targets)?;
            listing = metadata::listing(&targets);
        }
        let snapshot =
            signer.sign(metadata::snapshot(Some(current.snapshot.version), listing, expiry)).await?;
        self.store.put(&snapshot)?;
        let timestamp = metadata::timestamp(Some(current.timestamp.version), &snapshot, expiry);
        self.store.put(&signer.sign(timestamp).await?)?;
        self.store.prune()
    }

    fn signer(&self, current: &Current) -> Result<Signer, RepositoryError> {
        Signer::new(&self.keys, current.root.clone(), None)
    }

    /// Reads and verifies what is on disk. Expired metadata is read too: this is the publisher, who is about to renew it.
    async fn load(&self) -> Result<Current, RepositoryError> {
        let Some(root) = self.store.newest_root()? else {
            return Err(RepositoryError::Missing { path: self.directory().to_owned() });
        };
        let root = std::fs::read(&root).map_err(|source| RepositoryError::File { path: root, source })?;
        let loaded = RepositoryLoader::new(&root, self.store.metadata_url()?, self.store.targets_url()?)
            .transport(FilesystemTransport)
            .expiration_enforcement(ExpirationEnforcement::Unsafe)
            .load()
            .await?;
        Ok(Current {
            root: loaded.root().signed.clone(),
            targets: loaded.targets().signed.clone(),
            snapshot: loaded.snapshot().signed.clone(),
            timestamp: loaded.timestamp().signed.clone(),
        })
    }

    fn published(&self, name: &TargetName, target: &Target) -> Published {
        let sha256 = hex::encode(&target.hashes.sha256);
        Published {
            name: name.raw().to_owned(),
            length: target.length,
            path: self.store.target_path(&sha256, name.raw()),
            sha256,
            custom: target.custom.clone().into_iter().collect(),
        }
    }
}

/// Names that are the same in a URL and on disk: no escaping, no directories, no hidden files.
fn checked_name(name: &str) -> Result<TargetName, RepositoryError> {
    let invalid = || RepositoryError::Name { name: name.to_owned() };
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !plain || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) || name.len() > 128 {
        return Err(invalid());
    }
    TargetName::new(name).map_err(|_| invalid())
}

/// An `id` names one update to clients; two targets with the same one could not be told apart.
fn unique_id(targets: &Targets, custom: &Map<String, Value>) -> Result<(), RepositoryError> {
    let Some(id) = custom.get("id").and_then(Value::as_str) else { return Ok(()) };
    let taken = targets.targets.iter().find(|(_, target)| {
        target.custom.get("id").and_then(Value::as_str).is_some_and(|existing| existing == id)
    });
    match taken {
        Some((name, _)) => {
            Err(RepositoryError::DuplicateId { id: id.to_owned(), name: name.raw().to_owned() })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::checked_name;

    #[test]
    fn names_that_need_escaping_or_leave_the_directory_are_refused() {
        for name in ["", ".hidden", "../up", "a/b", "a b", "a+b", "-x", "ä", &"x".repeat(129)] {
            assert!(checked_name(name).is_err(), "{name}");
        }
        for name in ["univa-gw-pro-v5.0.5.raucb", "5_0.raucb"] {
            assert!(checked_name(name).is_ok(), "{name}");
        }
    }
}
