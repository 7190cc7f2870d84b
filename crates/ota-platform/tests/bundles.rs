//! Bundles that this gateway takes, and those that it refuses, by the code that the operator sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use ota_core::{Bundle, FailureCode};
use ota_engine::ports::{Bundles, Meter, StepError};
use ota_platform::{Purpose, RaucBundles, TrustConfig};
use ota_publish::bundle;
use ota_publish::keys::{KeySpec, Keys, Purpose as KeyPurpose};
use raucb::{BundleSpec, Compression, ImageSource};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

struct Site {
    directory: TempDir,
    keys: Keys,
    trust: TrustConfig,
}

impl Site {
    fn new() -> Self {
        Self::with(&KeySpec::default())
    }

    fn with(spec: &KeySpec) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::create_with(directory.path().join("keys"), spec).unwrap();
        let trust = TrustConfig {
            keyring: keys.keyring(),
            purpose: Purpose::SmimeSign,
            allow_hooks: false,
            compatible: "Univa-GW-Pro".to_owned(),
            version_floor: None,
        };
        fs::write(directory.path().join("rootfs.img"), incompressible(3 << 20)).unwrap();
        Self { directory, keys, trust }
    }

    fn bundle(&self, version: &str, kernel: &str) -> PathBuf {
        let meta = BTreeMap::from([("kernel".to_owned(), kernel.to_owned())]);
        let spec = BundleSpec {
            compatible: "Univa-GW-Pro".to_owned(),
            version: version.to_owned(),
            description: None,
            build: None,
            images: vec![ImageSource {
                slot_class: "rootfs".to_owned(),
                filename: "rootfs.img".to_owned(),
                path: self.directory.path().join("rootfs.img"),
            }],
            compression: Compression::Zstd { level: 1 },
            meta: BTreeMap::from([("gateway-ota".to_owned(), meta)]),
        };
        let out = self.directory.path().join("update.raucb");
        let _ = fs::remove_file(&out);
        bundle::make(&spec, &self.keys, &out).unwrap();
        out
    }

    async fn verify(&self, path: &Path) -> Result<Bundle, StepError> {
        let bundles = RaucBundles::new(self.trust.clone()).unwrap();
        let meter = Meter::default();
        let verified = bundles.verify(path.to_owned(), &meter, &CancellationToken::new()).await;
        if verified.is_ok() {
            let length = fs::metadata(path).unwrap().len();
            assert_eq!(meter.read(), (length, length));
        }
        verified
    }

    async fn refusal(&self, path: &Path) -> (FailureCode, String) {
        match self.verify(path).await.unwrap_err() {
            StepError::Failed { code, message, .. } => (code, message),
            other => panic!("{other}"),
        }
    }
}

fn incompressible(length: u32) -> Vec<u8> {
    (0..length)
        .map(|number| (number.wrapping_mul(2_654_435_761).rotate_left(number % 31) >> 11).to_le_bytes()[0])
        .collect()
}

#[tokio::test]
async fn a_good_bundle_says_what_it_is() {
    let site = Site::new();
    let bundle = site.verify(&site.bundle("v5.0.5", "6.1.34-LTS")).await.unwrap();
    assert_eq!((bundle.version.as_str(), bundle.compatible.as_str()), ("v5.0.5", "Univa-GW-Pro"));
    assert_eq!(bundle.kernel.as_deref(), Some("6.1.34-LTS"));
    assert!(bundle.signer.contains("bundle signer"), "{}", bundle.signer);
    assert_eq!(bundle.images.len(), 1);
    assert_eq!((bundle.images[0].class.as_str(), bundle.images[0].size), ("rootfs", 3 << 20));
    assert_eq!(bundle.images[0].sha256.len(), 64);
}

#[tokio::test]
async fn damage_is_an_invalid_image() {
    let site = Site::new();
    let path = site.bundle("v5.0.5", "6.1");
    let good = fs::read(&path).unwrap();
    let mut flipped = good.clone();
    flipped[1 << 20] ^= 1;
    for bytes in [flipped.as_slice(), &good[..good.len() / 2], b"", b"<html></html>"] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(site.refusal(&path).await.0, FailureCode::InvalidImage);
    }
    assert_eq!(site.refusal(Path::new("/nowhere")).await.0, FailureCode::DownloadFailed);
}

#[tokio::test]
async fn what_does_not_fit_is_an_invalid_image() {
    let mut site = Site::new();
    let path = site.bundle("v5.0.5", "6.1");
    site.trust.version_floor = Some("v5.0.6".to_owned());
    let (code, message) = site.refusal(&path).await;
    assert_eq!(code, FailureCode::InvalidImage);
    assert!(message.contains("older than v5.0.6"), "{message}");
    site.trust.version_floor = Some("v5.0.5".to_owned());
    site.verify(&path).await.unwrap();

    site.trust.compatible = "Other-GW".to_owned();
    let (code, message) = site.refusal(&path).await;
    assert_eq!(code, FailureCode::InvalidImage);
    assert!(message.contains("built for Univa-GW-Pro"), "{message}");
}

#[tokio::test]
async fn what_nobody_trusted_signed_has_a_failed_signature() {
    let mut site = Site::new();
    let path = site.bundle("v5.0.5", "6.1");
    let other = Site::new();
    let own = std::mem::replace(&mut site.trust.keyring, other.keys.keyring());
    assert_eq!(site.refusal(&path).await.0, FailureCode::SignatureFailed);
    site.trust.keyring = own;
    site.trust.purpose = Purpose::CodeSign;
    let (code, message) = site.refusal(&path).await;
    assert_eq!(code, FailureCode::SignatureFailed);
    assert!(message.contains("not issued for signing updates"), "{message}");

    let mut code_signed = Site::with(&KeySpec { purpose: KeyPurpose::CodeSign, ..KeySpec::default() });
    let path = code_signed.bundle("v5.0.5", "6.1");
    assert_eq!(code_signed.refusal(&path).await.0, FailureCode::SignatureFailed);
    code_signed.trust.purpose = Purpose::CodeSign;
    code_signed.verify(&path).await.unwrap();
}

#[tokio::test]
async fn an_expired_certificate_is_named() {
    let site = Site::with(&KeySpec { signer_days: -1, ..KeySpec::default() });
    let (code, message) = site.refusal(&site.bundle("v5.0.5", "6.1")).await;
    assert_eq!(code, FailureCode::SignatureFailed);
    assert!(message.contains("has expired"), "{message}");
}

#[tokio::test]
async fn a_cancel_is_heard() {
    let site = Site::new();
    let path = site.bundle("v5.0.5", "6.1");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let bundles = RaucBundles::new(site.trust.clone()).unwrap();
    assert_eq!(bundles.verify(path, &Meter::default(), &cancel).await, Err(StepError::Cancelled));
}

#[test]
fn an_unusable_keyring_is_noticed_at_the_start() {
    let mut site = Site::new();
    site.trust.keyring = site.directory.path().join("rootfs.img");
    assert!(RaucBundles::new(site.trust.clone()).is_err());
    site.trust.keyring = site.directory.path().join("missing");
    assert!(RaucBundles::new(site.trust.clone()).is_err());
}
