//! The repository's files.

use super::RepositoryError;
use crate::atomic;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tough::editor::signed::SignedRole;
use tough::schema::{Hashes, Role, Target};
use url::Url;

/// Old lists that stay for clients which read the timestamp before a change: enough for a client that takes a long time.
const KEPT_VERSIONS: u64 = 16;

#[derive(Debug, Clone)]
pub(super) struct Store {
    directory: PathBuf,
}

impl Store {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn create(&self) -> Result<(), RepositoryError> {
        for directory in [self.metadata(), self.targets()] {
            atomic::directory(&directory, 0o755)?;
        }
        Ok(())
    }

    /// Waits until no other process changes the repository; released when dropped. Readers need no lock.
    pub(super) async fn lock(&self) -> Result<File, RepositoryError> {
        let path = self.targets();
        blocking(move || {
            let open = || {
                let directory = File::open(&path)?;
                directory.lock()?;
                Ok(directory)
            };
            open().map_err(|source| RepositoryError::File { path: path.clone(), source })
        })
        .await
    }

    pub(super) fn root_path(&self, version: u64) -> PathBuf {
        self.metadata().join(format!("{version}.root.json"))
    }

    pub(super) fn target_path(&self, sha256: &str, name: &str) -> PathBuf {
        self.targets().join(format!("{sha256}.{name}"))
    }

    pub(super) fn newest_root(&self) -> Result<Option<PathBuf>, RepositoryError> {
        Ok(self.versions("root.json")?.into_iter().max().map(|version| self.root_path(version)))
    }

    /// Writes a signed document under the name that clients look for.
    pub(super) fn put<R: Role>(&self, role: &SignedRole<R>) -> Result<(), RepositoryError> {
        let name = role.signed().signed.filename(true);
        Ok(atomic::replace(&self.metadata().join(name), role.buffer(), 0o644)?)
    }

    /// Copies a file into the repository and describes it by what was copied.
    pub(super) async fn take_in(&self, file: &Path, name: &str) -> Result<Target, RepositoryError> {
        let (file, name, store) = (file.to_owned(), name.to_owned(), self.clone());
        blocking(move || store.copy(&file, &name)).await
    }

    /// The same repository in another directory: its files are replaced by renaming and never written into, so links do.
    pub(super) async fn copy_all(&self, to: PathBuf) -> Result<(), RepositoryError> {
        let (metadata, targets, copy) = (self.metadata(), self.targets(), Self::new(to));
        blocking(move || {
            let link = |from: &Path, to: &Path| {
                fs::create_dir_all(to)?;
                for entry in fs::read_dir(from)? {
                    let entry = entry?;
                    fs::hard_link(entry.path(), to.join(entry.file_name()))?;
                }
                Ok(())
            };
            link(&metadata, &copy.metadata())
                .and_then(|()| link(&targets, &copy.targets()))
                .map_err(|source| RepositoryError::File { path: copy.directory.clone(), source })
        })
        .await
    }

    /// Deletes lists that no client can still be reading. Roots stay for ever: an old client follows them one by one.
    pub(super) fn prune(&self) -> Result<(), RepositoryError> {
        for document in ["targets.json", "snapshot.json"] {
            let versions = self.versions(document)?;
            let newest = versions.iter().copied().max().unwrap_or_default();
            for version in versions.into_iter().filter(|version| version + KEPT_VERSIONS <= newest) {
                let path = self.metadata().join(format!("{version}.{document}"));
                fs::remove_file(&path).map_err(|source| RepositoryError::File { path, source })?;
            }
        }
        Ok(())
    }

    pub(super) fn metadata_url(&self) -> Result<Url, RepositoryError> {
        file_url(&self.metadata())
    }

    pub(super) fn targets_url(&self) -> Result<Url, RepositoryError> {
        file_url(&self.targets())
    }

    fn metadata(&self) -> PathBuf {
        self.directory.join("metadata")
    }

    fn targets(&self) -> PathBuf {
        self.directory.join("targets")
    }

    /// The versions that exist of `<version>.<document>`.
    fn versions(&self, document: &str) -> Result<Vec<u64>, RepositoryError> {
        let directory = self.metadata();
        let failed = |source| RepositoryError::File { path: directory.clone(), source };
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut versions = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_string_lossy();
            let version = name.split_once('.').filter(|(_, rest)| *rest == document);
            versions.extend(version.and_then(|(version, _)| version.parse::<u64>().ok()));
        }
        Ok(versions)
    }

    fn copy(&self, file: &Path, name: &str) -> Result<Target, RepositoryError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| RepositoryError::File { path, source }
        };
        let mut source = File::open(file).map_err(failed(file))?;
        let targets = self.targets();
        let staged =
            tempfile::Builder::new().prefix(".new-").tempfile_in(&targets).map_err(failed(&targets))?;
        let (sha256, length) = copy_and_hash(&mut source, &mut staged.as_file()).map_err(failed(file))?;
        let path = self.target_path(&hex::encode(&sha256), name);
        staged.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed(&path))?;
        atomic::publish(staged.path(), &path)?;
        // It has its name now; dropping the guard must not look for the old one.
        let _ = staged.into_temp_path().keep();
        let hashes = Hashes { sha256: sha256.into(), _extra: HashMap::new() };
        Ok(Target { length, hashes, custom: HashMap::new(), _extra: HashMap::new() })
    }
}

fn copy_and_hash(from: &mut File, to: &mut impl Write) -> io::Result<(Vec<u8>, u64)> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        let count = from.read(&mut buffer)?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else { break };
        context.update(chunk);
        to.write_all(chunk)?;
        length += count as u64;
    }
    Ok((context.finish().as_ref().to_vec(), length))
}

fn file_url(directory: &Path) -> Result<Url, RepositoryError> {
    let absolute = fs::canonicalize(directory)
        .map_err(|source| RepositoryError::File { path: directory.to_owned(), source })?;
    Url::from_directory_path(&absolute).map_err(|()| RepositoryError::Address { path: absolute })
}

/// Runs file work that may take long away from the tasks that serve.
pub(crate) async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, RepositoryError>
where
    T: Send + 'static,
    E: Into<RepositoryError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(RepositoryError::Interrupted),
    }
}
