use crate::support::Gateway;
use serde_json::Value;

async fn lines(gateway: &Gateway, query: &str) -> (Vec<Value>, u64) {
    let data =
        gateway.read(&format!("/api/v1/ota/logs{query}")).await.data("System logs retrieved successfully");
    (data["logs"].as_array().unwrap().clone(), data["total"].as_u64().unwrap())
}

#[tokio::test]
async fn limit_and_level_are_heeded() {
    let gateway = Gateway::ready().await;
    for number in 0..60 {
        gateway.ota.log(ota_engine::ports::LogLevel::Debug, "test", format!("line {number}")).await;
    }
    let (all, total) = lines(&gateway, "").await;
    assert_eq!(all.len(), 50);
    assert!(total > 60, "{total}");
    let (three, _) = lines(&gateway, "?limit=3&level=debug").await;
    let messages: Vec<_> = three.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["line 59", "line 58", "line 57"]);
    assert_eq!((three[0]["level"].as_str(), three[0]["source"].as_str()), (Some("debug"), Some("test")));
    assert!(three[0]["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(lines(&gateway, "?limit=4000000000&level=debug").await.1, 60);
}

#[tokio::test]
async fn queries_that_make_no_sense_are_refused() {
    let gateway = Gateway::ready().await;
    for query in ["limit=abc", "limit=-1", "limit=0", "level=loud"] {
        gateway.read(&format!("/api/v1/ota/logs?{query}")).await.failure(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn logins_are_told_and_secrets_are_not() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    let (all, _) = lines(&gateway, "").await;
    let text = Value::Array(all).to_string();
    assert!(text.contains("operator logged in as operator"), "{text}");
    assert!(!text.contains(&token) && !text.contains(crate::support::PASSWORD));
}
