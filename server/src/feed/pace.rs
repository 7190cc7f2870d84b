//! Progress that waits for its turn: of each job only the newest counts.

use ota_engine::JobView;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Least time between two progress messages: four a second.
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Default)]
pub(super) struct Pace {
    waiting: VecDeque<Arc<JobView>>,
    last: Option<Instant>,
}

impl Pace {
    /// Jobs come in the order in which they were told last: a listener shows the one that comes last.
    pub(super) fn put(&mut self, view: Arc<JobView>) {
        self.waiting.retain(|waiting| waiting.job.id != view.job.id);
        self.waiting.push_back(view);
    }

    /// The progress to send, once its time has come; never when nothing waits. It stays when this is not waited for to the end.
    pub(super) async fn due(&mut self) -> Arc<JobView> {
        if self.waiting.is_empty() {
            std::future::pending::<()>().await;
        }
        if let Some(last) = self.last {
            tokio::time::sleep_until(last + PAUSE).await;
        }
        match self.waiting.pop_front() {
            Some(view) => {
                self.last = Some(Instant::now());
                view
            }
            None => std::future::pending().await,
        }
    }
}
