use std::io;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("“{0}” cannot be the id of a snapshot: ids are 1 to 64 of a-z, 0-9 and -")]
    Id(String),
    #[error("there is a snapshot {0} already")]
    Exists(String),
    #[error("there is no snapshot {0}")]
    Unknown(String),
    /// A byte is not what was stored.
    #[error("snapshot {snapshot} is damaged: {what}")]
    Damaged { snapshot: String, what: String },
    #[error("the snapshot is too large for this store: {0}")]
    TooLarge(&'static str),
    /// Nothing of the snapshot is left.
    #[error("there is no room for the snapshot")]
    NoSpace,
    #[error("another process uses the store")]
    InUse,
    #[error("cancelled")]
    Cancelled,
    #[error("cannot {action}: {source}")]
    Io { action: &'static str, source: io::Error },
}

impl Error {
    pub(crate) fn damaged(snapshot: &str, what: impl Into<String>) -> Self {
        Self::Damaged { snapshot: snapshot.to_owned(), what: what.into() }
    }

    /// For `map_err`.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Io { action, source },
        }
    }
}
