//! The audit log in the database: it only grows, its chain never forks, and what is cut off leaves a gap.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::Timestamp;
use ota_core::{
    Actor, AuditAction, AuditEntry, AuditHead, ChainCheck, ChainFault, Job, Origin, Release, Severity,
    SlotId, TargetFile, UpdateKind, verify_chain,
};
use ota_engine::ports::{AuditQuery, Store};
use ota_store::SqliteStore;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::path::PathBuf;
use tempfile::TempDir;

struct Place {
    _dir: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.db");
        Self { _dir: dir, path }
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path).await.unwrap()
    }

    /// Changes the database behind the store's back.
    async fn tamper(&self, statement: &'static str) -> Result<(), sqlx::Error> {
        let options = SqliteConnectOptions::new().filename(&self.path);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let done = sqlx::raw_sql(statement).execute(&mut connection).await;
        connection.close().await.unwrap();
        done.map(drop)
    }
}

fn now() -> Timestamp {
    "2026-03-15T08:00:00Z".parse().unwrap()
}

fn login(name: &str) -> AuditEntry {
    AuditEntry::success(&Actor::remote(name, "10.0.0.7".parse().ok()), AuditAction::Login)
}

fn job(number: u64) -> Job {
    let release = Release {
        id: "update-001".to_owned(),
        version: "v5.0.5".to_owned(),
        kind: UpdateKind::Security,
        severity: Severity::Critical,
        released: "2026-11-02".to_owned(),
        description: String::new(),
        changelog: vec![],
        compatible: vec![],
        kernel: None,
        waves: vec![],
        target: TargetFile { name: "v5.0.5.raucb".to_owned(), length: 7, sha256: "ab".repeat(32) },
    };
    let (id, actor) = (
        ota_core::JobId::numbered(ota_core::JobKind::Update, number),
        Actor::remote("olga", "10.0.0.7".parse().ok()),
    );
    Job::new(id, ota_core::Work::Release(release), SlotId::B, "v5.0.4".to_owned(), actor, now())
}

#[tokio::test]
async fn records_come_back_filtered_newest_first_and_page_by_page() {
    let place = Place::new();
    let store = place.open().await;
    for name in ["olga", "vic", "olga"] {
        store.append_audit(now(), &login(name)).await.unwrap();
    }
    let reboot = AuditEntry::attempt(&Actor::local("root"), AuditAction::Reboot).because("maintenance");
    let appended = store.append_audit(now(), &reboot).await.unwrap();
    store.close().await;

    let store = place.open().await;
    let seqs = async |query: AuditQuery| {
        let page = store.audit(&AuditQuery { limit: 2, ..query }).await.unwrap();
        (page.records.iter().map(|record| record.seq).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(seqs(AuditQuery::default()).await, (vec![4, 3], true));
    assert_eq!(seqs(AuditQuery { before: Some(3), ..Default::default() }).await, (vec![2, 1], false));
    assert_eq!(
        seqs(AuditQuery { actor: Some("olga".into()), ..Default::default() }).await,
        (vec![3, 1], false)
    );
    let query = AuditQuery { action: Some(AuditAction::Reboot), ..Default::default() };
    assert_eq!(seqs(query).await, (vec![4], false));
    let query = AuditQuery { outcome: Some("attempted".into()), ..Default::default() };
    assert_eq!(seqs(query).await, (vec![4], false));

    let page = store.audit(&AuditQuery { limit: 100, ..Default::default() }).await.unwrap();
    assert_eq!((page.total, page.records.first()), (4, Some(&appended)));
    assert_eq!(page.size, page.records.iter().map(ota_core::AuditRecord::size).sum::<u64>());
    let all = store.audit_after(0, 100).await.unwrap();
    assert_eq!(verify_chain(&all), Ok(store.audit_head().await.unwrap()));
    assert_eq!(store.audit_after(2, 1).await.unwrap().first().map(|record| record.seq), Some(3));
}

/// Each store has its own connections, as each process has.
#[tokio::test(flavor = "multi_thread")]
async fn service_and_command_line_continue_one_chain() {
    const EACH: u64 = 40;
    let place = Place::new();
    place.open().await.close().await;
    let mut writers = tokio::task::JoinSet::new();
    for name in ["service", "command", "another"] {
        let store = place.open().await;
        writers.spawn(async move {
            for _ in 0..EACH {
                store.append_audit(now(), &login(name)).await.unwrap();
            }
            store.close().await;
        });
    }
    writers.join_all().await;
    let store = place.open().await;
    let records = store.audit_after(0, 1000).await.unwrap();
    let head = verify_chain(&records).unwrap();
    assert_eq!((head.seq, &head), (3 * EACH, &store.audit_head().await.unwrap()));
}

#[tokio::test]
async fn the_database_refuses_to_change_shorten_or_replace_it() {
    let place = Place::new();
    let store = place.open().await;
    for name in ["olga", "vic"] {
        store.append_audit(now(), &login(name)).await.unwrap();
    }
    for statement in [
        "UPDATE audit SET actor = 'nobody' WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 2",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 1",
        "UPDATE audit_head SET seq = 1",
        "DELETE FROM audit_head",
    ] {
        let error = place.tamper(statement).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
    let records = store.audit_after(0, 100).await.unwrap();
    assert_eq!(verify_chain(&records).unwrap().seq, 2);
}

#[tokio::test]
async fn what_is_cut_off_leaves_a_gap_that_later_records_do_not_close() {
    let place = Place::new();
    let store = place.open().await;
    for name in ["olga", "vic", "mallory"] {
        store.append_audit(now(), &login(name)).await.unwrap();
    }
    place
        .tamper("DROP TRIGGER audit_is_not_shortened; DELETE FROM audit WHERE actor = 'mallory'")
        .await
        .unwrap();
    let check = async || {
        let mut check = ChainCheck::default();
        let records = store.audit_after(0, 100).await.unwrap();
        let head = store.audit_head().await.unwrap();
        records.iter().try_for_each(|record| check.push(record)).and_then(|()| check.ends_at(&head))
    };
    assert_eq!(check().await, Err(ChainFault::CutOff { last: 2, head: 3 }));
    store.append_audit(now(), &login("olga")).await.unwrap();
    assert_eq!(check().await, Err(ChainFault::Missing { expected: 3, found: 4 }));
}

#[tokio::test]
async fn a_job_and_what_it_means_are_saved_both_or_neither() {
    let place = Place::new();
    let store = place.open().await;
    let job = job(1);
    let entry = AuditEntry::attempt(&job.actor, AuditAction::Download).about(job.id.as_str());
    place
        .tamper("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END")
        .await
        .unwrap();
    assert!(store.save_jobs(&[&job], now(), std::slice::from_ref(&entry)).await.is_err());
    assert_eq!(store.job(&job.id).await.unwrap(), None);
    assert_eq!(store.audit_head().await.unwrap(), AuditHead::genesis());
    place.tamper("DROP TRIGGER full").await.unwrap();
    store.save_jobs(&[&job], now(), &[entry]).await.unwrap();
    assert_eq!(store.job(&job.id).await.unwrap().as_ref(), Some(&job));
    assert_eq!(store.audit_head().await.unwrap().seq, 1);
}

/// After a rollback the older release opens the database of the newer one, and the other way round.
#[tokio::test]
async fn jobs_of_an_older_release_load_and_it_loads_ours() {
    let place = Place::new();
    let store = place.open().await;
    let job = job(1);
    store.save_jobs(&[&job], now(), &[]).await.unwrap();
    let body = serde_json::to_value(&job).unwrap();
    assert_eq!((&body["actor"], &body["origin"]["remote"]), (&"olga".into(), &"10.0.0.7".into()));
    place.tamper("UPDATE job SET body = json_remove(body, '$.origin')").await.unwrap();
    let read = store.job(&job.id).await.unwrap().unwrap();
    assert_eq!((read.actor.name.as_str(), &read.actor.origin), ("olga", &Origin::default()));
    assert!(!read.actor.is_automatic());
}
