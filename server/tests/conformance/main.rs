//! The real gateway, asked by schemathesis after its own document: requests as they should be, and requests as they should not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../flow/gateway.rs"]
mod gateway;
#[path = "../support/mod.rs"]
mod support;

use gateway::{Gateway, ID};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const PIN: &str = "739281";
/// The restart waits for a machine that has been still for an hour: the gateway stays up while it is asked.
const STILL: &str = "3600";
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/schemathesis.toml");
const HOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/hooks.py");
const LOGOUT: &str = "/api/v1/auth/logout";

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let gateway = Gateway::start_with(&[("SAFETY__CLEAR_FOR_SECONDS", STILL)]).await;
    let admin = gateway.administrator(PIN).await;
    let url = format!("http://{}/api/openapi.json", gateway.address());
    let document = Client::new().get(url).bearer_auth(&admin).send().await.unwrap().text().await.unwrap();
    let document = about_what_there_is(document, &gateway).await;
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("openapi.json");
    std::fs::write(&file, document).unwrap();

    conforms(ask(&file, gateway.address(), &admin, ["--exclude-path", LOGOUT])).await;
    // Its session still stands: what was answered was not only that somebody has to log in.
    let status = format!("http://{}/api/v1/ota/status", gateway.address());
    let still =
        Client::new().get(status).bearer_auth(&admin).header("x-gateway-id", ID).send().await.unwrap();
    assert_eq!(still.status(), 200);
    let another = log_in(&gateway).await;
    conforms(ask(&file, gateway.address(), &another, ["--include-path", LOGOUT])).await;
    gateway.ready().await;
}

/// The document with examples that name what there is on this gateway: a downloaded job, a snapshot, an image, the beginning of one.
async fn about_what_there_is(document: String, gateway: &Gateway) -> String {
    let job = gateway.start_update("update-001", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    let snapshot = Gateway::data(gateway.post("snapshot", json!({ "name": "before" })).await);
    let snapshot = snapshot["snapshot_id"].as_str().unwrap().to_owned();
    gateway
        .wait_for("the snapshot", async || {
            let recovery = Gateway::data(gateway.get("recovery").await);
            recovery["snapshots"].as_array().unwrap().iter().any(|one| one["id"] == *snapshot)
        })
        .await;
    let bundle = support::read(&gateway.site.path("factory/v5.0.3.raucb"));
    let image = Gateway::data(gateway.upload("custom-v5.1.0.img", bundle).await);
    let begin = gateway.request(Method::POST, "upload/files").header("tus-resumable", "1.0.0");
    let begun = begin.header("upload-length", "4096").send().await.unwrap();
    let upload = begun.headers()["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let shown = |value: &Value| value.as_str().unwrap().to_owned();
    let [checksum, version] = [shown(&image["file"]["checksum"]), shown(&image["file"]["version"])];
    [
        ("0a1b2c3d4e5f60718293a4b5c6d7e8f9", upload),
        ("OTA-JOB-8821X", job),
        ("snap-006", snapshot),
        ("sha256:9b74c9897bac770ffc029102a200c5de11e6d5b0c5ce8f8b3f5e4b1d9a0f7c21", checksum),
        ("v5.1.0-custom", version),
    ]
    .into_iter()
    .fold(document, |document, (example, real)| {
        assert!(document.contains(example), "{example}");
        document.replace(example, &real)
    })
}

/// Asks about the operations that `chosen` leaves.
fn ask(document: &Path, address: &str, token: &str, chosen: [&str; 2]) -> Command {
    let mut command = Command::new(schemathesis());
    command
        .args(["--config-file", CONFIGURATION, "run"])
        .arg(document)
        .args(["--url", &format!("http://{address}")])
        .args(["--header", &format!("Authorization: Bearer {token}"), "--no-color"])
        .args(chosen)
        .env("SCHEMATHESIS_HOOKS", HOOKS)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(document.parent().unwrap());
    command
}

/// Where `setup/test-tools` puts it.
fn schemathesis() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    let program = cache.join("gateway-ota/schemathesis/bin/schemathesis");
    assert!(program.exists(), "schemathesis is missing: run `make setup`");
    program
}

async fn conforms(mut command: Command) {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
    // It has not just found nothing to ask.
    assert!(report.contains("No issues found"), "{report}");
}

/// Another session of the administrator: one part of the questions ends it.
async fn log_in(gateway: &Gateway) -> String {
    let call = Client::new().post(format!("http://{}/api/v1/auth/login", gateway.address()));
    let answer = call.json(&json!({ "username": "admin", "password": "demo-gateway" })).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["data"]["token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}
