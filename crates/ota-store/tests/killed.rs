//! What is left when the service is killed. Alone in its program: a process that is being started holds, for a moment,
//! the locks of the one that starts it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use jiff::Timestamp;
use ota_engine::ports::{LogEntry, LogLevel, LogQuery, Store};
use ota_store::SqliteStore;
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

const DATABASE: &str = "OTA_STORE_TEST_DATABASE";

async fn append(store: &SqliteStore, number: u64) {
    let entry = LogEntry {
        id: None,
        at: Timestamp::UNIX_EPOCH,
        level: LogLevel::Info,
        source: "ota".to_owned(),
        message: number.to_string(),
    };
    store.append_log(&entry).await.unwrap();
}

/// The process that the next test kills.
#[tokio::test]
#[ignore = "started by another test"]
async fn serve_until_killed() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    let store = SqliteStore::open_for_service(path).await.unwrap();
    for number in 1.. {
        append(&store, number).await;
        println!("saved {number}");
    }
}

#[tokio::test]
async fn a_killed_service_has_kept_all_that_it_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    let mut service = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "serve_until_killed", "--ignored", "--nocapture"])
        .env(DATABASE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(service.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut saved = lines.filter_map(|line| line.rsplit_once("saved ")?.1.parse::<u64>().ok());
    assert!(saved.by_ref().any(|number| number >= 20), "the service ended by itself");
    let refused = SqliteStore::open_for_service(&path).await.unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    SqliteStore::open(&path).await.unwrap().close().await;

    service.kill().unwrap();
    service.wait().unwrap();
    let confirmed = saved.last().unwrap_or(20);
    let store = SqliteStore::open_for_service(&path).await.unwrap();
    let page = store.logs(&LogQuery::newest(u32::MAX)).await.unwrap();
    assert!(page.total >= confirmed, "{} of {confirmed}", page.total);
    let numbers = page.entries.iter().map(|entry| entry.message.parse::<u64>().unwrap());
    assert!(numbers.rev().eq(page.total - page.entries.len() as u64 + 1..=page.total));
}
