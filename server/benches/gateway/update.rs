//! Download, verify, write and read back an image of 512 MiB, half of it incompressible, beside the floor of the same run.

use crate::{
    floor,
    gateway::{Gateway, free_port},
    memory::Watch,
    row,
    support::Site,
};
use ota_publish::{image::Content, release::Release};
use serde_json::json;
use std::time::{Duration, Instant};

const SIZE: u64 = 512 << 20;
const ROUNDS: usize = 3;
const PHASES: [(&str, &str); 5] = [
    ("downloading", "  download (one staging write)"),
    ("verifying", "  verification (verity tree and image hash)"),
    ("preparing_partition_b", "  boot environment"),
    ("flashing_partition_b", "  slot write"),
    ("verifying_partition_b", "  read-back past the cache"),
];

/// Leaves the gateway running for the measurements that follow.
pub async fn run() -> Gateway {
    let address = format!("127.0.0.1:{}", free_port());
    let site = Site::with_images(&address, SIZE).await;
    let mut gateway = Gateway::on(site, address, &[]).await;
    // The repository straight from the publisher's server.
    gateway.environment.retain(|(key, _)| !key.starts_with("REPOSITORY"));
    gateway.up().await;
    let release = Release::new("bench", "v9.0.0").image_size(SIZE).content(Content::Filler);
    let bundle = gateway.publish(&release).await.target.length;
    let directory = gateway.site.directory.path().to_owned();

    // What the preparation left for the disk to do is no part of an update.
    rustix::fs::sync();

    let mut floors = Vec::new();
    let mut rounds = Vec::new();
    // Idle is before the first update: what a round leaves behind counts in the next.
    let watch = Watch::start(gateway.process_id());
    for _ in 0..ROUNDS {
        rounds.push(one_update(&gateway).await);
        floors.push(floor::run(&directory, SIZE).await);
    }
    let peak = watch.stop();
    rounds.sort_by_key(|round| round.total);
    floors.sort();
    let (round, floor) = (&rounds[ROUNDS / 2], floors[ROUNDS / 2]);
    row("Image, MiB", SIZE >> 20);
    row("Bundle (zstd), MiB", bundle >> 20);
    let range =
        |least: Duration, most: Duration| format!("{:.2}–{:.2}", least.as_secs_f64(), most.as_secs_f64());
    row("Floor: HTTP, hash ∥ O_DIRECT write, fsync (s)", format!("{:.2}", floor.as_secs_f64()));
    row("  least and most", range(floors[0], floors[ROUNDS - 1]));
    row("Download + verify + install (s), median of 3", format!("{:.2}", round.total.as_secs_f64()));
    row("  least and most", range(rounds[0].total, rounds[ROUNDS - 1].total));
    row("  times the floor", format!("{:.2}", round.total.as_secs_f64() / floor.as_secs_f64()));
    for (phase, (_, name)) in round.phases.iter().zip(PHASES) {
        row(&format!("{name} (s)"), format!("{:.2}", phase.as_secs_f64()));
    }
    row("Resident memory above idle, at most (MiB)", format!("{:.1}", peak as f64 / 1024.0));
    gateway
}

struct Round {
    total: Duration,
    phases: [Duration; PHASES.len()],
}

/// From the request to the armed slot; then everything is taken back.
async fn one_update(gateway: &Gateway) -> Round {
    let began = Instant::now();
    let order = json!({"update_id": "bench", "install_after": true, "reboot_after": false});
    let data = Gateway::data(gateway.post("download", order).await);
    let job = data["job_id"].as_str().unwrap().to_owned();
    let marks = std::cell::RefCell::new(Vec::<(String, Instant)>::new());
    gateway
        .job_until(&job, "arming", |job| {
            let now = job["progress"]["current_operation"].as_str().unwrap().to_owned();
            let mut marks = marks.borrow_mut();
            if marks.last().is_none_or(|(last, _)| *last != now) {
                marks.push((now, Instant::now()));
            }
            job["armed"] == true
        })
        .await;
    let total = began.elapsed();
    let marks = marks.into_inner();
    let phases = PHASES.map(|(phase, _)| {
        let lasted = marks.windows(2).filter(|pair| pair[0].0 == phase).map(|pair| pair[1].1 - pair[0].1);
        lasted.sum()
    });
    Gateway::data(gateway.post("cancel", json!({"job_id": job})).await);
    Round { total, phases }
}
