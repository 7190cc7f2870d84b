//! What holds for all routes of the interface: the order of the checks, and the envelope around every refusal.

use crate::support::{GATEWAY, Gateway};
use http::Method;
use serde_json::json;

const READ: [&str; 11] = [
    "status",
    "updates",
    "settings",
    "safety",
    "progress",
    "logs",
    "monitor",
    "audit",
    "recovery",
    "upload",
    "debug-bundle",
];
const WRITE: [&str; 17] = [
    "settings",
    "auto-update",
    "check-updates",
    "download",
    "install",
    "cancel",
    "reboot",
    "safety/override",
    "snapshot",
    "debug-bundle",
    "snapshot/delete",
    "upload/deploy",
    "upload/finish",
    "recovery/rollback",
    "recovery/restore",
    "recovery/factory",
    "recovery/finish",
];

fn all() -> impl Iterator<Item = (Method, String)> {
    let reads = READ.map(|name| (Method::GET, name)).into_iter();
    let writes = WRITE.map(|name| (Method::POST, name)).into_iter();
    reads.chain(writes).map(|(method, name)| (method, format!("/api/v1/ota/{name}")))
}

#[test]
fn the_server_functions_are_the_documented_routes_and_no_others() {
    let mut found: Vec<_> = server_fn::axum::server_fn_paths()
        .map(|(path, method)| (method.to_string(), path.to_owned()))
        .collect();
    let mut expected: Vec<_> = all().map(|(method, path)| (method.to_string(), path)).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn authentication_comes_first_then_the_gateway_then_the_role() {
    let gateway = Gateway::ready().await;
    let viewer = gateway.token("viewer").await;
    for (method, path) in all() {
        let call = || gateway.call(method.clone(), &path);
        call().send().await.failure(401, "UNAUTHORIZED");
        call().bearer(&"0".repeat(64)).gateway("GW-X").send().await.failure(401, "UNAUTHORIZED");
        call().bearer(&viewer).send().await.failure(400, "GATEWAY_ID_REQUIRED");
        for others in [&["GW-X"][..], &[&GATEWAY.to_lowercase()], &[GATEWAY, GATEWAY], &[GATEWAY, "GW-X"]] {
            let named = others.iter().fold(call().bearer(&viewer), |call, id| call.gateway(id));
            named.send().await.failure(404, "GATEWAY_NOT_FOUND");
        }
        call().bearer(&viewer).gateway("").send().await.failure(400, "GATEWAY_ID_REQUIRED");
        let other = "0".repeat(64);
        call().bearer(&viewer).cookie(&other).gateway(GATEWAY).send().await.failure(401, "UNAUTHORIZED");
        call().bearer(&viewer).cookie(&viewer).send().await.failure(400, "GATEWAY_ID_REQUIRED");
        if method == Method::POST || path.ends_with("/audit") {
            call().bearer(&viewer).gateway(GATEWAY).send().await.failure(403, "FORBIDDEN");
        }
    }
}

#[tokio::test]
async fn bodies_are_checked_before_they_are_read() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    for name in WRITE {
        let path = format!("/api/v1/ota/{name}");
        let call = || gateway.post(&path).bearer(&token).gateway(GATEWAY);
        call().send().await.failure(415, "UNSUPPORTED_MEDIA_TYPE");
        call().raw("text/plain", "{}").send().await.failure(415, "UNSUPPORTED_MEDIA_TYPE");
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(70_000));
        call().raw("application/json", long).send().await.failure(413, "PAYLOAD_TOO_LARGE");
        for body in [
            "",
            "{",
            "[1]",
            "nul",
            "{\"reason\": 1e999}",
            "{\"reason\": \"\\ud800\"}",
            "{\"reason\": \"a\", \"reason\": \"b\"}",
            "{\"reason\": \"\u{7}\"}",
            &"[".repeat(10_000),
            &"{\"a\":".repeat(10_000),
            "{\"no_such_field\": 1, \"reason\": \"x\", \"job_id\": \"y\", \"update_id\": \"z\"}",
        ] {
            call()
                .raw("application/json; charset=utf-8", body.to_owned())
                .send()
                .await
                .failure(400, "BAD_REQUEST");
        }
    }
}

#[tokio::test]
async fn another_method_is_refused_with_the_allowed_ones() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    for (method, path) in all() {
        let answer = gateway.call(Method::DELETE, &path).bearer(&token).gateway(GATEWAY).send().await;
        answer.failure(405, "METHOD_NOT_ALLOWED");
        assert!(answer.header("allow").contains(method.as_str()), "{path}: {answer:?}");
    }
    let answer = gateway.get("/api/v1/auth/login").send().await;
    answer.failure(405, "METHOD_NOT_ALLOWED");
    assert_eq!(answer.header("allow"), "POST");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_in_the_envelope() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    for path in [
        "/api/v1/ota/recovery/nothing",
        "/api/v1/ota",
        "/api/v1/ota/",
        "/api/v1/ota/%FF",
        "/api/x",
        "/api",
        "/api/",
        "/api/v2/ota/status",
    ] {
        gateway.get(path).bearer(&token).gateway(GATEWAY).send().await.failure(404, "NOT_FOUND");
        gateway
            .post(path)
            .bearer(&token)
            .gateway(GATEWAY)
            .json(&json!({}))
            .send()
            .await
            .failure(404, "NOT_FOUND");
    }
    for path in ["/api/v1/ota/debug/download/%FF", "/api/docs/%FF"] {
        gateway.get(path).bearer(&token).gateway(GATEWAY).send().await.failure(404, "NOT_FOUND");
        gateway.get(path).gateway(GATEWAY).send().await.failure(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("viewer").await;
    for path in ["/api/v1/ota/status", "/ota-system-updates", "/healthz"] {
        let answer = gateway.call(Method::HEAD, path).bearer(&token).gateway(GATEWAY).send().await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""), "{path}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_cannot_order_anything() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    let call = || gateway.post("/api/v1/ota/check-updates").cookie(&token).gateway(GATEWAY).json(&json!({}));
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        call().header(name, value).send().await.failure(403, "FORBIDDEN");
    }
    call().header("sec-fetch-site", "same-origin").send().await.data("Update check initiated");
    call().header("origin", "http://127.0.0.1:3000").send().await.data("Update check initiated");
}

#[tokio::test]
async fn a_browser_is_not_redirected_and_nothing_is_kept() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("viewer").await;
    let call = || gateway.get("/api/v1/ota/status").cookie(&token).gateway(GATEWAY);
    let answer =
        call().header("accept", "text/html").header("referer", "http://127.0.0.1:3000/x").send().await;
    answer.data("Gateway status retrieved successfully");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
    let own = call().header("x-request-id", "my-id.1").send().await;
    assert_eq!(own.header("x-request-id"), "my-id.1");
    let foreign = call().header("x-request-id", "<script>").send().await;
    assert_ne!(foreign.header("x-request-id"), "<script>");
}

#[tokio::test]
async fn names_that_are_not_the_gateways_are_refused_where_names_are_configured() {
    let gateway = Gateway::with(|options| options.allowed_hosts = vec!["gw.plant.example".into()]).await;
    for (host, status) in
        [("gw.plant.example:3000", 200), ("localhost", 200), ("[::1]:3000", 200), ("evil.example", 400)]
    {
        let request =
            http::Request::get("/healthz").header("host", host).body(axum::body::Body::empty()).unwrap();
        let answer = tower::ServiceExt::oneshot(gateway.router.clone(), request).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{host}");
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_told_so() {
    let gateway =
        Gateway::with(|options| options.request_timeout = std::time::Duration::from_millis(1)).await;
    // Comparing a password takes tens of milliseconds.
    let body = json!({ "username": "viewer", "password": "some password" });
    let answer = gateway.post("/api/v1/auth/login").json(&body).send().await;
    answer.failure(408, "REQUEST_TIMEOUT");
}
