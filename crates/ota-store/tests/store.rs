//! The engine's storage port: every method, after closing and opening again, under concurrency, and on damaged rows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::Timestamp;
use ota_core::{
    Actor, Failure, FailureCode, InstallOrder, InstallStep, Job, JobId, JobKind, JobState, Release, Schedule,
    Settings, Severity, SlotId, SlotRecord, Strategy, TargetFile, UpdateKind, Work,
};
use ota_engine::ports::{Catalog, Fact, LogEntry, LogLevel, Store};
use ota_store::SqliteStore;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{collections::HashSet, path::PathBuf, sync::Arc};
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

    /// What a query of another release finds.
    async fn bodies(&self, query: &'static str) -> Vec<String> {
        let options = SqliteConnectOptions::new().filename(&self.path);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let bodies = sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        bodies
    }

    /// Changes the database behind the store's back.
    async fn tamper(&self, statement: &'static str) {
        let options = SqliteConnectOptions::new().filename(&self.path);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn release() -> Release {
    Release {
        id: "update-001".to_owned(),
        version: "v5.0.5".to_owned(),
        kind: UpdateKind::Security,
        severity: Severity::Critical,
        released: "2026-11-02".to_owned(),
        description: "Closes a hole in the “field bus” stack".to_owned(),
        changelog: vec!["one".to_owned(), "two".to_owned()],
        compatible: vec!["Univa-GW-Pro".to_owned()],
        kernel: Some("6.12.9".to_owned()),
        waves: vec![],
        target: TargetFile { name: "v5.0.5.raucb".to_owned(), length: 7, sha256: "ab".repeat(32) },
    }
}

async fn new_job(store: &SqliteStore, created: &str) -> Job {
    let id = store.next_job_id(JobKind::Update).await.unwrap();
    Job::new(
        id,
        Work::Release(release()),
        SlotId::B,
        "v5.0.4".to_owned(),
        Actor::local("operator"),
        at(created),
    )
}

fn entry(level: LogLevel, message: &str) -> LogEntry {
    LogEntry {
        at: at("2026-11-24T12:00:00.123456789Z"),
        level,
        source: "ota".to_owned(),
        message: message.to_owned(),
    }
}

#[tokio::test]
async fn jobs_come_back_as_they_were_saved() {
    let place = Place::new();
    let store = place.open().await;
    // The clock went back between the first and the second job: the order is that of the jobs.
    let mut first = new_job(&store, "2026-11-24T12:00:00Z").await;
    let second = new_job(&store, "1970-01-01T00:00:07Z").await;
    store.save_jobs(&[&first, &second], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
    assert_eq!(store.open_jobs().await.unwrap(), [first.clone(), second.clone()]);

    first.state = JobState::Failed {
        failure: Failure { code: FailureCode::DownloadFailed, message: "no route".to_owned() },
    };
    first.order =
        Some(InstallOrder { reboot_after: true, create_snapshot: false, strategy: Strategy::Seamless });
    first.ended_at = Some(at("2026-11-24T12:30:00Z"));
    store.save_jobs(&[&first], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
    store.save_jobs(&[], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
    store.close().await;

    let store = place.open().await;
    assert_eq!(store.open_jobs().await.unwrap(), std::slice::from_ref(&second));
    assert_eq!(store.recent_jobs(9).await.unwrap(), [second.clone(), first.clone()]);
    assert_eq!(store.recent_jobs(1).await.unwrap(), [second]);
    assert_eq!(store.recent_jobs(0).await.unwrap(), []);
    assert_eq!(store.job(&first.id).await.unwrap(), Some(first));
    assert_eq!(store.job(&JobId::numbered(JobKind::Update, 999)).await.unwrap(), None);
}

#[tokio::test]
async fn job_numbers_are_never_given_twice() {
    let place = Place::new();
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let store = Arc::new(place.open().await);
        let takers: Vec<_> = (0..10)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.next_job_id(JobKind::Update).await.unwrap() })
            })
            .collect();
        for taker in takers {
            assert!(seen.insert(taker.await.unwrap()));
        }
        store.close().await;
    }
    let expected: HashSet<_> = (1..=30).map(|number| JobId::numbered(JobKind::Update, number)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn single_values_survive_and_are_replaced() {
    let place = Place::new();
    let store = place.open().await;
    assert_eq!(store.settings().await.unwrap(), Settings::default());
    assert_eq!(store.catalog().await.unwrap(), None);
    assert_eq!(store.slot_record(SlotId::A).await.unwrap(), None);
    assert_eq!(store.fact(Fact::LastOta).await.unwrap(), None);

    let mut record = SlotRecord {
        version: "v5.0.3".to_owned(),
        kernel: "6.12.1".to_owned(),
        image_bytes: u64::MAX,
        sha256: "cd".repeat(32),
        installed_at: at("2026-01-01T00:00:00.5Z"),
        bundle: None,
        good: false,
    };
    store.put_slot_record(SlotId::B, &record).await.unwrap();
    record.good = true;
    store.put_slot_record(SlotId::B, &record).await.unwrap();
    let mut catalog = Catalog { releases: vec![], checked_at: at("2026-11-24T12:00:00Z") };
    store.put_catalog(&catalog).await.unwrap();
    catalog = Catalog { releases: vec![release()], checked_at: at("2026-11-24T20:00:00.000000001Z") };
    store.put_catalog(&catalog).await.unwrap();
    let mut settings = Settings::default();
    settings.auto_update.enabled = true;
    settings.maintenance_window.schedule = Schedule::Weekly;
    store.put_settings(&Settings::default()).await.unwrap();
    store.put_settings(&settings).await.unwrap();
    for id in ["first", "second"] {
        store.put_fact(Fact::BootId, id).await.unwrap();
    }
    store.close().await;

    let store = place.open().await;
    assert_eq!(store.slot_record(SlotId::B).await.unwrap(), Some(record));
    assert_eq!(store.slot_record(SlotId::A).await.unwrap(), None);
    assert_eq!(store.catalog().await.unwrap(), Some(catalog));
    assert_eq!(store.settings().await.unwrap(), settings);
    assert_eq!(store.fact(Fact::BootId).await.unwrap().as_deref(), Some("second"));
    assert_eq!(store.fact(Fact::LastOta).await.unwrap(), None);
}

#[tokio::test]
async fn the_log_is_read_newest_first_and_by_level() {
    let place = Place::new();
    let store = place.open().await;
    let entries = [
        entry(LogLevel::Info, "one"),
        entry(LogLevel::Error, "two"),
        entry(LogLevel::Info, "three"),
        entry(LogLevel::Debug, "four “quoted” \0 \u{1f6a6}"),
    ];
    for entry in &entries {
        store.append_log(entry).await.unwrap();
    }
    store.close().await;
    let store = place.open().await;

    let page = store.logs(10, None).await.unwrap();
    assert!(page.entries.iter().eq(entries.iter().rev()), "{page:?}");
    assert_eq!(page.total, 4);
    let page = store.logs(1, Some(LogLevel::Info)).await.unwrap();
    assert_eq!((page.entries, page.total), (vec![entries[2].clone()], 2));
    let page = store.logs(10, Some(LogLevel::Warning)).await.unwrap();
    assert_eq!((page.entries.len(), page.total), (0, 0));
    assert_eq!(store.logs(0, None).await.unwrap().total, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_write_and_read_at_once() {
    let place = Place::new();
    // Two stores on one file are what a service and a command are to each other.
    let stores = [Arc::new(place.open().await), Arc::new(place.open().await)];
    let tasks: Vec<_> = (0..40)
        .map(|task| {
            let store = Arc::clone(&stores[task % 2]);
            tokio::spawn(async move {
                for i in 0..5 {
                    store.append_log(&entry(LogLevel::Info, &format!("{task}/{i}"))).await.unwrap();
                    let job = new_job(&store, "2026-11-24T12:00:00Z").await;
                    store.save_jobs(&[&job], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
                    assert_eq!(
                        store.job(&job.id).await.unwrap(),
                        Some(job),
                        "a write is seen by the next read"
                    );
                    store.ping().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let page = stores[0].logs(1000, None).await.unwrap();
    let messages: HashSet<_> = page.entries.into_iter().map(|entry| entry.message).collect();
    assert_eq!((page.total, messages.len()), (200, 200));
    assert_eq!(stores[1].open_jobs().await.unwrap().len(), 200);
}

#[tokio::test]
async fn a_damaged_row_is_named() {
    let place = Place::new();
    let store = place.open().await;
    let job = new_job(&store, "2026-11-24T12:00:00Z").await;
    store.save_jobs(&[&job], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
    store.append_log(&entry(LogLevel::Info, "one")).await.unwrap();
    store.put_settings(&Settings::default()).await.unwrap();
    store.put_catalog(&Catalog { releases: vec![], checked_at: Timestamp::UNIX_EPOCH }).await.unwrap();
    place.tamper("UPDATE job SET body = substr(body, 1, 40)").await;
    place.tamper("UPDATE activity SET level = 'loud'").await;
    place.tamper("UPDATE settings SET body = '{}'").await;
    place.tamper("UPDATE catalog SET checked_at = 'yesterday'").await;
    place.tamper("INSERT INTO slot_record VALUES ('A', '')").await;

    let named = format!("job {}", job.id);
    for error in [
        store.job(&job.id).await.unwrap_err(),
        store.open_jobs().await.unwrap_err(),
        store.recent_jobs(1).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains(&named), "{error}");
    }
    let error = store.logs(1, None).await.unwrap_err();
    assert!(error.to_string().contains("entry 1 of the activity log"), "{error}");
    assert!(store.settings().await.unwrap_err().to_string().contains("settings"));
    assert!(store.catalog().await.unwrap_err().to_string().contains("list of updates"));
    assert!(store.slot_record(SlotId::A).await.unwrap_err().to_string().contains("record of slot A"));
    // What is whole is still read, and a damaged row can be replaced.
    store.ping().await.unwrap();
    store.save_jobs(&[&job], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
    assert_eq!(store.job(&job.id).await.unwrap(), Some(job));
}

#[tokio::test]
async fn jobs_are_saved_together_or_not_at_all() {
    let place = Place::new();
    let store = place.open().await;
    let [first, second] =
        [new_job(&store, "2026-11-24T12:00:00Z").await, new_job(&store, "2026-11-24T12:00:01Z").await];
    place
        .tamper(
            "CREATE TRIGGER refuse BEFORE INSERT ON job WHEN (SELECT COUNT(*) FROM job) = 1
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .await;
    let error = store.save_jobs(&[&first, &second], Timestamp::UNIX_EPOCH, &[]).await.unwrap_err();
    assert_eq!(error.to_string(), "saving the job failed: the database reports an error");
    assert_eq!(store.recent_jobs(9).await.unwrap(), []);
    store.save_jobs(&[&first], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
}

/// What the releases before kinds of jobs could read of a job.
#[derive(serde::Deserialize)]
struct FormerJob {
    #[expect(dead_code, reason = "it must be there")]
    release: Release,
    state: FormerState,
}

#[derive(serde::Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum FormerState {
    Queued,
    Downloading,
    Verifying,
    Downloaded,
    #[expect(dead_code, reason = "its form is what counts")]
    Installing {
        step: FormerStep,
    },
    Committed,
    #[expect(dead_code, reason = "its form is what counts")]
    Failed {
        failure: serde_json::Value,
    },
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum FormerStep {
    MarkBad,
    Write,
    ReadBack,
}

#[tokio::test]
async fn older_releases_find_only_jobs_that_they_understand() {
    let place = Place::new();
    let store = place.open().await;
    let mut update = new_job(&store, "2026-11-24T12:00:00Z").await;
    let snapshot_order = ota_core::SnapshotOrder {
        name: "x".to_owned(),
        description: String::new(),
        version: "v5.0.4".to_owned(),
        length: 7,
    };
    let id = store.next_job_id(JobKind::Snapshot).await.unwrap();
    let (work, actor) = (Work::Snapshot(snapshot_order), Actor::local("operator"));
    let snapshot = Job::new(id, work, SlotId::A, "v5.0.4".to_owned(), actor, at("2026-11-24T12:00:01Z"));
    let steps = [InstallStep::Snapshot, InstallStep::MarkBad].map(|step| JobState::Installing { step });
    for state in [vec![JobState::Queued], steps.to_vec(), vec![JobState::Committed]].concat() {
        update.state = state;
        store.save_jobs(&[&update, &snapshot], update.created_at, &[]).await.unwrap();
        assert_eq!(
            store.job(&update.id).await.unwrap().as_ref(),
            Some(&update),
            "it is found wherever it is"
        );
        let read = place.bodies("SELECT body FROM job").await;
        let understood = read.iter().filter(|body| serde_json::from_str::<FormerJob>(body).is_ok()).count();
        assert_eq!(understood, read.len(), "{read:?}");
        let moved = matches!(update.state, JobState::Installing { step: InstallStep::Snapshot });
        assert_eq!(read.len(), usize::from(!moved));
        let all = place.bodies("SELECT body FROM any_job").await;
        assert_eq!(all.len(), 2, "none is there twice");
    }
    assert_eq!(store.open_jobs().await.unwrap(), std::slice::from_ref(&snapshot));
    let recent: Vec<_> = store.recent_jobs(5).await.unwrap().into_iter().map(|job| job.id).collect();
    assert_eq!(recent, [update.id, snapshot.id]);
    let parsed: FormerJob = serde_json::from_str(&place.bodies("SELECT body FROM job").await[0]).unwrap();
    assert!(matches!(parsed.state, FormerState::Committed));
}
