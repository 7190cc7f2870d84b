//! Reporting how far a long pass has come, and stopping it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Error;

/// Hears how far a pass has come and may end it.
///
/// Called from more than one thread, about once a MiB, never at the same time and never with a smaller
/// `done` than before. `()` hears nothing and never cancels.
pub trait Progress: Sync {
    /// `done` of `total` bytes of work; equal at the end of a pass that succeeded.
    fn report(&self, done: u64, total: u64);

    /// Answered `true` once, the pass ends with [`Error::Cancelled`].
    fn cancelled(&self) -> bool {
        false
    }
}

impl Progress for () {
    fn report(&self, _done: u64, _total: u64) {}
}

/// The threads' shared account of one pass.
pub(crate) struct Meter<'a> {
    done: Mutex<u64>,
    total: u64,
    stopped: AtomicBool,
    progress: &'a dyn Progress,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(total: u64, progress: &'a dyn Progress) -> Self {
        Self { done: Mutex::new(0), total, stopped: AtomicBool::new(false), progress }
    }

    /// Accounts for `bytes` more; fails when the pass is to end.
    pub(crate) fn advance(&self, bytes: usize) -> Result<(), Error> {
        if self.is_stopped() || self.progress.cancelled() {
            self.stop();
            return Err(Error::Cancelled);
        }
        // A poisoned lock means that a callback panicked; its panic is the one to be seen, not ours.
        let mut done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *done = done.saturating_add(bytes as u64).min(self.total);
        self.progress.report(*done, self.total);
        Ok(())
    }

    /// Ends the pass for all threads at their next step.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}
