//! The end of the activity log in memory, so that the page needs no query.

use ota_engine::{
    Event, Ota, OtaError,
    ports::{LogPage, LogQuery, StoreError},
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

/// Entries that the page shows first.
const SHOWN: u32 = 50;

/// The newest entries of the activity log.
pub struct RecentLogs {
    page: Mutex<LogPage>,
    events: Mutex<Option<Receiver<Event>>>,
}

impl RecentLogs {
    pub(super) async fn open(ota: &Ota) -> Result<Arc<Self>, StoreError> {
        // Listening before reading: an entry may then come twice, never not at all.
        let events = ota.subscribe();
        let page = match ota.logs(&LogQuery::newest(SHOWN)).await {
            Ok(page) => page,
            Err(OtaError::Store(error)) => return Err(error),
            Err(error) => return Err(StoreError::Failed(error.to_string())),
        };
        Ok(Arc::new(Self { page: Mutex::new(page), events: Mutex::new(Some(events)) }))
    }

    /// Newest first.
    #[must_use]
    pub fn page(&self) -> LogPage {
        self.lock().clone()
    }

    pub(super) async fn follow(self: Arc<Self>, ota: Arc<Ota>, stop: CancellationToken) {
        let Some(mut events) = self.events.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        loop {
            match stop.run_until_cancelled(events.recv()).await {
                Some(Ok(Event::Log(entry))) => self.push(entry),
                Some(Ok(_)) => {}
                Some(Err(RecvError::Lagged(_))) => self.read_again(&ota).await,
                Some(Err(RecvError::Closed)) | None => return,
            }
        }
    }

    fn push(&self, entry: ota_engine::ports::LogEntry) {
        let mut page = self.lock();
        if page.entries.first() == Some(&entry) {
            return;
        }
        let mut entries: VecDeque<_> = std::mem::take(&mut page.entries).into();
        entries.push_front(entry);
        entries.truncate(SHOWN as usize);
        page.entries = entries.into();
        page.total = page.total.saturating_add(1);
    }

    async fn read_again(&self, ota: &Ota) {
        match ota.logs(&LogQuery::newest(SHOWN)).await {
            Ok(page) => *self.lock() = page,
            Err(error) => tracing::warn!(%error, "the page shows an older activity log"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, LogPage> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
