use async_trait::async_trait;
use jiff::Timestamp;
use std::{fmt, str::FromStr};
use tokio_util::sync::CancellationToken;

use super::{Body, BrokenBody, ReceivedFile, StepError, UploadFault};

/// Names an upload that comes in parts. The gateway draws it by lot; who does not know it cannot guess it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(u128);

impl UploadId {
    #[must_use]
    pub const fn new(drawn: u128) -> Self {
        Self(drawn)
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The text is not the name of any upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no upload has such a name")]
pub struct InvalidUploadId;

impl FromStr for UploadId {
    type Err = InvalidUploadId;

    /// 32 lower-case hexadecimal digits and nothing else: it becomes a file name.
    fn from_str(text: &str) -> Result<Self, InvalidUploadId> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 32 || !digits {
            return Err(InvalidUploadId);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| InvalidUploadId)
    }
}

/// What is said of an upload before its first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    /// Bytes.
    pub length: u64,
    /// Made safe to show.
    pub name: String,
    /// The version that the uploader gave.
    pub label: Option<String>,
}

/// An upload of which not everything is there yet, or which nobody has had verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedUpload {
    pub id: UploadId,
    pub name: String,
    pub label: Option<String>,
    /// Bytes of the whole.
    pub length: u64,
    /// Bytes from its start that are on the disk.
    pub offset: u64,
    /// It goes then, unless more of it has come.
    pub expires_at: Timestamp,
}

/// Why an upload that comes in parts did not go on. What was on the disk before stays there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResumeFault {
    #[error("There is no such upload: it is finished, was discarded, or was left alone for too long.")]
    Unknown,
    /// Somebody writes to it, or it is being verified.
    #[error("This upload is in use by another request. Try again in a moment.")]
    Busy,
    /// The part does not begin where the upload ends, or the end is not there yet.
    #[error("{offset} of {length} bytes of this upload are on the gateway.")]
    Offset { offset: u64, length: u64 },
    /// Longer than what was announced; bytes.
    #[error("This upload was announced with {0} bytes, and more have come.")]
    BeyondItsEnd(u64),
    #[error(
        "{0} unfinished uploads are on this gateway, and it takes no more of them. Finish or discard one."
    )]
    TooMany(usize),
    /// Longer than this gateway takes; the limit in bytes.
    #[error("longer than {0} bytes")]
    TooLong(u64),
    #[error(transparent)]
    Broken(#[from] BrokenBody),
    #[error(transparent)]
    Step(#[from] StepError),
}

impl From<UploadFault> for ResumeFault {
    fn from(fault: UploadFault) -> Self {
        match fault {
            UploadFault::Broken(error) => Self::Broken(error),
            UploadFault::TooLong(most) => Self::TooLong(most),
            UploadFault::Step(error) => Self::Step(error),
        }
    }
}

/// Uploads that come in parts, and outlive a lost connection and the end of the service.
#[async_trait]
pub trait ResumableUploads: Send + Sync {
    /// Takes note of an upload and keeps room for all of it.
    async fn begin(&self, new: NewUpload) -> Result<UnfinishedUpload, ResumeFault>;

    /// All of them, in no order.
    fn unfinished(&self) -> Vec<UnfinishedUpload>;

    /// How far this one is. What `offset` says is on the disk.
    fn find(&self, id: UploadId) -> Result<UnfinishedUpload, ResumeFault>;

    /// How far this one is once nobody writes to it any more: whoever does is stopped ([`ResumeFault::Busy`]), and what came of
    /// them is on the disk.
    async fn settle(&self, id: UploadId) -> Result<UnfinishedUpload, ResumeFault>;

    /// Adds a part that begins at `offset` and has `length` bytes, where that is known. What came is on the disk when this
    /// returns, also when it returns a fault; it is written soon after the returned future is dropped.
    async fn append(
        &self,
        id: UploadId,
        offset: u64,
        length: Option<u64>,
        body: Body,
    ) -> Result<UnfinishedUpload, ResumeFault>;

    /// The whole file, with the hash of what is on the disk. Nobody else touches it as long as its hold is there; when that
    /// goes and the file was not kept, the upload is as it was.
    async fn complete(&self, id: UploadId, cancel: &CancellationToken) -> Result<ReceivedFile, ResumeFault>;

    /// Forgets the upload and removes what is there of it. Who writes to it is stopped; who verifies it is not
    /// ([`ResumeFault::Busy`]).
    async fn discard(&self, id: UploadId) -> Result<(), ResumeFault>;

    /// Discards those that were left alone for too long at `now`. True when there was one.
    async fn expire_unfinished(&self, now: Timestamp) -> Result<bool, StepError>;
}

#[cfg(test)]
mod tests {
    use super::UploadId;

    #[test]
    fn only_what_we_write_is_a_name() {
        for drawn in [0, 1, 0xabc, u128::MAX] {
            let id = UploadId::new(drawn);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        let hex = "0123456789abcdef0123456789abcdef";
        for bad in
            ["", ".", "..", "0", "../../../../etc/passwd", &hex[1..], &format!("{hex}0"), &hex.to_uppercase()]
        {
            assert!(bad.parse::<UploadId>().is_err(), "{bad}");
        }
        for bad in [
            "+123456789abcdef0123456789abcdef0",
            "0123456789abcdef/../89abcdef0123",
            "０123456789abcdef0123456789ab",
        ] {
            assert!(bad.parse::<UploadId>().is_err(), "{bad}");
        }
    }
}
