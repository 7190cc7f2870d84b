//! What the confirmation dialog says before something is done: action, target, effect.

use ota_api::SlotId;

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
}

pub const RESTART_CHOICE: &str = "Restart by itself as soon as the safety constraints allow it";

/// The question before `order`; none for what needs no question.
#[must_use]
pub fn question(order: &Order, target: SlotId, running: &str) -> Option<Question> {
    match order {
        Order::Check | Order::EndOverride => None,
        Order::InstallUpdate { version, .. } => Some(install_update(version, target, running)),
        Order::DownloadUpdate { version, .. } => Some(download(version, running)),
        Order::InstallDownloaded { version, .. } => Some(install_downloaded(version, target, running)),
        Order::Cancel { version, .. } => Some(cancel(version, target, running)),
        Order::Restart { version } => Some(restart(version, target, running)),
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
    q.asks_about_restart = true;
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
