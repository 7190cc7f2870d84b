use ota_api::{ApiError, audit::AuditPage};
use ota_core::{AuditAction, AuditOutcome};
use ota_engine::ports::{AuditPage as Records, AuditQuery};

use super::bad_request;

const DEFAULT_RECORDS: u32 = 50;
const MAXIMUM_RECORDS: u32 = 1000;

/// Which records a client asks for. What is empty filters nothing.
///
/// # Errors
/// A limit that is out of range, an action and an outcome that do not exist.
pub fn audit_query(
    limit: Option<u32>,
    before: Option<u64>,
    action: Option<String>,
    actor: Option<String>,
    outcome: Option<String>,
) -> Result<AuditQuery, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_RECORDS);
    if !(1..=MAXIMUM_RECORDS).contains(&limit) {
        return Err(bad_request(format!("limit must be from 1 to {MAXIMUM_RECORDS}.")));
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let action = given(action).map(|name| name.parse::<AuditAction>()).transpose();
    let action = action.map_err(|unknown| bad_request(format!("action: {unknown}.")))?;
    let outcome = given(outcome);
    if outcome.as_deref().is_some_and(|name| !AuditOutcome::NAMES.contains(&name)) {
        let names = AuditOutcome::NAMES.join(", ");
        return Err(bad_request(format!("outcome must be one of {names}.")));
    }
    Ok(AuditQuery { limit, before, action, actor: given(actor), outcome })
}

/// The answer of `GET audit`.
#[must_use]
pub fn audit_page(page: Records) -> AuditPage {
    let oldest = page.records.last().map(|record| record.seq);
    AuditPage {
        next_before: oldest.filter(|_| page.more),
        records: page.records,
        total: page.total,
        size_bytes: page.size,
    }
}
