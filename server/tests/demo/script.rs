//! The demo as `setup/demo` starts and ends it.

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

pub struct Demo {
    script: Child,
    pub gateway: String,
    pub plant: String,
}

impl Demo {
    pub fn start(data: &Path, gateway: u16, plant: u16) -> Self {
        Self::start_with(data, gateway, plant, &[])
    }

    /// `settings` override the configuration: `SECTION__KEY` and value.
    pub fn start_with(data: &Path, gateway: u16, plant: u16, settings: &[(&str, &str)]) -> Self {
        let address = |port: u16| format!("127.0.0.1:{port}");
        let log = std::fs::File::create(data.with_extension("log")).unwrap();
        let script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../setup/demo"))
            .args([address(gateway), address(plant)])
            .arg(data)
            .arg(programs())
            .env("GATEWAY_OTA__BOOT__LOCK_FILE", data.with_extension("lock"))
            .envs(settings.iter().map(|(key, value)| (format!("GATEWAY_OTA__{key}"), value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { script, gateway: address(gateway), plant: address(plant) }
    }

    pub async fn wait_until_ready(&mut self, data: &Path) {
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

    pub async fn end(mut self, signal: Signal) {
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

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
