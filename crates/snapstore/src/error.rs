//! What can go wrong.

use std::io;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process, or another [`Store`](crate::Store) of this one, has the directory open.
    #[error("the snapshot store is in use")]
    InUse,
    /// What was asked for makes no snapshot.
    #[error("not a valid request: {0}")]
    Invalid(&'static str),
    /// A snapshot of this id is there already; it was not touched.
    #[error("snapshot '{0}' exists already")]
    Exists(String),
    /// There is no snapshot of this id.
    #[error("there is no snapshot '{0}'")]
    NotFound(String),
    /// The snapshot has no image of this name.
    #[error("snapshot '{snapshot}' has no image '{image}'")]
    NoImage {
        /// Id of the snapshot.
        snapshot: String,
        /// The name that was asked for.
        image: String,
    },
    /// What is on the disk is not what was stored.
    #[error("snapshot '{snapshot}' is damaged: {damage}")]
    Damaged {
        /// Id of the snapshot.
        snapshot: String,
        /// Where, and what is wrong there.
        damage: Damage,
    },
    /// The disk is full, or would have less room left than the request wants to stay free.
    #[error("not enough room for the snapshot")]
    NoSpace,
    /// [`Progress::cancelled`](crate::Progress::cancelled) answered `true`.
    #[error("cancelled")]
    Cancelled,
    /// An image to take a snapshot of cannot be read to its stated length.
    #[error("cannot read image '{image}'")]
    Source {
        /// Name of the image.
        image: String,
        /// The system's own report; [`io::ErrorKind::UnexpectedEof`] when it is shorter than stated.
        #[source]
        source: io::Error,
    },
    /// Reading or writing the store failed.
    #[error("cannot {action}")]
    Io {
        /// What was attempted, as in "write the pack".
        action: &'static str,
        /// The system's own report.
        #[source]
        source: io::Error,
    },
}

/// Where a snapshot is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The manifest; nothing of the snapshot can be read.
    #[error("its manifest: {0}")]
    Manifest(&'static str),
    /// A chunk: its bytes are gone or do not have the recorded hash.
    #[error("image '{image}' at byte {offset}")]
    Chunk {
        /// Name of the image.
        image: String,
        /// First byte of the chunk in the image.
        offset: u64,
    },
}

/// For callers whose sink speaks [`io::Error`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::NotFound(_) | Error::NoImage { .. } => io::ErrorKind::NotFound,
            Error::Damaged { .. } => io::ErrorKind::InvalidData,
            Error::NoSpace => io::ErrorKind::StorageFull,
            Error::Io { source, .. } | Error::Source { source, .. } => source.kind(),
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Names the attempt; a full disk has a variant of its own.
pub(crate) fn while_(action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::NoSpace,
        _ => Error::Io { action, source },
    }
}
