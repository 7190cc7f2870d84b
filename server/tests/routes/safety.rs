use crate::support::Gateway;
use serde_json::json;

#[tokio::test]
async fn constraints_are_told_as_they_are() {
    let gateway = Gateway::ready().await;
    let data = gateway.read("/api/v1/ota/safety").await.data("Safety status retrieved successfully");
    assert_eq!((&data["update_allowed"], &data["force_override"]), (&json!(true), &json!(false)));
    assert_eq!(data["constraints"]["ups_battery"]["level"], 85.0);
    assert_eq!(data["constraints"].as_object().unwrap().len(), 5);
    gateway.crane_starts().await;
    let data = gateway.read("/api/v1/ota/safety").await.data("Safety status retrieved successfully");
    let crane = &data["constraints"]["crane_motion"];
    assert_eq!(
        (&crane["status"], &crane["blocking"], &data["update_allowed"]),
        (&json!("moving"), &json!(true), &json!(false))
    );
}
