//! Files that appear whole or not at all: written beside their place, synced, then given their name.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file or directory could not be put in its place.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

impl WriteError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// Replaces or creates `path` with `content` and permissions `mode`, durably: after a power cut the file holds either its old
/// or its new content.
///
/// # Errors
/// [`WriteError`] when the directory is missing, full or not writable.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), WriteError> {
    let staged = stage(path, content, mode)?;
    staged.persist(path).map_err(|error| WriteError { path: path.to_owned(), source: error.error })?;
    sync_parent(path)
}

/// Creates `path` with `content` and permissions `mode`, unless it exists. Returns whether it was created.
///
/// # Errors
/// [`WriteError`] when the directory is missing, full or not writable.
pub fn create(path: &Path, content: &[u8], mode: u32) -> Result<bool, WriteError> {
    let staged = stage(path, content, mode)?;
    match staged.persist_noclobber(path) {
        Ok(_) => sync_parent(path).map(|()| true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(WriteError { path: path.to_owned(), source: error.error }),
    }
}

/// Gives the finished file `from` the name `to` on the same file system, durably.
///
/// # Errors
/// [`WriteError`] when the file cannot be synced or renamed.
pub fn publish(from: &Path, to: &Path) -> Result<(), WriteError> {
    File::open(from).and_then(|file| file.sync_all()).map_err(WriteError::at(from))?;
    fs::rename(from, to).map_err(WriteError::at(to))?;
    sync_parent(to)
}

/// Creates a directory and its parents; the directory itself gets the permissions `mode`.
///
/// # Errors
/// [`WriteError`] when it cannot be created, or its permissions not set.
pub fn directory(path: &Path, mode: u32) -> Result<(), WriteError> {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(WriteError::at(path))
}

/// A directory's own list of names must reach the disk too, or a renamed file may be lost with the power.
///
/// # Errors
/// [`WriteError`] when the directory cannot be opened or synced.
pub fn sync_parent(path: &Path) -> Result<(), WriteError> {
    let parent = parent_of(path);
    File::open(parent).and_then(|directory| directory.sync_all()).map_err(WriteError::at(parent))
}

/// The directory that holds `path`; the current one for a bare name.
#[must_use]
pub fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn stage(path: &Path, content: &[u8], mode: u32) -> Result<NamedTempFile, WriteError> {
    let write = || {
        let mut staged = NamedTempFile::with_prefix_in(".new-", parent_of(path))?;
        staged.write_all(content)?;
        staged.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        staged.as_file().sync_all()?;
        Ok(staged)
    };
    write().map_err(WriteError::at(path))
}

#[cfg(test)]
mod tests {
    use super::{create, replace};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn created_files_are_never_overwritten_and_replaced_ones_are() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        assert!(create(&path, b"first", 0o600).unwrap());
        assert!(!create(&path, b"second", 0o644).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        replace(&path, b"third", 0o644).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_missing_directory_is_an_error_that_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("missing/file");
        let error = replace(&path, b"x", 0o644).unwrap_err();
        assert!(error.to_string().contains("missing/file"), "{error}");
    }
}
