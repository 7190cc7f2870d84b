use crate::support::Gateway;

#[tokio::test]
async fn only_what_is_newer_is_offered() {
    let gateway = Gateway::ready().await;
    let data = gateway.read("/api/v1/ota/updates").await.data("Available updates retrieved successfully");
    let ids: Vec<_> =
        data["updates"].as_array().unwrap().iter().map(|update| update["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["update-001", "update-002"]);
    assert_eq!(data["total_available"], 2);
    let first = &data["updates"][0];
    for (member, value) in [
        ("version", "v5.0.5"),
        ("type", "security"),
        ("severity", "critical"),
        ("size", "452 MB"),
        ("released", "2025-03-15"),
        ("signature", "verified"),
    ] {
        assert_eq!(first[member], value);
    }
    assert_eq!(first["compatible"], true);
}
