//! The thread that writes a download, and says durably how far it is.

use super::Alone;
use super::block::Block;
use super::error::FetchError;
use super::part::Part;
use super::staging::Staged;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Age of unsaved bytes at which a checkpoint is made. With the time that they wait for a block to fill, and the disk's own,
/// this stays below a second.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);
/// Bytes in the page cache at which they are sent to the disk where direct I/O is not to be had.
const MOST_DIRTY: u64 = 8 << 20;

pub(super) struct Writer {
    pub(super) staged: Staged,
    pub(super) part: Part,
    pub(super) etag: Arc<OnceLock<String>>,
    /// Bytes from the start of the file that were given to the kernel.
    pub(super) written: u64,
    /// Those of them that a checkpoint vouches for.
    pub(super) saved: u64,
    pub(super) saved_at: Instant,
    pub(super) _alone: Alone,
}

impl Writer {
    /// Writes until the sender is gone, then makes the last checkpoint.
    pub(super) fn run(mut self, blocks: &Receiver<Arc<Block>>) -> Result<(), FetchError> {
        loop {
            let wait = CHECKPOINT_EVERY.saturating_sub(self.saved_at.elapsed());
            let wait = if self.written > self.saved { wait } else { CHECKPOINT_EVERY };
            match blocks.recv_timeout(wait) {
                Ok(block) => self.write(&block)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.save(),
            }
            let dirty = self.written - self.saved;
            let due = dirty > 0 && self.saved_at.elapsed() >= CHECKPOINT_EVERY;
            if due || (dirty >= MOST_DIRTY && !self.part.is_direct()) {
                self.save()?;
            }
        }
    }

    fn write(&mut self, block: &Block) -> Result<(), FetchError> {
        self.part.write(block.bytes(), block.offset()).map_err(FetchError::storage("write the download"))?;
        self.written = block.offset() + block.bytes().len() as u64;
        Ok(())
    }

    /// Data first, then the claim about it.
    fn save(&mut self) -> Result<(), FetchError> {
        if self.written > self.saved {
            self.part.sync().map_err(FetchError::storage("write the download"))?;
            self.staged.save(self.written, self.etag.get().cloned())?;
            self.saved = self.written;
        }
        self.saved_at = Instant::now();
        Ok(())
    }
}
