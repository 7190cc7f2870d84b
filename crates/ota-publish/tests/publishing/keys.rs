//! Keys as files.

use crate::support::files;
use ota_publish::keys::{KeySpec, Keys, KeysError, Purpose};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_for_their_owner_only_and_made_once() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("keys");
    Keys::create(&place).unwrap();
    assert_eq!(mode(&place), 0o700);
    let made = files(&place);
    assert_eq!(made.len(), 8, "CA and signer with key and certificate, four TUF keys");
    for name in made.keys() {
        assert_eq!(mode(&place.join(name)), 0o600, "{}", name.display());
    }
    Keys::create(&place).unwrap();
    assert_eq!(files(&place), made);
}

#[test]
fn openssl_accepts_the_signer_for_its_purpose() {
    let directory = tempfile::tempdir().unwrap();
    for (purpose, usage) in [(Purpose::SmimeSign, "E-mail Protection"), (Purpose::CodeSign, "Code Signing")] {
        let keys =
            Keys::create_with(directory.path().join(usage), &KeySpec { purpose, ..KeySpec::default() })
                .unwrap();
        let verify = Command::new("openssl")
            .args(["verify", "-x509_strict", "-CAfile"])
            .arg(keys.keyring())
            .arg(keys.signer_certificate())
            .output();
        let verify = verify.unwrap();
        assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
        let text = Command::new("openssl")
            .args(["x509", "-noout", "-ext", "extendedKeyUsage", "-in"])
            .arg(keys.signer_certificate())
            .output();
        assert!(String::from_utf8(text.unwrap().stdout).unwrap().contains(usage));
    }
}

#[test]
fn a_signer_cannot_be_issued_without_the_ca_key() {
    let directory = tempfile::tempdir().unwrap();
    let keys = Keys::create(directory.path().join("keys")).unwrap();
    fs::remove_file(keys.directory().join("ca.key.pem")).unwrap();
    Keys::create(keys.directory()).expect("nothing is missing that must be issued");
    fs::remove_file(keys.signer_certificate()).unwrap();
    assert!(matches!(Keys::create(keys.directory()), Err(KeysError::KeyGone { .. })));
}
