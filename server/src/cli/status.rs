//! `status`: how the gateway stands, read from what survives without the service.

use super::{Failure, open_store, output};
use crate::config::Config;
use crate::wiring;
use jiff::Timestamp;
use ota_core::{BootSelection, Job, Running, SlotId, SlotRecord};
use ota_engine::ports::{BootEnvironment, Fact, Store};
use ota_platform::UbootEnvironment;
use serde_json::{Value, json};

struct Slot {
    id: SlotId,
    record: Option<SlotRecord>,
    tries: u8,
}

struct Status {
    booted: Option<Running>,
    boot: BootSelection,
    slots: Vec<Slot>,
    last_ota: Option<String>,
    job: Option<Job>,
}

pub(super) async fn run(config: &Config, as_json: bool) -> Result<(), Failure> {
    let status = read(config).await?;
    if as_json {
        return output::json(&object(config, &status));
    }
    print(config, &status);
    Ok(())
}

async fn read(config: &Config) -> Result<Status, Failure> {
    let environment = UbootEnvironment::open(&wiring::environment(config));
    let environment = environment.map_err(|error| Failure::failed(wiring::causes(&error)))?;
    let boot = environment.read().await.map_err(Failure::failed)?;
    let store = open_store(&config.data_dir, false).await?;
    let mut slots = Vec::new();
    for id in SlotId::ALL {
        let record = store.slot_record(id).await.map_err(Failure::failed)?;
        slots.push(Slot { id, record, tries: *boot.left.get(id) });
    }
    let last_ota = store.fact(Fact::LastOta).await.map_err(Failure::failed)?;
    let job = store.recent_jobs(1).await.map_err(Failure::failed)?.into_iter().next();
    store.close().await;
    Ok(Status { booted: wiring::running(config).ok(), boot, slots, last_ota, job })
}

fn object(config: &Config, status: &Status) -> Value {
    let slots: Vec<_> = status
        .slots
        .iter()
        .map(|slot| json!({ "slot": slot.id, "tries_left": slot.tries, "installed": slot.record }))
        .collect();
    json!({
        "gateway": config.gateway.id,
        "model": config.gateway.model,
        "booted": status.booted.map(|running| running.to_string()),
        "next_boot": status.boot.next_boot(),
        "boot_order": status.boot.order,
        "slots": slots,
        "recovery_slot": status.boot.recovery.map(|tries| json!({ "tries_left": tries })),
        "last_ota": status.last_ota,
        "job": status.job.as_ref().map(|job| json!({
            "id": job.id,
            "version": job.work.version(),
            "target": job.target,
            "state": job.state,
            "ended_at": job.ended_at,
        })),
    })
}

fn name(slot: Option<impl ToString>) -> String {
    slot.map_or_else(|| "unknown".to_owned(), |slot| slot.to_string())
}

fn print(config: &Config, status: &Status) {
    output::line(format!("Gateway    {} ({})", config.gateway.id, config.gateway.model));
    output::line(format!("Running    slot {}", name(status.booted)));
    output::line(format!("Next boot  slot {}", name(status.boot.next_boot())));
    for slot in &status.slots {
        let content = slot.record.as_ref().map_or_else(
            || "nothing that this service has written".to_owned(),
            |record| {
                let state = if record.good { "good" } else { "bad" };
                format!(
                    "{} (kernel {}), {state}, written {}",
                    record.version,
                    record.kernel,
                    seconds(record.installed_at)
                )
            },
        );
        output::line(format!("Slot {}     {content}; tries left: {}", slot.id, slot.tries));
    }
    if let Some(tries) = status.boot.recovery {
        output::line(format!("Slot R     for recovery; tries left: {tries}"));
    }
    let last_ota = status.last_ota.as_deref().and_then(|text| text.parse().ok());
    output::line(format!("Last OTA   {}", last_ota.map_or_else(|| "never".to_owned(), seconds)));
    if let Some(job) = &status.job {
        let state = serde_json::to_value(&job.state).ok();
        let state = state.as_ref().and_then(|state| state.get("state")).and_then(Value::as_str);
        let state = state.unwrap_or("unknown");
        output::line(format!(
            "Last job   {}: {} into slot {}, {state}",
            job.id,
            job.work.version(),
            job.target
        ));
    }
}

/// UTC, as on the page.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
