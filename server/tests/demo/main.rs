//! `setup/demo`: all of the demo by one command, and all of it ended by one signal; and what the interface's document does with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod script;
mod session;

use rustix::process::Signal;
use script::{Demo, free_port};

async fn is_login(gateway: &str, user: &str) -> bool {
    let body = serde_json::json!({ "username": user, "password": "demo-gateway" });
    let request = reqwest::Client::new().post(format!("http://{gateway}/api/v1/auth/login")).json(&body);
    request.header("x-gateway-id", "GW-3920A9").send().await.unwrap().status().is_success()
}

#[tokio::test]
async fn the_demo_starts_ends_and_finds_everything_as_it_was_left() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("demo");
    let (gateway, plant) = (free_port(), free_port());
    let mut demo = Demo::start(&data, gateway, plant);
    demo.wait_until_ready(&data).await;
    for user in ["viewer", "operator", "admin"] {
        assert!(is_login(&demo.gateway, user).await, "{user} cannot log in");
    }
    demo.end(Signal::TERM).await;
    let kept = ["uboot.env", "run/boot_id", "trust/keyring.pem", "slots/A/rootfs.img", "slots/B/rootfs.img"];
    let before = kept.map(|name| std::fs::read(data.join(name)).unwrap());

    let mut demo = Demo::start(&data, gateway, plant);
    demo.wait_until_ready(&data).await;
    assert!(is_login(&demo.gateway, "admin").await);
    demo.end(Signal::TERM).await;
    for (name, content) in kept.iter().zip(&before) {
        assert!(std::fs::read(data.join(name)).unwrap() == *content, "{name} has changed");
    }
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(log.contains("nothing was changed"), "{log}");
}
