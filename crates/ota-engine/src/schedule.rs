//! Timers: update checks, load figures, progress.

use ota_core::{Actor, JobId};
use std::{sync::Arc, time::Duration};

use crate::{Event, Ota};

/// Time between two looks at processor and memory.
const RESOURCES: Duration = Duration::from_secs(2);
/// Time between two samples of a running job.
const PROGRESS: Duration = Duration::from_millis(250);
/// The first pause after a failed check; it doubles up to the ordinary interval.
const CHECK_RETRY: Duration = Duration::from_secs(60);

impl Ota {
    /// Asks the repository now, and then again and again.
    pub(crate) async fn check_on_schedule(self: Arc<Self>) {
        let mut retry = CHECK_RETRY;
        // A check that cannot even be started says so in the log.
        _ = self.check_updates(true, false, &Actor::schedule()).await;
        loop {
            let interval = self.parts.site.check_interval;
            let failed = self.snapshot().check.error.is_some();
            let pause = if failed { retry.min(interval) } else { interval };
            retry = if failed { retry.saturating_mul(2) } else { CHECK_RETRY };
            let next = self.parts.clock.now().checked_add(pause).ok();
            self.update(|snapshot| snapshot.check.next = next);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.checked.notified() => {}
                () = tokio::time::sleep(pause) => {
                    _ = self.check_updates(true, false, &Actor::schedule()).await;
                }
            }
        }
    }

    pub(crate) async fn watch_resources(self: Arc<Self>) {
        loop {
            let (resources, uptime) = (self.parts.telemetry.resources(), self.parts.clock.boot());
            self.update(|snapshot| {
                snapshot.resources = resources;
                snapshot.uptime = uptime;
            });
            self.tell(Event::System);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(RESOURCES) => {}
            }
        }
    }

    /// Keeps the shown figures of the jobs that are worked on fresh.
    pub(crate) async fn watch_progress(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(PROGRESS) => {}
            }
            let running: Vec<JobId> = self.drivers().keys().cloned().collect();
            for id in running {
                self.keep_progress(&id).await;
                self.show(&id).await;
            }
        }
    }
}
