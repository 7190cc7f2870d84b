//! Section 6: the interlocks, and overriding them.

use leptos::server;
use ota_api::{
    ApiResult,
    safety::{OverrideRequest, OverrideState, Safety},
};
use server_fn::codec::GetUrl;

use super::{Rest, StrictJson};

/// Whether the machine beside the gateway allows an update, and why not.
#[server(prefix = "/api/v1/ota", endpoint = "safety", protocol = Rest<GetUrl>)]
pub async fn get_safety() -> ApiResult<Safety> {
    let snapshot = super::context::request()?.ota.snapshot();
    let data = super::convert::safety(&snapshot, jiff::Timestamp::now());
    Ok(ota_api::Reply::ok(data, "Safety status retrieved successfully"))
}

/// Overrides constraints for one operation, or ends that. Enabling is an administrator's and needs the PIN.
#[server(prefix = "/api/v1/ota", endpoint = "safety/override", protocol = Rest<StrictJson>)]
pub async fn override_safety(#[server(flatten)] request: OverrideRequest) -> ApiResult<OverrideState> {
    let super::RequestContext { ota, actor, role, .. } = super::context::request()?;
    let enable = request.enable;
    if enable && let Err(forbidden) = super::convert::demand_role(role, ota_core::Role::Admin) {
        ota.audit_refusal(&super::convert::forbidden(&actor, ota_core::AuditAction::OverrideEnable)).await;
        return Err(forbidden);
    }
    let order = super::convert::override_order(request).map_err(super::convert::refusal)?;
    let view = ota.order_override(order, &actor).await.map_err(super::convert::refusal)?;
    let allowed = ota.snapshot().safety.is_clear();
    let message = match (enable, view.grant.is_some()) {
        (true, true) => "Safety override enabled",
        (true, false) => "Safety override awaits a second administrator",
        (false, _) => "Safety override disabled",
    };
    let data = super::convert::override_state(&view, allowed, jiff::Timestamp::now());
    Ok(ota_api::Reply::ok(data, message))
}
