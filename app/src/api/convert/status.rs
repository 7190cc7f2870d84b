use ota_api::{
    human,
    status::{Component, Gateway, Partition, Partitions, RebootStarted, Status, StrategyOffer},
};
use ota_core::{Running, SlotId, Strategy};
use ota_engine::{Snapshot, ports::ComponentView};

use super::instant;

/// The answer of `GET status`.
#[must_use]
pub fn status(snapshot: &Snapshot) -> Status {
    let site = &snapshot.site;
    Status {
        gateway: Gateway {
            id: site.id.clone(),
            model: site.model.clone(),
            os_version: snapshot.running_version().to_owned(),
            kernel: kernel(snapshot),
            uptime: human::uptime(snapshot.uptime.as_secs()),
            uptime_seconds: snapshot.uptime.as_secs(),
            bootloader: site.bootloader.clone(),
            last_ota: snapshot.last_ota.map(instant),
            in_recovery: snapshot.running == Running::Recovery,
        },
        partitions: Partitions {
            active: partition(snapshot, snapshot.running.target().other()),
            inactive: partition(snapshot, snapshot.running.target()),
            auto_rollback: site.rollback_retries > 0,
            rollback_retries: site.rollback_retries,
        },
        strategies: Strategy::ALL
            .map(|strategy| StrategyOffer { strategy, refused: snapshot.strategy_refused(strategy) })
            .into(),
        components: snapshot.components.iter().map(component).collect(),
    }
}

fn component(view: &ComponentView) -> Component {
    Component {
        name: view.name.clone(),
        version: view.current.as_ref().map(|current| current.version.clone()),
        place: view.current.as_ref().map(|current| current.place),
        installed_at: view.installed_at.map(instant),
        former_version: view.former.clone(),
    }
}

/// The kernel that the running image was published with; what runs calls itself something only where nobody said so.
fn kernel(snapshot: &Snapshot) -> String {
    let published =
        snapshot.running_record().map(|record| record.kernel.as_str()).filter(|kernel| *kernel != "unknown");
    published.unwrap_or(&snapshot.kernel).to_owned()
}

fn partition(snapshot: &Snapshot, id: SlotId) -> Partition {
    let view = snapshot.slots.get(id);
    let record = view.record.as_ref();
    let used = view.usage.used.or_else(|| record.map(|record| record.image_bytes)).unwrap_or(0);
    let text = |value: Option<&String>| value.map_or_else(|| "unknown".to_owned(), Clone::clone);
    Partition {
        id,
        version: text(record.map(|record| &record.version)),
        status: view.health,
        size: human::slot_size(view.usage.size),
        used: human::slot_size(used),
        size_bytes: view.usage.size,
        used_bytes: used,
        booted: snapshot.running.slot() == Some(id),
        next_boot: snapshot.boot.next_boot() == Some(id),
        tries_left: *snapshot.boot.left.get(id),
        kernel: text(record.map(|record| &record.kernel)),
        installed_at: record.map(|record| instant(record.installed_at)),
    }
}

/// The answer of `POST reboot`.
#[must_use]
pub fn reboot_started(started: ota_engine::RebootStarted) -> RebootStarted {
    RebootStarted {
        status: "rebooting".to_owned(),
        job_id: started.job.map(|job| job.to_string()),
        next_boot_partition: started.next_boot,
    }
}
