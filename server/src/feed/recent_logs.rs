//! The newest entries of the activity log, kept at hand: a page is rendered without asking the database.

use ota_engine::{
    Ota, OtaError,
    ports::{LogEntry, LogPage, LogQuery, StoreError},
};
use std::collections::VecDeque;

/// Entries that the page shows first.
const SHOWN: u32 = 50;

/// Newest first.
pub(super) struct RecentLogs(LogPage);

impl RecentLogs {
    pub(super) async fn read(ota: &Ota) -> Result<Self, StoreError> {
        match ota.logs(&LogQuery::newest(SHOWN)).await {
            Ok(page) => Ok(Self(page)),
            Err(OtaError::Store(error)) => Err(error),
            Err(error) => Err(StoreError::Failed(error.to_string())),
        }
    }

    pub(super) fn page(&self) -> LogPage {
        self.0.clone()
    }

    /// Entries that were read already come again when they were told while they were read.
    pub(super) fn push(&mut self, entry: &LogEntry) {
        let page = &mut self.0;
        let newest = page.entries.iter().filter_map(|known| known.id).max();
        if entry.id.is_some() && entry.id <= newest {
            return;
        }
        let mut entries: VecDeque<_> = std::mem::take(&mut page.entries).into();
        entries.push_front(entry.clone());
        entries.truncate(SHOWN as usize);
        page.entries = entries.into();
        page.total = page.total.saturating_add(1);
    }
}
