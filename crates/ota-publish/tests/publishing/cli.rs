//! The program as an operator runs it.

use ota_publish::image::{self, ImageSpec};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ota-publish");

fn run(directory: &Path, command: &str) -> Result<String, String> {
    let output = Command::new(PROGRAM).current_dir(directory).args(command.split(' ')).output().unwrap();
    let said = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(said(output.stdout)) } else { Err(said(output.stderr)) }
}

/// A server in a process of its own, known by its id.
struct Running {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn start(directory: &Path, command: &str) -> Self {
        let mut child = Command::new(PROGRAM)
            .current_dir(directory)
            .args(command.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// The address at the end of the line that it prints when it is ready.
    fn address(&mut self, start: &str) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().strip_prefix(start).unwrap_or_else(|| panic!("{line:?}")).to_owned()
    }

    fn terminate(self) -> (ExitStatus, Duration) {
        self.end_by(Signal::TERM)
    }

    fn end_by(mut self, signal: Signal) -> (ExitStatus, Duration) {
        let start = Instant::now();
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (status, start.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only a test that failed leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn from_keys_to_a_served_release() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    image::build(&ImageSpec::new("v5.0.5", "6.1.34-LTS").with_size(4 << 20), &here.join("rootfs.img"))
        .unwrap();
    std::fs::write(
        here.join("manifest.raucm"),
        "[update]\ncompatible=Univa-GW-Pro\nversion=v5.0.5\n[bundle]\nformat=verity\n[image.rootfs]\nfilename=rootfs.img\n\
         [meta.gateway-ota]\nkernel=6.1.34-LTS\n",
    )
    .unwrap();
    run(here, "keys --out keys").unwrap();
    run(here, "bundle --keys keys --manifest manifest.raucm --out update.raucb").unwrap();
    run(here, "init --repository repository --keys keys").unwrap();
    let release = "release --repository repository --keys keys --bundle update.raucb --id update-001 --type security \
                   --severity critical --description Fixes. --change First. --change Second.";
    let waves = "--wave canaries=5@2026-03-15T06:00:00Z --wave";
    for (wave, said) in [
        (
            "101@2026-03-18T06:00:00Z",
            "“101” is no share of the gateways: it must be a whole number from 1 to 100",
        ),
        (
            "5@2026-03-18T06:00:00Z",
            "wave 2 is for 5 % of the gateways, and the one before it for 5 %: waves must grow",
        ),
        (
            "100@2026-03-15T06:00:00Z",
            "wave 2 starts at 2026-03-15T06:00:00Z, which is not later than the one before it",
        ),
        ("100", "a wave is [NAME=]PERCENT@START"),
    ] {
        let refused = run(here, &format!("{release} {waves} {wave}")).unwrap_err();
        assert!(refused.contains(said), "{refused}");
    }
    assert_eq!(
        run(here, "list --repository repository --keys keys").unwrap(),
        "",
        "nothing of it was published"
    );
    run(here, &format!("{release} {waves} 100@2026-03-18T06:00:00Z")).unwrap();
    let again = run(here, release).unwrap_err();
    assert!(again.contains("already"), "{again}");
    run(here, "refresh --repository repository --keys keys").unwrap();
    run(here, "rotate --repository repository --keys keys --role timestamp").unwrap();
    let list = run(here, "list --repository repository --keys keys").unwrap();
    assert!(list.starts_with("update.raucb\tupdate-001\tv5.0.5\t"), "{list}");

    let mut server = Running::start(here, "serve --repository repository --listen 127.0.0.1:0");
    let base = server.address("repository on ");
    let keys = ota_publish::keys::Keys::open(here.join("keys")).unwrap();
    let repository = ota_publish::repository::Repository::open(here.join("repository"), &keys).unwrap();
    let published = repository.targets().await.unwrap();
    let expected = serde_json::json!([
        { "name": "canaries", "percent": 5, "starts_at": "2026-03-15T06:00:00Z" },
        { "percent": 100, "starts_at": "2026-03-18T06:00:00Z" }
    ]);
    assert_eq!(published[0].custom["waves"], expected);
    let client = crate::support::Client::new(&repository);
    let seen = client.load(&base).await.unwrap();
    let bytes = crate::support::content(&seen, "update.raucb").await;
    assert_eq!(bytes, std::fs::read(here.join("update.raucb")).unwrap());
    assert!(server.terminate().0.success());

    run(here, "withdraw --repository repository --keys keys update.raucb").unwrap();
    assert_eq!(run(here, "list --repository repository --keys keys").unwrap(), "");
}

#[test]
fn the_demo_says_where_it_is_and_ends_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let mut demo =
        Running::start(directory.path(), "demo --data-dir data --listen 127.0.0.1:0 --image-mib 4");
    let base = demo.address("plant and repository on ");
    assert!(base.starts_with("http://127.0.0.1:") && base.ends_with('/'), "{base}");
    assert!(directory.path().join("data/repository/metadata/timestamp.json").exists());
    let (status, took) = demo.terminate();
    assert!(status.success());
    assert!(took < Duration::from_secs(5), "{took:?}");
}

fn is_running(process: i32) -> bool {
    // A process that has ended and that nobody has asked about is a zombie, without a command line.
    std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[test]
fn the_programs_of_a_demo_end_with_it_however_it_ends() {
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let directory = tempfile::tempdir().unwrap();
        let mut demo =
            Running::start(directory.path(), "demo --data-dir data --listen 127.0.0.1:0 --image-mib 4");
        demo.address("plant and repository on ");
        let process = std::fs::read_to_string(directory.path().join("data/field/mosquitto.pid"));
        let process = process.expect("mosquitto is missing: install it, or run `make setup`");
        let process = process.trim().parse().unwrap();
        assert!(is_running(process));
        demo.end_by(signal);
        let start = Instant::now();
        while is_running(process) {
            assert!(start.elapsed() < Duration::from_secs(10), "{signal:?} leaves mosquitto behind");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn failures_name_their_cause_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let missing = run(directory.path(), "refresh --repository repository --keys nothing").unwrap_err();
    assert!(missing.contains("cannot read the key file nothing: No such file"), "{missing}");
    let word = run(
        directory.path(),
        "release --repository r --keys k --bundle b --id i --type urgent --severity low --description d",
    );
    assert!(word.unwrap_err().contains("expected one of `security`"));
}
