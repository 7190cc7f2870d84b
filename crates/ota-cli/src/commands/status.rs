use crate::{Failure, Local, Target};
use ota_api::status::{Partition, Status};

/// How the gateway stands, as its service tells it.
///
/// # Errors
/// [`Failure`], whose `status` is the exit status.
pub async fn status(target: &Target, local: impl FnOnce() -> Result<Local, String>) -> Result<(), Failure> {
    let client = target.connect(local)?;
    let answer = client.get("status", &[]).await?;
    client.show(&answer, || answer.read().map(|status| text(&status)))
}

fn text(status: &Status) -> String {
    let Status { gateway, partitions, .. } = status;
    let running = if gateway.in_recovery { "recovery system" } else { "slot" };
    let mut lines = vec![
        format!("Gateway    {} ({})", gateway.id, gateway.model),
        format!(
            "Running    {} ({running} {}), kernel {}",
            gateway.os_version, partitions.active.id, gateway.kernel
        ),
        format!("Uptime     {}", gateway.uptime),
        format!("Last OTA   {}", gateway.last_ota.as_deref().unwrap_or("never")),
    ];
    lines.extend([&partitions.active, &partitions.inactive].map(slot));
    for component in &status.components {
        let version = component.version.as_deref().unwrap_or("nothing");
        lines.push(format!("Component  {}: {version}", component.name));
    }
    lines.join("\n")
}

fn slot(slot: &Partition) -> String {
    let Partition { id, version, tries_left, .. } = slot;
    let next = if slot.next_boot { "; starts next" } else { "" };
    let health = serde_json::to_value(slot.status).unwrap_or_default();
    let health = health.as_str().unwrap_or("unknown");
    format!("Slot {id}     {version}, {health}; tries left: {tries_left}{next}")
}
