use jiff::Timestamp;
use ota_api::{
    ApiError, human,
    monitor::{
        Cancelled, ComponentProgress, HealthCheck, InstallRequest, InstallStarted, LogLine, Logs, Monitor,
        Outcome, Progress, ProgressFigures, Resources, UpdateName,
    },
};
use ota_core::{ComponentTurn, FailureCode, HoldPoint, InstallOrder, Job, JobState};
use ota_engine::{
    CheckView, InstallCommand, JobView, Snapshot,
    ports::{LogEntry, LogPage, LogQuery},
};
use serde_json::json;

use super::{bad_request, error, instant, job_id, settings::automation};

const DEFAULT_LOGS: u32 = 50;
const MAXIMUM_LOGS: u32 = 1000;

/// The answer of `GET progress`.
#[must_use]
pub fn progress(view: &JobView) -> Progress {
    let job = &view.job;
    let (waiting_for, held_before) = match &job.state {
        JobState::Held { at, reasons } => (reasons.clone(), Some(at.as_str().to_owned())),
        _ => (Vec::new(), None),
    };
    Progress {
        status: job.status().to_owned(),
        job_id: job.id.to_string(),
        kind: job.work.kind().as_str().to_owned(),
        progress: figures(view),
        update: UpdateName { id: job.work.release_id().to_owned(), version: job.work.version().to_owned() },
        elapsed_time: human::hours(view.elapsed.as_secs()),
        elapsed_seconds: view.elapsed.as_secs(),
        target_partition: job.target,
        from_version: job.from_version.clone(),
        reboot_after: job.order.map(|order| order.reboot_after),
        strategy: job.order.map(|order| order.strategy),
        armed: job.state.is_next(),
        can_cancel: job.state.can_cancel(),
        cancel_refused: cancel_refused(&job.state),
        waiting_for,
        held_before,
        trial_seconds_left: view.trial_left.map(|left| left.as_secs()),
        back_to: back_to(job),
        checks: view.checks.iter().map(health_check).collect(),
        components: job.turns.iter().flatten().map(component).collect(),
        snapshot_id: job.snapshot.as_ref().map(ToString::to_string),
        outcome: outcome(job),
        started_at: instant(job.created_at),
        ended_at: job.ended_at.map(instant),
    }
}

fn component(turn: &ComponentTurn) -> ComponentProgress {
    ComponentProgress {
        name: turn.name.clone(),
        from_version: turn.from.as_ref().map(|from| from.version.clone()),
        state: turn.state,
    }
}

fn health_check(check: &CheckView) -> HealthCheck {
    let report = &check.report;
    HealthCheck {
        name: report.name.clone(),
        kind: report.kind,
        required: report.required,
        state: report.state,
        reason: report.reason.clone(),
        seconds_left: check.left.map(|left| left.as_secs()),
    }
}

fn figures(view: &JobView) -> ProgressFigures {
    let figures = &view.figures;
    let eta = figures.eta.map(|left| left.as_secs());
    ProgressFigures {
        percentage: human::tenths(figures.percentage),
        overall_percentage: human::tenths(figures.overall),
        current_operation: view.job.current_operation(),
        speed: human::speed(figures.speed),
        speed_bytes_per_second: whole(figures.speed),
        downloaded: human::size(figures.done),
        downloaded_bytes: figures.done,
        total: human::size(figures.total),
        total_bytes: figures.total,
        eta: eta.map(human::minutes),
        eta_seconds: eta,
    }
}

/// Saturates at both ends.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
const fn whole(value: f64) -> u64 {
    value as u64
}

fn cancel_refused(state: &JobState) -> Option<String> {
    if state.can_cancel() {
        return None;
    }
    Some(if state.is_ended() {
        "The job has ended.".to_owned()
    } else if matches!(
        state,
        JobState::Rolling { .. } | JobState::Held { at: HoldPoint::Component { .. }, .. }
    ) {
        "A component has been activated; it stays or is put back by itself.".to_owned()
    } else {
        "The new system has been started; it is confirmed or rolled back by itself.".to_owned()
    })
}

fn back_to(job: &Job) -> Option<String> {
    let rolled_back = matches!(job.state, JobState::RolledBack { .. });
    job.went_back_to().filter(|_| rolled_back).map(str::to_owned)
}

fn outcome(job: &Job) -> Option<Outcome> {
    let version = job.work.version();
    let (code, message) = match &job.state {
        JobState::Completed => {
            (None, format!("The snapshot of {version} on partition {} is complete.", job.target))
        }
        JobState::Committed if !job.has_come_to_slot() => (None, format!("{version} is installed.")),
        JobState::Committed => {
            (None, format!("{version} runs from partition {} and is confirmed.", job.target))
        }
        JobState::Cancelled { reason, .. } => (None, format!("Cancelled: {reason}")),
        JobState::Failed { failure } => (Some(error::code(failure.code)), failure.message.clone()),
        JobState::RolledBack { reason } => (
            Some(error::code(job.work.failure_code(FailureCode::InstallFailed))),
            match job.went_back_to() {
                Some(former) => format!("{version} was rolled back to {former}: {reason}"),
                None => format!("{version} was rolled back: {reason}"),
            },
        ),
        _ => return None,
    };
    let message = match job.components_sentence() {
        Some(components) => format!("{message} {components}"),
        None => message,
    };
    Some(Outcome { code, message })
}

/// What `POST install` orders.
///
/// # Errors
/// An id that no job can have.
pub fn install_command(request: &InstallRequest) -> Result<InstallCommand, ApiError> {
    let InstallRequest { strategy, reboot_after, create_snapshot, .. } = *request;
    let order = InstallOrder { reboot_after, create_snapshot, ..InstallOrder::default() };
    Ok(InstallCommand { job: job_id(&request.job_id)?, strategy, order, restart_until: None })
}

/// The answer of `POST install`.
#[must_use]
pub fn install_started(view: &JobView, request: &InstallRequest) -> InstallStarted {
    InstallStarted {
        job_id: view.job.id.to_string(),
        status: view.job.status().to_owned(),
        strategy: view.job.order.unwrap_or_default().strategy,
        target_partition: view.job.target,
        reboot_after: request.reboot_after,
        next_boot_partition: view.job.target,
    }
}

/// The answer of `POST cancel`.
#[must_use]
pub fn cancelled(view: &JobView) -> Cancelled {
    Cancelled {
        job_id: view.job.id.to_string(),
        status: view.job.status().to_owned(),
        progress_at_cancel: human::tenths(view.figures.percentage),
    }
}

/// Which entries of the activity log a client asks for. What is empty filters nothing.
///
/// # Errors
/// A value that cannot be; `details.field` names it.
pub fn log_query(
    limit: Option<&str>,
    level: Option<&str>,
    since: Option<&str>,
    before: Option<&str>,
) -> Result<LogQuery, ApiError> {
    let limit = given(limit, "limit", &format!("must be from 1 to {MAXIMUM_LOGS}"), |text| {
        text.parse().ok().filter(|limit| (1..=MAXIMUM_LOGS).contains(limit))
    })?;
    Ok(LogQuery {
        limit: limit.unwrap_or(DEFAULT_LOGS),
        level: given(level, "level", "must be debug, info, warning or error", |text| text.parse().ok())?,
        since: given(since, "since", "must be a time as 2025-03-15T10:25:30Z", |text| text.parse().ok())?,
        before: given(before, "before", "must be the next_cursor of an answer", |text| text.parse().ok())?,
    })
}

/// A value of the query, where there is one.
fn given<T>(
    value: Option<&str>,
    field: &str,
    rule: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, ApiError> {
    let value = value.filter(|text| !text.is_empty());
    let wrong = || bad_request(format!("{field} {rule}.")).with_details(json!({ "field": field }));
    value.map(|text| read(text).ok_or_else(wrong)).transpose()
}

/// The answer of `GET logs`.
#[must_use]
pub fn logs(page: &LogPage) -> Logs {
    let oldest = page.entries.last().and_then(|entry| entry.id);
    Logs {
        logs: page.entries.iter().map(log_line).collect(),
        total: page.total,
        next_cursor: oldest.filter(|_| page.more),
    }
}

#[must_use]
pub fn log_line(entry: &LogEntry) -> LogLine {
    LogLine {
        timestamp: instant(entry.at),
        level: entry.level.as_str().to_owned(),
        source: entry.source.clone(),
        message: entry.message.clone(),
        id: entry.id,
    }
}

/// The answer of `GET monitor`.
#[must_use]
pub fn monitor(snapshot: &Snapshot, now: Timestamp) -> Monitor {
    let (system_status, current_operation) = doing(snapshot);
    Monitor {
        system_status,
        current_operation,
        last_update_check: snapshot.check.last.map(instant),
        next_check: snapshot.check.next.map(instant),
        resources: Resources {
            cpu_usage: human::tenths(snapshot.resources.cpu),
            memory_usage: human::percent(snapshot.resources.memory),
        },
        job_id: snapshot.job.as_ref().map(|view| view.job.id.to_string()),
        automation: automation(snapshot, now),
    }
}

/// The words for what the gateway does: those of the job that works, else those of rest.
pub(super) fn doing(snapshot: &Snapshot) -> (String, String) {
    let busy = snapshot.open_job().filter(|view| !is_resting(&view.job.state));
    match busy {
        Some(view) => (view.job.status().to_owned(), view.job.current_operation()),
        None if snapshot.check.running => ("checking".to_owned(), "checking_for_updates".to_owned()),
        None => ("idle".to_owned(), "none".to_owned()),
    }
}

/// A download that waits for its installation keeps nobody from anything.
const fn is_resting(state: &JobState) -> bool {
    matches!(state, JobState::Downloaded)
}
