//! The lock file that all programs which touch the environment share.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::Error;

/// An exclusive lock; released on drop.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Waits until no other process, and no other thread of this one, holds the lock.
    pub(crate) fn acquire(path: &Path) -> Result<Self, Error> {
        let fault = |source| Error::Lock { path: path.to_owned(), source };
        let file = open(path).map_err(fault)?;
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Self { file }),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(fault(errno.into())),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Explicitly: a child that was forked a moment ago may still hold a copy of the descriptor until it executes.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Opens without creating first: in a sticky directory the kernel (`fs.protected_regular`) refuses even root to open
/// another user's file with the creating flag. The lock needs no write permission.
fn open(path: &Path) -> io::Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
        }
        result => result,
    }
}
