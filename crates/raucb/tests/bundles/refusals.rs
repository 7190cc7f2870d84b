//! What must not be accepted, and as what it is refused.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use openssl::cms::CMSOptions;
use proptest::prelude::*;
use raucb::{Compression, Error, ErrorKind, Keyring, Malformed, Policy, Untrusted};

use crate::certificates::{Days, EXPIRED, FUTURE, Identity, Use, VALID};
use crate::sealing::{
    Parts, Rauc, VERITY, assemble, bundle, hash_tree, image, image_section, manifest, mksquashfs, open, seal,
    sign, verify,
};

pub static ROOT: LazyLock<Identity> = LazyLock::new(|| Identity::root("root"));
pub static SIGNER: LazyLock<Identity> = LazyLock::new(|| ROOT.issue("signer", Use::Mail, VALID));
pub static GOOD: LazyLock<Vec<u8>> =
    LazyLock::new(|| bundle(&SIGNER, &image(7), Compression::Zstd { level: 1 }));

fn malformed(result: Result<impl std::fmt::Debug, Error>) -> Malformed {
    match result.unwrap_err() {
        Error::Malformed(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn untrusted(bytes: &[u8], policy: &Policy) -> Untrusted {
    match open(bytes, policy).unwrap_err() {
        Error::Untrusted(reason) => reason,
        other => panic!("{other:?}"),
    }
}

pub fn bundle_of(signer: &Identity) -> Vec<u8> {
    seal(&[0; 8192], "", signer)
}

#[test]
fn the_good_bundle_is_good() {
    let verified = verify(&GOOD, &ROOT.policy()).unwrap();
    assert_eq!(verified.signer().subject, "O=Test, CN=signer");
    assert_eq!(verified.signer().issuer, "O=Test, CN=root");
    let digest = SIGNER.certificate.digest(openssl::hash::MessageDigest::sha256()).unwrap();
    assert_eq!(verified.signer().fingerprint[..], digest[..]);
    let left = verified.signer().not_after.duration_since(SystemTime::now()).unwrap();
    assert!(left > Duration::from_secs(29 * 86_400) && left <= Duration::from_secs(30 * 86_400));
}

#[test]
fn wrong_authority() {
    let reason = untrusted(&GOOD, &Identity::root("root").policy());
    assert!(matches!(reason, Untrusted::UnknownIssuer { .. }), "same name, other key: {reason:?}");
    let reason = untrusted(&GOOD, &Identity::root("other").policy());
    assert!(
        matches!(&reason, Untrusted::UnknownIssuer { subject } if subject == "O=Test, CN=signer"),
        "{reason:?}"
    );
    let lone = Identity::root("alone");
    assert!(matches!(untrusted(&bundle_of(&lone), &ROOT.policy()), Untrusted::UnknownIssuer { .. }));
}

#[test]
fn any_certificate_of_the_keyring_may_vouch() {
    let others = [Identity::root("first"), Identity::root("second")];
    let pem = [others[0].certificate_pem(), ROOT.certificate_pem(), others[1].certificate_pem()].concat();
    open(&GOOD, &Policy::new(Keyring::from_pem(&pem).unwrap())).unwrap();
}

#[test]
fn a_signer_is_no_authority() {
    let below = SIGNER.issue("below", Use::Mail, VALID);
    let directory = tempfile::tempdir().unwrap();
    let (source, out) = (directory.path().join("image"), directory.path().join("out"));
    std::fs::write(&source, b"content").unwrap();
    let spec = crate::sealing::spec(&source, Compression::Gzip);
    raucb::write_bundle(&spec, &below.signing_key_with(&[&SIGNER]), &out).unwrap();
    let error = raucb::Bundle::open(&out, &ROOT.policy()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error:?}");
}

#[test]
fn validity_in_time() {
    let expired = bundle_of(&ROOT.issue("old", Use::Mail, EXPIRED));
    assert!(matches!(untrusted(&expired, &ROOT.policy()), Untrusted::Expired { .. }));
    let future = bundle_of(&ROOT.issue("new", Use::Mail, FUTURE));
    assert!(matches!(untrusted(&future, &ROOT.policy()), Untrusted::NotYetValid { .. }));

    let day = Duration::from_secs(86_400);
    let then = Policy { at: Some(SystemTime::now() + 10 * day), ..ROOT.policy() };
    open(&future, &then).unwrap();
    let much_later = Policy { at: Some(SystemTime::now() + 400 * day), ..ROOT.policy() };
    assert!(matches!(untrusted(&GOOD, &much_later), Untrusted::Expired { .. }));
    let long_ago = Policy { at: Some(SystemTime::UNIX_EPOCH), ..ROOT.policy() };
    assert!(matches!(untrusted(&GOOD, &long_ago), Untrusted::NotYetValid { .. }));
    let short = bundle_of(&ROOT.issue("short", Use::Mail, Days(-1, 5)));
    assert!(matches!(untrusted(&short, &then), Untrusted::Expired { .. }));
}

#[test]
fn purposes() {
    use raucb::Purpose::{Any, CodeSign, SmimeSign};
    let code = bundle_of(&ROOT.issue("code", Use::Code, VALID));
    assert!(matches!(untrusted(&code, &ROOT.policy()), Untrusted::WrongPurpose { .. }));
    open(&code, &ROOT.policy_for(CodeSign)).unwrap();
    open(&code, &ROOT.policy_for(Any)).unwrap();
    let mail = bundle_of(&ROOT.issue("mail", Use::Mail, VALID));
    assert!(matches!(untrusted(&mail, &ROOT.policy_for(CodeSign)), Untrusted::WrongPurpose { .. }));
    open(&mail, &ROOT.policy_for(SmimeSign)).unwrap();
    let server = bundle_of(&ROOT.issue("server", Use::TlsServer, VALID));
    for purpose in [SmimeSign, CodeSign] {
        assert!(matches!(untrusted(&server, &ROOT.policy_for(purpose)), Untrusted::WrongPurpose { .. }));
    }
}

#[test]
fn keyrings_without_certificates() {
    for pem in [
        &b""[..],
        b"\n",
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n",
    ] {
        assert_eq!(Keyring::from_pem(pem).unwrap_err().kind(), ErrorKind::Untrusted, "{pem:?}");
    }
}

#[test]
fn a_manifest_under_another_ones_signature() {
    let parts = Parts::of(&GOOD);
    let mut signature = parts.signature.clone();
    let at = signature.windows(7).position(|window| window == b"5.0.5\nd").unwrap();
    signature[at] = b'6';
    let reason = untrusted(&assemble(&parts.data, &parts.tree, &signature), &ROOT.policy());
    assert!(matches!(reason, Untrusted::BadSignature), "{reason:?}");
}

#[test]
fn bytes_after_the_signature_but_within_its_length() {
    let parts = Parts::of(&GOOD);
    let longer = [&parts.signature[..], &[0; 16]].concat();
    let reason = untrusted(&assemble(&parts.data, &parts.tree, &longer), &ROOT.policy());
    assert!(matches!(reason, Untrusted::Unreadable(_)), "{reason:?}");
}

#[test]
fn every_bit_of_the_signature_counts_or_changes_nothing() {
    let parts = Parts::of(&GOOD);
    let good = open(&GOOD, &ROOT.policy()).unwrap();
    for at in 0..parts.signature.len() {
        let mut signature = parts.signature.clone();
        signature[at] ^= 1 << (at % 8);
        match open(&assemble(&parts.data, &parts.tree, &signature), &ROOT.policy()) {
            // Some bits are outside what is signed, as the algorithm named beside the digest; the content is not.
            Ok(bundle) => {
                assert_eq!(
                    (bundle.manifest(), bundle.signer()),
                    (good.manifest(), good.signer()),
                    "byte {at}"
                );
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Untrusted, "byte {at}: {error:?}"),
        }
    }
}

#[test]
fn flipped_bytes_everywhere_else() {
    let parts = Parts::of(&GOOD);
    let u64_at = |at: usize| u64::from_le_bytes(parts.data[at..at + 8].try_into().unwrap()) as usize;
    let (inodes, directories, fragments, ids) = (u64_at(64), u64_at(72), u64_at(80), u64_at(48));
    let end = parts.data.len();
    // Superblock, first and middle data, tables, padding, each level of the tree.
    let places =
        [0, 13, 40, 95, 100, inodes / 2, inodes, inodes + 3, directories + 3, fragments, ids, end - 1];
    let tree = [end, end + 31, end + 4096, end + 4096 + 500, end + parts.tree.len() - 1];
    assert!(parts.tree.len() > 2 * 4096, "two levels");
    for place in places.into_iter().chain(tree) {
        let mut bytes = GOOD.clone();
        bytes[place] ^= 0x10;
        let reason = malformed(verify(&bytes, &ROOT.policy()));
        let block = (place / 4096) as u64;
        match place < end {
            true => assert!(
                matches!(reason, Malformed::DataMismatch { block: b } if b == block),
                "{place}: {reason:?}"
            ),
            false => assert!(matches!(reason, Malformed::TreeMismatch { .. }), "{place}: {reason:?}"),
        }
    }
    for back in 1..=8 {
        let mut bytes = GOOD.clone();
        let at = bytes.len() - back;
        bytes[at] ^= 0x10;
        let error = verify(&bytes, &ROOT.policy()).unwrap_err();
        assert_ne!(error.kind(), ErrorKind::Io, "trailer byte -{back}: {error:?}");
    }
}

#[test]
fn a_squashfs_in_order_before_a_tree_in_disorder() {
    // The levels of the tree in the wrong order: the same hashes, the same root, another file.
    let parts = Parts::of(&GOOD);
    let (top, leaves) = parts.tree.split_at(4096);
    let swapped = assemble(&parts.data, &[leaves, top].concat(), &parts.signature);
    assert!(matches!(malformed(verify(&swapped, &ROOT.policy())), Malformed::TreeMismatch { .. }));
}

#[test]
fn truncation_and_trailing_bytes() {
    let len = GOOD.len();
    for cut in (0..len).step_by(len / 97).chain((len - 3000)..len).chain(0..32) {
        let error = verify(&GOOD[..cut], &ROOT.policy()).unwrap_err();
        // Chance may leave a plausible length at the end, but never a signature.
        assert!(matches!(error.kind(), ErrorKind::Malformed | ErrorKind::Untrusted), "{cut}: {error:?}");
    }
    for tail in [&[0][..], &[0; 7], &[0; 8], &[0; 4096], b"garbage!", &[0xff; 9000]] {
        let longer = [&GOOD[..], tail].concat();
        let error = verify(&longer, &ROOT.policy()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error:?}");
    }
}

#[test]
fn bytes_between_payload_and_signature() {
    let parts = Parts::of(&GOOD);
    for extra in [1, 4095, 4096, 40_960] {
        let longer = assemble(&[&parts.data[..], &vec![0; extra]].concat(), &parts.tree, &parts.signature);
        let reason = malformed(verify(&longer, &ROOT.policy()));
        assert!(
            matches!(
                reason,
                Malformed::Unaligned { .. }
                    | Malformed::TreeSize { .. }
                    | Malformed::TreeMismatch { .. }
                    | Malformed::DataMismatch { .. }
            ),
            "{extra}: {reason:?}"
        );
    }
    let shorter = assemble(&parts.data[4096..], &parts.tree, &parts.signature);
    malformed(verify(&shorter, &ROOT.policy()));
}

#[test]
fn plain_bundles_of_stock_rauc() {
    let rauc = Rauc::new(&ROOT);
    let plain = rauc.bundle(&SIGNER, &image(8), "\n[image.rootfs]\nfilename=rootfs.img\n", "");
    assert!(matches!(malformed(open(&plain, &ROOT.policy())), Malformed::Plain));
}

#[test]
fn formats_within_a_good_signature() {
    let text = |format: &str| manifest(&[0; 32], &[0; 32], 4096, "").replace("format=verity", format);
    for (format, plain) in [("format=plain", true), ("format=crypt", false), ("x=y", true)] {
        let signature = sign(&SIGNER, text(format).as_bytes(), CMSOptions::empty());
        let reason = malformed(open(&assemble(&[0; 8192], &[0; 4096], &signature), &ROOT.policy()));
        assert_eq!(matches!(reason, Malformed::Plain), plain, "{format}: {reason:?}");
        assert!(matches!(reason, Malformed::Plain | Malformed::Format(_)));
    }
    let detached = sign(&SIGNER, text("format=verity").as_bytes(), CMSOptions::DETACHED);
    let reason = malformed(open(&assemble(&[0; 8192], &[0; 4096], &detached), &ROOT.policy()));
    assert!(matches!(reason, Malformed::Plain), "{reason:?}");
}

#[test]
fn hooks_and_handlers_unless_allowed() {
    let rauc = Rauc::new(&ROOT);
    let content = image(9);
    let hooks = VERITY.to_owned() + "hooks=post-install\n\n[hooks]\nfilename=hook.sh\n";
    let check = VERITY.to_owned() + "\n[hooks]\nfilename=hook.sh\nhooks=install-check\n";
    let handler = VERITY.to_owned() + "\n[handler]\nfilename=hook.sh\n";
    for sections in [hooks, check, handler] {
        let bytes = rauc.bundle(&SIGNER, &content, &sections, "");
        assert!(matches!(malformed(open(&bytes, &ROOT.policy())), Malformed::ForeignCode(_)), "{sections}");
        let allowed = Policy { allow_hooks: true, ..ROOT.policy() };
        let verified = verify(&bytes, &allowed).unwrap();
        assert!(verified.manifest().has_hooks || verified.manifest().has_handler);
    }
}

#[test]
fn other_hardware() {
    let mut policy = ROOT.policy();
    policy.compatible = Some("Other-GW".to_owned());
    let error = open(&GOOD, &policy).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incompatible);
    assert!(
        matches!(&error, Error::Incompatible { found, expected } if found == "Univa-GW-Pro" && expected == "Other-GW"),
        "{error:?}"
    );
    policy.compatible = Some("Univa-GW-Pro".to_owned());
    open(&GOOD, &policy).unwrap();
}

#[test]
fn signatures_longer_than_64_kib() {
    let squashfs = mksquashfs(b"content", &[]);
    let sections = |len: usize| image_section(b"content") + "\n[meta.x]\nk=" + &"v".repeat(len) + "\n";
    verify(&seal(&squashfs, &sections(60_000), &SIGNER), &ROOT.policy()).unwrap();
    let reason = malformed(open(&seal(&squashfs, &sections(65_000), &SIGNER), &ROOT.policy()));
    assert!(matches!(reason, Malformed::SignatureTooLong { len } if len > 65_536), "{reason:?}");
}

#[test]
fn things_that_are_no_files() {
    let directory = tempfile::tempdir().unwrap();
    let error = raucb::Bundle::open(directory.path(), &ROOT.policy()).unwrap_err();
    assert!(matches!(error, Error::Malformed(Malformed::NotARegularFile)), "{error:?}");
    let error = raucb::Bundle::open(directory.path().join("absent"), &ROOT.policy()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.report().split(": ").next(), Some("cannot open the bundle"));
}

#[test]
fn reports_tell_the_whole_reason_once() {
    let mut bytes = GOOD.clone();
    bytes[5000] ^= 1;
    let report = verify(&bytes, &ROOT.policy()).unwrap_err().report();
    assert_eq!(report, "not a valid bundle: block 1 of the payload is not what was signed");
}

#[test]
fn the_tree_of_a_verified_bundle_is_exact() {
    let parts = Parts::of(&GOOD);
    let salt = hex::decode(parts.value("verity-salt")).unwrap();
    assert!(hash_tree(&parts.data, &salt).1 == parts.tree);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..20_000), aligned in any::<bool>()) {
        if aligned && bytes.len() > 8192 + 300 {
            // A trailer that leads to 300 bytes of something that could be a signature.
            bytes.truncate(8192 + 300);
            bytes[8192] = 0x30;
            bytes.extend(300_u64.to_be_bytes());
        }
        prop_assert!(open(&bytes, &ROOT.policy()).is_err());
    }

    #[test]
    fn damaged_bundles_are_refused_or_unchanged(at in any::<u32>(), value in any::<u8>()) {
        let mut bytes = GOOD.clone();
        let at = at as usize % bytes.len();
        bytes[at] = value;
        if let Ok(verified) = verify(&bytes, &ROOT.policy()) {
            let parts = Parts::of(&GOOD);
            let signature = parts.data.len() + parts.tree.len();
            prop_assert!(bytes == *GOOD || at >= signature, "only what the signature does not cover");
            let good = open(&GOOD, &ROOT.policy()).unwrap();
            prop_assert_eq!(verified.manifest(), good.manifest());
        }
    }
}
