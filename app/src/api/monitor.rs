//! Section 7: progress, installation, log, monitor, cancel.

use leptos::server;
use ota_api::{
    ApiResult,
    monitor::{CancelRequest, Cancelled, InstallRequest, InstallStarted, Logs, Monitor, Progress},
};
use server_fn::codec::GetUrl;

use super::{Rest, StrictJson};

/// How far a job is.
#[server(prefix = "/api/v1/ota", endpoint = "progress", protocol = Rest<GetUrl>)]
pub async fn get_progress(job_id: Option<String>, snapshot_id: Option<String>) -> ApiResult<Progress> {
    let request = super::context::request()?;
    let named: Vec<_> = job_id.into_iter().chain(snapshot_id).filter(|id| !id.is_empty()).collect();
    let [id] = named.as_slice() else {
        return Err(super::convert::bad_request("The query must have job_id or snapshot_id, and not both."));
    };
    let id = super::convert::job_id(id)?;
    let job = request.ota.progress(&id).await.map_err(super::convert::refusal)?;
    Ok(ota_api::Reply::ok(super::convert::progress(&job), "Update progress retrieved successfully"))
}

/// Installs a downloaded update.
#[server(prefix = "/api/v1/ota", endpoint = "install", protocol = Rest<StrictJson>)]
pub async fn install(#[server(flatten)] request: InstallRequest) -> ApiResult<InstallStarted> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let command = super::convert::install_command(&request)?;
    let job = ota.install(command, &actor).await.map_err(super::convert::refusal)?;
    let started = super::convert::install_started(&job, &request);
    Ok(super::convert::started(started, "Update installation started", &job))
}

/// The newest entries of the activity log, newest first. The values are texts, so that one that cannot be is refused by its name.
#[server(prefix = "/api/v1/ota", endpoint = "logs", protocol = Rest<GetUrl>)]
pub async fn get_logs(
    limit: Option<String>,
    level: Option<String>,
    since: Option<String>,
    before: Option<String>,
) -> ApiResult<Logs> {
    let request = super::context::request()?;
    let (limit, level) = (limit.as_deref(), level.as_deref());
    let query = super::convert::log_query(limit, level, since.as_deref(), before.as_deref())?;
    let page = request.ota.logs(&query).await.map_err(super::convert::refusal)?;
    Ok(ota_api::Reply::ok(super::convert::logs(&page), "System logs retrieved successfully"))
}

/// What the gateway does right now.
#[server(prefix = "/api/v1/ota", endpoint = "monitor", protocol = Rest<GetUrl>)]
pub async fn get_monitor() -> ApiResult<Monitor> {
    let ota = super::context::request()?.ota;
    let data = super::convert::monitor(&ota.snapshot(), ota.now());
    Ok(ota_api::Reply::ok(data, "Monitor status retrieved successfully"))
}

/// Ends a job, until the new system has been started.
#[server(prefix = "/api/v1/ota", endpoint = "cancel", protocol = Rest<StrictJson>)]
pub async fn cancel(#[server(flatten)] request: CancelRequest) -> ApiResult<Cancelled> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let id = super::convert::job_id(&request.job_id)?;
    let reason = super::convert::reason(&request.reason)?;
    let job = ota.cancel(&id, reason, &actor).await.map_err(super::convert::refusal)?;
    Ok(ota_api::Reply::ok(super::convert::cancelled(&job), "Update operation cancelled"))
}
