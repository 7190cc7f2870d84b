//! Paths of the interface.

/// Prefix of every documented route.
pub const BASE: &str = "/api/v1/ota";
pub const LOGIN: &str = "/api/v1/auth/login";
pub const LOGOUT: &str = "/api/v1/auth/logout";
/// First-run set-up, while nobody can log in.
pub const SETUP: &str = "/api/v1/auth/setup";
/// The audit log, for operators and administrators.
pub const AUDIT: &str = "/api/v1/ota/audit";
pub const AUDIT_EXPORT: &str = "/api/v1/ota/audit/export";
/// An image that a person brings, as `multipart/form-data`.
pub const UPLOAD_VERIFY: &str = "/api/v1/ota/upload/verify";
/// The recovery image, as `multipart/form-data`.
pub const RECOVERY_UPLOAD: &str = "/api/v1/ota/recovery/upload";
/// Keeps an image that came in parts as the recovery image.
pub const RECOVERY_FINISH: &str = "/api/v1/ota/recovery/finish";
/// Images that come in parts, by tus 1.0: begun here, gone on with at `ID` below it.
pub const UPLOAD_FILES: &str = "/api/v1/ota/upload/files";
/// Verifies an image that came in parts.
pub const UPLOAD_FINISH: &str = "/api/v1/ota/upload/finish";
/// Debug bundles, followed by a file name.
pub const DEBUG_DOWNLOAD: &str = "/api/v1/ota/debug/download/";
pub const WEB_SOCKET: &str = "/api/v1/ota/ws";
/// The same feed as server-sent events.
pub const EVENTS: &str = "/api/v1/ota/events";
/// The interface described, as OpenAPI.
pub const OPENAPI: &str = "/api/openapi.json";
/// The same for people.
pub const DOCS: &str = "/api/docs";
/// The page.
pub const PAGE: &str = "/ota-system-updates";
pub const LOGIN_PAGE: &str = "/login";
pub const SETUP_PAGE: &str = "/setup";

/// Header that names the gateway a request is meant for.
pub const GATEWAY_ID_HEADER: &str = "x-gateway-id";
/// Cookie that carries the session's token.
pub const SESSION_COOKIE: &str = "session_token";

/// Where the progress of a job is read.
#[must_use]
pub fn progress_url(job_id: &str) -> String {
    format!("{BASE}/progress?job_id={job_id}")
}

/// Where a debug bundle is downloaded.
#[must_use]
pub fn debug_download_url(bundle_id: &str) -> String {
    format!("{DEBUG_DOWNLOAD}{bundle_id}.tar.gz")
}

/// Where an image that comes in parts is gone on with.
#[must_use]
pub fn upload_file_url(upload_id: &str) -> String {
    format!("{UPLOAD_FILES}/{upload_id}")
}

/// Where the progress of a snapshot is read.
#[must_use]
pub fn snapshot_progress_url(snapshot_id: &str) -> String {
    format!("{BASE}/progress?snapshot_id={snapshot_id}")
}
