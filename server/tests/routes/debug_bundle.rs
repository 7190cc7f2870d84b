use crate::support::{GATEWAY, Gateway};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Command;

const PATH: &str = "/api/v1/ota/debug-bundle";
const PLANTED: [&str; 3] =
    ["planted-in-the-configuration", "planted-in-the-environment", "planted-in-the-log"];

fn everything() -> Value {
    json!({ "include_logs": true, "include_configs": true, "include_metrics": true })
}

/// Orders a bundle and waits until it can be downloaded.
async fn made(gateway: &Gateway, body: &Value) -> Value {
    let started = gateway.order(PATH, body).await.data("Debug bundle creation started");
    let id = started["bundle_id"].as_str().unwrap().to_owned();
    let there = || gateway.ota.snapshot().debug.bundles.iter().any(|bundle| bundle.id == id);
    gateway.until("the bundle is there", there).await;
    gateway.until("nothing is made any more", || gateway.ota.snapshot().debug.unmade.is_none()).await;
    started
}

async fn download(gateway: &Gateway, url: &str) -> Vec<u8> {
    use tower::ServiceExt;
    let token = gateway.token("operator").await;
    let request = http::Request::get(url)
        .header("host", "localhost")
        .header("authorization", format!("Bearer {token}"));
    let response =
        gateway.router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/gzip");
    let named = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(named.starts_with("attachment; filename=\"debug-"), "{named}");
    axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
}

/// What stock tar makes of it: names, and all texts one after the other.
fn unpacked(archive: &[u8]) -> (Vec<String>, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bundle.tar.gz");
    std::fs::write(&file, archive).unwrap();
    let run = |flags: &[&str]| {
        let out = Command::new("tar").args(flags).arg(&file).current_dir(directory.path()).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let names = run(&["-tzf"]).lines().map(|line| line.split('/').next_back().unwrap().to_owned()).collect();
    (names, run(&["-xzOf"]))
}

#[tokio::test]
async fn a_bundle_has_what_was_chosen_and_no_secret() {
    let gateway = Gateway::ready().await;
    let entry = ota_engine::ports::LogEntry {
        id: None,
        at: jiff::Timestamp::now(),
        level: ota_engine::ports::LogLevel::Info,
        source: "test".into(),
        message: "sent Authorization: Bearer planted-in-the-log and pin=planted-as-a-pin".into(),
    };
    ota_engine::ports::Store::append_log(&gateway.store, &entry).await.unwrap();
    let log = gateway.directory.path().join("log");
    std::fs::create_dir(&log).unwrap();
    std::fs::write(log.join("service.log.1"), "the older lines\n").unwrap();
    std::fs::write(log.join("service.log"), "https://name:planted-in-the-log@host/ was asked\n").unwrap();
    let started = made(&gateway, &everything()).await;
    let id = started["bundle_id"].as_str().unwrap();
    assert!(id.starts_with("debug-2") && id.ends_with("-001"), "{id}");
    assert_eq!(started["status"], "creating");
    assert_eq!(started["download_url"], format!("/api/v1/ota/debug/download/{id}.tar.gz"));
    assert!(started["estimated_size"].as_str().unwrap().ends_with(" KB"), "{started}");

    let (names, text) = unpacked(&download(&gateway, started["download_url"].as_str().unwrap()).await);
    for name in [
        "about.json",
        "status.json",
        "slots.json",
        "jobs.json",
        "activity.log",
        "service.log",
        "audit.jsonl",
        "configuration.toml",
        "boot-environment.txt",
        "resources.json",
    ] {
        assert!(names.iter().any(|found| found == name), "{name} is not in {names:?}");
    }
    for secret in PLANTED {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(!text.contains(crate::support::PASSWORD));
    assert!(text.contains("wifi_password=[redacted]") && text.contains("BOOT_ORDER=A B"), "{text}");
    assert!(text.contains("https://[redacted]@host/"), "{text}");

    let started =
        made(&gateway, &json!({ "include_logs": false, "include_configs": false, "include_metrics": false }))
            .await;
    let (names, _) = unpacked(&download(&gateway, started["download_url"].as_str().unwrap()).await);
    for name in
        ["activity.log", "audit.jsonl", "configuration.toml", "boot-environment.txt", "resources.json"]
    {
        assert!(names.iter().all(|found| found != name), "{name} is in {names:?}");
    }
}

#[tokio::test]
async fn the_estimate_is_near_what_comes_of_it() {
    let gateway = Gateway::ready().await;
    for number in 0..400 {
        let entry = ota_engine::ports::LogEntry {
            id: None,
            at: jiff::Timestamp::now(),
            level: ota_engine::ports::LogLevel::Info,
            source: "test".into(),
            message: format!("line {number} of many that say much the same"),
        };
        ota_engine::ports::Store::append_log(&gateway.store, &entry).await.unwrap();
    }
    let actor = ota_core::Actor::local("test");
    let content = ota_engine::ports::DebugContent { logs: true, configs: true, metrics: true };
    let (id, estimate) = gateway.ota.start_debug_bundle(content, &actor).await.unwrap();
    let size = || gateway.ota.snapshot().debug.bundles.iter().find(|b| b.id == id).map(|b| b.size);
    gateway.until("it is there", || size().is_some()).await;
    let size = size().unwrap();
    assert!(estimate >= size / 2 && estimate <= size * 2, "{estimate} for {size}");
}

#[tokio::test]
async fn old_ones_go_and_a_restart_finds_the_others_and_sweeps() {
    let gateway = Gateway::ready().await;
    let mut urls = Vec::new();
    for _ in 0..3 {
        urls.push(made(&gateway, &everything()).await["download_url"].as_str().unwrap().to_owned());
    }
    let list = gateway.read(PATH).await.data("Debug bundles retrieved successfully");
    let ids: Vec<_> = list["bundles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["bundle_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 2, "{list}");
    assert!(ids[0].ends_with("-003") && ids[1].ends_with("-002"), "{ids:?}");
    let operator = gateway.token("operator").await;
    gateway.get(&urls[0]).bearer(&operator).send().await.failure(404, "NOT_FOUND");
    let directory = gateway.directory.path().join("debug");
    std::fs::write(directory.join("debug-20250101-001.part"), "half").unwrap();
    let gateway = gateway.restarted().await;
    gateway.until("they are found", || gateway.ota.snapshot().debug.bundles.len() == 2).await;
    assert!(!directory.join("debug-20250101-001.part").exists());
    let gateway = gateway
        .restarted_into(|world| world.wall_jump.store(3700, std::sync::atomic::Ordering::Relaxed))
        .await;
    gateway.until("their time is over", || std::fs::read_dir(&directory).unwrap().count() == 0).await;
}

#[tokio::test]
async fn only_who_may_operate_downloads_and_only_what_there_is() {
    let gateway = Gateway::ready().await;
    let url = made(&gateway, &everything()).await["download_url"].as_str().unwrap().to_owned();
    gateway.get(&url).send().await.failure(401, "UNAUTHORIZED");
    gateway.get(&url).bearer(&gateway.token("viewer").await).send().await.failure(403, "FORBIDDEN");
    let operator = gateway.token("operator").await;
    gateway.get(&url).bearer(&operator).gateway("GW-X").send().await.failure(404, "GATEWAY_NOT_FOUND");
    for name in
        ["x.tar.gz", "..%2Fgateway.db", "..%2F..%2Fetc%2Fpasswd.tar.gz", "debug-20250101-001.tar.gz", "debug"]
    {
        let path = format!("/api/v1/ota/debug/download/{name}");
        gateway.get(&path).bearer(&operator).gateway(GATEWAY).send().await.failure(404, "NOT_FOUND");
    }
    for body in [json!({ "include_logs": 1 }), json!({ "include_secrets": true })] {
        gateway.order(PATH, &body).await.failure(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn what_cannot_be_made_leaves_nothing_and_says_why() {
    let gateway = Gateway::ready().await;
    let directory = gateway.directory.path().join("debug");
    std::fs::remove_dir(&directory).unwrap();
    std::fs::write(&directory, "in the way").unwrap();
    gateway.order(PATH, &everything()).await.failure(500, "INTERNAL");
    std::fs::remove_file(&directory).unwrap();
    std::fs::create_dir(&directory).unwrap();
    // In the way of the archive, so that it fails after it was begun.
    let day = jiff::Timestamp::now().strftime("%Y%m%d").to_string();
    let part = directory.join(format!("debug-{day}-001.part"));
    std::fs::create_dir(&part).unwrap();
    let started = gateway.order(PATH, &everything()).await.data("Debug bundle creation started");
    let failed =
        || gateway.ota.snapshot().debug.unmade.as_ref().is_some_and(|unmade| unmade.failure.is_some());
    gateway.until("it failed", failed).await;
    let list = gateway.read(PATH).await.data("Debug bundles retrieved successfully");
    let bundle = &list["bundles"][0];
    assert_eq!(
        (&bundle["bundle_id"], &bundle["status"]),
        (&started["bundle_id"], &json!("failed")),
        "{list}"
    );
    assert_eq!(bundle["error"], "The debug bundle could not be made.", "{list}");
    assert!(bundle["download_url"].is_null(), "{list}");
    std::fs::remove_dir(&part).unwrap();
    made(&gateway, &everything()).await;
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "nothing is left beside it");
}

/// A file system of one page; none where mounting is not permitted.
struct FullDisk(std::path::PathBuf);

impl FullDisk {
    fn mount(directory: std::path::PathBuf) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4096", "tmpfs"]).arg(&directory);
        mount.status().is_ok_and(|status| status.success()).then_some(Self(directory))
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_nothing_is_left() {
    let gateway = Gateway::ready().await;
    let Some(disk) = FullDisk::mount(gateway.directory.path().join("debug")) else {
        // Past the harness, which shows nothing of a test that passes.
        return std::io::stderr().write_all(b"skipped: mounting a tmpfs is not permitted here\n").unwrap();
    };
    // A bundle of little more than its texts would fit into the page.
    let noise = |n: u64| format!("{:016x}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
    let log = gateway.directory.path().join("log");
    std::fs::create_dir(&log).unwrap();
    std::fs::write(log.join("service.log"), (1..4000).map(noise).collect::<String>()).unwrap();
    gateway.order(PATH, &everything()).await.data("Debug bundle creation started");
    let failure = || gateway.ota.snapshot().debug.unmade.as_ref().and_then(|unmade| unmade.failure.clone());
    gateway.until("it failed", || failure().is_some()).await;
    assert!(failure().unwrap().contains("not enough room"), "{failure:?}", failure = failure());
    assert_eq!(std::fs::read_dir(&disk.0).unwrap().count(), 0);
}
