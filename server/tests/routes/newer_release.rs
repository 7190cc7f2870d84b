//! A database that a newer release has left: the gateway starts, works, and leaves alone what it does not understand.

use crate::support::Gateway;
use async_trait::async_trait;
use ota_core::{CheckKind, CheckPlan, SlotId};
use ota_engine::ports::{HealthCheck, LogQuery, Store};
use serde_json::json;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{path::Path, sync::Arc, time::Duration};

const FOREIGN: &str =
    r#"{"id":"TELEPORT-001","target":"A","teleport":{"to":"the moon"},"state":{"state":"trial"}}"#;

/// A check of the site that complains, or does not.
struct Check {
    plan: CheckPlan,
    complains: bool,
}

#[async_trait]
impl HealthCheck for Check {
    fn plan(&self) -> &CheckPlan {
        &self.plan
    }

    async fn run(&self, _: SlotId) -> Result<(), String> {
        if self.complains { Err("unwell, as ordered".to_owned()) } else { Ok(()) }
    }
}

fn check(complains: bool) -> Arc<dyn HealthCheck> {
    let (deadline, interval) = (Duration::from_secs(1), Duration::from_millis(20));
    let (name, kind) = ("pump".to_owned(), CheckKind::Tcp);
    let plan = CheckPlan { name, kind, required: true, deadline, interval, times: 1 };
    Arc::new(Check { plan, complains })
}

async fn connect(database: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(database)).await.unwrap()
}

/// Plants a job of a kind that this release does not have, and names that it does not know.
async fn plant(database: &Path) {
    let mut connection = connect(database).await;
    let statement = "INSERT INTO operation (ordinal, id, created_at, ended, state, body)
                     VALUES (99, 'TELEPORT-001', '2027-01-01T00:00:00.000000000Z', 0, 'trial', ?1)";
    sqlx::query(statement).bind(FOREIGN).execute(&mut connection).await.unwrap();
    for statement in [
        "INSERT INTO activity (at, level, source, message) VALUES ('2027-01-01T00:00:00.000000000Z', 'notice', 'ota', 'Hello')",
        "UPDATE catalog SET releases = json_set(releases, '$[0].kind', 'prophecy')",
        "INSERT INTO settings VALUES (1, '{\"update_strategy\":\"teleport\"}')",
        "UPDATE account SET role = 'auditor' WHERE name = 'viewer'",
    ] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

async fn planted(gateway: &Gateway) -> String {
    let mut connection = connect(&gateway.directory.path().join("gateway.db")).await;
    let body = "SELECT body FROM operation WHERE id = 'TELEPORT-001' AND ended = 0";
    sqlx::query_scalar(body).fetch_one(&mut connection).await.unwrap()
}

fn tries(gateway: &Gateway) -> u8 {
    gateway.ota.snapshot().boot.left.a
}

#[tokio::test]
async fn the_gateway_starts_says_what_it_passes_over_and_works() {
    let gateway = Gateway::ready().await.restarted_over(|_| {}, plant).await;
    let log = gateway.store.logs(&LogQuery::newest(50)).await.unwrap().entries;
    assert!(log.iter().any(|line| line.message.starts_with("TELEPORT-001 (trial) is of a newer release")));
    assert!(log.iter().any(|line| line.message == "Hello"));
    // It is nobody's job here: not shown, not found, not in the way.
    let admin = gateway.token("admin").await;
    let read =
        async |path: &str| gateway.get(path).bearer(&admin).gateway(crate::support::GATEWAY).send().await;
    let monitor = read("/api/v1/ota/monitor").await.data("Monitor status retrieved successfully");
    assert_eq!(monitor["current_operation"], "none", "{monitor}");
    let refused = json!({ "username": "viewer", "password": crate::support::PASSWORD });
    assert_eq!(gateway.post("/api/v1/auth/login").json(&refused).send().await.status, 401);
    let order = json!({ "update_id": "update-001", "install_after": true });
    gateway.order("/api/v1/ota/download", &order).await.data("Update download started");
    gateway.until_job_is("awaiting_reboot").await;
    assert_eq!(planted(&gateway).await, FOREIGN);
}

#[tokio::test]
async fn what_may_be_on_trial_keeps_its_tries_only_when_it_is_well() {
    let started = |unwell: bool| {
        move |world: &crate::support::World| {
            world.start_a_once_more();
            *world.checks.lock().unwrap() = vec![check(unwell)];
        }
    };
    let gateway = Gateway::ready().await.restarted_over(started(true), plant).await;
    let said = async |words: &str| {
        while !gateway
            .store
            .logs(&LogQuery::newest(50))
            .await
            .unwrap()
            .entries
            .iter()
            .any(|line| line.message.contains(words))
        {
            tokio::task::yield_now().await;
        }
    };
    said("may be on trial and is not confirmed").await;
    assert_eq!(tries(&gateway), 2, "the boot loader goes on counting");
    let gateway = gateway.restarted_into(started(false)).await;
    gateway.until("it is well", || tries(&gateway) == 3).await;
    // Without such a job the try comes back at once.
    let gateway = Gateway::ready().await.restarted_into(started(true)).await;
    assert_eq!(tries(&gateway), 3);
}
