//! Section 3: images that a person brings. They come in as a form or in parts, which are no server functions.

use leptos::server;
use ota_api::{
    ApiResult,
    upload::{DeployRequest, DeployStarted, FinishRequest, Uploads, VerifiedImage},
};
use server_fn::codec::GetUrl;

use super::{Rest, StrictJson};

/// The verified images, and the room for more.
#[server(prefix = "/api/v1/ota", endpoint = "upload", protocol = Rest<GetUrl>)]
pub async fn get_uploads() -> ApiResult<Uploads> {
    let snapshot = super::context::request()?.ota.snapshot();
    Ok(ota_api::Reply::ok(super::convert::uploads(&snapshot), "Uploaded images retrieved successfully"))
}

/// Verifies an image that came in parts.
#[server(prefix = "/api/v1/ota", endpoint = "upload/finish", protocol = Rest<StrictJson>)]
pub async fn finish_upload(#[server(flatten)] request: FinishRequest) -> ApiResult<VerifiedImage> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let id = super::convert::upload_id(&request.upload_id)?;
    let image = ota.finish_upload(id, request.version, &actor).await.map_err(super::convert::refusal)?;
    Ok(ota_api::Reply::ok(super::convert::verified_image(&image), "Image verified successfully"))
}

/// Puts a verified image into the inactive slot.
#[server(prefix = "/api/v1/ota", endpoint = "upload/deploy", protocol = Rest<StrictJson>)]
pub async fn deploy(#[server(flatten)] request: DeployRequest) -> ApiResult<DeployStarted> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let order = super::convert::deploy_order(request)?;
    let job = ota.deploy(order, &actor).await.map_err(super::convert::refusal)?;
    Ok(super::convert::started(super::convert::deploy_started(&job), "Manual image deployment started", &job))
}
