//! Waiting for the machine to be still, and for a new system to be healthy.

use ota_core::{Blocked, Job, JobEvent, JobState, Phase};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use super::Course;
use crate::{Ota, ports::LogLevel};

/// Pause between two rounds of health checks.
const HEALTH_PAUSE: Duration = Duration::from_secs(1);

impl Ota {
    /// `WindowClosed` when the maintenance window is over that began it; `Cleared` when the phase may begin; `GateClosed` as soon as there is something to wait for that the job does not
    /// say yet. `None` when the service stops or the job is cancelled.
    pub(super) async fn await_clear(&self, course: &Course, job: &Job, phase: Phase) -> Option<JobEvent> {
        let mut rounds = self.safety_round.subscribe();
        loop {
            if job.is_past_window(phase, self.parts.clock.now()) {
                return Some(JobEvent::WindowClosed);
            }
            match self.may_go_on(job, phase) {
                Ok(()) => return Some(JobEvent::Cleared),
                Err(blocked) => {
                    let reasons = names(&blocked);
                    if !already_says(job, &reasons) {
                        return Some(JobEvent::GateClosed { reasons });
                    }
                }
            }
            tokio::select! {
                () = course.cancel.cancelled() => return None,
                changed = rounds.changed() => changed.ok()?,
            }
        }
    }

    /// Asks all checks until every required one passes or the trial's time is up.
    pub(super) async fn check_health(&self, course: &Course) -> Option<JobEvent> {
        let deadline = self.parts.clock.boot() + self.parts.site.health_deadline;
        course.gauge.begin_trial(deadline);
        Some(match self.await_health(deadline, &course.cancel).await? {
            Ok(()) => JobEvent::HealthPassed,
            Err(reason) => JobEvent::HealthFailed { reason },
        })
    }

    /// What the required checks complain of at `deadline`; all is well as soon as none complains. `None` when it is cancelled.
    pub(super) async fn await_health(
        &self,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Option<Result<(), String>> {
        loop {
            let (required, wanted) = self.ask_checks().await;
            if required.is_empty() {
                for complaint in wanted {
                    self.log(LogLevel::Warning, "health", format!("Not required, but: {complaint}")).await;
                }
                return Some(Ok(()));
            }
            if self.parts.clock.boot() >= deadline {
                return Some(Err(required.join("; ")));
            }
            tokio::select! {
                () = cancel.cancelled() => return None,
                () = tokio::time::sleep(HEALTH_PAUSE) => {}
            }
        }
    }

    /// The complaints of the required and of the wanted checks.
    async fn ask_checks(&self) -> (Vec<String>, Vec<String>) {
        let (mut required, mut wanted) = (Vec::new(), Vec::new());
        for check in &self.parts.health {
            if let Err(complaint) = check.run(self.parts.slots.booted()).await {
                let list = if check.required() { &mut required } else { &mut wanted };
                list.push(format!("{}: {complaint}", check.name()));
            }
        }
        (required, wanted)
    }
}

/// Names of the blocking constraints: they stay the same while the words about them change every second.
pub(crate) fn names(blocked: &Blocked) -> Vec<String> {
    blocked.0.iter().map(|assessment| assessment.constraint.to_string()).collect()
}

fn already_says(job: &Job, reasons: &[String]) -> bool {
    match &job.state {
        JobState::Held { reasons: old, .. } => old == reasons,
        _ => false,
    }
}
