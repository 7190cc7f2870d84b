//! Who may open the database, and files that are no database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::Timestamp;
use ota_core::Role;
use ota_engine::ports::{LogEntry, LogLevel, LogQuery, Store};
use ota_store::{SqliteStore, User};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

fn files_are_private(dir: &Path) {
    for file in fs::read_dir(dir).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test]
async fn one_service_and_any_number_of_commands() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    let service = SqliteStore::open_for_service(&path).await.unwrap();
    let clone = service.clone();
    let refused = SqliteStore::open_for_service(&path).await.unwrap_err();
    assert!(refused.to_string().contains("in use by another instance of the service"), "{refused}");

    let command = SqliteStore::open(&path).await.unwrap();
    let user = User {
        name: "olga".to_owned(),
        role: Role::Viewer,
        password_hash: "$".to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
    };
    command.add_user(&user).await.unwrap();
    command.close().await;
    assert_eq!(service.user("olga").await.unwrap(), Some(user));
    files_are_private(dir.path());

    drop(service);
    SqliteStore::open_for_service(&path).await.unwrap_err();
    clone.close().await;
    assert_eq!(
        clone.ping().await.unwrap_err().to_string(),
        "writing to the database failed: the database has been closed"
    );
    drop(clone);
    SqliteStore::open_for_service(&path).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_database_can_be_opened_by_many_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                let store = SqliteStore::open(path).await.unwrap();
                store.ping().await.unwrap();
            })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_clearly() {
    let dir = tempfile::tempdir().unwrap();
    let missing = SqliteStore::open(dir.path().join("nowhere/gateway.db")).await.unwrap_err();
    assert!(missing.to_string().contains("nowhere/gateway.db"), "{missing}");

    let path = dir.path().join("text.db");
    fs::write(&path, "this is not a database at all, and longer than a header\n".repeat(20)).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(error.to_string().ends_with("failed: the database is damaged"), "{error}");
    assert!(fs::read_to_string(&path).unwrap().starts_with("this is not"), "it is left as it was");

    let foreign = dir.path().join("directory");
    fs::create_dir(&foreign).unwrap();
    let error = SqliteStore::open(&foreign).await.unwrap_err();
    assert!(error.to_string().ends_with("failed: the database file cannot be opened"), "{error}");
}

#[tokio::test]
async fn damaged_pages_are_an_error() {
    let entry = LogEntry {
        id: None,
        at: Timestamp::UNIX_EPOCH,
        level: LogLevel::Info,
        source: "ota".to_owned(),
        message: "one".to_owned(),
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.append_log(&entry).await.unwrap();
    store.close().await;
    let mut bytes = fs::read(&path).unwrap();
    bytes.iter_mut().skip(4096).for_each(|byte| *byte ^= 0x5a);
    fs::write(&path, bytes).unwrap();
    let error = match SqliteStore::open(&path).await {
        Ok(store) => store.logs(&LogQuery::newest(10)).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.to_string().ends_with("failed: the database is damaged"), "{error}");
}
