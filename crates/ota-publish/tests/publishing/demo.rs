//! The demo: what it prepares, that it leaves it alone the second time, and the plant.

use crate::support::{Client, content, files};
use ota_publish::demo::{Demo, DemoError, DemoOptions};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn options(directory: &TempDir) -> DemoOptions {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut options =
        DemoOptions::new(directory.path().join("data"), loopback, SocketAddr::from(([127, 0, 0, 1], 3000)));
    options.image_size = crate::support::SMALL;
    options
}

async fn start() -> (TempDir, Demo) {
    let directory = tempfile::tempdir().unwrap();
    let demo = Demo::start(&options(&directory)).await.unwrap();
    (directory, demo)
}

/// All files but those that name the port, or are signed anew at each start.
fn lasting(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files(data);
    files.retain(|path, _| {
        let name = path.to_str().unwrap();
        let of_this_run = name == "config.toml" || name.starts_with("field/");
        !of_this_run && !name.ends_with("timestamp.json") && !name.ends_with(".snapshot.json")
    });
    files
}

#[tokio::test]
async fn the_data_directory_is_complete() {
    let (directory, demo) = start().await;
    let data = directory.path().join("data").canonicalize().unwrap();
    let config: toml::Table = std::fs::read_to_string(data.join("config.toml")).unwrap().parse().unwrap();
    assert_eq!(config["gateway"]["id"].as_str(), Some("GW-3920A9"));
    assert_eq!(config["server"]["listen"].as_str(), Some("127.0.0.1:3000"));
    assert_eq!(config["repository"]["metadata_url"].as_str(), Some(&*demo.url("/repository/metadata/")));
    for slot in ["A", "B"] {
        let path = config["slots"][slot]["rootfs"].as_str().unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().len(), crate::support::SMALL);
    }
    let environment = uboot_env::Config::load(&data.join("fw_env.config")).unwrap();
    assert_eq!(
        environment,
        uboot_env::Config::parse(&format!(
            "{0}/uboot.env 0x0 0x4000\n{0}/uboot.env 0x10000 0x4000\n",
            data.display()
        ))
        .unwrap()
    );
    for name in ["factory/v5.0.3.raucb", "factory/v5.0.4.raucb", "trust/root.json", "run", "bin/health-check"]
    {
        assert!(data.join(name).exists(), "{name}");
    }
    assert!(!data.join(".preparing").exists());
    demo.stop().await;
}

#[tokio::test]
async fn its_configuration_names_what_carries_the_signals() {
    let directory = tempfile::tempdir().unwrap();
    let everything = options(&directory);
    let nothing = DemoOptions { programs: Vec::new(), ..everything.clone() };
    for (options, crane, ups) in [
        (&everything, "plant-broker", "plant-ups"),
        (&nothing, "plant", "plant"),
        (&everything, "plant-broker", "plant-ups"),
    ] {
        let demo = Demo::start(options).await.unwrap();
        let config = std::fs::read_to_string(options.data_dir.join("config.toml")).unwrap();
        let safety = config.parse::<toml::Table>().unwrap()["safety"].clone();
        assert_eq!(
            safety["crane_motion"]["source"].as_str(),
            Some(crane),
            "is mosquitto installed? {safety}"
        );
        assert_eq!(safety["ups_battery"]["source"].as_str(), Some(ups), "is NUT installed? {safety}");
        assert_eq!(safety.get("mqtt").is_some(), crane != "plant");
        assert_eq!(safety.get("nut").is_some(), ups != "plant");
        assert_eq!(safety.get("http").is_some(), crane == "plant");
        demo.stop().await;
    }
}

#[tokio::test]
async fn its_updates_are_offered_and_can_be_installed() {
    let (directory, demo) = start().await;
    let data = directory.path().join("data");
    let keys = ota_publish::keys::Keys::open(data.join("keys")).unwrap();
    let repository = ota_publish::repository::Repository::open(data.join("repository"), &keys).unwrap();
    let client = Client::new(&repository);
    let seen = client.load(&demo.url("/repository/")).await.unwrap();
    let offered = |id: &str, version: &str, kind: &str, severity: &str| {
        let (name, target) =
            seen.targets().signed.targets.iter().find(|(_, target)| target.custom["id"] == id).unwrap();
        assert_eq!(target.custom["version"], version);
        assert_eq!(target.custom["type"], kind);
        assert_eq!(target.custom["severity"], severity);
        assert!(target.custom["changelog"].as_array().unwrap().len() >= 3);
        name.raw().to_owned()
    };
    let names = [
        offered("update-001", "v5.0.5", "security", "critical"),
        offered("update-002", "v5.1.0", "feature", "medium"),
    ];
    for name in names {
        let path = directory.path().join(&name);
        std::fs::write(&path, content(&seen, &name).await).unwrap();
        ota_publish::bundle::verify(&path, &data.join("trust/keyring.pem")).unwrap();
    }
    demo.stop().await;
}

#[tokio::test]
async fn a_second_start_leaves_every_byte_and_makes_what_is_missing() {
    let (directory, demo) = start().await;
    let data = directory.path().join("data");
    let before = lasting(&data);
    assert!(matches!(Demo::start(&options(&directory)).await, Err(DemoError::Busy { .. })));
    demo.stop().await;
    let demo = Demo::start(&options(&directory)).await.unwrap();
    assert_eq!(lasting(&data), before);
    demo.stop().await;
    std::fs::remove_file(data.join("factory/v5.0.3.raucb")).unwrap();
    std::fs::create_dir_all(data.join(".preparing/repository")).unwrap();
    let demo = Demo::start(&options(&directory)).await.unwrap();
    assert!(data.join("factory/v5.0.3.raucb").exists());
    assert!(!data.join(".preparing").exists());
    demo.stop().await;
}

#[tokio::test]
async fn the_health_check_looks_into_the_image_of_the_slot() {
    use ota_publish::image::{self, Content, ImageSpec};
    let (directory, demo) = start().await;
    demo.stop().await;
    for (content, healthy) in
        [(Content::Healthy, true), (Content::Unhealthy, false), (Content::Filler, false)]
    {
        let image = directory.path().join("image");
        let spec =
            ImageSpec::new("v5.0.5", "6.1.34-LTS").with_size(crate::support::SMALL).with_content(content);
        image::build(&spec, &image).unwrap();
        let check = Command::new(directory.path().join("data/bin/health-check"))
            .env("GATEWAY_OTA_SLOT_DEVICE", &image)
            .output()
            .unwrap();
        assert_eq!(check.status.success(), healthy, "{content:?}: {check:?}");
    }
}

#[tokio::test]
async fn the_plant_is_moved_and_stays_as_it_was_left() {
    let (directory, demo) = start().await;
    let client = reqwest::Client::new();
    let all_clear = json!({"crane_motion": "idle", "acs_collision": "clear", "ups_battery": 85, "ups_online": true, "connected": true});
    assert_eq!(
        client.get(demo.url("/plant")).send().await.unwrap().json::<Value>().await.unwrap(),
        all_clear
    );
    let post = async |demo: &Demo, change: Value| {
        client.post(demo.url("/plant")).json(&change).send().await.unwrap()
    };
    let moved: Value =
        post(&demo, json!({"crane_motion": "moving", "ups_battery": 20})).await.json().await.unwrap();
    assert_eq!((&moved["crane_motion"], &moved["ups_battery"]), (&json!("moving"), &json!(20)));
    let refused = post(&demo, json!({"crane_motion": "idle", "speed": 3})).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let signals: Value = client.get(demo.url("/signals")).send().await.unwrap().json().await.unwrap();
    assert_eq!(signals["crane_motion"], "moving", "a refused change turns nothing");
    post(&demo, json!({"connected": false})).await;
    assert_eq!(
        client.get(demo.url("/signals")).send().await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    demo.stop().await;
    let demo = Demo::start(&options(&directory)).await.unwrap();
    let kept: Value = client.get(demo.url("/plant")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&kept["crane_motion"], &kept["connected"]), (&json!("moving"), &json!(false)));
    demo.stop().await;
}

#[tokio::test]
async fn the_page_says_what_it_is_and_other_sites_cannot_move_the_plant() {
    let (_directory, demo) = start().await;
    let client = reqwest::Client::new();
    let page = client.get(demo.url("/")).send().await.unwrap();
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert!(page.text().await.unwrap().contains("<h1>Simulated plant</h1>"));
    let post = || client.post(demo.url("/plant")).json(&json!({"crane_motion": "moving"}));
    let foreign = post().header("Origin", "http://elsewhere.example").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let form = client.post(demo.url("/plant")).body("crane_motion=moving").send().await.unwrap();
    assert_eq!(form.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let own = post().header("Origin", demo.url("/").trim_end_matches('/')).send().await.unwrap();
    assert_eq!(own.status(), StatusCode::OK);
    demo.stop().await;
}

#[tokio::test]
async fn others_cannot_reach_it_and_odd_directories_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut open = options(&directory);
    open.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(matches!(Demo::start(&open).await, Err(DemoError::NotLoopback { .. })));
    let mut odd = options(&directory);
    odd.data_dir = directory.path().join("with space");
    assert!(matches!(Demo::start(&odd).await, Err(DemoError::DirectoryName { .. })));
}
