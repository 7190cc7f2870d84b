use crate::support::Gateway;
use serde_json::json;

#[tokio::test]
async fn the_careful_defaults_are_told() {
    let gateway = Gateway::ready().await;
    let data = gateway.read("/api/v1/ota/settings").await.data("Update settings retrieved successfully");
    let off =
        json!({ "enabled": false, "auto_download": false, "auto_security": false, "auto_reboot": false });
    assert_eq!((&data["auto_update"], &data["update_strategy"]), (&off, &json!("seamless")));
    assert!(data["maintenance_window"]["time"].is_string());
}
