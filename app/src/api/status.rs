//! Section 1: the gateway and its slots.

use leptos::server;
use ota_api::{
    ApiResult,
    status::{RebootRequest, RebootStarted, Status},
};
use server_fn::codec::GetUrl;

use super::{Rest, StrictJson};

/// The gateway, its slots and what the boot loader does next.
#[server(prefix = "/api/v1/ota", endpoint = "status", protocol = Rest<GetUrl>)]
pub async fn get_status() -> ApiResult<Status> {
    let snapshot = super::context::request()?.ota.snapshot();
    Ok(ota_api::Reply::ok(super::convert::status(&snapshot), "Gateway status retrieved successfully"))
}

/// Restarts the gateway, as soon as the machine beside it allows.
#[server(prefix = "/api/v1/ota", endpoint = "reboot", protocol = Rest<StrictJson>)]
pub async fn order_reboot(#[server(flatten)] request: RebootRequest) -> ApiResult<RebootStarted> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let reason = super::convert::reason(&request.reason)?;
    if reason.is_empty() {
        return Err(super::convert::bad_request("A restart needs a reason."));
    }
    let started = ota.reboot(reason, &actor).await.map_err(super::convert::refusal)?;
    Ok(ota_api::Reply::ok(super::convert::reboot_started(started), "Gateway restart ordered"))
}
