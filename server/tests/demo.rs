//! `setup/demo`: all of the demo by one command, and all of it ended by one signal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rustix::process::{Pid, Signal, kill_process};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);
const END: Duration = Duration::from_secs(10);

/// Where the programs are. A test of this package alone has not built the publisher.
fn programs() -> PathBuf {
    let directory = Path::new(env!("CARGO_BIN_EXE_gateway-ota")).parent().unwrap().to_owned();
    if !directory.join("ota-publish").exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        assert!(Command::new(cargo).args(["build", "-p", "ota-publish"]).status().unwrap().success());
    }
    directory
}

struct Demo {
    script: Child,
    gateway: String,
    plant: String,
}

impl Demo {
    fn start(data: &Path, gateway: u16, plant: u16) -> Self {
        let address = |port: u16| format!("127.0.0.1:{port}");
        let log = std::fs::File::create(data.with_extension("log")).unwrap();
        let script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../setup/demo"))
            .args([address(gateway), address(plant)])
            .arg(data)
            .arg(programs())
            .env("GATEWAY_OTA__BOOT__LOCK_FILE", data.with_extension("lock"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { script, gateway: address(gateway), plant: address(plant) }
    }

    async fn wait_until_ready(&mut self, data: &Path) {
        let start = Instant::now();
        loop {
            let answer = reqwest::get(format!("http://{}/readyz", self.gateway)).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            let log = || std::fs::read_to_string(data.with_extension("log")).unwrap_or_default();
            assert!(self.script.try_wait().unwrap().is_none(), "it ended: {}", log());
            assert!(start.elapsed() < PATIENCE, "it is not ready: {}", log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn end(mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.script), signal).unwrap();
        let start = Instant::now();
        while self.script.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < END, "it did not end within {END:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Whatever listened is gone.
        for address in [&self.gateway, &self.plant] {
            assert!(std::net::TcpStream::connect(address).is_err(), "{address} still listens");
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // The script ends what it started; killing it would leave the two behind.
        if self.script.try_wait().is_ok_and(|status| status.is_none()) {
            _ = kill_process(Pid::from_child(&self.script), Signal::TERM);
            _ = self.script.wait();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

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
