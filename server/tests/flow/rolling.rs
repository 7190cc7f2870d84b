//! Rolling installations: one component at a time, real places on the disk, real commands and checks.

use crate::gateway::Gateway;
use crate::moments::Moments;
use ota_publish::{
    demo::{COMPONENTS, component_image},
    faults::Fault,
    image::Content,
    release::Release,
};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs;
use std::time::Duration;

const CRANE: &str = "crane-app";
const DRIVE: &str = "drive-link";

/// Downloads an update and orders it with a strategy.
async fn order(gateway: &Gateway, update: &str, strategy: &str) -> (String, (reqwest::StatusCode, Value)) {
    let job = gateway.start_update(update, false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    let order = json!({"job_id": job, "strategy": strategy, "reboot_after": true, "create_snapshot": false});
    let answer = gateway.post("install", order).await;
    (job, answer)
}

async fn roll(gateway: &Gateway, update: &str) -> String {
    let (job, answer) = order(gateway, update, "rolling").await;
    let started = Gateway::data(answer);
    assert_eq!((&started["status"], &started["strategy"]), (&json!("installing"), &json!("rolling")));
    job
}

/// A release of components alone, of which some are not well.
fn components(id: &str, version: &str, unwell: &[&str]) -> Release {
    COMPONENTS.iter().fold(Release::new(id, version).components_only(), |release, name| {
        release.component(name, component_image(name, version, !unwell.contains(name)))
    })
}

/// What is current of a component: as its link leads to it, as it was started, and as the gateway says.
async fn version(gateway: &Gateway, name: &str) -> String {
    let image = fs::read(gateway.site.path(&format!("components/{name}/current"))).unwrap();
    let text = String::from_utf8_lossy(&image).into_owned();
    let current = text.lines().find_map(|line| line.strip_prefix("version=")).unwrap().to_owned();
    let started = fs::read_to_string(gateway.site.path(&format!("run/components/{name}")));
    // What the factory delivered runs before anything was activated.
    let started = started.map_or_else(|_| "v5.0.4".to_owned(), |started| started.trim().to_owned());
    assert_eq!(started, current, "what is current of {name} is what was started");
    let status = Gateway::data(gateway.get("status").await);
    let shown = status["components"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(shown["version"], current, "{status}");
    current
}

/// Where the link of a component leads.
fn current(gateway: &Gateway, name: &str) -> std::path::PathBuf {
    fs::read_link(gateway.site.path(&format!("components/{name}/current"))).unwrap()
}

fn untouched(gateway: &Gateway) {
    let environment = gateway.boot_environment();
    assert_eq!((environment["BOOT_ORDER"].as_str(), environment["BOOT_B_LEFT"].as_str()), ("A B", "3"));
}

#[tokio::test]
async fn the_components_come_one_after_the_other_and_the_system_last() {
    let gateway = Gateway::start().await;
    assert_eq!(
        (version(&gateway, CRANE).await.as_str(), version(&gateway, DRIVE).await.as_str()),
        ("v5.0.4", "v5.0.4")
    );
    let job = roll(&gateway, "update-002").await;
    let (operations, overall) = (RefCell::new(Vec::<String>::new()), RefCell::new(0.0));
    let end = gateway
        .job_until(&job, "the end", |job| {
            let operation = job["progress"]["current_operation"].as_str().unwrap().to_owned();
            let now = job["progress"]["overall_percentage"].as_f64().unwrap();
            assert!(now >= overall.replace(now), "{job}");
            if operations.borrow().last() != Some(&operation) {
                operations.borrow_mut().push(operation);
            }
            !job["ended_at"].is_null()
        })
        .await;
    assert_eq!(end["status"], "committed", "{end}");
    let message = end["outcome"]["message"].as_str().unwrap();
    assert!(message.ends_with("Components: crane-app is v5.1.0, drive-link is v5.1.0."), "{message}");
    let operations = operations.into_inner();
    let at = |part: &str| operations.iter().position(|operation| operation.contains(part));
    assert!(at("partition_b") > at(DRIVE) && at(DRIVE) > at(CRANE), "{operations:?}");
    for name in COMPONENTS {
        assert_eq!(version(&gateway, name).await, "v5.1.0");
    }
    let status = Gateway::data(gateway.get("status").await);
    assert_eq!(status["gateway"]["os_version"], "v5.1.0");
    assert_eq!(status["components"][0]["former_version"], "v5.0.4");
    let audit = gateway.site.run(&["audit", "export"]);
    let audit = crate::support::out(&audit);
    assert!(audit.contains("crane-app v5.1.0 is activated"), "{audit}");
}

#[tokio::test]
async fn an_update_without_components_is_rolled_into_the_slot_and_one_with_them_is_seamless_without_them() {
    let gateway = Gateway::start().await;
    let job = roll(&gateway, "update-001").await;
    assert_eq!(gateway.ended(&job).await["status"], "committed");
    gateway.ready().await;
    let (job, answer) = order(&gateway, "update-002", "seamless").await;
    Gateway::data(answer);
    let end = gateway.ended(&job).await;
    assert_eq!(end["status"], "committed", "{end}");
    assert_eq!(version(&gateway, CRANE).await, "v5.0.4", "seamless takes the system alone");
    assert_eq!(Gateway::data(gateway.get("status").await)["gateway"]["os_version"], "v5.1.0");
}

#[tokio::test]
async fn a_component_that_fails_its_check_is_put_back_and_those_before_it_stay() {
    let gateway = Gateway::start().await;
    let release =
        COMPONENTS.iter().fold(Release::new("update-777", "v5.2.0").image_size(8 << 20), |release, name| {
            release.component(name, component_image(name, "v5.2.0", *name == CRANE))
        });
    gateway.publish(&release).await;
    let job = roll(&gateway, "update-777").await;
    let end = gateway.ended(&job).await;
    assert_eq!(
        (&end["status"], &end["outcome"]["code"]),
        (&json!("failed"), &json!("OTA_INSTALL_FAILED")),
        "{end}"
    );
    let message = end["outcome"]["message"].as_str().unwrap();
    assert!(message.contains("drive-link v5.2.0 says that it is not well"), "{message}");
    assert!(message.ends_with("Components: crane-app is v5.2.0, drive-link is v5.0.4 again."), "{message}");
    assert_eq!(
        (version(&gateway, CRANE).await.as_str(), version(&gateway, DRIVE).await.as_str()),
        ("v5.2.0", "v5.0.4")
    );
    let check = &end["checks"][0];
    assert_eq!((&check["name"], &check["state"]), (&json!("self-test"), &json!("failed")));
    untouched(&gateway);

    // The next one takes only what is not there.
    gateway.publish(&components("update-778", "v5.2.1", &[])).await;
    let job = roll(&gateway, "update-778").await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["status"], "committed", "{end}");
    for name in COMPONENTS {
        assert_eq!(version(&gateway, name).await, "v5.2.1");
    }
    untouched(&gateway);
    assert_eq!(Gateway::data(gateway.get("status").await)["gateway"]["os_version"], "v5.0.4");
}

#[tokio::test]
async fn nothing_is_activated_while_the_crane_moves() {
    let gateway = Gateway::start().await;
    gateway.publish(&components("update-900", "v9.0.0", &[])).await;
    let job = gateway.start_update("update-900", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    // Slow enough for the crane to start before the second activation.
    slow(&gateway, "activate-component", "1");
    let order =
        json!({"job_id": job, "strategy": "rolling", "reboot_after": false, "create_snapshot": false});
    Gateway::data(gateway.post("install", order).await);
    let doing = |job: &Value| job["progress"]["current_operation"] == "activating_crane-app";
    gateway.job_until(&job, "the first activation", doing).await;
    gateway.plant(json!({"crane_motion": "moving"})).await;
    let held = gateway.job_until(&job, "the hold", |job| job["status"] == "held").await;
    assert_eq!(
        (&held["waiting_for"], &held["held_before"]),
        (&json!(["crane_motion"]), &json!("activate_component")),
        "{held}"
    );
    assert_eq!(version(&gateway, DRIVE).await, "v5.0.4");
    gateway.plant(json!({"crane_motion": "idle"})).await;
    assert_eq!(gateway.ended(&job).await["status"], "committed");
    assert_eq!(version(&gateway, DRIVE).await, "v9.0.0");
}

#[tokio::test]
async fn what_has_no_place_here_or_no_system_is_refused_and_changes_nothing() {
    let gateway = Gateway::start().await;
    gateway.publish(&components("update-901", "v9.0.1", &[])).await;
    let (job, (status, body)) = order(&gateway, "update-901", "seamless").await;
    assert!(status.is_client_error(), "{status} {body}");
    assert!(body["message"].as_str().unwrap().contains("strategy rolling"), "{body}");
    let (status, body) = gateway.post("install", json!({"job_id": job, "strategy": "in_place"})).await;
    assert_eq!(status.as_u16(), 422, "{body}");
    Gateway::data(gateway.post("cancel", json!({"job_id": job})).await);

    let unknown =
        Release::new("update-902", "v9.0.2").components_only().component("camera", "x".repeat(4096));
    gateway.publish(&unknown).await;
    let large = Release::new("update-903", "v9.0.3").components_only().component(CRANE, vec![b'x'; 2 << 20]);
    gateway.publish(&large).await;
    let job = gateway.start_update("update-902", false).await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["outcome"]["code"], "OTA_INVALID_IMAGE", "{end}");
    let job = roll(&gateway, "update-903").await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["outcome"]["code"], "OTA_INSUFFICIENT_SPACE", "{end}");
    for name in COMPONENTS {
        assert_eq!(version(&gateway, name).await, "v5.0.4");
    }
    untouched(&gateway);
}

#[tokio::test]
async fn components_that_are_here_are_not_offered_again() {
    let gateway = Gateway::start().await;
    gateway.publish(&components("update-905", "v9.0.5", &[])).await;
    let offered = async || {
        let updates = Gateway::data(gateway.get("updates").await);
        updates["updates"].as_array().unwrap().iter().any(|update| update["id"] == "update-905")
    };
    assert!(offered().await);
    let job = roll(&gateway, "update-905").await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["status"], "committed", "{end}");
    assert!(!offered().await);
    // The next one takes their place, and nothing goes back to the former one.
    gateway.publish(&components("update-906", "v9.0.6", &[])).await;
    let job = roll(&gateway, "update-906").await;
    assert_eq!(gateway.ended(&job).await["status"], "committed");
    assert!(!offered().await);
    untouched(&gateway);
}

#[tokio::test]
async fn a_flipped_bit_on_the_way_reaches_no_component() {
    let gateway = Gateway::start().await;
    let publication = gateway.publish(&components("update-904", "v9.0.4", &[])).await;
    gateway.server.inject("targets/", Fault::Flip(publication.target.length / 2));
    let job = gateway.start_update("update-904", false).await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["outcome"]["code"], "OTA_DOWNLOAD_FAILED", "{end}");
    gateway.server.clear();
    let job = gateway.start_update("update-904", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    // In staging, after it was verified.
    let staged = fs::read_dir(gateway.site.path("staging")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&staged).unwrap();
    for byte in bytes.iter_mut().skip(1000).step_by(4096) {
        *byte ^= 1;
    }
    fs::write(&staged, bytes).unwrap();
    Gateway::data(gateway.post("install", json!({"job_id": job, "strategy": "rolling"})).await);
    assert_eq!(gateway.ended(&job).await["status"], "failed");
    for name in COMPONENTS {
        assert_eq!(version(&gateway, name).await, "v5.0.4");
    }
}

/// Lets a script of the site take its time.
fn slow(gateway: &Gateway, script: &str, seconds: &str) {
    let path = gateway.site.path(&format!("bin/{script}"));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("set -", &format!("sleep {seconds}\nset -"), 1)).unwrap();
}

/// Every component is either what it was or what the release brings, whole and started, and the job says which.
async fn consistent(gateway: &Gateway, end: &Value, from: &[String; 2], to: &str) -> [String; 2] {
    let message = end["outcome"]["message"].as_str().unwrap_or_default().to_owned();
    let mut found = from.clone();
    for ((name, from), found) in COMPONENTS.iter().zip(from).zip(&mut found) {
        *found = version(gateway, name).await;
        assert!(found == from || found == to, "{name} is {found}: {end}");
        if end["status"] == "committed" {
            assert_eq!(found, to, "{end}");
        }
        let new = message.contains(&format!("{name} is {to}"));
        assert_eq!(new, found == to && from != to, "{end}");
    }
    found
}

#[tokio::test]
async fn killed_while_a_component_is_activated_or_checked() {
    let mut gateway = Gateway::start().await;
    slow(&gateway, "activate-component", "0.3");
    slow(&gateway, "check-component", "0.3");
    let mut versions = ["v5.0.4", "v5.0.4"].map(str::to_owned);
    let turns = [(CRANE, "activated"), (CRANE, "checked"), (DRIVE, "activated"), (DRIVE, "checked")];
    for (number, (name, step)) in turns.into_iter().enumerate() {
        let (id, to) = (format!("update-80{number}"), format!("v8.0.{number}"));
        gateway.publish(&components(&id, &to, &[])).await;
        let before = current(&gateway, name);
        let job = roll(&gateway, &id).await;
        if step == "activated" {
            // Switched, while the command still runs.
            gateway.wait_for("the switch", async || current(&gateway, name) != before).await;
        } else {
            let operation = format!("checking_{name}");
            gateway.job_until(&job, step, |job| job["progress"]["current_operation"] == operation).await;
        }
        gateway.kill();
        gateway.up().await;
        let end = gateway.ended(&job).await;
        // A check goes on; an activation that was interrupted is put back.
        let expected = if step == "checked" { "committed" } else { "failed" };
        assert_eq!(end["status"], expected, "{name} {step}: {end}");
        versions = consistent(&gateway, &end, &versions, &to).await;
    }
    untouched(&gateway);
}

#[tokio::test]
async fn killed_while_a_component_is_put_back() {
    let mut gateway = Gateway::start().await;
    slow(&gateway, "activate-component", "0.5");
    gateway.publish(&components("update-810", "v8.1.0", &[DRIVE])).await;
    let job = roll(&gateway, "update-810").await;
    let operation = "putting_back_drive-link";
    gateway.job_until(&job, operation, |job| job["progress"]["current_operation"] == operation).await;
    gateway.kill();
    gateway.up().await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["status"], "failed", "{end}");
    assert_eq!(
        (version(&gateway, CRANE).await.as_str(), version(&gateway, DRIVE).await.as_str()),
        ("v8.1.0", "v5.0.4")
    );
}

#[tokio::test]
async fn killed_again_and_again() {
    let mut moments = Moments::new("rolling");
    let mut gateway = Gateway::start().await;
    let mut versions = ["v5.0.4", "v5.0.4"].map(str::to_owned);
    for number in 0..5 {
        let (id, to) = (format!("update-82{number}"), format!("v8.2.{number}"));
        let unwell: &[&str] = if number == 2 { &[DRIVE] } else { &[] };
        gateway.publish(&components(&id, &to, unwell)).await;
        let job = roll(&gateway, &id).await;
        for _ in 0..3 {
            tokio::time::sleep(moments.within(400)).await;
            gateway.kill();
            gateway.up().await;
        }
        let end = gateway.job_until(&job, "its end", |job| !job["ended_at"].is_null()).await;
        versions = consistent(&gateway, &end, &versions, &to).await;
    }
    gateway
        .publish(&Release::new("update-829", "v8.3.0").image_size(8 << 20).content(Content::Healthy))
        .await;
    let job = roll(&gateway, "update-829").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(gateway.ended(&job).await["status"], "committed");
    _ = versions;
}
