//! A new system on trial: what is asked is shown while it is asked and afterwards.

use crate::support::{Gateway, World};
use async_trait::async_trait;
use ota_core::{CheckKind, CheckPlan, SlotId};
use ota_engine::ports::HealthCheck;
use serde_json::{Value, json};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

/// Passes once it is told to.
struct Switch {
    plan: CheckPlan,
    well: Arc<AtomicBool>,
}

#[async_trait]
impl HealthCheck for Switch {
    fn plan(&self) -> &CheckPlan {
        &self.plan
    }

    async fn run(&self, _: SlotId) -> Result<(), String> {
        if self.well.load(Ordering::Relaxed) { Ok(()) } else { Err("Not yet.".to_owned()) }
    }
}

fn switch(name: &str, required: bool, deadline: Duration) -> (Arc<dyn HealthCheck>, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(false));
    let (name, kind, interval) = (name.to_owned(), CheckKind::Tcp, Duration::from_millis(20));
    let plan = CheckPlan { name, kind, required, deadline, interval, times: 1 };
    (Arc::new(Switch { plan, well: Arc::clone(&well) }), well)
}

/// A gateway that has just started into its new system, and its job.
async fn on_trial(checks: Vec<Arc<dyn HealthCheck>>) -> (Gateway, String) {
    let gateway = Gateway::ready().await;
    let order = json!({ "update_id": "update-001", "install_after": true, "reboot_after": true });
    let started = gateway.order("/api/v1/ota/download", &order).await;
    let path = started.body()["data"]["progress_url"].as_str().unwrap().to_owned();
    gateway.until("the restart", || gateway.world.reboots.load(Ordering::Relaxed) == 1).await;
    let checks = Mutex::new(checks);
    let start = |world: &World| {
        world.runs_from_b.store(true, Ordering::Relaxed);
        *world.checks.lock().unwrap() = std::mem::take(&mut checks.lock().unwrap());
    };
    (gateway.restarted_into(start).await, path)
}

async fn job(gateway: &Gateway, path: &str) -> Value {
    gateway.read(path).await.data("Update progress retrieved successfully")
}

#[tokio::test]
async fn each_check_is_shown_with_its_state_and_its_time() {
    let hour = Duration::from_secs(3600);
    let (pump, pump_well) = switch("pump", true, hour);
    let (lamp, lamp_well) = switch("lamp", false, hour);
    let (gateway, path) = on_trial(vec![pump, lamp]).await;
    let complains = || {
        gateway.ota.snapshot().job.as_ref().is_some_and(|view| {
            view.checks.len() == 2 && view.checks.iter().all(|check| check.report.reason.is_some())
        })
    };
    gateway.until("both complain", complains).await;
    let shown = job(&gateway, &path).await;
    assert_eq!((&shown["status"], &shown["can_cancel"]), (&json!("trial"), &json!(false)));
    let check = shown["checks"][0].clone();
    let left = check["seconds_left"].as_u64().unwrap();
    assert!((3500..3600).contains(&left), "{check}");
    assert!(shown["trial_seconds_left"].as_u64().unwrap() >= left, "{shown}");
    assert_eq!(
        check,
        json!({
            "name": "pump", "kind": "tcp", "required": true, "state": "waiting", "reason": "Not yet.", "seconds_left": left
        })
    );

    pump_well.store(true, Ordering::Relaxed);
    let passed = || gateway.ota.snapshot().job.as_ref().is_some_and(|view| view.checks[0].left.is_none());
    gateway.until("the pump is well", passed).await;
    let shown = job(&gateway, &path).await;
    assert_eq!(
        (&shown["checks"][0]["state"], &shown["checks"][0]["reason"]),
        (&json!("passed"), &Value::Null)
    );
    assert_eq!(shown["checks"][1]["state"], "waiting");
    assert_eq!(shown["status"], "trial", "the wanted one is still waited for");

    lamp_well.store(true, Ordering::Relaxed);
    gateway.until_job_is("committed").await;
    let ended = job(&gateway, &path).await;
    assert_eq!(ended["checks"][1]["state"], "passed", "{ended}");
    assert_eq!(
        (&ended["checks"][1]["seconds_left"], &ended["trial_seconds_left"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_wanted_check_that_fails_is_told_and_the_system_stays() {
    let (pump, pump_well) = switch("pump", true, Duration::from_secs(3600));
    let (lamp, _) = switch("lamp", false, Duration::from_millis(100));
    pump_well.store(true, Ordering::Relaxed);
    let (gateway, path) = on_trial(vec![pump, lamp]).await;
    gateway.until_job_is("committed").await;
    let ended = job(&gateway, &path).await;
    assert_eq!(
        (&ended["checks"][1]["state"], &ended["checks"][1]["reason"]),
        (&json!("failed"), &json!("Not yet."))
    );
    let logs = gateway.read("/api/v1/ota/logs?level=warning").await.text;
    assert!(logs.contains("the wanted check “lamp” failed: Not yet."), "{logs}");
}

#[tokio::test]
async fn a_required_check_that_fails_takes_the_system_back_at_once() {
    let (pump, _) = switch("pump", true, Duration::from_millis(100));
    let (slow, _) = switch("slow", true, Duration::from_secs(3600));
    let (gateway, path) = on_trial(vec![pump, slow]).await;
    gateway.until("the restart back", || gateway.world.reboots.load(Ordering::Relaxed) == 1).await;
    let shown = job(&gateway, &path).await;
    assert_eq!(shown["progress"]["current_operation"], "rolling_back", "{shown}");
    assert_eq!(
        (&shown["checks"][0]["state"], &shown["checks"][1]["state"]),
        (&json!("failed"), &json!("waiting"))
    );
    let gateway = gateway.restarted_into(|_| {}).await;
    gateway.until_job_is("rolled_back").await;
    let ended = job(&gateway, &path).await;
    assert!(ended["outcome"]["message"].as_str().unwrap().contains("pump: Not yet."), "{ended}");
}
