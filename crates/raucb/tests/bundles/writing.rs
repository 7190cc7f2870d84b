//! What the writer refuses and what it leaves behind.

use std::path::Path;
use std::process::Command;

use raucb::{BundleSpec, Compression, Error, ErrorKind, ImageSource, SigningKey, SpecError, write_bundle};

use crate::certificates::{Identity, Use, VALID};
use crate::sealing::{image, run, spec, verify};

fn source(slot_class: &str, filename: &str, path: &Path) -> ImageSource {
    ImageSource { slot_class: slot_class.to_owned(), filename: filename.to_owned(), path: path.to_owned() }
}

#[test]
fn several_images_and_sections_come_back() {
    let root = Identity::root("root");
    let middle = root.issue("middle", Use::Authority, VALID);
    let signer = middle.issue("signer", Use::Mail, VALID);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let contents =
        [("rootfs", image(12)), ("appfs", b"small".to_vec()), ("boot", Vec::new()), ("data_2", image(13))];
    for (name, content) in &contents {
        std::fs::write(path(name), content).unwrap();
    }
    let mut spec = spec(&path("rootfs"), Compression::Zstd { level: 6 });
    spec.images =
        contents.iter().map(|(name, _)| source(name, &format!("{name}.img"), &path(name))).collect();
    spec.description = Some("  „Täglich“ \\ 100 % = fine".to_owned());
    let out = path("out.raucb");
    let written = write_bundle(&spec, &signer.signing_key_with(&[&middle]), &out).unwrap();
    let verified = verify(&std::fs::read(&out).unwrap(), &root.policy()).unwrap();
    let read = verified.manifest();
    assert_eq!(read.description, spec.description);
    assert_eq!(read.meta, spec.meta);
    assert_eq!(read.verity, written.verity);
    assert_eq!(read.images.len(), 4);
    for (name, content) in &contents {
        assert_eq!(read.image(name), written.images.iter().find(|image| image.slot_class == *name));
        let mut bytes = Vec::new();
        std::io::copy(&mut verified.image_reader(name).unwrap(), &mut bytes).unwrap();
        assert!(bytes == *content, "{name}");
    }
    // Stock tools see the same files.
    let unpacked = path("unpacked");
    run(Command::new("unsquashfs").args(["-no-progress", "-d"]).args([&unpacked, &out]));
    for (name, content) in &contents {
        assert!(std::fs::read(unpacked.join(format!("{name}.img"))).unwrap() == *content, "{name}");
    }
    let names = || std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names().all(|name| !name.to_string_lossy().ends_with(".partial")));
}

#[test]
fn two_bundles_of_one_image_have_two_salts() {
    let signer = Identity::root("root");
    let directory = tempfile::tempdir().unwrap();
    let (image, out) = (directory.path().join("image"), directory.path().join("out"));
    std::fs::write(&image, b"content").unwrap();
    let write = || write_bundle(&spec(&image, Compression::Gzip), &signer.signing_key(), &out).unwrap();
    assert_ne!(write().verity.salt, write().verity.salt);
}

fn refused(change: impl FnOnce(&mut BundleSpec)) -> Error {
    let directory = tempfile::tempdir().unwrap();
    let (image, out) = (directory.path().join("image"), directory.path().join("out.raucb"));
    std::fs::write(&image, b"content").unwrap();
    std::fs::write(&out, b"the older bundle").unwrap();
    let mut spec = spec(&image, Compression::Gzip);
    change(&mut spec);
    let error = write_bundle(&spec, &Identity::root("root").signing_key(), &out).unwrap_err();
    assert_eq!(std::fs::read(&out).unwrap(), b"the older bundle", "what was there stays");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2, "nothing is left behind");
    error
}

#[test]
fn specs_that_make_no_bundle() {
    let invalid = |error: Error| match error {
        Error::Spec(SpecError::Invalid(what)) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(invalid(refused(|spec| spec.compatible.clear())), "compatible");
    assert_eq!(invalid(refused(|spec| spec.compatible.push('\n'))), "compatible");
    assert_eq!(invalid(refused(|spec| spec.version.clear())), "version");
    assert_eq!(invalid(refused(|spec| spec.build = Some("a\0".to_owned()))), "build");
    assert_eq!(invalid(refused(|spec| spec.images[0].slot_class = "../rootfs".to_owned())), "slot class");
    assert_eq!(invalid(refused(|spec| spec.images[0].filename = "a/b".to_owned())), "file name");
    assert_eq!(invalid(refused(|spec| spec.images[0].filename = "a.tar.gz".to_owned())), "file name");
    assert_eq!(invalid(refused(|spec| drop(spec.meta.insert("a.b".to_owned(), [].into())))), "meta");
    let images = |error: Error| matches!(error, Error::Spec(SpecError::Images));
    assert!(images(refused(|spec| spec.images.clear())));
    assert!(images(refused(|spec| spec.images.push(spec.images[0].clone()))));
    let level = refused(|spec| spec.compression = Compression::Zstd { level: 23 });
    assert!(matches!(level, Error::Spec(SpecError::Level)));
    let absent = refused(|spec| spec.images[0].path = "/nonexistent".into());
    assert_eq!(absent.kind(), ErrorKind::Io);
    let long =
        refused(|spec| drop(spec.meta.insert("x".to_owned(), [("k".to_owned(), "v".repeat(70_000))].into())));
    assert!(matches!(long, Error::Spec(SpecError::TooLong(len)) if len > 65_536));
}

#[test]
fn keys_that_do_not_belong_together() {
    let (one, other) = (Identity::root("one"), Identity::root("other"));
    let key = |certificate: &[u8], key: &[u8], intermediates: &[u8]| {
        SigningKey::from_pem(certificate, key, intermediates).map(|_| ()).map_err(|error| error.kind())
    };
    assert_eq!(key(&one.certificate_pem(), &one.key_pem(), b"\n"), Ok(()));
    assert_eq!(key(&one.certificate_pem(), &other.key_pem(), b""), Err(ErrorKind::Spec));
    assert_eq!(key(b"", &one.key_pem(), b""), Err(ErrorKind::Spec));
    assert_eq!(key(&one.certificate_pem(), b"no key", b""), Err(ErrorKind::Spec));
    assert_eq!(
        key(&one.certificate_pem(), &one.key_pem(), b"-----BEGIN CERTIFICATE-----"),
        Err(ErrorKind::Spec)
    );
}
