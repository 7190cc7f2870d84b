use crate::support::{Answer, Call, GATEWAY, Gateway};
use axum::body::Body;
use bytes::Bytes;
use futures::{SinkExt, StreamExt, channel::mpsc, stream};
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io;
use std::sync::atomic::Ordering;
use tokio::task::JoinHandle;

const FILES: &str = "/api/v1/ota/upload/files";
const FINISH: &str = "/api/v1/ota/upload/finish";
const VERIFIED: &str = "Image verified successfully";
const PART: &str = "application/offset+octet-stream";

/// Somebody who uploads to a gateway in parts.
struct Client<'a> {
    gateway: &'a Gateway,
    token: String,
}

impl<'a> Client<'a> {
    async fn of(gateway: &'a Gateway) -> Self {
        Self { gateway, token: gateway.token("operator").await }
    }

    fn call(&self, method: Method, path: &str) -> Call {
        let call = self.gateway.call(method, path).bearer(&self.token).gateway(GATEWAY);
        call.header("tus-resumable", "1.0.0")
    }

    fn creation(&self, length: usize) -> Call {
        self.call(Method::POST, FILES).header("upload-length", &length.to_string())
    }

    /// Begins an upload of `x.raucb` and says where it goes on.
    async fn begin(&self, length: usize) -> String {
        let answer = self.creation(length).header("upload-metadata", "filename eC5yYXVjYg==").send().await;
        assert_eq!((answer.status.as_u16(), answer.header("tus-resumable")), (201, "1.0.0"), "{answer:?}");
        answer.header("location").to_owned()
    }

    fn part(&self, place: &str, offset: usize, content: impl Into<Body>) -> Call {
        self.call(Method::PATCH, place).header("upload-offset", &offset.to_string()).raw(PART, content)
    }

    /// Sends a part and says where the upload ends now.
    async fn send(&self, place: &str, offset: usize, content: &str) -> usize {
        let answer = self.part(place, offset, content.to_owned()).send().await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""), "{answer:?}");
        answer.header("upload-offset").parse().unwrap()
    }

    /// Begins an upload whose first part has sent its first line, and sends more when the test says so.
    async fn writing(
        &self,
        length: usize,
    ) -> (String, mpsc::Sender<Result<Bytes, io::Error>>, JoinHandle<Answer>) {
        let place = self.begin(length).await;
        let (mut feed, body) = fed();
        let writer = tokio::spawn(self.part(&place, 0, body).send());
        feed.send(Ok(Bytes::from_static(b"v1\n"))).await.unwrap();
        (place, feed, writer)
    }

    async fn head(&self, place: &str) -> Answer {
        self.call(Method::HEAD, place).send().await
    }

    async fn offset(&self, place: &str) -> usize {
        let answer = self.head(place).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"), "{answer:?}");
        answer.header("upload-offset").parse().unwrap()
    }

    async fn finish(&self, place: &str) -> Answer {
        self.finish_as(&json!({ "upload_id": id(place) })).await
    }

    async fn finish_as(&self, body: &Value) -> Answer {
        self.gateway.post(FINISH).bearer(&self.token).gateway(GATEWAY).json(body).send().await
    }
}

fn id(place: &str) -> &str {
    place.rsplit('/').next().unwrap()
}

fn checksum(content: &str) -> Value {
    json!(format!("sha256:{}", hex::encode(Sha256::digest(content))))
}

/// Files of uploads that are not finished.
fn left_over(gateway: &Gateway) -> Vec<String> {
    let entries = std::fs::read_dir(gateway.directory.path().join("uploads")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".raucb") && !name.ends_with(".json")).collect()
}

async fn uploads(gateway: &Gateway) -> Value {
    gateway.read("/api/v1/ota/upload").await.data("Uploaded images retrieved successfully")
}

/// A body that comes when the test says so.
fn fed() -> (mpsc::Sender<Result<Bytes, io::Error>>, Body) {
    let (feed, body) = mpsc::channel(0);
    (feed, Body::from_stream(body))
}

#[tokio::test]
async fn an_image_comes_in_parts_and_is_verified_as_one_of_a_form_is() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let content = format!("v5.1.0\n{}", "ü".repeat(1 << 20));
    let (one, two) = content.split_at(1_000_001);
    let place = client.begin(content.len()).await;
    let told = client.head(&place).await;
    assert_eq!(told.header("upload-length"), content.len().to_string());
    assert_eq!(told.header("upload-metadata"), "filename eC5yYXVjYg==");
    assert!(told.header("upload-expires").ends_with(" GMT"), "{told:?}");
    assert_eq!(client.send(&place, 0, one).await, one.len());
    assert_eq!(client.offset(&place).await, one.len());
    let listed = uploads(&gateway).await;
    let expected = json!({ "upload_id": id(&place), "name": "x.raucb", "size_bytes": content.len(),
        "received_bytes": one.len(), "expires_at": listed["unfinished"][0]["expires_at"] });
    assert_eq!(listed["unfinished"], json!([expected]));
    assert_eq!(client.send(&place, one.len(), two).await, content.len());

    let order = json!({ "upload_id": id(&place), "version": "v5.1.0-custom" });
    let data = client.finish_as(&order).await.data(VERIFIED);
    let file = &data["file"];
    assert_eq!((&file["name"], &file["version"]), (&json!("x.raucb"), &json!("v5.1.0-custom")));
    assert_eq!((&file["checksum"], &file["size_bytes"]), (&checksum(&content), &json!(content.len())));
    assert_eq!((&data["verified"], &data["metadata"]["signed_version"]), (&json!(true), &json!("v5.1.0")));
    let listed = uploads(&gateway).await;
    assert_eq!((&listed["images"], &listed["unfinished"]), (&json!([data]), &json!([])));
    assert!(left_over(&gateway).is_empty());
    assert_eq!(client.head(&place).await.status.as_u16(), 404);
    // Whoever did not hear it asks again.
    assert_eq!(client.finish_as(&order).await.data(VERIFIED), data);
}

#[tokio::test]
async fn what_broke_off_goes_on_where_it_broke_off() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let content = format!("v1\n{}", "x".repeat(2 << 20));
    let place = client.begin(content.len()).await;
    let mut end = 0;
    for more in [1, 700_000, 1_000_000] {
        let piece = Bytes::copy_from_slice(&content.as_bytes()[end..end + more]);
        let broken = stream::iter([Ok(piece), Err(io::Error::other("the line is dead"))]);
        client.part(&place, end, Body::from_stream(broken)).send().await.failure(400, "BAD_REQUEST");
        end += more;
        assert_eq!(client.offset(&place).await, end, "all that came is there");
    }
    client.send(&place, end, &content[end..]).await;
    let data = client.finish(&place).await.data(VERIFIED);
    assert_eq!(data["file"]["checksum"], checksum(&content));
}

#[tokio::test]
async fn an_upload_outlives_the_service_and_keeps_its_room() {
    let gateway = Gateway::ready().await;
    let content = format!("v1\n{}", "x".repeat(3 << 20));
    let (one, two) = content.split_at(1 << 20);
    let client = Client::of(&gateway).await;
    let place = client.begin(content.len()).await;
    client.send(&place, 0, one).await;
    let room = uploads(&gateway).await["room_bytes"].clone();
    let file = gateway.directory.path().join("uploads").join(format!("{}.part", id(&place)));
    // A power cut leaves anything behind what is vouched for.
    let garbage = [one, "what the disk made of the rest"].concat();
    std::fs::write(file, garbage).unwrap();
    let gateway = gateway.restarted().await;
    let client = Client::of(&gateway).await;
    assert_eq!(client.offset(&place).await, one.len());
    assert_eq!(uploads(&gateway).await["room_bytes"], room);
    client.send(&place, one.len(), two).await;
    let data = client.finish(&place).await.data(VERIFIED);
    assert_eq!(data["file"]["checksum"], checksum(&content));
}

#[tokio::test]
async fn of_two_writers_the_second_is_refused_and_nothing_is_mixed() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let content = "v1\nthe first writer's";
    let (place, mut feed, first) = client.writing(content.len()).await;
    let second = client.part(&place, 0, "second".to_owned()).send().await;
    let (_, details) = second.failure(409, "OTA_OPERATION_IN_PROGRESS");
    assert_eq!((&details["state"], second.header("retry-after")), (&json!("uploading"), "1"));
    client.finish(&place).await.failure(409, "OTA_OPERATION_IN_PROGRESS");
    feed.send(Ok(Bytes::from_static(b"the first writer's"))).await.unwrap();
    drop(feed);
    assert_eq!(first.await.unwrap().header("upload-offset"), content.len().to_string());
    let data = client.finish(&place).await.data(VERIFIED);
    assert_eq!(data["file"]["checksum"], checksum(content));
}

#[tokio::test]
async fn who_asks_how_far_it_is_goes_on_at_once_whatever_has_become_of_the_line_before() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let content = "v1\nand the rest";
    let (place, mut feed, silent) = client.writing(content.len()).await;
    feed.flush().await.unwrap();
    let end = client.offset(&place).await;
    silent.await.unwrap().failure(409, "OTA_OPERATION_IN_PROGRESS");
    assert_eq!(client.send(&place, end, &content[end..]).await, content.len());
    assert!(feed.send(Ok(Bytes::from_static(b"too late"))).await.is_err(), "nobody reads that");
    let data = client.finish(&place).await.data(VERIFIED);
    assert_eq!(data["file"]["checksum"], checksum(content));
}

#[tokio::test]
async fn parts_that_do_not_fit_are_refused_and_nothing_is_lost() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let place = client.begin(10).await;
    client.send(&place, 0, "v1\n4").await;
    for offset in [0, 3, 5, 10, 1 << 40] {
        let answer = client.part(&place, offset, "56789".to_owned()).send().await;
        let (_, details) = answer.failure(409, "UPLOAD_OFFSET_CONFLICT");
        assert_eq!(details, json!({ "offset": 4, "length": 10 }));
        assert_eq!(answer.header("upload-offset"), "4");
    }
    let long = || client.part(&place, 4, "4567890".to_owned());
    long().send().await.failure(413, "PAYLOAD_TOO_LARGE");
    long().header("content-length", "7").send().await.failure(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(client.offset(&place).await, 4);
    // What fits of a stream that goes on too long stays.
    let pieces = ["567", "8901"].map(|piece| Ok::<_, io::Error>(Bytes::from_static(piece.as_bytes())));
    let long = client.part(&place, 4, Body::from_stream(stream::iter(pieces)));
    long.send().await.failure(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(client.offset(&place).await, 7);
    let patch = || client.call(Method::PATCH, &place);
    patch().raw(PART, "890").send().await.failure(400, "BAD_REQUEST");
    for bad in ["-1", "+7", "7.0", "", "0x7", "99999999999999999999999"] {
        let call = patch().header("upload-offset", bad).raw(PART, "890");
        call.send().await.failure(400, "BAD_REQUEST");
    }
    let json = patch().header("upload-offset", "7").raw("application/json", "890");
    json.send().await.failure(415, "UNSUPPORTED_MEDIA_TYPE");
    client.finish(&place).await.failure(409, "UPLOAD_OFFSET_CONFLICT");
    assert_eq!(client.send(&place, 7, "890").await, 10);
    let data = client.finish(&place).await.data(VERIFIED);
    assert_eq!(data["file"]["checksum"], checksum("v1\n4567890"));
}

#[tokio::test]
async fn uploads_that_cannot_come_to_their_end_are_not_begun() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    for bad in ["0", "-1", "", "ten"] {
        let call = client.call(Method::POST, FILES).header("upload-length", bad);
        call.send().await.failure(400, "BAD_REQUEST");
    }
    client.call(Method::POST, FILES).send().await.failure(400, "BAD_REQUEST");
    let long = "dg".repeat(3000);
    for bad in ["filename !", "version dgpm", &format!("x {long}"), &format!("version {}", "dnZ2".repeat(30))]
    {
        client.creation(9).header("upload-metadata", bad).send().await.failure(400, "BAD_REQUEST");
    }
    client.creation((4 << 20) + 1).send().await.failure(413, "PAYLOAD_TOO_LARGE");
    // Room is kept for all of it before anything comes.
    let whole = uploads(&gateway).await["room_bytes"].clone();
    let places = [client.begin(3 << 20).await, client.begin(3 << 20).await];
    assert_eq!(uploads(&gateway).await["room_bytes"], 2 << 20);
    client.creation(3 << 20).send().await.failure(507, "OTA_INSUFFICIENT_SPACE");
    for place in &places {
        assert_eq!(client.call(Method::DELETE, place).send().await.status.as_u16(), 204);
    }
    assert_eq!(uploads(&gateway).await["room_bytes"], whole);
    for _ in 0..8 {
        client.begin(9).await;
    }
    client.creation(9).send().await.failure(429, "TOO_MANY_REQUESTS");
    let query = "/api/v1/ota/audit?action=upload_verify";
    let records = gateway.get(query).bearer(&gateway.token("admin").await).gateway(GATEWAY).send().await;
    let records = records.data("Audit log retrieved successfully");
    assert_eq!(records["records"][0]["outcome"], "refused", "{records}");
}

#[tokio::test]
async fn what_is_discarded_is_gone_at_once_whoever_writes_to_it() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let (place, _feed, writer) = client.writing(100).await;
    let discarded = client.call(Method::DELETE, &place).send().await;
    assert_eq!((discarded.status.as_u16(), discarded.text.as_str()), (204, ""));
    writer.await.unwrap().failure(404, "NOT_FOUND");
    assert!(left_over(&gateway).is_empty());
    client.call(Method::DELETE, &place).send().await.failure(404, "NOT_FOUND");
    client.finish(&place).await.failure(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_is_being_verified_is_neither_discarded_nor_written_to() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let place = client.begin(3).await;
    client.send(&place, 0, "v1\n").await;
    gateway.world.verifications_hang.store(true, Ordering::Relaxed);
    let other_end = async {
        gateway.until("it is being verified", || gateway.world.is_verifying.load(Ordering::Relaxed)).await;
        let busy = client.call(Method::DELETE, &place).send().await.failure(409, "OTA_OPERATION_IN_PROGRESS");
        assert_eq!(busy.1["state"], "uploading", "{busy:?}");
        client.part(&place, 3, "x").send().await.failure(409, "OTA_OPERATION_IN_PROGRESS");
        gateway.world.verifications_hang.store(false, Ordering::Relaxed);
    };
    let (finished, ()) = tokio::join!(client.finish(&place), other_end);
    assert_eq!(finished.data(VERIFIED)["verified"], true);
}

#[tokio::test]
async fn a_verification_that_the_end_of_the_service_breaks_off_is_asked_for_again() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let place = client.begin(3).await;
    client.send(&place, 0, "v1\n").await;
    gateway.world.verifications_hang.store(true, Ordering::Relaxed);
    let other_end = async {
        gateway.until("it is being verified", || gateway.world.is_verifying.load(Ordering::Relaxed)).await;
        gateway.ota.shutdown().await;
    };
    let (broken_off, ()) = tokio::join!(client.finish(&place), other_end);
    let (_, details) = broken_off.failure(409, "OTA_OPERATION_IN_PROGRESS");
    assert_eq!(details, json!({ "job_id": null, "state": "stopping", "retry_after_seconds": 2 }));
    let gateway = gateway.restarted().await;
    assert_eq!(Client::of(&gateway).await.finish(&place).await.data(VERIFIED)["verified"], true);
}

#[tokio::test]
async fn what_is_left_alone_for_too_long_goes() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let place = client.begin(100).await;
    client.send(&place, 0, "v1\n").await;
    let gateway = gateway.restarted_into(|world| world.wall_jump.store(3500, Ordering::Relaxed)).await;
    let client = Client::of(&gateway).await;
    assert_eq!(client.offset(&place).await, 3);
    let gateway = gateway.restarted_into(|world| world.wall_jump.store(3700, Ordering::Relaxed)).await;
    gateway.until("it is gone", || gateway.ota.snapshot().uploads.unfinished.is_empty()).await;
    let client = Client::of(&gateway).await;
    assert_eq!(client.head(&place).await.status.as_u16(), 404);
    assert!(left_over(&gateway).is_empty());
}

#[tokio::test]
async fn names_that_are_none_of_ours_lead_nowhere() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let place = client.begin(9).await;
    let upper = id(&place).to_uppercase();
    let encoded = format!("%{:02x}{}", id(&place).as_bytes()[0], &id(&place)[1..]);
    let zeros = "0".repeat(32);
    for bad in ["x", "..", "%2e%2e%2fgateway.db", "%ff", upper.as_str(), encoded.as_str(), zeros.as_str()] {
        if bad == id(&place) {
            continue; // It had digits only.
        }
        let path = format!("{FILES}/{bad}");
        assert_eq!(client.head(&path).await.status.as_u16(), 404, "{bad}");
        client.part(&path, 0, "x".to_owned()).send().await.failure(404, "NOT_FOUND");
        client.call(Method::DELETE, &path).send().await.failure(404, "NOT_FOUND");
        client.finish(&path).await.failure(404, "NOT_FOUND");
    }
    client.finish_as(&json!({ "upload_id": "../gateway.db" })).await.failure(404, "NOT_FOUND");
    client.finish_as(&json!({ "upload_id": id(&place), "colour": 1 })).await.failure(400, "BAD_REQUEST");
    assert_eq!(client.offset(&place).await, 0);
}

#[tokio::test]
async fn an_image_that_is_refused_is_not_kept_and_a_bad_label_costs_nothing() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let place = client.begin(9).await;
    client.send(&place, 0, "unsigned\n").await;
    let label = json!({ "upload_id": id(&place), "version": "v".repeat(65) });
    client.finish_as(&label).await.failure(400, "BAD_REQUEST");
    assert_eq!(client.offset(&place).await, 9);
    client.finish(&place).await.failure(422, "OTA_SIGNATURE_FAILED");
    assert!(left_over(&gateway).is_empty());
    client.finish(&place).await.failure(422, "OTA_SIGNATURE_FAILED");
    assert_eq!(uploads(&gateway).await["images"], json!([]));
}

#[tokio::test]
async fn a_sender_that_falls_silent_is_given_up_and_what_came_is_kept() {
    let gateway = Gateway::with(|options| options.upload_idle = std::time::Duration::from_millis(50)).await;
    let client = Client::of(&gateway).await;
    let place = client.begin(100).await;
    let silent = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"v1\n"))]).chain(stream::pending());
    let answer = client.part(&place, 0, Body::from_stream(silent)).send().await;
    answer.failure(408, "REQUEST_TIMEOUT");
    assert_eq!(client.offset(&place).await, 3);
}

#[tokio::test]
async fn a_service_that_ends_does_not_wait_for_the_sender() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let place = client.begin(100).await;
    let (mut feed, body) = fed();
    let writer = tokio::spawn(client.part(&place, 0, body).send());
    feed.send(Ok(Bytes::from_static(b"v1\n"))).await.unwrap();
    let gateway = gateway.restarted().await;
    writer.await.unwrap().failure(409, "OTA_OPERATION_IN_PROGRESS");
    assert_eq!(Client::of(&gateway).await.offset(&place).await, 3);
}

#[tokio::test]
async fn the_same_checks_stand_before_it_as_before_everything_else() {
    let gateway = Gateway::ready().await;
    let client = Client::of(&gateway).await;
    let place = client.begin(100).await;
    let viewer = gateway.token("viewer").await;
    for (method, path) in [
        (Method::POST, FILES),
        (Method::OPTIONS, FILES),
        (Method::HEAD, &place),
        (Method::PATCH, &place),
        (Method::DELETE, &place),
    ] {
        let call = || gateway.call(method.clone(), path).header("tus-resumable", "1.0.0");
        let status = async |call: Call| call.send().await.status.as_u16();
        assert_eq!(status(call()).await, 401, "{method}");
        assert_eq!(status(call().bearer(&client.token)).await, 400, "{method}");
        assert_eq!(status(call().bearer(&client.token).gateway("GW-X")).await, 404, "{method}");
        assert_eq!(status(call().bearer(&viewer).gateway(GATEWAY)).await, 403, "{method}");
        let evil = call().cookie(&client.token).gateway(GATEWAY).header("origin", "https://evil.example");
        let reads = [Method::OPTIONS, Method::HEAD].contains(&method);
        assert_eq!(status(evil).await == 403, !reads, "{method}");
        if method != Method::OPTIONS {
            for version in [None, Some("0.2.2")] {
                let call = gateway.call(method.clone(), path).bearer(&client.token).gateway(GATEWAY);
                let call = match version {
                    Some(version) => call.header("tus-resumable", version),
                    None => call,
                };
                let answer = call.send().await;
                assert_eq!((answer.status.as_u16(), answer.header("tus-version")), (412, "1.0.0"));
                if method != Method::HEAD {
                    answer.failure(412, "PRECONDITION_FAILED");
                }
            }
        }
    }
    let described = client.call(Method::OPTIONS, FILES).send().await;
    assert_eq!(described.status.as_u16(), 204);
    assert_eq!(described.header("tus-extension"), "creation,termination,expiration");
    client.call(Method::GET, &place).send().await.failure(405, "METHOD_NOT_ALLOWED");
    client.call(Method::PUT, FILES).send().await.failure(405, "METHOD_NOT_ALLOWED");
    assert_eq!(client.offset(&place).await, 0, "nobody changed anything");
}
