//! Section 7: progress, installation, log, monitor, cancel, and the live feed.

use super::{example::published, route::Route};
use ota_api::{
    ErrorCode,
    auth::Role,
    monitor::{CancelRequest, Cancelled, InstallRequest, InstallStarted, Logs, Monitor, Progress},
    routes,
};
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    let id = |example: &str| json!({ "type": "string", "examples": [example] });
    let levels = json!({ "type": "string", "enum": ["debug", "info", "warning", "error", ""] });
    let since = json!({ "type": "string", "examples": ["2025-03-15T10:00:00Z"] });
    let before = json!({ "type": "integer", "minimum": 0 });
    let additions = json!({ "type": "boolean", "default": false });
    vec![
        Route::read("progress", "How far a job is")
            .query("job_id", id("OTA-JOB-8821X"), "The job. This or `snapshot_id` is needed.")
            .query("snapshot_id", id("snap-006"), "The snapshot.")
            .answers::<Progress>(published!("progress.get.response", added))
            .fails([ErrorCode::NotFound]),
        Route::order("install", "Installs a downloaded job")
            .takes::<InstallRequest>(published!("install.post.request"))
            .answers::<InstallStarted>(published!("install.post.response"))
            .leads_on()
            .starts_a_job()
            .fails([ErrorCode::NotFound, ErrorCode::OtaInvalidImage])
            .fails([ErrorCode::OtaInstallFailed, ErrorCode::OtaRecoveryFailed])
            .conflicts(ErrorCode::OtaInstallFailed),
        Route::read("logs", "The activity log, newest first")
            .query(
                "limit",
                json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 50 }),
                "So many entries at most.",
            )
            .query("level", levels, "Only entries of exactly this level; an empty one filters nothing.")
            .query("since", since, "Only entries of this time and later.")
            .query("before", before.clone(), "Only entries with a smaller number: the next page.")
            .answers::<Logs>(published!("logs.get.response")),
        Route::read("monitor", "What the gateway does; its load; what it will do by itself")
            .answers::<Monitor>(published!("monitor.get.response", added)),
        Route::order("cancel", "Ends a job")
            .about("Possible until the new system has been started.")
            .takes::<CancelRequest>(published!("cancel.post.request"))
            .answers::<Cancelled>(published!("cancel.post.response"))
            .fails([ErrorCode::NotFound, ErrorCode::OtaOperationInProgress])
            .fails([ErrorCode::OtaInstallFailed, ErrorCode::OtaRollbackFailed, ErrorCode::OtaRecoveryFailed])
            .conflicts(ErrorCode::OtaInstallFailed),
        Route::read("events", "What happens, as it happens: server-sent events")
            .about("An addition. The messages are those of the WebSocket.")
            .query("additions", additions.clone(), "Messages have more than the published members.")
            .header("Last-Event-ID", false, json!({ "type": "string" }), "The last event that was heard.")
            .answers_other(
                200,
                json!({
                    "description": "Events without end.",
                    "content": { "text/event-stream": { "schema": { "type": "string" } } }
                }),
            )
            .fails([ErrorCode::TooManyRequests]),
        Route::new("get", routes::WEB_SOCKET, "What happens, as it happens: a WebSocket")
            .about("With a session at the handshake, or with an `auth` message as the first frame.")
            .query("after", before, "The `seq` of the last message that the client got, where it comes back.")
            .query("additions", additions, "Messages have more than the published members.")
            .for_role_or_later(Role::Viewer)
            .answers_other(101, json!({ "description": "The WebSocket is open." }))
            .fails([ErrorCode::Forbidden, ErrorCode::TooManyRequests]),
    ]
}
