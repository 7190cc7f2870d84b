//! Who comes in, and how.

use super::Route;
use crate::support::{Call, Gateway, PASSWORD};
use http::Method;
use serde_json::{Value, json};

impl Route<'_> {
    /// Without a session.
    async fn is_asked(&mut self, when: &str, body: &Value) {
        let call = self.call("").json(body);
        self.sends(when, &format!(" {body}"), call).await;
    }

    async fn refuses_strangers(&mut self) {
        for (when, kind, body) in [
            ("a body that ends too early", "application/json", "{"),
            ("a member that there is not", "application/json", "{\"no_such_member\": 1}"),
            ("a body of another type", "text/plain", "{}"),
        ] {
            let call = self.call("").raw(kind, body);
            self.sends(when, &format!(" {body}"), call).await;
        }
        let call = self.call("").header("sec-fetch-site", "cross-site").json(&json!({}));
        self.sends("from a page of another site", " {}", call).await;
        let answer = self.gateway.get(&self.path).send().await;
        self.write_as(&Method::GET, "another method", "", &answer);
    }
}

#[tokio::test]
async fn login() {
    let gateway = Gateway::ready().await;
    let mut route = Route::of(&gateway, Method::POST, "/api/v1/auth/login").await;
    let named = |name: &str, password: &str| json!({ "username": name, "password": password });
    route.is_asked("an operator", &named("operator", PASSWORD)).await;
    route.is_asked("without a password", &json!({ "username": "operator" })).await;
    route.is_asked("somebody whom there is not", &named("nobody", PASSWORD)).await;
    route.refuses_strangers().await;
    let wrong = named("operator", "wrong");
    let from = |call: Call| call.from("192.0.2.7:4711").json(&wrong);
    let call = from(route.call(""));
    let mut answer = route.sends("a wrong password", &format!(" {wrong}"), call).await;
    while answer.status.as_u16() == 401 {
        answer = from(route.call("")).send().await;
    }
    route.write("after many wrong passwords", &format!(" {wrong}"), &answer);
    route.compare();
}

#[tokio::test]
async fn logout() {
    let gateway = Gateway::ready().await;
    let mut route = Route::of(&gateway, Method::POST, "/api/v1/auth/logout").await;
    let call = route.call("").bearer(&route.viewer);
    route.sends("a session", "", call).await;
    let call = route.call("").bearer(&route.viewer);
    route.sends("a session that has ended", "", call).await;
    let call = route.call("").cookie(&route.operator).header("sec-fetch-site", "cross-site");
    route.sends("from a page of another site", "", call).await;
    let answer = gateway.get(&route.path).send().await;
    route.write_as(&Method::GET, "another method", "", &answer);
    route.compare();
}

#[tokio::test]
async fn setup() {
    let (gateway, token, _console) = crate::setup::open().await;
    let nobody = String::new;
    let mut route = Route {
        gateway: &gateway,
        method: Method::POST,
        path: "/api/v1/auth/setup".to_owned(),
        viewer: nobody(),
        operator: nobody(),
        admin: nobody(),
        moving: super::MOVING.to_vec(),
        record: nobody(),
    };
    let mut body = crate::setup::body("0000-0000-0000-0000");
    route.is_asked("another claim token", &body).await;
    body["password"] = json!("short");
    route.is_asked("a password that is too short", &body).await;
    route.refuses_strangers().await;
    // The token is a secret of this run.
    for when in ["the claim token of the console", "after that"] {
        let answer = route.call("").json(&crate::setup::body(&token)).send().await;
        route.write(when, "", &answer);
    }
    route.compare();
}
