//! What becomes of the order of a factory reset at a start of the gateway.

#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use ota_core::{
    Actor, AuditAction, AuditEntry, BySlot, FactoryReset, Job, JobEvent, JobId, JobKind, Role, SlotId, Work,
};
use ota_engine::ports::{BootOrder, BootOrders, ResetOrder, Store};
use ota_platform::BootOrderFiles;
use ota_store::{SqliteStore, User};
use server::config::Config;
use server::reset::{Outcome, carry_out};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::fs;
use tempfile::TempDir;

/// A gateway in its second boot, with a user and the order of the first.
struct Gateway {
    directory: TempDir,
    config: Config,
    job: Job,
}

impl Gateway {
    async fn with_order(wipe_data: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        config.boot.boot_id = directory.path().join("boot_id");
        fs::write(&config.boot.boot_id, "second\n").unwrap();
        let reset = FactoryReset {
            wipe_data,
            reason: "a test".into(),
            version: "v5.0.4".into(),
            image: None,
            carried_out: false,
            withdrawn: None,
        };
        let id = JobId::numbered(JobKind::Reset, 1);
        let actor = Actor::local("admin");
        let mut job =
            Job::new(id, Work::Reset(reset), SlotId::B, "v5.0.4".into(), actor, Timestamp::UNIX_EPOCH);
        job.apply(JobEvent::Start, Timestamp::UNIX_EPOCH).unwrap();
        let gateway = Self { directory, config, job };
        let store = gateway.store().await;
        let password_hash = "hash".to_owned();
        let created_at = Timestamp::UNIX_EPOCH;
        let user = User { name: "admin".into(), role: Role::Admin, password_hash, created_at };
        store.add_user(&user).await.unwrap();
        let started = AuditEntry::success(&Actor::system(), AuditAction::Boot);
        store.save_jobs(&[&gateway.job], created_at, &[started]).await.unwrap();
        let audit = store.audit_head().await.unwrap();
        store.close().await;
        let order = ResetOrder {
            job: gateway.job.clone(),
            boot_id: "first".into(),
            audit,
            slots: BySlot::default(),
            recovery: None,
        };
        BootOrderFiles::within(gateway.directory.path())
            .place(&BootOrder::Reset(Box::new(order)))
            .await
            .unwrap();
        gateway
    }

    async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.directory.path().join("gateway.db")).await.unwrap()
    }

    async fn users(&self) -> usize {
        let store = self.store().await;
        let users = store.users().await.unwrap().len();
        store.close().await;
        users
    }
}

#[tokio::test]
async fn an_order_is_carried_out_once_and_in_a_later_boot() {
    for wipe_data in [false, true] {
        let gateway = Gateway::with_order(wipe_data).await;
        fs::write(&gateway.config.boot.boot_id, "first\n").unwrap();
        assert_eq!(carry_out(&gateway.config).await.unwrap(), Outcome::NotYet(gateway.job.id.clone()));
        assert_eq!(gateway.users().await, 1);
        fs::write(&gateway.config.boot.boot_id, "second\n").unwrap();
        assert_eq!(carry_out(&gateway.config).await.unwrap(), Outcome::CarriedOut(gateway.job.id.clone()));
        assert_eq!(gateway.users().await, 0);
        assert_eq!(carry_out(&gateway.config).await.unwrap(), Outcome::Nothing);
    }
}

#[tokio::test]
async fn the_order_of_a_job_that_has_ended_is_dropped() {
    let mut gateway = Gateway::with_order(true).await;
    let cancel = JobEvent::Cancel { percentage: 0.0, reason: "not today".into() };
    gateway.job.apply(cancel, Timestamp::UNIX_EPOCH).unwrap();
    let store = gateway.store().await;
    store.save_jobs(&[&gateway.job], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
    store.close().await;
    assert_eq!(carry_out(&gateway.config).await.unwrap(), Outcome::Dropped(gateway.job.id.clone()));
    assert_eq!(gateway.users().await, 1);
}

#[tokio::test]
async fn the_order_of_a_job_that_is_being_cancelled_is_dropped() {
    let mut gateway = Gateway::with_order(true).await;
    for event in [JobEvent::Cleared, JobEvent::Armed] {
        gateway.job.apply(event, Timestamp::UNIX_EPOCH).unwrap();
    }
    let cancel = JobEvent::Cancel { percentage: 0.0, reason: "not today".into() };
    gateway.job.apply(cancel, Timestamp::UNIX_EPOCH).unwrap();
    assert!(!gateway.job.state.is_ended(), "the power goes before it is disarmed");
    let store = gateway.store().await;
    store.save_jobs(&[&gateway.job], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
    store.close().await;
    assert_eq!(carry_out(&gateway.config).await.unwrap(), Outcome::Dropped(gateway.job.id.clone()));
    assert_eq!(gateway.users().await, 1);
}

#[tokio::test]
async fn the_order_of_a_job_that_a_newer_release_went_on_with_is_dropped() {
    let gateway = Gateway::with_order(true).await;
    let options = SqliteConnectOptions::new().filename(gateway.directory.path().join("gateway.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let change =
        "UPDATE operation SET state = 'entangled', body = json_set(body, '$.state.state', 'entangled')";
    sqlx::query(change).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(carry_out(&gateway.config).await.unwrap(), Outcome::Dropped(gateway.job.id.clone()));
    assert_eq!(gateway.users().await, 1);
}

#[tokio::test]
async fn an_order_that_the_service_has_passed_over_is_dropped() {
    let gateway = Gateway::with_order(true).await;
    // A release that knows of no orders has started since.
    let store = gateway.store().await;
    let started = AuditEntry::success(&Actor::system(), AuditAction::Boot);
    store.append_audit(Timestamp::UNIX_EPOCH, &started).await.unwrap();
    store.close().await;
    assert_eq!(carry_out(&gateway.config).await.unwrap(), Outcome::Dropped(gateway.job.id.clone()));
    assert_eq!(gateway.users().await, 1);
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_not_removed() {
    let gateway = Gateway::with_order(true).await;
    let database = gateway.directory.path().join("gateway.db");
    fs::write(&database, vec![7; 8192]).unwrap();
    assert!(carry_out(&gateway.config).await.is_err());
    assert_eq!(fs::read(&database).unwrap(), vec![7; 8192]);
    assert!(
        BootOrderFiles::within(gateway.directory.path()).reset().unwrap().is_some(),
        "the next start tries again"
    );
}
