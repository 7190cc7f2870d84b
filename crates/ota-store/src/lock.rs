//! Locks between processes, beside the database. They end with the process, however it ends.
//!
//! They are files of their own: closing a descriptor of the database itself would drop SQLite's locks on it.

use ota_engine::ports::StoreError;
use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The right to serve from a database, until it is dropped.
#[derive(Debug)]
pub struct ServiceLock {
    _held: File,
}

impl ServiceLock {
    /// Does not wait: whoever serves does so for long.
    ///
    /// # Errors
    /// When another process has it.
    pub fn take(database: &Path) -> Result<Self, StoreError> {
        let path = beside(database, ".lock");
        let file = lock_file(&path).map_err(|error| refused(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _held: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Failed(format!(
                "the database {} is in use by another instance of the service; stop that one first",
                database.display()
            ))),
            Err(TryLockError::Error(error)) => Err(refused(&path, &error)),
        }
    }
}

/// Waits until no other process is creating or migrating the database; holds them off until the file is dropped.
pub(crate) fn schema_lock(database: &Path) -> Result<File, StoreError> {
    let path = beside(database, ".schema-lock");
    let lock = || {
        let file = lock_file(&path)?;
        file.lock()?;
        Ok(file)
    };
    lock().map_err(|error| refused(&path, &error))
}

/// Creates the database empty and private to its owner: it holds password hashes. SQLite gives its side files the same
/// mode. An existing file is not opened here (see above).
pub(crate) fn create_private(database: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(database) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => {
            Err(StoreError::Failed(format!("cannot create the database {}: {error}", database.display())))
        }
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

fn refused(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Failed(format!("cannot lock {}: {error}", path.display()))
}
