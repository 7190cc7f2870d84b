//! Snapshots of slots: which one counts as the one that was asked for, and what does not stay.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::Timestamp;
use ota_core::{Bundle, BySlot, FailureCode, ImageFacts, JobId, JobKind, ROOT_CLASS, Settings, SlotId};
use ota_engine::ports::{Meter, NewSnapshot, Snapshots, StepError};
use ota_platform::{SlotSnapshots, SnapshotsConfig};
use sha2::{Digest, Sha256};
use snapstore::{Entry, ImageSource, Request, Summary};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const LENGTH: usize = 3 << 20;

struct Gateway {
    directory: TempDir,
    snapshots: SlotSnapshots,
}

impl Gateway {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let bytes: Vec<u8> = (0..LENGTH).map(|n| (n % 251) as u8).collect();
        let place = |slot: &str| BTreeMap::from([(ROOT_CLASS.to_owned(), directory.path().join(slot))]);
        let places = BySlot { a: place("A.img"), b: place("B.img") };
        fs::write(directory.path().join("A.img"), bytes).unwrap();
        let config = SnapshotsConfig {
            directory: directory.path().join("snapshots"),
            places,
            writable: false,
            count: 3,
            bytes: u64::MAX,
            keep_free: 0,
        };
        Self { snapshots: SlotSnapshots::open(config).unwrap(), directory }
    }

    fn slot(&self) -> PathBuf {
        self.directory.path().join("A.img")
    }

    fn order(&self, number: u64, name: &str) -> NewSnapshot {
        let sha256 = hex::encode(Sha256::digest(fs::read(self.slot()).unwrap()));
        let content = Bundle {
            version: "v1".into(),
            compatible: "Univa-GW-Pro".into(),
            kernel: None,
            signer: String::new(),
            images: vec![ImageFacts { class: ROOT_CLASS.into(), size: LENGTH as u64, sha256 }],
        };
        NewSnapshot {
            id: JobId::numbered(JobKind::Snapshot, number),
            name: name.into(),
            description: String::new(),
            at: Timestamp::now(),
            slot: SlotId::A,
            content,
            settings: Settings::default(),
        }
    }

    async fn create(&self, order: &NewSnapshot) -> Result<(), StepError> {
        self.snapshots.create(order, &Meter::default(), &CancellationToken::new()).await
    }

    async fn ids(&self) -> Vec<String> {
        self.snapshots.list().await.unwrap().into_iter().map(|snapshot| snapshot.id).collect()
    }
}

fn code(refused: Result<(), StepError>) -> FailureCode {
    refused.unwrap_err().failure().unwrap().code
}

#[tokio::test]
async fn only_the_same_snapshot_counts_as_taken_already() {
    let gateway = Gateway::new();
    let order = gateway.order(1, "first");
    gateway.create(&order).await.unwrap();
    let later = NewSnapshot { at: Timestamp::now(), ..order.clone() };
    gateway.create(&later).await.expect("its process was killed before it could be noted");
    let other = gateway.order(1, "of another life of this gateway");
    assert_eq!(code(gateway.create(&other).await), FailureCode::RecoveryFailed);
    assert_eq!(gateway.ids().await, ["snap-001"], "what was there stays");
    // It is not taken for whole because it is there.
    let pack =
        fs::read_dir(gateway.directory.path().join("snapshots")).unwrap().map(|entry| entry.unwrap().path());
    let pack = pack.into_iter().find(|path| path.extension().is_some_and(|name| name == "pack")).unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pack, bytes).unwrap();
    assert_eq!(code(gateway.create(&order).await), FailureCode::RecoveryFailed);
    assert!(gateway.ids().await.is_empty());
}

#[tokio::test]
async fn settings_of_a_newer_release_do_not_make_a_snapshot_a_damaged_one() {
    let gateway = Gateway::new();
    gateway.create(&gateway.order(1, "first")).await.unwrap();
    let store = gateway.snapshots.store();
    let Entry::Whole(Summary { mut metadata, .. }) = store.list().unwrap().remove(0) else {
        panic!("damaged")
    };
    metadata["settings"]["update_strategy"] = "teleport".into();
    let image = ImageSource { name: ROOT_CLASS.into(), path: gateway.slot(), length: LENGTH as u64 };
    let request = Request { id: "snap-002".into(), metadata, images: vec![image], keep_free: 0 };
    store.create(&request, &()).unwrap();
    let newest = gateway.snapshots.list().await.unwrap().remove(0);
    assert_eq!(
        (newest.id.as_str(), newest.damaged, newest.settings),
        ("snap-002", None, Settings::default())
    );
    let cancel = CancellationToken::new();
    gateway.snapshots.verify("snap-002", &Meter::default(), &cancel).await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_restored_does_not_stay() {
    let gateway = Gateway::new();
    let order = gateway.order(1, "first");
    let mut bytes = fs::read(gateway.slot()).unwrap();
    bytes[LENGTH / 2] ^= 1;
    fs::write(gateway.slot(), bytes).unwrap();
    assert_eq!(code(gateway.create(&order).await), FailureCode::RecoveryFailed);
    assert!(gateway.ids().await.is_empty());
    let cancel = CancellationToken::new();
    cancel.cancel();
    let order = gateway.order(2, "second");
    let cancelled = gateway.snapshots.create(&order, &Meter::default(), &cancel).await;
    assert_eq!(cancelled, Err(StepError::Cancelled));
    assert!(gateway.ids().await.is_empty());
}
