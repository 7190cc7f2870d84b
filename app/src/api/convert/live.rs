//! What the page carries in itself and what the live feed says.

use jiff::Timestamp;
use ota_api::{
    auth::Role,
    human,
    page::{LiveData, PageData},
    ws::{LiveResources, ServerMessage, SystemStatus, Topic, UpdateProgress},
};
use ota_core::Assessment;
use ota_engine::{Change, Event, JobView, Snapshot, ports::LogPage};

use super::{
    check_summary, debug_bundles, instant, log_line, monitor, monitor::doing, progress, recovery, safety,
    safety::constraint, status, updates, uploads,
};

/// Everything that the first paint shows, from one moment of the gateway. `heard` is the newest event of the live feed before that
/// moment.
#[must_use]
pub fn page_data(
    snapshot: &Snapshot,
    (heard, logs): (u64, LogPage),
    username: &str,
    role: Role,
    now: Timestamp,
) -> PageData {
    PageData {
        system: status(snapshot),
        updates: updates(snapshot).updates,
        settings: snapshot.settings.as_ref().clone(),
        safety: safety(snapshot, now),
        live: LiveData {
            username: username.to_owned(),
            role,
            notice: snapshot.site.notice.clone(),
            check: check_summary(snapshot),
            monitor: monitor(snapshot, now),
            job: snapshot.job.as_deref().map(progress),
            logs: logs.entries.iter().map(log_line).collect(),
            recovery: recovery(snapshot),
            uploads: uploads(snapshot),
            debug: debug_bundles(snapshot),
            heard,
        },
    }
}

/// The message for an event. `snapshot` is the gateway at `now`.
#[must_use]
pub fn server_message(event: &Event, snapshot: &Snapshot, now: Timestamp) -> ServerMessage {
    match event {
        Event::Progress(view) => update_progress(view, now),
        Event::System => system_status(snapshot, now),
        Event::Log(entry) => ServerMessage::LogEntry(log_line(entry)),
        Event::Safety(assessment) => safety_update(assessment),
        Event::Changed(change) => ServerMessage::Changed {
            what: match change {
                Change::Status => Topic::Status,
                Change::Updates => Topic::Updates,
                Change::Settings => Topic::Settings,
                Change::Outlook => Topic::Outlook,
                Change::Safety => Topic::Safety,
                Change::Recovery => Topic::Recovery,
                Change::Uploads => Topic::Uploads,
                Change::Debug => Topic::Debug,
            },
        },
    }
}

/// `update_progress` of the job that the page shows, if there is one.
#[must_use]
pub fn shown_job(snapshot: &Snapshot, now: Timestamp) -> Option<ServerMessage> {
    snapshot.job.as_ref().map(|view| update_progress(view, now))
}

#[must_use]
pub fn update_progress(view: &JobView, now: Timestamp) -> ServerMessage {
    ServerMessage::UpdateProgress(UpdateProgress {
        job_id: view.job.id.to_string(),
        status: view.job.status().to_owned(),
        progress: human::tenths(view.figures.percentage),
        current_operation: view.job.current_operation(),
        speed: human::speed(view.figures.speed),
        eta: view.figures.eta.map(|left| human::hours(left.as_secs())),
        timestamp: instant(now),
        job: Some(progress(view)),
    })
}

#[must_use]
pub fn system_status(snapshot: &Snapshot, now: Timestamp) -> ServerMessage {
    let (status, current_operation) = doing(snapshot);
    let open = snapshot.open_job().filter(|_| status != "idle");
    ServerMessage::SystemStatus(SystemStatus {
        status,
        current_operation,
        progress: open.map_or(0.0, |view| human::tenths(view.figures.percentage)),
        resources: LiveResources {
            cpu_usage: human::tenths(snapshot.resources.cpu),
            memory_usage: human::tenths(snapshot.resources.memory),
        },
        timestamp: instant(now),
    })
}

fn safety_update(assessment: &Assessment) -> ServerMessage {
    ServerMessage::SafetyUpdate {
        constraint: assessment.constraint.as_str().to_owned(),
        status: assessment.status.clone(),
        blocking: assessment.is_blocking(),
        estimated_clear: assessment.estimated_clear.map(|left| human::hours(left.as_secs())),
        current: Some(constraint(assessment)),
    }
}
