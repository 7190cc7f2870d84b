//! What can go wrong with a store.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::ConfigError;

/// Why a boot environment could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration names no usable place.
    #[error("the configuration of the boot environment cannot be used")]
    Config(#[from] ConfigError),
    /// The lock file could not be opened or locked. Nothing was read or changed.
    #[error("cannot lock the boot environment with {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused an operation on a device. When a write was under way, the environment is the one from before
    /// or the one from after the change: read it again to know which. (A single copy may have been destroyed.)
    #[error("cannot {action} the boot environment on {}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The device or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No copy has a checksum that fits its content.
    #[error("no copy of the boot environment has a valid checksum")]
    NoValidCopy,
    /// The variables do not fit. Nothing was changed.
    #[error("the boot environment needs {needed} bytes and has room for {available}")]
    TooLarge {
        /// Bytes of all entries and their end mark.
        needed: usize,
        /// Bytes of the data area.
        available: usize,
    },
    /// The device returned other bytes than were written to it.
    #[error("{} holds other bytes than were written, from byte {offset} of the copy on", path.display())]
    ReadBack {
        /// The device or file.
        path: PathBuf,
        /// First differing byte, counted from the start of the copy.
        offset: usize,
    },
    /// A copy's place is not inside its device or file.
    #[error("a copy of the boot environment ({size} bytes at {offset}) is outside {} ({length} bytes)", path.display())]
    OutsideDevice {
        /// The device or file.
        path: PathBuf,
        /// Configured offset, in bytes; negative from the end.
        offset: i64,
        /// Size of a copy, in bytes.
        size: usize,
        /// Size of the device or file, in bytes.
        length: u64,
    },
    /// Neither a regular file nor a block device (raw flash and UBI volumes need commands that are not implemented).
    #[error("{} is neither a file nor a block device", path.display())]
    UnsupportedDevice {
        /// The device.
        path: PathBuf,
    },
}

impl Error {
    /// For `map_err` on an operation on a device.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// Why [`Store::update`](crate::Store::update) did not return the change's value.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError<E> {
    /// The environment could not be read or written.
    #[error(transparent)]
    Environment(#[from] Error),
    /// The change itself failed; nothing was written.
    #[error(transparent)]
    Change(E),
}
