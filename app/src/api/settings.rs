//! Section 4: what the site has chosen about updates.

use leptos::server;
use ota_api::{ApiResult, Settings};
use server_fn::codec::GetUrl;

use super::Rest;

/// The update settings.
#[server(prefix = "/api/v1/ota", endpoint = "settings", protocol = Rest<GetUrl>)]
pub async fn get_settings() -> ApiResult<Settings> {
    let snapshot = super::context::request()?.ota.snapshot();
    let settings = Settings::clone(&snapshot.settings);
    Ok(ota_api::Reply::ok(settings, "Update settings retrieved successfully"))
}
