//! Room that running uploads have been promised, so that two at once do not both count on the same.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all of them together have been promised, and have used of that. Whoever holds its lock decides alone about the directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger(Arc<Mutex<Promised>>);

/// Bytes.
#[derive(Debug, Default)]
pub(super) struct Promised {
    pub(super) bytes: u64,
    pub(super) written: u64,
}

impl Ledger {
    pub(super) fn lock(&self) -> MutexGuard<'_, Promised> {
        // Numbers are whole at any point.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self) -> Share {
        Share { ledger: self.clone(), bytes: 0, written: 0 }
    }

    /// A promise that was made before the service started: it holds, whatever room there is now.
    pub(super) fn renew(&self, bytes: u64, written: u64) -> Share {
        let mut promised = self.lock();
        promised.bytes = promised.bytes.saturating_add(bytes);
        promised.written = promised.written.saturating_add(written);
        Share { ledger: self.clone(), bytes, written }
    }
}

/// What one upload has been promised. It is given back when this goes.
#[derive(Debug)]
pub(super) struct Share {
    ledger: Ledger,
    bytes: u64,
    written: u64,
}

impl Share {
    /// Makes the promise large enough for `wanted` bytes and, where there is `room`, for `ahead` more than were asked for.
    /// `None` when there is not enough.
    pub(super) fn cover<E>(
        &mut self,
        wanted: u64,
        ahead: u64,
        room: impl FnOnce(&Promised) -> Result<u64, E>,
    ) -> Result<Option<()>, E> {
        let needed = wanted.saturating_sub(self.bytes);
        if needed == 0 {
            return Ok(Some(()));
        }
        let mut promised = self.ledger.lock();
        let room = room(&promised)?;
        if needed > room {
            return Ok(None);
        }
        let more = needed.saturating_add(ahead).min(room);
        promised.bytes = promised.bytes.saturating_add(more);
        self.bytes = self.bytes.saturating_add(more);
        Ok(Some(()))
    }

    pub(super) fn wrote(&mut self, bytes: u64) {
        let mut promised = self.ledger.lock();
        promised.written = promised.written.saturating_add(bytes);
        self.written = self.written.saturating_add(bytes);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut promised = self.ledger.lock();
        promised.bytes = promised.bytes.saturating_sub(self.bytes);
        promised.written = promised.written.saturating_sub(self.written);
    }
}
