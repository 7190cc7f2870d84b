//! The real gateway, asked by schemathesis after its own document: requests as they should be, and requests as they should not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "flow/gateway.rs"]
mod gateway;
mod support;

use gateway::Gateway;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PIN: &str = "739281";
/// The restart waits for a machine that has been still for a day: the gateway stays up while it is asked.
const STILL: &str = "86400";
/// When a gateway counts as one that does not answer.
const PATIENCE: Duration = Duration::from_secs(60);
const LOGOUT: &str = "/api/v1/auth/logout";

/// Where `setup/test-tools` puts it.
fn schemathesis() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    let program = cache.join("gateway-ota/schemathesis/bin/schemathesis");
    assert!(program.exists(), "schemathesis is missing: run `make setup`");
    program
}

/// A session of its own for each part: one of them ends it.
async fn log_in(gateway: &Gateway) -> String {
    let call = reqwest::Client::new().post(format!("http://{}/api/v1/auth/login", gateway.address()));
    let answer = call.json(&json!({ "username": "admin", "password": "demo-gateway" })).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["data"]["token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Asks for the operations that `chosen` leaves, with the same requests each time.
fn ask(document: &Path, address: &str, token: &str, chosen: [&str; 2]) -> Command {
    let mut command = Command::new(schemathesis());
    command
        .arg("run")
        .arg(document)
        .args(["--url", &format!("http://{address}")])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "20"])
        .args(["--seed", "1", "--generation-deterministic", "--generation-database", "none"])
        .args(["--request-timeout", &PATIENCE.as_secs().to_string()])
        .args(["--continue-on-failure", "--no-color", "--output-sanitize", "false"])
        .args(chosen)
        .current_dir(document.parent().unwrap());
    command
}

const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

async fn conforms(mut command: Command) {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
    // It has not just found nothing to ask.
    assert!(report.contains("No issues found"), "{report}");
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let gateway = Gateway::start_with(&[("SAFETY__CLEAR_FOR_SECONDS", STILL)]).await;
    let admin = gateway.administrator(PIN).await;
    let call = reqwest::Client::new().get(format!("http://{}/api/openapi.json", gateway.address()));
    let document = call.bearer_auth(&admin).send().await.unwrap().bytes().await.unwrap();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("openapi.json");
    std::fs::write(&file, document).unwrap();

    conforms(ask(&file, gateway.address(), &admin, ["--exclude-path", LOGOUT])).await;
    let another = log_in(&gateway).await;
    conforms(ask(&file, gateway.address(), &another, ["--include-path", LOGOUT])).await;
    gateway.ready().await;
}
