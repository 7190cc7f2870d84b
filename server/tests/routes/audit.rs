use crate::support::{Answer, GATEWAY, Gateway, PASSWORD};
use ota_core::{Actor, AuditAction, AuditEntry, AuditOutcome, AuditRecord, verify_chain};
use ota_engine::ports::{AuditQuery, Store};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::sync::atomic::Ordering;

const AUDIT: &str = "/api/v1/ota/audit";
const EXPORT: &str = "/api/v1/ota/audit/export";
const LOGIN: &str = "/api/v1/auth/login";
const UNAVAILABLE: &str = "The audit log cannot be written; nothing was done.";

async fn read_as(gateway: &Gateway, user: &str, path: &str) -> Answer {
    gateway.get(path).bearer(&gateway.token(user).await).gateway(GATEWAY).send().await
}

/// All records, oldest first.
async fn records(gateway: &Gateway) -> Vec<AuditRecord> {
    gateway.store.audit_after(0, 10_000).await.unwrap()
}

/// `action outcome code` of the records that do not tell of logins.
async fn told(gateway: &Gateway) -> Vec<String> {
    let all = records(gateway).await;
    let told = all.iter().filter(|record| !["login", "boot"].contains(&record.action.as_str()));
    told.map(|r| format!("{} {} {}", r.action, r.outcome, r.code).trim_end().to_owned()).collect()
}

async fn alter(gateway: &Gateway, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(gateway.directory.path().join("gateway.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub async fn lock_the_log(gateway: &Gateway) {
    let statement = "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END";
    alter(gateway, statement).await;
}

#[tokio::test]
async fn operators_and_administrators_read_it_and_viewers_do_not() {
    let gateway = Gateway::ready().await;
    for path in [AUDIT, EXPORT] {
        read_as(&gateway, "viewer", path).await.failure(403, "FORBIDDEN");
        gateway.get(path).gateway(GATEWAY).send().await.failure(401, "UNAUTHORIZED");
        for user in ["operator", "admin"] {
            assert_eq!(read_as(&gateway, user, path).await.status, 200, "{path} {user}");
        }
    }
    // A browser that follows the link sends no header of ours; another gateway's id is refused all the same.
    let token = gateway.token("operator").await;
    assert_eq!(gateway.get(EXPORT).cookie(&token).send().await.status, 200);
    gateway.get(EXPORT).cookie(&token).gateway("GW-X").send().await.failure(404, "GATEWAY_NOT_FOUND");
    gateway.post(EXPORT).cookie(&token).send().await.failure(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn records_say_who_from_where_why_and_what_came_of_it() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    let order =
        gateway.post("/api/v1/ota/reboot").bearer(&token).gateway(GATEWAY).from("[::ffff:10.0.0.7]:4711");
    order.json(&json!({ "reason": "maintenance" })).send().await.data("Gateway restart ordered");
    let data = read_as(&gateway, "admin", &format!("{AUDIT}?action=reboot")).await;
    let data = data.data("Audit log retrieved successfully");
    let record = &data["records"][0];
    assert_eq!(
        (&record["actor"], &record["origin"], &record["address"], &record["reason"], &record["outcome"]),
        (
            &json!("operator"),
            &json!("remote"),
            &json!("10.0.0.7"),
            &json!("maintenance"),
            &json!("attempted")
        )
    );
    assert!(record["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(data["records"].as_array().unwrap().len(), 1);
    assert_eq!(data["next_before"], Value::Null);
    assert!(data["total"].as_u64().unwrap() > 1 && data["size_bytes"].as_u64().unwrap() > 100);
}

#[tokio::test]
async fn a_header_does_not_say_where_a_request_came_from() {
    let gateway = Gateway::ready().await;
    let body = json!({ "username": "admin", "password": PASSWORD });
    let call = gateway.post(LOGIN).from("192.0.2.1:5000").header("x-forwarded-for", "10.9.9.9");
    call.header("forwarded", "for=10.9.9.9").json(&body).send().await.data("Logged in");
    let all = records(&gateway).await;
    assert_eq!(all.last().map(|record| record.address.as_str()), Some("192.0.2.1"));
}

#[tokio::test]
async fn it_is_filtered_and_read_page_by_page() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("admin").await;
    for number in 0..7 {
        let entry = AuditEntry::success(&Actor::local("root (uid 0)"), AuditAction::UserAdd);
        gateway.ota.audit(&entry.about(format!("user{number}"))).await.unwrap();
    }
    let page = async |query: &str| {
        let answer = gateway.get(&format!("{AUDIT}?{query}")).bearer(&token).gateway(GATEWAY).send().await;
        let data = answer.data("Audit log retrieved successfully");
        let of = |record: &Value| record["subject"].as_str().unwrap().to_owned();
        let subjects: Vec<_> = data["records"].as_array().unwrap().iter().map(of).collect();
        (subjects, data["next_before"].as_u64())
    };
    let (first, next) = page("actor=root%20(uid%200)&limit=3").await;
    assert_eq!(first, ["user6", "user5", "user4"]);
    let (second, next) = page(&format!("actor=root%20(uid%200)&limit=3&before={}", next.unwrap())).await;
    assert_eq!(second, ["user3", "user2", "user1"]);
    assert_eq!(
        page(&format!("action=user_add&limit=3&before={}", next.unwrap())).await,
        (vec!["user0".into()], None)
    );
    assert_eq!(page("outcome=refused").await.0, Vec::<String>::new());
    assert_eq!(page("action=&actor=&outcome=&limit=1").await.0, ["user6"]);
    for query in ["limit=0", "limit=1001", "limit=x", "before=-1", "action=dance", "outcome=maybe"] {
        let answer = gateway.get(&format!("{AUDIT}?{query}")).bearer(&token).gateway(GATEWAY).send().await;
        answer.failure(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn an_export_is_whole_and_verifies_on_its_own() {
    let gateway = Gateway::ready().await;
    // More than is read at a time.
    for number in 0..1203 {
        let entry = AuditEntry::success(&Actor::system(), AuditAction::Boot).saying(format!("“{number}”\n"));
        gateway.ota.audit(&entry).await.unwrap();
    }
    let answer = read_as(&gateway, "operator", EXPORT).await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"GW-3920A9-audit.jsonl\"");
    let exported: Vec<AuditRecord> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(exported, records(&gateway).await);
    assert_eq!(verify_chain(&exported), Ok(gateway.store.audit_head().await.unwrap()));
}

#[tokio::test]
async fn the_life_of_an_update_is_recorded() {
    let gateway = Gateway::ready().await;
    let body = json!({ "update_id": "update-001", "install_after": true });
    let data = gateway.order("/api/v1/ota/download", &body).await.data("Update download started");
    gateway.until_job_is("awaiting_reboot").await;
    let armed = || gateway.ota.snapshot().job.as_ref().is_some_and(|view| view.job.state.is_next());
    gateway.until("the slot is next", armed).await;
    let cancel = json!({ "job_id": data["job_id"], "reason": "not today" });
    gateway.order("/api/v1/ota/cancel", &cancel).await.data("Update operation cancelled");
    assert_eq!(
        told(&gateway).await,
        [
            "download attempted",
            "install attempted",
            "download succeeded",
            "install succeeded",
            "arm succeeded",
            "cancel attempted",
            "cancel succeeded"
        ]
    );
    let all = records(&gateway).await;
    let of_job = all.iter().filter(|record| record.subject == data["job_id"].as_str().unwrap());
    assert_eq!(of_job.count(), 7);
    let cancelled = all.last().unwrap();
    assert_eq!((cancelled.actor.as_str(), cancelled.reason.as_str()), ("operator", "not today"));
}

#[tokio::test]
async fn what_is_refused_is_recorded_with_the_reason() {
    let gateway = Gateway::ready().await;
    let order = json!({ "update_id": "update-001" });
    gateway.crane_starts().await;
    gateway.order("/api/v1/ota/download", &order).await.failure(423, "OTA_UPDATE_BLOCKED");
    gateway.order("/api/v1/ota/reboot", &json!({ "reason": "now" })).await.failure(423, "OTA_UPDATE_BLOCKED");
    gateway.crane_stops().await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    gateway.order("/api/v1/ota/download", &order).await.data("Update download started");
    gateway.order("/api/v1/ota/download", &order).await.failure(409, "OTA_OPERATION_IN_PROGRESS");
    let nothing = json!({ "update_id": "update-999" });
    gateway.order("/api/v1/ota/download", &nothing).await.failure(404, "NOT_FOUND");
    let viewer = gateway.token("viewer").await;
    let call = gateway.post("/api/v1/ota/reboot").bearer(&viewer).gateway(GATEWAY);
    call.json(&json!({ "reason": "because" })).send().await.failure(403, "FORBIDDEN");
    assert_eq!(
        told(&gateway).await,
        [
            "download refused blocked",
            "reboot refused blocked",
            "download attempted",
            "download refused busy",
            "download refused not_found",
            "reboot refused forbidden"
        ]
    );
    let all = records(&gateway).await;
    let blocked = all.iter().find(|record| record.code == "blocked").unwrap();
    assert!(blocked.detail.contains("crane_motion: The crane is moving."), "{blocked:?}");
    assert_eq!(all.last().map(|record| record.actor.as_str()), Some("viewer"));
}

#[tokio::test]
async fn logins_are_recorded_and_what_was_typed_wrongly_is_not() {
    let gateway = Gateway::ready().await;
    let attempt = async |user: &str, password: &str| {
        gateway.post(LOGIN).json(&json!({ "username": user, "password": password })).send().await
    };
    let token = attempt("viewer", PASSWORD).await.data("Logged in")["token"].as_str().unwrap().to_owned();
    attempt("viewer", "wrong").await.failure(401, "UNAUTHORIZED");
    attempt("my-secret-password", "viewer").await.failure(401, "UNAUTHORIZED");
    gateway.post("/api/v1/auth/logout").cookie(&token).send().await.data("Logged out");
    let all = records(&gateway).await;
    let lines: Vec<_> = all.iter().filter(|record| record.action != "boot").collect();
    let lines: Vec<_> =
        lines.iter().map(|r| (r.actor.as_str(), r.action.as_str(), r.code.as_str())).collect();
    assert_eq!(
        lines,
        [
            ("viewer", "login", ""),
            ("viewer", "login_failed", "wrong_password"),
            ("", "login_failed", "wrong_password"),
            ("viewer", "logout", "")
        ]
    );
    let text = serde_json::to_string(&all).unwrap();
    assert!(!text.contains(&token) && !text.contains("my-secret-password") && !text.contains(PASSWORD));
}

#[tokio::test]
async fn a_flood_of_refusals_is_counted_and_does_not_fill_the_disk() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("viewer").await;
    for _ in 0..300 {
        let call = gateway.post("/api/v1/ota/install").bearer(&token).gateway(GATEWAY);
        call.json(&json!({ "job_id": "OTA-JOB-1001K" })).send().await.failure(403, "FORBIDDEN");
    }
    let forbidden = async |gateway: &Gateway| {
        let query = AuditQuery { limit: 1000, outcome: Some("refused".into()), ..AuditQuery::default() };
        gateway.store.audit(&query).await.unwrap().records
    };
    assert_eq!(forbidden(&gateway).await.len(), 20);
    let gateway = gateway.restarted().await;
    let all = forbidden(&gateway).await;
    assert_eq!(all.len(), 21, "the others are a number when the service ends");
    assert!(all.first().unwrap().detail.starts_with("280 more of these"), "{all:?}");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let gateway = Gateway::ready().await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    let started = gateway.order("/api/v1/ota/download", &json!({ "update_id": "update-001" })).await;
    let job = started.data("Update download started")["job_id"].clone();
    let token = gateway.token("operator").await;
    let order = async |path: &str, body: Value| {
        let call = gateway.post(&format!("/api/v1/ota/{path}")).bearer(&token).gateway(GATEWAY);
        call.json(&body).send().await
    };
    lock_the_log(&gateway).await;
    let (sentence, _) =
        order("cancel", json!({ "job_id": job, "reason": "stop" })).await.failure(500, "INTERNAL");
    assert_eq!(sentence, UNAVAILABLE);
    assert_eq!(gateway.ota.snapshot().job.as_ref().map(|view| view.job.state.name()), Some("downloading"));

    alter(&gateway, "DROP TRIGGER full").await;
    order("cancel", json!({ "job_id": job })).await.data("Update operation cancelled");
    gateway.world.downloads_hang.store(false, Ordering::Relaxed);
    let waiting = order("download", json!({ "update_id": "update-002" })).await;
    let waiting = waiting.data("Update download started")["job_id"].clone();
    gateway.until_job_is("downloaded").await;
    lock_the_log(&gateway).await;
    let before = records(&gateway).await;
    for (path, body) in [
        ("download", json!({ "update_id": "update-001" })),
        ("install", json!({ "job_id": waiting })),
        ("reboot", json!({ "reason": "maintenance" })),
    ] {
        let (sentence, _) = order(path, body).await.failure(500, "INTERNAL");
        assert_eq!(sentence, UNAVAILABLE, "{path}");
    }
    let body = json!({ "username": "admin", "password": PASSWORD });
    gateway.post(LOGIN).json(&body).send().await.failure(500, "INTERNAL");
    assert_eq!(gateway.world.reboots.load(Ordering::Relaxed), 0);
    let snapshot = gateway.ota.snapshot();
    let shown = snapshot.job.as_ref().unwrap();
    assert_eq!((shown.job.id.as_str(), shown.job.state.name()), (waiting.as_str().unwrap(), "downloaded"));
    assert_eq!(records(&gateway).await, before);
    // Reading goes on, and nobody is kept in.
    assert_eq!(gateway.get(AUDIT).bearer(&token).gateway(GATEWAY).send().await.status, 200);
    gateway.post("/api/v1/auth/logout").cookie(&token).send().await.data("Logged out");
}

#[tokio::test]
async fn the_start_of_the_gateway_is_recorded_once_a_boot() {
    let gateway = Gateway::ready().await.restarted().await;
    let query = AuditQuery { limit: 10, action: Some(AuditAction::Boot), ..AuditQuery::default() };
    let boots = gateway.store.audit(&query).await.unwrap().records;
    assert_eq!(boots.len(), 1, "the second start of the service was in the same boot");
    assert_eq!((boots[0].origin.as_str(), boots[0].detail.as_str()), ("system", "started from slot A"));
    assert_eq!(boots[0].outcome, AuditOutcome::Succeeded.as_str());
}
