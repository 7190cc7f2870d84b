//! States as words and sentences. Pure functions: what comes in is the wire's data, what goes out is read by people.

use ota_api::{
    CheckKind, CheckState, ConstraintState, ErrorCode, Schedule, Severity, SlotHealth, Strategy, UpdateKind,
    auth::Role,
    human,
    monitor::{HealthCheck, Progress},
    safety::{Constraint, Force, Safety},
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
pub const fn schedule(schedule: Schedule) -> &'static str {
    match schedule {
        Schedule::Daily => "every day",
        Schedule::Weekly => "every week",
        Schedule::Monthly => "every month",
    }
}

#[must_use]
pub const fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Seamless => "Seamless: into the other slot, switch at the restart",
        Strategy::InPlace => "In place: the running slot is updated during a restart",
        Strategy::Rolling => "Rolling: one component after the other",
    }
}

/// `crane motion`: a constraint's name in a sentence.
#[must_use]
pub fn constraint(name: &str) -> &str {
    match name {
        "crane_motion" => "crane motion",
        "acs_collision" => "anti-collision system",
        "ups_battery" => "UPS battery",
        "network" => "network",
        "system_load" => "system load",
        other => other,
    }
}

/// `Crane motion`: the same as a heading.
#[must_use]
pub fn constraint_title(name: &str) -> String {
    sentence_start(constraint(name))
}

#[must_use]
pub fn constraint_state(constraint: &Constraint) -> (&'static str, Tone) {
    use super::safety as s;
    match (constraint.enabled, constraint.state) {
        (false, _) => (s::NOT_USED, Tone::Neutral),
        (true, ConstraintState::Blocking | ConstraintState::Unknown) if constraint.overridden => {
            (s::OVERRIDDEN, Tone::Bad)
        }
        (true, ConstraintState::Clear) => (s::CLEAR, Tone::Good),
        (true, ConstraintState::Blocking) => (s::BLOCKING, Tone::Bad),
        (true, ConstraintState::Unknown) => (s::UNKNOWN, Tone::Warn),
    }
}

/// The reading and its limit: `85 % (at least 30 %)`, `0.40 per core (at most 16.00)`, `idle`.
#[must_use]
pub fn constraint_value(name: &str, constraint: &Constraint) -> String {
    let word = constraint.status.replace('_', " ");
    let Some(level) = constraint.level else { return word };
    let percent = name == "ups_battery";
    let figure = |value: f64| {
        if percent {
            format!("{} %", ota_api::human::whole(value))
        } else {
            ota_api::human::with_hundredths(value)
        }
    };
    let unit = if percent { "" } else { " per core" };
    let bound = if percent { "at least" } else { "at most" };
    let limit = constraint.threshold.map(|t| format!(" ({bound} {})", figure(t))).unwrap_or_default();
    format!("{word}, {}{unit}{limit}", figure(level))
}

/// Whether updates may start, and what stands against it.
#[must_use]
pub fn verdict(safety: &Safety) -> (&'static str, String, Tone) {
    let used = safety.constraints.named().into_iter().filter(|(_, c)| c.enabled);
    let blocking: Vec<String> = used
        .clone()
        .filter(|(_, c)| safety.counts(c))
        .map(|(name, c)| format!("{} ({})", constraint(name), c.status.replace('_', " ")))
        .collect();
    if safety.update_allowed {
        let text = match (safety.force_override, used.count()) {
            (true, _) => "An override is active.".to_owned(),
            (false, 0) => "No interlock is in use.".to_owned(),
            (false, count) => format!("{count} of {count} interlocks are clear."),
        };
        return ("Updates allowed", text, if safety.force_override { Tone::Bad } else { Tone::Good });
    }
    ("Updates blocked", format!("Waiting for {}.", list(&blocking)), Tone::Bad)
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

/// The word of a job's state, in the form of a label.
#[must_use]
pub fn job_state(job: &Progress) -> (&'static str, Tone) {
    match job.status.as_str() {
        "queued" => ("queued", Tone::Busy),
        "downloading" => ("downloading", Tone::Busy),
        "verifying" => ("verifying", Tone::Busy),
        "downloaded" => ("downloaded", Tone::Good),
        "installing" => ("installing", Tone::Busy),
        "held" => ("waiting for safety", Tone::Warn),
        "awaiting_reboot" if restarts_by_itself(job) => ("restarting", Tone::Busy),
        "awaiting_reboot" => ("waiting for the restart", Tone::Warn),
        "trial" => ("on trial", Tone::Busy),
        "deploying" => ("deploying", Tone::Busy),
        "restoring" => ("restoring", Tone::Busy),
        "checking" => ("being checked", Tone::Busy),
        "resetting" => ("being prepared", Tone::Busy),
        "creating" => ("being taken", Tone::Busy),
        "completed" => ("completed", Tone::Good),
        "committed" => ("installed", Tone::Good),
        "cancelled" => ("cancelled", Tone::Neutral),
        "failed" => ("failed", Tone::Bad),
        "rolled_back" => ("rolled back", Tone::Bad),
        _ => ("working", Tone::Busy),
    }
}

/// True when the restart into the new system is about to happen without anybody's help.
#[must_use]
pub fn restarts_by_itself(job: &Progress) -> bool {
    job.status == "awaiting_reboot" && job.armed && job.reboot_after == Some(true)
}

/// The step that runs, named as a person would.
#[must_use]
pub fn step(job: &Progress) -> String {
    let slot = job.target_partition;
    match job.progress.current_operation.as_str() {
        "queued" => "Waiting to start".to_owned(),
        "downloading" => "Downloading the bundle".to_owned(),
        "verifying" => "Verifying signature and content".to_owned(),
        "creating_snapshot" => "Taking the snapshot".to_owned(),
        "waiting_for_reboot" => "Waiting for the restart".to_owned(),
        "waiting_for_safety" => "Waiting for safety constraints".to_owned(),
        "health_checks" => "Running the health checks".to_owned(),
        "rolling_back" => format!("Going back to {}", job.from_version),
        "none" => super::NONE.to_owned(),
        "planning_components" => "Looking at the components".to_owned(),
        other if other.starts_with("preparing_partition") => format!("Preparing slot {slot}"),
        other if other.starts_with("flashing_partition") => format!("Writing slot {slot}"),
        other if other.starts_with("verifying_partition") => format!("Reading slot {slot} back"),
        other => sentence_start(&other.replace('_', " ")),
    }
}

/// One sentence: what happens to the gateway now, or what became of it.
#[must_use]
pub fn job_sentence(job: &Progress) -> String {
    if job.kind == "factory_reset"
        && let Some(sentence) = super::reset::sentence(job)
    {
        return sentence;
    }
    let (version, slot, from) = (&job.update.version, job.target_partition, &job.from_version);
    match job.status.as_str() {
        "queued" => "The operation starts in a moment.".to_owned(),
        "creating" => format!("What is in slot {slot} is kept. The gateway keeps running {from}."),
        "checking" => format!("Slot {slot} is compared with what was installed in it."),
        "deploying" | "restoring" => {
            format!("{version} is verified and goes into slot {slot}. The gateway keeps running {from}.")
        }
        "completed" if job.kind == "snapshot" => format!("{version} of slot {slot} can be restored."),
        "downloading" => {
            format!("The bundle comes from the update server. The gateway keeps running {from}.")
        }
        "verifying" => "Signature, manifest and every block of the image are checked.".to_owned(),
        "downloaded" => {
            format!("{version} is downloaded and verified. Nothing changes until you install it.")
        }
        "installing" if of_component(job) => {
            format!("The components of {version} come one at a time. One that is not well is put back.")
        }
        "installing" => format!("{version} goes into slot {slot}. The gateway keeps running {from}."),
        "held" => held_sentence(job),
        "awaiting_reboot" if restarts_by_itself(job) => {
            format!("The gateway restarts into {version} on slot {slot}.")
        }
        "awaiting_reboot" if job.armed => {
            format!(
                "{version} starts from slot {slot} at the next restart. Restart the gateway when it suits."
            )
        }
        "awaiting_reboot" => format!("Slot {slot} is proven and is being made the next one."),
        "trial" if job.progress.current_operation == "rolling_back" => {
            format!("{version} failed a health check. The gateway goes back to {from}.")
        }
        "trial" => format!("Running {version} on slot {slot}. It stays if it passes its health checks."),
        "committed" if !job.components.is_empty() => {
            job.outcome.as_ref().map(|outcome| outcome.message.clone()).unwrap_or_default()
        }
        "cancelled" | "failed" if !job.components.is_empty() => {
            let how = if job.status == "failed" { "failed" } else { "was cancelled" };
            format!(
                "{} {how}. The gateway runs {from}; what its components are is said below.",
                job_name(job)
            )
        }
        "committed" | "completed" => {
            format!("Running {version} on slot {slot}. It passed its health checks and is confirmed.")
        }
        "cancelled" => format!("{} was cancelled. The gateway runs {from}, unchanged.", job_name(job)),
        "failed" => format!("{} failed. The gateway runs {from}, unchanged.", job_name(job)),
        "rolled_back" => format!("{version} did not prove itself. The gateway runs {from} again."),
        other => other.replace('_', " "),
    }
}

/// Whether a component has its turn: the operation names no partition.
fn of_component(job: &Progress) -> bool {
    let operation = &job.progress.current_operation;
    !operation.contains("_partition_") && operation != "creating_snapshot"
}

/// What is done, at the beginning of a sentence or as a heading.
#[must_use]
pub fn job_name(job: &Progress) -> String {
    let version = &job.update.version;
    match job.kind.as_str() {
        "deploy" => format!("Deployment of {version}"),
        "restore" => format!("Restore of {version}"),
        "rollback" => format!("Rollback to {version}"),
        "snapshot" => format!("Snapshot of {version}"),
        "factory_reset" => super::recovery::FACTORY.to_owned(),
        _ => format!("{} to {version}", super::monitor::JOB),
    }
}

fn held_sentence(job: &Progress) -> String {
    let names: Vec<String> = job.waiting_for.iter().map(|name| constraint(name).to_owned()).collect();
    let waits = format!("waits for {} to be clear long enough", list(&names));
    let (version, slot) = (&job.update.version, job.target_partition);
    match job.held_before.as_deref() {
        Some("download") => format!("Downloading {version} {waits}."),
        Some("write") => format!("{version} is downloaded and verified. Writing slot {slot} {waits}."),
        Some("write_component") => {
            format!("{version} is downloaded and verified. Writing its next component {waits}.")
        }
        Some("activate_component") => format!("A component is written and proven. Activating it {waits}."),
        Some("put_back_component") => format!("A component of {version} failed. Putting it back {waits}."),
        Some("go_back") => {
            format!("{version} failed its trial. The restart back to {} {waits}.", job.from_version)
        }
        Some("arm") if job.reboot_after == Some(false) => {
            format!("Slot {slot} is written and proven. Selecting it for the next boot {waits}.")
        }
        _ => format!("Slot {slot} is written and proven. The restart into {version} {waits}."),
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

/// What a person can do after a job that did not stay.
#[must_use]
pub fn outcome_advice(job: &Progress) -> Option<&'static str> {
    match job.status.as_str() {
        "rolled_back" => Some(
            "The gateway does not try this version again by itself. Read the log for the check that failed, and ask the \
             publisher for a corrected release.",
        ),
        "failed" => job.outcome.as_ref().and_then(|o| o.code).and_then(advice),
        _ => None,
    }
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

/// When a constraint is expected to clear.
#[must_use]
pub fn constraint_clears(constraint: &Constraint) -> String {
    match (constraint.blocking, constraint.estimated_clear.as_deref()) {
        (false, _) => "–".to_owned(),
        (true, Some(time)) => format!("in {time}"),
        (true, None) => super::UNKNOWN.to_owned(),
    }
}

/// Names of the wire as words in a sentence.
#[must_use]
pub fn constraints(names: &[String]) -> String {
    let words: Vec<String> = names.iter().map(|name| constraint(name).to_owned()).collect();
    list(&words)
}

/// What is worth choosing when somebody wants to override: what was asked for already, or what stands in the way.
#[must_use]
pub fn worth_overriding(safety: &Safety) -> Vec<String> {
    if let Some(force) = &safety.force {
        return force.constraints.clone();
    }
    let named = safety.constraints.named().into_iter();
    let blocking =
        named.filter(|(name, c)| safety.counts(c) && safety.overridable.iter().any(|other| other == name));
    blocking.map(|(name, _)| name.to_owned()).collect()
}

/// Who answers for an override.
#[must_use]
pub fn override_people(force: &Force) -> String {
    match &force.confirmed_by {
        Some(second) => format!("{}, confirmed by {second}", force.by),
        None => force.by.clone(),
    }
}

/// What the override is about.
#[must_use]
pub fn override_sentence(safety: &Safety) -> String {
    match &safety.force {
        Some(force) if force.active => format!("Not counted: {}.", constraints(&force.constraints)),
        Some(force) => format!("{} asks for an override. Another administrator has to ask for the same.", force.by),
        None if safety.second_person => "Two administrators can take constraints out of the verdict, for one operation and \
                                         for a short time."
            .to_owned(),
        None => "An administrator can take constraints out of the verdict, for one operation and for a short time.".to_owned(),
    }
}

/// What those hear who do not see the banner.
#[must_use]
pub fn override_announcement(safety: &Safety) -> String {
    match safety.force.as_ref().filter(|force| force.active) {
        Some(force) => {
            format!("{} overrides safety constraints: {}.", force.by, constraints(&force.constraints))
        }
        None => "The safety override is over.".to_owned(),
    }
}

/// The banner while an override is in force.
#[must_use]
pub fn override_banner(force: &Force) -> String {
    let time = ota_api::human::minutes(force.remaining_seconds);
    let (who, what, why) = (override_people(force), constraints(&force.constraints), &force.reason);
    format!("Safety override by {who}: {what} not counted, for {time} more. Reason: {why}")
}

fn sentence_start(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
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

/// Heading of the job's card.
#[must_use]
pub fn job_title(job: Option<&Progress>) -> String {
    job.map_or_else(|| super::monitor::IDLE.to_owned(), job_name)
}
