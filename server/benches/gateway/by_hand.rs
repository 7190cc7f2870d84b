//! Images by hand and the ways back, beside plain tools on the same bytes in the same run. Medians of three rounds.

use crate::{
    gateway::{Gateway, ID, free_port},
    row,
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

const ROUNDS: usize = 3;

pub async fn run(gateway: &Gateway) {
    let slot = gateway.site.path("slots/A/rootfs.img");
    let scratch = gateway.site.path("by-hand");
    std::fs::create_dir(&scratch).unwrap();
    rustix::fs::sync();
    let (mut snapshots, mut zstds, mut restores, mut dds) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        zstds.push(timed(|| {
            run_tool(Command::new("zstd").args(["-1", "-q", "-f", "-o"]).arg(scratch.join("z")).arg(&slot));
            run_tool(Command::new("sync").arg(scratch.join("z")));
        }));
        snapshots.push(snapshot(gateway).await);
        dds.push(timed(|| {
            let (from, to) =
                (format!("if={}", slot.display()), format!("of={}", scratch.join("d").display()));
            run_tool(Command::new("dd").args([from, to]).args(["bs=1M", "conv=fsync", "status=none"]));
        }));
        restores.push(restore(gateway).await);
    }
    compared("Snapshot job, read again (s)", snapshots, "  beside zstd -1, sync", zstds);
    compared("Restore job, until armed (s)", restores, "  beside dd conv=fsync", dds);
    upload(gateway, &scratch).await;
}

/// Taken, read again, and removed, so that the next one stores everything anew.
async fn snapshot(gateway: &Gateway) -> Duration {
    let began = Instant::now();
    let data = Gateway::data(gateway.post("snapshot", json!({ "name": "bench" })).await);
    let id = data["snapshot_id"].as_str().unwrap().to_owned();
    gateway.job_until(&id, "the snapshot", |job| job["status"] == "completed").await;
    let took = began.elapsed();
    let list = Gateway::data(gateway.get("recovery").await);
    for old in list["snapshots"].as_array().unwrap().iter().filter(|old| old["id"] != id.as_str()) {
        Gateway::data(gateway.post("snapshot/delete", json!({ "snapshot_id": old["id"] })).await);
    }
    took
}

async fn restore(gateway: &Gateway) -> Duration {
    let list = Gateway::data(gateway.get("recovery").await);
    let newest = &list["snapshots"][0];
    let order = json!({ "version": newest["version"], "snapshot_id": newest["id"] });
    let began = Instant::now();
    let data = Gateway::data(gateway.post("recovery/restore", order).await);
    let job = data["job_id"].as_str().unwrap().to_owned();
    gateway.job_until(&job, "arming", |job| job["armed"] == true).await;
    let took = began.elapsed();
    Gateway::data(gateway.post("cancel", json!({ "job_id": job })).await);
    took
}

/// The bundle of the update, as a browser sends it, and as `curl -T` sends it to nginx, hashed there afterwards.
async fn upload(gateway: &Gateway, scratch: &Path) {
    let bundle = largest(&gateway.site.path("repository/targets"));
    // Its package would start a service, so it is used where it is and not installed for this.
    let nginx = Nginx::start(scratch);
    let (mut ours, mut theirs) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        let url = format!("http://{}/api/v1/ota/upload/verify", gateway.address());
        ours.push(timed(|| {
            let mut curl = curl();
            curl.arg("-H").arg(format!("Authorization: Bearer {}", gateway.token()));
            curl.arg("-H").arg(format!("X-Gateway-ID: {ID}"));
            curl.arg("-F").arg(format!("file=@{}", bundle.display())).arg(&url);
            let answer: Value = serde_json::from_slice(&run_tool(&mut curl)).unwrap();
            assert_eq!(answer["data"]["verified"], true, "{answer}");
        }));
        let Some(nginx) = &nginx else { continue };
        theirs.push(timed(|| {
            run_tool(curl().arg("-T").arg(&bundle).arg(format!("http://{}/bundle", nginx.address)));
            run_tool(Command::new("sha256sum").arg(scratch.join("served/bundle")));
        }));
    }
    row("Uploaded bundle, MiB", std::fs::metadata(bundle).unwrap().len() >> 20);
    if theirs.is_empty() {
        row("Upload + verify (s)", format!("{:.2}", median(ours).as_secs_f64()));
        row("  beside curl -T to nginx, sha256sum", "no nginx here");
    } else {
        compared("Upload + verify (s)", ours, "  beside curl -T to nginx, sha256sum", theirs);
    }
}

fn compared(what: &str, ours: Vec<Duration>, tool: &str, theirs: Vec<Duration>) {
    let (ours, theirs) = (median(ours), median(theirs));
    row(what, format!("{:.2}", ours.as_secs_f64()));
    row(&format!("{tool} (s)"), format!("{:.2}", theirs.as_secs_f64()));
    row("  times that", format!("{:.2}", ours.as_secs_f64() / theirs.as_secs_f64()));
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort();
    rounds[rounds.len() / 2]
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    tokio::task::block_in_place(work);
    began.elapsed()
}

fn curl() -> Command {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--fail-with-body", "--noproxy", "*"]);
    curl
}

fn run_tool(command: &mut Command) -> Vec<u8> {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

fn largest(directory: &Path) -> PathBuf {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.max_by_key(|path| path.metadata().unwrap().len()).unwrap()
}

/// Takes files with `PUT`.
struct Nginx {
    address: String,
    process: Child,
}

impl Nginx {
    fn start(scratch: &Path) -> Option<Self> {
        Command::new("nginx").arg("-v").output().ok()?;
        let served = scratch.join("served");
        std::fs::create_dir(&served).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let (home, settings) = (scratch.display(), scratch.join("nginx.conf"));
        let text = format!(
            "daemon off; pid {home}/nginx.pid; error_log {home}/nginx.log; events {{}}\n\
             http {{ access_log off; client_body_temp_path {home}/body; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;\n\
             uwsgi_temp_path {home}/u; scgi_temp_path {home}/s; client_max_body_size 0;\n\
             server {{ listen {address}; root {home}/served; location / {{ dav_methods PUT; }} }} }}\n"
        );
        std::fs::write(&settings, format!("user root;\n{text}")).unwrap();
        let process = Command::new("nginx").arg("-p").arg(scratch).arg("-c").arg(settings).spawn().unwrap();
        while std::net::TcpStream::connect(&address).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { address, process })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        _ = Command::new("kill").arg(self.process.id().to_string()).status();
        _ = self.process.wait();
    }
}
