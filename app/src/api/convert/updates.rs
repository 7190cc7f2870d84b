use ota_api::{
    ApiError, human, routes,
    updates::{
        CheckStarted, CheckSummary, DownloadRequest, DownloadStarted, DownloadedUpdate, Update, Updates,
    },
};
use ota_core::{InstallOrder, JobState, Release, version_order};
use ota_engine::{DownloadOrder, JobView, Snapshot};
use std::cmp::Ordering;

use super::{bad_request, instant, settings::eligible_update};

/// The answer of `GET updates`: what is newer than the running system. Where that has no known version, everything is.
#[must_use]
pub fn updates(snapshot: &Snapshot) -> Updates {
    let known = snapshot.running.slot().and_then(|slot| snapshot.slots.get(slot).record.as_ref());
    let newer = |release: &&Release| {
        known.is_none_or(|running| version_order(&release.version, &running.version) == Ordering::Greater)
    };
    let updates: Vec<_> = snapshot.offered().filter(newer).map(|release| update(snapshot, release)).collect();
    Updates { total_available: updates.len(), updates, check: check_summary(snapshot) }
}

fn update(snapshot: &Snapshot, release: &Release) -> Update {
    let site = &snapshot.site;
    let automatic = eligible_update(snapshot, &release.id);
    let unfit = release.check(&site.model, site.version_floor.as_deref()).err();
    Update {
        id: release.id.clone(),
        version: release.version.clone(),
        kind: release.kind,
        severity: release.severity,
        size: human::size(release.target.length),
        size_bytes: release.target.length,
        released: release.released.clone(),
        description: release.description.clone(),
        changelog: release.changelog.clone(),
        // A release gets into the catalogue only from metadata whose signatures hold.
        signature: "verified".to_owned(),
        compatible: unfit.is_none(),
        incompatible_reason: unfit.map(|reason| format!("Cannot be installed: {reason}.")),
        sha256: release.target.sha256.clone(),
        kernel: release.kernel.clone(),
        last_failure: snapshot.last_failures.get(&release.version).cloned(),
        eligible: automatic.eligible,
        reasons: automatic.reasons,
        next_attempt_at: automatic.next_attempt_at,
    }
}

/// How the knowledge about updates stands.
#[must_use]
pub fn check_summary(snapshot: &Snapshot) -> CheckSummary {
    let check = &snapshot.check;
    CheckSummary {
        server: check.server.to_string(),
        running: check.running,
        last_check: check.last.map(instant),
        next_check: check.next.map(instant),
        error: check.error.as_ref().map(ToString::to_string),
    }
}

/// The answer of `POST check-updates`.
#[must_use]
pub fn check_started(started: ota_engine::CheckStarted, snapshot: &Snapshot) -> CheckStarted {
    CheckStarted {
        check_id: started.id,
        status: "checking".to_owned(),
        server: snapshot.check.server.to_string(),
        // A check that takes part of a second takes one.
        estimated_duration: human::hours(started.estimated.as_secs().max(1)),
        finished: started.finished,
    }
}

/// What `POST download` orders.
///
/// # Errors
/// A restart that is ordered without the installation before it.
pub fn download_order(request: DownloadRequest) -> Result<DownloadOrder, ApiError> {
    let DownloadRequest { install_after, reboot_after, create_snapshot, strategy, .. } = request;
    if (reboot_after || create_snapshot || strategy.is_some()) && !install_after {
        let message =
            "reboot_after, create_snapshot and strategy have a meaning only together with install_after.";
        return Err(bad_request(message));
    }
    let install =
        install_after.then_some(InstallOrder { reboot_after, create_snapshot, ..InstallOrder::default() });
    Ok(DownloadOrder {
        update_id: request.update_id,
        version: request.version,
        target: request.target_partition,
        verify_signature: request.verify_signature,
        install,
        restart_until: None,
        strategy,
    })
}

/// The answer of `POST download`.
#[must_use]
pub fn download_started(view: &JobView) -> DownloadStarted {
    let job = &view.job;
    let status = match &job.state {
        JobState::Queued => "downloading",
        _ => job.status(),
    };
    DownloadStarted {
        job_id: job.id.to_string(),
        status: status.to_owned(),
        update: DownloadedUpdate {
            id: job.work.release_id().to_owned(),
            version: job.work.version().to_owned(),
            size: human::size(job.work.length()),
            size_bytes: job.work.length(),
        },
        target_partition: job.target,
        progress_url: routes::progress_url(job.id.as_str()),
    }
}
