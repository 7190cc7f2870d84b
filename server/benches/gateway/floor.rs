//! What no updater can be faster than: the same bytes over HTTP, hashed by one thread and written by another.

use futures::StreamExt;
use ota_publish::serve::Server;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

const BLOCK: usize = 1 << 20;
const ALIGNMENT: usize = 4096;
const QUEUE: usize = 8;

pub async fn run(directory: &Path, size: u64) -> Duration {
    let served = directory.join("floor");
    std::fs::create_dir_all(&served).unwrap();
    let source = served.join("image");
    if !source.exists() {
        let mut file = File::create(&source).unwrap();
        let block: Vec<u8> = (0..BLOCK).map(|i| u8::try_from((i * 131) % 251).unwrap()).collect();
        (0..size / BLOCK as u64).for_each(|_| file.write_all(&block).unwrap());
        file.sync_all().unwrap();
    }
    let server = Server::start(&served).await.unwrap();
    let began = Instant::now();
    fetch(&server.url("image"), &directory.join("floor.out"), size).await;
    let took = began.elapsed();
    server.stop().await;
    took
}

/// A block that O_DIRECT takes.
struct Block {
    bytes: Vec<u8>,
    start: usize,
}

impl Block {
    fn new() -> Self {
        let bytes = vec![0; BLOCK + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT);
        Self { bytes, start }
    }

    fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.start + BLOCK]
    }
}

async fn fetch(url: &str, out: &Path, size: u64) {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let direct = rustix::fs::open(out, flags | OFlags::DIRECT, Mode::RUSR | Mode::WUSR);
    let file = File::from(direct.or_else(|_| rustix::fs::open(out, flags, Mode::RUSR | Mode::WUSR)).unwrap());
    let (to_hash, hashed) = mpsc::sync_channel::<Arc<Block>>(QUEUE);
    let (to_write, written) = mpsc::sync_channel::<Arc<Block>>(QUEUE);
    let hasher = std::thread::spawn(move || {
        let mut hash = Sha256::new();
        hashed.iter().for_each(|block| hash.update(block.filled()));
        hash.finalize()
    });
    let writer = std::thread::spawn(move || {
        let mut file = file;
        written.iter().for_each(|block| file.write_all(block.filled()).unwrap());
        file.sync_all().unwrap();
    });
    let mut stream = reqwest::get(url).await.unwrap().bytes_stream();
    let (mut block, mut filled, mut received) = (Block::new(), 0, 0);
    while let Some(part) = stream.next().await {
        let mut part = &part.unwrap()[..];
        received += part.len() as u64;
        while !part.is_empty() {
            let take = part.len().min(BLOCK - filled);
            let at = block.start + filled;
            block.bytes[at..at + take].copy_from_slice(&part[..take]);
            (part, filled) = (&part[take..], filled + take);
            if filled == BLOCK {
                let full = Arc::new(std::mem::replace(&mut block, Block::new()));
                filled = 0;
                tokio::task::block_in_place(|| {
                    to_hash.send(Arc::clone(&full)).unwrap();
                    to_write.send(full).unwrap();
                });
            }
        }
    }
    assert_eq!(received, size);
    drop((to_hash, to_write));
    tokio::task::block_in_place(|| (hasher.join().unwrap(), writer.join().unwrap()));
}
