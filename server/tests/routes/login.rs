use crate::support::{GATEWAY, Gateway, PASSWORD, short_sessions};
use serde_json::json;

const LOGIN: &str = "/api/v1/auth/login";
const LOGOUT: &str = "/api/v1/auth/logout";
const STATUS: &str = "/api/v1/ota/status";

#[tokio::test]
async fn one_session_serves_cookie_and_bearer_until_the_logout() {
    let gateway = Gateway::ready().await;
    let body = json!({ "username": "operator", "password": PASSWORD });
    let answer = gateway.post(LOGIN).json(&body).send().await;
    let data = answer.data("Logged in");
    assert_eq!((&data["username"], &data["role"]), (&json!("operator"), &json!("operator")));
    assert!(data["expires_at"].as_str().unwrap().ends_with('Z'));
    let token = data["token"].as_str().unwrap();
    assert_eq!(token.len(), 64);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with(&format!("session_token={token}; ")), "{cookie}");
    assert!(
        ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"].iter().all(|part| cookie.contains(part)),
        "{cookie}"
    );
    assert!(!cookie.contains("Secure"));
    gateway
        .get(STATUS)
        .cookie(token)
        .gateway(GATEWAY)
        .send()
        .await
        .data("Gateway status retrieved successfully");
    gateway
        .get(STATUS)
        .bearer(token)
        .gateway(GATEWAY)
        .send()
        .await
        .data("Gateway status retrieved successfully");
    let out = gateway.post(LOGOUT).cookie(token).send().await;
    out.data("Logged out");
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    gateway.get(STATUS).bearer(token).gateway(GATEWAY).send().await.failure(401, "UNAUTHORIZED");
    gateway.post(LOGOUT).cookie(token).send().await.failure(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn under_tls_the_cookie_is_secure() {
    let gateway = Gateway::with(|options| options.tls = true).await;
    let body = json!({ "username": "operator", "password": PASSWORD });
    let answer = gateway.post(LOGIN).json(&body).send().await;
    assert!(answer.header("set-cookie").contains("Secure"));
    assert!(answer.header("strict-transport-security").starts_with("max-age="));
}

#[tokio::test]
async fn a_session_outlives_the_service_and_its_token_is_not_in_the_database() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    let gateway = gateway.restarted().await;
    gateway
        .get(STATUS)
        .bearer(&token)
        .gateway(GATEWAY)
        .send()
        .await
        .data("Gateway status retrieved successfully");
    for entry in std::fs::read_dir(gateway.directory.path()).unwrap().filter_map(Result::ok) {
        if entry.path().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
            assert!(!found, "the token is in {:?}", entry.path());
        }
    }
}

#[tokio::test]
async fn a_session_that_idles_too_long_ends() {
    let gateway = Gateway::with(|options| options.lifetimes = short_sessions(1)).await;
    let token = gateway.token("viewer").await;
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    gateway.get(STATUS).bearer(&token).gateway(GATEWAY).send().await.failure(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn wrong_passwords_and_unknown_users_look_the_same_and_are_slowed_down() {
    let gateway = Gateway::ready().await;
    let attempt = |user: &'static str, password: &'static str| {
        gateway.post(LOGIN).json(&json!({ "username": user, "password": password })).send()
    };
    let wrong = attempt("operator", "wrong").await.failure(401, "UNAUTHORIZED");
    assert_eq!(wrong, attempt("nobody", "wrong").await.failure(401, "UNAUTHORIZED"));
    for _ in 0..4 {
        attempt("operator", "wrong").await.failure(401, "UNAUTHORIZED");
    }
    let slowed = attempt("operator", PASSWORD).await;
    slowed.failure(429, "TOO_MANY_REQUESTS");
    assert!(slowed.header("retry-after").parse::<u64>().unwrap() >= 1);
    attempt("viewer", PASSWORD).await.data("Logged in");
}

#[tokio::test]
async fn the_body_is_read_to_the_letter() {
    let gateway = Gateway::ready().await;
    for body in [
        json!({}),
        json!({ "username": "operator" }),
        json!({ "username": "o", "password": "p", "role": "admin" }),
        json!([]),
    ] {
        gateway.post(LOGIN).json(&body).send().await.failure(400, "BAD_REQUEST");
    }
    gateway.post(LOGIN).raw("text/plain", "{}").send().await.failure(415, "UNSUPPORTED_MEDIA_TYPE");
    let cross = gateway.post(LOGIN).header("origin", "https://evil.example");
    cross
        .json(&json!({ "username": "operator", "password": PASSWORD }))
        .send()
        .await
        .failure(403, "FORBIDDEN");
}

#[tokio::test]
async fn the_form_leads_to_the_page_and_back() {
    let gateway = Gateway::ready().await;
    assert_eq!(gateway.get("/login").send().await.status, 200);
    let form = "application/x-www-form-urlencoded";
    let wrong = gateway.post("/login").raw(form, "username=operator&password=wrong").send().await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text.contains("is wrong") && wrong.header("set-cookie").is_empty());
    let right =
        gateway.post("/login").raw(form, format!("username=operator&password={PASSWORD}")).send().await;
    assert_eq!((right.status.as_u16(), right.header("location")), (303, "/ota-system-updates"));
    let token = right.header("set-cookie").split([';', '=']).nth(1).unwrap().to_owned();
    let again = gateway.get("/login").cookie(&token).send().await;
    assert_eq!((again.status.as_u16(), again.header("location")), (303, "/ota-system-updates"));
    let out = gateway.post("/logout").cookie(&token).send().await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/login"));
    assert_eq!(gateway.get("/ota-system-updates").cookie(&token).send().await.status, 302);
    let cross =
        gateway.post("/login").header("sec-fetch-site", "cross-site").raw(form, "username=a&password=b");
    assert_eq!(cross.send().await.status, 403);
}
