//! Interlocks and their override.

use super::Route;
use crate::support::{Gateway, PIN};
use serde_json::{Value, json};

fn with_pin(pin: &str) -> Value {
    json!({ "enable": true, "pin": pin, "reason": "Emergency update required", "constraints": ["crane_motion"] })
}

#[tokio::test]
async fn interlocks() {
    let gateway = Gateway::ready().await;
    gateway.set_pin().await;
    let mut route = Route::get(&gateway, "safety").await;
    route.reads("everything is clear", "").await;
    gateway.crane_starts().await;
    route.reads("the crane moves", "").await;
    gateway.command("/api/v1/ota/safety/override", &with_pin(PIN)).await.data("Safety override enabled");
    route.reads("overridden", "").await;
    route.refuses().await;
    route.compare();
}

#[tokio::test]
async fn an_override() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "safety/override").await;
    route.commands("no PIN is set", &with_pin(PIN)).await;
    gateway.set_pin().await;
    route.orders("by an operator", &with_pin(PIN)).await;
    let mut order = with_pin(PIN);
    order["constraints"] = json!(["ups_battery"]);
    route.commands("what cannot be overridden", &order).await;
    order["constraints"] = json!(["moon"]);
    route.commands("a constraint that there is not", &order).await;
    order["constraints"] = json!([]);
    route.commands("no constraint", &order).await;
    route.commands("enabled", &with_pin(PIN)).await;
    route.orders("ended by an operator", &json!({ "enable": false, "reason": "done" })).await;
    for when in ["a wrong PIN", "once more", "and again", "and again", "the last try"] {
        route.commands(when, &with_pin("000000")).await;
    }
    route.commands("after too many tries", &with_pin(PIN)).await;
    route.refuses_bodies().await;
    route.compare();
}
