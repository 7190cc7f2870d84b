//! What can go wrong, sorted by whose fault it is.

use std::io;
use std::time::SystemTime;

use openssl::error::ErrorStack;

/// Any failure of this crate.
///
/// A caller that only maps failures onto its own codes needs [`Error::kind`] and nothing else.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not an acceptable bundle, whoever signed them.
    #[error("not a valid bundle")]
    Malformed(#[source] Malformed),
    /// The bundle may be well-formed, but nobody whom the keyring trusts vouches for it.
    #[error("the bundle is not trusted")]
    Untrusted(#[source] Untrusted),
    /// A trusted bundle that was made for other hardware.
    #[error("the bundle is for '{found}', this system is '{expected}'")]
    Incompatible {
        /// `compatible` of the manifest.
        found: String,
        /// [`Policy::compatible`](crate::Policy::compatible).
        expected: String,
    },
    /// Reading or writing failed; says nothing about the bundle.
    #[error("cannot {action}")]
    Io {
        /// What was attempted, as in "read the bundle".
        action: &'static str,
        /// The system's own report.
        #[source]
        source: io::Error,
    },
    /// [`Progress::cancelled`](crate::Progress::cancelled) answered `true`.
    #[error("cancelled")]
    Cancelled,
    /// What was given to [`write_bundle`](crate::write_bundle) makes no bundle.
    #[error("cannot make this bundle")]
    Spec(#[source] SpecError),
}

/// The families of [`Error`], one per reaction of a caller. Exhaustive on purpose: who maps it maps all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Broken, truncated, tampered payload, or of a kind that is refused.
    Malformed,
    /// The signature or its certificate is not accepted.
    Untrusted,
    /// For other hardware.
    Incompatible,
    /// A failing disk, a missing file, no space.
    Io,
    /// Stopped on request.
    Cancelled,
    /// Wrong input to the writer.
    Spec,
}

impl Error {
    /// The family that this failure belongs to: the one place where failures are sorted.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Malformed(_) => ErrorKind::Malformed,
            Self::Untrusted(_) => ErrorKind::Untrusted,
            Self::Incompatible { .. } => ErrorKind::Incompatible,
            Self::Io { .. } => ErrorKind::Io,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Spec(_) => ErrorKind::Spec,
        }
    }

    /// The whole chain of reasons as one line, outermost first.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }

    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::from_io(action, source)
    }

    /// Takes back an [`Error`] that travelled through an [`io::Error`], else wraps the system's own.
    pub(crate) fn from_io(action: &'static str, source: io::Error) -> Self {
        match source.downcast::<Self>() {
            Ok(own) => own,
            Err(source) => Self::Io { action, source },
        }
    }

    pub(crate) fn squashfs(detail: &'static str) -> Self {
        Malformed::Squashfs(detail).into()
    }
}

impl From<Malformed> for Error {
    fn from(reason: Malformed) -> Self {
        Self::Malformed(reason)
    }
}

impl From<Untrusted> for Error {
    fn from(reason: Untrusted) -> Self {
        Self::Untrusted(reason)
    }
}

impl From<ManifestError> for Error {
    fn from(reason: ManifestError) -> Self {
        Self::Malformed(Malformed::Manifest(reason))
    }
}

impl From<SpecError> for Error {
    fn from(reason: SpecError) -> Self {
        Self::Spec(reason)
    }
}

/// So that an image reader, which speaks [`io::Error`], loses no type: `Error::from(io_error)` gives it back.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io { source, .. } => source,
            Error::Cancelled => Self::new(io::ErrorKind::Interrupted, Error::Cancelled),
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::from_io("read the bundle", source)
    }
}

/// Why the bytes are no acceptable bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// A directory, a device, a pipe.
    #[error("it is not a regular file")]
    NotARegularFile,
    /// Shorter than the smallest bundle.
    #[error("{len} bytes are too few for a bundle")]
    TooShort {
        /// Length of the file in bytes.
        len: u64,
    },
    /// The last eight bytes do not hold a possible length of a signature.
    #[error("the trailer names a signature of {len} bytes, which is impossible here")]
    SignatureLength {
        /// The length that the trailer claims.
        len: u64,
    },
    /// The signature is longer than the 64 KiB that RAUC allows by default.
    #[error("the signature of {len} bytes is longer than 64 KiB")]
    SignatureTooLong {
        /// The length that the trailer claims.
        len: u64,
    },
    /// The payload does not end on a block of 4096 bytes: cut, lengthened, or not a bundle.
    #[error("the payload of {len} bytes does not end on a block of 4096 bytes")]
    Unaligned {
        /// Where the signature would begin.
        len: u64,
    },
    /// A `plain` bundle: its signature is detached and covers less than is read.
    #[error("the bundle has the format 'plain', only 'verity' is accepted")]
    Plain,
    /// A format other than `verity`.
    #[error("the bundle has the format '{0}', only 'verity' is accepted")]
    Format(String),
    /// Signed, but not a manifest that makes sense.
    #[error("the manifest is not valid")]
    Manifest(#[source] ManifestError),
    /// The bundle wants to run its own programs and [`Policy::allow_hooks`](crate::Policy::allow_hooks) is off.
    #[error("the bundle brings {0}, which this system does not run")]
    ForeignCode(&'static str),
    /// The hash tree has not the size that the payload's size demands.
    #[error("a payload of {payload} bytes does not consist of data and a hash tree of {tree} bytes")]
    TreeSize {
        /// Bytes before the signature.
        payload: u64,
        /// `verity-size` of the manifest.
        tree: u64,
    },
    /// A block of the payload is not the one that was signed.
    #[error("block {block} of the payload is not what was signed")]
    DataMismatch {
        /// Index of the block of 4096 bytes, counted from the start of the file.
        block: u64,
    },
    /// A block of the hash tree is not the one that was signed.
    #[error("block {block} of level {level} of the hash tree is not what was signed")]
    TreeMismatch {
        /// 0 is the level whose hashes are those of the data.
        level: usize,
        /// Index of the block in its level.
        block: u64,
    },
    /// The file system inside cannot be read.
    #[error("the squashfs is damaged or unsupported: {0}")]
    Squashfs(&'static str),
    /// The manifest names a file that the file system does not hold.
    #[error("the bundle holds no file '{0}'")]
    MissingImage(String),
    /// An image has another size than the manifest says.
    #[error("image '{filename}' has {found} bytes, the manifest says {expected}")]
    ImageSize {
        /// Name of the file.
        filename: String,
        /// Size in the file system.
        found: u64,
        /// Size in the manifest.
        expected: u64,
    },
    /// An image has another SHA-256 than the manifest says.
    #[error("image '{filename}' has not the SHA-256 that the manifest says")]
    ImageHash {
        /// Name of the file.
        filename: String,
    },
    /// No image for this slot class.
    #[error("the bundle holds no image for slot class '{0}'")]
    NoSuchImage(String),
}

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Bytes that are not UTF-8.
    #[error("it is not UTF-8")]
    NotText,
    /// A line that is neither section, key, comment nor empty.
    #[error("line {line} is neither a section nor a key")]
    Syntax {
        /// Counted from 1.
        line: usize,
    },
    /// The same key or section twice: readers would not agree on which one counts.
    #[error("line {line} repeats '{name}'")]
    Duplicate {
        /// Counted from 1.
        line: usize,
        /// The section or key.
        name: String,
    },
    /// A key that must be there.
    #[error("[{section}] lacks '{key}'")]
    Missing {
        /// Name of the section.
        section: String,
        /// Name of the key.
        key: &'static str,
    },
    /// A value that cannot be what its key says.
    #[error("[{section}] has an invalid '{key}'")]
    Invalid {
        /// Name of the section.
        section: String,
        /// Name of the key.
        key: &'static str,
    },
    /// A section `[image.…]` whose name is not a slot class, or one that is not supported.
    #[error("[{0}] does not name a slot class")]
    SlotClass(String),
    /// An image that is an archive or an index: its bytes are not those of a slot.
    #[error("image '{0}' is not a raw image")]
    NotRaw(String),
}

/// Why a bundle is not trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Untrusted {
    /// The keyring holds no certificate, thus trusts nobody.
    #[error("the keyring holds no certificate")]
    EmptyKeyring,
    /// The keyring is not a list of PEM certificates.
    #[error("the keyring cannot be read")]
    Keyring(#[source] ErrorStack),
    /// What stands where the signature should be is no CMS signed-data in DER.
    #[error("the signature cannot be read: {0}")]
    Unreadable(&'static str),
    /// The signature names no signer, or one whose certificate is not with it.
    #[error("the certificate of the signer is missing")]
    NoSigner,
    /// The signer's chain ends at no certificate of the keyring.
    #[error("no certificate of the keyring vouches for '{subject}'")]
    UnknownIssuer {
        /// Subject of the signer.
        subject: String,
    },
    /// The signer's certificate, or one above it, has expired.
    #[error("a certificate of '{subject}' has expired")]
    Expired {
        /// Subject of the signer.
        subject: String,
        /// The instant at which validity was judged.
        at: SystemTime,
    },
    /// The signer's certificate, or one above it, is not valid yet; the clock may be wrong.
    #[error("a certificate of '{subject}' is not valid yet")]
    NotYetValid {
        /// Subject of the signer.
        subject: String,
        /// The instant at which validity was judged.
        at: SystemTime,
    },
    /// The certificate was issued for something else than signing bundles.
    #[error("the certificate of '{subject}' is not for this purpose")]
    WrongPurpose {
        /// Subject of the signer.
        subject: String,
    },
    /// The chain has another fault.
    #[error("the certificate of '{subject}' is not accepted: {reason}")]
    Chain {
        /// Subject of the signer.
        subject: String,
        /// OpenSSL's own words.
        reason: &'static str,
    },
    /// The signature does not belong to the manifest or was made with another key.
    #[error("the signature does not match")]
    BadSignature,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library(#[source] ErrorStack),
}

/// Why a bundle cannot be written as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A value that a manifest cannot hold.
    #[error("'{0}' is empty or holds a character that is not allowed")]
    Invalid(&'static str),
    /// No image, or two for one slot class or file name.
    #[error("the slot classes and file names of the images must be there and differ")]
    Images,
    /// A level that zstd does not have.
    #[error("zstd has the levels 1 to 22")]
    Level,
    /// Certificate or key are not PEM, or do not belong together.
    #[error("certificate and key cannot be used")]
    Key(#[source] ErrorStack),
    /// The signed manifest would exceed the 64 KiB that readers accept.
    #[error("the signed manifest of {0} bytes is longer than 64 KiB")]
    TooLong(usize),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library(#[source] ErrorStack),
    /// The squashfs could not be made.
    #[error("the squashfs could not be made")]
    Squashfs,
}
