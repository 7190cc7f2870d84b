use crate::support::{Answer, GATEWAY, Gateway};
use ota_core::AuditAction;
use ota_engine::ports::{AuditQuery, Store};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/ota/settings";
const AUTO: &str = "/api/v1/ota/auto-update";
const UPDATED: &str = "Settings updated successfully";

/// The published request.
fn documented() -> Value {
    json!({
        "auto_update": { "auto_download": true, "auto_security": true, "auto_reboot": false },
        "maintenance_window": { "enabled": true, "schedule": "daily", "time": "02:00" },
        "update_strategy": "seamless"
    })
}

async fn stored(gateway: &Gateway) -> Value {
    gateway.read(PATH).await.data("Update settings retrieved successfully")
}

async fn save_if(gateway: &Gateway, tag: &str, body: &Value) -> Answer {
    let token = gateway.token("operator").await;
    gateway.post(PATH).bearer(&token).gateway(GATEWAY).header("if-match", tag).json(body).send().await
}

#[tokio::test]
async fn the_careful_defaults_are_told() {
    let gateway = Gateway::ready().await;
    let expected = json!({
        "auto_update": { "enabled": false, "auto_download": false, "auto_security": false, "auto_reboot": false },
        "maintenance_window": { "enabled": false, "schedule": "daily", "time": "02:00" },
        "update_strategy": "seamless"
    });
    assert_eq!(stored(&gateway).await, expected);
}

#[tokio::test]
async fn what_is_named_is_saved_and_the_rest_stays() {
    let gateway = Gateway::ready().await;
    gateway.order(AUTO, &json!({ "enabled": true })).await.data("Auto-update enabled");
    let saved = gateway.order(PATH, &documented()).await.data(UPDATED);
    assert_eq!(saved["updated"], true);
    let next = saved["next_maintenance_window"].as_str().unwrap();
    assert!(next.ends_with("T02:00:00Z"), "{saved}");
    assert_eq!(saved["next_maintenance_window_local"], next.replace('Z', "+00:00"));
    assert_eq!(saved["timezone"], "UTC");
    let mut expected = documented();
    expected["auto_update"]["enabled"] = json!(true);
    assert_eq!(stored(&gateway).await, expected, "the documented form, and nothing that is not stored");
    // Over a restart, too.
    let gateway = gateway.restarted().await;
    assert_eq!(stored(&gateway).await, expected);
    let nothing = gateway.order(PATH, &json!({})).await.data(UPDATED);
    assert_eq!((&nothing["updated"], stored(&gateway).await), (&json!(true), expected));
}

#[tokio::test]
async fn additions_are_set_and_unset() {
    let gateway = Gateway::ready().await;
    let saved = gateway
        .order(
            PATH,
            &json!({
                "auto_update": { "check_interval": 24, "soak_hours": 48, "security_may_ignore_window": true },
                "maintenance_window": {
                    "enabled": true, "schedule": "weekly", "weekday": "tuesday", "time": "02:30",
                    "timezone": "Asia/Kolkata", "duration_minutes": 90
                }
            }),
        )
        .await
        .data(UPDATED);
    // UTC, and beside it what the clocks of the zone show.
    assert!(saved["next_maintenance_window"].as_str().unwrap().ends_with("T21:00:00Z"), "{saved}");
    let local = saved["next_maintenance_window_local"].as_str().unwrap();
    assert!(local.ends_with("T02:30:00+05:30"), "{saved}");
    assert_eq!(saved["timezone"], "Asia/Kolkata");
    let settings = stored(&gateway).await;
    assert_eq!(settings["auto_update"]["soak_hours"], 48);
    assert_eq!(settings["maintenance_window"]["weekday"], "tuesday");
    let unset =
        json!({ "auto_update": { "check_interval": null }, "maintenance_window": { "timezone": null } });
    let saved = gateway.order(PATH, &unset).await.data(UPDATED);
    assert!(saved["next_maintenance_window"].as_str().unwrap().ends_with("T02:30:00Z"), "{saved}");
    let settings = stored(&gateway).await;
    assert!(settings["auto_update"].get("check_interval").is_none(), "{settings}");
    assert_eq!(settings["auto_update"]["soak_hours"], 48);
}

#[tokio::test]
async fn a_change_is_made_as_a_whole_or_not_at_all() {
    let gateway = Gateway::ready().await;
    let before = stored(&gateway).await;
    for (window, field) in [
        (json!({ "time": "24:00" }), "maintenance_window.time"),
        (json!({ "time": "2:00" }), "maintenance_window.time"),
        (json!({ "timezone": "Mars/Base" }), "maintenance_window.timezone"),
        (json!({ "duration_minutes": 0 }), "maintenance_window.duration_minutes"),
        (json!({ "day": 32 }), "maintenance_window.day"),
    ] {
        let body = json!({ "auto_update": { "auto_download": true }, "maintenance_window": window });
        let (message, details) = gateway.order(PATH, &body).await.failure(400, "BAD_REQUEST");
        assert_eq!(details["field"], field);
        assert!(message.starts_with(field), "{message}");
    }
    for (body, named) in [
        (json!({ "auto_update": { "auto_reboots": true } }), "auto_reboots"),
        (json!({ "maintenance_window": { "schedule": "hourly" } }), "maintenance_window"),
        (json!({ "maintenance_window": { "enabled": null } }), "maintenance_window"),
        (json!({ "update_strategy": "magic" }), "update_strategy"),
        (json!({ "colour": "red" }), "colour"),
        (json!({ "auto_update": true }), "auto_update"),
    ] {
        let mut body = body;
        body["maintenance_window"]["time"] =
            if body["maintenance_window"].is_object() { json!("03:00") } else { Value::Null };
        if body["maintenance_window"]["time"].is_null() {
            body["maintenance_window"] = json!({ "time": "03:00" });
        }
        let (message, _) = gateway.order(PATH, &body).await.failure(400, "BAD_REQUEST");
        assert!(message.contains(named), "{message}");
    }
    assert_eq!(stored(&gateway).await, before);
}

#[tokio::test]
async fn who_has_not_seen_the_latest_settings_does_not_overwrite_them() {
    let gateway = Gateway::ready().await;
    let first = gateway.read(PATH).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{tag}");
    assert_eq!(gateway.read(PATH).await.header("etag"), tag, "nothing has changed");
    let mine = json!({ "maintenance_window": { "time": "03:00" } });
    let answer = save_if(&gateway, &tag, &mine).await;
    let saved = answer.data(UPDATED);
    let newer = answer.header("etag").to_owned();
    assert_eq!((newer != tag, format!("\"{}\"", saved["revision"].as_str().unwrap())), (true, newer.clone()));
    let theirs = json!({ "maintenance_window": { "time": "04:00" } });
    save_if(&gateway, &tag, &theirs).await.failure(412, "PRECONDITION_FAILED");
    assert_eq!(stored(&gateway).await["maintenance_window"]["time"], "03:00");
    save_if(&gateway, &newer, &theirs).await.data(UPDATED);
    save_if(&gateway, "*", &mine).await.data(UPDATED);
    save_if(&gateway, "nonsense", &theirs).await.failure(412, "PRECONDITION_FAILED");
    assert_eq!(stored(&gateway).await["maintenance_window"]["time"], "03:00");
}

#[tokio::test]
async fn the_switch_says_what_it_switches() {
    let gateway = Gateway::ready().await;
    let on = gateway.order(AUTO, &json!({ "enabled": true })).await.data("Auto-update enabled");
    assert_eq!(on, json!({ "auto_update": true, "auto_check_enabled": true }));
    assert_eq!(stored(&gateway).await["auto_update"]["enabled"], true);
    let off = gateway.order(AUTO, &json!({ "enabled": false })).await.data("Auto-update disabled");
    assert_eq!(off, json!({ "auto_update": false, "auto_check_enabled": true }));
    for body in [json!({}), json!({ "enabled": null }), json!({ "enabled": "yes" })] {
        gateway.order(AUTO, &body).await.failure(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn a_check_is_automatic_where_an_interval_is_set() {
    let gateway = Gateway::on_site(|site| site.check_interval = None).await;
    let off = gateway.order(AUTO, &json!({ "enabled": false })).await.data("Auto-update disabled");
    assert_eq!(off["auto_check_enabled"], false);
    let interval = json!({ "auto_update": { "check_interval": 6 } });
    let saved = gateway.order(PATH, &interval).await.data(UPDATED);
    assert!(saved["next_check"].is_string(), "{saved}");
    let on = gateway.order(AUTO, &json!({ "enabled": true })).await.data("Auto-update enabled");
    assert_eq!(on["auto_check_enabled"], true);
}

#[tokio::test]
async fn each_change_is_on_record_with_what_it_changed() {
    let gateway = Gateway::ready().await;
    gateway.order(PATH, &documented()).await.data(UPDATED);
    gateway.order(PATH, &documented()).await.data(UPDATED);
    gateway
        .order(PATH, &json!({ "maintenance_window": { "time": "25:00" } }))
        .await
        .failure(400, "BAD_REQUEST");
    let query = AuditQuery { action: Some(AuditAction::Settings), limit: 10, ..AuditQuery::default() };
    let page = gateway.store.audit(&query).await.unwrap();
    let told: Vec<_> = page.records.iter().map(|record| record.outcome.as_str()).collect();
    assert_eq!(told, ["refused", "succeeded"], "what changes nothing is no change");
    let done = &page.records[1];
    assert_eq!(done.actor, "operator");
    assert!(done.detail.contains("auto_update.auto_security: false → true"), "{done:?}");
}
