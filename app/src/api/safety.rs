//! Section 6: the interlocks.

use leptos::server;
use ota_api::{ApiResult, safety::Safety};
use server_fn::codec::GetUrl;

use super::{GatewayClient, Rest};

/// Whether the machine beside the gateway allows an update, and why not.
#[server(client = GatewayClient, prefix = "/api/v1/ota", endpoint = "safety", protocol = Rest<GetUrl>)]
pub async fn get_safety() -> ApiResult<Safety> {
    let snapshot = super::context::request()?.ota.snapshot();
    Ok(ota_api::Reply::ok(super::convert::safety(&snapshot), "Safety status retrieved successfully"))
}
