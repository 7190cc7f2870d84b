//! The service as a process: its start, its signals, what it tells the service manager, its end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use support::{Site, failed, succeeded};

/// The promise to whoever stops the service.
const END: Duration = Duration::from_secs(10);
/// When a test gives up waiting.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running service; killed by its process id when a test fails.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    /// Starts it on a free port and reads from its log where it listens.
    fn start(mut command: Command) -> Self {
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended before it listened: {seen}")).unwrap();
            if let Some((_, rest)) = line.split_once("the service listens address=") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
            seen.push_str(&line);
            seen.push('\n');
        };
        // The reading end is closed here: nobody reads the log any more, and the service goes on all the same.
        drop(lines);
        Self { child, address }
    }

    async fn get(&self, path: &str) -> u16 {
        reqwest::get(format!("http://{}{path}", self.address)).await.unwrap().status().as_u16()
    }

    async fn wait_until_ready(&self) {
        let start = Instant::now();
        while self.get("/readyz").await != 200 {
            assert!(start.elapsed() < PATIENCE, "it is not ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    async fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < END, "it did not end within {END:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[tokio::test]
async fn it_serves_ends_on_both_signals_and_starts_again() {
    let site = Site::new().await;
    succeeded(&site.provision());
    let before = support::read(&site.path("run/boot_id"));
    for signal in [Signal::TERM, Signal::INT] {
        let mut service = Service::start(site.command(&[]));
        assert_eq!(service.get("/healthz").await, 200);
        service.wait_until_ready().await;
        service.signal(signal);
        assert!(service.ended().await.success());
    }
    // It keeps what it says, over both starts, for its owner alone.
    let kept = std::fs::read_to_string(site.path("log/service.log")).unwrap();
    assert_eq!(kept.matches("the service listens").count(), 2, "{kept}");
    let mode = std::fs::metadata(site.path("log/service.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        support::read(&site.path("run/boot_id")),
        before,
        "a start of the service is no start of the gateway"
    );
}

#[tokio::test]
async fn a_kept_connection_does_not_hold_up_the_end() {
    let site = Site::new().await;
    succeeded(&site.provision());
    let mut service = Service::start(site.command(&[]));
    let _idle = std::net::TcpStream::connect(&service.address).unwrap();
    assert_eq!(service.get("/healthz").await, 200);
    service.signal(Signal::TERM);
    assert!(service.ended().await.success());
}

#[tokio::test]
async fn one_database_is_served_by_one_service() {
    let site = Site::new().await;
    succeeded(&site.provision());
    let first = Service::start(site.command(&[]));
    let second = site.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(failed(&second, 1).contains("in use by another instance"));
    let other = site.run(&["serve", "--listen", &first.address]);
    assert!(failed(&other, 1).contains("cannot listen on"));
    assert_eq!(first.get("/healthz").await, 200);
    // Offline commands work beside it, provisioning does not.
    succeeded(&site.run_with_input(&["user", "add", "olga", "--role", "operator"], "correct horse\n"));
    succeeded(&site.run(&["status"]));
    assert!(failed(&site.provision(), 1).contains("in use by another instance"));
}

#[tokio::test]
async fn a_gateway_that_was_never_provisioned_says_so() {
    let site = Site::new().await;
    let said = failed(&site.run(&["serve", "--listen", "127.0.0.1:0"]), 1);
    assert!(said.contains("run/cmdline"), "{said}");
}

#[tokio::test]
async fn the_service_manager_is_told() {
    let site = Site::new().await;
    succeeded(&site.provision());
    let socket = site.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut buffer = [0; 512];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let mut command = site.command(&[]);
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "400000");
    let mut service = Service::start(command);
    let first = next();
    assert!(first.contains("READY=1") && first.contains(&service.address), "{first}");
    assert_eq!(next().trim(), "WATCHDOG=1");
    assert_eq!(next().trim(), "WATCHDOG=1");
    service.signal(Signal::TERM);
    assert!(service.ended().await.success());
    let mut said = next();
    while said.trim() == "WATCHDOG=1" {
        said = next();
    }
    assert_eq!(said.trim(), "STOPPING=1");
}
