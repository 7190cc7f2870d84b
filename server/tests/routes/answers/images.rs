//! Images that people bring.

use super::Route;
use crate::support::{Answer, GATEWAY, Gateway};
use http::Method;
use serde_json::{Value, json};

const IMAGE: &str = "v5.1.0\nrest";

/// A form with one file.
fn form(name: &str, content: &str) -> String {
    let field = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
    format!("--B\r\n{field}\r\n\r\n{content}\r\n--B--\r\n")
}

impl Route<'_> {
    async fn brings(&mut self, when: &str, body: String) -> Answer {
        let call = self.as_user(&self.operator, "").header("content-length", &body.len().to_string());
        self.sends(when, "", call.raw("multipart/form-data; boundary=B", body)).await
    }

    async fn refuses_forms(&mut self) {
        self.brings("nobody whom the gateway trusts has signed it", form("x.raucb", "unsigned")).await;
        self.brings("a form without a file", "--B--\r\n".to_owned()).await;
        self.brings("a form that ends too early", "--B\r\nContent-Disposition: form-data; na".to_owned())
            .await;
        let call = self.as_user(&self.operator, "").json(&json!({}));
        self.sends("a body of another type", " {}", call).await;
        let call = self.as_user(&self.operator, "").raw("multipart/form-data; boundary=B", form("x", "y"));
        self.sends("a file that is too long", "", call.header("content-length", "9000000000")).await;
        self.refuses_orders().await;
    }
}

async fn verified(gateway: &Gateway, name: &str, content: &str) -> Value {
    let mut route = Route::post(gateway, "upload/verify").await;
    route.brings("", form(name, content)).await.body()["data"].clone()
}

#[tokio::test]
async fn upload_verify() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "upload/verify").await;
    route.brings("an image", form("custom-v5.1.0.img", IMAGE)).await;
    route.brings("an image for other hardware", form("foreign.img", "foreign\n")).await;
    route.refuses_forms().await;
    route.compare();
}

#[tokio::test]
async fn recovery_upload() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "recovery/upload").await;
    route.brings("an image", form("recovery_v1.2.img", "v6.0.0\nrest")).await;
    route.brings("an image for other hardware", form("foreign.img", "foreign\n")).await;
    route.refuses_forms().await;
    route.compare();
}

#[tokio::test]
async fn uploads() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "upload").await;
    route.reads("there is none", "").await;
    verified(&gateway, "custom-v5.1.0.img", IMAGE).await;
    begin(&gateway).await;
    route.reads("there is one, and the beginning of another one", "").await;
    route.refuses().await;
    route.compare();
}

#[tokio::test]
async fn upload_deploy() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "upload/deploy").await;
    let image = |name: &str, verified: &Value| json!({ "filename": name, "target_partition": "B", "checksum": verified["file"]["checksum"] });
    let foreign = verified(&gateway, "foreign.img", "foreign\n").await;
    let good = verified(&gateway, "custom-v5.1.0.img", IMAGE).await;
    route.orders("an image that there is not", &json!({ "filename": "other.img" })).await;
    let mut other = image("custom-v5.1.0.img", &good);
    other["checksum"] = json!(format!("sha256:{}", "0".repeat(64)));
    route.orders("another checksum", &other).await;
    other["target_partition"] = json!("A");
    route.orders("into the running slot", &other).await;
    route.orders("an image for other hardware", &image("foreign.img", &foreign)).await;
    route.orders("an image", &image("custom-v5.1.0.img", &good)).await;
    gateway.until_job_is("awaiting_reboot").await;
    route.orders("another job runs", &image("custom-v5.1.0.img", &good)).await;
    route.refuses_bodies().await;
    route.compare();
}

const FILES: &str = "/api/v1/ota/upload/files";

/// Begins an upload in parts and says where it goes on.
async fn begin(gateway: &Gateway) -> String {
    let call = gateway.post(FILES).bearer(&gateway.token("operator").await).gateway(GATEWAY);
    let call = call.header("tus-resumable", "1.0.0").header("upload-metadata", "filename eC5yYXVjYg==");
    let answer = call.header("upload-length", &IMAGE.len().to_string()).send().await;
    answer.header("location").to_owned()
}

/// The whole of it.
async fn bring(gateway: &Gateway) -> String {
    let place = begin(gateway).await;
    let call = gateway.call(Method::PATCH, &place).bearer(&gateway.token("operator").await).gateway(GATEWAY);
    let call = call.header("tus-resumable", "1.0.0").header("upload-offset", "0");
    call.raw("application/offset+octet-stream", IMAGE).send().await;
    place.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn upload_files() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "upload/files").await;
    for (when, headers) in [
        ("an upload is begun", &[("upload-length", "11"), ("upload-metadata", "filename eC5yYXVjYg==")][..]),
        ("no length", &[]),
        ("what is no length", &[("upload-length", "long")]),
        ("too long", &[("upload-length", "9000000000")]),
        ("metadata that cannot be read", &[("upload-length", "11"), ("upload-metadata", "filename ???")]),
    ] {
        let call = route.as_user(&route.operator, "").header("tus-resumable", "1.0.0");
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        route.sends(when, "", call).await;
    }
    let call = route.as_user(&route.operator, "").header("tus-resumable", "0.2.0");
    route.sends("another version of the protocol", "", call).await;
    route.refuses_orders().await;
    route.compare();
}

#[tokio::test]
async fn upload_options() {
    let gateway = Gateway::ready().await;
    for path in [FILES, "/api/v1/ota/upload/files/{id}"] {
        let mut route = Route::of(&gateway, Method::OPTIONS, path).await;
        let address = path.replace("{id}", &"0".repeat(32));
        let call = gateway.call(Method::OPTIONS, &address).bearer(&route.operator).gateway(GATEWAY);
        route.sends("what there is", "", call).await;
        route.compare();
    }
}

#[tokio::test]
async fn upload_parts() {
    let gateway = Gateway::ready().await;
    let place = begin(&gateway).await;
    let absent = format!("{FILES}/{}", "0".repeat(32));
    let path = "/api/v1/ota/upload/files/{id}";
    let of = |route: &Route<'_>, place: &str| {
        let call = route.gateway.call(route.method.clone(), place).bearer(&route.operator).gateway(GATEWAY);
        call.header("tus-resumable", "1.0.0")
    };

    let mut route = Route::of(&gateway, Method::PATCH, path).await;
    for (when, place, offset, kind) in [
        ("a part", &place, "0", "application/offset+octet-stream"),
        ("from somewhere else", &place, "5", "application/offset+octet-stream"),
        ("what is no place", &place, "x", "application/offset+octet-stream"),
        ("more than was announced", &place, "3", "application/offset+octet-stream"),
        ("a body of another type", &place, "3", "text/plain"),
        ("an upload that there is not", &absent, "0", "application/offset+octet-stream"),
    ] {
        let content = if when.starts_with("more") { "more than was announced" } else { "v5." };
        let call = of(&route, place).header("upload-offset", offset).raw(kind, content);
        route.sends(when, "", call).await;
    }
    let call = gateway.call(Method::PATCH, &place);
    route.sends("nobody is logged in", "", call).await;
    route.compare();

    let mut route = Route::of(&gateway, Method::HEAD, path).await;
    let call = of(&route, &place);
    route.sends("how far it is", "", call).await;
    let call = of(&route, &absent);
    route.sends("an upload that there is not", "", call).await;
    route.compare();

    let mut route = Route::of(&gateway, Method::DELETE, path).await;
    let call = of(&route, &place);
    route.sends("it is given up", "", call).await;
    let call = of(&route, &place);
    route.sends("an upload that there is not", "", call).await;
    let call = gateway.call(Method::DELETE, &place).bearer(&route.viewer).gateway(GATEWAY);
    route.sends("by somebody whose role is not enough", "", call).await;
    route.compare();
}

async fn finishes(gateway: &Gateway, name: &str) {
    let mut route = Route::post(gateway, name).await;
    let whole = json!({ "upload_id": bring(gateway).await });
    route.orders("an image that came in parts", &whole).await;
    let begun = begin(gateway).await;
    let begun = json!({ "upload_id": begun.rsplit('/').next().unwrap() });
    route.orders("an image of which a part is missing", &begun).await;
    route.orders("an upload that there is not", &json!({ "upload_id": "0".repeat(32) })).await;
    route.refuses_bodies().await;
    route.compare();
}

#[tokio::test]
async fn upload_finish() {
    finishes(&Gateway::ready().await, "upload/finish").await;
}

#[tokio::test]
async fn recovery_finish() {
    finishes(&Gateway::ready().await, "recovery/finish").await;
}
