//! The checks of a trial: asked side by side, each until it passes or its time is up.

use ota_core::{CheckState, JobEvent, SlotId, TrialChecks, TrialVerdict};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::Course;
use crate::{
    Ota,
    ports::{HealthCheck, LogLevel},
};

/// How an attempt of the check with this number ended; `None`: its time was up first.
type Answer = (usize, Option<Result<(), String>>);

impl Ota {
    /// Asks the checks until they say whether the new system stays. `None` when the service stops.
    pub(super) async fn check_health(&self, course: &Course) -> Option<JobEvent> {
        let trial = self.ask_checks(course, &self.parts.health).await?;
        let reports = trial.reports().cloned().collect();
        Some(match trial.verdict() {
            Some(TrialVerdict::Failed { reason }) => JobEvent::HealthFailed { reason, checks: reports },
            Some(TrialVerdict::Passed) => JobEvent::HealthPassed(reports),
            None => {
                let reason = "a health check could not be carried out".to_owned();
                JobEvent::HealthFailed { reason, checks: reports }
            }
        })
    }

    /// What the required checks complain of, where no job is on trial. `None` when the service stops.
    pub(super) async fn prove_health(&self) -> Option<Result<(), String>> {
        let trial = self.ask(None, &self.stop, &self.parts.health).await?;
        Some(match trial.verdict() {
            Some(TrialVerdict::Passed) => Ok(()),
            Some(TrialVerdict::Failed { reason }) => Err(reason),
            None => Err("a health check could not be carried out".to_owned()),
        })
    }

    /// Asks `checks` side by side until they come to a verdict, and shows how they stand. What is not decided by then is left alone.
    pub(super) async fn ask_checks(
        &self,
        course: &Course,
        checks: &[Arc<dyn HealthCheck>],
    ) -> Option<TrialChecks> {
        self.ask(Some(course), &course.cancel, checks).await
    }

    async fn ask(
        &self,
        course: Option<&Course>,
        cancel: &CancellationToken,
        checks: &[Arc<dyn HealthCheck>],
    ) -> Option<TrialChecks> {
        let job = course.map_or("the running system", |course| course.id.as_str());
        let began = self.parts.clock.boot();
        let booted = self.parts.slots.booted();
        let mut trial = TrialChecks::new(checks.iter().map(|check| check.plan().clone()));
        let mut attempts = JoinSet::new();
        for (index, check) in checks.iter().enumerate() {
            attempts.spawn(attempt(
                index,
                Arc::clone(check),
                booted,
                Duration::ZERO,
                trial.left(index, Duration::ZERO),
            ));
        }
        loop {
            if let Some(course) = course {
                course.gauge.show_checks(&trial, began);
                self.show(&course.id).await;
            }
            if trial.verdict().is_some() {
                return Some(trial);
            }
            let answer: Answer = tokio::select! {
                () = cancel.cancelled() => return None,
                ended = attempts.join_next() => match ended {
                    Some(Ok(answer)) => answer,
                    Some(Err(error)) => {
                        tracing::error!(%error, job, "a health check could not be carried out");
                        return Some(trial);
                    }
                    None => return Some(trial),
                },
            };
            let (index, answer) = answer;
            let elapsed = self.parts.clock.boot().saturating_sub(began);
            if let Some(decided) = trial.answered(index, answer, elapsed)
                && decided.state == CheckState::Failed
            {
                let (level, what) = if decided.required {
                    (LogLevel::Error, "required")
                } else {
                    (LogLevel::Warning, "wanted")
                };
                let reason = decided.reason.as_deref().unwrap_or("It has not answered.");
                let text = format!("{job}: the {what} check “{}” failed: {reason}", decided.name);
                self.log(level, "health", text).await;
            }
            if trial.is_waiting(index)
                && let Some(check) = checks.get(index)
            {
                let pause = check.plan().interval;
                attempts.spawn(attempt(index, Arc::clone(check), booted, pause, trial.left(index, elapsed)));
            }
        }
    }
}

/// Asks once after `pause`, for no longer than `left` in all.
async fn attempt(
    index: usize,
    check: Arc<dyn HealthCheck>,
    booted: SlotId,
    pause: Duration,
    left: Duration,
) -> Answer {
    let asked = async {
        tokio::time::sleep(pause).await;
        check.run(booted).await
    };
    (index, timeout(left, asked).await.ok())
}
