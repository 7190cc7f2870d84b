//! Bundles, signed with the publisher's keys.

use crate::keys::Keys;
use raucb::{Bundle, BundleSpec, Keyring, Manifest, Policy, Purpose, SigningKey};
use std::io;
use std::path::{Path, PathBuf};

/// A bundle could not be made, or is not one that gateways would take.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A key, certificate or keyring file cannot be read.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The signer's key or certificate is not usable.
    #[error("cannot sign with these keys")]
    Keys(#[source] raucb::Error),
    /// It could not be written.
    #[error("cannot make the bundle {}", path.display())]
    Make { path: PathBuf, source: raucb::Error },
    /// It does not pass verification.
    #[error("{} is not a bundle that gateways accept", path.display())]
    Refused { path: PathBuf, source: raucb::Error },
}

/// Reads the bundle signer's certificate and key.
///
/// # Errors
/// [`BundleError`] when a file is missing or they do not belong together.
pub fn signing_key(certificate: &Path, key: &Path) -> Result<SigningKey, BundleError> {
    SigningKey::from_pem(&read(certificate)?, &read(key)?, b"").map_err(BundleError::Keys)
}

/// Makes the bundle `out`, signed with `keys`. Blocks for seconds.
///
/// # Errors
/// [`BundleError`] when keys, images or disk fail.
pub fn make(spec: &BundleSpec, keys: &Keys, out: &Path) -> Result<Manifest, BundleError> {
    let key = signing_key(&keys.signer_certificate(), &keys.signer_key())?;
    raucb::write_bundle(spec, &key, out).map_err(|source| BundleError::Make { path: out.to_owned(), source })
}

/// Verifies every byte of a bundle as a gateway with this keyring does, whatever purpose its signer is certified for. Blocks
/// for seconds.
///
/// # Errors
/// [`BundleError::Refused`] says why it is not acceptable.
pub fn verify(bundle: &Path, keyring: &Path) -> Result<Manifest, BundleError> {
    let refused = |source| BundleError::Refused { path: bundle.to_owned(), source };
    let mut policy = Policy::new(Keyring::from_pem(&read(keyring)?).map_err(BundleError::Keys)?);
    policy.purpose = Purpose::Any;
    let verified = Bundle::open(bundle, &policy).and_then(|bundle| bundle.verify(&())).map_err(refused)?;
    Ok(verified.manifest().clone())
}

fn read(path: &Path) -> Result<Vec<u8>, BundleError> {
    std::fs::read(path).map_err(|source| BundleError::Read { path: path.to_owned(), source })
}
