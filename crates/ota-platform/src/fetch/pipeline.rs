//! From the network to hash and disk at the same time, in a bounded amount of memory.

use super::Alone;
use super::block::{Block, Filling};
use super::error::{FetchError, joined};
use super::staging::{Resumed, Staged};
use super::writer::Writer;
use crate::slots::buffer::{ALIGNMENT, AlignedBuffer};
use aws_lc_rs::digest::Context;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, spawn_blocking};

/// Buffers of 1 MiB: all the memory that a download takes.
const BUFFERS: usize = 8;

/// Takes the bytes of a file in order. Its threads end when it is dropped.
#[derive(Debug)]
pub(super) struct Pipeline {
    free: UnboundedReceiver<AlignedBuffer>,
    home: UnboundedSender<AlignedBuffer>,
    filling: Option<Filling>,
    /// Where the buffer that is being filled belongs in the file.
    start: u64,
    etag: Arc<OnceLock<String>>,
    /// None once it was stopped.
    threads: Option<Threads>,
}

#[derive(Debug)]
struct Threads {
    to_hasher: Sender<Arc<Block>>,
    to_writer: Sender<Arc<Block>>,
    hasher: JoinHandle<Result<String, FetchError>>,
    writer: JoinHandle<Result<(), FetchError>>,
}

impl Pipeline {
    pub(super) fn start(staged: Staged, resumed: Resumed, alone: Alone) -> Self {
        let Resumed { part, offset, hash, etag } = resumed;
        let (home, free) = unbounded_channel();
        for _ in 0..BUFFERS {
            // The receiver is right here.
            let _ = home.send(AlignedBuffer::new());
        }
        let etag = Arc::new(etag.map_or_else(OnceLock::new, OnceLock::from));
        let writer = Writer {
            staged,
            part,
            etag: Arc::clone(&etag),
            written: offset,
            saved: offset,
            saved_at: Instant::now(),
            _alone: alone,
        };
        let (to_hasher, hashed) = mpsc::channel();
        let (to_writer, written) = mpsc::channel();
        let hasher = spawn_blocking(move || Ok(hash_all(hash, &hashed)));
        let writer = spawn_blocking(move || writer.run(&written));
        let threads = Some(Threads { to_hasher, to_writer, hasher, writer });
        Self { free, home, filling: None, start: offset, etag, threads }
    }

    /// Bytes of the file that were taken so far.
    pub(super) fn offset(&self) -> u64 {
        self.start + self.filling.as_ref().map_or(0, Filling::len) as u64
    }

    /// The server's name for the file that these bytes are of.
    pub(super) fn etag(&self) -> Option<&str> {
        self.etag.get().map(String::as_str)
    }

    /// Keeps the first name that is given.
    pub(super) fn name(&self, etag: Option<String>) {
        if let Some(etag) = etag {
            self.etag.get_or_init(|| etag);
        }
    }

    /// Takes the next bytes; waits while hash or disk are behind.
    ///
    /// # Errors
    /// When the disk failed; [`Pipeline::stop`] says how.
    pub(super) async fn push(&mut self, mut bytes: &[u8]) -> Result<(), FetchError> {
        while !bytes.is_empty() {
            let mut filling = match self.filling.take() {
                Some(filling) => filling,
                None => Filling::new(self.free.recv().await.ok_or_else(ended)?),
            };
            bytes = bytes.get(filling.take(bytes)..).unwrap_or_default();
            if filling.is_full() {
                let len = filling.len();
                self.send(filling, len)?;
            } else {
                self.filling = Some(filling);
            }
        }
        Ok(())
    }

    /// Sends on what has gathered in whole blocks, so that little is lost when the power fails. While no buffer is free the
    /// disk has enough to do anyway.
    pub(super) fn flush(&mut self) -> Result<(), FetchError> {
        let Some(filling) = self.filling.take_if(|filling| filling.len() >= ALIGNMENT) else { return Ok(()) };
        let Ok(buffer) = self.free.try_recv() else {
            self.filling = Some(filling);
            return Ok(());
        };
        let whole = filling.len() - filling.len() % ALIGNMENT;
        let mut next = Filling::new(buffer);
        next.take(filling.tail(whole));
        self.filling = Some(next);
        self.send(filling, whole)
    }

    fn send(&mut self, filling: Filling, len: usize) -> Result<(), FetchError> {
        let block = Arc::new(filling.seal(len, self.start, self.home.clone()));
        self.start += len as u64;
        let threads = self.threads.as_ref().ok_or_else(ended)?;
        threads.to_hasher.send(Arc::clone(&block)).map_err(|_| ended())?;
        threads.to_writer.send(block).map_err(|_| ended())
    }

    /// Ends the file here and returns its SHA-256 once all of it is on the disk.
    pub(super) async fn finish(mut self) -> Result<String, FetchError> {
        let sent = match self.filling.take() {
            Some(filling) => {
                let len = filling.len();
                self.send(filling, len)
            }
            None => Ok(()),
        };
        let threads = self.threads.take().ok_or_else(ended)?;
        let hasher = threads.close().await?;
        sent?;
        joined(hasher.await)
    }

    /// Stops in the middle: what is there in whole blocks is on the disk, and in the checkpoint, when this returns.
    ///
    /// # Errors
    /// Those of the disk, at whatever time they occurred.
    pub(super) async fn stop(&mut self) -> Result<(), FetchError> {
        let flushed = self.flush();
        let Some(threads) = self.threads.take() else { return Ok(()) };
        threads.close().await?;
        flushed
    }
}

impl Threads {
    /// Lets the threads end and waits for the disk.
    async fn close(self) -> Result<JoinHandle<Result<String, FetchError>>, FetchError> {
        drop((self.to_hasher, self.to_writer));
        joined(self.writer.await)?;
        Ok(self.hasher)
    }
}

fn hash_all(mut hash: Context, blocks: &Receiver<Arc<Block>>) -> String {
    while let Ok(block) = blocks.recv() {
        hash.update(block.bytes());
    }
    hex::encode(hash.finish())
}

/// A thread is gone. Its own error, which is the cause, takes precedence wherever both are at hand.
fn ended() -> FetchError {
    FetchError::Storage { action: "write the download", source: io::ErrorKind::BrokenPipe.into() }
}
