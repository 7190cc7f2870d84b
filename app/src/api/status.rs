//! Section 1: the gateway and its slots.

use leptos::server;
use ota_api::{
    ApiResult,
    status::{RebootStarted, Status},
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
pub async fn order_reboot(reason: String) -> ApiResult<RebootStarted> {
    let request = super::context::request()?;
    let reason = super::convert::reason(&reason)?;
    if reason.is_empty() {
        return Err(super::convert::bad_request("A restart needs a reason."));
    }
    let started = request.ota.reboot(reason, &request.actor).await.map_err(super::convert::refusal)?;
    Ok(ota_api::Reply::ok(super::convert::reboot_started(started), "Gateway restart ordered"))
}
