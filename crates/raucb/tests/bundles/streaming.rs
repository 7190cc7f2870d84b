//! Reading images out: progress, cancellation, changes under the reader, memory.

use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use raucb::{Bundle, Compression, Error, ErrorKind, Malformed, Progress};

use crate::certificates::{Identity, Use, VALID};
use crate::sealing::{bundle, image, image_section, mksquashfs, noise, open, seal, verify};

fn signed() -> (Identity, Identity) {
    let root = Identity::root("root");
    let signer = root.issue("signer", Use::Mail, VALID);
    (root, signer)
}

#[derive(Default)]
struct Recorded {
    reports: Mutex<Vec<(u64, u64)>>,
}

impl Progress for Recorded {
    fn report(&self, done: u64, total: u64) {
        self.reports.lock().unwrap().push((done, total));
    }
}

#[test]
fn progress_rises_to_the_total() {
    let (root, signer) = signed();
    let content = image(10);
    let bytes = bundle(&signer, &content, Compression::Zstd { level: 1 });
    let recorded = Recorded::default();
    open(&bytes, &root.policy()).unwrap().verify(&recorded).unwrap();
    let reports = recorded.reports.into_inner().unwrap();
    let total = reports[0].1;
    assert!(total >= content.len() as u64, "the image, and what lies beside it");
    assert!(reports.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 == pair[1].1), "{reports:?}");
    assert_eq!(reports.last().unwrap(), &(total, total));
}

fn collect(bytes: &mut Vec<u8>) -> impl FnMut(&[u8]) -> std::io::Result<()> + use<'_> {
    |part| {
        assert!(!part.is_empty() && part.len() <= 1 << 20);
        bytes.extend_from_slice(part);
        Ok(())
    }
}

#[test]
fn streams_give_every_byte_once_and_in_order() {
    let (root, signer) = signed();
    for content in [image(14), noise(9 << 20, 15), vec![0; 3 << 20], Vec::new(), vec![1]] {
        let bytes = bundle(&signer, &content, Compression::Zstd { level: 1 });
        let verified = verify(&bytes, &root.policy()).unwrap();
        let (recorded, mut streamed) = (Recorded::default(), Vec::new());
        verified.stream_image("rootfs", &recorded, collect(&mut streamed)).unwrap();
        assert!(streamed == content);
        let reports = recorded.reports.into_inner().unwrap();
        let done: u64 = reports.last().map_or(0, |(done, _)| *done);
        assert_eq!(done, content.len() as u64);
        assert!(reports.iter().all(|(_, total)| *total == content.len() as u64));
        let mut unhashed = Vec::new();
        verified.stream_image_unhashed("rootfs", &(), collect(&mut unhashed)).unwrap();
        assert!(unhashed == content);
    }
}

#[test]
fn streams_end_with_the_sink_or_on_request() {
    let (root, signer) = signed();
    let content = noise(12 << 20, 16);
    let verified = verify(&bundle(&signer, &content, Compression::Gzip), &root.policy()).unwrap();
    let mut taken = 0;
    let mut full = |part: &[u8]| {
        taken += part.len();
        if taken > 3 << 20 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    };
    for error in [
        verified.stream_image("rootfs", &(), &mut full).unwrap_err(),
        verified.stream_image_unhashed("rootfs", &(), &mut full).unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull),
            "{error:?}"
        );
    }
    let cancel = CancelAt(4 << 20, AtomicU64::new(0));
    let error = verified.stream_image("rootfs", &cancel, |_| Ok(())).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    assert!(cancel.1.into_inner() <= 5 << 20, "it ends soon after");
    let cancel = CancelAt(4 << 20, AtomicU64::new(0));
    let error = verified.stream_image_unhashed("rootfs", &cancel, |_| Ok(())).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    assert!(cancel.1.into_inner() <= 5 << 20, "it ends soon after");
}

struct CancelAt(u64, AtomicU64);

impl Progress for CancelAt {
    fn report(&self, done: u64, _total: u64) {
        self.1.store(done, Ordering::SeqCst);
    }

    fn cancelled(&self) -> bool {
        self.1.load(Ordering::SeqCst) >= self.0
    }
}

#[test]
fn a_pass_can_be_cancelled_anywhere() {
    let (root, signer) = signed();
    let bytes = bundle(&signer, &noise(40 << 20, 1), Compression::Zstd { level: 1 });
    for at in [0, 1, 3 << 20, 30 << 20, 38 << 20] {
        let cancel = CancelAt(at, AtomicU64::new(0));
        let error = open(&bytes, &root.policy()).unwrap().verify(&cancel).unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{at}: {error:?}");
        assert!(cancel.1.into_inner() <= at + (2 << 20), "it ends soon after");
    }
}

#[test]
fn readers_are_independent_and_take_any_buffer() {
    let (root, signer) = signed();
    let content = image(11);
    let bytes = bundle(&signer, &content, Compression::Zstd { level: 1 });
    let verified = verify(&bytes, &root.policy()).unwrap();
    let mut first = verified.image_reader("rootfs").unwrap();
    let mut second = verified.image_reader("rootfs").unwrap();
    assert_eq!(first.size(), content.len() as u64);
    drop(verified);
    let mut read = (Vec::new(), Vec::new());
    let mut buffer = vec![0; 100_003];
    loop {
        let counts = (first.read(&mut buffer[..7777]).unwrap(), 0);
        read.0.extend_from_slice(&buffer[..counts.0]);
        let count = second.read(&mut buffer).unwrap();
        read.1.extend_from_slice(&buffer[..count]);
        if counts.0 == 0 && count == 0 {
            break;
        }
    }
    assert!(read.0 == content && read.1 == content);
}

#[test]
fn unknown_slot_classes() {
    let (root, signer) = signed();
    let verified = verify(&bundle(&signer, b"content", Compression::Xz), &root.policy()).unwrap();
    let error = verified.stream_image("appfs", &(), |_| panic!("no byte of it")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    let error = verified.image_reader("appfs").map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::Malformed(Malformed::NoSuchImage(class)) if class == "appfs"));
}

#[test]
fn a_change_after_the_pass_is_noticed_before_it_comes_out() {
    let (root, signer) = signed();
    let content = noise(3 << 20, 5);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bundle(&signer, &content, Compression::Zstd { level: 1 })).unwrap();
    let verified = Bundle::open(file.path(), &root.policy()).unwrap().verify(&()).unwrap();
    // Incompressible data is stored as it is, so that a changed byte is no decompression error.
    file.as_file().write_all_at(b"changed", 2_000_000).unwrap();

    let mut read = Vec::new();
    let error = verified.image_reader("rootfs").unwrap().read_to_end(&mut read).unwrap_err();
    let error = Error::from(error);
    assert!(matches!(error, Error::Malformed(Malformed::DataMismatch { block: 488 })), "{error:?}");
    assert!(content.starts_with(&read), "nothing that was not signed has come out");

    let mut streamed = Vec::new();
    let error = verified.stream_image("rootfs", &(), collect(&mut streamed)).unwrap_err();
    assert!(matches!(error, Error::Malformed(Malformed::DataMismatch { block: 488 })), "{error:?}");
    assert!(content.starts_with(&streamed));
}

#[test]
fn without_the_pass_a_damage_is_met_while_reading() {
    let (root, signer) = signed();
    let content = noise(3 << 20, 17);
    let good = bundle(&signer, &content, Compression::Zstd { level: 1 });
    let mut streamed = Vec::new();
    let opened = open(&good, &root.policy()).unwrap().verify_on_read().unwrap();
    opened.stream_image("rootfs", &(), collect(&mut streamed)).unwrap();
    assert!(streamed == content);

    let mut bytes = good.clone();
    bytes[2_000_000] ^= 1;
    let opened = open(&bytes, &root.policy()).unwrap().verify_on_read().unwrap();
    let mut streamed = Vec::new();
    let error = opened.stream_image("rootfs", &(), collect(&mut streamed)).unwrap_err();
    assert!(matches!(error, Error::Malformed(Malformed::DataMismatch { block: 488 })), "{error:?}");
    assert!(content.starts_with(&streamed) && streamed.len() < content.len());
    let mut unhashed = Vec::new();
    let error = opened.stream_image_unhashed("rootfs", &(), collect(&mut unhashed)).unwrap_err();
    assert!(matches!(error, Error::Malformed(Malformed::DataMismatch { block: 488 })), "{error:?}");
    assert!(content.starts_with(&unhashed) && unhashed.len() < content.len());

    let other = noise(3 << 20, 18);
    let squashfs = mksquashfs(&content, &[]);
    let lie = seal(&squashfs, &image_section(&other), &signer);
    let opened = open(&lie, &root.policy()).unwrap().verify_on_read().unwrap();
    let error = opened.stream_image("rootfs", &(), |_| Ok(())).unwrap_err();
    assert!(matches!(error, Error::Malformed(Malformed::ImageHash { .. })), "{error:?}");
}

#[test]
fn the_file_that_was_verified_is_the_one_that_is_read() {
    let (root, signer) = signed();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("update.raucb");
    std::fs::write(&path, bundle(&signer, b"first", Compression::Gzip)).unwrap();
    let verified = Bundle::open(&path, &root.policy()).unwrap().verify(&()).unwrap();
    let other = directory.path().join("other.raucb");
    std::fs::write(&other, bundle(&signer, b"second", Compression::Gzip)).unwrap();
    std::fs::rename(&other, &path).unwrap();
    let mut read = String::new();
    verified.image_reader("rootfs").unwrap().read_to_string(&mut read).unwrap();
    assert_eq!(read, "first");
}

#[test]
fn a_file_that_shrinks_is_an_error_of_the_system() {
    let (root, signer) = signed();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bundle(&signer, &noise(3 << 20, 6), Compression::Gzip)).unwrap();
    let verified = Bundle::open(file.path(), &root.policy()).unwrap().verify(&()).unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    let mut read = Vec::new();
    let error = verified.image_reader("rootfs").unwrap().read_to_end(&mut read).unwrap_err();
    assert_eq!(Error::from(error).kind(), ErrorKind::Io);
    let error = verified.stream_image("rootfs", &(), |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}
