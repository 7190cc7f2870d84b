//! The engine's storage port: every method, after closing and opening again, under concurrency, and on damaged rows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::Timestamp;
use ota_core::{
    Actor, AuditAction, AuditEntry, Failure, FailureCode, InstallOrder, InstallStep, Job, JobId, JobKind,
    JobState, Release, Schedule, Settings, Severity, SlotId, SlotRecord, TargetFile, UpdateKind, Work,
};
use ota_engine::ports::{Catalog, Fact, LogEntry, LogLevel, LogQuery, Store};
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
    async fn tamper(&self, statement: &str) {
        let options = SqliteConnectOptions::new().filename(&self.path);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
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
        id: None,
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
    first.order = Some(InstallOrder { reboot_after: true, ..InstallOrder::default() });
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
    let recovery = SlotRecord { version: "v4.9.0".to_owned(), ..record.clone() };
    assert_eq!(store.recovery_record().await.unwrap(), None);
    store.put_recovery_record(&recovery).await.unwrap();
    let mut catalog = Catalog { releases: vec![], checked_at: at("2026-11-24T12:00:00Z") };
    store.put_catalog(&catalog).await.unwrap();
    catalog = Catalog { releases: vec![release()], checked_at: at("2026-11-24T20:00:00.000000001Z") };
    store.put_catalog(&catalog).await.unwrap();
    let mut settings = Settings::default();
    settings.auto_update.enabled = true;
    settings.maintenance_window.schedule = Schedule::Weekly;
    store.put_settings(&Settings::default(), Timestamp::UNIX_EPOCH, &changed()).await.unwrap();
    store.put_settings(&settings, Timestamp::UNIX_EPOCH, &changed()).await.unwrap();
    for id in ["first", "second"] {
        store.put_fact(Fact::BootId, id).await.unwrap();
    }
    store.close().await;

    let store = place.open().await;
    assert_eq!(store.slot_record(SlotId::B).await.unwrap(), Some(record));
    assert_eq!(store.recovery_record().await.unwrap(), Some(recovery));
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

    let page = store.logs(&LogQuery::newest(10)).await.unwrap();
    let numbered = entries.iter().zip(1..).map(|(entry, id)| LogEntry { id: Some(id), ..entry.clone() });
    let numbered: Vec<_> = numbered.collect();
    assert!(page.entries.iter().eq(numbered.iter().rev()), "{page:?}");
    assert_eq!((page.total, page.more), (4, false));
    let infos = LogQuery { level: Some(LogLevel::Info), ..LogQuery::newest(1) };
    let page = store.logs(&infos).await.unwrap();
    assert_eq!((page.entries, page.total, page.more), (vec![numbered[2].clone()], 2, true));
    let page = store.logs(&LogQuery { before: Some(3), ..infos }).await.unwrap();
    assert_eq!((page.entries, page.total, page.more), (vec![numbered[0].clone()], 2, false));
    let warnings = LogQuery { level: Some(LogLevel::Warning), ..LogQuery::newest(10) };
    let page = store.logs(&warnings).await.unwrap();
    assert_eq!((page.entries.len(), page.total), (0, 0));
    assert_eq!(store.logs(&LogQuery::newest(0)).await.unwrap().total, 4);
}

#[tokio::test]
async fn the_log_is_read_since_a_moment_and_page_by_page() {
    let place = Place::new();
    let store = place.open().await;
    for second in 0..9 {
        let at = at(&format!("2026-11-24T12:00:0{second}Z"));
        store.append_log(&LogEntry { at, ..entry(LogLevel::Info, &second.to_string()) }).await.unwrap();
    }
    let since = LogQuery { since: Some(at("2026-11-24T12:00:03Z")), ..LogQuery::newest(4) };
    let (mut before, mut pages) = (None, Vec::new());
    loop {
        let page = store.logs(&LogQuery { before, ..since }).await.unwrap();
        assert_eq!(page.total, 6, "of all pages");
        let texts: String = page.entries.iter().map(|entry| entry.message.as_str()).collect();
        pages.push(texts);
        before = page.entries.last().and_then(|entry| entry.id);
        if !page.more {
            break;
        }
        // What comes meanwhile is on no later page.
        store.append_log(&entry(LogLevel::Info, "late, with an older time")).await.unwrap();
    }
    assert_eq!(pages, ["8765", "43"]);
    let beyond = LogQuery { before: Some(u64::MAX), ..LogQuery::newest(1) };
    assert_eq!(store.logs(&beyond).await.unwrap().entries.len(), 1);
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
    let page = stores[0].logs(&LogQuery::newest(1000)).await.unwrap();
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
    store.put_settings(&Settings::default(), Timestamp::UNIX_EPOCH, &changed()).await.unwrap();
    store.put_catalog(&Catalog { releases: vec![], checked_at: Timestamp::UNIX_EPOCH }).await.unwrap();
    place.tamper("UPDATE job SET body = substr(body, 1, 40)").await;
    place.tamper("UPDATE activity SET at = 'now'").await;
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
    let error = store.logs(&LogQuery::newest(1)).await.unwrap_err();
    assert!(error.to_string().contains("entry 1 of the activity log"), "{error}");
    assert!(store.settings().await.unwrap_err().to_string().contains("settings"));
    assert!(store.catalog().await.unwrap_err().to_string().contains("list of updates"));
    assert!(store.slot_record(SlotId::A).await.unwrap_err().to_string().contains("record of slot A"));
    // What is whole is still read, and a damaged row can be replaced.
    store.ping().await.unwrap();
    store.save_jobs(&[&job], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
    assert_eq!(store.job(&job.id).await.unwrap(), Some(job));
}

/// What a newer release would leave: its names where this one has others. The rows stay as they are.
#[tokio::test]
async fn rows_of_a_newer_release_are_passed_over_and_stay() {
    let place = Place::new();
    let store = place.open().await;
    let mut jobs = Vec::new();
    for second in 0..6 {
        jobs.push(new_job(&store, &format!("2026-11-24T12:00:0{second}Z")).await);
    }
    let all: Vec<_> = jobs.iter().collect();
    store.save_jobs(&all, Timestamp::UNIX_EPOCH, &[]).await.unwrap();
    let update = "UPDATE job SET body = json_set(body, ";
    for (change, number) in [
        ("'$.state.state', 'entangled'), state = 'entangled'", 2),
        ("'$.state.state', 'installing', '$.state.step', 'entangle'), state = 'installing'", 3),
        ("'$.origin', 'moon')", 4),
        ("'$.release.severity', 'cosmic'), ended = 1", 6),
    ] {
        place.tamper(&format!("{update}{change} WHERE ordinal = {number}")).await;
    }
    // Another kind has another form altogether.
    place
        .tamper(
            "UPDATE job SET state = 'trial', body = json_object('id', id, 'state', 'trial', 'target', 'A', 'teleport', 7) WHERE ordinal = 5",
        )
        .await;
    let saved = place.bodies("SELECT id || body FROM any_job ORDER BY ordinal").await;
    store.append_log(&entry(LogLevel::Info, "one")).await.unwrap();
    place.tamper("UPDATE activity SET level = 'notice'").await;
    store.put_settings(&Settings::default(), Timestamp::UNIX_EPOCH, &changed()).await.unwrap();
    place.tamper("UPDATE settings SET body = json_set(body, '$.update_strategy', 'teleport', '$.auto_update.enabled', json('true'))").await;
    let mut other = release();
    other.id = "update-002".to_owned();
    let catalog = Catalog { releases: vec![release(), other.clone()], checked_at: Timestamp::UNIX_EPOCH };
    store.put_catalog(&catalog).await.unwrap();
    place.tamper("UPDATE catalog SET releases = json_set(releases, '$[0].kind', 'prophecy')").await;
    place.tamper("INSERT INTO slot_record VALUES ('Q', 'not even JSON')").await;
    place.tamper("INSERT INTO pin VALUES ('teleport', '$argon2id$x', 3)").await;
    place.tamper("INSERT INTO fact VALUES ('teleport', 'x')").await;
    store.close().await;

    let store = place.open().await;
    assert_eq!(store.open_jobs().await.unwrap(), std::slice::from_ref(&jobs[0]));
    assert_eq!(store.recent_jobs(1).await.unwrap(), std::slice::from_ref(&jobs[0]), "they do not count");
    let foreign = store.foreign_jobs().await.unwrap();
    let found: Vec<_> = foreign.iter().map(|job| (job.id.as_str(), job.state.as_str(), job.target)).collect();
    let expected: Vec<_> = [
        (1, "entangled", SlotId::B),
        (2, "installing", SlotId::B),
        (3, "queued", SlotId::B),
        (4, "trial", SlotId::A),
    ]
    .map(|(index, state, target): (usize, _, _)| (jobs[index].id.as_str(), state, Some(target)))
    .into();
    assert_eq!(found, expected);
    assert_eq!(store.job(&jobs[4].id).await.unwrap(), None);
    assert_eq!(store.has_ended(&jobs[4].id).await.unwrap(), Some(false));
    assert_eq!(store.has_ended(&jobs[5].id).await.unwrap(), Some(true));
    let page = store.logs(&LogQuery::newest(1)).await.unwrap();
    assert_eq!((page.total, page.entries[0].level), (1, LogLevel::Warning));
    assert_eq!(store.settings().await.unwrap(), Settings::default(), "nothing happens by itself");
    assert_eq!(store.catalog().await.unwrap().unwrap().releases, [other]);
    // What is understood goes on, and the other rows are what they were.
    jobs[0].state = JobState::Committed;
    store.save_jobs(&[&jobs[0]], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
    let now = place.bodies("SELECT id || body FROM any_job ORDER BY ordinal").await;
    assert_eq!(now[1..], saved[1..]);
    assert!(place.bodies("SELECT body FROM settings").await[0].contains("teleport"));
}

#[tokio::test]
async fn a_row_that_is_not_what_its_key_says_is_damaged() {
    let place = Place::new();
    let store = place.open().await;
    let job = new_job(&store, "2026-11-24T12:00:00Z").await;
    for damage in [
        "json_set(body, '$.id', 'OTA-JOB-9999X', '$.state', 'entangled')",
        "json_remove(body, '$.state')",
        "json_remove(body, '$.from_version')",
        "json_set(body, '$.state', 7)",
        "'[]'",
        "''",
    ] {
        store.save_jobs(&[&job], Timestamp::UNIX_EPOCH, &[]).await.unwrap();
        place.tamper(&format!("UPDATE job SET body = {damage}")).await;
        for error in [store.open_jobs().await.unwrap_err(), store.foreign_jobs().await.unwrap_err()] {
            assert!(error.to_string().contains(job.id.as_str()), "{damage}: {error}");
        }
    }
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

/// What is recorded about a change of the settings.
fn changed() -> AuditEntry {
    AuditEntry::success(&Actor::local("root"), AuditAction::Settings)
}
