//! How fast a download is: 512 MiB over loopback, hashed, written and on the disk.
//!
//! `cargo bench -p ota-platform --bench fetch -- [DIRECTORY]`: the directory is to be on the disk that is measured.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use aws_lc_rs::digest::{Context, SHA256, digest};
use ota_core::TargetFile;
use ota_engine::ports::{Fetcher, Meter};
use ota_platform::{FetchConfig, Patience, ResumableFetcher};
use ota_publish::serve::Server;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use url::Url;

const LENGTH: usize = 512 << 20;
const ROUNDS: usize = 7;

#[tokio::main]
async fn main() {
    let at = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let at = at.map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(&at).unwrap();
    let content: Vec<u8> = (0..LENGTH / 8)
        .flat_map(|number| (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect();
    let sha256 = hex::encode(digest(&SHA256, &content));
    let target = TargetFile { name: "bench.raucb".to_owned(), length: LENGTH as u64, sha256 };
    fs::write(directory.path().join(format!("{}.{}", target.sha256, target.name)), &content).unwrap();
    let server = Server::start(directory.path()).await.unwrap();

    print("SHA-256 alone", &rounds(|| hash(&content)));
    print("one thread: write, hash, sync", &rounds(|| simple(&content, &directory.path().join("simple"))));
    drop(content);
    let mut fetched = Vec::new();
    for _ in 0..ROUNDS {
        fetched.push(fetch(&target, &server, &directory.path().join("staging")).await);
    }
    print("download", &fetched);
    server.stop().await;
}

async fn fetch(target: &TargetFile, server: &Server, staging: &Path) -> Duration {
    let targets_url = Url::parse(&server.url("")).unwrap();
    let config = FetchConfig { targets_url, staging: staging.to_owned(), patience: Patience::default() };
    let fetcher = ResumableFetcher::new(config).unwrap();
    let start = Instant::now();
    fetcher.fetch(target, &Meter::default(), &CancellationToken::new()).await.unwrap();
    let took = start.elapsed();
    fetcher.sweep(&[]).await.unwrap();
    took
}

fn rounds(work: impl Fn()) -> Vec<Duration> {
    let once = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..ROUNDS).map(once).collect()
}

fn hash(content: &[u8]) {
    std::hint::black_box(digest(&SHA256, content));
}

/// What a download costs at least where one thread does one thing after the other, even without a network.
fn simple(content: &[u8], path: &Path) {
    let mut hash = Context::new(&SHA256);
    let mut file = File::create(path).unwrap();
    for chunk in content.chunks(1 << 20) {
        hash.update(chunk);
        file.write_all(chunk).unwrap();
    }
    file.sync_all().unwrap();
    std::hint::black_box(hash.finish());
    fs::remove_file(path).unwrap();
}

fn print(what: &str, took: &[Duration]) {
    let mut took = took.to_vec();
    took.sort_unstable();
    let speed = |took: Duration| LENGTH as f64 / took.as_secs_f64() / 1e6;
    let (fastest, median, slowest) = (took[0], took[took.len() / 2], took[took.len() - 1]);
    println!("{what:32} {:6.0} MB/s ({:.0} to {:.0})", speed(median), speed(slowest), speed(fastest));
}
