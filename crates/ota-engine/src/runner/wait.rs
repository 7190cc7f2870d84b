//! Waiting for the machine to be still.

use ota_core::{Blocked, Job, JobEvent, JobState, Phase};

use super::Course;
use crate::Ota;

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
