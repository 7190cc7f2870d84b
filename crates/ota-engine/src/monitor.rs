//! Progress, installation of a download, cancel.

use jiff::Timestamp;
use ota_core::{
    Actor, Admission, AuditAction, AuditEntry, AuditOutcome, Denied, Effect, Failure, FailureCode,
    InstallOrder, Job, JobEvent, JobId, JobState, Operation, Phase, Strategy,
};
use std::sync::Arc;

use crate::{
    JobView, Ota, OtaError,
    runner::ApplyError,
    safety::starter,
    updates::{busy, install_detail},
};

/// What somebody wants to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallCommand {
    pub job: JobId,
    /// That of the settings where none is given.
    pub strategy: Option<Strategy>,
    pub order: InstallOrder,
    /// The end of the maintenance window that begins it; none where a person does.
    pub restart_until: Option<Timestamp>,
}

impl Ota {
    /// The job as it stands.
    ///
    /// # Errors
    /// [`OtaError::UnknownJob`].
    pub async fn progress(&self, id: &JobId) -> Result<JobView, OtaError> {
        Ok(self.view(&self.find(id).await?))
    }

    /// Installs a downloaded update.
    ///
    /// # Errors
    /// What is not offered yet, a job that is not downloaded, the operation gate, the safety verdict.
    pub async fn install(
        self: &Arc<Self>,
        command: InstallCommand,
        actor: &Actor,
    ) -> Result<JobView, OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::Install).about(command.job.as_str());
        let started = self.try_install(command, actor, &entry).await;
        if let Err(error) = &started {
            self.audit_error(entry, error).await;
        }
        started
    }

    async fn try_install(
        self: &Arc<Self>,
        command: InstallCommand,
        actor: &Actor,
        entry: &AuditEntry,
    ) -> Result<JobView, OtaError> {
        self.must_be_up()?;
        let job = self.find(&command.job).await?;
        let order = self.planned(command.order, command.strategy)?;
        self.require_way_back(&order, 0).await?;
        let mut desk = self.desk.lock().await;
        let open = desk.iter().find(|open| open.id == job.id);
        let state = open.map_or(&job.state, |open| &open.state);
        if !matches!(state, JobState::Downloaded) {
            let state = open.unwrap_or(&job).status();
            return Err(OtaError::NotDownloaded { job: job.id, state });
        }
        let admission = ota_core::admit(&Operation::Install { job: &job.id }, &desk).map_err(busy)?;
        if let Admission::Start { superseded } = admission
            && let Some(other) = superseded.first()
        {
            // Downloads supersede each other when they start, so two never wait side by side.
            return Err(OtaError::Busy { holder: other.clone(), state: "downloaded" });
        }
        self.permit(Phase::Start, starter(actor, Some(&job.id)))?;
        let Some(open) = desk.iter_mut().find(|open| open.id == job.id) else {
            return Err(OtaError::UnknownJob(job.id.to_string()));
        };
        let mut next = open.clone();
        // Whoever installs answers for it: an override of theirs serves it, and a timer has none.
        next.actor = actor.clone();
        next.restart_until = command.restart_until;
        // It may have been downloaded under another system.
        self.snapshot().running_version().clone_into(&mut next.from_version);
        let now = self.parts.clock.now();
        let effect = next.apply(JobEvent::Install(order), now);
        let effect = effect.map_err(|denied| OtaError::Internal(denied.to_string()))?;
        if let Some(bundle) = &next.bundle {
            self.require_strategy(order.strategy, bundle)?;
            self.check_fit(&next, bundle).await?;
        }
        self.audit(&entry.clone().saying(install_detail(&next, order))).await?;
        self.parts.store.save_jobs(&[&next], now, &[]).await?;
        *open = next.clone();
        self.bind_override(&next.id, actor);
        let text = format!("{}: installation ordered by {actor}", next.id);
        self.log(crate::ports::LogLevel::Info, "ota", text).await;
        if let Some(effect) = effect {
            self.drive(next.id.clone(), effect);
        }
        self.announce(&next, &desk).await;
        drop(desk);
        Ok(self.view(&next))
    }

    /// Ends the job where it is, or disarms it when it is armed already.
    ///
    /// # Errors
    /// [`OtaError::TooLateToCancel`] once the new system has been started.
    pub async fn cancel(
        self: &Arc<Self>,
        id: &JobId,
        reason: &str,
        actor: &Actor,
    ) -> Result<JobView, OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::Cancel).about(id.as_str()).because(reason);
        let cancelled = self.try_cancel(id, reason, actor, &entry).await;
        match &cancelled {
            Ok(_) => self.audit_result(&entry.with_outcome(AuditOutcome::Succeeded)).await,
            Err(error) => self.audit_error(entry, error).await,
        }
        cancelled
    }

    async fn try_cancel(
        self: &Arc<Self>,
        id: &JobId,
        reason: &str,
        actor: &Actor,
        entry: &AuditEntry,
    ) -> Result<JobView, OtaError> {
        self.must_be_up()?;
        let job = self.find(id).await?;
        if job.state.is_ended() {
            return Err(too_late(&job, &Denied::Ended(job.status())));
        }
        if !job.state.can_cancel() {
            return Err(too_late(&job, &Denied::TooLateToCancel));
        }
        self.audit(entry).await?;
        let percentage = self.view(&job).figures.percentage;
        // The worker ends first: the gate is not free while somebody still writes.
        self.halt(id).await;
        let reason = if reason.is_empty() { format!("by {actor}") } else { format!("{reason} ({actor})") };
        let effect = match self.apply(id, JobEvent::Cancel { percentage, reason }).await {
            Ok(effect) => effect,
            Err(ApplyError::Denied(denied)) => return Err(too_late(&job, &denied)),
            Err(ApplyError::NotOpen) => return Err(too_late(&job, &Denied::Ended("ended"))),
            Err(ApplyError::Store(error)) => {
                // Its worker has ended, and the job has not.
                self.tasks.spawn(Arc::clone(self).resume(id.clone()));
                return Err(error.into());
            }
        };
        if let Some(effect @ Effect::Disarm { .. }) = effect {
            self.drive(id.clone(), effect);
            self.finish(id).await;
        }
        let job = self.find(id).await?;
        match &job.state {
            JobState::Cancelled { .. } => Ok(self.view(&job)),
            JobState::Failed { failure } => Err(OtaError::Step(failure.clone())),
            state if state.is_ended() => Err(too_late(&job, &Denied::Ended(job.status()))),
            _ => {
                self.tasks.spawn(Arc::clone(self).resume(id.clone()));
                let message =
                    "The boot environment cannot be written: the new system still starts next.".to_owned();
                Err(OtaError::Step(Failure { code: FailureCode::InstallFailed, message }))
            }
        }
    }

    /// Ends the job's worker at its next safe point and waits for it.
    async fn halt(&self, id: &JobId) {
        let driver = self.drivers().get(id).map(|driver| driver.cancel.clone());
        if let Some(cancel) = driver {
            cancel.cancel();
        }
        self.finish(id).await;
    }

    async fn finish(&self, id: &JobId) {
        let ended = self.drivers().get(id).map(|driver| driver.ended.clone());
        if let Some(ended) = ended {
            ended.cancelled().await;
        }
    }

    pub(crate) async fn find(&self, id: &JobId) -> Result<Job, OtaError> {
        let open = self.desk.lock().await.iter().find(|job| job.id == *id).cloned();
        match open {
            Some(job) => Ok(job),
            None => self.parts.store.job(id).await?.ok_or_else(|| OtaError::UnknownJob(id.to_string())),
        }
    }
}

fn too_late(job: &Job, denied: &Denied) -> OtaError {
    OtaError::TooLateToCancel { job: job.id.clone(), reason: denied.to_string() }
}
