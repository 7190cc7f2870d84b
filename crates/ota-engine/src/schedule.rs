//! Timers: load figures, progress.

use ota_core::JobId;
use std::{sync::Arc, time::Duration};

use crate::{Event, Ota};

/// Time between two looks at processor and memory.
const RESOURCES: Duration = Duration::from_secs(2);
/// Time between two samples of a running job.
const PROGRESS: Duration = Duration::from_millis(250);

impl Ota {
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
