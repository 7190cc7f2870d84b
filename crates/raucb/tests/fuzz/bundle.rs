//! A bundle whose payload is in order: what stands behind it comes from outside.

use std::fs::File;
use std::io::Write;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::x509::X509;
use raucb::{Bundle, ErrorKind, Keyring, Policy};
use rustix::fs::{MemfdFlags, memfd_create};

/// Squashfs and hash tree of the one bundle that is good.
const PAYLOAD: &[u8] = include_bytes!("../corpora/payload");
/// Whom it is signed by. Nobody has the key any more.
const KEYRING: &[u8] = include_bytes!("../corpora/keyring.pem");

/// The corpus was signed on the day before.
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let from = X509::from_pem(KEYRING).unwrap();
    let since = Asn1Time::from_unix(0).unwrap().diff(from.not_before()).unwrap();
    let at: SystemTime = UNIX_EPOCH + Duration::from_secs(86_400 * (since.days as u64 + 2));
    Policy { at: Some(at), ..Policy::new(Keyring::from_pem(KEYRING).unwrap()) }
});

/// Opens a bundle with `end` as signature and trailer.
pub fn bundle(end: &[u8]) {
    let opened = Bundle::from_file(file(&[PAYLOAD, end]), &POLICY);
    let bundle = match opened {
        Ok(bundle) => bundle,
        Err(error) => {
            let of_the_file = matches!(error.kind(), ErrorKind::Malformed | ErrorKind::Untrusted);
            return assert!(of_the_file, "{error:?}");
        }
    };
    // Only one manifest was ever signed with this key that is not refused for what it says.
    assert_eq!(bundle.manifest().version, "5.0.5");
    assert_eq!(bundle.signer().subject, "O=Test, CN=signer");
    bundle.verify(&()).unwrap();
}

/// A file in memory.
pub fn file(parts: &[&[u8]]) -> File {
    let mut file = File::from(memfd_create("bundle", MemfdFlags::CLOEXEC).unwrap());
    parts.iter().for_each(|part| file.write_all(part).unwrap());
    file
}
