//! Long blocking work behind an asynchronous port.

use crate::causes::causes;
use ota_core::FailureCode;
use ota_engine::ports::{Meter, StepError};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// The worker's end: where it says how far it is and hears that it shall stop.
#[derive(Debug)]
pub(crate) struct Control {
    done: watch::Sender<u64>,
    cancel: CancellationToken,
}

impl Control {
    pub(crate) fn add(&self, bytes: u64) {
        self.done.send_modify(|done| *done = done.saturating_add(bytes));
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// # Errors
    /// [`StepError::Cancelled`] once the work shall stop.
    pub(crate) fn check(&self) -> Result<(), StepError> {
        if self.is_cancelled() { Err(StepError::Cancelled) } else { Ok(()) }
    }
}

/// Runs `work` of `total` bytes on a thread that may block. It is told to stop when `cancel` is triggered, and also when the
/// returned future is dropped.
pub(crate) async fn metered<T: Send + 'static>(
    total: u64,
    meter: &Meter,
    cancel: &CancellationToken,
    work: impl FnOnce(&Control) -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    meter.begin(0, total);
    let cancel = cancel.child_token();
    let _stop_with_us = cancel.clone().drop_guard();
    let (done, mut progress) = watch::channel(0);
    let worker = spawn_blocking(move || work(&Control { done, cancel }));
    // Ends when the worker drops its end.
    while progress.changed().await.is_ok() {
        meter.set(*progress.borrow_and_update());
    }
    meter.set(*progress.borrow());
    worker.await.map_err(|error| {
        StepError::failed(
            FailureCode::InstallFailed,
            "The work ended unexpectedly. Try again.",
            causes(&error),
        )
    })?
}
