//! What the gateway does by itself.

use super::Route;
use crate::support::Gateway;
use serde_json::json;

#[tokio::test]
async fn settings() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "settings").await;
    route.reads("as a gateway comes", "").await;
    let all = json!({
        "maintenance_window": { "enabled": true, "schedule": "weekly", "weekday": "tuesday", "time": "02:30",
            "timezone": "Asia/Kolkata", "duration_minutes": 90 },
        "auto_update": { "enabled": true, "check_interval": 24, "soak_hours": 48, "security_may_ignore_window": true }
    });
    gateway.order("/api/v1/ota/settings", &all).await.data("Settings updated successfully");
    route.reads("with additions", "").await;
    route.refuses().await;
    route.compare();
}

#[tokio::test]
async fn settings_change() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "settings").await;
    let documented = json!({
        "auto_update": { "auto_download": true, "auto_security": true, "auto_reboot": false },
        "maintenance_window": { "enabled": true, "schedule": "daily", "time": "02:00" },
        "update_strategy": "seamless"
    });
    route.orders("what is documented", &documented).await;
    route.orders("nothing", &json!({})).await;
    for (when, body) in [
        ("no time", json!({ "maintenance_window": { "time": "25:00" } })),
        ("a zone that there is not", json!({ "maintenance_window": { "timezone": "Mars/Base" } })),
        (
            "a strategy that cannot be used now, as the releases then say",
            json!({ "update_strategy": "in_place" }),
        ),
        ("a member within that there is not", json!({ "auto_update": { "no_such_member": true } })),
    ] {
        route.orders(when, &body).await;
    }
    let call = route.as_user(&route.operator, "").header("if-match", "\"0000000000000000\"");
    route.sends("somebody else was first", " {}", call.json(&json!({}))).await;
    route.refuses_bodies().await;
    route.compare();
}

#[tokio::test]
async fn auto_update() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "auto-update").await;
    route.orders("on", &json!({ "enabled": true })).await;
    route.orders("off", &json!({ "enabled": false })).await;
    route.orders("neither", &json!({})).await;
    route.refuses_bodies().await;
    route.compare();
}
