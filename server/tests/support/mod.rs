//! A demo's data directory with small images, and the real program to run on it.

#![allow(dead_code, reason = "each test file uses its part")]

use ota_publish::demo::{Demo, DemoOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Small enough to be made within a second.
const IMAGE: u64 = 8 << 20;

pub struct Site {
    pub directory: tempfile::TempDir,
    pub demo: Demo,
}

impl Site {
    /// Prepares a demo and serves its repository and plant.
    pub async fn new() -> Self {
        Self::with_gateway("127.0.0.1:0").await
    }

    pub async fn with_gateway(gateway: &str) -> Self {
        Self::with_images(gateway, IMAGE).await
    }

    /// Slots and images of `size` bytes.
    pub async fn with_images(gateway: &str, size: u64) -> Self {
        Self::with_options(gateway, |options| options.image_size = size).await
    }

    /// A demo that is asked for in another way than usual.
    pub async fn with_options(gateway: &str, change: impl FnOnce(&mut DemoOptions)) -> Self {
        Self::within(tempfile::tempdir().unwrap(), gateway, change).await
    }

    /// A demo in a directory of the caller's choice.
    pub async fn within(
        directory: tempfile::TempDir,
        gateway: &str,
        change: impl FnOnce(&mut DemoOptions),
    ) -> Self {
        let mut options =
            DemoOptions::new(directory.path(), "127.0.0.1:0".parse().unwrap(), gateway.parse().unwrap());
        options.image_size = IMAGE;
        change(&mut options);
        let demo = Demo::start(&options).await.unwrap();
        Self { directory, demo }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program with this site's configuration and a lock file of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.arg("--config").arg(self.path("config.toml")).args(arguments);
        command.env("GATEWAY_OTA__BOOT__LOCK_FILE", self.path("fw_printenv.lock"));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        with_input(self.command(arguments), input)
    }

    pub fn provision(&self) -> Output {
        let slot = |slot: &str, version: &str| {
            format!("{slot}={}", self.path(&format!("factory/{version}.raucb")).display())
        };
        self.run(&[
            "provision",
            "--slot",
            &slot("A", "v5.0.4"),
            "--slot",
            &slot("B", "v5.0.3"),
            "--active",
            "A",
        ])
    }
}

/// The program without any configuration from outside.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway-ota"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GATEWAY_OTA__") {
            command.env_remove(name);
        }
    }
    command
}

pub fn with_input(mut command: Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses its arguments ends without reading.
    match child.stdin.take().unwrap().write_all(input.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => panic!("{error}"),
        _ => {}
    }
    child.wait_with_output().unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Succeeded, and said so without complaints.
#[track_caller]
pub fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    out(output)
}

/// Ended with `status` and said why.
#[track_caller]
pub fn failed(output: &Output, status: i32) -> String {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    assert!(!err(output).contains("panicked"), "{output:?}");
    err(output)
}

/// Says, where people see it, that the test ends without having tested anything: what it needs is not to be had here.
pub fn skipped(why: &str) {
    // Past the harness, which shows nothing of a test that passes.
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    std::io::stderr().write_all(format!("skipped: {name}: {why}\n").as_bytes()).unwrap();
}

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
