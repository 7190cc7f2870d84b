//! The outermost layer: payload, signature, length of the signature.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::{Error, Malformed};

/// Unit of the payload, of the hash tree and of what one hash covers, in bytes.
pub(crate) const BLOCK: usize = 4096;

/// Longest signature that RAUC reads by default, in bytes.
pub(crate) const MAX_SIGNATURE: u64 = 64 * 1024;

/// The trailer: length of the signature, 64 bits, big-endian.
const TRAILER: u64 = 8;

/// The signature of a bundle and how many bytes come before it.
pub(crate) struct Envelope {
    /// CMS in DER.
    pub(crate) signature: Vec<u8>,
    /// Length of squashfs and hash tree together, a multiple of [`BLOCK`], not 0.
    pub(crate) payload: u64,
}

/// Reads the end of a bundle; nothing of the payload.
///
/// # Errors
/// [`Error::Malformed`] where trailer and signature cannot be those of a bundle, [`Error::Io`].
pub(crate) fn read(file: &File) -> Result<Envelope, Error> {
    let metadata = file.metadata().map_err(Error::io("examine the bundle"))?;
    if !metadata.is_file() {
        return Err(Malformed::NotARegularFile.into());
    }
    let len = metadata.len();
    let signed = len.checked_sub(TRAILER).filter(|signed| *signed > BLOCK as u64);
    let signed = signed.ok_or(Malformed::TooShort { len })?;
    let mut trailer = [0; TRAILER as usize];
    file.read_exact_at(&mut trailer, signed).map_err(Error::io("read the trailer of the bundle"))?;
    let signature_len = u64::from_be_bytes(trailer);
    if signature_len == 0 || signature_len >= signed {
        return Err(Malformed::SignatureLength { len: signature_len }.into());
    }
    if signature_len > MAX_SIGNATURE {
        return Err(Malformed::SignatureTooLong { len: signature_len }.into());
    }
    let payload = signed - signature_len;
    if payload % BLOCK as u64 != 0 {
        return Err(Malformed::Unaligned { len: payload }.into());
    }
    // At most 64 KiB, see above.
    let mut signature = vec![0; usize::try_from(signature_len).unwrap_or_default()];
    file.read_exact_at(&mut signature, payload).map_err(Error::io("read the signature of the bundle"))?;
    Ok(Envelope { signature, payload })
}
