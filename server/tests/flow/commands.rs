//! The commands that speak with a running gateway, on the real program.

use crate::{
    gateway::{Gateway, ID, free_port},
    support::{err, json, out},
};
use ota_publish::{faults::Fault, release::Release};
use serde_json::json;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const LIMIT: Duration = Duration::from_secs(120);

/// The program; it knows who asks unless it is told otherwise. The repository is served by this very thread.
fn command(gateway: &Gateway, arguments: &[&str]) -> Command {
    let mut command = Command::from(gateway.command(arguments));
    command.env("GATEWAY_OTA_TOKEN", gateway.token()).kill_on_drop(true).stdin(Stdio::null());
    command
}

async fn run(gateway: &Gateway, arguments: &[&str]) -> Output {
    finished(command(gateway, arguments)).await
}

async fn finished(mut command: Command) -> Output {
    tokio::time::timeout(LIMIT, command.output()).await.unwrap().unwrap()
}

/// What it printed, when it succeeded.
#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    out(output)
}

/// Why it did not, when it ended with this status.
#[track_caller]
fn complaint(output: &Output, status: i32) -> String {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    assert!(!err(output).contains("panicked"), "{output:?}");
    err(output)
}

#[tokio::test]
async fn an_installation_is_followed_over_the_restart_and_so_is_the_way_back() {
    let gateway = Gateway::start().await;
    let offered = run(&gateway, &["updates"]).await;
    assert!(
        said(&offered).lines().any(|line| line.starts_with("v5.0.5  update-001  security  critical")),
        "{offered:?}"
    );
    let installed = run(&gateway, &["install", "v5.0.5", "--wait", "--json"]).await;
    said(&installed);
    let end = json(&installed);
    assert_eq!((&end["status"], &end["update"]["version"]), (&json!("committed"), &json!("v5.0.5")));
    assert!(err(&installed).contains("committed"), "{installed:?}");
    assert_eq!(gateway.boots().len(), 2, "it has restarted: {:?}", gateway.boots());

    // The sensors have to be heard again.
    gateway.ready().await;
    let back = run(&gateway, &["rollback", "--reason", "the crane stutters", "--restart", "--wait"]).await;
    assert!(said(&back).contains("v5.0.4"), "{back:?}");
    let url = format!("http://{}", gateway.address());
    let status = run(&gateway, &["status", "--url", &url, "--gateway", ID]).await;
    let status = said(&status);
    assert!(status.contains("Running    v5.0.4 (slot A)") && status.contains("GW-3920A9"), "{status}");
}

#[tokio::test]
async fn an_installation_waits_for_the_restart_where_nobody_ordered_one() {
    let gateway = Gateway::start().await;
    let installed = run(&gateway, &["install", "5.0.5", "--no-restart", "--wait"]).await;
    assert!(said(&installed).contains("next restart"), "{installed:?}");
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "B A");
    let job = Gateway::data(gateway.get("monitor").await)["job_id"].as_str().unwrap().to_owned();
    let cancelled = run(&gateway, &["cancel", &job, "--reason", "not today"]).await;
    assert_eq!(said(&cancelled), "Update operation cancelled\n");
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "A B");
}

#[tokio::test]
async fn a_system_that_does_not_stay_has_a_status_of_its_own() {
    let gateway = Gateway::start_with(&[("HEALTH__DEADLINE_SECONDS", "3")]).await;
    gateway.publish(&Release::new("bad-health", "v6.6.6").image_size(8 << 20).unhealthy()).await;
    let why = complaint(&run(&gateway, &["install", "bad-health", "--wait"]).await, 7);
    assert!(why.contains("v6.6.6 was rolled back"), "{why}");
}

#[tokio::test]
async fn each_reason_for_not_doing_it_has_its_status() {
    let gateway = Gateway::start().await;
    let order = ["install", "v5.0.5"];
    gateway.plant(json!({ "crane_motion": "moving" })).await;
    gateway.wait_for("the crane to block", async || gateway.is_blocking("crane_motion").await).await;
    let blocked = complaint(&run(&gateway, &order).await, 5);
    assert!(blocked.contains("crane_motion"), "{blocked}");
    let safety = run(&gateway, &["safety"]).await;
    assert!(said(&safety).contains("No update may be started"), "{safety:?}");
    gateway.plant(json!({ "crane_motion": "idle" })).await;
    gateway.wait_for("the crane to stand", async || !gateway.is_blocking("crane_motion").await).await;

    gateway.server.inject("targets/", Fault::Throttle(1 << 20));
    let job = gateway.start_update("update-002", false).await;
    let busy = complaint(&run(&gateway, &order).await, 6);
    assert!(busy.contains(&job), "{busy}");

    let mut stranger = command(&gateway, &order);
    stranger.env("GATEWAY_OTA_TOKEN", "0".repeat(64));
    complaint(&finished(stranger).await, 4);
    complaint(&run(&gateway, &["install", "v5.0.5", "--gateway", "GW-X"]).await, 4);
    assert!(complaint(&run(&gateway, &["install", "v9"]).await, 1).contains("v5.0.5"));

    let nobody = format!("http://127.0.0.1:{}", free_port());
    let away = complaint(&run(&gateway, &["updates", "--url", &nobody, "--gateway", ID]).await, 3);
    assert!(away.contains("cannot be reached"), "{away}");

    let mut anonymous = command(&gateway, &["updates"]);
    anonymous.env_remove("GATEWAY_OTA_TOKEN");
    assert!(complaint(&finished(anonymous).await, 2).contains("GATEWAY_OTA_TOKEN"));
    complaint(&run(&gateway, &["updates", "--url", &nobody]).await, 2);
    complaint(&run(&gateway, &["updates", "--url", "ftp://gateway", "--gateway", ID]).await, 2);
    let wrong = complaint(&run(&gateway, &["settings", "update_strategy=teleport"]).await, 2);
    assert!(wrong.contains("update_strategy"), "{wrong}");
    complaint(&run(&gateway, &["logs", "--level", "loud"]).await, 2);
}

#[tokio::test]
async fn settings_are_changed_by_their_names() {
    let gateway = Gateway::start().await;
    let changes = ["settings", "maintenance_window.enabled=true", "maintenance_window.time=03:30"];
    assert_eq!(said(&run(&gateway, &changes).await), "Settings updated successfully\n");
    let shown = said(&run(&gateway, &["settings"]).await);
    for line in
        ["maintenance_window.enabled=true", "maintenance_window.time=03:30", "auto_update.enabled=false"]
    {
        assert!(shown.lines().any(|shown| shown == line), "{shown}");
    }
    // What is published now is known only to who asks.
    let newer = Release::new("update-900", "v9.0.0").image_size(8 << 20);
    newer.publish_unchecked(&gateway.repository()).await.unwrap();
    assert!(!said(&run(&gateway, &["updates"]).await).contains("v9.0.0"));
    assert!(said(&run(&gateway, &["check"]).await).contains("v9.0.0"));
}

/// Logs in by the command; the token is in the file.
async fn log_in(gateway: &Gateway, user: &str, file: &str) {
    let mut command = command(gateway, &["login", user, "--token-file", file]);
    command.env_remove("GATEWAY_OTA_TOKEN").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut login = command.spawn().unwrap();
    login.stdin.take().unwrap().write_all(b"demo-gateway\n").await.unwrap();
    let output = tokio::time::timeout(LIMIT, login.wait_with_output()).await.unwrap().unwrap();
    assert!(said(&output).contains(&format!("{user} is logged in as {user}")), "{output:?}");
}

struct Tail {
    program: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Tail {
    fn start(gateway: &Gateway, arguments: &[&str]) -> Self {
        let mut command = command(gateway, arguments);
        command.env_remove("GATEWAY_OTA_TOKEN").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let lines = BufReader::new(program.stdout.take().unwrap()).lines();
        Self { program, lines }
    }

    /// Everything up to the line that has `words`.
    async fn until(&mut self, words: &str) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let line = tokio::time::timeout(LIMIT, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("never came: {words}: {all:?}")).unwrap();
            all.push(line.unwrap_or_else(|| panic!("it ended: {words}: {all:?}")));
            if all.last().unwrap().contains(words) {
                return all;
            }
        }
    }
}

#[tokio::test]
async fn the_log_is_followed_over_a_restart_without_gap_or_repetition_and_ends_with_the_session() {
    let mut gateway = Gateway::start().await;
    let file = gateway.site.path("viewer.token").display().to_string();
    log_in(&gateway, "viewer", &file).await;
    let mut tail = Tail::start(&gateway, &["logs", "--follow", "--json", "--token-file", &file]);
    let mut all = tail.until("viewer logged in").await;
    gateway.kill();
    gateway.up().await;
    // The service has written lines before anybody could listen again.
    log_in(&gateway, "operator", &gateway.site.path("operator.token").display().to_string()).await;
    all.extend(tail.until("operator logged in").await);
    let numbers = |lines: &[String]| -> Vec<u64> {
        lines
            .iter()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_u64().unwrap())
            .collect()
    };
    let printed = numbers(&all);
    assert!(
        printed.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "each line once, and none left out: {printed:?}"
    );

    // Another process ends the session, and the connection ends at once: long before the gateway would look again.
    let input =
        crate::support::with_input(gateway.command(&["user", "passwd", "viewer"]), "another password\n");
    crate::support::succeeded(&input);
    let ended = tokio::time::timeout(Duration::from_secs(10), tail.program.wait()).await;
    assert_eq!(ended.expect("it ends soon").unwrap().code(), Some(4));
}
