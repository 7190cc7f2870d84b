//! What the confirmation dialog says before something is done: action, target, effect.

use ota_api::{SlotId, Strategy};

use crate::live::Order;

/// A dialog's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub title: String,
    /// Label and value: what is acted on.
    pub facts: Vec<(&'static str, String)>,
    /// What happens, one sentence a line.
    pub effects: Vec<String>,
    /// The button that goes ahead.
    pub confirm: &'static str,
    /// The button that does not.
    pub refuse: &'static str,
    /// Offers the choice between a restart by itself and one by hand.
    pub asks_about_restart: bool,
    /// Offers to take a snapshot first.
    pub asks_about_snapshot: bool,
    /// Offers the ways in which the images reach the system.
    pub asks_about_strategy: bool,
    /// Label of the text that has to be typed.
    pub asks_for: Option<&'static str>,
}

pub const SNAPSHOT_CHOICE: &str = "Take a snapshot of the running system first";
pub const STRATEGY_CHOICE: &str = "How it is installed";
pub const REASON: &str = "Reason";
pub const NAME: &str = "Name of the snapshot";
pub const RESTART_CHOICE: &str = "Restart by itself as soon as the safety constraints allow it";

/// The question before `order`, which is installed by `strategy` where it installs something; none for what needs no question.
#[must_use]
pub fn question(order: &Order, strategy: Strategy, target: SlotId, running: &str) -> Option<Question> {
    let asked = plain(order, target, running)?;
    Some(if asked.asks_about_strategy && strategy == Strategy::InPlace {
        in_place(asked, order.version(), target.other(), running)
    } else {
        asked
    })
}

fn plain(order: &Order, target: SlotId, running: &str) -> Option<Question> {
    match order {
        Order::Check
        | Order::EndOverride
        | Order::DebugBundle
        | Order::SaveSettings(_)
        | Order::SwitchAutoUpdate { .. } => None,
        Order::InstallUpdate { version, .. } => Some(install_update(version, target, running)),
        Order::DownloadUpdate { version, .. } => Some(download(version, running)),
        Order::InstallDownloaded { version, .. } => Some(install_downloaded(version, target, running)),
        Order::Cancel { version, .. } => Some(cancel(version, target, running)),
        Order::Restart { version } => Some(restart(version, target, running)),
        Order::GoOn { version } => Some(go_on(version, running)),
        Order::TakeSnapshot { .. } => Some(take_snapshot(target, running)),
        Order::DeleteSnapshot { id, name } => Some(delete_snapshot(id, name, running)),
        Order::Restore { version, snapshot } => Some(restore(version, snapshot.as_deref(), target, running)),
        Order::Rollback { to, version, .. } => Some(rollback(version, *to, running)),
        Order::Deploy { name, version, .. } => Some(deploy(name, version, target, running)),
    }
}

fn base(title: String, version: &str, running: &str) -> Question {
    Question {
        title,
        facts: vec![("Version", format!("{running} → {version}"))],
        effects: Vec::new(),
        confirm: "",
        refuse: "Not Now",
        asks_about_restart: false,
        asks_about_snapshot: false,
        asks_about_strategy: false,
        asks_for: None,
    }
}

fn install_update(version: &str, target: SlotId, running: &str) -> Question {
    let mut q = base(format!("Install {version}?"), version, running);
    q.facts.push(("Target", format!("slot {target}, which is overwritten")));
    q.effects = vec![
        format!("The bundle is downloaded, verified and written while the gateway keeps running {running}."),
        "The gateway then restarts by itself as soon as the crane is still and the anti-collision system is clear."
            .to_owned(),
        format!("If {version} does not pass its health checks, {running} comes back by itself."),
    ];
    q.confirm = super::updates::INSTALL;
    (q.asks_about_snapshot, q.asks_about_strategy) = (true, true);
    q
}

/// The same for the running slot, which a start of the gateway writes.
fn in_place(asked: Question, version: &str, slot: SlotId, running: &str) -> Question {
    let (other, mut q) = (slot.other(), asked);
    q.facts.retain(|(name, _)| *name != "Target");
    q.facts.push((
        "Target",
        format!("slot {slot}, which runs now and is overwritten; slot {other} stays as it is"),
    ));
    q.effects = vec![
        format!("A snapshot of {running} is taken first. Without it nothing is installed."),
        format!(
            "Slot {slot} is written during the restart, so the gateway is away for longer than a restart takes."
        ),
        format!(
            "If {version} does not pass its health checks, {running} is put back from the snapshot during another restart."
        ),
    ];
    q.asks_about_snapshot = false;
    q
}

fn download(version: &str, running: &str) -> Question {
    let mut q = base(format!("Download {version}?"), version, running);
    q.facts.push(("Target", "the staging area; no slot is written".to_owned()));
    q.effects =
        vec!["The bundle is downloaded and verified. You decide later when it is installed.".to_owned()];
    q.confirm = super::updates::DOWNLOAD;
    q
}

fn install_downloaded(version: &str, target: SlotId, running: &str) -> Question {
    let mut q = base(format!("Install {version}?"), version, running);
    q.facts.push(("Target", format!("slot {target}, which is overwritten")));
    q.effects = vec![
        format!("The verified bundle is written while the gateway keeps running {running}."),
        format!(
            "If {version} does not pass its health checks after the restart, {running} comes back by itself."
        ),
    ];
    q.confirm = super::monitor::INSTALL;
    (q.asks_about_restart, q.asks_about_snapshot, q.asks_about_strategy) = (true, true, true);
    q
}

fn cancel(version: &str, target: SlotId, running: &str) -> Question {
    let mut q = base(format!("Cancel the update to {version}?"), version, running);
    q.facts = vec![("Update", version.to_owned()), ("Target", format!("slot {target}"))];
    q.effects = vec![
        format!("The update stops and the gateway stays with {running}."),
        format!(
            "If slot {target} was already being written, it cannot be started until an update completes."
        ),
    ];
    q.confirm = "Cancel Update";
    q.refuse = "Keep Going";
    q
}

fn restart(version: &str, target: SlotId, running: &str) -> Question {
    let mut q = base("Restart the gateway now?".to_owned(), version, running);
    q.facts.push(("Target", format!("slot {target} starts next")));
    q.effects = vec![
        "The gateway is away for the time of a restart, and everything that depends on it with it."
            .to_owned(),
        format!("If {version} does not pass its health checks, {running} comes back by itself."),
    ];
    q.confirm = super::monitor::RESTART;
    q
}

fn go_on(version: &str, running: &str) -> Question {
    let mut q = base("Go on with the installation now?".to_owned(), version, running);
    q.facts = vec![("Update", version.to_owned())];
    q.effects = vec![
        "The component is activated as soon as the safety constraints allow it; what it does is interrupted meanwhile.".to_owned(),
        "One that does not pass its health checks is put back.".to_owned(),
        "The components that are left follow. If a system comes after them, its restart is left to you.".to_owned(),
    ];
    q.confirm = super::monitor::GO_ON;
    q
}

fn take_snapshot(target: SlotId, running: &str) -> Question {
    let mut q = base("Take a snapshot?".to_owned(), running, running);
    q.facts = vec![("Of", format!("slot {} with {running}, and the settings", target.other()))];
    q.effects = vec![
        "What is in the slot is kept on the gateway's disk, and can be restored into the other slot later."
            .to_owned(),
        "The gateway keeps running. What another snapshot has already takes no room again.".to_owned(),
    ];
    (q.confirm, q.asks_for) = (super::status::SNAPSHOT, Some(NAME));
    q
}

fn delete_snapshot(id: &str, name: &str, running: &str) -> Question {
    let mut q = base(format!("Delete the snapshot “{name}”?"), running, running);
    q.facts = vec![("Snapshot", id.to_owned())];
    q.effects = vec!["It can no longer be restored.".to_owned()];
    (q.confirm, q.refuse) = (super::recovery::DELETE, "Keep It");
    q
}

fn restore(version: &str, snapshot: Option<&str>, target: SlotId, running: &str) -> Question {
    let mut q = base(format!("Restore {version}?"), version, running);
    let source =
        snapshot.map_or_else(|| "the bundle that was kept".to_owned(), |id| format!("snapshot {id}"));
    q.facts.push(("From", source));
    q.facts.push(("Target", format!("slot {target}, which is overwritten")));
    q.effects = vec![
        format!(
            "Every byte is verified first. The gateway keeps running {running} while the slot is written."
        ),
        format!(
            "{version} starts at the next restart, which you order. If it does not pass its health checks, {running} comes back by itself."
        ),
    ];
    q.confirm = super::recovery::RESTORE_NOW;
    q
}

fn rollback(version: &str, to: SlotId, running: &str) -> Question {
    let mut q = base(format!("Roll back to {version}?"), version, running);
    q.facts.push(("Target", format!("slot {to} starts next, as it is")));
    q.effects = vec![
        "The slot is compared with what was installed in it; nothing is written to it.".to_owned(),
        format!(
            "{version} starts at the next restart, which you order. If it does not pass its health checks, {running} comes back by itself."
        ),
    ];
    (q.confirm, q.asks_for) = (super::recovery::ROLL_BACK, Some(REASON));
    q
}

fn deploy(name: &str, version: &str, target: SlotId, running: &str) -> Question {
    let mut q = base(format!("Deploy {name}?"), version, running);
    q.facts.push(("Target", format!("slot {target}, which is overwritten")));
    q.effects = vec![
        format!("The image is verified again and written while the gateway keeps running {running}."),
        format!(
            "If {version} does not pass its health checks after the restart, {running} comes back by itself."
        ),
    ];
    q.confirm = super::upload::DEPLOY;
    (q.asks_about_restart, q.asks_about_snapshot, q.asks_about_strategy) = (true, true, true);
    q
}
