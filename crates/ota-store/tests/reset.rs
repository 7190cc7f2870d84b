//! What a factory reset leaves, and when set-up is open.

#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use ota_core::{
    Actor, AuditAction, AuditEntry, BySlot, FactoryReset, Job, JobId, JobKind, PinKind, Role, Settings,
    SlotId, SlotRecord, Work,
};
use ota_engine::ports::{PinStore, Store};
use ota_store::{Setup, SqliteStore, User};

async fn fresh() -> (tempfile::TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("gateway.db")).await.unwrap();
    (directory, store)
}

fn user(name: &str) -> User {
    User {
        name: name.into(),
        role: Role::Admin,
        password_hash: "hash".into(),
        created_at: Timestamp::UNIX_EPOCH,
    }
}

fn job() -> Job {
    let reset = FactoryReset {
        wipe_data: false,
        reason: "a test".into(),
        version: "v5.0.4".into(),
        image: None,
        carried_out: false,
        withdrawn: None,
    };
    let id = JobId::numbered(JobKind::Reset, 7);
    Job::new(id, Work::Reset(reset), SlotId::B, "v5.0.4".into(), Actor::local("admin"), Timestamp::UNIX_EPOCH)
}

fn entry() -> AuditEntry {
    AuditEntry::attempt(&Actor::local("admin"), AuditAction::FactoryReset)
}

#[tokio::test]
async fn people_go_and_jobs_and_records_stay() {
    let (_directory, store) = fresh().await;
    store.add_user(&user("chief")).await.unwrap();
    store.put_pin(PinKind::Override, "hash").await.unwrap();
    let settings = Settings {
        auto_update: ota_core::AutoUpdate { enabled: true, ..Default::default() },
        ..Settings::default()
    };
    store.put_settings(&settings, Timestamp::UNIX_EPOCH, &changed()).await.unwrap();
    let job = job();
    store.save_jobs(&[&job], Timestamp::UNIX_EPOCH, &[entry()]).await.unwrap();
    assert!(!store.is_reset_by(&job.id).await.unwrap() && !store.setup_is_open().await.unwrap());
    store.forget_people(&job, Timestamp::UNIX_EPOCH, &entry()).await.unwrap();
    assert!(store.is_reset_by(&job.id).await.unwrap() && store.setup_is_open().await.unwrap());
    assert!(store.users().await.unwrap().is_empty());
    assert_eq!(store.pin(PinKind::Override).await.unwrap(), None);
    assert_eq!(store.settings().await.unwrap(), Settings::default());
    assert_eq!(store.job(&job.id).await.unwrap(), Some(job));
    assert_eq!(store.audit_head().await.unwrap().seq, 3, "the chain goes on");
}

#[tokio::test]
async fn a_new_database_begins_with_the_job_and_the_slots() {
    let (_directory, store) = fresh().await;
    let record = SlotRecord {
        version: "v5.0.4".into(),
        kernel: "6.1".into(),
        image_bytes: 1,
        sha256: "00".into(),
        installed_at: Timestamp::UNIX_EPOCH,
        bundle: None,
        good: true,
    };
    let slots = BySlot { a: Some(record.clone()), b: None };
    let recovery = SlotRecord { version: "v4.9.0".into(), ..record.clone() };
    let kept = (&slots, Some(&recovery));
    store.begin_anew(&job(), kept, Timestamp::UNIX_EPOCH, &entry()).await.unwrap();
    assert_eq!(store.slot_record(SlotId::A).await.unwrap(), Some(record));
    assert_eq!(store.recovery_record().await.unwrap(), Some(recovery));
    assert_eq!(store.slot_record(SlotId::B).await.unwrap(), None);
    assert_eq!(store.open_jobs().await.unwrap(), [job()]);
    assert_eq!(
        store.next_job_id(JobKind::Reset).await.unwrap().as_str(),
        "RESET-008",
        "no id is given twice"
    );
    assert!(store.setup_is_open().await.unwrap());
}

#[tokio::test]
async fn set_up_is_done_once() {
    let (_directory, store) = fresh().await;
    let admin = user("chief");
    let setup = Setup { admin: &admin, override_pin_hash: "one", factory_pin_hash: "two" };
    assert!(store.set_up(&setup, Timestamp::UNIX_EPOCH, &entry()).await.unwrap());
    assert_eq!(store.users().await.unwrap(), std::slice::from_ref(&admin));
    assert_eq!(store.pin(PinKind::Factory).await.unwrap().unwrap().hash, "two");
    store.remove_user("chief").await.unwrap();
    assert!(!store.set_up(&setup, Timestamp::UNIX_EPOCH, &entry()).await.unwrap(), "not even without users");
    assert!(store.users().await.unwrap().is_empty());
    assert_eq!(store.audit_head().await.unwrap().seq, 1);
}

/// What is recorded about a change of the settings.
fn changed() -> AuditEntry {
    AuditEntry::success(&Actor::local("root"), AuditAction::Settings)
}
