//! Section 1: debug bundles.

use leptos::server;
use ota_api::{
    ApiResult,
    debug::{DebugBundleRequest, DebugBundleStarted, DebugBundles},
};
use server_fn::codec::GetUrl;

use super::{Rest, StrictJson};

/// Starts making a debug bundle.
#[server(prefix = "/api/v1/ota", endpoint = "debug-bundle", protocol = Rest<StrictJson>)]
pub async fn create_debug_bundle(
    #[server(flatten)] request: DebugBundleRequest,
) -> ApiResult<DebugBundleStarted> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let content = super::convert::debug_content(request);
    let (id, size) = ota.start_debug_bundle(content, &actor).await.map_err(super::convert::refusal)?;
    let data = super::convert::debug_started(id, size);
    let location = data.download_url.clone();
    Ok(ota_api::Reply::ok(data, "Debug bundle creation started").followed_at(location))
}

/// The bundles that are made or can be downloaded.
#[server(prefix = "/api/v1/ota", endpoint = "debug-bundle", protocol = Rest<GetUrl>)]
pub async fn get_debug_bundles() -> ApiResult<DebugBundles> {
    let snapshot = super::context::request()?.ota.snapshot();
    Ok(ota_api::Reply::ok(super::convert::debug_bundles(&snapshot), "Debug bundles retrieved successfully"))
}
