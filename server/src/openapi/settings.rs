//! Section 4: the update settings.

use super::{example::published, route::Route};
use ota_api::{ErrorCode, Settings, SettingsPatch, settings::SettingsSaved};
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    let save = Route::order("settings", "Changes the update settings that are named")
        .about("All of them or none; the rest stays. The members that may be unset are unset by `null`.")
        .takes::<SettingsPatch>(published!("settings.post.request"))
        .answers::<SettingsSaved>(published!("settings.post.response", added));
    vec![
        Route::read("settings", "The update settings")
            .answers::<Settings>(published!("settings.get.response"))
            .with_header("ETag", json!({ "type": "string" }), TAG),
        guarded(save),
    ]
}

const TAG: &str = "Names this state of the settings.";

/// A change of the settings, which is let through only where nobody else was first.
pub(super) fn guarded(change: Route) -> Route {
    let about = "The change is based on the settings with this `ETag`.";
    change
        .header("If-Match", false, json!({ "type": "string" }), about)
        .with_header("ETag", json!({ "type": "string" }), TAG)
        .fails([ErrorCode::PreconditionFailed])
}
