//! Which bundles this gateway takes.

use crate::blocking::{Control, metered};
use async_trait::async_trait;
use ota_core::{BelowFloor, Bundle, FailureCode, ImageFacts, check_floor};
use ota_engine::ports::{Bundles, Meter, StepError};
pub use raucb::Purpose;
use raucb::{Error, Keyring, Malformed, Manifest, Policy, Progress, Untrusted};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio_util::sync::CancellationToken;

/// What a bundle must be to be taken.
#[derive(Debug, Clone)]
pub struct TrustConfig {
    /// PEM file with the certificates that may vouch for bundles.
    pub keyring: PathBuf,
    /// What a signer's certificate must have been issued for.
    pub purpose: Purpose,
    /// Whether bundles may bring hooks and handlers. None of them is ever run; they are only not refused.
    pub allow_hooks: bool,
    /// The gateway's model.
    pub compatible: String,
    /// The oldest version that may run here, against signed downgrades.
    pub version_floor: Option<String>,
}

/// The keyring cannot be used: no bundle could be verified.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    #[error("cannot read the keyring {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the keyring {} is not usable", path.display())]
    Content { path: PathBuf, source: Error },
}

/// Verifies RAUC `verity` bundles.
#[derive(Debug, Clone)]
pub struct RaucBundles {
    config: TrustConfig,
}

impl RaucBundles {
    /// Reads the keyring, to find out early that it is not usable. Each verification reads it again, so that an exchanged one
    /// counts at once.
    ///
    /// # Errors
    /// [`KeyringError`] when it is missing, empty or malformed.
    pub fn new(config: TrustConfig) -> Result<Self, KeyringError> {
        let bundles = Self { config };
        bundles.policy()?;
        Ok(bundles)
    }

    /// What is demanded of a bundle to be opened, with the keyring as it is now.
    ///
    /// # Errors
    /// [`KeyringError`] when the keyring is missing, empty or malformed.
    pub fn policy(&self) -> Result<Policy, KeyringError> {
        let path = || self.config.keyring.clone();
        let pem =
            fs::read(&self.config.keyring).map_err(|source| KeyringError::Read { path: path(), source })?;
        let keyring =
            Keyring::from_pem(&pem).map_err(|source| KeyringError::Content { path: path(), source })?;
        let mut policy = Policy::new(keyring);
        policy.purpose = self.config.purpose;
        policy.allow_hooks = self.config.allow_hooks;
        policy.compatible = Some(self.config.compatible.clone());
        Ok(policy)
    }

    fn usable_policy(&self) -> Result<Policy, StepError> {
        self.policy().map_err(|error| {
            let message =
                "The keyring of this gateway cannot be used, so no update can be verified. Install it again.";
            StepError::failed(FailureCode::SignatureFailed, message, crate::causes::causes(&error))
        })
    }

    fn verify_blocking(&self, path: &Path, length: u64, control: &Control) -> Result<Bundle, StepError> {
        let bundle = raucb::Bundle::open(path, &self.usable_policy()?).map_err(refused)?;
        // Cheap, and before the long pass: nobody waits for a version that may not run.
        self.check_floor(bundle.manifest()).map_err(|error| {
            StepError::failed(FailureCode::InvalidImage, format!("{error}."), "below the version floor")
        })?;
        prove(bundle, length, control)
    }

    /// A bundle for another model, or an old one, is a good bundle: who brought it is told what it is and why not here.
    fn examine_blocking(
        &self,
        path: &Path,
        length: u64,
        control: &Control,
    ) -> Result<(Bundle, Option<String>), StepError> {
        let mut policy = self.usable_policy()?;
        policy.compatible = None;
        let bundle = raucb::Bundle::open(path, &policy).map_err(refused)?;
        let (found, model) = (&bundle.manifest().compatible, &self.config.compatible);
        let foreign =
            (found != model).then(|| format!("it is built for {found}, and this gateway is a {model}."));
        let old = self.check_floor(bundle.manifest()).err().map(|error| format!("{error}."));
        Ok((prove(bundle, length, control)?, foreign.or(old)))
    }

    fn check_floor(&self, manifest: &Manifest) -> Result<(), BelowFloor> {
        check_floor(&manifest.version, self.config.version_floor.as_deref())
    }
}

/// The long pass over every byte, and what it proves.
fn prove(bundle: raucb::Bundle, length: u64, control: &Control) -> Result<Bundle, StepError> {
    if bundle.manifest().version.trim().is_empty() {
        let message = "The update has no version in its signed manifest, and is not used.";
        return Err(StepError::failed(FailureCode::InvalidImage, message, "[update] has no version"));
    }
    let images = images(bundle.manifest())?;
    let scale = Scale { length, reported: AtomicU64::new(0), control };
    let verified = bundle.verify(&scale).map_err(refused)?;
    let manifest = verified.manifest();
    Ok(Bundle {
        version: manifest.version.clone(),
        compatible: manifest.compatible.clone(),
        kernel: kernel(manifest),
        signer: verified.signer().subject.clone(),
        images,
    })
}

#[async_trait]
impl Bundles for RaucBundles {
    async fn verify(
        &self,
        path: PathBuf,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<Bundle, StepError> {
        let metadata = tokio::fs::metadata(&path).await.map_err(|source| unreadable(&source))?;
        let (this, length) = (self.clone(), metadata.len());
        metered(length, meter, cancel, move |control| this.verify_blocking(&path, length, control)).await
    }

    async fn examine(
        &self,
        path: PathBuf,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(Bundle, Option<String>), StepError> {
        let metadata = tokio::fs::metadata(&path).await.map_err(|source| unreadable(&source))?;
        let (this, length) = (self.clone(), metadata.len());
        metered(length, meter, cancel, move |control| this.examine_blocking(&path, length, control)).await
    }
}

/// Reports the pass as bytes of the bundle's file, whatever is read and hashed how often for it.
struct Scale<'a> {
    length: u64,
    reported: AtomicU64,
    control: &'a Control,
}

impl Progress for Scale<'_> {
    fn report(&self, done: u64, total: u64) {
        let scaled = u128::from(done) * u128::from(self.length) / u128::from(total.max(1));
        let scaled = u64::try_from(scaled).unwrap_or(self.length);
        self.control.add(scaled.saturating_sub(self.reported.swap(scaled, Relaxed)));
    }

    fn cancelled(&self) -> bool {
        self.control.is_cancelled()
    }
}

/// The images for this hardware; variants are for other hardware of the same model.
fn images(manifest: &Manifest) -> Result<Vec<ImageFacts>, StepError> {
    let images: Vec<ImageFacts> = manifest
        .images
        .iter()
        .filter(|image| image.variant.is_none())
        .map(|image| ImageFacts {
            class: image.slot_class.clone(),
            size: image.size,
            sha256: hex::encode(image.sha256),
        })
        .collect();
    if images.is_empty() {
        let message = "The update holds no image for this gateway.";
        return Err(StepError::failed(FailureCode::InvalidImage, message, "no image without a variant"));
    }
    Ok(images)
}

fn kernel(manifest: &Manifest) -> Option<String> {
    let kernel = manifest.meta.get("gateway-ota")?.get("kernel")?.trim();
    (!kernel.is_empty()).then(|| kernel.to_owned())
}

fn refused(error: Error) -> StepError {
    let (code, message) = match &error {
        Error::Cancelled => return StepError::Cancelled,
        Error::Io { source, .. } => return unreadable(source),
        Error::Untrusted(reason) => (FailureCode::SignatureFailed, untrusted(reason)),
        Error::Incompatible { found, expected } => (
            FailureCode::InvalidImage,
            format!("The update is built for {found}, and this gateway is a {expected}."),
        ),
        Error::Malformed(Malformed::ForeignCode(what)) => (
            FailureCode::InvalidImage,
            format!("The update brings {what}, and this gateway does not run programs of updates."),
        ),
        _ => (
            FailureCode::InvalidImage,
            "The update is damaged or is not a bundle of the kind that gateways take. Download it again; if this lasts, \
             tell its publisher."
                .to_owned(),
        ),
    };
    StepError::failed(code, message, error.report())
}

fn untrusted(reason: &Untrusted) -> String {
    match reason {
        Untrusted::Expired { .. } => {
            "The certificate that signed the update has expired. Its publisher has to sign it anew; if others still accept \
             it, check this gateway's clock."
        }
        Untrusted::NotYetValid { .. } => {
            "The certificate that signed the update is not valid yet. Check this gateway's clock."
        }
        Untrusted::WrongPurpose { .. } => {
            "The certificate that signed the update was not issued for signing updates, so it is not used."
        }
        _ => "Nobody whom this gateway trusts has signed the update, so it is not used. Tell its publisher.",
    }
    .to_owned()
}

fn unreadable(error: &io::Error) -> StepError {
    let message = "The downloaded update cannot be read. Check the gateway's disk, then download it again.";
    StepError::failed(FailureCode::DownloadFailed, message, error)
}
