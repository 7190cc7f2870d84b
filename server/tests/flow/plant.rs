//! How the plant's signals reach the gateway.

use crate::gateway::{Gateway, free_port};
use crate::support::Site;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

async fn gateway(change: impl FnOnce(&mut ota_publish::demo::DemoOptions)) -> Gateway {
    let address = format!("127.0.0.1:{}", free_port());
    let site = Site::with_options(&address, change).await;
    let mut gateway = Gateway::on(site, address, &[]).await;
    gateway.up().await;
    gateway
}

async fn constraint(gateway: &Gateway, name: &str) -> Value {
    Gateway::data(gateway.get("safety").await)["constraints"][name].clone()
}

/// Waits until a constraint shows `status`, and returns it.
async fn shows(gateway: &Gateway, name: &str, status: &str) -> Value {
    let what = format!("{name} to be {status}");
    gateway.wait_for(&what, async || constraint(gateway, name).await["status"] == status).await;
    constraint(gateway, name).await
}

async fn follows_the_knobs(gateway: &Gateway, crane: &str, ups: &str) {
    assert_eq!(shows(gateway, "crane_motion", "idle").await["source"], crane);
    assert_eq!(shows(gateway, "ups_battery", "online").await["source"], ups);
    gateway.plant(json!({"crane_motion": "moving", "acs_collision": "risk", "ups_online": false})).await;
    assert_eq!(shows(gateway, "crane_motion", "moving").await["blocking"], true);
    shows(gateway, "acs_collision", "risk").await;
    shows(gateway, "ups_battery", "on_battery").await;
    gateway.plant(json!({"connected": false})).await;
    for name in ["crane_motion", "acs_collision", "ups_battery"] {
        assert_eq!(shows(gateway, name, "unknown").await["blocking"], true);
    }
    let back =
        json!({"connected": true, "crane_motion": "idle", "acs_collision": "clear", "ups_online": true});
    gateway.plant(back).await;
    shows(gateway, "crane_motion", "idle").await;
    shows(gateway, "acs_collision", "clear").await;
    shows(gateway, "ups_battery", "online").await;
}

#[tokio::test]
async fn it_is_heard_over_mqtt_and_nut_where_they_are_installed() {
    let gateway = gateway(|_| {}).await;
    follows_the_knobs(&gateway, "MQTT plant-broker, topic plant/crane", "NUT plant-ups").await;
}

#[tokio::test]
async fn it_is_asked_over_http_where_neither_is_installed() {
    let gateway = gateway(|options| options.programs.clear()).await;
    follows_the_knobs(&gateway, "HTTP plant", "HTTP plant").await;
}

#[tokio::test]
async fn a_killed_broker_blocks_and_says_why() {
    let gateway = gateway(|_| {}).await;
    shows(&gateway, "crane_motion", "idle").await;
    let process = std::fs::read_to_string(gateway.site.path("field/mosquitto.pid"));
    let process = process.expect("the demo found no mosquitto: install it, or run `make setup`");
    kill_process(Pid::from_raw(process.trim().parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    let crane = shows(&gateway, "crane_motion", "unknown").await;
    assert_eq!(crane["blocking"], true);
    let reason = crane["reason"].as_str().unwrap();
    assert!(reason.starts_with("MQTT plant-broker, topic plant/crane gives no value"), "{reason}");
    assert_eq!(shows(&gateway, "ups_battery", "online").await["blocking"], false, "the others go on");
}
