//! Uploaded images and kept bundles on a real disk: what is kept, what goes, and what is left when it is full.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Bytes;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use ota_core::{Bundle, FailureCode, ImageFacts};
use ota_engine::ports::{
    Body, BrokenBody, KeptBundles, NewUpload, ReceivedFile, ResumableUploads, ResumeFault, StepError,
    StoredImage, UploadFault, Uploads,
};
use ota_platform::{BundleShelf, KeptBundlesConfig, UploadDirectory, UploadsConfig};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const PIECE: usize = 64 << 10;

fn bundle(version: &str) -> Bundle {
    let image = ImageFacts { class: "rootfs".into(), size: 7, sha256: "11".repeat(32) };
    Bundle {
        version: version.into(),
        compatible: "Univa-GW-Pro".into(),
        kernel: None,
        signer: "CN=signer".into(),
        images: vec![image],
    }
}

fn uploads(directory: &Path) -> UploadDirectory {
    uploads_within(directory, 1 << 30, 64 << 20)
}

fn uploads_within(directory: &Path, quota: u64, longest: u64) -> UploadDirectory {
    let keep = Duration::from_secs(3600);
    let directory = directory.join("uploads");
    let config = UploadsConfig { directory, quota, longest, keep, keep_unfinished: keep };
    UploadDirectory::open(config).unwrap()
}

fn body(content: &[u8]) -> Body {
    let pieces: Vec<_> = content.chunks(PIECE).map(Bytes::copy_from_slice).map(Ok).collect();
    stream::iter(pieces).boxed()
}

fn image(file: &ReceivedFile, name: &str, until: Timestamp) -> StoredImage {
    StoredImage {
        path: PathBuf::new(),
        name: name.into(),
        label: None,
        size: file.size,
        sha256: file.sha256.clone(),
        bundle: bundle("v1"),
        unfit: None,
        kept_until: until,
    }
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_comes_in_is_hashed_kept_and_found_again() {
    let directory = TempDir::new().unwrap();
    let store = uploads(directory.path());
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let file = store.receive(Some(content.len() as u64), body(&content)).await.unwrap();
    assert_eq!(
        (file.size, file.sha256.as_str()),
        (3_000_000, hex::encode(Sha256::digest(&content)).as_str())
    );
    let until = Timestamp::now() + jiff::SignedDuration::from_secs(60);
    let kept = image(&file, "x", until);
    let sha256 = file.sha256.clone();
    store.keep(file, kept).await.unwrap();
    let store = uploads(directory.path());
    let found = store.images().await.unwrap();
    assert_eq!(found.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["x"]);
    assert_eq!(fs::read(&found[0].path).unwrap(), content);
    assert!(!store.expire(Timestamp::now(), &[]).await.unwrap(), "its time is not over");
    assert!(!store.expire(until, std::slice::from_ref(&sha256)).await.unwrap(), "a job reads it");
    assert!(store.expire(until, &[]).await.unwrap());
    assert!(files(&directory.path().join("uploads")).is_empty());
}

#[tokio::test]
async fn what_is_not_as_its_facts_say_is_passed_over() {
    let directory = TempDir::new().unwrap();
    let store = uploads(directory.path());
    let until = Timestamp::now();
    for (name, content) in [("short", b"one".as_slice()), ("nonsense", b"two"), ("whole", b"three")] {
        let file = store.receive(None, body(content)).await.unwrap();
        let kept = image(&file, name, until);
        store.keep(file, kept).await.unwrap();
    }
    let place = |content: &[u8], extension: &str| {
        let hash = hex::encode(Sha256::digest(content));
        directory.path().join("uploads").join(format!("{hash}.{extension}"))
    };
    fs::write(place(b"one", "raucb"), "on").unwrap();
    let mut facts = fs::read(place(b"two", "json")).unwrap();
    facts[1] ^= 1;
    fs::write(place(b"two", "json"), facts).unwrap();
    let found = store.images().await.unwrap();
    assert_eq!(found.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["whole"]);
}

#[tokio::test]
async fn nothing_is_left_of_what_breaks_off_and_a_start_sweeps() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("uploads");
    let store = uploads(directory.path());
    let broken = stream::iter([Ok(Bytes::from_static(b"half")), Err(BrokenBody("gone".into()))]).boxed();
    assert!(matches!(store.receive(None, broken).await, Err(UploadFault::Broken(_))));
    assert!(matches!(store.receive(Some(65 << 20), body(b"")).await, Err(UploadFault::TooLong(_))));
    // Whoever asked goes away.
    let endless = stream::iter([Ok(Bytes::from_static(b"half"))]).chain(stream::pending()).boxed();
    let gone = tokio::time::timeout(Duration::from_millis(50), store.receive(None, endless)).await;
    assert!(gone.is_err());
    let empty = async {
        while !files(&path).is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), empty).await.expect("nothing is left within a second");
    fs::write(path.join("0123.new"), "half").unwrap();
    fs::write(path.join("4567.raucb"), "without facts").unwrap();
    uploads(directory.path());
    assert!(files(&path).is_empty());
}

/// A small file system of its own; none, and that is said, where mounting is not permitted.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"]).arg(directory.path());
        let mounted = mount.status().is_ok_and(|status| status.success());
        if !mounted {
            // Past the harness, which shows nothing of a test that passes.
            std::io::stderr().write_all(b"skipped: mounting a tmpfs is not permitted here\n").unwrap();
        }
        mounted.then_some(Self(directory))
    }

    fn fill(path: &Path) {
        let mut filler = fs::File::create(path).unwrap();
        while filler.write_all(&[1; 1 << 16]).is_ok() {}
        while filler.write_all(&[1; 1]).is_ok() {}
    }

    /// Its room is free at once, also where what another test has just started still holds the file.
    fn empty(filler: &Path) {
        File::options().write(true).open(filler).unwrap().set_len(0).unwrap();
        fs::remove_file(filler).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_meanwhile_leaves_nothing() {
    const LENGTH: usize = 8 << 20;
    let Some(disk) = SmallDisk::mount(40) else { return };
    let store = uploads(disk.0.path());
    let filler = disk.0.path().join("filler");
    for percent in (0..100).step_by(10) {
        let (at, filler_path) = (LENGTH * percent / 100, filler.clone());
        let pieces = (0..LENGTH).step_by(PIECE).map(move |offset| {
            // A piece before the one that is meant, what was sent before may still be on its way.
            if offset >= at && !filler_path.exists() {
                SmallDisk::fill(&filler_path);
            }
            Ok(Bytes::from(vec![7; PIECE]))
        });
        let refused = store.receive(Some(LENGTH as u64), stream::iter(pieces).boxed()).await;
        let Err(UploadFault::Step(StepError::Failed { code, .. })) = refused else { panic!("{refused:?}") };
        assert_eq!(code, FailureCode::InsufficientSpace, "{percent} %");
        SmallDisk::empty(&filler);
        assert!(files(&disk.0.path().join("uploads")).is_empty(), "{percent} %");
    }
    let file = store.receive(Some(LENGTH as u64), body(&vec![7; LENGTH])).await.unwrap();
    drop(file);
    assert!(files(&disk.0.path().join("uploads")).is_empty());
}

#[tokio::test]
async fn an_upload_is_not_taken_from_who_verifies_it() {
    let directory = TempDir::new().unwrap();
    let store = uploads(directory.path());
    let id = store.begin(NewUpload { length: 4, name: "x".into(), label: None }).await.unwrap().id;
    store.append(id, 0, None, body(b"full")).await.unwrap();
    let file = store.complete(id, &CancellationToken::new()).await.unwrap();
    assert_eq!(store.discard(id).await, Err(ResumeFault::Busy));
    assert_eq!(store.find(id).map(|upload| upload.offset), Ok(4), "nothing has become of it");
    drop(file);
    let both = tokio::join!(store.discard(id), store.discard(id));
    assert_eq!(both, (Ok(()), Ok(())), "either hears that it is gone");
    assert_eq!(store.discard(id).await, Err(ResumeFault::Unknown));
    assert!(files(&directory.path().join("uploads")).is_empty());
}

#[tokio::test]
async fn a_disk_that_fills_up_loses_nothing_of_an_upload_in_parts() {
    const LENGTH: usize = 8 << 20;
    let Some(disk) = SmallDisk::mount(40) else {
        println!("mounting is not permitted here: not tested");
        return;
    };
    let store = uploads(disk.0.path());
    let content: Vec<u8> = (0..LENGTH).map(|n| (n % 251) as u8).collect();
    let new = NewUpload { length: LENGTH as u64, name: "x".into(), label: None };
    let id = store.begin(new).await.unwrap().id;
    store.append(id, 0, None, body(&content[..LENGTH / 2])).await.unwrap();
    let filler = disk.0.path().join("filler");
    SmallDisk::fill(&filler);
    let refused = store.append(id, LENGTH as u64 / 2, None, body(&content[LENGTH / 2..])).await;
    let Err(ResumeFault::Step(StepError::Failed { code, .. })) = refused else { panic!("{refused:?}") };
    assert_eq!(code, FailureCode::InsufficientSpace);
    SmallDisk::empty(&filler);
    let store = uploads(disk.0.path());
    let offset = store.find(id).unwrap().offset;
    assert!(offset >= LENGTH as u64 / 2, "{offset}");
    let rest = usize::try_from(offset).unwrap();
    store.append(id, offset, None, body(&content[rest..])).await.unwrap();
    let file = store.complete(id, &CancellationToken::new()).await.unwrap();
    assert_eq!(file.sha256, hex::encode(Sha256::digest(&content)));
    drop(file);
    assert_eq!(store.discard(id).await, Ok(()));
    assert!(files(&disk.0.path().join("uploads")).is_empty());
}

#[tokio::test]
async fn a_bundle_that_finds_no_room_leaves_nothing_and_finds_it_later() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    let directory = disk.0.path().join("bundles");
    let shelf = BundleShelf::open(KeptBundlesConfig { directory: directory.clone(), count: 2 }).unwrap();
    let elsewhere = TempDir::new().unwrap();
    let (staged, theirs) = (disk.0.path().join("staged"), elsewhere.path().join("factory.raucb"));
    fs::write(&staged, vec![7; 1 << 20]).unwrap();
    fs::write(&theirs, vec![8; 1 << 20]).unwrap();
    let filler = disk.0.path().join("filler");
    SmallDisk::fill(&filler);
    let now = Timestamp::now();
    // A second name of one file needs room for what is said about it, a copy for all of it.
    for refused in [
        shelf.keep(&staged, "sha-a", &bundle("v1"), now, &[]).await,
        shelf.keep(&theirs, "sha-b", &bundle("v2"), now, &[]).await,
        shelf.import(&theirs, &bundle("v2"), now).await,
    ] {
        let Err(StepError::Failed { code, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(code, FailureCode::InsufficientSpace);
        assert_eq!(files(&directory), [""; 0]);
    }
    SmallDisk::empty(&filler);
    shelf.keep(&staged, "sha-a", &bundle("v1"), now, &[]).await.unwrap();
    shelf.import(&theirs, &bundle("v2"), now).await.unwrap();
    assert_eq!(shelf.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_newest_bundles_stay_and_those_that_are_read() {
    let directory = TempDir::new().unwrap();
    let config = || KeptBundlesConfig { directory: directory.path().join("bundles"), count: 2 };
    let shelf = BundleShelf::open(config()).unwrap();
    for (number, version) in (1..).zip(["v1", "v2", "v3", "v4"]) {
        let source = directory.path().join("staged");
        fs::write(&source, version).unwrap();
        let at = Timestamp::from_second(number).unwrap();
        let protected = ["sha-v1".to_owned()];
        shelf.keep(&source, &format!("sha-{version}"), &bundle(version), at, &protected).await.unwrap();
        fs::remove_file(&source).unwrap();
    }
    let shelf = BundleShelf::open(config()).unwrap();
    let kept = shelf.list().await.unwrap();
    let versions: Vec<_> = kept.iter().map(|kept| kept.bundle.version.as_str()).collect();
    assert_eq!(versions, ["v4", "v3", "v1"]);
    assert_eq!(fs::read_to_string(&kept[0].path).unwrap(), "v4");
}

#[tokio::test]
async fn uploads_at_once_do_not_count_on_the_same_room() {
    let directory = TempDir::new().unwrap();
    let store = uploads_within(directory.path(), 100, 80);
    assert_eq!(store.room().await.unwrap(), 80);
    let first = store.receive(Some(60), body(&[1; 50])).await.unwrap();
    assert_eq!(store.room().await.unwrap(), 40, "it keeps what it was promised until it is looked at");
    let refused = store.receive(Some(41), body(&[2; 41])).await;
    assert!(matches!(
        refused,
        Err(UploadFault::Step(StepError::Failed { code: FailureCode::InsufficientSpace, .. }))
    ));
    let refused = store.receive(None, body(&[2; 41])).await;
    assert!(matches!(
        refused,
        Err(UploadFault::Step(StepError::Failed { code: FailureCode::InsufficientSpace, .. }))
    ));
    let second = store.receive(None, body(&[2; 40])).await.unwrap();
    assert_eq!(store.room().await.unwrap(), 0);
    drop(second);
    let kept = image(&first, "kept", Timestamp::now());
    store.keep(first, kept).await.unwrap();
    assert_eq!(store.room().await.unwrap(), 50, "now it counts as long as it is");
}

#[tokio::test]
async fn a_file_goes_with_its_owner_and_with_facts_that_cannot_be_written() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("uploads");
    let store = uploads(directory.path());
    drop(store.receive(None, body(b"unwanted")).await.unwrap());
    assert!(files(&path).is_empty());
    let file = store.receive(None, body(b"verified")).await.unwrap();
    // In the way of the facts.
    let facts = path.join(format!("{}.json", file.sha256));
    fs::create_dir(&facts).unwrap();
    let kept = image(&file, "verified", Timestamp::now());
    store.keep(file, kept).await.unwrap_err();
    fs::remove_dir(&facts).unwrap();
    assert!(
        files(&path).iter().all(|name| name.ends_with(".raucb")),
        "the next start finds it: {:?}",
        files(&path)
    );
    uploads(directory.path());
    assert!(files(&path).is_empty());
}

#[tokio::test]
async fn a_copy_is_kept_of_what_belongs_to_somebody_else() {
    let directory = TempDir::new().unwrap();
    let config = |count| KeptBundlesConfig { directory: directory.path().join("bundles"), count };
    let shelf = BundleShelf::open(config(2)).unwrap();
    let theirs = directory.path().join("factory.raucb");
    fs::write(&theirs, "the factory's").unwrap();
    shelf.import(&theirs, &bundle("v1"), Timestamp::now()).await.unwrap();
    fs::write(&theirs, "changed later").unwrap();
    let kept = shelf.list().await.unwrap();
    assert_eq!(fs::read_to_string(&kept[0].path).unwrap(), "the factory's");
    assert_eq!(kept[0].sha256, hex::encode(Sha256::digest(b"the factory's")));
    // A gateway that is to keep none any more.
    let none = BundleShelf::open(config(0)).unwrap();
    none.keep(&theirs, "sha", &bundle("v2"), Timestamp::now(), &[]).await.unwrap();
    assert!(files(&directory.path().join("bundles")).is_empty());
}
