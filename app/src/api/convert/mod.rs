//! Domain values into the bodies of the interface, and requests into the orders of the engine.

mod audit;
mod debug;
mod error;
mod live;
mod monitor;
mod recovery;
mod safety;
mod settings;
mod snapshot;
mod status;
mod updates;
mod upload;

pub use audit::{audit_page, audit_query};
pub use debug::{debug_bundles, debug_content, debug_started};
pub use error::{refusal, too_long};
pub use live::{page_data, server_message, shown_job, system_status, update_progress};
pub use monitor::{
    cancelled, install_command, install_started, log_line, log_query, logs, monitor, progress,
};
pub use recovery::{
    factory_order, factory_started, recovery, recovery_uploaded, restore_order, restore_started,
    rollback_order, rollback_started,
};
pub use safety::{blocking, forbidden, override_order, override_state, safety};
pub use settings::{auto_update_switched, entity_tag, matches, settings_saved};
pub use snapshot::{snapshot_command, snapshot_started};
pub use status::{reboot_started, status};
pub use updates::{check_started, check_summary, download_order, download_started, updates};
pub use upload::{deploy_order, deploy_started, upload_id, uploads, verified_image};

use jiff::Timestamp;
use ota_api::{ApiError, ErrorCode, Reply, routes};
use ota_core::{JobId, Role};
use ota_engine::JobView;

/// Characters of a reason that somebody gives; it goes into the log.
const REASON_LIMIT: usize = 500;

/// UTC, whole seconds, `Z`.
pub(super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) fn bad_request(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, message)
}

/// The answer about a job that has just been started: it says where to look how far it is.
pub(super) fn started<T>(data: T, message: &str, job: &JobView) -> Reply<T> {
    Reply::ok(data, message).followed_at(routes::progress_url(job.job.id.as_str()))
}

/// What only some roles may do, where the route alone does not say so.
pub(super) fn demand_role(role: Role, least: Role) -> Result<(), ApiError> {
    if role >= least {
        return Ok(());
    }
    let message = format!("This needs the role {}; yours is {}.", least.as_str(), role.as_str());
    Err(ApiError::new(ErrorCode::Forbidden, message))
}

/// A reason without the white space around it.
pub(super) fn reason(text: &str) -> Result<&str, ApiError> {
    let text = text.trim();
    if text.chars().count() > REASON_LIMIT || text.contains(char::is_control) {
        let message = format!("The reason must be one line of at most {REASON_LIMIT} characters.");
        return Err(bad_request(message));
    }
    Ok(text)
}

/// Text that cannot be a job's number names no job.
pub(super) fn job_id(text: &str) -> Result<JobId, ApiError> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        refusal(ota_engine::OtaError::UnknownJob(shown))
    })
}
