//! What a person can order on the page, and sending it to the gateway.

use leptos::task::spawn_local;
use ota_api::{
    ApiError, ErrorCode, SlotId, Strategy,
    debug::DebugBundleRequest,
    monitor::{CancelRequest, InstallRequest},
    recovery::{RestoreRequest, RollbackRequest},
    safety::OverrideRequest,
    settings::{AutoUpdateRequest, revision},
    snapshot::{DeleteSnapshotRequest, SnapshotRequest},
    status::RebootRequest,
    updates::{CheckRequest, DownloadRequest},
    upload::DeployRequest,
};
use serde_json::Value;

use super::{Draft, Live, Restart, Wanted, is_saved, patch, resync::leave, want};
use crate::{
    api,
    strings::{orders as text, overriding, words},
    ui::Tone,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    Check,
    /// Download, install and restart.
    InstallUpdate {
        id: String,
        version: String,
        snapshot: bool,
        strategy: Strategy,
    },
    DownloadUpdate {
        id: String,
        version: String,
    },
    InstallDownloaded {
        job_id: String,
        version: String,
        reboot_after: bool,
        snapshot: bool,
        strategy: Strategy,
    },
    Cancel {
        job_id: String,
        version: String,
    },
    /// Into the version that is next.
    Restart {
        version: String,
    },
    /// With a component that waits for its maintenance window.
    GoOn {
        version: String,
    },
    EndOverride,
    DebugBundle,
    /// Of the running system.
    TakeSnapshot {
        name: String,
    },
    DeleteSnapshot {
        id: String,
        name: String,
    },
    Restore {
        version: String,
        /// None: from the bundle that was kept.
        snapshot: Option<String>,
    },
    Rollback {
        to: SlotId,
        version: String,
        reason: String,
    },
    SaveSettings(Box<Draft>),
    SwitchAutoUpdate {
        enabled: bool,
    },
    /// An uploaded image into the other slot.
    Deploy {
        name: String,
        version: String,
        checksum: String,
        reboot_after: bool,
        snapshot: bool,
        strategy: Strategy,
    },
}

impl Order {
    /// The version that it is about; empty where it is about none.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::InstallUpdate { version, .. }
            | Self::DownloadUpdate { version, .. }
            | Self::InstallDownloaded { version, .. }
            | Self::Cancel { version, .. }
            | Self::Restart { version }
            | Self::GoOn { version }
            | Self::Restore { version, .. }
            | Self::Rollback { version, .. }
            | Self::Deploy { version, .. } => version,
            _ => "",
        }
    }
}

/// What an order came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub tone: Tone,
    pub title: &'static str,
    pub text: String,
    pub items: Vec<String>,
}

/// Puts the question; what needs none is done at once.
pub fn ask(live: Live, order: Order) {
    if matches!(
        order,
        Order::Check | Order::EndOverride | Order::DebugBundle | Order::SwitchAutoUpdate { .. }
    ) {
        perform(live, order)
    } else {
        live.strategy.set(offered(live));
        live.question.set(Some(order))
    }
}

/// The strategy of the settings, where it can be used now.
fn offered(live: Live) -> Strategy {
    let wanted = live.settings.peek(|settings| settings.update_strategy);
    let usable =
        live.system.peek(|s| s.strategies.iter().any(|o| o.strategy == wanted && o.refused.is_none()));
    if usable { wanted } else { Strategy::Seamless }
}

/// Sends the order and shows what it came to.
pub fn perform(live: Live, order: Order) {
    if live.ordering.peek(|ordering| *ordering) {
        return;
    }
    live.ordering.set(true);
    live.message.set(None);
    if order == Order::Check {
        live.check.update(|check| check.running = true);
    }
    spawn_local(async move {
        let result = send(order.clone()).await;
        live.ordering.set(false);
        match result {
            Ok(done) => show_success(live, &order, done),
            Err(error) if error.error.code == ErrorCode::Unauthorized => return leave(),
            Err(error) => live.message.set(Some(failure(&order, &error))),
        }
        want(live, after(&order));
    });
}

fn send(order: Order) -> api::Answer {
    match order {
        Order::Check => {
            let request = CheckRequest { force: true, background: false };
            api::order(&api::CheckUpdates { request })
        }
        Order::InstallUpdate { id, version, snapshot, strategy } => {
            let strategy = Some(strategy);
            let request =
                DownloadRequest { create_snapshot: snapshot, strategy, ..download(id, version, true) };
            api::order(&api::StartDownload { request })
        }
        Order::DownloadUpdate { id, version } => {
            let request = download(id, version, false);
            api::order(&api::StartDownload { request })
        }
        Order::InstallDownloaded { job_id, reboot_after, snapshot, strategy, .. } => {
            let strategy = Some(strategy);
            let request = InstallRequest { job_id, strategy, reboot_after, create_snapshot: snapshot };
            api::order(&api::Install { request })
        }
        Order::Cancel { job_id, .. } => {
            let request = CancelRequest { job_id, reason: text::CANCEL_REASON.to_owned() };
            api::order(&api::Cancel { request })
        }
        Order::Restart { .. } | Order::GoOn { .. } => {
            let request = RebootRequest { reason: text::RESTART_REASON.to_owned() };
            api::order(&api::OrderReboot { request })
        }
        Order::EndOverride => {
            let reason = overriding::END_REASON.to_owned();
            let request = OverrideRequest { enable: false, pin: None, reason, constraints: None };
            api::order(&api::OverrideSafety { request })
        }
        Order::DebugBundle => {
            let request =
                DebugBundleRequest { include_logs: true, include_configs: true, include_metrics: true };
            api::order(&api::CreateDebugBundle { request })
        }
        Order::TakeSnapshot { name } => {
            let request = SnapshotRequest { name, description: String::new(), partition: None };
            api::order(&api::CreateSnapshot { request })
        }
        Order::DeleteSnapshot { id, .. } => {
            let request = DeleteSnapshotRequest { snapshot_id: id };
            api::order(&api::DeleteSnapshot { request })
        }
        Order::Restore { version, snapshot } => {
            let request = RestoreRequest {
                version,
                target_partition: None,
                snapshot_id: snapshot,
                reboot_after: false,
            };
            api::order(&api::Restore { request })
        }
        Order::Rollback { to, reason, .. } => {
            let action = if to == SlotId::A { "rollback_to_a" } else { "rollback_to_b" }.to_owned();
            let request = RollbackRequest { action, reason };
            api::order(&api::Rollback { request })
        }
        Order::SaveSettings(draft) => {
            let Draft { settings, seen } = *draft;
            api::order_if(&api::SaveSettings { request: patch(settings) }, &revision(&seen))
        }
        Order::SwitchAutoUpdate { enabled } => {
            let request = AutoUpdateRequest { enabled };
            api::order(&api::SwitchAutoUpdate { request })
        }
        Order::Deploy { name, checksum, reboot_after, snapshot, strategy, .. } => {
            let request = DeployRequest {
                filename: name,
                version: None,
                target_partition: None,
                checksum,
                reboot_after,
                create_snapshot: snapshot,
                strategy: Some(strategy),
            };
            api::order(&api::Deploy { request })
        }
    }
}

fn download(update_id: String, version: String, install: bool) -> DownloadRequest {
    DownloadRequest {
        update_id,
        version: Some(version),
        target_partition: None,
        background: false,
        verify_signature: true,
        install_after: install,
        reboot_after: install,
        create_snapshot: false,
        strategy: None,
    }
}

const fn after(order: &Order) -> Wanted {
    match order {
        Order::Check => Wanted::UPDATES,
        Order::EndOverride => Wanted::SAFETY,
        Order::DebugBundle => Wanted::DEBUG,
        Order::SaveSettings(_) | Order::SwitchAutoUpdate { .. } => Wanted::SETTINGS_AND_MONITOR,
        _ => Wanted::MONITOR,
    }
}

fn show_success(live: Live, order: &Order, done: String) {
    if let Order::SaveSettings(saved) = order {
        is_saved(live, saved.settings.clone());
    }
    match order {
        Order::Restart { version } => live.restart.set(Restart::Announced { version: version.clone() }),
        Order::GoOn { .. } => live.announcement.set(text::title(order, true).to_owned()),
        Order::Check
        | Order::Cancel { .. }
        | Order::EndOverride
        | Order::DebugBundle
        | Order::SaveSettings(_)
        | Order::SwitchAutoUpdate { .. }
        | Order::DeleteSnapshot { .. } => {
            let title = text::title(order, true);
            live.message.set(Some(Message { tone: Tone::Good, title, text: done, items: Vec::new() }));
        }
        _ => {
            live.announcement.set(done);
            show_monitor();
        }
    }
}

/// Brings the progress into sight.
fn show_monitor() {
    #[cfg(feature = "hydrate")]
    if let Some(section) = leptos::prelude::document().get_element_by_id("monitor") {
        section.scroll_into_view();
    }
}

/// The gateway's own sentence, what stands in the way, and what can be done.
#[must_use]
pub fn failure(order: &Order, error: &ApiError) -> Message {
    let mut items = error.error.details.as_ref().map(constraints).unwrap_or_default();
    items.extend(words::advice(error.error.code).map(str::to_owned));
    if let Some(id) = &error.error.request_id {
        items.push(text::request(id));
    }
    let (title, text) = (text::title(order, false), error.message.clone());
    Message { tone: Tone::Bad, title, text, items }
}

/// Every constraint in the details, wherever they stand: its name and the reason.
fn constraints(details: &Value) -> Vec<String> {
    let parts: Vec<&Value> = match details {
        Value::Array(list) => list.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => return Vec::new(),
    };
    let own = details.get("constraint").and_then(Value::as_str).map(|name| {
        let reason = details.get("reason").and_then(Value::as_str).unwrap_or_default();
        format!("{}: {reason}", words::constraint_title(name))
    });
    own.into_iter().chain(parts.into_iter().flat_map(constraints)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Order, failure};
    use ota_api::{ApiError, ErrorCode};
    use serde_json::json;

    #[test]
    fn a_failure_names_the_constraints_and_what_to_do() {
        let error = ApiError::new(ErrorCode::OtaUpdateBlocked, "Updates are blocked.").with_details(json!({
            "constraints": [{"constraint": "crane_motion", "reason": "The crane moves."}]
        }));
        let order = Order::DownloadUpdate { id: "update-001".into(), version: "v5.0.5".into() };
        let message = failure(&order, &error);
        assert_eq!(message.text, "Updates are blocked.");
        assert_eq!(message.items.first().map(String::as_str), Some("Crane motion: The crane moves."));
        assert_eq!(message.items.len(), 2);
    }
}
