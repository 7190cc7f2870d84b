use crate::support::{Answer, GATEWAY, Gateway};
use ota_core::PinKind;
use ota_engine::ports::PinStore;
use serde_json::{Value, json};
use std::path::Path;

const PATH: &str = "/api/v1/auth/setup";

/// A gateway that waits for its set-up, and what its console shows.
pub async fn open() -> (Gateway, String, tempfile::TempDir) {
    let console = tempfile::tempdir().unwrap();
    let file = console.path().join("console");
    std::fs::write(&file, "").unwrap();
    let gateway = Gateway::untouched(|options| options.console = Some(file.clone())).await;
    gateway.state.setup.invite("127.0.0.1:3000".parse().unwrap()).await.unwrap();
    let token = shown(&file);
    (gateway, token, console)
}

fn shown(console: &Path) -> String {
    let text = std::fs::read_to_string(console).unwrap();
    let groups = |line: &&str| line.trim().split('-').map(str::len).eq([4, 4, 4, 4]);
    text.lines().find(groups).unwrap_or_else(|| panic!("no token: {text}")).trim().to_owned()
}

pub fn body(token: &str) -> Value {
    json!({ "claim_token": token, "username": "chief", "password": "a good password",
        "override_pin": "739281", "factory_pin": "204816" })
}

async fn claim(gateway: &Gateway, body: &Value) -> Answer {
    gateway.post(PATH).json(body).send().await
}

#[tokio::test]
async fn the_first_administrator_comes_in_with_the_token_of_the_console() {
    let (gateway, token, _console) = open().await;
    let page = gateway.get("/ota-system-updates").send().await;
    assert_eq!((page.status.as_u16(), page.header("location")), (302, "/login"));
    assert_eq!(gateway.get("/login").send().await.header("location"), "/setup");
    assert!(gateway.get("/setup").send().await.text.contains("Claim token"));
    let done = claim(&gateway, &body(&token.to_lowercase())).await.data("The gateway is set up");
    assert_eq!(done, json!({ "username": "chief" }));
    let login = json!({ "username": "chief", "password": "a good password" });
    let session = gateway.post("/api/v1/auth/login").json(&login).send().await.data("Logged in");
    assert_eq!(session["role"], "admin");
    for kind in PinKind::ALL {
        assert!(gateway.store.pin(kind).await.unwrap().is_some(), "{kind}");
    }
    let audit = gateway.get("/api/v1/ota/audit?action=setup").bearer(session["token"].as_str().unwrap());
    let audit = audit.gateway(GATEWAY).send().await;
    assert_eq!(audit.body()["data"]["records"][0]["subject"], "chief", "{audit:?}");
}

#[tokio::test]
async fn it_closes_for_ever() {
    let (gateway, token, _console) = open().await;
    claim(&gateway, &body(&token)).await.data("The gateway is set up");
    claim(&gateway, &body(&token)).await.failure(404, "NOT_FOUND");
    assert_eq!(gateway.get("/setup").send().await.header("location"), "/login");
    gateway.store.remove_user("chief").await.unwrap();
    claim(&gateway, &body(&token)).await.failure(404, "NOT_FOUND");
    assert!(!gateway.store.setup_is_open().await.unwrap());
}

#[tokio::test]
async fn it_is_closed_where_somebody_can_log_in() {
    let gateway = Gateway::ready().await;
    claim(&gateway, &body("7KQ2-M9XD-4TRA-0ZC1")).await.failure(404, "NOT_FOUND");
    assert!(gateway.get("/login").send().await.text.contains("Log in"));
}

#[tokio::test]
async fn wrong_tokens_are_counted_and_bad_input_changes_nothing() {
    let (gateway, token, _console) = open().await;
    for (field, value) in [
        ("username", ""),
        ("username", "two words"),
        ("password", "short"),
        ("override_pin", "123456"),
        ("factory_pin", "12"),
        ("factory_pin", "739281"),
    ] {
        let mut body = body(&token);
        body[field] = json!(value);
        claim(&gateway, &body).await.failure(400, "BAD_REQUEST");
    }
    for _ in 0..5 {
        claim(&gateway, &body("0000-0000-0000-0000")).await.failure(401, "UNAUTHORIZED");
    }
    claim(&gateway, &body(&token)).await.failure(429, "TOO_MANY_REQUESTS");
    assert!(gateway.store.setup_is_open().await.unwrap());
    assert!(gateway.store.users().await.unwrap().is_empty());
}

#[tokio::test]
async fn without_a_printed_token_nobody_comes_in() {
    let gateway = Gateway::untouched(|_| {}).await;
    for token in ["", "-", "0000-0000-0000-0000"] {
        claim(&gateway, &body(token)).await.failure(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn the_form_sets_up_and_logs_in() {
    let (gateway, token, _console) = open().await;
    let form = |token: &str, repeated: &str| {
        format!(
            "claim_token={token}&username=chief&password=a+good+password&repeated={repeated}&override_pin=739281&factory_pin=204816"
        )
    };
    let kind = "application/x-www-form-urlencoded";
    let send = |text: String| gateway.post("/setup").raw(kind, text).send();
    let answer = send(form(&token, "another+one")).await;
    assert!(answer.status.as_u16() == 400 && answer.text.contains("passwords differ"), "{answer:?}");
    let answer = send(form("0000", "a+good+password")).await;
    assert!(answer.status.as_u16() == 401 && answer.text.contains("claim token is wrong"), "{answer:?}");
    assert!(answer.text.contains("value=\"chief\""), "what is no secret stays");
    assert!(!answer.text.contains("739281"), "what is one does not");
    let answer = send(form(&token, "a+good+password")).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/ota-system-updates"));
    assert!(answer.header("set-cookie").starts_with("session_token="));
}

#[tokio::test]
async fn pages_of_other_sites_cannot_set_up() {
    let (gateway, token, _console) = open().await;
    let call = gateway.post(PATH).header("origin", "https://evil.example").json(&body(&token));
    call.send().await.failure(403, "FORBIDDEN");
}
