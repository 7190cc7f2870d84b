use crate::support::{Answer, GATEWAY, Gateway};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const VERIFY: &str = "/api/v1/ota/upload/verify";
const DEPLOY: &str = "/api/v1/ota/upload/deploy";

fn field(name: &str, file: Option<&str>, content: &str) -> String {
    let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
    format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n")
}

async fn send(gateway: &Gateway, fields: &[String]) -> Answer {
    let body = format!("{}--B--\r\n", fields.concat());
    let call = gateway.post(VERIFY).bearer(&gateway.token("operator").await).gateway(GATEWAY);
    call.header("content-length", &body.len().to_string())
        .raw("multipart/form-data; boundary=B", body)
        .send()
        .await
}

async fn upload(gateway: &Gateway, name: &str, content: &str) -> Answer {
    send(gateway, &[field("file", Some(name), content)]).await
}

fn left_over(gateway: &Gateway) -> Vec<String> {
    let entries = std::fs::read_dir(gateway.directory.path().join("uploads")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".new")).collect()
}

#[tokio::test]
async fn an_image_is_verified_listed_and_deployed() {
    let gateway = Gateway::ready().await;
    // The label may come after the file.
    let fields =
        [field("file", Some("custom-v5.1.0.img"), "v5.1.0\nrest"), field("version", None, "v5.1.0-custom")];
    let data = send(&gateway, &fields).await.data("Image verified successfully");
    assert_eq!(data["verified"], true);
    let file = &data["file"];
    assert_eq!((&file["name"], &file["version"]), (&json!("custom-v5.1.0.img"), &json!("v5.1.0-custom")));
    assert_eq!((&file["size"], &file["size_bytes"]), (&json!("11 B"), &json!(11)));
    assert_eq!(data["metadata"]["signature"], "verified");
    assert_eq!(data["metadata"]["signed_version"], "v5.1.0");
    assert_eq!(data["compatibility"]["hardware"], "compatible");
    let gateway = gateway.restarted().await;
    let listed = gateway.read("/api/v1/ota/upload").await.data("Uploaded images retrieved successfully");
    assert_eq!(listed["images"], json!([data]), "it is still there after a restart");

    let body = json!({ "filename": "custom-v5.1.0.img", "version": "v5.1.0-custom", "target_partition": "B",
        "checksum": file["checksum"] });
    let started = gateway.order(DEPLOY, &body).await.data("Manual image deployment started");
    assert_eq!((&started["job_id"], &started["status"]), (&json!("MANUAL-DEPLOY-001"), &json!("deploying")));
    assert_eq!(started["image"], json!({ "name": "custom-v5.1.0.img", "version": "v5.1.0-custom" }));
    assert_eq!(started["target_partition"], "B");
    gateway.until_job_is("awaiting_reboot").await;
    let status = gateway.read("/api/v1/ota/status").await.data("Gateway status retrieved successfully");
    assert_eq!(status["partitions"]["inactive"]["version"], "v5.1.0", "the signed version, not the label");
    gateway.order(DEPLOY, &body).await.failure(409, "OTA_OPERATION_IN_PROGRESS");
}

#[tokio::test]
async fn what_nobody_has_signed_is_refused_and_not_kept() {
    let gateway = Gateway::ready().await;
    upload(&gateway, "x.raucb", "unsigned").await.failure(422, "OTA_SIGNATURE_FAILED");
    let listed = gateway.read("/api/v1/ota/upload").await.data("Uploaded images retrieved successfully");
    assert_eq!(listed["images"], json!([]));
    assert!(left_over(&gateway).is_empty());
}

#[tokio::test]
async fn an_image_for_other_hardware_is_verified_and_cannot_be_deployed() {
    let gateway = Gateway::ready().await;
    let data = upload(&gateway, "x.raucb", "foreign\n").await.data("Image verified successfully");
    assert_eq!(
        (&data["verified"], &data["compatibility"]["hardware"]),
        (&json!(true), &json!("incompatible"))
    );
    assert!(data["compatibility"]["reason"].is_string());
    let body = json!({ "filename": "x.raucb", "checksum": data["file"]["checksum"] });
    gateway.order(DEPLOY, &body).await.failure(422, "OTA_INVALID_IMAGE");
    assert_eq!(gateway.world.commits.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn names_are_labels() {
    let gateway = Gateway::ready().await;
    let long = "x".repeat(300);
    for (name, label) in [
        ("../../../etc/passwd", "passwd"),
        ("con", "con"),
        ("", "image"),
        ("\u{202e}gpj.raucb", "gpj.raucb"),
        (long.as_str(), &long[..120]),
    ] {
        let data = upload(&gateway, name, &format!("v1\n{name}")).await.data("Image verified successfully");
        assert_eq!(data["file"]["name"], *label, "{name}");
    }
    // The same name for two images, and two names for one: the newer name counts.
    let [one, two] = ["v2\none", "v2\ntwo"];
    let first = upload(&gateway, "same", one).await.data("Image verified successfully");
    let second = upload(&gateway, "same", two).await.data("Image verified successfully");
    assert_ne!(first["file"]["checksum"], second["file"]["checksum"]);
    upload(&gateway, "other", one).await.data("Image verified successfully");
    let deploy = |name: &str| json!({ "filename": name, "checksum": first["file"]["checksum"] });
    gateway.order(DEPLOY, &deploy("same")).await.failure(404, "NOT_FOUND");
    gateway.order(DEPLOY, &deploy("other")).await.data("Manual image deployment started");
}

#[tokio::test]
async fn forms_that_are_not_as_they_should_be_leave_nothing() {
    let gateway = Gateway::ready().await;
    let file = || field("file", Some("x"), "v1\n");
    for fields in [
        vec![],
        vec![field("version", None, "v1")],
        vec![file(), file()],
        vec![file(), field("colour", None, "red")],
        vec![file(), field("version", None, &"v".repeat(2000))],
        vec![file(), field("version", None, &"v".repeat(65))],
    ] {
        send(&gateway, &fields).await.failure(400, "BAD_REQUEST");
    }
    let token = gateway.token("operator").await;
    let call = || gateway.post(VERIFY).bearer(&token).gateway(GATEWAY);
    // The client goes away in the middle of the file.
    let half = format!("{}half", field("file", Some("x"), "v1").trim_end());
    call().raw("multipart/form-data; boundary=B", half).send().await.failure(400, "BAD_REQUEST");
    call().json(&json!({ "file": "x" })).send().await.failure(415, "UNSUPPORTED_MEDIA_TYPE");
    call().raw("multipart/form-data", "").send().await.failure(415, "UNSUPPORTED_MEDIA_TYPE");
    let viewer = gateway.post(VERIFY).bearer(&gateway.token("viewer").await).gateway(GATEWAY);
    viewer.raw("multipart/form-data; boundary=B", "--B--").send().await.failure(403, "FORBIDDEN");
    gateway.post(VERIFY).bearer(&token).send().await.failure(400, "GATEWAY_ID_REQUIRED");
    let cross = call().header("origin", "https://evil.example");
    cross.raw("multipart/form-data; boundary=B", "--B--").send().await.failure(403, "FORBIDDEN");
    assert!(left_over(&gateway).is_empty());
    let listed = gateway.read("/api/v1/ota/upload").await.data("Uploaded images retrieved successfully");
    assert_eq!(listed["images"], json!([]));
}

#[tokio::test]
async fn what_is_no_form_is_not_gathered_and_what_is_one_may_be_long() {
    let gateway = Gateway::ready().await;
    let pulled = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&pulled);
    let endless = futures::stream::repeat_with(move || {
        count.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[b'x'; 1 << 16]))
    });
    let endless = axum::body::Body::from_stream(endless);
    let call = gateway.post(VERIFY).bearer(&gateway.token("operator").await).gateway(GATEWAY);
    call.raw("multipart/form-data; boundary=B", endless).send().await.failure(400, "BAD_REQUEST");
    assert!(pulled.load(Ordering::Relaxed) <= 20, "{pulled:?} pieces were taken");
    // All at once, with nothing to wait for in between.
    upload(&gateway, "long", &format!("v1\n{}", "x".repeat(3 << 20)))
        .await
        .data("Image verified successfully");
}

#[tokio::test]
async fn a_refused_upload_is_on_record() {
    let gateway = Gateway::ready().await;
    send(&gateway, &[field("file", Some("x.raucb"), "v1"), field("colour", None, "red")]).await;
    let query = "/api/v1/ota/audit?action=upload_verify";
    let records = gateway.get(query).bearer(&gateway.token("admin").await).gateway(GATEWAY).send().await;
    let records = records.data("Audit log retrieved successfully");
    let record = &records["records"][0];
    assert_eq!((&record["subject"], &record["outcome"]), (&json!("x.raucb"), &json!("refused")), "{records}");
    assert!(record["detail"].as_str().unwrap().contains("colour"), "{record}");
}

#[tokio::test]
async fn a_sender_that_falls_silent_is_given_up() {
    let gateway = Gateway::with(|options| options.upload_idle = std::time::Duration::from_millis(50)).await;
    let begin = bytes::Bytes::from(field("file", Some("x"), "v1").trim_end().to_owned());
    let body = futures::StreamExt::chain(
        futures::stream::iter([Ok::<_, std::io::Error>(begin)]),
        futures::stream::pending(),
    );
    let call = gateway.post(VERIFY).bearer(&gateway.token("operator").await).gateway(GATEWAY);
    let answer =
        call.raw("multipart/form-data; boundary=B", axum::body::Body::from_stream(body)).send().await;
    answer.failure(408, "REQUEST_TIMEOUT");
    gateway.until("nothing is left", || left_over(&gateway).is_empty()).await;
}

#[tokio::test]
async fn images_that_are_too_long_or_too_many_are_refused() {
    let gateway = Gateway::ready().await;
    let large = |letter: &str, length: usize| format!("v1\n{}", letter.repeat(length));
    upload(&gateway, "x", &large("x", 5 << 20)).await.failure(413, "PAYLOAD_TOO_LARGE");
    for letter in ["a", "b"] {
        upload(&gateway, letter, &large(letter, 3 << 20)).await.data("Image verified successfully");
    }
    upload(&gateway, "c", &large("c", 3 << 20)).await.failure(507, "OTA_INSUFFICIENT_SPACE");
    assert!(left_over(&gateway).is_empty());
}

#[tokio::test]
async fn deployments_that_mean_nothing_here_are_refused() {
    let gateway = Gateway::ready().await;
    let data = upload(&gateway, "x", "v1\n").await.data("Image verified successfully");
    let checksum = data["file"]["checksum"].clone();
    let order = |change: fn(&mut Value)| {
        let mut body = json!({ "filename": "x", "checksum": checksum });
        change(&mut body);
        body
    };
    for (change, status, code) in [
        ((|b| b["target_partition"] = json!("A")) as fn(&mut Value), 400, "BAD_REQUEST"),
        (|b| b["version"] = json!("v9"), 400, "BAD_REQUEST"),
        (|b| b["checksum"] = json!("sha256:1234abcd..."), 400, "BAD_REQUEST"),
        (|b| b["checksum"] = json!(format!("sha256:{}", "0".repeat(64))), 404, "NOT_FOUND"),
        (|b| b["filename"] = json!("y"), 404, "NOT_FOUND"),
        (|b| b["colour"] = json!("red"), 400, "BAD_REQUEST"),
    ] {
        gateway.order(DEPLOY, &order(change)).await.failure(status, code);
    }
    gateway.world.crane_moves.store(true, Ordering::Relaxed);
    gateway.order(DEPLOY, &order(|_| ())).await.failure(423, "OTA_UPDATE_BLOCKED");
    assert_eq!(gateway.world.commits.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_was_kept_long_enough_goes_with_the_next_start() {
    let gateway = Gateway::ready().await;
    upload(&gateway, "x", "v1\n").await.data("Image verified successfully");
    let gateway = gateway.restarted_into(|world| world.wall_jump.store(3700, Ordering::Relaxed)).await;
    gateway.until("it is gone", || gateway.ota.snapshot().uploads.images.is_empty()).await;
    assert_eq!(std::fs::read_dir(gateway.directory.path().join("uploads")).unwrap().count(), 0);
}
