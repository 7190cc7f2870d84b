//! The audit log across a real update, restarts included.

use crate::gateway::Gateway;
use crate::support::{json, succeeded};

#[tokio::test]
async fn the_way_of_an_update_is_on_record_and_the_chain_holds_across_restarts() {
    let mut gateway = Gateway::start().await;
    let job = gateway.start_update("update-001", true).await;
    gateway.job_until(&job, "the commit", |job| job["status"] == "committed").await;
    gateway.kill();
    gateway.up().await;

    succeeded(&gateway.site.run(&["audit", "verify"]));
    let records = json(&gateway.site.run(&["audit", "list", "--json", "--limit", "1000"]));
    let mut records = records.as_array().unwrap().clone();
    records.reverse();
    let told: Vec<_> = records
        .iter()
        .filter(|record| record["subject"] == job.as_str() || record["action"] == "boot")
        .map(|record| {
            format!("{} {}", record["action"].as_str().unwrap(), record["outcome"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            "boot succeeded",
            "download attempted",
            "install attempted",
            "download succeeded",
            "install succeeded",
            "arm succeeded",
            "reboot attempted",
            "boot succeeded",
            "commit succeeded"
        ]
    );
    let order = records.iter().find(|record| record["action"] == "download").unwrap();
    assert_eq!((&order["origin"], &order["address"]), (&"remote".into(), &"127.0.0.1".into()), "{order}");
    let committed = records.iter().find(|record| record["action"] == "commit").unwrap();
    assert_eq!(committed["actor"], order["actor"], "on whose order it was, also after the restart");
}
