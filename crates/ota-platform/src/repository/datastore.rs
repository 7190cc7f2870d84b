//! What was seen of the repository, kept so that a power cut leaves the state before a check or the one after it.
//!
//! `tough` overwrites its files in place, and passes over one that it cannot read: a torn `timestamp.json` would silently
//! end the protection against older metadata. Hence it works on a copy, whose files then replace the old ones.

use ota_engine::ports::RepositoryError;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const SCRATCH: &str = "checking";

#[derive(Debug)]
pub(super) struct Datastore {
    directory: PathBuf,
}

impl Datastore {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Makes a copy to work on and returns its directory. One that a broken-off check left behind is thrown away.
    pub(super) async fn begin(&self) -> Result<PathBuf, RepositoryError> {
        self.blocking(copy).await
    }

    /// Makes what was written into the copy durable, as what was seen.
    pub(super) async fn commit(&self) -> Result<(), RepositoryError> {
        self.blocking(replace).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let directory = self.directory.clone();
        let done = tokio::task::spawn_blocking(move || work(&directory)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| RepositoryError {
            message: "What is known about the repository cannot be stored. Check the gateway's disk."
                .to_owned(),
            detail: format!("{}: {error}", self.directory.display()),
        })
    }
}

fn copy(directory: &Path) -> io::Result<PathBuf> {
    let scratch = directory.join(SCRATCH);
    match fs::remove_dir_all(&scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(&scratch)?,
    }
    for name in files(directory)? {
        fs::copy(directory.join(&name), scratch.join(&name))?;
    }
    Ok(scratch)
}

fn replace(directory: &Path) -> io::Result<()> {
    let scratch = directory.join(SCRATCH);
    let new = files(&scratch)?;
    for name in &new {
        File::open(scratch.join(name))?.sync_all()?;
        fs::rename(scratch.join(name), directory.join(name))?;
    }
    // The client forgets what keys have signed that the root no longer names (TUF 5.3.11).
    for name in files(directory)?.difference(&new) {
        fs::remove_file(directory.join(name))?;
    }
    fs::remove_dir(&scratch)?;
    File::open(directory)?.sync_all()
}

fn files(directory: &Path) -> io::Result<BTreeSet<OsString>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.insert(entry.file_name());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::Datastore;
    use std::fs;

    #[tokio::test]
    async fn a_check_that_breaks_off_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let seen = directory.path().join("tuf");
        let datastore = Datastore::new(seen.clone());
        let scratch = datastore.begin().await.unwrap();
        fs::write(scratch.join("timestamp.json"), "1").unwrap();
        fs::write(scratch.join("snapshot.json"), "1").unwrap();
        datastore.commit().await.unwrap();

        fs::write(datastore.begin().await.unwrap().join("timestamp.json"), "torn").unwrap();
        assert_eq!(fs::read_to_string(seen.join("timestamp.json")).unwrap(), "1");

        let scratch = datastore.begin().await.unwrap();
        assert_eq!(fs::read_to_string(scratch.join("timestamp.json")).unwrap(), "1");
        fs::remove_file(scratch.join("snapshot.json")).unwrap();
        fs::write(scratch.join("timestamp.json"), "2").unwrap();
        datastore.commit().await.unwrap();
        assert_eq!(fs::read_to_string(seen.join("timestamp.json")).unwrap(), "2");
        assert!(!seen.join("snapshot.json").exists() && !scratch.exists());
    }
}
