//! States as words and sentences. Pure functions: what comes in is the wire's data, what goes out is read by people.

mod job;
mod safety;

pub use job::{
    awaits_window, before_component, job_name, job_sentence, job_state, job_title, outcome_advice,
    restarts_by_itself, step,
};
pub use safety::{
    constraint, constraint_clears, constraint_state, constraint_title, constraint_value, constraints,
    override_announcement, override_banner, override_people, override_sentence, verdict, worth_overriding,
};

use ota_api::{
    CheckKind, CheckState, ErrorCode, Severity, SlotHealth, Strategy, UpdateKind,
    auth::Role,
    human,
    monitor::HealthCheck,
    status::{Partition, Status},
    updates::Update,
};

use crate::ui::Tone;

/// `2025-03-10 14:32:11 UTC` from `2025-03-10T14:32:11Z`; anything else is shown as it is.
#[must_use]
pub fn moment(timestamp: &str) -> String {
    match timestamp.strip_suffix('Z').and_then(|t| t.split_once('T')) {
        Some((date, time)) => format!("{date} {time} UTC"),
        None => timestamp.to_owned(),
    }
}

#[must_use]
pub fn moment_or(timestamp: Option<&str>, otherwise: &str) -> String {
    timestamp.map_or_else(|| otherwise.to_owned(), moment)
}

#[must_use]
pub fn slot_health(health: SlotHealth) -> (&'static str, Tone) {
    match health {
        SlotHealth::Healthy => ("healthy", Tone::Good),
        SlotHealth::Trial => ("trial", Tone::Busy),
        SlotHealth::Degraded => ("degraded", Tone::Warn),
        SlotHealth::Ready => ("ready", Tone::Good),
        SlotHealth::Writing => ("writing", Tone::Busy),
        SlotHealth::Bad => ("bad", Tone::Bad),
        SlotHealth::Empty => ("empty", Tone::Neutral),
    }
}

/// What the word of a slot means.
#[must_use]
pub fn slot_sentence(slot: &Partition) -> &'static str {
    match slot.status {
        SlotHealth::Healthy => "Confirmed: this system passed its health checks.",
        SlotHealth::Trial => "Started for the first time; it has to pass its health checks to stay.",
        SlotHealth::Degraded => "Running, but a health check fails.",
        SlotHealth::Ready if slot.next_boot => "Written and verified; it takes over at the next restart.",
        SlotHealth::Ready => "Holds a complete system that can take over.",
        SlotHealth::Writing => "A new system is being written. It cannot be started until that is complete.",
        SlotHealth::Bad => "Its content is incomplete or failed. It is never started.",
        SlotHealth::Empty => "Holds no system.",
    }
}

#[must_use]
pub fn rollback_rule(status: &Status) -> String {
    if !status.partitions.auto_rollback {
        return "Off: a system that does not start stays selected.".to_owned();
    }
    let tries = status.partitions.rollback_retries;
    let boots = if tries == 1 { "boot".to_owned() } else { format!("{tries} boots") };
    format!("On: a new system gets {boots} to prove itself; then the previous one returns.")
}

/// For whoever finds the gateway on its recovery system.
#[must_use]
pub fn in_recovery(status: &Status) -> String {
    let target = status.partitions.inactive.id;
    format!(
        "Neither slot A nor slot B starts: the recovery system runs. Install or restore a system into slot {target}."
    )
}

#[must_use]
pub const fn check_state(state: CheckState) -> (&'static str, Tone) {
    match state {
        CheckState::Waiting => ("waiting", Tone::Busy),
        CheckState::Passed => ("passed", Tone::Good),
        CheckState::Failed => ("failed", Tone::Bad),
    }
}

/// A health check, what it complains of and its time. `age`: seconds since it was told.
#[must_use]
pub fn health_check(check: &HealthCheck, age: u64) -> String {
    let kind = match check.kind {
        CheckKind::Database => "database",
        CheckKind::Http => "HTTP",
        CheckKind::Tcp => "TCP",
        CheckKind::Systemd => "systemd unit",
        CheckKind::Executable => "program",
    };
    let weight = if check.required { "required" } else { "wanted" };
    let left = check.seconds_left.map(|left| human::minutes(left.saturating_sub(age)));
    let left = left.map(|left| format!(", {left} left")).unwrap_or_default();
    let reason = check.reason.as_ref().map(|reason| format!(". {reason}")).unwrap_or_default();
    format!("{} ({kind}, {weight}{left}){reason}", check.name)
}

#[must_use]
pub const fn severity(severity: Severity) -> (&'static str, Tone) {
    match severity {
        Severity::Critical => ("critical", Tone::Bad),
        Severity::High => ("high", Tone::Warn),
        Severity::Medium => ("medium", Tone::Busy),
        Severity::Low => ("low", Tone::Neutral),
    }
}

#[must_use]
pub const fn kind(kind: UpdateKind) -> &'static str {
    match kind {
        UpdateKind::Security => "security",
        UpdateKind::Feature => "feature",
        UpdateKind::Bugfix => "bug fixes",
        UpdateKind::Maintenance => "maintenance",
    }
}

#[must_use]
pub const fn role(role: Role) -> &'static str {
    role.as_str()
}

#[must_use]
pub const fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Seamless => "Seamless: into the other slot, switch at the restart",
        Strategy::InPlace => "In place: the running slot is updated during a restart",
        Strategy::Rolling => "Rolling: one component after the other",
    }
}

/// `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn list(items: &[String]) -> String {
    match items {
        [] => "the safety constraints".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// What a person can do about a failure.
#[must_use]
pub const fn advice(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::OtaInvalidImage => "Ask the publisher for a bundle that is made for this gateway.",
        ErrorCode::OtaSignatureFailed => {
            "Do not use this bundle. Ask the publisher, or check which certificates this gateway trusts."
        }
        ErrorCode::OtaInsufficientSpace => "Free space on the gateway's data partition, then start again.",
        ErrorCode::OtaUpdateBlocked => {
            "Wait until the constraints are clear, then try again. Where that cannot be, an administrator can override them."
        }
        ErrorCode::OtaDownloadFailed => {
            "Check the network and the update server, then start again: what has arrived is kept."
        }
        ErrorCode::OtaInstallFailed => "Read the log below, then start the update again.",
        ErrorCode::OtaRollbackFailed => "Restore a version instead: from a snapshot or from a kept bundle.",
        ErrorCode::OtaRecoveryFailed => "Use another snapshot or bundle, and read the log below.",
        ErrorCode::OtaOperationInProgress => "Wait until it has ended, or cancel it.",
        ErrorCode::Forbidden => "Ask somebody whose role allows it.",
        ErrorCode::TooManyRequests => "Wait a moment, then try again.",
        _ => return None,
    })
}

/// `idle`, or a job's state word, for the gateway as a whole.
#[must_use]
pub fn system_state(word: &str) -> String {
    word.replace('_', " ")
}

#[must_use]
pub const fn lost_connection() -> &'static str {
    "The connection to the gateway is lost. What you see may be out of date; the page keeps trying."
}

#[must_use]
pub fn restart_announced(version: &str) -> String {
    format!("The gateway restarts into {version}. This page comes back by itself.")
}

#[must_use]
pub fn returned(status: &Status) -> String {
    let active = &status.partitions.active;
    if status.gateway.in_recovery {
        return format!("The gateway is back: running its recovery system {}.", status.gateway.os_version);
    }
    format!("The gateway is back: running {} on slot {}.", active.version, active.id)
}

/// What is known about the signature of an update before it is downloaded.
#[must_use]
pub const fn signature(update: &Update) -> &'static str {
    match (update.compatible, metadata_is_verified(update)) {
        (false, _) => "not for this gateway",
        (true, true) => "verified",
        (true, false) => "not verified",
    }
}

#[must_use]
pub const fn signature_tone(update: &Update) -> Tone {
    if update.compatible && metadata_is_verified(update) { Tone::Good } else { Tone::Warn }
}

const fn metadata_is_verified(update: &Update) -> bool {
    matches!(update.signature.as_bytes(), b"verified")
}

/// Whether the other slot could take over.
#[must_use]
pub fn way_back(slot: &Partition) -> String {
    let (id, version) = (slot.id, &slot.version);
    match slot.status {
        SlotHealth::Ready | SlotHealth::Healthy if slot.next_boot => {
            format!("Slot {id} with {version} takes over at the next restart.")
        }
        SlotHealth::Ready | SlotHealth::Healthy => {
            format!("Slot {id} holds {version}, complete and able to start.")
        }
        SlotHealth::Writing => {
            format!("Slot {id} is being written; there is no previous system until that ends.")
        }
        SlotHealth::Trial | SlotHealth::Degraded => {
            format!("Slot {id} holds {version}, which is not confirmed.")
        }
        SlotHealth::Bad => format!("Slot {id} cannot be started; there is no previous system to go back to."),
        SlotHealth::Empty => format!("Slot {id} is empty; there is no previous system to go back to."),
    }
}

/// How a debug bundle stands.
#[must_use]
pub fn debug_bundle(bundle: &ota_api::debug::DebugBundle) -> String {
    match (&bundle.error, &bundle.expires_at) {
        (Some(error), _) => error.clone(),
        (None, None) => "is being made".to_owned(),
        (None, Some(until)) => format!("{}, kept until {}", bundle.size, moment(until)),
    }
}

fn sentence_start(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
