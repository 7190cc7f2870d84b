//! Section 2: what the repository offers, and starting a download.

use leptos::server;
use ota_api::{
    ApiResult,
    updates::{CheckRequest, CheckStarted, DownloadRequest, DownloadStarted, Updates},
};
use server_fn::codec::GetUrl;

use super::{Rest, StrictJson};

/// The releases that are newer than the running system.
#[server(prefix = "/api/v1/ota", endpoint = "updates", protocol = Rest<GetUrl>)]
pub async fn get_updates() -> ApiResult<Updates> {
    let snapshot = super::context::request()?.ota.snapshot();
    Ok(ota_api::Reply::ok(super::convert::updates(&snapshot), "Available updates retrieved successfully"))
}

/// Asks the repository for updates.
#[server(prefix = "/api/v1/ota", endpoint = "check-updates", protocol = Rest<StrictJson>)]
pub async fn check_updates(#[server(flatten)] request: CheckRequest) -> ApiResult<CheckStarted> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let started = ota.check_updates(request.force, request.background, &actor).await;
    let started = started.map_err(super::convert::refusal)?;
    let data = super::convert::check_started(started, &ota.snapshot());
    Ok(ota_api::Reply::ok(data, "Update check initiated"))
}

/// Starts the download of an update; with `install_after` also what follows it.
#[server(prefix = "/api/v1/ota", endpoint = "download", protocol = Rest<StrictJson>)]
pub async fn start_download(#[server(flatten)] request: DownloadRequest) -> ApiResult<DownloadStarted> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let order = super::convert::download_order(request)?;
    let job = ota.start_download(order, &actor).await.map_err(super::convert::refusal)?;
    Ok(super::convert::started(super::convert::download_started(&job), "Update download started", &job))
}
