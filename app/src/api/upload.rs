//! Section 3: images that a person brings. They come in as a form, which is no server function.

use leptos::server;
use ota_api::{
    ApiResult,
    upload::{DeployRequest, DeployStarted, Uploads},
};
use server_fn::codec::GetUrl;

use super::{Rest, StrictJson};

/// The verified images, and the room for more.
#[server(prefix = "/api/v1/ota", endpoint = "upload", protocol = Rest<GetUrl>)]
pub async fn get_uploads() -> ApiResult<Uploads> {
    let snapshot = super::context::request()?.ota.snapshot();
    Ok(ota_api::Reply::ok(super::convert::uploads(&snapshot), "Uploaded images retrieved successfully"))
}

/// Puts a verified image into the inactive slot.
#[server(prefix = "/api/v1/ota", endpoint = "upload/deploy", protocol = Rest<StrictJson>)]
pub async fn deploy(#[server(flatten)] request: DeployRequest) -> ApiResult<DeployStarted> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let order = super::convert::deploy_order(request)?;
    let job = ota.deploy(order, &actor).await.map_err(super::convert::refusal)?;
    Ok(ota_api::Reply::ok(super::convert::deploy_started(&job), "Manual image deployment started"))
}
