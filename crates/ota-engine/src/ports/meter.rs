use std::sync::atomic::{AtomicU64, Ordering};

/// How far a step is, in bytes. Written by the step, sampled by the engine.
#[derive(Debug, Default)]
pub struct Meter {
    done: AtomicU64,
    total: AtomicU64,
    /// What was there when the step began.
    from: AtomicU64,
}

impl Meter {
    /// Starts a new step of `total` bytes, of which `done` are there already (a resumed download).
    pub fn begin(&self, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.from.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn set(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    /// Bytes that the step itself has done.
    pub fn moved(&self) -> u64 {
        self.done.load(Ordering::Relaxed).saturating_sub(self.from.load(Ordering::Relaxed))
    }

    /// Bytes done and bytes in all; both zero before the step knows.
    pub fn read(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }
}
