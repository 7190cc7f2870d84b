use crate::support::Gateway;
use ota_core::{ComponentPlace, ComponentVersion};
use ota_engine::ports::ComponentView;
use serde_json::json;

#[tokio::test]
async fn gateway_and_slots_have_the_documented_members() {
    let gateway = Gateway::ready().await;
    let data = gateway.read("/api/v1/ota/status").await.data("Gateway status retrieved successfully");
    let about = &data["gateway"];
    for (member, value) in [
        ("id", "GW-3920A9"),
        ("model", "Univa-GW-Pro"),
        ("os_version", "v5.0.4"),
        ("bootloader", "U-Boot 2024.01"),
    ] {
        assert_eq!(about[member], value);
    }
    assert!(about["uptime"].as_str().unwrap().starts_with("19d 0h"), "{about}");
    assert_eq!(about["last_ota"], json!(null));
    let (active, inactive) = (&data["partitions"]["active"], &data["partitions"]["inactive"]);
    assert_eq!(
        (&active["id"], &active["booted"], &active["next_boot"]),
        (&json!("A"), &json!(true), &json!(true))
    );
    assert_eq!(
        (&inactive["id"], &inactive["booted"], &inactive["version"]),
        (&json!("B"), &json!(false), &json!("v5.0.3"))
    );
    assert_eq!((&active["status"], &inactive["status"]), (&json!("healthy"), &json!("ready")));
    assert_eq!((&active["size"], &active["used"]), (&json!("67.1MB"), &json!("33.6MB")));
    assert_eq!(
        (&data["partitions"]["auto_rollback"], &data["partitions"]["rollback_retries"]),
        (&json!(true), &json!(3))
    );
}

#[tokio::test]
async fn components_are_shown_where_there_are_any() {
    let gateway = Gateway::ready().await;
    let data = gateway.read("/api/v1/ota/status").await.data("Gateway status retrieved successfully");
    assert_eq!(data["components"], json!([]));
    let gateway = gateway
        .restarted_into(|world| {
            let current = ComponentVersion { version: "v5.0.4".into(), place: ComponentPlace::B };
            *world.components.lock().unwrap() = vec![ComponentView {
                name: "crane-app".into(),
                current: Some(current),
                sha256: None,
                installed_at: Some(jiff::Timestamp::UNIX_EPOCH),
                former: Some("v5.0.3".into()),
            }];
        })
        .await;
    let data = gateway.read("/api/v1/ota/status").await.data("Gateway status retrieved successfully");
    let expected = json!([{
        "name": "crane-app",
        "version": "v5.0.4",
        "place": "b",
        "installed_at": "1970-01-01T00:00:00Z",
        "former_version": "v5.0.3"
    }]);
    assert_eq!(data["components"], expected);
}
