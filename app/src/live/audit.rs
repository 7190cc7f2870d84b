//! The audit list: read when somebody looks at it.

use leptos::task::spawn_local;
use ota_api::{
    ErrorCode,
    audit::{AuditPage, AuditRecord},
};

use super::{Live, resync::leave};
use crate::api;

/// Records that are read at a time.
const RECORDS: u32 = 50;

/// What is shown of the audit log.
#[derive(Debug, Default)]
pub struct AuditList {
    pub reading: bool,
    /// Counts the readings: what an earlier one brings is not wanted any more.
    turn: u32,
    /// Action that it is filtered by; empty for all.
    pub action: String,
    /// User that it is filtered by; empty for all.
    pub actor: String,
    /// Newest first.
    pub records: Vec<AuditRecord>,
    /// Where the older ones begin, if there are any.
    pub next_before: Option<u64>,
    pub total: u64,
    pub size_bytes: u64,
    /// Why it could not be read.
    pub error: String,
}

/// Reads the newest records that match, or with `older` those that come after what is shown.
pub fn read_audit(live: Live, older: bool) {
    let ask = |list: &AuditList| (list.action.clone(), list.actor.clone(), list.next_before);
    let (action, actor, next) = live.audit.peek(ask);
    let before = next.filter(|_| older);
    let mut turn = 0;
    live.audit.update(|list| {
        list.reading = true;
        list.turn = list.turn.wrapping_add(1);
        turn = list.turn;
    });
    spawn_local(async move {
        let page = api::get_audit(Some(RECORDS), before, Some(action), Some(actor), None).await;
        if live.audit.peek(|list| list.turn != turn) {
            return;
        }
        match page {
            Ok(page) => live.audit.update(|list| list.take(page.data, older)),
            Err(error) if error.error.code == ErrorCode::Unauthorized => leave(),
            Err(error) => live.audit.update(|list| {
                list.reading = false;
                list.error = error.message;
            }),
        }
    });
}

impl AuditList {
    fn take(&mut self, page: AuditPage, older: bool) {
        if !older {
            self.records.clear();
        }
        self.records.extend(page.records);
        self.next_before = page.next_before;
        self.total = page.total;
        self.size_bytes = page.size_bytes;
        self.reading = false;
        self.error.clear();
    }
}
