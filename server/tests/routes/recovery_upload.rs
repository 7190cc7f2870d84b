use crate::support::{Answer, GATEWAY, Gateway};
use serde_json::json;

const PATH: &str = "/api/v1/ota/recovery/upload";

async fn send(gateway: &Gateway, user: &str, name: &str, content: &str) -> Answer {
    let body = format!(
        "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n--B--\r\n"
    );
    let call = gateway.post(PATH).bearer(&gateway.token(user).await).gateway(GATEWAY);
    call.header("content-length", &body.len().to_string())
        .raw("multipart/form-data; boundary=B", body)
        .send()
        .await
}

/// Uploads a recovery image and returns the answer's data.
pub async fn upload(gateway: &Gateway, name: &str, content: &str) -> serde_json::Value {
    send(gateway, "operator", name, content).await.data("Recovery image uploaded successfully")
}

async fn listed(gateway: &Gateway) -> serde_json::Value {
    let data = gateway.read("/api/v1/ota/recovery").await.data("Recovery options retrieved successfully");
    data["recovery_image"].clone()
}

#[tokio::test]
async fn the_answer_is_the_documented_one_and_the_newest_image_stays() {
    let gateway = Gateway::ready().await;
    assert_eq!(listed(&gateway).await, json!(null));
    let data = upload(&gateway, "../recovery_v1.2.img", "v6.0.0\nrest").await;
    assert_eq!((&data["uploaded"], &data["filename"]), (&json!(true), &json!("recovery_v1.2.img")));
    assert_eq!(
        (&data["size"], &data["size_bytes"], &data["version"]),
        (&json!("11 B"), &json!(11), &json!("v6.0.0"))
    );
    upload(&gateway, "recovery_v1.3.img", "v6.1.0\n").await;
    let gateway = gateway.restarted().await;
    let image = listed(&gateway).await;
    assert_eq!(image["version"], "v6.1.0", "it outlives a restart");
    let files = std::fs::read_dir(gateway.directory.path().join("recovery")).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "one image and its facts: {names:?}");
    let uploads = std::fs::read_dir(gateway.directory.path().join("uploads")).unwrap();
    assert_eq!(uploads.count(), 0, "nothing is left of how they came");
}

#[tokio::test]
async fn what_is_not_verified_leaves_the_former_one() {
    let gateway = Gateway::ready().await;
    upload(&gateway, "a.img", "v6.0.0\n").await;
    send(&gateway, "operator", "b.img", "unsigned").await.failure(422, "OTA_SIGNATURE_FAILED");
    send(&gateway, "operator", "b.img", "foreign\n").await.failure(422, "OTA_INVALID_IMAGE");
    send(&gateway, "viewer", "b.img", "v7.0.0\n").await.failure(403, "FORBIDDEN");
    assert_eq!(listed(&gateway).await["version"], "v6.0.0");
    let call = gateway.post(PATH).bearer(&gateway.token("operator").await).gateway(GATEWAY);
    call.json(&json!({})).send().await.failure(415, "UNSUPPORTED_MEDIA_TYPE");
    let labelled = "--B\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\nmine\r\n--B--\r\n";
    let call = gateway.post(PATH).bearer(&gateway.token("operator").await).gateway(GATEWAY);
    let (message, _) =
        call.raw("multipart/form-data; boundary=B", labelled).send().await.failure(400, "BAD_REQUEST");
    assert!(message.contains("version"), "a recovery image has its own: {message}");
}
