//! Section 5: every way back.

use leptos::server;
use ota_api::{
    ApiResult,
    recovery::{
        FactoryRequest, FactoryStarted, Recovery, RecoveryFinishRequest, RecoveryUploaded, RestoreRequest,
        RestoreStarted, RollbackRequest, RollbackStarted,
    },
};
use server_fn::codec::GetUrl;

use super::{Rest, StrictJson};

/// What can be gone back to.
#[server(prefix = "/api/v1/ota", endpoint = "recovery", protocol = Rest<GetUrl>)]
pub async fn get_recovery() -> ApiResult<Recovery> {
    let snapshot = super::context::request()?.ota.snapshot();
    Ok(ota_api::Reply::ok(super::convert::recovery(&snapshot), "Recovery options retrieved successfully"))
}

/// Makes the other slot, as it is, next.
#[server(prefix = "/api/v1/ota", endpoint = "recovery/rollback", protocol = Rest<StrictJson>)]
pub async fn rollback(#[server(flatten)] request: RollbackRequest) -> ApiResult<RollbackStarted> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let order = super::convert::rollback_order(&request)?;
    let job = ota.rollback(&order, &actor).await.map_err(super::convert::refusal)?;
    let data = super::convert::rollback_started(&job, ota.snapshot().running, &request);
    let message = if data.status == "completed" {
        "Rollback executed successfully"
    } else {
        "Rollback started: the slot is being checked"
    };
    Ok(super::convert::started(data, message, &job))
}

/// Brings a version back into the inactive slot.
#[server(prefix = "/api/v1/ota", endpoint = "recovery/restore", protocol = Rest<StrictJson>)]
pub async fn restore(#[server(flatten)] request: RestoreRequest) -> ApiResult<RestoreStarted> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let order = super::convert::restore_order(request);
    let job = ota.start_restore(order, &actor).await.map_err(super::convert::refusal)?;
    Ok(super::convert::started(super::convert::restore_started(&job), "OS restoration started", &job))
}

/// Resets the gateway to factory state, at its next restart. An administrator's, and needs the PIN.
#[server(prefix = "/api/v1/ota", endpoint = "recovery/factory", protocol = Rest<StrictJson>)]
pub async fn factory_reset(#[server(flatten)] request: FactoryRequest) -> ApiResult<FactoryStarted> {
    let super::RequestContext { ota, actor, role, .. } = super::context::request()?;
    if let Err(forbidden) = super::convert::demand_role(role, ota_core::Role::Admin) {
        ota.audit_refusal(&super::convert::forbidden(&actor, ota_core::AuditAction::FactoryReset)).await;
        return Err(forbidden);
    }
    let order = super::convert::factory_order(request)?;
    let (job, takes) = ota.factory_reset(order, &actor).await.map_err(super::convert::refusal)?;
    Ok(super::convert::started(super::convert::factory_started(&job, takes), "Factory reset started", &job))
}

/// Verifies an image that came in parts and keeps it as the recovery image.
#[server(prefix = "/api/v1/ota", endpoint = "recovery/finish", protocol = Rest<StrictJson>)]
pub async fn finish_recovery(
    #[server(flatten)] request: RecoveryFinishRequest,
) -> ApiResult<RecoveryUploaded> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let id = super::convert::upload_id(&request.upload_id)?;
    let (kept, name) = ota.finish_recovery(id, &actor).await.map_err(super::convert::refusal)?;
    let data = super::convert::recovery_uploaded(&kept, &name);
    Ok(ota_api::Reply::ok(data, "Recovery image uploaded successfully"))
}
