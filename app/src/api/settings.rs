//! Section 4, and section 2's switch: what the site has chosen about updates.

use leptos::server;
use ota_api::{
    ApiResult, Settings, SettingsPatch,
    settings::{AutoUpdateRequest, AutoUpdateSwitched, SettingsSaved},
};
use server_fn::codec::GetUrl;

use super::{Rest, StrictJson};

/// The update settings, as they are stored. `ETag` names this state of them.
#[server(prefix = "/api/v1/ota", endpoint = "settings", protocol = Rest<GetUrl>)]
pub async fn get_settings() -> ApiResult<Settings> {
    let snapshot = super::context::request()?.ota.snapshot();
    let settings = Settings::clone(&snapshot.settings);
    let tag = super::convert::entity_tag(&settings);
    Ok(ota_api::Reply::ok(settings, "Update settings retrieved successfully").tagged(tag))
}

/// Changes the settings that are named, all of them or none. With `If-Match` only where nobody else was first.
#[server(prefix = "/api/v1/ota", endpoint = "settings", protocol = Rest<StrictJson>)]
pub async fn save_settings(#[server(flatten)] request: SettingsPatch) -> ApiResult<SettingsSaved> {
    let (settings, snapshot) = change(&request).await?;
    let saved = super::convert::settings_saved(&settings, &snapshot);
    let tag = super::convert::entity_tag(&settings);
    Ok(ota_api::Reply::ok(saved, "Settings updated successfully").tagged(tag))
}

/// Switches whether the gateway installs and restarts by itself.
#[server(prefix = "/api/v1/ota", endpoint = "auto-update", protocol = Rest<StrictJson>)]
pub async fn switch_auto_update(
    #[server(flatten)] request: AutoUpdateRequest,
) -> ApiResult<AutoUpdateSwitched> {
    let enabled = request.enabled;
    let mut patch = SettingsPatch::default();
    patch.auto_update.enabled = Some(enabled);
    let (settings, snapshot) = change(&patch).await?;
    let message = if enabled { "Auto-update enabled" } else { "Auto-update disabled" };
    let switched = super::convert::auto_update_switched(&settings, &snapshot);
    let tag = super::convert::entity_tag(&settings);
    Ok(ota_api::Reply::ok(switched, message).tagged(tag))
}

/// What was saved, and the gateway as it is with it.
#[cfg(feature = "ssr")]
async fn change(
    patch: &SettingsPatch,
) -> Result<(std::sync::Arc<Settings>, std::sync::Arc<ota_engine::Snapshot>), ota_api::ApiError> {
    let super::RequestContext { ota, actor, if_match, .. } = super::context::request()?;
    let as_expected = |settings: &Settings| super::convert::matches(if_match.as_deref(), settings);
    let changed = ota.change_settings(patch, as_expected, &actor).await;
    let settings = changed.map_err(super::convert::refusal)?;
    Ok((settings, ota.snapshot()))
}
